//! Results that nobody seems to have followed up: recent values in the outer tenth of the training
//! values, never measured again since, after which nothing new was begun; the least expected by the
//! model first. A list for a human to look through, not a judgement that anything was missed: what
//! is done outside the record leaves no trace in it.

use crate::engine::{Asked, Engine};
use crate::neural::History;
use crate::targets::{Kind, Target};
use crate::{Error, Result};
use longitude_core::{Days, Event, EvidenceSource, Instant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which results are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnfollowedOptions {
    /// How far back.
    pub recent: Days,
    /// The most results listed.
    pub results_max: u32,
}

impl UnfollowedOptions {
    /// Half a year, the twenty least expected: a result older than that has been seen at a later
    /// visit or is history.
    pub fn research() -> Self {
        Self {
            recent: Days(183.0),
            results_max: 20,
        }
    }
}

/// One result without a visible consequence.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Unfollowed {
    /// The name of the limit that it is beyond ([`Target::name`]).
    pub target: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: Option<String>,
    /// The probability, by the model and given everything before, of a value of this bin or further
    /// out on the same side, when the code is measured.
    pub tail: f64,
    /// The event and its source record.
    pub source: EvidenceSource,
}

/// Redacted: a patient's value.
impl std::fmt::Debug for Unfollowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unfollowed(..)")
    }
}

impl Engine {
    /// The results of one patient, the least expected first; `targets` are those of the forecast.
    ///
    /// # Errors
    /// When the model refuses an input.
    pub fn unfollowed(
        &self,
        asked: &Asked<'_>,
        targets: &[Target],
        options: &UnfollowedOptions,
    ) -> Result<Vec<Unfollowed>> {
        let history = asked.timeline.history(asked.at);
        let earliest = asked.at.0.saturating_sub(options.recent.to_micros());
        let mut open: Vec<(usize, &Target)> = Vec::new();
        for (place, event) in history.iter().enumerate().rev() {
            let recent = event.time.is_some_and(|time| time.0 >= earliest);
            if !recent || !self.left_alone(history, place) {
                continue;
            }
            let beyond = |t: &&Target| t.limit.is_some() && t.holds(self.vocabulary(), event);
            open.extend(targets.iter().find(beyond).map(|target| (place, target)));
        }
        let mut found = self.workers().each(open.len(), |worker, index| {
            let (place, target) = open[index];
            let event = &history[place];
            let at = event.time.unwrap_or(asked.at);
            // Everything that stands before it, also what is of the same minute.
            let before = Instant(at.0.saturating_sub(1));
            let context = self.model().config().context;
            let past = History::new(self.vocabulary(), asked.timeline, before, context);
            let past = match past {
                Err(Error::EmptyHistory) => return Ok(None),
                past => past?,
            };
            let prefix = worker.prefill(&past)?;
            let wait = Days::from_micros(at.0.saturating_sub(past.start.last_us)).0;
            let id = self.vocabulary().id(&event.code);
            let mut bins = Vec::new();
            let (mark, recall) = ([(wait, id)], [prefix.recall()]);
            worker
                .decoder
                .values(prefix.hidden(), &mark, &recall, &mut bins)?;
            Ok(self.result((place, event), target, &bins))
        })?;
        found.sort_by(|a, b| {
            let tail = |one: &Option<Unfollowed>| one.as_ref().map_or(1.0, |one| one.tail);
            tail(a).total_cmp(&tail(b))
        });
        let mut found: Vec<Unfollowed> = found.into_iter().flatten().collect();
        found.truncate(options.results_max as usize);
        Ok(found)
    }

    /// Whether nothing after a result shows that anyone acted: no further value of its code, and no
    /// diagnosis, drug or event of care that was not in the record before.
    fn left_alone(&self, history: &[Event], place: usize) -> bool {
        let event = &history[place];
        let (past, later) = history.split_at(place + 1);
        let same_time = |other: &&Event| other.time == event.time;
        let known: BTreeSet<_> = past
            .iter()
            .chain(later.iter().take_while(same_time))
            .map(|event| &event.code)
            .collect();
        let acts = |other: &Event| {
            let valued = self
                .vocabulary()
                .bins_of(self.vocabulary().id(&other.code))
                .is_some();
            let kind = Kind::of(&other.code, valued);
            let new = !known.contains(&other.code);
            let again = other.code == event.code && other.numeric_value.is_some();
            again || (new && !matches!(kind, None | Some(Kind::Laboratory)))
        };
        event.numeric_value.is_some() && !later.iter().any(acts)
    }

    /// The result with the model's probability of its side.
    fn result(
        &self,
        (place, event): (usize, &Event),
        target: &Target,
        bins: &[f32],
    ) -> Option<Unfollowed> {
        let own = self
            .vocabulary()
            .bins_of(self.vocabulary().id(&event.code))?;
        let limit = target.limit.as_ref()?;
        let value = event.numeric_value?;
        let bin = usize::from(own.bin(value));
        let last = usize::from(own.len());
        let sum = |from: usize, to: usize| {
            let inside = bins.get(from..=to).unwrap_or_default();
            inside.iter().map(|p| f64::from(*p)).sum::<f64>()
        };
        let all = sum(1, last);
        let side = if limit.bins.0 == 1 {
            sum(1, bin)
        } else {
            sum(bin, last)
        };
        let number = u32::try_from(place).ok()?;
        (all > 0.0).then(|| Unfollowed {
            target: target.name.clone(),
            value,
            unit: limit.unit.clone(),
            tail: side / all,
            source: EvidenceSource::new(number, event.time, &event.origin),
        })
    }
}

#[cfg(test)]
mod tests;
