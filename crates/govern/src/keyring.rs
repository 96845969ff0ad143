//! The keys of de-identification, one an epoch: the newest makes pseudonyms, the older ones answer
//! for those that were made before.
//!
//! Epoch 1 is `deid.key`, later ones are `deid.2.key` and so on, in the institution's folder. A key
//! file holds one line, 64 hexadecimal digits or the key locked by a passphrase, and for later
//! epochs a second line with the date. A lock is XChaCha20-Poly1305 (RFC 8439's cipher with a
//! nonce of 24 bytes) under a key of Argon2id (RFC 9106) with OWASP's parameters of 2023: 19 MiB,
//! 2 passes, 1 lane.

use crate::error::{Error, Result};
use crate::files;
use crate::institution::random_bytes;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use longitude_core::{Digest, Instant};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const LOCKED: &str = "locked argon2id 19456 2 1 xchacha20poly1305";

/// The keys of an institution.
#[derive(Clone)]
pub struct Keyring {
    /// Never empty; epoch 1 first.
    epochs: Vec<Epoch>,
}

/// A key and its time.
#[derive(Clone)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// When it was made, where the file says so.
    pub created: Option<String>,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Open([u8; 32]),
    Locked(Box<Locked>),
    /// Open in memory, locked on the disk.
    Opened([u8; 32], Box<Locked>),
}

/// A key that only its passphrase opens.
#[derive(Clone)]
struct Locked {
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl Keyring {
    /// A ring of one key.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self::of(vec![(1, key)])
    }

    /// A ring of the keys of epochs, as an escrow gives them back.
    pub(crate) fn of(keys: Vec<(u32, [u8; 32])>) -> Self {
        let epoch = |(number, key)| Epoch {
            number,
            created: None,
            secret: Secret::Open(key),
        };
        Self {
            epochs: keys.into_iter().map(epoch).collect(),
        }
    }

    /// Reads the keys in an institution's folder.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let mut epochs = vec![read(&path_of(dir, 1), 1)?];
        for number in 2.. {
            let path = path_of(dir, number);
            if !path.is_file() {
                break;
            }
            epochs.push(read(&path, number)?);
        }
        Ok(Self { epochs })
    }

    /// Writes the keys into a folder that has none.
    pub(crate) fn create(&self, dir: &Path) -> Result<()> {
        for epoch in &self.epochs {
            files::write_secret(&path_of(dir, epoch.number), &epoch.to_text())?;
        }
        Ok(())
    }

    /// The epochs, oldest first.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// The number of the epoch that makes pseudonyms now.
    pub fn current(&self) -> u32 {
        self.epochs.last().map_or(1, |epoch| epoch.number)
    }

    /// The key of an epoch; none where there is no such epoch.
    ///
    /// # Errors
    /// When it is locked and was not opened.
    pub fn key(&self, number: u32) -> Result<Option<[u8; 32]>> {
        let epoch = self.epochs.iter().find(|epoch| epoch.number == number);
        epoch.map(Epoch::key).transpose()
    }

    /// The key of the current epoch.
    ///
    /// # Errors
    /// When it is locked and was not opened.
    pub fn current_key(&self) -> Result<[u8; 32]> {
        let number = self.current();
        self.key(number)?.ok_or(Error::Locked(number))
    }

    /// Whether some key is locked and was not opened.
    pub fn is_locked(&self) -> bool {
        let locked = |epoch: &Epoch| matches!(epoch.secret, Secret::Locked(_));
        self.epochs.iter().any(locked)
    }

    /// Starts a new epoch with a new key, which makes the pseudonyms from now on. Its number.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn rotate(&mut self, dir: &Path, key: [u8; 32], created: Instant) -> Result<u32> {
        let epoch = Epoch {
            number: self.current() + 1,
            created: Some(created.to_string()),
            secret: Secret::Open(key),
        };
        files::write_secret(&path_of(dir, epoch.number), &epoch.to_text())?;
        let number = epoch.number;
        self.epochs.push(epoch);
        Ok(number)
    }

    /// Locks every key on the disk by a passphrase. They stay open in memory.
    ///
    /// # Errors
    /// When one is locked already and was not opened, or a file cannot be written.
    pub fn lock(&mut self, dir: &Path, passphrase: &str) -> Result<()> {
        for epoch in &mut self.epochs {
            let key = epoch.key()?;
            let locked = Locked::seal(&key, epoch.number, passphrase)?;
            epoch.secret = Secret::Opened(key, Box::new(locked));
            replace(&path_of(dir, epoch.number), &epoch.to_text())?;
        }
        Ok(())
    }

    /// Opens every locked key in memory; the disk stays as it is.
    ///
    /// # Errors
    /// When the passphrase does not open one.
    pub fn unlock(&mut self, dir: &Path, passphrase: &str) -> Result<()> {
        for epoch in &mut self.epochs {
            let Secret::Locked(locked) = &epoch.secret else {
                continue;
            };
            let path = path_of(dir, epoch.number);
            let key = locked.open(epoch.number, passphrase);
            let key = key.ok_or(Error::Passphrase(path))?;
            epoch.secret = Secret::Opened(key, locked.clone());
        }
        Ok(())
    }

    /// Writes every key to the disk without a lock.
    ///
    /// # Errors
    /// When one is locked and was not opened, or a file cannot be written.
    pub fn expose(&mut self, dir: &Path) -> Result<()> {
        for epoch in &mut self.epochs {
            epoch.secret = Secret::Open(epoch.key()?);
            replace(&path_of(dir, epoch.number), &epoch.to_text())?;
        }
        Ok(())
    }
}

impl Epoch {
    /// Whether its file is locked by a passphrase.
    pub fn is_protected(&self) -> bool {
        !matches!(self.secret, Secret::Open(_))
    }

    /// Its key.
    ///
    /// # Errors
    /// When it is locked and was not opened.
    pub fn key(&self) -> Result<[u8; 32]> {
        match &self.secret {
            Secret::Open(key) | Secret::Opened(key, _) => Ok(*key),
            Secret::Locked(_) => Err(Error::Locked(self.number)),
        }
    }

    fn to_text(&self) -> String {
        let mut text = match &self.secret {
            Secret::Open(key) => Digest(*key).hex(),
            Secret::Locked(locked) | Secret::Opened(_, locked) => locked.to_text(),
        };
        text.push('\n');
        if let Some(created) = &self.created {
            text.push_str(&format!("created {created}\n"));
        }
        text
    }
}

impl Locked {
    fn seal(key: &[u8; 32], number: u32, passphrase: &str) -> Result<Self> {
        let salt = random_bytes::<SALT_BYTES>()?;
        let nonce = random_bytes::<NONCE_BYTES>()?;
        let refused = || Error::Key("the key cannot be locked".to_owned());
        let cipher = cipher(passphrase, &salt).ok_or_else(refused)?;
        let about = about(number);
        let message = Payload {
            msg: key,
            aad: about.as_bytes(),
        };
        let sealed = cipher.encrypt(&XNonce::from(nonce), message);
        Ok(Self {
            salt,
            nonce,
            sealed: sealed.map_err(|_error| refused())?,
        })
    }

    fn open(&self, number: u32, passphrase: &str) -> Option<[u8; 32]> {
        let about = about(number);
        let message = Payload {
            msg: &self.sealed,
            aad: about.as_bytes(),
        };
        let cipher = cipher(passphrase, &self.salt)?;
        let key = cipher.decrypt(&XNonce::from(self.nonce), message).ok()?;
        key.try_into().ok()
    }

    fn to_text(&self) -> String {
        let parts = [hex(&self.salt), hex(&self.nonce), hex(&self.sealed)];
        format!("{LOCKED} {}", parts.join(" "))
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(LOCKED)?.split_whitespace();
        let mut part = || unhex(parts.next()?);
        let locked = Self {
            salt: part()?.try_into().ok()?,
            nonce: part()?.try_into().ok()?,
            sealed: part()?,
        };
        parts.next().is_none().then_some(locked)
    }
}

/// What a locked key is bound to, so that no epoch's file can stand for another's.
fn about(number: u32) -> String {
    format!("longitude deid key, epoch {number}")
}

fn cipher(passphrase: &str, salt: &[u8]) -> Option<XChaCha20Poly1305> {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let mut key = [0; 32];
    argon
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .ok()?;
    Some(XChaCha20Poly1305::new(&Key::from(key)))
}

fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(match number {
        1 => "deid.key".to_owned(),
        _ => format!("deid.{number}.key"),
    })
}

fn read(path: &Path, number: u32) -> Result<Epoch> {
    let text = files::read_secret(path)?;
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("").trim();
    let open: Option<Digest> = format!("sha256:{first}").parse().ok();
    let locked = || Locked::from_text(first).map(|locked| Secret::Locked(Box::new(locked)));
    let secret = open.map(|key| Secret::Open(key.0)).or_else(locked);
    let what = "it is neither 64 hexadecimal digits nor a locked key";
    let created = lines.find_map(|line| line.strip_prefix("created "));
    Ok(Epoch {
        number,
        created: created.map(|text| text.trim().to_owned()),
        secret: secret.ok_or_else(|| Error::form(path, what))?,
    })
}

/// Puts a secret file in the place of another; a crash leaves the one or the other.
fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = files::beside(path, ".tmp");
    if beside.exists() {
        fs::remove_file(&beside).map_err(Error::file("remove", &beside))?;
    }
    files::write_secret(&beside, text)?;
    files::rename(&beside, path)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let pairs = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
    pairs.collect()
}

/// The bytes of hexadecimal digits; `None` where they are none.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Redacted: the keys are secret.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} epochs)", self.epochs.len())
    }
}

/// Redacted.
impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({}, ..)", self.number)
    }
}
