//! `longitude serve`: the console and API of a run, on this machine only, after verification.

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::progress::print;
use crate::steps;
use crate::{interrupt, machine};
use anyhow::{Context, Result, ensure};
use longitude_govern::{Layout, TrustedKey, verify_run};
use longitude_server::{App, AppOptions, Keys, Serving};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `longitude serve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The run folder
    run: PathBuf,
    /// The port; a free one is taken when it is in use
    #[arg(long, default_value_t = 7117)]
    port: u16,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let institution = institution::open(arguments.institution.as_deref())?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    start(&arguments.run, &institution, arguments.port)?.wait()
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Running {
    serving: Serving,
    url: String,
}

/// Verifies the run and starts to serve it. An altered run is refused.
pub(crate) fn start(folder: &Path, institution: &Opened, port: u16) -> Result<Running> {
    let layout = Layout::new(folder);
    let options = crate::pipeline::options_of(folder)?;
    let trusted = TrustedKey::parse(&institution.keys.fingerprint().to_string())?;
    let verdict = verify_run(folder, Some(&trusted));
    if !verdict.passed() {
        let altered: Vec<String> = verdict
            .failures()
            .map(|check| format!("{} ({})", check.name, check.detail))
            .collect();
        let message = format!(
            "{} is not what was signed: {}",
            folder.display(),
            altered.join("; ")
        );
        let mend = "see `longitude verify`, and restore the files from a copy or run again";
        return Err(Failure::new(Kind::Verification, message, mend).into());
    }
    let deidentifier =
        steps::deid::deidentifier_of(&layout, institution.keys.deid_keys(), &options)?;
    let keys = Keys {
        institution: &institution.keys,
        deidentifier: Some(deidentifier),
    };
    let threads = machine::threads(options.threads);
    let app = App::open(
        layout,
        keys,
        verdict,
        AppOptions {
            clock: machine::now,
            threads,
        },
    )?;
    let serving = longitude_server::start(app, port)?;
    let url = format!("http://{}", serving.address());
    print(&format!("serving {} at {url}\n", folder.display()))?;
    Ok(Running { serving, url })
}

impl Running {
    /// Serves until Ctrl-C.
    pub(crate) fn wait(self) -> Result<()> {
        eprintln!("Ctrl-C stops it");
        while !interrupt::requested() {
            std::thread::park_timeout(Duration::from_millis(200));
        }
        self.stop()
    }

    /// Stops.
    #[expect(clippy::unnecessary_wraps, reason = "ends the chains of the commands")]
    pub(crate) fn stop(self) -> Result<()> {
        self.serving.stop();
        Ok(())
    }
}

/// Asks every page and the API as a program would, and fails when one does not answer.
pub(crate) fn check(running: &Running) -> Result<()> {
    let get = |path: &str| -> Result<String> {
        let url = format!("{}{path}", running.url);
        let mut response = ureq::get(&url).call().with_context(|| url.clone())?;
        response.body_mut().read_to_string().with_context(|| url)
    };
    let pages = [
        "/",
        "/model",
        "/contests",
        "/ledger",
        "/report.html",
        "/openapi.json",
        "/livez",
    ];
    for path in pages {
        get(path)?;
    }
    let patients: serde_json::Value = serde_json::from_str(&get("/api/v1/patients?limit=1")?)?;
    let Some(subject) = patients["patients"][0]["subject"].as_i64() else {
        return print("checked: the pages and the API answer; no patient is listed\n");
    };
    get(&format!("/patients/{subject}"))?;
    let task = patients["task"].as_str().unwrap_or_default();
    let url = format!("{}/api/v1/patients/{subject}/forecast", running.url);
    let body = serde_json::json!({ "task": task });
    let mut response = ureq::post(&url)
        .send_json(&body)
        .with_context(|| url.clone())?;
    let answer: serde_json::Value = response.body_mut().read_json()?;
    let id = answer["id"].as_str().unwrap_or_default();
    ensure!(
        !id.is_empty() && answer["entry"].is_u64(),
        "an answer came without id or receipt"
    );
    get(&format!("/answers/{id}"))?;
    print("checked: every page and the API answer; a forecast has its id, evidence and receipt\n")
}
