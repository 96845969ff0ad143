//! One document into rows: the header, each section's narrative, and each clinical statement. How
//! a statement finds its mapping, and what it takes from what it stands in.

use super::header::{encounter_id, identifier};
use super::kinds::{self, Kind};
use super::narrative::plain;
use super::tree::{Element, Tree};
use crate::batch::Note;
use crate::clock::Clock;
use crate::hash::hash64;
use crate::options::EncounterEdge;
use crate::rows::Rows;
use crate::when::{When, parse_hl7};
use base64::Engine as _;
use longitude_core::{Code, IssueKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of the document beside others.
pub(crate) struct Standings {
    /// The document says last what is known of the patient.
    pub(crate) patient: bool,
    /// A later version of the document is there.
    pub(crate) superseded: bool,
    /// Of times that say nothing of their offset, in documents that say nothing of it.
    pub(crate) clock: Option<Clock>,
    pub(crate) time_from_encounter: EncounterEdge,
}

/// Maps one document.
pub(crate) struct Mapper<'n, 't> {
    pub(crate) rows: Rows,
    standings: Standings,
    /// The document's own, else that of the options.
    clock: Option<Clock>,
    /// The document's own time.
    written: Option<When>,
    /// The start and the end of the encounter that the document is about.
    encounter: [Option<When>; 2],
    document: String,
    ordinal: u64,
    ids: &'n BTreeMap<&'t str, Element<'t, 't>>,
}

/// What a statement takes from what it stands in.
#[derive(Clone, Default)]
pub(super) struct Context {
    /// The LOINC code of the section.
    pub(super) section: String,
    /// The time of the organizer or of the concern.
    pub(super) when: Option<When>,
    /// The relation of the relative whose history it is.
    pub(super) relation: Option<Code>,
    pub(super) path: String,
}

/// The parts of the narrative that statements point to.
pub(crate) fn narrative_ids<'t>(tree: &'t Tree<'t>) -> BTreeMap<&'t str, Element<'t, 't>> {
    let with_id = |one: Element<'t, 't>| Some((one.attribute("ID")?, one));
    tree.elements().filter_map(with_id).collect()
}

impl<'n, 't> Mapper<'n, 't> {
    pub(crate) fn new(
        file: &Arc<str>,
        standings: Standings,
        ids: &'n BTreeMap<&'t str, Element<'t, 't>>,
    ) -> Self {
        Self {
            rows: Rows::new(file),
            clock: standings.clock.clone(),
            standings,
            written: None,
            encounter: [None; 2],
            document: String::new(),
            ordinal: 0,
            ids,
        }
    }

    pub(super) fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }

    pub(super) fn narrative(&self, id: &str) -> Option<Element<'t, 't>> {
        self.ids.get(id).copied()
    }

    /// The whole document.
    pub(crate) fn document(&mut self, document: Element<'t, 't>) {
        self.document = document
            .child("id")
            .and_then(identifier)
            .unwrap_or_default();
        self.rows.set_subject(super::header::subject(document));
        self.open(document, "recordTarget");
        let written = document.child("effectiveTime");
        self.written = self.time(written);
        let own = written.and_then(|time| parse_hl7(time.attribute("value")?, None));
        if let Some(minutes) = own.and_then(|when| when.offset_minutes) {
            self.clock = Some(Clock::fixed(minutes));
        }
        let result = self.patient(document, self.standings.patient);
        self.close(result);
        let about = document.at(&["componentOf", "encompassingEncounter"]);
        if let Some(about) = about {
            self.rows.set_encounter(encounter_id(about));
            self.statement_row(about, Kind::Encounter, &Context::default());
            let span = self.encounter_span(about);
            self.encounter = [span.low.or(span.at), span.high];
        }
        if let Some(body) = document.at(&["component", "nonXMLBody", "text"]) {
            self.open(body, "nonXMLBody");
            let result = self.attached(document, body);
            self.close(result);
        }
        if let Some(body) = document.at(&["component", "structuredBody"]) {
            self.sections(body, "structuredBody");
        }
    }

    fn sections(&mut self, parent: Element<'t, 't>, path: &str) {
        let components = parent.all("component");
        let sections = components.filter_map(|component| component.child("section"));
        for (place, section) in (1..).zip(sections) {
            let path = format!("{path}/section[{place}]");
            self.section(section, &path);
        }
    }

    fn section(&mut self, section: Element<'t, 't>, path: &str) {
        self.open(section, "section");
        let code = section
            .child("code")
            .and_then(|code| code.attribute("code"));
        let code = code.unwrap_or_default().to_owned();
        let result = self.told(section, path);
        self.close(result);
        let context = Context {
            section: code,
            path: path.to_owned(),
            ..Context::default()
        };
        for (place, entry) in (1..).zip(section.all("entry")) {
            let path = format!("{path}/entry[{place}]");
            self.statements(
                entry,
                &Context {
                    path,
                    ..context.clone()
                },
            );
        }
        self.sections(section, path);
    }

    /// The narrative of a section as a note at the time of the document.
    fn told(&mut self, section: Element<'t, 't>, path: &str) -> Result<(), Note> {
        self.subject()?;
        let text = section.child("text").map(plain).unwrap_or_default();
        if text.is_empty() {
            return Err(Note::new(
                IssueKind::NotClinical,
                "text",
                "section: no narrative",
            ));
        }
        let code = self.coded(section.child("code"), "section/code");
        let code = code.unwrap_or_else(|_| Code::new("LOCAL", "section"));
        let Some(when) = self.written else {
            return Err(Note::at(
                IssueKind::MissingTime,
                "ClinicalDocument/effectiveTime",
            ));
        };
        let code = self.rows.note_code(&code);
        let path = format!("{path}/text");
        self.rows.event(code, Some(when), &path).text_value = Some(text.into());
        Ok(())
    }

    /// A document whose body is a file: a text is a note.
    fn attached(&mut self, document: Element<'t, 't>, body: Element<'t, 't>) -> Result<(), Note> {
        self.subject()?;
        let kind = body.attribute("mediaType").unwrap_or("text/plain");
        if !kind.starts_with("text/") {
            return Err(Note::new(
                IssueKind::NotSupported,
                "nonXMLBody",
                "nonXMLBody: not a text",
            ));
        }
        let mut text = plain(body);
        if body.attribute("representation") == Some("B64") {
            let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(&packed);
            let bytes = bytes.map_err(|_error| {
                Note::new(
                    IssueKind::InvalidField,
                    "nonXMLBody",
                    "nonXMLBody: not base64",
                )
            })?;
            text = String::from_utf8(bytes)
                .map_err(|_error| Note::at(IssueKind::InvalidEncoding, "nonXMLBody"))?;
        }
        let code = self.coded(document.child("code"), "ClinicalDocument/code")?;
        let Some(when) = self.written else {
            return Err(Note::at(
                IssueKind::MissingTime,
                "ClinicalDocument/effectiveTime",
            ));
        };
        let code = self.rows.note_code(&code);
        self.rows
            .event(code, Some(when), "nonXMLBody/text")
            .text_value = Some(text.into());
        Ok(())
    }

    /// The statements that stand directly in an element (an entry, a relationship, a component).
    fn statements(&mut self, parent: Element<'t, 't>, context: &Context) {
        for statement in parent
            .children()
            .filter(|one| kinds::is_statement(one.name()))
        {
            let path = format!("{}/{}", context.path, statement.name());
            let context = Context {
                path,
                ..context.clone()
            };
            self.statement(statement, &context);
        }
    }

    /// A statement: those that only hold others are passed through, the others are rows.
    fn statement(&mut self, statement: Element<'t, 't>, context: &Context) {
        let inner = if statement.name() == "organizer" {
            "component"
        } else {
            "entryRelationship"
        };
        let holds =
            |one: &Element<'_, '_>| one.children().any(|one| kinds::is_statement(one.name()));
        let held: Vec<_> = statement.all(inner).filter(holds).collect();
        if kinds::is_container(statement) && !held.is_empty() {
            let mut within = context.clone();
            let span = self.silent_span(statement);
            within.when = span.or(context.when);
            let relative = statement.at(&["subject", "relatedSubject", "code"]);
            if let Some(Ok(relation)) = relative.map(|one| self.coded(Some(one), "code")) {
                within.relation = Some(relation);
            }
            for (place, one) in (1..).zip(held) {
                within.path = format!("{}/{inner}[{place}]", context.path);
                self.statements(one, &within);
            }
            return;
        }
        let kind = kinds::of(statement, &context.section);
        self.statement_row(statement, kind, context);
        let before = self.rows.encounter();
        if kind == Kind::Encounter {
            self.rows.set_encounter(encounter_id(statement));
        }
        // What stands in these is a statement of its own: dispenses, diagnoses of an encounter.
        for (place, one) in (1..).zip(held) {
            if kinds::has_rows_within(kind, one) {
                let path = format!("{}/{inner}[{place}]", context.path);
                self.statements(
                    one,
                    &Context {
                        path,
                        ..context.clone()
                    },
                );
            }
        }
        self.rows.set_encounter(before);
    }

    fn statement_row(&mut self, statement: Element<'t, 't>, kind: Kind, context: &Context) {
        self.open(statement, kinds::name(kind, statement));
        let before = self.rows.encounter();
        let id = statement.all("id").find_map(identifier);
        if let Some(id) = &id {
            // An encounter is one wherever it is told; another statement may be told anew.
            let said = if kind == Kind::Encounter {
                ""
            } else {
                statement.written()
            };
            self.rows.set_key(hash64(id, said).max(1));
            self.rows.set_record(id.as_str());
        }
        let author = statement
            .child("author")
            .and_then(|author| author.child("time"));
        let author = self.time(author);
        // Not the document's time: it says when a copy was made, not when the thing was known.
        self.rows.set_recorded(author.map(|when| when.instant));
        let result = self.map(kind, statement, context);
        self.rows.set_encounter(before);
        self.close(result);
    }

    /// The time of a container, without warnings: it is used only where the statement has none.
    fn silent_span(&self, statement: Element<'t, 't>) -> Option<When> {
        let time = statement.child("effectiveTime")?;
        let low = || time.child("low")?.attribute("value");
        let text = time.attribute("value").or_else(low)?;
        parse_hl7(text, self.clock())
    }

    fn open(&mut self, element: Element<'t, 't>, kind: &'static str) {
        self.rows
            .set_rule(&["ccda/", kind, kinds::version(kind)].concat());
        self.rows.open(element.line(), kind);
        self.rows.set_record(self.document.as_str());
        self.rows.set_recorded(None);
        if !self.document.is_empty() {
            // Some systems give one id to several documents: what stands in them tells them apart.
            let place = format!("{} {}", self.document, self.ordinal);
            self.rows.set_key(hash64(&place, element.written()).max(1));
        }
        self.ordinal += 1;
    }

    /// Ends a row; in a document that a later version replaces, every row says so.
    fn close(&mut self, result: Result<(), Note>) {
        let result = if self.standings.superseded {
            let detail = "a later version of the document";
            Err(Note::new(IssueKind::Filtered, "setId", detail))
        } else {
            result
        };
        self.rows.close(result);
    }

    pub(super) fn subject(&self) -> Result<(), Note> {
        match self.rows.subject() {
            Some(_) => Ok(()),
            None => Err(Note::at(IssueKind::MissingSubject, "patientRole/id")),
        }
    }

    /// The time of a statement, else that of what it stands in, of its author, of the encounter or
    /// of the document.
    pub(super) fn dated(
        &mut self,
        own: Option<When>,
        statement: Element<'t, 't>,
        context: &Context,
    ) -> Result<When, Note> {
        if let Some(when) = own.or(context.when) {
            return Ok(when);
        }
        let author = statement
            .child("author")
            .and_then(|author| author.child("time"));
        let author = self.time(author);
        let [start, end] = self.encounter;
        let encounter = match self.standings.time_from_encounter {
            EncounterEdge::Start => start.or(end),
            EncounterEdge::End => end.or(start),
        };
        let told = [
            (author, "effectiveTime: dated by its author"),
            (encounter, "effectiveTime: dated by the encounter"),
            (self.written, "effectiveTime: dated by the document"),
        ];
        for (when, detail) in told {
            if let Some(when) = when {
                self.rows
                    .warn(Note::new(IssueKind::MissingTime, "effectiveTime", detail));
                return Ok(when);
            }
        }
        Err(Note::at(IssueKind::MissingTime, "effectiveTime"))
    }

    /// When a plan was made: by its author, else by the document; never the time planned for.
    pub(super) fn planned(&mut self, statement: Element<'t, 't>) -> Result<When, Note> {
        let author = statement
            .child("author")
            .and_then(|author| author.child("time"));
        let author = self.time(author);
        let made = author.or(self.written);
        made.ok_or_else(|| Note::at(IssueKind::MissingTime, "author/time"))
    }
}
