//! The estimators' means on small chains, by walking every future: unbiased to rounding, not only
//! within a standard error.

use super::*;

const X: u32 = 1;
const END: u32 = 2;
const LAB: u32 = 3;
const A: u32 = 4;
/// Times of the steps, the second and third a tie.
const TIMES: [i64; 4] = [1, 2, 2, 4];

/// The law of the next code: what happened before matters.
fn law(path: &[u32]) -> [f32; 5] {
    let worse = path.iter().filter(|code| **code == A).count() as f32;
    let x = 0.08 + 0.1 * worse;
    let lab = 0.25 - 0.03 * worse;
    [0.0, x, 0.15, lab, 0.85 - x - lab]
}

/// The law of the value bins of a laboratory result: none, low, high.
fn bins(path: &[u32]) -> Vec<f32> {
    if path.len().is_multiple_of(2) {
        vec![0.2, 0.5, 0.3]
    } else {
        vec![0.1, 0.2, 0.7]
    }
}

/// The mean of something over all futures, as `outcomes` has them drawn.
fn mean_of(outcomes: &Outcomes, of: &dyn Fn(&Tally) -> f64) -> f64 {
    walk(outcomes, &mut Vec::new(), &outcomes.tallies(), of)
}

fn walk(
    outcomes: &Outcomes,
    path: &mut Vec<u32>,
    tallies: &[Tally],
    of: &dyn Fn(&Tally) -> f64,
) -> f64 {
    let before = path.len().checked_sub(1).map(|last| TIMES[last]);
    let done = before.is_some_and(|time| outcomes.settled(tallies, time));
    let Some(&time) = TIMES.get(path.len()).filter(|_| !done) else {
        return of(&tallies[0]);
    };
    let mut tallies = tallies.to_vec();
    let mut codes = law(path);
    outcomes.avoid_codes(&mut tallies, time, &mut codes);
    let all: f32 = codes.iter().sum();
    if all <= 0.0 {
        return of(&tallies[0]);
    }
    let mut mean = 0.0;
    for code in 0..5 {
        let share = f64::from(codes[code as usize] / all);
        if share > 0.0 {
            mean += share * marked(outcomes, path, (&tallies, &codes, code), of);
        }
    }
    mean
}

/// The mean over the values of a code that was drawn. A bin's mass is looked at in quarters.
fn marked(
    outcomes: &Outcomes,
    path: &mut Vec<u32>,
    (tallies, codes, code): (&[Tally], &[f32], u32),
    of: &dyn Fn(&Tally) -> f64,
) -> f64 {
    let time = TIMES[path.len()];
    let mut tallies = tallies.to_vec();
    let mut weights = if code == LAB { bins(path) } else { Vec::new() };
    let avoided = outcomes.avoid_values(&mut tallies, (time, code), &mut weights);
    let all: f32 = weights.iter().sum();
    if code == LAB && all <= 0.0 {
        return of(&tallies[0]);
    }
    let drawn: Vec<(u16, f64)> = if code == LAB {
        (0..3)
            .map(|bin| (bin, f64::from(weights[usize::from(bin)] / all)))
            .collect()
    } else {
        vec![(0, 1.0)]
    };
    let mut mean = 0.0;
    for (bin, share) in drawn.into_iter().filter(|(_, share)| *share > 0.0) {
        for quarter in [0.125, 0.375, 0.625, 0.875] {
            let place = avoided.map_or(quarter, |mark| mark.outside(bin, quarter));
            let step = Drawn {
                codes,
                code,
                bins: &weights,
                bin,
                place,
            };
            let mut after = tallies.clone();
            outcomes.step(&mut after, &mut Vec::new(), time, &step);
            path.push(code);
            mean += share / 4.0 * walk(outcomes, path, &after, of);
            path.pop();
        }
    }
    mean
}

/// Outcomes of every kind: codes, values, both, a window that opens late, competing events.
fn outcomes() -> Vec<(&'static str, Outcome)> {
    let micros = |count: i64| Days::from_micros(count);
    let within = |marks: Vec<Mark>| Outcome {
        marks,
        competing: Vec::new(),
        from: Days(0.0),
        horizon: micros(4),
    };
    // The upper half of the high bin, and half of the low one.
    let high = Mark {
        id: LAB,
        values: Values::Parts(vec![vec![], vec![(0.25, 0.75)], vec![(0.5, 1.0)]].into()),
    };
    let bin = Mark {
        id: LAB,
        values: Values::Bins(2, 2),
    };
    let x = || within(vec![Mark::any(X)]);
    vec![
        ("a code", x()),
        ("two codes", within(vec![Mark::any(X), Mark::any(LAB)])),
        ("a bin", within(vec![bin.clone()])),
        ("parts of bins", within(vec![high.clone()])),
        (
            "a code and values",
            within(vec![Mark::any(X), high.clone()]),
        ),
        (
            "a window that opens late",
            Outcome {
                from: micros(1),
                ..x()
            },
        ),
        (
            "a window that ends early",
            Outcome {
                horizon: micros(2),
                ..x()
            },
        ),
        (
            "a competing code",
            Outcome {
                competing: vec![Mark::any(END)],
                ..within(vec![Mark::any(X), high])
            },
        ),
        (
            "a competing value",
            Outcome {
                competing: vec![bin],
                from: micros(1),
                ..x()
            },
        ),
    ]
}

#[test]
fn every_estimator_has_the_mean_of_plain_counting() {
    for (name, outcome) in outcomes() {
        let plain = Outcomes::new(std::slice::from_ref(&outcome), Instant(0));
        let truth = mean_of(&plain, &|tally| f64::from(u8::from(tally.hit)));
        assert!((0.02..0.98).contains(&truth), "{name}: {truth}");
        let scope = mean_of(&plain, &|tally| tally.scope);
        assert!((scope - truth).abs() < 1e-6, "{name}: {scope} {truth}");
        let avoiding = Outcomes::avoiding(&outcome, Instant(0));
        let reach = mean_of(&avoiding, &|tally| 1.0 - tally.avoided);
        assert!((reach - truth).abs() < 1e-6, "{name}: {reach} {truth}");
        // What avoids the outcome never meets it, and spreads less than counting does.
        let met = mean_of(&avoiding, &|tally| f64::from(u8::from(tally.hit)));
        assert!(met.abs() < 1e-12, "{name}: {met}");
        let spread = mean_of(&avoiding, &|tally| (1.0 - tally.avoided - truth).powi(2));
        assert!(spread < truth * (1.0 - truth), "{name}: {spread}");
    }
}

#[test]
fn the_control_variates_moments_are_those_of_the_futures() {
    for (name, outcome) in outcomes() {
        let plain = Outcomes::new(std::slice::from_ref(&outcome), Instant(0));
        let hit = |tally: &Tally| f64::from(u8::from(tally.hit));
        let variance = mean_of(&plain, &|tally| (hit(tally) - tally.scope).powi(2));
        let stated = mean_of(&plain, &|tally| tally.scope - tally.squares);
        assert!(
            (variance - stated).abs() < 1e-6,
            "{name}: {variance} {stated}"
        );
        let product = mean_of(&plain, &|tally| tally.scope * (hit(tally) - tally.scope));
        let stated = mean_of(&plain, &|t| -(t.scope * t.scope - t.squares) / 2.0);
        assert!(
            (product - stated).abs() < 1e-6,
            "{name}: {product} {stated}"
        );
    }
}

#[test]
fn a_range_of_values_counts_by_the_law_that_draws_them() {
    let values: Vec<f64> = (0..200).map(|i| f64::from(i) / 10.0).collect();
    let bins = Bins::fit(&values, None, 8).unwrap();
    let range = [(Bound::Excluded(3.3), Bound::Included(12.0))];
    let mark = Mark::ranged(LAB, Some(&bins), false, &range).unwrap();
    assert!(mark.whole_bins().is_none());
    for bin in 1..=bins.len() {
        for place in (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0) {
            let value = bins.sample(bin, place);
            let counts = value > 3.3 && value <= 12.0;
            assert_eq!(mark.holds(bin, place), counts, "{bin} {place} {value}");
            let outside = bins.sample(bin, mark.outside(bin, place));
            let left = mark.share(usize::from(bin)) < 1.0;
            assert!(!left || outside <= 3.3 || outside > 12.0, "{bin} {outside}");
        }
    }
    assert!(!mark.holds(0, 0.5));
    let nothing = Mark::ranged(LAB, None, false, &range);
    assert!(nothing.is_none());
    let everything = [(Bound::Unbounded, Bound::Unbounded)];
    let all = Mark::ranged(LAB, Some(&bins), true, &everything).unwrap();
    assert_eq!(all.whole_bins(), Some((0, bins.len())));
}
