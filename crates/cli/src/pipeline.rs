//! The main job as one page of steps, from records to a signed, judged and verifiable run.
//!
//! Each step reads what it needs from the run folder and leaves its output there, a receipt in the
//! ledger and a line in `run.json`. A step whose line stands is not done again, so an interrupted
//! job goes on where it stopped.

use crate::config::RunOptions;
use crate::failure::{Failure, Kind};
use crate::institution::Opened;
use crate::lock::Lock;
use crate::progress::Step;
use crate::{interrupt, machine, steps};
use anyhow::{Context, Result};
use longitude_core::{Digest, NamedDigest, Receipt};
use longitude_eval::Report;
use longitude_govern::{Layout, RunLedger};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Where the records come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The synthetic hospital.
    Hospital {
        /// How many patients.
        patients: u32,
    },
    /// The user's own.
    Records {
        /// Where they are.
        path: PathBuf,
    },
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Job {
    /// The run folder.
    pub(crate) folder: PathBuf,
    /// The records.
    pub(crate) source: Source,
    /// The settings.
    pub(crate) options: RunOptions,
    /// The institution's keys.
    pub(crate) institution: Opened,
}

/// A job at work: what every step is given.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The job.
    pub(crate) job: &'a Job,
    /// The paths of the run folder.
    pub(crate) layout: Layout,
    ledger: RunLedger,
    record: RunRecord,
    _lock: Lock,
}

/// `run.json`: the resolved settings and the steps that are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RunRecord {
    code: String,
    source: Source,
    options: RunOptions,
    steps: BTreeMap<String, Done>,
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Done {
    receipt: Digest,
    entry: u64,
    seconds: f64,
}

/// What a step leaves: the names that went in and came out, with their digests.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Inputs.
    pub(crate) inputs: Vec<NamedDigest>,
    /// Outputs, named by their path in the run folder.
    pub(crate) outputs: Vec<NamedDigest>,
    /// The seed, where one was used.
    pub(crate) seed: Option<u64>,
}

/// A finished job.
#[derive(Debug)]
pub(crate) struct Finished {
    folder: PathBuf,
    report: Report,
    fingerprint: String,
}

type StepFn = fn(&Run<'_>, &Step) -> Result<Left>;

/// The steps in order: name, title, what does it.
const STEPS: &[(&str, &str, StepFn)] = &[
    (
        "export",
        "Synthetic hospital writes its export",
        steps::hospital::run,
    ),
    (
        "ingest",
        "Records into events and issues",
        steps::ingest::run,
    ),
    ("deid", "De-identify", steps::deid::run),
    (
        "vocabulary",
        "Vocabulary from the training subjects",
        steps::vocabulary::run,
    ),
    ("train", "Train", steps::train::run),
    (
        "calibrate",
        "Calibrate on tuning subjects",
        steps::calibrate::run,
    ),
    ("sign", "Sign the model", steps::sign::run),
    (
        "predict",
        "Answer for the held-out subjects",
        steps::predict::run,
    ),
    ("evaluate", "Judge against baselines", steps::evaluate::run),
];

/// Does the job, or the rest of it.
pub(crate) fn run(job: &Job) -> Result<Finished> {
    let mut run = Run::open(job)?;
    let steps: Vec<_> = STEPS
        .iter()
        .filter(|(name, _, _)| *name != "export" || matches!(job.source, Source::Hospital { .. }))
        .collect();
    for (index, (name, title, work)) in steps.iter().enumerate() {
        interrupt::check()?;
        if run.record.steps.contains_key(*name) {
            eprintln!("[{}/{}] {title}: done before", index + 1, steps.len());
            continue;
        }
        let step = Step::start(index + 1, steps.len(), title, false);
        let left = work(&run, &step).with_context(|| format!("step `{name}`"))?;
        interrupt::check()?;
        run.finish_step(name, left, &step)?;
    }
    let report = fs::read(run.layout.report_json()).context("report.json")?;
    Ok(Finished {
        folder: job.folder.clone(),
        report: serde_json::from_slice(&report).context("report.json")?,
        fingerprint: job.institution.keys.fingerprint().to_string(),
    })
}

impl<'a> Run<'a> {
    /// Opens or makes the run folder: takes its lock, and refuses to go on with other settings.
    fn open(job: &'a Job) -> Result<Self> {
        fs::create_dir_all(&job.folder)
            .with_context(|| format!("cannot make {}", job.folder.display()))?;
        let lock = Lock::take(&job.folder)?;
        let layout = Layout::new(&job.folder);
        let fresh = RunRecord {
            code: code_version(),
            source: job.source.clone(),
            options: job.options.clone(),
            steps: BTreeMap::new(),
        };
        let record = match fs::read(layout.run_json()) {
            Ok(bytes) => resume(&bytes, &fresh, job)?,
            Err(_) => fresh,
        };
        if record.steps.is_empty() {
            refuse_foreign_files(job)?;
        }
        let ledger = RunLedger::open(&layout, &job.institution.keys).context("ledger")?;
        let mut run = Self {
            job,
            layout,
            ledger,
            record,
            _lock: lock,
        };
        run.save()?;
        Ok(run)
    }

    /// The settings.
    pub(crate) fn options(&self) -> &RunOptions {
        &self.job.options
    }

    /// Threads to use.
    pub(crate) fn threads(&self) -> usize {
        machine::threads(self.options().threads)
    }

    /// Seconds of each finished step.
    pub(crate) fn timings(&self) -> BTreeMap<String, f64> {
        self.record
            .steps
            .iter()
            .map(|(name, done)| (name.clone(), done.seconds))
            .collect()
    }

    /// The digest of a file or folder of the run, by its path in it.
    pub(crate) fn output(&self, name: &str) -> Result<NamedDigest> {
        self.ledger.output(name).with_context(|| name.to_owned())
    }

    fn finish_step(&mut self, name: &str, left: Left, step: &Step) -> Result<()> {
        let receipt = Receipt {
            step: name.to_owned(),
            inputs: left.inputs,
            options: Digest::of_json(&self.job.options)?,
            code: code_version(),
            seed: left.seed,
            outputs: left.outputs,
        };
        let entry = self.ledger.append_receipt(&receipt).context("ledger")?;
        let done = Done {
            receipt: receipt.digest()?,
            entry: entry.index,
            seconds: step.seconds(),
        };
        self.record.steps.insert(name.to_owned(), done);
        self.save()
    }

    fn save(&mut self) -> Result<()> {
        write_atomically(
            &self.layout.run_json(),
            &serde_json::to_vec_pretty(&self.record)?,
        )
    }
}

fn resume(bytes: &[u8], fresh: &RunRecord, job: &Job) -> Result<RunRecord> {
    let folder = job.folder.display();
    let record: RunRecord = serde_json::from_slice(bytes).map_err(|_error| {
        let message = format!("{folder}/run.json is not this program's");
        Failure::new(Kind::Busy, message, "choose an empty folder with --to")
    })?;
    if record.options == fresh.options && record.source == fresh.source && record.code == fresh.code
    {
        return Ok(record);
    }
    let message = format!("{folder} holds a run with other settings, records or program version");
    let mend = "repeat that run's settings to go on with it, or choose another folder with --to";
    Err(Failure::new(Kind::Busy, message, mend).into())
}

/// A folder that holds other files is not written into.
fn refuse_foreign_files(job: &Job) -> Result<()> {
    let own = [
        "run.lock",
        "run.json",
        "ledger",
        "source",
        "identified",
        "meds",
        "issues",
        "ingest",
        "institution",
    ];
    for entry in fs::read_dir(&job.folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_own = own.iter().any(|known| name.starts_with(known));
        if !is_own {
            let message = format!("{} holds `{name}`, which is no run's", job.folder.display());
            let mend = "choose an empty folder with --to";
            return Err(Failure::new(Kind::Busy, message, mend).into());
        }
    }
    Ok(())
}

/// The settings of a finished run.
pub(crate) fn options_of(folder: &std::path::Path) -> Result<RunOptions> {
    let path = Layout::new(folder).run_json();
    let bytes = fs::read(&path).map_err(|_error| {
        let message = format!("{} is no run folder: it has no run.json", folder.display());
        Failure::new(
            Kind::Input,
            message,
            "name a folder that `longitude run` or `demo` wrote",
        )
    })?;
    let record: RunRecord = serde_json::from_slice(&bytes).context("run.json")?;
    let unfinished = STEPS
        .iter()
        .find(|(name, _, _)| *name != "export" && !record.steps.contains_key(*name));
    if let Some((name, _, _)) = unfinished {
        let message = format!(
            "{} is not finished: step `{name}` is missing",
            folder.display()
        );
        return Err(Failure::new(Kind::Input, message, "run the same command again").into());
    }
    Ok(record.options)
}

/// The version of the code, as receipts name it.
pub(crate) fn code_version() -> String {
    format!("longitude {}", env!("CARGO_PKG_VERSION"))
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_atomically(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&partial)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&partial)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

impl Finished {
    /// A few lines for a person.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::from("\n");
        for task in &self.report.tasks {
            let shown = |name: &str| {
                task.model(name)
                    .and_then(|model| model.metrics.auroc.value())
                    .map_or_else(|| "    -".to_owned(), |value| format!("{value:.3}"))
            };
            text.push_str(&format!(
                "{:<44} n {:>5}  with {:>5}   AUROC {}   boosted {}   logistic {}   age-sex {}{}\n",
                task.title.chars().take(44).collect::<String>(),
                task.subjects,
                match task.suppressed {
                    None => task.positives.to_string(),
                    Some(_) => "few".to_owned(),
                },
                shown("longitude"),
                shown("boosted"),
                shown("logistic"),
                shown("age_sex"),
                if task.truth.is_some() {
                    format!("   truth {}", shown("truth"))
                } else {
                    String::new()
                },
            ));
        }
        let folder = self.folder.display();
        text.push_str(&format!(
            "\nreport   {folder}/report.html\nverify   longitude verify {folder} --trusted-key {}\n",
            self.fingerprint
        ));
        text
    }
}
