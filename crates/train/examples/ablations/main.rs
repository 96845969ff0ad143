//! What each choice of the architecture is worth: held-out nats an event and AUROC of the
//! hospital's tasks, for the default and one change at a time, on the same patients, the same
//! number of recorded events and steps. Run with
//! `cargo xtask bench ablations [PATIENTS] [STEPS] [SEEDS]`; the table and its reading are in
//! `docs/model/ablations.md`.

mod learn;
mod probe;
mod random;
mod variant;
mod ward;

use learn::{Judged, Learnt};
use longitude_train::{EvaluateOptions, evaluate_values};
use probe::Scored;
use ward::Ward;

/// Resamples of the held-out subjects.
const ROUNDS: u32 = 400;

/// One variant's results.
struct Row {
    name: String,
    learnt: Learnt,
    scored: Vec<Scored>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |i: usize, or: u64| std::env::args().nth(i).map_or(Ok(or), |n| n.parse());
    let (patients, steps, seeds) = (argument(1, 6000)?, argument(2, 1500)?, argument(3, 3)?);
    let ward = ward::ward(u32::try_from(patients)?)?;
    let held_out = ward.subjects.iter().filter(|s| !s.learn).count();
    say(&format!(
        "{patients} patients, {held_out} held out; {} codes, {} once only; {steps} steps of 1,024 \
         recorded events; one thread\n",
        ward.vocabulary.len(),
        ward.vocabulary.once_only_ids().len(),
    ));
    let mut rows: Vec<Row> = vec![];
    for variant in variant::variants(seeds, &ward.vocabulary.once_only_ids()) {
        let learnt = learn::learn(&ward, &variant, usize::try_from(steps)?)?;
        let scored = probe::probe(&ward, &learnt);
        let row = Row {
            name: variant.name,
            learnt,
            scored,
        };
        hint(&row, rows.first().unwrap_or(&row));
        rows.push(row);
    }
    likelihood(&rows);
    of_events(&rows);
    rare(&ward, &rows);
    tasks(&rows);
    values(&ward, &rows)
}

/// The default's value densities, code by code.
fn values(ward: &Ward, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let Some(default) = rows.first() else {
        return Ok(());
    };
    let options = EvaluateOptions {
        batch_tokens: 4096,
        overlap_positions: 48,
        kernels: longitude_model::Level::best().name().to_owned(),
        threads: 1,
    };
    let model = &default.learnt.model;
    let values = evaluate_values(model, &ward.vocabulary, &ward.held_out, &options)?;
    say(&format!("\n{}", values.table(300)));
    Ok(())
}

/// The ratio of sums over a sample of subjects, all of them without one.
fn nats(judged: &[Judged], part: impl Fn(&Judged) -> f64, sample: Option<&[usize]>) -> f64 {
    let (mut sum, mut events) = (0.0, 0.0);
    let mut add = |one: &Judged| {
        sum += part(one);
        events += one.events;
    };
    match sample {
        None => judged.iter().for_each(add),
        Some(sample) => sample.iter().for_each(|i| add(&judged[*i])),
    }
    sum / events
}

/// The difference to the default and its interval, subjects resampled in pairs.
fn against(row: &Row, default: &Row, part: impl Fn(&Judged) -> f64 + Copy) -> String {
    let of = |row: &Row, sample: Option<&[usize]>| nats(&row.learnt.judged, part, sample);
    let n = row.learnt.judged.len();
    let [low, high] = random::interval(n, ROUNDS, |sample| {
        Some(of(row, Some(sample)) - of(default, Some(sample)))
    });
    let difference = of(row, None) - of(default, None);
    format!("{difference:+.4} [{low:+.4}, {high:+.4}]")
}

/// The mean area under the curve over the tasks.
fn mean_auroc(row: &Row, times: &[u32]) -> Option<f64> {
    let each: Option<Vec<f64>> = row.scored.iter().map(|s| s.auroc(times)).collect();
    let each = each?;
    Some(each.iter().sum::<f64>() / each.len() as f64)
}

fn likelihood(rows: &[Row]) {
    let Some(default) = rows.first() else { return };
    say(
        "| variant | nats an event | wait | code | value bin | difference to the default | \
         mean AUROC | difference | events/s | positions/s |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        say(&line(row, default));
    }
    let events: f64 = default.learnt.judged.iter().map(|j| j.events).sum();
    say(&format!(
        "\n{events:.0} scored events; {:.4} nats an event more, the same for all, of values inside \
         their bins; {} steps.\n",
        default.learnt.within / events,
        default.learnt.steps,
    ));
}

/// One line of the first table.
fn line(row: &Row, default: &Row) -> String {
    let judged = &row.learnt.judged;
    let once = vec![1; judged.len()];
    let of = |row: &Row, times: &[u32]| mean_auroc(row, times);
    let [low, high] = random::interval(judged.len(), ROUNDS, |sample| {
        let mut times = vec![0; judged.len()];
        for i in sample {
            times[*i] += 1;
        }
        Some(of(row, &times)? - of(default, &times)?)
    });
    let area = of(row, &once).unwrap_or(f64::NAN);
    let change = area - of(default, &once).unwrap_or(f64::NAN);
    format!(
        "| {} | {:.4} | {:.4} | {:.4} | {:.4} | {} | {area:.4} | \
     {change:+.4} [{low:+.4}, {high:+.4}] | {:.0} | {:.0} |",
        row.name,
        nats(judged, Judged::total, None),
        nats(judged, |j| j.wait, None),
        nats(judged, |j| j.code, None),
        nats(judged, |j| j.value, None),
        against(row, default, Judged::total),
        row.learnt.events_per_second,
        row.learnt.positions_per_second,
    )
}

/// Without the term of waits that no event ended: plain next tokens have none.
fn of_events(rows: &[Row]) {
    let Some(default) = rows.first() else { return };
    say("| events alone, no survival term | nats an event | wait | difference to the default |");
    say("|---|---|---|---|");
    for row in rows {
        let judged = &row.learnt.judged;
        say(&format!(
            "| {} | {:.4} | {:.4} | {} |",
            row.name,
            nats(judged, Judged::of_events, None),
            nats(judged, |j| j.wait_of_events, None),
            against(row, default, Judged::of_events),
        ));
    }
    say("");
}

/// Codes that few learning subjects have.
fn rare(ward: &Ward, rows: &[Row]) {
    let Some(default) = rows.first() else { return };
    let codes = ward.rare.iter().filter(|rare| **rare).count();
    let events: f64 = default.learnt.judged.iter().map(|j| j.rare_events).sum();
    say(&format!(
        "| code nats of {events:.0} events of {codes} codes with fewer than {} learning subjects | \
         nats an event | difference to the default |",
        ward::RARE_SUBJECTS
    ));
    say("|---|---|---|");
    let per_rare = |row: &Row, sample: Option<&[usize]>| {
        let judged = &row.learnt.judged;
        let all = || match sample {
            None => (0..judged.len()).collect(),
            Some(sample) => sample.to_vec(),
        };
        let sum = |of: fn(&Judged) -> f64| all().iter().map(|i| of(&judged[*i])).sum::<f64>();
        sum(|j| j.rare) / sum(|j| j.rare_events)
    };
    for row in rows {
        let measured: f64 = row.learnt.judged.iter().map(|j| j.rare_events).sum();
        if measured < events {
            continue;
        }
        let n = row.learnt.judged.len();
        let [low, high] = random::interval(n, ROUNDS, |sample| {
            let difference = per_rare(row, Some(sample)) - per_rare(default, Some(sample));
            difference.is_finite().then_some(difference)
        });
        say(&format!(
            "| {} | {:.3} | {:+.3} [{low:+.3}, {high:+.3}] |",
            row.name,
            per_rare(row, None),
            per_rare(row, None) - per_rare(default, None),
        ));
    }
    say("");
}

fn tasks(rows: &[Row]) {
    let Some(default) = rows.first() else { return };
    let names: Vec<&str> = default.scored.iter().map(|s| &*s.task).collect();
    let counts = |s: &Scored| {
        let positive = s.rows.iter().filter(|row| row.2).count();
        format!("{} ({positive} of {})", s.task, s.rows.len())
    };
    let heads: Vec<String> = default.scored.iter().map(counts).collect();
    say(&format!("| AUROC by task | {} |", heads.join(" | ")));
    say(&format!("|---|{}", "---|".repeat(names.len())));
    for row in rows {
        let once = vec![1; row.learnt.judged.len()];
        let each = row.scored.iter().map(|s| s.auroc(&once));
        let each = each.map(|a| a.map_or("-".to_owned(), |a| format!("{a:.3}")));
        say(&format!(
            "| {} | {} |",
            row.name,
            each.collect::<Vec<_>>().join(" | ")
        ));
    }
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Each line as soon as it is known, for the impatient.
fn hint(row: &Row, default: &Row) {
    use std::io::Write as _;
    let seconds = learn::cpu_seconds();
    drop(writeln!(
        std::io::stderr(),
        "{} {seconds:.0} s of the processor so far",
        line(row, default)
    ));
}
