//! The data of one training: tokens of the subjects to learn from and of those to stop early on.
//!
//! The only way in is [`TrainData::push`], which takes a `Deidentified<Timeline>`: records that did
//! not pass the privacy boundary cannot be trained on, and that is a matter of types.

use crate::sequences::Sequences;
use crate::{Error, Result, Subjects};
use longitude_core::{Digest, Split, SubjectId, Timeline};
use longitude_deid::Deidentified;
use longitude_tokens::{Tokens, UNKNOWN, Vocabulary, encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a subject is used for in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// To learn from: the split `train`.
    Learn,
    /// To stop early on: half of the split `tuning`. The other half calibrates and is never seen
    /// here.
    EarlyStop,
}

impl Part {
    /// The part of a subject by its split and, in `tuning`, by hash; none for subjects that
    /// training must not see.
    pub fn of(subject: SubjectId, split: Split) -> Option<Self> {
        match split {
            Split::Train => Some(Self::Learn),
            Split::Tuning if Split::bucket("early-stop", subject) < 500 => Some(Self::EarlyStop),
            Split::Tuning | Split::HeldOut => None,
        }
    }
}

/// What about the data weakens the training, as counts of subjects and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    /// Subjects whose end of observation is unknown and who did not die: their last wait has no
    /// survival term, so that waits are learnt too short.
    pub subjects_without_end: u64,
    /// Subjects without a recorded birth: their age is a constant.
    pub subjects_without_birth: u64,
    /// Subjects without anything to score.
    pub subjects_without_targets: u64,
    /// Events whose code has no kept ancestor in the vocabulary.
    pub events_unknown: u64,
}

/// Tokens of everything that one training sees.
#[derive(Clone)]
pub struct TrainData {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) vocabulary_digest: Digest,
    pub(crate) learn: Sequences,
    pub(crate) early_stop: Sequences,
    /// The pseudonyms of the subjects to learn from, in the order of `learn`.
    learn_subjects: Vec<SubjectId>,
    /// What each of them weighs; empty where all weigh the same.
    learn_weights: Vec<f64>,
    warnings: Warnings,
    digest: Digest,
}

/// Redacted: sizes only.
impl fmt::Debug for TrainData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TrainData({} and {} subjects)",
            self.learn.len(),
            self.early_stop.len()
        )
    }
}

impl TrainData {
    /// No subject yet, for a vocabulary that was fitted on the split `train`.
    ///
    /// # Errors
    /// When the vocabulary has no digest.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self> {
        let vocabulary_digest = vocabulary.digest()?;
        Ok(Self {
            vocabulary: vocabulary.clone(),
            vocabulary_digest,
            learn: Sequences::default(),
            early_stop: Sequences::default(),
            learn_subjects: Vec::new(),
            learn_weights: Vec::new(),
            warnings: Warnings::default(),
            digest: Digest::of_parts(&[b"train data of ", &vocabulary_digest.0]),
        })
    }

    /// Takes a subject in. Push subjects in one order, that of their identifiers: the digest and
    /// the shuffling depend on it.
    pub fn push(&mut self, part: Part, timeline: &Deidentified<Timeline>) {
        let timeline = timeline.get();
        self.take(
            part,
            timeline.subject(),
            &encode(&self.vocabulary, timeline),
        );
    }

    pub(crate) fn take(&mut self, part: Part, subject: SubjectId, tokens: &Tokens) {
        self.digest = digest_after(self.digest, part, subject, tokens);
        let warnings = &mut self.warnings;
        warnings.subjects_without_end += u64::from(tokens.end_unknown());
        warnings.subjects_without_birth += u64::from(!tokens.age_known);
        let unknown = tokens.code.iter().filter(|code| **code == UNKNOWN);
        warnings.events_unknown += unknown.count() as u64;
        let sequences = match part {
            Part::Learn => {
                self.learn_subjects.push(subject);
                &mut self.learn
            }
            Part::EarlyStop => &mut self.early_stop,
        };
        sequences.push(tokens);
        let last = u32::try_from(sequences.len() - 1).unwrap_or(u32::MAX);
        let scored = sequences
            .get(last)
            .is_some_and(|one| !one.targets().is_empty());
        warnings.subjects_without_targets += u64::from(!scored);
    }

    /// Weighs the subjects to learn from, after all of them were pushed: a subject's windows are
    /// drawn so many times an epoch, on average, that the expected loss is the weighted one. Those
    /// that are not named weigh 1; a weight of 0 leaves a subject out of the learning. Weights are
    /// scaled to a mean of 1. The early-stop subjects are not weighted. The digest of the data
    /// changes, so that a checkpoint of other weights does not go on.
    ///
    /// # Errors
    /// When a weight is negative or not finite, or all are 0.
    pub fn weigh(&mut self, weights: &BTreeMap<SubjectId, f64>) -> Result<()> {
        let of = |subject: &SubjectId| weights.get(subject).copied().unwrap_or(1.0);
        let all: Vec<f64> = self.learn_subjects.iter().map(of).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let must = "zero or more for each subject, and above zero for one of them";
        if !all
            .iter()
            .all(|weight| weight.is_finite() && *weight >= 0.0)
            || mean <= 0.0
        {
            return Err(Error::Option {
                option: "weights",
                must,
            });
        }
        self.learn_weights = all.iter().map(|weight| weight / mean).collect();
        let bytes: Vec<u8> = self
            .learn_weights
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        self.digest = Digest::of_parts(&[b"weights of ", &self.digest.0, &bytes]);
        Ok(())
    }

    /// What each subject to learn from weighs; empty where all weigh the same.
    pub(crate) fn learn_weights(&self) -> &[f64] {
        &self.learn_weights
    }

    /// The effective number of subjects to learn from under their weights: the square of the sum
    /// over the sum of squares (Kish 1965, "Survey sampling", section 11.7).
    pub fn effective_subjects(&self) -> f64 {
        let squares: f64 = self.learn_weights.iter().map(|w| w * w).sum();
        if self.learn_weights.is_empty() {
            return self.learn.len() as f64;
        }
        self.learn_weights.iter().sum::<f64>().powi(2) / squares
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many subjects a part has.
    pub fn subjects(&self, part: Part) -> usize {
        match part {
            Part::Learn => self.learn.len(),
            Part::EarlyStop => self.early_stop.len(),
        }
    }

    /// How many events a part has.
    pub fn events(&self, part: Part) -> usize {
        match part {
            Part::Learn => self.learn.positions(),
            Part::EarlyStop => self.early_stop.positions(),
        }
    }

    /// Bytes of the columns.
    pub fn bytes(&self) -> usize {
        let subjects = self.learn_subjects.capacity() * size_of::<SubjectId>();
        self.learn.bytes() + self.early_stop.bytes() + subjects
    }

    /// The same with those subjects to learn from that are kept; `name` marks the digest.
    pub(crate) fn keep(&self, keep: impl Fn(SubjectId) -> bool, name: u16) -> Self {
        let kept: Vec<bool> = self.learn_subjects.iter().map(|one| keep(*one)).collect();
        let subjects = self.learn_subjects.iter().zip(&kept);
        let weights = self.learn_weights.iter().zip(&kept);
        Self {
            learn_weights: weights
                .filter(|(_, kept)| **kept)
                .map(|(one, _)| *one)
                .collect(),
            learn: self.learn.kept(&kept),
            learn_subjects: subjects
                .filter(|(_, kept)| **kept)
                .map(|(one, _)| *one)
                .collect(),
            digest: Digest::of_parts(&[b"share of ", &self.digest.0, &name.to_le_bytes()]),
            ..self.clone()
        }
    }

    /// The pseudonyms of rows of the subjects to learn from.
    pub(crate) fn named(&self, rows: &[u32]) -> Subjects {
        let mut named: Vec<SubjectId> = rows
            .iter()
            .filter_map(|row| self.learn_subjects.get(*row as usize).copied())
            .collect();
        named.sort_unstable();
        named.truncate(Subjects::NAMED);
        Subjects {
            named,
            count: rows.len(),
        }
    }

    /// What about the data weakens the training.
    pub fn warnings(&self) -> Warnings {
        self.warnings
    }

    /// The digest of everything pushed, in order: a checkpoint resumes only on the same data.
    pub fn data_digest(&self) -> Digest {
        self.digest
    }
}

/// Chains a subject's tokens onto the digest of those before.
fn digest_after(before: Digest, part: Part, subject: SubjectId, tokens: &Tokens) -> Digest {
    let mut bytes: Vec<u8> = Vec::with_capacity(22 * tokens.len() + 64);
    bytes.extend(before.0);
    bytes.push(u8::from(part == Part::EarlyStop));
    bytes.extend(subject.0.to_le_bytes());
    bytes.extend((tokens.len() as u64).to_le_bytes());
    for code in &tokens.code {
        bytes.extend(code.to_le_bytes());
    }
    for bin in &tokens.value_bin {
        bytes.extend(bin.to_le_bytes());
    }
    for number in tokens.value.iter().chain(&tokens.value_nats) {
        bytes.extend(number.to_le_bytes());
    }
    for time in &tokens.time_us {
        bytes.extend(time.to_le_bytes());
    }
    bytes.extend((tokens.scored_from as u64).to_le_bytes());
    bytes.extend((tokens.scored_until as u64).to_le_bytes());
    bytes.extend((tokens.lead as u64).to_le_bytes());
    for optional in [tokens.end_us, tokens.birth_us] {
        bytes.push(u8::from(optional.is_some()));
        bytes.extend(optional.unwrap_or(0).to_le_bytes());
    }
    Digest::of(&bytes)
}
