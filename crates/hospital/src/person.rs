//! Who a patient is, and over which days the hospital observes the patient: drawn once, before and
//! apart from the course of health.
//!
//! All distributions here are assumed. Race and ethnicity act on nothing.

use crate::Options;
use crate::calendar::{LocalDays, YEAR, day_of};
use crate::random::{Purpose, Random};
use serde::{Deserialize, Serialize};

/// Where care is given. The sites differ in whom they serve, how they code and how often they
/// measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// Site A: codes in detail, measures as a matter of course.
    A,
    /// Site B: codes diabetes late and vaguely, and with less specific codes throughout; measures
    /// less.
    B,
    /// Site C: serves more deprived people; measures more, but see the planted inequity.
    C,
}

/// The facts about a patient that do not change.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) male: bool,
    pub(crate) site: Site,
    /// Quintile, 1 (least) to 5 (most deprived).
    pub(crate) deprivation: u8,
    /// 0 never, 1 once, 2 now; at entry.
    pub(crate) smoking: u8,
    /// A number into the lists of races and of ethnicities.
    pub(crate) race: usize,
    pub(crate) ethnicity: usize,
    /// The day of birth.
    pub(crate) birth_day: i64,
    /// The first registration: observation starts.
    pub(crate) entry: LocalDays,
    /// Moving away or the export, whichever comes first: observation ends unless death came before.
    pub(crate) end: LocalDays,
    /// Whether the end is a move.
    pub(crate) moved: bool,
    /// The day at whose start risks are asked for, if observation is long enough. It depends on the
    /// planned span alone, never on health, so that it selects nobody.
    pub(crate) index_day: Option<i64>,
    /// Whether the planted inequity acts at all.
    pub(crate) inequity: bool,
}

/// The days of history before an index date at least.
const HISTORY_DAYS: f64 = 365.0;

impl Site {
    /// Its letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

impl Person {
    /// Draws the person with this index.
    pub(crate) fn draw(options: &Options, index: u32) -> Self {
        let mut random = Random::stream(options.seed, index, Purpose::Person);
        let r = &mut random;
        let site = [Site::A, Site::B, Site::C][weighted(r, &[0.4, 0.3, 0.3])];
        let quintiles = match site {
            Site::A => [0.26, 0.25, 0.21, 0.17, 0.11],
            Site::B => [0.2; 5],
            Site::C => [0.07, 0.12, 0.20, 0.26, 0.35],
        };
        let deprivation = 1 + weighted(r, &quintiles);
        let male = r.chance(0.48);
        let age = entry_age(r);
        let smoker = 0.08 + 0.03 * deprivation as f64 - if age > 65.0 { 0.08 } else { 0.0 };
        let smoking = [2, 1, 0][weighted(r, &[smoker, 0.26, 1.0 - 0.26 - smoker])];
        let (entry, end, moved) = span(r);
        let index_day = index_day(r, entry, end);
        let birth = entry - age * YEAR;
        Self {
            male,
            site,
            deprivation: u8::try_from(deprivation).unwrap_or(5),
            smoking,
            race: weighted(r, &[0.58, 0.21, 0.09, 0.02, 0.10]),
            ethnicity: weighted(r, &[0.84, 0.16]),
            birth_day: floor(birth),
            entry,
            end,
            moved,
            index_day,
            inequity: options.inequity,
        }
    }

    /// Whether the planted inequity falls on this patient.
    pub(crate) fn underserved(&self) -> bool {
        self.inequity && self.is_of_the_group()
    }

    /// Whether this patient is of the group that the inequity is planted on: women of the most
    /// deprived quintile at site C.
    pub(crate) fn is_of_the_group(&self) -> bool {
        !self.male && self.deprivation == 5 && self.site == Site::C
    }
}

/// The day in which a time falls.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float-to-int cast saturates, and days are below 10^6"
)]
pub(crate) fn floor(days: LocalDays) -> i64 {
    days.floor() as i64
}

/// The day of the export: nothing later is in the record.
pub(crate) fn export_day() -> i64 {
    day_of(2024, 12, 31)
}

/// A number into a list of weights that sum to one.
pub(crate) fn weighted(random: &mut Random, weights: &[f64]) -> usize {
    let mut left = random.uniform();
    for (at, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return at;
        }
    }
    weights.len() - 1
}

/// From 18 to 90, with most in later middle age.
fn entry_age(random: &mut Random) -> f64 {
    loop {
        let age = match weighted(random, &[0.22, 0.58, 0.20]) {
            0 => random.between(18.0, 50.0),
            1 => 58.0 + 12.0 * random.normal(),
            _ => random.between(60.0, 88.0),
        };
        if (18.0..90.0).contains(&age) {
            return age;
        }
    }
}

/// Entry from 2008 to 2022, sooner more often than later, in office hours; moving away at 2.5 % a
/// year; the export at the end of 2024, and never more than 15 years.
fn span(random: &mut Random) -> (LocalDays, LocalDays, bool) {
    let first = day_of(2008, 1, 7) as f64;
    let last = day_of(2022, 6, 30) as f64;
    let u = random.uniform();
    let day = floor(first + (last - first) * u * libm::sqrt(u)) as f64;
    let entry = day + random.between(8.0, 16.5) / 24.0;
    let export = (export_day() as f64).min(entry + 15.0 * YEAR);
    let leaves = entry + random.exponential() / 0.025 * YEAR;
    // Nobody moves within the first month: the hospital would not have registered them.
    let leaves = leaves.max(entry + 30.0);
    (entry, export.min(leaves), leaves < export)
}

/// Uniform over the days with a year of history and, where the span allows it, five years to come.
fn index_day(random: &mut Random, entry: LocalDays, end: LocalDays) -> Option<i64> {
    let u = random.uniform();
    let earliest = entry + HISTORY_DAYS;
    let with_five_years = end - 5.0 * YEAR - 20.0;
    let latest = if with_five_years > earliest + 90.0 {
        with_five_years
    } else {
        end - 30.0
    };
    (latest > earliest).then(|| floor(earliest + (latest - earliest) * u) + 1)
}
