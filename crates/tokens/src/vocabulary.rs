//! The vocabulary: which codes have an identifier, their value bins, groups and frequencies.
//!
//! Identifiers: 0 is padding, 1 is unknown, then the kept codes in lexicographic order of system
//! and value. A code that is not kept stands for its nearest kept ancestor (`hierarchy`), else for
//! unknown. Not here: fitting (`builder`) and the walk along a timeline (`encode`).
//!
//! Variants: one code may have several entries, of which predicates see only the base code. Numbers
//! in the code's commonest unit are the code itself; numbers in another unit are the variant
//! `code//unit` (`code//UNK` where no unit was written); a coded result in words and without a
//! number is the variant `code=text`. A variant that is not kept falls to the code, without value.

use crate::bins::Bins;
use crate::builder::VocabularyOptions;
use crate::hierarchy::{self, Hierarchy};
use crate::{Error, Result};
use longitude_core::{Code, Digest, Event, Predicate};
use serde::{Deserialize, Serialize};

/// The identifier of padding, which no event has.
pub const PAD: u32 = 0;

/// The identifier of events whose code has no kept ancestor.
pub const UNKNOWN: u32 = 1;

/// How many identifiers come before the kept codes.
pub(crate) const SPECIAL: u32 = 2;

/// The longest text of a coded result, in characters; longer texts are notes.
pub(crate) const TEXT_CHARS_MAX: usize = 40;

/// One kept code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) code: Code,
    /// For a variant, the code that predicates see.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) base: Option<Code>,
    /// Training subjects with this code, those of rare descendants that fall to it added.
    pub(crate) subjects: u32,
    /// Scored training events.
    pub(crate) events: u64,
    /// Whether it never repeated within a training subject.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) once_only: bool,
    pub(crate) groups: [u32; 2],
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) bins: Option<Bins>,
}

/// What the fit saw and did: counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitReport {
    /// Training subjects observed.
    pub subjects: u64,
    /// Their events, static ones included.
    pub events: u64,
    /// Those that the likelihood scores.
    pub events_scored: u64,
    /// Scored events that stand for an ancestor of their code.
    pub events_at_ancestor: u64,
    /// Scored events that stand for unknown.
    pub events_unknown: u64,
    /// Distinct codes seen.
    pub codes_seen: u64,
    /// Codes kept, categories and variants included.
    pub codes_kept: u64,
    /// Kept codes that stand in for rare descendants although they were never seen themselves.
    pub categories_added: u64,
    /// Codes with value bins.
    pub codes_with_bins: u64,
    /// Codes that were measured in more than one unit.
    pub codes_with_several_units: u64,
    /// Kept variants by unit.
    pub unit_variants: u64,
    /// Kept variants by text.
    pub text_variants: u64,
    /// Codes with too many different texts to be coded results.
    pub codes_with_free_text: u64,
    /// Codes that never repeat within a subject.
    pub codes_once_only: u64,
    /// Subjects without a recorded birth.
    pub subjects_without_birth: u64,
    /// Subjects whose end of observation is unknown and who did not die: no survival term.
    pub subjects_without_end: u64,
}

/// The waits between scored events, on fixed edges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaitMarginal {
    /// The edges in days: 0, then log-spaced from one minute to 20 years; the last bin is open.
    pub edges_days: Vec<f64>,
    /// Events at the same time as the one before.
    pub zero: u64,
    /// Opportunities for such an event: scored events and censored waits.
    pub chances: u64,
    /// Events by bin of their wait.
    pub events: Vec<u64>,
    /// Days spent waiting in each bin, censored waits included.
    pub exposure_days: Vec<f64>,
}

/// How often things happen in training, whatever came before: where a model starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Marginals {
    /// The logarithm of each identifier's share of scored events, half an event added to each so
    /// that none is impossible. Padding has minus 30.
    pub code_log_share: Vec<f32>,
    /// The shares of each identifier's value bins; empty where it has none.
    pub value_share: Vec<Vec<f32>>,
    /// The waits.
    pub wait: WaitMarginal,
}

/// The fitted vocabulary. Its JSON is the same for the same training data and options, whatever
/// the order of subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vocabulary {
    pub(crate) version: u32,
    pub(crate) options: VocabularyOptions,
    pub(crate) report: FitReport,
    pub(crate) unknown_events: u64,
    pub(crate) wait: WaitMarginal,
    pub(crate) groups: Vec<String>,
    pub(crate) entries: Vec<Entry>,
    #[serde(skip_serializing_if = "Hierarchy::is_empty", default)]
    pub(crate) hierarchy: Hierarchy,
}

/// The version of the JSON's meaning; a reader refuses others.
pub(crate) const VERSION: u32 = 1;

impl Vocabulary {
    /// Reads a vocabulary and checks its rules.
    ///
    /// # Errors
    /// When it is not a vocabulary's JSON or breaks a rule that lookups rest on.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let vocabulary: Self = serde_json::from_slice(json).map_err(Error::Read)?;
        vocabulary.check()?;
        Ok(vocabulary)
    }

    /// The vocabulary as JSON, the same bytes for the same vocabulary.
    ///
    /// # Errors
    /// When a number in it is not finite.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::Write)
    }

    /// The digest of the JSON, by which models and tokens name their vocabulary.
    ///
    /// # Errors
    /// When the vocabulary cannot be written as JSON.
    pub fn digest(&self) -> Result<Digest> {
        Digest::of_json(self).map_err(Error::Write)
    }

    /// How many identifiers there are, padding and unknown included.
    #[expect(
        clippy::len_without_is_empty,
        reason = "padding and unknown are always there"
    )]
    pub fn len(&self) -> usize {
        self.entries.len() + SPECIAL as usize
    }

    /// The identifier of a code: its own, else that of its nearest kept ancestor, else unknown.
    pub fn id(&self, code: &Code) -> u32 {
        if let Some(id) = self.exact(code) {
            return id;
        }
        let mut next = self.hierarchy.parent(code);
        while let Some(ancestor) = next {
            if let Some(id) = self.exact(&ancestor) {
                return id;
            }
            next = self.hierarchy.parent(&ancestor);
        }
        UNKNOWN
    }

    /// The identifier of exactly this code, if it is kept.
    pub fn exact(&self, code: &Code) -> Option<u32> {
        let found = self.entries.binary_search_by(|entry| entry.code.cmp(code));
        found.ok().and_then(|index| id_at(index).ok())
    }

    /// The code one step above a code, by its spelling, its classification or the data set; kept or
    /// not.
    pub fn parent(&self, code: &Code) -> Option<Code> {
        self.hierarchy.parent(code)
    }

    /// The code of an identifier; none for padding and unknown. A variant has its own code here:
    /// [`Vocabulary::base`] is what predicates see.
    pub fn code(&self, id: u32) -> Option<&Code> {
        self.entry(id).map(|entry| &entry.code)
    }

    /// The code of an identifier without unit or text variant.
    pub fn base(&self, id: u32) -> Option<&Code> {
        self.entry(id)
            .map(|entry| entry.base.as_ref().unwrap_or(&entry.code))
    }

    /// How many group identifiers there are, 0 for none included.
    pub fn groups_len(&self) -> usize {
        self.groups.len() + 1
    }

    /// The groups of an identifier, 0 for none: first the code system, second the category (the
    /// highest ancestor, where at least two identifiers share it).
    pub fn groups(&self, id: u32) -> [u32; 2] {
        self.entry(id).map_or([0; 2], |entry| entry.groups)
    }

    /// The groups of every identifier in order, as the model takes them.
    pub fn group_table(&self) -> Vec<[u32; 2]> {
        (0..).take(self.len()).map(|id| self.groups(id)).collect()
    }

    /// The name of a group.
    pub fn group_name(&self, group: u32) -> Option<&str> {
        let index = usize::try_from(group).ok()?.checked_sub(1)?;
        self.groups.get(index).map(String::as_str)
    }

    /// The largest number of value bins that any code may have.
    pub fn value_bins_max(&self) -> u16 {
        self.options.value_bins
    }

    /// The value bins of an identifier, if it has any.
    pub fn bins_of(&self, id: u32) -> Option<&Bins> {
        self.entry(id).and_then(|entry| entry.bins.as_ref())
    }

    /// The identifiers whose code counts for a predicate, variants under their base code. An
    /// identifier that stands in for rare descendants counts only where its own code does.
    pub fn ids_matching(&self, predicate: &Predicate) -> Vec<u32> {
        let counts = |code: &Code| hierarchy::counts(predicate, code);
        self.ids()
            .filter(|id| self.base(*id).is_some_and(counts))
            .collect()
    }

    /// Training subjects with this identifier. For one that stands in for rare descendants, the
    /// sum over them, an upper bound. 0 for padding and unknown.
    pub fn subjects_with(&self, id: u32) -> u32 {
        self.entry(id).map_or(0, |entry| entry.subjects)
    }

    /// Whether a code never repeated within a training subject, of enough subjects to tell.
    pub fn once_only(&self, id: u32) -> bool {
        self.entry(id).is_some_and(|entry| entry.once_only)
    }

    /// The identifiers that never repeated within a training subject.
    pub fn once_only_ids(&self) -> Vec<u32> {
        self.ids().filter(|id| self.once_only(*id)).collect()
    }

    /// The identifier of death, which is always kept.
    pub fn death_id(&self) -> u32 {
        self.exact(&Code::death()).unwrap_or(UNKNOWN)
    }

    /// What the fit saw and did.
    pub fn report(&self) -> &FitReport {
        &self.report
    }

    /// The options of the fit.
    pub fn options(&self) -> &VocabularyOptions {
        &self.options
    }

    /// The frequencies of codes, value bins and waits in training.
    pub fn marginals(&self) -> Marginals {
        let counts = self.entries.iter().map(|entry| entry.events);
        let counts: Vec<f64> = std::iter::once(self.unknown_events)
            .chain(counts)
            .map(|count| count as f64 + 0.5)
            .collect();
        let total: f64 = counts.iter().sum();
        let logs = counts.iter().map(|count| single((count / total).ln()));
        let share = |id| {
            let bins = self.bins_of(id).map(|bins| bins.bins.as_slice());
            let bins = bins.unwrap_or_default().iter();
            bins.map(|bin| single(bin.share)).collect()
        };
        Marginals {
            code_log_share: std::iter::once(-30.0).chain(logs).collect(),
            value_share: (0..).take(self.len()).map(share).collect(),
            wait: self.wait.clone(),
        }
    }

    /// The identifier and, where the event has a number that the identifier's bins are for, the
    /// bins and the number.
    pub(crate) fn look_up<'v>(&'v self, event: &Event) -> (u32, Option<(&'v Bins, f64)>) {
        let base = self.id(&event.code);
        let number = event.numeric_value.filter(|value| value.is_finite());
        if let Some(number) = number {
            let unit = event.unit.as_deref();
            // Bins of an ancestor are for the ancestor's own numbers.
            let own = self.code(base) == Some(&event.code);
            let bins = self.bins_of(base).filter(|_| own);
            if let Some(bins) = bins.filter(|bins| bins.unit.as_deref() == unit) {
                return (base, Some((bins, number)));
            }
            if let Some(id) = self.exact(&unit_variant(&event.code, unit)) {
                return (id, self.bins_of(id).map(|bins| (bins, number)));
            }
        } else if let Some(text) = result_text(event)
            && let Some(id) = self.exact(&text_variant(&event.code, &text))
        {
            return (id, None);
        }
        (base, None)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        let index = id.checked_sub(SPECIAL)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The identifiers of kept codes.
    fn ids(&self) -> impl Iterator<Item = u32> {
        (SPECIAL..).take(self.entries.len())
    }

    fn check(&self) -> Result<()> {
        let rule = |holds: bool, what| {
            if holds {
                Ok(())
            } else {
                Err(Error::Damaged { what })
            }
        };
        rule(
            self.version == VERSION,
            "its version is not the one read here",
        )?;
        let entries = &self.entries;
        rule(
            entries.windows(2).all(|pair| pair[0].code < pair[1].code),
            "its codes are not in order",
        )?;
        rule(
            self.hierarchy.is_sound(),
            "its hierarchy is out of order or runs in a circle",
        )?;
        let group_known = |group: &u32| (*group as usize) < self.groups_len();
        rule(
            entries.iter().all(|e| e.groups.iter().all(group_known)),
            "a code's group does not exist",
        )?;
        let bins_sound = |bins: &Bins| {
            !bins.is_empty()
                && bins.len() <= self.options.value_bins
                && bins.step > 0.0
                && bins.scale > 0.0
                && bins.median.is_finite()
                && bins.bins.iter().all(|bin| bin.low <= bin.high)
                && bins.bins.windows(2).all(|pair| pair[0].high <= pair[1].low)
        };
        rule(
            entries
                .iter()
                .filter_map(|e| e.bins.as_ref())
                .all(bins_sound),
            "a code's value bins are not in order",
        )?;
        rule(
            self.exact(&Code::death()).is_some() && self.exact(&Code::birth()).is_some(),
            "birth or death is missing",
        )
    }
}

/// The identifier of the kept code at an index.
pub(crate) fn id_at(index: usize) -> Result<u32> {
    u32::try_from(index)
        .ok()
        .and_then(|index| index.checked_add(SPECIAL))
        .ok_or(Error::Damaged {
            what: "it has more codes than 32 bits can number",
        })
}

/// The variant of a code for numbers in a unit that is not its commonest.
pub(crate) fn unit_variant(code: &Code, unit: Option<&str>) -> Code {
    let unit = unit.unwrap_or("UNK");
    Code::new(code.system.clone(), format!("{}//{unit}", code.value))
}

/// The variant of a code for a coded result.
pub(crate) fn text_variant(code: &Code, text: &str) -> Code {
    Code::new(code.system.clone(), format!("{}={text}", code.value))
}

/// The text of a coded result: lower case, single spaces, at most 40 characters. Notes have none.
pub(crate) fn result_text(event: &Event) -> Option<String> {
    let text = event.text_value.as_deref()?;
    if &*event.code.system == "NOTE" || text.chars().count() > TEXT_CHARS_MAX {
        return None;
    }
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the model computes in single precision"
)]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}
