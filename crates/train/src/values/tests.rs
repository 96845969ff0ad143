//! Scores in the world of known law, where values depend on the state before.

use super::*;
use crate::evaluate::evaluate;
use crate::run::train;
use crate::world::world;
use crate::{Control, marginal_model};

/// Every value that the likelihood scores is scored here, once.
fn scored(model: Model, world: &crate::world::World) -> CodeValues {
    let options = EvaluateOptions {
        batch_tokens: 1024,
        overlap_positions: 16,
        kernels: longitude_model::Level::best().name().to_owned(),
        threads: 1,
    };
    let model = Arc::new(model);
    let values = evaluate_values(&model, &world.vocabulary, &world.held_out, &options).unwrap();
    assert_eq!(values.codes.len(), 1, "one code has values");
    let only = values.codes.into_values().next().unwrap();
    let losses = evaluate(&model, &world.held_out_tokens(), &options).unwrap();
    assert_eq!(only.events, losses.values);
    only
}

/// The marginal model scores as the marginal; after training, less is lost, and intervals hold
/// what they say.
#[test]
fn learnt_values_beat_the_marginal_and_are_covered() {
    let world = world(400, 60);
    let options = world.options(120);
    let before = scored(marginal_model(&world.data, &options).unwrap(), &world);
    assert!(before.events > 700);
    assert!(before.skill().unwrap().abs() < 0.02);
    let trained = train(&world.data, &options, &mut |_| Control::Continue).unwrap();
    let after = scored(trained.model, &world);
    assert_eq!(after.events, before.events);
    assert!(after.skill().unwrap() > 0.03, "{:?}", after.skill());
    assert!(after.skill_over_carried().unwrap() > 0.2);
    for (covered, level) in after.coverage().unwrap().into_iter().zip(LEVELS) {
        assert!((covered - level).abs() < 0.06, "{covered} of {level}");
    }
}

#[test]
fn the_table_has_a_line_a_code_with_enough_values() {
    let mut values = Values::default();
    let code = CodeValues {
        code: "LOINC//1".to_owned(),
        events: 4,
        crps: 2.0,
        crps_marginal: 4.0,
        covered: [2.0, 3.0, 4.0],
        ..CodeValues::default()
    };
    values.codes.insert(7, code);
    let table = values.table(4);
    let line = "| LOINC//1 |  | 4 | 0.500 | 1.000 | 50.0 % | 0 | - | - | - | 50.0 % | 75.0 % | \
                100.0 % |";
    assert!(table.contains(line), "{table}");
    assert!(!values.table(5).contains("LOINC"));
}
