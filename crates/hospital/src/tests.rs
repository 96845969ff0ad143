//! Whole patients: the same bytes, the truth against what happened, what was planted, and the
//! export's own consistency.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "the snapshots are written by expect-test"
)]

use super::*;
use crate::effects::Factor;
use crate::patient::instant;
use base64::Engine as _;
use expect_test::expect;
use longitude_core::{Digest, Label, Timeline};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn options(patients: u32) -> Options {
    Options {
        patients,
        ..Options::standard()
    }
}

/// One line an event, all fields but the origin.
fn text(timeline: &Timeline) -> String {
    let mut out = String::new();
    for event in timeline.events() {
        let time = event.time.map_or("-".to_owned(), |time| time.to_string());
        write!(
            out,
            "{time} {:?} {}",
            event.utc_offset_minutes,
            event.code.to_meds()
        )
        .unwrap();
        if let (Some(number), Some(unit)) = (event.numeric_value, &event.unit) {
            write!(out, " {number} {unit}").unwrap();
        }
        if let Some(note) = &event.text_value {
            write!(out, " {note:?}").unwrap();
        }
        let end = event.end_time.map_or(0, |end| end.0);
        writeln!(out, " {end} {}", event.encounter.map_or(0, |id| id.0)).unwrap();
    }
    write!(out, "{:?}", timeline.observation()).unwrap();
    out
}

#[test]
fn the_same_seed_makes_the_same_patients() {
    let digest = |options: &Options, index| {
        Digest::of(text(&timeline(&patient(options, index))).as_bytes()).hex()[..16].to_owned()
    };
    let few = options(10);
    let digests: Vec<String> = [0, 1, 7, 4_000_000].map(|i| digest(&few, i)).to_vec();
    expect![[r#"
        89aa49a7ddfe782b
        f0247f9808e25db5
        e50b2b6909f599f5
        25bcbaf44e788080"#]]
    .assert_eq(&digests.join("\n"));
    assert_eq!(
        digests[2],
        digest(&options(1_000_000), 7),
        "the number of patients matters"
    );
    let other = Options { seed: 2, ..few };
    assert_ne!(digests[0], digest(&other, 0), "the seed does not matter");
}

#[test]
fn a_record_begins_as_records_do() {
    let timeline = timeline(&patient(&options(10), 3));
    let lines: Vec<String> = text(&timeline)
        .lines()
        .take(24)
        .map(str::to_owned)
        .collect();
    expect![[r#"
        - None GENDER//male 0 0
        - None RACE//2106-3 0 0
        - None ETHNICITY//2186-5 0 0
        1936-10-30T00:00:00Z None MEDS_BIRTH 0 0
        2012-01-20T14:41:23Z Some(-300) ENCOUNTER//AMB//START 1327072883000000 5948286563079546330
        2012-01-20T14:41:23Z Some(-300) ENCOUNTER_TYPE//SNOMED//185349003 0 5948286563079546330
        2012-01-20T14:44:23Z Some(-300) LOINC//8480-6 112 mm[Hg] 0 5948286563079546330
        2012-01-20T14:44:23Z Some(-300) LOINC//8462-4 72 mm[Hg] 0 5948286563079546330
        2012-01-20T14:44:23Z Some(-300) LOINC//29463-7 79.5 kg 0 5948286563079546330
        2012-01-20T14:44:23Z Some(-300) LOINC//2708-6 98 % 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//2160-0 1.33 mg/dL 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//2823-3 4.1 mmol/L 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//2951-2 140 mmol/L 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//2345-7 133 mg/dL 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//718-7 14 g/dL 0 5948286563079546330
        2012-01-20T14:52:23Z Some(-300) LOINC//30934-4 548 pg/mL 0 5948286563079546330
        2012-01-20T14:53:23Z Some(-300) RxNorm//314076 0 5948286563079546330
        2012-01-20T14:53:23Z Some(-300) RxNorm//312961 0 5948286563079546330
        2012-01-20T14:53:23Z Some(-300) RxNorm//313988 0 5948286563079546330
        2012-01-20T14:53:23Z Some(-300) SNOMED//29303009 0 5948286563079546330
        2012-01-20T14:56:23Z Some(-300) ICD10CM//E11.9 0 5948286563079546330
        2012-01-20T14:56:23Z Some(-300) ICD10CM//I50.32 0 5948286563079546330
        2012-01-20T14:56:23Z Some(-300) ICD10CM//I25.10 0 5948286563079546330
        2012-01-20T15:21:23Z Some(-300) ENCOUNTER//AMB//END 0 5948286563079546330"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn events_lie_within_observation_and_after_birth() {
    for index in 0..400 {
        let timeline = timeline(&patient(&options(400), index));
        let observation = timeline.observation();
        let (start, end) = (observation.start.unwrap(), observation.end.unwrap());
        assert!(start < end);
        for event in timeline
            .events()
            .iter()
            .filter(|event| !event.code.is_birth())
        {
            let Some(time) = event.time else { continue };
            assert!(
                start <= time && time <= end,
                "patient {index}: {}",
                event.code
            );
            assert!(event.end_time.is_none_or(|end| end >= time));
        }
        let death = timeline.death();
        assert!(death.is_none_or(|death| death == end));
        let last = timeline.events().last().unwrap();
        assert!(
            death.is_none() || last.code.is_death(),
            "something follows death"
        );
    }
}

/// Reads a file of an export into its resources.
fn resources(dir: &Path, kind: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(dir.join(format!("{kind}.ndjson"))).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn export(dir: &Path, patients: u32, threads: usize) -> Summary {
    write_fhir(dir, &options(patients), threads, &AtomicBool::new(false)).unwrap()
}

#[test]
fn an_export_is_the_same_from_any_number_of_threads() {
    let digests = |threads| {
        let dir = tempfile::tempdir().unwrap();
        let summary = export(dir.path(), 150, threads);
        let mut lines = vec![format!("{} resources", summary.resources)];
        for file in &summary.files {
            let bytes = std::fs::read(dir.path().join(&file.name)).unwrap();
            assert_eq!(bytes.len() as u64, file.bytes);
            let lines_in_it = bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
            assert_eq!(lines_in_it, file.resources);
            lines.push(format!("{} {}", file.name, &Digest::of(&bytes).hex()[..16]));
        }
        lines.join("\n")
    };
    let one = digests(1);
    assert_eq!(one, digests(3));
    expect![[r#"
        22650 resources
        Organization.ndjson 7ab612f8793f0dd2
        Patient.ndjson db60709fda827651
        Encounter.ndjson cb201d4d159de324
        Condition.ndjson 26876d7254cd4d93
        Observation.ndjson 778cfc56c8ea65b1
        MedicationRequest.ndjson 61fc52df30cfbcab
        MedicationAdministration.ndjson 6054442404edeec4
        Procedure.ndjson cc822b52093094b5
        AllergyIntolerance.ndjson 780ac4322647da5d
        DocumentReference.ndjson 3a4d07448629853f
        Practitioner.ndjson 8b1f41b1f7990336"#]]
    .assert_eq(&one);
}

/// Every `reference` inside a resource.
fn references<'a>(json: &'a Json, found: &mut Vec<&'a str>) {
    match json {
        Json::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(target) if name == "reference" => found.push(target),
                    _ => references(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn every_line_parses_and_every_reference_resolves() {
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), 60, 2);
    let mut ids = BTreeSet::new();
    let mut targets = BTreeSet::new();
    for kind in crate::fhir::TYPES {
        for resource in resources(dir.path(), kind) {
            assert_eq!(resource["resourceType"], kind);
            let id = resource["id"].as_str().unwrap();
            assert!(id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            assert!(ids.insert(format!("{kind}/{id}")), "an id stands twice");
            let profiled = resource["meta"]["profile"][0].is_string();
            assert!(profiled || kind == "MedicationAdministration", "{kind}");
            let mut found = Vec::new();
            references(&resource, &mut found);
            targets.extend(found.into_iter().map(str::to_owned));
        }
    }
    let lost: Vec<_> = targets.difference(&ids).collect();
    assert!(lost.is_empty(), "{} references lead nowhere", lost.len());
}

#[test]
fn the_export_and_the_timeline_tell_the_same() {
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), 40, 1);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut events: BTreeMap<&str, usize> = BTreeMap::new();
    for index in 0..40 {
        for event in timeline(&patient(&options(40), index)).events() {
            let system = match &*event.code.system {
                "ICD10CM" => "Condition",
                "LOINC" => "Observation",
                "NOTE" => "DocumentReference",
                "ALLERGY" => "AllergyIntolerance",
                "SNOMED" => "Procedure",
                "RxNorm" if event.code.value.ends_with("//ADMINISTERED") => {
                    "MedicationAdministration"
                }
                "RxNorm" => "MedicationRequest",
                "ENCOUNTER_TYPE" => "Encounter",
                _ => continue,
            };
            *events.entry(system).or_insert(0) += 1;
        }
    }
    let people = ["Organization", "Patient", "Practitioner"];
    let types = crate::fhir::TYPES.iter();
    for kind in types.filter(|kind| !people.contains(kind)) {
        let rows = resources(dir.path(), kind);
        let panels = rows
            .iter()
            .filter(|row| row["component"].is_array())
            .count();
        told.insert(kind, rows.len() + panels);
    }
    assert_eq!(told, events);
}

#[test]
fn planted_identifiers_stand_where_the_truth_says() {
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), 120, 1);
    let known = truth(
        &Options {
            truth_patients_max: 0,
            ..options(120)
        },
        1,
    )
    .unwrap();
    let mut texts = BTreeMap::new();
    for note in resources(dir.path(), "DocumentReference") {
        let data = note["content"][0]["attachment"]["data"]
            .as_str()
            .unwrap()
            .to_owned();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap();
        let id = note["id"].as_str().unwrap().to_owned();
        texts.insert(id, String::from_utf8(bytes).unwrap());
    }
    let mut kinds = BTreeSet::new();
    let mut planted = 0;
    for (index, subject) in (0..120).zip(&known.subjects) {
        let who = patient(&options(120), index).identity;
        for note in &subject.notes {
            let text = texts.remove(&note.note).unwrap();
            for one in &note.planted {
                assert_eq!(&text[one.start..one.end], one.text);
                kinds.insert(one.kind);
                planted += 1;
            }
            // Nothing that identifies stands outside a planted span.
            for secret in [
                &who.mrn,
                &who.ssn,
                &who.phone,
                &who.email,
                &who.street,
                &who.relative.text(),
            ] {
                for (at, _) in text.match_indices(secret.as_str()) {
                    let inside = |p: &&PlantedIdentifier| p.start <= at && at < p.end;
                    assert!(note.planted.iter().any(|p| inside(&p)), "{}", note.note);
                }
            }
        }
    }
    assert!(texts.is_empty(), "notes without truth");
    assert!(planted > 500 && kinds.len() >= 9, "{planted} {kinds:?}");
}

#[test]
fn a_stopped_export_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(true);
    let result = write_fhir(dir.path(), &options(50), 1, &stop);
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Over patients who could be followed to the horizon, the mean of (label - risk) is 0 within four
/// standard errors: the rollouts follow the law of the record.
#[test]
fn true_risks_agree_with_what_happened() {
    let options = Options {
        rollouts: 64,
        truth_patients_max: 4000,
        ..options(4000)
    };
    let known = truth(&options, 2).unwrap();
    let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    for (index, subject) in (0..4000).zip(&known.subjects) {
        let timeline = timeline(&patient(&options, index));
        let Some(at) = subject.index else { continue };
        for task in &known.tasks {
            let label = task.label(&timeline, at);
            let risk = subject.risk[&task.id];
            assert_eq!(risk.is_none(), label == Label::Before, "{}", task.id);
            assert_ne!(label, Label::Dead);
            let Some(risk) = risk else { continue };
            if subject.end_planned < at.plus(task.horizon) {
                continue;
            }
            let error = f64::from(u8::from(label == Label::Yes)) - risk;
            let sum = sums.entry(&task.id).or_default();
            *sum = (sum.0 + 1.0, sum.1 + error, sum.2 + error * error);
        }
    }
    for (task, (n, error, squares)) in sums {
        let z = error / squares.sqrt();
        assert!(
            n > 1000.0 && z.abs() < 4.0,
            "{task}: {n} subjects, {z:.2} standard errors"
        );
    }
}

/// The planted inequity: fewer visits and results a year than the men of the same quintile and
/// site, and more disease that no code tells of.
#[test]
fn the_inequity_shows_in_counts() {
    let mut groups = [(0.0, 0.0, 0.0, 0.0); 2];
    for index in 0..6000 {
        let patient = patient(&options(6000), index);
        let person = &patient.person;
        if person.deprivation != 5 || person.site != Site::C {
            continue;
        }
        let group = &mut groups[usize::from(person.underserved())];
        group.0 += (instant(patient.end) - instant(patient.start())).years();
        let results = |e: &&chronicle::Entry| matches!(e.what, chronicle::What::Result(..));
        group.1 += patient.entries.iter().filter(results).count() as f64;
        let onset = patient.onset[Factor::Hypertension as usize];
        let three_years = 3 * 31_557_600;
        if onset.is_finite() && calendar::seconds(onset) < patient.end - three_years {
            group.2 += 1.0;
            let known = |e: &chronicle::Entry| {
                matches!(
                    e.what,
                    chronicle::What::Diagnosis(concepts::Concept::Hypertension)
                )
            };
            group.3 += f64::from(u8::from(patient.entries.iter().any(known)));
        }
    }
    let [served, under] = groups.map(|(years, results, ill, known)| (results / years, known / ill));
    assert!(
        under.0 < 0.6 * served.0,
        "results a year: {} and {}",
        under.0,
        served.0
    );
    assert!(
        under.1 < served.1 - 0.02,
        "hypertension known: {} and {}",
        under.1,
        served.1
    );
}

/// Crude comparisons among people of 55 to 80 find the signs of the planted effects.
#[test]
fn effects_have_their_signs_in_the_record() {
    let codes = |patient: &Patient, prefix: &str| {
        patient.entries.iter().any(|entry| {
            let chronicle::What::Diagnosis(concept) = entry.what else {
                return false;
            };
            concept.value().starts_with(prefix)
        })
    };
    let mut tables: BTreeMap<&str, [[f64; 2]; 2]> = BTreeMap::new();
    for index in 0..6000 {
        let patient = patient(&options(6000), index);
        let person = &patient.person;
        let age = (person.entry - person.birth_day as f64) / 365.25;
        if !(55.0..80.0).contains(&age) {
            continue;
        }
        let before_entry = |disease: Factor| patient.onset[disease as usize] < person.entry;
        for (name, exposed, outcome) in [
            (
                "smoking and COPD",
                person.smoking == 2,
                codes(&patient, "J44"),
            ),
            (
                "fibrillation and stroke",
                before_entry(Factor::AtrialFibrillation),
                codes(&patient, "I63"),
            ),
            (
                "diabetes and infarction",
                before_entry(Factor::Diabetes),
                codes(&patient, "I21"),
            ),
            (
                "coronary disease and heart failure",
                before_entry(Factor::CoronaryDisease),
                codes(&patient, "I50"),
            ),
            (
                "heart failure and death",
                before_entry(Factor::HeartFailure),
                patient.death.is_some(),
            ),
        ] {
            tables.entry(name).or_default()[usize::from(exposed)][usize::from(outcome)] += 1.0;
        }
    }
    for (name, [[a, b], [c, d]]) in tables {
        let ratio = (d / (c + d)) / (b / (a + b));
        assert!(ratio > 1.15, "{name}: risk ratio {ratio:.2}");
    }
}

/// Switching a treatment on in the latent state moves rolled-out risks in the stated direction.
#[test]
fn treatments_act_in_rollouts() {
    let options = Options {
        rollouts: 400,
        ..options(3000)
    };
    let at = |id: &str| tasks().iter().position(|task| task.id == id).unwrap();
    let mut sums = [(0.0, 0.0); 2];
    for index in 0..3000 {
        let Some(state) = patient(&options, index).at_index else {
            continue;
        };
        let cases = [
            (
                Factor::AtrialFibrillation,
                Factor::Anticoagulant,
                "infarction_stroke_5y",
            ),
            (Factor::Cancer, Factor::Resected, "death_1y"),
        ];
        for (sum, (disease, treatment, task)) in sums.iter_mut().zip(cases) {
            if !state.has(disease) {
                continue;
            }
            let risk = |treated: bool| {
                let mut state = state.clone();
                state.set(treatment, treated);
                rollout::risks(&options, index, &state)[at(task)]
            };
            *sum = (sum.0 + risk(true), sum.1 + risk(false));
        }
    }
    for (treated, untreated) in sums {
        assert!(treated < 0.97 * untreated, "{treated} {untreated}");
    }
}

#[test]
fn the_truth_survives_json_and_threads() {
    let options = Options {
        rollouts: 16,
        truth_patients_max: 30,
        ..options(120)
    };
    let one = serde_json::to_string(&truth(&options, 1).unwrap()).unwrap();
    let two = serde_json::to_string(&truth(&options, 2).unwrap()).unwrap();
    assert!(one == two, "threads change the truth");
    let back: Truth = serde_json::from_str(&one).unwrap();
    assert!(
        serde_json::to_string(&back).unwrap() == one,
        "the JSON reads back otherwise"
    );
    let with_risks = back
        .subjects
        .iter()
        .filter(|subject| !subject.risk.is_empty())
        .count();
    assert!((20..=30).contains(&with_risks), "{with_risks}");
    assert!(
        back.subjects
            .iter()
            .any(|subject| !subject.causes.is_empty())
    );
    expect!["8009d18518701d78"].assert_eq(&Digest::of(one.as_bytes()).hex()[..16]);
}
