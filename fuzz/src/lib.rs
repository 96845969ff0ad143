//! What the fuzz targets share: bytes as a file of a folder, through the whole of ingest. What must
//! hold is asserted here: no panic, and every row accounted for. It knows no format; a target names
//! the file so that its format is detected.
#![forbid(unsafe_code)]

use longitude_core::{Event, Issue, SubjectId};
use longitude_ingest::{Error, Link, MappingFile, Options, Person, Report, Sink, ingest};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::{env, fs, io, process};

/// Counts what comes and looks at what every event must hold.
#[derive(Default)]
struct Checked {
    events: u64,
    issues: u64,
}

impl Sink for Checked {
    fn event(&mut self, _subject: SubjectId, event: Event) -> io::Result<()> {
        assert!(!event.origin.file.is_empty() && !event.code.value.is_empty());
        assert!(event.numeric_value.is_none_or(f64::is_finite));
        self.events += 1;
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        assert!(!issue.location.file.is_empty());
        self.issues += 1;
        Ok(())
    }

    fn person(&mut self, _subject: SubjectId, _person: Person) -> io::Result<()> {
        Ok(())
    }

    fn link(&mut self, _link: Link) -> io::Result<()> {
        Ok(())
    }
}

/// Ingests a folder that holds one file of this name and content, and checks the account. `None`
/// when no format claims the file.
///
/// # Panics
/// When an assertion fails, which is a defect of the parser under test.
pub fn ingest_bytes(name: &str, bytes: &[u8]) -> Option<Report> {
    ingest_with(name, bytes, Vec::new())
}

/// The same for a table and a mapping file, which must be without fault.
///
/// # Panics
/// As [`ingest_bytes`].
pub fn ingest_mapped(name: &str, bytes: &[u8], mapping: &str) -> Option<Report> {
    let file = "m.toml".to_owned();
    let text = mapping.to_owned();
    ingest_with(name, bytes, vec![MappingFile { file, text }])
}

fn ingest_with(name: &str, bytes: &[u8], mappings: Vec<MappingFile>) -> Option<Report> {
    let folder = folder();
    fs::create_dir_all(&folder).ok()?;
    let path = folder.join(name);
    fs::write(&path, bytes).ok()?;
    let mut options = Options::standard(1);
    options.mappings = mappings;
    // Small pieces, so that the joints between them are met.
    options.chunk_bytes_max = 64;
    options.line_bytes_max = 1 << 16;
    options.bundle_bytes_max = 1 << 16;
    let mut sink = Checked::default();
    let read = ingest(&[&path], &options, &AtomicBool::new(false), &mut sink);
    assert!(!matches!(read, Err(Error::Defect { .. })), "a mapping panicked");
    let report = read.ok()?;
    assert!(report.balanced());
    assert_eq!(sink.events, report.counts.events);
    assert_eq!(
        sink.issues,
        report.counts.rows_with_issue + report.file_issues
    );
    Some(report)
}

/// A folder of this process, in memory where the system has such a place.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() {
        memory
    } else {
        env::temp_dir()
    };
    base.join(format!("longitude-fuzz-{}", process::id()))
}
