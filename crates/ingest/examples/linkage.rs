//! Precision, recall and time of linkage on a made-up register: `linkage [PERSONS]`. A third of the
//! persons are registered twice, the second time with slips, former names, moves and wrong dates.

#![expect(clippy::unwrap_used, reason = "made-up dates exist")]

#[path = "../tests/common/people.rs"]
mod people;

use longitude_ingest::{LinkOptions, Outcome, link};
use std::io::{Write, stdout};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |text| text.parse())?;
    let (persons, pairs) = people::register(count, 1);
    let start = Instant::now();
    let linkage = link(&persons, &[], &[], &LinkOptions::standard());
    let seconds = start.elapsed().as_secs_f64();
    let of = |outcome: Outcome| {
        let decisions = linkage
            .decisions
            .iter()
            .filter(move |one| one.outcome == outcome);
        let all = decisions.clone().count();
        let is_true = |a, b| pairs.binary_search(&(a, b)).is_ok();
        (all, decisions.filter(|one| is_true(one.a, one.b)).count())
    };
    let ((linked, right), (review, hidden)) = (of(Outcome::Linked), of(Outcome::Review));
    let mut out = stdout().lock();
    writeln!(
        out,
        "{} records, {} true pairs, {seconds:.1} s",
        persons.len(),
        pairs.len()
    )?;
    writeln!(
        out,
        "linked {linked}: precision {:.5}, recall {:.4}; for review {review}, of which true {hidden}",
        right as f64 / linked.max(1) as f64,
        right as f64 / pairs.len().max(1) as f64,
    )?;
    Ok(())
}
