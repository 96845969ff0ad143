//! The HL7 v2 reader: the bytes are a file of messages.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    longitude_fuzz::ingest_bytes("x.hl7", bytes);
});
