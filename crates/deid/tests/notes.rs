//! Recall and precision of the scrubber on annotated notes with planted identifiers.
//!
//! A label's recall is the share of its spans of which every letter and digit was taken away; the
//! precision is the share of what was taken away that overlaps an annotated span.
//!
//! The shipped tagger has learnt from these notes: this guards what was reached, it measures
//! nothing. The measurement, on notes that the tagger has not seen, is `cargo xtask bench phi`.

use longitude_deid::Scrubber;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The recall that each label must keep, from what was reached.
const FLOORS: &[(&str, f64)] = &[
    ("ACCESSION", 1.0),
    ("ADDRESS", 1.0),
    ("AGE_OVER_89", 1.0),
    ("CITY", 1.0),
    ("DATE", 1.0),
    ("DEVICE_ID", 1.0),
    ("EMAIL", 1.0),
    ("FAX", 1.0),
    ("HEALTH_PLAN_ID", 1.0),
    ("HOSPITAL", 1.0),
    ("MRN", 1.0),
    ("ORGANIZATION", 1.0),
    ("PHONE", 1.0),
    ("SSN", 1.0),
    ("STATE", 1.0),
    ("ZIP", 1.0),
    ("NAME", 0.997),
];
/// Much of what is taken beside the annotations identifies indeed: months, clinicians' names.
const PRECISION_FLOOR: f64 = 0.95;

#[test]
fn recall_and_precision_keep_their_floors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/notes/phi_notes_dev.jsonl");
    let Ok(lines) = fs::read_to_string(path) else {
        println!("LEFT OUT: 1 tests need shared/data");
        return;
    };
    let verbose = std::env::args().any(|a| a == "--nocapture");
    let scrubber = Scrubber::new();
    let mut labels: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut right, mut taken) = (0_u64, 0_u64);
    for line in lines.lines() {
        let note: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = note["text"].as_str().unwrap();
        let at: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let found = scrubber.find(text);
        let mut hidden = vec![false; text.len()];
        for span in &found {
            hidden[span.start..span.end].fill(true);
        }
        let mut annotated = vec![false; text.len()];
        for span in note["phi"].as_array().unwrap() {
            let place = |field: &str| at[usize::try_from(span[field].as_u64().unwrap()).unwrap()];
            let (start, end) = (place("start"), place("end"));
            annotated[start..end].fill(true);
            let told = text[start..end]
                .char_indices()
                .any(|(at, c)| c.is_alphanumeric() && !hidden[start + at]);
            let counts = labels
                .entry(span["label"].as_str().unwrap().into())
                .or_default();
            counts.1 += 1;
            counts.0 += u64::from(!told);
            if told && verbose {
                println!(
                    "missed {} {:?}",
                    span["label"],
                    &text[start.saturating_sub(20)..(end + 8).min(text.len())]
                );
            }
        }
        for span in found {
            taken += 1;
            let ok = annotated[span.start..span.end].iter().any(|&a| a);
            right += u64::from(ok);
            if !ok && verbose {
                println!("wrong {:?} {:?}", span.label, &text[span.start..span.end]);
            }
        }
    }
    for (label, (hit, all)) in &labels {
        println!(
            "recall {label:16} {hit:4} of {all:4} = {:.3}",
            *hit as f64 / *all as f64
        );
    }
    let precision = right as f64 / taken as f64;
    println!("precision {right} of {taken} = {precision:.3}");
    for (label, floor) in FLOORS {
        let (hit, all) = labels[*label];
        assert!(hit as f64 >= floor * all as f64, "{label}: {hit} of {all}");
    }
    assert!(precision >= PRECISION_FLOOR, "{precision}");
}
