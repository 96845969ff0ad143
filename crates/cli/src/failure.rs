//! Failures by kind: what the exit code says, and how a chain of errors is printed once.

use std::fmt;
use std::io;
use std::process::ExitCode;

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
}

impl Failure {
    /// A failure: what happened (with the place), and how to mend it.
    pub(crate) fn new(kind: Kind, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            mend: mend.into(),
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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  mend: {}", self.message, self.mend)
    }
}

impl std::error::Error for Failure {}

/// Prints the chain once and gives the exit code. Pipes closed by the reader are no failure.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let io_kind = error
        .chain()
        .find_map(|e| e.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    if io_kind == Some(io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("longitude: {error:#}");
    let declared = error
        .chain()
        .find_map(|e| e.downcast_ref::<Failure>())
        .map(|f| f.kind);
    let stored = error
        .chain()
        .find_map(|e| e.downcast_ref::<longitude_store::Error>())
        .and_then(store);
    let trained = error
        .chain()
        .find_map(|e| e.downcast_ref::<longitude_train::Error>())
        .and_then(training);
    if let Some((_, mend)) = trained
        && declared.is_none()
    {
        eprintln!("  mend: {mend}");
    }
    let kind = declared
        .or(stored)
        .or(trained.map(|(kind, _)| kind))
        .or_else(|| machine(io_kind?));
    if declared.is_none()
        && let Some(Kind::Machine) = kind
    {
        eprintln!("  mend: make room or give permission, then run the same command again");
    }
    ExitCode::from(kind.map_or(1, |kind| kind as u8))
}

/// Failures of what a data set's folder holds, or of where a new one should stand.
fn store(error: &longitude_store::Error) -> Option<Kind> {
    use longitude_store::Error;
    match error {
        Error::Exists(_) => Some(Kind::Busy),
        Error::NotADataset(_)
        | Error::Decode { .. }
        | Error::Column { .. }
        | Error::Json { .. } => Some(Kind::Input),
        Error::Read { .. } | Error::Write { .. } | Error::Encode { .. } | Error::Damaged { .. } => {
            None
        }
    }
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
