//! The annotated texts: notes with planted identifiers, and the synthetic sentences of Presidio.

use crate::generate::{Annotated, copy};
use longitude_deid::{Found, Label, Scrubber};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Notes as JSON lines: `text`, and `phi` or `spans` with `start`, `end` (characters) and `label`.
pub(crate) fn notes(path: &Path) -> Result<Vec<(String, Annotated)>> {
    let lines = fs::read_to_string(path)?;
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let note: Value = serde_json::from_str(line)?;
            let id = note["id"].as_str().unwrap_or_default().to_owned();
            let text = note["text"].as_str().unwrap_or_default();
            let spans = if note["phi"].is_null() {
                &note["spans"]
            } else {
                &note["phi"]
            };
            Ok((
                id,
                annotated(text, spans, ("start", "end", "label"), Label::of_name),
            ))
        })
        .collect()
}

/// The sentences of Presidio, with its labels read as ours and the number of its template.
pub(crate) fn sentences(path: &Path) -> Result<Vec<(usize, Annotated)>> {
    let all: Vec<Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let fields = ("start_position", "end_position", "entity_type");
    let one = |sentence: &Value| {
        let text = sentence["full_text"].as_str().unwrap_or_default();
        let template = sentence["template_id"].as_u64().unwrap_or(0);
        let template = usize::try_from(template).unwrap_or(0);
        let annotated = annotated(text, &sentence["spans"], fields, of_presidio);
        (template, annotated)
    };
    Ok(all.iter().map(one).collect())
}

/// Ours for a label of Presidio; titles, nationalities and ages of everybody identify nobody here.
fn of_presidio(label: &str) -> Option<Label> {
    Some(match label {
        "PERSON" => Label::Name,
        "STREET_ADDRESS" => Label::Address,
        "GPE" => Label::City,
        "ORGANIZATION" => Label::Organization,
        "CREDIT_CARD" | "IBAN_CODE" => Label::Account,
        "PHONE_NUMBER" => Label::Phone,
        "EMAIL_ADDRESS" => Label::Email,
        "DOMAIN_NAME" => Label::Url,
        "ZIP_CODE" => Label::Zip,
        "US_SSN" => Label::Ssn,
        "IP_ADDRESS" => Label::Ip,
        "US_DRIVER_LICENSE" => Label::Licence,
        "DATE_TIME" => Label::Date,
        _ => return None,
    })
}

/// Spans in characters as spans in bytes, in order; of overlapping ones the first stays.
fn annotated(
    text: &str,
    spans: &Value,
    (start, end, label): (&str, &str, &str),
    read: fn(&str) -> Option<Label>,
) -> Annotated {
    let places: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let place = |value: &Value| {
        let at = usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
        places.get(at).copied().unwrap_or(text.len())
    };
    let read = |span: &Value| {
        let (start, end) = (place(&span[start]), place(&span[end]));
        let label = read(span[label].as_str().unwrap_or_default())?;
        // A year alone identifies nobody.
        let digits = text[start..end].bytes().all(|b| b.is_ascii_digit());
        let year = digits && end - start == 4 && label == Label::Date;
        (!year).then_some(Found { start, end, label })
    };
    let mut found: Vec<Found> = spans
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(read)
        .collect();
    found.sort_by_key(|span| (span.start, usize::MAX - span.end));
    let mut spans: Vec<Found> = Vec::new();
    for span in found {
        if spans.last().is_none_or(|last| last.end <= span.start) {
            spans.push(span);
        }
    }
    Annotated {
        text: text.to_owned(),
        spans,
    }
}

/// For learning only: what the patterns find for certain and nobody annotated (dates by month,
/// clinicians' names that were in the text before) is added.
pub(crate) fn completed(note: &Annotated, scrubber: &Scrubber) -> Annotated {
    let mut spans = note.spans.clone();
    for hit in scrubber.certain(&note.text) {
        if spans
            .iter()
            .all(|span| span.end <= hit.start || hit.end <= span.start)
        {
            spans.push(hit);
        }
    }
    spans.sort_by_key(|span| span.start);
    Annotated {
        text: note.text.clone(),
        spans,
    }
}

/// Sentences without identifiers, to stand among those of made-up notes: the first column of text
/// of a table of dialogues, where it has neither dates nor names.
pub(crate) fn filler(path: &Path, scrubber: &Scrubber) -> Result<Vec<Annotated>> {
    let table = fs::read_to_string(path)?;
    let sentence = |text: &str| {
        let plain = text.len() > 20
            && !text.contains(['"', '\n'])
            && !text.contains("Doctor")
            && scrubber.find(text).is_empty()
            && text
                .split(' ')
                .skip(1)
                .all(|word| !word.starts_with(char::is_uppercase) || word.len() < 5);
        plain.then(|| Annotated {
            text: format!("{}.", text.trim()),
            spans: Vec::new(),
        })
    };
    Ok(table.split(". ").filter_map(sentence).collect())
}

/// Sentences of notes that hold none of their identifiers.
pub(crate) fn plain_sentences(notes: &[&Annotated]) -> Vec<Annotated> {
    let mut plain = Vec::new();
    for note in notes {
        let mut at = 0;
        for (end, _) in note.text.match_indices(". ") {
            let free = note.spans.iter().all(|s| s.end <= at || end < s.start);
            let sentence = &note.text[at..=end];
            if free && !sentence.contains('\n') && sentence.len() > 20 {
                let mut one = Annotated::default();
                copy(note, at, end + 1, &mut one);
                plain.push(one);
            }
            at = end + 2;
        }
    }
    plain
}

/// Names of diseases, as they stand in notes: capitals and persons' names among them.
pub(crate) fn terms(folder: &Path) -> Result<Vec<Annotated>> {
    let file = folder.join("icd10cm-codes-2024.txt.xz");
    let unpacked = Command::new("xz").arg("-dc").arg(file).output()?;
    let table = String::from_utf8(unpacked.stdout)?;
    let terms = table.lines().filter_map(|line| line.split_once(' '));
    let terms = terms.map(|(_, term)| term.trim());
    // Every place and side has a code of its own; a part of them is enough.
    let terms = terms
        .enumerate()
        .filter(|(at, term)| at % 5 == 0 && term.len() < 90);
    Ok(terms
        .map(|(_, term)| Annotated {
            text: term.to_owned(),
            spans: Vec::new(),
        })
        .collect())
}

/// Notes in one file, parted by lines of `=====`, with identifiers as `[[LABEL:text]]`.
pub(crate) fn marked(path: &Path) -> Result<Vec<Annotated>> {
    let file = fs::read_to_string(path)?;
    let note = |text: &str| {
        let mut note = Annotated::default();
        let mut pieces = text.split("[[");
        note.push(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (marked, after) = piece.split_once("]]").ok_or("[[ without ]]")?;
            let (label, text) = marked.split_once(':').ok_or("a mark without a label")?;
            let label = Label::of_name(label).ok_or(format!("no label {label}"))?;
            note.push_labelled(label, text);
            note.push(after);
        }
        Ok(note)
    };
    file.split("=====\n").map(note).collect()
}
