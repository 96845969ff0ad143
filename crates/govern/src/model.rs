//! The signed model folder: OpenSSF Model Signing 1.0 with a bare P-256 key.
//!
//! `model.sig` is a Sigstore bundle with a DSSE envelope around an in-toto statement that lists
//! every file. The root digest over that list is the model's identity everywhere.

use crate::dsse::Envelope;
use crate::error::{Error, Fault, Result};
use crate::files;
use crate::institution::{Institution, PUBLIC_KEY};
use crate::key::{PublicKey, TrustedKey};
use crate::tree::Tree;
use longitude_core::{Digest, NamedDigest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The name of the signature inside the model folder.
pub const MODEL_SIGNATURE: &str = "model.sig";

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// What a signature never covers (Model Signing 1.0): version control at the top, and itself.
const IGNORED: [&str; 5] = [
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    MODEL_SIGNATURE,
];

/// The signed list of a model's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The model's identity: SHA-256 over the raw digests of its files in the list's order.
    pub root: Digest,
    /// The files in the list's order.
    pub resources: Vec<NamedDigest>,
}

/// What the loader knows once the guard has let it pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadGuard {
    /// The files that may be loaded; their bytes had these digests a moment ago.
    pub manifest: Manifest,
    /// The fingerprint of the key whose signature was checked: the trusted one if one was given,
    /// else the one beside the model, which proves no origin.
    pub signed_by: Option<Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: Envelope,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    public_key: KeyHint,
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyHint {
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

/// One file in the signed statement.
#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

/// Signs a model folder: writes `model.sig` into it and gives the model's identity.
///
/// # Errors
/// When the folder is empty, holds a link, or cannot be read or written.
pub fn sign_model(dir: &Path, institution: &Institution) -> Result<Digest> {
    let manifest = Manifest::of(dir)?;
    let resource = |file: &NamedDigest| Resource {
        name: file.name.clone(),
        algorithm: "sha256".to_owned(),
        digest: file.digest.hex(),
    };
    let statement = Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Subject {
            name: folder_name(dir)?,
            digest: SubjectDigest {
                sha256: manifest.root.hex(),
            },
        }],
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            serialization: Serialization {
                method: "files".to_owned(),
                hash_type: "sha256".to_owned(),
                allow_symlinks: false,
                ignore_paths: IGNORED.map(ToOwned::to_owned).to_vec(),
            },
            resources: manifest.resources.iter().map(resource).collect(),
        },
    };
    let payload = serde_json::to_vec(&statement).map_err(Error::json("the statement"))?;
    let hint = Digest::of(institution.public_key().pem().as_bytes()).hex();
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: VerificationMaterial {
            public_key: KeyHint { hint: Some(hint) },
            tlog_entries: Vec::new(),
        },
        dsse_envelope: Envelope::sign(PAYLOAD_TYPE, &payload, institution),
    };
    let text = files::to_json("the signature", &bundle)?;
    files::write(&dir.join(MODEL_SIGNATURE), text.as_bytes())?;
    Ok(manifest.root)
}

/// Checks that a model folder is what the trusted key signed, file by file, and gives its
/// identity. Where only a fingerprint is trusted, the key is read from `institution.pub.pem` in
/// the folder above.
///
/// # Errors
/// When the signature is missing or refused, or a file is altered, missing or not listed.
pub fn verify_model(dir: &Path, trusted: &TrustedKey) -> Result<Digest> {
    let key = trusted.public_key(&key_beside(dir))?;
    let manifest = Manifest::open(dir, Some(&key))?;
    manifest.check_files(dir)?;
    Ok(manifest.root)
}

/// Lets a loader read a model folder, or says which file stands against it. With a trusted key the
/// signature must be that key's; without one it must be that of the key in the folder above, if
/// there is one, which shows damage but proves no origin.
///
/// # Errors
/// When the signature is missing or refused, or a file is altered, missing or not listed.
pub fn load_guard(dir: &Path, trusted: Option<&TrustedKey>) -> Result<LoadGuard> {
    let beside = key_beside(dir);
    let key = match trusted {
        Some(trusted) => Some(trusted.public_key(&beside)?),
        None if beside.is_file() => Some(PublicKey::from_file(&beside)?),
        None => None,
    };
    let manifest = Manifest::open(dir, key.as_ref())?;
    manifest.check_files(dir)?;
    Ok(LoadGuard {
        manifest,
        signed_by: key.map(|key| key.fingerprint()),
    })
}

/// The identity of a model folder as it stands, signed or not.
///
/// # Errors
/// When the folder is empty, holds a link, or cannot be read.
pub fn model_root(dir: &Path) -> Result<Digest> {
    Ok(Manifest::of(dir)?.root)
}

impl Manifest {
    /// The list of a folder as it stands.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        let resources = tree_of(dir)?.files().to_vec();
        if resources.is_empty() {
            return Err(Error::form(dir, "the model folder is empty"));
        }
        Ok(Self {
            root: root_of(&resources),
            resources,
        })
    }

    /// The signed list, checked against the key if one is given.
    pub(crate) fn open(dir: &Path, key: Option<&PublicKey>) -> Result<Self> {
        let path = dir.join(MODEL_SIGNATURE);
        Self::parse(&files::read_text(&path)?, key, &path)
    }

    /// The signed list in a signature's text, which came from `path`.
    pub(crate) fn parse(signature: &str, key: Option<&PublicKey>, path: &Path) -> Result<Self> {
        let bundle: Bundle = files::parse_json(path, signature)?;
        if bundle.media_type != MEDIA_TYPE {
            return Err(Error::form(path, "it is not a Sigstore bundle 0.3"));
        }
        let payload = match key {
            Some(key) => bundle.dsse_envelope.open(PAYLOAD_TYPE, key, path)?,
            None => bundle.dsse_envelope.payload(PAYLOAD_TYPE, path)?,
        };
        let text = String::from_utf8_lossy(&payload);
        Self::from_statement(&files::parse_json(path, &text)?, path)
    }

    fn from_statement(statement: &Statement, path: &Path) -> Result<Self> {
        let refuse = |what: &str| Err(Error::form(path, what));
        if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
            return refuse("it is not a statement of Model Signing 1.0");
        }
        let serialization = &statement.predicate.serialization;
        if serialization.method != "files" || serialization.hash_type != "sha256" {
            return refuse("its files are not listed one by one by SHA-256");
        }
        let [subject] = statement.subject.as_slice() else {
            return refuse("it does not have exactly one subject");
        };
        let mut resources = Vec::new();
        for resource in &statement.predicate.resources {
            let digest = format!("sha256:{}", resource.digest).parse();
            let (Ok(digest), "sha256") = (digest, resource.algorithm.as_str()) else {
                return refuse("it lists a file without its SHA-256");
            };
            if !is_plain(&resource.name) {
                return refuse("it lists a file outside the model folder");
            }
            resources.push(NamedDigest {
                name: resource.name.clone(),
                digest,
            });
        }
        let names: BTreeSet<_> = resources.iter().map(|file| &file.name).collect();
        if names.len() < resources.len() {
            return refuse("it lists a file twice");
        }
        let root = root_of(&resources);
        if root.hex() != subject.digest.sha256 {
            return refuse("its root digest is not that of its list");
        }
        Ok(Self { root, resources })
    }

    /// Whether these are the bytes of the listed file: for a loader that wants to be sure that
    /// nothing changed since the guard looked.
    pub fn vouches_for(&self, name: &str, bytes: &[u8]) -> bool {
        let digest = Digest::of(bytes);
        let listed = |file: &NamedDigest| file.name == name && file.digest == digest;
        self.resources.iter().any(listed)
    }

    /// How the files in a folder differ from the list.
    pub(crate) fn faults(&self, dir: &Path) -> Result<Vec<Fault>> {
        let listed = Tree::from_files(self.resources.clone());
        Ok(listed.compare(&tree_of(dir)?))
    }

    fn check_files(&self, dir: &Path) -> Result<()> {
        let faults = self.faults(dir)?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::Model {
            dir: dir.to_owned(),
            faults,
        })
    }
}

/// The files that a signature covers.
fn tree_of(dir: &Path) -> Result<Tree> {
    let ignored = |name: &str| IGNORED.contains(&name.split('/').next().unwrap_or_default());
    Ok(Tree::read(dir)?.without(ignored))
}

/// SHA-256 over the raw digests in order (Model Signing 1.0).
fn root_of(resources: &[NamedDigest]) -> Digest {
    let digests: Vec<&[u8]> = resources.iter().map(|file| &file.digest.0[..]).collect();
    Digest::of_parts(&digests)
}

/// Whether a name is a plain path inside the folder.
pub(crate) fn is_plain(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    !name.contains(['\\', '\0']) && name.split('/').all(part)
}

/// The public key in the folder above a model: the run's.
fn key_beside(dir: &Path) -> PathBuf {
    dir.join("..").join(PUBLIC_KEY)
}

fn folder_name(dir: &Path) -> Result<String> {
    let whole = dir.canonicalize().map_err(Error::file("find", dir))?;
    let name = whole.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}
