//! Count features: what the history up to a time holds, as numbers.
//!
//! For each code: how often it stands in the last 24 hours, 30 days, 365 days and ever, and, where
//! it has numbers, the latest number and how old it is, and the mean, least and greatest number of
//! each window, with the spread, the first number and the slope of all of them. Beside them age,
//! static facts (sex), totals of events and encounters, and the time since the first and the last
//! event. Nothing after the prediction time is looked at: the only way in is [`Timeline::history`].
//! Windows and aggregates follow MEDS-Tab (Oufattole et al. 2024, section 3).
//!
//! Which features there are is decided in `select`, from train alone.

use crate::Example;
use longitude_core::{Code, Event, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ages are held at this many years, as de-identification does.
pub const AGE_YEARS_MAX: f64 = 90.0;

/// A span of time that ends at the prediction time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last 24 hours.
    Hours24,
    /// The last 30 days.
    Days30,
    /// The last 365 days.
    Days365,
    /// All of the history.
    Ever,
}

impl Window {
    /// From the shortest to the longest; each holds the one before.
    pub const ALL: [Self; 4] = [Self::Hours24, Self::Days30, Self::Days365, Self::Ever];

    fn holds(self, days_ago: f64) -> bool {
        match self {
            Self::Hours24 => days_ago <= 1.0,
            Self::Days30 => days_ago <= 30.0,
            Self::Days365 => days_ago <= 365.0,
            Self::Ever => true,
        }
    }
}

/// What the numbers of a code in a window are summed up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The least.
    Least,
    /// The greatest.
    Greatest,
    /// The standard deviation, of two numbers at least.
    Deviation,
    /// The first.
    First,
    /// The slope a day of the least-squares line through them, of two times at least.
    Slope,
}

impl Statistic {
    /// Those of every window.
    const EACH: [Self; 3] = [Self::Mean, Self::Least, Self::Greatest];
    /// Those of all numbers together only.
    const EVER: [Self; 3] = [Self::Deviation, Self::First, Self::Slope];
}

/// The windows and statistics of a code's numbers, in the order of their slots.
pub(crate) fn statistics() -> impl Iterator<Item = (Window, Statistic)> {
    let each = Window::ALL
        .into_iter()
        .flat_map(|window| Statistic::EACH.map(|one| (window, one)));
    each.chain(Statistic::EVER.map(|one| (Window::Ever, one)))
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "feature", rename_all = "snake_case")]
pub enum Feature {
    /// Age in years, at most [`AGE_YEARS_MAX`]; missing without a birth.
    AgeYears,
    /// Days since the last event with a time; missing without one.
    DaysSinceLast,
    /// Days since the first event with a time, birth left aside; missing without one.
    DaysSinceFirst,
    /// Events with a time, birth left aside.
    Events {
        /// In which window.
        window: Window,
    },
    /// Encounters: distinct identifiers, or starts where these are more.
    Encounters {
        /// In which window.
        window: Window,
    },
    /// Distinct codes with a time.
    DistinctCodes,
    /// Whether a static fact holds: 1 or 0.
    Static {
        /// The fact, for example the sex.
        code: Code,
    },
    /// How often a code stands in a window.
    Count {
        /// The code.
        code: Code,
        /// The window.
        window: Window,
    },
    /// The latest number of a code; missing without one in this unit.
    Latest {
        /// The code.
        code: Code,
        /// The unit most frequent on train; numbers in other units are not taken.
        unit: Option<Arc<str>>,
    },
    /// Days since that number; missing without one.
    LatestDays {
        /// The code.
        code: Code,
        /// The same unit.
        unit: Option<Arc<str>>,
    },
    /// A statistic of the code's numbers in a window; missing without enough of them.
    Numbers {
        /// The code.
        code: Code,
        /// The same unit.
        unit: Option<Arc<str>>,
        /// The window.
        window: Window,
        /// The statistic.
        statistic: Statistic,
    },
}

/// How a feature's number is spread, which decides how a linear model takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Absent means 0; skewed.
    Count,
    /// Absent means unknown; skewed.
    Elapsed,
    /// Absent means unknown.
    Value,
}

impl Feature {
    pub(crate) fn scale(&self) -> Scale {
        match self {
            Self::AgeYears | Self::Latest { .. } | Self::Numbers { .. } => Scale::Value,
            Self::DaysSinceLast | Self::DaysSinceFirst | Self::LatestDays { .. } => Scale::Elapsed,
            Self::Events { .. }
            | Self::Encounters { .. }
            | Self::DistinctCodes
            | Self::Static { .. }
            | Self::Count { .. } => Scale::Count,
        }
    }
}

/// The columns that every example has, in order.
pub(crate) fn general() -> Vec<Feature> {
    let mut features = vec![
        Feature::AgeYears,
        Feature::DaysSinceLast,
        Feature::DaysSinceFirst,
        Feature::DistinctCodes,
    ];
    features.extend(Window::ALL.map(|window| Feature::Events { window }));
    features.extend(Window::ALL.map(|window| Feature::Encounters { window }));
    features
}

pub(crate) const GENERAL: usize = 12;

/// Columns that one code can have: static, four counts, latest number, its age, statistics.
pub(crate) const SLOTS: usize = NUMBERS + 15;
pub(crate) const STATIC: usize = 0;
pub(crate) const COUNT: usize = 1;
pub(crate) const LATEST: usize = 5;
pub(crate) const LATEST_DAYS: usize = 6;
pub(crate) const NUMBERS: usize = 7;

/// The codes that are looked at, each with the unit of its numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeTable {
    pub(crate) index: BTreeMap<Code, u32>,
    pub(crate) units: Vec<Option<Arc<str>>>,
}

impl CodeTable {
    pub(crate) fn push(&mut self, code: Code, unit: Option<Arc<str>>) {
        let next = u32::try_from(self.units.len()).unwrap_or(u32::MAX);
        self.index.insert(code, next);
        self.units.push(unit);
    }
}

/// One example's features, by slot: `general` first, then [`SLOTS`] for each code of the table.
/// Slots without an entry are 0 or unknown, as their [`Scale`] says.
pub(crate) type SlotRow = Vec<(u32, f64)>;

/// What one code did in one history.
#[derive(Clone, Copy, Default)]
struct Seen {
    is_static: bool,
    counts: [f64; 4],
    latest: Option<(f64, f64)>,
    first: f64,
    spans: [Span; 4],
    course: Course,
}

/// The numbers of one window.
#[derive(Clone, Copy)]
struct Span {
    count: f64,
    sum: f64,
    least: f64,
    greatest: f64,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl Span {
    fn add(&mut self, number: f64) {
        self.count += 1.0;
        self.sum += number;
        self.least = self.least.min(number);
        self.greatest = self.greatest.max(number);
    }

    fn of(&self, statistic: Statistic) -> Option<f64> {
        let value = match statistic {
            Statistic::Mean => self.sum / self.count,
            Statistic::Least => self.least,
            Statistic::Greatest => self.greatest,
            Statistic::Deviation | Statistic::First | Statistic::Slope => return None,
        };
        (self.count > 0.0).then_some(value)
    }
}

/// Running means and sums of squares of times (days before the prediction) and numbers (Welford
/// 1962).
#[derive(Clone, Copy, Default)]
struct Course {
    count: f64,
    time: f64,
    number: f64,
    times: f64,
    numbers: f64,
    products: f64,
}

impl Course {
    fn add(&mut self, time: f64, number: f64) {
        self.count += 1.0;
        let (by_time, by_number) = (time - self.time, number - self.number);
        self.time += by_time / self.count;
        self.number += by_number / self.count;
        self.times += by_time * (time - self.time);
        self.numbers += by_number * (number - self.number);
        self.products += by_time * (number - self.number);
    }

    fn deviation(&self) -> Option<f64> {
        (self.count > 1.0).then(|| (self.numbers / (self.count - 1.0)).sqrt())
    }

    /// A day forward is a day less before the prediction. Times within a minute are one time.
    fn slope(&self) -> Option<f64> {
        let spread = (self.times / self.count.max(1.0)).sqrt();
        (spread > 1.0 / 1440.0).then(|| -self.products / self.times)
    }
}

/// Features of one example after the other, with room that is used again.
pub(crate) struct Extractor<'a> {
    table: &'a CodeTable,
    seen: Vec<Seen>,
    touched: Vec<u32>,
}

impl<'a> Extractor<'a> {
    pub(crate) fn new(table: &'a CodeTable) -> Self {
        Self {
            table,
            seen: vec![Seen::default(); table.units.len()],
            touched: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, example: &Example<'_>) -> SlotRow {
        let history = example.timeline.history(example.time);
        let mut row = general_row(example, history);
        for event in history {
            if let Some(&code) = self.table.index.get(&event.code) {
                self.see(code, event, example);
            }
        }
        self.touched.sort_unstable();
        for &code in &self.touched {
            let seen = std::mem::take(&mut self.seen[code as usize]);
            push_code(&mut row, code, &seen);
        }
        self.touched.clear();
        row
    }

    fn see(&mut self, code: u32, event: &Event, example: &Example<'_>) {
        let seen = &mut self.seen[code as usize];
        if !seen.is_static && seen.counts[3] <= 0.0 {
            self.touched.push(code);
        }
        let Some(time) = event.time else {
            seen.is_static = true;
            return;
        };
        let days_ago = (example.time - time).0;
        for (count, window) in seen.counts.iter_mut().zip(Window::ALL) {
            *count += f64::from(u8::from(window.holds(days_ago)));
        }
        let number = event.numeric_value.filter(|number| number.is_finite());
        if let Some(number) = number
            && event.unit == self.table.units[code as usize]
        {
            if seen.latest.is_none() {
                seen.first = number;
            }
            seen.latest = Some((number, days_ago));
            for (span, window) in seen.spans.iter_mut().zip(Window::ALL) {
                if window.holds(days_ago) {
                    span.add(number);
                }
            }
            seen.course.add(days_ago, number);
        }
    }
}

fn push_code(row: &mut SlotRow, code: u32, seen: &Seen) {
    let base = GENERAL + code as usize * SLOTS;
    let mut push = |slot: usize, value: f64| {
        let place = u32::try_from(base + slot).unwrap_or(u32::MAX);
        row.push((place, value));
    };
    if seen.is_static {
        push(STATIC, 1.0);
    }
    for (window, &count) in seen.counts.iter().enumerate() {
        if count > 0.0 {
            push(COUNT + window, count);
        }
    }
    if let Some((number, days)) = seen.latest {
        push(LATEST, number);
        push(LATEST_DAYS, days);
        for (slot, (window, statistic)) in statistics().enumerate() {
            let value = match statistic {
                Statistic::Deviation => seen.course.deviation(),
                Statistic::Slope => seen.course.slope(),
                Statistic::First => Some(seen.first),
                Statistic::Mean | Statistic::Least | Statistic::Greatest => {
                    seen.spans[window as usize].of(statistic)
                }
            };
            if let Some(value) = value.filter(|value| value.is_finite()) {
                push(NUMBERS + slot, value);
            }
        }
    }
}

/// The general columns, in the order of [`general`].
fn general_row(example: &Example<'_>, history: &[Event]) -> SlotRow {
    let timed = || {
        history
            .iter()
            .filter(|event| event.time.is_some() && !event.code.is_birth())
    };
    let days_ago = |event: &Event| event.time.map(|time| (example.time - time).0);
    let first = timed().next().and_then(days_ago);
    let last = timed().next_back().and_then(days_ago);
    let codes: BTreeSet<&Code> = timed().map(|event| &event.code).collect();
    let mut events = [0.0; 4];
    let mut starts = [0.0; 4];
    let mut encounters = [const { BTreeSet::new() }; 4];
    for event in timed() {
        let ago = days_ago(event).unwrap_or(f64::INFINITY);
        for (place, _) in Window::ALL.iter().enumerate().filter(|(_, w)| w.holds(ago)) {
            events[place] += 1.0;
            starts[place] += f64::from(u8::from(is_encounter_start(&event.code)));
            encounters[place].extend(event.encounter);
        }
    }
    let mut values = vec![
        age_years(example.timeline, example),
        last,
        first,
        Some(codes.len() as f64),
    ];
    values.extend(events.map(Some));
    let counted = encounters.iter().zip(starts);
    values.extend(counted.map(|(ids, starts)| Some(f64::max(ids.len() as f64, starts))));
    let numbered = (0_u32..).zip(values);
    numbered
        .filter_map(|(slot, value)| Some((slot, value?)))
        .collect()
}

/// Starts of encounters as FHIR ingest writes them, and admissions as MEDS extracts of MIMIC do.
fn is_encounter_start(code: &Code) -> bool {
    (&*code.system == "ENCOUNTER" && code.value.ends_with("//START"))
        || &*code.system == "HOSPITAL_ADMISSION"
}

/// The age at the example's time, held at [`AGE_YEARS_MAX`].
pub(crate) fn age_years(timeline: &Timeline, example: &Example<'_>) -> Option<f64> {
    let birth = timeline.birth().filter(|&birth| birth <= example.time)?;
    Some((example.time - birth).years().min(AGE_YEARS_MAX))
}

#[cfg(test)]
mod tests;
