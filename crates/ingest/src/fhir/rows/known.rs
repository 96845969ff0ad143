//! When a row was written down, in which release of FHIR it speaks, and whether something in it
//! changes its meaning: what a reader of one row must know beside its events.

use super::Mapper;
use crate::batch::Note;
use crate::fhir::json::Text;
use crate::fhir::time::{self, When};
use crate::fhir::types::Release;
use longitude_core::{Instant, IssueKind, Precision};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Dated<'a> {
    #[serde(borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    last_updated: Option<Text<'a>>,
}

impl Mapper<'_> {
    /// Takes the first of several elements that says when the record was written down; what its
    /// events tell was not known before.
    pub(crate) fn recorded(&mut self, candidates: &[(&'static str, Option<&Text<'_>>)]) {
        for (element, text) in candidates {
            let Some(text) = text else { continue };
            match time::parse(text.as_str()) {
                Some(when) => {
                    self.here.recorded = Some(when);
                    return;
                }
                None => self.warn(Note::at(IssueKind::InvalidTime, *element)),
            }
        }
    }

    /// Where no element says when the record was written down: at the end of its encounter, if
    /// those records without a time of their own are dated so. A diagnosis of a stay, with an onset
    /// within it and no date of recording, is coded when the stay ends.
    pub(crate) fn recorded_with_encounter(&mut self) {
        let edge = self.world.options.time_from_encounter;
        if self.here.recorded.is_none() && edge == crate::EncounterEdge::End {
            self.here.recorded = self.here.span.end.when();
        }
    }

    /// `meta.lastUpdated`, where it counts; the record's own elements come before it.
    pub(super) fn meta(&mut self, text: &str) {
        if !self.world.options.recorded_from_meta {
            return;
        }
        let dated: Option<Dated<'_>> = serde_json::from_str(text).ok();
        let updated = dated.and_then(|dated| dated.meta?.last_updated);
        self.here.recorded = updated.and_then(|text| time::parse(text.as_str()));
    }

    /// The time of recording, where it is later than what happened. One that is known to the day
    /// counts from that day's end, unless it is the same day.
    pub(super) fn recorded_after(&self, when: When) -> Option<Instant> {
        let recorded = self.here.recorded?;
        if recorded.instant <= when.instant {
            return None;
        }
        Some(match recorded.precision {
            Precision::Time => recorded.instant,
            partial @ (Precision::Year | Precision::Month | Precision::Day) => {
                partial.end_of(recorded.instant)
            }
        })
    }

    /// Counts a row that uses what another release than R4 has: a type of its own, or an element.
    pub(crate) fn speaks(&mut self, release: Release, element: &str) {
        let (kind, dot) = (self.here.kind, if element.is_empty() { "" } else { "." });
        let spoken = format!("FHIR {release:?}: {kind}{dot}{element}");
        let counted = self.batch.other_releases.entry(Cow::Owned(spoken));
        *counted.or_default() += 1;
    }

    /// Warns of an extension that changes the meaning of the record and is not understood.
    pub(crate) fn modified(&mut self) {
        let path = self.path("modifierExtension");
        self.warn(Note::at(IssueKind::NotSupported, path));
    }

    /// Says which element names the subject.
    pub(crate) fn owned_by(&mut self, element: &'static str) {
        self.here.owner = element;
    }
}
