//! The log's head as text that is signed: C2SP tlog-checkpoint inside a C2SP signed note, with
//! Ed25519 keys written as the note's verifier and signer keys.

use crate::error::{Error, Result};
use crate::hash::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The signature type of an Ed25519 note (C2SP signed-note).
pub(crate) const ED25519: u8 = 0x01;
/// What a note signer key begins with.
const SECRET: &str = "PRIVATE+KEY+";
/// A checkpoint with sixteen signatures stays far below this.
const NOTE_BYTES_MAX: usize = 1 << 20;

/// The head of a log: its name, how many entries it holds and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// The private key of a log.
#[derive(Clone)]
pub struct Signer {
    name: String,
    key: ed25519_dalek::SigningKey,
}

/// The public key of a log, with the name under which it signs.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, a line each.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// The checkpoint as a signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.to_text();
        let mut bytes = signer.verifying_key().id().to_vec();
        bytes.extend(signer.key.sign(text.as_bytes()).to_bytes());
        format!(
            "{text}\n\u{2014} {} {}\n",
            signer.name,
            STANDARD.encode(bytes)
        )
    }

    /// Reads a checkpoint without asking who signed it.
    ///
    /// # Errors
    /// When the text is not a signed note with a checkpoint in it.
    pub fn parse(note: &str) -> Result<Self> {
        let (text, _signatures) = split_note(note)?;
        Self::from_body(text)
    }

    /// Reads the text that is signed.
    pub(crate) fn from_body(text: &str) -> Result<Self> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let (origin, size, root) = (line(), line(), line());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err(Error::Checkpoint("it does not hold name, size and root"));
        };
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size).ok_or(Error::Checkpoint("its size is not a number"))?,
            root: Hash::from_base64(root).ok_or(Error::Checkpoint("its root is not a hash"))?,
        })
    }

    /// Reads a checkpoint that `key` must have signed under its own name.
    ///
    /// # Errors
    /// When the text is not a checkpoint, or the key did not sign it.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self> {
        let checkpoint = Self::parse(note)?;
        check_signed(note, key)?;
        if checkpoint.origin != key.name {
            return Err(Error::Checkpoint("it is of a log with another name"));
        }
        Ok(checkpoint)
    }
}

impl Signer {
    /// A key from 32 random bytes, which signs under the log's name.
    ///
    /// # Errors
    /// When the name cannot stand in a note.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        })
    }

    /// Reads a note signer key, `PRIVATE+KEY+name+keyid+base64(type and seed)`.
    ///
    /// # Errors
    /// When the text is not one, or its key id is not that of the name and key.
    pub fn from_secret_text(text: &str) -> Result<Self> {
        let rest = text
            .trim_end()
            .strip_prefix(SECRET)
            .ok_or(Error::Key("it is not a private key"))?;
        let (name, id, seed) = key_parts(rest, ED25519)?;
        let signer = Self::new(name, &seed)?;
        if hex(signer.verifying_key().id()) == id {
            Ok(signer)
        } else {
            Err(Error::Key("its key id does not fit"))
        }
    }

    /// The note signer key, `PRIVATE+KEY+name+keyid+base64(type and seed)`: a secret.
    pub fn to_secret_text(&self) -> String {
        let id = hex(self.verifying_key().id());
        let key = key_text(ED25519, self.key.as_bytes());
        format!("{SECRET}{}+{id}+{key}", self.name)
    }

    /// The same key signing for a log of another name.
    ///
    /// # Errors
    /// When the name cannot stand in a note.
    pub fn named(&self, name: &str) -> Result<Self> {
        Self::new(name, self.key.as_bytes())
    }

    /// The name under which the key signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn secret(&self) -> &ed25519_dalek::SigningKey {
        &self.key
    }

    pub(crate) fn public(&self) -> ed25519_dalek::VerifyingKey {
        self.key.verifying_key()
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }
}

impl VerifyingKey {
    /// The name under which the key signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Reads a note verifier key, `name+keyid+base64(type and key)`.
    ///
    /// # Errors
    /// When the text is not one, or its key id is not that of the name and key.
    pub fn from_text(text: &str) -> Result<Self> {
        let (name, id, bytes) = key_parts(text.trim_end(), ED25519)?;
        let key = Self {
            name: name.to_owned(),
            key: ed25519_dalek::VerifyingKey::from_bytes(&bytes)
                .map_err(|_error| Error::Key("it is not a point of the curve"))?,
        };
        if hex(key.id()) != id {
            return Err(Error::Key("its key id does not fit"));
        }
        Ok(key)
    }

    fn id(&self) -> [u8; 4] {
        key_id(ED25519, &self.name, self.key.as_bytes())
    }
}

/// The first four bytes of SHA-256 over name, newline, type and key (C2SP signed-note).
pub(crate) fn key_id(kind: u8, name: &str, key: &[u8; 32]) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update([b'\n', kind]);
    hasher.update(key);
    let digest: [u8; 32] = hasher.finalize().into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The note verifier key, `name+keyid+base64(type and key)`.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = key_text(ED25519, self.key.as_bytes());
        write!(f, "{}+{}+{key}", self.name, hex(self.id()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// Redacted: the key is secret.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, ..)", self.name)
    }
}

/// An ASCII decimal without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if plain { text.parse().ok() } else { None }
}

/// Checks a name that a note can carry and a log can have.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(())
}

/// Name, key id and key bytes of `name+keyid+base64(type and bytes)`.
pub(crate) fn key_parts(text: &str, kind: u8) -> Result<(&str, &str, [u8; 32])> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::Key("it does not have three parts"));
    };
    check_name(name)?;
    let bytes = STANDARD
        .decode(key)
        .map_err(|_error| Error::Key("it is not base64"))?;
    let Some((found, key)) = bytes.split_first() else {
        return Err(Error::Key("it is empty"));
    };
    if *found != kind {
        return Err(Error::Key(match kind {
            ED25519 => "it is not a log's key (type Ed25519)",
            _ => "it is not a witness's key (type Ed25519 cosignature)",
        }));
    }
    let key = key
        .try_into()
        .map_err(|_error| Error::Key("it is not 32 bytes long"))?;
    Ok((name, id, key))
}

pub(crate) fn key_text(kind: u8, key: &[u8; 32]) -> String {
    let mut bytes = vec![kind];
    bytes.extend(key);
    STANDARD.encode(bytes)
}

/// Checks that the key signed the note under its own name.
fn check_signed(note: &str, key: &VerifyingKey) -> Result<()> {
    let (text, signatures) = split_note(note)?;
    let mut signed = false;
    for line in signatures.split_terminator('\n') {
        let (name, bytes) = signature(line)?;
        // A line of another name or key id is another's signature, for example a witness's.
        if name != key.name || bytes[..4] != key.id() {
            continue;
        }
        let signature = ed25519_dalek::Signature::from_slice(&bytes[4..])
            .map_err(|_error| Error::Checkpoint("its signature has the wrong length"))?;
        key.key
            .verify_strict(text.as_bytes(), &signature)
            .map_err(|_error| Error::Checkpoint("its signature does not fit its text"))?;
        signed = true;
    }
    if signed {
        Ok(())
    } else {
        Err(Error::Checkpoint("it is not signed by the expected key"))
    }
}

/// The text and the signature lines of a note, parted at its last empty line.
pub(crate) fn split_note(note: &str) -> Result<(&str, &str)> {
    if note.len() > NOTE_BYTES_MAX || note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(Error::Checkpoint("it is not a signed note"));
    }
    let at = note
        .rfind("\n\n")
        .ok_or(Error::Checkpoint("it is not a signed note"))?;
    let (text, signatures) = (&note[..=at], &note[at + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(Error::Checkpoint("it ends without a signature"));
    }
    Ok((text, signatures))
}

/// The name and the bytes of a signature line.
pub(crate) fn signature(line: &str) -> Result<(&str, Vec<u8>)> {
    const FORM: Error = Error::Checkpoint("a signature line has the wrong form");
    let rest = line.strip_prefix("\u{2014} ").ok_or(FORM)?;
    let (name, signature) = rest.split_once(' ').ok_or(FORM)?;
    let bytes = STANDARD.decode(signature).map_err(|_error| FORM)?;
    if check_name(name).is_err() || bytes.len() < 5 {
        return Err(FORM);
    }
    Ok((name, bytes))
}

pub(crate) fn hex(bytes: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published example of the note format's first implementation (golang.org/x/mod, note).
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\u{2014} PeterNeumann \
        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6Ryy\
        BwJnAM=\n";
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SKEY: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    #[test]
    fn a_published_note_verifies() {
        let key = VerifyingKey::from_text(VKEY).unwrap();
        assert_eq!(key.to_string(), VKEY);
        check_signed(NOTE, &key).unwrap();
        assert!(check_signed(&NOTE.replace("don't", "do not"), &key).is_err());
        assert!(check_signed(&NOTE.replace("x08go/Z", "x08go/Y"), &key).is_err());
    }

    #[test]
    fn a_published_key_signs_the_same() {
        let signer = Signer::from_secret_text(SKEY).unwrap();
        assert_eq!(signer.to_secret_text(), SKEY);
        assert_eq!(signer.verifying_key().to_string(), VKEY);
        assert_eq!(format!("{signer:?}"), "Signer(PeterNeumann, ..)");
        let other = signer.named("example.org/other").unwrap();
        assert_ne!(other.verifying_key().id(), signer.verifying_key().id());
    }

    #[test]
    fn a_checkpoint_comes_back_and_no_other_text_does() {
        let signer = Signer::new("example.org/log", &[7; 32]).unwrap();
        let key = signer.verifying_key();
        let checkpoint = Checkpoint {
            origin: "example.org/log".to_owned(),
            size: 70_000,
            root: crate::empty_root(),
        };
        let note = checkpoint.sign(&signer);
        expect_test::expect![[r"
            example.org/log
            70000
            47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

            — example.org/log XizvACDhVzfs8gUN2QGyqgjLVs5
        "]]
        .assert_eq(&format!("{}\n", &note[..115]));
        assert_eq!(Checkpoint::open(&note, &key).unwrap(), checkpoint);
        let cosigned = format!(
            "{note}\u{2014} witness.example {}\n",
            STANDARD.encode([9; 76])
        );
        assert_eq!(Checkpoint::open(&cosigned, &key).unwrap(), checkpoint);
        let wrong = [
            note.replace("70000", "70001"),
            note.replace("70000", "070000"),
            note.replace("70000", "+70000"),
            note.replace("example.org/log\n", "example.org/lag\n"),
            note.replace("47DEQ", "47DEQ="),
            note.replace("\u{2014}", "-"),
            note.trim_end().to_owned(),
            note.replace('\n', "\r\n"),
            String::new(),
            "\n\n".to_owned(),
        ];
        for text in wrong {
            assert!(Checkpoint::open(&text, &key).is_err(), "{text:?}");
        }
        let stranger = Signer::new("example.org/log", &[8; 32]).unwrap();
        assert!(Checkpoint::open(&note, &stranger.verifying_key()).is_err());
    }

    #[test]
    fn names_that_a_note_cannot_carry_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
            assert!(Signer::new(name, &[1; 32]).is_err(), "{name:?}");
        }
    }
}
