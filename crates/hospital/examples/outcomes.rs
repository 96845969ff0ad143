//! Prints, for each task, how common the outcome is, how well the true risk tells who has it, and
//! whether true risks and outcomes agree in the large.
//!
//! `cargo run --release -p longitude-hospital --example outcomes -- PATIENTS`

use longitude_core::Label;
use longitude_hospital::{Options, patient, timeline, truth};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let patients = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 4000,
    };
    let options = Options {
        patients,
        truth_patients_max: patients,
        ..Options::standard()
    };
    let known = truth(&options, 2)?;
    say("task                     asked  censored  base %  true risk %  AUROC");
    let timelines: Vec<_> = (0..patients)
        .map(|index| timeline(&patient(&options, index)))
        .collect();
    for task in &known.tasks {
        let mut rows = Vec::new();
        let mut censored = 0;
        for (subject, timeline) in known.subjects.iter().zip(&timelines) {
            let risk = subject.risk.get(&task.id).copied().flatten();
            let (Some(at), Some(risk)) = (subject.index, risk) else {
                continue;
            };
            // Whoever could not be followed to the horizon is left out, also those who had the
            // outcome early: else the outcomes of the rest would be too many.
            if subject.end_planned < at.plus(task.horizon) {
                censored += 1;
                continue;
            }
            match task.label(timeline, at) {
                Label::Yes => rows.push((risk, true)),
                Label::No => rows.push((risk, false)),
                Label::Censored => say("a censored label where follow-up was planned"),
                Label::Before | Label::Dead => say("a risk is stated where none is asked"),
            }
        }
        let n = rows.len() as f64;
        let yes = rows.iter().filter(|(_, label)| *label).count() as f64;
        let risk: f64 = rows.iter().map(|(risk, _)| risk).sum();
        say(&format!(
            "{:24} {:5}  {censored:8}  {:6.2}  {:11.2}  {:.3}",
            task.id,
            rows.len(),
            100.0 * yes / n,
            100.0 * risk / n,
            auroc(&mut rows),
        ));
    }
    Ok(())
}

/// The area under the curve by ranks (Mann and Whitney), ties counted half.
fn auroc(rows: &mut [(f64, bool)]) -> f64 {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut positives) = (0.0, 0.0, 0.0);
    for tie in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let yes = tie.iter().filter(|(_, label)| *label).count() as f64;
        let no = tie.len() as f64 - yes;
        wins += yes * (below + 0.5 * no);
        below += no;
        positives += yes;
    }
    wins / (positives * below)
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
