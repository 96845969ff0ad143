//! `longitude forecast`: everything that may lie ahead of one patient of a run, by the run's signed
//! model. It shows a patient's risks and results under the pseudonym of the run.

use crate::answering::{Answering, instant, possible, refused};
use crate::pasts::Pasts;
use crate::progress::print;
use crate::steps::calibrate::{ITEMS, TARGET_SUBJECTS_MIN};
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, SubjectId};
use longitude_predict::{
    AbstainOptions, Asked, By, Cited, Engine, ExplainOptions, Forecast, ForecastOptions, Item,
    ItemCalibration, Past, Reference, SampleOptions, Target, Unfollowed, UnfollowedOptions,
    targets,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

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
    /// Codes that the risk of each listed entry rests on, at most this many of each; the query head
    /// is asked without them
    #[arg(long, value_name = "N", default_value_t = 0)]
    evidence: u32,
    /// Neither use nor keep the state after the patient's history in the run's folder `pasts`
    #[arg(long)]
    no_cache: bool,
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
  longitude forecast --run RUN --subject 42 --evidence 3
  longitude forecast --run RUN --subject 42 --at 2180-07-23 --since 2180-01-01 --json";

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer {
    subject: SubjectId,
    model: Digest,
    #[serde(flatten)]
    forecast: Forecast,
    unfollowed: Vec<Unfollowed>,
    /// What the items' codes mean, by code, where the run's data set says it.
    descriptions: BTreeMap<String, String>,
    /// By target's name, where it was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    evidence: BTreeMap<String, Vec<Cited>>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let [at, since] = [&arguments.at, &arguments.since].map(|text| text.as_deref().map(instant));
    let (at, since) = (at.transpose()?, since.transpose()?);
    let opened = Answering::open(
        &arguments.run,
        arguments.institution.as_deref(),
        arguments.passphrase_file.as_deref(),
    )?;
    let timeline = opened.patient(arguments.subject)?;
    let asked = opened.asked(&timeline, at)?;
    check(&asked, since, arguments)?;
    let (engine, root) = (&opened.engine, opened.root);
    let reference = opened.model_file("reference.json")?;
    let reference: Reference = serde_json::from_slice(&reference).context("reference.json")?;
    let targets = targets(engine.vocabulary(), TARGET_SUBJECTS_MIN);
    // Runs of earlier versions have none.
    let calibration = opened.model_file(ITEMS).ok();
    let calibration = calibration.map(|bytes| serde_json::from_slice::<ItemCalibration>(&bytes));
    let calibration = calibration.transpose().context(ITEMS)?;
    let options = ForecastOptions {
        targets: &targets,
        reference: &reference,
        calibration: calibration.as_ref(),
        since,
        sampling: SampleOptions {
            samples: arguments.samples,
            events_max: arguments.events_max,
            ..opened.questions.sampling
        },
        before: None,
    };
    let past = kept(&opened, &asked, (&options.sampling, arguments.no_cache))?;
    let before = past.as_ref();
    let forecast = engine.forecast(&asked, &ForecastOptions { before, ..options })?;
    let evidence = match arguments.evidence {
        0 => BTreeMap::new(),
        items_max => evidence(engine, &asked, &forecast, (arguments.top, items_max))?,
    };
    let answer = Answer {
        subject: timeline.subject(),
        model: root,
        descriptions: descriptions(&opened, &forecast)?,
        evidence,
        forecast,
        unfollowed: engine.unfollowed(&asked, &targets, &UnfollowedOptions::research())?,
    };
    let json = serde_json::to_string_pretty(&answer)?;
    // What is not in the journal is not shown.
    opened.journal("forecast", &options.sampling, Digest::of(json.as_bytes()))?;
    if arguments.json {
        return print(&format!("{json}\n"));
    }
    print(&text(&answer, arguments.top))
}

/// What the codes of a forecast mean, by the data set's own table.
fn descriptions(opened: &Answering, forecast: &Forecast) -> Result<BTreeMap<String, String>> {
    let codes: BTreeSet<_> = forecast
        .items
        .iter()
        .map(|item| &item.target.code)
        .collect();
    let known = opened.data.codes()?.into_iter();
    let known = known.filter(|(code, _)| codes.contains(code));
    Ok(known
        .filter_map(|(code, entry)| Some((code.to_meds().into_owned(), entry.description?)))
        .collect())
}

/// The state after the patient's history, gone on from the one that the run keeps, and kept again;
/// none where nothing is to be kept.
fn kept(
    opened: &Answering,
    asked: &Asked<'_>,
    (sampling, no_cache): (&SampleOptions, bool),
) -> Result<Option<Past>> {
    if no_cache {
        return Ok(None);
    }
    let (pasts, subject) = (Pasts::new(&opened.layout), asked.timeline.subject());
    let before = pasts.read(&opened.engine, subject);
    let past = opened.engine.past(asked, sampling, before.as_ref())?;
    let same = before.is_some_and(|before| before.is(&past));
    if !same {
        pasts.keep(&opened.engine, subject, &past);
    }
    Ok(Some(past))
}

/// Refuses an earlier time that is none, and sampling that says nothing.
fn check(asked: &Asked<'_>, since: Option<Instant>, arguments: &Arguments) -> Result<()> {
    if let Some(since) = since {
        possible(asked.timeline, since, "--since")?;
        if since >= asked.at {
            return Err(refused(
                "--since does not lie before the prediction time",
                "name an earlier time with --since",
            ));
        }
    }
    if arguments.samples < 2 || arguments.events_max == 0 {
        return Err(refused(
            "--samples or --events-max is too small",
            "take 2 or more, and 1 or more",
        ));
    }
    Ok(())
}

/// What the risks of the first entries of each list rest on, within the first horizon.
fn evidence(
    engine: &Engine,
    asked: &Asked<'_>,
    forecast: &Forecast,
    (top, items_max): (usize, u32),
) -> Result<BTreeMap<String, Vec<Cited>>> {
    let lists = [
        &forecast.by_risk,
        &forecast.by_excess,
        &forecast.by_change,
        &forecast.unnoticed,
    ];
    let places = lists.into_iter().flat_map(|list| list.iter().take(top));
    let places: BTreeSet<usize> = places.copied().collect();
    let chosen = places.iter().map(|place| &forecast.items[*place].target);
    let chosen: Vec<&Target> = chosen.collect();
    let horizon = forecast.horizons.first().map_or(0.0, |h| h.0);
    let options = ExplainOptions {
        items_max,
        ..ExplainOptions::research()
    };
    let found = engine.target_evidence(asked, (&chosen, horizon), &options)?;
    let names = chosen.iter().map(|target| target.name.clone());
    Ok(names.zip(found).collect())
}

/// The lists for a terminal.
fn text(answer: &Answer, top: usize) -> String {
    let forecast = &answer.forecast;
    let days = forecast.horizons.first().map_or(0.0, |h| h.0);
    let mut lines = vec![format!(
        "forecast at {} from {} futures, {:.0} % of them cut short; research only",
        forecast.at,
        forecast.samples,
        forecast.censored_share * 100.0
    )];
    let allowed = AbstainOptions::research().censored_share_max;
    if forecast.censored_share > allowed {
        let warning = if forecast
            .items
            .iter()
            .any(|item| item.rows[0].direct.is_some())
        {
            "too many futures were cut short: where they were, the query head answers (by [head])"
        } else {
            "too many futures were cut short: risks of the longer horizons are too low; give more \
             events with --events-max"
        };
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
        for item in shown.map(|place| &forecast.items[*place]) {
            let code = &*item.target.code.to_meds();
            let meaning = answer.descriptions.get(code);
            // A group has its own words; a code that stands alone is said in the table's.
            let meaning = meaning.filter(|_| item.target.name.contains(code));
            let meaning = meaning.map_or_else(String::new, |text| format!("  ({text})"));
            lines.push(line(item) + &meaning);
            let cited = answer.evidence.get(&item.target.name);
            lines.extend(cited.into_iter().flatten().map(cited_line));
        }
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

fn cited_line(cited: &Cited) -> String {
    let (effect, events) = (cited.effect.risk, cited.sources.len());
    format!("      {effect:+.4}  {} ({events} events)", cited.name)
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
    let how = match (row.answer.by, row.answer.calibrated) {
        (By::QueryHead, true) => "calibrated",
        (By::QueryHead, false) => "head",
        (By::Futures, _) => "futures",
    };
    let direct = row
        .direct
        .map_or_else(String::new, |risk| format!(", query head {risk:.4}"));
    format!(
        "  {:.4} [{how}], futures {:.4} ({:.4}){direct}, same age and sex {expected}{change}  {}{}",
        row.answer.risk,
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
