//! Everything that may lie ahead of one patient, from one pool of futures: the cumulative incidence
//! of every target within each horizon, with death competing, beside what people of the same age
//! and sex may expect and what the same model said at an earlier time. Ranked three ways; the list
//! of differential suggestions, and of what the record gives no sign of having been thought of.
//!
//! The estimates of futures are the model's own (SCOPE with its control variate, `risk`),
//! uncalibrated, and their standard errors are Monte Carlo errors alone. The query head's risks are
//! calibrated by kind and horizon where tuning subjects suffice (`item_calibration`); they then
//! answer. There are hundreds of targets and no tuning set that could calibrate each.

use crate::engine::{Asked, Engine};
use crate::item_calibration::ItemCalibration;
use crate::past::Past;
use crate::query::Sides;
use crate::reference::{Expected, Reference, Who};
use crate::risk::{Outcome, Raw};
use crate::sample::SampleOptions;
use crate::targets::{Kind, Target};
use crate::{Error, Result};
use longitude_core::{Days, Instant, MonteCarlo};
use longitude_model::{Atom, Incidence};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many standard errors an estimate must stand above the reference to be called in excess: one
/// in a thousand by chance, for lists of some hundred targets.
const EXCESS_ERRORS: f64 = 3.1;
/// The smallest risk that is listed as a sign that may go unnoticed: one in a hundred.
const SIGN_RISK_MIN: f64 = 0.01;
/// The smallest ratio to the reference for the same list.
const SIGN_RATIO_MIN: f64 = 2.0;

/// The share of futures cut short from which on they answer no more: what makes a sampled answer
/// abstain (`AbstainOptions::research`).
const CUT_MAX: f64 = 0.2;

/// What to forecast.
#[derive(Clone, Copy, Debug)]
pub struct ForecastOptions<'a> {
    /// What is asked after.
    pub targets: &'a [Target],
    /// Incidences by age and sex; its horizons are those of the forecast.
    pub reference: &'a Reference,
    /// Maps of the query head's risks, where there are some.
    pub calibration: Option<&'a ItemCalibration>,
    /// An earlier time to compare with.
    pub since: Option<Instant>,
    /// How to sample.
    pub sampling: SampleOptions,
    /// The state after a history of the same subject that was run before: less is run again, and
    /// the forecast is the same.
    pub before: Option<&'a Past>,
}

/// The forecast of one patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The prediction time.
    pub at: Instant,
    /// The earlier time that changes refer to.
    pub since: Option<Instant>,
    /// The horizons, in the order of each item's rows.
    pub horizons: Vec<Days>,
    /// The futures sampled.
    pub samples: u32,
    /// The share of them that the limit of events cut before the last horizon: long horizons are
    /// too low by at most this.
    pub censored_share: f64,
    /// Whether every answer is calibrated; each row says so for itself.
    pub calibrated: bool,
    /// All targets, by kind and name.
    pub items: Vec<Item>,
    /// Places in `items`, the highest risk within the first horizon first.
    pub by_risk: Vec<usize>,
    /// Those above the reference by more than Monte Carlo error, the largest excess first.
    pub by_excess: Vec<usize>,
    /// Those that changed by more than Monte Carlo error, the largest rise first.
    pub by_change: Vec<usize>,
    /// Those with at least 1 in 100 within the first horizon, at least twice the reference, above
    /// it by more than Monte Carlo error, and never in the record: nothing shows that anyone has
    /// thought of them. Where the model has a query head, it too must say twice the reference.
    /// Diagnoses and death only.
    pub unnoticed: Vec<usize>,
}

/// One target of one patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What.
    #[serde(flatten)]
    pub target: Target,
    /// How often it is in the history.
    pub before: u32,
    /// When it was there last.
    pub last: Option<Instant>,
    /// One a horizon.
    pub rows: Vec<Row>,
}

/// The risk of one target within one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The horizon.
    pub horizon: Days,
    /// What is to be taken for the risk, and how it came about.
    pub answer: Answer,
    /// The sampled risk: estimate, standard error, futures.
    pub risk: MonteCarlo,
    /// The share of futures that the limit of events cut before the horizon and before the target:
    /// the risk is too low by at most this.
    pub cut_short: f64,
    /// The query head's answer in one pass, where the model has one.
    pub direct: Option<f64>,
    /// What people of the same age and sex may expect (those without it before, where the patient
    /// has none).
    pub expected: Option<Expected>,
    /// The risk less that at the earlier time, and its standard error.
    pub change: Option<Change>,
}

/// The risk of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The probability.
    pub risk: f64,
    /// How it was made: by the query head where its risks of this kind and horizon are calibrated,
    /// or where more than a fifth of the futures were cut short; else by futures.
    pub by: By,
    /// Whether it was brought to what tuning subjects lived through, as a mean over its kind.
    pub calibrated: bool,
}

/// How a risk was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Sampled futures.
    Futures,
    /// The query head.
    QueryHead,
}

/// A difference and its Monte Carlo error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Now less then.
    pub difference: f64,
    /// Of both pools.
    pub standard_error: f64,
}

impl Row {
    /// Risk less reference.
    pub fn excess(&self) -> Option<f64> {
        Some(self.answer.risk - self.expected?.risk)
    }

    fn in_excess(&self) -> bool {
        let margin = EXCESS_ERRORS * self.risk.standard_error;
        self.excess().is_some_and(|excess| excess > margin)
    }

    fn changed(&self) -> bool {
        self.change
            .is_some_and(|change| change.difference.abs() > EXCESS_ERRORS * change.standard_error)
    }
}

impl Engine {
    /// The forecast of one patient.
    ///
    /// # Errors
    /// As [`Engine::raw_many`], and when the reference has no horizon.
    pub fn forecast(&self, asked: &Asked<'_>, options: &ForecastOptions<'_>) -> Result<Forecast> {
        let now = self.lie_ahead(asked, options)?;
        let since = options.since.filter(|since| *since < asked.at);
        let then = since.map(|at| self.lie_ahead(&Asked { at, ..*asked }, options));
        let then = then.transpose()?;
        let direct = self.direct(asked, options.targets)?;
        let items = self.items(asked, options, (&now, then.as_ref(), &direct));
        let first = |of: fn(&Row) -> f64| {
            let items = &items;
            move |item: &usize| items[*item].rows.first().map_or(0.0, of)
        };
        let ranked = |keep: &dyn Fn(&Item, &Row) -> bool, by: fn(&Row) -> f64| {
            let kept = |place: &usize| {
                let item = &items[*place];
                item.rows.first().is_some_and(|row| keep(item, row))
            };
            let mut places: Vec<usize> = (0..items.len()).filter(kept).collect();
            let by = first(by);
            places.sort_by(|a, b| by(b).total_cmp(&by(a)));
            places
        };
        let excess = |row: &Row| row.excess().unwrap_or(0.0);
        let forecast = Forecast {
            at: asked.at,
            since,
            horizons: options.reference.horizons.clone(),
            samples: options.sampling.samples,
            censored_share: now.censored_share,
            calibrated: items
                .iter()
                .flat_map(|item| &item.rows)
                .all(|row| row.answer.calibrated),
            by_risk: ranked(&|_, row| row.answer.risk > 0.0, |row| row.answer.risk),
            by_excess: ranked(&|_, row| row.in_excess(), excess),
            by_change: ranked(&|_, row| row.changed(), |row| {
                row.change.map_or(0.0, |change| change.difference)
            }),
            unnoticed: ranked(&unnoticed, excess),
            items: Vec::new(),
        };
        Ok(Forecast { items, ..forecast })
    }

    fn lie_ahead(&self, asked: &Asked<'_>, options: &ForecastOptions<'_>) -> Result<Ahead> {
        let horizons = &options.reference.horizons;
        let longest = horizons.iter().map(|h| h.0).max_by(f64::total_cmp);
        let longest = longest.ok_or(Error::Option { what: "horizons" })?;
        let outcomes = options.targets.iter().flat_map(|target| {
            let bins = target.limit.as_ref().map(|limit| limit.bins);
            let within = move |horizon: &Days| Outcome::within(&target.ids, bins, *horizon);
            horizons.iter().map(within)
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        let how = (&options.sampling, options.before);
        let (pool, raws) = self.pool_after(asked, Days(longest), &outcomes, how)?;
        Ok(Ahead {
            raws,
            censored_share: pool.censored_share(),
        })
    }

    /// The query head's curves of all targets before death; none where there is no such head.
    fn direct(&self, asked: &Asked<'_>, targets: &[Target]) -> Result<Vec<Option<Incidence>>> {
        if !self.has_queries() {
            return Ok(vec![None; targets.len()]);
        }
        let sides = |target: &Target| Some(self.target_sides(target));
        let sides: Vec<_> = targets.iter().map(sides).collect();
        let mut curves = self.curves(std::slice::from_ref(asked), &sides)?;
        curves.pop().ok_or(Error::EmptyHistory)
    }

    /// A target and what ends the wait for it: death, unless it is the target.
    pub(crate) fn target_sides(&self, target: &Target) -> Sides {
        let death = self.vocabulary().death_id();
        let atom = |id: &u32| match &target.limit {
            None => Atom::code(*id),
            Some(limit) => Atom {
                code: *id,
                bin_first: limit.bins.0,
                bin_last: limit.bins.1,
            },
        };
        let predicate: Arc<[Atom]> = target.ids.iter().map(atom).collect();
        let competing = (target.kind != Kind::Death).then(|| Atom::code(death));
        (predicate, competing.into_iter().collect())
    }

    fn items(
        &self,
        asked: &Asked<'_>,
        options: &ForecastOptions<'_>,
        (now, then, direct): (&Ahead, Option<&Ahead>, &[Option<Incidence>]),
    ) -> Vec<Item> {
        let horizons = &options.reference.horizons;
        let who = Who::of(asked.timeline, asked.at);
        let history = asked.timeline.history(asked.at);
        let item = |(index, target): (usize, &Target)| {
            let held = history
                .iter()
                .filter(|event| target.holds(self.vocabulary(), event));
            let times: Vec<Option<Instant>> = held.map(|event| event.time).collect();
            let row = |(place, horizon): (usize, &Days)| {
                let raw = &now.raws[index * horizons.len() + place];
                let change = then.map(|then| {
                    let then = &then.raws[index * horizons.len() + place];
                    Change {
                        difference: shown(raw).estimate - shown(then).estimate,
                        standard_error: raw.standard_error.hypot(then.standard_error),
                    }
                });
                let about = (target, !times.is_empty());
                let direct = direct[index].as_ref().map(|curve| curve.within(horizon.0));
                Row {
                    horizon: *horizon,
                    answer: answer((raw, direct), |direct| {
                        options.calibration?.apply(target.kind, *horizon, direct)
                    }),
                    risk: shown(raw),
                    cut_short: raw.censored_share,
                    direct,
                    expected: options.reference.expected(&who, about, place),
                    change,
                }
            };
            Item {
                target: target.clone(),
                before: u32::try_from(times.len()).unwrap_or(u32::MAX),
                last: times.iter().flatten().max().copied(),
                rows: horizons.iter().enumerate().map(row).collect(),
            }
        };
        options.targets.iter().enumerate().map(item).collect()
    }
}

/// The estimates of all targets at all horizons, target by target.
struct Ahead {
    raws: Vec<Raw>,
    censored_share: f64,
}

/// What is shown of an estimate: by chance it may lie outside 0 to 1 by a little.
fn shown(raw: &Raw) -> MonteCarlo {
    let raw = raw.monte_carlo();
    MonteCarlo {
        estimate: raw.estimate.clamp(0.0, 1.0),
        ..raw
    }
}

/// The query head's calibrated risk where there is one; else that of futures, unless too many of
/// them were cut short and the query head can stand in.
fn answer((raw, direct): (&Raw, Option<f64>), calibrated: impl Fn(f64) -> Option<f64>) -> Answer {
    let by_head = |risk, calibrated| Answer {
        risk,
        by: By::QueryHead,
        calibrated,
    };
    match (direct.and_then(calibrated), direct) {
        (Some(risk), _) => by_head(risk, true),
        (None, Some(risk)) if raw.censored_share > CUT_MAX => by_head(risk, false),
        (None, _) => Answer {
            risk: shown(raw).estimate,
            by: By::Futures,
            calibrated: false,
        },
    }
}

fn unnoticed(item: &Item, row: &Row) -> bool {
    let likely = row.answer.risk >= SIGN_RISK_MIN;
    let twice = |expected: Expected| row.answer.risk >= SIGN_RATIO_MIN * expected.risk;
    let thinkable = matches!(item.target.kind, Kind::Diagnosis | Kind::Death);
    let agrees = |expected: Expected| {
        let direct = row.direct;
        direct.is_none_or(|direct| direct >= SIGN_RATIO_MIN * expected.risk)
    };
    let high =
        likely && row.expected.is_some_and(|one| twice(one) && agrees(one)) && row.in_excess();
    thinkable && item.before == 0 && high
}

#[cfg(test)]
mod tests;
