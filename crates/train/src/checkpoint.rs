//! Checkpoints: everything that a training needs to go on as if it had not stopped.
//!
//! A checkpoint is a folder `step-NNNNNNNNNN` with `checkpoint.safetensors` (weights, optimiser,
//! best weights so far) and `state.json` (where the training stands, and digests of what it belongs
//! to). It is written beside its place, synced, and renamed into it: a crash leaves the one before.
//! The last two are kept.

use crate::evaluate::Nats;
use crate::loader::Place;
use crate::run::TuningPoint;
use crate::{Error, Result};
use longitude_core::Digest;
use longitude_model::Model;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const WEIGHTS: &str = "checkpoint.safetensors";
const STATE: &str = "state.json";
const OPTIMISER: &str = "optimiser";

/// How many checkpoints are kept.
const KEPT: usize = 2;

/// The version of the state's meaning; others are refused.
pub(crate) const VERSION: u32 = 1;

/// What a checkpoint belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Belongs {
    pub(crate) options: Digest,
    pub(crate) vocabulary: Digest,
    pub(crate) data: Digest,
    /// Of the stream of batches; none in checkpoints of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<Digest>,
}

/// Where a training stands, weights apart. The random state is the seed of the options and `place`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) belongs: Belongs,
    pub(crate) step: u64,
    pub(crate) tokens: u64,
    pub(crate) place: Place,
    pub(crate) history: Vec<TuningPoint>,
    pub(crate) best: Option<u64>,
    pub(crate) strikes: u32,
    pub(crate) last: Option<Nats>,
    /// The steps at which a training went on with other options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<u64>,
}

/// `state.json`: the state and the digest of the weights that it goes with.
#[derive(Serialize, Deserialize)]
struct Stored {
    state: State,
    weights: Digest,
}

/// What changes with every step, tensors first.
pub(crate) struct Snapshot<'s> {
    pub(crate) model: &'s Model,
    pub(crate) optimiser: &'s [u8],
    pub(crate) best: Option<&'s [f32]>,
    pub(crate) state: &'s State,
}

/// The flat weights, the optimiser's bytes, the best weights and the state.
pub(crate) struct Restored {
    pub(crate) weights: Vec<f32>,
    pub(crate) optimiser: Vec<u8>,
    pub(crate) best: Option<Vec<f32>>,
    pub(crate) state: State,
}

/// Whether a folder holds a checkpoint to resume from.
pub fn has_checkpoint(dir: &Path) -> bool {
    steps(dir).is_ok_and(|steps| !steps.is_empty())
}

/// Writes a checkpoint and removes the oldest ones.
pub(crate) fn save(dir: &Path, snapshot: &Snapshot<'_>) -> Result<()> {
    let name = format!("step-{:010}", snapshot.state.step);
    let (partial, place) = (dir.join(format!(".{name}.partial")), dir.join(&name));
    fs::create_dir_all(dir).map_err(file("creating", dir))?;
    remove(&partial)?;
    if let Err(error) = write(&partial, snapshot) {
        // On a full disk half a checkpoint only takes room.
        remove(&partial).ok();
        return Err(error);
    }
    remove(&place)?;
    fs::rename(&partial, &place).map_err(file("renaming", &partial))?;
    sync_folder(dir)?;
    let all = steps(dir)?;
    for old in all.iter().rev().skip(KEPT) {
        remove(old)?;
    }
    Ok(())
}

fn write(partial: &Path, snapshot: &Snapshot<'_>) -> Result<()> {
    fs::create_dir(partial).map_err(file("creating", partial))?;
    let bytes = tensors(snapshot)?;
    let stored = Stored {
        state: snapshot.state.clone(),
        weights: Digest::of(&bytes),
    };
    let json = serde_json::to_vec_pretty(&stored).map_err(Error::Json)?;
    write_synced(&partial.join(WEIGHTS), &bytes)?;
    write_synced(&partial.join(STATE), &json)?;
    sync_folder(partial)
}

/// Reads the newest checkpoint and checks that it is whole and belongs to this training; with
/// `changed`, to one with the same stream of batches.
pub(crate) fn load(
    dir: &Path,
    belongs: &Belongs,
    model: &Model,
    changed: bool,
) -> Result<Restored> {
    let newest = steps(dir)?.pop().ok_or_else(|| Error::NoCheckpoint {
        path: dir.to_owned(),
    })?;
    let path = newest.join(STATE);
    let json = fs::read(&path).map_err(file("reading", &path))?;
    let stored: Stored = serde_json::from_slice(&json)
        .map_err(|_error| damaged(&path, "it is no training state"))?;
    if stored.state.version != VERSION {
        return Err(damaged(&path, "its version is not the one read here"));
    }
    let found = &stored.state.belongs;
    let options = match (belongs.stream, found.stream) {
        (Some(expected), Some(found)) if changed => ("stream of batches", expected, found),
        _ => ("options", belongs.options, found.options),
    };
    for (what, expected, found) in [
        ("vocabulary", belongs.vocabulary, found.vocabulary),
        ("data", belongs.data, found.data),
        options,
    ] {
        if expected != found {
            return Err(Error::Mismatch {
                what,
                expected,
                found,
            });
        }
    }
    let path = newest.join(WEIGHTS);
    let bytes = fs::read(&path).map_err(file("reading", &path))?;
    if Digest::of(&bytes) != stored.weights {
        return Err(damaged(&path, "its digest is not the one in state.json"));
    }
    restore(&path, &bytes, model, stored.state)
}

fn restore(path: &Path, bytes: &[u8], model: &Model, state: State) -> Result<Restored> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(path, error.to_string()))?;
    let flat = |kind: &str| -> Result<Vec<f32>> {
        let mut weights = Vec::with_capacity(model.parameters());
        for tensor in model.tensors() {
            let name = format!("{kind}.{}", tensor.name);
            let view = file
                .tensor(&name)
                .map_err(|error| damaged(path, error.to_string()))?;
            if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
                return Err(damaged(path, format!("{name} has another shape")));
            }
            let (numbers, _rest) = view.data().as_chunks::<4>();
            weights.extend(numbers.iter().map(|four| f32::from_le_bytes(*four)));
        }
        if weights.iter().any(|weight| !weight.is_finite()) {
            return Err(damaged(path, "a weight is not finite"));
        }
        Ok(weights)
    };
    let optimiser = file
        .tensor(OPTIMISER)
        .map_err(|error| damaged(path, error.to_string()))?;
    Ok(Restored {
        weights: flat("model")?,
        optimiser: optimiser.data().to_vec(),
        best: state.best.map(|_| flat("best")).transpose()?,
        state,
    })
}

fn tensors(snapshot: &Snapshot<'_>) -> Result<Vec<u8>> {
    let model = snapshot.model;
    let optimiser = snapshot.optimiser.to_vec();
    let mut named: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = vec![(
        OPTIMISER.to_owned(),
        Dtype::U8,
        vec![optimiser.len()],
        optimiser,
    )];
    let kinds = [("model", Some(model.weights())), ("best", snapshot.best)];
    for (kind, flat) in kinds {
        let Some(flat) = flat else { continue };
        for tensor in model.tensors() {
            let numbers = flat[tensor.range.clone()].iter();
            let bytes = numbers.flat_map(|number| number.to_le_bytes()).collect();
            let name = format!("{kind}.{}", tensor.name);
            named.push((name, Dtype::F32, tensor.shape.clone(), bytes));
        }
    }
    let refuse = |error: safetensors::SafeTensorError| {
        damaged(Path::new(WEIGHTS), format!("it cannot be written: {error}"))
    };
    let mut views = Vec::with_capacity(named.len());
    for (name, dtype, shape, bytes) in &named {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(refuse)?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(refuse)
}

/// The whole checkpoints of a folder, oldest first; none where there is no folder.
fn steps(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(file("reading", dir)(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(file("reading", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("step-")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut out = File::create(path).map_err(file("creating", path))?;
    out.write_all(bytes).map_err(file("writing", path))?;
    out.sync_all().map_err(file("syncing", path))
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(file("opening", path))?;
    folder.sync_all().map_err(file("syncing", path))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file("removing", path)(error))
        }
        _ => Ok(()),
    }
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}

fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}
