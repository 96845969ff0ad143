//! The FHIR reader: the first byte chooses between lines and a document, the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let name = if first % 2 == 0 { "x.ndjson" } else { "x.json" };
    longitude_fuzz::ingest_bytes(name, rest);
});
