//! Events that are one resource each: what was found, done, given and asked for, and notes.

use super::concept::{hl7, quantity};
use super::encounter::Encounters;
use super::files::Resource;
use super::home::{self, Home, REQUESTED};
use super::report::Losses;
use super::{Export, beside, device, drug, moment, observation};
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longitude_core::{Code, Event, Instant, Precision, SubjectId, systems};
use serde_json::{Value, json};

/// Whose events are written, and how many resources they have so far.
pub(super) struct Place<'p> {
    pub(super) subject: SubjectId,
    /// The reference to the Patient.
    pub(super) reference: &'p Value,
    pub(super) encounters: &'p Encounters,
    pub(super) resources: u64,
}

/// An event on its way into a resource.
pub(super) struct Draft<'e> {
    pub(super) event: &'e Event,
    pub(super) time: Instant,
    /// The time in FHIR's words.
    pub(super) when: String,
    pub(super) resource: Resource,
    pub(super) losses: Losses,
    /// Losses of each event that stands inside this one's resource.
    pub(super) parts: Vec<Losses>,
}

/// Writes an event with those that stand inside its resource, or tells why it has no place.
pub(super) fn write(
    event: &Event,
    parts: &[&Event],
    place: &mut Place<'_>,
    export: &mut Export,
) -> Result<()> {
    let time = match event.time {
        Some(time) if moment::is_writable(time) => time,
        Some(_) => {
            export
                .account
                .not_carried("a time outside the years 1 to 9998");
            return Ok(());
        }
        None => {
            export.account.not_carried("a code without a value");
            return Ok(());
        }
    };
    let home = home::of(event);
    let own = draft(home, (event, time), parts, place, export);
    let is_own = own.is_some();
    let made = own.or_else(|| draft(Home::Observation, (event, time), &[], place, export));
    match made {
        Some(draft) => {
            export.account.carried(&draft.losses);
            for losses in &draft.parts {
                export.account.carried(losses);
            }
            place.resources += 1;
            export.files.write(&draft.resource)?;
        }
        None => export.account.not_carried("a code without a value"),
    }
    if is_own {
        return Ok(());
    }
    parts
        .iter()
        .try_for_each(|part| write(part, &[], place, export))
}

/// The resource of an event in a home; `None` where the home cannot hold it.
fn draft<'e>(
    home: Home,
    (event, time): (&'e Event, Instant),
    parts: &[&Event],
    place: &Place<'_>,
    export: &mut Export,
) -> Option<Draft<'e>> {
    let mut losses = Losses::new();
    let id = format!("{}-{}", place.subject, place.resources + 1);
    let mut draft = Draft {
        event,
        time,
        when: moment::of_event(event, time, &mut losses),
        resource: Resource::new(kind(home), id),
        losses,
        parts: Vec::new(),
    };
    beside::written(event, home == Home::Observation, &mut draft.losses);
    match home {
        Home::Allergy => allergy(&mut draft, parts, export)?,
        Home::Condition => condition(&mut draft, export)?,
        Home::DeviceUse => device::used(&mut draft, export)?,
        Home::Imaging => device::imaging(&mut draft, export)?,
        Home::Specimen => device::specimen(&mut draft, export)?,
        Home::Drug(act) => drug::fill(&mut draft, act, parts, export)?,
        Home::Immunization => immunization(&mut draft, parts, export)?,
        Home::Note => note(&mut draft, export)?,
        Home::Observation => observation::fill(&mut draft, export)?,
        Home::Procedure => procedure(&mut draft, export)?,
        Home::Report => report(&mut draft, parts, export)?,
        Home::Request => request(&mut draft, export)?,
    }
    let is_patients = matches!(home, Home::Allergy | Home::Immunization);
    let owner = if is_patients { "patient" } else { "subject" };
    draft.resource.set(owner, place.reference.clone());
    draft.encounter(home, place, export);
    Some(draft)
}

fn kind(home: Home) -> &'static str {
    match home {
        Home::Allergy => "AllergyIntolerance",
        Home::Condition => "Condition",
        Home::DeviceUse => "DeviceUseStatement",
        Home::Imaging => "ImagingStudy",
        Home::Specimen => "Specimen",
        Home::Drug(act) => drug::kind(act),
        Home::Immunization => "Immunization",
        Home::Note => "DocumentReference",
        Home::Observation => "Observation",
        Home::Procedure => "Procedure",
        Home::Report => "DiagnosticReport",
        Home::Request => "ServiceRequest",
    }
}

impl Draft<'_> {
    /// The encounter, by reference; one that the set does not tell is named by its identifier.
    fn encounter(&mut self, home: Home, place: &Place<'_>, export: &mut Export) {
        let Some(id) = self.event.encounter else {
            return;
        };
        let reference = place.encounters.reference(id).unwrap_or_else(|| {
            export
                .account
                .filled("an encounter's number: neither its start nor its end is told");
            json!({"type": "Encounter",
                "identifier": {"system": systems::ENCOUNTER_ID, "value": id.to_string()}})
        });
        if home == Home::Note {
            // The context may be there already, with the time.
            let mut context = self.resource.take("context").unwrap_or_else(|| json!({}));
            context["encounter"] = json!([reference]);
            self.resource.set("context", context);
            return;
        }
        let element = if let Home::Drug(act) = home {
            drug::encounter(act)
        } else {
            "encounter"
        };
        self.resource.set(element, reference);
    }

    /// Sets the code under a name.
    pub(super) fn code(&mut self, name: &str, code: &Code, export: &Export) -> Option<()> {
        let other = beside::other(self.event);
        let concept = export.terms.concept(code, other, &mut self.losses)?;
        self.resource.set(name, concept);
        Some(())
    }

    /// The end, where the resource has a place for one.
    pub(super) fn end(&mut self) -> Option<String> {
        beside::end(self.event, self.time, &mut self.losses)
    }

    pub(super) fn recorded(&mut self) -> Option<String> {
        beside::recorded(self.event, &mut self.losses)
    }

    /// Sets `<name>Period` where the event lasts, else `<name>DateTime`.
    pub(super) fn lasting(&mut self, name: &str) {
        let start = self.when.clone();
        match self.end() {
            Some(end) => {
                let period = json!({"start": start, "end": end});
                self.resource.set(&[name, "Period"].concat(), period);
            }
            None => drop(self.resource.set(&[name, "DateTime"].concat(), start)),
        }
    }

    /// Names the end as lost.
    pub(super) fn no_end(&mut self) {
        if self.event.end_time.is_some() {
            self.losses.push("end");
        }
    }

    /// Names the time of recording as lost.
    pub(super) fn not_recorded(&mut self) {
        if self.event.recorded_time.is_some() {
            self.losses.push("time of recording");
        }
    }

    /// The number as a quantity, or its unit alone; `None` where there is neither, or where FHIR
    /// has no such number.
    pub(super) fn amount(&mut self) -> Option<Value> {
        let (value, unit) = (self.event.numeric_value, self.event.unit.as_deref());
        let amount = quantity(value, (unit, beside::unit(self.event)), &mut self.losses);
        if amount.is_none() {
            self.losses.push("a number that is none (NaN or infinite)");
        }
        amount.filter(|amount| *amount != json!({}))
    }
}

fn condition(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    if !beside::is_bare(event) {
        return None;
    }
    draft.code("code", &event.code, export)?;
    // Without it a reader would take the diagnosis for recorded when its encounter ended.
    let recorded = draft.recorded().unwrap_or_else(|| draft.when.clone());
    draft
        .resource
        .set("onsetDateTime", draft.when.clone())
        .set("recordedDate", recorded);
    if let Some(end) = draft.end() {
        let status = json!({"coding": [{
            "system": hl7("condition-clinical"), "code": "resolved"}]});
        draft
            .resource
            .set("abatementDateTime", end)
            .set("clinicalStatus", status);
    }
    Some(())
}

fn procedure(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    if !beside::is_bare(event) {
        return None;
    }
    draft.code("code", &event.code, export)?;
    draft.resource.set("status", "completed");
    draft.lasting("performed");
    draft.not_recorded();
    Some(())
}

fn request(draft: &mut Draft<'_>, export: &mut Export) -> Option<()> {
    let event = draft.event;
    let asked = event.code.value.strip_suffix(REQUESTED)?;
    if !beside::is_bare(event) || asked.is_empty() {
        return None;
    }
    let code = Code::new(event.code.system.clone(), asked);
    draft.code("code", &code, export)?;
    draft
        .resource
        .set("status", "unknown")
        .set("intent", "order")
        .set("authoredOn", draft.when.clone());
    export.account.filled("ServiceRequest.status `unknown`");
    draft.no_end();
    draft.not_recorded();
    Some(())
}

fn immunization(draft: &mut Draft<'_>, parts: &[&Event], export: &Export) -> Option<()> {
    let event = draft.event;
    if event.text_value.is_some() || event.unit.is_some() && event.numeric_value.is_none() {
        return None;
    }
    draft.code("vaccineCode", &event.code, export)?;
    draft
        .resource
        .set("status", "completed")
        .set("occurrenceDateTime", draft.when.clone());
    if let Some(recorded) = draft.recorded() {
        draft.resource.set("recorded", recorded);
    }
    if event.numeric_value.is_some() {
        let dose = draft.amount()?;
        draft.resource.set("doseQuantity", dose);
    }
    draft.no_end();
    for part in parts {
        let mut losses = part_losses(part, event);
        let date = moment::of_event(part, part.time?, &mut losses);
        draft.resource.add("reaction", json!({"date": date}));
        draft.parts.push(losses);
    }
    Some(())
}

fn allergy(draft: &mut Draft<'_>, parts: &[&Event], export: &mut Export) -> Option<()> {
    let event = draft.event;
    if !beside::is_bare(event) {
        return None;
    }
    draft.code("code", &Code::from_meds(&event.code.value), export)?;
    let status = json!({"coding": [{
        "system": hl7("allergyintolerance-clinical"), "code": "active"}]});
    draft
        .resource
        .set("clinicalStatus", status)
        .set("onsetDateTime", draft.when.clone());
    if let Some(recorded) = draft.recorded() {
        draft.resource.set("recordedDate", recorded);
    }
    draft.no_end();
    for part in parts {
        let mut losses = part_losses(part, event);
        let code = Code::from_meds(&part.code.value);
        let concept = export
            .terms
            .concept(&code, beside::other(part), &mut losses)?;
        draft
            .resource
            .add("reaction", json!({"manifestation": [concept]}));
        draft.parts.push(losses);
    }
    export
        .account
        .filled("AllergyIntolerance.clinicalStatus `active`");
    Some(())
}

fn report(draft: &mut Draft<'_>, parts: &[&Event], export: &Export) -> Option<()> {
    let event = draft.event;
    if !beside::is_bare(event) {
        return None;
    }
    draft.code("code", &event.code, export)?;
    draft.resource.set("status", "final");
    draft.when_known("issued", "effectiveDateTime");
    draft.no_end();
    draft.not_recorded();
    for part in parts {
        let mut losses = part_losses(part, event);
        let code = Code::from_meds(&part.code.value);
        let concept = export
            .terms
            .concept(&code, beside::other(part), &mut losses)?;
        draft.resource.add("conclusionCode", concept);
        draft.parts.push(losses);
    }
    Some(())
}

impl Draft<'_> {
    /// Sets an `instant` where the time of day is known, else a `dateTime`.
    fn when_known(&mut self, instant: &str, otherwise: &str) {
        let is_whole = self.when.contains('T');
        let name = if is_whole { instant } else { otherwise };
        self.resource.set(name, self.when.clone());
    }
}

/// A text under its LOINC type, or under another code.
fn note(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    let text = event
        .text_value
        .as_deref()
        .filter(|text| !text.is_empty())?;
    if event.numeric_value.is_some() || event.unit.is_some() {
        return None;
    }
    let value = &*event.code.value;
    let code = if value.contains("//") || !is_loinc(value) {
        Code::from_meds(value)
    } else {
        Code::new("LOINC", value)
    };
    draft.code("type", &code, export)?;
    let attachment = json!({"contentType": "text/plain; charset=utf-8",
        "data": STANDARD.encode(text)});
    draft
        .resource
        .set("status", "current")
        .add("content", json!({"attachment": attachment}));
    if event.precision == Precision::Time {
        draft.resource.set("date", draft.when.clone());
    } else {
        let period = json!({"period": {"end": draft.when.clone()}});
        draft.resource.set("context", period);
    }
    draft.no_end();
    draft.not_recorded();
    Some(())
}

/// Digits, a hyphen and a check digit.
fn is_loinc(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('-')
        .is_some_and(|(number, check)| digits(number) && digits(check) && check.len() == 1)
}

/// What is lost of an event inside the resource of another.
pub(super) fn part_losses(part: &Event, whole: &Event) -> Losses {
    let mut losses = Losses::new();
    beside::written(part, false, &mut losses);
    if part.recorded_time != whole.recorded_time {
        losses.push("time of recording");
    }
    if part.end_time != whole.end_time {
        losses.push("end");
    }
    losses
}
