//! Whether evidence is true to the model, and whether it names what was planted: deletion and
//! insertion against matched controls, the planted causes among the cited codes, and how steady the
//! ranking is between seeds. On patients of a fresh draw at their index dates.

use crate::answer::{Row, engine, fresh};
use crate::world::World;
use crate::{Result, Settings, say};
use longitude_core::{Label, Task};
use longitude_hospital::SubjectTruth;
use longitude_predict::{
    Asked, Engine, Faithful, FaithfulOptions, Faithfulness, SampleOptions, Share, Stability, Way,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Patients tested.
const ROWS_MAX: usize = 60;
/// Futures of a ranking whose steadiness is asked.
const FUTURES: [u32; 2] = [16, 64];

/// How often the planted is among the cited.
#[derive(Serialize)]
struct Planted {
    /// A cause with a planted effect is among the codes that are cited alone, or jointly.
    any_alone: Option<Share>,
    any_joint: Option<Share>,
    /// The same share for codes drawn at random from the same histories.
    any_by_chance: f64,
    /// The recorded cause with the strongest effect is among them.
    strongest_alone: Option<Share>,
    strongest_joint: Option<Share>,
    strongest_by_chance: f64,
    /// Mean share of the cited that are causes, and of all codes of the history.
    precision_alone: f64,
    precision_by_chance: f64,
}

#[derive(Serialize)]
struct Report {
    patients: usize,
    options: FaithfulOptions,
    faithfulness: Faithfulness,
    by_task: BTreeMap<String, Faithfulness>,
    planted: Planted,
    planted_by_task: BTreeMap<String, Planted>,
    /// By the number of futures.
    stability: BTreeMap<u32, [f64; 2]>,
}

/// An answer with its test and its planted causes.
struct Case {
    test: Faithful,
    causes: Vec<String>,
    strongest: Option<String>,
}

pub(crate) fn faithful(settings: &Settings) -> Result {
    let rows = fresh(settings)?;
    let engine = engine(settings)?;
    let world = World::new(settings, 1)?;
    let truth = longitude_hospital::truth(world.options(), settings.threads)?;
    let known = rows.iter().filter_map(|row| {
        let subject = &truth.subjects[row.number as usize];
        (!subject.causes.is_empty()).then_some((row, subject))
    });
    let known: Vec<(&Row, &SubjectTruth)> = known.take(ROWS_MAX).collect();
    let tasks = longitude_hospital::tasks();
    let options = FaithfulOptions::research(settings.seed);
    let mut tests: BTreeMap<String, Vec<Option<Faithful>>> = BTreeMap::new();
    let mut cases = Vec::new();
    for (done, (row, subject)) in known.iter().enumerate() {
        let open = tasks.iter().filter(|task| {
            let label = task.label(&row.timeline, row.at);
            !matches!(label, Label::Before | Label::Dead)
        });
        let open: Vec<Task> = open.cloned().collect();
        let found = engine.faithfulness(&row.asked(), (&open, Way::QueryHead), &options)?;
        for (task, test) in open.iter().zip(found) {
            cases.extend(test.clone().map(|test| case(task, test, subject)));
            tests.entry(task.id.clone()).or_default().push(test);
        }
        if done % 20 == 19 {
            say(&format!("{} of {} patients", done + 1, known.len()));
        }
    }
    let steady = known.iter().take(settings.sampled.max(1));
    let steady: Vec<Asked<'_>> = steady.map(|(row, _)| row.asked()).collect();
    let report = Report {
        patients: known.len(),
        options,
        faithfulness: Faithfulness::of(&tests.values().flatten().cloned().collect::<Vec<_>>()),
        by_task: tests
            .iter()
            .map(|(task, tests)| (task.clone(), Faithfulness::of(tests)))
            .collect(),
        planted: planted(&cases.iter().collect::<Vec<_>>()),
        planted_by_task: tests
            .keys()
            .map(|task| {
                let own: Vec<&Case> = cases.iter().filter(|c| c.test.task == *task).collect();
                (task.clone(), planted(&own))
            })
            .collect(),
        stability: stability(&engine, (&steady, &tasks), settings)?,
    };
    let path = settings.dir.join("faithful.json");
    std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    say(&markdown(&report));
    Ok(())
}

fn case(task: &Task, test: Faithful, subject: &SubjectTruth) -> Case {
    let own = subject.causes.iter().filter(|cause| cause.task == task.id);
    let effects = own
        .clone()
        .filter_map(|cause| Some((cause, cause.log_hazard_ratio?)));
    let strongest = effects.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    Case {
        test,
        causes: own.map(|cause| cause.code.clone()).collect(),
        strongest: strongest.map(|(cause, _)| cause.code.clone()),
    }
}

fn planted(cases: &[&Case]) -> Planted {
    let some: Vec<&&Case> = cases
        .iter()
        .filter(|case| !case.causes.is_empty())
        .collect();
    let any = |pick: &dyn Fn(&Faithful) -> Vec<String>| {
        let hit = |case: &&&Case| {
            pick(&case.test)
                .iter()
                .any(|code| case.causes.contains(code))
        };
        Share::of(some.iter().map(hit))
    };
    let strongest = |pick: &dyn Fn(&Faithful) -> Vec<String>| {
        let hit = |case: &&&Case| Some(pick(&case.test).contains(case.strongest.as_ref()?));
        Share::of(some.iter().filter_map(hit))
    };
    let alone = |test: &Faithful| test.alone.clone();
    let joint = |test: &Faithful| test.cited.clone();
    let mean = |of: &dyn Fn(&Case) -> f64| {
        some.iter().map(|case| of(case)).sum::<f64>() / some.len().max(1) as f64
    };
    Planted {
        any_alone: any(&alone),
        any_joint: any(&joint),
        any_by_chance: mean(&|case| {
            // Without replacement: one minus the chance that none of the drawn is a cause.
            let (n, causes) = (f64::from(case.test.codes), case.causes.len() as f64);
            let none = (0..case.test.alone.len()).map(|drawn| {
                let drawn = drawn as f64;
                ((n - causes - drawn) / (n - drawn)).max(0.0)
            });
            1.0 - none.product::<f64>()
        }),
        strongest_alone: strongest(&alone),
        strongest_joint: strongest(&joint),
        strongest_by_chance: mean(&|case| {
            case.test.alone.len() as f64 / f64::from(case.test.codes.max(1))
        }),
        precision_alone: mean(&|case| {
            let alone = &case.test.alone;
            let right = alone.iter().filter(|code| case.causes.contains(code));
            right.count() as f64 / alone.len().max(1) as f64
        }),
        precision_by_chance: mean(&|case| {
            case.causes.len() as f64 / f64::from(case.test.codes.max(1))
        }),
    }
}

/// Mean rank correlation and overlap of the five strongest between two seeds, by futures.
fn stability(
    engine: &Engine,
    (asked, tasks): (&[Asked<'_>], &[Task]),
    settings: &Settings,
) -> Result<BTreeMap<u32, [f64; 2]>> {
    let mut all = BTreeMap::new();
    if settings.sampled == 0 {
        return Ok(all);
    }
    for samples in FUTURES {
        let sampling = SampleOptions {
            samples,
            ..SampleOptions::research(settings.seed)
        };
        let mut found: Vec<Stability> = Vec::new();
        for one in asked {
            let seeds = [settings.seed, settings.seed + 1];
            let steady = engine.stability(one, tasks, (&sampling, seeds), 5)?;
            found.extend(steady.into_iter().flatten());
        }
        let mean = |of: &dyn Fn(&Stability) -> f64| {
            found.iter().map(of).sum::<f64>() / found.len().max(1) as f64
        };
        all.insert(
            samples,
            [mean(&|one| one.correlation), mean(&|one| one.overlap)],
        );
    }
    Ok(all)
}

fn share(share: Option<Share>) -> String {
    share.map_or_else(
        || "-".to_owned(),
        |Share {
             of,
             share,
             interval: [low, high],
         }| { format!("{share:.3} ({low:.3} to {high:.3}; n {of})") },
    )
}

fn markdown(report: &Report) -> String {
    let Report {
        faithfulness: f,
        planted: p,
        ..
    } = report;
    let mut text = format!(
        "{} patients, {} answers tested, {} left out\n\n",
        report.patients, f.tested, f.left_out
    );
    for (name, value) in [
        ("joint deletion beats the mean control", f.joint_beats_mean),
        ("joint deletion beats every control", f.joint_beats_all),
        ("deletion area beats the mean control", f.deletion_beats),
        ("insertion area beats the mean control", f.insertion_beats),
        ("a planted cause among the cited, alone", p.any_alone),
        ("a planted cause among the cited, jointly", p.any_joint),
        ("the strongest planted cause, alone", p.strongest_alone),
        ("the strongest planted cause, jointly", p.strongest_joint),
    ] {
        text += &format!("| {name} | {} |\n", share(value));
    }
    text += &format!(
        "\nby chance: a cause {:.3}, the strongest {:.3}; of the cited are causes {:.3}, of all \
         codes {:.3}\n\n",
        p.any_by_chance, p.strongest_by_chance, p.precision_alone, p.precision_by_chance
    );
    text += "| task | tested | joint beats mean | insertion beats | cause, alone | chance | \
             strongest, alone | chance |\n|---|---|---|---|---|---|---|---|\n";
    let short = |share: Option<Share>| share.map_or("-".to_owned(), |s| format!("{:.3}", s.share));
    for (task, f) in &report.by_task {
        let p = &report.planted_by_task[task];
        text += &format!(
            "| {task} | {} | {} | {} | {} | {:.3} | {} | {:.3} |\n",
            f.tested,
            short(f.joint_beats_mean),
            short(f.insertion_beats),
            short(p.any_alone),
            p.any_by_chance,
            short(p.strongest_alone),
            p.strongest_by_chance,
        );
    }
    let names = ["deletion", "its controls", "insertion", "its controls"];
    for (name, curve) in names.iter().zip(&f.curves) {
        let points: Vec<String> = curve.iter().map(|v| format!("{v:.3}")).collect();
        text += &format!("\n{name}, mean logits by step: {}", points.join(" "));
    }
    for (futures, [correlation, overlap]) in &report.stability {
        text += &format!(
            "\n{futures} futures, two seeds: rank correlation {correlation:.3}, overlap of the \
             five strongest {overlap:.3}"
        );
    }
    text + "\n"
}
