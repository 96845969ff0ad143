//! `longitude effect`: an effect over the training subjects under a declared causal design, or the
//! reason why there is none. No transformer takes part.

use crate::answering::{Answering, refused};
use crate::interrupt;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::{Digest, Split};
use longitude_predict::{Cohort, Design, DesignError, Estimate, Interval, last_observed};
use std::fs;
use std::path::PathBuf;

/// What `longitude effect` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run folder: its training subjects are compared
    #[arg(long)]
    run: PathBuf,
    /// The declared design, a TOML file (see docs/what-if.md)
    #[arg(long, value_name = "FILE")]
    design: PathBuf,
    /// Resamples of the intervals
    #[arg(long, default_value_t = 200)]
    resamples: u32,
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
A difference of risks were everybody eligible treated and were nobody: by g-computation and doubly
robust, beside the naive difference, with bootstrap intervals. The design says who is eligible, what
is compared and what is adjusted for; variables measured after the treatment may have begun are
refused, and so are groups without overlap. It is an effect only if nothing else acts on treatment
and outcome alike; a declared negative control can show that something does, never that nothing
does. Aggregates only; the digest goes to the institution's journal.

Example:
  longitude effect --run RUN --design statin.toml";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let place = arguments.design.display();
    let text = fs::read_to_string(&arguments.design).with_context(|| place.to_string())?;
    let design: Design = toml::from_str(&text).map_err(|error| {
        refused(
            format!("{place}: {error}"),
            "see docs/what-if.md for its form",
        )
    })?;
    let none = |error: DesignError| {
        let mend = "a design that gives no estimate says so; see docs/what-if.md";
        refused(format!("{place}: {error}"), mend)
    };
    let mut cohort = Cohort::new(&design).map_err(none)?;
    if !(20..=10_000).contains(&arguments.resamples) {
        let mend = "take 20 to 10,000: fewer have no percentiles";
        return Err(refused("--resamples is too small or too large", mend));
    }
    let institution = arguments.institution.as_deref();
    let passphrase = arguments.passphrase_file.as_deref();
    let opened = Answering::open(&arguments.run, institution, passphrase)?;
    for timeline in opened.data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        let timeline = opened.reopened.timeline(timeline?).into_inner();
        if let Some(end) = last_observed(&timeline) {
            cohort.observe(&timeline, end);
        }
    }
    let seed = opened.questions.sampling.seed;
    let estimate = cohort.estimate(arguments.resamples, seed).map_err(none)?;
    let json = serde_json::to_string_pretty(&estimate)?;
    opened.journal("effect", &design, Digest::of(json.as_bytes()))?;
    if arguments.json {
        return print(&format!("{json}\n"));
    }
    print(&shown(&estimate))
}

fn shown(one: &Estimate) -> String {
    let line = |name: &str, Interval { value, low, high }: Interval| {
        format!("  {name:<16} {value:+.4} ({low:+.4} to {high:+.4})")
    };
    let overlap = &one.overlap;
    let [before, after] = overlap.difference_max;
    let trimmed = overlap.trimmed_share.map_or_else(
        || "fewer than 11 people".to_owned(),
        |share| format!("{:.1} %", share * 100.0),
    );
    let mut lines = vec![
        format!(
            "{}: difference of risks, treated less untreated",
            one.design
        ),
        line("naive", one.naive),
        line("g-computation", one.g_computation),
        line("doubly robust", one.aipw),
        format!("{} treated, {} untreated", one.treated, one.untreated),
        format!(
            "{trimmed} trimmed without overlap; largest standardised difference {before:.2}, \
             {after:.2} after weighting"
        ),
    ];
    for control in &one.negative_controls {
        let (of, alarm) = (&control.of, control.alarm);
        lines.push(match control.estimate {
            None => format!("negative control of the {of}: too few people or events"),
            Some(interval) => line(&format!("control {of}"), interval),
        });
        if alarm {
            let what = "ALARM: the control is not null; something unmeasured acts on both sides";
            lines.push(what.to_owned());
        }
    }
    if one.negative_controls.is_empty() {
        lines.push("no negative control was declared: nothing here tests the design".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}
