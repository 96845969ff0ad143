//! Escrow: the keys of de-identification in shares for custodians, of which any `threshold` make
//! the keys again and fewer tell nothing (Shamir 1979, over GF(256), by the crate `blahaj`).
//!
//! A share is a small text that can be printed. It names its set, so that shares of two escrows
//! are not mixed, and ends with a check against slips of the pen; whether the joined keys are the
//! right ones is proven by a digest inside the secret.

use crate::error::{Error, Result};
use crate::institution::random_bytes;
use crate::keyring::{Keyring, hex, unhex};
use blahaj::Sharks;
use longitude_core::Digest;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

const TITLE: &str = "longitude key share v1";
/// Bytes of one epoch in the secret: its number and its key.
const EPOCH_BYTES: usize = 36;
/// Bytes of the digest at the secret's end.
const PROOF_BYTES: usize = 16;
/// Hexadecimal digits of a set's name and of a check.
const NAME_DIGITS: usize = 16;

/// How many custodians there are, and how many of them must come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escrow {
    /// Shares that make the keys again.
    pub threshold: u8,
    /// Shares in all.
    pub shares: u8,
}

/// One custodian's share.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    escrow: Escrow,
    institution: Digest,
    set: String,
    number: u8,
    bytes: Vec<u8>,
}

impl Escrow {
    /// Makes the shares of all epochs of a ring.
    ///
    /// # Errors
    /// When fewer than two shares would be enough, more are asked than there are, or a key is
    /// locked.
    pub fn split(self, keys: &Keyring, institution: Digest) -> Result<Vec<Share>> {
        if self.threshold < 2 || self.shares < self.threshold {
            let what = "at least two shares must be needed, and at least as many be made";
            return Err(Error::Shares(what.to_owned()));
        }
        let mut secret = Vec::new();
        for epoch in keys.epochs() {
            secret.extend_from_slice(&epoch.number.to_le_bytes());
            secret.extend_from_slice(&epoch.key()?);
        }
        let proof = Digest::of(&secret);
        secret.extend_from_slice(&proof.0[..PROOF_BYTES]);
        let mut random = StdRng::from_seed(random_bytes::<32>()?);
        let set = Digest::of(&random_bytes::<32>()?).hex()[..NAME_DIGITS].to_owned();
        let dealer = Sharks(self.threshold).dealer_rng(&secret, &mut random);
        let shares = (1..=self.shares).zip(dealer).map(|(number, share)| Share {
            escrow: self,
            institution,
            set: set.clone(),
            number,
            bytes: Vec::from(&share),
        });
        Ok(shares.collect())
    }
}

impl Share {
    /// Its number among the shares, from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The fingerprint of the institution whose keys they are.
    pub fn institution(&self) -> Digest {
        self.institution
    }

    /// The share as a text for its custodian.
    pub fn to_text(&self) -> String {
        let body = self.body();
        let check = check(&body);
        format!("{body}check {check}\n")
    }

    fn body(&self) -> String {
        format!(
            "{TITLE}\ninstitution {}\nset {}\nthreshold {} of {}\nshare {} {}\n",
            self.institution,
            self.set,
            self.escrow.threshold,
            self.escrow.shares,
            self.number,
            hex(&self.bytes)
        )
    }

    /// Reads a share.
    ///
    /// # Errors
    /// When it is none, or a letter of it was changed.
    pub fn parse(text: &str) -> Result<Self> {
        let none = || Error::Shares("a text is no share of this program".to_owned());
        let share = read(text).ok_or_else(none)?;
        let written = text.lines().find_map(|line| line.strip_prefix("check "));
        if written.map(str::trim) != Some(&*check(&share.body())) {
            let what = format!(
                "share {} does not fit its check: a slip in it",
                share.number
            );
            return Err(Error::Shares(what));
        }
        Ok(share)
    }

    /// Makes the keys again from shares of one set.
    ///
    /// # Errors
    /// When they are of different sets, too few, or do not make what was split.
    pub fn join(shares: &[Self]) -> Result<Keyring> {
        let Some(first) = shares.first() else {
            return Err(Error::Shares("there are none".to_owned()));
        };
        if let Some(other) = shares.iter().find(|share| share.set != first.set) {
            let what = format!("share {} is of another set", other.number);
            return Err(Error::Shares(what));
        }
        let different: BTreeSet<u8> = shares.iter().map(|share| share.number).collect();
        let needed = first.escrow.threshold;
        if different.len() < usize::from(needed) {
            let what = format!("{} of {needed} needed are here", different.len());
            return Err(Error::Shares(what));
        }
        let points: Result<Vec<_>, _> = shares
            .iter()
            .map(|share| blahaj::Share::try_from(share.bytes.as_slice()))
            .collect();
        let broken = |what: &str| Error::Shares(what.to_owned());
        let points = points.map_err(broken)?;
        let secret = Sharks(needed).recover(&points).map_err(broken)?;
        let keys =
            keys_of(&secret).ok_or_else(|| broken("what they make is not what was split"))?;
        Ok(Keyring::of(keys))
    }

    /// Writes recovered keys into an empty folder, in the form of an institution's.
    ///
    /// # Errors
    /// When a key stands there or nothing can be written.
    pub fn restore(keys: &Keyring, dir: &Path) -> Result<()> {
        keys.create(dir)
    }
}

fn read(text: &str) -> Option<Share> {
    let mut lines = text.lines().map(str::trim);
    if lines.next()? != TITLE {
        return None;
    }
    let institution = lines.next()?.strip_prefix("institution ")?.parse().ok()?;
    let set = lines.next()?.strip_prefix("set ")?.to_owned();
    let (threshold, shares) = lines
        .next()?
        .strip_prefix("threshold ")?
        .split_once(" of ")?;
    let (number, bytes) = lines.next()?.strip_prefix("share ")?.split_once(' ')?;
    Some(Share {
        escrow: Escrow {
            threshold: threshold.parse().ok()?,
            shares: shares.parse().ok()?,
        },
        institution,
        set,
        number: number.parse().ok()?,
        bytes: unhex(bytes)?,
    })
}

fn check(body: &str) -> String {
    Digest::of(body.as_bytes()).hex()[..NAME_DIGITS].to_owned()
}

fn keys_of(secret: &[u8]) -> Option<Vec<(u32, [u8; 32])>> {
    let (keys, proof) = secret.split_at_checked(secret.len().checked_sub(PROOF_BYTES)?)?;
    let right = Digest::of(keys).0[..PROOF_BYTES] == *proof;
    if !right || keys.is_empty() || !keys.len().is_multiple_of(EPOCH_BYTES) {
        return None;
    }
    let epoch = |bytes: &[u8]| {
        let (number, key) = bytes.split_at_checked(4)?;
        let number = u32::from_le_bytes(number.try_into().ok()?);
        Some((number, key.try_into().ok()?))
    };
    keys.chunks(EPOCH_BYTES).map(epoch).collect()
}

/// Redacted: a share is a part of a secret.
impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of set {}, ..)", self.number, self.set)
    }
}
