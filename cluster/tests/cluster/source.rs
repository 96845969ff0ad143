//! The synthetic hospital's export, and what one process makes of it.

use longitude_core::{Event, Issue, Observation, SubjectId};
use longitude_ingest::{Options, Report, Sink};
use longitude_store::{WriteOptions, Writer, validate};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

/// An export of NDJSON with what goes wrong in one: a file that stands there twice under two names
/// (every record of the second is a duplicate), broken lines, a packed file, one that is no FHIR.
pub(crate) fn hospital(folder: &Path) -> PathBuf {
    let records = folder.join("records");
    fs::create_dir_all(records.join("more")).unwrap();
    let options = longitude_hospital::Options {
        patients: 40,
        ..longitude_hospital::Options::standard()
    };
    longitude_hospital::write_fhir(&records, &options, 2, &AtomicBool::new(false)).unwrap();
    let files = fs::read_dir(&records)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
    files.sort();
    let named = |part: &str| {
        let has = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().contains(part);
        files
            .iter()
            .find(has)
            .unwrap_or_else(|| panic!("no {part} among {files:?}"))
    };
    fs::copy(named("Condition"), records.join("more/again.ndjson")).unwrap();
    let mut broken = fs::read_to_string(named("Observation")).unwrap();
    broken.insert_str(0, "{\"resourceType\": \"Observation\", \n\u{1}\n{}\n");
    fs::write(named("Observation"), broken).unwrap();
    let encounters = fs::read(named("Encounter")).unwrap();
    fs::remove_file(named("Encounter")).unwrap();
    let packed = gzip(&encounters);
    fs::write(records.join("Encounter.ndjson.gz"), packed).unwrap();
    fs::write(records.join("README.txt"), "of no format").unwrap();
    records
}

/// A few rows of OMOP, one of them twice and one of nobody.
pub(crate) fn omop(folder: &Path) -> PathBuf {
    let omop = folder.join("omop");
    fs::create_dir_all(&omop).unwrap();
    let tables = [
        (
            "person.csv",
            "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n\
             1,8507,1950,1,2\n2,8532,1960,,\n",
        ),
        (
            "observation_period.csv",
            "observation_period_id,person_id,observation_period_start_date,\
             observation_period_end_date\n1,1,2010-01-01,2019-12-31\n2,2,2012-01-01,2018-06-30\n",
        ),
        (
            "condition_occurrence.csv",
            "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,\
             condition_source_value\n1,1,201826,2015-03-04,E11.9\n1,1,201826,2015-03-04,E11.9\n\
             2,2,320128,2016-01-01,I10\n3,99,320128,not a date,I10\n",
        ),
    ];
    for (name, text) in tables {
        fs::write(omop.join(name), text).unwrap();
    }
    omop
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What one process has made.
pub(crate) struct Local {
    folder: PathBuf,
    spans: usize,
    counts: BTreeMap<&'static str, u64>,
}

struct Into {
    writer: Writer,
    subjects: BTreeSet<SubjectId>,
    spans: BTreeMap<SubjectId, Observation>,
    issues: Vec<u8>,
}

impl Sink for Into {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.subjects.insert(subject);
        self.writer.push(subject, &event).map_err(io::Error::other)
    }

    fn span(&mut self, subject: SubjectId, span: Observation) -> io::Result<()> {
        let whole = self.spans.entry(subject).or_insert(span);
        whole.start = whole.start.min(span.start);
        whole.end = whole.end.max(span.end);
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        serde_json::to_writer(&mut self.issues, &issue)?;
        self.issues.push(b'\n');
        Ok(())
    }
}

impl Local {
    /// As `longitude ingest` does it, with smaller data files.
    pub(crate) fn ingest(records: &Path, to: &Path, shard_events: usize) -> Self {
        let options = WriteOptions {
            shard_events_max: shard_events,
            ..WriteOptions::standard("identified")
        };
        let mut into = Into {
            writer: Writer::create(to, options).unwrap(),
            subjects: BTreeSet::new(),
            spans: BTreeMap::new(),
            issues: Vec::new(),
        };
        let stop = AtomicBool::new(false);
        let report =
            longitude_ingest::ingest(&[records], &Options::standard(2), &stop, &mut into).unwrap();
        let export = Observation::until_export(report.export_time);
        for subject in &into.subjects {
            let span = into.spans.get(subject).copied().unwrap_or(export);
            into.writer.observe(*subject, span).unwrap();
        }
        let spans = into.spans.len();
        let summary = into.writer.finish().unwrap();
        fs::write(to.join("issues.jsonl"), into.issues).unwrap();
        Self {
            spans,
            ..Self::of(to, &report, summary.subjects)
        }
    }

    fn of(to: &Path, report: &Report, subjects: u64) -> Self {
        let counts = report.counts;
        assert!(counts.rows_with_issue > 10, "the hazards are missing");
        assert!(validate(to).unwrap().findings.is_empty());
        let counts = [
            ("rows_read", counts.rows_read),
            ("rows_mapped", counts.rows_mapped),
            ("rows_with_issue", counts.rows_with_issue),
            ("events", counts.events),
            ("subjects", subjects),
        ];
        Self {
            folder: to.to_owned(),
            spans: 0,
            counts: counts.into(),
        }
    }

    /// Whether the source states spans of observation.
    pub(crate) fn has_spans(&self) -> bool {
        self.spans > 0
    }

    /// How many data files there are.
    pub(crate) fn data_files(&self) -> usize {
        let (data, mut found) = (self.folder.join("data"), BTreeMap::new());
        files(&data, &data, &mut found);
        found.len()
    }

    /// By the program itself.
    pub(crate) fn by_program(program: &Path, records: &Path, to: &Path) -> Self {
        let mut command = Command::new(program);
        command
            .arg("ingest")
            .arg(records)
            .arg("--json")
            .arg("--to")
            .arg(to);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let names = [
            "rows_read",
            "rows_mapped",
            "rows_with_issue",
            "events",
            "subjects",
        ];
        let counts = names.map(|name| (name, told[name].as_u64().unwrap()));
        Self {
            folder: to.to_owned(),
            spans: 0,
            counts: counts.into(),
        }
    }
}

/// Every file of the data set is the same, and so are the counts.
pub(crate) fn compare(local: &Local, target: &Path, told: &serde_json::Value) {
    for (name, count) in &local.counts {
        assert_eq!(told[name].as_u64(), Some(*count), "{name}");
    }
    let (mut expected, mut found) = (BTreeMap::new(), BTreeMap::new());
    files(&local.folder, &local.folder, &mut expected);
    files(target, target, &mut found);
    // It names the folders that were read, and how.
    expected.remove(Path::new("ingest.json"));
    found.remove(Path::new("ingest.json"));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, bytes) in &expected {
        if name.extension().is_some_and(|end| end == "jsonl") {
            let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            for (one, other) in lines(&found[name]).lines().zip(lines(bytes).lines()) {
                assert_eq!(one, other, "{}", name.display());
            }
        }
        assert!(found[name] == *bytes, "{} differs", name.display());
    }
}

fn files(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}
