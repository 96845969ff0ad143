//! The records of a model's release, each signed by a person and in the ledger before it counts.
//! Where a task stands is never stored: it is found by going through all records again, so that a
//! record that was slipped in, or signed by nobody who may, changes nothing.

use super::gate::{Dossier, Judged};
use super::stage::{Act, Stage};
use crate::answer::salt_text;
use crate::committed;
use crate::dsse::Envelope;
use crate::error::{Error, Result};
use crate::files;
use crate::institution::random_bytes;
use crate::key::PublicKey;
use crate::layout::Layout;
use crate::person::{Certificate, People, Person, PersonKey};
use crate::run::{EntryId, Leaf, RunLedger};
use longitude_core::{Days, Digest, Instant};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

const KIND: &str = "release";
/// The payload type of in-toto statements in DSSE envelopes.
const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// A second signature later than this after the first one does not join it: who signs second must
/// have looked at the same facts.
const JOINS_WITHIN: Days = Days(30.0);
/// After half a year without a drill nobody knows whether the owner would answer.
const DRILL_WITHIN: Days = Days(180.0);
/// No approval outlives a year: by then the population has changed.
pub(super) const EXPIRES_WITHIN: Days = Days(366.0);

/// A task at a site. Neither is a patient's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The task's id.
    pub task: String,
    /// The site.
    pub site: String,
}

/// What an act is signed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What is done.
    pub act: Act,
    /// Why, in words.
    pub reason: String,
    /// The digest of the dossier in force, for a promotion.
    pub dossier: Option<Digest>,
    /// The digest of the report that was judged, for a promotion.
    pub report: Option<Digest>,
    /// How the report stands to the limits.
    pub judged: Vec<Judged>,
    /// When the approval ends, for a promotion or resumption.
    pub expires: Option<Instant>,
}

/// A drill: the owner was called and answered, stopped and started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// What was done, in words.
    pub what: String,
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// A dossier, which takes the place of an earlier one.
    Dossier(Box<Dossier>),
    /// An act.
    Act(Approval),
    /// A drill.
    Drill(Drill),
}

/// What is signed: the predicate of an in-toto statement about the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    /// The name of the run's log, so that it counts in no other run.
    log: String,
    scope: Scope,
    at: Instant,
    given: Given,
}

/// A statement with who signed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    certificate: Certificate,
    statement: Envelope,
}

/// The number of a record in its run, written `R-000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseRecordId(u32);

/// A record as its file holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    v: u32,
    /// Its number.
    pub id: ReleaseRecordId,
    /// The statement.
    pub signed: Signed,
    salt: String,
}

/// What the ledger holds of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committed {
    pub(crate) record: ReleaseRecordId,
    scope: Scope,
    at: Instant,
    /// The stage that it led to; none where it led to no other.
    stage: Option<Stage>,
    pub(crate) case: Digest,
}

/// How a task at a site stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The stage that was decided; [`Release::effective`] says which holds.
    pub stage: Stage,
    /// The stage that a suspension ended.
    pub before: Stage,
    /// Since when.
    pub since: Instant,
    /// Until when, where the stage was approved for a time.
    pub expires: Option<Instant>,
    /// Who decided, in the order of their signatures.
    pub by: Vec<String>,
    /// The dossier in force and its digest.
    pub dossier: Option<(Digest, Dossier)>,
    /// The last drill.
    pub drill: Option<Instant>,
    /// Signatures that wait for another.
    pub pending: Vec<Pending>,
}

/// A signature that waits for a second one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Who.
    pub person: Person,
    /// When.
    pub at: Instant,
    /// What.
    pub approval: Approval,
}

/// The records of a run's release.
#[derive(Clone, Debug)]
pub struct ReleaseBook {
    dir: PathBuf,
    key: PublicKey,
    log: String,
    model: Digest,
}

impl ReleaseBook {
    /// Opens the records of a run's model and finishes or undoes what a crash interrupted.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(
        layout: &Layout,
        ledger: &RunLedger,
        (key, model): (&PublicKey, Digest),
    ) -> Result<Self> {
        let dir = layout.release();
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        committed::settle(&dir, || {
            let leaves = ledger.leaves()?;
            let ours = leaves.iter().filter_map(leaf_of);
            Ok(ours.map(|one| one.case).collect())
        })?;
        Ok(Self {
            dir,
            key: key.clone(),
            log: ledger.log_key().name().to_owned(),
            model,
        })
    }

    /// How every task and site stands that has a record.
    ///
    /// # Errors
    /// When a record cannot be read, is not the one that the ledger committed to or is missing, or
    /// is signed by nobody who may.
    pub fn releases(&self, ledger: &RunLedger) -> Result<BTreeMap<Scope, Release>> {
        self.replayed(&self.list(ledger)?, None)
    }

    /// The same at an earlier time.
    ///
    /// # Errors
    /// As [`ReleaseBook::releases`].
    pub fn releases_on(
        &self,
        ledger: &RunLedger,
        time: Instant,
    ) -> Result<BTreeMap<Scope, Release>> {
        self.replayed(&self.list(ledger)?, Some(time))
    }

    fn replayed(
        &self,
        records: &[ReleaseRecord],
        until: Option<Instant>,
    ) -> Result<BTreeMap<Scope, Release>> {
        releases(records, (&self.key, &self.log, self.model), until)
    }

    /// Enters what a person signs. It counts when this returns.
    ///
    /// # Errors
    /// When his key is not in force, the stage or the gate does not allow it, the clock went back,
    /// or the disk or the ledger refuses.
    pub fn enter(
        &self,
        ledger: &mut RunLedger,
        (key, people): (&PersonKey, &People),
        (scope, at): (&Scope, Instant),
        given: Given,
    ) -> Result<(EntryId, Release)> {
        people.check(key.person())?;
        let records = self.list(ledger)?;
        let mut all = self.replayed(&records, None)?;
        let known = all.remove(scope).unwrap_or_else(|| Release::new(at));
        let before = known.stage;
        let after = known.after(key.person(), at, &given)?;
        let predicate = Predicate {
            log: self.log.clone(),
            scope: scope.clone(),
            at,
            given,
        };
        let statement = json!({
            "_type": STATEMENT,
            "subject": [{ "name": "model", "digest": { "sha256": self.model.hex() } }],
            "predicateType": "urn:longitude:release:v1",
            "predicate": predicate,
        });
        let payload = serde_json::to_vec(&statement).map_err(Error::json("the statement"))?;
        let last = records.last().map_or(0, |record| record.id.0);
        let record = ReleaseRecord {
            v: 1,
            id: ReleaseRecordId(last.saturating_add(1)),
            signed: Signed {
                certificate: key.certificate().clone(),
                statement: key.sign(STATEMENT_TYPE, &payload),
            },
            salt: salt_text(&random_bytes()?),
        };
        let stage = (after.stage != before).then_some(after.stage);
        let text = files::to_json("the record", &record)?;
        let leaf = |case| Committed {
            record: record.id,
            scope: scope.clone(),
            at,
            stage,
            case,
        };
        let kind = match (stage, &predicate.given) {
            (Some(stage), _) => format!("{KIND}.{stage}"),
            (None, Given::Dossier(_)) => format!("{KIND}.dossier"),
            (None, Given::Act(_)) => format!("{KIND}.signed"),
            (None, Given::Drill(_)) => format!("{KIND}.drill"),
        };
        let entry = committed::commit(ledger, &self.path(record.id), &text, (&kind, leaf))?;
        Ok((entry, after))
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// When one cannot be read, or they are not those that the ledger committed to.
    pub fn list(&self, ledger: &RunLedger) -> Result<Vec<ReleaseRecord>> {
        let leaves = ledger.leaves()?;
        let committed = leaves.iter().filter_map(leaf_of);
        let committed: Vec<_> = committed
            .map(|one| (one.record.to_string(), one.case))
            .collect();
        match committed::faults(&self.dir, &committed).into_iter().next() {
            Some((name, what)) => Err(Error::form(&self.dir.join(name), what)),
            None => read(&self.dir),
        }
    }

    fn path(&self, id: ReleaseRecordId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }
}

/// All records of a folder, oldest first.
pub(crate) fn read(dir: &Path) -> Result<Vec<ReleaseRecord>> {
    let record = |name: String| {
        let path = dir.join(&name);
        let record: ReleaseRecord = files::read_json(&path)?;
        if format!("{}.json", record.id) == name {
            Ok(record)
        } else {
            Err(Error::form(&path, "it holds a record with another number"))
        }
    };
    committed::files_in(dir).into_iter().map(record).collect()
}

/// How every task and site stands, found by going through the records from the first to the last
/// one that is not after a time: every certificate, signature and step is checked again. `of` are
/// the institution's key, the name of the run's log and the model's root.
///
/// # Errors
/// The first record that nobody vouches for or that was no lawful step.
pub fn releases(
    records: &[ReleaseRecord],
    of: (&PublicKey, &str, Digest),
    until: Option<Instant>,
) -> Result<BTreeMap<Scope, Release>> {
    let mut all: BTreeMap<Scope, Release> = BTreeMap::new();
    for record in records {
        let path = PathBuf::from(format!("release/{}.json", record.id));
        let (person, predicate) = record.signed.open(of, &path)?;
        // Times ascend within a task and site, not between them.
        if until.is_some_and(|until| predicate.at > until) {
            continue;
        }
        let known = all.remove(&predicate.scope);
        let known = known.unwrap_or_else(|| Release::new(predicate.at));
        let after = known.after(&person, predicate.at, &predicate.given);
        let after = after.map_err(|error| Error::form(&path, error.to_string()))?;
        all.insert(predicate.scope, after);
    }
    Ok(all)
}

impl Signed {
    /// Who signed what.
    fn open(
        &self,
        (key, log, model): (&PublicKey, &str, Digest),
        path: &Path,
    ) -> Result<(Person, Predicate)> {
        let person = self.certificate.open(key, path)?;
        let payload = self
            .statement
            .open(STATEMENT_TYPE, &person.public_key()?, path)?;
        let statement: Value = parse(&payload, path)?;
        let root = &statement["subject"][0]["digest"]["sha256"];
        if statement["_type"] != STATEMENT || root.as_str() != Some(&*model.hex()) {
            return Err(Error::form(path, "it is a statement about another model"));
        }
        let predicate: Predicate = parse(statement["predicate"].to_string().as_bytes(), path)?;
        if predicate.log != log {
            return Err(Error::form(path, "it was signed for another run"));
        }
        Ok((person, predicate))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    files::parse_json(path, &String::from_utf8_lossy(bytes))
}

impl Release {
    fn new(at: Instant) -> Self {
        Self {
            stage: Stage::Research,
            before: Stage::Research,
            since: at,
            expires: None,
            by: Vec::new(),
            dossier: None,
            drill: None,
            pending: Vec::new(),
        }
    }

    /// How it stands after what a person signed.
    fn after(mut self, person: &Person, at: Instant, given: &Given) -> Result<Self> {
        let refuse = |what: &str| Err(Error::Release(what.to_owned()));
        let last = self.pending.iter().map(|one| one.at).chain(self.drill);
        if last.chain([self.since]).any(|last| last > at) {
            return refuse("the clock went back: a later record is there already");
        }
        match given {
            Given::Dossier(dossier) => {
                dossier.check()?;
                let digest = Digest::of_json(dossier).map_err(Error::json("the dossier"))?;
                // Who signed by another dossier has not seen this one.
                self.pending.clear();
                self.dossier = Some((digest, (**dossier).clone()));
                Ok(self)
            }
            Given::Drill(drill) if drill.what.trim().is_empty() => {
                refuse("a drill says what was done")
            }
            Given::Drill(_) if self.dossier.is_none() => {
                refuse("there is no dossier that names an owner")
            }
            Given::Drill(_) => {
                self.drill = Some(at);
                Ok(self)
            }
            Given::Act(approval) => self.act(person, at, approval),
        }
    }

    fn act(mut self, person: &Person, at: Instant, approval: &Approval) -> Result<Self> {
        let refuse = |what: &str| Err(Error::Release(what.to_owned()));
        if approval.reason.trim().is_empty() {
            return refuse("it needs a reason");
        }
        if approval.act.waits() {
            self.check_approval(at, approval)?;
        } else if approval.expires.is_some() {
            return refuse("only what two people sign can say when it ends");
        }
        let joins = |one: &&Pending| {
            let same = one.approval.act == approval.act
                && one.approval.report == approval.report
                && one.approval.dossier == approval.dossier;
            same && at <= one.at.plus(JOINS_WITHIN)
        };
        let joined: Vec<Pending> = self.pending.iter().filter(joins).cloned().collect();
        if joined.iter().any(|one| one.person.key == person.key) {
            return refuse("this person has signed it already: it waits for another");
        }
        let mut by: Vec<&Person> = joined.iter().map(|one| &one.person).collect();
        by.push(person);
        match self.stage.after(self.before, approval.act, &by) {
            Ok(stage) => {
                let ends = joined.iter().map(|one| one.approval.expires);
                let ends = ends.chain([approval.expires]).flatten().min();
                if self.stage.answers() {
                    self.before = self.stage;
                }
                self.by = by.iter().map(|one| one.name.clone()).collect();
                (self.stage, self.since) = (stage, at);
                if approval.act.waits() {
                    self.expires = ends;
                }
                self.pending.clear();
                Ok(self)
            }
            // The first of two: whoever comes second must make the step whole.
            Err(error) if approval.act.waits() && self.could(person, approval.act) => {
                drop(error);
                let (person, approval) = (person.clone(), approval.clone());
                self.pending.push(Pending {
                    person,
                    at,
                    approval,
                });
                Ok(self)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether somebody else could make whole what this person begins.
    fn could(&self, person: &Person, act: Act) -> bool {
        let other = Person::anybody();
        self.stage
            .after(self.before, act, &[person, &other])
            .is_ok()
    }

    fn check_approval(&self, at: Instant, approval: &Approval) -> Result<()> {
        let refuse = |what: String| Err(Error::Release(what));
        let Some(expires) = approval.expires else {
            return refuse("it needs a date on which it ends".to_owned());
        };
        if expires <= at || expires > at.plus(EXPIRES_WITHIN) {
            return refuse("it must end after now and within a year".to_owned());
        }
        let to = match approval.act {
            Act::Promote(to) | Act::Resume(to) => to,
            Act::Suspend | Act::Demote(_) | Act::Withdraw => return Ok(()),
        };
        let boundary = self.dossier.as_ref().map(|(_, dossier)| &dossier.boundary);
        if boundary.is_some_and(|boundary| !boundary.allows(to)) {
            let what = "the boundary record lets nobody who treats see answers";
            return refuse(what.to_owned());
        }
        if let Act::Resume(_) = approval.act {
            return Ok(());
        }
        let Some((digest, dossier)) = &self.dossier else {
            return refuse("there is no dossier: enter one first".to_owned());
        };
        if approval.dossier != Some(*digest) {
            return refuse("it was signed by another dossier than the one in force".to_owned());
        }
        if approval.report.is_none() || approval.judged.is_empty() {
            return refuse("it needs a report that was held against the limits".to_owned());
        }
        let limits = dossier.limits.get(&to).map_or(0, Vec::len);
        let broken: Vec<&str> = approval
            .judged
            .iter()
            .filter(|one| !one.kept)
            .map(|one| one.what.as_str())
            .collect();
        if approval.judged.len() != limits || !broken.is_empty() {
            return refuse(format!("limits are not kept: {}", broken.join("; ")));
        }
        if !self.drill_holds(at) {
            return refuse("the owner's last drill is missing or older than 180 days".to_owned());
        }
        Ok(())
    }

    fn drill_holds(&self, at: Instant) -> bool {
        self.drill
            .is_some_and(|drill| at <= drill.plus(DRILL_WITHIN))
    }

    /// The stage that holds at a time, and why it is not the one that was decided.
    pub fn effective(&self, at: Instant) -> (Stage, Option<&'static str>) {
        let approved = self.stage > Stage::Research;
        if approved && self.expires.is_none_or(|expires| at >= expires) {
            return (Stage::Research, Some("the approval has expired"));
        }
        if approved && !self.drill_holds(at) {
            return (
                Stage::Research,
                Some("the owner's last drill is older than 180 days"),
            );
        }
        (self.stage, None)
    }
}

/// The record that a leaf of the ledger is of, if it is of one.
pub(crate) fn leaf_of(leaf: &Leaf) -> Option<Committed> {
    if !leaf.kind.starts_with(KIND) {
        return None;
    }
    serde_json::from_value(leaf.receipt.clone()).ok()
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.task, self.site)
    }
}

impl fmt::Display for ReleaseRecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R-{:06}", self.0)
    }
}

impl TryFrom<String> for ReleaseRecordId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let number = text.strip_prefix("R-").and_then(|n| n.parse().ok());
        let id = number.map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| Error::Release("a record's number is not of the form R-000001".into()))
    }
}

impl From<ReleaseRecordId> for String {
    fn from(id: ReleaseRecordId) -> Self {
        id.to_string()
    }
}
