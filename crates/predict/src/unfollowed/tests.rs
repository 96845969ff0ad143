//! Which results count as not followed up.

use super::*;
use crate::engine::tests::{at, engine};
use crate::fixture::{timeline, until};
use crate::targets::{Limit, Side};
use longitude_core::{Code, Timeline};

/// A record whose last laboratory value is its row's: `100 + row % 7`, so that row 6 has 106.
fn record(after: &[(&str, f64)]) -> Timeline {
    let mut rows = vec![
        ("GENDER//female", f64::NAN),
        ("MEDS_BIRTH", -40.0 * Days::PER_YEAR),
        ("A", 1.0),
        ("B", 2.0),
        ("A", 3.0),
        ("X", 4.0),
        ("LAB//1", 10.0),
    ];
    rows.extend(after);
    timeline(1, &rows, until(400.0))
}

fn found(after: &[(&str, f64)]) -> Vec<Unfollowed> {
    let engine = engine(1);
    let id = crate::fixture::chain::id(engine.vocabulary(), "LAB//1");
    let bins = engine.vocabulary().bins_of(id).unwrap();
    let target = Target {
        name: "LAB//1 >= 106 mg/dL".to_owned(),
        kind: Kind::Laboratory,
        code: Code::from_meds("LAB//1"),
        limit: Some(Limit {
            side: Side::Above,
            value: 106.0,
            unit: bins.unit.clone(),
            share: 0.1,
            bins: (bins.bin(106.0), bins.len()),
        }),
        ids: vec![id],
    };
    let timeline = record(after);
    let asked = Asked {
        timeline: &timeline,
        at: at(50.0),
    };
    let options = UnfollowedOptions::research();
    engine.unfollowed(&asked, &[target], &options).unwrap()
}

#[test]
fn a_result_is_open_until_it_is_repeated_or_something_new_begins() {
    let open = found(&[]);
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].value, open[0].source.event), (106.0, 6));
    assert!(open[0].tail > 0.0 && open[0].tail < 1.0, "{}", open[0].tail);
    assert_eq!(format!("{:?}", open[0]), "Unfollowed(..)");
    assert_eq!(
        found(&[("A", 20.0)]).len(),
        1,
        "what was known before is no reaction"
    );
    assert_eq!(found(&[("LAB//1", 20.0)]).len(), 0, "measured again");
    assert_eq!(found(&[("RxNorm//1", 20.0)]).len(), 0, "a new drug");
    assert_eq!(
        found(&[("RxNorm//1", 10.0)]).len(),
        1,
        "at the same time is no reaction"
    );
    assert_eq!(
        found(&[("LAB//1", 60.0)]).len(),
        1,
        "what comes later is not looked at"
    );
}
