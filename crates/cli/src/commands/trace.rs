//! `longitude trace`: from an event back to the bytes of the source that it was made from, and
//! whether the source is still what was read. It shows a patient's record: inside the walls.

use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::progress::print;
use crate::steps::ingest::{ACCOUNT, Account};
use anyhow::{Context, Result};
use longitude_core::{Event, SubjectId};
use longitude_ingest::SourceRow;
use longitude_store::Dataset;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude trace` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// An identified data set (of `longitude ingest`) or a run folder
    folder: PathBuf,
    /// One event, by its place: `data/train/0.parquet:17` is the 17th row of that file
    event: Option<String>,
    /// The events of a subject
    #[arg(long)]
    subject: Option<i64>,
    /// Only events with this code, as MEDS writes it
    #[arg(long)]
    code: Option<String>,
    /// Only events of this source record, for example `Observation/123`
    #[arg(long)]
    record: Option<String>,
    /// Where the source lies now, if not where it was read [repeatable, in the order of ingest]
    #[arg(long)]
    source: Vec<PathBuf>,
    /// Events shown at most
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Every event names the file, record, element and row it was made from, and the rule that made it.
This command walks that way back, prints the bytes of the row, and checks that the file has the
digest that it had when it was read.

Examples:
  longitude trace identified data/train/0.parquet:17
  longitude trace identified --subject 42 --code LOINC//2160-0
  longitude trace RUN --record Observation/123 --json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let place = Place::open(arguments)?;
    let chosen = place.choose(arguments)?;
    if chosen.is_empty() {
        let message = format!("{} has no such event", arguments.folder.display());
        let mend = "name a row, --subject, --code or --record that it has";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let mut traced = Vec::new();
    for (subject, event) in &chosen {
        interrupt::check()?;
        let source = place.source_of(event)?;
        traced.push(to_json(*subject, event, source.as_ref(), &place.account));
    }
    if arguments.json {
        return print(&format!("{:#}\n", Value::from(traced)));
    }
    traced.iter().try_for_each(|one| print(&to_text(one)))
}

/// A data set with what it was made of.
struct Place {
    data: Dataset,
    account: Account,
    sources: Vec<PathBuf>,
}

impl Place {
    fn open(arguments: &Arguments) -> Result<Self> {
        let folder = &arguments.folder;
        let inner = folder.join("identified");
        let data = if inner.is_dir() { &inner } else { folder };
        let account = fs::read(folder.join(ACCOUNT)).map_err(|_error| {
            let message = format!("{} has no {ACCOUNT}", folder.display());
            let mend = "name a folder that `longitude ingest` or `longitude run` wrote";
            Failure::new(Kind::Input, message, mend)
        })?;
        let account: Account = serde_json::from_slice(&account).context(ACCOUNT)?;
        let sources = if arguments.source.is_empty() {
            account.sources.clone()
        } else {
            arguments.source.clone()
        };
        Ok(Self {
            data: Dataset::open(data)?,
            account,
            sources,
        })
    }

    /// The events asked for, at most as many as are shown.
    fn choose(&self, arguments: &Arguments) -> Result<Vec<(SubjectId, Event)>> {
        if let Some(event) = &arguments.event {
            let place = event.rsplit_once(':');
            let place = place.and_then(|(file, row)| Some((file, row.parse().ok()?)));
            let (file, row) = place.ok_or_else(|| {
                let message = format!("{event} names no row");
                Failure::new(Kind::Input, message, "write it as data/train/0.parquet:17")
            })?;
            return Ok(self.data.event(file, row)?.into_iter().collect());
        }
        let fits = |event: &Event| {
            let code = arguments.code.as_ref();
            let record = arguments.record.as_ref();
            code.is_none_or(|code| event.code.to_meds() == *code)
                && record.is_none_or(|record| *event.origin.record == **record)
        };
        let subject = arguments.subject.map(SubjectId);
        let mut chosen = Vec::new();
        let one = subject.map(|subject| self.data.timeline(subject));
        let timelines: Box<dyn Iterator<Item = _>> = match one {
            Some(timeline) => Box::new(timeline?.into_iter().map(Ok)),
            None => Box::new(self.data.timelines(None)),
        };
        for timeline in timelines {
            interrupt::check()?;
            let (subject, events, _) = timeline?.into_parts();
            let wanted = events.into_iter().filter(fits);
            let room = arguments.limit.saturating_sub(chosen.len());
            chosen.extend(wanted.take(room).map(|event| (subject, event)));
            if chosen.len() >= arguments.limit {
                break;
            }
        }
        Ok(chosen)
    }

    /// The row that an event was made from; none of a derived event.
    fn source_of(&self, event: &Event) -> Result<Option<SourceRow>> {
        let origin = &event.origin;
        if origin.file.is_empty() {
            return Ok(None);
        }
        let paths: Vec<&Path> = self.sources.iter().map(PathBuf::as_path).collect();
        let row = longitude_ingest::source_row(&paths, &origin.file, origin.row);
        row.map(Some).map_err(|error| {
            let mend = "say with --source where the records lie now";
            Failure::new(Kind::Input, error.to_string(), mend).into()
        })
    }
}

fn to_json(
    subject: SubjectId,
    event: &Event,
    source: Option<&SourceRow>,
    account: &Account,
) -> Value {
    let origin = &event.origin;
    let read = account
        .details
        .files
        .iter()
        .find(|file| *file.file == *origin.file);
    let unchanged = source
        .zip(read)
        .map(|(now, then)| Some(now.digest) == then.digest);
    let bytes = source.and_then(|row| row.bytes.as_deref());
    let written = event.as_written.as_deref();
    json!({
        "subject_id": subject,
        "time": event.time.map(|time| time.to_string()),
        "code": event.code.to_meds(),
        "numeric_value": event.numeric_value,
        "unit": event.unit.as_deref(),
        "rule": &*origin.rule,
        "conversion": written.and_then(|written| written.conversion.as_deref()),
        "written_value": written.and_then(|written| written.numeric_value),
        "written_unit": written.and_then(|written| written.unit.as_deref()),
        "origin": {
            "file": &*origin.file, "record": &*origin.record,
            "element": &*origin.element, "row": origin.row
        },
        "file_digest": source.map(|row| row.digest),
        "file_unchanged": unchanged,
        "source": bytes.map(String::from_utf8_lossy),
    })
}

fn to_text(traced: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let origin = &traced["origin"];
    let mut out = format!(
        "{} {} of subject {}\n",
        text(&traced["time"]),
        text(&traced["code"]),
        traced["subject_id"]
    );
    out.push_str(&format!(
        "  from    {}:{} {} {}\n  rule    {}\n",
        text(&origin["file"]),
        origin["row"],
        text(&origin["record"]),
        text(&origin["element"]),
        text(&traced["rule"])
    ));
    if !traced["conversion"].is_null() {
        let (value, unit) = (&traced["written_value"], text(&traced["written_unit"]));
        out.push_str(&format!(
            "  unit    {} (from {value} {unit})\n",
            text(&traced["conversion"])
        ));
    }
    let state = match traced["file_unchanged"].as_bool() {
        Some(true) => "as it was when it was read",
        Some(false) => "CHANGED since it was read",
        None => "not compared",
    };
    out.push_str(&format!("  file    {state}\n"));
    match traced["source"].as_str() {
        Some(source) => out.push_str(&format!("  source  {}\n", source.trim_end())),
        None if origin["file"] == "" => out.push_str("  source  none: derived by ingest\n"),
        None => out.push_str("  source  no bytes of its own (columns), or no such row any more\n"),
    }
    out
}
