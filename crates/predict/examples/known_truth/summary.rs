//! What a history holds that the generator's latent state can be read from: the ground of the
//! ceiling. Hand-made with the generator known, and from the de-identified record alone.
//!
//! Of each code: how often, when first and last. Of each quantity: number, latest, means that fade
//! over half a year and over three years, trend, extremes, outside stays; and the same of
//! quantities that the generator hides behind treatment or age, each taken back to what it is made
//! of.

use crate::files::{Table, narrow};
use crate::world::{Case, World, tasks};
use crate::{Result, Settings, say};
use longitude_core::{Code, Event, Instant, Timeline};
use std::collections::{BTreeMap, BTreeSet};

/// Patients that decide which codes are counted, and in how many a code must stand.
const LOOKED_AT: usize = 3000;
const SHARE_MIN: usize = 300;

/// Writes the summaries and the true risks of a draw, and the ceiling where the world knows it.
pub(crate) fn draw(settings: &Settings) -> Result {
    let world = World::new(settings, settings.rollouts)?;
    let codes = codes(settings)?;
    let tasks: Vec<String> = tasks(settings).into_iter().map(|task| task.id).collect();
    let mut summaries = Table::new(codes.columns());
    let mut risks = Table::new([vec!["number".to_owned()], tasks.clone()].concat());
    let mut ceiling = Table::new(tasks);
    let numbers = |risks: &[Option<f64>]| -> Vec<f32> {
        let known = risks.iter().map(|risk| risk.map_or(f32::NAN, narrow));
        known.collect()
    };
    let make = |case: Case| {
        let summary = codes.summary(case.record.get(), case.index?);
        Some((summary, case))
    };
    world.each(make, |made| {
        if let Some((summary, case)) = made {
            summaries.data.extend(summary);
            risks.data.push(narrow(f64::from(case.number)));
            risks.data.extend(numbers(&case.risks));
            ceiling.data.extend(numbers(&case.ceiling));
        }
        Ok(())
    })?;
    say(&format!("{}: {} rows", settings.name, risks.rows()));
    let name = |what: &str| format!("{}.{what}", settings.name);
    if !ceiling.data.is_empty() {
        ceiling.write(&settings.dir, &name("ceiling"))?;
    }
    summaries.write(&settings.dir, &name("summary"))?;
    risks.write(&settings.dir, &name("risks"))
}

/// The codes that are counted and those that are measured.
pub(crate) struct Codes {
    counted: BTreeMap<Code, usize>,
    measured: BTreeMap<Code, usize>,
}

/// Those of the first patients of the seed 0, for every draw the same.
fn codes(settings: &Settings) -> Result<Codes> {
    let looked_at = Settings {
        seed: 0,
        patients: u32::try_from(LOOKED_AT)?,
        ..settings.clone()
    };
    let world = World::new(&looked_at, 0)?;
    let mut counts: BTreeMap<(bool, Code), usize> = BTreeMap::new();
    let make = |case: Case| {
        let at = case.index?;
        let events = case.record.get().history(at).iter();
        let seen = events.map(|event| (event.numeric_value.is_some(), event.code.clone()));
        Some(seen.collect::<BTreeSet<_>>())
    };
    world.each(make, |seen| {
        for one in seen.into_iter().flatten() {
            *counts.entry(one).or_insert(0) += 1;
        }
        Ok(())
    })?;
    let kept = |numeric: bool| -> BTreeMap<Code, usize> {
        let enough = counts
            .iter()
            .filter(|((is, _), n)| *is == numeric && **n * SHARE_MIN >= LOOKED_AT);
        let numbered = enough.enumerate();
        numbered
            .map(|(at, ((_, code), _))| (code.clone(), at))
            .collect()
    };
    Ok(Codes {
        counted: kept(false),
        measured: kept(true),
    })
}

/// What is kept of each counted code, of each quantity, and of the whole.
const COUNTED: [&str; 4] = ["n", "n365", "first", "last"];
const MEASURED: [&str; 9] = [
    "n",
    "latest",
    "days",
    "fade180",
    "fade1100",
    "trend",
    "low",
    "high",
    "stay_high",
];
const WHOLE: [&str; 8] = [
    "age",
    "span",
    "since_last",
    "days_recorded",
    "stays_days",
    "since_discharge",
    "stays_90",
    "events",
];
/// Quantities taken back to what they are made of.
const DERIVED: [&str; 6] = [
    "egfr",
    "sbp_untreated",
    "ldl_untreated",
    "a1c_untreated",
    "log_crp",
    "log_bnp",
];

impl Codes {
    fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = WHOLE.iter().map(|name| (*name).to_owned()).collect();
        let mut push = |who: &str, what: &[&str]| {
            columns.extend(what.iter().map(|one| format!("{who} {one}")));
        };
        for code in self.counted.keys() {
            push(&code.to_meds(), &COUNTED);
        }
        for code in self.measured.keys() {
            push(&code.to_meds(), &MEASURED);
        }
        for name in DERIVED {
            push(name, &MEASURED);
        }
        columns
    }

    /// One row of [`Codes::columns`]; what was never seen is not-a-number.
    pub(crate) fn summary(&self, timeline: &Timeline, at: Instant) -> Vec<f32> {
        let history = timeline.history(at);
        let stays = stays(history);
        let mut counts = vec![Count::default(); self.counted.len()];
        let mut series = vec![Series::default(); self.measured.len() + DERIVED.len()];
        let mut taken = Taken::default();
        let male = history
            .iter()
            .any(|event| matches!(&*event.code.value, "male" | "M"));
        for event in history {
            let Some(time) = event.time else { continue };
            let days = (at - time).0;
            if let Some(count) = self.counted.get(&event.code) {
                counts[*count].see(days);
            }
            taken.see(event);
            let (Some(value), Some(place)) = (event.numeric_value, self.measured.get(&event.code))
            else {
                continue;
            };
            let ill = stays.iter().any(|(from, to)| *from <= time && time <= *to);
            series[*place].see(value, days, ill);
            let age = timeline
                .birth()
                .map_or(60.0, |birth| (time - birth).years());
            if let Some((which, value)) = taken.derived(&event.code, value, (age, male)) {
                series[self.measured.len() + which].see(value, days, ill);
            }
        }
        let mut row = whole(timeline, at, &stays);
        for count in &counts {
            row.extend(count.row());
        }
        for one in &series {
            row.extend(one.row());
        }
        row.into_iter().map(narrow).collect()
    }
}

/// Admissions with their ends.
fn stays(history: &[Event]) -> Vec<(Instant, Instant)> {
    let admission = Code::new("ENCOUNTER", "IMP//START");
    let found = history.iter().filter(|event| event.code == admission);
    found
        .filter_map(|event| Some((event.time?, event.end_time?)))
        .collect()
}

fn whole(timeline: &Timeline, at: Instant, stays: &[(Instant, Instant)]) -> Vec<f64> {
    let history = timeline.history(at);
    let timed = || {
        let events = history.iter().filter(|event| !event.code.is_birth());
        events.filter_map(|event| event.time)
    };
    let since = |time: Option<Instant>| time.map_or(f64::NAN, |time| (at - time).0);
    let recorded: BTreeSet<i64> = timed().map(|time| time.0 / 86_400_000_000).collect();
    let late = stays.iter().filter(|(_, end)| (at - *end).0 < 90.0);
    vec![
        timeline
            .birth()
            .map_or(f64::NAN, |birth| (at - birth).years()),
        since(timed().next()),
        since(timed().next_back()),
        recorded.len() as f64,
        stays.iter().map(|(from, to)| (*to - *from).0).sum(),
        since(stays.iter().map(|(_, end)| *end).max()),
        late.count() as f64,
        history.len() as f64,
    ]
}

#[derive(Clone, Copy)]
struct Count {
    n: f64,
    year: f64,
    first: f64,
    last: f64,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            n: 0.0,
            year: 0.0,
            first: f64::NAN,
            last: f64::NAN,
        }
    }
}

impl Count {
    fn see(&mut self, days: f64) {
        if self.n < 0.5 {
            self.first = days;
        }
        self.n += 1.0;
        self.year += f64::from(u8::from(days <= 365.0));
        self.last = days;
    }

    fn row(&self) -> [f64; 4] {
        [self.n, self.year, self.first, self.last]
    }
}

/// One quantity over the days before the index; values of stays count for their own extreme only.
#[derive(Clone, Default)]
struct Series {
    n: f64,
    latest: Option<(f64, f64)>,
    fades: [(f64, f64); 2],
    /// Sums of x, y, x y, x x with x in years before the index.
    line: [f64; 4],
    range: Option<(f64, f64)>,
    stay_high: Option<f64>,
}

const FADES: [f64; 2] = [180.0, 1100.0];

impl Series {
    fn see(&mut self, value: f64, days: f64, ill: bool) {
        if ill {
            self.stay_high = Some(self.stay_high.map_or(value, |high| high.max(value)));
            return;
        }
        self.n += 1.0;
        self.latest = Some((value, days));
        for ((weight, sum), scale) in self.fades.iter_mut().zip(FADES) {
            let fading = (-days / scale).exp();
            *weight += fading;
            *sum += fading * value;
        }
        let x = -days / 365.25;
        let terms = [x, value, x * value, x * x];
        self.line
            .iter_mut()
            .zip(terms)
            .for_each(|(sum, term)| *sum += term);
        let (low, high) = self.range.unwrap_or((value, value));
        self.range = Some((low.min(value), high.max(value)));
    }

    fn row(&self) -> [f64; 9] {
        let (latest, days) = self.latest.unwrap_or((f64::NAN, f64::NAN));
        let (low, high) = self.range.unwrap_or((f64::NAN, f64::NAN));
        let [fast, slow] = self.fades.map(|(weight, sum)| sum / weight);
        let [x, y, xy, xx] = self.line.map(|sum| sum / self.n);
        // Pulled to none as if two values half a year apart had said so.
        let trend = (xy - x * y) / (xx - x * x + 0.125 / self.n);
        let stay = self.stay_high.unwrap_or(f64::NAN);
        [self.n, latest, days, fast, slow, trend, low, high, stay]
    }
}

/// The treatments begun so far, by the values of their codes.
#[derive(Default)]
struct Taken(BTreeSet<&'static str>);

/// Drug, what it moves, by how much: the generator's own table of shifts.
const MOVES: [(&str, usize, f64); 7] = [
    ("197361", 1, 9.0),
    ("314076", 1, 8.5),
    ("866412", 1, 5.0),
    ("313988", 1, 3.0),
    ("312961", 2, 0.66),
    ("860975", 3, 0.9),
    ("311041", 3, 1.4),
];

impl Taken {
    fn see(&mut self, event: &Event) {
        let found = MOVES.iter().find(|(drug, ..)| *event.code.value == **drug);
        self.0.extend(found.map(|(drug, ..)| *drug));
    }

    fn derived(&self, code: &Code, value: f64, who: (f64, bool)) -> Option<(usize, f64)> {
        let taken = |which: usize| {
            let moves = MOVES
                .iter()
                .filter(move |(drug, what, _)| *what == which && self.0.contains(drug));
            moves.map(|(.., by)| *by)
        };
        match &*code.value {
            "2160-0" => Some((0, filtration(value, who))),
            "8480-6" => Some((1, value + taken(1).sum::<f64>())),
            "13457-7" => Some((2, value / taken(2).product::<f64>())),
            "4548-4" => Some((3, value + taken(3).sum::<f64>())),
            "1988-5" => Some((4, value.max(0.1).ln())),
            "30934-4" => Some((5, value.max(1.0).ln())),
            _ => None,
        }
    }
}

/// CKD-EPI 2021 without race (Inker et al., N Engl J Med 2021).
fn filtration(creatinine: f64, (age, male): (f64, bool)) -> f64 {
    let (kappa, alpha, sex) = if male {
        (0.9, -0.302, 1.0)
    } else {
        (0.7, -0.241, 1.012)
    };
    let ratio = creatinine / kappa;
    142.0 * ratio.min(1.0).powf(alpha) * ratio.max(1.0).powf(-1.2) * 0.9938_f64.powf(age) * sex
}
