//! A patient's record as FHIR R4 resources in the style of US Core 6.1, one JSON line each, written
//! straight into buffers.
//!
//! A Condition has a `recordedDate` and no onset: the hospital knows when a diagnosis was written
//! down, and nobody knows when the disease began. The span of observation stands as the period of
//! the home address, for FHIR has no better place on a patient.

use crate::calendar::{civil, write_date, write_time};
use crate::chronicle::{Entry, What};
use crate::concepts::Concept;
use crate::identity::FullName;
use crate::measure::{Value, analyte, write_number};
use crate::notes::Note;
use crate::patient::Patient;
use crate::person::Site;
use crate::timeline::{ETHNICITIES, RACES, gender};
use base64::Engine as _;
use std::sync::LazyLock;

/// The resource types that are written, in the order of their files.
pub(crate) const TYPES: [&str; 11] = [
    "Organization",
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationAdministration",
    "Procedure",
    "AllergyIntolerance",
    "DocumentReference",
    "Practitioner",
];

const ORGANIZATION: usize = 0;
const PATIENT: usize = 1;
const ENCOUNTER: usize = 2;
const CONDITION: usize = 3;
const OBSERVATION: usize = 4;
const REQUEST: usize = 5;
const ADMINISTRATION: usize = 6;
const PROCEDURE: usize = 7;
const ALLERGY: usize = 8;
const DOCUMENT: usize = 9;
const PRACTITIONER: usize = 10;

/// Lines of each resource type.
#[derive(Clone, Default)]
pub(crate) struct Pages {
    /// The text, by the number of the type.
    pub(crate) text: [Vec<u8>; TYPES.len()],
    /// The number of lines.
    pub(crate) rows: [u64; TYPES.len()],
}

/// What stands in every resource about a concept: its `CodeableConcept`.
static CONCEPTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let concept = |concept: &Concept| {
        format!(
            r#"{{"coding":[{{"system":"{}","code":"{}","display":"{}"}}],"text":"{}"}}"#,
            concept.system().uri(),
            concept.value(),
            concept.display(),
            concept.display(),
        )
    };
    Concept::ALL.iter().map(concept).collect()
});

const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";
const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem/";

impl Pages {
    fn add(&mut self, kind: usize, profile: &str, (id, number): (&str, usize)) -> Line<'_> {
        self.rows[kind] += 1;
        let mut line = Line(&mut self.text[kind]);
        line.say(r#"{"resourceType":""#)
            .say(TYPES[kind])
            .say(r#"","id":""#)
            .say(id);
        match kind {
            ORGANIZATION | PATIENT | PRACTITIONER => {}
            ENCOUNTER => {
                line.say("-e").number(number as u64);
            }
            _ => {
                line.say("-r").number(number as u64);
            }
        }
        line.say(r#"","#);
        if !profile.is_empty() {
            line.say(r#""meta":{"profile":[""#)
                .say(US_CORE)
                .say(profile)
                .say(r#""]},"#);
        }
        line
    }

    /// The three sites, to which encounters refer.
    pub(crate) fn organizations(&mut self) {
        for site in [Site::A, Site::B, Site::C] {
            let id = organization(site);
            let mut line = self.add(ORGANIZATION, "us-core-organization", (id, 0));
            line.say(r#""active":true,"name":"Synthetic Hospital, site "#)
                .say(site.name());
            line.end(r#"""#);
        }
    }

    /// A clinician who signs notes.
    pub(crate) fn practitioner(&mut self, name: FullName) {
        let number = format!("{:05}", name.number());
        let id = ["staff-", &number].concat();
        let mut line = self.add(PRACTITIONER, "us-core-practitioner", (&id, 0));
        line.say(r#""identifier":[{"system":"http://hospital.example.org/staff","value":"S"#)
            .say(&number);
        line.say(r#""}],"active":true,"name":["#)
            .name(name)
            .end("]");
    }

    /// All resources of a patient.
    pub(crate) fn patient(&mut self, patient: &Patient) {
        self.person(patient);
        self.visits(patient);
        for (number, entry) in patient.entries.iter().enumerate() {
            self.entry(patient, number, entry);
        }
    }

    fn person(&mut self, patient: &Patient) {
        let (who, person) = (&patient.identity, &patient.person);
        let mut line = self.add(PATIENT, "us-core-patient", (&patient.id, 0));
        line.say(r#""extension":["#);
        line.category("race", RACES[person.race]).say(",");
        line.category("ethnicity", ETHNICITIES[person.ethnicity]);
        for (at, (code, system, value)) in [
            ("MR", "http://hospital.example.org/mrn", &who.mrn),
            ("SS", "http://hl7.org/fhir/sid/us-ssn", &who.ssn),
        ]
        .into_iter()
        .enumerate()
        {
            line.say(if at == 0 { r#"],"identifier":["# } else { "," });
            line.say(r#"{"type":{"coding":[{"system":""#)
                .say(TERMINOLOGY);
            line.say(r#"v2-0203","code":""#)
                .say(code)
                .say(r#""}]},"system":""#);
            line.say(system)
                .say(r#"","value":""#)
                .say(value)
                .say(r#""}"#);
        }
        line.say(r#"],"active":true,"name":[{"use":"official","family":""#)
            .say(who.family);
        line.say(r#"","given":[""#)
            .say(who.given)
            .say(r#""]}],"telecom":[{"system":"phone","#);
        line.say(r#""value":""#)
            .say(&who.phone)
            .say(r#"","use":"home"},{"system":"email","#);
        line.say(r#""value":""#)
            .say(&who.email)
            .say(r#""}],"gender":""#);
        line.say(gender(person.male)).say(r#"","birthDate":""#);
        write_date(line.0, civil(person.birth_day));
        if let Some(death) = patient.death {
            line.say(r#"","deceasedDateTime":""#).time(death);
        }
        line.say(r#"","address":[{"use":"home","line":[""#)
            .say(&who.street);
        line.say(r#""],"city":""#)
            .say(who.city)
            .say(r#"","state":"MA","postalCode":""#);
        line.say(&who.zip)
            .say(r#"","country":"US","period":{"start":""#)
            .time(patient.start());
        if person.moved && patient.death.is_none() {
            line.say(r#"","end":""#).time(patient.end);
        }
        line.say(r#""}}],"contact":[{"relationship":[{"text":""#)
            .say(who.relation);
        line.say(r#""}],"name":"#).name(who.relative);
        line.say(r#"}],"managingOrganization":{"reference":"Organization/"#);
        line.end([organization(person.site), r#""}"#].concat().as_str());
    }

    fn visits(&mut self, patient: &Patient) {
        for (number, visit) in patient.visits.iter().enumerate() {
            let open = patient.is_open(visit);
            let (class, display) = visit.class();
            let mut line = self.add(ENCOUNTER, "us-core-encounter", (&patient.id, number));
            line.say(r#""status":""#)
                .say(if open { "in-progress" } else { "finished" });
            line.say(r#"","class":{"system":""#)
                .say(TERMINOLOGY)
                .say(r#"v3-ActCode","code":""#);
            line.say(class)
                .say(r#"","display":""#)
                .say(display)
                .say(r#""},"type":["#);
            line.say(&CONCEPTS[visit.kind() as usize]).say("],");
            line.subject("subject", patient)
                .say(r#","period":{"start":""#)
                .time(visit.start);
            if !open {
                line.say(r#"","end":""#).time(visit.end);
            }
            line.say(r#""},"serviceProvider":{"reference":"Organization/"#);
            line.end(
                [organization(patient.person.site), r#""}"#]
                    .concat()
                    .as_str(),
            );
        }
    }

    fn entry(&mut self, patient: &Patient, number: usize, entry: &Entry) {
        let at = (patient, number, entry);
        match &entry.what {
            What::Diagnosis(concept) => self.condition(at, *concept),
            What::Result(concept, value) => self.result(at, *concept, *value),
            What::Pressure(systolic, diastolic) => self.pressure(at, *systolic, *diastolic),
            What::Request(drug) => {
                let mut line = self.open(REQUEST, "us-core-medicationrequest", at);
                line.say(r#""status":"active","intent":"order","medicationCodeableConcept":"#);
                line.say(&CONCEPTS[*drug as usize]).say(",");
                line.whose(at)
                    .say(r#","authoredOn":""#)
                    .time(entry.at)
                    .end(r#"""#);
            }
            What::Administration(drug) => {
                let mut line = self.open(ADMINISTRATION, "", at);
                line.say(r#""status":"completed","medicationCodeableConcept":"#);
                line.say(&CONCEPTS[*drug as usize])
                    .say(",")
                    .subject("subject", patient);
                line.say(r#","context":"#).encounter(at);
                line.say(r#","effectiveDateTime":""#)
                    .time(entry.at)
                    .end(r#"""#);
            }
            What::Procedure(procedure) => {
                let mut line = self.open(PROCEDURE, "us-core-procedure", at);
                line.say(r#""status":"completed","code":"#)
                    .say(&CONCEPTS[*procedure as usize]);
                line.say(",").whose(at).say(r#","performedDateTime":""#);
                line.time(entry.at).end(r#"""#);
            }
            What::Allergy(allergen) => self.allergy(at, *allergen),
            What::Note(note) => self.document(at, note),
        }
    }

    fn open(&mut self, kind: usize, profile: &str, (patient, number, _): At<'_>) -> Line<'_> {
        self.add(kind, profile, (&patient.id, number))
    }

    fn condition(&mut self, at: At<'_>, concept: Concept) {
        let mut line = self.open(CONDITION, "us-core-condition-encounter-diagnosis", at);
        line.status("clinicalStatus", "condition-clinical", "active")
            .say(",");
        line.status("verificationStatus", "condition-ver-status", "confirmed")
            .say(",");
        line.say(r#""category":[{"coding":[{"system":""#)
            .say(TERMINOLOGY);
        line.say(r#"condition-category","code":"encounter-diagnosis"}]}],"code":"#);
        line.say(&CONCEPTS[concept as usize]).say(",").whose(at);
        line.say(r#","recordedDate":""#).time(at.2.at).end(r#"""#);
    }

    fn result(&mut self, at: At<'_>, concept: Concept, value: Value) {
        let profile = analyte(concept).profile;
        let category = if profile.is_some() {
            "vital-signs"
        } else {
            "laboratory"
        };
        let profile = profile.unwrap_or("us-core-observation-lab");
        let mut line = self.observation(at, (profile, category), concept);
        line.say(",").value(concept, value).end("");
    }

    fn pressure(&mut self, at: At<'_>, systolic: Value, diastolic: Value) {
        let kind = ("us-core-blood-pressure", "vital-signs");
        let mut line = self.observation(at, kind, Concept::PressurePanel);
        line.say(r#","component":[{"code":"#)
            .say(&CONCEPTS[Concept::Systolic as usize]);
        line.say(",").value(Concept::Systolic, systolic);
        line.say(r#"},{"code":"#)
            .say(&CONCEPTS[Concept::Diastolic as usize]);
        line.say(",").value(Concept::Diastolic, diastolic).end("}]");
    }

    fn observation(
        &mut self,
        at: At<'_>,
        (profile, category): (&str, &str),
        concept: Concept,
    ) -> Line<'_> {
        let mut line = self.open(OBSERVATION, profile, at);
        line.say(r#""status":"final","category":[{"coding":[{"system":""#)
            .say(TERMINOLOGY);
        line.say(r#"observation-category","code":""#).say(category);
        line.say(r#""}]}],"code":"#)
            .say(&CONCEPTS[concept as usize])
            .say(",");
        line.whose(at)
            .say(r#","effectiveDateTime":""#)
            .time(at.2.at)
            .say(r#"""#);
        line
    }

    fn allergy(&mut self, at: At<'_>, allergen: Concept) {
        let mut line = self.open(ALLERGY, "us-core-allergyintolerance", at);
        line.status("clinicalStatus", "allergyintolerance-clinical", "active")
            .say(",");
        line.status(
            "verificationStatus",
            "allergyintolerance-verification",
            "confirmed",
        );
        line.say(r#","code":"#)
            .say(&CONCEPTS[allergen as usize])
            .say(",");
        line.subject("patient", at.0)
            .say(r#","encounter":"#)
            .encounter(at);
        line.say(r#","recordedDate":""#).time(at.2.at).end(r#"""#);
    }

    fn document(&mut self, at: At<'_>, note: &Note) {
        let mut line = self.open(DOCUMENT, "us-core-documentreference", at);
        line.say(r#""status":"current","type":"#)
            .say(&CONCEPTS[note.kind as usize]);
        line.say(r#","category":[{"coding":[{"system":""#);
        line.say("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category");
        line.say(r#"","code":"clinical-note"}]}],"#)
            .subject("subject", at.0);
        line.say(r#","date":""#).time(at.2.at);
        line.say(r#"","content":[{"attachment":{"contentType":"text/plain; charset=utf-8","#);
        line.say(r#""data":""#);
        line.say(&base64::engine::general_purpose::STANDARD.encode(&note.text));
        line.say(r#""}}],"context":{"encounter":["#)
            .encounter(at)
            .end("]}");
    }
}

/// The patient, the number of the entry, and the entry.
type At<'a> = (&'a Patient, usize, &'a Entry);

/// A JSON line in the making. Only texts of this crate pass through it, and none of them needs an
/// escape.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn say(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        write_number(self.0, number);
        self
    }

    fn time(&mut self, at: i64) -> &mut Self {
        write_time(self.0, at);
        self
    }

    fn end(&mut self, text: &str) {
        self.say(text).say("}\n");
    }

    /// A `HumanName`.
    fn name(&mut self, name: FullName) -> &mut Self {
        self.say(r#"{"use":"official","family":""#).say(name.family);
        self.say(r#"","given":[""#).say(name.given).say(r#""]}"#)
    }

    fn status(&mut self, element: &str, system: &str, code: &str) -> &mut Self {
        self.say(r#"""#)
            .say(element)
            .say(r#"":{"coding":[{"system":""#)
            .say(TERMINOLOGY);
        self.say(system)
            .say(r#"","code":""#)
            .say(code)
            .say(r#""}]}"#)
    }

    fn subject(&mut self, element: &str, patient: &Patient) -> &mut Self {
        self.say(r#"""#)
            .say(element)
            .say(r#"":{"reference":"Patient/"#)
            .say(&patient.id);
        self.say(r#""}"#)
    }

    fn encounter(&mut self, (patient, _, entry): At<'_>) -> &mut Self {
        self.say(r#"{"reference":"Encounter/"#)
            .say(&patient.id)
            .say("-e");
        self.number(entry.visit as u64).say(r#""}"#)
    }

    fn whose(&mut self, at: At<'_>) -> &mut Self {
        self.subject("subject", at.0)
            .say(r#","encounter":"#)
            .encounter(at)
    }

    fn value(&mut self, concept: Concept, value: Value) -> &mut Self {
        let unit = analyte(concept).unit;
        self.say(r#""valueQuantity":{"value":"#);
        value.write(self.0);
        self.say(r#","unit":""#)
            .say(unit)
            .say(r#"","system":"http://unitsofmeasure.org","#);
        self.say(r#""code":""#).say(unit).say(r#""}"#)
    }

    fn category(&mut self, name: &str, (code, display): (&str, &str)) -> &mut Self {
        self.say(r#"{"url":""#)
            .say(US_CORE)
            .say("us-core-")
            .say(name);
        self.say(r#"","extension":[{"url":"ombCategory","valueCoding":{"system":"#);
        self.say(r#""urn:oid:2.16.840.1.113883.6.238","code":""#)
            .say(code);
        self.say(r#"","display":""#).say(display);
        self.say(r#""}},{"url":"text","valueString":""#)
            .say(display)
            .say(r#""}]}"#)
    }
}

/// The id of a site's Organization.
fn organization(site: Site) -> &'static str {
    match site {
        Site::A => "site-a",
        Site::B => "site-b",
        Site::C => "site-c",
    }
}
