//! `longitude quality`: what a data set is worth before anybody trains on it, and what changed
//! since another load.

use crate::failure::{Failure, Kind};
use crate::pipeline::{code_version, write_atomically};
use crate::progress::print;
use crate::reading::site_table;
use crate::{interrupt, machine};
use anyhow::{Context, Result};
use longitude_core::{Code, Instant, Label, Split, Task, Timeline};
use longitude_predict::{
    Census, DefaultTasksOptions, IndexFit, IndexOptions, default_tasks, index_time,
};
use longitude_quality::{Collector, Comparison, Options, Report, Severity, compare};
use longitude_server::{SmallCells, quality_html};
use longitude_store::Dataset;
use longitude_units::Analytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

/// What `longitude quality` takes.
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
    /// Another load to compare with: its folder, or its report as JSON
    #[arg(long, value_name = "DIR_OR_REPORT")]
    against: Option<PathBuf>,
    /// The site's own table of analytes, TOML, beside the shipped one
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
    /// Also count the labels of the default tasks, which reads the data twice more
    #[arg(long)]
    labels: bool,
    /// When the records were exported, for example 2024-05-31: what lies later is a fault
    #[arg(long, value_name = "DATE")]
    exported: Option<String>,
    /// Show counts under 11 on the page: inside the walls only
    #[arg(long)]
    show_small: bool,
}

const AFTER_HELP: &str = "\
Nothing is changed and nothing deleted: what is wrong is counted and named.

Examples:
  longitude quality identified --to quality.html                  # quality.json beside it
  longitude quality second --against quality.json --to what-changed.html
  longitude quality meds --json | jq '.findings[] | select(.severity == \"mend\")'";

/// The report with what changed, as JSON. A report is read from it again, by name.
#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Clock::now();
    let report = report_of(&arguments.meds, arguments)?;
    let seconds = start.elapsed().as_secs_f64();
    let before = arguments
        .against
        .as_deref()
        .map(|path| other(path, arguments))
        .transpose()?;
    let comparison = before.as_ref().map(|before| compare(before, &report));
    let output = Output {
        report: &report,
        comparison: comparison.as_ref(),
    };
    let json = serde_json::to_vec_pretty(&output)?;
    if let Some(path) = &arguments.to {
        let cells = if arguments.show_small {
            SmallCells::Shown
        } else {
            SmallCells::Hidden
        };
        let page = quality_html(&report, before.as_ref().zip(comparison.as_ref()), cells);
        write_atomically(path, page.as_bytes())?;
        write_atomically(&path.with_extension("json"), &json)?;
    }
    if arguments.json {
        return print(&format!("{}\n", String::from_utf8_lossy(&json)));
    }
    print(&to_text(&report, comparison.as_ref()))?;
    if let Some(path) = &arguments.to {
        let beside = path.with_extension("json");
        print(&format!(
            "page {}, report {}\n",
            path.display(),
            beside.display()
        ))?;
    }
    let memory = machine::peak_memory_bytes().map_or(String::new(), |bytes| {
        format!(", peak memory {} MB", bytes >> 20)
    });
    eprintln!(
        "{:.0} events a second{memory}",
        report.counts.events as f64 / seconds.max(1e-9)
    );
    Ok(())
}

/// The report of another load: read, or made of its folder.
fn other(path: &Path, arguments: &Arguments) -> Result<Report> {
    if path.is_dir() {
        return report_of(path, arguments);
    }
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("--against {shown}"))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("{shown} is no quality report: {error}");
        Failure::new(
            Kind::Input,
            message,
            "give a MEDS folder, or a report that --to wrote",
        )
        .into()
    })
}

fn report_of(meds: &Path, arguments: &Arguments) -> Result<Report> {
    let data = Dataset::open(meds)?;
    let mut collector = Collector::new(options(arguments)?, analytes(arguments.units.as_deref())?);
    let mut fit = IndexFit::new(0);
    for timeline in data.timelines(None) {
        interrupt::check()?;
        let timeline = timeline?;
        collector.observe(&timeline);
        if arguments.labels {
            fit.observe(&timeline);
        }
    }
    if arguments.labels {
        labels(&data, fit.finish(), &mut collector)?;
    }
    let names = data.codes()?.into_iter();
    let names: BTreeMap<Code, String> = names
        .filter_map(|(code, entry)| Some((code, entry.description?)))
        .collect();
    let info = data.info();
    let facts = [
        ("data set", info.dataset_name.clone()),
        ("made by", format!("{} {}", info.etl_name, info.etl_version)),
    ];
    let facts = facts
        .into_iter()
        .filter(|(_, value)| !value.trim().is_empty());
    let facts = facts.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(collector.finish(&code_version(), facts.collect(), &names))
}

fn options(arguments: &Arguments) -> Result<Options> {
    let mut options = Options::standard();
    if let Some(date) = &arguments.exported {
        options.export_time = Some(end_of_day(date).ok_or_else(|| {
            let message = format!("--exported {date} is no date");
            Failure::new(Kind::Input, message, "write it as 2024-05-31")
        })?);
    }
    Ok(options)
}

/// The first instant after a day written as `2024-05-31`.
fn end_of_day(date: &str) -> Option<Instant> {
    let mut parts = date.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let (month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let start = Instant::from_civil((year, month, day), (0, 0, 0, 0), 0).ok()?;
    Some(start.shifted(86_400_000_000))
}

/// The table of analytes, the site's own over the shipped one.
pub(crate) fn analytes(units: Option<&Path>) -> Result<Analytes> {
    match units {
        None => Ok(Analytes::shipped().clone()),
        Some(path) => Ok(site_table(path)?.0),
    }
}

/// Counts the labels of the tasks that would be asked by default, one prediction time a subject.
fn labels(data: &Dataset, index: IndexOptions, collector: &mut Collector) -> Result<()> {
    // Every task is asked about, also one that nobody of the training subjects has: that is what
    // is looked for.
    let tasks = tasks_of(data, index, 0)?;
    for timeline in data.timelines(None) {
        interrupt::check()?;
        let timeline = timeline?;
        for (task, label) in asked(&timeline, &index, &tasks) {
            collector.label(&task.id, label);
        }
    }
    Ok(())
}

/// The default tasks of a data set whose outcome so many training subjects had.
pub(crate) fn tasks_of(
    data: &Dataset,
    index: IndexOptions,
    subjects_min: u32,
) -> Result<Vec<Task>> {
    let mut census = Census::new(index);
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        census.observe(&timeline?);
    }
    let options = DefaultTasksOptions {
        subjects_min,
        ..DefaultTasksOptions::research()
    };
    Ok(default_tasks(&census, &options))
}

/// The label of each task at the subject's prediction time; none without one.
pub(crate) fn asked<'t>(
    timeline: &Timeline,
    index: &IndexOptions,
    tasks: &'t [Task],
) -> Vec<(&'t Task, Label)> {
    let Some(at) = index_time(timeline, index) else {
        return Vec::new();
    };
    tasks
        .iter()
        .map(|task| (task, task.label(timeline, at)))
        .collect()
}

/// The report for a terminal: what matters, in lines.
fn to_text(report: &Report, comparison: Option<&Comparison>) -> String {
    let counts = report.counts;
    let mut text = format!(
        "{} events of {} subjects, {} codes, {} sources\n",
        counts.events,
        counts.subjects,
        report.codes_distinct,
        report.sources.len()
    );
    let number = |severity| {
        report
            .findings
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    text.push_str(&format!(
        "{} to mend, {} to look at, {} to know\n",
        number(Severity::Mend),
        number(Severity::Look),
        number(Severity::Note)
    ));
    for one in report.findings.iter().take(20) {
        let severity = match one.severity {
            Severity::Mend => "MEND",
            Severity::Look => "look",
            Severity::Note => "note",
        };
        text.push_str(&format!(
            "{severity}  {} of {}  {}: {}\n",
            one.count, one.of, one.place, one.text
        ));
    }
    if let Some(comparison) = comparison {
        text.push_str(&format!("{} changes\n", comparison.changes.len()));
        let shown = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
        for one in comparison.changes.iter().take(20) {
            text.push_str(&format!(
                "{} -> {}  {}: {}\n",
                shown(one.before),
                shown(one.after),
                one.place,
                one.text
            ));
        }
    }
    text
}
