//! `longitude reidentify`: whose record a pseudonym stands for. It needs the key, the identified
//! data set, a name and a reason, and is written into the institution's journal before it answers.

use crate::commands::deid::resolve;
use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::journal::Journal;
use crate::machine;
use crate::pipeline::write_private;
use crate::progress::print;
use crate::steps::deid::{self, RECEIPT};
use anyhow::Result;
use longitude_core::{Digest, SubjectId};
use longitude_deid::Key;
use longitude_govern::{Leaf, commitment, random_bytes};
use longitude_store::Dataset;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude reidentify` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The pseudonyms (subject_id of the de-identified data set)
    #[arg(required_unless_present = "list")]
    pseudonyms: Vec<i64>,
    /// The identified data set, inside the walls
    #[arg(long, required_unless_present = "list")]
    identified: Option<PathBuf>,
    /// The de-identified data set, whose receipt names the key's epoch [default: every epoch]
    #[arg(long)]
    deidentified: Option<PathBuf>,
    /// Who asks
    #[arg(long, required_unless_present = "list")]
    who: Option<String>,
    /// Why, without a patient's name: it stays in the journal for ever
    #[arg(long, required_unless_present = "list")]
    reason: Option<String>,
    /// List every use so far, and answer nothing
    #[arg(long, conflicts_with_all = ["pseudonyms", "identified", "who", "reason"])]
    list: bool,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  longitude reidentify 4611686018427387904 --identified RUN/identified --deidentified shared \\
    --who 'O. Vance, data protection' --reason 'critical result must reach the treating physician'
  longitude reidentify --list";

/// A shorter reason is none.
const REASON_LETTERS_MIN: usize = 10;
/// The kind of the journal's entries.
const KIND: &str = "reidentification";

/// An entry of the journal. The pseudonyms stand in a private file beside it, and here only as a
/// commitment, so that the journal may be shown to an auditor.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    v: u32,
    time: String,
    who: String,
    reason: String,
    pseudonyms: usize,
    commitment: Digest,
    /// The digest of the de-identified data set, where one was named.
    deidentified: Option<Digest>,
}

/// The private file of an entry.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    pseudonyms: &'a [i64],
    salt: [u8; 16],
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let institution = institution::open(arguments.institution.as_deref())?;
    if arguments.list {
        return list(&Journal::open(&institution)?, arguments.json);
    }
    let who = said("--who", arguments.who.as_deref(), 2)?;
    let reason = said("--reason", arguments.reason.as_deref(), REASON_LETTERS_MIN)?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    let Some(identified) = &arguments.identified else {
        let mend = "name the identified data set with --identified";
        return Err(Failure::new(Kind::Input, "nothing to look in was named", mend).into());
    };
    // What cannot be answered is refused before it is written down.
    let data = Dataset::open(identified)?;
    let asked = asked(arguments.deidentified.as_deref(), &institution)?;
    let mut journal = Journal::open(&institution)?;
    let number = write_down(&mut journal, arguments, &asked, (who, reason))?;
    answer(arguments, &data, &asked, number)
}

/// The keys to try, and the data set that was named.
struct Keys {
    epochs: Vec<(u32, Key)>,
    deidentified: Option<Digest>,
}

fn asked(deidentified: Option<&Path>, institution: &Opened) -> Result<Keys> {
    let keys = institution.keys.deid_keys();
    if let Some(path) = deidentified {
        let data = Dataset::open(path)?;
        let beside = path.join(RECEIPT);
        // In a run folder the receipt stands beside `meds/`.
        let receipt = if beside.is_file() {
            beside
        } else {
            path.parent().unwrap_or(path).join(RECEIPT)
        };
        let (receipt, _) = deid::reopen_with(&data, &receipt)?;
        return Ok(Keys {
            epochs: vec![deid::key_of(keys, &receipt)?],
            deidentified: Some(data.digest()?),
        });
    }
    let epoch = |epoch: &longitude_govern::Epoch| Ok((epoch.number, Key::from_bytes(epoch.key()?)));
    Ok(Keys {
        epochs: keys.epochs().iter().map(epoch).collect::<Result<_>>()?,
        deidentified: None,
    })
}

fn said<'a>(option: &str, text: Option<&'a str>, letters_min: usize) -> Result<&'a str> {
    let text = text.unwrap_or("").trim();
    if text.chars().filter(|c| c.is_alphanumeric()).count() >= letters_min {
        return Ok(text);
    }
    let message = format!("refused: {option} says nothing");
    let mend = "say who asks and why; it is written into the institution's journal";
    Err(Failure::new(Kind::Input, message, mend).into())
}

fn write_down(
    journal: &mut Journal,
    arguments: &Arguments,
    asked: &Keys,
    (who, reason): (&str, &str),
) -> Result<u64> {
    let salt = random_bytes::<16>()?;
    let bytes = serde_json::to_vec(&arguments.pseudonyms)?;
    let commitment = commitment(&salt, &bytes);
    let entry = Entry {
        v: 1,
        time: machine::now().to_string(),
        who: who.to_owned(),
        reason: reason.to_owned(),
        pseudonyms: arguments.pseudonyms.len(),
        commitment,
        deidentified: asked.deidentified,
    };
    let folder = journal.folder().join("reidentifications");
    fs::create_dir_all(&folder)?;
    let private = Asked {
        pseudonyms: &arguments.pseudonyms,
        salt,
    };
    let path = folder.join(format!("{}.json", commitment.hex()));
    write_private(&path, &serde_json::to_vec(&private)?)?;
    journal.append(KIND, &entry)
}

fn answer(arguments: &Arguments, data: &Dataset, asked: &Keys, number: u64) -> Result<()> {
    let wanted: BTreeSet<SubjectId> = arguments.pseudonyms.iter().map(|p| SubjectId(*p)).collect();
    let mut found = BTreeMap::new();
    for (epoch, key) in &asked.epochs {
        for (pseudonym, subject) in resolve(key, data, &wanted) {
            found.insert(pseudonym, (*epoch, subject));
        }
    }
    let one = |pseudonym: &SubjectId| match found.get(pseudonym) {
        Some((epoch, subject)) => serde_json::json!({
            "pseudonym": pseudonym, "subject_id": subject, "epoch": epoch
        }),
        None => serde_json::json!({ "pseudonym": pseudonym, "subject_id": null }),
    };
    if arguments.json {
        let answers: Vec<_> = wanted.iter().map(one).collect();
        let json = serde_json::json!({ "journal_entry": number, "answers": answers });
        print(&format!("{json:#}\n"))?;
    } else {
        print(&format!("entry {number} of the institution's journal\n"))?;
        for pseudonym in &wanted {
            let line = match found.get(pseudonym) {
                Some((epoch, subject)) => format!("{pseudonym} is {subject} (epoch {epoch})\n"),
                None => format!("{pseudonym} is nobody of {}\n", data.subjects().len()),
            };
            print(&line)?;
        }
    }
    if found.len() == wanted.len() {
        return Ok(());
    }
    let message = format!(
        "{} pseudonyms are of nobody here",
        wanted.len() - found.len()
    );
    let mend = "name the identified data set that the pseudonyms were made from";
    Err(Failure::new(Kind::Input, message, mend).into())
}

fn list(journal: &Journal, json: bool) -> Result<()> {
    let uses = journal.entries()?.into_iter();
    let uses: Vec<Leaf> = uses.filter(|leaf| leaf.kind == KIND).collect();
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&uses)?));
    }
    for leaf in &uses {
        let entry: Entry = serde_json::from_value(leaf.receipt.clone())?;
        print(&format!(
            "{:>6}  {}  {} asked for {}: {}\n",
            leaf.seq, entry.time, entry.who, entry.pseudonyms, entry.reason
        ))?;
    }
    print(&format!("{} uses\n", uses.len()))
}
