//! What the tagger learns from: annotated notes, the same with other identifiers, made-up notes,
//! and sentences.

use crate::corpus;
use crate::generate::{Annotated, Bank};
use crate::random::Random;
use crate::{LEAN, LEAN_TO_NAMES, NAMES, NOTES, OPTIONS, Result};
use longitude_deid::Scrubber;
use longitude_deid::tagger::Weights;
use longitude_deid::tagger::train::{Lesson, train};
use std::io::{Write, stderr};
use std::path::Path;
use std::time::Instant;

/// Made-up notes in every lesson book.
pub(crate) const MADE_UP: usize = 4_000;
/// How often a true note stands in it with other names, and as it is.
const MIXED: usize = 6;
const AS_IT_IS: usize = 2;
/// How often each note of a style stands in it, with other values each time.
const OF_STYLE: usize = 12;

/// Which of the folds a lesson or a case is of; `None` is none of them.
pub(crate) type Fold = Option<usize>;

/// All texts, and what is learnt from them.
pub(crate) struct Books {
    pub(crate) terms: Vec<Annotated>,
    made_up: Vec<Lesson>,
    pub(crate) sentence_lessons: Vec<Lesson>,
    pub(crate) scrubber: Scrubber,
    pub(crate) bank: Bank,
    pub(crate) notes: Vec<(String, Annotated)>,
    /// With the numbers of their templates.
    pub(crate) sentences: Vec<(usize, Annotated)>,
    pub(crate) styles: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) folds: usize,
}

impl Books {
    pub(crate) fn open(folds: usize) -> Result<Self> {
        let shared = Path::new(NOTES);
        let scrubber = Scrubber::with_weights(None);
        let bank = Bank::new();
        let notes = corpus::notes(&shared.join("phi_notes_dev.jsonl"))?;
        let sentences = corpus::sentences(&shared.join("presidio_synth_dataset_v2.json"))?;
        let filler = corpus::filler(&shared.join("MTS-Dialog-ValidationSet.csv"), &scrubber)?;
        let terms = corpus::terms(&shared.join("../terminology"))?;
        let mut random = Random(11);
        let made_up = (0..MADE_UP).map(|_| bank.note(&filler, &terms, &mut random));
        let lesson = |note: &Annotated| Lesson::of(&scrubber, &note.text, &note.spans);
        let made_up = made_up.map(|note| lesson(&note)).collect();
        let sentence_lessons = sentences.iter().map(|(_, one)| lesson(one)).collect();
        writeln!(
            stderr(),
            "{} notes, {} sentences, {} filler",
            notes.len(),
            sentences.len(),
            filler.len()
        )?;
        Ok(Self {
            terms,
            made_up,
            sentence_lessons,
            scrubber,
            bank,
            notes,
            sentences,
            styles: Bank::styles(),
            folds,
        })
    }

    /// The notes that are not of a fold.
    pub(crate) fn notes_outside(&self, fold: Fold) -> Vec<&Annotated> {
        let notes = self.notes.iter().enumerate();
        let notes = notes.filter(|(at, _)| Some(at % self.folds) != fold);
        notes.map(|(_, (_, note))| note).collect()
    }

    /// The lessons of some notes: as they are, and mixed with other identifiers.
    pub(crate) fn lessons_of(&self, notes: &[&Annotated], seed: u64) -> Vec<Lesson> {
        let mut random = Random(seed);
        let complete: Vec<_> = notes
            .iter()
            .map(|n| corpus::completed(n, &self.scrubber))
            .collect();
        let filler = corpus::plain_sentences(&complete.iter().collect::<Vec<_>>());
        let mut lessons = Vec::new();
        let lesson = |note: &Annotated| Lesson::of(&self.scrubber, &note.text, &note.spans);
        for note in &complete {
            for _ in 0..AS_IT_IS {
                lessons.push(lesson(note));
            }
            for _ in 0..MIXED {
                lessons.push(lesson(&self.bank.mixed(note, &mut random)));
            }
            for _ in 0..4 {
                lessons.push(lesson(&self.bank.note(&filler, &self.terms, &mut random)));
            }
        }
        lessons
    }

    /// The lessons of the styles that are not of a fold.
    pub(crate) fn lessons_of_styles(&self, fold: Fold, seed: u64) -> Vec<Lesson> {
        let mut random = Random(seed);
        let styles = self.styles.iter().enumerate();
        let styles = styles.filter(|(at, _)| Some(at % self.folds) != fold);
        let templates = styles.flat_map(|(_, (_, templates))| templates);
        let templates = templates.flat_map(|template| std::iter::repeat_n(template, OF_STYLE));
        let notes = templates.map(|template| self.bank.of_style(template, &mut random));
        let notes: Vec<_> = notes.collect();
        let lesson = |note: &Annotated| Lesson::of(&self.scrubber, &note.text, &note.spans);
        notes.iter().map(lesson).collect()
    }

    /// Learns from lessons, the made-up notes, and the sentences whose templates are not of a fold.
    pub(crate) fn learn(&self, name: &str, lessons: &[Lesson], fold: Fold) -> Weights {
        let sentences = self.sentence_lessons.iter().zip(&self.sentences);
        let sentences = sentences.filter(|(_, (template, _))| Some(template % self.folds) != fold);
        let all: Vec<&Lesson> = lessons
            .iter()
            .chain(&self.made_up)
            .chain(sentences.map(|(lesson, _)| lesson))
            .collect();
        learnt(name, &all)
    }

    /// Learns from lessons and the made-up notes alone.
    pub(crate) fn learn_without_sentences(&self, name: &str, lessons: &[Lesson]) -> Weights {
        let all: Vec<&Lesson> = lessons.iter().chain(&self.made_up).collect();
        learnt(name, &all)
    }
}

/// The weights that lessons give, leaning towards finding.
pub(crate) fn learnt(name: &str, lessons: &[&Lesson]) -> Weights {
    let start = Instant::now();
    let mut tell = |pass, likelihood| {
        let seconds = start.elapsed().as_secs();
        drop(writeln!(
            stderr(),
            "{name}: pass {pass}, {likelihood:.5} a token, {seconds} s"
        ));
    };
    let weights = train(lessons, &OPTIONS, &mut tell).leaning(LEAN);
    weights.favouring(&NAMES, LEAN_TO_NAMES)
}
