//! Fitting a vocabulary on training timelines in one pass.
//!
//! Memory is bounded by the number of distinct codes, not of events: counts per code, at most
//! `values_max` sampled values per code and unit, and at most `texts_max` distinct short texts per
//! code. The result does not depend on the order of subjects. Each subject must be observed once.
//!
//! What is kept: a code seen in at least `subjects_min` subjects. A rarer one hands its subjects to
//! its parent ([`crate::parent`], [`Hierarchy`]), whose own and handed-up subjects are added; the
//! first ancestor whose sum passes the threshold is kept, even if it was never seen itself. What
//! reaches the top without passing is unknown.

use crate::bins::Bins;
use crate::encode::Next;
use crate::hierarchy::{self, Hierarchy};
use crate::span::Span;
use crate::vocabulary::{
    Entry, FitReport, VERSION, Vocabulary, result_text, text_variant, unit_variant,
};
use crate::waits::{WaitCounts, Waits};
use crate::{Error, Result};
use longitude_core::{Code, Sketch, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A text becomes part of the vocabulary, and so of the model's folder, only when at least this
/// many subjects share it, however low `subjects_min` is: one person's words never do.
const TEXT_SUBJECTS_MIN: u32 = 5;

/// The options of a fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyOptions {
    /// The fewest training subjects for a code to be kept; at least 1.
    pub subjects_min: u32,
    /// The most value bins of a code; 1 to 255.
    pub value_bins: u16,
    /// The bins of the wait histogram, from one minute to 20 years; at least 2.
    pub wait_bins: u16,
    /// The fewest subjects for a code that never repeats to count as one that cannot.
    pub once_only_subjects_min: u32,
    /// The values sampled per code and unit for the bins.
    pub values_max: u32,
    /// The most distinct short texts of a code; one with more holds free text, and none is kept.
    pub texts_max: u32,
}

impl VocabularyOptions {
    /// The options that the threshold leaves open, at the values that the project measures with:
    /// 16 value bins, 25 wait bins (the model's), once-only from 50 subjects, 4,096 values, 256
    /// texts.
    pub fn with_subjects_min(subjects_min: u32) -> Self {
        Self {
            subjects_min,
            value_bins: 16,
            wait_bins: 25,
            once_only_subjects_min: 50,
            values_max: 4096,
            texts_max: 256,
        }
    }

    fn check(&self) -> Result<()> {
        let rules = [
            (self.subjects_min >= 1, "subjects_min", "at least 1"),
            (
                (1..=255).contains(&self.value_bins),
                "value_bins",
                "from 1 to 255",
            ),
            (
                (2..=1024).contains(&self.wait_bins),
                "wait_bins",
                "from 2 to 1024",
            ),
            (self.values_max >= 64, "values_max", "at least 64"),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, option, must)) => Err(Error::Option { option, must }),
            None => Ok(()),
        }
    }
}

/// Counts of one code, or of one unit or text of it.
#[derive(Clone, Default)]
struct Count {
    subjects: u32,
    events: u64,
    repeats: bool,
    last_subject: u64,
}

impl Count {
    fn add(&mut self, subject_number: u64, scored: bool) {
        if self.last_subject == subject_number {
            self.repeats = true;
        } else {
            self.last_subject = subject_number;
            self.subjects = self.subjects.saturating_add(1);
        }
        self.events += u64::from(scored);
    }
}

/// What is known of one unit of a code.
#[derive(Clone)]
struct UnitSeen {
    count: Count,
    values: u64,
    sketch: Sketch,
}

/// What is known of one code.
#[derive(Clone, Default)]
struct Seen {
    count: Count,
    units: BTreeMap<Option<Arc<str>>, UnitSeen>,
    texts: BTreeMap<String, Count>,
    free_text: bool,
}

/// A code on its way to being kept: its counts with those handed up to it.
#[derive(Clone, Default)]
struct Node {
    subjects: u32,
    events: u64,
    /// Scored events of rarer descendants among them.
    handed_events: u64,
    /// Whether rarer descendants were added.
    handed: bool,
}

/// Collects counts from training timelines.
#[derive(Clone)]
pub struct VocabularyBuilder {
    options: VocabularyOptions,
    report: FitReport,
    wait: WaitCounts,
    codes: BTreeMap<Code, Seen>,
    hierarchy: Hierarchy,
}

/// Redacted: how many codes were seen.
impl fmt::Debug for VocabularyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VocabularyBuilder({} codes)", self.codes.len())
    }
}

impl VocabularyBuilder {
    /// A builder that has seen nothing.
    pub fn new(options: VocabularyOptions) -> Self {
        Self {
            wait: WaitCounts::new(options.wait_bins),
            options,
            report: FitReport::default(),
            codes: BTreeMap::new(),
            hierarchy: Hierarchy::default(),
        }
    }

    /// The same with the parents that the data set names for its codes.
    #[must_use]
    pub fn with_hierarchy(mut self, hierarchy: Hierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// Takes one training subject in.
    pub fn observe(&mut self, timeline: &Timeline) {
        self.report.subjects += 1;
        let number = self.report.subjects;
        let span = Span::of(timeline);
        self.report.subjects_without_birth += u64::from(span.birth.is_none());
        let no_end = timeline.observation().end.is_none() && span.death.is_none();
        self.report.subjects_without_end += u64::from(no_end);
        let mut waits = Waits::new(&span);
        for (place, event) in (0u64..).zip(timeline.events()) {
            let at = span.place(event);
            let step = waits.step(at, event.code.is_death());
            let scored = matches!(step, Next::Event { .. });
            self.wait.add(step);
            self.report.events += 1;
            self.report.events_scored += u64::from(scored);
            let seen = match self.codes.get_mut(&event.code) {
                Some(seen) => seen,
                None => self.codes.entry(event.code.clone()).or_default(),
            };
            seen.count.add(number, scored);
            if let Some(value) = event.numeric_value.filter(|value| value.is_finite()) {
                let values_max = self.options.values_max as usize;
                let unit = match seen.units.get_mut(&event.unit) {
                    Some(unit) => unit,
                    None => seen.units.entry(event.unit.clone()).or_insert(UnitSeen {
                        count: Count::default(),
                        values: 0,
                        sketch: Sketch::new(values_max),
                    }),
                };
                unit.count.add(number, scored);
                unit.values += 1;
                unit.sketch.push(timeline.subject().0, place, value);
            } else if !seen.free_text
                && let Some(text) = result_text(event)
            {
                seen.texts.entry(text).or_default().add(number, scored);
                if seen.texts.len() > self.options.texts_max as usize {
                    seen.free_text = true;
                    seen.texts = BTreeMap::new();
                }
            }
        }
        self.wait.add(waits.end());
    }

    /// Fits the vocabulary.
    ///
    /// # Errors
    /// When nothing was observed or an option makes no sense.
    pub fn finish(mut self) -> Result<Vocabulary> {
        self.options.check()?;
        if self.report.subjects == 0 {
            return Err(Error::NothingObserved);
        }
        self.report.codes_seen = self.codes.len() as u64;
        // Birth and death are kept however rare they are.
        self.codes.entry(Code::birth()).or_default();
        self.codes.entry(Code::death()).or_default();
        let (mut entries, nodes) = self.variants();
        let unknown_events = self.keep(nodes, &mut entries);
        let mut entries: Vec<Entry> = entries.into_values().collect();
        let groups = assign_groups(&mut entries);
        let count = |holds: fn(&Entry) -> bool| entries.iter().filter(|e| holds(e)).count() as u64;
        self.report.codes_kept = entries.len() as u64;
        self.report.codes_with_bins = count(|entry| entry.bins.is_some());
        self.report.codes_once_only = count(|entry| entry.once_only);
        self.report.events_unknown = unknown_events;
        if u32::try_from(entries.len()).is_err() || entries.len() > u32::MAX as usize - 2 {
            return Err(Error::Damaged {
                what: "it has more codes than 32 bits can number",
            });
        }
        Ok(Vocabulary {
            version: VERSION,
            options: self.options,
            report: self.report,
            unknown_events,
            wait: self.wait.finish(),
            groups,
            entries,
            hierarchy: self.hierarchy,
        })
    }

    /// Splits the variants by unit and text off their codes: the kept variants, and for every code
    /// what is left of it.
    fn variants(&mut self) -> (BTreeMap<Code, Entry>, BTreeMap<Code, Node>) {
        let (mut entries, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        let once_min = self.options.once_only_subjects_min;
        for (code, seen) in &self.codes {
            let mut left = Node {
                subjects: seen.count.subjects,
                events: seen.count.events,
                ..Node::default()
            };
            let mut keep = |variant: Code, count: &Count, bins: Option<Bins>| {
                left.events -= count.events;
                let entry = Entry {
                    code: variant.clone(),
                    base: Some(code.clone()),
                    subjects: count.subjects,
                    events: count.events,
                    once_only: !count.repeats && count.subjects >= once_min,
                    groups: [0; 2],
                    bins,
                };
                // A source may use a variant's spelling for a code of its own: the code wins.
                if self.codes.contains_key(&variant) {
                    left.events += count.events;
                    return 0;
                }
                entries.insert(variant, entry);
                1
            };
            let commonest = commonest_unit(seen).map(|(unit, _)| unit);
            for (unit, counted) in &seen.units {
                let rare = counted.count.subjects < self.options.subjects_min;
                if Some(unit) == commonest || rare {
                    continue;
                }
                let bins = fit(counted, unit.as_deref(), &self.options);
                let variant = unit_variant(code, unit.as_deref());
                self.report.unit_variants += keep(variant, &counted.count, bins);
            }
            let text_min = self.options.subjects_min.max(TEXT_SUBJECTS_MIN);
            for (text, count) in &seen.texts {
                if count.subjects >= text_min {
                    self.report.text_variants += keep(text_variant(code, text), count, None);
                }
            }
            self.report.codes_with_several_units += u64::from(seen.units.len() > 1);
            self.report.codes_with_free_text += u64::from(seen.free_text);
            nodes.insert(code.clone(), left);
        }
        (entries, nodes)
    }

    /// Keeps codes that pass the threshold, from the deepest up, handing the rest to their parents.
    /// Returns the events that no kept code stands for.
    fn keep(&mut self, nodes: BTreeMap<Code, Node>, entries: &mut BTreeMap<Code, Entry>) -> u64 {
        let mut levels: BTreeMap<usize, BTreeMap<Code, Node>> = BTreeMap::new();
        for (code, node) in nodes {
            let depth = self.hierarchy.depth(&code);
            levels.entry(depth).or_default().insert(code, node);
        }
        let mut unknown = 0;
        while let Some((_, level)) = levels.pop_last() {
            for (code, node) in level {
                let always = code.is_birth() || code.is_death();
                if always || node.subjects >= self.options.subjects_min {
                    let entry = self.entry(code.clone(), &node);
                    entries.insert(code, entry);
                    continue;
                }
                let Some(parent) = self.hierarchy.parent(&code) else {
                    unknown += node.events;
                    continue;
                };
                let depth = self.hierarchy.depth(&parent);
                let up = levels.entry(depth).or_default().entry(parent).or_default();
                up.subjects = up.subjects.saturating_add(node.subjects);
                up.events += node.events;
                up.handed_events += node.events;
                up.handed = true;
            }
        }
        unknown
    }

    fn entry(&mut self, code: Code, node: &Node) -> Entry {
        let seen = self.codes.get(&code);
        self.report.categories_added += u64::from(seen.is_none());
        self.report.events_at_ancestor += node.handed_events;
        let bins = seen.and_then(|seen| {
            let (unit, counted) = commonest_unit(seen)?;
            fit(counted, unit.as_deref(), &self.options)
        });
        let repeats = node.handed || seen.is_none_or(|seen| seen.count.repeats);
        let once_only = !repeats && node.subjects >= self.options.once_only_subjects_min;
        Entry {
            once_only: once_only || code.is_birth() || code.is_death(),
            code,
            base: None,
            subjects: node.subjects,
            events: node.events,
            groups: [0; 2],
            bins,
        }
    }
}

/// The unit with the most values, itself perhaps none; of equals the first in order.
fn commonest_unit(seen: &Seen) -> Option<(&Option<Arc<str>>, &UnitSeen)> {
    let most = seen.units.values().map(|unit| unit.values).max()?;
    seen.units.iter().find(|(_, unit)| unit.values == most)
}

fn fit(seen: &UnitSeen, unit: Option<&str>, options: &VocabularyOptions) -> Option<Bins> {
    if seen.count.subjects < options.subjects_min {
        return None;
    }
    let unit = unit.map(str::to_owned);
    Bins::fit(&seen.sketch.sorted(), unit, options.value_bins)
}

/// Groups in lexicographic order of their names: `system S` for a code system, `category S V` for
/// the codes under one highest ancestor, where at least two entries share it.
fn assign_groups(entries: &mut [Entry]) -> Vec<String> {
    let names: Vec<[String; 2]> = entries
        .iter()
        .map(|entry| {
            let code = entry.base.as_ref().unwrap_or(&entry.code);
            let family = match (&*code.system, code.value.split_once("//")) {
                ("", Some((first, _))) => first,
                ("", None) => "MEDS",
                (system, _) => system,
            };
            let root = hierarchy::root(code);
            [format!("system {family}"), format!("category {root}")]
        })
        .collect();
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for [system, category] in &names {
        *members.entry(system).or_default() += 2;
        *members.entry(category).or_default() += 1;
    }
    let groups: Vec<&str> = members
        .into_iter()
        .filter(|(_, count)| *count >= 2)
        .map(|(name, _)| name)
        .collect();
    let number = |name: &String| {
        let found = groups.binary_search(&name.as_str()).ok();
        found.and_then(|i| u32::try_from(i + 1).ok()).unwrap_or(0)
    };
    for (entry, [system, category]) in entries.iter_mut().zip(&names) {
        entry.groups = [number(system), number(category)];
    }
    groups.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
