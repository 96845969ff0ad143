//! `longitude fairness repair`: risks repaired by group, and what that costs whom.

use crate::commands::evaluate::checks::{
    PROBABILITY, absent, every_label, not_empty, once, present, refuse, risks, rows_where,
};
use crate::failure::{Failure, Kind, not_over};
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_eval::{
    GroupRecalibration, Metric, Multicalibration, Options, Paired, RepairCost, RepairRows, Side,
    ThresholdPolicy, crossings, repair_cost, threshold_for_alerts,
};
use longitude_store::{Predictions, read_predictions};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `longitude fairness repair` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The predictions to repair and to judge the repair on
    predictions: PathBuf,
    /// Predictions of other subjects, whom the model did not learn from either: the repair is
    /// fitted on them
    #[arg(long, value_name = "FIT.parquet")]
    fit: PathBuf,
    /// Columns of texts to group by
    #[arg(long, value_name = "COLUMN", required = true)]
    group: Vec<String>,
    /// How risks are repaired
    #[arg(long, value_enum, default_value_t = Method::Shrinkage)]
    method: Method,
    /// A column of numbers of the fitted table: what each row weighs
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// The threshold of an alert, before and after
    #[arg(long, conflicts_with = "alerts", default_value_t = 0.1)]
    threshold: f64,
    /// In place of a threshold: the share of rows that a team can look at; each side has the
    /// threshold that keeps to it on the fitted table
    #[arg(long, value_name = "SHARE")]
    alerts: Option<f64>,
    /// Thresholds for named groups after the repair, declared in a TOML file
    #[arg(long, value_name = "POLICY.toml")]
    policy: Option<PathBuf>,
    /// The table of repaired predictions to write; the repair stands beside it as JSON
    #[arg(long, value_name = "FILE.parquet")]
    to: Option<PathBuf>,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Resamples of subjects for the intervals
    #[arg(long, default_value_t = 200)]
    resamples: u32,
    /// The seed of the resampling
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How risks are repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    /// One recalibration, and intercepts by group that lean on it (all columns crossed)
    Shrinkage,
    /// Groups and their crossings within bins of the risk, while they are off by more than noise
    Multicalibration,
    /// Leave the risks as they are
    None,
}

const AFTER_HELP: &str = "\
The account tells for everybody and for each group: missed cases, observed less expected, net
benefit and alerts, before and after, with paired intervals. A repair is no better than its labels:
where a group's outcomes are not recorded, weigh rows on which somebody looked (docs/fairness.md).

A policy of thresholds is a decision about people and is never fitted:

  threshold = 0.2
  decided_by = \"equity board\"
  decided_on = \"2026-03-01\"
  [[group]]
  dimension = \"site\"
  value = \"C\"
  threshold = 0.15
  reason = \"measured half as often\"

Examples:
  longitude fairness repair held_out.parquet --fit tuning.parquet --group sex --group site
  longitude fairness repair held_out.parquet --fit tuning.parquet --group site --alerts 0.1 \\
      --method multicalibration --to repaired.parquet
  longitude fairness repair held_out.parquet --fit tuning.parquet --group site --method none \\
      --threshold 0.2 --policy policy.toml";

/// A fitted repair.
#[derive(Debug, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
enum Repair {
    Shrinkage(GroupRecalibration),
    Multicalibration(Multicalibration),
    None,
}

/// What is printed and kept.
#[derive(Serialize)]
struct Account<'a> {
    repair: &'a Repair,
    policy: Option<&'a ThresholdPolicy>,
    thresholds: [f64; 2],
    rows_abstained: u64,
    cost: &'a RepairCost,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    check(arguments)?;
    let policy = arguments.policy.as_deref().map(policy).transpose()?;
    let fitted_on = Table::read(&arguments.fit, arguments, arguments.weight.as_deref())?;
    let table = Table::read(&arguments.predictions, arguments, None)?;
    let repair = fit(&fitted_on, arguments.method)?;
    let (before, after) = (&table.risks, repair.apply(&table));
    let own = match arguments.alerts {
        None => [arguments.threshold; 2],
        Some(share) => {
            let threshold = |risks: &[f64]| {
                threshold_for_alerts(risks, share).map_err(|reason| {
                    let what = format!("--alerts {share}: no threshold keeps to it, {reason}");
                    Failure::new(
                        Kind::Input,
                        what,
                        "ask for a larger share, or give --threshold",
                    )
                })
            };
            [
                threshold(&fitted_on.risks)?,
                threshold(&repair.apply(&fitted_on))?,
            ]
        }
    };
    let at = |risks: &[f64], threshold: f64| risks.iter().map(|&r| r >= threshold).collect();
    let alerts_before: Vec<bool> = at(before, own[0]);
    let alerts_after = match &policy {
        Some(policy) => policy.alerts(&after, &table.dimensions),
        None => at(&after, own[1]),
    };
    let options = Options {
        seed: arguments.seed,
        resamples: arguments.resamples,
    };
    let sides = (
        Side {
            risks: before,
            alerts: &alerts_before,
        },
        Side {
            risks: &after,
            alerts: &alerts_after,
        },
    );
    let judged = (&table.labels[..], &table.subjects[..]);
    let cost = repair_cost(judged, sides, &table.dimensions, own[0], &options);
    let account = Account {
        repair: &repair,
        policy: policy.as_ref(),
        thresholds: own,
        rows_abstained: (table.read.subjects.len() - table.rows.len()) as u64,
        cost: &cost,
    };
    let json = serde_json::to_vec_pretty(&account)?;
    if let Some(path) = &arguments.to {
        table.with(&after).write(path)?;
        crate::pipeline::write_atomically(&path.with_extension("json"), &json)?;
    }
    if arguments.json {
        return print(&format!("{}\n", String::from_utf8_lossy(&json)));
    }
    print(&text(&account))
}

fn check(arguments: &Arguments) -> Result<(), Failure> {
    let share = |value: f64| value > 0.0 && value < 1.0;
    if !share(arguments.threshold) || !arguments.alerts.is_none_or(share) {
        let what = "--threshold and --alerts are above 0 and below 1";
        return Err(Failure::new(
            Kind::Input,
            what,
            "give a probability or a share",
        ));
    }
    if let Some(to) = &arguments.to {
        not_over(to, &[&arguments.predictions, &arguments.fit])?;
    }
    Ok(())
}

fn policy(path: &Path) -> Result<ThresholdPolicy> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("--policy {shown}"))?;
    let refuse = |what: String| {
        let mend = "`longitude fairness repair --help` shows the form";
        Failure::new(Kind::Input, format!("--policy {shown}: {what}"), mend)
    };
    let policy: ThresholdPolicy =
        toml::from_str(&text).map_err(|error| refuse(error.to_string().trim_end().to_owned()))?;
    let said = |text: &String| !text.trim().is_empty();
    let each = policy.group.iter().map(|one| one.threshold);
    let thresholds: Vec<f64> = each.chain([policy.threshold]).collect();
    if !thresholds.iter().all(|&t| t > 0.0 && t < 1.0) {
        return Err(refuse("a threshold is not between 0 and 1".to_owned()).into());
    }
    let reasons = policy.group.iter().all(|one| said(&one.reason));
    if !reasons || !said(&policy.decided_by) || !said(&policy.decided_on) {
        let what = "who decided, when, or the reason of a group is empty";
        return Err(refuse(what.to_owned()).into());
    }
    Ok(policy)
}

/// The rows of a table that have a risk.
struct Table {
    read: Predictions,
    /// Their places among all.
    rows: Vec<usize>,
    subjects: Vec<u64>,
    labels: Vec<bool>,
    risks: Vec<f64>,
    weights: Vec<f64>,
    dimensions: Vec<(String, Vec<String>)>,
    /// The group of each row by all dimensions together.
    crossed: Vec<String>,
}

impl Table {
    fn read(path: &Path, arguments: &Arguments, weight: Option<&str>) -> Result<Self> {
        present(path)?;
        let read = read_predictions(path, true)?;
        not_empty(&read, path)?;
        once(&read)?;
        let labels = every_label(&read)?;
        let column = read.numbers.get(PROBABILITY);
        let column = column.ok_or_else(|| absent(&read, PROBABILITY))?;
        risks(&read, column)?;
        let numbered = column.iter().enumerate();
        let (rows, risks): (Vec<usize>, Vec<f64>) = numbered
            .filter_map(|(row, risk)| Some((row, (*risk)?)))
            .unzip();
        let weights = match weight {
            None => vec![1.0; rows.len()],
            Some(name) => weights(&read, name, &rows)?,
        };
        let mut dimensions = Vec::new();
        for name in &arguments.group {
            let values = read.texts.get(name).ok_or_else(|| absent(&read, name))?;
            let value = |&row: &usize| values[row].clone().unwrap_or_else(|| "unknown".into());
            dimensions.push((
                name.clone(),
                rows.iter().map(value).collect::<Vec<String>>(),
            ));
        }
        let crossed = (0..rows.len()).map(|row| {
            let values: Vec<&str> = dimensions
                .iter()
                .map(|(_, all)| all[row].as_str())
                .collect();
            values.join(", ")
        });
        Ok(Self {
            crossed: crossed.collect(),
            subjects: rows
                .iter()
                .map(|&row| read.subjects[row].cast_unsigned())
                .collect(),
            labels: rows.iter().map(|&row| labels[row]).collect(),
            risks,
            weights,
            dimensions,
            rows,
            read,
        })
    }

    /// The table with other risks of these rows; where the model abstained it still does.
    fn with(&self, risks: &[f64]) -> Predictions {
        let mut all = vec![None; self.read.subjects.len()];
        for (&row, &risk) in self.rows.iter().zip(risks) {
            all[row] = Some(risk);
        }
        let mut read = self.read.clone();
        read.numbers.insert(PROBABILITY.to_owned(), all);
        read
    }
}

/// The weights of rows, scaled to a mean of 1.
fn weights(read: &Predictions, name: &str, rows: &[usize]) -> Result<Vec<f64>, Failure> {
    let column = read.numbers.get(name).ok_or_else(|| absent(read, name))?;
    let bad = |weight: &Option<f64>| !weight.is_some_and(|w| w.is_finite() && w > 0.0);
    let mend = "give each row a weight above 0, and leave rows out that should not count";
    let what = format!("`{name}` that is absent or not above 0");
    refuse(read, &rows_where(column, bad), &what, mend)?;
    let weights: Vec<f64> = rows.iter().filter_map(|&row| column[row]).collect();
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    Ok(weights.iter().map(|weight| weight / mean).collect())
}

fn fit(table: &Table, method: Method) -> Result<Repair, Failure> {
    let rows = RepairRows {
        labels: &table.labels,
        risks: &table.risks,
        weights: &table.weights,
    };
    Ok(match method {
        Method::Shrinkage => {
            let fit = GroupRecalibration::fit(&rows, &table.crossed).map_err(|reason| {
                let what = format!("--fit carries no recalibration: {reason}");
                Failure::new(
                    Kind::Input,
                    what,
                    "fit on more rows, with and without the outcome",
                )
            })?;
            Repair::Shrinkage(fit)
        }
        Method::Multicalibration => {
            Repair::Multicalibration(Multicalibration::fit(&rows, &with_crossings(table)))
        }
        Method::None => Repair::None,
    })
}

fn with_crossings(table: &Table) -> Vec<(String, Vec<String>)> {
    [table.dimensions.clone(), crossings(&table.dimensions)].concat()
}

impl Repair {
    fn apply(&self, table: &Table) -> Vec<f64> {
        match self {
            Self::Shrinkage(fit) => {
                let each = table.risks.iter().zip(&table.crossed);
                each.map(|(&risk, group)| fit.apply(risk, group)).collect()
            }
            Self::Multicalibration(fit) => fit.apply(&table.risks, &with_crossings(table)),
            Self::None => table.risks.clone(),
        }
    }
}

fn text(account: &Account<'_>) -> String {
    let mut text = match account.repair {
        Repair::Shrinkage(fit) => format!(
            "logit = {:.3} + {:.3} * logit(risk) + offset; offsets deviate by {:.3}\n",
            fit.intercept, fit.slope, fit.deviation
        ),
        Repair::Multicalibration(fit) => format!("{} moves of groups in bins\n", fit.steps.len()),
        Repair::None => "risks as they are\n".to_owned(),
    };
    if let Some(policy) = account.policy {
        let own = policy
            .group
            .iter()
            .map(|one| format!("{} {}", one.value, one.threshold));
        text.push_str(&format!(
            "thresholds by policy of {} ({}): {}, all others {}\n",
            policy.decided_by,
            policy.decided_on,
            own.collect::<Vec<_>>().join(", "),
            policy.threshold
        ));
    }
    for group in &account.cost.groups {
        let rows = group
            .rows
            .map_or("hidden".to_owned(), |rows| rows.to_string());
        text.push_str(&format!(
            "\n{}: {}, {rows} rows\n",
            group.dimension, group.group
        ));
        if let Some(reason) = &group.suppressed {
            text.push_str(&format!("  not shown: {reason}\n"));
            continue;
        }
        for (what, paired) in [
            ("missed cases", &group.missed),
            ("observed less expected", &group.observed_less_expected),
            ("net benefit", &group.net_benefit),
            ("alerts", &group.alert_rate),
        ] {
            text.push_str(&format!("  {what:<24}{}\n", line(paired)));
        }
    }
    text
}

fn line(paired: &Paired) -> String {
    let value = |metric: &Metric| match metric.estimate {
        Some(estimate) => format!("{:.4}", estimate.value),
        None => format!(
            "undefined: {}",
            metric.reason.as_deref().unwrap_or("no reason")
        ),
    };
    let ends = paired.difference.estimate.and_then(|e| e.low.zip(e.high));
    let ends = ends.map_or(String::new(), |(low, high)| {
        format!(" ({low:+.4} to {high:+.4})")
    });
    let sides = (
        value(&paired.before),
        value(&paired.after),
        value(&paired.difference),
    );
    format!("{} -> {}, difference {}{ends}", sides.0, sides.1, sides.2)
}
