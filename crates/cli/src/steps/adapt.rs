//! The work of `longitude adapt`: a site's data in the base's vocabulary or in its own, a training
//! that begins with the base, and the account of what it gained and forgot.

use super::deid::{RECEIPT, reopen_with};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::write_atomically;
use crate::progress::bar;
use anyhow::{Context, Result, ensure};
use longitude_core::{Digest, Split};
use longitude_deid::Reopened;
use longitude_govern::{LoadGuard, TrustedKey};
use longitude_model::{CHECKPOINT_FILE, Config, Model};
use longitude_store::Dataset;
use longitude_tokens::{
    Hierarchy, Tokens, UNKNOWN, Vocabulary, VocabularyBuilder, VocabularyOptions, encode,
};
use longitude_train::{
    ADAPTER_FILE, Adapter, AdapterOptions, Base, Control, Descriptions, EvaluateOptions,
    GainReport, Losses, Method, Options, Part, Progress, Rules, TrainData, Trained, Transferred,
    With, change, evaluate_each, train_with, transfer, transferred_config,
};
use std::fs;
use std::path::{Path, PathBuf};

/// Held-out subjects of each side that are judged, at most.
const JUDGED_MAX: usize = 2000;
const RESAMPLES: u32 = 1000;
/// The share of a site's events that the base may not know without a warning: the share from which
/// on a model does not answer for one history (`AbstainOptions::research`).
const FOREIGN_SHARE_MAX: f64 = 0.25;

/// A base model whose signature was checked.
#[derive(Debug)]
pub(crate) struct Known {
    /// The model.
    pub(crate) model: Model,
    /// Its vocabulary.
    pub(crate) vocabulary: Vocabulary,
    /// Its identity.
    pub(crate) root: Digest,
    folder: PathBuf,
}

impl Known {
    /// Opens a run folder's model, or a model folder.
    pub(crate) fn open(folder: &Path, trusted: Option<&TrustedKey>) -> Result<Self> {
        let inner = folder.join("model");
        let model = if inner.is_dir() {
            inner
        } else {
            folder.to_owned()
        };
        let guard = signed(&model, "base model", trusted)?;
        let read = |name: &str| -> Result<Vec<u8>> {
            let bytes = fs::read(model.join(name)).with_context(|| name.to_owned())?;
            let vouched = guard.manifest.vouches_for(name, &bytes);
            ensure!(vouched, "{name} is not what was signed");
            Ok(bytes)
        };
        let vocabulary = Vocabulary::from_json(&read("vocabulary.json")?)?;
        let digest = vocabulary.digest()?.to_string();
        let path = model.join(CHECKPOINT_FILE);
        Ok(Self {
            model: Model::from_bytes(&read(CHECKPOINT_FILE)?, &digest, &path)?,
            vocabulary,
            root: guard.manifest.root,
            folder: folder.to_owned(),
        })
    }
}

/// The signed list of a folder's files, which are what was signed.
pub(crate) fn signed(folder: &Path, what: &str, trusted: Option<&TrustedKey>) -> Result<LoadGuard> {
    longitude_govern::load_guard(folder, trusted).map_err(|error| {
        let message = format!("the {what} in {}: {error}", folder.display());
        let mend = "get it again from whoever signed it, or name their key with --trusted-key";
        Failure::new(Kind::Verification, message, mend).into()
    })
}

/// One adaptation.
#[derive(Debug)]
pub(crate) struct Work<'w> {
    pub(crate) known: &'w Known,
    pub(crate) site: &'w Path,
    pub(crate) to: &'w Path,
    pub(crate) adapters: Option<AdapterOptions>,
    /// Where the site has a vocabulary of its own.
    pub(crate) code_subjects_min: Option<u32>,
    pub(crate) steps: u64,
    pub(crate) learning_rate: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
}

/// What an adaptation left.
#[derive(Debug)]
pub(crate) struct Done {
    /// The folder to sign.
    pub(crate) folder: PathBuf,
    /// The digest of the site's data set.
    pub(crate) data: Digest,
    /// The digest of the options.
    pub(crate) options: Digest,
    /// What a person reads.
    pub(crate) said: String,
}

/// Adapts the base to the site.
pub(crate) fn adapt(work: &Work<'_>) -> Result<Done> {
    let (site, reopened) = open(work.site)?;
    let vocabulary = match work.code_subjects_min {
        Some(least) => fitted(&site, &reopened, (least, &work.known.vocabulary))?,
        None => work.known.vocabulary.clone(),
    };
    let data = load(&site, &reopened, &vocabulary)?;
    let foreign = foreign_share(&site, &reopened, &work.known.vocabulary)?;
    if foreign > FOREIGN_SHARE_MAX {
        eprintln!(
            "{}",
            foreign_warning(foreign, work.code_subjects_min.is_some())
        );
    }
    ensure!(
        data.subjects(Part::Learn) > 1,
        Failure::new(
            Kind::Input,
            "fewer than two of the site's subjects fall into the training split",
            "bring more subjects: splits are 80, 10 and 10 % by hash",
        )
    );
    let config = transferred_config(work.known.model.config(), &vocabulary)?;
    let options = options(work, config);
    let moved = moved(work, &site, &data, &options)?;
    let start = moved
        .as_ref()
        .map_or(&work.known.model, |moved| &moved.model);
    let trained = go(&data, &options, start, work.adapters.as_ref())?;
    let report = judge(
        work,
        (&site, &reopened),
        (start, &trained),
        (&data, &options),
    )?;
    let folder = write(work, (start, &trained), moved.as_ref(), &vocabulary)?;
    let markdown = report.to_markdown();
    write_atomically(&work.to.join("gain.md"), markdown.as_bytes())?;
    write_atomically(
        &work.to.join("gain.json"),
        &serde_json::to_vec_pretty(&report)?,
    )?;
    Ok(Done {
        folder,
        data: site.digest()?,
        options: Digest::of_json(&(&options, &work.adapters))?,
        said: format!(
            "{}{markdown}",
            moved.as_ref().map_or_else(String::new, rules)
        ),
    })
}

/// A de-identified data set with its receipt: in a run folder, or beside the data.
fn open(folder: &Path) -> Result<(Dataset, Reopened)> {
    let inner = folder.join("meds");
    let data = Dataset::open(if inner.is_dir() { &inner } else { folder })?;
    let reopened = reopen_with(&data, &folder.join(RECEIPT))?.1;
    Ok((data, reopened))
}

/// The site's own vocabulary, with as many value bins as the base has.
fn fitted(
    site: &Dataset,
    reopened: &Reopened,
    (least, base): (u32, &Vocabulary),
) -> Result<Vocabulary> {
    let named = site.codes()?.into_iter();
    let hierarchy = Hierarchy::new(named.map(|(code, entry)| (code, entry.parents)));
    let options = VocabularyOptions {
        subjects_min: least,
        ..base.options().clone()
    };
    let mut builder = VocabularyBuilder::new(options).with_hierarchy(hierarchy);
    for timeline in site.timelines(Some(Split::Train)) {
        interrupt::check()?;
        builder.observe(reopened.timeline(timeline?).get());
    }
    Ok(builder.finish()?)
}

fn load(site: &Dataset, reopened: &Reopened, vocabulary: &Vocabulary) -> Result<TrainData> {
    let mut data = TrainData::new(vocabulary)?;
    for split in [Split::Train, Split::Tuning] {
        for timeline in site.timelines(Some(split)) {
            interrupt::check()?;
            let timeline = reopened.timeline(timeline?);
            if let Some(part) = Part::of(timeline.get().subject(), split) {
                data.push(part, &timeline);
            }
        }
    }
    Ok(data)
}

/// The share of the site's training events whose code the base's vocabulary does not know.
fn foreign_share(site: &Dataset, reopened: &Reopened, base: &Vocabulary) -> Result<f64> {
    let (mut foreign, mut all) = (0u64, 0u64);
    for timeline in site.timelines(Some(Split::Train)) {
        interrupt::check()?;
        let timeline = reopened.timeline(timeline?);
        for event in timeline.get().events() {
            all += 1;
            foreign += u64::from(base.id(&event.code) == UNKNOWN);
        }
    }
    Ok(foreign as f64 / all.max(1) as f64)
}

/// What is said where the base knows few of the site's codes.
fn foreign_warning(share: f64, is_own: bool) -> String {
    let mend = if is_own {
        "their rows start from relatives, descriptions or the mean, and the base gives them little"
    } else {
        "they are all one unknown code to the model; --own-vocabulary gives the site its own"
    };
    format!(
        "warning: the base knows no code of {:.0} % of the site's training events: {mend}",
        100.0 * share
    )
}

fn options(work: &Work<'_>, config: Config) -> Options {
    let usual = Options::for_shape(config, work.steps, work.seed);
    let share = if work.adapters.is_some() { 0.5 } else { 0.25 };
    Options {
        learning_rate: work.learning_rate.unwrap_or(share * usual.learning_rate),
        threads: work.threads,
        ..usual
    }
}

/// The base in the site's own vocabulary, where it has one.
fn moved(
    work: &Work<'_>,
    site: &Dataset,
    data: &TrainData,
    options: &Options,
) -> Result<Option<Transferred>> {
    if work.code_subjects_min.is_none() {
        return Ok(None);
    }
    // A base without its data has descriptions only of what the shipped terminology names.
    let theirs = open(&work.known.folder).map(|(base, _)| descriptions(&base));
    let theirs = theirs.unwrap_or_else(|_| Ok(Descriptions::new()))?;
    let base = Base {
        model: &work.known.model,
        vocabulary: &work.known.vocabulary,
        descriptions: &theirs,
    };
    let ours = descriptions(site)?;
    Ok(Some(transfer(base, data, options, &ours, Rules::ALL)?))
}

fn descriptions(data: &Dataset) -> Result<Descriptions> {
    let named = data.codes()?.into_iter();
    Ok(named
        .filter_map(|(code, entry)| Some((code, entry.description?)))
        .collect())
}

fn go(
    data: &TrainData,
    options: &Options,
    start: &Model,
    adapters: Option<&AdapterOptions>,
) -> Result<Trained> {
    let shown = bar(options.steps);
    let mut observe = |progress: &Progress| {
        shown.set_position(progress.step);
        if interrupt::requested() {
            Control::Stop
        } else {
            Control::Continue
        }
    };
    let with = With {
        start: Some(start),
        adapters,
        ..With::PLAIN
    };
    let trained = train_with(data, options, with, &mut observe);
    shown.finish_and_clear();
    let trained = trained?;
    interrupt::check()?;
    Ok(trained)
}

/// Gained on the site's held-out subjects; forgotten on the base's, where they are here and the
/// vocabulary is the same.
fn judge(
    work: &Work<'_>,
    (site, reopened): (&Dataset, &Reopened),
    (start, trained): (&Model, &Trained),
    (data, options): (&TrainData, &Options),
) -> Result<GainReport> {
    let changed = |tokens: &[Tokens]| -> Result<_> {
        let how = EvaluateOptions {
            batch_tokens: options.batch_tokens,
            overlap_positions: options.overlap_positions,
            kernels: options.kernels.clone(),
            threads: options.threads,
        };
        let each =
            |model: &Model| -> Result<Vec<Losses>> { Ok(evaluate_each(model, tokens, &how)?) };
        Ok(change(
            &each(start)?,
            &each(&trained.model)?,
            RESAMPLES,
            work.seed,
        ))
    };
    let gained = changed(&held_out(site, reopened, data.vocabulary())?)?;
    let base = open(&work.known.folder).ok();
    let base = base.filter(|_| work.code_subjects_min.is_none());
    let forgot = match base {
        None => None,
        Some((base, reopened)) => changed(&held_out(&base, &reopened, data.vocabulary())?)?,
    };
    let adapter = Adapter::of(trained, start);
    Ok(GainReport {
        parameters: start.parameters(),
        site_subjects: data.subjects(Part::Learn),
        methods: vec![Method {
            name: match &work.adapters {
                Some(adapters) => format!("rank {}", adapters.rank),
                None => "all weights".to_owned(),
            },
            trained: adapter.map_or(start.parameters(), |adapter| adapter.parameters()),
            steps: trained.record.steps_done,
            best_step: trained.record.best_step,
            gained,
            forgot,
        }],
    })
}

fn held_out(data: &Dataset, reopened: &Reopened, vocabulary: &Vocabulary) -> Result<Vec<Tokens>> {
    let mut tokens = Vec::new();
    for timeline in data.timelines(Some(Split::HeldOut)).take(JUDGED_MAX) {
        interrupt::check()?;
        tokens.push(encode(vocabulary, reopened.timeline(timeline?).get()));
    }
    Ok(tokens)
}

/// Writes the adapter, or the model with its vocabulary, and how it came about.
fn write(
    work: &Work<'_>,
    (start, trained): (&Model, &Trained),
    moved: Option<&Transferred>,
    vocabulary: &Vocabulary,
) -> Result<PathBuf> {
    let adapter = Adapter::of(trained, start);
    let name = if adapter.is_some() {
        "adapter"
    } else {
        "model"
    };
    let folder = work.to.join(name);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    if let Some(adapter) = &adapter {
        write_atomically(&folder.join(ADAPTER_FILE), &adapter.to_bytes()?)?;
    } else {
        trained.model.save(&folder)?;
        write_atomically(&folder.join("vocabulary.json"), &vocabulary.to_json()?)?;
    }
    let about = serde_json::json!({
        "base": work.known.root,
        "adapters": work.adapters,
        "record": trained.record,
        "codes": moved.map(|moved| &moved.codes),
    });
    let about = serde_json::to_vec_pretty(&about)?;
    write_atomically(&folder.join("adaptation.json"), &about)?;
    Ok(folder)
}

/// How many codes started by each rule.
fn rules(moved: &Transferred) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for code in &moved.codes {
        let (number, share) = counts.entry(code.rule).or_insert((0u32, 0.0f32));
        *number += 1;
        *share += 100.0 * code.share;
    }
    let lines = counts.into_iter().map(|(rule, (number, share))| {
        format!("{number} codes ({share:.1} % of events) started by {rule:?}\n")
    });
    lines.collect()
}
