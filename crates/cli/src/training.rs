//! What the pipeline's training and `longitude train` have in common: the data's way in, the clock
//! beside the loop, and what a trained model leaves beside its weights.

mod fit;
mod observe;
mod plan;
mod settings;

pub(crate) use fit::{Fit, fit, text as fit_text};
pub(crate) use observe::{Observer, Outcome, steps_done};
pub(crate) use plan::{Plan, plan, tokens_per_second};
pub(crate) use settings::Settings;

use crate::failure::{Failure, Kind};
use crate::pipeline::{code_version, write_atomically};
use crate::steps::deid::{RECEIPT, reopen_with};
use crate::{interrupt, machine};
use anyhow::{Context, Result};
use longitude_core::{Digest, Split};
use longitude_deid::Reopened;
use longitude_eval::{LossReport, SplitLoss};
use longitude_model::{Level, Model};
use longitude_store::Dataset;
use longitude_tokens::{Tokens, Vocabulary, encode};
use longitude_train::{
    Asked, DataFacts, EvaluateOptions, Losses, Machine, ModelFacts, Nats, Options, Part,
    Population, PopulationCounter, SplitFacts, TrainData, TrainingReport,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Subjects of a split whose likelihood is reported, at most: enough for three digits.
const LOSS_SUBJECTS_MAX: usize = 2000;
/// Seconds in which the machine's peak is measured, after a training.
const PEAK_SECONDS: f64 = 0.3;

/// What the model folder says about its own training (`training.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// The course, the speed, the energy; the loop's account is in it.
    #[serde(flatten)]
    pub(crate) report: TrainingReport,
    /// Nats per event on each split.
    pub(crate) loss: LossReport,
    /// Facts for the report.
    pub(crate) facts: BTreeMap<String, Value>,
    /// Subjects whose end of observation is not known.
    pub(crate) end_unknown: u64,
}

/// A de-identified data set, opened by the receipt of its de-identification.
#[derive(Debug)]
pub(crate) struct Source {
    /// The data set.
    pub(crate) data: Dataset,
    /// The right to read it as de-identified.
    pub(crate) reopened: Reopened,
    receipt: Digest,
    digest: Digest,
}

impl Source {
    /// Opens a data set; without a receipt's path, the one in its folder or beside it.
    pub(crate) fn open(meds: &Path, receipt: Option<&Path>) -> Result<Self> {
        let data = Dataset::open(meds)?;
        let receipt = match receipt {
            Some(path) => path.to_owned(),
            None => receipt_of(meds)?,
        };
        let (receipt, reopened) = reopen_with(&data, &receipt).map_err(|error| {
            let message = format!("{} cannot be trained on: {error:#}", meds.display());
            let mend = "name the data set and the receipt that `longitude deid` wrote together";
            Failure::new(Kind::Input, message, mend)
        })?;
        Ok(Self {
            receipt: receipt.digest()?,
            digest: data.digest()?,
            data,
            reopened,
        })
    }

    /// Only de-identified timelines go in, and that is a matter of types.
    pub(crate) fn load(&self, vocabulary: &Vocabulary) -> Result<(TrainData, Population)> {
        let mut train = TrainData::new(vocabulary)?;
        let mut people = PopulationCounter::new();
        for split in [Split::Train, Split::Tuning] {
            for timeline in self.data.timelines(Some(split)) {
                interrupt::check()?;
                let timeline = self.reopened.timeline(timeline?);
                if let Some(part) = Part::of(timeline.get().subject(), split) {
                    people.observe(part, &timeline);
                    train.push(part, &timeline);
                }
            }
        }
        if train.subjects(Part::Learn) < 2 {
            let message = "fewer than two subjects fall into the training split";
            let mend = "bring more subjects: splits are 80, 10 and 10 % by hash";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        Ok((train, people.finish()))
    }

    fn facts(&self, tokens: Digest) -> DataFacts {
        DataFacts {
            dataset: self.digest,
            deidentification: self.receipt,
            tokens,
        }
    }

    /// The likelihood of a model on every split, and that of the marginal model.
    pub(crate) fn losses(
        &self,
        vocabulary: &Vocabulary,
        (model, marginal): (&Model, &Model),
        options: &Options,
    ) -> Result<LossReport> {
        let on = |model: &Model, split: Split, early: bool| {
            self.loss_on(vocabulary, (model, split, early), options)
        };
        Ok(LossReport {
            train: on(model, Split::Train, false)?,
            tuning: on(model, Split::Tuning, true)?,
            held_out: on(model, Split::HeldOut, false)?,
            marginal: on(marginal, Split::HeldOut, false)?,
        })
    }

    /// Nats per event of a model on the subjects of a split (with `early`, those of early
    /// stopping).
    fn loss_on(
        &self,
        vocabulary: &Vocabulary,
        (model, split, early): (&Model, Split, bool),
        options: &Options,
    ) -> Result<Option<SplitLoss>> {
        let mut tokens: Vec<Tokens> = Vec::new();
        for timeline in self.data.timelines(Some(split)) {
            interrupt::check()?;
            let timeline = self.reopened.timeline(timeline?);
            let subject = timeline.get().subject();
            if early && Part::of(subject, split) != Some(Part::EarlyStop) {
                continue;
            }
            tokens.push(encode(vocabulary, timeline.get()));
            if tokens.len() >= LOSS_SUBJECTS_MAX {
                break;
            }
        }
        let how = EvaluateOptions {
            batch_tokens: options.batch_tokens,
            overlap_positions: options.overlap_positions,
            kernels: options.kernels.clone(),
            threads: options.threads,
        };
        let losses = longitude_train::evaluate_queries(model, &tokens, vocabulary, &how)?;
        Ok(split_loss(losses, tokens.len()))
    }
}

fn receipt_of(meds: &Path) -> Result<PathBuf> {
    let beside = meds.parent().map(|folder| folder.join(RECEIPT));
    let places = [Some(meds.join(RECEIPT)), beside];
    let found = places.into_iter().flatten().find(|path| path.is_file());
    found.ok_or_else(|| {
        let shown = meds.display();
        let message = format!("{shown} has no receipt of its de-identification ({RECEIPT})");
        let mend = "de-identify it first with `longitude deid`, or name the receipt with --receipt";
        Failure::new(Kind::Input, message, mend).into()
    })
}

fn split_loss(losses: Losses, subjects: usize) -> Option<SplitLoss> {
    let nats = losses.per_event()?;
    Some(SplitLoss {
        wait: nats.wait,
        code: nats.code,
        value: nats.value_bin,
        value_constant: nats.value_within,
        total: nats.total(),
        query: nats.query,
        events: losses.events,
        subjects: subjects as u64,
    })
}

/// What a trained model leaves in its folder: the weights, `training.json`, `training.html` and
/// `model-facts.json`. Returns the account.
pub(crate) fn write(
    folder: &Path,
    (source, population): (&Source, Population),
    (data, options): (&TrainData, &Options),
    outcome: &Outcome,
) -> Result<Summary> {
    let model = &outcome.trained.model;
    let marginal = longitude_train::marginal_model(data, options)?;
    let loss = source.losses(data.vocabulary(), (model, &marginal), options)?;
    let report = report(options, outcome);
    let summary = summary(report, &loss, (data, outcome.ranks.0));
    let report = &summary.report;
    let about = (source.facts(data.data_digest()), population);
    let mut facts = ModelFacts::new(model, data.vocabulary(), about, report);
    let splits = [
        ("train", loss.train),
        ("tuning", loss.tuning),
        ("held_out", loss.held_out),
        ("marginal", loss.marginal),
    ];
    for (name, loss) in splits {
        if let Some(fact) = loss.and_then(split_facts) {
            facts.likelihood.insert(name.to_owned(), fact);
        }
    }
    model.save(folder)?;
    write_atomically(
        &folder.join("training.json"),
        &serde_json::to_vec_pretty(&summary)?,
    )?;
    write_atomically(&folder.join("training.html"), report.to_html().as_bytes())?;
    write_atomically(
        &folder.join("model-facts.json"),
        &serde_json::to_vec_pretty(&facts)?,
    )?;
    Ok(summary)
}

fn split_facts(loss: SplitLoss) -> Option<SplitFacts> {
    let nats = Nats {
        wait: loss.wait,
        code: loss.code,
        value_bin: loss.value,
        value_within: loss.value_constant,
        query: loss.query,
    };
    SplitFacts::of(nats, loss.events, loss.subjects)
}

fn report(options: &Options, outcome: &Outcome) -> TrainingReport {
    let model = &outcome.trained.model;
    let peak = Level::named(&options.kernels)
        .map(|level| longitude_model::peak_gflops(level, PEAK_SECONDS))
        .filter(|peak| *peak > 0.0);
    let machine = Machine {
        threads: outcome.ranks.1,
        peak_gflops_per_core: peak,
        flops_per_token: Some(longitude_model::flops_per_token(model, outcome.mean_window)),
        peak_memory_bytes: machine::peak_memory_bytes(),
        watts_per_core: outcome.watts_per_core,
    };
    let asked = Asked {
        code_version: code_version(),
        preset: outcome.preset.0.clone(),
        preset_reason: outcome.preset.1.clone(),
        kernels: options.kernels.clone(),
        seed: options.seed,
    };
    TrainingReport::new(asked, &outcome.trained.record, &outcome.curve, machine)
}

fn summary(
    report: TrainingReport,
    loss: &LossReport,
    (data, ranks): (&TrainData, usize),
) -> Summary {
    let record = &report.record;
    let rounded = |number: f64| json!((number * 100.0).round() / 100.0);
    let memory = report.machine.peak_memory_bytes.map(|bytes| bytes >> 20);
    let facts: [(&str, Value); 7] = [
        ("steps", record.steps_done.into()),
        ("epochs", rounded(record.epochs)),
        ("training seconds", json!(report.speed.seconds.round())),
        (
            "events per second",
            json!(report.speed.tokens_per_second.round()),
        ),
        ("vocabulary", data.vocabulary().len().into()),
        ("kernels", report.kernels.clone().into()),
        ("peak memory MiB", json!(memory)),
    ];
    let several = (ranks > 1).then(|| ("ranks", json!(ranks)));
    let facts = facts.into_iter().chain(several);
    let facts = facts.map(|(name, value)| (name.to_owned(), value));
    Summary {
        loss: *loss,
        facts: facts.collect(),
        end_unknown: record.warnings.subjects_without_end,
        report,
    }
}

/// The account of a model folder.
pub(crate) fn read_summary(folder: &Path) -> Result<Summary> {
    let path = folder.join("training.json");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}
