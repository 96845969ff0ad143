//! The file of an adapter: A, B and whole weights as safetensors, and in the metadata what they
//! belong to. An adapter is of use beside one base model only, and says which by its digest.
//!
//! The signature is not here: the folder that holds the file is signed as a model's is (`govern`).

use crate::lora::{AdapterOptions, Lora};
use crate::run::{Record, Trained};
use crate::{Error, Result};
use longitude_core::Digest;
use longitude_model::Model;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file in an adapter's folder.
pub const ADAPTER_FILE: &str = "adapter.safetensors";

/// The metadata key.
const ABOUT: &str = "longitude.adapter";

/// The version of the metadata's meaning; others are refused.
const VERSION: u32 = 1;

/// What an adapter belongs to, and how it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of this description.
    pub version: u32,
    /// The digest of the base model's weights file.
    pub base: Digest,
    /// The digest of the vocabulary that both number codes by.
    pub vocabulary: Digest,
    /// Rank, alpha and maps.
    pub options: AdapterOptions,
    /// The account of the training; its `data` is the digest of the site's.
    pub record: Record,
}

/// Adapters that were trained beside a base model.
#[derive(Clone, Debug)]
pub struct Adapter {
    about: About,
    lora: Lora,
}

/// The digest by which adapters name a base model: of its weights file.
pub fn base_digest(model: &Model) -> Digest {
    Digest::of(&model.to_bytes())
}

impl Adapter {
    /// The adapters of a training by [`crate::train_with`]; none where it trained all weights.
    pub fn of(trained: &Trained, base: &Model) -> Option<Self> {
        let lora = trained.lora.clone()?;
        let about = About {
            version: VERSION,
            base: base_digest(base),
            vocabulary: trained.record.vocabulary,
            options: lora.options.clone(),
            record: trained.record.clone(),
        };
        Some(Self { about, lora })
    }

    /// What it belongs to, and how it was made.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many numbers it holds.
    pub fn parameters(&self) -> usize {
        self.lora.own.len()
    }

    /// The base model with the adapters in its weights: a plain model, bit by bit the one that the
    /// training ended with.
    ///
    /// # Errors
    /// [`Error::AdapterOf`] when `base` is another model.
    pub fn merge(&self, base: &Model) -> Result<Model> {
        let (expected, found) = (base_digest(base), self.about.base);
        if expected != found {
            let what = "base model";
            return Err(Error::AdapterOf {
                what,
                expected,
                found,
            });
        }
        let mut model = base.clone();
        self.lora.materialise(base.weights(), model.weights_mut());
        Ok(model)
    }

    /// The bytes of the file, the same for the same adapter.
    ///
    /// # Errors
    /// When a number of the account is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let refuse = |error: safetensors::SafeTensorError| {
            damaged(
                Path::new(ADAPTER_FILE),
                format!("it cannot be written: {error}"),
            )
        };
        let own = |range: &std::ops::Range<usize>| -> Vec<u8> {
            let numbers = self.lora.own[range.clone()].iter();
            numbers.flat_map(|number| number.to_le_bytes()).collect()
        };
        let parts = tensors(&self.lora);
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(name, shape, range)| (name, shape, own(&range)))
            .collect();
        let mut views = Vec::with_capacity(parts.len());
        for (name, shape, bytes) in &parts {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(refuse)?;
            views.push((name.as_str(), view));
        }
        let about = serde_json::to_string(&self.about).map_err(Error::Json)?;
        let metadata = [(ABOUT.to_owned(), about)].into_iter().collect();
        safetensors::serialize(views, Some(metadata)).map_err(refuse)
    }

    /// The adapter in the bytes of a file, for use beside this base model; `path` names the file in
    /// errors.
    ///
    /// # Errors
    /// [`Error::AdapterOf`] when it belongs to another model or vocabulary, [`Error::Adapter`] when
    /// the file is cut short, altered in shape, or holds a number that is not finite.
    pub fn from_bytes(bytes: &[u8], base: &Model, path: &Path) -> Result<Self> {
        let broken = |error| damaged(path, format!("not a safetensors file: {error}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let about = metadata.metadata().as_ref().and_then(|map| map.get(ABOUT));
        let about = about.ok_or_else(|| damaged(path, "it says nothing about itself"))?;
        let about: About = serde_json::from_str(about)
            .map_err(|_error| damaged(path, "what it says about itself is not ours"))?;
        if about.version != VERSION {
            return Err(damaged(path, "its version is not the one read here"));
        }
        let vocabulary = base.config().vocabulary.parse();
        let vocabulary = vocabulary.unwrap_or_else(|_| Digest::of(b"no vocabulary"));
        for (what, expected, found) in [
            ("vocabulary", vocabulary, about.vocabulary),
            ("base model", base_digest(base), about.base),
        ] {
            if expected != found {
                return Err(Error::AdapterOf {
                    what,
                    expected,
                    found,
                });
            }
        }
        let mut lora = Lora::new(base, &about.options, 0)?;
        let parts = tensors(&lora);
        if file.len() != parts.len() {
            return Err(damaged(path, "it holds more or fewer tensors than it says"));
        }
        for (name, shape, range) in parts {
            let view = file
                .tensor(&name)
                .map_err(|_error| damaged(path, format!("{name} is missing")))?;
            if view.dtype() != Dtype::F32 || view.shape() != shape {
                return Err(damaged(path, format!("{name} has another shape")));
            }
            let (fours, _) = view.data().as_chunks::<4>();
            for (own, four) in lora.own[range].iter_mut().zip(fours) {
                *own = f32::from_le_bytes(*four);
            }
        }
        if lora.own.iter().any(|number| !number.is_finite()) {
            return Err(damaged(path, "a number is not finite"));
        }
        Ok(Self { about, lora })
    }
}

/// Names, shapes and places of what a file holds.
fn tensors(lora: &Lora) -> Vec<(String, Vec<usize>, std::ops::Range<usize>)> {
    let rank = lora.options.rank;
    let mut parts = Vec::new();
    for map in &lora.maps {
        parts.push((
            format!("{}.a", map.name),
            vec![map.inputs, rank],
            map.a.clone(),
        ));
        parts.push((
            format!("{}.b", map.name),
            vec![rank, map.outputs],
            map.b.clone(),
        ));
    }
    for whole in &lora.wholes {
        parts.push((whole.name.clone(), vec![whole.own.len()], whole.own.clone()));
    }
    parts
}

fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::Adapter {
        path: path.to_owned(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests;
