//! Simulated histories of predictions with a known change, or none.
#![allow(
    dead_code,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test and a benchmark use different parts; months, sites and rows are small counts"
)]

use longitude_eval::Options;
use longitude_eval::monitor::{MonitorOptions, Served, Tolerance};

/// Months of a plan.
pub(crate) const MONTHS: usize = 24;

/// The month, from 0, at whose start something changes.
pub(crate) const CHANGE_MONTH: usize = 6;

const DAYS: f64 = 30.0;
/// The plan's horizon.
pub(crate) const HORIZON: f64 = 30.0;
const REFERENCE_ROWS: usize = 6_000;

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: outcomes come with the risks' own odds.
    None,
    /// Outcomes come at the edge of the tolerance from the first month on.
    Edge,
    /// O/E 1.3 at all sites.
    Calibration,
    /// O/E 1.3 at one site.
    CalibrationAtOneSite,
    /// The model sees only a sign of what it saw: AUROC 0.78 becomes 0.70, calibrated.
    Discrimination,
    /// One input at one site is told in another unit.
    Unit,
    /// One input moves by a third of a standard deviation at all sites.
    Drift,
    /// One input is absent in 30 % of rows at one site instead of 5 %.
    Missing,
}

impl Change {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[
        Self::None,
        Self::Edge,
        Self::Calibration,
        Self::CalibrationAtOneSite,
        Self::Discrimination,
        Self::Unit,
        Self::Drift,
        Self::Missing,
    ];

    /// The stream that it is planted for, by its part and name.
    pub(crate) fn stream(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::None | Self::Edge => None,
            Self::Calibration => Some(("all", "calibration")),
            Self::CalibrationAtOneSite => Some(("B", "calibration")),
            Self::Discrimination => Some(("all", "discrimination")),
            Self::Unit => Some(("B", "input creatinine")),
            Self::Drift => Some(("all", "input events")),
            Self::Missing => Some(("B", "missing input creatinine")),
        }
    }

    /// In words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Edge => "none: odds 1.1, the tolerance's edge",
            Self::Calibration => "O/E 1.3",
            Self::CalibrationAtOneSite => "O/E 1.3 at one site",
            Self::Discrimination => "AUROC 0.78 to 0.70, calibrated",
            Self::Unit => "an input's unit at one site",
            Self::Drift => "an input moves by 0.33 SD",
            Self::Missing => "an input 5 -> 30 % absent, one site",
        }
    }
}

/// Columns of rows.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) subjects: Vec<u64>,
    pub(crate) times: Vec<f64>,
    pub(crate) risks: Vec<Option<f64>>,
    pub(crate) labels: Vec<Option<bool>>,
    pub(crate) groups: Vec<(String, Vec<String>)>,
    pub(crate) inputs: Vec<(String, Vec<Option<f64>>)>,
}

impl Columns {
    /// Lent.
    pub(crate) fn served(&self) -> Served<'_> {
        Served {
            subjects: &self.subjects,
            times: &self.times,
            risks: &self.risks,
            labels: &self.labels,
            groups: &self.groups,
            inputs: &self.inputs,
        }
    }
}

/// SplitMix64, as a stream of numbers.
pub(crate) struct Draws(pub u64);

impl Draws {
    /// Uniform on 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, nearly: the sum of twelve uniform numbers.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A history and its reference.
pub(crate) struct Simulation {
    own: Columns,
    before: Columns,
}

impl Simulation {
    /// `rows` predictions a month.
    pub(crate) fn new(seed: u64, rows: usize, change: Change) -> Self {
        let mut draws = Draws(seed.wrapping_mul(0x0100_0001).wrapping_add(17));
        let mut before = empty();
        for row in 0..REFERENCE_ROWS {
            let time = -(row as f64) / 10.0 - 100.0;
            push(
                &mut before,
                &mut draws,
                1_000_000 + row as u64,
                time,
                Change::None,
            );
        }
        let mut own = empty();
        let mut latest = 0;
        for month in 0..MONTHS {
            let now = match change {
                Change::Edge => change,
                _ if month < CHANGE_MONTH => Change::None,
                _ => change,
            };
            for row in 0..rows {
                let time = (month as f64 + (row as f64 + 0.5) / rows as f64) * DAYS;
                // Every other row is about somebody of two months ago.
                let subject = if row % 2 == 1 && month >= 2 {
                    (latest as usize - rows).max(row) as u64
                } else {
                    latest
                };
                latest += 1;
                push(&mut own, &mut draws, subject, time, now);
            }
        }
        Self { own, before }
    }

    /// The history.
    pub(crate) fn served(&self) -> Served<'_> {
        self.own.served()
    }

    /// The reference.
    pub(crate) fn reference(&self) -> Served<'_> {
        self.before.served()
    }

    /// When every outcome of the plan is in.
    pub(crate) fn clock() -> f64 {
        MONTHS as f64 * DAYS + HORIZON + 1.0
    }
}

fn empty() -> Columns {
    Columns {
        groups: vec![("site".to_owned(), Vec::new())],
        inputs: vec![
            ("creatinine".to_owned(), Vec::new()),
            ("events".to_owned(), Vec::new()),
        ],
        ..Columns::default()
    }
}

fn push(to: &mut Columns, draws: &mut Draws, subject: u64, time: f64, change: Change) {
    let site = ["A", "B", "C"][(draws.uniform() * 3.0) as usize % 3];
    let frailty = draws.normal();
    // Mean about 0.15, AUROC about 0.78.
    let logit = -2.2 + 1.2 * frailty;
    let at_b = site == "B";
    let shift = match change {
        Change::Edge => 1.1_f64.ln(),
        // Odds of 1.39 make O/E 1.3 of these risks.
        Change::Calibration => 0.36,
        Change::CalibrationAtOneSite if at_b => 0.36,
        _ => 0.0,
    };
    let chance = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    let label = draws.uniform() < chance(logit + shift);
    let told = if change == Change::Discrimination {
        half_known(frailty, draws)
    } else {
        chance(logit)
    };
    let mut creatinine = (0.2 * frailty + 0.3 * draws.normal()).exp();
    let mut events = 40.0 + 10.0 * draws.normal();
    if change == Change::Unit && at_b {
        creatinine *= 88.42;
    }
    if change == Change::Drift {
        events += 3.3;
    }
    let absent = if change == Change::Missing && at_b {
        0.30
    } else {
        0.05
    };
    let creatinine = (draws.uniform() >= absent).then_some(creatinine);
    to.subjects.push(subject);
    to.times.push(time);
    to.risks.push(Some(told));
    to.labels.push(Some(label));
    to.groups[0].1.push(site.to_owned());
    to.inputs[0].1.push(creatinine);
    to.inputs[1].1.push(Some(events));
}

/// The risk of a model that sees a sign of the frailty instead of the frailty itself, with a
/// correlation of 0.7: calibrated, and with a lower AUROC.
fn half_known(frailty: f64, draws: &mut Draws) -> f64 {
    let (known, rest) = (0.7_f64, (1.0 - 0.49_f64).sqrt());
    let sign = known * frailty + rest * draws.normal();
    // Given the sign, the frailty is normal; its mean risk by the trapezoid rule.
    let (mut sum, mut weights) = (0.0, 0.0);
    for step in -12..=12 {
        let z = f64::from(step) / 3.0;
        let weight = (-z * z / 2.0).exp();
        let logit = -2.2 + 1.2 * (known * sign + rest * z);
        sum += weight / (1.0 + (-logit).exp());
        weights += weight;
    }
    sum / weights
}

/// The plan.
pub(crate) fn options() -> MonitorOptions {
    MonitorOptions {
        horizon_days: HORIZON,
        reporting_lag_days: 0.0,
        edges: (0..=MONTHS).map(|month| month as f64 * DAYS).collect(),
        false_alarm: 0.05,
        watch: 0.2,
        tolerance: Tolerance {
            odds: 1.1,
            auroc: 0.05,
            rank: 0.05,
            share: 0.05,
        },
        window_months: 0,
        released: Vec::new(),
        intervals: Options {
            seed: 0,
            resamples: 0,
        },
    }
}

/// What a monthly look at O/E, the mean of each input and its missing share would have done, each
/// site at the level 0.05, without any correction.
pub(crate) fn naive_alarm(simulation: &Simulation) -> bool {
    let (own, before) = (&simulation.own, &simulation.before);
    let z = |mean: f64, error: f64| mean.abs() > 1.96 * error;
    (0..MONTHS).any(|month| {
        ["A", "B", "C"].iter().any(|site| {
            let rows: Vec<usize> = (0..own.subjects.len())
                .filter(|&row| (own.times[row] / DAYS) as usize == month)
                .filter(|&row| own.groups[0].1[row] == *site)
                .collect();
            let (mut gap, mut variance) = (0.0, 0.0);
            for &row in &rows {
                let risk = own.risks[row].unwrap_or(0.0);
                gap += f64::from(u8::from(own.labels[row] == Some(true))) - risk;
                variance += risk * (1.0 - risk);
            }
            let inputs = own.inputs.iter().zip(&before.inputs).any(|(now, was)| {
                let now: Vec<Option<f64>> = rows.iter().map(|&row| now.1[row]).collect();
                differs(&was.1, &now)
            });
            z(gap, variance.sqrt()) || inputs
        })
    })
}

/// Two-sample tests of the mean of the logarithm and of the missing share.
fn differs(was: &[Option<f64>], now: &[Option<f64>]) -> bool {
    let logs = |values: &[Option<f64>]| -> Vec<f64> {
        values.iter().flatten().map(|v| v.max(1e-9).ln()).collect()
    };
    let moments = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        (mean, square / n)
    };
    let missing = |values: &[Option<f64>]| {
        let flags: Vec<f64> = values
            .iter()
            .map(|v| f64::from(u8::from(v.is_none())))
            .collect();
        moments(&flags)
    };
    let apart = |(a, va): (f64, f64), (b, vb): (f64, f64)| (a - b).abs() > 1.96 * (va + vb).sqrt();
    apart(moments(&logs(was)), moments(&logs(now))) || apart(missing(was), missing(now))
}
