//! What a pool of futures shows besides single risks: the spread of a measurement over time, and
//! the risks of all groups of codes. Both are views of the model, uncalibrated, and carry no
//! interval but the spread itself.

use crate::calibration::percentile;
use crate::engine::{Asked, Engine, Pool};
use crate::risk::{Outcome, Raw};
use crate::sample::{Future, SampleOptions};
use crate::{Error, Result};
use longitude_core::{Code, Days, Instant};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The spread of one measurement over the time ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fan {
    /// What is measured.
    pub code: Code,
    /// The unit of the values, where there is one.
    pub unit: Option<String>,
    /// Windows of equal length up to the horizon, in order; those in which no future has a value
    /// are left out.
    pub points: Vec<FanPoint>,
}

/// One window of a fan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FanPoint {
    /// The end of the window.
    pub time: Instant,
    /// The 10th percentile over the futures with a value in the window, of each its last one.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 90th percentile.
    pub high: f64,
    /// How many futures have a value in the window: few of many says that it is seldom measured, or
    /// that few live to see it.
    pub futures: u32,
}

/// The fan of a code over `windows` windows, or `None` where the vocabulary has no values of it or
/// no future has one. Values in the code's commonest unit only: variants in other units are other
/// measurements.
pub fn fan(pool: &Pool, vocabulary: &Vocabulary, code: &Code, windows: u32) -> Option<Fan> {
    let id = vocabulary.exact(code)?;
    let bins = vocabulary.bins_of(id)?;
    let span = pool.end.0.saturating_sub(pool.at.0).max(1);
    let windows = i64::from(windows.max(1));
    let edge = |k: i64| Instant(pool.at.0.saturating_add(span / windows * k));
    let window = |k: i64| {
        let (from, to) = (
            edge(k),
            if k + 1 == windows {
                pool.end
            } else {
                edge(k + 1)
            },
        );
        let last = |future: &Future| {
            let inside = future.steps.iter().rev();
            let mut inside = inside.filter(|s| s.code == id && s.time > from && s.time <= to);
            inside.find_map(|step| step.value)
        };
        let mut values: Vec<f64> = pool.futures.iter().filter_map(last).collect();
        values.sort_by(f64::total_cmp);
        Some(FanPoint {
            time: to,
            low: percentile(&values, 0.1)?,
            median: percentile(&values, 0.5)?,
            high: percentile(&values, 0.9)?,
            futures: u32::try_from(values.len()).unwrap_or(u32::MAX),
        })
    };
    let points: Vec<FanPoint> = (0..windows).filter_map(window).collect();
    (!points.is_empty()).then(|| Fan {
        code: code.clone(),
        unit: bins.unit.clone(),
        points,
    })
}

/// What to look out for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlookOptions {
    /// Within which times.
    pub horizons: Vec<Days>,
    /// Training subjects who must have had a group's commonest code.
    pub subjects_min: u32,
    /// The most groups given.
    pub groups_max: u32,
}

/// The risk of any event of a group of codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The name of the group in the vocabulary: a category, or a code that stands alone.
    pub group: String,
    /// A code of the group: the commonest in training.
    pub code: Code,
    /// Whether the group is in the history already.
    pub before: bool,
    /// The raw estimate within each horizon, in the order asked.
    pub risks: Vec<Raw>,
}

impl Engine {
    /// A pool to the longest horizon, and from it the risks of every group of codes that enough
    /// training subjects had, the highest risk within the first horizon first.
    ///
    /// # Errors
    /// As [`Engine::raw_many`], and when no horizon is asked.
    pub fn outlook(
        &self,
        asked: &Asked<'_>,
        sampling: &SampleOptions,
        options: &OutlookOptions,
    ) -> Result<(Pool, Vec<Outlook>)> {
        let longest = options.horizons.iter().map(|h| h.0).max_by(f64::total_cmp);
        let longest = longest.ok_or(Error::Option { what: "horizons" })?;
        let groups = groups(self.vocabulary(), options.subjects_min);
        let outcomes: Vec<Outcome> = groups
            .values()
            .flat_map(|ids| {
                let outcome = |horizon: &Days| Outcome {
                    ids: ids.clone(),
                    horizon: *horizon,
                };
                options.horizons.iter().map(outcome)
            })
            .collect();
        let (pool, raws) = self.pool_with(asked, Days(longest), &outcomes, sampling)?;
        let history = asked.timeline.history(asked.at);
        let seen: Vec<u32> = history
            .iter()
            .map(|event| self.vocabulary().id(&event.code))
            .collect();
        let rows = groups.iter().zip(raws.chunks(options.horizons.len()));
        let row = |((group, ids), risks): ((&String, &Vec<u32>), &[Raw])| {
            let commonest = ids
                .iter()
                .max_by_key(|id| self.vocabulary().subjects_with(**id));
            Some(Outlook {
                group: group.clone(),
                code: self.vocabulary().base(*commonest?)?.clone(),
                before: seen.iter().any(|id| ids.binary_search(id).is_ok()),
                risks: risks.to_vec(),
            })
        };
        let mut rows: Vec<Outlook> = rows.filter_map(row).collect();
        let first = |one: &Outlook| one.risks.first().map_or(0.0, |raw| raw.estimate);
        rows.retain(|one| first(one) > 0.0);
        rows.sort_by(|a, b| first(b).total_cmp(&first(a)));
        rows.truncate(options.groups_max as usize);
        Ok((pool, rows))
    }
}

/// The ids of each category, and of each code without one, that enough training subjects had.
/// Birth is no outcome.
fn groups(vocabulary: &Vocabulary, subjects_min: u32) -> BTreeMap<String, Vec<u32>> {
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let ids = (0..).take(vocabulary.len());
    for (id, base) in ids.filter_map(|id| Some((id, vocabulary.base(id)?))) {
        if base.is_birth() {
            continue;
        }
        let category = vocabulary.group_name(vocabulary.groups(id)[1]);
        let name = category.map_or_else(|| base.to_meds().into_owned(), str::to_owned);
        groups.entry(name).or_default().push(id);
    }
    groups.retain(|_, ids| {
        ids.iter()
            .any(|id| vocabulary.subjects_with(*id) >= subjects_min)
    });
    groups
}

#[cfg(test)]
mod tests;
