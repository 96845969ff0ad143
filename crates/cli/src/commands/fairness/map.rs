//! `longitude fairness map`: who is measured how often, by group.

use crate::commands::quality::{analytes, asked, tasks_of};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::write_atomically;
use crate::progress::print;
use anyhow::Result;
use longitude_core::{Label, Task};
use longitude_eval::{Ratio, Representation, RepresentationReport, Represented};
use longitude_predict::{IndexFit, IndexOptions};
use longitude_quality::subject_counts;
use longitude_server::representation_html;
use longitude_store::Dataset;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `longitude fairness map` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The folder of the MEDS data set
    meds: PathBuf,
    /// The page to write; the report stands beside it as JSON
    #[arg(long, value_name = "FILE.html")]
    to: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Also groups made of several dimensions, for example sex,site; may be given more than once
    #[arg(long, value_name = "DIMENSIONS")]
    cross: Vec<String>,
    /// Also the labels of the default tasks, which reads the data twice more
    #[arg(long)]
    labels: bool,
    /// The site's own table of analytes, TOML, beside the shipped one
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
}

/// The dimensions that can be crossed.
const DIMENSIONS: [&str; 8] = [
    "age_band",
    "deprivation",
    "ethnicity",
    "insurance",
    "language",
    "race",
    "sex",
    "site",
];

/// A task that fewer training subjects had is not told of: its shares would be hidden.
const LABEL_SUBJECTS_MIN: u32 = 20;

const AFTER_HELP: &str = "\
Dimensions, where recorded: sex, age_band (at the start of observation), race, ethnicity, site,
insurance, language, deprivation. No count of 1 to 10 subjects is in the report, nor one that would
follow from a total, so that it may leave the walls.

Examples:
  longitude fairness map meds --to map.html                     # map.json beside it
  longitude fairness map meds --cross sex,site --labels
  longitude fairness map meds --json | jq '.dimensions[] | select(.name == \"sex\")'";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let crossings = crossings(&arguments.cross)?;
    let data = Dataset::open(&arguments.meds)?;
    let questions = questions(&data, arguments.labels)?;
    let analytes = analytes(arguments.units.as_deref())?;
    let mut representation = Representation::new(&crossings);
    for timeline in data.timelines(None) {
        interrupt::check()?;
        let timeline = timeline?;
        let subject = subject_counts(&timeline, &analytes);
        let mut labels = BTreeMap::new();
        if let Some((index, tasks)) = &questions {
            for (task, label) in asked(&timeline, index, tasks) {
                if let Label::Yes | Label::No = label {
                    labels.insert(task.title.clone(), label == Label::Yes);
                }
            }
        }
        representation.observe(&Represented {
            groups: &subject.groups,
            years: subject.years,
            counts: &subject.counts,
            labels: &labels,
        });
    }
    let report = representation.finish();
    let json = serde_json::to_vec_pretty(&report)?;
    if let Some(path) = &arguments.to {
        write_atomically(path, representation_html(&report).as_bytes())?;
        write_atomically(&path.with_extension("json"), &json)?;
    }
    if arguments.json {
        return print(&format!("{}\n", String::from_utf8_lossy(&json)));
    }
    print(&to_text(&report))
}

fn crossings(asked: &[String]) -> Result<Vec<Vec<String>>, Failure> {
    let mut all = Vec::new();
    for one in asked {
        let parts: Vec<String> = one.split(',').map(|part| part.trim().to_owned()).collect();
        let unknown = parts
            .iter()
            .find(|part| !DIMENSIONS.contains(&part.as_str()));
        if let Some(part) = unknown {
            let what = format!("--cross {one}: no dimension is called `{part}`");
            let mend = format!("take two or more of {}", DIMENSIONS.join(", "));
            return Err(Failure::new(Kind::Input, what, mend));
        }
        if parts.len() < 2 {
            let what = format!("--cross {one} names one dimension, which is told of anyway");
            return Err(Failure::new(
                Kind::Input,
                what,
                "name two or more, as sex,site",
            ));
        }
        all.push(parts);
    }
    Ok(all)
}

/// When to ask and what, where labels were asked for.
fn questions(data: &Dataset, wanted: bool) -> Result<Option<(IndexOptions, Vec<Task>)>> {
    if !wanted {
        return Ok(None);
    }
    let mut fit = IndexFit::new(0);
    for timeline in data.timelines(None) {
        interrupt::check()?;
        fit.observe(&timeline?);
    }
    let index = fit.finish();
    let tasks = tasks_of(data, index, LABEL_SUBJECTS_MIN)?;
    Ok(Some((index, tasks)))
}

/// The report for a terminal: each dimension's groups, then who falls short.
fn to_text(report: &RepresentationReport) -> String {
    let mut text = format!(
        "{} subjects, {:.0} person-years\n",
        report.subjects, report.person_years
    );
    for dimension in &report.dimensions {
        text.push_str(&format!(
            "\n{:<28}{:>9}{:>14}{:>22}{:>22}\n",
            dimension.name, "subjects", "person-years", "events a year", "encounters a year"
        ));
        for group in &dimension.groups {
            let rate = |what: &str| {
                let found = group.recorded.iter().find(|one| one.what == what);
                interval(found.and_then(|one| one.per_year), 1)
            };
            let count = |value: Option<f64>| value.map_or("hidden".into(), |v| format!("{v:.0}"));
            text.push_str(&format!(
                "  {:<26}{:>9}{:>14}{:>22}{:>22}\n",
                group.group,
                count(group.subjects.map(|n| n as f64)),
                count(group.person_years),
                rate("events"),
                rate("encounters")
            ));
            for label in &group.labels {
                if let Some(share) = label.prevalence {
                    let share = interval(Some(share), 3);
                    text.push_str(&format!("    {:<44} {share}\n", label.task));
                }
            }
        }
    }
    let short = report.under_recorded();
    text.push_str(&format!(
        "\n{} rates are below {} of the others', with the whole interval{}\n",
        short.len(),
        longitude_eval::RATIO_NAMED,
        if short.is_empty() {
            ""
        } else {
            "; the furthest first:"
        }
    ));
    for one in short.iter().take(20) {
        text.push_str(&format!(
            "  {:<28}{:<26}{:<28}{}\n",
            one.dimension,
            one.group,
            one.what,
            interval(Some(one.to_others), 2)
        ));
    }
    text
}

fn interval(ratio: Option<Ratio>, digits: usize) -> String {
    ratio.map_or("hidden".to_owned(), |ratio| {
        format!(
            "{:.digits$} ({:.digits$}-{:.digits$})",
            ratio.value, ratio.low, ratio.high
        )
    })
}
