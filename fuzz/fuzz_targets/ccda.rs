//! The C-CDA reader: the bytes are a document.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    longitude_fuzz::ingest_bytes("x.xml", bytes);
});
