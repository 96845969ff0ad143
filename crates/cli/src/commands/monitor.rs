//! `longitude monitor`: a model watched after its release, with false alarms held to a stated
//! level; states that evidence and people lead; recalibrations that people approve.

mod cases;
mod decide;
mod inputs;
mod policy;
mod propose;
mod rows;
mod text;

use crate::failure::{Failure, Kind, not_over};
use crate::institution;
use crate::machine;
use crate::pipeline::{code_version, options_of, write_atomically};
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::{Days, Digest, Instant, NamedDigest, Receipt};
use longitude_eval::monitor::{MonitorError, Monitoring, Signal, assess};
use longitude_govern::{
    Evidence, Health, Layout, MonitorBook, Occurrence, Part, RunLedger, Seen, Standing, standing,
};
use longitude_server::monitoring_html;
use policy::Policy;
use rows::{Outcomes, Rows};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What `longitude monitor` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Print a policy with every key and its reason, to begin from
    Policy,
    /// Judge what was served up to a time, and enter what follows in a run's ledger
    Assess(Assess),
    /// How a run's tasks stand, and every record of their monitoring
    State(decide::State),
    /// Suspend a task or a part of it; one named person may
    Suspend(decide::Decide),
    /// Lead a task or a part of it one step back; out of suspension two named people must
    Release(decide::Decide),
    /// Propose a recalibration, judged on the most recent data
    Propose(propose::Propose),
    /// Approve a proposal: from then on answers of the run are calibrated by it
    Approve(propose::Approve),
    /// Replay overturned contests on another model's predictions
    Cases(cases::Replay),
}

const AFTER_HELP: &str = "\
The evidence may be looked at as often as one likes: the chance of any false alarm over the plan
stays at most the policy's level. docs/monitoring.md says what is tested, how, and what it proves.

Examples:
  longitude monitor policy > policy.toml
  longitude monitor assess served.parquet --labels outcomes.parquet --reference held_out.parquet \\
      --policy policy.toml --html monitoring.html
  longitude monitor assess served/ --labels outcomes.parquet --reference held_out.parquet \\
      --policy policy.toml --run RUN
  longitude monitor release --run RUN --task admission_1y --by \"Ann Example\" \\
      --by \"Ben Example\" --reason \"coding of site B mended, see ticket 12\"";

/// What every step takes that reads predictions.
#[derive(Debug, clap::Args)]
struct Read {
    /// Predictions as they were served: Parquet files or folders of the MEDS prediction schema, or
    /// JSON lines as a run writes them; each prediction once
    #[arg(required = true)]
    predictions: Vec<PathBuf>,
    /// Tables of MEDS labels: the outcomes that are known; without, the column `boolean_value`
    #[arg(long, value_name = "LABELS.parquet")]
    labels: Vec<PathBuf>,
    /// The policy
    #[arg(long, value_name = "FILE.toml")]
    policy: PathBuf,
    /// The time up to which anything is known, as 2026-01-31 [default: now]
    #[arg(long)]
    clock: Option<String>,
}

/// What opens a run.
#[derive(Debug, clap::Args)]
struct Keys {
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Assess {
    #[command(flatten)]
    read: Read,
    /// Predictions of before the plan with their outcomes: as a rule those of the evaluation
    #[arg(long, value_name = "PREDICTIONS", required = true)]
    reference: Vec<PathBuf>,
    /// A MEDS data set of the predictions' subjects: how often codes are recorded, which are
    /// unknown, and the last values of the commonest measurements become inputs that are watched
    #[arg(long, value_name = "MEDS")]
    data: Option<PathBuf>,
    /// The MEDS data set of the reference's subjects [default: that of --data]
    #[arg(long, value_name = "MEDS", requires = "data")]
    reference_data: Option<PathBuf>,
    /// The run whose states follow from this; without, nothing is entered anywhere
    #[arg(long)]
    run: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Write the monitoring as one HTML page
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Resamples of subjects for the intervals of rolling windows
    #[arg(long, default_value_t = 100)]
    resamples: u32,
    #[command(flatten)]
    keys: Keys,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.step {
        Step::Policy => print(policy::TEMPLATE),
        Step::Assess(arguments) => run_assess(arguments),
        Step::State(arguments) => decide::state(arguments),
        Step::Suspend(arguments) => decide::suspend(arguments),
        Step::Release(arguments) => decide::release(arguments),
        Step::Propose(arguments) => propose::propose(arguments),
        Step::Approve(arguments) => propose::approve(arguments),
        Step::Cases(arguments) => cases::replay(arguments),
    }
}

/// A run that is written into.
struct Opened {
    layout: Layout,
    ledger: RunLedger,
    book: MonitorBook,
}

impl Opened {
    fn open(run: &Path, keys: &Keys) -> Result<Self> {
        options_of(run)?;
        let institution = institution::open(keys.institution.as_deref())?;
        let layout = Layout::new(run);
        let ledger = RunLedger::open(&layout, &institution.keys).with_context(|| {
            let run = run.display();
            format!("the ledger of {run} (a server of this run must be stopped first)")
        })?;
        let book = MonitorBook::open(&layout, &ledger)?;
        Ok(Self {
            layout,
            ledger,
            book,
        })
    }

    fn standing(&self) -> Result<BTreeMap<Part, Standing>> {
        Ok(standing(&self.ledger.leaves()?))
    }
}

impl Read {
    fn clock(&self) -> Result<Instant> {
        let Some(text) = &self.clock else {
            return Ok(machine::now());
        };
        text.parse().map_err(|_error| {
            let message = format!("--clock {text} is no date or time");
            Failure::new(Kind::Input, message, "write it as 2026-01-31").into()
        })
    }

    fn rows(&self, policy: &Policy) -> Result<(Rows, Outcomes)> {
        let outcomes = Outcomes::read(&self.labels)?;
        let rows = Rows::read(&self.predictions, &outcomes, policy)?;
        rows.fit(&outcomes)?;
        Ok((rows, outcomes))
    }

    fn inputs(&self) -> Vec<&Path> {
        let files = self.predictions.iter().chain(&self.labels);
        files.chain([&self.policy]).map(PathBuf::as_path).collect()
    }
}

fn run_assess(arguments: &Assess) -> Result<()> {
    let policy = Policy::read(&arguments.read.policy)?;
    let clock = arguments.read.clock()?;
    if let Some(page) = &arguments.html {
        let mut inputs = arguments.read.inputs();
        inputs.extend(arguments.reference.iter().map(PathBuf::as_path));
        not_over(page, &inputs)?;
    }
    let (mut rows, outcomes) = arguments.read.rows(&policy)?;
    let mut reference = Rows::read(&arguments.reference, &outcomes, &policy)?;
    if let Some(data) = &arguments.data {
        let before = arguments.reference_data.as_ref().unwrap_or(data);
        inputs::add((&mut rows, data), (&mut reference, before))?;
    }
    let mut run = match &arguments.run {
        Some(run) => Some(Opened::open(run, &arguments.keys)?),
        None => None,
    };
    let known = run.as_ref().map(Opened::standing).transpose()?;
    let known = known.unwrap_or_default();
    let mut options = policy.options(arguments.resamples)?;
    let of_task = known.iter().filter(|(part, _)| part.task == policy.task);
    options.released = of_task
        .filter_map(|(part, standing)| {
            let name = (part.dimension.clone(), part.value.clone());
            Some((name, rows::days(standing.released?)))
        })
        .collect();
    let found = assess(
        &rows.served(),
        &reference.served(),
        rows::days(clock),
        &options,
    );
    let found = found.map_err(|error| refused(&error, &rows))?;
    let states = match &mut run {
        Some(run) => enter(run, arguments, (&policy, clock), &found)?,
        None => states(&policy, &found, &known)?,
    };
    let mut notes = rows.notes.clone();
    notes.extend(
        reference
            .notes
            .iter()
            .map(|note| format!("reference: {note}")),
    );
    if let Some(path) = &arguments.html {
        let page = monitoring_html(&policy.task, &found, &states, &notes);
        write_atomically(path, page.as_bytes())?;
    }
    print(&if arguments.json {
        let json = serde_json::json!({
            "task": policy.task, "clock": clock.to_string(), "monitoring": found,
            "states": states, "notes": notes,
        });
        format!("{json:#}\n")
    } else {
        text::text(&policy, &found, &states, &notes)
    })
}

/// The failure of an assessment, at its place in the files.
fn refused(error: &MonitorError, rows: &Rows) -> Failure {
    let at = |row: usize| rows.place(row);
    let (message, mend) = match error {
        MonitorError::Value { row, what } => (
            format!("{}: {what}", at(*row)),
            "correct the row, or leave it out and say so",
        ),
        MonitorError::Twice { row } => (
            format!("{}: {error}", at(*row)),
            "give each prediction once",
        ),
        MonitorError::Clock => (
            error.to_string(),
            "name a later time with --clock, or the predictions that were served by then",
        ),
        MonitorError::Column(_) => (
            error.to_string(),
            "give the reference the same columns as the predictions",
        ),
        MonitorError::Option(_) => (error.to_string(), "correct the policy"),
        MonitorError::NoRows(_) => (error.to_string(), "name files that hold rows of the task"),
    };
    Failure::new(Kind::Input, message, mend)
}

/// What an assessment says of a part.
fn evidence(
    policy: &Policy,
    part: &longitude_eval::monitor::PartReport,
) -> (Evidence, Vec<String>) {
    let reached = part
        .streams
        .iter()
        .filter(|stream| stream.signal > Signal::Quiet);
    let streams = reached.clone().map(|stream| {
        let level = stream.signal;
        format!("{}: {level}", stream.watched)
    });
    let alarmed = reached
        .clone()
        .filter(|stream| stream.signal == Signal::Alarm);
    let suspends = alarmed
        .clone()
        .any(|stream| policy.suspends(&stream.watched));
    let evidence = match part.signal {
        Signal::Quiet => Evidence::Quiet,
        Signal::Watch => Evidence::Watch,
        Signal::Alarm => Evidence::Alarm { suspends },
    };
    (evidence, streams.collect())
}

fn part_of(policy: &Policy, part: &longitude_eval::monitor::PartReport) -> Part {
    Part {
        task: policy.task.clone(),
        dimension: part.dimension.clone(),
        value: part.value.clone(),
    }
}

/// The states that would follow, nothing being entered.
fn states(
    policy: &Policy,
    found: &Monitoring,
    known: &BTreeMap<Part, Standing>,
) -> Result<BTreeMap<String, Health>> {
    let mut states = BTreeMap::new();
    for report in &found.parts {
        let part = part_of(policy, report);
        let before = known
            .get(&part)
            .map_or(Health::Healthy, |known| known.health);
        let (evidence, _) = evidence(policy, report);
        states.insert(
            part.to_string(),
            before.after(&Occurrence::Evidence(evidence))?,
        );
    }
    Ok(states)
}

/// Keeps the assessment in the run, enters its receipt and every change of a state.
fn enter(
    run: &mut Opened,
    arguments: &Assess,
    (policy, clock): (&Policy, Instant),
    found: &Monitoring,
) -> Result<BTreeMap<String, Health>> {
    let json = serde_json::to_vec_pretty(found)?;
    let digest = Digest::of(&json);
    let folder = run.layout.monitor().join("assessments");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (year, month, day) = clock.civil_date();
    let name = format!("{year:04}-{month:02}-{day:02}-{}.json", &digest.hex()[..12]);
    write_atomically(&folder.join(&name), &json)?;
    let named = |name: &str, paths: &[PathBuf]| -> Result<Vec<NamedDigest>> {
        let numbered = paths.iter().enumerate();
        numbered
            .map(|(place, path)| {
                Ok(NamedDigest {
                    name: format!("source:{name}/{place}"),
                    digest: longitude_govern::tree_digest(path)?,
                })
            })
            .collect()
    };
    let mut inputs = named("predictions", &arguments.read.predictions)?;
    inputs.extend(named("labels", &arguments.read.labels)?);
    inputs.extend(named("reference", &arguments.reference)?);
    let receipt = Receipt {
        step: "monitor".to_owned(),
        inputs,
        options: Digest::of_json(policy)?,
        code: code_version(),
        seed: Some(0),
        outputs: vec![run.ledger.output(&format!("monitor/assessments/{name}"))?],
    };
    run.ledger.append_receipt(&receipt)?;
    let mut states = BTreeMap::new();
    for report in &found.parts {
        let part = part_of(policy, report);
        let (evidence, streams) = evidence(policy, report);
        let seen = Seen {
            at: machine::now(),
            evidence: Some(digest),
            streams,
        };
        let occurrence = Occurrence::Evidence(evidence);
        let health = run.book.occur(&mut run.ledger, &part, &occurrence, seen)?;
        states.insert(part.to_string(), health);
    }
    Ok(states)
}

/// The days between two instants' starts of days, for people.
fn date(days: f64) -> String {
    let (year, month, day) = Instant(0).plus(Days(days)).civil_date();
    format!("{year:04}-{month:02}-{day:02}")
}
