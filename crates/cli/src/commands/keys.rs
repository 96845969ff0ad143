//! `longitude keys`: the keys of de-identification. A new epoch, a passphrase on the disk, shares
//! for custodians and the way back from them; each change is an entry of the journal.

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::journal::Journal;
use crate::machine;
use crate::pipeline::write_private;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::Digest;
use longitude_deid::Key;
use longitude_govern::{Escrow, Share, random_bytes};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude keys` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long, global = true)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE", global = true)]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The epochs, with the fingerprints that receipts name
    List,
    /// Begin a new epoch: a new key makes the pseudonyms and date shifts from now on
    Rotate,
    /// Lock the keys on the disk by the passphrase in --passphrase-file
    Lock,
    /// Write the keys to the disk without a lock
    Unlock,
    /// Make shares for custodians, of which a number together make the keys again
    Escrow {
        /// How many custodians must come together
        #[arg(long)]
        threshold: u8,
        /// How many shares are made
        #[arg(long)]
        shares: u8,
        /// The folder for one file a custodian; hand them out and remove it
        #[arg(long)]
        to: PathBuf,
    },
    /// Make the keys again from shares, in a new folder
    Recover {
        /// The custodians' files
        shares: Vec<PathBuf>,
        /// The folder for the key files
        #[arg(long)]
        to: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct Entry {
    v: u32,
    time: String,
    epochs: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shares: Option<u8>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let What::Recover { shares, to } = &arguments.what {
        return recover(shares, to);
    }
    let opened = institution::open(arguments.institution.as_deref())?;
    let phrase = arguments.passphrase_file.as_deref();
    match &arguments.what {
        What::List => list(&opened.unlocked(phrase)?),
        What::Rotate => rotate(opened.unlocked(phrase)?, phrase),
        What::Lock => lock(opened, phrase),
        What::Unlock => unlock(opened.unlocked(phrase)?),
        What::Escrow {
            threshold,
            shares,
            to,
        } => {
            let escrow = Escrow {
                threshold: *threshold,
                shares: *shares,
            };
            split(&opened.unlocked(phrase)?, escrow, to)
        }
        What::Recover { .. } => Ok(()),
    }
}

fn fingerprints(opened: &Opened) -> Result<Vec<Digest>> {
    let epochs = opened.keys.deid_keys().epochs().iter();
    epochs
        .map(|epoch| Ok(Key::from_bytes(epoch.key()?).fingerprint()))
        .collect()
}

fn entry(opened: &Opened, escrow: Option<Escrow>) -> Result<Entry> {
    Ok(Entry {
        v: 1,
        time: machine::now().to_string(),
        epochs: fingerprints(opened)?,
        threshold: escrow.map(|escrow| escrow.threshold),
        shares: escrow.map(|escrow| escrow.shares),
    })
}

fn list(opened: &Opened) -> Result<()> {
    let keys = opened.keys.deid_keys();
    for (epoch, fingerprint) in keys.epochs().iter().zip(fingerprints(opened)?) {
        let created = epoch.created.as_deref().unwrap_or("with the institution");
        let lock = if epoch.is_protected() {
            "locked"
        } else {
            "not locked"
        };
        let now = if epoch.number == keys.current() {
            ", in use"
        } else {
            ""
        };
        print(&format!(
            "epoch {}  {fingerprint}  made {created}, {lock}{now}\n",
            epoch.number
        ))?;
    }
    Ok(())
}

fn rotate(mut opened: Opened, phrase: Option<&Path>) -> Result<()> {
    let mut journal = Journal::open(&opened)?;
    let protected = opened
        .keys
        .deid_keys()
        .epochs()
        .iter()
        .any(longitude_govern::Epoch::is_protected);
    let folder = opened.folder.clone();
    let keys = opened.keys.deid_keys_mut();
    let number = keys.rotate(&folder, random_bytes::<32>()?, machine::now())?;
    if let (true, Some(phrase)) = (protected, phrase) {
        keys.lock(&folder, &institution::passphrase(phrase)?)?;
    }
    journal.append("key.rotated", &entry(&opened, None)?)?;
    print(&format!(
        "epoch {number} is in use; older pseudonyms are still resolved by the older keys\n\
         shares of an earlier escrow do not hold the new key: make new ones\n"
    ))
}

fn lock(opened: Opened, phrase: Option<&Path>) -> Result<()> {
    let Some(phrase) = phrase else {
        let mend = "name a file with it with --passphrase-file";
        return Err(Failure::new(Kind::Input, "no passphrase was named", mend).into());
    };
    let mut opened = if opened.keys.deid_keys().is_locked() {
        opened.unlocked(Some(phrase))?
    } else {
        opened
    };
    let mut journal = Journal::open(&opened)?;
    let passphrase = institution::passphrase(phrase)?;
    let folder = opened.folder.clone();
    opened.keys.deid_keys_mut().lock(&folder, &passphrase)?;
    journal.append("key.locked", &entry(&opened, None)?)?;
    print("the keys are locked; who loses the passphrase needs the custodians' shares\n")
}

fn unlock(mut opened: Opened) -> Result<()> {
    let mut journal = Journal::open(&opened)?;
    let folder = opened.folder.clone();
    opened.keys.deid_keys_mut().expose(&folder)?;
    journal.append("key.unlocked", &entry(&opened, None)?)?;
    print("the keys stand on the disk without a lock, readable by their owner only\n")
}

fn split(opened: &Opened, escrow: Escrow, to: &Path) -> Result<()> {
    let mut journal = Journal::open(opened)?;
    let shares = escrow.split(opened.keys.deid_keys(), opened.keys.fingerprint())?;
    if to.exists() {
        let message = format!("{} is there already", to.display());
        return Err(Failure::new(Kind::Busy, message, "name a new folder with --to").into());
    }
    journal.append("key.escrowed", &entry(opened, Some(escrow))?)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for share in &shares {
        let path = to.join(format!("share-{}.txt", share.number()));
        write_private(&path, share.to_text().as_bytes())?;
    }
    print(&format!(
        "{} shares in {}; any {} of them make the keys again\n\
         hand one to each custodian, and remove the folder\n",
        shares.len(),
        to.display(),
        escrow.threshold
    ))
}

fn recover(files: &[PathBuf], to: &Path) -> Result<()> {
    let mut shares = Vec::new();
    for path in files {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        shares.push(Share::parse(&text).with_context(|| path.display().to_string())?);
    }
    let keys = Share::join(&shares)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    Share::restore(&keys, to)?;
    let whose = shares.first().map(Share::institution);
    print(&format!(
        "the keys of {} epochs of institution {} are in {}\n\
         put them into the institution's folder, or keep them safe\n",
        keys.epochs().len(),
        whose.map_or(String::new(), |digest| digest.to_string()),
        to.display()
    ))
}
