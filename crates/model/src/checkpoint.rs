//! Checkpoints: one safetensors file with the weights, the table of codes and the configuration.
//!
//! The format is safetensors 0.3 and later: an 8-byte length, a JSON header, then the data. Tensor
//! names are the paths of [`crate::Tensor::name`]; the metadata holds the configuration as JSON,
//! the digest of the vocabulary among it. Same model, same bytes. A load checks every length,
//! shape, type and number before a model exists.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{Codes, Model};
use safetensors::{Dtype, SafeTensors};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file in a model folder.
pub const CHECKPOINT_FILE: &str = "model.safetensors";
/// The metadata key of the configuration.
const CONFIG: &str = "longitude.config";
const GROUPS: &str = "codes.groups";
const VALUE_BINS: &str = "codes.value_bins";

impl Model {
    /// Writes [`CHECKPOINT_FILE`] in a folder that exists: to a temporary name first, flushed to
    /// the disk, then renamed, so that no half file ever has the name.
    ///
    /// # Errors
    /// [`Error::File`] when a write fails.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let path = dir.join(CHECKPOINT_FILE);
        let partial = dir.join(format!("{CHECKPOINT_FILE}.partial"));
        let failed = |source| Error::File {
            action: "writing",
            path: path.clone(),
            source,
        };
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(&self.to_bytes())?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(failed)
    }

    /// Reads [`CHECKPOINT_FILE`] from a folder. `vocabulary` is the digest that the caller's ids
    /// belong to.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Vocabulary`] when the digest differs, or [`Error::Checkpoint`]
    /// when the file is cut short, altered in shape, or holds a number that is not finite.
    pub fn load(dir: &Path, vocabulary: &str) -> Result<Self> {
        let path = dir.join(CHECKPOINT_FILE);
        let bytes = std::fs::read(&path).map_err(|source| Error::File {
            action: "reading",
            path: path.clone(),
            source,
        })?;
        Self::from_bytes(&bytes, vocabulary, &path)
    }

    /// The bytes of a checkpoint.
    pub fn to_bytes(&self) -> Vec<u8> {
        let codes = self.codes();
        let groups = codes
            .groups
            .iter()
            .flatten()
            .flat_map(|group| group.to_le_bytes());
        let bins = codes
            .value_bins
            .iter()
            .flat_map(|bins| u32::from(*bins).to_le_bytes());
        let weights = self
            .weights()
            .iter()
            .flat_map(|weight| weight.to_le_bytes());
        let header = self.header();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(weights.chain(groups).chain(bins));
        bytes
    }

    /// The JSON header, padded with spaces to 8 bytes as the format asks.
    fn header(&self) -> String {
        let vocab = self.config().vocab;
        let mut entries = vec![];
        let mut start = 0;
        let mut entry = |name: &str, dtype: &str, shape: &[usize]| {
            let end = start + 4 * shape.iter().product::<usize>();
            entries.push(format!(
                "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\
                 \"data_offsets\":[{start},{end}]}}"
            ));
            start = end;
        };
        for tensor in self.tensors() {
            entry(&tensor.name, "F32", &tensor.shape);
        }
        entry(GROUPS, "I32", &[vocab, 2]);
        entry(VALUE_BINS, "I32", &[vocab]);
        let config = serde_json::json!(self.config()).to_string();
        let config = serde_json::Value::String(config);
        let entries = entries.join(",");
        let mut header = format!("{{\"__metadata__\":{{\"{CONFIG}\":{config}}},{entries}}}");
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        header
    }

    /// The model in the bytes of a checkpoint; `path` names it in errors.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8], vocabulary: &str, path: &Path) -> Result<Self> {
        let file = Reader { path };
        let (_, metadata) = SafeTensors::read_metadata(bytes)
            .map_err(|error| file.refuse(format!("not a safetensors file: {error}")))?;
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| file.refuse(format!("not a safetensors file: {error}")))?;
        let config = metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(CONFIG));
        let Some(config) = config else {
            return Err(file.refuse("it holds no configuration".to_owned()));
        };
        let config: Config = serde_json::from_str(config)
            .map_err(|error| file.refuse(format!("its configuration is not ours: {error}")))?;
        if config.vocabulary != vocabulary {
            let (expected, found) = (vocabulary.to_owned(), config.vocabulary);
            return Err(Error::Vocabulary { expected, found });
        }
        config.validate()?;
        let codes = file.codes(&tensors, config.vocab)?;
        let weights = file.weights(&tensors, &config)?;
        Self::from_parts(config, codes, weights)
    }
}

/// Reads tensors and names the file in errors.
struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn refuse(&self, reason: String) -> Error {
        Error::Checkpoint {
            path: PathBuf::from(self.path),
            reason,
        }
    }

    /// The numbers of one tensor, four bytes each.
    fn words<'t>(
        &self,
        tensors: &'t SafeTensors<'_>,
        (name, shape, dtype): (&str, &[usize], Dtype),
    ) -> Result<impl Iterator<Item = [u8; 4]> + 't> {
        let tensor = tensors
            .tensor(name)
            .map_err(|_error| self.refuse(format!("{name} is missing")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (found, wanted) = (tensor.shape(), shape);
            return Err(self.refuse(format!(
                "{name} has shape {found:?} of {}, not {wanted:?} of {dtype}",
                tensor.dtype()
            )));
        }
        let words = tensor.data().chunks_exact(4);
        Ok(words.map(|four| [four[0], four[1], four[2], four[3]]))
    }

    fn codes(&self, tensors: &SafeTensors<'_>, vocab: usize) -> Result<Codes> {
        let groups = self.words(tensors, (GROUPS, &[vocab, 2], Dtype::I32))?;
        let groups: Vec<u32> = groups.map(u32::from_le_bytes).collect();
        let bins = self.words(tensors, (VALUE_BINS, &[vocab], Dtype::I32))?;
        let bins: std::result::Result<Vec<u16>, _> = bins
            .map(|word| u16::try_from(u32::from_le_bytes(word)))
            .collect();
        let Ok(value_bins) = bins else {
            return Err(self.refuse("a code has too many value bins".to_owned()));
        };
        let groups = groups
            .chunks_exact(2)
            .map(|pair| [pair[0], pair[1]])
            .collect();
        Ok(Codes { groups, value_bins })
    }

    fn weights(&self, tensors: &SafeTensors<'_>, config: &Config) -> Result<Vec<f32>> {
        let layout = crate::layout::Layout::new(config);
        if tensors.len() != layout.tensors.len() + 2 {
            return Err(self.refuse("it holds more or fewer tensors than the model".to_owned()));
        }
        let mut weights = Vec::with_capacity(layout.len);
        for tensor in &layout.tensors {
            let words = self.words(tensors, (&tensor.name, &tensor.shape, Dtype::F32))?;
            let from = weights.len();
            weights.extend(words.map(f32::from_le_bytes));
            if weights[from..].iter().any(|weight| !weight.is_finite()) {
                return Err(
                    self.refuse(format!("{} holds a number that is not finite", tensor.name))
                );
            }
        }
        Ok(weights)
    }
}
