//! People who may act for a model, each with a key of his own, so that two approvals cannot come
//! from one hand. The institution vouches for a person's name, roles and key in a certificate that
//! travels with everything he signs; its register says whose key is revoked.

use crate::dsse::Envelope;
use crate::error::{Error, Result};
use crate::files;
use crate::institution::{Institution, scalar};
use crate::key::PublicKey;
use longitude_core::{Digest, Instant};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

const CERTIFICATE_TYPE: &str = "application/vnd.longitude.person.v1+json";
const REGISTER_TYPE: &str = "application/vnd.longitude.people.v1+json";
const REGISTER: &str = "people.json";

/// What a person does for a model or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers for the data and its purposes.
    DataSteward,
    /// Makes models, and therefore approves none.
    ModelDeveloper,
    /// Answers for safety: approves, suspends, withdraws.
    SafetyOfficer,
    /// Uses answers in care, or owns a task.
    Clinician,
    /// Is asked about.
    Patient,
    /// Looks at everything and changes nothing.
    Auditor,
    /// Joins other systems to it.
    Integrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::DataSteward,
        Self::ModelDeveloper,
        Self::SafetyOfficer,
        Self::Clinician,
        Self::Patient,
        Self::Auditor,
        Self::Integrator,
    ];

    /// The word as files and commands write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::DataSteward => "data_steward",
            Self::ModelDeveloper => "model_developer",
            Self::SafetyOfficer => "safety_officer",
            Self::Clinician => "clinician",
            Self::Patient => "patient",
            Self::Auditor => "auditor",
            Self::Integrator => "integrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = text.trim().replace([' ', '-'], "_").to_lowercase();
        let found = Self::ALL.into_iter().find(|role| role.code() == wanted);
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|role| role.code()).collect();
            Error::Person(format!("`{text}` is no role: {}", all.join(", ")))
        })
    }
}

/// A person as the institution vouches for him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The version of this form: 1.
    v: u32,
    /// By which he is known in the institution.
    pub name: String,
    /// What he does.
    pub roles: BTreeSet<Role>,
    /// The fingerprint of his key.
    pub key: Digest,
    /// His public key, as PEM.
    pem: String,
    /// Since when.
    pub since: Instant,
}

/// A person's certificate: who he is, signed by the institution.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Certificate(Envelope);

/// A person's private key with his certificate.
pub struct PersonKey {
    person: Person,
    certificate: Certificate,
    signing: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    certificate: Certificate,
    /// PKCS#8 PEM of a P-256 key.
    private_key: String,
}

/// The people of an institution: those who were enrolled, and whose key was revoked when.
#[derive(Debug)]
pub struct People {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// One line of the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who.
    pub person: Person,
    /// When his key was revoked, and why.
    pub revoked: Option<Revoked>,
}

/// A revocation: from then on the key signs nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: String,
}

impl Certificate {
    /// Who it is of, where the institution's key signed it.
    ///
    /// # Errors
    /// When it did not, or the certificate's key is not the one that it names.
    pub fn open(&self, institution: &PublicKey, path: &Path) -> Result<Person> {
        let payload = self.0.open(CERTIFICATE_TYPE, institution, path)?;
        let person: Person = files::parse_json(path, &String::from_utf8_lossy(&payload))?;
        if person.public_key()?.fingerprint() != person.key {
            return Err(Error::form(path, "its key is not the one that it names"));
        }
        Ok(person)
    }
}

impl Person {
    /// Somebody with every role that approves: stands for whoever may come second.
    pub(crate) fn anybody() -> Self {
        Self {
            v: 1,
            name: String::new(),
            roles: [Role::SafetyOfficer, Role::Clinician].into(),
            key: Digest([0; 32]),
            pem: String::new(),
            since: Instant(0),
        }
    }

    /// His public key.
    ///
    /// # Errors
    /// When the text is not the PEM of one.
    pub fn public_key(&self) -> Result<PublicKey> {
        PublicKey::from_pem(&self.pem)
    }
}

impl PersonKey {
    /// Reads a person's key file, which only its owner may read. `institution` must vouch for it.
    ///
    /// # Errors
    /// When the file is missing, exposed or damaged, or the institution does not vouch for it.
    pub fn open(path: &Path, institution: &PublicKey) -> Result<Self> {
        let file: KeyFile = files::parse_json(path, &files::read_secret(path)?)?;
        let person = file.certificate.open(institution, path)?;
        let signing = SecretKey::from_pkcs8_pem(&file.private_key)
            .map_err(|_error| Error::form(path, "it holds no P-256 key in PKCS#8 PEM"))?;
        let signing = SigningKey::from(&signing);
        if PublicKey::new(*signing.verifying_key())?.fingerprint() != person.key {
            return Err(Error::form(path, "its key is not the certificate's"));
        }
        Ok(Self {
            person,
            certificate: file.certificate,
            signing,
        })
    }

    /// Who.
    pub fn person(&self) -> &Person {
        &self.person
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// A payload signed by the person.
    pub(crate) fn sign(&self, payload_type: &str, payload: &[u8]) -> Envelope {
        Envelope::sign_by(payload_type, payload, |bytes| {
            let signature: DerSignature = self.signing.sign(bytes);
            signature.as_bytes().to_vec()
        })
    }
}

/// Redacted: the key is secret.
impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKey({}, ..)", self.person.key)
    }
}

impl People {
    /// Reads the register in an institution's folder; empty where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or the institution did not sign it.
    pub fn open(dir: &Path, institution: &PublicKey) -> Result<Self> {
        let path = dir.join(REGISTER);
        let entries = match files::read_text_if_there(&path)? {
            None => Vec::new(),
            Some(text) => {
                let envelope: Envelope = files::parse_json(&path, &text)?;
                let payload = envelope.open(REGISTER_TYPE, institution, &path)?;
                files::parse_json(&path, &String::from_utf8_lossy(&payload))?
            }
        };
        Ok(Self { path, entries })
    }

    /// Everybody who was ever enrolled, in that order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Enrols a person: writes his key, from 32 random bytes, into a new file that only its owner
    /// may read, and enters him. The file is then his alone.
    ///
    /// # Errors
    /// When the name or the roles are empty, the name is taken by a key in force, the file exists,
    /// or the disk refuses.
    pub fn enrol(
        &mut self,
        institution: &Institution,
        (name, roles): (&str, BTreeSet<Role>),
        (at, random): (Instant, &[u8; 32]),
        to: &Path,
    ) -> Result<Person> {
        let name = name.trim();
        if name.is_empty() || roles.is_empty() {
            let what = "a person needs a name and at least one role";
            return Err(Error::Person(what.to_owned()));
        }
        let taken = |entry: &Entry| {
            entry.revoked.is_none() && entry.person.name.to_lowercase() == name.to_lowercase()
        };
        if self.entries.iter().any(taken) {
            let what = format!("{name} has a key already: revoke it first");
            return Err(Error::Person(what));
        }
        let signing = scalar(random)?;
        let public = PublicKey::new(*SigningKey::from(&signing).verifying_key())?;
        let person = Person {
            v: 1,
            name: name.to_owned(),
            roles,
            key: public.fingerprint(),
            pem: public.pem().to_owned(),
            since: at,
        };
        let payload = serde_json::to_vec(&person).map_err(Error::json("the person"))?;
        let certificate = Certificate(Envelope::sign(CERTIFICATE_TYPE, &payload, institution));
        let private_key = signing
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_error| Error::Key("the person's key cannot be encoded".to_owned()))?
            .to_string();
        let file = KeyFile {
            certificate,
            private_key,
        };
        files::write_secret(to, &files::to_json("the person's key", &file)?)?;
        self.entries.push(Entry {
            person: person.clone(),
            revoked: None,
        });
        self.write(institution)?;
        Ok(person)
    }

    /// Revokes the key in force of a person. What he signed before stays valid.
    ///
    /// # Errors
    /// When he has none in force, no reason is given, or the disk refuses.
    pub fn revoke(
        &mut self,
        institution: &Institution,
        name: &str,
        revoked: Revoked,
    ) -> Result<()> {
        if revoked.reason.trim().is_empty() {
            return Err(Error::Person("a revocation needs a reason".to_owned()));
        }
        let wanted = name.trim().to_lowercase();
        let mut found = self
            .entries
            .iter_mut()
            .filter(|entry| entry.revoked.is_none() && entry.person.name.to_lowercase() == wanted);
        let entry = found
            .next()
            .ok_or_else(|| Error::Person(format!("{} has no key in force", name.trim())))?;
        entry.revoked = Some(revoked);
        self.write(institution)
    }

    /// Whether a person's key is in force.
    ///
    /// # Errors
    /// When it was revoked, or the register does not know it.
    pub fn check(&self, person: &Person) -> Result<()> {
        let mut known = self.entries.iter();
        match known.find(|entry| entry.person.key == person.key) {
            Some(Entry { revoked: None, .. }) => Ok(()),
            Some(_) => Err(Error::Person(format!(
                "the key of {} was revoked",
                person.name
            ))),
            None => Err(Error::Person(format!(
                "{} is not in the register",
                person.name
            ))),
        }
    }

    fn write(&self, institution: &Institution) -> Result<()> {
        let payload = serde_json::to_vec(&self.entries).map_err(Error::json("the register"))?;
        let envelope = Envelope::sign(REGISTER_TYPE, &payload, institution);
        let text = files::to_json("the register", &envelope)?;
        files::write(&self.path, text.as_bytes())
    }
}
