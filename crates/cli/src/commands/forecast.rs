//! `longitude forecast`: everything that may lie ahead of one patient of a run, by the run's signed
//! model. It shows a patient's risks and results under the pseudonym of the run.

use crate::failure::{Failure, Kind};
use crate::institution;
use crate::journal::Journal;
use crate::machine;
use crate::pipeline::{code_version, options_of};
use crate::progress::print;
use crate::steps::adapt::signed;
use crate::steps::calibrate::TARGET_SUBJECTS_MIN;
use crate::steps::deid::{RECEIPT, reopen_with};
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, NamedDigest, Receipt, SubjectId, Timeline};
use longitude_govern::{Layout, TrustedKey};
use longitude_model::{Device, Level, Model};
use longitude_predict::{
    AbstainOptions, Asked, Engine, Forecast, ForecastOptions, Item, Reference, SampleOptions,
    Unfollowed, UnfollowedOptions, last_observed, targets,
};
use longitude_server::Questions;
use longitude_store::Dataset;
use longitude_tokens::Vocabulary;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// What `longitude forecast` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run folder
    #[arg(long)]
    run: PathBuf,
    /// The patient, by the run's pseudonym
    #[arg(long, allow_negative_numbers = true)]
    subject: i64,
    /// The prediction time, as 2180-07-23 or 2180-07-23T12:00:00Z [default: the end of the record]
    #[arg(long)]
    at: Option<String>,
    /// An earlier time to compare with
    #[arg(long)]
    since: Option<String>,
    /// Sampled futures
    #[arg(long, default_value_t = 256)]
    samples: u32,
    /// Events of a sampled future, at most; longer ones are censored
    #[arg(long, default_value_t = 1024)]
    events_max: u32,
    /// Lines of each list, at most; with --json all are given
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Of every group of diagnoses, class of drugs, laboratory limit and event of care: the risk within a
year, 30 days, 90 days and five years with its Monte Carlo error, beside what people of the same age
and sex may expect. Then what stands out although nothing in the record shows that anyone thought of
it, and recent unusual results after which nothing happened. The risks are the model's own and not
calibrated one by one; research only. The forecast's digest goes to the institution's journal.

Examples:
  longitude forecast --run RUN --subject 42
  longitude forecast --run RUN --subject 42 --at 2180-07-23 --since 2180-01-01 --json";

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer {
    subject: SubjectId,
    model: Digest,
    #[serde(flatten)]
    forecast: Forecast,
    unfollowed: Vec<Unfollowed>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let [at, since] = [&arguments.at, &arguments.since].map(|text| text.as_deref().map(instant));
    let (at, since) = (at.transpose()?, since.transpose()?);
    let institution = institution::open(arguments.institution.as_deref())?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    options_of(&arguments.run)?;
    let layout = Layout::new(&arguments.run);
    let trusted = TrustedKey::parse(&institution.keys.fingerprint().to_string())?;
    let root = signed(&layout.model(), "model", Some(&trusted))?
        .manifest
        .root;
    let (data, reopened) = patient_data(&layout)?;
    let timeline = patient(&data, &reopened, arguments)?;
    let asked = asked(&timeline, (at, since), arguments)?;
    let (engine, questions) = engine(&layout, root)?;
    known_age(&asked, &questions)?;
    let reference = read(&layout, "reference.json")?;
    let reference: Reference = serde_json::from_slice(&reference).context("reference.json")?;
    let targets = targets(engine.vocabulary(), TARGET_SUBJECTS_MIN);
    let options = ForecastOptions {
        targets: &targets,
        reference: &reference,
        since,
        sampling: SampleOptions {
            samples: arguments.samples,
            events_max: arguments.events_max,
            ..questions.sampling
        },
    };
    let answer = Answer {
        subject: timeline.subject(),
        model: root,
        forecast: engine.forecast(&asked, &options)?,
        unfollowed: engine.unfollowed(&asked, &targets, &UnfollowedOptions::research())?,
    };
    let json = serde_json::to_string_pretty(&answer)?;
    let receipt = Receipt {
        step: "forecast".to_owned(),
        code: code_version(),
        options: Digest::of_json(&options.sampling)?,
        inputs: vec![named("model", root), named("meds", data.digest()?)],
        outputs: vec![named("forecast", Digest::of(json.as_bytes()))],
        seed: Some(options.sampling.seed),
    };
    // What is not in the journal is not shown.
    Journal::open(&institution)?.receipt(&receipt)?;
    if arguments.json {
        return print(&format!("{json}\n"));
    }
    print(&text(&answer, arguments.top))
}

fn named(name: &str, digest: Digest) -> NamedDigest {
    NamedDigest {
        name: name.to_owned(),
        digest,
    }
}

fn instant(text: &str) -> Result<Instant> {
    text.parse().map_err(|_error| {
        let message = format!("{text} is no date or time");
        let mend = "write it as 2180-07-23 or 2180-07-23T12:00:00Z";
        Failure::new(Kind::Input, message, mend).into()
    })
}

fn patient_data(layout: &Layout) -> Result<(Dataset, longitude_deid::Reopened)> {
    let data = Dataset::open(&layout.meds())?;
    let reopened = reopen_with(&data, &layout.root().join(RECEIPT)).map_err(|error| {
        let message = format!("{}: {error:#}", layout.meds().display());
        let mend = "see `longitude verify`, and restore the files from a copy or run again";
        Failure::new(Kind::Verification, message, mend)
    })?;
    Ok((data, reopened.1))
}

fn patient(
    data: &Dataset,
    reopened: &longitude_deid::Reopened,
    arguments: &Arguments,
) -> Result<Timeline> {
    let found = data.timeline(SubjectId(arguments.subject))?;
    let found = found.map(|timeline| reopened.timeline(timeline).into_inner());
    found.ok_or_else(|| {
        let message = format!("{} has no such subject", arguments.run.display());
        let mend = "name a pseudonym that stands in predictions/held_out.jsonl or in the console";
        Failure::new(Kind::Input, message, mend).into()
    })
}

/// The question, with what would make it meaningless refused.
fn asked<'t>(
    timeline: &'t Timeline,
    (at, since): (Option<Instant>, Option<Instant>),
    arguments: &Arguments,
) -> Result<Asked<'t>> {
    let refuse = |message: &str, mend: &str| Err(Failure::new(Kind::Input, message, mend).into());
    let Some(at) = at.or_else(|| last_observed(timeline)) else {
        return refuse("the record has no time", "name one with --at");
    };
    possible(timeline, at, "--at")?;
    if timeline.death().is_some_and(|death| death <= at) {
        return refuse(
            "the record ends in death before the prediction time",
            "name an earlier time with --at",
        );
    }
    if let Some(since) = since {
        possible(timeline, since, "--since")?;
        if since >= at {
            return refuse(
                "--since does not lie before the prediction time",
                "name an earlier time with --since",
            );
        }
    }
    if arguments.samples < 2 || arguments.events_max == 0 {
        return refuse(
            "--samples or --events-max is too small",
            "take 2 or more, and 1 or more",
        );
    }
    Ok(Asked { timeline, at })
}

/// Whether there is anything to go by at a time of that flag.
fn possible(timeline: &Timeline, at: Instant, flag: &str) -> Result<()> {
    let refuse =
        |message: String, mend: String| Err(Failure::new(Kind::Input, message, mend).into());
    if timeline.birth().is_some_and(|birth| at < birth) {
        return refuse(
            format!("{flag} lies before birth"),
            format!("name a later time with {flag}"),
        );
    }
    let mut timed = timeline
        .history(at)
        .iter()
        .filter(|event| event.time.is_some());
    if timed.all(|event| event.code.is_birth()) {
        return refuse(
            format!("nothing but birth was recorded up to {flag}"),
            format!("name a later time with {flag}"),
        );
    }
    Ok(())
}

/// Whether the model has learnt from people of this age.
fn known_age(asked: &Asked<'_>, questions: &Questions) -> Result<()> {
    let margin = questions.fitted.abstain.age_margin_years;
    let years = asked
        .timeline
        .birth()
        .map(|birth| (asked.at - birth).years());
    let high = questions.fitted.population.age_years_high;
    let beyond = years
        .zip(high)
        .is_some_and(|(years, high)| years > high + margin);
    if beyond {
        let message = "the age at the prediction time is above those that the model learnt from";
        return Err(Failure::new(Kind::Input, message, "name an earlier time with --at").into());
    }
    Ok(())
}

fn read(layout: &Layout, name: &str) -> Result<Vec<u8>> {
    let path = layout.model().join(name);
    fs::read(&path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        let mend = "the run was made by an earlier version or is not whole: run it again";
        Failure::new(Kind::Input, message, mend).into()
    })
}

fn engine(layout: &Layout, root: Digest) -> Result<(Engine, Questions)> {
    let questions = read(layout, "questions.json")?;
    let questions: Questions = serde_json::from_slice(&questions).context("questions.json")?;
    let vocabulary = Vocabulary::from_json(&read(layout, "vocabulary.json")?)?;
    let model = Model::load(&layout.model(), &vocabulary.digest()?.to_string())?;
    let device = Device {
        level: Level::best(),
        threads: machine::threads(None),
    };
    let fitted = questions.fitted.clone();
    let engine = Engine::new(&Arc::new(model), Arc::new(vocabulary), fitted, root, device)?;
    Ok((engine, questions))
}

/// The lists for a terminal.
fn text(answer: &Answer, top: usize) -> String {
    let forecast = &answer.forecast;
    let days = forecast.horizons.first().map_or(0.0, |h| h.0);
    let mut lines = vec![format!(
        "forecast at {} from {} futures, {:.0} % of them cut short; not calibrated, research only",
        forecast.at,
        forecast.samples,
        forecast.censored_share * 100.0
    )];
    let allowed = AbstainOptions::research().censored_share_max;
    if forecast.censored_share > allowed {
        let warning = "too many futures were cut short: risks of the longer horizons are too low; \
                       give more events with --events-max";
        lines.push(format!("warning: {warning}"));
    }
    let likely = format!("most likely within {days} days");
    let mut lists = vec![
        (likely.as_str(), &forecast.by_risk),
        ("above people of the same age and sex", &forecast.by_excess),
        ("high, and nowhere in the record", &forecast.unnoticed),
    ];
    if forecast.since.is_some() {
        lists.insert(2, ("changed since the earlier time", &forecast.by_change));
    }
    for (head, places) in lists {
        lines.push(format!("\n{head}: {}", places.len()));
        let shown = places.iter().take(top);
        lines.extend(shown.map(|place| line(&forecast.items[*place])));
    }
    let open = &answer.unfollowed;
    lines.push(format!(
        "\nunusual results without a visible consequence: {}",
        open.len()
    ));
    lines.extend(open.iter().take(top).map(result));
    lines.push(String::new());
    lines.join("\n")
}

fn result(one: &Unfollowed) -> String {
    let time = one
        .source
        .time
        .map_or_else(String::new, |time| time.to_string());
    format!(
        "  {time}  {} (here {} {}); the model gave it or worse {:.3}",
        one.target,
        one.value,
        one.unit.as_deref().unwrap_or_default(),
        one.tail
    )
}

fn line(item: &Item) -> String {
    let Some(row) = item.rows.first() else {
        return item.target.name.clone();
    };
    let expected = row.expected.map_or_else(
        || "not known".to_owned(),
        |expected| format!("{:.4}", expected.risk),
    );
    let change = row.change.map_or_else(String::new, |change| {
        format!(
            ", changed by {:+.4} ({:.4})",
            change.difference, change.standard_error
        )
    });
    let direct = row
        .direct
        .map_or_else(String::new, |risk| format!(", query head {risk:.4}"));
    format!(
        "  {:.4} ({:.4}){direct}, same age and sex {expected}{change}  {}{}",
        row.risk.estimate,
        row.risk.standard_error,
        item.target.name,
        if item.before > 0 {
            "  [in the record]"
        } else {
            ""
        }
    )
}
