//! Results in words, as one table: what laboratories write, and the coded result it stands for.

use std::fmt;

/// A result that is one of a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coded {
    /// Absent, not detected, not reactive.
    Negative,
    /// Between negative and one plus.
    Trace,
    /// Present, detected, reactive, with no grade.
    Positive,
    /// One plus: small, few, rare.
    One,
    /// Two plus: moderate.
    Two,
    /// Three plus: large, many.
    Three,
    /// Four plus: very large.
    Four,
    /// Neither positive nor negative.
    Indeterminate,
    /// Within what is expected.
    Normal,
    /// Outside of what is expected.
    Abnormal,
    /// The result stands in a comment.
    Comment,
    /// Not measured: pending, cancelled, or an unsuited specimen. It is no result.
    NotMeasured,
}

impl Coded {
    /// The name in a code, for example `LOINC//5770-3//NEGATIVE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "NEGATIVE",
            Self::Trace => "TRACE",
            Self::Positive => "POSITIVE",
            Self::One => "1+",
            Self::Two => "2+",
            Self::Three => "3+",
            Self::Four => "4+",
            Self::Indeterminate => "INDETERMINATE",
            Self::Normal => "NORMAL",
            Self::Abnormal => "ABNORMAL",
            Self::Comment => "COMMENT",
            Self::NotMeasured => "NOT_MEASURED",
        }
    }

    /// Its place on the scale from negative to four plus, for results that have a grade. Positive
    /// without a grade has none.
    pub fn grade(self) -> Option<f64> {
        match self {
            Self::Negative => Some(0.0),
            Self::Trace => Some(0.5),
            Self::One => Some(1.0),
            Self::Two => Some(2.0),
            Self::Three => Some(3.0),
            Self::Four => Some(4.0),
            Self::Positive
            | Self::Indeterminate
            | Self::Normal
            | Self::Abnormal
            | Self::Comment
            | Self::NotMeasured => None,
        }
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Spelling in lower case, sorted, and what it stands for. Compared without regard to case, to
/// surrounding white space and to a full stop at the end. Source: the texts of MIMIC-IV's
/// laboratory table, LOINC's normative answer lists LL360-9 (positive, negative), LL361-7 and
/// LL744-4 (grades by pluses), and HL7 table 0078.
pub const CODED: &[(&str, Coded)] = &[
    ("+", Coded::Positive),
    ("++", Coded::Two),
    ("+++", Coded::Three),
    ("++++", Coded::Four),
    ("+-", Coded::Trace),
    ("+/-", Coded::Trace),
    ("+1", Coded::One),
    ("+2", Coded::Two),
    ("+3", Coded::Three),
    ("+4", Coded::Four),
    ("1+", Coded::One),
    ("2+", Coded::Two),
    ("3+", Coded::Three),
    ("4+", Coded::Four),
    ("___", Coded::Comment),
    ("abnormal", Coded::Abnormal),
    ("absent", Coded::Negative),
    ("borderline", Coded::Indeterminate),
    ("canc", Coded::NotMeasured),
    ("canceled", Coded::NotMeasured),
    ("cancelled", Coded::NotMeasured),
    ("clotted", Coded::NotMeasured),
    ("comment", Coded::Comment),
    ("detected", Coded::Positive),
    ("equivocal", Coded::Indeterminate),
    ("error", Coded::NotMeasured),
    ("few", Coded::One),
    ("hemolyzed", Coded::NotMeasured),
    ("inconclusive", Coded::Indeterminate),
    ("indeterminate", Coded::Indeterminate),
    ("large", Coded::Three),
    ("lg", Coded::Three),
    ("many", Coded::Three),
    ("marked", Coded::Three),
    ("mod", Coded::Two),
    ("moderate", Coded::Two),
    ("neg", Coded::Negative),
    ("negative", Coded::Negative),
    ("nil", Coded::Negative),
    ("no growth", Coded::Negative),
    ("non reactive", Coded::Negative),
    ("non-reactive", Coded::Negative),
    ("none", Coded::Negative),
    ("none detected", Coded::Negative),
    ("none seen", Coded::Negative),
    ("nonreactive", Coded::Negative),
    ("normal", Coded::Normal),
    ("not detected", Coded::Negative),
    ("not done", Coded::NotMeasured),
    ("not performed", Coded::NotMeasured),
    ("not reported", Coded::NotMeasured),
    ("not seen", Coded::Negative),
    ("occ", Coded::One),
    ("occasional", Coded::One),
    ("pending", Coded::NotMeasured),
    ("pos", Coded::Positive),
    ("positive", Coded::Positive),
    ("present", Coded::Positive),
    ("qns", Coded::NotMeasured),
    ("quantity not sufficient", Coded::NotMeasured),
    ("rare", Coded::One),
    ("reactive", Coded::Positive),
    ("see comment", Coded::Comment),
    ("see comments", Coded::Comment),
    ("see note", Coded::Comment),
    ("see report", Coded::Comment),
    ("slight", Coded::One),
    ("sm", Coded::One),
    ("small", Coded::One),
    ("specimen hemolyzed", Coded::NotMeasured),
    ("test not performed", Coded::NotMeasured),
    ("tnp", Coded::NotMeasured),
    ("tr", Coded::Trace),
    ("trace", Coded::Trace),
    ("undetectable", Coded::Negative),
    ("undetected", Coded::Negative),
    ("very many", Coded::Four),
    ("weakly positive", Coded::One),
    ("within normal limits", Coded::Normal),
    ("wnl", Coded::Normal),
];

/// The coded result of a text that is one of the table's, and nothing else.
pub(super) fn coded(text: &str) -> Option<Coded> {
    let text = text.trim().trim_end_matches('.').trim_end();
    if text.len() > 24 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let at = CODED.binary_search_by(|(spelling, _)| (*spelling).cmp(&lower));
    at.ok().map(|at| CODED[at].1)
}
