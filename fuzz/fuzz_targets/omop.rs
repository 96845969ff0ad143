//! The readers of tables and of OMOP: the first byte chooses the table and how it comes (CSV, TSV,
//! gzip, Parquet, a zip archive), the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 12] = [
    "person.csv",
    "visit_occurrence.csv",
    "condition_occurrence.csv",
    "measurement.tsv",
    "drug_exposure.psv",
    "observation_period.csv",
    "visit_detail.csv",
    "procedure_occurrence.csv.gz",
    "device_exposure.csv",
    "concept_relationship.csv",
    "measurement.parquet",
    "tables.zip",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    longitude_fuzz::ingest_bytes(name, rest);
});
