//! Whether conformal sets and Venn-Abers intervals keep what they promise on the synthetic
//! hospital, overall and by group: `cargo xtask bench coverage [PATIENTS] [SEED]`.
//!
//! One prediction time a patient (the hospital's index date), three outcomes. Boosted counts learn
//! on half of the train subjects; half of the others, by hash, calibrate, and the rest is judged.
//! Conformal sets are calibrated by class and group (sex, age band); the share that holds the
//! outcome should be one minus the error. A Venn-Abers interval should hold the observed share of
//! rows with like risks. A share is within sampling error when it lies within 1.96 standard errors,
//! of the judged rows and of the calibration rows together.

use longitude_baseline::{Example, Kind, fit};
use longitude_core::{Instant, Label, Split, Timeline};
use longitude_eval::uncertainty::{Conformal, PredictionSet, VennAbers};
use longitude_hospital::{Options, patient, tasks, timeline};
use std::error::Error;
use std::io::{Write, stdout};

/// The share that a set may miss.
const ERROR: f64 = 0.1;
/// Fewer judged rows of a class tell nothing of a share.
const ROWS_MIN: usize = 30;

struct Person {
    timeline: Timeline,
    time: Instant,
    groups: [String; 2],
}

/// Labels, risks and persons of a side.
#[derive(Default)]
struct Side<'a> {
    labels: Vec<bool>,
    risks: Vec<f64>,
    persons: Vec<&'a Person>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let patients = arguments.next().map_or(Ok(12_000), |text| text.parse())?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let options = Options {
        patients,
        seed,
        ..Options::standard()
    };
    let persons: Vec<Person> = (0..patients).filter_map(|n| person(&options, n)).collect();
    let mut out = stdout();
    writeln!(out, "{} persons of {patients}, seed {seed}", persons.len())?;
    let (mut within, mut all) = (0, 0);
    for task in tasks().iter().filter(|task| ASKED.contains(&&*task.id)) {
        let (mut train, mut asked) = (Vec::new(), Vec::new());
        for person in &persons {
            let label = match task.label(&person.timeline, person.time) {
                Label::Yes => true,
                Label::No => false,
                Label::Censored | Label::Before | Label::Dead => continue,
            };
            let subject = person.timeline.subject();
            // Four tenths of all teach; more than MEDS's fifth are left to calibrate and judge by.
            if Split::of(subject) == Split::Train && Split::bucket("coverage", subject) < 500 {
                train.push((person.example(), label));
            } else {
                asked.push((person, label));
            }
        }
        let fitted = fit(Kind::Boosted, &train, &[], task, 1)?;
        let risks = fitted.predict(&asked.iter().map(|(p, _)| p.example()).collect::<Vec<_>>());
        let (mut calibration, mut judged) = (Side::default(), Side::default());
        for ((person, label), risk) in asked.into_iter().zip(risks) {
            let half = Split::bucket("coverage-half", person.timeline.subject()) < 500;
            let side = if half { &mut calibration } else { &mut judged };
            side.labels.push(label);
            side.risks.push(risk);
            side.persons.push(person);
        }
        writeln!(
            out,
            "\n{}: {} to learn, {} to calibrate, {} judged",
            task.id,
            train.len(),
            calibration.labels.len(),
            judged.labels.len()
        )?;
        let found = [
            sets(&mut out, &calibration, &judged)?,
            intervals(&mut out, &calibration, &judged)?,
        ];
        for (good, of) in found {
            within += good;
            all += of;
        }
    }
    writeln!(
        out,
        "\n{within} of {all} shares within sampling error (95 % are expected)"
    )?;
    Ok(())
}

const ASKED: [&str; 3] = ["death_5y", "admission_1y", "kidney_disease_3y"];

impl Person {
    fn example(&self) -> Example<'_> {
        Example {
            timeline: &self.timeline,
            time: self.time,
        }
    }
}

fn person(options: &Options, number: u32) -> Option<Person> {
    let patient = patient(options, number);
    let time = patient.index()?;
    let timeline = timeline(&patient);
    let years = timeline.birth().map_or(0.0, |birth| (time - birth).years());
    let band = match years {
        ..45.0 => "under 45",
        45.0..65.0 => "45 to 64",
        _ => "65 and over",
    };
    let groups = [patient.sex().to_owned(), band.to_owned()];
    Some(Person {
        timeline,
        time,
        groups,
    })
}

/// The shares of conformal sets that hold the outcome, by class, overall and by group.
fn sets(
    out: &mut impl Write,
    calibration: &Side<'_>,
    judged: &Side<'_>,
) -> Result<(u32, u32), Box<dyn Error>> {
    let (mut within, mut all) = (0, 0);
    for (dimension, place) in [("all", None), ("sex", Some(0)), ("age", Some(1))] {
        let group = |person: &Person| place.map_or("all".to_owned(), |p| person.groups[p].clone());
        let own: Vec<String> = calibration.persons.iter().map(|p| group(p)).collect();
        let conformal = Conformal::new(&calibration.labels, &calibration.risks, &own);
        let mut names = own.clone();
        names.sort();
        names.dedup();
        for name in names {
            for with in [false, true] {
                let is = |label: bool, of: &str| label == with && of == name;
                let pairs = calibration.labels.iter().zip(&own);
                let learnt = pairs.filter(|(label, of)| is(**label, of)).count();
                let (mut held, mut rows) = (0_usize, 0_usize);
                for (row, person) in judged.persons.iter().enumerate() {
                    if !is(judged.labels[row], &group(person)) {
                        continue;
                    }
                    let set = conformal.set(judged.risks[row], &name, ERROR);
                    let Ok(set) = set else { continue };
                    rows += 1;
                    let right = if with {
                        PredictionSet::With
                    } else {
                        PredictionSet::Without
                    };
                    held += usize::from(set == right || set == PredictionSet::Both);
                }
                if rows < ROWS_MIN || learnt < ROWS_MIN {
                    continue;
                }
                let share = held as f64 / rows as f64;
                let noise = ERROR * (1.0 - ERROR);
                let error = (noise / rows as f64 + noise / learnt as f64).sqrt();
                let good = (share - (1.0 - ERROR)).abs() <= 1.96 * error;
                within += u32::from(good);
                all += 1;
                let class = if with { "with" } else { "without" };
                writeln!(
                    out,
                    "  set, {dimension} {name}, {class}: {share:.3} of {rows} (0.9 ± {:.3}){}",
                    1.96 * error,
                    if good { "" } else { " OUTSIDE" }
                )?;
            }
        }
    }
    Ok((within, all))
}

/// Whether Venn-Abers intervals hold the observed shares: over all rows, each group and fifths of
/// the risk, the mean lower and upper ends against the observed share and its sampling error.
fn intervals(
    out: &mut impl Write,
    calibration: &Side<'_>,
    judged: &Side<'_>,
) -> Result<(u32, u32), Box<dyn Error>> {
    let venn = VennAbers::new(&calibration.labels, &calibration.risks);
    let venn = venn.map_err(|reason| reason.to_string())?;
    let ends: Vec<(f64, f64)> = judged.risks.iter().map(|&r| venn.range(r).ends()).collect();
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| judged.risks[a].total_cmp(&judged.risks[b]));
    let mut parts: Vec<(String, Vec<usize>)> = vec![("all".to_owned(), order.clone())];
    for fifth in 0..5 {
        let rows = order[fifth * order.len() / 5..(fifth + 1) * order.len() / 5].to_vec();
        parts.push((format!("fifth {}", fifth + 1), rows));
    }
    let (mut within, mut all) = (0, 0);
    for (name, rows) in parts {
        let n = rows.len() as f64;
        let mean = |of: &dyn Fn(usize) -> f64| rows.iter().map(|&row| of(row)).sum::<f64>() / n;
        let observed = mean(&|row| f64::from(u8::from(judged.labels[row])));
        let (low, high) = (mean(&|row| ends[row].0), mean(&|row| ends[row].1));
        let like = |side: &Side<'_>| side.labels.len() as f64 * n / judged.labels.len() as f64;
        let spread = observed * (1.0 - observed);
        let error = (spread / n + spread / like(calibration)).sqrt();
        let good = observed >= low - 1.96 * error && observed <= high + 1.96 * error;
        within += u32::from(good);
        all += 1;
        writeln!(
            out,
            "  interval, {name}: {low:.4} to {high:.4}, observed {observed:.4} (± {:.4}){}",
            1.96 * error,
            if good { "" } else { " OUTSIDE" }
        )?;
    }
    Ok((within, all))
}
