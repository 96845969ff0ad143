//! The Encounters of a subject: the events of each into one resource, and the places they name.

use super::beside;
use super::concept::{absent, is_exact, listed};
use super::files::Resource;
use super::moment;
use super::report::{Account, Losses};
use super::{Export, is_id};
use crate::error::Result;
use longitude_core::{Code, EncounterId, Event, Instant, SubjectId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// HL7 v3 ActEncounterCode.
const CLASSES: &[&str] = &[
    "ACUTE", "AMB", "EMER", "FLD", "HH", "IMP", "NONAC", "OBSENC", "PRENC", "SS", "VR",
];
/// FHIR admit-source.
const SOURCES: &[&str] = &[
    "born",
    "emd",
    "gp",
    "hosp-trans",
    "mp",
    "nursing",
    "other",
    "outp",
    "psych",
    "rehab",
];
/// FHIR discharge-disposition.
const DISPOSITIONS: &[&str] = &[
    "aadvice",
    "alt-home",
    "exp",
    "home",
    "hosp",
    "long",
    "oth",
    "other-hcf",
    "psy",
    "rehab",
    "snf",
];
/// The class of an encounter of which none is known.
const UNKNOWN: &str = "UNKNOWN";

/// The encounters of one subject.
pub(super) struct Encounters(BTreeMap<EncounterId, Encounter>);

struct Encounter {
    id: String,
    class: String,
    /// Time and words of the start.
    start: Option<(Instant, String)>,
    /// Time and words of the end, and whether an event tells it.
    end: Option<(Instant, String, bool)>,
    /// Whether their events were taken.
    taken: [bool; 2],
    resource: Resource,
    admitted: Option<Value>,
    discharged: Option<Value>,
}

impl Encounters {
    /// Finds the starts and ends of encounters, so that all other events know theirs.
    pub(super) fn of(events: &[Event], subject: SubjectId) -> Self {
        let mut all = Self(BTreeMap::new());
        for edge in ["//START", "//END"] {
            for event in events {
                all.edge(event, edge, subject);
            }
        }
        all.0
            .retain(|_, one| one.start.is_some() || one.end.is_some());
        for event in events {
            let one = event.encounter.and_then(|id| all.0.get_mut(&id));
            let Some(id) = event.origin.record.strip_prefix("Encounter/") else {
                continue;
            };
            let is_own = EncounterId::from_source("Encounter", id);
            if let Some(one) = one.filter(|_| event.encounter == Some(is_own) && is_id(id)) {
                id.clone_into(&mut one.id);
            }
        }
        all
    }

    fn edge(&mut self, event: &Event, edge: &str, subject: SubjectId) {
        let class = event.code.value.strip_suffix(edge);
        let (Some(class), Some(id), Some(time)) = (class, event.encounter, event.time) else {
            return;
        };
        if &*event.code.system != "ENCOUNTER" || !beside::is_bare(event) || !is_lawful(class) {
            return;
        }
        if !moment::is_writable(time) {
            return;
        }
        let one = self.0.entry(id).or_insert_with(|| Encounter {
            id: format!("{subject}.{id}"),
            class: class.to_owned(),
            start: None,
            end: None,
            taken: [false; 2],
            resource: Resource::new("Encounter", String::new()),
            admitted: None,
            discharged: None,
        });
        if class != one.class {
            return;
        }
        let shown = moment::of_event(event, time, &mut Losses::new());
        if edge == "//START" {
            one.start.get_or_insert((time, shown));
            let end = event
                .end_time
                .filter(|end| *end >= time && moment::is_writable(*end));
            let end = end.map(|end| (end, moment::instant(end, event.utc_offset_minutes), false));
            if one.end.is_none() {
                one.end = end;
            }
            return;
        }
        // A period that ends before it starts is none in FHIR.
        let is_ordered =
            event.end_time.is_none() && one.start.as_ref().is_none_or(|(start, _)| *start <= time);
        if is_ordered && one.end.as_ref().is_none_or(|(_, _, told)| !told) {
            one.end = Some((time, shown, true));
        }
    }

    /// The reference to an encounter that is written.
    pub(super) fn reference(&self, id: EncounterId) -> Option<Value> {
        let one = self.0.get(&id)?;
        Some(json!({"reference": format!("Encounter/{}", one.id)}))
    }

    /// Takes an event that belongs here; false where it does not.
    pub(super) fn take(&mut self, event: &Event, export: &mut Export) -> bool {
        let one = event.encounter.and_then(|id| self.0.get_mut(&id));
        let (Some(one), Some(time)) = (one, event.time) else {
            return false;
        };
        let mut losses = Losses::new();
        let is_taken = beside::is_bare(event)
            && match &*event.code.system {
                "ENCOUNTER" => one.place(event, time, &mut losses),
                "ENCOUNTER_TYPE" => one.concept(event, ("type", true), export, &mut losses),
                "ENCOUNTER_SERVICE" => {
                    one.concept(event, ("serviceType", false), export, &mut losses)
                }
                "ENCOUNTER_PRIORITY" => {
                    one.concept(event, ("priority", false), export, &mut losses)
                }
                "ENCOUNTER_REASON" => one.reason(event, export, &mut losses),
                "LOCATION" => one.stay(event, time, export, &mut losses),
                "ADMIT_SOURCE" => one.admitted(event, &mut losses),
                "DISCHARGE_DISPOSITION" => one.discharged(event, &mut losses),
                _ => false,
            };
        if is_taken {
            beside::written(event, false, &mut losses);
            if event.recorded_time.is_some() && &*event.code.system != "ENCOUNTER_REASON" {
                losses.push("time of recording");
            }
            export.account.carried(&losses);
        }
        is_taken
    }

    /// Writes the resources.
    pub(super) fn finish(self, subject: &Value, export: &mut Export) -> Result<()> {
        for one in self.0.into_values() {
            let resource = one.finish(subject, &mut export.account);
            export.files.write(&resource)?;
        }
        Ok(())
    }
}

impl Encounter {
    fn at_start(&self, event: &Event) -> bool {
        let start = self.start.as_ref().map(|(start, _)| *start);
        start.is_some() && event.time == start && event.end_time.is_none()
    }

    /// A start, an end, or a class for a while.
    fn place(&mut self, event: &Event, time: Instant, losses: &mut Losses) -> bool {
        let value = &*event.code.value;
        if let Some(class) = value.strip_suffix("//CLASS") {
            let Some(period) = period(event, time, losses) else {
                return false;
            };
            if !is_lawful(class) {
                return false;
            }
            let class = self::class(class, losses);
            self.resource
                .add("classHistory", json!({"class": class, "period": period}));
            return true;
        }
        let of_class = |edge| value.strip_suffix(edge) == Some(&*self.class);
        let end = self.end.as_ref();
        if of_class("//START") {
            let is_first = self.start.as_ref().is_some_and(|(start, _)| *start == time)
                && !std::mem::replace(&mut self.taken[0], true);
            if is_first && event.end_time.is_some() && end.map(|end| end.0) != event.end_time {
                losses.push("the end that an encounter's start tells, which is not its end");
            }
            is_first
        } else if of_class("//END") {
            let is_end = end.is_some_and(|(end, _, told)| *told && *end == time);
            is_end && event.end_time.is_none() && !std::mem::replace(&mut self.taken[1], true)
        } else {
            false
        }
    }

    fn concept(
        &mut self,
        event: &Event,
        (element, is_list): (&str, bool),
        export: &Export,
        losses: &mut Losses,
    ) -> bool {
        if !self.at_start(event) || !is_list && self.resource.has(element) {
            return false;
        }
        let code = Code::from_meds(&event.code.value);
        let other = beside::other(event);
        let Some(concept) = export.terms.concept(&code, other, losses) else {
            return false;
        };
        if is_list {
            self.resource.add(element, concept);
        } else {
            self.resource.set(element, concept);
        }
        true
    }

    /// A reader takes a reason for recorded when the encounter ends.
    fn reason(&mut self, event: &Event, export: &Export, losses: &mut Losses) -> bool {
        if !self.concept(event, ("reasonCode", true), export, losses) {
            return false;
        }
        let start = self.start.as_ref().map(|(start, _)| *start);
        let end = self.end.as_ref().map(|(end, _, _)| *end);
        let expected = end.filter(|end| Some(*end) > start);
        if event.recorded_time != expected {
            losses.push("time of recording");
        }
        true
    }

    fn stay(
        &mut self,
        event: &Event,
        time: Instant,
        export: &mut Export,
        losses: &mut Losses,
    ) -> bool {
        let code = Code::from_meds(&event.code.value);
        if !is_exact(&code) {
            return false;
        }
        let Some(period) = period(event, time, losses) else {
            return false;
        };
        let reference = export.things.reference("Location", &code);
        self.resource
            .add("location", json!({"location": reference, "period": period}));
        true
    }

    fn admitted(&mut self, event: &Event, losses: &mut Losses) -> bool {
        if !self.at_start(event) || self.admitted.is_some() || event.code.value.is_empty() {
            return false;
        }
        let hl7 = ("admit-source", SOURCES);
        let coding = listed(&event.code.value, hl7, "ADMIT_SOURCE", losses);
        self.admitted = Some(json!({"coding": [coding]}));
        true
    }

    fn discharged(&mut self, event: &Event, losses: &mut Losses) -> bool {
        let end = self.end.as_ref().map(|(end, _, _)| *end);
        let at_end = end.is_some() && event.time == end && event.end_time.is_none();
        if !at_end || self.discharged.is_some() || event.code.value.is_empty() {
            return false;
        }
        let hl7 = ("discharge-disposition", DISPOSITIONS);
        let coding = listed(&event.code.value, hl7, "DISCHARGE_DISPOSITION", losses);
        self.discharged = Some(json!({"coding": [coding]}));
        true
    }

    fn finish(self, subject: &Value, account: &mut Account) -> Resource {
        let mut resource = self.resource.renamed(self.id);
        let mut period = json!({});
        if let Some((_, start)) = self.start {
            period["start"] = start.into();
        }
        let status = if self.end.is_some() {
            "finished"
        } else {
            account.filled("Encounter.status `unknown`: no end is recorded");
            "unknown"
        };
        if let Some((_, end, is_told)) = self.end {
            period["end"] = end.into();
            if !is_told {
                account.filled("the end of an encounter as an event: only its start tells it");
            }
        }
        let mut stay = json!({});
        if let Some(source) = self.admitted {
            stay["admitSource"] = source;
        }
        if let Some(disposition) = self.discharged {
            stay["dischargeDisposition"] = disposition;
        }
        if stay != json!({}) {
            resource.set("hospitalization", stay);
        }
        let class = class(&self.class, &mut Losses::new());
        resource
            .set("status", status)
            .set("class", class)
            .set("subject", subject.clone())
            .set("period", period);
        resource
    }
}

/// Whether FHIR can write a class as it is.
fn is_lawful(class: &str) -> bool {
    let words: Vec<_> = class.split_whitespace().collect();
    words.join(" ") == class && !class.contains(char::is_control)
}

fn class(class: &str, losses: &mut Losses) -> Value {
    if class == UNKNOWN || class.is_empty() {
        return absent("unknown");
    }
    listed(class, ("v3-ActCode", CLASSES), "ENCOUNTER", losses)
}

/// From when to when; `None` where FHIR cannot write the start.
fn period(event: &Event, time: Instant, losses: &mut Losses) -> Option<Value> {
    if !moment::is_writable(time) {
        return None;
    }
    let mut period = json!({"start": moment::of_event(event, time, losses)});
    if let Some(end) = beside::end(event, time, losses) {
        period["end"] = end.into();
    }
    Some(period)
}
