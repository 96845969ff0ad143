//! Measures the scrubber on annotated notes by cross-validation, beside others, and learns the
//! weights that are shipped.
//!
//! `phi [--train] [--folds N] [--peer NAME=SPANS.jsonl]... [--spans OUT.jsonl] [--misses OUT.txt]`,
//! from the root of the workspace, with the shared data sets beside it. `--train` writes
//! `crates/deid/data/tagger.bin` and `tagger.json`. The tagger that judges a note has never seen
//! it; the patterns and lists were written with the notes at hand, and that is told.

mod corpus;
mod generate;
mod random;
mod score;
mod values;

use generate::{Annotated, Bank};
use longitude_deid::tagger::Weights;
use longitude_deid::tagger::train::{Lesson, TrainOptions, train};
use longitude_deid::{Found, Label, Scrubber, wilson};
use random::Random;
use score::Score;
use std::error::Error;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Made-up notes in every lesson book.
const MADE_UP: usize = 4_000;
/// How often a true note stands in it with other names, and as it is.
const MIXED: usize = 6;
const AS_IT_IS: usize = 2;
/// How far the shipped weights lean towards finding, in steps of a sixteenth of a logarithm.
const LEAN: i32 = 10;

/// Where the annotated notes are.
const NOTES: &str = "../shared/data/notes";
/// How many notes the speed is measured on.
const SPEED_NOTES: usize = 870;

const OPTIONS: TrainOptions = TrainOptions {
    passes: 4,
    rate: 0.15,
    decay: 1e-5,
    left_out: 0.4,
    kept: 190_000,
    seed: 2,
};

struct Arguments {
    train: bool,
    folds: usize,
    quick: bool,
    by_hand: bool,
    peers: Vec<(String, PathBuf)>,
    spans: Option<PathBuf>,
    misses: Option<PathBuf>,
}

fn arguments() -> Result<Arguments> {
    let mut read = Arguments {
        train: false,
        folds: 5,
        quick: false,
        by_hand: false,
        peers: Vec::new(),
        spans: None,
        misses: None,
    };
    let mut rest = std::env::args().skip(1);
    while let Some(one) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{one} needs a value"));
        match one.as_str() {
            "--train" => read.train = true,
            "--by-hand" => read.by_hand = true,
            "--quick" => read.quick = true,
            "--show" => return Err(show(value()?.parse()?).into()),
            "--folds" => read.folds = value()?.parse()?,
            "--spans" => read.spans = Some(value()?.into()),
            "--misses" => read.misses = Some(value()?.into()),
            "--peer" => {
                let value = value()?;
                let (name, path) = value.split_once('=').ok_or("--peer NAME=FILE")?;
                read.peers.push((name.to_owned(), path.into()));
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(read)
}

/// Some made-up notes with their identifiers marked, to be looked at.
fn show(count: u64) -> String {
    let bank = Bank::new();
    let notes = (0..count).map(|seed| {
        let note = bank.note(&[], &[], &mut Random(seed));
        let mut shown = String::new();
        let mut at = 0;
        for span in &note.spans {
            let (start, end) = (span.start, span.end);
            let value = &note.text[start..end];
            shown.push_str(&format!(
                "{}[[{}:{value}]]",
                &note.text[at..start],
                span.label.name()
            ));
            at = end;
        }
        shown + &note.text[at..]
    });
    notes.collect::<Vec<_>>().join("\n=====\n")
}

/// All that is learnt from besides the notes.
struct Books {
    terms: Vec<Annotated>,
    made_up: Vec<Lesson>,
    sentence_lessons: Vec<Lesson>,
    scrubber: Scrubber,
    bank: Bank,
    notes: Vec<(String, Annotated)>,
    sentences: Vec<Annotated>,
}

impl Books {
    fn open() -> Result<Self> {
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
        let sentence_lessons = sentences.iter().map(lesson).collect();
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
        })
    }

    /// The lessons of some notes: as they are, and mixed with other identifiers.
    fn lessons_of(&self, notes: &[&Annotated], seed: u64) -> Vec<Lesson> {
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

    fn learn(&self, name: &str, lessons: &[Lesson], sentences: bool) -> Weights {
        let start = Instant::now();
        let sentences = self.sentence_lessons.iter().filter(|_| sentences);
        let all: Vec<&Lesson> = lessons
            .iter()
            .chain(&self.made_up)
            .chain(sentences)
            .collect();
        let mut tell = |pass, likelihood| {
            let seconds = start.elapsed().as_secs();
            drop(writeln!(
                stderr(),
                "{name}: pass {pass}, {likelihood:.5} a token, {seconds} s"
            ));
        };
        train(&all, &OPTIONS, &mut tell).leaning(LEAN)
    }
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let out = &mut stdout();
    if arguments.by_hand {
        return by_hand(&Scrubber::new(), &arguments, out);
    }
    let mut books = Books::open()?;
    let mut rules = Score::default();
    for (_, note) in &books.notes {
        rules.add(note, &books.scrubber.find(&note.text));
    }
    rules.print("rules alone (written with these notes at hand)", out)?;
    let (hybrid, spans) = cross_validated(&mut books, &arguments, out)?;
    hybrid.print(&format!("ours, {} folds", arguments.folds), out)?;
    if let Some(path) = &arguments.misses {
        let lines = [
            &["missed".to_owned()],
            &hybrid.misses[..],
            &["wrong".to_owned()],
            &hybrid.wrong[..],
        ];
        fs::write(path, lines.concat().join("\n"))?;
    }
    if let Some(path) = &arguments.spans {
        write_spans(path, &books, &spans)?;
    }
    for (name, path) in &arguments.peers {
        peer(&books, path)?.print(name, out)?;
    }
    unseen_phrases(&mut books, out)?;
    if !arguments.quick {
        held_out(&mut books, out)?;
    }
    if arguments.train {
        ship(&mut books, &hybrid)?;
    } else {
        // With what is compiled in; after `--train`, build and run again.
        by_hand(&Scrubber::new(), &arguments, out)?;
    }
    Ok(())
}

/// Every note judged by a tagger that did not see it.
fn cross_validated(
    books: &mut Books,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(Score, Vec<Vec<Found>>)> {
    let mut hybrid = Score::default();
    let mut spans = vec![Vec::new(); books.notes.len()];
    let folds = if arguments.quick { 1 } else { arguments.folds };
    for fold in 0..folds {
        let seen = |(at, _): &(usize, &(String, Annotated))| at % arguments.folds != fold;
        let notes: Vec<&Annotated> = books
            .notes
            .iter()
            .enumerate()
            .filter(seen)
            .map(|(_, (_, note))| note)
            .collect();
        let lessons = books.lessons_of(&notes, 100 + fold as u64);
        let weights = books.learn(&format!("fold {fold}"), &lessons, true);
        books.scrubber.set_weights(Some(weights));
        let mut score = Score::default();
        for (at, (_, note)) in books
            .notes
            .iter()
            .enumerate()
            .skip(fold)
            .step_by(arguments.folds)
        {
            spans[at] = books.scrubber.find(&note.text);
            score.add(note, &spans[at]);
        }
        books.scrubber.set_weights(None);
        let all = score.all();
        writeln!(out, "fold {fold}: {} of {} caught", all.caught, all.spans)?;
        hybrid.merge(score);
    }
    Ok((hybrid, spans))
}

/// The shipped scrubber on notes written by hand, of which nothing was learnt.
fn by_hand(scrubber: &Scrubber, arguments: &Arguments, out: &mut dyn Write) -> Result<()> {
    let mut score = Score::default();
    for note in corpus::marked(Path::new("cases/deid/unseen.txt"))? {
        score.add(&note, &scrubber.find(&note.text));
    }
    score.print("shipped: notes by hand, nothing learnt from them", out)?;
    let notes = corpus::notes(&Path::new(NOTES).join("phi_notes_dev.jsonl"))?;
    let start = processor_seconds();
    for (_, note) in notes.iter().cycle().take(SPEED_NOTES) {
        std::hint::black_box(scrubber.find(&note.text));
    }
    let seconds = processor_seconds() - start;
    writeln!(
        out,
        "{:.0} notes a processor second",
        SPEED_NOTES as f64 / seconds
    )?;
    if arguments.misses.is_some() {
        for miss in score.misses.iter().chain(&score.wrong) {
            writeln!(out, "{miss}")?;
        }
    }
    Ok(())
}

/// Seconds of the processor that this process has used, by Linux's account.
fn processor_seconds() -> f64 {
    let told = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e9
}

/// Learning without a collection, judged on it.
fn held_out(books: &mut Books, out: &mut dyn Write) -> Result<()> {
    let weights = books.learn("without notes", &[], true);
    books.scrubber.set_weights(Some(weights));
    let mut score = Score::default();
    for (_, note) in &books.notes {
        score.add(note, &books.scrubber.find(&note.text));
    }
    score.print("held out: the notes, learnt without them", out)?;
    books.scrubber.set_weights(None);
    let notes: Vec<&Annotated> = books.notes.iter().map(|(_, note)| note).collect();
    let lessons = books.lessons_of(&notes, 7);
    let weights = books.learn("without sentences", &lessons, false);
    books.scrubber.set_weights(Some(weights));
    let mut score = Score::default();
    for sentence in &books.sentences {
        score.add(sentence, &books.scrubber.find(&sentence.text));
    }
    score.print("held out: Presidio's sentences, learnt without them", out)?;
    books.scrubber.set_weights(None);
    Ok(())
}

/// Made-up notes of phrases of which the tagger learnt none.
fn unseen_phrases(books: &mut Books, out: &mut dyn Write) -> Result<()> {
    let (seen, unseen) = (Bank::part(|at| at % 4 != 0), Bank::part(|at| at % 4 == 0));
    let mut random = Random(12);
    let lessons: Vec<Lesson> = (0..MADE_UP)
        .map(|_| {
            let note = seen.note(&[], &books.terms, &mut random);
            Lesson::of(&books.scrubber, &note.text, &note.spans)
        })
        .collect();
    let all: Vec<&Lesson> = lessons.iter().chain(&books.sentence_lessons).collect();
    let mut tell =
        |pass, likelihood| drop(writeln!(stderr(), "phrases: pass {pass}, {likelihood:.5}"));
    let weights = train(&all, &OPTIONS, &mut tell).leaning(LEAN);
    books.scrubber.set_weights(Some(weights));
    let mut score = Score::default();
    for _ in 0..400 {
        let note = unseen.note(&[], &books.terms, &mut random);
        score.add(&note, &books.scrubber.find(&note.text));
    }
    score.print("held out: made-up notes, learnt without their phrases", out)?;
    books.scrubber.set_weights(None);
    Ok(())
}

/// Spans of another system, as its script wrote them.
fn peer(books: &Books, path: &Path) -> Result<Score> {
    let lines = fs::read_to_string(path)?;
    let mut score = Score::default();
    let mut found = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line)?;
        found.insert(value["id"].as_str().unwrap_or_default().to_owned(), value);
    }
    for (id, note) in &books.notes {
        let places: Vec<usize> = note
            .text
            .char_indices()
            .map(|(at, _)| at)
            .chain([note.text.len()])
            .collect();
        let place = |value: &serde_json::Value| {
            let at = usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
            places[at.min(places.len() - 1)]
        };
        let spans = found
            .get(id)
            .ok_or(format!("{}: no note {id}", path.display()))?;
        let spans = spans["spans"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|span| Found {
                start: place(&span["start"]),
                end: place(&span["end"]),
                label: Label::Id,
            });
        score.add(note, &spans.filter(|s| s.start < s.end).collect::<Vec<_>>());
    }
    Ok(score)
}

fn write_spans(path: &Path, books: &Books, spans: &[Vec<Found>]) -> Result<()> {
    let mut lines = String::new();
    for ((id, note), spans) in books.notes.iter().zip(spans) {
        let at = |byte: usize| note.text[..byte].chars().count();
        let spans: Vec<_> = spans
            .iter()
            .map(|s| serde_json::json!({"start": at(s.start), "end": at(s.end), "label": s.label.name()}))
            .collect();
        lines.push_str(&format!(
            "{}\n",
            serde_json::json!({"id": id, "spans": spans})
        ));
    }
    Ok(fs::write(path, lines)?)
}

/// Learns from everything and writes what is shipped.
fn ship(books: &mut Books, hybrid: &Score) -> Result<()> {
    let notes: Vec<&Annotated> = books.notes.iter().map(|(_, note)| note).collect();
    let lessons = books.lessons_of(&notes, 7);
    let weights = books.learn("all", &lessons, true);
    let bytes = weights.to_bytes();
    let folder = Path::new("crates/deid/data");
    let classes = hybrid.classes.iter().map(|(name, class)| {
        (*name, serde_json::json!({"spans": class.spans, "caught": class.caught, "touched": class.touched}))
    });
    let classes: serde_json::Map<_, _> = classes
        .map(|(name, class)| (name.to_owned(), class))
        .collect();
    let all = hybrid.all();
    let (low, high) = wilson(all.caught, all.spans);
    writeln!(
        stderr(),
        "{} weights, {} bytes, recall {low:.4}-{high:.4}",
        weights.kept(),
        bytes.len()
    )?;
    let measured = serde_json::json!({
        "weights_sha256": longitude_core::Digest::of(&bytes).hex(),
        "notes": books.notes.len(),
        "method": "5-fold cross-validation by note; a span is caught when every letter and digit of it is covered",
        "character_precision": (hybrid.precision() * 1e4).round() / 1e4,
        "classes": classes,
    });
    fs::write(folder.join("tagger.bin"), &bytes)?;
    fs::write(folder.join("tagger.json"), format!("{measured:#}\n"))?;
    Ok(())
}
