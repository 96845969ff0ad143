//! The engine: a model, its vocabulary and what was fitted beside it, answering for subjects at
//! times. It holds no patient and no state between answers.
//!
//! A prediction is made in this order: refuse where a reason is known beforehand (`abstain`),
//! sample futures (`sample`), estimate (`risk`), refuse where too many futures were cut short,
//! calibrate (`calibration`), and where asked, look for what the answer rests on (`evidence`).

mod sampling;

use crate::abstain::{AbstainOptions, HistoryFacts, Population, refuse_censored};
use crate::calibration::Calibration;
use crate::evidence::EvidenceOptions;
use crate::pooled::PooledOutcome;
use crate::risk::{Outcome, Raw, Scores};
use crate::sample::SampleOptions;
use crate::workers::Workers;
use crate::{Error, Result};
use longitude_core::{
    Abstention, Digest, Event, Evidence, Instant, Predicate, Prediction, Task, Timeline,
};
use longitude_model::{Decoder, Device, Level, Model, Precision};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use sampling::Pool;

/// What was fitted beside the model: with it and the vocabulary, a model can answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Calibrations by task id; a task without one is answered uncalibrated.
    pub calibrations: BTreeMap<String, Calibration>,
    /// The training subjects.
    pub population: Population,
    /// When not to answer.
    pub abstain: AbstainOptions,
    /// By task id, outcomes too rare to be learnt alone that are answered through what stands above
    /// them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pooled: BTreeMap<String, PooledOutcome>,
}

/// Who is asked about, and when. Nothing after `at` is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'t> {
    /// The subject's timeline; it may go on after `at`.
    pub timeline: &'t Timeline,
    /// The prediction time.
    pub at: Instant,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerOptions {
    /// How to sample.
    pub sample: SampleOptions,
    /// How to look for evidence, or not at all.
    pub evidence: Option<EvidenceOptions>,
}

impl AnswerOptions {
    /// Settings for research runs: those of [`SampleOptions::research`], and no evidence.
    pub fn research(seed: u64) -> Self {
        Self {
            sample: SampleOptions::research(seed),
            evidence: None,
        }
    }
}

/// A question to the engine: an outcome in the vocabulary's ids, under the name by which it is
/// calibrated and counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The name, as a task's id.
    pub id: String,
    /// What is asked for.
    pub outcome: Outcome,
    /// Where a first occurrence is asked for, what must not be in the history.
    pub first: Option<Predicate>,
}

impl Question {
    /// A task's question. Death competes as it does in every future.
    pub fn of(task: &Task, vocabulary: &Vocabulary) -> Self {
        let ids = vocabulary.ids_matching(&task.outcome);
        Self {
            id: task.id.clone(),
            outcome: Outcome::within(&ids, None, task.horizon),
            first: task.incident.then(|| task.outcome.clone()),
        }
    }

    /// Whether the history holds what rules a first occurrence out.
    fn is_answered_by(&self, history: &[Event]) -> bool {
        let holds = |first: &Predicate| history.iter().any(|event| first.holds(event));
        self.first.as_ref().is_some_and(holds)
    }
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    workers: Workers,
    vocabulary: Arc<Vocabulary>,
    context: usize,
    fitted: Fitted,
    root: Digest,
}

impl Engine {
    /// Makes a model ready to answer on `device.threads` threads; `root` is the root digest of the
    /// model's signed folder, which every answer carries.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when the model was not made for the vocabulary, and when a thread
    /// cannot be started.
    pub fn new(
        model: &Arc<Model>,
        vocabulary: Arc<Vocabulary>,
        fitted: Fitted,
        root: Digest,
        device: Device,
    ) -> Result<Self> {
        let config = model.config();
        let digest = vocabulary.digest().map_err(Error::VocabularyDigest)?;
        let sizes = config.vocab == vocabulary.len()
            && config.value_bins == usize::from(vocabulary.value_bins_max());
        if !sizes || config.vocabulary != digest.to_string() {
            return Err(Error::Vocabulary {
                model: config.vocabulary.clone(),
                vocabulary: digest,
            });
        }
        Ok(Self {
            workers: Workers::new(model, device, Precision::F32)?,
            vocabulary,
            context: config.context,
            fitted,
            root,
        })
    }

    /// What was fitted beside the model.
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// Puts other calibrations in the place of those it has: raw estimates come first, the fit on
    /// them second.
    #[must_use]
    pub fn with_calibrations(mut self, calibrations: BTreeMap<String, Calibration>) -> Self {
        self.fitted.calibrations = calibrations;
        self
    }

    /// The same engine with the linear maps and the rows of its decoders in another number format;
    /// f32 at first. It belongs to the options of an answer: each format has its own bytes.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        self.workers = self.workers.with_precision(precision)?;
        Ok(self)
    }

    /// The kernels and the number format that it computes with.
    pub fn arithmetic(&self) -> (Level, Precision) {
        self.workers.arithmetic()
    }

    pub(crate) fn root(&self) -> Digest {
        self.root
    }

    /// Something of a decoder, the same whichever of them it is.
    pub(crate) fn on_first<T>(
        &self,
        of: impl FnOnce(&Decoder) -> Result<T, &'static str>,
    ) -> Result<T, &'static str> {
        self.workers.first().map_or(Err("there is no decoder"), of)
    }

    pub(crate) fn model(&self) -> &Model {
        self.workers.model()
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Raw estimates of every task for every subject, in the order given, for fitting calibrations:
    /// nothing is refused. One pool of futures answers all tasks of a subject.
    ///
    /// # Errors
    /// When an option is zero, a history has no event, or the model refuses an input.
    pub fn raw_many(
        &self,
        asked: &[Asked<'_>],
        tasks: &[Task],
        options: &SampleOptions,
    ) -> Result<Vec<Vec<Raw>>> {
        options.check()?;
        self.estimate_many(asked, &self.questions(tasks), options)
    }

    /// The same for questions.
    ///
    /// # Errors
    /// As [`Engine::raw_many`].
    pub fn estimate_many(
        &self,
        asked: &[Asked<'_>],
        questions: &[Question],
        options: &SampleOptions,
    ) -> Result<Vec<Vec<Raw>>> {
        options.check()?;
        let all: Vec<&Question> = questions.iter().collect();
        let finish =
            |_: &Asked<'_>, (), scores: &[Scores]| scores.iter().map(Scores::raw).collect();
        self.scores_many(asked, options, |_| (all.clone(), ()), finish)
    }

    /// The answers to every task for one subject, in the order of the tasks. The futures are shared
    /// out among the threads.
    ///
    /// # Errors
    /// As [`Engine::raw_many`]; a history without events is refused in the answer, not by an error.
    pub fn predict(
        &self,
        asked: &Asked<'_>,
        tasks: &[Task],
        options: &AnswerOptions,
    ) -> Result<Vec<Prediction>> {
        options.sample.check()?;
        let mut answers = [self.predict_questions(asked, &self.questions(tasks), options)?];
        self.answer_pooled(std::slice::from_ref(asked), &mut answers)?;
        let [answers] = answers;
        Ok(answers)
    }

    fn predict_questions(
        &self,
        asked: &Asked<'_>,
        questions: &[Question],
        options: &AnswerOptions,
    ) -> Result<Vec<Prediction>> {
        let (refusals, open) = self.refusals(asked, questions);
        if open.is_empty() {
            return Ok(self.answers(asked, questions, refusals, &[]));
        }
        let scores = self.scores_in_parts(asked, &open, &options.sample)?;
        let mut answers = self.answers(asked, questions, refusals, &scores);
        if let Some(wanted) = &options.evidence {
            let evidence = self.evidence(asked, &open, (&scores, &options.sample), wanted)?;
            attach(&mut answers, &open, evidence);
        }
        Ok(answers)
    }

    /// The answers for many subjects, in their order; the subjects are shared out among the
    /// threads. Each is the same as [`Engine::predict`]'s.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub fn predict_many(
        &self,
        asked: &[Asked<'_>],
        tasks: &[Task],
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Prediction>>> {
        options.sample.check()?;
        self.answer_many(asked, &self.questions(tasks), options)
    }

    /// The answers to questions for many subjects, as [`Engine::predict_many`] gives those to
    /// tasks.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub fn answer_many(
        &self,
        asked: &[Asked<'_>],
        questions: &[Question],
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Prediction>>> {
        options.sample.check()?;
        if options.evidence.is_some() {
            let each = |one| self.predict_questions(one, questions, options);
            let mut answers = asked.iter().map(each).collect::<Result<Vec<_>>>()?;
            self.answer_pooled(asked, &mut answers)?;
            return Ok(answers);
        }
        let begin = |one: &Asked<'_>| {
            let (refusals, open) = self.refusals(one, questions);
            (open, refusals)
        };
        let finish = |one: &Asked<'_>, refusals, scores: &[Scores]| {
            self.answers(one, questions, refusals, scores)
        };
        let mut answers = self.scores_many(asked, &options.sample, begin, finish)?;
        self.answer_pooled(asked, &mut answers)?;
        Ok(answers)
    }

    pub(crate) fn questions(&self, tasks: &[Task]) -> Vec<Question> {
        let question = |task| Question::of(task, &self.vocabulary);
        tasks.iter().map(question).collect()
    }

    /// For each question the reason against it, and the questions without one.
    fn refusals<'q>(
        &self,
        asked: &Asked<'_>,
        questions: &'q [Question],
    ) -> (Vec<Option<Abstention>>, Vec<&'q Question>) {
        let facts = HistoryFacts::of(&self.vocabulary, asked.timeline, asked.at);
        let history = asked.timeline.history(asked.at);
        let (population, options) = (&self.fitted.population, &self.fitted.abstain);
        let reason = |question: &Question| {
            let before = question.is_answered_by(history);
            let empty = history.is_empty().then_some(Abstention::TooLittleHistory {
                events: 0,
                required: options.events_min.max(1),
            });
            let unknown = question.outcome.marks.is_empty();
            let rare = unknown.then_some(Abstention::OutcomeTooRare {
                subjects: 0,
                required: options.outcome_subjects_min.max(1),
            });
            let known = facts.refuse(&question.id, before, population, options);
            known.or(empty).or(rare)
        };
        let refusals: Vec<_> = questions.iter().map(reason).collect();
        let open = questions.iter().zip(&refusals);
        let open = open.filter(|(_, refusal)| refusal.is_none());
        let open = open.map(|(question, _)| question).collect();
        (refusals, open)
    }

    /// One answer a question; `scores` are those of the questions that were not refused.
    fn answers(
        &self,
        asked: &Asked<'_>,
        questions: &[Question],
        refusals: Vec<Option<Abstention>>,
        scores: &[Scores],
    ) -> Vec<Prediction> {
        let mut scores = scores.iter();
        let answer = |(question, refusal): (&Question, Option<Abstention>)| {
            let scores = if refusal.is_none() {
                scores.next()
            } else {
                None
            };
            let mut prediction = Prediction {
                subject: asked.timeline.subject(),
                task: question.id.clone(),
                time: asked.at,
                horizon: question.outcome.horizon,
                risk: None,
                abstention: refusal,
                monte_carlo: None,
                interval: None,
                pooled: None,
                evidence: Vec::new(),
                model: self.root,
            };
            if let Some(scores) = scores {
                self.answer(&question.id, &scores.raw(), &mut prediction);
            }
            prediction
        };
        questions.iter().zip(refusals).map(answer).collect()
    }

    fn answer(&self, task: &str, raw: &Raw, prediction: &mut Prediction) {
        prediction.monte_carlo = Some(raw.monte_carlo());
        prediction.abstention = refuse_censored(raw.censored_share, &self.fitted.abstain);
        if prediction.abstention.is_none() {
            let calibrated = self.calibration(task).apply(raw.estimate);
            prediction.risk = Some(calibrated.risk);
            prediction.interval = calibrated.interval;
        }
    }

    pub(crate) fn calibration(&self, task: &str) -> &Calibration {
        const UNFITTED: &Calibration = &Calibration::identity();
        self.fitted.calibrations.get(task).unwrap_or(UNFITTED)
    }
}

/// Gives each open task's answer its evidence, where the answer has a risk.
fn attach(answers: &mut [Prediction], open: &[&Question], evidence: Vec<Vec<Evidence>>) {
    let ids = open.iter().map(|question| question.id.as_str());
    for (id, found) in ids.zip(evidence) {
        let answered = answers
            .iter_mut()
            .find(|one| one.task == id && one.risk.is_some());
        if let Some(answer) = answered {
            answer.evidence = found;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
