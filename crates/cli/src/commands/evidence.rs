//! `longitude evidence`: what an answer rests on, what is missing, and what became of people like
//! the patient. It shows a patient's risks and records under the pseudonym of the run.

use crate::answering::{Answering, instant, refused};
use crate::progress::print;
use crate::similar::{People, people};
use anyhow::Result;
use longitude_core::{Days, Digest, Instant, SubjectId, Task};
use longitude_predict::{
    Asked, Cited, ExplainOptions, Explanation, Like, Measured, Missing, MissingOptions,
    OutcomeOfSimilar, Unit, Way, measured_of, outcomes_of,
};
use serde::Serialize;
use std::path::PathBuf;

/// The fewest people behind a figure.
const PEOPLE_MIN: usize = 11;
/// The share of people like the patient from which a measurement is asked about.
const MEASURED_SHARE_MIN: f64 = 0.2;

/// What `longitude evidence` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    about: About,
    /// People like the patient, a multiple of 11; 0 for none
    #[arg(long, value_name = "K", default_value_t = 99)]
    similar: u32,
    /// They must be within so many years of the patient's age
    #[arg(long, value_name = "YEARS")]
    like_age: Option<f64>,
    /// They must be of the patient's sex
    #[arg(long)]
    like_sex: bool,
    /// Values drawn of each missing measurement; 0 for none
    #[arg(long, value_name = "N", default_value_t = 32)]
    missing: u32,
    /// Lines of each list, at most; with --json all are given
    #[arg(long, default_value_t = 5)]
    top: usize,
}

/// Who is asked about and how: what `evidence` and `what-if` share.
#[derive(Debug, clap::Args)]
pub(crate) struct About {
    /// The run folder
    #[arg(long)]
    pub(crate) run: PathBuf,
    /// The patient, by the run's pseudonym
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) subject: i64,
    /// The prediction time, as 2180-07-23 or 2180-07-23T12:00:00Z [default: the end of the record]
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// A task of the run, by its id; may be given several times [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) task: Vec<String>,
    /// Ask by so many sampled futures, on the calibrated scale and with Monte Carlo error
    /// [default: by the query head, exactly; 64 futures where the model has none]
    #[arg(long, value_name = "FUTURES")]
    pub(crate) sampled: Option<u32>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    pub(crate) institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
What each answer rests on: the risk with and without single events, codes, groups of codes and
encounters; what carries it together; pairs that stand in for one another. Every line leads back to
source records. Then what people like the patient have measured and the patient has not, and how far
it would move the answer; and what was observed of them, as aggregates of at least eleven. It says
what the model used, not what causes an outcome. Research only; the digest goes to the
institution's journal. See docs/evidence.md.

Examples:
  longitude evidence --run RUN --subject 42 --task death_1y
  longitude evidence --run RUN --subject 42 --sampled 128 --similar 0
  longitude evidence --run RUN --subject 42 --similar 198 --like-age 5 --like-sex --json";

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer {
    subject: SubjectId,
    at: Instant,
    model: Digest,
    explanations: Vec<Explanation>,
    similar: Option<Similar>,
    missing: Vec<Missing>,
}

/// Aggregates of people like the patient.
#[derive(Serialize)]
struct Similar {
    people: usize,
    like: Like,
    /// Of the nearest, the middle and the farthest of them, in standard deviations.
    distances: [f64; 3],
    outcomes: Vec<OutcomeOfSimilar>,
    measured: Vec<Measured>,
}

impl About {
    /// Opens the run.
    pub(crate) fn open(&self) -> Result<Answering> {
        Answering::open(
            &self.run,
            self.institution.as_deref(),
            self.passphrase_file.as_deref(),
        )
    }

    /// The prediction time, where one is given.
    pub(crate) fn time(&self) -> Result<Option<Instant>> {
        self.at.as_deref().map(instant).transpose()
    }

    /// How is asked.
    pub(crate) fn way(&self, opened: &Answering) -> Result<Way> {
        let samples = match self.sampled {
            None if opened.engine.has_queries() => return Ok(Way::QueryHead),
            None => 64,
            Some(samples) if samples < 2 => {
                let message = "--sampled is too small to have a Monte Carlo error";
                return Err(refused(message, "take 2 or more futures"));
            }
            Some(samples) => samples,
        };
        let mut sampling = opened.questions.sampling;
        sampling.samples = samples;
        Ok(Way::Sampled(sampling))
    }

    /// The tasks that can be asked: those without a code in the vocabulary are left out where
    /// nobody named them.
    pub(crate) fn tasks(&self, opened: &Answering) -> Result<Vec<Task>> {
        let mut tasks = opened.tasks(&self.task)?;
        let vocabulary = opened.engine.vocabulary();
        if self.task.is_empty() {
            tasks.retain(|task| !vocabulary.ids_matching(&task.outcome).is_empty());
        }
        Ok(tasks)
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    check(arguments)?;
    let about = &arguments.about;
    let at = about.time()?;
    let opened = about.open()?;
    let timeline = opened.patient(about.subject)?;
    let asked = opened.asked(&timeline, at)?;
    let (tasks, way) = (about.tasks(&opened)?, about.way(&opened)?);
    let engine = &opened.engine;
    let options = ExplainOptions::research();
    let explanations = engine.explain(&asked, (&tasks, way), &options)?;
    let similar = similar(&opened, &asked, &tasks, arguments)?;
    let measured = similar.as_ref().map(|one| &one.measured[..]);
    let missing = match measured.filter(|_| arguments.missing > 0) {
        None => Vec::new(),
        Some(measured) => {
            let mut how = MissingOptions::research(opened.questions.sampling.seed);
            how.draws = arguments.missing;
            engine.missing(&asked, (&tasks, way), measured, &how)?
        }
    };
    let answer = Answer {
        subject: timeline.subject(),
        at: asked.at,
        model: opened.root,
        explanations,
        similar,
        missing,
    };
    let json = serde_json::to_string_pretty(&answer)?;
    opened.journal("evidence", &(options, way), Digest::of(json.as_bytes()))?;
    if about.json {
        return print(&format!("{json}\n"));
    }
    print(&text(&answer, arguments.top))
}

fn check(arguments: &Arguments) -> Result<()> {
    if !(arguments.similar as usize).is_multiple_of(PEOPLE_MIN) {
        let message = "--similar is no multiple of 11";
        let mend = "take 11, 22, 99 or another: two answers then differ by eleven people at least";
        return Err(refused(message, mend));
    }
    if arguments
        .like_age
        .is_some_and(|years| years.is_nan() || years < 1.0)
    {
        let message = "--like-age is below a year";
        return Err(refused(message, "take 1 or more years"));
    }
    Ok(())
}

fn similar(
    opened: &Answering,
    asked: &Asked<'_>,
    tasks: &[Task],
    arguments: &Arguments,
) -> Result<Option<Similar>> {
    if arguments.similar == 0 {
        return Ok(None);
    }
    let like = Like {
        age_years: arguments.like_age,
        sex: arguments.like_sex,
    };
    let found: People = people(opened, asked, (like, arguments.similar as usize))?;
    let near = &found.neighbours;
    let (Some(first), Some(last)) = (near.first(), near.last()) else {
        return Ok(None);
    };
    if near.len() < PEOPLE_MIN {
        return Ok(None);
    }
    let all = found.asked();
    Ok(Some(Similar {
        people: near.len(),
        like,
        distances: [first, &near[near.len() / 2], last].map(|one| one.distance),
        outcomes: outcomes_of(&all, tasks),
        measured: measured_of(&all, Days(365.0), MEASURED_SHARE_MIN),
    }))
}

/// The lists for a terminal.
fn text(answer: &Answer, top: usize) -> String {
    let mut lines = Vec::new();
    for one in &answer.explanations {
        lines.extend(explained(one, top));
    }
    match &answer.similar {
        None => lines.push("people like the patient: none asked for, or fewer than 11".to_owned()),
        Some(similar) => lines.extend(observed(similar)),
    }
    if !answer.missing.is_empty() {
        let head = "not measured within a year, though people like the patient were:";
        lines.push(head.to_owned());
    }
    for one in answer.missing.iter().take(top) {
        lines.push(format!(
            "  {} ({:.0} % of them)",
            one.code,
            one.share * 100.0
        ));
        let effects = one.effects.iter();
        lines.extend(effects.map(|effect| {
            let [low, high] = effect.percentiles;
            format!(
                "      {}: {:+.4} ({:.4}) expected, spread {:.4}, {low:+.4} to {high:+.4}",
                effect.task, effect.change, effect.standard_error, effect.spread
            )
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn explained(one: &Explanation, top: usize) -> Vec<String> {
    let scale = match one.way {
        Way::QueryHead => "query head, not calibrated".to_owned(),
        Way::Sampled(how) => format!("{} futures, error {:.4}", how.samples, one.standard_error),
    };
    let mut lines = vec![format!("{}: {:.4} ({scale})", one.task, one.risk)];
    let kinds = [
        (Unit::Code, "codes"),
        (Unit::Event, "single events"),
        (Unit::Group, "groups of codes"),
        (Unit::Encounter, "encounters"),
    ];
    for (unit, name) in kinds {
        let all = one.alone.get(&unit).map(Vec::as_slice).unwrap_or_default();
        if !all.is_empty() {
            lines.push(format!("  {name}:"));
            lines.extend(all.iter().take(top).map(cited));
        }
    }
    lines.push("  one after another, together:".to_owned());
    lines.extend(one.joint.iter().take(top).map(cited));
    if !one.redundant.is_empty() {
        lines.push("  stand in for one another:".to_owned());
    }
    lines.extend(one.redundant.iter().take(top).map(|pair| {
        let [a, b] = &pair.codes;
        let [x, y] = pair.alone.map(|effect| effect.risk);
        let joint = pair.joint.risk;
        format!("    {joint:+.4} together, {x:+.4} and {y:+.4} alone  {a} and {b}")
    }));
    if one.left_out > 0 {
        lines.push(format!("  {} units were not asked about", one.left_out));
    }
    lines.push(String::new());
    lines
}

fn cited(one: &Cited) -> String {
    let record = one.sources.first().map_or("", |source| &source.record);
    let more = match one.sources.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let error = match one.effect.standard_error {
        error if error > 0.0 => format!(" ({error:.4})"),
        _ => String::new(),
    };
    let event = one.sources.first().map_or(0, |source| source.event);
    let effect = one.effect.risk;
    format!(
        "    {effect:+.4}{error}  {}  [event {event} {record}{more}]",
        one.name
    )
}

fn observed(similar: &Similar) -> Vec<String> {
    let [near, middle, far] = similar.distances;
    let mut lines = vec![format!(
        "{} training subjects like the patient (distance {near:.2}, {middle:.2}, {far:.2}; two at \
         random lie 1.41 apart):",
        similar.people
    )];
    lines.extend(similar.outcomes.iter().map(|one| {
        let shown = one.incidence.zip(one.interval).map_or_else(
            || "held back, too few".to_owned(),
            |(share, [low, high])| format!("{share:.3} ({low:.3} to {high:.3})"),
        );
        format!("  {} within {} days: {shown}", one.task, one.horizon.0)
    }));
    lines
}
