//! Tests of the facts: nothing is missing, and no small cell is told or can be reckoned.

use super::*;
use crate::report::tests::report;
use crate::world::{timeline, world};
use longitude_core::{Event, Origin};
use longitude_deid::{Deidentifier, Key, Options as Rule};

fn sealed(subject: i64, change: impl Fn(&mut Vec<Event>)) -> Deidentified<Timeline> {
    let (subject, mut events, observation) = timeline(subject, 20).into_parts();
    change(&mut events);
    let key = Key::from_bytes([7; 32]);
    let boundary = Deidentifier::new(&key, &Rule::expert_determination(30));
    boundary
        .timeline(Timeline::new(subject, events, observation))
        .0
}

fn population(women: i64, men: i64) -> Population {
    let mut counter = PopulationCounter::new();
    for subject in 0..women + men {
        let one = sealed(subject + 1, |events| {
            if subject >= women {
                events.retain(|event| &*event.code.system != "GENDER");
                let code = longitude_core::Code::new("GENDER", "male");
                events.push(Event::new(code, None, Origin::derived("test")));
            }
            if subject < 3 {
                let code = longitude_core::Code::new("RARE", "X");
                events.push(Event::new(code, None, Origin::derived("test")));
            }
        });
        counter.observe(Part::Learn, &one);
    }
    counter.finish()
}

#[test]
fn small_cells_are_held_back_and_cannot_be_reckoned() {
    let counts = |pairs: &[(&str, u64)]| {
        let pairs = pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        table(&pairs.collect())
    };
    let held = Cell::Held(Held::HeldBack);
    let one = counts(&[("a", 3), ("b", 40), ("c", 500), ("d", 0)]);
    assert_eq!(one["a"], held);
    assert_eq!(one["b"], held, "500 of 543 would give 3 away");
    assert_eq!((one["c"], one["d"]), (Cell::Shown(500), Cell::Shown(0)));
    let two = counts(&[("a", 3), ("b", 4), ("c", 500)]);
    assert_eq!(
        (two["a"], two["b"], two["c"]),
        (held, held, Cell::Shown(500))
    );
    assert_eq!(counts(&[("a", 11)])["a"], Cell::Shown(11));
}

#[test]
fn a_population_is_counted() {
    let large = population(30, 25);
    assert_eq!(large.sex["female"], Cell::Shown(30));
    assert_eq!(large.sex["male"], Cell::Shown(25));
    assert_eq!(large.subjects["learnt from"], Cell::Shown(55));
    assert!(large.observed_years.is_some());
    assert!(!large.events.contains_key("RARE"), "three subjects have it");
    assert_eq!(large.events["others"], 3);
    let small = population(30, 4);
    assert_eq!(small.sex["male"], Cell::Held(Held::HeldBack));
    assert_eq!(small.sex["female"], Cell::Held(Held::HeldBack));
    assert!(small.observed_years.is_none());
}

/// Every number under these names counts people.
fn people(json: &serde_json::Value, under: &[&str]) -> Vec<u64> {
    let mut found = Vec::new();
    for name in under {
        let table = &json["population"][name];
        for cell in table.as_object().unwrap().values() {
            assert!(cell.is_u64() || cell == "held_back", "{cell}");
            found.extend(cell.as_u64());
        }
    }
    found
}

#[test]
#[expect(clippy::too_many_lines, reason = "one list of all facts")]
fn the_facts_are_complete_and_hold_no_small_cell() {
    let world = world(40, 60);
    let options = world.options(2);
    let trained = crate::train(&world.data, &options, &mut |_| crate::Control::Continue).unwrap();
    let data = DataFacts {
        dataset: Digest([1; 32]),
        deidentification: Digest([2; 32]),
        tokens: world.data.data_digest(),
    };
    let mut report = report();
    report.record = trained.record.clone();
    let population = population(30, 4);
    let mut facts = ModelFacts::new(
        &trained.model,
        &world.vocabulary,
        (data, population),
        &report,
    );
    let nats = trained.record.last_batch.unwrap();
    for (split, subjects) in [("train", 40), ("held_out", 5)] {
        if let Some(one) = SplitFacts::of(nats, 1000, subjects) {
            facts.likelihood.insert(split.to_owned(), one);
        }
    }
    let json = serde_json::to_value(&facts).unwrap();
    for part in [
        "version",
        "software",
        "model",
        "vocabulary",
        "data",
        "population",
        "training",
        "likelihood",
        "energy",
        "warnings",
    ] {
        assert!(!json[part].is_null(), "{part}");
    }
    for path in [
        "/model/parameters",
        "/model/parameters_by_part/layers",
        "/model/config/dim",
        "/model/ablations",
        "/vocabulary/digest",
        "/vocabulary/codes_with_values",
        "/data/dataset",
        "/data/tokens",
        "/training/steps",
        "/training/tokens",
        "/training/epochs",
        "/training/seed",
        "/training/kernels",
        "/training/options",
        "/likelihood/train/nats/wait",
        "/energy/kilowatt_hours",
        "/energy/assumption",
        "/population/events/none",
        "/population/observed_years_total",
    ] {
        assert!(
            json.pointer(path).is_some_and(|value| !value.is_null()),
            "{path}"
        );
    }
    let cells = people(&json, &["subjects", "age", "sex", "end"]);
    assert!(
        cells
            .iter()
            .all(|count| *count == 0 || *count >= SMALL_CELL),
        "{cells:?}"
    );
    assert!(
        json.pointer("/likelihood/held_out").is_none(),
        "five subjects"
    );
    let parts = json["model"]["parameters_by_part"].as_object().unwrap();
    let sum: u64 = parts.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(Some(sum), json["model"]["parameters"].as_u64());
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<ModelFacts>(&text).unwrap(), facts);
}
