//! Which records of persons are of one person: what the institution states, what the sources state,
//! exact identifiers, and last the probabilistic rule of Fellegi and Sunter (J. Am. Stat. Assoc.
//! 64, 1969), each decision with its reason. It maps subjects to subjects and changes no record, so
//! a merge is undone by stating that the two are different and linking again.
//!
//! ```text
//! Person, Link, statements -> Decision { pair, reason, outcome } -> clusters -> subject to subject
//! ```

mod block;
mod compare;
mod text;
mod weights;

pub use compare::Field;

use crate::person::{Link, LinkKind, Person};
use compare::Profile;
use longitude_core::SubjectId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weights::Weights;

/// Records that may share one number before it is taken for a placeholder (`999-99-9999`).
const IDENTIFIER_HOLDERS_MAX: usize = 4;

/// What the institution decides about linkage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkOptions {
    /// Whether one number of one authority makes two records one person.
    pub identifiers: bool,
    /// Whether pairs are sought by names, birth, sex, address and telephone at all.
    pub probabilistic: bool,
    /// The probability of a match from which two records are linked without a look. A wrong merge
    /// puts one person's history into another's chart, which is worse than two charts.
    pub link_probability: f64,
    /// The probability from which a pair is handed to a person for review.
    pub review_probability: f64,
}

impl LinkOptions {
    /// Links at 0.999 and shows from 0.5: about one wrong merge in a thousand at the threshold, and
    /// nothing kept from review that is as likely a match as not.
    pub fn standard() -> Self {
        Self {
            identifiers: true,
            probabilistic: true,
            link_probability: 0.999,
            review_probability: 0.5,
        }
    }
}

/// A statement of the institution, which stands above all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// The two are one person.
    Same(SubjectId, SubjectId),
    /// The two are different persons, whatever the records say.
    Different(SubjectId, SubjectId),
}

/// Why a pair was decided as it was, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The institution states it.
    Stated,
    /// A source states it (FHIR `Patient.link`, an HL7 v2 merge).
    Source,
    /// Both hold one number of one authority.
    Identifier,
    /// Names, birth, sex, address and telephone agree.
    Probability,
}

/// What was decided about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They are one person.
    Linked,
    /// A person is to decide, and to state it.
    Review,
    /// They stay two, because a stronger statement says so.
    Refused,
}

/// One decision.
///
/// `Debug` shows no subject.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The smaller of the two.
    pub a: SubjectId,
    /// The larger.
    pub b: SubjectId,
    /// Why.
    pub reason: Reason,
    /// What.
    pub outcome: Outcome,
    /// The probability that they are one person, where it was reckoned.
    pub probability: Option<f64>,
    /// The weight of each field in bits (log2 of the likelihood ratio), where it was reckoned.
    pub bits: BTreeMap<Field, f64>,
}

/// Who is who.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linkage {
    /// The subject under which each merged one goes on; others stay themselves. It is the smallest
    /// of its cluster, unless a source says that another took its place.
    pub merged_into: BTreeMap<SubjectId, SubjectId>,
    /// All decisions, by reason and pair.
    pub decisions: Vec<Decision>,
}

impl Linkage {
    /// The subject under which events of `subject` stand.
    pub fn of(&self, subject: SubjectId) -> SubjectId {
        self.merged_into.get(&subject).copied().unwrap_or(subject)
    }
}

/// Decides who is who. `persons` may name a subject several times. The same input in any order
/// gives the same result.
pub fn link(
    persons: &[(SubjectId, Person)],
    links: &[Link],
    statements: &[Statement],
    options: &LinkOptions,
) -> Linkage {
    let profiles = compare::profiles(persons);
    let mut clusters = Clusters::new(&profiles, links);
    let mut decisions = Vec::new();
    for (a, b, is_same) in stated(statements) {
        if is_same {
            clusters.join(a, b);
        } else {
            clusters.part(a, b);
        }
        let outcome = if is_same {
            Outcome::Linked
        } else {
            Outcome::Refused
        };
        decisions.push(decision((a, b), Reason::Stated, outcome));
    }
    for (a, b) in from_sources(links) {
        let outcome = clusters.try_join(a, b);
        decisions.push(decision((a, b), Reason::Source, outcome));
    }
    let numbered = options.identifiers.then(|| by_identifier(&profiles));
    for (a, b) in numbered.into_iter().flatten() {
        let agrees = compare::may_be_one(&profiles[&a], &profiles[&b]);
        let outcome = if agrees {
            clusters.try_join(a, b)
        } else {
            Outcome::Review
        };
        decisions.push(decision((a, b), Reason::Identifier, outcome));
    }
    if options.probabilistic {
        by_probability(&profiles, options, &mut clusters, &mut decisions);
    }
    decisions.sort_by_key(|one| (one.reason, one.a, one.b));
    Linkage {
        merged_into: clusters.merged_into(),
        decisions,
    }
}

fn decision((a, b): (SubjectId, SubjectId), reason: Reason, outcome: Outcome) -> Decision {
    Decision {
        a,
        b,
        reason,
        outcome,
        probability: None,
        bits: BTreeMap::new(),
    }
}

/// Statements as ordered pairs, refusals first: a contradiction leaves two apart.
fn stated(statements: &[Statement]) -> BTreeSet<(SubjectId, SubjectId, bool)> {
    let mut pairs = BTreeSet::new();
    for statement in statements {
        if let Statement::Different(a, b) = *statement {
            pairs.insert((a.min(b), a.max(b), false));
        }
    }
    for statement in statements {
        if let Statement::Same(a, b) = *statement {
            let pair = (a.min(b), a.max(b));
            if !pairs.contains(&(pair.0, pair.1, false)) {
                pairs.insert((pair.0, pair.1, true));
            }
        }
    }
    pairs
}

/// What the sources state, less what they withdraw.
fn from_sources(links: &[Link]) -> BTreeSet<(SubjectId, SubjectId)> {
    let pair = |link: &Link| (link.a.min(link.b), link.a.max(link.b));
    let withdrawn = links.iter().filter(|link| link.kind == LinkKind::Unlink);
    let withdrawn: BTreeSet<_> = withdrawn.map(pair).collect();
    let stated = links.iter().filter(|link| link.kind != LinkKind::Unlink);
    let stated: BTreeSet<_> = stated.map(pair).filter(|(a, b)| a != b).collect();
    &stated - &withdrawn
}

/// Pairs that hold one number of one authority, which not too many others hold.
fn by_identifier(profiles: &BTreeMap<SubjectId, Profile>) -> BTreeSet<(SubjectId, SubjectId)> {
    let mut holders: BTreeMap<&(String, String), BTreeSet<SubjectId>> = BTreeMap::new();
    for (subject, profile) in profiles {
        for identifier in &profile.identifiers {
            holders.entry(identifier).or_default().insert(*subject);
        }
    }
    let mut pairs = BTreeSet::new();
    for subjects in holders.into_values() {
        if subjects.len() <= IDENTIFIER_HOLDERS_MAX {
            let subjects: Vec<_> = subjects.into_iter().collect();
            for (at, a) in subjects.iter().enumerate() {
                pairs.extend(subjects[at + 1..].iter().map(|b| (*a, *b)));
            }
        }
    }
    pairs
}

fn by_probability(
    profiles: &BTreeMap<SubjectId, Profile>,
    options: &LinkOptions,
    clusters: &mut Clusters,
    decisions: &mut Vec<Decision>,
) {
    let candidates = block::candidates(profiles);
    let weights = Weights::fit(profiles, &candidates);
    let mut scored: Vec<_> = candidates
        .into_iter()
        .filter_map(|(a, b)| {
            let (probability, bits) = weights.judge(&profiles[&a], &profiles[&b]);
            (probability >= options.review_probability).then_some((probability, (a, b), bits))
        })
        .collect();
    // The surest first: a later pair may find that its two were kept apart.
    scored.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    for (probability, pair, bits) in scored {
        let outcome = if clusters.are_joined(pair.0, pair.1) {
            continue;
        } else if probability >= options.link_probability {
            clusters.try_join(pair.0, pair.1)
        } else {
            Outcome::Review
        };
        let probability = Some(probability);
        decisions.push(Decision {
            probability,
            bits,
            ..decision(pair, Reason::Probability, outcome)
        });
    }
}

/// Clusters of records under the statements that keep some apart.
struct Clusters {
    parent: BTreeMap<SubjectId, SubjectId>,
    members: BTreeMap<SubjectId, BTreeSet<SubjectId>>,
    apart: BTreeSet<(SubjectId, SubjectId)>,
    /// Records whose place another took.
    replaced: BTreeSet<SubjectId>,
}

impl Clusters {
    fn new(profiles: &BTreeMap<SubjectId, Profile>, links: &[Link]) -> Self {
        let replaced = links.iter().filter_map(|link| match link.kind {
            LinkKind::ReplacedBy => Some(link.a),
            LinkKind::Replaces => Some(link.b),
            LinkKind::Refer | LinkKind::SeeAlso | LinkKind::Unlink => None,
        });
        let inactive = profiles.iter().filter(|(_, profile)| profile.inactive);
        let inactive = inactive.map(|(subject, _)| *subject);
        Self {
            parent: BTreeMap::new(),
            members: BTreeMap::new(),
            apart: BTreeSet::new(),
            replaced: replaced.chain(inactive).collect(),
        }
    }

    fn root(&self, subject: SubjectId) -> SubjectId {
        let mut root = subject;
        while let Some(parent) = self.parent.get(&root) {
            root = *parent;
        }
        root
    }

    fn are_joined(&self, a: SubjectId, b: SubjectId) -> bool {
        self.root(a) == self.root(b)
    }

    fn part(&mut self, a: SubjectId, b: SubjectId) {
        self.apart.insert((a.min(b), a.max(b)));
    }

    /// Joins two clusters unless some two of their members are stated to be different.
    fn try_join(&mut self, a: SubjectId, b: SubjectId) -> Outcome {
        let (of_a, of_b) = (self.members_of(a), self.members_of(b));
        let is_apart = |x: &SubjectId, y: &SubjectId| self.apart.contains(&(*x.min(y), *x.max(y)));
        if of_a.iter().any(|x| of_b.iter().any(|y| is_apart(x, y))) {
            return Outcome::Refused;
        }
        self.join(a, b);
        Outcome::Linked
    }

    fn members_of(&self, subject: SubjectId) -> BTreeSet<SubjectId> {
        let root = self.root(subject);
        let members = self.members.get(&root).cloned();
        members.unwrap_or_else(|| BTreeSet::from([root]))
    }

    fn join(&mut self, a: SubjectId, b: SubjectId) {
        let (root_a, root_b) = (self.root(a), self.root(b));
        if root_a == root_b {
            return;
        }
        let (root, child) = (root_a.min(root_b), root_a.max(root_b));
        let mut members = self.members_of(root);
        members.extend(self.members_of(child));
        self.members.remove(&child);
        self.members.insert(root, members);
        self.parent.insert(child, root);
    }

    fn merged_into(&self) -> BTreeMap<SubjectId, SubjectId> {
        let mut merged = BTreeMap::new();
        for members in self.members.values() {
            let in_use = members.iter().find(|one| !self.replaced.contains(one));
            let Some(head) = in_use.or(members.first()) else {
                continue;
            };
            merged.extend(
                members
                    .iter()
                    .filter(|one| *one != head)
                    .map(|one| (*one, *head)),
            );
        }
        merged
    }
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Decision({:?} by {:?}, {:?})",
            self.outcome, self.reason, self.probability
        )
    }
}
