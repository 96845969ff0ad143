//! The hazard of the outcome by age and sex alone: what every model must beat.
//!
//! Person-time is counted on the train timelines from each prediction time to the first outcome,
//! death or the horizon, whichever comes first, in bands of [`BAND_YEARS`] years by sex: the same
//! people at the same times as the other baselines learn from, so that who is left out of the
//! labels (the censored) is left out of all alike. In each cell the hazard is constant; the hazard
//! of death is found in the same way, each cause taking the other as the end of follow-up. The
//! risk over the horizon is the cumulative incidence under both (Kalbfleisch and Prentice 2002,
//! section 8.2), the subject growing older on the way.
//!
//! Cells with little person-time lean on a prior: a cell's hazard has a gamma prior worth
//! [`PRIOR_EVENTS`] event, whose mean is the hazard of the age band in both sexes; that of a band
//! has one whose mean is the hazard of all; that of all has one worth half an event in the
//! person-time there is (Jeffreys). An empty cell thus has the hazard of its band.

use crate::Example;
use crate::error::NotFitted;
use crate::features::age_years;
use longitude_core::{Days, Task, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The width of an age band.
pub const BAND_YEARS: f64 = 5.0;

/// The age at which the last band starts; it has no end.
pub const BAND_LAST_YEARS: f64 = 90.0;

/// How many events the prior of a cell is worth.
pub const PRIOR_EVENTS: f64 = 1.0;

/// Hazards by age band and sex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgeSex {
    outcome: Hazards,
    /// Absent where the outcome is death itself.
    death: Option<Hazards>,
    horizon: Days,
}

/// Hazards a day of one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hazards {
    /// By band, for a sex that has no cells.
    bands: Vec<f64>,
    /// By sex and band.
    cells: BTreeMap<String, Vec<f64>>,
    /// For an unknown age.
    all: f64,
}

/// Events and person-days of one cell.
#[derive(Clone, Copy, Default)]
struct Tally {
    outcomes: f64,
    deaths: f64,
    days: f64,
}

/// A subject's place among the cells.
pub(crate) struct Place {
    pub(crate) sex: String,
    pub(crate) age_days: Option<f64>,
}

impl AgeSex {
    /// Counts the train timelines; the labels are not looked at, for the timelines hold more.
    pub(crate) fn fit(train: &[(Example<'_>, bool)], task: &Task) -> Result<Self, NotFitted> {
        let mut tallies: BTreeMap<String, Vec<Tally>> = BTreeMap::new();
        let mut without_age = Tally::default();
        for (example, _) in train {
            let place = Place::of(example);
            let (days, end) = follow_up(example, task);
            let Some(age) = place.age_days else {
                without_age.days += days;
                without_age.close(end);
                continue;
            };
            let cells = tallies
                .entry(place.sex)
                .or_insert_with(|| vec![Tally::default(); bands()]);
            for piece in pieces(age, days) {
                cells[piece.band].days += piece.days;
            }
            cells[band(age + days)].close(end);
        }
        let mut every = tallies.values().flatten().chain([&without_age]);
        if !every.any(|tally| tally.outcomes > 0.0) {
            return Err(NotFitted::NothingFollowed);
        }
        let hazards = |events: fn(&Tally) -> f64| Hazards::new(&tallies, &without_age, events);
        Ok(Self {
            outcome: hazards(|tally| tally.outcomes),
            death: (!task.outcome.is_death()).then(|| hazards(|tally| tally.deaths)),
            horizon: task.horizon,
        })
    }

    /// The cumulative incidence of the outcome over the horizon.
    pub(crate) fn predict(&self, example: &Example<'_>) -> f64 {
        let place = Place::of(example);
        let horizon = self.horizon.0;
        let Some(age) = place.age_days else {
            let death = self.death.as_ref().map_or(0.0, |death| death.all);
            return incidence(&[(self.outcome.all, death, horizon)]);
        };
        let steps = pieces(age, horizon).into_iter().map(|piece| {
            let of = |hazards: &Hazards| hazards.of(&place.sex, piece.band);
            (
                of(&self.outcome),
                self.death.as_ref().map_or(0.0, of),
                piece.days,
            )
        });
        incidence(&steps.collect::<Vec<_>>())
    }
}

impl Hazards {
    fn new(
        tallies: &BTreeMap<String, Vec<Tally>>,
        without_age: &Tally,
        events: fn(&Tally) -> f64,
    ) -> Self {
        let sum = |tallies: &mut dyn Iterator<Item = &Tally>| {
            tallies.fold((0.0, 0.0), |(e, d), tally| {
                (e + events(tally), d + tally.days)
            })
        };
        let every = tallies.values().flatten().chain([without_age]);
        let (total, days) = sum(&mut every.into_iter());
        // Outcomes may all fall so soon that there is next to no person-time; a day stands for it.
        let all = (total + 0.5) / days.max(1.0);
        let toward = |(events, days): (f64, f64), mean: f64| {
            (events + PRIOR_EVENTS) / (days + PRIOR_EVENTS / mean)
        };
        let of_band =
            |band: usize| toward(sum(&mut tallies.values().map(|cells| &cells[band])), all);
        let of_bands: Vec<f64> = (0..bands()).map(of_band).collect();
        let of_cells = |cells: &Vec<Tally>| {
            let cells = cells.iter().zip(&of_bands);
            cells
                .map(|(cell, &mean)| toward((events(cell), cell.days), mean))
                .collect()
        };
        Self {
            cells: tallies
                .iter()
                .map(|(sex, cells)| (sex.clone(), of_cells(cells)))
                .collect(),
            bands: of_bands,
            all,
        }
    }

    fn of(&self, sex: &str, band: usize) -> f64 {
        self.cells.get(sex).unwrap_or(&self.bands)[band]
    }
}

/// How follow-up ends.
#[derive(Clone, Copy)]
enum End {
    Outcome,
    Death,
    Neither,
}

impl Tally {
    fn close(&mut self, end: End) {
        match end {
            End::Outcome => self.outcomes += 1.0,
            End::Death => self.deaths += 1.0,
            End::Neither => {}
        }
    }
}

/// Days at risk after the prediction time, and what ended them. An example with neither outcome nor
/// death was observed to the horizon, or it would have no label.
fn follow_up(example: &Example<'_>, task: &Task) -> (f64, End) {
    let Example { timeline, time } = example;
    let horizon = time.plus(task.horizon);
    let future = &timeline.events()[timeline.history(*time).len()..];
    for event in future {
        let Some(when) = event.time.filter(|&when| when <= horizon) else {
            break;
        };
        if task.outcome.holds(event) {
            return ((when - *time).0, End::Outcome);
        }
        if event.code.is_death() {
            return ((when - *time).0, End::Death);
        }
    }
    (task.horizon.0, End::Neither)
}

impl Place {
    pub(crate) fn of(example: &Example<'_>) -> Self {
        let age = age_years(example.timeline, example);
        Self {
            sex: sex(example.timeline, example),
            age_days: age.map(|years| years * Days::PER_YEAR),
        }
    }
}

/// The sex as the history has it, or `unknown`.
fn sex(timeline: &Timeline, example: &Example<'_>) -> String {
    let history = timeline.history(example.time).iter().rev();
    let mut sexes = history.filter(|event| &*event.code.system == "GENDER");
    sexes
        .next()
        .map_or_else(|| "unknown".into(), |event| event.code.value.to_string())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of bands is small and positive"
)]
pub(crate) fn bands() -> usize {
    (BAND_LAST_YEARS / BAND_YEARS) as usize + 1
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates, and the last band has no end"
)]
pub(crate) fn band(age_days: f64) -> usize {
    ((age_days / (BAND_YEARS * Days::PER_YEAR)) as usize).min(bands() - 1)
}

/// A stretch of time inside one band.
struct Piece {
    band: usize,
    days: f64,
}

/// The bands that somebody of this age walks through in so many days.
fn pieces(age_days: f64, days: f64) -> Vec<Piece> {
    let width = BAND_YEARS * Days::PER_YEAR;
    let end = age_days + days;
    let mut pieces = Vec::new();
    let mut from = age_days;
    for band in band(age_days)..bands() {
        let to = if band + 1 == bands() {
            end
        } else {
            end.min((band + 1) as f64 * width)
        };
        pieces.push(Piece {
            band,
            days: (to - from).max(0.0),
        });
        from = to;
        if from >= end {
            break;
        }
    }
    pieces
}

/// The chance that the outcome comes first of the two, over pieces of (hazard of the outcome,
/// hazard of death, days).
fn incidence(pieces: &[(f64, f64, f64)]) -> f64 {
    let (mut free, mut incidence) = (1.0, 0.0);
    for &(outcome, death, days) in pieces {
        let both = outcome + death;
        let ends = -(-both * days).exp_m1();
        if both > 0.0 {
            incidence += free * ends * outcome / both;
        }
        free *= 1.0 - ends;
    }
    incidence.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidence_is_the_closed_form() {
        let one = incidence(&[(0.001, 0.0, 365.0)]);
        assert!((one - (1.0 - (-0.365_f64).exp())).abs() < 1e-12);
        let split = incidence(&[(0.001, 0.002, 100.0), (0.001, 0.002, 265.0)]);
        let whole = (1.0 - (-0.003_f64 * 365.0).exp()) / 3.0;
        assert!((split - whole).abs() < 1e-12);
        assert!(incidence(&[]) <= 0.0);
    }

    #[test]
    fn the_walk_through_the_bands_loses_no_day() {
        let years = |years: f64| years * Days::PER_YEAR;
        for (age, days) in [(0.0, 1.0), (34.9, 365.0), (60.0, 20_000.0), (95.0, 10.0)] {
            let pieces = pieces(years(age), days);
            let sum: f64 = pieces.iter().map(|piece| piece.days).sum();
            assert!((sum - days).abs() < 1e-6, "{age} {days} {sum}");
            assert!(
                pieces
                    .windows(2)
                    .all(|pair| pair[0].band + 1 == pair[1].band)
            );
        }
        assert_eq!(
            (band(years(4.99)), band(years(5.01)), band(years(120.0))),
            (0, 1, 18)
        );
    }
}
