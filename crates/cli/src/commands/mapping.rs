//! `longitude mapping`: the shipped mappings of tables, and the check of a mapping file.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use crate::steps::ingest::{mapping_failure, read_mapping};
use anyhow::Result;
use longitude_ingest::{Mapping, Options};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What `longitude mapping` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// The mappings that come with the program
    List,
    /// Print one of them: a start for your own
    Show {
        /// Its name, as `list` prints it
        name: String,
    },
    /// Every fault of a mapping file, with line, column and mend
    Check {
        /// The mapping file
        file: PathBuf,
        /// Tables whose columns are to be checked too
        tables: Option<PathBuf>,
    },
}

const AFTER_HELP: &str = "\
A mapping file says how the tables of one source become events; docs/mapping.md teaches it.

Examples:
  longitude mapping show mimic-iv > ours.toml
  longitude mapping check ours.toml exports/tables
  longitude ingest exports/tables --mapping ours.toml --to identified";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::List => list(),
        Action::Show { name } => show(name),
        Action::Check { file, tables } => {
            let given = read_mapping(file)?;
            let mapping = Mapping::parse(&given.file, &given.text).map_err(mapping_failure)?;
            if let Some(tables) = tables {
                let options = Options::standard(1);
                let checked = mapping.check_against(tables, &options);
                checked.map_err(mapping_failure)?;
            }
            let rules: usize = mapping.tables().map(|(_, rules)| rules).sum();
            let (name, version) = (mapping.name(), mapping.version());
            let tables = mapping.tables().count();
            print(&format!(
                "{name} {version}: {tables} tables, {rules} rules, no fault\n"
            ))
        }
    }
}

fn list() -> Result<()> {
    let mut out = String::new();
    for mapping in Mapping::shipped() {
        let (name, version) = (mapping.name(), mapping.version());
        let tables = mapping.tables().count();
        let about = mapping.description();
        writeln!(
            out,
            "{name:<18} version {version}, {tables:>2} tables: {about}"
        )?;
    }
    print(&out)
}

fn show(name: &str) -> Result<()> {
    let Some(mapping) = Mapping::shipped()
        .iter()
        .find(|mapping| mapping.name() == name)
    else {
        let names: Vec<_> = Mapping::shipped().iter().map(Mapping::name).collect();
        let message = format!("no mapping is called {name}");
        let mend = format!("use one of {}", names.join(", "));
        return Err(Failure::new(Kind::Input, message, mend).into());
    };
    print(mapping.text())
}
