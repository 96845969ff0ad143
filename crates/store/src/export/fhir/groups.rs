//! Events that stand inside the resource of another: the rate of an infusion, the reactions to an
//! allergen or a vaccine, the coded conclusions of a report. One that has no other, or more than
//! one it could belong to, stands alone.

use super::home::{self, Act, Home};
use super::{beside, moment};
use longitude_core::{EncounterId, Event, Instant};
use std::collections::BTreeMap;

/// What stands behind the code of an infusion's rate.
const RATE: &str = "//RATE";
/// What stands behind the code of a vaccine that was not borne.
const REACTION: &str = "//REACTION";

/// Who belongs to whom among the events of one subject, by their places.
#[derive(Default)]
pub(super) struct Groups {
    parts: BTreeMap<usize, Vec<usize>>,
    wholes: BTreeMap<usize, usize>,
}

/// What a part and its whole have in common.
type Key<'e> = (
    u8,
    &'e str,
    &'e str,
    &'e str,
    Option<Instant>,
    Option<EncounterId>,
);

impl Groups {
    pub(super) fn of(events: &[Event]) -> Self {
        let is_part = |event: &Event| part(event).is_some();
        if !events.iter().any(is_part) {
            return Self::default();
        }
        let mut wholes: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            if let Some(key) = whole(event) {
                wholes.entry(key).or_default().push(place);
            }
        }
        let mut groups = Self::default();
        for (place, event) in events.iter().enumerate() {
            let Some((key, is_of_any)) = part(event) else {
                continue;
            };
            let found = wholes.get(&key).map_or(&[][..], Vec::as_slice);
            // One rate for each dose.
            let mut free = found
                .iter()
                .filter(|whole| !is_of_any || !groups.parts.contains_key(whole));
            let first = free.next().filter(|_| is_of_any || found.len() == 1);
            if let Some(whole) = first.copied() {
                groups.parts.entry(whole).or_default().push(place);
                groups.wholes.insert(place, whole);
            }
        }
        groups
    }

    /// Whether an event stands inside the resource of another.
    pub(super) fn is_part(&self, place: usize) -> bool {
        self.wholes.contains_key(&place)
    }

    /// Whether others stand inside the resource of an event.
    pub(super) fn is_whole(&self, place: usize) -> bool {
        self.parts.contains_key(&place)
    }

    /// The events inside the resource of one.
    pub(super) fn parts<'e>(&self, place: usize, events: &'e [Event]) -> Vec<&'e Event> {
        let parts = self.parts.get(&place).map_or(&[][..], Vec::as_slice);
        parts.iter().filter_map(|part| events.get(*part)).collect()
    }
}

/// The record of an event, where the set tells it.
fn record(event: &Event) -> &str {
    if event.origin.row > 0 {
        &event.origin.record
    } else {
        ""
    }
}

fn key<'e>(kind: u8, event: &'e Event, base: &'e str) -> Key<'e> {
    let system = if base.is_empty() {
        ""
    } else {
        &*event.code.system
    };
    let time = event.time;
    (kind, system, base, record(event), time, event.encounter)
}

/// The key of an event that others may stand in.
fn whole(event: &Event) -> Option<Key<'_>> {
    if !event.time.is_some_and(moment::is_writable) {
        return None;
    }
    match home::of(event) {
        Home::Drug(Act::Administered) => {
            let base = event.code.value.strip_suffix(Act::Administered.suffix())?;
            Some(key(0, event, base))
        }
        Home::Allergy => Some(key(1, event, "")),
        Home::Report => Some(key(2, event, "")),
        Home::Immunization => {
            let (kind, system, base, record, _, encounter) = key(3, event, &event.code.value);
            Some((kind, system, base, record, None, encounter))
        }
        Home::Condition
        | Home::DeviceUse
        | Home::Drug(_)
        | Home::Imaging
        | Home::Note
        | Home::Observation
        | Home::Procedure
        | Home::Request
        | Home::Specimen => None,
    }
}

/// The key of the event that this one may stand in, and whether one of several will do.
fn part(event: &Event) -> Option<(Key<'_>, bool)> {
    if !event.time.is_some_and(moment::is_writable) {
        return None;
    }
    let value = &*event.code.value;
    match &*event.code.system {
        "ALLERGY_REACTION" if beside::is_bare(event) => Some((key(1, event, ""), false)),
        "REPORT_CONCLUSION" if beside::is_bare(event) => Some((key(2, event, ""), false)),
        _ => {
            if let Some(base) = value.strip_suffix(RATE) {
                let is_number = event.numeric_value.is_some_and(f64::is_finite);
                let is_rate = is_number && event.text_value.is_none();
                return is_rate.then(|| (key(0, event, base), true));
            }
            let base = value.strip_suffix(REACTION)?;
            let (kind, system, base, record, _, encounter) = key(3, event, base);
            let is_reaction = beside::is_bare(event) && !record.is_empty();
            is_reaction.then_some(((kind, system, base, record, None, encounter), false))
        }
    }
}
