//! The rows of a monitoring in order, and the rolling windows over their months.

use super::stream::{Taken, taken};
use super::{MonitorError, MonitorOptions, Served, Window};
use crate::bootstrap::{Clusters, Draws};
use crate::group::{CELL_MIN, is_small};
use crate::judge::judge;
use crate::report::Metric;
use crate::shift::{kolmogorov_smirnov, population_stability};
use crate::undefined::Undefined;
use std::collections::{BTreeMap, BTreeSet};

/// A row with the number of its subject and its month.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Its place in the columns.
    pub(super) place: usize,
    pub(super) subject: u32,
    pub(super) time: f64,
    /// Of the plan, from 0; of a reference row 0.
    pub(super) month: usize,
}

/// Rows by time and subject, with their columns.
pub(super) struct Ordered<'a> {
    pub(super) served: Served<'a>,
    pub(super) rows: Vec<Row>,
    /// How many subjects there are.
    pub(super) subjects: usize,
}

impl<'a> Ordered<'a> {
    /// Checks the columns and puts the rows in order.
    pub(super) fn new(served: Served<'a>) -> Result<Self, MonitorError> {
        check(&served)?;
        let clusters = Clusters::new(served.subjects);
        let mut rows: Vec<Row> = (0..served.subjects.len())
            .map(|place| Row {
                place,
                subject: clusters.of_row[place],
                time: served.times[place],
                month: 0,
            })
            .collect();
        let order = |row: &Row| (row.time, row.subject);
        rows.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.subject.cmp(&b.subject)));
        let twice = rows
            .windows(2)
            .find(|pair| order(&pair[0]) == order(&pair[1]));
        if let Some(pair) = twice {
            let row = pair[0].place.max(pair[1].place);
            return Err(MonitorError::Twice { row });
        }
        Ok(Self {
            served,
            rows,
            subjects: clusters.count as usize,
        })
    }

    /// The rows of a part.
    pub(super) fn part(&self, part: Option<(&str, &str)>) -> Vec<Row> {
        let Some((dimension, value)) = part else {
            return self.rows.clone();
        };
        let Some((_, values)) = self
            .served
            .groups
            .iter()
            .find(|(name, _)| name == dimension)
        else {
            return Vec::new();
        };
        let inside = self.rows.iter().filter(|row| values[row.place] == value);
        inside.copied().collect()
    }

    pub(super) fn risk(&self, row: &Row) -> Option<f64> {
        self.served.risks[row.place]
    }

    pub(super) fn label(&self, row: &Row) -> Option<bool> {
        self.served.labels[row.place]
    }

    /// The column of an input; none where there is no such column.
    pub(super) fn input(&self, name: &str) -> Option<&'a [Option<f64>]> {
        let found = self.served.inputs.iter().find(|(known, _)| known == name);
        found.map(|(_, values)| &values[..])
    }

    /// Of these rows, the first of each subject.
    pub(super) fn first(&self, rows: &[Row]) -> Vec<Row> {
        self.apart(rows, Taken::First)
    }

    /// Of these rows, those that the rule takes.
    pub(super) fn apart(&self, rows: &[Row], rule: Taken) -> Vec<Row> {
        let keys: Vec<(u32, f64)> = rows.iter().map(|row| (row.subject, row.time)).collect();
        let places = taken(&keys, self.subjects, rule);
        places.into_iter().map(|place| rows[place]).collect()
    }
}

fn check(served: &Served<'_>) -> Result<(), MonitorError> {
    let rows = served.subjects.len();
    let length = |name: &str, found: usize| {
        let fits = found == rows;
        fits.then_some(())
            .ok_or_else(|| MonitorError::Column(name.to_owned()))
    };
    length("the column of times", served.times.len())?;
    length("the column of risks", served.risks.len())?;
    length("the column of labels", served.labels.len())?;
    for (name, values) in served.groups {
        length(&format!("the column `{name}`"), values.len())?;
    }
    let bad = |row: usize, what: &'static str| Err(MonitorError::Value { row, what });
    for (name, values) in served.inputs {
        length(&format!("the column `{name}`"), values.len())?;
        let wrong = |value: &Option<f64>| value.is_some_and(|value| !value.is_finite());
        if let Some(row) = values.iter().position(wrong) {
            return bad(row, "an input is no finite number");
        }
    }
    if let Some(row) = served.times.iter().position(|time| !time.is_finite()) {
        return bad(row, "the time is no finite number");
    }
    let outside = |risk: &Option<f64>| risk.is_some_and(|risk| !(0.0..=1.0).contains(&risk));
    match served.risks.iter().position(outside) {
        Some(row) => bad(row, "the risk does not lie between 0 and 1"),
        None => Ok(()),
    }
}

/// The rolling windows of a part.
pub(super) struct Windows<'a> {
    pub(super) served: &'a Ordered<'a>,
    pub(super) reference: &'a Ordered<'a>,
    pub(super) options: &'a MonitorOptions,
    /// Closed months, and those with outcomes.
    pub(super) closed: (usize, usize),
}

impl Windows<'_> {
    /// One window for each closed month, over the rows of a part.
    pub(super) fn of(&self, rows: &[Row], reference: &[Row]) -> Vec<Window> {
        let months = self.options.window_months;
        let first = self.reference.first(reference);
        let window = |month: usize| {
            let from = (month + 1).saturating_sub(months);
            let low = rows.partition_point(|row| row.month < from);
            let high = rows.partition_point(|row| row.month <= month);
            self.window(month, &rows[low..high], &first)
        };
        (0..self.closed.0).map(window).collect()
    }

    fn window(&self, month: usize, rows: &[Row], reference: &[Row]) -> Window {
        let mut window = Window {
            month,
            rows: 0,
            metrics: None,
            reason: None,
            scores: BTreeMap::new(),
            inputs: BTreeMap::new(),
        };
        let people: BTreeSet<u32> = rows.iter().map(|row| row.subject).collect();
        if people.len() < CELL_MIN {
            window.reason = Some(format!("fewer than {CELL_MIN} subjects"));
            return window;
        }
        let firsts = self.served.first(rows);
        let risks = |all: &Ordered<'_>, rows: &[Row]| -> Vec<Option<f64>> {
            rows.iter().map(|row| all.risk(row)).collect()
        };
        let own = risks(self.served, &firsts);
        let before = risks(self.reference, reference);
        window.scores = compared(&before, &own);
        let known: Vec<f64> = own.iter().flatten().copied().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let mean = if known.is_empty() {
            Metric::undefined(Undefined::NoRows.to_string())
        } else {
            Metric::of(mean)
        };
        window.scores.insert("mean".to_owned(), mean);
        for (name, values) in self.served.served.inputs {
            let own: Vec<_> = firsts.iter().map(|row| values[row.place]).collect();
            let column = self.reference.input(name).unwrap_or(&[]);
            let before = reference.iter().filter_map(|row| column.get(row.place));
            let before: Vec<_> = before.copied().collect();
            window.inputs.insert(name.clone(), compared(&before, &own));
        }
        self.outcomes(&mut window, rows);
        window
    }

    fn outcomes(&self, window: &mut Window, rows: &[Row]) {
        if window.month >= self.closed.1 {
            window.reason = Some("the outcomes of its last month are not all in".to_owned());
            return;
        }
        let counted = self
            .served
            .apart(rows, Taken::Apart(self.options.horizon_days));
        let (mut labels, mut risks, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
        for row in &counted {
            if let (Some(risk), Some(label)) = (self.served.risk(row), self.served.label(row)) {
                labels.push(label);
                risks.push(risk);
                subjects.push(u64::from(row.subject));
            }
        }
        let clusters = Clusters::new(&subjects);
        let positives = labels.iter().filter(|&&label| label).count() as u64;
        let negatives = labels.len() as u64 - positives;
        if (clusters.count as usize) < CELL_MIN || is_small(positives) || is_small(negatives) {
            let what = format!("fewer than {CELL_MIN} rows with or without the outcome");
            window.reason = Some(what);
            return;
        }
        let options = &self.options.intervals;
        let draws = Draws {
            options,
            threads: 1,
        };
        let judged = judge(&labels, &[&risks], &clusters, &draws);
        window.rows = labels.len() as u64;
        window.metrics = judged.first().map(crate::judge::Judged::metrics);
    }
}

/// PSI, KS and the missing share of values beside those of before.
fn compared(before: &[Option<f64>], now: &[Option<f64>]) -> BTreeMap<String, Metric> {
    let known = |values: &[Option<f64>]| values.iter().flatten().copied().collect::<Vec<f64>>();
    let (was, is) = (known(before), known(now));
    let missing = now.len() - is.len();
    let share = if is_small(missing as u64) {
        Metric::undefined(format!("fewer than {CELL_MIN} rows"))
    } else {
        Metric::of(missing as f64 / now.len().max(1) as f64)
    };
    let shown = |result: Result<f64, Undefined>| match result {
        _ if is.len() < CELL_MIN => Metric::undefined(format!("fewer than {CELL_MIN} rows")),
        Ok(value) => Metric::of(value),
        Err(reason) => Metric::undefined(reason.to_string()),
    };
    BTreeMap::from([
        ("psi".to_owned(), shown(population_stability(&was, &is))),
        ("ks".to_owned(), shown(kolmogorov_smirnov(&was, &is))),
        ("missing".to_owned(), share),
    ])
}
