//! False alarms and delays of the monitoring, by simulation with fixed seeds, beside a naive test
//! every month: `cargo xtask bench monitor [HISTORIES] [ROWS A MONTH]`.
//!
//! A history is 24 months of predictions at three sites with two inputs. Half of the subjects
//! come back. In the quiet histories the outcomes come with the risks' own odds, or with odds at
//! the edge of the tolerance; in the others something changes at one site or at all in month 7.
//! Every month is looked at.
#![expect(clippy::print_stdout, reason = "a benchmark tells on the terminal")]

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use longitude_eval::monitor::{Signal, assess};
use simulated::{CHANGE_MONTH, Change, MONTHS, Simulation, naive_alarm, options};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        let given = arguments.next().and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    let (histories, rows) = (number(200), number(900));
    let rows = usize::try_from(rows).unwrap_or(900);
    println!("{histories} histories of {MONTHS} months, {rows} predictions a month at three sites");
    println!("levels over the plan: alarm 0.05, watch 0.2; naive: each month and test at 0.05");
    println!(
        "early: an alarm before the change; then median months to any alarm and to that of the stream\n"
    );
    println!(
        "{:<36} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8}  that stream",
        "change in month 7", "naive", "watch", "alarm", "early", "any", "stream"
    );
    for change in Change::ALL {
        told(*change, histories, rows);
    }
}

fn told(change: Change, histories: u64, rows: usize) {
    let (mut naive, mut watched, mut alarmed) = (0, 0, 0);
    let (mut any, mut own) = (Vec::new(), Vec::new());
    let mut early = 0;
    for seed in 0..histories {
        let simulation = Simulation::new(seed, rows, change);
        let clock = Simulation::clock();
        let found = assess(
            &simulation.served(),
            &simulation.reference(),
            clock,
            &options(),
        );
        let found = match found {
            Ok(found) => found,
            Err(error) => return println!("{change:?}: {error}"),
        };
        naive += u64::from(naive_alarm(&simulation));
        let streams = found
            .parts
            .iter()
            .flat_map(|part| part.streams.iter().map(move |stream| (part, stream)));
        let streams: Vec<_> = streams.collect();
        watched += u64::from(streams.iter().any(|(_, s)| s.signal >= Signal::Watch));
        let alarms = streams.iter().filter_map(|(_, stream)| stream.reached[1]);
        if let Some(month) = alarms.min() {
            alarmed += 1;
            early += u64::from(month < CHANGE_MONTH);
            any.push((month + 1).saturating_sub(CHANGE_MONTH));
        }
        let planted = streams.iter().find(|(part, stream)| {
            change.stream() == Some((part.value.as_str(), stream.watched.to_string().as_str()))
        });
        own.extend(
            planted.and_then(|(_, s)| Some((s.reached[1]? + 1).saturating_sub(CHANGE_MONTH))),
        );
    }
    let share = |count: u64| format!("{:.3}", count as f64 / histories as f64);
    println!(
        "{:<36} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8}  {}",
        change.title(),
        share(naive),
        share(watched),
        share(alarmed),
        share(early),
        median(any, histories),
        median(own, histories),
        change
            .stream()
            .map_or(String::new(), |(part, name)| format!("{name} of {part}")),
    );
}

/// The median over all histories, in months; those without an alarm count as later than all.
fn median(mut delays: Vec<usize>, histories: u64) -> String {
    delays.sort_unstable();
    let middle = usize::try_from(histories / 2).unwrap_or(0);
    delays
        .get(middle)
        .map_or("none".to_owned(), usize::to_string)
}
