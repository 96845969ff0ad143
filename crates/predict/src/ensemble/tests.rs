//! The choice between members, the parts of an answer, and what is said where rows are few.

use super::*;

/// Labels from a true logit, a member that sees it whole, one that sees half, and noise.
struct World {
    names: Vec<String>,
    risks: Vec<Vec<f64>>,
    subjects: Vec<SubjectId>,
    labels: Vec<bool>,
    truth: Vec<f64>,
}

fn world(rows: i64, seed: u64) -> World {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut world = World {
        names: ["noise", "half", "other_half"].map(str::to_owned).to_vec(),
        risks: vec![vec![]; 3],
        subjects: Vec::new(),
        labels: Vec::new(),
        truth: Vec::new(),
    };
    for subject in 0..rows {
        let unit = |draw| crate::rng::unit(seed, u32::try_from(subject).unwrap(), draw);
        let [a, b] = [unit(0), unit(1)].map(|u| 4.0 * u - 2.0);
        let logits = [4.0 * unit(2) - 2.0, a - 1.0, b - 1.0];
        for (risks, logit) in world.risks.iter_mut().zip(logits) {
            risks.push(sigmoid(logit));
        }
        world.subjects.push(SubjectId(subject));
        world.truth.push(sigmoid(a + b - 1.0));
        world.labels.push(unit(3) < sigmoid(a + b - 1.0));
    }
    world
}

fn fit(world: &World) -> Ensemble {
    let tuned = Tuned {
        members: &world.names,
        risks: &world.risks,
        subjects: &world.subjects,
        labels: &world.labels,
    };
    Ensemble::fit(&tuned, "half", 3)
}

#[test]
fn two_halves_are_stacked_and_what_is_enough_alone_stays_alone() {
    let mut both = world(6000, 1);
    let ensemble = fit(&both);
    assert_eq!(ensemble.chosen, "stack");
    assert!(ensemble.is_calibrated());
    let new = world(3000, 2);
    let mut errors = 0.0;
    for row in 0..3000 {
        let risks: Vec<f64> = new.risks.iter().map(|risks| risks[row]).collect();
        let answer = ensemble.combine(&risks);
        let logit: f64 = answer.intercept + answer.parts.iter().sum::<f64>();
        assert!((1.0 / (1.0 + (-logit).exp()) - answer.raw).abs() < 1e-12);
        let (low, high, _) = answer.interval.unwrap();
        assert!(low <= answer.risk && answer.risk <= high);
        errors += (answer.risk - new.truth[row]).abs() / 3000.0;
    }
    assert!(errors < 0.03, "{errors}");
    // One member that sees everything needs no company.
    both.risks[1] = both.truth.clone();
    both.risks[2] = both.truth.clone();
    let ensemble = fit(&both);
    assert_eq!(ensemble.chosen, "half", "{:?}", ensemble.compared);
    let answer = ensemble.combine(&[0.3, 0.7, 0.1]);
    assert!(answer.parts[0].abs() < 1e-12 && answer.parts[2].abs() < 1e-12);
}

#[test]
fn few_rows_leave_a_member_uncalibrated_and_say_so() {
    let few = world(24, 3);
    let ensemble = fit(&few);
    assert_eq!(ensemble.chosen, "half");
    assert!(ensemble.stack.is_none() && !ensemble.is_calibrated());
    let answer = ensemble.combine(&[0.3, 0.7, 0.1]);
    assert!((answer.risk - 0.7).abs() < 1e-12 && answer.interval.is_none());
    let served = ensemble.served.map(|one| one.positives + one.negatives);
    assert_eq!(served.iter().sum::<u32>(), 24);
}

#[test]
fn no_subject_serves_two_purposes_and_a_stored_ensemble_answers_the_same() {
    let ensemble = fit(&world(2000, 4));
    assert_eq!(
        ensemble.kept.len(),
        (ensemble.served[2].positives + ensemble.served[2].negatives) as usize
    );
    let text = serde_json::to_string(&ensemble).unwrap();
    let again: Ensemble = serde_json::from_str(&text).unwrap();
    for risk in [0.01, 0.2, 0.5, 0.97] {
        let risks = [risk, 1.0 - risk, risk / 2.0];
        assert_eq!(again.combine(&risks), ensemble.combine(&risks));
    }
}
