//! The report of a de-identification: what was done, what is left, and how great the risk is, as
//! JSON, text and a page.
//!
//! It holds counts and digests, never a patient's value, and counts of people below the limit `k`
//! only where they are themselves what is reported (how many are at risk).

use crate::policy::{Changes, Mode};
use crate::policy_file::Policy;
use crate::risk::RiskReport;
use longitude_core::Digest;
use serde::{Deserialize, Serialize};

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form: 1.
    pub v: u32,
    /// The rule that was followed.
    pub mode: Mode,
    /// The digest of the whole policy.
    pub policy: Digest,
    /// The fingerprint of the key.
    pub key: Digest,
    /// The digest of the identified data set.
    pub input: Digest,
    /// The digest of the de-identified data set.
    pub output: Digest,
    /// What was taken away or made coarser.
    pub changes: Changes,
    /// The risk by what an outsider may know.
    pub risk: RiskReport,
    /// What was measured on the scrubber of notes, as its evaluation wrote it; none where nobody
    /// measured it for these notes.
    pub text: Option<serde_json::Value>,
    /// What is left and what it can tell, in sentences.
    pub remains: Vec<String>,
}

/// The digests that a report names.
#[derive(Clone, Copy, Debug)]
pub struct Digests {
    /// The key's fingerprint.
    pub key: Digest,
    /// Of the identified data set.
    pub input: Digest,
    /// Of the de-identified data set.
    pub output: Digest,
}

impl Report {
    /// Puts a report together.
    ///
    /// # Errors
    /// When the policy cannot be written as JSON.
    pub fn new(
        policy: &Policy,
        digests: Digests,
        changes: Changes,
        risk: RiskReport,
        text: Option<serde_json::Value>,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            v: 1,
            mode: policy.options.mode,
            policy: Digest::of_json(policy)?,
            key: digests.key,
            input: digests.input,
            output: digests.output,
            remains: remains(policy, &risk, text.is_some()),
            changes,
            risk,
            text,
        })
    }

    /// Whether a subject is in a class of fewer than `k`, or bears a rare code.
    pub fn has_small_groups(&self) -> bool {
        self.risk.subjects_under_k > 0 || self.risk.rare_codes > 0
    }

    /// The report's lines, for a terminal.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (title, lines) in self.sections() {
            out.push_str(&format!("{title}\n"));
            for (name, value) in lines {
                out.push_str(&format!("  {name:<52} {value}\n"));
            }
        }
        out.push_str("What remains\n");
        for sentence in &self.remains {
            out.push_str(&format!("  - {sentence}\n"));
        }
        out
    }

    /// The report as a page that needs no other file.
    pub fn to_html(&self) -> String {
        let mut out = String::from(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>Residual risk</title><style>body{font:16px/1.5 system-ui,sans-serif;\
             max-width:52rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;\
             width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ccc}\
             td{font-variant-numeric:tabular-nums}</style></head><body><h1>Residual risk of a \
             de-identified data set</h1>",
        );
        for (title, lines) in self.sections() {
            out.push_str(&format!("<h2>{}</h2><table>", escape(&title)));
            for (name, value) in lines {
                let (name, value) = (escape(&name), escape(&value));
                out.push_str(&format!(
                    "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
                ));
            }
            out.push_str("</table>");
        }
        out.push_str("<h2>What remains</h2><ul>");
        for sentence in &self.remains {
            out.push_str(&format!("<li>{}</li>", escape(sentence)));
        }
        out.push_str("</ul>");
        if let Some(text) = &self.text {
            let json = serde_json::to_string_pretty(text).unwrap_or_default();
            out.push_str(&format!(
                "<h2>Notes: the scrubber as measured</h2><pre>{}</pre>",
                escape(&json)
            ));
        }
        out.push_str("</body></html>\n");
        out
    }

    fn sections(&self) -> Vec<(String, Vec<(String, String)>)> {
        vec![
            ("De-identification".to_owned(), self.facts()),
            ("Taken away or made coarser".to_owned(), self.taken()),
            (
                format!(
                    "Subjects alike in {}",
                    self.risk.quasi_identifiers.join(", ")
                ),
                self.alike(),
            ),
            ("Classes by size".to_owned(), self.bands()),
            (
                "Without one quasi-identifier: share under k".to_owned(),
                self.without(),
            ),
            ("Rare codes".to_owned(), self.rare()),
        ]
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mode = match self.mode {
            Mode::SafeHarbor => "Safe Harbor, 45 CFR 164.514(b)(2)",
            Mode::ExpertDetermination => "expert determination, 45 CFR 164.514(b)(1)",
        };
        vec![
            line("rule", mode),
            line("policy", self.policy),
            line("key", self.key),
            line("identified data set", self.input),
            line("de-identified data set", self.output),
            line("subjects", self.risk.subjects),
            line("events", self.risk.events),
            line("events with a text", self.risk.texts),
        ]
    }

    fn taken(&self) -> Vec<(String, String)> {
        let counts = self.changes.counts.iter();
        let mut lines: Vec<_> = counts
            .map(|(identifier, count)| {
                let name = identifier.tag().trim_matches(['[', ']']).to_lowercase();
                line(&name, count)
            })
            .collect();
        let changes = &self.changes;
        lines.push(line("events left out by a rule", changes.events_dropped));
        lines.push(line(
            "codes made coarser by a rule",
            changes.codes_generalised,
        ));
        lines.push(line("rare codes made coarser", changes.rare_generalised));
        lines.push(line(
            "events left out for a rare code",
            changes.rare_suppressed,
        ));
        lines
    }

    fn alike(&self) -> Vec<(String, String)> {
        let risk = &self.risk;
        let mut lines = vec![
            line("k, the smallest group that is not small", risk.k),
            line("classes", risk.classes),
            line("smallest class", some(risk.smallest_class)),
            line(
                "greatest prosecutor risk (1 / smallest class)",
                share(risk.risk_max),
            ),
            line(
                "mean prosecutor risk (classes / subjects)",
                share(risk.risk_mean),
            ),
            line("subjects in a class under k", risk.subjects_under_k),
            line("their share", share(risk.share_under_k)),
            line("subjects alone in their class", risk.subjects_unique),
        ];
        for (name, cells) in &risk.small_cells {
            lines.push(line(&format!("values of {name} under k"), cells));
        }
        if let Some(least) = risk.l_diversity_min {
            lines.push(line("least number of sensitive codes in a class", least));
        }
        lines
    }

    fn bands(&self) -> Vec<(String, String)> {
        let band = |band: &crate::risk::ClassBand| {
            let size = match band.size_max {
                Some(max) if max == band.size_min => max.to_string(),
                Some(max) => format!("{} to {max}", band.size_min),
                None => format!("{} and more", band.size_min),
            };
            let counts = format!("{} classes, {} subjects", band.classes, band.subjects);
            line(&size, counts)
        };
        self.risk.histogram.iter().map(band).collect()
    }

    fn without(&self) -> Vec<(String, String)> {
        let without = self.risk.share_under_k_without.iter();
        without
            .map(|(name, part)| line(name, share(*part)))
            .collect()
    }

    fn rare(&self) -> Vec<(String, String)> {
        let risk = &self.risk;
        vec![
            line("codes of fewer than k subjects", risk.rare_codes),
            line("subjects with one", risk.subjects_with_rare_code),
            line(
                "subjects whose rare codes nobody else has",
                risk.subjects_unique_by_rare_codes,
            ),
            line(
                "subjects unique by rare codes and class together",
                risk.subjects_unique_by_all,
            ),
        ]
    }
}

fn line(name: &str, value: impl std::fmt::Display) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn some(value: Option<u64>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

fn share(value: Option<f64>) -> String {
    value.map_or("undefined: no subject".to_owned(), |value| {
        format!("{value:.4}")
    })
}

/// What the data set still holds, and what that can tell.
fn remains(policy: &Policy, risk: &RiskReport, measured: bool) -> Vec<String> {
    let mut left = Vec::new();
    left.push(match policy.options.mode {
        Mode::SafeHarbor => {
            "Times are years; the order of events within a year is kept.".to_owned()
        }
        Mode::ExpertDetermination => format!(
            "Times are moved by a day count of each subject's own, up to {} days either way: \
             intervals, times of day and, but for the shift, the season are kept. Who knows one \
             true date of a subject knows all.",
            policy.options.shift_days_max
        ),
    });
    if risk.texts > 0 && policy.options.notes.is_scrubbed() {
        let how = if measured {
            "the recall that was measured stands in this report"
        } else {
            "what it misses was not measured on these notes"
        };
        left.push(format!(
            "Notes are scrubbed, and no scrubber finds everything: {how}."
        ));
    }
    left.push(
        "Codes, values and their course in time are kept: a whole record is unique to nearly \
         everybody, and whoever has the same record elsewhere can match it. This report counts \
         quasi-identifiers and rare codes only."
            .to_owned(),
    );
    left.push(
        "Who has the key can make the pseudonyms again; every such use is to be logged with its \
         reason."
            .to_owned(),
    );
    if risk.subjects_under_k > 0 {
        left.push(format!(
            "{} of {} subjects are in a class of fewer than {}: make the quasi-identifier coarser \
             whose absence lowers that share most.",
            risk.subjects_under_k, risk.subjects, risk.k
        ));
    }
    left
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
