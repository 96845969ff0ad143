//! The planted inequity of the synthetic hospital: what it does to missed cases, and what is left
//! of that after the repairs. `docs/decisions/0025-inequity-is-repaired-and-measured.md` says what
//! is judged and what limits were set before.
//!
//! Settings are `key=value`: `patients` to learn from, `fresh` to judge on, `seed`, `resamples`,
//! `threads`. The truth judges and does nothing else.

use longitude_baseline::{Example, Fitted, Kind, Weighted, fit_weighted, observation_weights};
use longitude_core::{Code, Instant, Label, Observation, Split, Task, Timeline};
use longitude_eval::{
    GroupRecalibration, GroupThreshold, Metric, Options as Intervals, Paired, RepairCost,
    RepairRows, Side, ThresholdPolicy, repair_cost, threshold_for_alerts,
};
use longitude_hospital::{Factor, Options as Hospital};
use rayon::prelude::*;
use std::error::Error;
use std::time::Instant as Clock;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The share of persons that a team can look at.
const ALERTS: f64 = 0.2;
/// The threshold whose odds weigh a false alert in the net benefit.
const THRESHOLD: f64 = 0.2;
/// Persons that are made side by side.
const CHUNK: u32 = 2048;
/// Two low filtration rates so far apart are chronic (KDIGO 2012).
const CHRONIC_DAYS: f64 = 90.0;
/// Below it the filtration rate is low, mL/min/1.73 m2 (KDIGO 2012).
const RATE_LOW: f64 = 60.0;

const ARMS: [&str; 6] = [
    "record",
    "record, recalibrated",
    "measured",
    "measured, weighted",
    "repaired",
    "repaired, policy",
];
/// The arm that the limits are set for.
const REPAIRED: usize = 4;
/// The group of the policy, as an institution can know it.
const GROUP: &str = "female, 5, C";

#[derive(Clone, Copy, Debug)]
struct Settings {
    patients: u32,
    fresh: u32,
    seed: u64,
    resamples: u32,
}

/// A person at the index date, without the disease in the record.
struct Row {
    subject: u64,
    history: Timeline,
    at: Instant,
    sex: String,
    site: String,
    deprivation: String,
    is_planted: bool,
    /// The code comes within the horizon.
    recorded: bool,
    /// By code or filtration rates; `None` where they were not measured twice.
    measured: Option<bool>,
    /// Whether the disease is there by the horizon: for judging.
    truth: bool,
}

/// What a world's learning leaves: risks and alerts of each arm on the fresh rows.
struct Judged {
    rows: Vec<Row>,
    arms: Vec<(Vec<f64>, Vec<bool>)>,
    effective: f64,
    observed: f64,
}

fn main() -> Result {
    let settings = settings()?;
    let clock = Clock::now();
    let with = world(&settings, true)?;
    let without = world(&settings, false)?;
    report(&settings, &with, &without);
    say(&format!("\n{:.0} s", clock.elapsed().as_secs_f64()));
    Ok(())
}

fn settings() -> Result<Settings> {
    let mut settings = Settings {
        patients: 16_000,
        fresh: 40_000,
        seed: 1,
        resamples: 200,
    };
    let mut threads = 2;
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').ok_or("settings are key=value")?;
        match key {
            "patients" => settings.patients = value.parse()?,
            "fresh" => settings.fresh = value.parse()?,
            "seed" => settings.seed = value.parse()?,
            "resamples" => settings.resamples = value.parse()?,
            "threads" => threads = value.parse()?,
            _ => return Err(format!("no setting is called `{key}`").into()),
        }
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    Ok(settings)
}

fn task() -> Result<Task> {
    let mut tasks = longitude_hospital::tasks().into_iter();
    let task = tasks.find(|task| task.id == "kidney_disease_3y");
    task.ok_or_else(|| "the hospital asks about kidney disease".into())
}

/// The rows of a hospital, in the order of its numbers.
fn rows(hospital: &Hospital, task: &Task) -> Vec<Row> {
    let mut all = Vec::new();
    for start in (0..hospital.patients).step_by(CHUNK as usize) {
        let numbers = start..(start + CHUNK).min(hospital.patients);
        let made: Vec<Option<Row>> = numbers
            .into_par_iter()
            .map(|number| row(hospital, number, task))
            .collect();
        all.extend(made.into_iter().flatten());
    }
    all
}

fn row(hospital: &Hospital, number: u32, task: &Task) -> Option<Row> {
    let patient = longitude_hospital::patient(hospital, number);
    let at = patient.index()?;
    let end = at.plus(task.horizon);
    let timeline = longitude_hospital::timeline(&patient);
    // Leaving out all who could not be followed, whatever happened to them, selects nobody.
    if patient.end_planned() < end {
        return None;
    }
    let recorded = match task.label(&timeline, at) {
        Label::Yes => true,
        Label::No => false,
        Label::Before | Label::Dead | Label::Censored => return None,
    };
    let sex = patient.sex().to_owned();
    let mut rates = rates(&timeline, end, sex == "male");
    // Two so far apart, the later one after the index date.
    let apart = |rates: &[(Instant, f64)]| {
        let ends = rates.first().zip(rates.last());
        ends.is_some_and(|((first, _), (last, _))| *last > at && (*last - *first).0 >= CHRONIC_DAYS)
    };
    let is_measured = apart(&rates);
    rates.retain(|(_, rate)| *rate < RATE_LOW);
    let events = timeline.history(at).iter().cloned().map(|mut event| {
        event.text_value = None;
        event
    });
    Some(Row {
        subject: timeline.subject().0.cast_unsigned(),
        history: Timeline::new(timeline.subject(), events.collect(), Observation::UNKNOWN),
        at,
        sex,
        site: patient.site().name().to_owned(),
        deprivation: patient.deprivation().to_string(),
        is_planted: patient.is_of_the_group(),
        recorded,
        measured: is_measured.then(|| recorded || apart(&rates)),
        truth: patient
            .onset(Factor::KidneyDisease)
            .is_some_and(|onset| onset <= end),
    })
}

/// Filtration rates from creatinine up to a time, by the CKD-EPI equation of 2021 without race
/// (Inker et al., N Engl J Med 2021).
fn rates(timeline: &Timeline, to: Instant, male: bool) -> Vec<(Instant, f64)> {
    let creatinine = Code::new("LOINC", "2160-0");
    let Some(birth) = timeline.birth() else {
        return Vec::new();
    };
    let (kappa, alpha, sex) = if male {
        (0.9, -0.302, 1.0)
    } else {
        (0.7, -0.241, 1.012)
    };
    let rate = |time: Instant, value: f64| {
        let (x, age) = (value / kappa, (time - birth).years());
        142.0 * x.min(1.0).powf(alpha) * x.max(1.0).powf(-1.2) * 0.9938_f64.powf(age) * sex
    };
    let events = timeline
        .events()
        .iter()
        .filter(|event| event.code == creatinine);
    events
        .filter_map(|event| Some((event.time?, event.numeric_value?)))
        .filter(|(time, _)| *time <= to)
        .map(|(time, value)| (time, rate(time, value)))
        .collect()
}

impl Row {
    fn example(&self) -> Example<'_> {
        Example {
            timeline: &self.history,
            time: self.at,
        }
    }

    /// The group that a repair goes by: what an institution can know.
    fn group(&self) -> String {
        format!("{}, {}, {}", self.sex, self.deprivation, self.site)
    }
}

/// What a row is for: seven in ten are learnt from, one in ten chooses the number of trees, two in
/// ten fit the recalibration and the threshold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Learn,
    Tune,
    Repair,
}

fn part(row: &Row) -> Part {
    match Split::bucket("inequity", row.history.subject()) {
        0..700 => Part::Learn,
        700..800 => Part::Tune,
        _ => Part::Repair,
    }
}

fn world(settings: &Settings, inequity: bool) -> Result<Judged> {
    let task = task()?;
    let hospital = |patients: u32, seed: u64| Hospital {
        patients,
        seed,
        inequity,
        social: true,
        ..Hospital::standard()
    };
    let known = rows(&hospital(settings.patients, settings.seed), &task);
    let looked: Vec<_> = known
        .iter()
        .map(|row| (row.example(), row.measured.is_some()))
        .collect();
    let (_, weights) = observation_weights(Kind::Logistic, &looked, &task, settings.seed)?;
    say(&format!(
        "inequity {inequity}: {} rows to learn from, {:.1} % measured twice, effective {:.0}",
        known.len(),
        100.0 * weights.observed_share,
        weights.effective
    ));
    let one = vec![Some(1.0); known.len()];
    let record = |row: &Row| Some(row.recorded);
    let measured = |row: &Row| row.measured;
    let learner = Learner {
        known: &known,
        task: &task,
        seed: settings.seed,
    };
    let fits = [
        learner.fit(&record, &one)?,
        learner.fit(&measured, &one)?,
        learner.fit(&measured, &weights.weights)?,
    ];
    let fresh = rows(&hospital(settings.fresh, settings.seed + 1000), &task);
    let steps: [(&Fitted, Option<Repair<'_>>); 5] = [
        (&fits[0], None),
        (&fits[0], Some(Repair(&record, &one))),
        (&fits[1], None),
        (&fits[2], None),
        (&fits[2], Some(Repair(&measured, &weights.weights))),
    ];
    let mut arms = Vec::new();
    let mut at_home = Vec::new();
    for (fitted, repair) in steps {
        let (home, away) = learner.arm(fitted, repair.as_ref(), &fresh)?;
        let threshold = threshold_for_alerts(&home, ALERTS).map_err(|reason| reason.to_string())?;
        let alerts = away.iter().map(|&risk| risk >= threshold).collect();
        arms.push((away, alerts));
        at_home = home;
    }
    let policy = learner.policy(&at_home);
    say(&format!(
        "  thresholds of the policy: {:.3} for {GROUP}, {:.3} for everybody else",
        policy.group[0].threshold, policy.threshold
    ));
    let groups = fresh.iter().map(Row::group).collect();
    let away = arms[REPAIRED].0.clone();
    let alerts = policy.alerts(&away, &[("group".to_owned(), groups)]);
    arms.push((away, alerts));
    Ok(Judged {
        arms,
        rows: fresh,
        effective: weights.effective,
        observed: weights.observed_share,
    })
}

type Answer<'a> = &'a dyn Fn(&Row) -> Option<bool>;

/// The labels and weights that a recalibration is fitted on.
struct Repair<'a>(Answer<'a>, &'a [Option<f64>]);

struct Learner<'a> {
    known: &'a [Row],
    task: &'a Task,
    seed: u64,
}

impl Learner<'_> {
    /// The rows of a part that have an answer and a weight.
    fn of(
        &self,
        wanted: Part,
        answer: Answer<'_>,
        weights: &[Option<f64>],
    ) -> Vec<(&Row, bool, f64)> {
        let each = self.known.iter().zip(weights);
        each.filter(|(row, _)| part(row) == wanted)
            .filter_map(|(row, weight)| Some((row, answer(row)?, (*weight)?)))
            .collect()
    }

    fn fit(&self, answer: Answer<'_>, weights: &[Option<f64>]) -> Result<Fitted> {
        let [learn, tune] = [Part::Learn, Part::Tune].map(|wanted| {
            let rows = self.of(wanted, answer, weights);
            let examples: Vec<_> = rows
                .iter()
                .map(|(row, yes, _)| (row.example(), *yes))
                .collect();
            let weights: Vec<f64> = rows.iter().map(|(_, _, weight)| *weight).collect();
            (examples, weights)
        });
        let fitted = fit_weighted(
            Kind::Boosted,
            Weighted {
                examples: &learn.0,
                weights: &learn.1,
            },
            Weighted {
                examples: &tune.0,
                weights: &tune.1,
            },
            &self.task.id,
            self.seed,
        )?;
        say(&format!("  fitted on {} rows", learn.0.len()));
        Ok(fitted)
    }

    /// The rows of the part for repairs, where thresholds are found.
    fn own(&self) -> Vec<&Row> {
        let rows = self.known.iter();
        rows.filter(|row| part(row) == Part::Repair).collect()
    }

    /// Thresholds by which the model expects to find the same share of the group's cases as of
    /// everybody else's, with as many alerts in all as one threshold makes. The expected share of
    /// cases above a threshold is the sum of the risks there over the sum of all.
    fn policy(&self, risks: &[f64]) -> ThresholdPolicy {
        let own = self.own();
        let side = |is_group: bool| -> Vec<f64> {
            let each = own.iter().zip(risks);
            let kept = each.filter(|(row, _)| (row.group() == GROUP) == is_group);
            let mut kept: Vec<f64> = kept.map(|(_, risk)| *risk).collect();
            kept.sort_by(|a, b| b.total_cmp(a));
            kept
        };
        let (group, others) = (side(true), side(false));
        let at = |sorted: &[f64], share: f64| -> (f64, usize) {
            let wanted = share * sorted.iter().sum::<f64>();
            let mut found = 0.0;
            let last = sorted.iter().position(|risk| {
                found += risk;
                found >= wanted
            });
            let last = last.unwrap_or(sorted.len() - 1);
            (sorted[last], last + 1)
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let share = f64::midpoint(low, high);
            let alerts = at(&group, share).1 + at(&others, share).1;
            if alerts as f64 <= ALERTS * own.len() as f64 {
                low = share;
            } else {
                high = share;
            }
        }
        ThresholdPolicy {
            threshold: at(&others, low).0,
            decided_by: "this benchmark".to_owned(),
            decided_on: "2026-01-01".to_owned(),
            group: vec![GroupThreshold {
                dimension: "group".to_owned(),
                value: GROUP.to_owned(),
                threshold: at(&group, low).0,
                reason: "measured half as often, so that its risks tell less apart".to_owned(),
            }],
        }
    }

    /// Risks on the part for repairs and on fresh rows.
    fn arm(
        &self,
        fitted: &Fitted,
        repair: Option<&Repair<'_>>,
        fresh: &[Row],
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let own = self.own();
        let mut at_home = ask(fitted, &own);
        let mut away = ask(fitted, &fresh.iter().collect::<Vec<_>>());
        if let Some(Repair(answer, weights)) = repair {
            let rows = self.of(Part::Repair, answer, weights);
            let asked: Vec<&Row> = rows.iter().map(|(row, _, _)| *row).collect();
            let groups: Vec<String> = asked.iter().map(|row| row.group()).collect();
            let fit = GroupRecalibration::fit(
                &RepairRows {
                    labels: &rows.iter().map(|(_, yes, _)| *yes).collect::<Vec<_>>(),
                    risks: &ask(fitted, &asked),
                    weights: &rows
                        .iter()
                        .map(|(_, _, weight)| *weight)
                        .collect::<Vec<_>>(),
                },
                &groups,
            )
            .map_err(|reason| reason.to_string())?;
            say(&format!(
                "  offsets between groups deviate by {:.3}; women, quintile 5, site C: {:.3}",
                fit.deviation,
                fit.offsets.get(GROUP).copied().unwrap_or(0.0)
            ));
            let apply = |risks: &mut Vec<f64>, rows: &[&Row]| {
                for (risk, row) in risks.iter_mut().zip(rows) {
                    *risk = fit.apply(*risk, &row.group());
                }
            };
            apply(&mut at_home, &own);
            apply(&mut away, &fresh.iter().collect::<Vec<_>>());
        }
        Ok((at_home, away))
    }
}

fn ask(fitted: &Fitted, rows: &[&Row]) -> Vec<f64> {
    let chunks = rows.par_chunks(4096).map(|rows| {
        let examples: Vec<Example<'_>> = rows.iter().map(|row| row.example()).collect();
        fitted.predict(&examples)
    });
    chunks.flatten().collect()
}

fn cost(settings: &Settings, judged: &Judged, arm: usize) -> RepairCost {
    let labels: Vec<bool> = judged.rows.iter().map(|row| row.truth).collect();
    let subjects: Vec<u64> = judged.rows.iter().map(|row| row.subject).collect();
    let dimension = |name: &str, of: &dyn Fn(&Row) -> String| {
        (
            name.to_owned(),
            judged.rows.iter().map(of).collect::<Vec<String>>(),
        )
    };
    let planted = |row: &Row| {
        if row.is_planted {
            "planted"
        } else {
            "everybody else"
        }
    };
    let but =
        |row: &Row, of: &str| format!("{}{of}", if row.is_planted { "(planted) " } else { "" });
    let groups = [
        dimension("inequity", &|row| planted(row).to_owned()),
        dimension("sex", &|row| but(row, &row.sex)),
        dimension("site", &|row| but(row, &row.site)),
        dimension("deprivation", &|row| but(row, &row.deprivation)),
    ];
    let side = |arm: usize| Side {
        risks: &judged.arms[arm].0,
        alerts: &judged.arms[arm].1,
    };
    let options = Intervals {
        seed: settings.seed,
        resamples: settings.resamples,
    };
    repair_cost(
        (&labels, &subjects),
        (side(0), side(arm)),
        &groups,
        THRESHOLD,
        &options,
    )
}

fn report(settings: &Settings, with: &Judged, without: &Judged) {
    let missed = |judged: &Judged, arm: usize, is_planted: bool| {
        let cases: Vec<usize> = (0..judged.rows.len())
            .filter(|&at| judged.rows[at].truth && judged.rows[at].is_planted == is_planted)
            .collect();
        let lost = cases.iter().filter(|&&at| !judged.arms[arm].1[at]).count();
        lost as f64 / cases.len() as f64
    };
    say(&format!(
        "\nrows judged: {} with the inequity, {} without; measured {:.3} and {:.3}; effective {:.0} and {:.0}",
        with.rows.len(),
        without.rows.len(),
        with.observed,
        without.observed,
        with.effective,
        without.effective
    ));
    say("\nmissed true cases, %    group  the group without inequity  effect  everybody else");
    // Without the inequity nobody would declare the policy.
    let without_policy = |arm: usize| missed(without, arm.min(REPAIRED), true);
    let effect = |arm: usize| missed(with, arm, true) - without_policy(arm);
    for (arm, name) in ARMS.iter().enumerate() {
        say(&format!(
            "{name:<22}{:>7.1}{:>28.1}{:>8.1}{:>16.1}",
            100.0 * missed(with, arm, true),
            100.0 * without_policy(arm),
            100.0 * effect(arm),
            100.0 * missed(with, arm, false)
        ));
    }
    let account = cost(settings, with, REPAIRED);
    say("\nrecord -> repaired, paired, 95 %");
    for group in &account.groups {
        let name = format!("{}: {}", group.dimension, group.group);
        let counts = (shown(group.rows), shown(group.positives));
        say(&format!(
            "{name:<34} rows {:>6} cases {:>5}",
            counts.0, counts.1
        ));
        for (what, paired) in [
            ("missed", &group.missed),
            ("observed less expected", &group.observed_less_expected),
            ("net benefit", &group.net_benefit),
            ("alert rate", &group.alert_rate),
        ] {
            say(&format!("    {what:<24} {}", line(paired)));
        }
    }
    for arm in [REPAIRED, ARMS.len() - 1] {
        verdict(
            ARMS[arm],
            &cost(settings, with, arm),
            (effect(0), effect(arm)),
        );
    }
}

fn verdict(arm: &str, account: &RepairCost, (before, after): (f64, f64)) {
    let value = |paired: &Paired| paired.difference.estimate.map_or(f64::NAN, |e| e.value);
    let of = |name: &str| account.groups.iter().find(|group| group.group == name);
    let lost = of("everybody else").map_or(f64::NAN, |group| value(&group.missed));
    let others = account
        .groups
        .iter()
        .filter(|g| g.dimension != "inequity" && g.dimension != "all");
    let others = others.filter(|group| !group.group.starts_with("(planted)"));
    let least = others
        .map(|group| value(&group.net_benefit))
        .fold(f64::INFINITY, f64::min);
    let met = |is_met: bool| if is_met { "met" } else { "NOT MET" };
    let left = after / before;
    say(&format!(
        "\n{arm}\n1 the effect falls by half: {:.1} -> {:.1} points, {:.0} % left: {}\n2 everybody else loses at \
         most 1 point of sensitivity: {:+.2} points: {}\n\
         3 no other group loses 0.005 of net benefit: \
         least change {least:+.4}: {}",
        100.0 * before,
        100.0 * after,
        100.0 * left,
        met(before > 0.0 && left <= 0.5),
        -100.0 * lost,
        met(lost <= 0.01),
        met(least >= -0.005)
    ));
}

fn shown(count: Option<u64>) -> String {
    count.map_or("hidden".to_owned(), |count| count.to_string())
}

fn line(paired: &Paired) -> String {
    let one = |metric: &Metric| match metric.estimate {
        Some(estimate) => format!("{:.4}", estimate.value),
        None => metric.reason.clone().unwrap_or_default(),
    };
    let interval = paired.difference.estimate.and_then(|e| e.low.zip(e.high));
    let interval = interval.map_or(String::new(), |(low, high)| {
        format!(" ({low:+.4} to {high:+.4})")
    });
    format!(
        "{} -> {}: {}{interval}",
        one(&paired.before),
        one(&paired.after),
        one(&paired.difference)
    )
}

/// Tells a line.
fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
