//! C-CDA in bad shape: whatever the bytes, nothing panics and every statement is accounted for.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Kept, ingest, render, shared_data};
use longitude_core::{Issue, IssueKind};
use longitude_ingest::{Format, Options, Report, detect};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../../cases/ingest/documents/second.xml");

fn read(bytes: &[u8]) -> (Report, Kept) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.xml"), bytes).unwrap();
    ingest(folder.path(), &Options::standard(1)).unwrap()
}

/// The one issue of a file that is no document.
fn fault(bytes: &[u8]) -> String {
    let (report, kept) = read(bytes);
    assert_eq!((report.counts.rows_read, report.file_issues), (0, 1));
    format!("{} {}", kept.issues[0].kind, kept.issues[0].detail)
}

#[test]
fn no_document_is_one_issue_of_the_file() {
    let root = "<ClinicalDocument xmlns='urn:hl7-org:v3'>";
    let cut = &DOCUMENT[..DOCUMENT.len() / 2];
    assert_eq!(fault(cut.as_bytes()), "invalid_xml not well-formed");
    let deep = format!("{root}{}", "<component>".repeat(100_000));
    let told = "invalid_xml nested deeper than 128 elements";
    assert_eq!(fault(deep.as_bytes()), told);
    let mut laughs = "<!DOCTYPE x [<!ENTITY a0 'ha'>".to_owned();
    for level in 1..10 {
        let ten = format!("&a{};", level - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY a{level} '{ten}'>"));
    }
    let laughs = format!("{laughs}]>{root}<title>&a9;</title></ClinicalDocument>");
    assert_eq!(fault(laughs.as_bytes()), "invalid_xml an entity reference");
    let external = format!(
        "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>{root}&f;</ClinicalDocument>"
    );
    assert_eq!(
        fault(external.as_bytes()),
        "invalid_xml an entity reference"
    );
    let other = "<ClinicalDocument/>";
    assert_eq!(fault(other.as_bytes()), "invalid_xml no element");
    let bad = [root.as_bytes(), b"\xFF</ClinicalDocument>"].concat();
    assert_eq!(fault(&bad), "invalid_encoding file not in UTF-8");
}

#[test]
fn encodings_say_the_same() {
    let (report, kept) = read(DOCUMENT.as_bytes());
    let plain = render(&report, &kept);
    let text = DOCUMENT.replace("encoding=\"UTF-8\"", "encoding=\"UTF-16\"");
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let (report, kept) = read(&utf16);
    assert_eq!(render(&report, &kept), plain);
    let latin = DOCUMENT
        .replace("encoding=\"UTF-8\"", "encoding='ISO-8859-1'")
        .replace("Former smoker", "Fr\u{fc}her");
    let latin: Vec<u8> = latin
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let (_, kept) = read(&latin);
    let texts = kept
        .events
        .iter()
        .filter_map(|(_, event)| event.text_value.as_deref());
    assert!(texts.into_iter().any(|text| text == "Fr\u{fc}her"));
}

#[test]
fn a_line_of_many_megabytes_is_read() {
    let long = "word ".repeat(2_000_000);
    let text = DOCUMENT.replace("Former smoker", &long);
    let (report, kept) = read(text.as_bytes());
    assert_eq!(report.file_issues, 0);
    let texts = kept
        .events
        .iter()
        .filter_map(|(_, event)| event.text_value.as_deref());
    assert!(texts.into_iter().any(|text| text.len() == long.len() - 1));
}

#[test]
fn documents_are_told_from_other_xml() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.xml", DOCUMENT);
    write("b.xml", "<html/>");
    write("c.txt", "about a ClinicalDocument");
    let expected = BTreeSet::from([Format::Ccda]);
    assert_eq!(detect(folder.path()).unwrap(), expected);
    let (report, _) = ingest(folder.path(), &Options::standard(1)).unwrap();
    assert_eq!(report.files_ignored, ["b.xml", "c.txt"]);
}

#[test]
fn the_same_document_twice_is_a_duplicate() {
    let folder = TempDir::new().unwrap();
    for name in ["a.xml", "b.xml"] {
        fs::write(folder.path().join(name), DOCUMENT).unwrap();
    }
    let (report, kept) = ingest(folder.path(), &Options::standard(2)).unwrap();
    let (one, _) = read(DOCUMENT.as_bytes());
    assert_eq!(report.counts.events, one.counts.events);
    assert!(
        kept.events
            .iter()
            .all(|(_, event)| &*event.origin.file == "a.xml")
    );
}

#[test]
fn no_finding_quotes_a_patient() {
    let secret = "Zaphod";
    let text = DOCUMENT
        .replace("19500717", secret)
        .replace("20200302\"", "Zaphod\"")
        .replace("value=\"1.3\"", "value=\"Zaphod\"")
        .replace("20200310120000-0500", secret);
    let (report, kept) = read(text.as_bytes());
    let told = |issue: &Issue| format!("{issue:?}");
    let notes: String = kept.issues.iter().chain(&kept.warnings).map(told).collect();
    assert!(!notes.contains(secret), "{notes}");
    assert!(!format!("{report:?}").contains(secret));
    assert!(
        kept.warnings
            .iter()
            .any(|note| note.kind == IssueKind::InvalidTime)
    );
}

#[test]
fn shared_samples_are_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let (report, kept) = ingest(&data.join("ccda"), &Options::standard(2)).unwrap();
    assert_eq!((report.files.len(), report.file_issues), (3, 0));
    let of = |kind: &str| report.by_type[kind];
    // Counted in the files by their templates.
    assert_eq!(of("vital_sign").rows_read, 9 + 4 + 6);
    assert_eq!(of("result").rows_read, 1 + 3);
    assert_eq!(of("allergy").rows_read, 1 + 3 + 3);
    assert_eq!(of("section").rows_read, 7 + 21 + 17);
    assert_eq!(of("immunization").rows_with_issue, 2);
    // Two documents are of one invented patient, whose data are told once.
    assert_eq!(report.subjects, 2);
    let births = kept
        .events
        .iter()
        .filter(|(_, event)| event.code.is_birth());
    assert_eq!(births.count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn damaged_documents_are_accounted_for(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..12),
    ) {
        let mut bytes = DOCUMENT.as_bytes().to_vec();
        // The start stays, or the file is no longer told to be a document.
        let start = 120;
        for (place, byte, how) in edits {
            let place = start + place.index(bytes.len() - start);
            let signs = b"<>/&\"'= \n\0aEV0";
            let byte = if byte < 200 { signs[usize::from(byte) % signs.len()] } else { byte };
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => { bytes.remove(place); }
            }
        }
        let (report, _) = read(&bytes);
        prop_assert!(report.counts.rows_read > 0 || report.file_issues == 1);
    }
}
