//! A finished run opened to answer about one of its patients: the signed model, the de-identified
//! data set, the institution's journal. What every such command refuses is refused here.

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::journal::Journal;
use crate::machine;
use crate::pasts::Pasts;
use crate::pipeline::{code_version, options_of};
use crate::steps::adapt::signed;
use crate::steps::deid::{RECEIPT, reopen_with};
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, NamedDigest, Receipt, SubjectId, Task, Timeline};
use longitude_deid::Reopened;
use longitude_govern::{Layout, TrustedKey};
use longitude_model::{Device, Level, Model};
use longitude_predict::{Asked, Engine, last_observed};
use longitude_server::Questions;
use longitude_store::Dataset;
use longitude_tokens::Vocabulary;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A run whose model and data have been checked.
#[derive(Debug)]
pub(crate) struct Answering {
    /// The paths of the run folder.
    pub(crate) layout: Layout,
    /// The institution's keys.
    pub(crate) institution: Opened,
    /// The identity of the signed model.
    pub(crate) root: Digest,
    /// The de-identified data set.
    pub(crate) data: Dataset,
    /// The right to read it as de-identified.
    pub(crate) reopened: Reopened,
    /// The model, ready to answer.
    pub(crate) engine: Engine,
    /// The run's tasks, calibrations and sampling.
    pub(crate) questions: Questions,
}

impl Answering {
    /// Opens a finished run: its model's signature by the institution's key and its data set's
    /// digest are checked.
    pub(crate) fn open(
        run: &Path,
        institution: Option<&Path>,
        passphrase_file: Option<&Path>,
    ) -> Result<Self> {
        let institution = institution::open(institution)?.unlocked(passphrase_file)?;
        options_of(run)?;
        let layout = Layout::new(run);
        let trusted = TrustedKey::parse(&institution.keys.fingerprint().to_string())?;
        let signed = signed(&layout.model(), "model", Some(&trusted))?;
        let root = signed.manifest.root;
        let data = Dataset::open(&layout.meds())?;
        let reopened = reopen_with(&data, &layout.root().join(RECEIPT)).map_err(|error| {
            let message = format!("{}: {error:#}", layout.meds().display());
            let mend = "see `longitude verify`, and restore the files from a copy or run again";
            Failure::new(Kind::Verification, message, mend)
        })?;
        let (engine, questions) = engine(&layout, root)?;
        Ok(Self {
            layout,
            institution,
            root,
            data,
            reopened: reopened.1,
            engine,
            questions,
        })
    }

    /// The record of a patient, by the run's pseudonym.
    pub(crate) fn patient(&self, subject: i64) -> Result<Timeline> {
        let found = self.timeline(SubjectId(subject))?;
        if found.is_none() {
            Pasts::new(&self.layout).forget(SubjectId(subject))?;
        }
        found.ok_or_else(|| {
            let message = format!("{} has no such subject", self.layout.root().display());
            let mend =
                "name a pseudonym that stands in predictions/held_out.jsonl or in the console";
            refused(message, mend)
        })
    }

    /// The record of a subject, where there is one.
    pub(crate) fn timeline(&self, subject: SubjectId) -> Result<Option<Timeline>> {
        let found = self.data.timeline(subject)?;
        Ok(found.map(|timeline| self.reopened.timeline(timeline).into_inner()))
    }

    /// The question at a time, or at the end of the record, with what would make it meaningless
    /// refused.
    pub(crate) fn asked<'t>(
        &self,
        timeline: &'t Timeline,
        at: Option<Instant>,
    ) -> Result<Asked<'t>> {
        let Some(at) = at.or_else(|| last_observed(timeline)) else {
            return Err(refused("the record has no time", "name one with --at"));
        };
        possible(timeline, at, "--at")?;
        if timeline.death().is_some_and(|death| death <= at) {
            let message = "the record ends in death before the prediction time";
            return Err(refused(message, "name an earlier time with --at"));
        }
        let asked = Asked { timeline, at };
        self.known_age(&asked)?;
        Ok(asked)
    }

    /// The run's tasks of these ids, or all of them.
    pub(crate) fn tasks(&self, ids: &[String]) -> Result<Vec<Task>> {
        let all = &self.questions.tasks;
        if ids.is_empty() {
            return Ok(all.clone());
        }
        let task = |id: &String| {
            let found = all.iter().find(|task| task.id == *id);
            found.cloned().ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|task| task.id.as_str()).collect();
                let mend = format!("name one of {}", known.join(", "));
                refused(format!("the run has no task `{id}`"), mend)
            })
        };
        ids.iter().map(task).collect()
    }

    /// Whether the model has learnt from people of this age.
    pub(crate) fn known_age(&self, asked: &Asked<'_>) -> Result<()> {
        let margin = self.questions.fitted.abstain.age_margin_years;
        let birth = asked.timeline.birth();
        let years = birth.map(|birth| (asked.at - birth).years());
        let high = self.questions.fitted.population.age_years_high;
        let beyond = years
            .zip(high)
            .is_some_and(|(years, high)| years > high + margin);
        if beyond {
            let message =
                "the age at the prediction time is above those that the model learnt from";
            return Err(refused(message, "name an earlier time with --at"));
        }
        Ok(())
    }

    /// A file of the model folder.
    pub(crate) fn model_file(&self, name: &str) -> Result<Vec<u8>> {
        read(&self.layout, name)
    }

    /// The model and the data set, as receipts name them.
    pub(crate) fn inputs(&self) -> Result<Vec<NamedDigest>> {
        Ok(vec![
            named("model", self.root),
            named("meds", self.data.digest()?),
        ])
    }

    /// Writes an answer's receipt into the institution's journal. What is not there is not shown.
    pub(crate) fn journal<T: Serialize>(
        &self,
        step: &str,
        options: &T,
        output: Digest,
    ) -> Result<()> {
        let receipt = Receipt {
            step: step.to_owned(),
            code: code_version(),
            options: Digest::of_json(options)?,
            inputs: self.inputs()?,
            outputs: vec![named(step, output)],
            seed: Some(self.questions.sampling.seed),
        };
        Journal::open(&self.institution)?.receipt(&receipt)?;
        Ok(())
    }
}

fn named(name: &str, digest: Digest) -> NamedDigest {
    NamedDigest {
        name: name.to_owned(),
        digest,
    }
}

/// Unusable input, with its mend.
pub(crate) fn refused(message: impl Into<String>, mend: impl Into<String>) -> anyhow::Error {
    Failure::new(Kind::Input, message, mend).into()
}

/// Reads a time of the command line.
pub(crate) fn instant(text: &str) -> Result<Instant> {
    text.parse().map_err(|_error| {
        let message = format!("{text} is no date or time");
        refused(message, "write it as 2180-07-23 or 2180-07-23T12:00:00Z")
    })
}

/// Whether there is anything to go by at a time of that flag.
pub(crate) fn possible(timeline: &Timeline, at: Instant, flag: &str) -> Result<()> {
    let mend = format!("name a later time with {flag}");
    if timeline.birth().is_some_and(|birth| at < birth) {
        return Err(refused(format!("{flag} lies before birth"), mend));
    }
    let history = timeline.history(at).iter();
    let mut timed = history.filter(|event| event.time.is_some());
    if timed.all(|event| event.code.is_birth()) {
        let message = format!("nothing but birth was recorded up to {flag}");
        return Err(refused(message, mend));
    }
    Ok(())
}

fn read(layout: &Layout, name: &str) -> Result<Vec<u8>> {
    let path = layout.model().join(name);
    fs::read(&path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        let mend = "the run was made by an earlier version or is not whole: run it again";
        refused(message, mend)
    })
}

fn engine(layout: &Layout, root: Digest) -> Result<(Engine, Questions)> {
    let questions = read(layout, "questions.json")?;
    let questions: Questions = serde_json::from_slice(&questions).context("questions.json")?;
    let vocabulary = Vocabulary::from_json(&read(layout, "vocabulary.json")?)?;
    let model = Model::load(&layout.model(), &vocabulary.digest()?.to_string())?;
    let device = Device {
        level: Level::best(),
        threads: machine::threads(None),
    };
    let fitted = questions.fitted.clone();
    let engine = Engine::new(&Arc::new(model), Arc::new(vocabulary), fitted, root, device)?;
    Ok((engine, questions))
}
