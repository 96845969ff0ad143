//! The monitoring: false alarms are held, changes are found, early outcomes do not deceive, and the
//! way in which rows arrive changes nothing.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "places of simulated rows; a helper that fails fails the test"
)]

mod simulated;

use longitude_eval::monitor::{
    MonitorError, MonitorOptions, Monitoring, Served, Signal, StreamReport, Watched, assess,
};
use proptest::prelude::*;
use simulated::{CHANGE_MONTH, Change, Columns, Draws, MONTHS, Simulation, naive_alarm, options};

fn run(simulation: &Simulation) -> Monitoring {
    let (served, reference) = (simulation.served(), simulation.reference());
    assess(&served, &reference, Simulation::clock(), &options()).unwrap()
}

fn streams(found: &Monitoring) -> impl Iterator<Item = (&str, &StreamReport)> {
    let parts = found.parts.iter();
    parts.flat_map(|part| {
        part.streams
            .iter()
            .map(|stream| (part.value.as_str(), stream))
    })
}

#[test]
fn quiet_histories_stay_quiet_where_a_naive_test_alarms() {
    let mut naive = 0;
    for seed in 0..4 {
        let simulation = Simulation::new(seed, 120, Change::None);
        let found = run(&simulation);
        assert_eq!(found.tested, 4 * 9);
        assert!(
            streams(&found).all(|(_, s)| s.signal == Signal::Quiet),
            "{seed}"
        );
        naive += u32::from(naive_alarm(&simulation));
    }
    assert_eq!(naive, 4, "{naive}");
}

#[test]
fn a_change_is_found_where_it_is() {
    let found = |change: Change, rows: usize, part: &str, watched: &Watched| {
        let simulation = Simulation::new(7, rows, change);
        let (served, reference) = (simulation.served(), simulation.reference());
        // As few of the 24 months as each change needs keep the test short.
        let months = if rows > 300 { 14.0 } else { 9.0 };
        let clock = months * 30.0 + 31.0;
        let found = assess(&served, &reference, clock, &options()).unwrap();
        for (_, stream) in streams(&found) {
            assert!(stream.reached[1].is_none_or(|month| month >= CHANGE_MONTH));
        }
        let own = streams(&found).find(|(value, s)| *value == part && s.watched == *watched);
        own.unwrap().1.signal
    };
    let input = Watched::Input("creatinine".to_owned());
    assert_eq!(found(Change::Unit, 120, "B", &input), Signal::Alarm);
    assert_eq!(found(Change::Unit, 120, "A", &input), Signal::Quiet);
    let input = Watched::Input("events".to_owned());
    assert_eq!(found(Change::Drift, 400, "all", &input), Signal::Alarm);
    let missing = Watched::MissingInput("creatinine".to_owned());
    assert_eq!(found(Change::Missing, 400, "B", &missing), Signal::Alarm);
    let calibration = Watched::Calibration;
    assert_eq!(
        found(Change::Calibration, 900, "all", &calibration),
        Signal::Alarm
    );
    let ranks = Watched::Discrimination;
    assert_eq!(
        found(Change::Discrimination, 900, "all", &ranks),
        Signal::Alarm
    );
}

/// A positive is known as soon as it happens, a negative only at the end of its window. Whoever
/// takes what is known at the clock sees far too many outcomes; the monitoring waits.
#[test]
fn early_outcomes_do_not_deceive() {
    let whole = Simulation::new(3, 400, Change::None);
    let all = whole.served();
    let mut draws = Draws(5);
    let clock = 12.5 * 30.0;
    // What has arrived: an outcome at a uniform time within its window.
    let arrived = |row: usize, lag: f64| -> Option<bool> {
        let label = all.labels[row]?;
        let known = all.times[row] + 30.0 * if label { lag } else { 1.0 };
        (known <= clock).then_some(label)
    };
    let labels: Vec<Option<bool>> = (0..all.subjects.len())
        .map(|row| arrived(row, draws.uniform()))
        .collect();
    let recent: Vec<usize> = (0..all.subjects.len())
        .filter(|&row| all.times[row] > clock - 30.0 && all.times[row] <= clock)
        .collect();
    let ratio = |rows: &[usize]| {
        let known = rows.iter().filter(|&&row| labels[row].is_some());
        let (mut observed, mut expected) = (0.0, 0.0);
        for &row in known {
            observed += f64::from(u8::from(labels[row] == Some(true)));
            expected += all.risks[row].unwrap();
        }
        observed / expected
    };
    assert!(ratio(&recent) > 2.0, "the naive ratio {}", ratio(&recent));
    let served = Served {
        labels: &labels,
        ..all
    };
    let windows = MonitorOptions {
        window_months: 3,
        ..options()
    };
    let found = assess(&served, &whole.reference(), clock, &windows).unwrap();
    assert_eq!((found.closed, found.closed_outcomes), (12, 11));
    let shown = |window: &longitude_eval::monitor::Window| {
        window.metrics.as_ref()?.observed_expected.value()
    };
    let ratios: Vec<f64> = found.parts[0].windows.iter().filter_map(shown).collect();
    assert_eq!(ratios.len(), 11);
    assert!(ratios.iter().all(|r| (0.8..1.2).contains(r)), "{ratios:?}");
    assert!(streams(&found).all(|(_, s)| s.signal == Signal::Quiet));
}

#[test]
fn what_cannot_be_judged_is_refused_by_place() {
    let simulation = Simulation::new(1, 20, Change::None);
    let (served, reference) = (simulation.served(), simulation.reference());
    let fails = |served: &Served<'_>, clock: f64| {
        assess(served, &reference, clock, &options()).unwrap_err()
    };
    assert_eq!(fails(&served, -1.0), MonitorError::Clock);
    let mut risks = served.risks.to_vec();
    risks[4] = Some(1.5);
    let outside = Served {
        risks: &risks,
        ..served
    };
    assert_eq!(
        fails(&outside, 800.0).to_string(),
        "row 4: the risk does not lie between 0 and 1"
    );
    let (mut subjects, mut times) = (served.subjects.to_vec(), served.times.to_vec());
    (subjects[9], times[9]) = (subjects[2], times[2]);
    let twice = Served {
        subjects: &subjects,
        times: &times,
        ..served
    };
    assert_eq!(fails(&twice, 800.0), MonitorError::Twice { row: 9 });
    let short = Served {
        labels: &served.labels[1..],
        ..served
    };
    assert!(matches!(fails(&short, 800.0), MonitorError::Column(_)));
}

#[test]
fn a_small_part_is_tested_by_nothing_and_shown_nowhere() {
    let simulation = Simulation::new(2, 60, Change::None);
    let mut groups = simulation.served().groups.to_vec();
    for row in 0..4 {
        groups[0].1[row] = "new".to_owned();
    }
    let served = Served {
        groups: &groups,
        ..simulation.served()
    };
    let found = assess(
        &served,
        &simulation.reference(),
        Simulation::clock(),
        &options(),
    )
    .unwrap();
    let part = found.parts.iter().find(|part| part.value == "new").unwrap();
    assert_eq!(part.rows, 0);
    assert!(part.windows.is_empty() && part.suppressed.is_some());
    assert!(part.streams.iter().all(|stream| stream.reason.is_some()));
    assert_eq!(found.tested, 4 * 9);
}

fn shuffled(simulation: &Simulation, seed: u64, upto: f64) -> Columns {
    let all = simulation.served();
    let mut rows: Vec<usize> = (0..all.subjects.len())
        .filter(|&r| all.times[r] <= upto)
        .collect();
    let mut draws = Draws(seed);
    for at in (1..rows.len()).rev() {
        rows.swap(at, (draws.uniform() * (at as f64 + 1.0)) as usize);
    }
    Columns {
        subjects: rows.iter().map(|&row| all.subjects[row]).collect(),
        times: rows.iter().map(|&row| all.times[row]).collect(),
        risks: rows.iter().map(|&row| all.risks[row]).collect(),
        labels: rows.iter().map(|&row| all.labels[row]).collect(),
        groups: all
            .groups
            .iter()
            .map(|(n, v)| (n.clone(), rows.iter().map(|&row| v[row].clone()).collect()))
            .collect(),
        inputs: all
            .inputs
            .iter()
            .map(|(n, v)| (n.clone(), rows.iter().map(|&row| v[row]).collect()))
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Rows in any order, with or without those that are still to come: the closed months say the
    /// same, and what was said of a month stays said.
    #[test]
    fn batches_and_their_order_change_nothing(seed in 0_u64..1000, months in 3_usize..10) {
        let simulation = Simulation::new(seed, 40, Change::Unit);
        let reference = simulation.reference();
        let clock = months as f64 * 30.0 + 11.0;
        let options = || MonitorOptions { window_months: 2, ..options() };
        let whole = assess(&simulation.served(), &reference, clock, &options()).unwrap();
        let arrived = shuffled(&simulation, seed, clock);
        let mut some = assess(&arrived.served(), &reference, clock, &options()).unwrap();
        some.left_out = whole.left_out.clone();
        prop_assert_eq!(&some, &whole);
        let later = assess(&simulation.served(), &reference, clock + 60.0, &options()).unwrap();
        for ((_, now), (_, then)) in streams(&later).zip(streams(&whole)) {
            prop_assert_eq!(&now.log_e[..then.log_e.len()], &then.log_e[..]);
        }
    }
}

/// After a release only later predictions are evidence: what was mended is quiet, what was not
/// alarms again.
#[test]
fn a_release_begins_anew() {
    let simulation = Simulation::new(4, 120, Change::Unit);
    let (served, reference) = (simulation.served(), simulation.reference());
    let site = ("site".to_owned(), "B".to_owned());
    let signal = |released: f64| {
        let plan = MonitorOptions {
            released: vec![(site.clone(), released)],
            ..options()
        };
        let found = assess(&served, &reference, Simulation::clock(), &plan).unwrap();
        let part = found
            .parts
            .into_iter()
            .find(|part| part.value == "B")
            .unwrap();
        let input = Watched::Input("creatinine".to_owned());
        let stream = part
            .streams
            .into_iter()
            .find(|stream| stream.watched == input)
            .unwrap();
        (stream.signal, stream.reached[1])
    };
    let (first, month) = signal(f64::NEG_INFINITY);
    assert_eq!(first, Signal::Alarm);
    let (again, later) = signal(10.0 * 30.0);
    assert_eq!(again, Signal::Alarm);
    assert!(later > month && later >= Some(10), "{month:?} {later:?}");
    assert_eq!(signal(24.0 * 30.0).0, Signal::Quiet);
}

#[test]
fn the_plan_is_as_long_as_it_says() {
    assert_eq!(options().edges.len(), MONTHS + 1);
}
