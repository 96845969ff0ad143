//! One message at a time into rows: what is known from its header and the segments before, how a
//! segment finds its mapping, and the questions that every mapping asks (whose, when, which code).

mod ask;
mod clinical;
mod document;
mod drug;
mod observation;
mod order;
mod person;
mod value;
mod visit;

use super::escape::{Characters, decode};
use super::message::{Message, Segment, Separators, is_header};
use super::types::{self, Kind, Topic, Treatment};
use crate::batch::Note;
use crate::clock::Clock;
use crate::cut::segments;
use crate::hash::hash64;
use crate::latest::{Latest, Ordinals, Statement};
use crate::options::EncounterEdge;
use crate::rows::Rows;
use crate::when::{When, parse_hl7};
use ask::{authority, content, text_of};
use longitude_core::IssueKind;
use std::borrow::Cow;
use std::sync::Arc;

/// What a statement says that takes an earlier one back.
const WITHDRAWN: u64 = 0;

/// What messages are mapped in the light of.
#[derive(Clone, Copy)]
pub(crate) struct World<'w> {
    /// The statements of the whole source; `None` while they are collected.
    pub(crate) latest: Option<&'w Latest>,
    /// The place of the file among the files.
    pub(crate) file: u32,
    /// Of times that say nothing of their offset, in messages that say nothing of it.
    pub(crate) clock: Option<&'w Clock>,
    /// Which end of a visit dates what has no time of its own.
    pub(crate) time_from_encounter: EncounterEdge,
}

/// Maps the messages of one piece of a file.
pub(crate) struct Mapper<'w> {
    pub(crate) rows: Rows,
    pub(crate) statements: Vec<Statement>,
    world: World<'w>,
    here: Here,
}

/// The message that is being mapped, as far as its segments were read.
#[derive(Default)]
struct Here {
    kind: String,
    trigger: String,
    topic: Option<Topic>,
    facility: String,
    /// MSH-7.
    sent: Option<When>,
    /// EVN-6, else EVN-2.
    occurred: Option<When>,
    clock: Option<Clock>,
    /// The start of the keys by which a message that comes again is told; 0 where it cannot be.
    again: u64,
    ordinals: Ordinals,
    visit: visit::Visit,
    order: order::Order,
    drug: drug::Context,
    document: document::Context,
    /// The first subject of a message about two (A24, A37).
    first: Option<longitude_core::SubjectId>,
    /// Segments before this place have been mapped with an earlier one.
    taken: usize,
}

impl<'w> Mapper<'w> {
    pub(crate) fn new(world: World<'w>, file: &Arc<str>) -> Self {
        Self {
            rows: Rows::new(file),
            statements: Vec::new(),
            world,
            here: Here::default(),
        }
    }

    /// Whole messages, the first segment of which is segment `first_row` of the file.
    pub(crate) fn messages(&mut self, bytes: &[u8], first_row: u64) {
        let mut message: Vec<(&[u8], u64)> = Vec::new();
        for (row, segment) in (first_row..).zip(segments(bytes)) {
            let name = segment.get(..3).unwrap_or_default();
            if name == b"MSH" {
                self.flush(&mut message);
                message.push((segment, row));
            } else if matches!(name, b"FHS" | b"BHS" | b"BTS" | b"FTS") {
                self.flush(&mut message);
                let name = std::str::from_utf8(name).unwrap_or_default();
                self.rows.open(row, types::segment(name).0.unwrap_or("BHS"));
                self.rows.close(Ok(()));
            } else if message.is_empty() {
                let note = Note::new(IssueKind::InvalidSegment, "", "outside of a message");
                self.rows.reject(row, UNKNOWN, note);
            } else {
                message.push((segment, row));
            }
        }
        self.flush(&mut message);
    }

    /// Maps a message whose segments are complete.
    fn flush(&mut self, segments: &mut Vec<(&[u8], u64)>) {
        let Some((header, _)) = segments.first() else {
            return;
        };
        let stated = stated_characters(header);
        let mut told = Characters::AsStated;
        let texts: Vec<(Cow<'_, str>, u64)> = segments
            .drain(..)
            .map(|(bytes, row)| {
                let (text, how) = decode(bytes, &stated);
                if told == Characters::AsStated {
                    told = how;
                }
                (text, row)
            })
            .collect();
        match Separators::of_header(&texts[0].0) {
            Some(separators) => self.message(&texts, separators, told),
            None => {
                for (_, row) in &texts {
                    let note = Note::at(IssueKind::InvalidSegment, "MSH-2");
                    self.rows.reject(*row, UNKNOWN, note);
                }
            }
        }
    }

    fn message(
        &mut self,
        texts: &[(Cow<'_, str>, u64)],
        separators: Separators,
        characters: Characters,
    ) {
        let mut message = Message::new(separators);
        let mut broken = Vec::new();
        for (text, row) in texts {
            if !message.push(text, *row) {
                broken.push(*row);
            }
        }
        self.begin(&message);
        let mut broken = broken.into_iter().peekable();
        for place in 0..message.len() {
            let Some(segment) = message.segment(place) else {
                continue;
            };
            while let Some(row) = broken.next_if(|row| *row < segment.row) {
                self.not_a_segment(row);
            }
            self.open(segment);
            if place == 0 {
                self.warn_of_characters(characters);
            }
            let result = self.segment(&message, place, segment);
            self.rows.close(result);
        }
        broken.for_each(|row| self.not_a_segment(row));
    }

    fn not_a_segment(&mut self, row: u64) {
        let note = Note::new(IssueKind::InvalidSegment, "", "no segment name");
        self.rows.reject(row, UNKNOWN, note);
    }

    fn warn_of_characters(&mut self, characters: Characters) {
        let detail = match characters {
            Characters::AsStated => return,
            Characters::Guessed => "MSH-18: not stated and not UTF-8, read as Windows-1252",
            Characters::Damaged => "MSH-18: bytes that the stated character set does not have",
            Characters::Unknown => "MSH-18: unknown, read as UTF-8 or Windows-1252",
        };
        let note = Note::new(IssueKind::InvalidEncoding, "MSH-18", detail);
        self.rows.warn(note);
    }

    /// What the header says of the whole message.
    fn begin(&mut self, message: &Message<'_>) {
        let mut here = Here {
            clock: self.world.clock.cloned(),
            ..Here::default()
        };
        if let Some(header) = message.segment(0) {
            here.kind = header.field(9).component(1).text().into_owned();
            here.trigger = header.field(9).component(2).text().into_owned();
            here.topic = types::message(&here.kind);
            let facility = authority(header.field(4));
            here.facility = if facility.is_empty() {
                authority(header.field(3))
            } else {
                facility
            };
            let sent = header.text(7);
            here.sent = parse_hl7(&sent, self.world.clock);
            let own = parse_hl7(&sent, None).and_then(|when| when.offset_minutes);
            here.clock = own.map(Clock::fixed).or(here.clock);
            let control = header.text(10);
            here.again = again(message, &control);
            let record: Arc<str> = [here.kind.as_str(), "/", &control].concat().into();
            self.rows.set_record(record);
        }
        self.rows.set_subject(None);
        self.rows.set_encounter(None);
        self.rows.set_recorded(here.sent.map(|when| when.instant));
        self.here = here;
    }

    fn open(&mut self, segment: Segment<'_, '_>) {
        let kind = match types::segment(segment.name()) {
            (Some(name), _) => Cow::Borrowed(name),
            (None, _) => Cow::Owned(segment.name().to_owned()),
        };
        self.rows
            .set_rule(&["hl7v2/", &*kind, types::version(&kind)].concat());
        self.rows.open(segment.row, kind);
        if self.here.again != 0 {
            let ordinal = self.here.ordinals.next(self.here.again);
            let key = hash64(&self.here.again.to_string(), &ordinal.to_string());
            self.rows.set_key(key.max(1));
        }
    }

    fn segment(
        &mut self,
        message: &Message<'_>,
        place: usize,
        segment: Segment<'_, '_>,
    ) -> Result<(), Note> {
        if place > 0 && is_header(segment.name()) {
            return Err(Note::new(IssueKind::InvalidSegment, "", "a second header"));
        }
        if self.here.topic.is_none() {
            return Err(self.not_supported());
        }
        if place < self.here.taken {
            return Ok(());
        }
        match types::segment(segment.name()).1 {
            Treatment::Mapped(kind) => self.mapped(kind, message, place, segment),
            Treatment::Context => {
                self.context(segment);
                Ok(())
            }
            Treatment::NotClinical => {
                person::payers(self, segment);
                let detail = segment.name().to_owned();
                Err(Note::new(IssueKind::NotClinical, "", detail))
            }
            Treatment::NotSupported => {
                let detail = ["segment ", segment.name()].concat();
                Err(Note::new(IssueKind::NotSupported, "", detail))
            }
        }
    }

    fn mapped(
        &mut self,
        kind: Kind,
        message: &Message<'_>,
        place: usize,
        segment: Segment<'_, '_>,
    ) -> Result<(), Note> {
        if kind == Kind::Patient {
            return person::patient(self, segment);
        }
        if kind == Kind::Appointment {
            return order::appointment(self, message, segment);
        }
        if self.rows.subject().is_none() {
            let element = [segment.name(), ": no patient"].concat();
            return Err(Note::new(IssueKind::MissingSubject, "PID-3", element));
        }
        match kind {
            Kind::Patient | Kind::Appointment => Ok(()),
            Kind::Merge => person::merge(self, segment),
            Kind::Kin => {
                person::kin(self, segment);
                Ok(())
            }
            Kind::Visit => visit::visit(self, segment),
            Kind::VisitMore => visit::more(self, segment),
            Kind::Diagnosis => clinical::diagnosis(self, segment),
            Kind::Allergy => clinical::allergy(self, segment),
            Kind::AdverseReaction => clinical::adverse_reaction(self, segment),
            Kind::Problem => clinical::problem(self, segment),
            Kind::Procedure => clinical::procedure(self, segment),
            Kind::Charge => clinical::charge(self, segment),
            Kind::Order => order::order(self, segment),
            Kind::CommonOrder => {
                order::common(self, segment);
                Ok(())
            }
            Kind::Specimen => order::specimen(self, segment),
            Kind::Comment => document::comment(self, message, place),
            Kind::Document => document::document(self, message, place),
            Kind::DrugRequested => drug::requested(self, message, segment),
            Kind::DrugEncoded => drug::encoded(self, message, segment),
            Kind::DrugDispensed => drug::dispensed(self, message, segment),
            Kind::DrugGiven => drug::given(self, message, segment),
            Kind::DrugComponent => drug::component(self, segment),
            Kind::Observed => observation::observed(self, message, place),
        }
    }

    /// A segment that others are read by.
    fn context(&mut self, segment: Segment<'_, '_>) {
        if segment.name() == "EVN" {
            let occurred = self.time(segment.field(6), "EVN-6");
            self.here.occurred = occurred.or_else(|| self.time(segment.field(2), "EVN-2"));
        }
    }

    fn not_supported(&self) -> Note {
        let (kind, trigger) = (&self.here.kind, &self.here.trigger);
        if kind.is_empty() {
            return Note::new(IssueKind::InvalidSegment, "MSH-9", "MSH-9: no message type");
        }
        let is_short =
            |text: &str| text.len() <= 3 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        let detail = if is_short(kind) && is_short(trigger) {
            format!("message {kind}^{trigger}")
        } else {
            "message of an unreadable type".to_owned()
        };
        Note::new(IssueKind::NotSupported, "MSH-9", detail)
    }
}

/// The row of a segment that cannot be told.
const UNKNOWN: &str = "unknown";

/// MSH-18 before anything is decoded: its first repetition, in ASCII.
fn stated_characters(header: &[u8]) -> String {
    let Some(separator) = header.get(3) else {
        return String::new();
    };
    let field = header.split(|byte| byte == separator).nth(17);
    let field = field.unwrap_or_default();
    let first = field.split(|byte| matches!(byte, b'~' | b'^')).next();
    String::from_utf8_lossy(first.unwrap_or_default())
        .trim()
        .to_owned()
}

/// The hash by which a message that comes again is told: its control id (MSH-10) and all it says,
/// but for the header, whose time may be that of the sending.
fn again(message: &Message<'_>, control: &str) -> u64 {
    if control.is_empty() {
        return 0;
    }
    let mut state = hash64("control", control);
    for segment in message.segments() {
        let raw = segment.raw();
        let raw = if segment.name() == "MSH" {
            raw.get(9..10).unwrap_or_default()
        } else {
            raw
        };
        for field in raw {
            state = hash64(&state.to_string(), field);
        }
    }
    state.max(1)
}
