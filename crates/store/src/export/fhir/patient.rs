//! The Patient of a subject: birth, death, and the facts that do not change.

use super::beside;
use super::concept::{clean, coding, hl7, listed, number};
use super::files::Resource;
use super::moment;
use super::report::{Account, Losses};
use longitude_core::{Code, Event, Instant, Precision, SubjectId, Timeline, systems};
use serde_json::{Value, json};

const RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const ETHNICITY: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity";
const BIRTH_TIME: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
/// The categories of the OMB, with the words that US Core asks for beside them. Source: US Core
/// 6.1, value sets omb-race-category and omb-ethnicity-category.
const RACES: &[(&str, &str)] = &[
    ("1002-5", "American Indian or Alaska Native"),
    ("2028-9", "Asian"),
    ("2054-5", "Black or African American"),
    ("2076-8", "Native Hawaiian or Other Pacific Islander"),
    ("2106-3", "White"),
    ("2131-1", "Other Race"),
    ("ASKU", "Asked but no answer"),
    ("UNK", "Unknown"),
];
const ETHNICITIES: &[(&str, &str)] = &[
    ("2135-2", "Hispanic or Latino"),
    ("2186-5", "Not Hispanic or Latino"),
];
const NULL_FLAVORS: [&str; 2] = ["ASKU", "UNK"];
const GENDERS: [&str; 4] = ["female", "male", "other", "unknown"];
/// HL7 v3 MaritalStatus.
const MARITAL: &[&str] = &["A", "C", "D", "I", "L", "M", "P", "S", "T", "U", "W"];
/// Where a day of death is put: at the last moment that the day covers anywhere on earth.
const DEATH_MICROS: i64 = 36 * 3_600_000_000 - 1;

/// A Patient in the making.
pub(super) struct Patient {
    resource: Resource,
    has_race_text: bool,
}

impl Patient {
    /// `id` is the logical identifier.
    pub(super) fn new(id: String) -> Self {
        Self {
            resource: Resource::new("Patient", id),
            has_race_text: false,
        }
    }

    pub(super) fn finish(self) -> Resource {
        self.resource
    }

    /// Takes an event that belongs here; false where it does not.
    pub(super) fn take(&mut self, event: &Event, account: &mut Account) -> bool {
        let mut losses = Losses::new();
        let is_taken = match event.time {
            Some(time) if event.code.is_birth() => self.birth(event, time, &mut losses),
            Some(time) if event.code.is_death() => self.death(event, time, &mut losses),
            Some(_) => false,
            None => self.fact(event, &mut losses),
        };
        if is_taken {
            beside(event, &mut losses);
            account.carried(&losses);
        }
        is_taken
    }

    fn birth(&mut self, event: &Event, time: Instant, losses: &mut Losses) -> bool {
        if self.resource.has("birthDate") || !moment::is_writable(time) || !beside::is_bare(event) {
            return false;
        }
        if let Some(date) = moment::date(time, event.precision) {
            self.resource.set("birthDate", date);
            return true;
        }
        // The time of day stands in the extension that FHIR has for it.
        let whole = moment::of_event(event, time, losses);
        self.resource.set("birthDate", &whole[..10]);
        let extension = json!([{"url": BIRTH_TIME, "valueDateTime": whole}]);
        self.resource
            .set("_birthDate", json!({"extension": extension}));
        true
    }

    fn death(&mut self, event: &Event, time: Instant, losses: &mut Losses) -> bool {
        let has_one = self.resource.has("deceasedDateTime") || self.resource.has("deceasedBoolean");
        if has_one || !moment::is_writable(time) || !beside::is_bare(event) {
            return false;
        }
        let day = time.shifted(-DEATH_MICROS);
        let date = match event.precision {
            Precision::Day => moment::date(day, Precision::Day),
            Precision::Month | Precision::Year => moment::date(time, event.precision),
            Precision::Time => None,
        };
        let shown = date.unwrap_or_else(|| {
            if event.precision != Precision::Time {
                losses.push("that only the day, month or year is known, of a time within it");
            }
            moment::instant(time, event.utc_offset_minutes)
        });
        self.resource.set("deceasedDateTime", shown);
        true
    }

    fn fact(&mut self, event: &Event, losses: &mut Losses) -> bool {
        let value = event.code.value.trim();
        if value.is_empty() {
            return false;
        }
        let is_plain = beside::is_bare(event);
        let is_held = is_plain
            && match &*event.code.system {
                "" if event.code.is_death() => self.died(losses),
                "GENDER" => self.gender(value, losses),
                "RACE" => self.group((RACE, RACES), value, losses),
                "ETHNICITY" => self.group((ETHNICITY, ETHNICITIES), value, losses),
                "MARITAL_STATUS" => self.marital(value, losses),
                "LANGUAGE" => self.language(value, losses),
                _ => false,
            };
        is_held || self.other(event, losses)
    }

    /// A death whose time nobody knows.
    fn died(&mut self, losses: &mut Losses) -> bool {
        if self.resource.has("deceasedDateTime") || self.resource.has("deceasedBoolean") {
            return false;
        }
        losses.push("a death without a time, of which a reader makes no event");
        self.resource.set("deceasedBoolean", true);
        true
    }

    fn gender(&mut self, value: &str, losses: &mut Losses) -> bool {
        if self.resource.has("gender") {
            return false;
        }
        let known = match value.to_ascii_lowercase().as_str() {
            "m" | "male" => "male",
            "f" | "female" => "female",
            "o" | "other" => "other",
            "u" | "unk" | "unknown" => "unknown",
            _ => return false,
        };
        if !GENDERS.contains(&value) {
            losses.push("a sex's spelling, which is not FHIR's");
        }
        self.resource.set("gender", known);
        true
    }

    /// Race or ethnicity by US Core: the categories of the OMB, and one text.
    fn group(
        &mut self,
        (url, categories): (&str, &[(&str, &str)]),
        value: &str,
        losses: &mut Losses,
    ) -> bool {
        let same = |(code, _): &&(&str, &str)| *code == value;
        let Some((code, words)) = categories.iter().find(same) else {
            return self.group_text(url, value, losses);
        };
        let system = if NULL_FLAVORS.contains(code) {
            hl7("v3-NullFlavor")
        } else {
            "urn:oid:2.16.840.1.113883.6.238".to_owned()
        };
        let category = json!({"url": "ombCategory",
            "valueCoding": {"system": system, "code": code, "display": words}});
        let text = json!({"url": "text", "valueString": words});
        // US Core has up to five races and one ethnicity; a text alone is no category.
        let may_grow = url == RACE && !self.has_race_text;
        let Some(parts) = self.extension(url) else {
            let extension = json!({"url": url, "extension": [category, text]});
            self.resource.add("extension", extension);
            return true;
        };
        let grows = may_grow && parts.len() < 6;
        if grows {
            parts.insert(0, category);
        }
        grows
    }

    fn group_text(&mut self, url: &str, value: &str, losses: &mut Losses) -> bool {
        let is_same = systems::text_code(value).as_deref() == Some(value);
        if !is_same || self.extension(url).is_some() {
            return false;
        }
        self.has_race_text |= url == RACE;
        let text = json!({"url": "text", "valueString": clean(value, losses)});
        self.resource
            .add("extension", json!({"url": url, "extension": [text]}));
        true
    }

    /// The parts of an extension that is there.
    fn extension(&mut self, url: &str) -> Option<&mut Vec<Value>> {
        let all = self.resource.get_mut("extension")?.as_array_mut()?;
        let found = all.iter_mut().find(|one| one["url"] == url)?;
        found["extension"].as_array_mut()
    }

    fn marital(&mut self, value: &str, losses: &mut Losses) -> bool {
        if self.resource.has("maritalStatus") {
            return false;
        }
        let coding = if value == "UNK" {
            json!({"system": hl7("v3-NullFlavor"), "code": value})
        } else {
            listed(
                value,
                ("v3-MaritalStatus", MARITAL),
                "MARITAL_STATUS",
                losses,
            )
        };
        self.resource
            .set("maritalStatus", json!({"coding": [coding]}));
        true
    }

    fn language(&mut self, value: &str, losses: &mut Losses) -> bool {
        if self.resource.has("communication") {
            return false;
        }
        let mut parts = value.split('-');
        let first = parts.next().unwrap_or_default();
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_subtag = |text: &str| {
            (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let is_tag = matches!(first.len(), 2 | 3) && letters(first) && parts.all(is_subtag);
        let coding = if is_tag {
            json!({"system": "urn:ietf:bcp:47", "code": value})
        } else {
            let code = Code::new("LANGUAGE", value);
            coding(&code, losses).unwrap_or_default()
        };
        self.resource
            .add("communication", json!({"language": {"coding": [coding]}}));
        true
    }

    /// A fact that FHIR has no element for stands in an extension of ours.
    fn other(&mut self, event: &Event, losses: &mut Losses) -> bool {
        let Some(coding) = coding(&event.code, losses) else {
            return false;
        };
        let mut parts = vec![json!({"url": "code", "valueCoding": coding})];
        if let Some(value) = event.numeric_value {
            match number(value) {
                Some(value) => parts.push(json!({"url": "number", "valueDecimal": value})),
                None => losses.push("a number that is none (NaN or infinite)"),
            }
        }
        for (name, text) in [("unit", &event.unit), ("text", &event.text_value)] {
            match text.as_deref() {
                Some("") => losses.push("an empty text"),
                Some(text) => {
                    let text = clean(text, losses);
                    parts.push(json!({"url": name, "valueString": text}));
                }
                None => {}
            }
        }
        self.resource.add(
            "extension",
            json!({"url": systems::FACT, "extension": parts}),
        );
        true
    }
}

/// What a fact of a person has no place for.
fn beside(event: &Event, losses: &mut Losses) {
    if event.end_time.is_some() {
        losses.push("end");
    }
    if event.recorded_time.is_some() {
        losses.push("time of recording");
    }
    if event.encounter.is_some() {
        losses.push("encounter of a fact of the person");
    }
    if beside::other(event).is_some() {
        losses.push("the source's own code of a fact of the person");
    }
    beside::written(event, false, losses);
}

/// The logical identifier of a subject: the source's own where the subject's was made from it, so
/// that a reader finds the same subject, else the number itself. A source's identifier that is the
/// number of another subject of the set (`is_taken`) is not used.
pub(super) fn logical_id(timeline: &Timeline, is_taken: impl Fn(SubjectId) -> bool) -> String {
    let subject = timeline.subject();
    let own = timeline.events().iter().find_map(|event| {
        let id = event.origin.record.strip_prefix("Patient/")?;
        let is_number_of_another = id.parse().is_ok_and(|id| is_taken(SubjectId(id)));
        let is_same = SubjectId::from_source("Patient", id) == subject;
        (is_same && super::is_id(id) && !is_number_of_another).then(|| id.to_owned())
    });
    own.unwrap_or_else(|| subject.to_string())
}
