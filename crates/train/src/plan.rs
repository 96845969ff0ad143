//! What a training will need, before it starts: size, memory, and the preset that fits the data.

use crate::Result;
use crate::data::{Part, TrainData};
use crate::loader::windows;
use crate::options::{Options, sizes};
use longitude_core::Split;
use longitude_model::{Config, Preset};
use serde::{Deserialize, Serialize};

/// Events to learn from for each weight, at least. It lies between the 20 of Hoffmann et al. 2022
/// (language, one pass) and the 1,000 of the one published study of health records at scale. Small
/// data are passed over many times, and models of 0.2 and 0.7 million weights were found to tie on
/// 45,000 events, so that the smallest preset is never far too large. A prior: small runs decide.
pub const EVENTS_PER_WEIGHT: f64 = 100.0;

/// A preset with the reason why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The preset.
    pub preset: Preset,
    /// The reason, in a sentence.
    pub reason: String,
}

/// The largest preset with at least [`EVENTS_PER_WEIGHT`] events to learn from for each weight,
/// else the smallest.
///
/// # Errors
/// When the vocabulary has no digest or a shape is impossible.
pub fn preset_for(data: &TrainData) -> Result<Chosen> {
    let events = data.events(Part::Learn) as f64;
    let mut chosen = (Preset::Tiny, weights_of(data, Preset::Tiny)?);
    for preset in Preset::ALL {
        let weights = weights_of(data, preset)?;
        if events >= EVENTS_PER_WEIGHT * weights as f64 {
            chosen = (preset, weights);
        }
    }
    let (preset, weights) = chosen;
    let ratio = events / weights.max(1) as f64;
    let name = preset.name();
    let reason = if ratio >= EVENTS_PER_WEIGHT {
        format!(
            "{name} is the largest preset with {EVENTS_PER_WEIGHT} events or more a weight: \
             it has {ratio:.0}"
        )
    } else {
        format!(
            "{name} is the smallest preset; with {ratio:.2} events a weight (a larger one asks for \
             {EVENTS_PER_WEIGHT}) passes over the data and early stopping decide"
        )
    };
    Ok(Chosen { preset, reason })
}

/// The weights of a preset for a vocabulary, counted without making them.
fn weights_of(data: &TrainData, preset: Preset) -> Result<usize> {
    let config = Config::preset(preset, sizes(data.vocabulary())?);
    weights(&config)
}

fn weights(config: &Config) -> Result<usize> {
    let tensors = config.tensors()?;
    Ok(tensors.last().map_or(0, |last| last.range.end))
}

/// Bytes that a training holds at its peak, by what holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Weights.
    pub weights: usize,
    /// Gradients.
    pub gradients: usize,
    /// The optimiser's two moments.
    pub moments: usize,
    /// The best weights so far.
    pub best: usize,
    /// Activations and scratch of a part of a batch.
    pub workspace: usize,
    /// Events of all subjects, and their windows.
    pub data: usize,
    /// A checkpoint on its way to the disk; it is held only while it is written.
    pub checkpoint: usize,
}

impl Memory {
    /// All together.
    pub fn total(&self) -> usize {
        let once = self.weights + self.gradients + self.moments + self.best;
        once + self.workspace + self.data + self.checkpoint
    }
}

/// The size of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Subjects to learn from and to stop early on.
    pub subjects: [usize; 2],
    /// Their events.
    pub events: [usize; 2],
    /// Windows of the subjects to learn from.
    pub windows: usize,
    /// Positions of one pass over them, repeated context among them.
    pub positions: usize,
    /// Weights of the model.
    pub parameters: usize,
    /// Bytes.
    pub memory: Memory,
}

/// The size of a training with these options. Makes the workspace once to measure it.
///
/// # Errors
/// When an option makes no sense.
pub fn size(data: &TrainData, options: &Options) -> Result<Size> {
    options.check(data)?;
    let config = &options.config;
    let windows = windows(&data.learn, config.context, options.overlap_positions);
    let workspace = options.workspace(options.batch_tokens)?.bytes();
    let parameters = weights(config)?;
    let flat = 4 * parameters;
    Ok(Size {
        subjects: [Part::Learn, Part::EarlyStop].map(|part| data.subjects(part)),
        events: [Part::Learn, Part::EarlyStop].map(|part| data.events(part)),
        positions: windows
            .iter()
            .map(crate::sequences::Window::positions)
            .sum(),
        parameters,
        memory: Memory {
            weights: flat,
            gradients: flat,
            moments: 2 * flat,
            best: flat,
            workspace,
            data: data.bytes() + windows.len() * 24,
            // Its tensors once as named bytes and once as the file: model, best, both moments.
            checkpoint: if options.checkpoint_every > 0 {
                8 * flat
            } else {
                0
            },
        },
        windows: windows.len(),
    })
}

impl TrainData {
    /// The same with a share of the subjects to learn from, in thousandths. Shares are nested: a
    /// subject of one is in every larger one.
    #[must_use]
    pub fn share(&self, permille: u16) -> Self {
        self.keep(
            |subject| Split::bucket("share", subject) < permille,
            permille,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::world;

    #[test]
    fn the_preset_grows_with_the_data() {
        let world = world(40, 60);
        let small = preset_for(&world.data).unwrap();
        assert_eq!(small.preset, Preset::Tiny);
        assert!(small.reason.contains("smallest"), "{}", small.reason);
        let tiny = weights_of(&world.data, Preset::Tiny).unwrap();
        let model =
            longitude_model::Config::preset(Preset::Tiny, sizes(&world.vocabulary).unwrap());
        let options = Options::for_shape(model, 1, 1);
        let made = crate::marginal_model(&world.data, &options).unwrap();
        assert_eq!(tiny, made.parameters());
    }

    #[test]
    fn shares_are_nested_and_about_as_large_as_asked() {
        let world = world(400, 20);
        let (half, quarter) = (world.data.share(500), world.data.share(250));
        let subjects = |data: &TrainData| data.subjects(Part::Learn);
        assert!((150..250).contains(&subjects(&half)), "{}", subjects(&half));
        assert!(subjects(&quarter) < subjects(&half) && subjects(&quarter) > 50);
        assert_eq!(subjects(&world.data.share(1000)), 400);
        assert_ne!(half.data_digest(), quarter.data_digest());
        assert_eq!(half.subjects(Part::EarlyStop), 100);
        let all = |data: &TrainData| data.named(&(0u32..400).collect::<Vec<_>>()).count;
        assert_eq!(all(&half), 400);
    }

    #[test]
    fn memory_is_what_its_parts_are() {
        let world = world(40, 60);
        let options = world.options(2);
        let size = size(&world.data, &options).unwrap();
        let model = crate::marginal_model(&world.data, &options).unwrap();
        assert_eq!(size.parameters, model.parameters());
        assert_eq!(size.memory.moments, 8 * model.parameters());
        assert!(size.positions >= size.events[0] - size.subjects[0]);
        assert!(size.memory.total() > size.memory.workspace);
    }
}
