//! Measures the scrubber on annotated notes by cross-validation, beside others, and learns the
//! weights that are shipped.
//!
//! `phi [--train] [--folds N] [--quick] [--peer NAME=SPANS.jsonl]... [--spans OUT.jsonl]
//! [--misses OUT.txt]`, from the root of the workspace, with the shared data sets beside it.
//! `--train` writes `crates/deid/data/tagger.bin` and `tagger.json`. The tagger that judges a text
//! has never seen it; the patterns and lists were written with the notes at hand, and that is told.
//!
//! `phi --by-hand` judges the shipped weights on the notes written by hand. `phi --sets FOLDER`
//! writes the texts that cross-validation judges, as notes with their spans, for others to be run
//! on; `phi --judge NOTES.jsonl SPANS.jsonl` judges what they found.

mod books;
mod corpus;
mod dates;
mod generate;
mod measures;
mod random;
mod score;
mod spelling;
mod unseen;
mod values;

use books::Books;
use generate::{Annotated, Bank};
use longitude_deid::tagger::train::TrainOptions;
use longitude_deid::{Found, Label, Scrubber};
use measures::Validated;
use random::Random;
use score::Score;
use std::error::Error;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How far the shipped weights lean towards finding, in steps of a sixteenth of a logarithm.
const LEAN: i32 = 10;
/// How much farther they lean towards names of persons and places, which have no form of their own.
const LEAN_TO_NAMES: i32 = 10;
const NAMES: [Label; 4] = [
    Label::Name,
    Label::Hospital,
    Label::Organization,
    Label::City,
];

/// Where the annotated notes are.
const NOTES: &str = "../shared/data/notes";
/// Notes written by hand: the first were looked at when rules were written, the second never.
const BY_HAND: [(&str, &str); 2] = [
    ("cases/deid/unseen.txt", "notes by hand"),
    (
        "cases/deid/unseen_more.txt",
        "more notes by hand, never looked at",
    ),
];
/// How many notes the speed is measured on.
const SPEED_NOTES: usize = 870;

const OPTIONS: TrainOptions = TrainOptions {
    passes: 4,
    rate: 0.15,
    decay: 1e-5,
    left_out: 0.4,
    kept: 270_000,
    seed: 2,
};

struct Arguments {
    train: bool,
    folds: usize,
    quick: bool,
    by_hand: bool,
    sets: Option<PathBuf>,
    judge: Option<[PathBuf; 2]>,
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
        sets: None,
        judge: None,
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
            "--sets" => read.sets = Some(value()?.into()),
            "--judge" => read.judge = Some([value()?.into(), value()?.into()]),
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

fn main() -> Result<()> {
    let arguments = arguments()?;
    let out = &mut stdout();
    if arguments.by_hand {
        return by_hand(&Scrubber::new(), &arguments, out);
    }
    if let Some([notes, spans]) = &arguments.judge {
        let score = peer(&corpus::notes(notes)?, spans)?;
        return Ok(score.print(&spans.display().to_string(), out)?);
    }
    let mut books = Books::open(arguments.folds)?;
    if let Some(folder) = &arguments.sets {
        return write_sets(&books, folder);
    }
    let mut rules = Score::default();
    for (_, note) in &books.notes {
        rules.add(note, &books.scrubber.find(&note.text));
    }
    rules.print("rules alone (written with these notes at hand)", out)?;
    let validated = measures::cross_validated(&mut books, &arguments, out)?;
    validated.print(arguments.folds, out)?;
    if let Some(path) = &arguments.misses {
        write_misses(path, &validated)?;
    }
    if let Some(path) = &arguments.spans {
        write_spans(path, &books, &validated.spans)?;
    }
    for (name, path) in &arguments.peers {
        peer(&books.notes, path)?.print(name, out)?;
    }
    if !arguments.quick {
        measures::unseen_phrases(&mut books, out)?;
        measures::held_out(&mut books, out)?;
    }
    if arguments.train {
        ship(&books, &validated)?;
    } else {
        // With what is compiled in; after `--train`, build and run again.
        by_hand(&Scrubber::new(), &arguments, out)?;
    }
    Ok(())
}

/// What was missed and what was taken wrongly, set by set. Presidio's sentences of odd templates
/// and the second notes by hand are left out: nobody shall write rules after them.
fn write_misses(path: &Path, validated: &Validated) -> Result<()> {
    let sets = [
        ("notes", &validated.notes),
        ("injected", &validated.injected),
        ("styles", &validated.styles),
        ("sentences", &validated.sentences[0]),
    ];
    let mut lines = Vec::new();
    for (name, score) in sets {
        lines.push(format!("# {name}: missed"));
        lines.extend(score.misses.iter().cloned());
        lines.push(format!("# {name}: wrong"));
        lines.extend(score.wrong.iter().cloned());
    }
    Ok(fs::write(path, lines.join("\n") + "\n")?)
}

/// The shipped scrubber on notes written by hand, of which nothing was learnt.
fn by_hand(scrubber: &Scrubber, arguments: &Arguments, out: &mut dyn Write) -> Result<()> {
    let mut first = Score::default();
    for (file, what) in BY_HAND {
        let mut score = Score::default();
        for note in corpus::marked(Path::new(file))? {
            score.add(&note, &scrubber.find(&note.text));
        }
        score.print(&format!("shipped: {what}, nothing learnt from them"), out)?;
        if file == BY_HAND[0].0 {
            first = score;
        }
    }
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
        for miss in first.misses.iter().chain(&first.wrong) {
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

/// Spans of another system, as its script wrote them.
fn peer(notes: &[(String, Annotated)], path: &Path) -> Result<Score> {
    let lines = fs::read_to_string(path)?;
    let mut score = Score::default();
    let mut found = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line)?;
        found.insert(value["id"].as_str().unwrap_or_default().to_owned(), value);
    }
    for (id, note) in notes {
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
    let lines = books.notes.iter().zip(spans);
    let lines = lines.map(|((id, note), spans)| {
        serde_json::json!({"id": id, "spans": in_characters(&note.text, spans)})
    });
    Ok(fs::write(path, json_lines(lines))?)
}

/// The texts that are judged, with their spans.
fn write_sets(books: &Books, folder: &Path) -> Result<()> {
    let numbered = |notes: Vec<Annotated>| {
        let notes = notes.into_iter().enumerate();
        notes.map(|(at, note)| (at.to_string(), note)).collect()
    };
    let styles = measures::styles_filled(books).into_iter();
    let sentences = books.sentences.iter().map(|(_, one)| one.clone());
    let sets: [(&str, Vec<(String, Annotated)>); 5] = [
        ("injected", numbered(measures::injected(books))),
        ("styles", numbered(styles.map(|(_, note)| note).collect())),
        ("sentences", numbered(sentences.collect())),
        (
            "by_hand",
            numbered(corpus::marked(Path::new(BY_HAND[0].0))?),
        ),
        (
            "by_hand_more",
            numbered(corpus::marked(Path::new(BY_HAND[1].0))?),
        ),
    ];
    for (name, notes) in sets {
        let lines = notes.iter().map(|(id, note)| {
            let spans = in_characters(&note.text, &note.spans);
            serde_json::json!({"id": id, "text": note.text, "spans": spans})
        });
        fs::write(folder.join(format!("{name}.jsonl")), json_lines(lines))?;
    }
    Ok(())
}

/// Spans with places that count characters.
fn in_characters(text: &str, spans: &[Found]) -> serde_json::Value {
    let at = |byte: usize| text[..byte].chars().count();
    let spans = spans.iter().map(
        |s| serde_json::json!({"start": at(s.start), "end": at(s.end), "label": s.label.name()}),
    );
    spans.collect()
}

fn json_lines(lines: impl Iterator<Item = serde_json::Value>) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

/// Learns from everything and writes what is shipped.
fn ship(books: &Books, validated: &Validated) -> Result<()> {
    let mut lessons = books.lessons_of(&books.notes_outside(None), 7);
    lessons.extend(books.lessons_of_styles(None, 8));
    let weights = books.learn("all", &lessons, None);
    let bytes = weights.to_bytes();
    let folder = Path::new("crates/deid/data");
    writeln!(
        stderr(),
        "{} weights, {} bytes",
        weights.kept(),
        bytes.len()
    )?;
    let styles = measures::styles_filled(books).len();
    let (notes, unlike) = (&validated.notes, &validated.styles);
    let measured = serde_json::json!({
        "weights_sha256": longitude_core::Digest::of(&bytes).hex(),
        "notes": books.notes.len(),
        "method": "5-fold cross-validation by note; a span is caught when every letter and digit of it is covered",
        "character_precision": (notes.precision() * 1e4).round() / 1e4,
        "classes": classes(notes),
        "unlike": {
            "notes": styles,
            "method": "made-up notes of thirteen styles, each style left out of what was learnt, with names, hospitals, employers and towns of lists that were not learnt from",
            "character_precision": (unlike.precision() * 1e4).round() / 1e4,
            "classes": classes(unlike),
        },
    });
    fs::write(folder.join("tagger.bin"), &bytes)?;
    fs::write(folder.join("tagger.json"), format!("{measured:#}\n"))?;
    Ok(())
}

/// What was caught, by the name of the label.
fn classes(score: &Score) -> serde_json::Map<String, serde_json::Value> {
    let classes = score.classes.iter();
    let counts = |class: &score::Class| serde_json::json!({"spans": class.spans, "caught": class.caught, "touched": class.touched});
    classes
        .map(|(name, class)| ((*name).to_owned(), counts(class)))
        .collect()
}
