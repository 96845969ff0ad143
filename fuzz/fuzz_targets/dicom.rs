//! DICOM headers: whatever the bytes, the outcome is a file that can be read again or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longitude_imaging::{BurnedInRule, Dates, Keyed, Options, Subject, deidentify};

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
        assert!(deidentify(&after, options, &Plain).is_ok());
    }
});
