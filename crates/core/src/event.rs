//! One thing that happened to one subject, in MEDS's words, with where it came from.

use crate::code::Code;
use crate::id::EncounterId;
use crate::time::{Instant, Precision};
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
            origin,
        }
    }

    /// A lower bound of the bytes that this event keeps in memory, for bounded buffers. Shared
    /// strings are counted in full.
    pub fn bytes(&self) -> usize {
        let text = self.text_value.as_ref().map_or(0, |t| t.len());
        size_of::<Self>() + text + self.origin.record.len()
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
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({}:{} {})", self.file, self.row, self.element)
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
        let shown = format!("{event:?}");
        assert!(!shown.contains("123") && !shown.contains("Jane"), "{shown}");
    }
}
