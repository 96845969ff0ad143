//! Events of every sort, lawful and not, few enough that they fall together.

use longitude_core::{AsWritten, Code, Comparator, EncounterId, Event, Instant, Origin, Precision};
use proptest::prelude::*;
use std::sync::Arc;

/// One event in what FHIR holds, or in what it may not.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    code: &'static str,
    time: Option<i64>,
    precision: Precision,
    number: Option<f64>,
    unit: Option<&'static str>,
    text: Option<&'static str>,
    length: Option<i64>,
    later: Option<i64>,
    encounter: Option<i64>,
    offset: Option<i16>,
    written: Option<AsWritten>,
    rule: &'static str,
    element: &'static str,
}

impl Given {
    pub(crate) fn event(&self, row: u64) -> Event {
        let origin = Origin {
            file: "made".into(),
            record: format!("Record/{}", row % 3).into(),
            element: self.element.into(),
            row,
            rule: self.rule.into(),
        };
        let shifted = |micros: Option<i64>| {
            let time = Instant(self.time?);
            Some(time.shifted(micros?))
        };
        let mut event = Event::new(Code::from_meds(self.code), self.time.map(Instant), origin);
        event.precision = self.precision;
        event.numeric_value = self.number;
        event.unit = self.unit.map(Arc::from);
        event.text_value = self.text.map(Arc::from);
        event.end_time = shifted(self.length);
        event.recorded_time = shifted(self.later);
        event.encounter = self.encounter.map(EncounterId);
        event.utc_offset_minutes = self.offset;
        event.as_written = self.written.clone().map(Box::new);
        event
    }
}

/// Codes of every home and of none.
const CODES: &[&str] = &[
    "MEDS_BIRTH",
    "MEDS_DEATH",
    "GENDER//female",
    "GENDER//M",
    "GENDER//x",
    "RACE//2106-3",
    "RACE//2028-9",
    "RACE//martian",
    "RACE//Martian",
    "ETHNICITY//2135-2",
    "ETHNICITY//2186-5",
    "MARITAL_STATUS//M",
    "MARITAL_STATUS//single",
    "LANGUAGE//en-US",
    "LANGUAGE//ENGLISH",
    "SITE//a b",
    "ENCOUNTER//IMP//START",
    "ENCOUNTER//IMP//END",
    "ENCOUNTER//AMB//START",
    "ENCOUNTER//AMB//END",
    "ENCOUNTER//UNKNOWN//START",
    "ENCOUNTER//UNKNOWN//END",
    "ENCOUNTER//ACUTE//CLASS",
    "ENCOUNTER_TYPE//SNOMED//185345009",
    "ENCOUNTER_SERVICE//TEXT//surgery",
    "ENCOUNTER_PRIORITY//v3-ActPriority//EM",
    "ENCOUNTER_REASON//SNOMED//25064002",
    "ADMIT_SOURCE//emd",
    "ADMIT_SOURCE//Visit//OP",
    "DISCHARGE_DISPOSITION//home",
    "LOCATION//TEXT//medical icu",
    "LOCATION//v3-RoleCode//ICU",
    "ICD10CM//E11.9",
    "ICD10CM//E119",
    "SNOMED//44054006",
    "TEXT//sore throat",
    "TEXT//Sore  Throat",
    "LOINC//2345-7",
    "LOINC//72166-2//SNOMED//8517006",
    "LOINC//2345-7//ABSENT//unknown",
    "LOINC//2345-7//ABSENT//not-asked",
    "LAB//51237//UNK",
    "LOCAL//glu",
    "mimic-d-items//220045",
    "RxNorm//313782",
    "RxNorm//313782//ADMINISTERED",
    "RxNorm//313782//RATE",
    "TEXT//saline//DISPENSED",
    "NDC//0002-1433//STATED",
    "CVX//140",
    "CVX//140//REACTION",
    "ICD10PCS//0DTJ4ZZ",
    "CPT//71046",
    "SNOMED//71388002//REQUESTED",
    "DEVICE//SNOMED//1//USED",
    "DEVICE//SNOMED//1//REQUESTED",
    "ALLERGY//SNOMED//91936005",
    "ALLERGY_REACTION//SNOMED//271807003",
    "REPORT_CONCLUSION//SNOMED//1",
    "NOTE//11506-3",
    "NOTE//discharge",
    "NOTE//SNOMED//371530004",
    "SPECIMEN//SNOMED//119297000",
    "CARE_PLAN//SNOMED//1",
    "//odd",
    "a//",
    "//",
    "",
    " spaced  code ",
    "nul\u{0}code",
    "COUNTRY//\u{e9}",
    "X Y//1",
    "QUESTIONNAIRE//form//q1",
    "SUSCEPTIBILITY//SNOMED//1//LOINC//2//S",
    "http:/x//1",
    "IMAGING//DCM//CT",
    "IMAGING//dicom.nema.org/resources/ontology/DCM//MR",
    "DEVICE//odd  code//USED",
    "LOCATION//odd  place",
];

fn time() -> impl Strategy<Value = Option<i64>> {
    const DAY: i64 = 86_400_000_000;
    const DEATH: i64 = 36 * 3_600_000_000 - 1;
    prop_oneof![
        1 => Just(None),
        // Few, so that events fall together.
        4 => (0_i64..6).prop_map(|day| Some(day * 366 * DAY)),
        3 => (0_i64..4).prop_map(|day| Some(day * DAY + 3_600_000_000)),
        1 => (0_i64..4).prop_map(|day| Some(day * DAY + DEATH)),
        1 => (-200_i64..300).prop_map(|year| Some(year * 365 * DAY + 1)),
        1 => Just(Some(i64::MAX)),
        1 => Just(Some(i64::MIN)),
    ]
}

fn written() -> impl Strategy<Value = AsWritten> {
    let flags = [
        None,
        Some("H"),
        Some("implausible"),
        Some("a flag that is long enough"),
    ];
    let codes = [None, Some("ICD10CM//E11.9"), Some("local//1"), Some("")];
    let ends = [None, Some(1.5), Some(f64::NAN)];
    let units = [None, Some("mg/dl"), Some("MG")];
    (
        prop::sample::select(codes.to_vec()),
        prop::sample::select(units.to_vec()),
        prop::option::of(prop::sample::select(Comparator::ALL.to_vec())),
        prop::sample::select(ends.to_vec()),
        prop::sample::select(flags.to_vec()),
        any::<[bool; 2]>(),
    )
        .prop_map(
            |(code, unit, comparator, range_low, flag, more)| AsWritten {
                code: code.map(Code::from_meds),
                unit: unit.map(Arc::from),
                comparator,
                range_low,
                flag: flag.map(Arc::from),
                conversion: more[0].then(|| "mg -> g".into()),
                extension: more[1].then(|| "{}".into()),
                ..AsWritten::default()
            },
        )
}

#[expect(clippy::too_many_lines, reason = "lists of what a field may hold")]
pub(crate) fn given() -> impl Strategy<Value = Given> {
    let numbers = [
        None,
        None,
        Some(7.1),
        Some(5.0),
        Some(0.0),
        Some(1.0),
        Some(-0.0125),
        Some(0.0125),
        Some(1e30),
        Some(f64::NAN),
        Some(f64::INFINITY),
    ];
    let units = [
        None,
        None,
        Some("mg/dL"),
        Some("mg/dl"),
        Some("10*3/uL"),
        Some("puffs"),
        Some(" "),
        Some(""),
    ];
    let texts = [
        None,
        None,
        None,
        Some("true"),
        Some("false"),
        Some("<5 mg/dL"),
        Some("7.1"),
        Some("5 mg"),
        Some("1:80"),
        Some("1 to 2"),
        Some("seen, \"well\"\n"),
        Some("nul\u{0}"),
        Some(""),
        Some(" "),
    ];
    let precisions = [
        Precision::Time,
        Precision::Time,
        Precision::Day,
        Precision::Month,
        Precision::Year,
    ];
    let rules = [
        "",
        "fhir/Condition@2",
        "fhir/Observation@2",
        "fhir/DiagnosticReport@2",
        "fhir/MedicationRequest@2",
        "omop/procedure_occurrence@1",
        "fhir/Immunization@2",
    ];
    let elements = [
        "",
        "Observation.valueCodeableConcept",
        "DiagnosticReport.code",
    ];
    let value = (
        prop::sample::select(numbers.to_vec()),
        prop::sample::select(units.to_vec()),
        prop::sample::select(texts.to_vec()),
        prop::option::weighted(0.2, written()),
    );
    let around = (
        prop::option::weighted(0.2, -1_i64..3),
        prop::option::weighted(0.2, -1_i64..3),
        prop::option::of(1_i64..4),
        prop::sample::select(vec![None, Some(0), Some(-300), Some(330), Some(9_000)]),
    );
    let origin = (
        prop::sample::select(rules.to_vec()),
        prop::sample::select(elements.to_vec()),
    );
    let code = prop::sample::select(CODES);
    let precision = prop::sample::select(precisions.to_vec());
    (
        code,
        time(),
        precision,
        prop::option::weighted(0.4, value),
        around,
        origin,
    )
        .prop_map(
            |(
                code,
                time,
                precision,
                value,
                (length, later, encounter, offset),
                (rule, element),
            )| {
                let (number, unit, text, written) = value.unwrap_or_default();
                let hours = |count: Option<i64>| count.map(|count| count * 3_600_000_000);
                let (length, later) = (hours(length), hours(later));
                Given {
                    code,
                    time,
                    precision,
                    number,
                    unit,
                    text,
                    length,
                    later,
                    encounter,
                    offset,
                    written,
                    rule,
                    element,
                }
            },
        )
}
