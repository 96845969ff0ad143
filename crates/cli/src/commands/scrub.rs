//! `longitude scrub`: what identifies in notes, note by note, and the notes without it.
//!
//! The notes stream through: a batch is read, scrubbed on all cores and written before the next is
//! read, so that memory is bounded by the longest line and not by the file.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use crate::steps::scrub::{Account, Limits, Line, Lines};
use crate::{institution, interrupt, machine};
use anyhow::{Context, Result};
use longitude_core::Instant;
use longitude_deid::{Key, Measured, NoteScrubber, ResidualRisk};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const HELP: &str = "\
Input: one JSON object a line, with `id` (text or number) and `text`. Optional fields:
  subject_id  whose note it is; notes of one subject get the same surrogates and date shift
  known       a list of strings that identify the subject: names and numbers from the record
  time        when the note was written (ISO 8601), for dates without a year

Output of --spans, one line for each note, in the order of the input:
  {\"id\":\"n1\",\"spans\":[{\"start\":9,\"end\":23,\"label\":\"NAME\"}]}
Offsets count Unicode characters from 0; the end is exclusive; spans do not overlap.

A line that cannot be used (no JSON, no `text`, no UTF-8, too long) is named with its number on
standard error and in the account, and counted; the others go on. lines = notes + unusable + empty.

No scrubber finds everything: --report says what is to be expected to be left, by class.

Examples:
  longitude scrub notes.jsonl --spans spans.jsonl
  longitude scrub notes.jsonl --spans spans.jsonl --report residual.json
  longitude scrub notes.jsonl --text scrubbed.jsonl                    # [NAME], [DATE], ...
  longitude scrub notes.jsonl --text scrubbed.jsonl --surrogates       # other names, moved dates
  longitude scrub notes.jsonl --spans spans.jsonl --known clinicians.txt";

/// What `longitude scrub` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP, after_help = HELP)]
pub(crate) struct Arguments {
    /// The notes, as JSON lines; `-` reads standard input
    notes: PathBuf,
    /// Write what identifies here, as JSON lines
    #[arg(long)]
    spans: Option<PathBuf>,
    /// Write the scrubbed notes here, as JSON lines of `id` and `text`
    #[arg(long)]
    text: Option<PathBuf>,
    /// In the scrubbed notes, put surrogates made from the institution's key instead of tags
    #[arg(long, requires = "text")]
    surrogates: bool,
    /// The greatest shift of dates in days, either way, with --surrogates
    #[arg(long, default_value_t = 365)]
    shift_days_max: u32,
    /// Strings that identify in anybody's notes, one a line: names of clinicians
    #[arg(long)]
    known: Option<PathBuf>,
    /// Write the residual risk here: JSON, or a table when the name ends in `.txt`
    #[arg(long)]
    report: Option<PathBuf>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.spans.is_none() && arguments.text.is_none() && arguments.report.is_none() {
        let mend = "name an output with --spans, --text or --report";
        return Err(Failure::new(Kind::Input, "nothing would be written", mend).into());
    }
    let scrubber = scrubber(arguments)?;
    let lines = Lines::open(&arguments.notes, Limits::SHIPPED)?;
    let mut spans = Output::create(arguments.spans.as_deref())?;
    let mut text = Output::create(arguments.text.as_deref())?;
    let started = machine::now();
    let threads = machine::threads(arguments.threads);
    let mut account = Account::default();
    for batch in lines.batches() {
        interrupt::check()?;
        for line in crate::steps::scrub::scrubbed(&scrubber, batch?, threads) {
            account.add(&line);
            match line {
                Line::Note(note) => {
                    spans.write(|| note.spans_json())?;
                    text.write(|| note.text_json())?;
                }
                Line::Unusable { number, why } => eprintln!("line {number}: {why}"),
                Line::Empty => {}
            }
        }
    }
    spans.finish()?;
    text.finish()?;
    report(arguments, &account, started)
}

fn scrubber(arguments: &Arguments) -> Result<NoteScrubber> {
    let known = match &arguments.known {
        None => Vec::new(),
        Some(path) => {
            let read = fs::read_to_string(path);
            let list = read.with_context(|| format!("{}", path.display()))?;
            list.lines().map(str::to_owned).collect()
        }
    };
    let scrubber = NoteScrubber::new(&known);
    if !arguments.surrogates {
        return Ok(scrubber);
    }
    let institution = institution::open(arguments.institution.as_deref())?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    let key = Key::from_bytes(institution.keys.deid_keys().current_key()?);
    Ok(scrubber.with_surrogates(&key, arguments.shift_days_max))
}

fn report(arguments: &Arguments, account: &Account, started: Instant) -> Result<()> {
    let measured = Measured::shipped()?;
    let risk = ResidualRisk::of(measured, account.notes, &account.spans);
    if let Some(path) = &arguments.report {
        let as_text = path.extension().is_some_and(|end| end == "txt");
        let text = if as_text {
            risk.to_text()
        } else {
            format!("{}\n", serde_json::to_string_pretty(&risk)?)
        };
        fs::write(path, text).with_context(|| format!("{}", path.display()))?;
    }
    let seconds = (machine::now().0 - started.0) as f64 / 1e6;
    if arguments.json {
        let shown = json!({"account": account, "seconds": seconds, "residual_risk": risk});
        print(&format!("{}\n", serde_json::to_string_pretty(&shown)?))?;
    } else {
        let rate = account.notes as f64 / seconds.max(1e-6);
        print(&format!("{}{rate:.0} notes a second\n", account.to_text()))?;
        print(&risk.to_text())?;
    }
    if account.notes == 0 && account.unusable > 0 {
        let message = format!("{}: no line holds a note", arguments.notes.display());
        let mend = "each line is a JSON object with `id` and `text`";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    Ok(())
}

/// A file of JSON lines, or nothing. It stands under its name only when it is whole.
struct Output {
    file: Option<(BufWriter<File>, PathBuf, PathBuf)>,
}

impl Output {
    fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self { file: None });
        };
        let mut half = path.as_os_str().to_owned();
        half.push(".part");
        let half = PathBuf::from(half);
        let file = File::create(&half).with_context(|| format!("{}", half.display()))?;
        let file = Some((BufWriter::new(file), half, path.to_path_buf()));
        Ok(Self { file })
    }

    fn write(&mut self, line: impl FnOnce() -> String) -> Result<()> {
        if let Some((file, _, path)) = &mut self.file {
            writeln!(file, "{}", line()).with_context(|| format!("{}", path.display()))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if let Some((mut file, half, path)) = self.file {
            file.flush()
                .and_then(|()| fs::rename(&half, &path))
                .with_context(|| format!("{}", path.display()))?;
        }
        Ok(())
    }
}
