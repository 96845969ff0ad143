//! A source read in parts, each alone and carried as text in between, against the same source read
//! at once: the same events in the same order, the same issues and warnings, the same report.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Kept, ingest};
use flate2::Compression;
use flate2::write::GzEncoder;
use longitude_ingest::parts::{
    Copied, Given, Indexed, ListedFile, Part, PartsAccount, Shared, Source, Survey, Surveying, Told,
};
use longitude_ingest::{Options, Report, parts};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::Write as _;
use std::path::Path;

fn carried<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Where a file of the source is: the source itself may be the file.
fn path_of(root: &Path, file: &ListedFile) -> std::path::PathBuf {
    if root.is_file() {
        root.to_owned()
    } else {
        root.join(&file.name)
    }
}

fn survey(root: &Path, file: &ListedFile, part_bytes: u64) -> Survey {
    let bytes = fs::read(path_of(root, file)).unwrap();
    let wanted = usize::try_from(Surveying::wanted(file, part_bytes)).unwrap();
    let mut surveying = Surveying::new(file, part_bytes);
    // Bytes come as a network hands them out.
    for some in bytes[..wanted.min(bytes.len())].chunks(1000) {
        surveying.push(some);
    }
    carried(&surveying.finish(file))
}

/// The copies of a part's files: every other part has only its own bytes at hand.
fn copies(root: &Path, source: &Source, part: &Part, spool: Option<&Path>) -> Vec<Copied> {
    let files = &source.files()[part.files()];
    let copy = |file: &ListedFile| {
        let path = path_of(root, file);
        let Some(range) = part.bytes() else {
            return Copied { path, from: 0 };
        };
        let Some(spool) = spool else {
            let from = range.start;
            return Copied { path, from };
        };
        let place = |at: u64| usize::try_from(at).unwrap();
        let bytes = fs::read(path).unwrap();
        fs::write(spool, &bytes[place(range.start)..place(range.end)]).unwrap();
        let path = spool.to_owned();
        Copied { path, from: 0 }
    };
    files.iter().map(copy).collect()
}

/// Reads the source in parts of at least `part_bytes`; says how many there were.
fn in_parts(root: &Path, options: &Options, part_bytes: u64) -> (Report, Kept, usize) {
    let source: Source = carried(&Source::of_path(root).unwrap());
    let surveys = source.files().iter();
    let surveys: Vec<_> = surveys.map(|f| survey(root, f, part_bytes)).collect();
    let parts: Vec<Part> = carried(&source.parts(&surveys));
    let spool = tempfile::NamedTempFile::new().unwrap();
    let mut shared = Shared::new();
    for (number, part) in parts.iter().enumerate() {
        let spool = (number % 2 == 0).then(|| spool.path());
        let copies = copies(root, &source, part, spool);
        let given = Given {
            source: &source,
            part,
            copies: &copies,
        };
        if part.is_indexed() {
            let mut found: Vec<Indexed> = Vec::new();
            parts::index(given, options, &mut |indexed| {
                found.push(carried(&indexed));
                Ok(())
            })
            .unwrap();
            for indexed in found {
                shared.add(indexed);
            }
        }
    }
    let mut mapped = Vec::new();
    // The last part is mapped first: no part waits for another.
    for part in parts.iter().rev() {
        let copies = copies(root, &source, part, None);
        let given = Given {
            source: &source,
            part,
            copies: &copies,
        };
        let mut pieces = Vec::new();
        parts::map(given, &shared, options, &mut |piece| {
            pieces.push((carried::<Told>(&piece.told), piece.events));
            Ok(())
        })
        .unwrap();
        mapped.push(pieces);
    }
    let (mut kept, mut events) = (Kept::default(), Vec::new());
    let mut account = PartsAccount::new(&source, options, &mut kept).unwrap();
    for (told, own) in mapped.into_iter().rev().flatten() {
        let mut own = own.into_iter();
        let mut tell = |count: usize, stays: bool| {
            events.extend(own.by_ref().take(count).filter(|_| stays));
        };
        account.take(told, &mut tell).unwrap();
        assert_eq!(own.len(), 0, "every event belongs to a row");
    }
    let mut subjects: Vec<_> = events.iter().map(|(subject, _)| *subject).collect();
    subjects.sort();
    subjects.dedup();
    let report = account.finish(subjects.len() as u64);
    kept.events = events;
    (report, kept, parts.len())
}

fn check(root: &Path, options: &Options, part_bytes: u64) -> usize {
    let (report, kept) = ingest(root, options).unwrap();
    let (parts_report, parts_kept, count) = in_parts(root, options, part_bytes);
    let shown = format!("{} in parts of {part_bytes}", root.display());
    assert_eq!(parts_report, report, "{shown}");
    assert_eq!(parts_kept.issues, kept.issues, "{shown}");
    assert_eq!(parts_kept.warnings, kept.warnings, "{shown}");
    assert_eq!(parts_kept.events.len(), kept.events.len(), "{shown}");
    for (one, other) in parts_kept.events.iter().zip(&kept.events) {
        assert!(one == other, "{shown}: {one:?} is not {other:?}");
    }
    count
}

#[test]
fn golden_cases_in_parts_are_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/ingest");
    let folder = folder.canonicalize().unwrap();
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let end = path.extension().unwrap_or_default().to_owned();
        if end != "txt" && end != "md" {
            check(&path, &Options::standard(2), 64);
            files += 1;
        }
    }
    assert!(files >= 8, "cases are missing");
    check(&folder, &Options::standard(2), 200);
}

fn observation(id: u32, patient: u32) -> String {
    format!(
        "{{\"resourceType\":\"Observation\",\"id\":\"o{id}\",\"status\":\"final\",\
         \"subject\":{{\"reference\":\"Patient/p{patient}\"}},\
         \"encounter\":{{\"reference\":\"Encounter/e{patient}\"}},\
         \"code\":{{\"coding\":[{{\"system\":\"http://loinc.org\",\"code\":\"2160-0\"}}]}},\
         \"valueQuantity\":{{\"value\":{id}.5,\"unit\":\"mg/dL\",\"code\":\"mg/dL\"}}}}"
    )
}

/// Several files with what goes wrong between them: one record in two files, references across
/// files, a byte order mark, odd line ends, a line beyond the limit, gzip whole and broken.
fn awkward(root: &Path) {
    let patients: Vec<_> = (0..20)
        .map(|id| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{id}\",\"gender\":\"male\"}}"))
        .collect();
    fs::write(root.join("z.Patient.ndjson"), patients.join("\n")).unwrap();
    let encounters = (0..20).map(|id| {
        format!(
            "{{\"resourceType\":\"Encounter\",\"id\":\"e{id}\",\"status\":\"finished\",\
             \"class\":{{\"code\":\"IMP\"}},\"subject\":{{\"reference\":\"Patient/p{id}\"}},\
             \"period\":{{\"start\":\"2020-01-01T08:00:00Z\",\"end\":\"2020-01-0{}T08:00:00Z\"}}}}",
            2 + id % 7
        )
    });
    let encounters: Vec<_> = encounters.collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(encounters.join("\n").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    fs::write(root.join("m.Encounter.ndjson.gz"), &packed).unwrap();
    fs::write(root.join("n.cut.ndjson.gz"), &packed[..packed.len() / 2]).unwrap();
    let mut lines: Vec<_> = (0..60).map(|id| observation(id, id % 25)).collect();
    "not json".clone_into(&mut lines[7]);
    lines[20] = format!(
        "{{\"resourceType\":\"Observation\",\"note\":\"{}\"}}",
        "x".repeat(3000)
    );
    let text = lines.join("\r\n");
    fs::write(
        root.join("a.Observation.ndjson"),
        format!("\u{feff}{text}\n\n"),
    )
    .unwrap();
    let again: Vec<_> = (40..80).map(|id| observation(id, id % 25)).collect();
    fs::write(root.join("b.Observation.ndjson"), again.join("\n")).unwrap();
    fs::write(root.join("empty.ndjson"), "").unwrap();
    fs::write(root.join("wide.ndjson"), b"\xff\xfe{\0}\0\n\0").unwrap();
    fs::write(root.join("notes.txt"), "of no format").unwrap();
    let entries: Vec<_> = (70..75).map(|id| observation(id, 3)).collect();
    let entries: Vec<_> = entries
        .iter()
        .map(|one| format!("{{\"resource\":{one}}}"))
        .collect();
    let bundle = entries.join(",");
    let bundle = format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{bundle}]}}");
    fs::write(root.join("c.json"), bundle).unwrap();
}

#[test]
fn an_awkward_source_in_parts_of_any_size_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    awkward(folder.path());
    let mut options = Options {
        chunk_bytes_max: 700,
        line_bytes_max: 2500,
        ..Options::standard(2)
    };
    let mut most = 0;
    for part_bytes in [1, 300, 777, 5_000, 1 << 20] {
        most = most.max(check(folder.path(), &options, part_bytes));
    }
    assert!(most > 100, "lines were never cut apart");
    // Beyond the identifiers that are remembered, duplicates are counted and stay.
    options.identifiers_max = 50;
    check(folder.path(), &options, 777);
}

#[test]
fn the_report_of_an_awkward_source_holds_every_hazard() {
    let folder = tempfile::tempdir().unwrap();
    awkward(folder.path());
    let options = Options {
        line_bytes_max: 2500,
        ..Options::standard(2)
    };
    let (report, _kept, _parts) = in_parts(folder.path(), &options, 777);
    let kinds: Vec<_> = report.issues.iter().map(|f| f.kind.to_string()).collect();
    for kind in [
        "duplicate_record",
        "not_supported",
        "invalid_json",
        "truncated_file",
    ] {
        assert!(
            kinds.iter().any(|found| found == kind),
            "{kind} is not among {kinds:?}"
        );
    }
    assert!(report.balanced());
}
