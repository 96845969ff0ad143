//! Cosignatures: a witness's word that it saw a log grow only at its end (C2SP tlog-cosignature,
//! Ed25519), and the policy that says whose word is enough (C2SP tlog-policy).
//!
//! A log can show one history to one reader and another to the next; a reader who asks for the
//! cosignatures of independent witnesses cannot be told two.

use crate::error::{Error, Result};
use crate::note::{
    Checkpoint, Signer, VerifyingKey, hex, key_id, key_parts, key_text, signature, split_note,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use std::collections::BTreeMap;
use std::fmt;

/// The signature type of an Ed25519 cosignature (C2SP tlog-cosignature).
const COSIGNATURE: u8 = 0x04;
/// Time and signature of a cosignature.
const COSIGNATURE_BYTES: usize = 8 + 64;
/// More logs, witnesses and groups than any institution has; the specification asks for 32.
const POLICY_LINES_MAX: usize = 4_096;

/// The public key of a witness, with the name under which it cosigns.
#[derive(Clone, PartialEq, Eq)]
pub struct Witness {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

/// A checkpoint that the policy accepts, and who vouched for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The witnesses' names with the seconds since 1970 at which they cosigned, as they state.
    pub witnesses: BTreeMap<String, u64>,
}

impl Signer {
    /// The public half of this key as a witness's. A key that cosigns must not sign a log of its
    /// own, and one witness must not use the key under two names (C2SP tlog-cosignature).
    pub fn witness(&self) -> Witness {
        Witness {
            name: self.name().to_owned(),
            key: self.public(),
        }
    }

    /// The line that cosigns a checkpoint's note at a time in seconds since 1970. Whether the log
    /// grew only at its end is for the caller to have checked (`WitnessBook`).
    ///
    /// # Errors
    /// When the text is not a signed note.
    pub fn cosign(&self, note: &str, time: u64) -> Result<String> {
        let (text, _signatures) = split_note(note)?;
        let mut bytes = self.witness().id().to_vec();
        bytes.extend(time.to_be_bytes());
        bytes.extend(
            self.secret()
                .sign(message(text, time).as_bytes())
                .to_bytes(),
        );
        let name = self.name();
        Ok(format!("\u{2014} {name} {}\n", STANDARD.encode(bytes)))
    }
}

impl Witness {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a verifier key of type cosignature, `name+keyid+base64(type and key)`.
    ///
    /// # Errors
    /// When the text is not one, or its key id is not that of the name and key.
    pub fn from_text(text: &str) -> Result<Self> {
        let (name, id, bytes) = key_parts(text.trim_end(), COSIGNATURE)?;
        let witness = Self {
            name: name.to_owned(),
            key: ed25519_dalek::VerifyingKey::from_bytes(&bytes)
                .map_err(|_error| Error::Key("it is not a point of the curve"))?,
        };
        if hex(witness.id()) != id {
            return Err(Error::Key("its key id does not fit"));
        }
        Ok(witness)
    }

    /// When this witness cosigned the note, in seconds since 1970; none where it did not. Of
    /// several cosignatures the latest counts.
    ///
    /// # Errors
    /// When the text is not a signed note, or a line that is this witness's does not verify.
    pub fn cosigned(&self, note: &str) -> Result<Option<u64>> {
        let (text, signatures) = split_note(note)?;
        let mut latest = None;
        for line in signatures.split_terminator('\n') {
            let (name, bytes) = signature(line)?;
            if name != self.name || bytes[..4] != self.id() {
                continue;
            }
            let fits = bytes.len() == 4 + COSIGNATURE_BYTES;
            let (time, signed) = bytes[4..]
                .split_first_chunk::<8>()
                .filter(|_| fits)
                .ok_or(Error::Checkpoint("a cosignature has the wrong length"))?;
            let time = u64::from_be_bytes(*time);
            let signed = ed25519_dalek::Signature::from_slice(signed)
                .map_err(|_error| Error::Checkpoint("a cosignature has the wrong length"))?;
            self.key
                .verify_strict(message(text, time).as_bytes(), &signed)
                .map_err(|_error| Error::Checkpoint("a cosignature does not fit its text"))?;
            latest = latest.max(Some(time));
        }
        Ok(latest)
    }

    fn id(&self) -> [u8; 4] {
        key_id(COSIGNATURE, &self.name, self.key.as_bytes())
    }
}

/// The verifier key, `name+keyid+base64(type and key)`.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = key_text(COSIGNATURE, self.key.as_bytes());
        write!(f, "{}+{}+{key}", self.name, hex(self.id()))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({self})")
    }
}

/// What a witness signs: header, time, and the note's text (C2SP tlog-cosignature).
fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Which logs are known, which witnesses, and how many of them must have cosigned a checkpoint
/// (C2SP tlog-policy). URLs are read and left out: verification needs none.
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<VerifyingKey>,
    members: BTreeMap<String, Member>,
    /// None where no cosignature is asked for.
    quorum: Option<String>,
}

#[derive(Clone, Debug)]
enum Member {
    Witness(Witness),
    Group { least: usize, names: Vec<String> },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`Error::Policy`] names the line and what is wrong with it.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut policy = Self {
            logs: Vec::new(),
            members: BTreeMap::new(),
            quorum: None,
        };
        let (mut has_quorum, mut used) = (false, Vec::new());
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            let at = |what: String| Error::Policy {
                line: number + 1,
                what,
            };
            if number >= POLICY_LINES_MAX {
                return Err(at("the file has too many lines".to_owned()));
            }
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => policy.log(key).map_err(at)?,
                ["witness", name, key] | ["witness", name, key, _] => {
                    policy.witness(name, key).map_err(at)?;
                }
                ["group", name, least, names @ ..] => {
                    policy.group(name, least, names, &mut used).map_err(at)?;
                }
                ["quorum", _] if has_quorum => return Err(at("a second quorum".to_owned())),
                ["quorum", name] => {
                    has_quorum = true;
                    policy.quorum = (*name != "none").then(|| (*name).to_owned());
                    if policy.quorum.is_some() {
                        policy.known(name).map_err(at)?;
                    }
                }
                [word, ..] => {
                    let expected = "`log KEY`, `witness NAME KEY`, `group NAME all|any|K NAME...` \
                                    or `quorum NAME`";
                    return Err(at(format!(
                        "`{word}` with these words is none of {expected}"
                    )));
                }
            }
        }
        if !has_quorum {
            let line = text.lines().count().max(1);
            let what = "there is no quorum line: write `quorum none` if no witness is asked for";
            let what = what.to_owned();
            return Err(Error::Policy { line, what });
        }
        Ok(policy)
    }

    /// Checks a checkpoint's note: signed by a known log under its own name, and cosigned by the
    /// quorum.
    ///
    /// # Errors
    /// When no known log signed it, a known key's line does not verify, or too few witnesses
    /// cosigned it.
    pub fn open(&self, note: &str) -> Result<Cosigned> {
        let named = Checkpoint::parse(note)?.origin;
        let mut known = self.logs.iter().filter(|log| log.name() == named);
        let log = known
            .next()
            .ok_or(Error::Checkpoint("its log is not in the policy"))?;
        let checkpoint = Checkpoint::open(note, log).or_else(|error| {
            known
                .find_map(|log| Checkpoint::open(note, log).ok())
                .ok_or(error)
        })?;
        let mut witnesses = BTreeMap::new();
        for (name, member) in &self.members {
            if let Member::Witness(witness) = member
                && let Some(time) = witness.cosigned(note)?
            {
                witnesses.insert(name.clone(), time);
            }
        }
        if let Some(quorum) = &self.quorum
            && !self.holds(quorum, &witnesses)
        {
            return Err(Error::Checkpoint("too few witnesses have cosigned it"));
        }
        Ok(Cosigned {
            checkpoint,
            witnesses,
        })
    }

    /// Names refer to earlier lines only, so this ends.
    fn holds(&self, name: &str, cosigned: &BTreeMap<String, u64>) -> bool {
        match self.members.get(name) {
            Some(Member::Witness(_)) => cosigned.contains_key(name),
            Some(Member::Group { least, names }) => {
                let held = names.iter().filter(|name| self.holds(name, cosigned));
                held.count() >= *least
            }
            None => false,
        }
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let key = VerifyingKey::from_text(key).map_err(|error| error.to_string())?;
        if self.logs.iter().any(|log| log.as_bytes() == key.as_bytes()) {
            return Err("a second log with the same key".to_owned());
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), String> {
        let witness = Witness::from_text(key).map_err(|error| error.to_string())?;
        let same = |member: &Member| match member {
            Member::Witness(other) => other.key == witness.key,
            Member::Group { .. } => false,
        };
        if self.members.values().any(same) {
            return Err("a second witness with the same key".to_owned());
        }
        self.define(name, Member::Witness(witness))
    }

    fn group(
        &mut self,
        name: &str,
        least: &str,
        names: &[&str],
        used: &mut Vec<String>,
    ) -> Result<(), String> {
        for member in names {
            self.known(member)?;
            if used.iter().any(|one| one == member) {
                return Err(format!("`{member}` is a member of a group already"));
            }
            used.push((*member).to_owned());
        }
        let number = match least {
            "any" => Some(1),
            "all" => Some(names.len()),
            number => number.parse().ok(),
        };
        let least = number.filter(|least| (1..=names.len()).contains(least));
        let wanted = || {
            format!(
                "`all`, `any` or a number from 1 to {} is asked for",
                names.len()
            )
        };
        let group = Member::Group {
            least: least.ok_or_else(wanted)?,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        self.define(name, group)
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), String> {
        if name == "none" || self.members.contains_key(name) {
            return Err(format!("the name `{name}` is taken"));
        }
        self.members.insert(name.to_owned(), member);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), String> {
        if self.members.contains_key(name) {
            Ok(())
        } else {
            Err(format!("no line before this one defines `{name}`"))
        }
    }
}
