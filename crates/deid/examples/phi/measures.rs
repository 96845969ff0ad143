//! Judging texts of which the tagger that judges them has learnt nothing.

use crate::books::{Books, MADE_UP, learnt};
use crate::generate::{Annotated, Bank};
use crate::random::Random;
use crate::score::Score;
use crate::{Arguments, Result};
use longitude_deid::tagger::train::Lesson;
use longitude_deid::{Found, Scrubber};
use std::io::Write;

/// How often each note of a style is judged, with other values each time.
const OF_STYLE: usize = 12;
/// Made-up notes of unseen sentences that are judged.
const MADE_UP_JUDGED: usize = 400;

/// What cross-validation found.
pub(crate) struct Validated {
    /// The notes as they are, and the spans found in each.
    pub(crate) notes: Score,
    pub(crate) spans: Vec<Vec<Found>>,
    /// The notes with values that nothing was learnt from in the places of their identifiers.
    pub(crate) injected: Score,
    /// Notes of styles that were left out, with such values.
    pub(crate) styles: Score,
    /// Presidio's sentences of templates that were left out: of even and of odd numbers.
    pub(crate) sentences: [Score; 2],
}

impl Validated {
    pub(crate) fn print(&self, folds: usize, out: &mut dyn Write) -> Result<()> {
        self.notes.print(&format!("ours, {folds} folds"), out)?;
        let title = "left out: the notes with unseen identifiers put in";
        self.injected.print(title, out)?;
        let title = "left out: styles, with unseen identifiers";
        self.styles.print(title, out)?;
        let title = "left out: Presidio's sentences by template, even numbers";
        self.sentences[0].print(title, out)?;
        let title = "left out: Presidio's sentences by template, odd numbers";
        self.sentences[1].print(title, out)?;
        Ok(())
    }
}

/// Every text judged by a tagger that saw neither it nor its template nor its style.
pub(crate) fn cross_validated(
    books: &mut Books,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Validated> {
    let mut validated = Validated {
        notes: Score::default(),
        spans: vec![Vec::new(); books.notes.len()],
        injected: Score::default(),
        styles: Score::default(),
        sentences: [Score::default(), Score::default()],
    };
    let folds = if arguments.quick { 1 } else { books.folds };
    let injected = injected(books);
    let styles = styles_filled(books);
    for fold in 0..folds {
        let notes = books.notes_outside(Some(fold));
        let mut lessons = books.lessons_of(&notes, 100 + fold as u64);
        lessons.extend(books.lessons_of_styles(Some(fold), 200 + fold as u64));
        let weights = books.learn(&format!("fold {fold}"), &lessons, Some(fold));
        books.scrubber.set_weights(Some(weights));
        let caught = validated.judge(books, fold, (&injected, &styles));
        books.scrubber.set_weights(None);
        writeln!(out, "fold {fold}: {caught}")?;
    }
    Ok(validated)
}

impl Validated {
    /// Judges what is of a fold, and tells how many spans of the notes were caught.
    fn judge(
        &mut self,
        books: &Books,
        fold: usize,
        (injected, styles): (&[Annotated], &[(usize, Annotated)]),
    ) -> String {
        let scrubber = &books.scrubber;
        let is_of = |number: usize| number % books.folds == fold;
        let before = self.notes.all();
        for (at, (_, note)) in books.notes.iter().enumerate().filter(|(at, _)| is_of(*at)) {
            self.spans[at] = scrubber.find(&note.text);
            self.notes.add(note, &self.spans[at]);
        }
        let injected = injected.iter().enumerate().filter(|(at, _)| is_of(*at));
        injected.for_each(|(_, note)| self.injected.add(note, &scrubber.find(&note.text)));
        let styles = styles.iter().filter(|(style, _)| is_of(*style));
        styles.for_each(|(_, note)| self.styles.add(note, &scrubber.find(&note.text)));
        for (template, one) in books.sentences.iter().filter(|(number, _)| is_of(*number)) {
            self.sentences[template % 2].add(one, &scrubber.find(&one.text));
        }
        let now = self.notes.all();
        format!(
            "{} of {} caught",
            now.caught - before.caught,
            now.spans - before.spans
        )
    }
}

/// The notes with other identifiers, of lists that are not learnt from.
pub(crate) fn injected(books: &Books) -> Vec<Annotated> {
    let (bank, mut random) = (Bank::unseen(), Random(31));
    let notes = books.notes.iter();
    notes
        .map(|(_, note)| bank.injected(note, &mut random))
        .collect()
}

/// The notes of the styles, with the numbers of their styles.
pub(crate) fn styles_filled(books: &Books) -> Vec<(usize, Annotated)> {
    let (bank, mut random) = (Bank::unseen(), Random(32));
    let mut filled = Vec::new();
    for (style, (_, templates)) in books.styles.iter().enumerate() {
        for template in templates
            .iter()
            .flat_map(|template| std::iter::repeat_n(template, OF_STYLE))
        {
            filled.push((style, bank.of_style(template, &mut random)));
        }
    }
    filled
}

/// Learning without a collection, judged on it.
pub(crate) fn held_out(books: &mut Books, out: &mut dyn Write) -> Result<()> {
    let lessons = books.lessons_of_styles(None, 8);
    let weights = books.learn("without notes", &lessons, None);
    books.scrubber.set_weights(Some(weights));
    let notes = books.notes.iter().map(|(_, note)| note);
    let score = judged(&books.scrubber, notes);
    score.print("held out: the notes, learnt without them", out)?;
    let notes = books.notes_outside(None);
    let mut lessons = books.lessons_of(&notes, 7);
    lessons.extend(books.lessons_of_styles(None, 8));
    let weights = books.learn_without_sentences("without sentences", &lessons);
    books.scrubber.set_weights(Some(weights));
    let sentences = books.sentences.iter().map(|(_, one)| one);
    let score = judged(&books.scrubber, sentences);
    score.print("held out: Presidio's sentences, learnt without them", out)?;
    books.scrubber.set_weights(None);
    Ok(())
}

fn judged<'a>(scrubber: &Scrubber, texts: impl Iterator<Item = &'a Annotated>) -> Score {
    let mut score = Score::default();
    texts.for_each(|text| score.add(text, &scrubber.find(&text.text)));
    score
}

/// Made-up notes of phrases of which the tagger learnt none.
pub(crate) fn unseen_phrases(books: &mut Books, out: &mut dyn Write) -> Result<()> {
    let (seen, unseen) = (Bank::part(|at| at % 4 != 0), Bank::part(|at| at % 4 == 0));
    let mut random = Random(12);
    let lessons: Vec<Lesson> = (0..MADE_UP)
        .map(|_| {
            let note = seen.note(&[], &books.terms, &mut random);
            Lesson::of(&books.scrubber, &note.text, &note.spans)
        })
        .collect();
    let all: Vec<&Lesson> = lessons.iter().chain(&books.sentence_lessons).collect();
    books.scrubber.set_weights(Some(learnt("phrases", &all)));
    let notes: Vec<_> = (0..MADE_UP_JUDGED)
        .map(|_| unseen.note(&[], &books.terms, &mut random))
        .collect();
    let score = judged(&books.scrubber, notes.iter());
    score.print("held out: made-up notes, learnt without their phrases", out)?;
    books.scrubber.set_weights(None);
    Ok(())
}
