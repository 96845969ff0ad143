//! `longitude adapt`: a base model continued on a site's own data, whole or by low-rank adapters,
//! and an adapter merged into its base.

use crate::failure::{Failure, Kind};
use crate::institution;
use crate::interrupt;
use crate::journal::Journal;
use crate::pipeline::{code_version, write_atomically};
use crate::progress::print;
use crate::steps::adapt::{self, Known, Work};
use anyhow::{Context, Result, ensure};
use longitude_core::{Digest, NamedDigest, Receipt};
use longitude_govern::TrustedKey;
use longitude_train::{ADAPTER_FILE, Adapter, AdapterOptions, MAPS};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude adapt` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The base: a run folder, or a signed model folder
    #[arg(long, value_name = "DIR")]
    base: PathBuf,
    /// The site's de-identified data: a run folder, or what `longitude deid` wrote
    #[arg(long, value_name = "DIR", required_unless_present = "merge")]
    site: Option<PathBuf>,
    /// Put this adapter into the base's weights instead: a plain model folder
    #[arg(long, value_name = "DIR", conflicts_with = "site")]
    merge: Option<PathBuf>,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Train adapters of this rank and leave the base's weights alone
    #[arg(long)]
    rank: Option<usize>,
    /// The adapters' scale is this over the rank [default: twice the rank]
    #[arg(long, requires = "rank")]
    alpha: Option<f32>,
    /// The maps of each block that adapters stand beside
    #[arg(long, requires = "rank", value_delimiter = ',', default_values = MAPS)]
    maps: Vec<String>,
    /// Train norms and output biases too
    #[arg(long, requires = "rank")]
    biases: bool,
    /// Fit a vocabulary on the site's data and bring the base to it
    #[arg(long, conflicts_with = "rank")]
    own_vocabulary: bool,
    /// The fewest training subjects of a code in the site's own vocabulary
    #[arg(long, default_value_t = 20, requires = "own_vocabulary")]
    code_subjects_min: u32,
    /// Steps at most; training stops early on the site's tuning subjects
    #[arg(long, default_value_t = 500)]
    steps: u64,
    /// The peak of the learning rate [default: a quarter of a first training's, half with a rank]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// The seed of everything random
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// The public key (PEM file or fingerprint) that must have signed the base and the adapter
    /// [default: the key in the institution's folder]
    #[arg(long)]
    trusted_key: Option<String>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  longitude adapt --base runs/first --site runs/clinic --to adapted            all weights
  longitude adapt --base runs/first --site runs/clinic --to small --rank 8     adapters
  longitude adapt --base runs/first --merge small/adapter --to merged          into a plain model
  longitude adapt --base runs/first --site runs/clinic --to ours --own-vocabulary

What was gained on the site's held-out subjects and forgot on the base's stands in gain.md and
gain.json. Calibration is the base's no longer: calibrate on the site before anything is served.";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.to.exists() {
        let message = format!("{} is there already", arguments.to.display());
        return Err(Failure::new(Kind::Busy, message, "choose another folder with --to").into());
    }
    let institution = institution::open(arguments.institution.as_deref())?;
    let trusted = match &arguments.trusted_key {
        Some(text) => Some(TrustedKey::parse(text).context("--trusted-key")?),
        None => institution::pinned(arguments.institution.as_deref())?,
    };
    let known = Known::open(&arguments.base, trusted.as_ref())?;
    let mut left = match (&arguments.merge, &arguments.site) {
        (Some(adapter), _) => merge(adapter, &known, &arguments.to, trusted.as_ref())?,
        (None, Some(site)) => adapt(arguments, &known, site)?,
        (None, None) => unreachable!("clap asks for one of them"),
    };
    interrupt::check()?;
    let public = fs::read(institution.folder.join("institution.pub.pem"))?;
    write_atomically(&arguments.to.join("institution.pub.pem"), &public)?;
    let root = longitude_govern::sign_model(&left.folder, &institution.keys)?;
    left.inputs.push(NamedDigest {
        name: "base model".to_owned(),
        digest: known.root,
    });
    let receipt = Receipt {
        step: "adapt".to_owned(),
        inputs: left.inputs,
        options: left.options,
        code: code_version(),
        seed: Some(arguments.seed),
        outputs: vec![NamedDigest {
            name: "model".to_owned(),
            digest: root,
        }],
    };
    Journal::open(&institution)?.receipt(&receipt)?;
    print(&left.said)?;
    print(&format!("{}\n  {root}\n", left.folder.display()))
}

/// What was left to sign.
struct Left {
    folder: PathBuf,
    inputs: Vec<NamedDigest>,
    options: Digest,
    said: String,
}

fn adapt(arguments: &Arguments, known: &Known, site: &Path) -> Result<Left> {
    let adapters = arguments.rank.map(|rank| AdapterOptions {
        alpha: arguments.alpha.unwrap_or(2.0 * rank as f32),
        maps: arguments.maps.clone(),
        biases_and_norms: arguments.biases,
        ..AdapterOptions::of_rank(rank)
    });
    let done = adapt::adapt(&Work {
        known,
        site,
        to: &arguments.to,
        adapters,
        code_subjects_min: arguments
            .own_vocabulary
            .then_some(arguments.code_subjects_min),
        steps: arguments.steps,
        learning_rate: arguments.learning_rate,
        seed: arguments.seed,
        threads: crate::machine::threads(arguments.threads),
    })?;
    Ok(Left {
        folder: done.folder,
        inputs: vec![NamedDigest {
            name: "meds".to_owned(),
            digest: done.data,
        }],
        options: done.options,
        said: done.said,
    })
}

/// The adapter's file is signed, belongs to this base, and becomes part of its weights.
fn merge(folder: &Path, known: &Known, to: &Path, trusted: Option<&TrustedKey>) -> Result<Left> {
    let guard = adapt::signed(folder, "adapter", trusted)?;
    let path = folder.join(ADAPTER_FILE);
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(
        guard.manifest.vouches_for(ADAPTER_FILE, &bytes),
        Failure::new(
            Kind::Verification,
            format!("{} changed while it was read", path.display()),
            "run the same command again",
        )
    );
    let adapter = Adapter::from_bytes(&bytes, &known.model, &path).map_err(|error| {
        let mend = "name the model that it was trained beside with --base";
        Failure::new(Kind::Input, error.to_string(), mend)
    })?;
    let model = adapter.merge(&known.model)?;
    let out = to.join("model");
    fs::create_dir_all(&out)?;
    model.save(&out)?;
    write_atomically(&out.join("vocabulary.json"), &known.vocabulary.to_json()?)?;
    let about = serde_json::to_vec_pretty(adapter.about())?;
    write_atomically(&out.join("adaptation.json"), &about)?;
    let digest = guard.manifest.root;
    Ok(Left {
        folder: out,
        inputs: vec![NamedDigest {
            name: "adapter".to_owned(),
            digest,
        }],
        options: Digest::of_json(adapter.about())?,
        said: format!(
            "merged {} numbers into the base's weights\n",
            adapter.parameters()
        ),
    })
}
