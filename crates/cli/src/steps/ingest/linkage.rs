//! Who is who among the sources of one ingest: what the institution's id map and the sources state,
//! and, when asked for, numbers and probabilities. Every decision is recorded beside the data set.

use super::sink::write_private_lines;
use crate::failure::{Failure, Kind};
use anyhow::{Context, Result};
use longitude_core::SubjectId;
use longitude_ingest::{
    Decision, Link, LinkOptions, Linkage, Outcome, Person, Reason, Statement, link,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The decisions, beside the data set.
pub(crate) const LINKAGE: &str = "linkage.jsonl";

/// What linkage is done.
#[derive(Clone, Debug)]
pub(crate) struct Linking {
    /// Numbers and probabilities, beyond what is stated.
    pub(crate) options: LinkOptions,
    /// The institution's id map.
    pub(crate) statements: Vec<Statement>,
}

impl Linking {
    /// Only what sources state.
    pub(crate) fn stated() -> Self {
        let options = LinkOptions {
            identifiers: false,
            probabilistic: false,
            ..LinkOptions::standard()
        };
        Self {
            options,
            statements: Vec::new(),
        }
    }

    /// Whether the facts of persons are needed.
    pub(crate) fn needs_persons(&self) -> bool {
        self.options.identifiers || self.options.probabilistic
    }

    /// Decides.
    pub(crate) fn decide(&self, persons: &[(SubjectId, Person)], links: &[Link]) -> Linkage {
        link(persons, links, &self.statements, &self.options)
    }
}

/// Reads an id map: lines `a,b,same` or `a,b,different`. `a` and `b` are subject ids, or the ids
/// that a FHIR source gives its patients. Lines that begin with `#` and a header are passed over.
pub(crate) fn read_id_map(path: &Path) -> Result<Vec<Statement>> {
    let place = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(place)?;
    let mut statements = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || (number == 1 && line.starts_with("a,b,")) {
            continue;
        }
        let cells: Vec<_> = line.split(',').map(str::trim).collect();
        let statement = match cells.get(..3) {
            Some(&[a, b, "same"]) => Statement::Same(subject(a), subject(b)),
            Some(&[a, b, "different"]) => Statement::Different(subject(a), subject(b)),
            // A pair of the review list that nobody has decided yet.
            Some(&[_, _, ""]) => continue,
            _ => {
                let message = format!("{}:{number}: not `a,b,same` or `a,b,different`", place());
                let mend = "write two ids and `same` or `different` on the line";
                return Err(Failure::new(Kind::Input, message, mend).into());
            }
        };
        statements.push(statement);
    }
    Ok(statements)
}

fn subject(written: &str) -> SubjectId {
    let bare = written.strip_prefix("Patient/").unwrap_or(written);
    let number = bare.parse().map(SubjectId);
    number.unwrap_or_else(|_| SubjectId::from_source("Patient", bare))
}

/// How many decisions there were, by reason and outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkageAccount {
    /// Subjects that go on under another.
    pub(crate) merged: u64,
    /// Decisions.
    pub(crate) decisions: BTreeMap<Reason, BTreeMap<Outcome, u64>>,
}

/// The account, unless there was nothing to decide.
pub(crate) fn account(linkage: &Linkage) -> Option<LinkageAccount> {
    let mut decisions: BTreeMap<Reason, BTreeMap<Outcome, u64>> = BTreeMap::new();
    for one in &linkage.decisions {
        let outcomes = decisions.entry(one.reason).or_default();
        *outcomes.entry(one.outcome).or_default() += 1;
    }
    let merged = linkage.merged_into.len() as u64;
    (!decisions.is_empty()).then_some(LinkageAccount { merged, decisions })
}

/// Writes the decisions, and with them a list for review that serves as an id map once decided.
pub(crate) fn write(linkage: &Linkage, to: &Path) -> Result<()> {
    if linkage.decisions.is_empty() {
        return Ok(());
    }
    write_private_lines(&to.join(LINKAGE), linkage.decisions.iter())?;
    let is_open = |one: &&Decision| one.outcome == Outcome::Review;
    let mut review = String::from("a,b,decision,probability\n");
    for one in linkage.decisions.iter().filter(is_open) {
        let probability = one
            .probability
            .map_or_else(String::new, |p| format!("{p:.6}"));
        review.push_str(&format!("{},{},,{probability}\n", one.a, one.b));
    }
    crate::pipeline::write_private(&to.join("linkage-review.csv"), review.as_bytes())
}
