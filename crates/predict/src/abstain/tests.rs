//! Each refusal by its own cause.

use super::*;
use crate::fixture;
use longitude_core::{Days, Instant, Observation, Predicate};

fn task(incident: bool) -> Task {
    Task {
        id: "x".into(),
        title: "X within 30 days".into(),
        outcome: Predicate::code(Code::from_meds("X")),
        horizon: Days(30.0),
        incident,
    }
}

fn population() -> Population {
    let vocabulary = fixture::vocabulary();
    let tasks = [task(true)];
    let mut builder = PopulationBuilder::new(&vocabulary, &tasks);
    for subject in 0..20 {
        builder.observe(&fixture::patient(subject, 24));
    }
    builder.finish()
}

#[test]
fn a_population_is_what_the_training_subjects_were() {
    expect_test::expect![[r#"
        {
          "subjects": 20,
          "age_years_low": 40.0,
          "age_years_high": 41.0,
          "unknown_share_high": 0.0,
          "outcome_subjects": {
            "x": 20
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&population()).unwrap());
}

fn refusal(
    (events, born): (&[(&str, f64)], f64),
    incident: bool,
    population: &Population,
) -> Option<Abstention> {
    let mut rows = vec![("MEDS_BIRTH", born * -Days::PER_YEAR)];
    rows.extend_from_slice(events);
    let timeline = fixture::timeline(1, &rows, Observation::UNKNOWN);
    let at = Instant(0).plus(Days(10.0));
    let task = task(incident);
    let history = timeline.history(at);
    let before = history.iter().any(|event| task.outcome.holds(event));
    HistoryFacts::of(&fixture::vocabulary(), &timeline, at).refuse(
        &task.id,
        incident && before,
        population,
        &AbstainOptions::research(),
    )
}

#[test]
fn each_reason_has_its_cause() {
    let known = [("A", 1.0), ("B", 2.0), ("A", 3.0), ("B", 4.0), ("A", 5.0)];
    let with = |code, day| [&known[..], &[(code, day)]].concat();
    let population = population();
    let rare = Population {
        outcome_subjects: [("x".to_owned(), 19)].into(),
        ..population.clone()
    };
    let cases = [
        refusal((&known, 40.0), true, &population),
        refusal((&with("MEDS_DEATH", 6.0), 40.0), true, &population),
        // What happens after the prediction time is not looked at.
        refusal((&with("MEDS_DEATH", 11.0), 40.0), true, &population),
        refusal((&with("X", 6.0), 40.0), true, &population),
        refusal((&with("X", 6.0), 40.0), false, &population),
        refusal((&known[..3], 40.0), true, &population),
        refusal(
            (&[&known[..], &[("Q", 6.0); 3]].concat(), 40.0),
            true,
            &population,
        ),
        refusal((&known, 80.0), true, &population),
        refusal((&known, 2.0), true, &population),
        refusal((&known, 40.0), true, &rare),
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|case| case.as_ref().map_or("answer".into(), ToString::to_string))
        .collect();
    expect_test::expect![[r"
        answer
        the record ends in death before the prediction time
        answer
        the outcome is already in the record
        answer
        too little history: 3 events, 5 needed
        33 % of the history's codes are unknown to the model, at most 25 % allowed
        outside the population that the model learnt from: older than the training subjects
        outside the population that the model learnt from: younger than the training subjects
        only 19 training subjects had the outcome, 20 needed"]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn cut_futures_are_refused_above_the_threshold() {
    let options = AbstainOptions::research();
    assert_eq!(refuse_censored(0.2, &options), None);
    let share = 0.21;
    assert_eq!(
        refuse_censored(share, &options),
        Some(Abstention::Censored { share })
    );
}
