//! Where things stand in a run folder: one list for every crate that opens one.

use crate::institution::PUBLIC_KEY;
use std::path::{Path, PathBuf};

/// A run folder. It names paths; it does not create them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

macro_rules! paths {
    ($($(#[$doc:meta])* $method:ident = $name:expr;)*) => {
        impl Layout {
            $($(#[$doc])*
            pub fn $method(&self) -> PathBuf {
                self.root.join($name)
            })*
        }
    };
}

paths! {
    /// The synthetic export and its truth (demo only).
    source = "source";
    /// MEDS with full origins, inside the walls.
    identified = "identified";
    /// De-identified MEDS.
    meds = "meds";
    /// Weights, vocabulary, configuration, calibration, `model.sig`.
    model = "model";
    /// Resumable training state.
    checkpoints = "checkpoints";
    /// Predictions as JSON lines.
    predictions = "predictions";
    /// Every row that made no event.
    issues = "issues.jsonl";
    /// The evaluation as JSON.
    report_json = "report.json";
    /// The evaluation as a page.
    report_html = "report.html";
    /// The Merkle log of receipts.
    ledger = "ledger";
    /// The lists that the digests of folders are of, by digest.
    trees = "ledger/trees";
    /// Served answers.
    answers = "answers";
    /// Filed cases.
    contests = "contests";
    /// States, decisions and recalibrations of the monitoring.
    monitor = "monitor";
    /// Dossiers, approvals and drills of the release.
    release = "release";
    /// The institution's public key: a convenience, not a proof.
    institution_public_key = PUBLIC_KEY;
    /// The statement, signed by the institution, that names the log's key.
    institution_keys = "institution.keys.json";
    /// Resolved options and finished steps.
    run_json = "run.json";
    /// The lock of a running job.
    run_lock = "run.lock";
}

/// What a finished run holds and a receipt must name. Training state and locks are not results.
pub(crate) const RECEIPTED: [&str; 7] = [
    "identified",
    "meds",
    "model",
    "predictions",
    "issues.jsonl",
    "report.json",
    "report.html",
];

/// The model folder's name as an output of a receipt; its digest is the model's identity.
pub(crate) const MODEL: &str = "model";

impl Layout {
    /// The layout of a run folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The run folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
