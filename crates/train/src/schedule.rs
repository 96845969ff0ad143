//! The learning rate of each step: linear warm-up, then a cosine down to a tenth.
//!
//! Source: Loshchilov and Hutter 2017 (SGDR, equation 5) without restarts; the floor of a tenth
//! follows Hoffmann et al. 2022.

/// The share of the peak that is left at the last step.
const FLOOR: f64 = 0.1;

/// The learning rate of the step with this number, counted from 0.
pub(crate) fn learning_rate(step: u64, steps: u64, warmup: u64, peak: f64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let length = (steps.saturating_sub(warmup)).saturating_sub(1).max(1);
    let done = ((step - warmup) as f64 / length as f64).min(1.0);
    let cosine = f64::midpoint(1.0, (std::f64::consts::PI * done).cos());
    peak * (FLOOR + (1.0 - FLOOR) * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_peaks_and_ends_at_a_tenth() {
        let at = |step| learning_rate(step, 100, 10, 1.0);
        assert!((at(0) - 0.1).abs() < 1e-12);
        assert!((at(9) - 1.0).abs() < 1e-12);
        assert!((at(10) - 1.0).abs() < 1e-12);
        assert!((at(99) - 0.1).abs() < 1e-12);
        assert!((10..99).all(|step| at(step + 1) < at(step)));
    }

    #[test]
    fn short_runs_do_not_divide_by_zero() {
        for (steps, warmup) in [(1, 0), (1, 1), (2, 1), (3, 5)] {
            for step in 0..steps {
                let rate = learning_rate(step, steps, warmup, 1.0);
                assert!(rate > 0.0 && rate <= 1.0, "{steps} {warmup} {step}: {rate}");
            }
        }
    }
}
