//! The institution's key, and the keyed functions made of it: HMAC-SHA256 (RFC 2104, FIPS 198-1).
//!
//! Each purpose has a key of its own, HMAC(key, purpose), so that the pseudonym of a subject says
//! nothing about that subject's date shift.

use hmac::{Hmac, KeyInit, Mac};
use longitude_core::{Digest, SubjectId};
use sha2::Sha256;
use std::fmt;

/// The institution's secret of 32 random bytes. Whoever has it can make the pseudonyms again.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of 32 bytes from a cryptographic random generator.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A name for the key that does not disclose it, for receipts.
    pub fn fingerprint(&self) -> Digest {
        self.subkey("fingerprint").tag(&[])
    }

    /// The keyed digest of a value for a purpose of the caller's own (UIDs of images): without the
    /// key it tells nothing of the value.
    pub fn digest(&self, purpose: &str, value: &[u8]) -> Digest {
        self.subkey(purpose).tag(&[value])
    }

    /// The keyed function of a purpose.
    pub(crate) fn subkey(&self, purpose: &str) -> Subkey {
        let derived = keyed(&self.0).chain_update(purpose.as_bytes()).finalize();
        Subkey(keyed(&derived.into_bytes()))
    }
}

/// HMAC takes keys of every length, so that the slice is never refused.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    // RFC 2104 pads a short key with zeros to the block: the padded key is the same key.
    Hmac::new(&block.into())
}

/// Redacted.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The pseudonyms of subjects alone, for who resolves them.
pub struct Pseudonyms(Subkey);

impl Pseudonyms {
    /// Of a key.
    pub fn new(key: &Key) -> Self {
        Self(key.subkey("subject"))
    }

    /// The pseudonym of a subject.
    pub fn subject(&self, subject: SubjectId) -> SubjectId {
        SubjectId(self.0.pseudonym(subject.0))
    }
}

/// Redacted: it holds a key.
impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(..)")
    }
}

/// A keyed function of one purpose.
#[derive(Clone)]
pub(crate) struct Subkey(Hmac<Sha256>);

/// Redacted.
impl fmt::Debug for Subkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subkey(..)")
    }
}

impl Subkey {
    /// The authentication code of some parts; the caller separates parts whose length varies.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest(mac.finalize().into_bytes().into())
    }

    /// A pseudonym of 63 bits.
    pub(crate) fn pseudonym(&self, id: i64) -> i64 {
        self.tag(&[&id.to_le_bytes()]).leading_i63()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, and a key that is shown to nobody.
    #[test]
    fn it_is_hmac_sha256() {
        let tag = Subkey(keyed(b"Jefe")).tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            tag.hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(format!("{:?}", Key::from_bytes([7; 32])), "Key(..)");
    }

    #[test]
    fn purposes_are_apart() {
        let key = Key::from_bytes([1; 32]);
        assert_ne!(key.subkey("a").pseudonym(5), key.subkey("b").pseudonym(5));
        assert_eq!(key.subkey("a").pseudonym(5), key.subkey("a").pseudonym(5));
        assert!(key.subkey("a").pseudonym(-5) >= 0);
    }
}
