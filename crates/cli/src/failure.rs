//! Failures by kind: what the exit code says, and how a chain of errors is printed once.

use std::fmt;
use std::io;
use std::path::Path;

/// Shown at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 fault of the program, 2 usage, 3 unusable input, 4 verification failed,
5 busy (another run holds the folder) or in the way, 6 machine (disk full, permission), 130 interrupted";

/// The kind of a failure; its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The input cannot be used.
    Input = 3,
    /// Something was altered, or its origin is not proven.
    Verification = 4,
    /// Another run holds the folder, or something stands where output should go.
    Busy = 5,
    /// The machine refused: disk full, permission.
    Machine = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

/// A failure with its kind, message and mend.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    mend: String,
    is_of_all_ranks: bool,
}

impl Failure {
    /// A failure: what happened (with the place), and how to mend it.
    pub(crate) fn new(kind: Kind, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            mend: mend.into(),
            is_of_all_ranks: false,
        }
    }

    /// The same, where the ranks of a training have agreed on it.
    pub(crate) fn of_all_ranks(self) -> Self {
        Self {
            is_of_all_ranks: true,
            ..self
        }
    }

    /// The failure of Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self::new(
            Kind::Interrupted,
            "interrupted; what was finished is kept",
            "run the same command again to go on",
        )
    }

    /// The same for a command that goes on only when it is told to.
    pub(crate) fn interrupted_to_resume() -> Self {
        Self {
            mend: "run the same command with --resume to go on from the last checkpoint".to_owned(),
            ..Self::interrupted()
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  mend: {}", self.message, self.mend)
    }
}

impl std::error::Error for Failure {}

/// Refuses an output that would be written over one of the inputs.
pub(crate) fn not_over(output: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().ok();
    let same = |input: &&&Path| real(output).is_some_and(|output| real(input) == Some(output));
    match inputs.iter().find(same) {
        None => Ok(()),
        Some(input) => Err(Failure::new(
            Kind::Busy,
            format!("{} is an input and would be overwritten", input.display()),
            "name another file for the output",
        )),
    }
}

/// Prints the chain once and gives the exit code. Pipes closed by the reader are no failure.
pub(crate) fn report(who: &str, error: &anyhow::Error) -> u8 {
    if io_kind(error) == Some(io::ErrorKind::BrokenPipe) {
        return 0;
    }
    eprintln!("{who}: {error:#}");
    if declared(error).is_none() {
        if let Some((_, mend)) = trained(error).or_else(|| stored(error)) {
            eprintln!("  mend: {mend}");
        }
        if kind(error) == Some(Kind::Machine) {
            eprintln!("  mend: make room or give permission, then run the same command again");
        }
    }
    code(error)
}

/// The exit code of a failure.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    kind(error).map_or(1, |kind| kind as u8)
}

/// Whether every rank of a training has come to this failure, and with the same words: it follows
/// from what they have summed.
pub(crate) fn is_of_all_ranks(error: &anyhow::Error) -> bool {
    use longitude_train::Error;
    let found = error.chain().find_map(|e| e.downcast_ref::<Error>());
    let summed = |e: &Error| matches!(e, Error::RanksDiffer { .. } | Error::NotFinite { .. });
    let mut chain = error.chain();
    let agreed = chain.find_map(|e| e.downcast_ref::<Failure>());
    found.is_some_and(summed) || agreed.is_some_and(|failure| failure.is_of_all_ranks)
}

/// Whether it says itself that Ctrl-C ended the work, and how to go on.
pub(crate) fn is_interruption(error: &anyhow::Error) -> bool {
    declared(error) == Some(Kind::Interrupted)
}

fn io_kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let found = error.chain().find_map(|e| e.downcast_ref::<io::Error>());
    found.map(io::Error::kind)
}

fn declared(error: &anyhow::Error) -> Option<Kind> {
    let found = error.chain().find_map(|e| e.downcast_ref::<Failure>());
    found.map(|failure| failure.kind)
}

fn trained(error: &anyhow::Error) -> Option<(Kind, &'static str)> {
    let mut chain = error.chain();
    training(chain.find_map(|e| e.downcast_ref::<longitude_train::Error>())?)
}

/// The kind and the mend of what a data set's folder or a table of it holds.
fn stored(error: &anyhow::Error) -> Option<(Kind, &'static str)> {
    let mut chain = error.chain();
    store(chain.find_map(|e| e.downcast_ref::<longitude_store::Error>())?)
}

fn kind(error: &anyhow::Error) -> Option<Kind> {
    declared(error)
        .or_else(|| stored(error).map(|(kind, _)| kind))
        .or_else(|| trained(error).map(|(kind, _)| kind))
        .or_else(|| machine(io_kind(error)?))
}

/// Failures of what a data set's folder holds, or of where a new one should stand, and their mend.
fn store(error: &longitude_store::Error) -> Option<(Kind, &'static str)> {
    use longitude_store::Error;
    let mend = match error {
        Error::Exists(_) => {
            return Some((Kind::Busy, "name another place, or remove what is there"));
        }
        Error::NotADataset(_) => "name the folder that `data` lies in, or one Parquet file",
        Error::Decode { .. } => {
            "name a Parquet file that is whole; one that was cut short has to be written anew"
        }
        Error::Column { .. } => "give the column this type, as MEDS's schema has it",
        Error::Null { .. } => "correct the row named above",
        Error::Json { .. } => "correct or remove the file named above",
        Error::Read { source, .. } if machine(source.kind()).is_none() => {
            "name a file that is there and can be read"
        }
        Error::Read { .. } | Error::Write { .. } | Error::Encode { .. } | Error::Damaged { .. } => {
            return None;
        }
    };
    Some((Kind::Input, mend))
}

/// Failures of a training, and their mend.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others carry a cause that says what kind they are"
)]
fn training(error: &longitude_train::Error) -> Option<(Kind, &'static str)> {
    use longitude_train::Error;
    match error {
        Error::NoTargets => Some((
            Kind::Input,
            "bring timelines with two events or more after their entry",
        )),
        Error::Option { .. } => Some((Kind::Input, "correct the option named above")),
        Error::Shape { .. } | Error::Mismatch { .. } => Some((
            Kind::Input,
            "resume with the data, vocabulary and settings of before, or begin anew elsewhere",
        )),
        Error::NotFinite { .. } => Some((
            Kind::Input,
            "run the same command with --resume and a lower --learning-rate",
        )),
        Error::RanksDiffer { .. } => Some((
            Kind::Input,
            "give every rank the same program, options, data set and model folder",
        )),
        Error::CheckpointsExist { .. } => Some((Kind::Busy, "resume, or choose another folder")),
        Error::NoCheckpoint { .. } => Some((Kind::Input, "begin the training anew")),
        Error::Damaged { .. } => Some((
            Kind::Verification,
            "remove this checkpoint's folder: the one before is then resumed",
        )),
        _ => None,
    }
}

/// Failures of the machine rather than of the input or the program.
fn machine(kind: io::ErrorKind) -> Option<Kind> {
    let refused = kind == io::ErrorKind::StorageFull
        || kind == io::ErrorKind::PermissionDenied
        || kind == io::ErrorKind::ReadOnlyFilesystem
        || kind == io::ErrorKind::QuotaExceeded
        || kind == io::ErrorKind::FileTooLarge;
    refused.then_some(Kind::Machine)
}
