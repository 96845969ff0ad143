//! One thing that happened to one subject, in MEDS's words, with where it came from.

use crate::code::Code;
use crate::id::EncounterId;
use crate::time::{Instant, Precision};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Where an event came from. In a de-identified timeline `file` is empty, `row` is 0 and `record`
/// is a keyed pseudonym that only the holder of the key can walk back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The source file, relative to the folder that was ingested.
    pub file: Arc<str>,
    /// The record's own identifier, for example `Observation/123`.
    pub record: Arc<str>,
    /// The element path inside the record, for example `Observation.valueQuantity`.
    pub element: Arc<str>,
    /// The 1-based line, row or bundle entry in the file.
    pub row: u64,
    /// The mapping rule that made the event and its version, for example `fhir/Observation@1`;
    /// empty where none is stated.
    pub rule: Arc<str>,
}

/// The relation of a true value to the number that stands for it (FHIR `Quantity.comparator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparator {
    /// Below the number, as in `<0.01`.
    Less,
    /// The number or below.
    LessOrEqual,
    /// The number or above.
    GreaterOrEqual,
    /// Above the number, as in `>90`.
    Greater,
    /// About the number.
    About,
}

impl Comparator {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::Less,
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Greater,
        Self::About,
    ];

    /// FHIR's sign of it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::About => "~",
        }
    }

    /// The comparator with this sign.
    pub fn from_sign(sign: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.sign() == sign)
    }
}

/// What the source wrote beyond or otherwise than the event says: the way back to its own words.
/// Fields that add nothing are empty.
///
/// `Debug` is redacted like the event's.
#[derive(Clone, Default, PartialEq)]
pub struct AsWritten {
    /// The source's own code, where the event's is a mapped one (OMOP source concept).
    pub code: Option<Code>,
    /// The number before its unit was converted.
    pub numeric_value: Option<f64>,
    /// The unit as written, where the event's differs.
    pub unit: Option<Arc<str>>,
    /// How the number bounds the true value.
    pub comparator: Option<Comparator>,
    /// The lower end of the reference range, in the event's unit.
    pub range_low: Option<f64>,
    /// The upper end of the reference range, in the event's unit.
    pub range_high: Option<f64>,
    /// What the source says of the value (`H`, `LL`, `A`; HL7 v3 ObservationInterpretation), or
    /// the flag that ingest raised (`implausible`).
    pub flag: Option<Arc<str>>,
    /// The conversion applied, for example `umol/L -> mg/dL: / 88.4 (2160-0)`.
    pub conversion: Option<Arc<str>>,
    /// Fields of the source that no field here stands for, as the text of a JSON object. It may
    /// hold anything and does not leave the walls.
    pub extension: Option<Arc<str>>,
}

/// An event (MEDS 0.4 data row with the declared extension columns).
///
/// `Debug` is redacted: it shows the code and which fields are filled, never a value.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// When it happened, or `None` for a static fact.
    pub time: Option<Instant>,
    /// How much of `time` the source wrote down.
    pub precision: Precision,
    /// What happened.
    pub code: Code,
    /// The measured number, in `unit`.
    pub numeric_value: Option<f64>,
    /// The measured or written text.
    pub text_value: Option<Arc<str>>,
    /// The UCUM unit of `numeric_value`, or the source's own unit where UCUM does not know it.
    pub unit: Option<Arc<str>>,
    /// When it ended, for things that last.
    pub end_time: Option<Instant>,
    /// The encounter during which it happened.
    pub encounter: Option<EncounterId>,
    /// The source's offset from UTC in minutes, when it wrote one.
    pub utc_offset_minutes: Option<i16>,
    /// When it was written down or became known, where that is later than `time` and the source
    /// says so (a diagnosis coded at discharge). What is not yet recorded may not be used.
    pub recorded_time: Option<Instant>,
    /// The source's own words, where they say more.
    pub as_written: Option<Box<AsWritten>>,
    /// Where it came from.
    pub origin: Origin,
}

impl Event {
    /// An event with a code, a time and an origin; the other fields are empty.
    pub fn new(code: Code, time: Option<Instant>, origin: Origin) -> Self {
        Self {
            time,
            precision: Precision::Time,
            code,
            numeric_value: None,
            text_value: None,
            unit: None,
            end_time: None,
            encounter: None,
            utc_offset_minutes: None,
            recorded_time: None,
            as_written: None,
            origin,
        }
    }

    /// The moment from which the event may be used: the later of `time` and `recorded_time`.
    pub fn known_time(&self) -> Option<Instant> {
        match (self.time, self.recorded_time) {
            (Some(time), Some(recorded)) => Some(time.max(recorded)),
            (time, _) => time,
        }
    }

    /// The interval in which the event happened, `[earliest, latest)`, for a time that the source
    /// wrote only in part; equal ends where the time of day is known.
    pub fn time_interval(&self) -> Option<(Instant, Instant)> {
        self.time.map(|time| (time, self.precision.end_of(time)))
    }

    /// The source's own words, to be filled in.
    pub fn as_written_mut(&mut self) -> &mut AsWritten {
        self.as_written.get_or_insert_default()
    }

    /// A lower bound of the bytes that this event keeps in memory, for bounded buffers. Shared
    /// strings are counted in full.
    pub fn bytes(&self) -> usize {
        let text = self.text_value.as_ref().map_or(0, |t| t.len());
        let written = self
            .as_written
            .as_ref()
            .map_or(0, |_| size_of::<AsWritten>());
        size_of::<Self>() + text + written + self.origin.record.len()
    }
}

impl Origin {
    /// The origin of an event that no record stands for, with the reason as its element.
    pub fn derived(reason: &str) -> Self {
        Self {
            file: "".into(),
            record: "".into(),
            element: reason.into(),
            row: 0,
            rule: "".into(),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({}:{} {})", self.file, self.row, self.element)
    }
}

impl fmt::Debug for AsWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsWritten")
            .field("code", &self.code)
            .field("converted", &self.conversion.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("code", &self.code)
            .field("timed", &self.time.is_some())
            .field("numeric", &self.numeric_value.is_some())
            .field("text", &self.text_value.is_some())
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let mut event = Event::new(Code::new("LOINC", "2160-0"), None, Origin::derived("test"));
        event.numeric_value = Some(123.456);
        event.text_value = Some("Jane Roe".into());
        event.as_written_mut().numeric_value = Some(123.5);
        let shown = format!("{event:?} {:?}", event.as_written);
        assert!(!shown.contains("123") && !shown.contains("Jane"), "{shown}");
    }

    #[test]
    fn a_late_record_is_known_late_and_a_partial_date_is_an_interval() {
        let january = Instant::from_civil((2020, 1, 1), (0, 0, 0, 0), 0).unwrap();
        let mut event = Event::new(
            Code::new("ICD10CM", "I21.4"),
            Some(january),
            Origin::derived("test"),
        );
        assert_eq!(event.known_time(), Some(january));
        event.precision = Precision::Month;
        let (from, to) = event.time_interval().unwrap();
        assert_eq!((to - from).0.to_string(), "31");
        event.recorded_time = Some(to);
        assert_eq!(event.known_time(), Some(to));
        event.time = None;
        assert_eq!(event.known_time(), None);
    }
}
