//! Everything that a prediction is made from: the run's model, the task, who is asked about, and
//! what was fitted for the task.

use super::Arguments;
use super::fit::{self, Fitted, Learning};
use super::futures::ByProgram;
use super::members::{Members, Row, Sampling};
use super::question::asking;
use super::tables::Files;
use crate::answering::Answering;
use crate::failure::{Failure, Kind};
use crate::journal::Journal;
use crate::labelling::{self, Job as Labelling, Texts};
use crate::lock::Lock;
use crate::pipeline::{code_version, write_private};
use crate::{interrupt, machine};
use anyhow::{Context as _, Result};
use longitude_core::{Days, Digest, NamedDigest, Receipt, Split, SubjectId, Timeline};
use longitude_govern::RunLedger;
use longitude_model::Level;
use longitude_predict::{Question, SampleOptions};
use longitude_store::{Dataset, pass};
use longitude_tasks::{Asked, Context, Indirect, Mode, Ontology, Program};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What decides the answers beside model, task and data; it is in the receipt.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Options {
    pub(super) sampling: SampleOptions,
    pub(super) estimator: super::members::Estimator,
    pub(super) until_max_days: f64,
    pub(super) kernels: String,
    pub(super) act_level: Option<f64>,
    pub(super) evidence: usize,
    pub(super) split: Option<Split>,
}

/// One prediction to be made, or made again.
pub(super) struct Job {
    pub(super) options: Options,
    pub(super) program: Program,
    /// The run whose model answers.
    pub(super) run: Answering,
    /// The task's texts.
    pub(super) task: Digest,
    /// The data set of those who are asked about.
    pub(super) data: Dataset,
    folder: PathBuf,
    /// The task as one question, or why it is none.
    question: Result<Question, Indirect>,
    /// What stands above the run's codes.
    ontology: Ontology,
    /// How far futures go where they are labelled by the program.
    forward: Days,
}

/// What was fitted, with the digest of its file.
pub(super) struct Kept {
    pub(super) fitted: Fitted,
    pub(super) digest: Digest,
}

impl Job {
    /// Reads all of it; an altered model, a broken task or a data set that is none is refused.
    pub(super) fn open(arguments: &Arguments) -> Result<Self> {
        let texts = Texts::read(&arguments.task, arguments.predicates.as_deref())?;
        let program = texts.compile(Mode::Strict)?;
        yes_or_no(&program)?;
        let run = Answering::open(
            &arguments.run,
            arguments.institution.as_deref(),
            arguments.passphrase_file.as_deref(),
        )?;
        let own_folder = run.layout.meds();
        let folder = arguments.data.clone().unwrap_or_else(|| own_folder.clone());
        let data = Dataset::open(&folder)?;
        let questions = &run.questions;
        let options = Options {
            sampling: SampleOptions {
                samples: arguments.samples.unwrap_or(questions.sampling.samples),
                events_max: arguments
                    .events_max
                    .unwrap_or(questions.sampling.events_max),
                seed: arguments.seed.unwrap_or(questions.sampling.seed),
                ..questions.sampling
            },
            estimator: arguments.estimator,
            until_max_days: arguments.until_max_days,
            kernels: format!("{:?}", Level::best()),
            act_level: arguments.act_level,
            evidence: arguments.evidence,
            split: arguments.split,
        };
        let predicates = texts.predicates.as_ref().map_or("", |(_, text)| text);
        let task = Digest::of_parts(&[texts.task.1.as_bytes(), predicates.as_bytes()]);
        let until = Days(arguments.until_max_days);
        let own = labelling::context(&own_folder, None, &program)?;
        let vocabulary = (run.engine.vocabulary(), &own.ontology);
        let question = program
            .question()
            .map(|question| asking(&question, &task.to_string(), vocabulary, until));
        let (fixed, open) = program.forward();
        let forward = Days::from_micros(fixed).0 + if open { until.0 } else { 0.0 };
        Ok(Self {
            options,
            question,
            program,
            run,
            task,
            data,
            folder,
            forward: Days(forward),
            ontology: own.ontology,
        })
    }

    /// Why the task is not one question, if so.
    pub(super) fn indirect(&self) -> Option<&Indirect> {
        self.question.as_ref().err()
    }

    /// The question, where the task is one.
    pub(super) fn question(&self) -> Option<&Question> {
        self.question.as_ref().ok()
    }

    /// Who is asked about, by subject and time, once each.
    pub(super) fn asked(&self) -> Result<Vec<Asked>> {
        let labelled = labelled(&self.program, &self.folder)?;
        for warning in &labelled.warnings {
            eprintln!("warning: {warning}");
        }
        let mut asked = labelled.asked;
        if let Some(split) = self.options.split {
            asked.retain(|one| self.data.split(one.subject) == Some(split));
        }
        let before = asked.len();
        asked.sort_by_key(|one| (one.subject, one.prediction_time, one.trigger));
        asked.dedup_by_key(|one| (one.subject, one.prediction_time));
        if asked.len() < before {
            eprintln!(
                "warning: {} triggers ask about a subject at a time that is asked about already; \
                 the first of each is answered",
                before - asked.len()
            );
        }
        if asked.is_empty() {
            let message = format!(
                "nobody in {} is asked about: {} triggers of {} subjects, and none leads to a \
                 prediction time whose windows fit",
                self.folder.display(),
                labelled.triggers,
                labelled.subjects
            );
            let mend = "see the warnings above; `longitude label` with --explain SUBJECT says of \
                        each trigger what became of it";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        Ok(asked)
    }

    /// The members, as far as they can answer this task.
    pub(super) fn members<'a>(&'a self, fitted: &'a Fitted) -> Members<'a> {
        let known = self.question().filter(|one| !one.outcome.marks.is_empty());
        let query = known.filter(|one| self.run.engine.query_refusal(one).is_none());
        let by_program = || {
            let ontology = self.ontology.clone();
            let program = ByProgram {
                program: &self.program,
                context: Context {
                    ontology,
                    ..Context::default()
                },
                horizon: self.forward,
            };
            let labels = self.indirect().is_some_and(|one| one.labels_futures);
            labels.then(|| Sampling::ByProgram(Box::new(program)))
        };
        let direct = known.map(|one| Sampling::Direct(one.clone(), self.options.estimator));
        Members {
            engine: &self.run.engine,
            options: self.options.sampling,
            sampling: direct.or_else(by_program),
            query: query.cloned(),
            logistic: fitted.logistic.as_ref(),
            boosted: fitted.boosted.as_ref(),
        }
    }

    /// Why members that look at the model cannot answer, by name.
    fn absent(&self) -> BTreeMap<String, String> {
        let mut absent = BTreeMap::new();
        match &self.question {
            Err(indirect) => {
                absent.insert("query".to_owned(), indirect.to_string());
                if !indirect.labels_futures {
                    absent.insert("sampled".to_owned(), indirect.to_string());
                }
            }
            Ok(question) => {
                if let Some(refusal) = self.run.engine.query_refusal(question) {
                    absent.insert("query".to_owned(), refusal.to_string());
                }
                if question.outcome.marks.is_empty() {
                    let reason = "the model knows no code of the outcome";
                    absent.insert("sampled".to_owned(), reason.to_owned());
                }
            }
        }
        absent
    }

    /// What was fitted for this task: read, or fitted now and kept with its receipt.
    pub(super) fn fitted(&self) -> Result<Kept> {
        #[derive(Serialize)]
        struct Key<'a> {
            task: Digest,
            model: Digest,
            sampling: &'a SampleOptions,
            estimator: super::members::Estimator,
            until_max_days: f64,
            code: String,
        }
        let key = Digest::of_json(&Key {
            task: self.task,
            model: self.run.root,
            sampling: &self.options.sampling,
            estimator: self.options.estimator,
            until_max_days: self.options.until_max_days,
            code: code_version(),
        })?;
        let name = format!("tasks/{}", &key.hex()[..32]);
        let path = self.run.layout.root().join(&name).join("fitted.json");
        let _lock = Lock::take(self.run.layout.root())?;
        let mut ledger = RunLedger::open(&self.run.layout, &self.run.institution.keys)?;
        if path.is_file() {
            self.is_receipted(&ledger, &name)?;
        } else {
            eprintln!("fitting this task on the run's training and tuning subjects, once");
            let fitted = self.fit()?;
            fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            write_private(&path, &serde_json::to_vec(&fitted)?)?;
            let receipt = Receipt {
                step: "task".to_owned(),
                code: code_version(),
                options: key,
                inputs: vec![ledger.output("meds")?, ledger.output("model")?],
                outputs: vec![ledger.output(&name)?],
                seed: Some(self.options.sampling.seed),
            };
            ledger.append_receipt(&receipt)?;
        }
        // What is read back is what later predictions read.
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let fitted = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("{}: another version wrote it: {error}", path.display());
            let mend = "remove its folder: what was fitted for the task is then fitted again";
            Failure::new(Kind::Input, message, mend)
        })?;
        let digest = Digest::of(&bytes);
        Ok(Kept { fitted, digest })
    }

    /// What was kept is what the run's ledger says.
    fn is_receipted(&self, ledger: &RunLedger, name: &str) -> Result<()> {
        let found = ledger.output(name)?;
        let leaves = ledger.leaves()?.into_iter().rev();
        let mut receipts =
            leaves.filter_map(|leaf| serde_json::from_value::<Receipt>(leaf.receipt).ok());
        let last = receipts.find_map(|receipt| {
            let mut outputs = receipt.outputs.into_iter();
            outputs.find(|output| output.name == name)
        });
        if last.is_some_and(|last| last.digest == found.digest) {
            return Ok(());
        }
        let message = format!(
            "{}: it is not what the run's ledger has a receipt of",
            self.run.layout.root().join(name).display()
        );
        let mend = "remove that folder: what was fitted for the task is then fitted again";
        Err(Failure::new(Kind::Verification, message, mend).into())
    }

    fn fit(&self) -> Result<Fitted> {
        let learning = self.learning()?;
        let seed = self.options.sampling.seed;
        let horizon = self
            .question()
            .map_or(self.forward, |one| one.outcome.horizon);
        let mut fitted = Fitted::on_train((self.task, self.run.root), &learning, (horizon, seed))?;
        fitted.absent.extend(self.absent());
        // What JSON makes of the models is what is weighed: later predictions read it.
        let fitted: Fitted = serde_json::from_slice(&serde_json::to_vec(&fitted)?)?;
        let (novelty, ensemble) = {
            let mut members = self.members(&fitted);
            let novelty = fit::novelty(&members, &learning.train)?;
            (novelty, fit::ensemble(&mut members, &learning.tuned, seed)?)
        };
        Ok(Fitted {
            ensemble,
            novelty,
            ..fitted
        })
    }

    /// The run's own subjects with their labels, by what they serve.
    fn learning(&self) -> Result<Learning> {
        let labelled = labelled(&self.program, &self.run.layout.meds())?;
        let mut by_subject: BTreeMap<SubjectId, Vec<Asked>> = BTreeMap::new();
        for one in labelled.asked {
            by_subject.entry(one.subject).or_default().push(one);
        }
        let mut learning = Learning::default();
        for split in [Split::Train, Split::Tuning] {
            for timeline in self.run.data.timelines(Some(split)) {
                interrupt::check()?;
                let timeline = timeline?;
                let Some(asked) = by_subject.get(&timeline.subject()) else {
                    continue;
                };
                let timeline = Arc::new(self.run.reopened.timeline(timeline).into_inner());
                let rows = asked.iter().map(|one| row(&timeline, one)).collect();
                learning.keep(split, rows);
            }
        }
        Ok(learning)
    }

    /// What was done goes into the institution's journal.
    pub(super) fn receipt(&self, kept: &Kept, files: &Files) -> Result<()> {
        let named = |name: &str, digest| NamedDigest {
            name: name.to_owned(),
            digest,
        };
        let receipt = Receipt {
            step: "predict".to_owned(),
            code: code_version(),
            options: Digest::of_json(&self.options)?,
            inputs: vec![
                named("model", self.run.root),
                named("meds", self.data.digest()?),
                named("task", self.task),
                named("fitted", kept.digest),
            ],
            outputs: vec![
                named("predictions, Merkle root of lines", files.root),
                named("table", files.table),
            ],
            seed: Some(self.options.sampling.seed),
        };
        Journal::open(&self.run.institution)?.receipt(&receipt)?;
        Ok(())
    }
}

/// A row of a subject's question.
pub(super) fn row(timeline: &Arc<Timeline>, asked: &Asked) -> Row {
    Row {
        timeline: Arc::clone(timeline),
        at: asked.prediction_time,
        trigger: asked.trigger,
        label: asked.sample.and_then(|sample| sample.boolean),
    }
}

/// Refuses a label that is no yes or no.
fn yes_or_no(program: &Program) -> Result<()> {
    let [boolean, ..] = program.label_values();
    if boolean {
        return Ok(());
    }
    let what = program.question().err().map_or_else(
        || "the label is no yes or no".to_owned(),
        |indirect| indirect.to_string(),
    );
    let mend = "ask for whether an outcome happens: `label: NAME`, or `label: { time_to: NAME }`";
    Err(Failure::new(Kind::Input, what, mend).into())
}

/// Who is asked about in a data set, with what labelling found odd.
struct Labelled {
    asked: Vec<Asked>,
    warnings: Vec<longitude_tasks::Warning>,
    triggers: u64,
    subjects: u64,
}

fn labelled(program: &Program, folder: &Path) -> Result<Labelled> {
    let shards = pass::shards(folder)?;
    let context = labelling::context(folder, None, program)?;
    let columns = labelling::columns(program, &shards)?;
    let job = Labelling {
        program,
        context: &context,
        shards: &shards,
        columns: &columns,
        asks: true,
    };
    let mut asked = Vec::new();
    let done = job.run(machine::threads(None), |labels| {
        asked.extend_from_slice(&labels.asked);
        Ok(())
    })?;
    Ok(Labelled {
        asked,
        warnings: done.warnings(program),
        triggers: done.tally().triggers,
        subjects: done.tally().subjects,
    })
}
