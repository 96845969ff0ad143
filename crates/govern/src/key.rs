//! Public keys: the institution's, and the one that a user pinned beforehand.

use crate::error::{Error, Result};
use crate::files;
use longitude_core::Digest;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use std::fmt;
use std::path::Path;

/// A P-256 public key, known by its fingerprint.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    pem: String,
    fingerprint: Digest,
}

/// The key that a user trusts: it came on another way than the run that it judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey(Pin);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    Key(PublicKey),
    Fingerprint(Digest),
}

impl PublicKey {
    pub(crate) fn new(key: VerifyingKey) -> Result<Self> {
        let bad = |_error| Error::Key("the public key cannot be encoded".to_owned());
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(bad)?;
        let der = key.to_public_key_der().map_err(bad)?;
        let fingerprint = Digest::of(der.as_bytes());
        Ok(Self {
            key,
            pem,
            fingerprint,
        })
    }

    /// Reads a public key from PEM (SPKI).
    ///
    /// # Errors
    /// When the text is not the PEM of a P-256 public key.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = VerifyingKey::from_public_key_pem(pem.trim())
            .map_err(|_error| Error::Key("not the PEM of a P-256 public key".to_owned()))?;
        Self::new(key)
    }

    /// Reads a public key from a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or is not the PEM of a P-256 public key.
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::from_pem(&files::read_text(path)?)
            .map_err(|error| Error::form(path, error.to_string()))
    }

    /// The key as PEM (SPKI), with newlines.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-256 of the key's SPKI DER.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whether the DER signature is this key's over the bytes.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.key.verify(bytes, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint)
    }
}

impl TrustedKey {
    /// Pins a public key that is given whole.
    ///
    /// # Errors
    /// When the text is not the PEM of a P-256 public key.
    pub fn from_pem(pem: &str) -> Result<Self> {
        Ok(Self(Pin::Key(PublicKey::from_pem(pem)?)))
    }

    /// Pins the public key in a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or is not the PEM of a P-256 public key.
    pub fn from_file(path: &Path) -> Result<Self> {
        Ok(Self(Pin::Key(PublicKey::from_file(path)?)))
    }

    /// Pins a fingerprint, `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text is not a fingerprint.
    pub fn from_fingerprint(text: &str) -> Result<Self> {
        let digest = text
            .trim()
            .parse()
            .map_err(|_error| Error::Key("a fingerprint is `sha256:` and 64 digits".to_owned()))?;
        Ok(Self(Pin::Fingerprint(digest)))
    }

    /// Reads what a user wrote behind `--trusted-key`: a fingerprint, or the path of a PEM file.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().starts_with("sha256:") {
            Self::from_fingerprint(text)
        } else {
            Self::from_file(Path::new(text))
        }
    }

    /// The fingerprint of the trusted key.
    pub fn fingerprint(&self) -> Digest {
        match &self.0 {
            Pin::Key(key) => key.fingerprint(),
            Pin::Fingerprint(digest) => *digest,
        }
    }

    /// The trusted key itself. Where only its fingerprint is known, the key is read from the file
    /// `beside` and must have that fingerprint.
    ///
    /// # Errors
    /// When that file cannot be read or holds another key.
    pub fn public_key(&self, beside: &Path) -> Result<PublicKey> {
        match &self.0 {
            Pin::Key(key) => Ok(key.clone()),
            Pin::Fingerprint(trusted) => {
                let key = PublicKey::from_file(beside)?;
                if key.fingerprint() == *trusted {
                    return Ok(key);
                }
                Err(Error::OtherKey {
                    path: beside.to_owned(),
                    found: key.fingerprint(),
                    trusted: *trusted,
                })
            }
        }
    }
}
