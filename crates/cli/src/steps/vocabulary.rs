//! Step: the vocabulary and value bins, fitted on the training subjects alone.

use super::deid;
use crate::interrupt;
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use anyhow::{Context, Result};
use longitude_core::Split;
use longitude_deid::Reopened;
use longitude_store::Dataset;
use longitude_tokens::{Hierarchy, Vocabulary, VocabularyBuilder, VocabularyOptions};
use std::fs;

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let (data, reopened) = deid::reopen(run)?;
    let Fitted {
        vocabulary,
        least,
        train,
    } = fit(&data, &reopened, run.options().code_subjects_min)?;
    fs::create_dir_all(run.layout.model())?;
    let path = run.layout.model().join("vocabulary.json");
    write_atomically(&path, &vocabulary.to_json()?)?;
    step.say(&format!(
        "{} codes seen in at least {} of {train} training subjects",
        vocabulary.len(),
        least
    ));
    Ok(Left {
        inputs: vec![run.output("meds")?],
        outputs: vec![run.output("model/vocabulary.json")?],
        seed: None,
    })
}

/// A vocabulary and what it was fitted on.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// The vocabulary.
    pub(crate) vocabulary: Vocabulary,
    /// Subjects that a kept code has at least.
    pub(crate) least: u32,
    /// Training subjects.
    pub(crate) train: usize,
}

/// Fits a vocabulary on the training subjects of a data set.
pub(crate) fn fit(data: &Dataset, reopened: &Reopened, subjects_min: u32) -> Result<Fitted> {
    let subjects = data.subjects().iter();
    let train = subjects.filter(|(_, split)| *split == Split::Train).count();
    // In a set of a few dozen subjects hardly any code would pass the threshold of a large one.
    let share = u32::try_from(train / 20).unwrap_or(u32::MAX).max(2);
    let least = subjects_min.min(share);
    let named = data.codes()?.into_iter();
    let hierarchy = Hierarchy::new(named.map(|(code, entry)| (code, entry.parents)));
    let options = VocabularyOptions::with_subjects_min(least);
    let mut builder = VocabularyBuilder::new(options).with_hierarchy(hierarchy);
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        builder.observe(reopened.timeline(timeline?).get());
    }
    Ok(Fitted {
        vocabulary: builder.finish()?,
        least,
        train,
    })
}

/// The run's vocabulary.
pub(crate) fn read(run: &Run<'_>) -> Result<Vocabulary> {
    let bytes = fs::read(run.layout.model().join("vocabulary.json")).context("vocabulary.json")?;
    Ok(Vocabulary::from_json(&bytes)?)
}
