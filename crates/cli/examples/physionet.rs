//! In-hospital death at 48 hours on the PhysioNet Challenge 2012, one direction: learn on one set
//! of stays, answer for the other, with all members of the stack. `cases/comparisons/physionet.py`
//! ingests and de-identifies the sets, runs this both ways and LightGBM beside it, and compares.
//!
//! `cargo xtask bench physionet --source DIR ...`; by itself:
//! `... --example physionet -- TRAIN_MEDS TEST_MEDS OUT.csv [epochs=4] [threads=2] [width=64]
//! [kept=EARLIER.csv]`; with `kept` the sequence model's answers are those of an earlier run.
//!
//! Every member is cross-fitted with the same folds. The sequence model learns the stays as they
//! are and, by its query head, random questions and three known ones at random times of the stay:
//! death before discharge, discharge, and death at any time.

use anyhow::{Context, Result, bail, ensure};
use longitude_baseline::{Example, FOLDS, Kind, cross_fit, fold_of};
use longitude_core::{Code, CodeMatch, Days, Digest, Instant, Predicate, Task, Timeline};
use longitude_deid::Deidentified;
use longitude_model::{Config, Device, Incidence};
use longitude_predict::{AbstainOptions, Asked, Engine, Fitted, PopulationBuilder, Stack};
use longitude_store::Dataset;
use longitude_tokens::{Vocabulary, VocabularyBuilder, VocabularyOptions};
use longitude_train::{
    Control, KnownQuestion, Options, Part, QueryOptions, TrainData, Trained, sizes, train,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// When the question is asked, after admission.
const ASKED: Days = Days(2.0);
/// Events of a segment: about a stay's first two days.
const CONTEXT: usize = 512;
/// Fewer subjects than this teach no code of its own.
const SUBJECTS_MIN: u32 = 20;
/// Beyond this a stay is not looked at any more.
const HORIZON: Days = Days(365.0);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [learn, test, out, rest @ ..] = &arguments[..] else {
        bail!("TRAIN_MEDS TEST_MEDS OUT.csv [epochs=N] [threads=N] [width=N]");
    };
    let settings = Settings::read(rest)?;
    let (learn, test) = (
        Stays::read(Path::new(learn))?,
        Stays::read(Path::new(test))?,
    );
    let labels = learn.labels.iter().copied();
    let labelled: Vec<_> = learn.examples().into_iter().zip(labels).collect();
    let mut members = Vec::new();
    for kind in [Kind::Boosted, Kind::Logistic] {
        let (fitted, risks) = cross_fit(kind, &labelled, &task(), FOLDS, 1)?;
        members.push(Member {
            name: kind.name(),
            learn: risks,
            test: fitted.predict(&test.examples()),
        });
    }
    let [sequence, days, death] = match &settings.kept {
        Some(kept) => kept_answers(kept, [&learn, &test])?,
        None => sequence(&learn, &test, &settings)?,
    };
    members.push(sequence);
    let risks: Vec<(&str, &[f64])> = members.iter().map(|m| (m.name, &m.learn[..])).collect();
    let stack = Stack::fit(&risks, &learn.labels)?;
    eprintln!("{:?}: weights {:.3?}", stack.members(), stack.weights());
    let stacked = |side: fn(&Member) -> &[f64], count: usize| -> Vec<f64> {
        let row = |i| {
            members
                .iter()
                .map(|member| side(member)[i])
                .collect::<Vec<f64>>()
        };
        (0..count).map(|i| stack.risk(&row(i))).collect()
    };
    members.push(Member {
        name: "stack",
        learn: stacked(|member| &member.learn, learn.labels.len()),
        test: stacked(|member| &member.test, test.labels.len()),
    });
    members.extend([days, death]);
    std::fs::write(out, csv(&learn, &test, &members)?).with_context(|| out.clone())
}

struct Settings {
    epochs: usize,
    threads: usize,
    width: usize,
    kept: Option<String>,
}

impl Settings {
    fn read(words: &[String]) -> Result<Self> {
        let pairs = words
            .iter()
            .map(|word| word.split_once('=').context("name=number"));
        let given = pairs.collect::<Result<BTreeMap<&str, &str>>>()?;
        let number = |name, usual| given.get(name).map_or(Ok(usual), |text| text.parse());
        Ok(Self {
            epochs: number("epochs", 4)?,
            threads: number("threads", 2)?,
            width: number("width", 64)?,
            kept: given.get("kept").map(|path| (*path).to_owned()),
        })
    }
}

/// A member's answers: out of fold on the set that was learnt from, and on the other.
struct Member {
    name: &'static str,
    learn: Vec<f64>,
    test: Vec<f64>,
}

/// The stays of one set, and what became of them.
struct Stays {
    timelines: Vec<Timeline>,
    sealed: Vec<Deidentified<Timeline>>,
    asked: Vec<Instant>,
    labels: Vec<bool>,
}

impl Stays {
    /// Reads a de-identified data set with the receipt that lies in its folder.
    fn read(meds: &Path) -> Result<Self> {
        let mut stays = Self {
            timelines: vec![],
            sealed: vec![],
            asked: vec![],
            labels: vec![],
        };
        let data = Dataset::open(meds)?;
        let receipt = std::fs::read(meds.join("deid.json")).context("deid.json")?;
        let reopened = longitude_deid::reopen(&serde_json::from_slice(&receipt)?, data.digest()?)?;
        let (died, admission) = (task().outcome, Code::from_meds("ICU_ADMISSION"));
        for timeline in data.timelines(None) {
            let timeline = timeline?;
            let mut events = timeline.events().iter();
            let admission = events.find(|e| e.code == admission).and_then(|e| e.time);
            let Some(admission) = admission else { continue };
            stays.asked.push(admission.plus(ASKED));
            let mut events = timeline.events().iter();
            stays.labels.push(events.any(|event| died.holds(event)));
            stays.sealed.push(reopened.timeline(timeline.clone()));
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

    fn asked(&self) -> Vec<Asked<'_>> {
        let pairs = self.timelines.iter().zip(&self.asked);
        pairs
            .map(|(timeline, at)| Asked { timeline, at: *at })
            .collect()
    }
}

/// Death before discharge.
fn task() -> Task {
    Task {
        id: "in_hospital_death".to_owned(),
        title: "Death before discharge".to_owned(),
        outcome: codes(&["HOSPITAL_DISCHARGE//DIED"]),
        horizon: HORIZON,
        incident: false,
    }
}

fn codes(names: &[&str]) -> Predicate {
    let any_of = names
        .iter()
        .map(|name| CodeMatch::Exact(Code::from_meds(name)));
    Predicate {
        any_of: any_of.collect(),
    }
}

/// The known questions: an outcome and what ends the wait for it.
fn questions() -> [(Predicate, Predicate); 3] {
    let (died, alive) = ("HOSPITAL_DISCHARGE//DIED", "HOSPITAL_DISCHARGE//ALIVE");
    [
        (codes(&[died]), codes(&[alive])),
        (codes(&[died, alive]), codes(&[])),
        (codes(&["MEDS_DEATH"]), codes(&[])),
    ]
}

const SEQUENCE: [&str; 3] = ["sequence", "los_sequence", "death_sequence"];

/// The sequence model's answers in the file of an earlier run on the same stays in the same order.
fn kept_answers(path: &str, stays: [&Stays; 2]) -> Result<[Member; 3]> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().context("an empty file")?;
    let place = |name| head.iter().position(|column| *column == name).context(name);
    let places = [
        place(SEQUENCE[0])?,
        place(SEQUENCE[1])?,
        place(SEQUENCE[2])?,
    ];
    let mut out = SEQUENCE.map(|name| Member {
        name,
        learn: vec![],
        test: vec![],
    });
    let subjects = stays.map(|set| set.timelines.iter().map(Timeline::subject));
    for (subject, cells) in subjects.into_iter().flatten().zip(lines) {
        ensure!(cells[1] == subject.0.to_string(), "{path}: other stays");
        for (member, place) in out.iter_mut().zip(places) {
            let side = if cells[0] == "train" {
                &mut member.learn
            } else {
                &mut member.test
            };
            side.push(cells[place].parse()?);
        }
    }
    Ok(out)
}

/// The sequence model, one a fold: death in hospital, the median days to discharge, and death.
fn sequence(learn: &Stays, test: &Stays, settings: &Settings) -> Result<[Member; 3]> {
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(SUBJECTS_MIN));
    for timeline in &learn.timelines {
        builder.observe(timeline);
    }
    let vocabulary = Arc::new(builder.finish()?);
    let mut out = SEQUENCE.map(|name| Member {
        name,
        learn: vec![f64::NAN; learn.labels.len()],
        test: vec![0.0; test.labels.len()],
    });
    for fold in 0..FOLDS {
        let model = fit_fold(&vocabulary, learn, fold, settings)?;
        let best = model
            .record
            .tuning
            .iter()
            .find(|point| point.step == model.record.best_step);
        eprintln!("fold {fold}: {} steps, {best:?}", model.record.steps_done);
        let engine = engine(model, Arc::clone(&vocabulary), settings.threads)?;
        let own = learn.asked();
        for (i, answers) in answers(&engine, &own)?.into_iter().enumerate() {
            if fold_of(learn.timelines[i].subject(), FOLDS) == fold {
                for (member, answer) in out.iter_mut().zip(answers) {
                    member.learn[i] = answer;
                }
            }
        }
        for (i, answers) in answers(&engine, &test.asked())?.into_iter().enumerate() {
            for (k, (member, answer)) in out.iter_mut().zip(answers).enumerate() {
                // Risks are averaged as logits, as those of the count models are.
                let share = 1.0 / FOLDS as f64;
                member.test[i] += share * if k == 1 { answer } else { logit(answer) };
            }
        }
    }
    for k in [0, 2] {
        for risk in &mut out[k].test {
            *risk = 1.0 / (1.0 + (-*risk).exp());
        }
    }
    Ok(out)
}

fn fit_fold(
    vocabulary: &Vocabulary,
    learn: &Stays,
    fold: usize,
    settings: &Settings,
) -> Result<Trained> {
    let mut data = TrainData::new(vocabulary)?;
    for (timeline, sealed) in learn.timelines.iter().zip(&learn.sealed) {
        match fold_of(timeline.subject(), FOLDS) {
            own if own == fold => {}
            next if next == (fold + 1) % FOLDS => data.push(Part::EarlyStop, sealed),
            _ => data.push(Part::Learn, sealed),
        }
    }
    let shape = (settings.width, 3, settings.width / 16);
    let config = Config::shaped(shape, CONTEXT, sizes(vocabulary)?).with_queries();
    let events = settings.epochs * data.events(Part::Learn);
    let steps = u64::try_from(events.div_ceil(2048))?.max(1);
    let known = questions().map(|(outcome, competing)| {
        let [predicate, competing] =
            [outcome, competing].map(|side| vocabulary.ids_matching(&side));
        KnownQuestion {
            predicate,
            competing,
        }
    });
    let options = Options {
        batch_tokens: 2048,
        threads: settings.threads,
        queries: QueryOptions {
            position_share: 1.0 / 8.0,
            per_position: 3,
            known: known.into(),
            known_share: 2.0 / 3.0,
            ..QueryOptions::default()
        },
        ..Options::for_shape(config, steps, 7 + fold as u64)
    };
    Ok(train(&data, &options, &mut |_| Control::Continue)?)
}

fn engine(model: Trained, vocabulary: Arc<Vocabulary>, threads: usize) -> Result<Engine> {
    let fitted = Fitted {
        calibrations: BTreeMap::new(),
        population: PopulationBuilder::new(&vocabulary, &[]).finish(),
        abstain: AbstainOptions::research(),
        pooled: BTreeMap::new(),
    };
    let (model, root) = (Arc::new(model.model), Digest::of(b"physionet"));
    Ok(Engine::new(
        &model,
        vocabulary,
        fitted,
        root,
        Device::cpu(threads),
    )?)
}

/// Of each stay the risk of death in hospital, the median days to discharge, the risk of death.
fn answers(engine: &Engine, asked: &[Asked<'_>]) -> Result<Vec<[f64; 3]>> {
    let curves = engine.incidence_many(asked, &questions())?;
    let answer = |curves: Vec<Option<Incidence>>| {
        let [died, left, death] = &curves[..] else {
            bail!("three questions have three answers");
        };
        let within =
            |curve: &Option<Incidence>| curve.as_ref().map_or(0.0, |c| c.within(HORIZON.0));
        let median = left.as_ref().map_or(HORIZON.0, median);
        Ok([within(died), ASKED.0 + median, within(death)])
    };
    curves.into_iter().map(answer).collect()
}

/// Where half of those asked about have left, by bisection.
fn median(curve: &Incidence) -> f64 {
    let (mut low, mut high) = (0.0, HORIZON.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if curve.within(middle) < 0.5 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn logit(risk: f64) -> f64 {
    let risk = risk.clamp(1e-6, 1.0 - 1e-6);
    (risk / (1.0 - risk)).ln()
}

fn csv(learn: &Stays, test: &Stays, members: &[Member]) -> Result<String> {
    let mut csv = "set,subject,died".to_owned();
    for member in members {
        write!(csv, ",{}", member.name)?;
    }
    csv.push('\n');
    for (set, stays) in [("train", learn), ("test", test)] {
        for (i, timeline) in stays.timelines.iter().enumerate() {
            let (subject, died) = (timeline.subject().0, u8::from(stays.labels[i]));
            write!(csv, "{set},{subject},{died}")?;
            for member in members {
                let side = if set == "train" {
                    &member.learn
                } else {
                    &member.test
                };
                write!(csv, ",{}", side[i])?;
            }
            csv.push('\n');
        }
    }
    Ok(csv)
}
