//! The settings of `longitude train`: one TOML file, flags on top, resolved once and kept beside
//! the checkpoints, so that an interrupted training goes on with the same ones.

use crate::failure::{Failure, Kind};
use crate::machine;
use anyhow::{Context, Result};
use longitude_model::{Config, Level, Preset};
use longitude_train::{Chosen, Options, TrainData, WATTS_PER_CORE, preset_for, sizes};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that a training's outcome depends on besides the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Settings::standard")]
pub(crate) struct Settings {
    /// The name of a preset, or `auto` to choose by the size of the data.
    pub(crate) preset: String,
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// Steps.
    pub(crate) steps: Option<u64>,
    /// Seconds of training, at most; the number of steps is planned from a probe.
    pub(crate) seconds: Option<f64>,
    /// Passes over the data, at most; without steps and seconds, so many.
    pub(crate) epochs: f64,
    /// Events that a position may look back over [the preset's].
    pub(crate) context: Option<usize>,
    /// Positions of a batch [1,024, or the context].
    pub(crate) batch_events: Option<usize>,
    /// Batches whose gradients one step adds up.
    pub(crate) accumulate: usize,
    /// The peak of the learning rate [by the width].
    pub(crate) learning_rate: Option<f64>,
    /// Evaluations without a better one after which training stops; 0 for never.
    pub(crate) patience: u32,
    /// Steps between checkpoints [a tenth of all].
    pub(crate) checkpoint_every: Option<u64>,
    /// Whether a query head is trained beside the likelihood of the record.
    pub(crate) queries: bool,
    /// Whether what a block computes is computed again for the backward pass instead of kept: less
    /// memory, more time, the same model.
    pub(crate) checkpointed: bool,
    /// Codes seen in fewer training subjects fall back to their ancestor.
    pub(crate) code_subjects_min: u32,
    /// The kernels [the best of this processor].
    pub(crate) kernels: Option<String>,
    /// Threads, or all cores. The result does not depend on them.
    pub(crate) threads: Option<usize>,
    /// Watts that a busy core is assumed to draw.
    pub(crate) watts_per_core: f64,
    /// A table of weights of subjects (`longitude fairness weights`) [all weigh the same].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<PathBuf>,
}

impl Settings {
    /// The settings of a first training; each is a starting point.
    pub(crate) fn standard() -> Self {
        Self {
            preset: "auto".to_owned(),
            seed: 1,
            steps: None,
            seconds: None,
            epochs: 30.0,
            context: None,
            batch_events: None,
            accumulate: 1,
            learning_rate: None,
            patience: 8,
            checkpoint_every: None,
            queries: true,
            checkpointed: false,
            code_subjects_min: 10,
            kernels: None,
            threads: None,
            watts_per_core: WATTS_PER_CORE,
            weights: None,
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

    /// The preset by name, or by the size of the data, and the reason.
    pub(crate) fn chosen(&self, data: &TrainData) -> Result<Chosen> {
        if self.preset == "auto" {
            return Ok(preset_for(data)?);
        }
        let preset = Preset::named(&self.preset).ok_or_else(|| {
            let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
            let message = format!("no preset is called `{}`", self.preset);
            let mend = format!("use auto or one of {}", names.join(", "));
            Failure::new(Kind::Input, message, mend)
        })?;
        let reason = format!("{} was asked for", preset.name());
        Ok(Chosen { preset, reason })
    }

    /// The options of a training of so many steps.
    pub(crate) fn options(&self, data: &TrainData, preset: Preset, steps: u64) -> Result<Options> {
        let mut config = Config::preset(preset, sizes(data.vocabulary())?);
        config.context = self.context.unwrap_or(config.context);
        if self.queries {
            config = config.with_queries();
        }
        let standard = Options::for_shape(config, steps, self.seed);
        let options = Options {
            batch_tokens: self.batch_events.unwrap_or(standard.batch_tokens),
            accumulate: self.accumulate,
            checkpointed: self.checkpointed,
            learning_rate: self.learning_rate.unwrap_or(standard.learning_rate),
            patience: self.patience,
            checkpoint_every: self.checkpoint_every.unwrap_or((steps / 10).max(1)),
            kernels: self.kernels.clone().unwrap_or(standard.kernels.clone()),
            threads: machine::threads(self.threads),
            ..standard
        };
        if Level::named(&options.kernels).is_none() {
            let names: Vec<&str> = Level::available().iter().map(|one| one.name()).collect();
            let message = format!("this processor has no kernels `{}`", options.kernels);
            let mend = format!("use one of {}", names.join(", "));
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_and_a_missing_one_standard() {
        let unknown = toml::from_str::<Settings>("sede = 3").unwrap_err();
        assert!(unknown.to_string().contains("sede"), "{unknown}");
        let read: Settings = toml::from_str("seed = 3\nsteps = 20").unwrap();
        assert_eq!((read.seed, read.steps, read.accumulate), (3, Some(20), 1));
        let json = serde_json::to_vec(&read).unwrap();
        assert_eq!(serde_json::from_slice::<Settings>(&json).unwrap(), read);
    }
}
