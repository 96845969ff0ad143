//! A model of one place at another, PhysioNet Challenge 2012: boosted counts learnt on set A (or B)
//! answer for the other set, and a recalibration from 200 and from 2,000 local labels mends them.
//!
//! `cargo xtask bench recalibration MEDS_A MEDS_B [DRAWS]`, with the data sets as
//! `longitude ingest` makes them. The question is death in hospital, asked 48 hours after admission
//! of those whose record goes on; outcomes state whole days, and what the record says of them is
//! left out of the history. The labelled stays are drawn anew each time and are not judged.
//! Printed are medians over draws of observed over expected deaths, overall and by age band, sex
//! and kind of unit (which the public copy of set A lacks), each with the 95 % interval of a
//! Poisson count; NEW marks one that excludes 1 after the recalibration and did not before. The
//! last line counts the same draw by draw. Groups of fewer than 11 stays are left out.

use anyhow::{Result, ensure};
use longitude_baseline::{Example, FOLDS, Kind, cross_fit};
use longitude_core::{Code, CodeMatch, Days, Event, Instant, Predicate, Task, Timeline};
use longitude_eval::{LocalOptions, LocalRecalibration, LocalRows};
use longitude_store::Dataset;
use std::io::Write;
use std::path::Path;

const ASKED: Days = Days(2.0);
const DIED: &str = "HOSPITAL_DISCHARGE//DIED";

/// The stays of one set, asked about once each.
struct Stays {
    timelines: Vec<Timeline>,
    asked: Vec<Instant>,
    labels: Vec<bool>,
    groups: Vec<(String, Vec<String>)>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, rest @ ..] = &arguments[..] else {
        anyhow::bail!("MEDS_A MEDS_B [DRAWS]");
    };
    let draws: u64 = rest.first().map_or(Ok(100), |text| text.parse())?;
    let (a, b) = (Stays::read(Path::new(a))?, Stays::read(Path::new(b))?);
    let mut out = std::io::stdout();
    for (name, learn, deploy) in [("A to B", &a, &b), ("B to A", &b, &a)] {
        let labels = learn.labels.iter().copied();
        let labelled: Vec<_> = learn.examples().into_iter().zip(labels).collect();
        let (fitted, _) = cross_fit(Kind::Boosted, &labelled, &task(), FOLDS, 1)?;
        let risks = fitted.predict(&deploy.examples());
        for labels in [200, 2_000] {
            writeln!(out, "\n{name}, {labels} local labels, {draws} draws")?;
            deployed(&mut out, deploy, &risks, labels, draws)?;
        }
    }
    Ok(())
}

/// Draws of local labels, and what they bring on the rest.
fn deployed(
    out: &mut impl Write,
    stays: &Stays,
    risks: &[f64],
    labels: usize,
    draws: u64,
) -> Result<()> {
    let rows = stays.labels.len();
    let cells = stays.cells();
    let mut before: Vec<Vec<Ratio>> = vec![Vec::new(); cells.len()];
    let mut after = before.clone();
    let (mut newly, mut mended) = (0, 0);
    for draw in 0..draws {
        let order = shuffled(rows, draw);
        let (local, rest) = order.split_at(labels);
        let fit = stays.recalibration(risks, local)?;
        for (place, (_, inside)) in cells.iter().enumerate() {
            let judged = rest.iter().filter(|&&row| inside[row]);
            let of = |risk: &dyn Fn(usize) -> f64| {
                let (mut observed, mut expected) = (0.0, 0.0);
                for &row in judged.clone() {
                    observed += f64::from(u8::from(stays.labels[row]));
                    expected += risk(row);
                }
                Ratio { observed, expected }
            };
            let plain = of(&|row| risks[row]);
            let mended_ratio = of(&|row| fit.risk(risks[row], stays.groups_of(row)));
            before[place].push(plain);
            after[place].push(mended_ratio);
            newly += u64::from(mended_ratio.excludes_one() && !plain.excludes_one());
            mended += u64::from(!mended_ratio.excludes_one() && plain.excludes_one());
        }
    }
    writeln!(
        out,
        "group | as it came | recalibrated | 5 to 95 % of draws"
    )?;
    for (place, (name, _)) in cells.iter().enumerate() {
        let (was, is) = (&mut before[place], &mut after[place]);
        for ratios in [&mut *was, &mut *is] {
            ratios.sort_by(|a, b| a.value().total_cmp(&b.value()));
        }
        let at = |values: &[Ratio], percent: usize| values[(values.len() - 1) * percent / 100];
        let (low, high) = (at(is, 5).value(), at(is, 95).value());
        let (was, is) = (at(was, 50), at(is, 50));
        let mark = if is.excludes_one() && !was.excludes_one() {
            " NEW"
        } else {
            ""
        };
        writeln!(out, "{name} | {was} | {is}{mark} | {low:.3} to {high:.3}")?;
    }
    let all = draws * cells.len() as u64;
    writeln!(
        out,
        "of {all} intervals (draws by groups) {newly} newly exclude 1, {mended} no longer do"
    )?;
    Ok(())
}

/// Observed and expected deaths.
#[derive(Clone, Copy)]
struct Ratio {
    observed: f64,
    expected: f64,
}

impl Ratio {
    fn value(&self) -> f64 {
        self.observed / self.expected
    }

    /// Half the 95 % interval of the logarithm, of a Poisson count.
    fn half_width(&self) -> f64 {
        1.96 / self.observed.max(1.0).sqrt()
    }

    fn excludes_one(&self) -> bool {
        self.value().ln().abs() > self.half_width()
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (value, factor) = (self.value(), self.half_width().exp());
        write!(
            f,
            "{value:.3} ({:.2} to {:.2})",
            value / factor,
            value * factor
        )
    }
}

impl Stays {
    fn read(meds: &Path) -> Result<Self> {
        let mut stays = Self {
            timelines: vec![],
            asked: vec![],
            labels: vec![],
            groups: ["age band", "sex", "unit"]
                .map(|name| (name.to_owned(), vec![]))
                .into(),
        };
        let admission = Code::from_meds("ICU_ADMISSION");
        for timeline in Dataset::open(meds)?.timelines(None) {
            let timeline = timeline?;
            let mut events = timeline.events().iter();
            let admission = events.find(|e| e.code == admission).and_then(|e| e.time);
            let Some(admission) = admission else { continue };
            stays
                .labels
                .push(timeline.events().iter().any(|e| task().outcome.holds(e)));
            let asked = admission.plus(ASKED);
            for (_, values) in &mut stays.groups {
                values.push(String::new());
            }
            let last = stays.labels.len() - 1;
            stays.groups[0].1[last] = age_band(&timeline, asked);
            stays.groups[1].1[last] = value_of(&timeline, "GENDER");
            stays.groups[2].1[last] = value_of(&timeline, "ICU_TYPE");
            stays.asked.push(asked);
            stays.timelines.push(without_outcomes(timeline));
        }
        ensure!(!stays.labels.is_empty(), "no stays in {}", meds.display());
        Ok(stays)
    }

    fn examples(&self) -> Vec<Example<'_>> {
        let pairs = self.timelines.iter().zip(&self.asked);
        pairs
            .map(|(timeline, &time)| Example { timeline, time })
            .collect()
    }

    fn groups_of(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.groups
            .iter()
            .map(move |(name, values)| (&**name, &*values[row]))
    }

    /// All rows, and those of each group.
    fn cells(&self) -> Vec<(String, Vec<bool>)> {
        let mut cells = vec![("all".to_owned(), vec![true; self.labels.len()])];
        for (name, values) in &self.groups {
            let mut distinct: Vec<&String> = values.iter().collect();
            distinct.sort();
            distinct.dedup();
            for group in distinct {
                let inside: Vec<bool> = values.iter().map(|value| value == group).collect();
                if inside.iter().filter(|inside| **inside).count() >= longitude_eval::CELL_MIN {
                    cells.push((format!("{name}: {group}"), inside));
                }
            }
        }
        cells
    }

    fn recalibration(&self, risks: &[f64], local: &[usize]) -> Result<LocalRecalibration> {
        let labels: Vec<bool> = local.iter().map(|&row| self.labels[row]).collect();
        let own: Vec<f64> = local.iter().map(|&row| risks[row]).collect();
        let pick = |values: &Vec<String>| local.iter().map(|&row| values[row].clone()).collect();
        let groups: Vec<(String, Vec<String>)> = self
            .groups
            .iter()
            .map(|(name, of)| (name.clone(), pick(of)))
            .collect();
        let rows = LocalRows {
            labels: &labels,
            risks: &own,
            groups: &groups,
        };
        let fit = LocalRecalibration::fit(&rows, &LocalOptions::standard());
        fit.map_err(|reason| anyhow::anyhow!("the local labels: {reason}"))
    }
}

/// The record without what states the end of the stay: outcomes of whole days, and scores of them.
fn without_outcomes(timeline: Timeline) -> Timeline {
    let (subject, events, observation) = timeline.into_parts();
    let tells = |event: &Event| {
        let code = event.code.to_meds();
        let says = ["HOSPITAL_DISCHARGE", "MEDS_DEATH", "SAPS-I", "SOFA"];
        says.iter().any(|start| code.starts_with(start))
    };
    let kept = events.into_iter().filter(|event| !tells(event)).collect();
    Timeline::new(subject, kept, observation)
}

fn age_band(timeline: &Timeline, at: Instant) -> String {
    match timeline.birth().map(|birth| (at - birth).years()) {
        None => "unknown",
        Some(years) if years < 50.0 => "under 50",
        Some(years) if years < 65.0 => "50 to 64",
        Some(years) if years < 80.0 => "65 to 79",
        Some(_) => "80 and over",
    }
    .to_owned()
}

fn value_of(timeline: &Timeline, system: &str) -> String {
    let mut events = timeline.events().iter();
    let found = events.find(|event| &*event.code.system == system);
    found.map_or_else(
        || "unknown".to_owned(),
        |event| event.code.value.to_string(),
    )
}

fn task() -> Task {
    let any_of = vec![CodeMatch::Exact(Code::from_meds(DIED))];
    Task {
        id: "in_hospital_death".to_owned(),
        title: "Death in hospital".to_owned(),
        outcome: Predicate { any_of },
        horizon: Days(365.0),
        incident: false,
    }
}

/// The rows in an order that depends on the draw alone (SplitMix64 as keys).
fn shuffled(rows: usize, draw: u64) -> Vec<usize> {
    let key = |row: usize| {
        let bits = (row as u64 ^ (draw << 32))
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&row| key(row));
    order
}
