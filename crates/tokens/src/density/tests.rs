//! The score against sums over fine grids and known laws, and the coverage of true forecasts.

use super::*;

/// Values 0 to 99, ten bins of ten, and with 5 so frequent that it is an atom.
fn bins(atom: bool) -> Bins {
    let mut values: Vec<f64> = (0..100).map(f64::from).collect();
    if atom {
        values.extend([5.0; 200]);
        values.sort_by(f64::total_cmp);
    }
    Bins::fit(&values, None, 10).unwrap()
}

fn skewed(bins: &Bins) -> Density {
    let weights = (1..=bins.bins.len()).map(|i| 1.0 / i as f64);
    bins.density(weights).unwrap()
}

#[test]
fn the_score_is_the_integral() {
    for atom in [false, true] {
        let density = skewed(&bins(atom));
        for value in [-30.0, 0.0, 5.0, 37.25, 99.0, 140.0] {
            let (low, high, n) = (-50.0, 200.0, 500_000);
            let step = (high - low) / f64::from(n);
            let grid = (0..n).map(|i| low + step * (f64::from(i) + 0.5));
            let integral: f64 = grid
                .map(|x| {
                    let reached = if x >= value { 1.0 } else { 0.0 };
                    (density.cdf(x) - reached).powi(2) * step
                })
                .sum();
            let score = density.crps(value);
            assert!((score - integral).abs() < 1e-3, "{score} is not {integral}");
        }
    }
}

/// A uniform law on [0, w] scores w / 12 at its middle and w / 3 at its end.
#[test]
fn a_uniform_law_scores_as_on_paper() {
    let bins = bins(false);
    let density = bins.marginal().unwrap();
    assert!((density.crps(49.5) - 100.0 / 12.0).abs() < 0.2);
    assert!((density.crps(99.5) - 100.0 / 3.0).abs() < 0.2);
}

#[test]
fn a_true_forecast_covers_what_it_says_and_a_wrong_one_does_not() {
    for atom in [false, true] {
        let bins = bins(atom);
        let truth = skewed(&bins);
        let half = bins.step / 2.0;
        // The mean over all recorded values, each by its true probability.
        let mean = |density: &Density, level: f64| -> f64 {
            let values = (-1..=101).map(f64::from);
            let mass = |v: f64| truth.cdf(v + half) - truth.cdf(v - half);
            values.map(|v| mass(v) * density.covered(v, level)).sum()
        };
        for level in [0.5, 0.8, 0.9] {
            let covered = mean(&truth, level);
            assert!((covered - level).abs() < 1e-9, "{covered} is not {level}");
        }
        let wrong = bins.marginal().unwrap();
        assert!((mean(&wrong, 0.5) - 0.5).abs() > 0.01);
    }
}

#[test]
fn weights_without_mass_make_no_density() {
    let bins = bins(false);
    assert!(bins.density(bins.bins.iter().map(|_| 0.0)).is_none());
    assert!(bins.density([1.0]).is_none());
}
