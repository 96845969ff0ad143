//! The header of a document: the patient and what is known of the patient, the encounter that the
//! document is about, and the names of everybody in it.

use super::map::Mapper;
use super::tree::Element;
use crate::batch::Note;
use crate::hash::hash64;
use crate::latest::{Place, Statement};
use crate::person::{Person, PersonAddress, PersonIdentifier, PersonName};
use crate::when::parse_hl7;
use longitude_core::{Code, EncounterId, IssueKind, SubjectId};

const ROLE: [&str; 2] = ["recordTarget", "patientRole"];

/// The subject of a document: the first number of its patient, by its authority (the root).
pub(super) fn subject(document: Element<'_, '_>) -> Option<SubjectId> {
    let role = document.at(&ROLE)?;
    let numbered = |id: &Element<'_, '_>| id.attribute("root").is_some();
    let with_number = |id: &Element<'_, '_>| numbered(id) && id.attribute("extension").is_some();
    let id = role.all("id").find(with_number);
    let id = id.or_else(|| role.all("id").find(numbered))?;
    let (root, number) = (id.attribute("root")?, id.attribute("extension"));
    Some(SubjectId::from_source(root, number.unwrap_or_default()))
}

/// What a header says of things that other documents speak of too: the patient's data, and which
/// version of the document it is.
pub(super) fn statements(document: Element<'_, '_>, file: u32) -> [Option<Statement>; 2] {
    let time = document.child("effectiveTime");
    let time = time.and_then(|time| parse_hl7(time.attribute("value")?, None));
    let place = Place {
        micros: time.map_or(i64::MIN + 1, |time| time.instant.0),
        file,
        row: 0,
    };
    let own = document.child("id").and_then(identifier);
    let content = hash64("document", &own.unwrap_or_else(|| file.to_string()));
    let patient = subject(document).map(|subject| Statement {
        key: hash64("recordTarget", &subject.to_string()),
        content,
        place,
    });
    let set = document.child("setId").and_then(identifier);
    let kind = document
        .child("code")
        .and_then(|code| code.attribute("code"));
    let version = set.map(|set| {
        let number = document.child("versionNumber");
        let number = number.and_then(|number| number.attribute("value")?.parse::<i64>().ok());
        let number = number.unwrap_or(1);
        // Only a higher number replaces; some systems give one set to documents of every type.
        Statement {
            key: hash64(&format!("setId {}", kind.unwrap_or_default()), &set),
            content: hash64("version", &number.to_string()),
            place: Place {
                micros: number,
                ..place
            },
        }
    });
    [patient, version]
}

/// Root and extension of an `II`.
pub(super) fn identifier(id: Element<'_, '_>) -> Option<String> {
    let root = id.attribute("root")?;
    let number = id.attribute("extension");
    Some(number.map_or_else(|| root.to_owned(), |number| [root, "/", number].concat()))
}

/// The identifier of an encounter.
pub(super) fn encounter_id(encounter: Element<'_, '_>) -> Option<EncounterId> {
    let id = encounter
        .all("id")
        .find(|id| id.attribute("root").is_some())?;
    let number = id.attribute("extension").unwrap_or_default();
    Some(EncounterId::from_source(id.attribute("root")?, number))
}

impl<'t> Mapper<'_, 't> {
    /// The patient. Facts are those of the latest document that speaks of them.
    pub(super) fn patient(&mut self, document: Element<'t, 't>, stands: bool) -> Result<(), Note> {
        let Some(role) = document.at(&ROLE) else {
            return Err(Note::at(IssueKind::MissingSubject, "recordTarget"));
        };
        let Some(subject) = self.rows.subject() else {
            return Err(Note::at(IssueKind::MissingSubject, "patientRole/id"));
        };
        self.identify(document, role);
        let person = Self::person(role);
        self.rows.tell_person(subject, person);
        if stands && let Some(patient) = role.child("patient") {
            self.facts(patient);
        }
        Ok(())
    }

    fn facts(&mut self, patient: Element<'t, 't>) {
        let sex = patient.child("administrativeGenderCode");
        if let Some(code) = sex.and_then(|sex| sex.attribute("code")) {
            let word = match code {
                "M" => "male",
                "F" => "female",
                "UN" => "other",
                other => other,
            };
            let code = self.rows.code("GENDER", word);
            self.rows.event(code, None, "administrativeGenderCode");
        }
        for (name, system) in [
            ("raceCode", "RACE"),
            ("ethnicGroupCode", "ETHNICITY"),
            ("maritalStatusCode", "MARITAL_STATUS"),
        ] {
            for concept in patient.all(name) {
                if let Ok(code) = self.coded(Some(concept), name) {
                    let code = self.rows.code(system, &code.value);
                    self.rows.event(code, None, name);
                }
            }
        }
        let spoken: Vec<_> = patient.all("languageCommunication").collect();
        let is_preferred = |one: &&Element<'_, '_>| {
            let preferred = one.child("preferenceInd");
            preferred.and_then(|one| one.attribute("value")) == Some("true")
        };
        let language = spoken.iter().find(is_preferred).or(spoken.first());
        let language = language.and_then(|one| one.child("languageCode")?.attribute("code"));
        if let Some(language) = language {
            let code = self.rows.code("LANGUAGE", language);
            self.rows.event(code, None, "languageCommunication");
        }
        if let Some(when) = self.time(patient.child("birthTime")) {
            self.rows.event(Code::birth(), Some(when), "birthTime");
        }
        let died = patient.child("deceasedInd");
        let died = died.and_then(|one| one.attribute("value")) == Some("true");
        if let Some(when) = self.time(patient.child("deceasedTime")) {
            let when = when.end_of_day();
            self.rows.event(Code::death(), Some(when), "deceasedTime");
        } else if died {
            self.rows
                .warn(Note::at(IssueKind::MissingTime, "deceasedInd"));
        }
    }

    /// Names, numbers and addresses: of the patient and of people near, for the patient's own
    /// record; of clinicians, for anybody's.
    fn identify(&mut self, document: Element<'t, 't>, role: Element<'t, 't>) {
        let subject = self.rows.subject();
        for id in role.all("id") {
            self.rows
                .identify(subject, id.attribute("extension").unwrap_or_default());
        }
        for element in document.descendants() {
            match element.name() {
                "patient" | "guardianPerson" | "associatedPerson" | "relatedPerson" => {
                    for name in element.all("name") {
                        self.identify_name(name, true);
                    }
                }
                "assignedPerson" | "relatedSubject" => {
                    for name in element.all("name") {
                        self.identify_name(name, false);
                    }
                }
                "patientRole" | "guardian" | "place" | "associatedEntity" => {
                    for address in element.all("addr") {
                        let named = ["streetAddressLine", "city", "postalCode"];
                        for part in address.children().filter(|one| named.contains(&one.name())) {
                            self.rows.identify(subject, part.text());
                        }
                    }
                    for telecom in element.all("telecom") {
                        self.rows.identify(subject, number_of(telecom));
                    }
                }
                _ => {}
            }
        }
    }

    fn identify_name(&mut self, name: Element<'t, 't>, is_near: bool) {
        let subject = self.rows.subject().filter(|_| is_near);
        let parts = name_of(name);
        if is_near {
            self.rows.identify(subject, parts.family.as_str());
            for given in &parts.given {
                self.rows.identify(subject, given.as_str());
            }
        }
        let first = parts.given.first().cloned().unwrap_or_default();
        for given in [parts.given.join(" "), first] {
            if !given.is_empty() && !parts.family.is_empty() {
                self.rows
                    .identify(subject, format!("{given} {}", parts.family));
                self.rows
                    .identify(subject, format!("{}, {given}", parts.family));
            }
        }
    }

    fn person(role: Element<'t, 't>) -> Person {
        let mut person = Person::default();
        for id in role.all("id") {
            if let (Some(root), Some(number)) = (id.attribute("root"), id.attribute("extension")) {
                person.identifiers.push(PersonIdentifier {
                    system: root.to_owned(),
                    value: number.to_owned(),
                    kind: (root == "2.16.840.1.113883.4.1").then(|| "SS".to_owned()),
                });
            }
        }
        for address in role.all("addr") {
            let part = |name| address.child(name).map(Element::text).unwrap_or_default();
            person.addresses.push(PersonAddress {
                lines: address
                    .all("streetAddressLine")
                    .map(Element::text)
                    .collect(),
                city: part("city"),
                state: part("state"),
                postal_code: part("postalCode"),
                country: part("country"),
            });
        }
        for telecom in role.all("telecom") {
            let is_mail = telecom
                .attribute("value")
                .is_some_and(|value| value.starts_with("mailto"));
            let list = if is_mail {
                &mut person.emails
            } else {
                &mut person.phones
            };
            list.extend(Some(number_of(telecom)).filter(|number| !number.is_empty()));
        }
        let Some(patient) = role.child("patient") else {
            return person;
        };
        person.names = patient.all("name").map(name_of).collect();
        let moment = |name| {
            let when = parse_hl7(patient.child(name)?.attribute("value")?, None)?;
            Some((when.instant, when.precision))
        };
        person.birth = moment("birthTime");
        person.death = moment("deceasedTime");
        let sex = patient.child("administrativeGenderCode");
        person.sex = sex.and_then(|sex| sex.attribute("code")).map(str::to_owned);
        person
    }
}

fn number_of(telecom: Element<'_, '_>) -> String {
    let value = telecom.attribute("value").unwrap_or_default();
    let bare = value.split_once(':').map_or(value, |(_, rest)| rest);
    bare.trim().to_owned()
}

fn name_of(name: Element<'_, '_>) -> PersonName {
    let texts = |part| {
        name.all(part)
            .map(Element::text)
            .filter(|text| !text.is_empty())
    };
    let family: Vec<String> = texts("family").collect();
    PersonName {
        family: if family.is_empty() && name.children().next().is_none() {
            name.text()
        } else {
            family.join(" ")
        },
        given: texts("given").collect(),
        usage: name.attribute("use").map(str::to_owned),
    }
}
