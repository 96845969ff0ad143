//! The de-identification of a timeline, field by field, as [`crate::policy`] states it.
//!
//! No event is dropped but by a rule of the policy, which counts it. Their order is kept, except
//! where Safe Harbor's years make ties and core's law of a timeline puts birth first and death last
//! in them.

use crate::dates::Times;
use crate::identifying;
use crate::key::{Key, Pseudonyms, Subkey};
use crate::known::{Known, Strings};
use crate::moved::DatePlan;
use crate::policy::{Changes, Identifier, Mode, Options, TextPolicy, is_age, is_coded_result};
use crate::rare::RarePlan;
use crate::rules::{Rules, TextAction};
use crate::sealed::Deidentified;
use crate::surrogates::Surrogates;
use crate::text::Scrubber;
use longitude_core::{
    AsWritten, Code, EncounterId, Event, Instant, Observation, Origin, SubjectId, Timeline,
};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Shorter numbers are measurements more often than record numbers.
const KNOWN_NUMBER_MIN: f64 = 1e6;
/// The years in which a number of eight digits can be a date.
const DATE_YEARS: std::ops::RangeInclusive<i16> = 1850..=2150;
/// Hexadecimal digits of an origin's pseudonym: 128 bits.
const ORIGIN_DIGITS: usize = 32;

/// De-identifies timelines with one key and one set of options.
pub struct Deidentifier {
    options: Options,
    subjects: Pseudonyms,
    encounters: Subkey,
    origins: Subkey,
    shifts: Subkey,
    surrogates: Subkey,
    scrubber: Scrubber,
    shared: Strings,
    rules: Rules,
    rare: RarePlan,
}

/// What is known of the subject at work.
struct Subject<'a> {
    /// The subject as the source numbers it: the same surrogates as in notes outside the timeline.
    name: String,
    times: Times,
    known: Known<'a>,
}

impl Deidentifier {
    /// A de-identifier; make it once, for it compiles the scrubber's patterns.
    pub fn new(key: &Key, options: &Options) -> Self {
        Self {
            options: *options,
            subjects: Pseudonyms::new(key),
            encounters: key.subkey("encounter"),
            origins: key.subkey("origin"),
            shifts: key.subkey("shift"),
            surrogates: key.subkey("surrogate"),
            scrubber: Scrubber::new(),
            shared: Strings::none(),
            rules: Rules::standard(),
            rare: RarePlan::default(),
        }
    }

    /// With the rules of a policy in the place of the standard ones.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// With a plan for the codes that few subjects have. The codes that it was made from are those
    /// of [`Deidentifier::codes`] of the same data set.
    #[must_use]
    pub fn with_rare(mut self, plan: RarePlan) -> Self {
        self.rare = plan;
        self
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
        let known = self.known(identifiers);
        let name = subject.0.to_string();
        let about = Subject { name, times, known };
        let mut changes = Changes::default();
        changes.add(Identifier::Other);
        let events = events.into_iter();
        let events = events.filter_map(|event| self.event(event, &about, &mut changes));
        let events: Vec<_> = events.collect();
        let observation = Observation {
            start: observation.start.map(|time| times.of(time)),
            end: observation.end.map(|time| times.of(time)),
            source: observation.source,
        };
        let timeline = Timeline::new(self.subject(subject), events, observation);
        (Deidentified::seal(timeline), changes)
    }

    /// The codes that a timeline will have, rare ones not yet treated; each code once.
    pub fn codes(&self, timeline: &Timeline, identifiers: &[String]) -> BTreeSet<Code> {
        let known = self.known(identifiers);
        let mut changes = Changes::default();
        let mut codes = BTreeSet::new();
        for event in timeline.events() {
            let origin = Origin::derived("");
            let mut bare = Event::new(event.code.clone(), None, origin);
            bare.as_written.clone_from(&event.as_written);
            if self.rules.apply(&mut bare, &mut changes).is_some() {
                self.terms(&mut bare, &known, &mut changes);
                codes.insert(bare.code);
                if let Some(mut written) = bare.as_written {
                    self.written(&mut written, &known, &mut changes);
                    codes.extend(written.code);
                }
            }
        }
        codes
    }

    fn known(&self, identifiers: &[String]) -> Known<'_> {
        Known {
            own: Strings::of_subject(identifiers),
            shared: &self.shared,
        }
    }

    /// The pseudonym of a subject.
    pub fn subject(&self, subject: SubjectId) -> SubjectId {
        self.subjects.subject(subject)
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
            Mode::SafeHarbor => Times::year(events, observation, self.options.ages_over),
            Mode::ExpertDetermination => {
                let number = self.shifts.pseudonym(subject.0);
                Times::shift(number, self.options, events, observation)
            }
        }
    }

    fn event(&self, mut event: Event, about: &Subject<'_>, changes: &mut Changes) -> Option<Event> {
        let times = about.times;
        let action = self.rules.text_action(&event.code);
        self.rules.apply(&mut event, changes)?;
        self.text(&mut event, action, about, changes);
        event.origin = self.origin(&event.origin);
        self.terms(&mut event, &about.known, changes);
        Self::number(&mut event, &about.known, changes);
        event.numeric_value = self.capped_age(&event, changes);
        if let Some(time) = event.time {
            let told = if event.code.is_birth() {
                times.of_birth(time)
            } else {
                times.of(time)
            };
            if told != times.of(time) {
                // The times at which an old birth was written down would tell it again.
                event.end_time = None;
                event.recorded_time = None;
            }
            event.time = Some(told);
            event.precision = times.precision(event.precision);
            changes.add(Identifier::Date);
        }
        event.end_time = event.end_time.map(|time| times.of(time));
        event.recorded_time = event.recorded_time.map(|time| times.of(time));
        if let Some(written) = &mut event.as_written {
            self.written(written, &about.known, changes);
            if event.numeric_value.is_none() || is_age(&event.code.system, &event.code.value) {
                written.numeric_value = None;
            }
        }
        event.utc_offset_minutes = None;
        let pseudonym = |EncounterId(id)| EncounterId(self.encounters.pseudonym(id));
        event.encounter = event.encounter.map(pseudonym);
        self.rules.columns(&mut event);
        self.rare.apply(&mut event, changes)?;
        Some(event)
    }

    /// Notes by the options, any other text by the rules: mostly only when it is a coded result.
    fn text(
        &self,
        event: &mut Event,
        action: TextAction,
        about: &Subject<'_>,
        changes: &mut Changes,
    ) {
        let Some(text) = event.text_value.take() else {
            return;
        };
        let note = &*event.code.system == "NOTE";
        let scrub = if note {
            self.options.notes.is_scrubbed()
        } else {
            action == TextAction::Scrub
        };
        let coded = !note && action != TextAction::Drop && is_coded_result(&text);
        if scrub {
            let plan = DatePlan::of(about.times, event.time);
            let (scrubbed, found) = if self.options.notes == TextPolicy::Surrogate {
                let own = Surrogates::dated(&self.scrubber, &self.surrogates, &about.name, plan);
                own.replace(&text, &about.known)
            } else {
                self.scrubber.scrub(&text, plan, &about.known)
            };
            changes.add_all(found);
            event.text_value = Some(scrubbed.into());
        } else if (coded && !about.known.is_in(&text)) || (!note && action == TextAction::Keep) {
            event.text_value = Some(text);
        } else {
            changes.add(Identifier::Text);
        }
    }

    /// The source's own terms are cleaned like the event's.
    fn written(&self, written: &mut AsWritten, known: &Known<'_>, changes: &mut Changes) {
        if let Some(code) = &mut written.code {
            self.code(code, known, changes);
        }
        if written.extension.take().is_some() {
            changes.add(Identifier::Text);
        }
        let terms = [
            &mut written.unit,
            &mut written.flag,
            &mut written.conversion,
        ];
        for term in terms.into_iter().flatten() {
            self.term(term, known, changes);
        }
    }

    /// A number that is a known identifier of the subject, or, without a unit, a calendar date.
    fn number(event: &mut Event, known: &Known<'_>, changes: &mut Changes) {
        let Some(number) = event.numeric_value else {
            return;
        };
        if number < KNOWN_NUMBER_MIN || number.fract() != 0.0 {
            return;
        }
        let digits = format!("{number:.0}");
        if known.is_in(&digits) {
            changes.add(Identifier::Known);
            event.numeric_value = None;
        } else if event.unit.is_none() && reads_as_date(&digits) {
            changes.add(Identifier::Date);
            event.numeric_value = None;
        }
    }

    /// The value of an event; an age over 89 becomes 90, which stands for 90 and more.
    fn capped_age(&self, event: &Event, changes: &mut Changes) -> Option<f64> {
        let value = event.numeric_value?;
        let aggregate = f64::from(self.options.ages_over) + 1.0;
        let years = event
            .unit
            .as_deref()
            .is_none_or(|unit| unit.starts_with(['a', 'y', 'Y']));
        if years && value >= aggregate && is_age(&event.code.system, &event.code.value) {
            changes.add(Identifier::Age);
            return Some(aggregate);
        }
        Some(value)
    }

    /// Code, unit and element are terms of a vocabulary, but a source may have written into them.
    fn terms(&self, event: &mut Event, known: &Known<'_>, changes: &mut Changes) {
        self.code(&mut event.code, known, changes);
        if let Some(unit) = &mut event.unit {
            self.term(unit, known, changes);
        }
        self.term(&mut event.origin.element, known, changes);
    }

    fn code(&self, code: &mut Code, known: &Known<'_>, changes: &mut Changes) {
        self.term(&mut code.system, known, changes);
        self.term(&mut code.value, known, changes);
        let left = identifying::without_shapes(&code.value, &mut |found| changes.add(found));
        if let Some(left) = left {
            code.value = left.into();
        }
    }

    fn term(&self, term: &mut Arc<str>, known: &Known<'_>, changes: &mut Changes) {
        if let Some((cleaned, found)) = self.scrubber.scrub_term(term, known) {
            changes.add_all(found);
            *term = cleaned.into();
        }
    }
}

/// Whether digits read as year, month and day in that order.
fn reads_as_date(digits: &str) -> bool {
    if digits.len() != 8 {
        return false;
    }
    let (year, month, day) = (
        digits[..4].parse(),
        digits[4..6].parse(),
        digits[6..].parse(),
    );
    let (Ok(year), Ok(month), Ok(day)) = (year, month, day) else {
        return false;
    };
    DATE_YEARS.contains(&year) && Instant::from_civil((year, month, day), (0, 0, 0, 0), 0).is_ok()
}

/// Redacted: it holds keys.
impl fmt::Debug for Deidentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deidentifier({:?})", self.options.mode)
    }
}
