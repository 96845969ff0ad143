//! `longitude ledger`: what is in a run's ledger, and proofs of it that a stranger can check
//! without the run, without a network, and with a second program.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_govern::Layout;
use longitude_ledger::{Policy, ProofFile, Reader, VerifyingKey, leaf_hash};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude ledger` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The entries of a ledger, one a line: number, kind, hash; or one entry whole
    Show {
        /// The entry's number, from 0 [default: all]
        leaf: Option<u64>,
        #[command(flatten)]
        of: Of,
    },
    /// The proof of one entry as a file that proves it without the run
    Prove {
        /// The entry's number, from 0
        leaf: u64,
        /// The proof's file, by custom ending in .tlog-proof
        #[arg(long)]
        to: PathBuf,
        /// Write the entry itself too, which whoever checks the proof needs
        #[arg(long, value_name = "FILE")]
        entry: Option<PathBuf>,
        #[command(flatten)]
        of: Of,
    },
    /// Check a proof: the log's signature, the entry's place, and the witnesses of a policy
    Check {
        /// The proof's file
        proof: PathBuf,
        /// The entry that is said to be in the log
        #[arg(long, value_name = "FILE")]
        entry: PathBuf,
        /// The log's key: `name+id+key`, or a file with it
        #[arg(long, required_unless_present = "policy")]
        key: Option<String>,
        /// A policy of known logs, witnesses and their quorum (C2SP tlog-policy)
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The run folder
    #[arg(long, default_value = ".")]
    run: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Show { leaf, of } => show(of, *leaf),
        Command::Prove {
            leaf,
            to,
            entry,
            of,
        } => prove(of, *leaf, to, entry.as_deref()),
        Command::Check {
            proof,
            entry,
            key,
            policy,
        } => check(proof, entry, key.as_deref(), policy.as_deref()),
    }
}

impl Of {
    fn open(&self) -> Result<Reader> {
        let folder = Layout::new(&self.run).ledger();
        if !folder.is_dir() {
            let message = format!("{} has no ledger", self.run.display());
            return Err(Failure::new(Kind::Input, message, "name a run folder by --run").into());
        }
        let opened = Reader::open(&folder);
        opened.with_context(|| format!("the ledger {}", folder.display()))
    }
}

fn show(of: &Of, leaf: Option<u64>) -> Result<()> {
    let log = of.open()?;
    if let Some(index) = leaf {
        let entry = covered(&log, index, |log| log.entry(index))?;
        return print(&format!("{}\n", String::from_utf8_lossy(&entry)));
    }
    for index in 0..log.checkpoint().size {
        let entry = log.entry(index)?;
        let leaf: Option<serde_json::Value> = serde_json::from_slice(&entry).ok();
        let kind = leaf.as_ref().and_then(|leaf| leaf["kind"].as_str());
        let kind = kind.unwrap_or("(not a leaf of ours)");
        print(&format!("{index:>8}  {kind:<28} {}\n", leaf_hash(&entry)))?;
    }
    print(&format!("\n{}", log.note()))
}

fn prove(of: &Of, leaf: u64, to: &Path, entry_to: Option<&Path>) -> Result<()> {
    let log = of.open()?;
    let proof = covered(&log, leaf, |log| log.proof_file(leaf))?;
    write(to, proof.to_text().as_bytes())?;
    if let Some(path) = entry_to {
        write(path, &log.entry(leaf)?)?;
    }
    let size = log.checkpoint().size;
    let what = format!(
        "entry {leaf} of {size}: proof written to {}\n",
        to.display()
    );
    print(&what)
}

/// What is asked of an entry, with the range named where there is no such entry.
fn covered<T>(
    log: &Reader,
    leaf: u64,
    ask: impl FnOnce(&Reader) -> longitude_ledger::Result<T>,
) -> Result<T> {
    let size = log.checkpoint().size;
    if leaf >= size {
        let message = format!("there is no entry {leaf}: the ledger holds {size}");
        let mend = match size.checked_sub(1) {
            Some(last) => format!("name an entry from 0 to {last}"),
            None => "nothing has been logged yet".to_owned(),
        };
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    Ok(ask(log)?)
}

fn check(proof: &Path, entry: &Path, key: Option<&str>, policy: Option<&Path>) -> Result<()> {
    let text = read(proof)?;
    let bytes = fs::read(entry).map_err(|error| unreadable(entry, &error))?;
    let proven = ProofFile::from_text(&text).map_err(|error| refused(proof, &error))?;
    let mut said = String::new();
    if let Some(key) = key {
        let path = Path::new(key);
        let key = if path.is_file() {
            read(path)?
        } else {
            key.to_owned()
        };
        let key = VerifyingKey::from_text(&key).map_err(|error| {
            let mend = "give the log's key as it stands in institution.keys.json";
            Failure::new(Kind::Input, error.to_string(), mend)
        })?;
        let checkpoint = proven.verify(&bytes, &key);
        let checkpoint = checkpoint.map_err(|error| refused(proof, &error))?;
        said = format!("signed by {}, {} entries", key.name(), checkpoint.size);
    }
    if let Some(path) = policy {
        let policy = Policy::from_text(&read(path)?).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            Failure::new(Kind::Input, message, "mend the line of the policy")
        })?;
        let cosigned = proven.verify_by(&bytes, &policy);
        let cosigned = cosigned.map_err(|error| refused(proof, &error))?;
        let names: Vec<&str> = cosigned.witnesses.keys().map(String::as_str).collect();
        let size = cosigned.checkpoint.size;
        let who = if names.is_empty() {
            "nobody".to_owned()
        } else {
            names.join(", ")
        };
        said = format!("a known log, {size} entries, cosigned by {who}");
    }
    print(&format!(
        "verified: entry {} is in the log ({said})\n",
        proven.index
    ))
}

fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|error| unreadable(path, &error))?)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{}: {error}", path.display());
    Failure::new(Kind::Input, message, "name a file that can be read")
}

fn refused(proof: &Path, error: &longitude_ledger::Error) -> Failure {
    let message = format!("{} proves nothing: {error}", proof.display());
    let mend = "ask for the proof, the entry and the key again, from whoever vouches for them";
    Failure::new(Kind::Verification, message, mend)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let machine = |error: std::io::Error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Kind::Machine, message, "name a file that can be written")
    };
    Ok(fs::write(path, bytes).map_err(machine)?)
}
