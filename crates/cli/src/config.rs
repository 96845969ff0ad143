//! The settings of a run: one TOML file, flags on top, resolved once, written into `run.json` and
//! hashed into every receipt. Unknown keys are errors; the environment is never asked.

use crate::failure::{Failure, Kind};
use crate::reading::Reading;
use crate::steps::deid::read_policy;
use anyhow::{Context, Result};
use longitude_core::Digest;
use longitude_deid::Mode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that a run's outcome depends on besides the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "RunOptions::standard")]
pub(crate) struct RunOptions {
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// How records are de-identified before anything learns from them.
    pub(crate) deidentification: Mode,
    /// The largest date shift in days, either way (expert determination).
    pub(crate) shift_days_max: u32,
    /// Codes seen in fewer training subjects fall back to their ancestor.
    pub(crate) code_subjects_min: u32,
    /// The size of the model: `tiny`, `small`, `base`.
    pub(crate) preset: String,
    /// Events that a position may look back over.
    pub(crate) context: usize,
    /// Positions in a training batch.
    pub(crate) batch_events: usize,
    /// The largest learning rate.
    pub(crate) learning_rate: f64,
    /// Whether a query head is trained beside the likelihood of the record.
    pub(crate) queries: bool,
    /// Passes over the training subjects, at most.
    pub(crate) epochs_max: u32,
    /// Seconds of training, at most; the number of steps is planned from a probe.
    pub(crate) training_seconds: f64,
    /// Sampled futures of each answer.
    pub(crate) samples: u32,
    /// Events of a sampled future, at most; longer ones are censored.
    pub(crate) future_events_max: u32,
    /// Resamples of each interval in the report.
    pub(crate) resamples: u32,
    /// Threads, or all cores.
    pub(crate) threads: Option<usize>,
    /// A policy of de-identification; what it says stands in place of the two settings above.
    pub(crate) policy: Option<PathBuf>,
    /// How the records are read and whose they are.
    pub(crate) reading: Reading,
    /// The digests of the files that the settings name, reckoned when they are resolved.
    pub(crate) files: BTreeMap<PathBuf, Digest>,
}

impl RunOptions {
    /// The settings of a first run; each is a starting point, not a clinical judgement.
    pub(crate) fn standard() -> Self {
        Self {
            seed: 1,
            deidentification: Mode::ExpertDetermination,
            shift_days_max: 365,
            code_subjects_min: 10,
            preset: "tiny".to_owned(),
            context: 512,
            batch_events: 1024,
            learning_rate: 4e-3,
            queries: true,
            epochs_max: 30,
            training_seconds: 90.0,
            samples: 64,
            future_events_max: 512,
            resamples: 300,
            threads: None,
            policy: None,
            reading: Reading::standard(),
            files: BTreeMap::new(),
        }
    }

    /// Reads a TOML file; keys that it lacks have the standard value.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let message = format!("{}: {}", path.display(), error.to_string().trim_end());
            Failure::new(Kind::Input, message, "correct the key or value named above").into()
        })
    }

    /// The settings as they hold: the policy's mode and shift in place of one's own, and the digest
    /// of every file that is named, so that a run does not go on with another one's content.
    pub(crate) fn resolved(mut self) -> Result<Self> {
        if let Some(path) = &self.policy {
            let policy = read_policy(path)?;
            self.deidentification = policy.options.mode;
            self.shift_days_max = policy.options.shift_days_max;
        }
        let named = self.reading.files().chain(self.policy.as_deref());
        let digest = |path: &Path| {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path.to_owned(), Digest::of(&bytes)))
        };
        self.files = named.map(digest).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Sets the mode of de-identification by name.
    pub(crate) fn set_deidentification(&mut self, name: &str) -> Result<()> {
        self.deidentification = match name {
            "expert_determination" => Mode::ExpertDetermination,
            "safe_harbor" => Mode::SafeHarbor,
            _ => {
                let message = format!("--deid {name} is no mode of de-identification");
                let mend = "use expert_determination or safe_harbor";
                return Err(Failure::new(Kind::Input, message, mend).into());
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error() {
        let unknown = toml::from_str::<RunOptions>("sede = 3")
            .unwrap_err()
            .to_string();
        assert!(unknown.contains("sede"), "{unknown}");
        assert_eq!(
            toml::from_str::<RunOptions>("seed = 3").unwrap().samples,
            64
        );
    }
}
