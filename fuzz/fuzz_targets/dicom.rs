//! DICOM headers: whatever the bytes, the outcome is a file that can be read again or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longitude_imaging::{BurnedInRule, Dates, Keyed, Options, Refusal, Subject, deidentify};

struct Plain;

impl Keyed for Plain {
    fn subject(&self, patient_id: &str) -> Subject {
        Subject {
            pseudonym: format!("P{}", patient_id.len()),
            shift_days: 100,
        }
    }

    fn uid(&self, uid: &str) -> u128 {
        uid.len() as u128
    }
}

fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        dates: Dates::Shift,
        patient_characteristics: true,
        burned_in: BurnedInRule::Report,
    };
    if let Ok((after, _)) = deidentify(bytes, options, &Plain) {
        // It may be refused for what would be written of it: texts in no character set that is
        // known do not always survive twice. What was written can be read.
        let again = deidentify(&after, options, &Plain);
        assert!(matches!(again, Ok(_) | Err(Refusal::Write(_))));
    }
});
