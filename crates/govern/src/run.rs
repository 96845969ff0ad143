//! The ledger of one run: a leaf for every receipt, a signed checkpoint after each.
//!
//! A leaf is compact JSON and holds digests and commitments only. The log's Ed25519 key is named
//! in `institution.keys.json`, which the institution's P-256 key signs, so that whoever pins the
//! one key can check both.

use crate::dsse::Envelope;
use crate::error::{Error, Result};
use crate::files;
use crate::institution::{Institution, log_name, random_bytes};
use crate::key::PublicKey;
use crate::layout::{Layout, MODEL};
use crate::model::{is_plain, model_root};
use crate::tree::{Tree, file_digest};
use longitude_core::{Digest, NamedDigest, Receipt};
use longitude_ledger::{Checkpoint, Log, Signer, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::Path;

const KEYS_TYPE: &str = "application/vnd.longitude.keys.v1+json";

/// The place of an entry in a run's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryId {
    /// The entry's index, from 0.
    pub index: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.index.fmt(f)
    }
}

/// An entry of a run's ledger as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf<T = serde_json::Value> {
    /// The version of this form: 1.
    pub v: u32,
    /// The entry's own index.
    pub seq: u64,
    /// What happened: `receipt`, `inference.served`, `contest.submitted`, ...
    pub kind: String,
    /// The receipt, or commitments.
    pub receipt: T,
}

/// The signed statement that names the key of the run's log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    v: u32,
    /// The institution's name.
    pub(crate) institution: String,
    /// The fingerprint of the key that signs this statement.
    pub(crate) signing_key: Digest,
    /// The log's key as a note verifier key; its name is the log's origin.
    pub(crate) log_key: String,
}

/// The ledger of a run, open for writing. One handle at a time.
#[derive(Debug)]
pub struct RunLedger {
    layout: Layout,
    log: Log,
    signer: Signer,
}

/// The salted commitment of an answer or a record: it says nothing without the salt, and once the
/// salt is destroyed nobody can tell what it was of.
pub fn commitment(salt: &[u8; 16], bytes: &[u8]) -> Digest {
    Digest::of_parts(&[salt, bytes])
}

impl RunLedger {
    /// Opens the ledger of a run, or begins it: then the institution's public key and the signed
    /// statement of the log's key are written into the run folder too.
    ///
    /// # Errors
    /// When the run is another institution's, another handle has the ledger, or its files are
    /// damaged.
    pub fn open(layout: &Layout, institution: &Institution) -> Result<Self> {
        fs::create_dir_all(layout.root()).map_err(Error::file("create", layout.root()))?;
        let path = layout.institution_keys();
        if !path.is_file() {
            begin(layout, institution)?;
        }
        let other = || Error::OtherInstitution {
            path: path.clone(),
            fingerprint: institution.fingerprint(),
        };
        let keys = match Keys::open(&path, institution.public_key()) {
            Err(Error::Signature { .. }) => return Err(other()),
            read => read?,
        };
        let key = keys.log_key(&path)?;
        let signer = institution.log_signer(key.name())?;
        if signer.verifying_key() != key {
            return Err(other());
        }
        let mut log = Log::open(&layout.ledger(), key.name())?;
        // An append whose publication was interrupted is published now.
        if log.published()?.is_none_or(|head| head.size < log.size()) {
            log.publish(&signer)?;
        }
        Ok(Self {
            layout: layout.clone(),
            log,
            signer,
        })
    }

    /// Appends a leaf and publishes a checkpoint that covers it. What is passed must hold digests
    /// and commitments only, never a patient's value.
    ///
    /// # Errors
    /// When the leaf is too long or the disk refuses: then what it is of must not be served.
    pub fn append<T: Serialize>(&mut self, kind: &str, receipt: &T) -> Result<EntryId> {
        let leaf = Leaf {
            v: 1,
            seq: self.log.size(),
            kind: kind.to_owned(),
            receipt,
        };
        let bytes = serde_json::to_vec(&leaf).map_err(Error::json("the leaf"))?;
        let index = self.log.append(&bytes)?;
        self.log.publish(&self.signer)?;
        Ok(EntryId { index })
    }

    /// Appends the receipt of a step, under the kind `receipt`.
    ///
    /// # Errors
    /// As [`RunLedger::append`].
    pub fn append_receipt(&mut self, receipt: &Receipt) -> Result<EntryId> {
        self.append("receipt", receipt)
    }

    /// The digest of a file or folder of the run, under the name by which `verify_run` will look
    /// for it again. Of a folder the list of files is kept, so that an altered one can be named;
    /// of the model folder it is the model's identity.
    ///
    /// # Errors
    /// When the name is not a plain path inside the run, or something there cannot be read.
    pub fn output(&self, name: &str) -> Result<NamedDigest> {
        let path = self.layout.root().join(name);
        if !is_plain(name) {
            return Err(Error::form(&path, "it is not a plain path inside the run"));
        }
        let digest = if name == MODEL {
            model_root(&path)?
        } else if path.is_dir() && !path.is_symlink() {
            let tree = Tree::read(&path)?;
            self.keep(&tree)?;
            tree.digest()
        } else if path.is_symlink() {
            return Err(Error::form(&path, "it is a symbolic link"));
        } else {
            file_digest(&path)?
        };
        Ok(NamedDigest {
            name: name.to_owned(),
            digest,
        })
    }

    fn keep(&self, tree: &Tree) -> Result<()> {
        let folder = self.layout.trees();
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let path = folder.join(tree.digest().hex());
        if path.is_file() {
            return Ok(());
        }
        files::write(&path, tree.text().as_bytes())
    }

    /// The ledger's head: whoever keeps it can later show that nothing before it was rewritten.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn head(&self) -> Result<Checkpoint> {
        Ok(self.log.head()?)
    }

    /// The key that signs the checkpoints, named by the log's origin.
    pub fn log_key(&self) -> VerifyingKey {
        self.signer.verifying_key()
    }

    /// One entry.
    ///
    /// # Errors
    /// When there is no such entry, or it is not a leaf.
    pub fn leaf(&self, entry: EntryId) -> Result<Leaf> {
        let bytes = self.log.entry(entry.index)?;
        parse_leaf(&bytes, entry.index, &self.layout.ledger())
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// When one cannot be read, or is not a leaf.
    pub fn leaves(&self) -> Result<Vec<Leaf>> {
        (0..self.log.size())
            .map(|index| self.leaf(EntryId { index }))
            .collect()
    }

    /// The text of a `.tlog-proof` file: the entry's place in the tree, and the checkpoint.
    ///
    /// # Errors
    /// When there is no such entry.
    pub fn proof(&self, entry: EntryId) -> Result<String> {
        Ok(self.log.proof_file(entry.index)?.to_text())
    }
}

impl Keys {
    /// Reads the statement, which the key must have signed.
    pub(crate) fn open(path: &Path, key: &PublicKey) -> Result<Self> {
        Self::parse(&files::read_text(path)?, key, path)
    }

    /// The same in a text, which came from `path`.
    pub(crate) fn parse(text: &str, key: &PublicKey, path: &Path) -> Result<Self> {
        let envelope: Envelope = files::parse_json(path, text)?;
        let payload = envelope.open(KEYS_TYPE, key, path)?;
        files::parse_json(path, &String::from_utf8_lossy(&payload))
    }

    /// Reads the statement without asking who signed it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let envelope: Envelope = files::read_json(path)?;
        let payload = envelope.payload(KEYS_TYPE, path)?;
        files::parse_json(path, &String::from_utf8_lossy(&payload))
    }

    /// The log's key.
    pub(crate) fn log_key(&self, path: &Path) -> Result<VerifyingKey> {
        VerifyingKey::from_text(&self.log_key).map_err(|error| Error::form(path, error.to_string()))
    }
}

/// Writes public key and statement of a new run. Its log has a name of its own, so that no other
/// run's log can be put in its place.
fn begin(layout: &Layout, institution: &Institution) -> Result<()> {
    let path = layout.institution_keys();
    if layout.ledger().join("checkpoint").is_file() {
        let what = "it is missing, but the run has a ledger";
        return Err(Error::form(&path, what));
    }
    let public = layout.institution_public_key();
    if let Some(pem) = files::read_text_if_there(&public)?
        && pem != institution.public_key().pem()
    {
        return Err(Error::OtherInstitution {
            path: public,
            fingerprint: institution.fingerprint(),
        });
    }
    files::write(&public, institution.public_key().pem().as_bytes())?;
    let run = Digest::of(&random_bytes::<32>()?).hex();
    let origin = format!("{}/{}", log_name(institution.fingerprint()), &run[..16]);
    let keys = Keys {
        v: 1,
        institution: institution.name().to_owned(),
        signing_key: institution.fingerprint(),
        log_key: institution.log_signer(&origin)?.verifying_key().to_string(),
    };
    let payload = serde_json::to_vec(&keys).map_err(Error::json("the keys"))?;
    let envelope = Envelope::sign(KEYS_TYPE, &payload, institution);
    let text = files::to_json("the keys", &envelope)?;
    files::write(&path, text.as_bytes())
}

/// Reads a leaf, which must stand at its own index.
pub(crate) fn parse_leaf(bytes: &[u8], index: u64, ledger: &Path) -> Result<Leaf> {
    let leaf: Option<Leaf> = serde_json::from_slice(bytes).ok();
    leaf.filter(|leaf| leaf.v == 1 && leaf.seq == index)
        .ok_or_else(|| Error::form(ledger, format!("entry {index} is not a leaf of a run")))
}
