//! What stands on an event beside its code and value: whether a resource has a place for it, and
//! the name of what is lost where it has none.

use super::moment;
use super::report::Losses;
use longitude_core::{Code, Event, Instant, Precision};

/// Whether the event is a code alone, without number, unit and text.
pub(super) fn is_bare(event: &Event) -> bool {
    event.numeric_value.is_none() && event.unit.is_none() && event.text_value.is_none()
}

/// The source's own code.
pub(super) fn other(event: &Event) -> Option<&Code> {
    event.as_written.as_ref()?.code.as_ref()
}

/// The source's own unit.
pub(super) fn unit(event: &Event) -> Option<&str> {
    let written = event.as_written.as_ref()?;
    written
        .unit
        .as_deref()
        .filter(|_| written.conversion.is_none())
}

/// Names what of the source's own words is lost; an Observation holds sign, range and flag.
pub(super) fn written(event: &Event, is_observation: bool, losses: &mut Losses) {
    let Some(written) = &event.as_written else {
        return;
    };
    if written.numeric_value.is_some() || written.conversion.is_some() {
        losses.push("number before its unit was converted");
    }
    if written.extension.is_some() {
        losses.push("further columns of the source");
    }
    let has_bounds = written.comparator.is_some()
        || written.range_low.is_some()
        || written.range_high.is_some()
        || written.flag.is_some();
    if has_bounds && !is_observation {
        losses.push("sign, range or flag of a value outside Observation");
    }
}

/// The end in FHIR's words; one before the start is lost.
pub(super) fn end(event: &Event, start: Instant, losses: &mut Losses) -> Option<String> {
    let end = event.end_time?;
    if end < start || !moment::is_writable(end) {
        losses.push("an end before the start");
        return None;
    }
    let day = (event.precision != Precision::Time)
        .then(|| moment::date(end, Precision::Day))
        .flatten();
    Some(day.unwrap_or_else(|| moment::instant(end, event.utc_offset_minutes)))
}

/// The time of recording in FHIR's words, where it is later than what happened; one that is not
/// says nothing.
pub(super) fn recorded(event: &Event, losses: &mut Losses) -> Option<String> {
    let recorded = event.recorded_time?;
    if event.time.is_some_and(|time| recorded <= time) || !moment::is_writable(recorded) {
        losses.push("a time of recording that is not later");
        return None;
    }
    Some(moment::instant(recorded, event.utc_offset_minutes))
}
