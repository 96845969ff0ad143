//! In-hospital death at 48 hours on the PhysioNet Challenge 2012, one direction: learn on one set
//! of stays, answer for the other. `cases/comparisons/physionet.py` ingests and de-identifies the
//! sets, runs this both ways and LightGBM beside it, and compares.
//!
//! `cargo xtask bench physionet SOURCE_DIR`; by itself:
//! `... --example physionet -- TRAIN_MEDS TEST_MEDS OUT.csv`

use anyhow::{Context, Result, ensure};
use longitude_baseline::{CrossFitted, Example, FOLDS, Kind, cross_fit};
use longitude_core::{Code, Days, Instant, Predicate, Task, Timeline};
use longitude_store::Dataset;
use std::fmt::Write as _;
use std::path::Path;

/// The hour at which the question is asked.
const ASKED: Days = Days(2.0);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("TRAIN_MEDS TEST_MEDS OUT.csv");
    let (train, test, out) = (next()?, next()?, next()?);
    let (train, test) = (
        Stays::read(Path::new(&train))?,
        Stays::read(Path::new(&test))?,
    );
    let labelled: Vec<_> = train
        .examples()
        .into_iter()
        .zip(train.labels.clone())
        .collect();
    let mut members = Vec::new();
    for kind in [Kind::Boosted, Kind::Logistic] {
        let (fitted, risks) = cross_fit(kind, &labelled, &task(), FOLDS, 1)?;
        members.push((kind.name(), risks, answer(&fitted, &test)));
    }
    let mut csv = "set,subject,died".to_owned();
    for (name, ..) in &members {
        write!(csv, ",{name}")?;
    }
    csv.push('\n');
    for (set, stays, side) in [("train", &train, 0), ("test", &test, 1)] {
        for i in 0..stays.timelines.len() {
            let (subject, died) = (stays.timelines[i].subject(), u8::from(stays.labels[i]));
            write!(csv, "{set},{},{died}", subject.0)?;
            for (_, out_of_fold, answers) in &members {
                write!(csv, ",{}", [out_of_fold, answers][side][i])?;
            }
            csv.push('\n');
        }
    }
    std::fs::write(&out, csv).with_context(|| out)
}

fn answer(fitted: &CrossFitted, stays: &Stays) -> Vec<f64> {
    fitted.predict(&stays.examples())
}

/// Death before discharge.
fn task() -> Task {
    Task {
        id: "in_hospital_death".to_owned(),
        title: "Death before discharge".to_owned(),
        outcome: Predicate::code(Code::from_meds("HOSPITAL_DISCHARGE//DIED")),
        horizon: Days(365.0),
        incident: false,
    }
}

/// The stays of one set, and what became of them.
struct Stays {
    timelines: Vec<Timeline>,
    asked: Vec<Instant>,
    labels: Vec<bool>,
}

impl Stays {
    fn read(meds: &Path) -> Result<Self> {
        let mut stays = Self {
            timelines: vec![],
            asked: vec![],
            labels: vec![],
        };
        let (died, admission) = (task().outcome, Code::from_meds("ICU_ADMISSION"));
        for timeline in Dataset::open(meds)?.timelines(None) {
            let timeline = timeline?;
            let mut events = timeline.events().iter();
            let admission = events.find(|e| e.code == admission).and_then(|e| e.time);
            let Some(admission) = admission else { continue };
            stays.asked.push(admission.plus(ASKED));
            stays
                .labels
                .push(timeline.events().iter().any(|event| died.holds(event)));
            stays.timelines.push(timeline);
        }
        ensure!(
            !stays.timelines.is_empty(),
            "no stays in {}",
            meds.display()
        );
        Ok(stays)
    }

    fn examples(&self) -> Vec<Example<'_>> {
        let pairs = self.timelines.iter().zip(&self.asked);
        pairs
            .map(|(timeline, time)| Example {
                timeline,
                time: *time,
            })
            .collect()
    }
}
