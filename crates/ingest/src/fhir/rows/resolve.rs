//! Whose a row is, in which encounter it stands and when it happened: the questions whose answers
//! lie in other records or in one of several elements.

use super::Mapper;
use crate::batch::Note;
use crate::fhir::codes;
use crate::fhir::index::{Drug, Index};
use crate::fhir::json::{Reference, Text};
use crate::fhir::reference::{Target, urn_id};
use crate::fhir::time::{self, When};
use crate::fhir::types;
use crate::hash::hash64;
use crate::options::EncounterEdge;
use crate::when::remark;
use longitude_core::{Code, EncounterId, Instant, IssueKind, SubjectId, systems};
use std::borrow::Cow;

/// An encounter that our own export names by its number alone, for the set does not tell it.
fn own_encounter(reference: &Reference<'_>) -> Option<EncounterId> {
    let identifier = reference.identifier.as_ref()?;
    let is_own = identifier.system.as_ref()?.as_str() == systems::ENCOUNTER_ID;
    let id = identifier.value.as_ref().filter(|_| is_own)?;
    id.as_str().parse().ok().map(EncounterId)
}

impl Mapper<'_> {
    /// The element that names the subject, and more behind it.
    fn subject_path(&self, more: &str) -> String {
        [self.here.kind, ".", self.here.owner, more].concat()
    }

    /// Whose record this is. Without an answer the row cannot be mapped.
    pub(crate) fn subject(&mut self, reference: Option<&Reference<'_>>) -> Result<(), Note> {
        let Some(text) = reference.and_then(|reference| reference.reference.as_ref()) else {
            return Err(Note::at(IssueKind::MissingSubject, self.subject_path("")));
        };
        let text = text.as_str();
        if self.last_subject.0 != text || text.is_empty() {
            let (subject, is_known) = self.resolve_subject(text)?;
            self.last_subject = (text.to_owned(), subject, is_known);
        }
        self.here.subject = self.last_subject.1;
        if !self.last_subject.2 {
            self.warn(Note::at(IssueKind::MissingReference, self.subject_path("")));
        }
        Ok(())
    }

    /// Whom another Patient's reference means, where it means one.
    pub(crate) fn other_subject(&self, reference: &Reference<'_>) -> Option<SubjectId> {
        let text = reference.reference.as_ref()?;
        let found = self.resolve_subject(text.as_str()).ok();
        found.map(|(subject, _)| subject)
    }

    /// The subject of a reference, and whether the source holds the Patient.
    fn resolve_subject(&self, text: &str) -> Result<(SubjectId, bool), Note> {
        let (kind, id) = match Target::parse(text) {
            Target::Record { kind, id } => (kind, id),
            Target::Urn(urn) => self.local_target(urn).unwrap_or(("Patient", urn_id(urn))),
            Target::Contained(_) => {
                let detail = self.subject_path(": contained, so nobody that other records know");
                return Err(Note::new(
                    IssueKind::MissingSubject,
                    self.subject_path(""),
                    detail,
                ));
            }
            Target::Unresolvable => {
                return Err(Note::at(IssueKind::MissingReference, self.subject_path("")));
            }
        };
        if kind != "Patient" {
            let kind = types::find(kind).map_or("of another kind", |known| known.name);
            let detail = self.subject_path(&format!(": {kind}"));
            return Err(Note::new(
                IssueKind::NotSupported,
                self.subject_path(""),
                detail,
            ));
        }
        let key = hash64("Patient", id);
        let is_known = self.indexes().any(|index| index.has_patient(key));
        Ok((SubjectId::from_source("Patient", id), is_known))
    }

    /// Places the record in its encounter, where it names one.
    pub(crate) fn encounter(&mut self, reference: Option<&Reference<'_>>) {
        let Some(text) = reference.and_then(|reference| reference.reference.as_ref()) else {
            self.here.encounter = reference.and_then(own_encounter);
            return;
        };
        let (kind, id) = match Target::parse(text.as_str()) {
            Target::Record { kind, id } => (kind, id),
            Target::Urn(urn) => self.local_target(urn).unwrap_or(("Encounter", urn_id(urn))),
            Target::Contained(_) | Target::Unresolvable => ("", ""),
        };
        // An EpisodeOfCare is a lawful `context`, and no encounter.
        if kind == "EpisodeOfCare" {
            return;
        }
        let mut span = None;
        if kind == "Encounter" {
            let key = hash64("Encounter", id);
            // Records of one encounter stand together: its SHA-256 is taken once.
            if self.last_encounter.0 != key {
                self.last_encounter = (key, EncounterId::from_source("Encounter", id));
            }
            self.here.encounter = Some(self.last_encounter.1);
            span = self.indexes().find_map(|index| index.encounter(key));
        }
        match span {
            Some(span) => self.here.span = span,
            None => self.warn(Note::at(
                IssueKind::MissingReference,
                self.path("encounter"),
            )),
        }
    }

    /// The organism that an Observation names or belongs to.
    pub(crate) fn organism(&self, key: u64) -> Option<Code> {
        self.indexes()
            .find_map(|index| index.organism(key))
            .cloned()
    }

    /// The code of a place. Its display is left aside: it may name an institution.
    pub(crate) fn located(&mut self, reference: &Reference<'_>) -> Option<Code> {
        let bare = Reference {
            reference: reference.reference.clone(),
            display: None,
            identifier: None,
        };
        self.thing(&bare, "Encounter.location.location")
    }

    /// The code of a Device, Medication or Location that a reference leads to, else its display.
    pub(crate) fn thing(
        &mut self,
        reference: &Reference<'_>,
        element: &'static str,
    ) -> Option<Code> {
        let text = reference.reference.as_ref().map(Text::as_str);
        let target = text.map_or(Target::Unresolvable, Target::parse);
        let key = match target {
            Target::Record { kind, id } => Some(hash64(kind, id)),
            Target::Urn(urn) => self.local_target(urn).map(|(kind, id)| hash64(kind, id)),
            Target::Contained(_) | Target::Unresolvable => None,
        };
        let drug = key.and_then(|key| self.indexes().find_map(|index| index.medication(key)));
        match drug {
            Some(Drug::Code(code)) => return Some(code.clone()),
            Some(Drug::Mix(_) | Drug::Uncoded) => return None,
            None => {}
        }
        if text.is_some() {
            self.warn(Note::at(IssueKind::MissingReference, element));
        }
        let display = codes::text_code(reference.display.as_ref()?.as_str());
        let display = display.filter(|display| !display.is_empty())?;
        Some(self.code(codes::TEXT, &display))
    }

    /// What a URN points to inside the bundle.
    pub(crate) fn local_target(&self, urn: &str) -> Option<(&'static str, &str)> {
        self.world.local?.target(urn)
    }

    /// The indexes, nearest first.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &Index> {
        self.world.local.into_iter().chain([self.world.index])
    }

    /// The first of several elements that holds a time; else the time of the encounter.
    pub(crate) fn place(
        &mut self,
        candidates: &[(&'static str, Option<&Text<'_>>)],
    ) -> Result<When, Note> {
        let mut invalid = None;
        for (element, text) in candidates {
            if let Some(text) = text {
                if let Some(when) = time::parse(text.as_str()) {
                    if let Some(element) = invalid {
                        self.warn(Note::at(IssueKind::InvalidTime, element));
                    }
                    if let Some(note) = remark(Some(when), *element) {
                        self.warn(note);
                    }
                    return Ok(when);
                }
                invalid.get_or_insert(*element);
            }
        }
        let (first, second) = match self.world.options.time_from_encounter {
            EncounterEdge::Start => (self.here.span.start, self.here.span.end),
            EncounterEdge::End => (self.here.span.end, self.here.span.start),
        };
        let kind = match invalid {
            Some(_) => IssueKind::InvalidTime,
            None => IssueKind::MissingTime,
        };
        let element = invalid.map_or_else(|| self.path("time").into(), Cow::Borrowed);
        let Some(when) = first.when().or_else(|| second.when()) else {
            return Err(Note::at(kind, element));
        };
        self.here.dated_by = Some(self.path("encounter").into());
        let detail = self.path("encounter: dated by its encounter");
        self.warn(Note::new(kind, element, detail));
        Ok(when)
    }

    /// A time that must be there and right, or nothing; a wrong one is warned of.
    pub(crate) fn time(&mut self, element: &'static str, text: Option<&Text<'_>>) -> Option<When> {
        let when = time::parse(text?.as_str());
        if let Some(note) = remark(when, element) {
            self.warn(note);
        }
        when
    }

    /// The end of something that lasts, unless it lies before the start.
    pub(crate) fn end(
        &mut self,
        start: When,
        element: &'static str,
        text: Option<&Text<'_>>,
    ) -> Option<Instant> {
        let end = self.time(element, text)?;
        if end.instant >= start.instant {
            return Some(end.instant);
        }
        // An end known to the day says nothing about the order within that day.
        if end.instant.civil_date() != start.instant.civil_date() {
            let detail = [element, ": before the start"].concat();
            self.warn(Note::new(IssueKind::InvalidTime, element, detail));
        }
        None
    }
}
