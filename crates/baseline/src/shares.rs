//! The share with the outcome by age and sex, from labels alone: what every model must beat where a
//! task has labels but no hazard of its own.
//!
//! Bands are those of [`crate::AgeSex`]. A cell leans on its band in both sexes, a band on the
//! share of all, each worth [`PRIOR_EXAMPLES`] examples (the mean of a beta posterior; Gelman et
//! al. 2013, "Bayesian Data Analysis", section 2.4): an empty cell has the share of its band.

use crate::Example;
use crate::age_sex::{Place, band, bands};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many examples the mean that a cell leans on is worth: with ten of its own a cell counts for
/// half.
pub const PRIOR_EXAMPLES: f64 = 10.0;

/// Shares by age band and sex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgeSexShares {
    cells: BTreeMap<String, Vec<f64>>,
    bands: Vec<f64>,
    all: f64,
}

/// Examples, and those with the outcome.
#[derive(Clone, Copy, Default)]
struct Tally {
    examples: f64,
    positives: f64,
}

impl Tally {
    fn add(&mut self, label: bool) {
        self.examples += 1.0;
        self.positives += f64::from(u8::from(label));
    }

    fn toward(self, mean: f64) -> f64 {
        (self.positives + PRIOR_EXAMPLES * mean) / (self.examples + PRIOR_EXAMPLES)
    }
}

impl AgeSexShares {
    /// Counts labelled examples.
    pub(crate) fn fit(train: &[(Example<'_>, bool)]) -> Self {
        let mut cells: BTreeMap<String, Vec<Tally>> = BTreeMap::new();
        let (mut of_bands, mut all) = (vec![Tally::default(); bands()], Tally::default());
        for (example, label) in train {
            all.add(*label);
            let place = Place::of(example);
            let Some(age) = place.age_days else { continue };
            of_bands[band(age)].add(*label);
            let cells = cells.entry(place.sex);
            cells.or_insert_with(|| vec![Tally::default(); bands()])[band(age)].add(*label);
        }
        let mean = all.toward(0.5);
        let of_bands: Vec<f64> = of_bands.iter().map(|tally| tally.toward(mean)).collect();
        let shares = |cells: Vec<Tally>| {
            let pairs = cells.into_iter().zip(&of_bands);
            pairs.map(|(tally, &band)| tally.toward(band)).collect()
        };
        Self {
            cells: cells
                .into_iter()
                .map(|(sex, of)| (sex, shares(of)))
                .collect(),
            bands: of_bands,
            all: mean,
        }
    }

    /// The share of the subject's cell; that of all where the age is not known.
    pub(crate) fn predict(&self, example: &Example<'_>) -> f64 {
        let place = Place::of(example);
        let Some(age) = place.age_days else {
            return self.all;
        };
        self.cells.get(&place.sex).unwrap_or(&self.bands)[band(age)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::{Code, Days, Event, Instant, Observation, Origin, SubjectId, Timeline};

    fn person(subject: i64, years: f64, sex: &str) -> Timeline {
        let event =
            |code: &str, time| Event::new(Code::from_meds(code), time, Origin::derived("test"));
        let birth = Instant(0).plus(Days(-years * Days::PER_YEAR));
        let events = vec![
            event(&format!("GENDER//{sex}"), None),
            event("MEDS_BIRTH", Some(birth)),
        ];
        Timeline::new(SubjectId(subject), events, Observation::UNKNOWN)
    }

    #[test]
    fn a_full_cell_has_its_share_and_an_empty_one_that_of_its_band() {
        let time = Instant(0);
        let people: Vec<Timeline> = (0..1_000)
            .map(|n| person(n, if n % 2 == 0 { 42.0 } else { 82.0 }, "F"))
            .collect();
        let train: Vec<(Example<'_>, bool)> = people
            .iter()
            .enumerate()
            .map(|(n, timeline)| (Example { timeline, time }, n % 2 == 1 && n % 4 == 1))
            .collect();
        let shares = AgeSexShares::fit(&train);
        let of = |timeline: &Timeline| shares.predict(&Example { timeline, time });
        assert!(of(&person(1, 42.0, "F")) < 0.02);
        assert!((of(&person(1, 82.0, "F")) - 0.5).abs() < 0.02);
        assert!((of(&person(1, 82.0, "M")) - of(&person(1, 82.0, "F"))).abs() < 0.02);
        assert!((of(&person(1, 20.0, "F")) - 0.25).abs() < 0.02);
    }
}
