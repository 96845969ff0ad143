//! `longitude init`: the institution's keys, made once and kept outside every run folder.

use crate::institution;
use crate::progress::print;
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude init` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let opened = institution::open_or_create(arguments.institution.as_deref())?;
    print(&format!(
        "institution key  {}\nkept in          {}\n\
         Write the fingerprint down outside this machine: whoever holds it can verify every run\n\
         with `longitude verify RUN --trusted-key FINGERPRINT`.\n",
        opened.keys.fingerprint(),
        opened.folder.display(),
    ))
}
