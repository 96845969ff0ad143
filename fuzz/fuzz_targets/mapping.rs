//! Mapping files and the tables they map: up to the first NUL the mapping, behind it the table
//! `t.csv`. A mapping with faults must say where; one without must account for every row.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longitude_ingest::Mapping;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let Ok(text) = std::str::from_utf8(&bytes[..end]) else {
        return;
    };
    match Mapping::parse("m.toml", text) {
        Ok(_) => {
            let table = bytes.get(end + 1..).unwrap_or_default();
            longitude_fuzz::ingest_mapped("t.csv", table, text);
        }
        Err(error) => {
            let lines = text.matches('\n').count() + 1;
            assert!(!error.faults.is_empty());
            assert!(
                error
                    .faults
                    .iter()
                    .all(|fault| (1..=lines).contains(&fault.line))
            );
        }
    }
});
