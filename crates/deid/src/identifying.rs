//! Codes whose value is an identifier, whatever the source wrote into it: a social security number
//! sent as an observation, a telephone number in a table of attributes.
//!
//! The list is closed and short. It is not a recogniser of identifiers in a text
//! ([`crate::patterns`]), nor does it know a site's own codes: those stand in the policy's rules.

use crate::policy::Identifier;
use longitude_core::Code;

/// Names of code systems, or of values in no system or in one of [`CARRIERS`], with what stands in
/// them. Compared in capitals, with `_` for everything that is neither letter nor digit.
const NAMED: &[(&str, Identifier)] = &[
    ("ACCOUNT", Identifier::Account),
    ("ACCOUNT_NUMBER", Identifier::Account),
    ("ADDRESS", Identifier::Address),
    ("BANK_ACCOUNT", Identifier::Account),
    ("BENEFICIARY_ID", Identifier::HealthPlan),
    ("BIOMETRIC", Identifier::Other),
    ("BIRTH_DATE", Identifier::Date),
    ("CENSUS_TRACT", Identifier::Place),
    ("CERTIFICATE_NUMBER", Identifier::Licence),
    ("CITY", Identifier::Place),
    ("COUNTY", Identifier::Place),
    ("DATE_OF_BIRTH", Identifier::Date),
    ("DATE_OF_DEATH", Identifier::Date),
    ("DEVICE_ID", Identifier::Device),
    ("DEVICE_IDENTIFIER", Identifier::Device),
    ("DEVICE_SERIAL", Identifier::Device),
    ("DEVICE_SERIAL_NUMBER", Identifier::Device),
    ("DEVICE_UDI", Identifier::Device),
    ("DOB", Identifier::Date),
    ("DRIVERS_LICENSE", Identifier::Licence),
    ("DRIVER_LICENSE", Identifier::Licence),
    ("EMAIL", Identifier::Email),
    ("EMAIL_ADDRESS", Identifier::Email),
    ("EMPLOYER", Identifier::Organization),
    ("FAMILY_NAME", Identifier::Name),
    ("FAX", Identifier::Fax),
    ("FAX_NUMBER", Identifier::Fax),
    ("FINGERPRINT", Identifier::Other),
    ("FIRST_NAME", Identifier::Name),
    ("FULL_NAME", Identifier::Name),
    ("GEOCODE", Identifier::Place),
    ("GIVEN_NAME", Identifier::Name),
    ("HEALTH_PLAN_ID", Identifier::HealthPlan),
    ("HICN", Identifier::HealthPlan),
    ("INSURANCE_ID", Identifier::HealthPlan),
    ("INSURANCE_NUMBER", Identifier::HealthPlan),
    ("IP_ADDRESS", Identifier::Ip),
    ("LAST_NAME", Identifier::Name),
    ("LATITUDE", Identifier::Place),
    ("LICENSE_NUMBER", Identifier::Licence),
    ("LICENSE_PLATE", Identifier::Vehicle),
    ("LONGITUDE", Identifier::Place),
    ("MAIDEN_NAME", Identifier::Name),
    ("MEDICAID_ID", Identifier::HealthPlan),
    ("MEDICAL_RECORD_NUMBER", Identifier::Mrn),
    ("MEDICARE_ID", Identifier::HealthPlan),
    ("MEMBER_ID", Identifier::HealthPlan),
    ("MIDDLE_NAME", Identifier::Name),
    ("MOBILE", Identifier::Phone),
    ("MRN", Identifier::Mrn),
    ("NAME", Identifier::Name),
    ("NATIONAL_ID", Identifier::Other),
    ("NPI", Identifier::Licence),
    ("PASSPORT", Identifier::Other),
    ("PATIENT_ID", Identifier::Mrn),
    ("PATIENT_NAME", Identifier::Name),
    ("PHONE", Identifier::Phone),
    ("PHONE_NUMBER", Identifier::Phone),
    ("PHOTO", Identifier::Other),
    ("POLICY_NUMBER", Identifier::HealthPlan),
    ("RETINA_SCAN", Identifier::Other),
    ("SOCIAL_SECURITY_NUMBER", Identifier::Ssn),
    ("SSN", Identifier::Ssn),
    ("STREET", Identifier::Address),
    ("STREET_ADDRESS", Identifier::Address),
    ("SUBSCRIBER_ID", Identifier::HealthPlan),
    ("SURNAME", Identifier::Name),
    ("TELEPHONE", Identifier::Phone),
    ("TOWN", Identifier::Place),
    ("UDI", Identifier::Device),
    ("URL", Identifier::Url),
    ("VEHICLE_ID", Identifier::Vehicle),
    ("VIN", Identifier::Vehicle),
    ("VOICE_PRINT", Identifier::Other),
    ("WEBSITE", Identifier::Url),
];

/// Systems that say only that a fact about a person follows.
const CARRIERS: &[&str] = &[
    "",
    "ATTRIBUTE",
    "DEMOGRAPHIC",
    "DEMOGRAPHICS",
    "OBSERVATION",
    "PATIENT",
    "PERSON",
    "STATIC",
];

/// LOINC's codes of its class ADMIN.PATIENT and of the Minimum Data Set's identification section.
const LOINC: &[(&str, Identifier)] = &[
    ("21112-8", Identifier::Date),
    ("45392-8", Identifier::Name),
    ("45393-6", Identifier::Name),
    ("45394-4", Identifier::Name),
    ("45396-9", Identifier::Ssn),
    ("45397-7", Identifier::HealthPlan),
    ("45398-5", Identifier::Licence),
    ("45400-9", Identifier::HealthPlan),
    ("45403-3", Identifier::Other),
    ("46106-1", Identifier::Mrn),
    ("50786-3", Identifier::Date),
    ("52462-9", Identifier::Name),
    ("54125-0", Identifier::Name),
    ("76435-7", Identifier::Mrn),
    ("76468-8", Identifier::Licence),
];

/// What stands in the value of a code, where that is an identifier.
pub(crate) fn of(code: &Code) -> Option<Identifier> {
    if &*code.system == "LOINC" {
        return LOINC
            .iter()
            .find(|(loinc, _)| *loinc == &*code.value)
            .map(|(_, identifier)| *identifier);
    }
    let system = normal(&code.system);
    if CARRIERS.contains(&&*system) {
        let first = code.value.split("//").next().unwrap_or("");
        return named(&normal(first));
    }
    named(&system)
}

/// Shapes of identifiers that no vocabulary's code has, a 9 for each digit.
const SHAPES: [(&str, Identifier); 7] = [
    ("999-99-9999", Identifier::Ssn),
    ("999-999-9999", Identifier::Phone),
    ("(999)999-9999", Identifier::Phone),
    ("9999-99-99", Identifier::Date),
    ("9999/99/99", Identifier::Date),
    ("99/99/9999", Identifier::Date),
    ("99-99-9999", Identifier::Date),
];

/// A code's value without the parts between `//` that have the shape of an identifier; `None` when
/// there are none. Dates without separators are left: vocabularies have such numbers.
pub(crate) fn without_shapes(value: &str, take: &mut dyn FnMut(Identifier)) -> Option<String> {
    if !value.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut any = false;
    let parts: Vec<&str> = value
        .split("//")
        .map(|part| {
            let day = part.split(['T', ' ']).next().unwrap_or(part);
            let digit = |c: char| if c.is_ascii_digit() { '9' } else { c };
            let shape: String = day.chars().map(digit).collect();
            let found = SHAPES.iter().find(|(known, _)| *known == shape);
            found.map_or(part, |(_, identifier)| {
                any = true;
                take(*identifier);
                identifier.tag()
            })
        })
        .collect();
    any.then(|| parts.join("//"))
}

fn named(word: &str) -> Option<Identifier> {
    let found = NAMED.binary_search_by(|(name, _)| (*name).cmp(word));
    found.ok().map(|at| NAMED[at].1)
}

fn normal(text: &str) -> String {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    text.trim().chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_identifiers_go_and_codes_stay() {
        let left = |value| without_shapes(value, &mut |_| ());
        assert_eq!(left("2019-03-04").as_deref(), Some("[DATE]"));
        assert_eq!(
            left("visit//2019-03-04T10:00//464-72-7630").as_deref(),
            Some("visit//[DATE]//[SSN]")
        );
        for code in [
            "2160-0",
            "E11.9",
            "0093-7146-01",
            "19081224",
            "50-78-2",
            "1.2.840.1",
        ] {
            assert_eq!(left(code), None, "{code}");
        }
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(NAMED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn carriers_of_identifiers_are_known_and_clinical_codes_are_not() {
        let of = |joined: &str| of(&Code::from_meds(joined));
        assert_eq!(of("SSN//464-72-7630"), Some(Identifier::Ssn));
        assert_eq!(of("ssn"), Some(Identifier::Ssn));
        assert_eq!(of("Patient//last name//Roe"), Some(Identifier::Name));
        assert_eq!(of("LOINC//46106-1"), Some(Identifier::Mrn));
        for clinical in [
            "LOINC//2160-0",
            "ICD10CM//E11.9",
            "ENCOUNTER//IP",
            "LAB//NAME",
            "GENDER//F",
            "MEDS_BIRTH",
        ] {
            assert_eq!(of(clinical), None, "{clinical}");
        }
    }
}
