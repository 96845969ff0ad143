//! The de-identification of a timeline, field by field, as [`crate::policy`] states it.
//!
//! No event is dropped. Their order is kept, except where Safe Harbor's years make ties and core's
//! law of a timeline puts birth first and death last in them.

use crate::dates::Times;
use crate::key::{Key, Subkey};
use crate::known::{Known, Strings};
use crate::moved::DatePlan;
use crate::policy::{Changes, Identifier, Mode, Options, TextPolicy, is_age, is_coded_result};
use crate::sealed::Deidentified;
use crate::text::Scrubber;
use longitude_core::{
    AsWritten, Code, EncounterId, Event, Instant, Observation, Origin, SubjectId, Timeline,
};
use std::fmt;
use std::sync::Arc;

/// The age that stands for 90 and more.
const AGE_AGGREGATE: f64 = 90.0;
/// Hexadecimal digits of an origin's pseudonym: 128 bits.
const ORIGIN_DIGITS: usize = 32;

/// De-identifies timelines with one key and one set of options.
pub struct Deidentifier {
    options: Options,
    subjects: Subkey,
    encounters: Subkey,
    origins: Subkey,
    shifts: Subkey,
    scrubber: Scrubber,
    shared: Strings,
}

impl Deidentifier {
    /// A de-identifier; make it once, for it compiles the scrubber's patterns.
    pub fn new(key: &Key, options: &Options) -> Self {
        Self {
            options: *options,
            subjects: key.subkey("subject"),
            encounters: key.subkey("encounter"),
            origins: key.subkey("origin"),
            shifts: key.subkey("shift"),
            scrubber: Scrubber::new(),
            shared: Strings::none(),
        }
    }

    /// With strings that identify wherever they stand, in any subject's notes: the names and
    /// numbers of clinicians. They are replaced whole, whatever their case; single words among them
    /// are passed over. They replace those of an earlier call.
    #[must_use]
    pub fn with_known(mut self, identifiers: &[String]) -> Self {
        self.shared = Strings::of_all(identifiers);
        self
    }

    /// De-identifies a timeline.
    pub fn timeline(&self, timeline: Timeline) -> (Deidentified<Timeline>, Changes) {
        self.timeline_with(timeline, &[])
    }

    /// De-identifies a timeline of whose subject some identifying strings are known (names and
    /// record numbers of the patient's record): they are replaced wherever they stand, whatever
    /// their case, whole and, if they are words, word by word. Everyday words and words of longer
    /// names stay where they stand in lower case.
    pub fn timeline_with(
        &self,
        timeline: Timeline,
        identifiers: &[String],
    ) -> (Deidentified<Timeline>, Changes) {
        let (subject, events, observation) = timeline.into_parts();
        let times = self.times(subject, &events, observation);
        let known = Known {
            own: Strings::of_subject(identifiers),
            shared: &self.shared,
        };
        let mut changes = Changes::default();
        changes.add(Identifier::Other);
        let events = events.into_iter();
        let events = events.map(|event| self.event(event, times, &known, &mut changes));
        let events: Vec<_> = events.collect();
        let observation = Observation {
            start: observation.start.map(|time| times.of(time)),
            end: observation.end.map(|time| times.of(time)),
            source: observation.source,
        };
        let timeline = Timeline::new(self.subject(subject), events, observation);
        (Deidentified::seal(timeline), changes)
    }

    /// The pseudonym of a subject.
    pub fn subject(&self, subject: SubjectId) -> SubjectId {
        SubjectId(self.subjects.pseudonym(subject.0))
    }

    /// A time of a subject, named by the source's identifier, as a timeline would tell it. The
    /// rules for ages over 89 need the whole timeline and are not applied here.
    pub fn instant(&self, subject: SubjectId, time: Instant) -> Instant {
        self.times(subject, &[], Observation::UNKNOWN).of(time)
    }

    /// The pseudonym of an origin: `record` stands for file, record, element and row together; the
    /// element path is kept. The origin of a derived event names no record and stays.
    pub fn origin(&self, origin: &Origin) -> Origin {
        let derived = origin.file.is_empty() && origin.record.is_empty() && origin.row == 0;
        let record = if derived {
            Arc::clone(&origin.record)
        } else {
            let tag = self.origins.tag(&[
                origin.file.as_bytes(),
                &[0],
                origin.record.as_bytes(),
                &[0],
                origin.element.as_bytes(),
                &[0],
                &origin.row.to_le_bytes(),
            ]);
            tag.hex()[..ORIGIN_DIGITS].into()
        };
        Origin {
            file: "".into(),
            record,
            element: Arc::clone(&origin.element),
            row: 0,
            rule: Arc::clone(&origin.rule),
        }
    }

    fn times(&self, subject: SubjectId, events: &[Event], observation: Observation) -> Times {
        match self.options.mode {
            Mode::SafeHarbor => Times::year(events, observation),
            Mode::ExpertDetermination => {
                let number = self.shifts.pseudonym(subject.0);
                Times::shift(number, self.options.shift_days_max, events, observation)
            }
        }
    }

    fn event(
        &self,
        mut event: Event,
        times: Times,
        known: &Known<'_>,
        changes: &mut Changes,
    ) -> Event {
        self.text(&mut event, times, known, changes);
        event.origin = self.origin(&event.origin);
        self.terms(&mut event, known, changes);
        event.numeric_value = capped_age(&event, changes);
        if let Some(time) = event.time {
            let told = if event.code.is_birth() {
                times.of_birth(time)
            } else {
                times.of(time)
            };
            event.time = Some(told);
            event.precision = times.precision(event.precision);
            changes.add(Identifier::Date);
        }
        event.end_time = event.end_time.map(|time| times.of(time));
        event.recorded_time = event.recorded_time.map(|time| times.of(time));
        if let Some(written) = &mut event.as_written {
            self.written(written, known, changes);
            if event.numeric_value.is_none() || is_age(&event.code.system, &event.code.value) {
                written.numeric_value = None;
            }
        }
        event.utc_offset_minutes = None;
        let pseudonym = |EncounterId(id)| EncounterId(self.encounters.pseudonym(id));
        event.encounter = event.encounter.map(pseudonym);
        event
    }

    /// Notes by the options, any other text only when it is a coded result.
    fn text(&self, event: &mut Event, times: Times, known: &Known<'_>, changes: &mut Changes) {
        let Some(text) = event.text_value.take() else {
            return;
        };
        let note = &*event.code.system == "NOTE";
        if note && self.options.notes == TextPolicy::Scrub {
            let plan = DatePlan::of(times, event.time);
            let (scrubbed, found) = self.scrubber.scrub(&text, plan, known);
            changes.add_all(found);
            event.text_value = Some(scrubbed.into());
        } else if !note && is_coded_result(&text) && !known.is_in(&text) {
            event.text_value = Some(text);
        } else {
            changes.add(Identifier::Text);
        }
    }

    /// The source's own terms are cleaned like the event's.
    fn written(&self, written: &mut AsWritten, known: &Known<'_>, changes: &mut Changes) {
        let mut clean = |term: &mut Arc<str>| {
            if let Some((cleaned, found)) = self.scrubber.scrub_term(term, known) {
                changes.add_all(found);
                *term = cleaned.into();
            }
        };
        if let Some(Code { system, value }) = &mut written.code {
            clean(system);
            clean(value);
        }
        written.unit.iter_mut().for_each(&mut clean);
        written.flag.iter_mut().for_each(&mut clean);
        if written.extension.take().is_some() {
            changes.add(Identifier::Text);
        }
    }

    /// Code, unit and element are terms of a vocabulary, but a source may have written into them.
    fn terms(&self, event: &mut Event, known: &Known<'_>, changes: &mut Changes) {
        let mut clean = |term: &mut Arc<str>| {
            if let Some((cleaned, found)) = self.scrubber.scrub_term(term, known) {
                changes.add_all(found);
                *term = cleaned.into();
            }
        };
        let Code { system, value } = &mut event.code;
        clean(system);
        clean(value);
        event.unit.iter_mut().for_each(&mut clean);
        clean(&mut event.origin.element);
    }
}

/// The value of an event; an age over 89 becomes 90, which stands for 90 and more.
fn capped_age(event: &Event, changes: &mut Changes) -> Option<f64> {
    let value = event.numeric_value?;
    let years = event
        .unit
        .as_deref()
        .is_none_or(|unit| unit.starts_with(['a', 'y', 'Y']));
    if years && value >= AGE_AGGREGATE && is_age(&event.code.system, &event.code.value) {
        changes.add(Identifier::Age);
        return Some(AGE_AGGREGATE);
    }
    Some(value)
}

/// Redacted: it holds keys.
impl fmt::Debug for Deidentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deidentifier({:?})", self.options.mode)
    }
}
