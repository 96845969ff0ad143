//! The institution: the keys with which it signs, logs and de-identifies.
//!
//! Its folder stands outside every run and never leaves the walls. It holds `signing.key.pem`
//! (P-256, PKCS#8), `log.key` (Ed25519, a note signer key), `deid.key` and its later epochs
//! ([`crate::keyring`]), all readable by their owner only, and `institution.pub.pem` and
//! `institution.json`, which are public.

use crate::error::{Error, Result};
use crate::files;
use crate::key::PublicKey;
use crate::keyring::Keyring;
use longitude_core::{Digest, Instant};
use longitude_ledger::Signer;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

const SIGNING_KEY: &str = "signing.key.pem";
const LOG_KEY: &str = "log.key";
const ABOUT: &str = "institution.json";
/// The public half of the signing key, in the institution's folder and in every run.
pub(crate) const PUBLIC_KEY: &str = "institution.pub.pem";

/// An institution's keys, open for signing.
pub struct Institution {
    name: String,
    signing: SigningKey,
    public: PublicKey,
    log: Signer,
    deid: Keyring,
}

/// `institution.json`: what may be known of it.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    v: u32,
    name: String,
    created: String,
    /// The fingerprint of the signing key.
    signing_key: Digest,
    /// The log key as a note verifier key.
    log_key: String,
}

/// Random bytes from the operating system: the one place where this crate draws them.
///
/// # Errors
/// When the system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

impl Institution {
    /// Makes an institution in a new folder from 96 random bytes, a third for each key.
    ///
    /// # Errors
    /// When the folder exists and is not empty, or cannot be written.
    pub fn create(dir: &Path, name: &str, created: Instant, random: &[u8; 96]) -> Result<Self> {
        let there = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if there || dir.is_file() {
            return Err(Error::InstitutionExists(dir.to_owned()));
        }
        let (seeds, _) = random.as_chunks::<32>();
        let signing = scalar(&seeds[0])?;
        let public = PublicKey::new(*SigningKey::from(&signing).verifying_key())?;
        let institution = Self {
            name: name.to_owned(),
            log: Signer::new(&log_name(public.fingerprint()), &seeds[1])?,
            signing: SigningKey::from(&signing),
            public,
            deid: Keyring::new(seeds[2]),
        };
        // All files are written into a folder beside, which then takes the name: an interrupted
        // creation leaves no half an institution.
        let dir: &Path = &dir.components().collect::<PathBuf>();
        let beside = files::beside(dir, ".partial");
        if beside.is_dir() {
            fs::remove_dir_all(&beside).map_err(Error::file("remove", &beside))?;
        }
        private_folder(&beside)?;
        institution.write(&beside, &signing, created)?;
        files::rename(&beside, dir)?;
        Ok(institution)
    }

    fn write(&self, dir: &Path, signing: &SecretKey, created: Instant) -> Result<()> {
        let pem = signing
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_error| Error::Key("the signing key cannot be encoded".to_owned()))?;
        files::write_secret(&dir.join(SIGNING_KEY), &pem)?;
        let log = self.log.to_secret_text() + "\n";
        files::write_secret(&dir.join(LOG_KEY), &log)?;
        self.deid.create(dir)?;
        files::write(&dir.join(PUBLIC_KEY), self.public.pem().as_bytes())?;
        let about = About {
            v: 1,
            name: self.name.clone(),
            created: created.to_string(),
            signing_key: self.public.fingerprint(),
            log_key: self.log.verifying_key().to_string(),
        };
        let text = files::to_json("the institution", &about)?;
        files::write(&dir.join(ABOUT), text.as_bytes())
    }

    /// Opens an institution's folder.
    ///
    /// # Errors
    /// When a file is missing or damaged, a private key can be read by other users, or the keys do
    /// not belong together.
    pub fn open(dir: &Path) -> Result<Self> {
        let about: About = files::read_json(&dir.join(ABOUT))?;
        let path = dir.join(SIGNING_KEY);
        let signing = SecretKey::from_pkcs8_pem(&files::read_secret(&path)?)
            .map_err(|_error| Error::form(&path, "it is not a P-256 key in PKCS#8 PEM"))?;
        let signing = SigningKey::from(&signing);
        let public = PublicKey::new(*signing.verifying_key())?;
        if public.fingerprint() != about.signing_key {
            return Err(Error::form(&path, format!("it is not the key of {ABOUT}")));
        }
        let path = dir.join(LOG_KEY);
        let log = Signer::from_secret_text(&files::read_secret(&path)?)
            .map_err(|error| Error::form(&path, error.to_string()))?;
        if log.verifying_key().to_string() != about.log_key {
            return Err(Error::form(&path, format!("it is not the key of {ABOUT}")));
        }
        Ok(Self {
            name: about.name,
            signing,
            public,
            log,
            deid: Keyring::open(dir)?,
        })
    }

    /// The institution's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key by which everyone can check what it signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The fingerprint of that key, to be kept outside every run.
    pub fn fingerprint(&self) -> Digest {
        self.public.fingerprint()
    }

    /// The keys of de-identification, one an epoch.
    pub fn deid_keys(&self) -> &Keyring {
        &self.deid
    }

    /// The same, to be unlocked or rotated.
    pub fn deid_keys_mut(&mut self) -> &mut Keyring {
        &mut self.deid
    }

    /// The log key under the name of one log.
    pub(crate) fn log_signer(&self, origin: &str) -> Result<Signer> {
        Ok(self.log.named(origin)?)
    }

    /// The DER signature over some bytes. Deterministic (RFC 6979).
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.signing.sign(bytes);
        signature.as_bytes().to_vec()
    }
}

/// Redacted: the keys are secret.
impl fmt::Debug for Institution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Institution({}, ..)", self.fingerprint())
    }
}

/// The name under which an institution's logs stand.
pub(crate) fn log_name(fingerprint: Digest) -> String {
    format!("longitude/{}", &fingerprint.hex()[..16])
}

/// A P-256 private key from a seed. A hash that is no scalar of the curve (once in 2^32) is
/// hashed on.
pub(crate) fn scalar(seed: &[u8; 32]) -> Result<SecretKey> {
    for counter in 0..=u8::MAX {
        let digest = Digest::of_parts(&[b"longitude p256 key", &[counter], seed]);
        if let Ok(key) = SecretKey::from_slice(&digest.0) {
            return Ok(key);
        }
    }
    Err(Error::Key("the seed gives no P-256 key".to_owned()))
}

/// Makes a folder, with its parents, that only its owner may enter.
fn private_folder(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Error::file("create", path))
}
