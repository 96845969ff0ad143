//! HL7 v2 in bad shape: whatever the bytes, nothing panics, every segment is accounted for, and
//! neither threads nor the size of the pieces nor the kind of line end changes what comes out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod common;

use common::{Kept, ingest, render, shared_data};
use expect_test::expect;
use longitude_core::{Issue, IssueKind};
use longitude_ingest::{Format, Options, Report, detect, source_row};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const ADT: &[u8] = include_bytes!("../../../cases/ingest/messages/adt.hl7");
const ORU: &[u8] = include_bytes!("../../../cases/ingest/messages/oru.dat");
const OTHERS: &[u8] = include_bytes!("../../../cases/ingest/messages/others.er7");

fn read(bytes: &[u8], options: &Options) -> (Report, Kept) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.hl7"), bytes).unwrap();
    ingest(folder.path(), options).unwrap()
}

fn shown(bytes: &[u8]) -> String {
    let (report, kept) = read(bytes, &Options::standard(1));
    render(&report, &kept)
}

fn all() -> Vec<u8> {
    [ADT, b"\r", ORU, b"\n", OTHERS].concat()
}

/// Segments as an independent count: what is left between line ends.
fn segments(bytes: &[u8]) -> u64 {
    let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    let is_blank = |byte: &u8| matches!(byte, 0x0B | 0x1C | b' ' | b'\t' | 0);
    lines.filter(|line| !line.iter().all(is_blank)).count() as u64
}

#[test]
fn line_ends_do_not_matter() {
    let text = String::from_utf8(ADT.to_vec()).unwrap();
    let plain = shown(ADT);
    for end in ["\r", "\r\n", "\n\n", "\r\r\n"] {
        assert_eq!(shown(text.replace('\n', end).as_bytes()), plain, "{end:?}");
    }
    let mut mixed = String::new();
    for (line, end) in text.lines().zip(["\r", "\n", "\r\n"].into_iter().cycle()) {
        mixed.push_str(line);
        mixed.push_str(end);
    }
    assert_eq!(shown(mixed.as_bytes()), plain);
}

#[test]
fn other_separators_say_the_same() {
    let text = String::from_utf8(ADT.to_vec()).unwrap();
    let swap = |sign: char| match sign {
        '|' => '#',
        '^' => '*',
        '~' => '!',
        '\\' => '?',
        '&' => '%',
        other => other,
    };
    let swapped: String = text.chars().map(swap).collect();
    assert_eq!(shown(swapped.as_bytes()), shown(ADT));
}

#[test]
fn bad_headers_and_lone_segments_are_issues() {
    let bytes = b"MSH|^~\\&|A|B|||x||ADT^A01|1|P|2.5\rPID|1||7^^^B^MR||Roe^Jane\r\
        MSH|^^^^|A\rPID|1||7\rMSHX\rMSH|^~\\&|A|B|||20200101||ADT^A01|2\rPV1|1|I\r\
        PID|1\rpid|1||7\rPIDX|1\r";
    let (report, kept) = read(bytes, &Options::standard(1));
    let told = |issue: &Issue| {
        let (row, kind) = (issue.location.row, issue.kind);
        format!("{row} {kind} {}\n", issue.detail)
    };
    let told: String = kept.issues.iter().map(told).collect();
    expect![[r#"
        3 invalid_segment MSH-9: no message type
        4 invalid_segment MSH-9: no message type
        5 invalid_segment MSH-2
        7 missing_subject PV1: no patient
        8 missing_subject PID-3
        9 invalid_segment no segment name
        10 invalid_segment no segment name
    "#]]
    .assert_eq(&told);
    assert_eq!((report.counts.rows_read, kept.events.len()), (10, 0));
}

#[test]
fn characters_are_read_as_stated() {
    let event = |bytes: &[u8]| {
        let (report, kept) = read(bytes, &Options::standard(1));
        assert_eq!(report.file_issues, 0);
        let text = kept
            .events
            .iter()
            .find_map(|(_, event)| event.text_value.clone());
        (text.unwrap_or_else(|| "-".into()), kept.warnings.len())
    };
    let message = |charset: &str, value: &[u8]| {
        let header = format!("MSH|^~\\&|A|B|||202001010000+0000||ORU^R01|1|P|2.5||||||{charset}\r");
        let rest = b"PID|||7^^^B^MR\rOBX|1|ST|1^x^L||".as_slice();
        [header.as_bytes(), rest, value, b"\r"].concat()
    };
    let say = |charset: &str, value: &[u8]| {
        let (text, warnings) = event(&message(charset, value));
        format!("{text} {warnings}")
    };
    // One warning each is the missing time of the observation.
    assert_eq!(say("UNICODE UTF-8", "größer".as_bytes()), "größer 1");
    assert_eq!(say("8859/1", b"gr\xF6\xDFer"), "größer 1");
    assert_eq!(say("8859/2", b"za\xBFy"), "zaży 1");
    assert_eq!(say("", b"gr\xF6\xDFer"), "größer 2");
    assert_eq!(say("KOI99", b"gr\xF6\xDFer"), "größer 2");
    assert_eq!(say("GB 18030", b"\xD1\xF4\xD0\xD4"), "阳性 1");
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(message("", b"x").into_iter().flat_map(|byte| [byte, 0]))
        .collect();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.hl7"), utf16).unwrap();
    assert!(ingest(folder.path(), &Options::standard(1)).is_err());
}

#[test]
fn long_lines_cost_no_more_than_their_limit() {
    let mut options = Options::standard(2);
    options.chunk_bytes_max = 4 << 10;
    options.line_bytes_max = 64 << 10;
    let long = vec![b'x'; 1 << 20];
    let bytes = [
        ADT,
        b"MSH|^~\\&|A|B|||2020||ORU^R01|1\rOBX|1|TX|1||",
        &long,
        b"\r",
        OTHERS,
    ]
    .concat();
    let (report, kept) = read(&bytes, &options);
    let too_long: Vec<&Issue> = kept
        .issues
        .iter()
        .filter(|issue| issue.detail.contains("longer"))
        .collect();
    assert_eq!(too_long.len(), 1);
    let apart = read(ADT, &options).0.counts.rows_read + read(OTHERS, &options).0.counts.rows_read;
    assert_eq!(report.counts.rows_read, apart + 1);
    // The same within the limit: a text of a megabyte.
    let (report, kept) = read(&bytes, &Options::standard(1));
    assert_eq!(report.counts.rows_read, segments(&bytes));
    assert!(
        kept.issues
            .iter()
            .all(|issue| !issue.detail.contains("longer"))
    );
}

#[test]
fn formats_are_told_by_the_first_bytes() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("feed", ORU);
    write("b.txt", &[b"\xEF\xBB\xBF\x0b".as_slice(), ADT].concat());
    write("notes.txt", b"MSH is the header segment");
    write("page.xml", b"<?xml version='1.0'?><html/>");
    write("x.json", b"{\"resourceType\":\"Basic\"}");
    let expected = BTreeSet::from([Format::Fhir, Format::Hl7v2]);
    assert_eq!(detect(folder.path()).unwrap(), expected);
    let (report, _) = ingest(folder.path(), &Options::standard(1)).unwrap();
    assert_eq!(report.files_ignored, ["notes.txt", "page.xml"]);
}

#[test]
fn the_clock_of_the_sender_is_that_of_its_header_or_of_the_options() {
    let time = |stated: &str, clock: Option<&str>| {
        let bytes = format!(
            "MSH|^~\\&|A|B|||20200101120000{stated}||ORU^R01|1\rPID|||7\r\
             OBX|1|NM|1^x^L||5||||||F|||20200101080000\r"
        );
        let mut options = Options::standard(1);
        options.clock = clock.map(|clock| clock.parse().unwrap());
        let (_, kept) = read(bytes.as_bytes(), &options);
        let event = &kept.events[0].1;
        format!("{} {:?}", event.time.unwrap(), event.utc_offset_minutes)
    };
    assert_eq!(
        time("-0500", Some("+01:00")),
        "2020-01-01T13:00:00Z Some(-300)"
    );
    assert_eq!(time("", Some("+01:00")), "2020-01-01T07:00:00Z Some(60)");
    let zone = Some("America/New_York");
    assert_eq!(time("", zone), "2020-01-01T13:00:00Z Some(-300)");
    assert_eq!(time("", None), "2020-01-01T08:00:00Z None");
}

#[test]
fn no_finding_quotes_a_patient() {
    let secret = "Zaphod";
    let text = format!(
        "MSH|^~\\&|A|B|||{secret}||ORU^R01|{secret}\rPID|||{secret}^^^B||{secret}^{secret}||{secret}\r\
         OBR|1|{secret}|{secret}|1^x^L|||{secret}\r\
         OBX|1|NM|1^x^L||{secret}|mg|{secret}|H|||F|||{secret}\r\
         OBX|2|{secret}|1^x^L||{secret}\rNTE|1||{secret}\rDG1|1||||{secret}\rAL1|1||^\r{secret}\r\
         MSH|^~\\&|A|B|||2020||{secret}^{secret}|1\rPID|||{secret}\r"
    );
    let (report, kept) = read(text.as_bytes(), &Options::standard(1));
    let told = |issue: &Issue| format!("{issue:?}");
    let notes: String = kept.issues.iter().chain(&kept.warnings).map(told).collect();
    assert!(!notes.contains(secret), "{notes}");
    assert!(!format!("{report:?}").contains(secret));
    assert!(report.counts.rows_with_issue >= 4);
}

#[test]
fn an_event_leads_back_to_its_segment() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.hl7"), all()).unwrap();
    let (_, kept) = ingest(folder.path(), &Options::standard(1)).unwrap();
    for (_, event) in &kept.events {
        let row = source_row(&[folder.path()], "x.hl7", event.origin.row).unwrap();
        let bytes = row.bytes.unwrap();
        let name = event.origin.element.get(..3).unwrap();
        // The text of a document stands in the OBX segments, its event at the TXA.
        let is_document = bytes.starts_with(b"TXA");
        assert!(bytes.starts_with(name.as_bytes()) || is_document);
    }
}

#[test]
fn shared_samples_are_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let folder: &Path = &data.join("hl7v2");
    let (report, kept) = ingest(folder, &Options::standard(2)).unwrap();
    assert_eq!(report.files.len(), 4);
    assert_eq!((report.file_issues, report.files_ignored.len()), (0, 0));
    let expected: u64 = fs::read_dir(folder)
        .unwrap()
        .map(|entry| segments(&fs::read(entry.unwrap().path()).unwrap()))
        .sum();
    assert_eq!(report.counts.rows_read, expected);
    let notes = kept
        .events
        .iter()
        .filter(|(_, event)| &*event.code.system == "NOTE");
    assert!(notes.count() >= 2);
    let invalid = |issue: &&Issue| issue.kind == IssueKind::InvalidSegment;
    assert_eq!(kept.issues.iter().filter(invalid).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn damaged_messages_are_accounted_for(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = all();
        for (place, byte, how) in edits {
            let place = place.index(bytes.len());
            let signs = b"|^~\\&\r\n\0\x0b\x1c\"ME";
            let byte = if byte < 128 { signs[usize::from(byte) % signs.len()] } else { byte };
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => { bytes.remove(place); }
                _ => bytes.truncate(place.max(cut.index(bytes.len()))),
            }
            if bytes.is_empty() {
                break;
            }
        }
        // The start stays, or the file is no longer told to be HL7 v2.
        let bytes = [b"MSH|^~\\&|A\r".as_slice(), &bytes].concat();
        let (report, _) = read(&bytes, &Options::standard(1));
        prop_assert_eq!(report.counts.rows_read, segments(&bytes));
    }

    #[test]
    fn pieces_and_threads_change_nothing(threads in 1..4usize, chunk in 1..4_000usize) {
        let bytes = all();
        let whole = read(&bytes, &Options::standard(1));
        let mut options = Options::standard(threads);
        options.chunk_bytes_max = chunk;
        let pieces = read(&bytes, &options);
        prop_assert_eq!(&whole.0, &pieces.0);
        prop_assert_eq!(render(&whole.0, &whole.1), render(&pieces.0, &pieces.1));
    }
}

#[test]
fn an_order_of_a_drug_says_route_and_frequency_wherever_they_stand() {
    let said = |order: &str| {
        let text = format!(
            "MSH|^~\\&|RX|NORTH|||20200301110000Z||RDE^O11|R1|P|2.5\rPID|||7^^^NORTH^MR\r{order}\r\
             RXR|PO^Oral^HL70162\rORC|NW|2||||||^Q1H|20200301Z\rRXR|IV\r"
        );
        let (_, kept) = read(text.as_bytes(), &Options::standard(1));
        kept.events[0].1.text_value.as_deref().map(str::to_owned)
    };
    let drug = "1049221^APAP^RXNORM|650||mg";
    let oral = |frequency: &str| Some(format!("Oral{frequency}"));
    let timed = format!("ORC|NW|1\rTQ1|1||Q6H&Every six hours\rRXE|1^BID|{drug}");
    assert_eq!(said(&timed), oral("; Q6H"));
    assert_eq!(said(&format!("ORC|NW|1\rRXE|1^BID|{drug}")), oral("; BID"));
    let older = format!("ORC|NW|1|||||1^TID|20200301\rRXE||{drug}");
    assert_eq!(said(&older), oral("; TID"));
    assert_eq!(said(&format!("ORC|NW|1\rRXE||{drug}")), oral(""));
}
