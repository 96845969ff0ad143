//! `longitude trust`: what a run's model may be used for, task by task and site by site, who
//! decided it, and how it is stopped. Every change is signed by a person and an entry of the run's
//! ledger.

mod people;
mod show;

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::machine;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::{Days, Digest, Instant};
use longitude_govern::{
    Act, Approval, Dossier, Drill, Given, Judged, Layout, People, PersonKey, Release, ReleaseBook,
    RunLedger, Scope, Stage, TrustedKey, load_guard,
};
use std::fs;
use std::path::{Path, PathBuf};

const ABOUT: &str = "\
How a task comes to be used at a site:
  longitude trust person add \"Dr Ann Lee\" --role safety_officer --to ann.key
  longitude trust template > dossier.toml          what it is for, who answers, which limits
  longitude trust dossier dossier.toml --key ann.key --run RUN
  longitude trust drill --task T --site S --what \"called, stopped\" --key ben.key --run RUN
  longitude trust approve --task T --site S --to silent_trial --report report.json \\
      --expires 2027-06-30 --reason \"...\" --key ann.key --run RUN      and again with ben.key
  longitude trust status --run RUN
Stages: research, silent_trial, limited, released; suspended, withdrawn. Two people lead up or end
a suspension, a safety officer and a clinician, and none of them makes models; one person stops.";

/// What `longitude trust` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long, global = true)]
    institution: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The stage of every task and site now, who decided it, and what waits
    Status {
        #[command(flatten)]
        run: Run,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// What was live on a day, and who had approved it
    Live {
        /// The day (its end, UTC) or a time such as 2026-11-22T19:10:00Z
        #[arg(long)]
        on: String,
        /// One site only
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        run: Run,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Step(Step),
    /// Enter the dossier of a task at a site: use, owner, boundary, limits
    Dossier {
        /// The dossier (TOML); `longitude trust template` writes one to begin with
        file: PathBuf,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        run: Run,
    },
    /// A dossier to begin with
    Template,
    /// Enter that the owner was called and answered, stopped and started again
    Drill {
        /// The task
        #[arg(long)]
        task: String,
        /// The site
        #[arg(long)]
        site: String,
        /// What was done
        #[arg(long)]
        what: String,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        run: Run,
    },
    /// The people who may sign: enrol, list, revoke
    Person(people::Arguments),
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Sign the step to the next stage; it is made when a second person has signed it
    Approve {
        #[command(flatten)]
        about: About,
        /// The stage: silent_trial, limited or released
        #[arg(long)]
        to: Stage,
        /// The report (JSON) that is held against the dossier's limits
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
        /// The last day of the approval, at most a year from now
        #[arg(long, value_name = "DATE")]
        expires: String,
    },
    /// Stop all answers of a task at a site, at once
    Suspend {
        #[command(flatten)]
        about: About,
    },
    /// Sign the end of a suspension; it ends when a second person has signed it
    Resume {
        #[command(flatten)]
        about: About,
        /// The stage: the one before the suspension, or a lower one
        #[arg(long)]
        to: Stage,
        /// The last day of the approval, at most a year from now
        #[arg(long, value_name = "DATE")]
        expires: String,
    },
    /// Lead down to a lower stage
    Demote {
        #[command(flatten)]
        about: About,
        /// The stage
        #[arg(long)]
        to: Stage,
    },
    /// End the use of a task at a site for good
    Withdraw {
        #[command(flatten)]
        about: About,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The run folder
    #[arg(long, default_value = ".")]
    run: PathBuf,
}

#[derive(Debug, clap::Args)]
struct By {
    /// The key file of who signs
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, clap::Args)]
struct About {
    /// The task
    #[arg(long)]
    task: String,
    /// The site
    #[arg(long)]
    site: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    run: Run,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = arguments.institution.as_deref();
    match &arguments.command {
        Command::Template => print(TEMPLATE),
        Command::Person(command) => people::run(command, folder),
        Command::Status { run, json } => {
            let house = House::open(folder, run)?;
            show::status(&house.book.releases(&house.ledger)?, machine::now(), *json)
        }
        Command::Live {
            on,
            site,
            run,
            json,
        } => {
            let house = House::open(folder, run)?;
            let time = end_of_day(on, "--on")?;
            let mut releases = house.book.releases_on(&house.ledger, time)?;
            releases.retain(|scope, _| site.as_ref().is_none_or(|site| *site == scope.site));
            show::live(&releases, (time, &house.model), *json)
        }
        Command::Dossier { file, by, run } => {
            let dossier = read_dossier(file)?;
            let scope = dossier.scope.clone();
            enter(folder, (run, by, &scope), Given::Dossier(Box::new(dossier)))
        }
        Command::Drill {
            task,
            site,
            what,
            by,
            run,
        } => {
            let scope = scope(task, site);
            let given = Given::Drill(Drill { what: what.clone() });
            enter(folder, (run, by, &scope), given)
        }
        Command::Step(step) => act(folder, step),
    }
}

/// The commands that change a stage.
fn act(folder: Option<&Path>, step: &Step) -> Result<()> {
    let (about, act, expires) = match step {
        Step::Approve {
            about,
            to,
            report,
            expires,
        } => return approve(folder, about, (*to, report, expires)),
        Step::Resume { about, to, expires } => (about, Act::Resume(*to), Some(expires)),
        Step::Suspend { about } => (about, Act::Suspend, None),
        Step::Demote { about, to } => (about, Act::Demote(*to), None),
        Step::Withdraw { about } => (about, Act::Withdraw, None),
    };
    let ends = expires
        .map(|day| end_of_day(day, "--expires"))
        .transpose()?;
    let given = Given::Act(Approval {
        act,
        reason: about.reason.clone(),
        dossier: None,
        report: None,
        judged: Vec::new(),
        expires: ends,
    });
    let scope = scope(&about.task, &about.site);
    enter(folder, (&about.run, &about.by, &scope), given)
}

fn approve(
    folder: Option<&Path>,
    about: &About,
    (to, report, expires): (Stage, &Path, &str),
) -> Result<()> {
    let scope = scope(&about.task, &about.site);
    let house = House::open(folder, &about.run)?;
    let known = house.book.releases(&house.ledger)?.remove(&scope);
    let Some((digest, dossier)) = known.and_then(|known| known.dossier) else {
        let message = format!("{scope} has no dossier");
        let mend = "enter one with `longitude trust dossier`";
        return Err(Failure::new(Kind::Input, message, mend).into());
    };
    let text = fs::read(report).map_err(|error| unreadable(report, &error.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| unreadable(report, &error.to_string()))?;
    let judged = dossier.judge(to, &value);
    show::judged(&judged)?;
    let given = Given::Act(Approval {
        act: Act::Promote(to),
        reason: about.reason.clone(),
        dossier: Some(digest),
        report: Some(Digest::of(&text)),
        judged,
        expires: Some(end_of_day(expires, "--expires")?),
    });
    drop(house);
    enter(folder, (&about.run, &about.by, &scope), given)
}

/// A run with its ledger and the institution, open.
struct House {
    institution: Opened,
    people: People,
    ledger: RunLedger,
    book: ReleaseBook,
    model: Digest,
}

impl House {
    fn open(folder: Option<&Path>, run: &Run) -> Result<Self> {
        let layout = Layout::new(&run.run);
        if !layout.model().is_dir() {
            let message = format!("{} holds no model", run.run.display());
            return Err(Failure::new(Kind::Input, message, "name a run folder by --run").into());
        }
        let institution = institution::open(folder)?;
        let people = people::register(&institution)?;
        let trusted = TrustedKey::from_pem(institution.keys.public_key().pem())?;
        // An altered model, or one of another institution, is approved by nobody.
        let guard = load_guard(&layout.model(), Some(&trusted)).context("the model")?;
        let model = guard.manifest.root;
        let ledger = RunLedger::open(&layout, &institution.keys).context("the run's ledger")?;
        let of = (institution.keys.public_key(), model);
        let book = ReleaseBook::open(&layout, &ledger, of).context("the release")?;
        Ok(Self {
            institution,
            people,
            ledger,
            book,
            model,
        })
    }
}

/// Signs and enters, and says where the task then stands.
fn enter(folder: Option<&Path>, (run, by, scope): (&Run, &By, &Scope), given: Given) -> Result<()> {
    let mut house = House::open(folder, run)?;
    let key = PersonKey::open(&by.key, house.institution.keys.public_key());
    let key = key.with_context(|| format!("the key {}", by.key.display()))?;
    let now = machine::now();
    let signer = (&key, &house.people);
    let entered = house
        .book
        .enter(&mut house.ledger, signer, (scope, now), given);
    let (entry, release) = entered.map_err(refused)?;
    print(&said(scope, &release, now, entry.index))
}

fn refused(error: longitude_govern::Error) -> anyhow::Error {
    use longitude_govern::Error::{Person, Release};
    if let Release(_) | Person(_) = error {
        let mend = "`longitude trust --help` says who may do what, and in which order";
        return Failure::new(Kind::Input, error.to_string(), mend).into();
    }
    error.into()
}

fn said(scope: &Scope, release: &Release, now: Instant, entry: u64) -> String {
    let (stage, why) = release.effective(now);
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let waits = match release.pending.len() {
        0 => String::new(),
        1 => "; one signature waits for another".to_owned(),
        n => format!("; {n} signatures wait"),
    };
    format!("{scope}: {stage}{why}{waits}; entry {entry} of the ledger\n")
}

fn scope(task: &str, site: &str) -> Scope {
    Scope {
        task: task.to_owned(),
        site: site.to_owned(),
    }
}

fn read_dossier(path: &Path) -> Result<Dossier> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let dossier = toml::from_str(&text);
    Ok(dossier.map_err(|error: toml::de::Error| unreadable(path, &error.to_string()))?)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    let message = format!("{}: {}", path.display(), why.trim_end());
    Failure::new(Kind::Input, message, "mend the file, or name another")
}

/// A day's end, or the time that is written out.
fn end_of_day(text: &str, flag: &str) -> Result<Instant> {
    let time: Result<Instant, _> = text.parse();
    let time = time.map_err(|_error| {
        let mend = format!("write {flag} as 2027-06-30 or 2027-06-30T12:00:00Z");
        Failure::new(Kind::Input, format!("`{text}` is no date"), mend)
    })?;
    let whole_day = !text.contains('T');
    Ok(if whole_day {
        Instant(time.plus(Days(1.0)).0 - 1)
    } else {
        time
    })
}

/// How a report stands to the limits, as it is shown.
fn line(judged: &Judged) -> String {
    let found = judged
        .found
        .map_or_else(|| "not there".to_owned(), |found| format!("{found:.4}"));
    let mark = if judged.kept { "kept  " } else { "BROKEN" };
    format!("  {mark}  {}: {found}\n", judged.what)
}

const TEMPLATE: &str = include_str!("trust/dossier.toml");
