//! The effects of `effects.rs` as a matrix, and the hazards of one state by it.
//!
//! All lanes are computed at once in `f32`: a hazard is exact to about seven digits, and the truth
//! is what this code computes, for rollouts use it too.

use crate::effects::{BASES, EFFECTS, Factor, Process, SWITCHES};
use std::sync::LazyLock;

/// The number of processes, rounded up to full vector registers; the last lanes never happen.
pub(crate) const LANES: usize = 24;

/// How many factors are quantities.
pub(crate) const QUANTITIES: usize = Factor::ALL.len() - SWITCHES;

/// Logarithms of hazards.
struct Matrix {
    base: [f32; LANES],
    switches: [[f32; LANES]; SWITCHES],
    quantities: [[f32; LANES]; QUANTITIES],
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the table is rounded to single precision on purpose"
)]
static MATRIX: LazyLock<Matrix> = LazyLock::new(|| {
    let mut matrix = Matrix {
        base: [NEVER; LANES],
        switches: [[0.0; LANES]; SWITCHES],
        quantities: [[0.0; LANES]; QUANTITIES],
    };
    for base in BASES {
        matrix.base[base.process as usize] =
            libm::log(base.per_year / crate::calendar::YEAR) as f32;
    }
    for effect in EFFECTS {
        let log_ratio = libm::log(effect.hazard_ratio) as f32;
        let factor = effect.factor as usize;
        let row = if factor < SWITCHES {
            &mut matrix.switches[factor]
        } else {
            &mut matrix.quantities[factor - SWITCHES]
        };
        row[effect.process as usize] = log_ratio;
    }
    matrix
});

/// The logarithm of a hazard that is as good as none.
const NEVER: f32 = -80.0;

/// The hazards a day of every process, and their sum over those that `eligible` lets happen.
#[derive(Clone, Debug)]
pub(crate) struct Hazards {
    /// A day, by the number of the process.
    pub(crate) lanes: [f32; LANES],
    /// Their sum.
    pub(crate) total: f32,
}

impl Hazards {
    /// No hazards: the value before the first computation.
    pub(crate) const NONE: Self = Self {
        lanes: [0.0; LANES],
        total: 0.0,
    };

    /// The hazards of a state: `switches` by the bit of each factor, `quantities` in the order of
    /// the factors after them, `eligible` by the bit of each process.
    pub(crate) fn of(switches: u32, quantities: &[f32; QUANTITIES], eligible: u32) -> Self {
        let matrix = &*MATRIX;
        let mut logs = matrix.base;
        let mut left = switches;
        while left != 0 {
            let row = &matrix.switches[left.trailing_zeros() as usize];
            for lane in 0..LANES {
                logs[lane] += row[lane];
            }
            left &= left - 1;
        }
        for (row, x) in matrix.quantities.iter().zip(quantities) {
            for lane in 0..LANES {
                logs[lane] += x * row[lane];
            }
        }
        let mut lanes = [0.0; LANES];
        let mut total = 0.0;
        for lane in 0..LANES {
            lanes[lane] = exponential(logs[lane]);
        }
        for (lane, hazard) in lanes.iter_mut().enumerate() {
            if eligible >> lane & 1 == 0 {
                *hazard = 0.0;
            }
            total += *hazard;
        }
        Self { lanes, total }
    }

    /// The hazard of one process, a day.
    pub(crate) fn one(&self, process: Process) -> f64 {
        f64::from(self.lanes[process as usize])
    }

    /// The process that a number uniform on 0 to 1 chooses, in proportion to the hazards.
    pub(crate) fn choose(&self, uniform: f64) -> Process {
        let mut left = uniform * f64::from(self.total);
        let mut last = Process::Visit;
        for &process in Process::ALL {
            let hazard = self.one(process);
            if hazard > 0.0 {
                last = process;
                left -= hazard;
                if left < 0.0 {
                    break;
                }
            }
        }
        last
    }
}

/// `e^x` for `x` in -87 to 88: the power of two by the exponent's bits, the rest by Taylor's series
/// to degree 6 on half a binade (error below 2e-7). It has no branch, so that lanes go together.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the argument is clamped so that the rounded exponent lies in 1 to 254"
)]
#[inline]
fn exponential(x: f32) -> f32 {
    let scaled = x.clamp(-87.0, 87.0) * std::f32::consts::LOG2_E;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    let whole = (scaled + 12_582_912.0) - 12_582_912.0;
    let r = (scaled - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    series * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_one() {
        for step in -800..800_i16 {
            let x = f32::from(step) / 10.0;
            let exact = libm::exp(f64::from(x));
            let error = (f64::from(exponential(x)) - exact).abs() / exact;
            assert!(error < 5e-6, "{x}: {error}");
        }
    }

    #[test]
    fn hazards_are_the_tables() {
        let none = [0.0; QUANTITIES];
        let all = u32::MAX >> 1;
        let reference = Hazards::of(0, &none, all);
        let smoker = Hazards::of(1 << Factor::Smoker as u32, &none, all);
        let ratio = smoker.one(Process::Copd) / reference.one(Process::Copd);
        assert!((ratio - 9.0).abs() < 1e-4, "{ratio}");
        let yearly = reference.one(Process::Visit) * 365.25;
        assert!((yearly - 1.5).abs() < 1e-4, "{yearly}");
        assert_eq!(reference.choose(1e-12), Process::Hypertension);
        assert_eq!(reference.choose(1.0), Process::Elective);
        let only = Hazards::of(0, &none, 1 << Process::Death as u32);
        assert_eq!(only.choose(0.3), Process::Death);
    }
}
