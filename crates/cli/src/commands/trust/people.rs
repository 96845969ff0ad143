//! `longitude trust person`: who may sign for the institution's models.

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::journal::Journal;
use crate::machine;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_govern::{People, Revoked, Role, random_bytes};
use std::path::{Path, PathBuf};

/// What `longitude trust person` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Enrol a person and write his key into a file that is then his alone
    Add {
        /// The name by which he is known
        name: String,
        /// What he does; may be given several times: data_steward, model_developer,
        /// safety_officer, clinician, patient, auditor, integrator
        #[arg(long, required = true)]
        role: Vec<Role>,
        /// The new key file
        #[arg(long)]
        to: PathBuf,
    },
    /// Everybody, with roles, key and revocation
    List,
    /// Revoke a person's key: from now on it signs nothing that counts
    Revoke {
        /// The name
        name: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, folder: Option<&Path>) -> Result<()> {
    let opened = institution::open(folder)?;
    let mut people = register(&opened)?;
    let journal = || Journal::open(&opened);
    match &arguments.command {
        Command::Add { name, role, to } => {
            if to.exists() {
                let message = format!("{} exists: keys are never overwritten", to.display());
                return Err(Failure::new(Kind::Busy, message, "name a new file").into());
            }
            let roles = role.iter().copied().collect();
            let random = random_bytes::<32>()?;
            let when = (machine::now(), &random);
            let added = people.enrol(&opened.keys, (name, roles), when, to);
            let person = added.map_err(refused)?;
            journal()?.append("person.enrolled", &person)?;
            print(&format!(
                "{} may sign with {}\n  key {}\n  hand the file over: whoever holds it signs as \
                 this person\n",
                person.name,
                to.display(),
                person.key
            ))
        }
        Command::List => {
            for entry in people.entries() {
                let person = &entry.person;
                let roles: Vec<&str> = person.roles.iter().map(|role| role.code()).collect();
                let revoked = entry.revoked.as_ref();
                let revoked =
                    revoked.map_or_else(String::new, |one| format!("  revoked {}", one.at));
                let (name, key) = (&person.name, person.key);
                print(&format!(
                    "{name}  {}  since {}  {key}{revoked}\n",
                    roles.join(", "),
                    person.since
                ))?;
            }
            Ok(())
        }
        Command::Revoke { name, reason } => {
            let revoked = Revoked {
                at: machine::now(),
                reason: reason.clone(),
            };
            let done = people.revoke(&opened.keys, name, revoked.clone());
            done.map_err(refused)?;
            journal()?.append("person.revoked", &(name, revoked.at))?;
            print(&format!(
                "the key of {name} signs nothing that counts from now on\n"
            ))
        }
    }
}

/// The institution's register of people.
pub(super) fn register(opened: &Opened) -> Result<People> {
    let people = People::open(&opened.folder, opened.keys.public_key());
    people.context("the register of people")
}

fn refused(error: longitude_govern::Error) -> anyhow::Error {
    if let longitude_govern::Error::Person(what) = error {
        return Failure::new(Kind::Input, what, "see `longitude trust person list`").into();
    }
    error.into()
}
