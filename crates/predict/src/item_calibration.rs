//! Calibration of a forecast's items, pooled: one monotone map for each kind of target and horizon,
//! from the query head's risks to what tuning subjects lived through. It sets a kind's level right
//! and says nothing of one target among its kind.
//!
//! Half of the subjects, by hash, fit a map and the other half judges it: their rows in ten groups
//! of equal size by the mapped risk, observed over expected in each. A map is used where it passes;
//! it is then fitted on all.

use crate::calibration::Isotonic;
use crate::engine::{Asked, Engine};
use crate::index::last_observed;
use crate::targets::{Kind, Target};
use crate::{Error, Result};
use longitude_core::{Days, Instant, Split};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Events among the judging half without which nothing is said: under a hundred, calibration cannot
/// be told from chance (Collins et al. 2016).
const EVENTS_MIN: u64 = 100;
/// Groups of the judging half's rows.
const GROUPS: usize = 10;
/// Events, seen or expected, without which a group says nothing; it is also the smallest count that
/// is told (US CMS cell size suppression policy).
const GROUP_EVENTS_MIN: f64 = 11.0;
/// Observed over expected that a group may have, its own error aside: half as much again leads to
/// another act.
const RATIO_MAX: f64 = 1.5;
/// Standard errors of a group's logarithmic ratio that are its own error: 95 %.
const DEVIATIONS: f64 = 1.96;
/// Rows that are asked at once.
const PIECE: usize = 64;

/// The maps of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemCalibration {
    cells: Vec<ItemCell>,
}

/// One kind of target within one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemCell {
    /// The kind.
    pub kind: Kind,
    /// The horizon.
    pub horizon: Days,
    /// Pairs of a row and a target.
    pub pairs: u64,
    /// Whether the judging half passed; only then the map is used.
    pub calibrated: bool,
    /// Observed over expected in each group of the judging half, the lowest risks first; none
    /// where a group has too few events to say.
    pub observed_expected: Vec<Option<f64>>,
    map: Option<Isotonic>,
}

/// A target of a row: the risk, whether it came, and which half the row is of.
struct Pair {
    risk: f64,
    came: bool,
    judges: bool,
}

impl ItemCalibration {
    /// The calibrated risk of a target of a kind within a horizon, where there is a map that
    /// passed.
    pub fn apply(&self, kind: Kind, horizon: Days, risk: f64) -> Option<f64> {
        let same = |cell: &&ItemCell| {
            cell.kind == kind && cell.horizon.0.total_cmp(&horizon.0).is_eq() && cell.calibrated
        };
        let map = self.cells.iter().find(same)?.map.as_ref()?;
        Some(map.apply(risk))
    }

    /// What was fitted.
    pub fn cells(&self) -> &[ItemCell] {
        &self.cells
    }
}

impl Engine {
    /// Fits the maps on rows of tuning subjects that nothing else was fitted on. A row counts
    /// within a horizon where it was observed to its end or to death, whatever happened.
    ///
    /// # Errors
    /// [`Error::NoQueryHead`], and when the model refuses an input.
    pub fn calibrate_items(
        &self,
        rows: &[Asked<'_>],
        targets: &[Target],
        horizons: &[Days],
    ) -> Result<ItemCalibration> {
        if !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let sides: Vec<_> = targets
            .iter()
            .map(|target| Some(self.target_sides(target)))
            .collect();
        let mut pairs: BTreeMap<(Kind, usize), Vec<Pair>> = BTreeMap::new();
        for piece in rows.chunks(PIECE) {
            for (row, curves) in piece.iter().zip(self.curves(piece, &sides)?) {
                let first = self.first_times(row, targets);
                let death = row.timeline.death();
                let end = last_observed(row.timeline);
                let judges = Split::bucket("items", row.timeline.subject()) < 500;
                for (place, horizon) in horizons.iter().enumerate() {
                    let until = row.at.plus(*horizon);
                    let known = death.is_some_and(|death| death <= until)
                        || end.is_some_and(|end| end >= until);
                    if !known {
                        continue;
                    }
                    for ((target, curve), first) in targets.iter().zip(&curves).zip(&first) {
                        let Some(curve) = curve else { continue };
                        let pair = Pair {
                            risk: curve.within(horizon.0),
                            came: first.is_some_and(|first| first <= until),
                            judges,
                        };
                        pairs.entry((target.kind, place)).or_default().push(pair);
                    }
                }
            }
        }
        let cell = |((kind, place), pairs): ((Kind, usize), Vec<Pair>)| {
            cell(kind, horizons[place], &pairs)
        };
        Ok(ItemCalibration {
            cells: pairs.into_iter().map(cell).collect(),
        })
    }

    /// When each target came first after a row's time.
    fn first_times(&self, row: &Asked<'_>, targets: &[Target]) -> Vec<Option<Instant>> {
        let future = &row.timeline.events()[row.timeline.history(row.at).len()..];
        let mut by_id: BTreeMap<u32, Vec<&longitude_core::Event>> = BTreeMap::new();
        for event in future {
            by_id
                .entry(self.vocabulary().id(&event.code))
                .or_default()
                .push(event);
        }
        let first = |target: &Target| {
            let events = target.ids.iter().filter_map(|id| by_id.get(id)).flatten();
            let held = events.filter(|event| target.holds(self.vocabulary(), event));
            held.filter_map(|event| event.time).min()
        };
        targets.iter().map(first).collect()
    }
}

fn cell(kind: Kind, horizon: Days, pairs: &[Pair]) -> ItemCell {
    let points = |keep: &dyn Fn(&Pair) -> bool| -> Vec<(f64, bool)> {
        let kept = pairs.iter().filter(|pair| keep(pair));
        kept.map(|pair| (pair.risk, pair.came)).collect()
    };
    let half = Isotonic::fit(points(&|pair| !pair.judges));
    let mut judged: Vec<(f64, bool)> = points(&|pair| pair.judges);
    for (risk, _) in &mut judged {
        *risk = half.apply(*risk);
    }
    judged.sort_by(|a, b| a.0.total_cmp(&b.0));
    let groups = judged.chunks(judged.len().div_ceil(GROUPS).max(1));
    // Whether a group's ratio lies outside by more than its own error, the root of its events.
    let is_off = |ratio: f64, observed: f64| {
        let error = DEVIATIONS / observed.max(1.0).sqrt();
        ratio.max(1e-9).ln().abs() > RATIO_MAX.ln() + error
    };
    let mut off = 0;
    let ratios: Vec<Option<f64>> = groups
        .map(|group| {
            let expected: f64 = group.iter().map(|(risk, _)| risk).sum();
            let observed = group.iter().filter(|(_, came)| *came).count() as f64;
            let enough = observed >= GROUP_EVENTS_MIN && expected > 0.0;
            // None at all where many were expected is told too: it is no small cell.
            let none = observed < 1.0 && expected >= GROUP_EVENTS_MIN;
            let ratio = (enough || none).then(|| observed / expected);
            off += usize::from(ratio.is_some_and(|ratio| is_off(ratio, observed)));
            ratio
        })
        .collect();
    let events = judged.iter().filter(|(_, came)| *came).count() as u64;
    let calibrated = events >= EVENTS_MIN && off == 0 && ratios.iter().any(Option::is_some);
    ItemCell {
        kind,
        horizon,
        pairs: pairs.len() as u64,
        calibrated,
        observed_expected: ratios,
        map: calibrated.then(|| Isotonic::fit(points(&|_| true))),
    }
}

#[cfg(test)]
mod tests;
