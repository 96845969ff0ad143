//! Inputs of a prediction that are watched, from the records at its time: how much was recorded,
//! which codes nobody knew, how unusual the codes are, the last values of common measurements.

use super::rows::{Key, Rows};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::Result;
use longitude_core::{Days, Event, Instant, SubjectId, Timeline};
use longitude_store::Dataset;
use std::collections::BTreeMap;
use std::path::Path;

/// How far back the inputs look. A year holds a chronic patient's laboratory values.
const WINDOW: Days = Days(365.0);

/// How many measured codes become inputs: the ones with values for most reference predictions.
const MEASURED_MAX: usize = 10;

/// What the reference's records hold, to compare others with.
#[derive(Default)]
struct Known {
    /// Events by code, of all windows of the reference.
    codes: BTreeMap<String, u64>,
    /// Reference predictions with a value of the code.
    measured: BTreeMap<String, u64>,
    events: u64,
}

/// One prediction's window, without a patient's words.
#[derive(Default)]
struct Recent {
    codes: BTreeMap<String, u64>,
    last: BTreeMap<String, f64>,
    events: u64,
}

/// Adds the inputs to the rows of both sides.
pub(super) fn add(
    (rows, data): (&mut Rows, &Path),
    (reference, before): (&mut Rows, &Path),
) -> Result<()> {
    let was = recent(&Dataset::open(before)?, &reference.keys, before)?;
    let now = recent(&Dataset::open(data)?, &rows.keys, data)?;
    let mut known = Known::default();
    for one in &was {
        known.events += one.events;
        for (code, count) in &one.codes {
            *known.codes.entry(code.clone()).or_default() += count;
        }
        for code in one.last.keys() {
            *known.measured.entry(code.clone()).or_default() += 1;
        }
    }
    let mut measured: Vec<(&String, &u64)> = known.measured.iter().collect();
    measured.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let measured: Vec<&str> = measured
        .iter()
        .take(MEASURED_MAX)
        .map(|m| m.0.as_str())
        .collect();
    put(reference, &was, &known, &measured);
    put(rows, &now, &known, &measured);
    Ok(())
}

fn put(rows: &mut Rows, recent: &[Recent], known: &Known, measured: &[&str]) {
    let mut column = |name: String, value: &dyn Fn(&Recent) -> Option<f64>| {
        rows.inputs.push((name, recent.iter().map(value).collect()));
    };
    column("events_365d".to_owned(), &|one| Some(one.events as f64));
    column("unknown_code_share".to_owned(), &|one| {
        let unknown = one
            .codes
            .iter()
            .filter(|(code, _)| !known.codes.contains_key(*code));
        let unknown: u64 = unknown.map(|(_, count)| count).sum();
        (one.events > 0).then(|| unknown as f64 / one.events as f64)
    });
    column("code_surprise_nats".to_owned(), &|one| {
        // The mean of minus the logarithm of each code's frequency, one event more being counted
        // for each, so that an unknown code is the rarest and not infinite.
        let all = (known.events + known.codes.len() as u64 + 1) as f64;
        let nats = |(code, &count): (&String, &u64)| {
            let seen = known.codes.get(code).copied().unwrap_or(0) + 1;
            count as f64 * (all / seen as f64).ln()
        };
        let sum: f64 = one.codes.iter().map(nats).sum();
        (one.events > 0).then(|| sum / one.events as f64)
    });
    for code in measured {
        column(format!("last {code}"), &|one| one.last.get(*code).copied());
    }
}

/// The window of each prediction, in the order of the keys.
fn recent(data: &Dataset, keys: &[Key], path: &Path) -> Result<Vec<Recent>> {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_by_key(|&place| keys[place]);
    let mut found: Vec<Recent> = keys.iter().map(|_| Recent::default()).collect();
    let mut open: Option<(i64, Option<Timeline>)> = None;
    let mut absent = 0;
    for place in places {
        let (subject, time) = keys[place];
        if open.as_ref().is_none_or(|(known, _)| *known != subject) {
            interrupt::check()?;
            open = Some((subject, data.timeline(SubjectId(subject))?));
        }
        match &open {
            Some((_, Some(timeline))) => found[place] = window(timeline, Instant(time)),
            _ => absent += 1,
        }
    }
    if absent > 0 {
        let what = format!(
            "{}: {absent} predictions are about subjects that are not in it",
            path.display()
        );
        let mend = "name the data set of the predictions' subjects, with their identifiers";
        return Err(Failure::new(Kind::Input, what, mend).into());
    }
    Ok(found)
}

fn window(timeline: &Timeline, at: Instant) -> Recent {
    let from = at.plus(Days(-WINDOW.0));
    let within = |event: &&Event| event.time.is_some_and(|time| time > from);
    let mut recent = Recent::default();
    for event in timeline.history(at).iter().filter(within) {
        let code = event.code.to_string();
        recent.events += 1;
        if let Some(value) = event.numeric_value.filter(|value| value.is_finite()) {
            recent.last.insert(code.clone(), value);
        }
        *recent.codes.entry(code).or_default() += 1;
    }
    recent
}
