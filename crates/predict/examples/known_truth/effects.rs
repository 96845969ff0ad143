//! Planted effects of diseases and treatments against what the model makes of them: a code is added
//! to histories that lack it, at the last recorded moment, and the risks before and after are
//! compared.
//!
//! A treatment is added only where its indication is recorded: treatments of the hospital are
//! started by chance given the recorded diseases (insulin apart, which waits for a high HbA1c), so
//! that the contrast is identified there and nowhere else. The crude ratio beside it is what the
//! record shows without that care.

use crate::answer::{Row, engine, fresh};
use crate::planted::{Planted, planted};
use crate::soft::{Interval, quantile, spearman, weights};
use crate::{Result, Settings, say};
use longitude_core::{Code, Days, Event, Label, Origin, Predicate, Task, Timeline};
use longitude_predict::{Asked, Engine};
use serde::Serialize;

/// Histories a factor, and the fewest for a ratio.
const ROWS_MAX: usize = 600;
const ROWS_MIN: usize = 20;
const HORIZON: Days = Days(365.0);

/// Learning subjects of the full figure, and about how many years each is observed.
const LEARNT: f64 = 40_000.0;
const YEARS: f64 = 6.0;

/// A planted effect and what was found of it.
#[derive(Serialize)]
struct Found {
    factor: String,
    process: String,
    treatment: bool,
    /// Logarithms: the generator's own ratio, and with what goes through quantities moved at once.
    direct: f64,
    planted: f64,
    model: Interval,
    /// Of the fresh draw's own first year, with and without the marker (indicated alone for a
    /// treatment), and of everybody.
    crude: f64,
    within: f64,
    /// The standard error of the logarithm that the learning draw could give at best.
    deviation: f64,
    rows: usize,
}

pub(crate) fn effects(settings: &Settings) -> Result {
    let rows = fresh(settings)?;
    let engine = engine(settings)?;
    let all = planted(settings);
    let mut found = Vec::new();
    for some in all.chunk_by(|a, b| a.factor == b.factor) {
        found.extend(factor(settings, (&engine, &rows), some)?);
        say(&format!("{}: done", some[0].factor));
    }
    let text = markdown(&found);
    let whole = serde_json::json!({ "markdown": text, "effects": found });
    std::fs::write(
        settings.dir.join("effects.json"),
        serde_json::to_vec_pretty(&whole)?,
    )?;
    say(&text);
    Ok(())
}

fn holds(row: &Row, what: &Predicate) -> bool {
    let mut history = row.timeline.history(row.at).iter();
    history.any(|event| what.holds(event))
}

fn task(one: &Planted) -> Task {
    Task {
        id: one.process.clone(),
        title: one.process.clone(),
        outcome: one.outcome.clone(),
        horizon: HORIZON,
        incident: one.incident,
    }
}

/// The effects of one factor: risks of all its outcomes before and after its code is added.
fn factor(
    settings: &Settings,
    (engine, rows): (&Engine, &[Row]),
    some: &[Planted],
) -> Result<Vec<Found>> {
    let Planted {
        marks,
        added,
        indications,
        ..
    } = &some[0];
    let indicated = |row: &&Row| indications.any_of.is_empty() || holds(row, indications);
    let lacking = rows
        .iter()
        .filter(indicated)
        .filter(|row| !holds(row, marks));
    let lacking: Vec<&Row> = lacking.take(ROWS_MAX).collect();
    let changed: Vec<Timeline> = lacking.iter().map(|row| with(row, added)).collect();
    let tasks: Vec<Task> = some.iter().map(task).collect();
    let ask = |timelines: &[&Timeline]| -> Result<Vec<Vec<Option<f64>>>> {
        let pairs = timelines.iter().zip(&lacking);
        let asked: Vec<Asked<'_>> = pairs
            .map(|(timeline, row)| Asked {
                timeline,
                at: row.at,
            })
            .collect();
        let answers = engine.query_many(&asked, &tasks)?.into_iter();
        let risks = answers.map(|all| all.into_iter().map(|one| one.map(|one| one.risk)).collect());
        Ok(risks.collect())
    };
    let before = ask(&lacking.iter().map(|row| &*row.timeline).collect::<Vec<_>>())?;
    let after = ask(&changed.iter().collect::<Vec<_>>())?;
    let mut found = Vec::new();
    for (column, one) in some.iter().enumerate() {
        let open = |row: &Row| {
            !(one.incident && holds(row, &one.outcome))
                && (one.needed.any_of.is_empty() || holds(row, &one.needed))
        };
        let pairs: Vec<(f64, f64)> = (0..lacking.len())
            .filter(|at| open(lacking[*at]))
            .filter_map(|at| Some((before[at][column]?, after[at][column]?)))
            .collect();
        if pairs.len() < ROWS_MIN {
            continue;
        }
        let all: Vec<&Row> = rows.iter().filter(|row| open(row)).collect();
        let few: Vec<&Row> = all.iter().copied().filter(|row| indicated(row)).collect();
        let counted = |rows: &[&Row]| Counts::of(rows, &tasks[column], |row| holds(row, marks));
        let within = counted(&few);
        let years = YEARS * LEARNT / rows.len() as f64;
        found.push(Found {
            factor: one.factor.clone(),
            process: one.process.clone(),
            treatment: one.treatment,
            direct: one.direct,
            planted: one.whole,
            model: ratio(&pairs, settings),
            crude: counted(&all).log_ratio(),
            within: within.log_ratio(),
            deviation: within.deviation() / years.sqrt(),
            rows: pairs.len(),
        });
    }
    Ok(found)
}

/// The history with one more event at its last moment.
fn with(row: &Row, code: &str) -> Timeline {
    let history = row.timeline.history(row.at);
    let last = history.iter().rev().find_map(|event| event.time);
    let event = Event::new(Code::from_meds(code), last, Origin::derived("what-if"));
    let events = history.iter().cloned().chain([event]).collect();
    Timeline::new(row.timeline.subject(), events, row.timeline.observation())
}

/// The logarithm of the ratio of mean risks, with a bootstrap over histories.
fn ratio(pairs: &[(f64, f64)], settings: &Settings) -> Interval {
    let log = |weights: &[f64]| {
        let sum = |side: &dyn Fn(&(f64, f64)) -> f64| -> f64 {
            pairs
                .iter()
                .zip(weights)
                .map(|(pair, w)| w * side(pair))
                .sum()
        };
        (sum(&|pair| pair.1) / sum(&|pair| pair.0)).ln()
    };
    let value = log(&vec![1.0; pairs.len()]);
    let mut drawn: Vec<f64> = (0..settings.resamples)
        .map(|number| log(&weights(pairs.len(), settings.seed, number)))
        .collect();
    drawn.sort_by(f64::total_cmp);
    Interval {
        value,
        low: quantile(&drawn, 0.025),
        high: quantile(&drawn, 0.975),
    }
}

/// Rows and events of one year, without and with the marker.
#[derive(Default)]
struct Counts([(f64, f64); 2]);

impl Counts {
    fn of(rows: &[&Row], task: &Task, has: impl Fn(&Row) -> bool) -> Self {
        let mut counts = Self::default();
        for row in rows {
            let yes = match task.label(&row.timeline, row.at) {
                Label::Yes => 1.0,
                Label::No => 0.0,
                Label::Censored | Label::Before | Label::Dead => continue,
            };
            let (n, events) = &mut counts.0[usize::from(has(row))];
            *n += 1.0;
            *events += yes;
        }
        counts
    }

    fn log_ratio(&self) -> f64 {
        let [without, with] = self.0;
        (with.1 / with.0).ln() - (without.1 / without.0).ln()
    }

    /// Of the logarithm of a ratio of two rates (Rothman, Modern Epidemiology, chapter 14).
    fn deviation(&self) -> f64 {
        let [without, with] = self.0;
        (1.0 / with.1 + 1.0 / without.1).sqrt()
    }
}

impl Found {
    /// Whether the learning draw could tell the sign: two standard errors.
    fn is_identifiable(&self) -> bool {
        self.planted.abs() > 2.0 * self.deviation
    }

    fn agrees(&self) -> bool {
        self.planted * self.model.value > 0.0
    }
}

fn markdown(found: &[Found]) -> String {
    let mut text = String::new();
    for (name, treatment) in [("diseases", false), ("treatments", true)] {
        let some: Vec<&Found> = found
            .iter()
            .filter(|one| one.treatment == treatment)
            .collect();
        text += &summary(name, &some);
        let clear: Vec<&Found> = some
            .into_iter()
            .filter(|one| one.is_identifiable())
            .collect();
        text += &summary(&format!("{name}, identifiable"), &clear);
    }
    text += "\n| factor | on | planted ratio | model's | crude | in the indicated | histories | \
             identifiable | sign |\n|---|---|---|---|---|---|---|---|---|\n";
    let word = |yes: bool| if yes { "yes" } else { "no" };
    for one in found {
        let Interval { value, low, high } = one.model;
        text += &format!(
            "| {} | {} | {:.2} | {:.2} ({:.2} to {:.2}) | {:.2} | {:.2} | {} | {} | {} |\n",
            one.factor,
            one.process,
            one.planted.exp(),
            value.exp(),
            low.exp(),
            high.exp(),
            one.crude.exp(),
            one.within.exp(),
            one.rows,
            word(one.is_identifiable()),
            word(one.agrees()),
        );
    }
    text
}

/// Sign and order over a group of effects, with a bootstrap over the effects.
fn summary(name: &str, some: &[&Found]) -> String {
    if some.len() < 3 {
        return format!("{name}: {} effects, too few\n\n", some.len());
    }
    let planted: Vec<f64> = some.iter().map(|one| one.planted).collect();
    let model: Vec<f64> = some.iter().map(|one| one.model.value).collect();
    let right = some.iter().filter(|one| one.agrees()).count();
    let mut drawn: Vec<f64> = (0..500)
        .map(|number| {
            let weights = weights(some.len(), 1, number);
            let pick = |list: &[f64]| -> Vec<f64> {
                let pairs = list.iter().zip(&weights);
                pairs
                    .flat_map(|(x, w)| (1..=99).map(f64::from).take_while(|n| *n <= *w).map(|_| *x))
                    .collect()
            };
            spearman(&pick(&planted), &pick(&model))
        })
        .filter(|value| value.is_finite())
        .collect();
    drawn.sort_by(f64::total_cmp);
    format!(
        "{name}: sign right in {right} of {}; rank correlation {:.2} ({:.2} to {:.2})\n\n",
        some.len(),
        spearman(&planted, &model),
        quantile(&drawn, 0.025),
        quantile(&drawn, 0.975),
    )
}
