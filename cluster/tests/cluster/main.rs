//! A scheduler and two executors as processes of this machine, against the ingest of one process:
//! the same bytes, also when an executor is killed and when the object store breaks off.
//!
//! Everything is on the loopback interface; the hospital is synthetic.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod nodes;
mod s3;
mod source;

use nodes::Nodes;
use s3::Store;
use source::{Local, compare, hospital, omop};
use std::path::Path;

/// Small enough that every kind of file is cut and every split has several data files.
const SETTINGS: &[&str] = &[
    "--part-mib",
    "0.1",
    "--shard-events",
    "2000",
    "--tasks",
    "16",
];

#[test]
fn a_folder_is_ingested_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let records = hospital(folder.path());
    let local = Local::ingest(&records, &folder.path().join("local"), 2000);
    assert!(
        local.data_files() > 3,
        "too few data files to prove anything"
    );
    let nodes = Nodes::start(2, &[]);
    let target = folder.path().join("distributed");
    let told = nodes.ingest(records.to_str().unwrap(), &target, SETTINGS);
    compare(&local, &target, &told.unwrap());
    assert!(
        !folder.path().join("distributed.work").exists(),
        "identified data was left"
    );
    a_full_target_and_an_archive_are_refused(&nodes, &records, &target);
    the_program_of_one_machine_agrees(&nodes, &records, folder.path());
}

fn a_full_target_and_an_archive_are_refused(nodes: &Nodes, records: &Path, target: &Path) {
    let told = nodes.ingest(records.to_str().unwrap(), target, SETTINGS);
    assert!(told.unwrap_err().contains("is not empty"));
    // Nor is an archive passed over in silence.
    let other = target.with_file_name("other");
    std::fs::write(records.join("more.zip"), "PK").unwrap();
    let told = nodes.ingest(records.to_str().unwrap(), &other, SETTINGS);
    std::fs::remove_file(records.join("more.zip")).unwrap();
    assert!(
        told.unwrap_err()
            .contains("more.zip is packed in an archive")
    );
    assert!(!other.exists());
}

/// With the standard options, against the program `longitude`, where `LONGITUDE` names it.
fn the_program_of_one_machine_agrees(nodes: &Nodes, records: &Path, folder: &Path) {
    let Some(program) = std::env::var_os("LONGITUDE") else {
        eprintln!("LEFT OUT: the comparison with `longitude ingest` needs LONGITUDE");
        return;
    };
    let local = Local::by_program(Path::new(&program), records, &folder.join("program"));
    let target = folder.join("standard");
    let told = nodes.ingest(records.to_str().unwrap(), &target, &[]);
    compare(&local, &target, &told.unwrap());
}

/// The golden cases of ingest as one source: FHIR of every shape, OMOP, HL7 v2, and files that are
/// broken.
#[test]
fn formats_side_by_side_are_ingested_to_the_same_bytes_from_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases/ingest");
    let store = Store::start();
    store.fill(&cases, "records");
    store.fill(&omop(folder.path()), "records/omop");
    let records = folder.path().join("records");
    store.copy_to("records", &records);
    let local = Local::ingest(&records, &folder.path().join("local"), 40);
    assert!(local.has_spans(), "no span of observation was stated");
    let nodes = Nodes::start(2, &store.environment());
    let settings = ["--part-mib", "0.0005", "--shard-events", "40"];
    let target = folder.path().join("set");
    let told = nodes.ingest_from(&store, "records", &target, &settings);
    compare(&local, &target, &told.unwrap());
}

#[test]
fn a_store_is_ingested_to_the_same_bytes_though_an_executor_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let records = hospital(folder.path());
    let local = Local::ingest(&records, &folder.path().join("local"), 2000);
    // While parts are mapped, and while data files are written from what was shuffled.
    for moment in ["/told/", "/data/"] {
        let store = Store::start();
        store.fill(&records, "records");
        let nodes = Nodes::start(2, &store.environment());
        let killed = nodes.kill_when(&store, moment);
        let target = folder.path().join(moment.trim_matches('/'));
        let told = nodes.ingest_from(&store, "records", &target, SETTINGS);
        assert!(killed.join().unwrap(), "nobody was killed");
        compare(&local, &target, &told.unwrap());
        assert_eq!(
            store.names("work"),
            Vec::<String>::new(),
            "identified data was left"
        );
    }
}

#[test]
fn a_store_that_breaks_off_is_told_and_the_job_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let records = hospital(folder.path());
    let local = Local::ingest(&records, &folder.path().join("local"), 2000);
    let store = Store::start();
    store.fill(&records, "records");
    let nodes = Nodes::start(2, &store.environment());
    let target = folder.path().join("set");
    // Once some parts are mapped, every body breaks off in its middle.
    store.break_when("/told/", 5);
    let error = nodes
        .ingest_from(&store, "records", &target, SETTINGS)
        .unwrap_err();
    assert!(
        error.contains("could not be read") || error.contains("could not be written"),
        "{error}"
    );
    assert!(error.contains("nothing was put at"), "{error}");
    assert!(!target.exists(), "half a data set stands at the target");
    let mut done = store.names("work");
    done.retain(|name| name.contains("/told/"));
    assert!(done.len() >= 5, "nothing was kept of the work");
    store.mend();
    let before = store.writes().len();
    let told = nodes.ingest_from(&store, "records", &target, SETTINGS);
    compare(&local, &target, &told.unwrap());
    let again = store.writes().split_off(before);
    let twice = done.iter().filter(|name| again.contains(name)).count();
    assert_eq!(twice, 0, "parts that were done were done again");
}
