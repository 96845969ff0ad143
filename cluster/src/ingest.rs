//! The submitting process: divides the source, asks the cluster for one step after the other, draws
//! up the account, and puts the data set at its place when it is whole.
//!
//! It holds what `longitude ingest` holds besides events: identifiers against duplicates, subjects,
//! findings. Records and events pass through executors only.

mod account;
mod assemble;
mod told;

use crate::exec::Step;
use crate::job::{self, DESCRIPTION, Description, PARTS, SHARDS, ShardRange};
use crate::store::Place;
use crate::submit::Cluster;
use anyhow::{Context as _, Result, bail, ensure};
use longitude_core::{Split, SubjectId};
use longitude_ingest::parts::{self, Part, Source, Survey};
use longitude_ingest::{Format, Options};
use longitude_store::WriteOptions;
use longitude_store::assembly::ShardPlan;
use std::path::{Path, PathBuf};

/// What `longitude-cluster ingest` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Records: a folder that every machine reaches under this path, or s3://BUCKET/PREFIX
    /// (az:// and gs:// likewise)
    source: String,
    /// The folder of the MEDS data set to write, on this machine
    #[arg(long)]
    to: PathBuf,
    /// A place that every machine reaches, for what is between source and data set: identified
    /// data, removed at the end [default: a folder beside --to]
    #[arg(long)]
    work: Option<String>,
    /// The scheduler
    #[arg(long, default_value = "http://127.0.0.1:50050")]
    scheduler: String,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// The most tasks that a step is divided into
    #[arg(long, default_value_t = 256)]
    tasks: usize,
    /// MiB after which a plain file of lines is cut
    #[arg(long, default_value_t = 64.0)]
    part_mib: f64,
    /// Events after which a data file is closed [default: as `longitude ingest`]
    #[arg(long)]
    shard_events: Option<usize>,
    /// Leave the intermediate data in place
    #[arg(long)]
    keep_work: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let target = &arguments.to;
    let occupied = target
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some());
    ensure!(
        !occupied && !target.is_file(),
        "{} is not empty; name a new folder with --to",
        target.display()
    );
    let (source, description) = describe(arguments).await?;
    let work = match &arguments.work {
        Some(work) => Place::open(work)?,
        None => Place::open(&beside(target, ".work").to_string_lossy())?,
    };
    let folder = work.below(&description.name()?);
    if folder.as_folder().is_some() {
        private(&folder)?;
    }
    let cluster = Cluster {
        scheduler: arguments.scheduler.clone(),
        job: folder.url().to_owned(),
        tasks_max: arguments.tasks.max(1),
    };
    let ingest = Ingest {
        folder,
        description,
        cluster,
    };
    let done = ingest.all(target).await.with_context(|| {
        format!(
            "nothing was put at {}; the same command goes on from the parts that are done in {}",
            target.display(),
            ingest.folder.url()
        )
    });
    let told = done?;
    drop(source);
    if !arguments.keep_work {
        ingest.folder.clear().await?;
        if arguments.work.is_none() {
            // Another job's folder may stand there; then it stays.
            drop(std::fs::remove_dir(beside(target, ".work")));
        }
    }
    let text = if arguments.json {
        format!("{}\n", serde_json::to_string_pretty(&told)?)
    } else {
        told.to_text()
    };
    print!("{text}");
    Ok(())
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    target.with_file_name(name)
}

/// Only the owner may enter a local folder of identified data.
fn private(folder: &Place) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(path) = folder.as_folder() {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The job: what the source holds now.
async fn describe(arguments: &Arguments) -> Result<(Place, Description)> {
    let place = Place::open(&arguments.source)?;
    let (place, listing, versions) = match place.as_folder() {
        Some(path) => local(path)?,
        None => remote(place).await?,
    };
    if listing
        .files()
        .iter()
        .any(|file| file.format == Format::Meds)
    {
        bail!(
            "{} is a MEDS data set already; `longitude ingest` copies one",
            arguments.source
        );
    }
    if let Some(name) = listing.archive() {
        bail!("{name} is packed in an archive; unpack it first: a cluster reads files");
    }
    let standard = WriteOptions::standard("identified").shard_events_max;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size in whole bytes; nonsense becomes 1"
    )]
    let part_bytes = ((arguments.part_mib * f64::from(1 << 20)) as u64).max(1);
    let description = Description {
        source: place.url().to_owned(),
        listing,
        versions,
        options: Options::standard(1),
        part_bytes,
        shard_events: arguments.shard_events.unwrap_or(standard).max(1),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok((place, description))
}

type Listed = (Place, Source, Vec<String>);

/// A folder, or the one file that the path names.
fn local(path: &Path) -> Result<Listed> {
    let listing = Source::of_path(path)?;
    let folder = if path.is_file() {
        path.parent().unwrap_or(Path::new("/"))
    } else {
        path
    };
    let version = |name: &str| {
        let changed = std::fs::metadata(folder.join(name)).and_then(|data| data.modified());
        let since = changed
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |time| time.as_micros()).to_string()
    };
    let files = listing.files().iter();
    let versions = files.map(|file| version(&file.name)).collect();
    Ok((Place::open(&folder.to_string_lossy())?, listing, versions))
}

async fn remote(place: Place) -> Result<Listed> {
    let objects = place.list().await?;
    let folder = tempfile::tempdir()?;
    let mut names = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        let mut start = PathBuf::new();
        if !parts::told_by_name(&object.name) && object.bytes > 0 {
            start = folder.path().join(number.to_string());
            let range = 0..object.bytes.min(parts::START_BYTES);
            place.download(&object.name, Some(range), &start).await?;
        }
        names.push((object.name.clone(), object.bytes, start));
    }
    let listing = Source::of_names(names, Path::new(place.url()))?;
    let version = |name: &str| {
        let place = objects.binary_search_by(|object| object.name.as_str().cmp(name));
        place.map_or_else(|_| String::new(), |place| objects[place].version.clone())
    };
    let files = listing.files().iter();
    let versions = files.map(|file| version(&file.name)).collect();
    Ok((place, listing, versions))
}

/// A job under way.
pub(crate) struct Ingest {
    folder: Place,
    description: Description,
    cluster: Cluster,
}

impl Ingest {
    async fn all(&self, target: &Path) -> Result<told::Told> {
        self.put_json(DESCRIPTION, &self.description).await?;
        let parts = self.parts().await?;
        let numbers: Vec<u32> = (0..u32::try_from(parts.len())?).collect();
        let indexed = numbers
            .iter()
            .filter(|number| parts[**number as usize].is_indexed());
        let indexed: Vec<u32> = indexed.copied().collect();
        self.step(Step::Index, &indexed, "index").await?;
        self.step(Step::Map, &numbers, "told").await?;
        say("drawing up the account");
        let account = account::draw_up(self, &numbers, target).await?;
        let (ranges, subjects) = self.plan_shards(&numbers).await?;
        say(&format!("writing {} data files", ranges.len()));
        let written = self.cluster.shards(&numbers, ranges.len()).await?;
        let shards = assemble::Shards {
            ranges,
            written,
            subjects,
        };
        assemble::put(self, target, account, shards).await
    }

    async fn put_json(&self, name: &str, value: &impl serde::Serialize) -> Result<()> {
        self.folder.put(name, serde_json::to_vec(value)?).await
    }

    /// The parts of the source: from an earlier run, or from a survey of every file.
    async fn parts(&self) -> Result<Vec<Part>> {
        if self.folder.has(PARTS).await? {
            return job::json(&self.folder, PARTS).await;
        }
        let listing = &self.description.listing;
        let files: Vec<u32> = (0..u32::try_from(listing.files().len())?).collect();
        say(&format!("surveying {} files", files.len()));
        let surveys = self.cluster.each::<Survey>(Step::Survey, &files).await?;
        ensure!(
            surveys.len() == files.len(),
            "the cluster lost the survey of a file"
        );
        let surveys: Vec<Survey> = surveys.into_values().collect();
        let parts = listing.parts(&surveys);
        self.put_json(PARTS, &parts).await?;
        Ok(parts)
    }

    /// Does a step for the parts that it was not done for; what it leaves is named after it.
    async fn step(&self, step: Step, parts: &[u32], left: &str) -> Result<()> {
        let done = self.folder.below(left).list().await?;
        let done: std::collections::BTreeSet<_> =
            done.into_iter().map(|object| object.name).collect();
        let missing = parts
            .iter()
            .filter(|part| !done.contains(&part.to_string()));
        let missing: Vec<u32> = missing.copied().collect();
        let name = if step == Step::Index {
            "indexing"
        } else {
            "mapping"
        };
        say(&format!(
            "{name} {} of {} parts",
            missing.len(),
            parts.len()
        ));
        let answers = self
            .cluster
            .each::<serde_json::Value>(step, &missing)
            .await?;
        ensure!(
            answers.len() == missing.len(),
            "the cluster lost a part while {name}"
        );
        Ok(())
    }

    /// Which subjects go to which shard, by the law of the writer, and every subject in order.
    async fn plan_shards(
        &self,
        parts: &[u32],
    ) -> Result<(Vec<ShardRange>, Vec<(SubjectId, Split)>)> {
        say("counting the events of every subject");
        let mut plan = ShardPlan::new(self.description.shard_events);
        let (mut ranges, mut subjects) = (Vec::<ShardRange>::new(), Vec::new());
        let mut last = std::collections::BTreeMap::new();
        for (subject, events) in self.cluster.subjects(parts).await? {
            let first = SubjectId(subject);
            let split = Split::of(first);
            let number = plan.place(split);
            plan.add(split, events);
            if last.insert(split, number) != Some(number) {
                ranges.push(ShardRange {
                    split,
                    number,
                    first,
                });
            }
            subjects.push((first, split));
        }
        self.put_json(SHARDS, &ranges).await?;
        Ok((ranges, subjects))
    }
}

fn say(text: &str) {
    eprintln!("longitude-cluster: {text}");
}
