//! Whether what is written is FHIR R4: for each type the elements that it has and must have, the
//! codes of required value sets, identifiers, references, times, and no empty value anywhere.
//! Source: the resource pages of <https://hl7.org/fhir/R4>; it shares nothing with the writer.

use longitude_store::export::fhir::Account;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A type: elements that must be there, all that may be there, and codes of required value sets.
struct Type {
    name: &'static str,
    required: &'static str,
    optional: &'static str,
    codes: &'static [(&'static str, &'static str)],
}

const TYPES: &[Type] = &[
    Type {
        name: "AllergyIntolerance",
        // clinicalStatus by ait-1.
        required: "patient clinicalStatus",
        optional: "code encounter onsetDateTime recordedDate reaction",
        codes: &[],
    },
    Type {
        name: "Condition",
        required: "subject",
        optional: "clinicalStatus code encounter onsetDateTime abatementDateTime recordedDate",
        codes: &[],
    },
    Type {
        name: "Device",
        required: "",
        optional: "type",
        codes: &[],
    },
    Type {
        name: "DeviceUseStatement",
        required: "status subject device",
        optional: "timingDateTime timingPeriod recordedOn",
        codes: &[(
            "status",
            "active completed entered-in-error intended stopped on-hold",
        )],
    },
    Type {
        name: "DiagnosticReport",
        required: "status code",
        optional: "subject encounter effectiveDateTime issued conclusionCode",
        codes: &[(
            "status",
            "registered partial preliminary final amended corrected appended",
        )],
    },
    Type {
        name: "DocumentReference",
        required: "status content",
        optional: "type subject date context",
        codes: &[("status", "current superseded entered-in-error")],
    },
    Type {
        name: "Encounter",
        required: "status class",
        optional: "classHistory type serviceType priority subject period reasonCode hospitalization location",
        codes: &[(
            "status",
            "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
        )],
    },
    Type {
        name: "ImagingStudy",
        required: "status subject",
        optional: "modality encounter started procedureCode",
        codes: &[(
            "status",
            "registered available cancelled entered-in-error unknown",
        )],
    },
    Type {
        name: "Immunization",
        required: "status vaccineCode patient occurrenceDateTime",
        optional: "encounter recorded doseQuantity reaction",
        codes: &[("status", "completed entered-in-error not-done")],
    },
    Type {
        name: "Location",
        required: "",
        optional: "type",
        codes: &[],
    },
    Type {
        name: "MedicationAdministration",
        required: "status medicationCodeableConcept subject",
        optional: "context effectiveDateTime effectivePeriod note dosage",
        codes: &[(
            "status",
            "in-progress not-done on-hold completed entered-in-error stopped unknown",
        )],
    },
    Type {
        name: "MedicationDispense",
        required: "status medicationCodeableConcept",
        optional: "subject context quantity whenHandedOver note",
        codes: &[(
            "status",
            "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown",
        )],
    },
    Type {
        name: "MedicationRequest",
        required: "status intent medicationCodeableConcept subject",
        optional: "encounter authoredOn note dosageInstruction dispenseRequest",
        codes: &[
            (
                "status",
                "active on-hold cancelled completed entered-in-error stopped draft unknown",
            ),
            (
                "intent",
                "proposal plan order original-order reflex-order filler-order instance-order option",
            ),
        ],
    },
    Type {
        name: "MedicationStatement",
        required: "status medicationCodeableConcept subject",
        optional: "context effectiveDateTime effectivePeriod dateAsserted note",
        codes: &[(
            "status",
            "active completed entered-in-error intended stopped on-hold unknown not-taken",
        )],
    },
    Type {
        name: "Observation",
        required: "status code",
        optional: "subject encounter effectiveDateTime issued valueQuantity valueCodeableConcept \
            valueString valueBoolean valueRange valueRatio dataAbsentReason interpretation note \
            referenceRange extension",
        codes: &[(
            "status",
            "registered preliminary final amended corrected cancelled entered-in-error unknown",
        )],
    },
    Type {
        name: "Patient",
        required: "",
        optional: "extension gender birthDate _birthDate deceasedBoolean deceasedDateTime \
            maritalStatus communication",
        codes: &[("gender", "male female other unknown")],
    },
    Type {
        name: "Procedure",
        required: "status subject",
        optional: "code encounter performedDateTime performedPeriod",
        codes: &[(
            "status",
            "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
        )],
    },
    Type {
        name: "ServiceRequest",
        required: "status intent subject",
        optional: "code encounter authoredOn",
        codes: &[
            (
                "status",
                "draft active on-hold revoked completed entered-in-error unknown",
            ),
            (
                "intent",
                "proposal plan directive order original-order reflex-order filler-order \
                    instance-order option",
            ),
        ],
    },
    Type {
        name: "Specimen",
        required: "",
        optional: "status type subject collection",
        codes: &[(
            "status",
            "available unavailable unsatisfactory entered-in-error",
        )],
    },
];

/// Checks an export as a whole.
pub(crate) fn check(folder: &Path, account: &Account) {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert!(is_time(manifest["transactionTime"].as_str().unwrap()));
    assert_eq!(manifest["requiresAccessToken"], false);
    assert_eq!(manifest["error"], Value::Array(Vec::new()));
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut ids, mut references) = (BTreeSet::new(), BTreeSet::new());
    for file in manifest["output"].as_array().unwrap() {
        let kind = file["type"].as_str().unwrap();
        let lines = fs::read_to_string(folder.join(file["url"].as_str().unwrap())).unwrap();
        assert!(lines.ends_with('\n'));
        assert_eq!(
            lines.lines().count() as u64,
            file["count"].as_u64().unwrap()
        );
        *counts.entry(kind.to_owned()).or_default() += file["count"].as_u64().unwrap();
        for line in lines.lines() {
            assert!(line.starts_with(&format!(r#"{{"resourceType":"{kind}","id":""#)));
            let resource: Value = serde_json::from_str(line).unwrap();
            one(&resource, kind);
            let id = format!("{kind}/{}", resource["id"].as_str().unwrap());
            assert!(ids.insert(id), "an identifier stands twice in {kind}");
            refers(&resource, &mut references);
        }
    }
    assert_eq!(counts, account.resources);
    let dangling: Vec<_> = references.difference(&ids).collect();
    assert!(
        dangling.is_empty(),
        "{} references lead nowhere",
        dangling.len()
    );
    let files = fs::read_dir(folder).unwrap().count();
    let stray = usize::from(folder.join("account.json").exists());
    assert_eq!(
        files,
        manifest["output"].as_array().unwrap().len() + 1 + stray
    );
}

fn one(resource: &Value, kind: &str) {
    let known = TYPES.iter().find(|one| one.name == kind);
    let Some(known) = known else {
        unreachable!("{kind} is not in the table");
    };
    let id = resource["id"].as_str().unwrap();
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    assert!(
        (1..=64).contains(&id.len()) && id.bytes().all(lawful),
        "{kind}.id"
    );
    for name in known.required.split_whitespace() {
        assert!(!resource[name].is_null(), "{kind} lacks {name}");
    }
    let may = |name: &str| {
        let all = known.required.split_whitespace();
        let mut all = all.chain(known.optional.split_whitespace());
        name == "resourceType" || name == "id" || all.any(|one| one == name)
    };
    for (name, value) in resource.as_object().unwrap() {
        assert!(may(name), "{kind} has no {name}");
        filled(value, name);
    }
    for (name, codes) in known.codes {
        if let Some(code) = resource[*name].as_str() {
            let is_listed = codes.split_whitespace().any(|one| one == code);
            assert!(is_listed, "{kind}.{name}: {code}");
        }
    }
    rules(resource, kind);
}

/// Constraints between elements, by the names that R4 gives them.
fn rules(resource: &Value, kind: &str) {
    let has = |name: &str| !resource[name].is_null();
    if kind == "Observation" {
        let values = resource.as_object().unwrap().keys();
        let values = values.filter(|name| name.starts_with("value")).count();
        assert!(
            values <= 1 && (values == 0 || !has("dataAbsentReason")),
            "obs-6"
        );
        for range in resource["referenceRange"].as_array().into_iter().flatten() {
            assert!(!range["low"].is_null() || !range["high"].is_null(), "obs-3");
        }
    }
    if kind == "Condition" && has("abatementDateTime") {
        let status = &resource["clinicalStatus"]["coding"][0]["code"];
        assert_eq!(status, "resolved", "con-4");
    }
    if kind == "MedicationAdministration" && has("dosage") {
        let dosage = &resource["dosage"];
        assert!(
            !dosage["dose"].is_null() || !dosage["rateQuantity"].is_null(),
            "mad-1"
        );
    }
    if kind == "Patient" {
        let deceased = [has("deceasedBoolean"), has("deceasedDateTime")];
        assert!(deceased != [true, true]);
    }
}

/// No value is empty or null, codes and times have FHIR's form, and a period does not end before it
/// starts.
fn filled(value: &Value, name: &str) {
    match value {
        Value::Null => unreachable!("{name} is null"),
        Value::Array(items) => {
            assert!(!items.is_empty(), "{name} is empty");
            for item in items {
                filled(item, name);
            }
        }
        Value::Object(members) => {
            assert!(!members.is_empty(), "{name} is empty");
            for (name, value) in members {
                filled(value, name);
            }
            if let (Some(start), Some(end)) = (value["start"].as_str(), value["end"].as_str())
                && start.len() == end.len()
                && start.ends_with('Z') == end.ends_with('Z')
                && start.ends_with('Z')
            {
                assert!(start <= end, "per-1");
            }
        }
        Value::String(text) => string(text, name),
        Value::Number(_) | Value::Bool(_) => {}
    }
}

fn string(text: &str, name: &str) {
    let is_forbidden = |sign: char| sign < ' ' && !matches!(sign, '\t' | '\n' | '\r');
    assert!(!text.is_empty() && !text.contains(is_forbidden), "{name}");
    let is_timed = [
        "DateTime",
        "Date",
        "authoredOn",
        "issued",
        "date",
        "start",
        "end",
        "recorded",
    ];
    let is_timed = is_timed.iter().any(|end| name.ends_with(end))
        || matches!(
            name,
            "dateAsserted" | "whenHandedOver" | "started" | "recordedOn"
        );
    if is_timed {
        assert!(is_time(text), "{name}: {text}");
        let is_instant = matches!(name, "issued" | "date") && text.len() < 20;
        assert!(!is_instant || name == "date" && text.len() <= 10, "{name}");
    }
    if matches!(name, "code" | "status" | "intent") {
        let blank = |sign: &char| sign.is_whitespace();
        let signs: Vec<_> = text.chars().collect();
        let doubled = signs.windows(2).any(|two| blank(&two[0]) && blank(&two[1]));
        assert!(
            text.trim() == text && !doubled,
            "{name}: `{text}` is no code"
        );
    }
    if matches!(name, "system" | "url") {
        assert!(!text.contains(char::is_whitespace), "{name}: {text}");
        // An extension inside another is named by a word.
        assert!(text.contains(':') || name == "url", "{name}: {text}");
    }
}

/// FHIR's `dateTime`, its parts in order.
fn is_time(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, clock) = text
        .split_once('T')
        .map_or((text, None), |(a, b)| (a, Some(b)));
    let parts: Vec<_> = date.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    let is_date =
        matches!(&lengths[..], [4] | [4, 2] | [4, 2, 2]) && parts.iter().all(|part| digits(part));
    let Some(clock) = clock else { return is_date };
    let zone = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let is_zone = zone == "Z" || zone.len() == 6 && &zone[3..4] == ":";
    let seconds = clock.split('.').next().unwrap_or_default();
    is_date && lengths.len() == 3 && is_zone && seconds.len() == 8
}

fn refers(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| refers(item, references)),
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("reference") {
                references.insert(reference.clone());
            }
            members.values().for_each(|inner| refers(inner, references));
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}
