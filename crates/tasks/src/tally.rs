//! What is counted while a task labels: how many triggers came to what, and what the counts warn
//! of.

use crate::explain::Fate;
use crate::labeller::Sample;
use crate::outcome::Missing;
use crate::program::{CodeMatch, LabelKind, Mode, Program};
use crate::realise::{Realiser, Reason, Stretch};
use crate::warning::Warning;
use longitude_core::Instant;
use std::collections::BTreeMap;

/// An event is recorded late when it is written down more than a day after it happened.
const LATE: i64 = 86_400_000_000;
/// The share of late events that is worth a word.
const LATE_SHARE: f64 = 0.01;
/// How far the history must tell outcomes apart to be worth a word.
const TELLING: f64 = 0.5;
/// The share of censored triggers, of those that a label was looked for, that is worth a word.
const CENSORED_SHARE: f64 = 0.05;
/// The fewest samples of each outcome from which a share says anything.
const TOLD_MIN: u64 = 20;
/// Codes of a predicate that a warning names, at most.
const CODES_NAMED_MAX: usize = 3;

/// Counts of one shard, or of several put together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rows.
    pub events: u64,
    /// Subjects with rows.
    pub subjects: u64,
    /// Subjects without a demographic that the task asks for.
    pub filtered: u64,
    /// Instants at which the trigger holds, of the other subjects.
    pub triggers: u64,
    /// Samples.
    pub samples: u64,
    /// Samples whose outcome happened, of labels that say so.
    pub positive: u64,
    /// Triggers without a sample because the record ends too early to tell.
    pub censored: u64,
    /// Triggers without a sample because there is no value or class.
    pub nothing: u64,
    dropped: BTreeMap<Reason, u64>,
    /// Samples whose outcome happens in the label's window but not after the prediction time.
    known: u64,
    /// Of samples without and with the outcome, those that had it before.
    before: [u64; 2],
    values: BTreeMap<(Option<i64>, Option<u32>), u64>,
    met: Vec<bool>,
    units: Vec<BTreeMap<String, u64>>,
    refused: Vec<u64>,
    /// Of each predicate: events whose recording is known, and those recorded late.
    late: Vec<(u64, u64)>,
}

impl Tally {
    pub(crate) fn start(&mut self, program: &Program) {
        self.late = vec![(0, 0); program.plains.len()];
    }

    pub(crate) fn recorded(&mut self, plain: usize, at: Option<Instant>, written: Option<Instant>) {
        if let (Some(at), Some(written), Some((known, late))) =
            (at, written, self.late.get_mut(plain))
        {
            *known += 1;
            *late += u64::from(written.0.saturating_sub(at.0) > LATE);
        }
    }

    pub(crate) fn matched(
        &mut self,
        met: Vec<bool>,
        units: Vec<BTreeMap<String, u64>>,
        refused: Vec<u64>,
    ) {
        self.met = met;
        self.units = units;
        self.refused = refused;
    }

    pub(crate) fn dropped(&mut self, fate: Fate) {
        self.triggers += 1;
        match fate {
            Fate::Dropped(reason) => *self.dropped.entry(reason).or_default() += 1,
            Fate::Missing(Missing::Censored) => self.censored += 1,
            Fate::Missing(Missing::Nothing) => self.nothing += 1,
            Fate::Kept(_) => {}
        }
    }

    pub(crate) fn kept(&mut self, realiser: &Realiser<'_>, sample: &Sample, stretches: &[Stretch]) {
        self.triggers += 1;
        self.samples += 1;
        self.positive += u64::from(sample.boolean == Some(true));
        if sample.boolean.is_none() && self.values.len() < 2 {
            *self
                .values
                .entry((sample.integer, sample.category))
                .or_default() += 1;
        }
        let Some(label) = &realiser.program.label else {
            return;
        };
        let Some(prediction) = sample.prediction_time else {
            return;
        };
        let record = realiser.record;
        let seen = record.times.partition_point(|time| *time <= prediction.0);
        let node = &realiser.program.nodes[label.node];
        let stretch = stretches[label.node];
        let ends = (
            stretch.start.min(stretch.end),
            stretch.start.max(stretch.end),
        );
        let (from, to) = realiser.instants(ends, node.closed);
        let outcomes = realiser.program.outcomes();
        let known = |column: &usize| {
            record
                .next(*column, from)
                .is_some_and(|at| at < seen.min(to))
        };
        self.known += u64::from(outcomes.iter().any(known));
        let before = outcomes
            .iter()
            .any(|column| record.up_to(*column, seen) > 0);
        let slot = usize::from(sample.boolean == Some(true));
        self.before[slot] += u64::from(before);
    }

    /// Adds the counts of another shard.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.subjects += other.subjects;
        self.filtered += other.filtered;
        self.triggers += other.triggers;
        self.samples += other.samples;
        self.positive += other.positive;
        self.censored += other.censored;
        self.nothing += other.nothing;
        self.known += other.known;
        for (mine, theirs) in self.before.iter_mut().zip(other.before) {
            *mine += theirs;
        }
        for (reason, count) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
        for (value, count) in &other.values {
            *self.values.entry(*value).or_default() += count;
        }
        let plains = other.met.len().max(other.late.len());
        self.met.resize(plains, false);
        self.units.resize(plains, BTreeMap::new());
        self.refused.resize(plains, 0);
        self.late.resize(plains, (0, 0));
        for at in 0..plains {
            self.met[at] |= other.met.get(at).copied().unwrap_or(false);
            for (unit, count) in other.units.get(at).into_iter().flatten() {
                *self.units[at].entry(unit.clone()).or_default() += count;
            }
            self.refused[at] += other.refused.get(at).copied().unwrap_or(0);
            let (known, late) = other.late.get(at).copied().unwrap_or((0, 0));
            self.late[at].0 += known;
            self.late[at].1 += late;
        }
    }

    /// How many triggers each condition dropped, the most first.
    pub fn reasons(&self, program: &Program) -> Vec<(String, u64)> {
        let mut reasons: Vec<(String, u64)> = self
            .dropped
            .iter()
            .map(|(reason, count)| (program.reason(*reason), *count))
            .collect();
        if self.censored > 0 {
            reasons.push((
                "the record ends before the label's window".to_owned(),
                self.censored,
            ));
        }
        if self.nothing > 0 {
            reasons.push((
                "there is no value or class for the label".to_owned(),
                self.nothing,
            ));
        }
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// What is odd about the labels. `codes` are codes of the data, for predicates that match
    /// none.
    pub fn warnings<'c>(
        &self,
        program: &Program,
        codes: &(impl Iterator<Item = &'c str> + Clone),
    ) -> Vec<Warning> {
        let mut found = Vec::new();
        self.unknown_codes(program, codes, &mut found);
        self.labels(program, &mut found);
        self.leakage(program, &mut found);
        self.unreachable(program, &mut found);
        self.of_units(program, &mut found);
        found
    }

    fn unknown_codes<'c>(
        &self,
        program: &Program,
        codes: &(impl Iterator<Item = &'c str> + Clone),
        found: &mut Vec<Warning>,
    ) {
        for (plain, met) in program.plains.iter().zip(&self.met) {
            if *met || plain.name.is_empty() {
                continue;
            }
            let near = match &plain.codes {
                CodeMatch::Exact(code) => codes.clone().find(|one| one.eq_ignore_ascii_case(code)),
                CodeMatch::Never
                | CodeMatch::Any(_)
                | CodeMatch::Regex(_)
                | CodeMatch::Descendants(_) => None,
            };
            let mend = match near {
                Some(code) => format!("is `{code}` meant?"),
                None => "it never holds here; look at metadata/codes.parquet".to_owned(),
            };
            found.push(Warning::new(
                "unknown code",
                Some(&plain.place),
                format!(
                    "no code of the data is {} (predicate `{}`): {mend}",
                    asked_codes(&plain.codes),
                    plain.name
                ),
            ));
        }
    }

    fn labels(&self, program: &Program, found: &mut Vec<Warning>) {
        let Some(label) = &program.label else { return };
        let place = Some(&program.windows[label.window].place);
        if self.samples == 0 {
            let text = match self.reasons(program).first() {
                None => "the trigger never holds".to_owned(),
                Some((reason, count)) => {
                    format!(
                        "all {} triggers are dropped; {count}: {reason}",
                        self.triggers
                    )
                }
            };
            found.push(Warning::new("no samples", place, text));
            return;
        }
        let looked_for = self.samples + self.censored + self.nothing;
        if self.censored as f64 > CENSORED_SHARE * looked_for as f64 {
            let text = format!(
                "{} of {looked_for} triggers are left out because the record ends too early, and \
                 those with an early outcome are not: the share of outcomes among the samples is \
                 too high; `label: {{ time_to: ... }}` uses them all",
                self.censored
            );
            found.push(Warning::new("many censored", place, text));
        }
        let constant = match &label.kind {
            LabelKind::Binary(_) | LabelKind::TimeTo(..) if self.positive == 0 => {
                Some("no sample has the outcome")
            }
            LabelKind::Binary(_) if self.positive == self.samples => {
                Some("every sample has the outcome")
            }
            LabelKind::Count(_) | LabelKind::Class(..) if self.values.len() == 1 => {
                Some("every sample has the same label")
            }
            LabelKind::Binary(_)
            | LabelKind::TimeTo(..)
            | LabelKind::Count(_)
            | LabelKind::Class(..)
            | LabelKind::Value(..) => None,
        };
        if let Some(text) = constant {
            let text = format!(
                "{text} ({} samples): a constant answer would always be right",
                self.samples
            );
            found.push(Warning::new("constant label", place, text));
        }
    }

    fn leakage(&self, program: &Program, found: &mut Vec<Warning>) {
        let Some(label) = &program.label else { return };
        let place = Some(&program.windows[label.window].place);
        if self.known > 0 {
            found.push(Warning::new(
                "outcome already known",
                place,
                format!(
                    "in {} of {} samples the outcome of the label's window lies at or before the \
                     prediction time; start the window after it",
                    self.known, self.samples
                ),
            ));
        }
        let negative = self.samples - self.positive;
        if matches!(label.kind, LabelKind::Binary(_)) && negative.min(self.positive) >= TOLD_MIN {
            let share = |count: u64, of: u64| count as f64 / of as f64;
            let [without, with] = self.before;
            let (without, with) = (share(without, negative), share(with, self.positive));
            if (with - without).abs() >= TELLING {
                found.push(Warning::new(
                    "history tells the outcome",
                    place,
                    format!(
                        "the outcome's codes stand before the prediction time in {:.1} % of \
                         samples with the outcome and {:.1} % of those without",
                        100.0 * with,
                        100.0 * without
                    ),
                ));
            }
        }
        for (plain, (known, late)) in program.plains.iter().zip(&self.late) {
            if *known > 0 && *late as f64 >= LATE_SHARE * *known as f64 && *late > 0 {
                found.push(Warning::new(
                    "recorded late",
                    Some(&plain.place).filter(|_| !plain.name.is_empty()),
                    format!(
                        "{late} of {known} events of `{}` were written down more than a day after \
                         they happened: at the prediction time nobody could have known them",
                        plain.name
                    ),
                ));
            }
        }
    }

    fn unreachable(&self, program: &Program, found: &mut Vec<Warning>) {
        for (reason, count) in &self.dropped {
            if *count < self.triggers || self.triggers == 0 || self.samples > 0 {
                continue;
            }
            let (Reason::Never(node) | Reason::Count(node, _)) = reason;
            let window = program.nodes[*node].side.map(|(window, _)| window);
            found.push(Warning::new(
                "unreachable window",
                window.map(|window| &program.windows[window].place),
                format!(
                    "every one of {count} triggers fails: {}",
                    program.reason(*reason)
                ),
            ));
        }
    }

    fn of_units(&self, program: &Program, found: &mut Vec<Warning>) {
        for (at, plain) in program.plains.iter().enumerate() {
            let asked = plain.limits.iter().find_map(|limit| limit.unit.as_deref());
            let asked = asked.or_else(|| program.compared_in(plain).next());
            if let (Some(asked), Some(refused @ 1..)) = (asked, self.refused.get(at)) {
                found.push(Warning::new(
                    "unit mismatch",
                    Some(&plain.place),
                    format!(
                        "{refused} values of `{}` have a unit that cannot be turned into {asked}, \
                         and keep no bound",
                        plain.name
                    ),
                ));
            }
            let several = self.units.get(at).filter(|units| units.len() > 1);
            if let (None, Some(units)) = (asked, several) {
                let list: Vec<_> = units.keys().map(String::as_str).collect();
                let mend = match program.mode {
                    Mode::Strict => "write the bound with its unit, and values are converted",
                    Mode::Aces => "ACES compares the bare numbers",
                };
                found.push(Warning::new(
                    "unit mismatch",
                    Some(&plain.place),
                    format!(
                        "values of `{}` have units {}: {mend}",
                        plain.name,
                        list.join(", ")
                    ),
                ));
            }
        }
    }
}

/// The codes that a predicate asks for, as its file writes them; of many the first few.
fn asked_codes(codes: &CodeMatch) -> String {
    let several = |codes: &mut dyn ExactSizeIterator<Item = &String>| {
        let more = codes.len().saturating_sub(CODES_NAMED_MAX);
        let named: Vec<String> = codes
            .take(CODES_NAMED_MAX)
            .map(|one| format!("`{one}`"))
            .collect();
        let more = (more > 0).then(|| format!(" or {more} more"));
        named.join(", ") + &more.unwrap_or_default()
    };
    match codes {
        CodeMatch::Never => "of no code at all".to_owned(),
        CodeMatch::Exact(code) => format!("`{code}`"),
        CodeMatch::Any(all) => format!("one of {}", several(&mut all.iter())),
        CodeMatch::Regex(regex) => format!("matched by `{}`", regex.as_str()),
        CodeMatch::Descendants(roots) => format!("at or below {}", several(&mut roots.iter())),
    }
}
