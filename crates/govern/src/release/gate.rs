//! The dossier of a task at a site: what it is for, who answers for it, where it stands in law,
//! and the limits that an evaluation must keep to before each stage, set before it is made.

use crate::error::{Error, Result};
use crate::release::{Scope, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What must stand before anybody can be asked to approve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// The task and the site.
    pub scope: Scope,
    /// What it is for, in words.
    pub intended_use: String,
    /// Who is to use it.
    pub users: String,
    /// For which patients.
    pub population: String,
    /// Who answers for it.
    pub owner: Owner,
    /// Where it stands in law.
    pub boundary: Boundary,
    /// What an evaluation must show before each stage.
    pub limits: BTreeMap<Stage, Vec<Limit>>,
}

/// Who answers for a task at a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The clinical owner.
    pub name: String,
    /// Who stands in.
    pub deputy: String,
    /// The committee that decided, and its vote.
    pub committee: String,
    /// How they are reached at any hour.
    pub contact: String,
}

/// Whether the task is a medical device in the institution's judgement. The four criteria are those
/// of section 520(o)(1)(E) of the US Federal Food, Drug, and Cosmetic Act, in its order: no image
/// or signal is analysed; medical information is shown or analysed; a professional is supported; he
/// can review the basis himself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// The four criteria.
    pub criteria: [Criterion; 4],
    /// Whether a professional uses it; a patient or carer does where not.
    pub professional: bool,
    /// Whether somebody must act at once on it.
    pub time_critical: bool,
    /// The judgement.
    pub position: Position,
    /// The clearance or marking under which it is used, where it is a device.
    pub cleared: Option<String>,
    /// Its class under the EU AI Act and MDR, in words.
    pub eu_class: String,
    /// Who judged.
    pub decided_by: String,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Whether it is met; none where that is uncertain.
    pub met: Option<bool>,
    /// Why.
    pub rationale: String,
}

/// What follows from the criteria.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// No device: all four criteria are met.
    NonDevice,
    /// A device that the agency does not pursue.
    EnforcementDiscretion,
    /// A device.
    Device,
    /// Not known.
    Undetermined,
}

/// A number in a report that must keep to a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it is, in words.
    pub what: String,
    /// Where it stands in the report: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The least that it may be.
    pub at_least: Option<f64>,
    /// The most that it may be.
    pub at_most: Option<f64>,
}

/// A limit held against a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// What, in words.
    pub what: String,
    /// The number in the report; none where it is undefined or not there, which is no pass.
    pub found: Option<f64>,
    /// Whether the limit is kept.
    pub kept: bool,
}

/// The stages that a dossier sets limits for.
const GATED: [Stage; 3] = [Stage::SilentTrial, Stage::Limited, Stage::Released];

impl Dossier {
    /// Whether all is there and nothing contradicts itself.
    ///
    /// # Errors
    /// The first thing that is missing or wrong.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::Release(format!("the dossier: {what}")));
        let owner = &self.owner;
        let texts = [
            ("task", &self.scope.task),
            ("site", &self.scope.site),
            ("intended_use", &self.intended_use),
            ("users", &self.users),
            ("population", &self.population),
            ("owner.name", &owner.name),
            ("owner.deputy", &owner.deputy),
            ("owner.committee", &owner.committee),
            ("owner.contact", &owner.contact),
            ("boundary.eu_class", &self.boundary.eu_class),
            ("boundary.decided_by", &self.boundary.decided_by),
        ];
        for (field, text) in texts {
            if text.trim().is_empty() {
                return refuse(format!("`{field}` is empty"));
            }
        }
        if owner.name.trim().to_lowercase() == owner.deputy.trim().to_lowercase() {
            return refuse("the deputy must be another person than the owner".to_owned());
        }
        if let Err(what) = self.boundary.check() {
            return refuse(what);
        }
        for stage in GATED {
            let limits = self.limits.get(&stage).map_or(&[][..], Vec::as_slice);
            if limits.is_empty() {
                return refuse(format!("it sets no limits for {stage}"));
            }
            for limit in limits {
                if let Err(what) = limit.check() {
                    return refuse(format!("{stage}, {}: {what}", limit.what));
                }
            }
        }
        match self.limits.keys().find(|stage| !GATED.contains(stage)) {
            Some(stage) => refuse(format!("nobody is promoted to {stage}: it has no limits")),
            None => Ok(()),
        }
    }

    /// Every limit of a stage, held against a report. Empty where the stage has none.
    pub fn judge(&self, stage: Stage, report: &Value) -> Vec<Judged> {
        let limits = self.limits.get(&stage).map_or(&[][..], Vec::as_slice);
        limits.iter().map(|limit| limit.judge(report)).collect()
    }
}

impl Boundary {
    /// Whether the law as the institution reads it lets people who treat see answers.
    pub fn allows(&self, stage: Stage) -> bool {
        match self.position {
            Position::NonDevice | Position::EnforcementDiscretion => true,
            Position::Device => self.cleared.is_some() || stage <= Stage::SilentTrial,
            Position::Undetermined => stage <= Stage::SilentTrial,
        }
    }

    fn check(&self) -> Result<(), String> {
        for (number, criterion) in (1..).zip(&self.criteria) {
            if criterion.rationale.trim().is_empty() {
                return Err(format!("criterion {number} has no rationale"));
            }
        }
        let all_met = self.criteria.iter().all(|one| one.met == Some(true));
        if self.position == Position::NonDevice && !(all_met && self.professional) {
            let what = "it cannot be no device: a criterion is not met, or no professional uses it";
            return Err(what.to_owned());
        }
        // The agency's discretion reaches single recommendations, not predictions that somebody
        // must act on at once.
        if self.position == Position::EnforcementDiscretion && self.time_critical {
            return Err("discretion does not reach what is time-critical".to_owned());
        }
        Ok(())
    }
}

impl Limit {
    fn check(&self) -> Result<(), String> {
        let bounds = [self.at_least, self.at_most];
        if self.what.trim().is_empty() || !self.pointer.starts_with('/') {
            return Err("it needs words and a JSON pointer that begins with `/`".to_owned());
        }
        if bounds.iter().all(Option::is_none) {
            return Err("it needs `at_least` or `at_most`".to_owned());
        }
        if bounds.iter().flatten().any(|bound| !bound.is_finite()) {
            return Err("a bound is not a number".to_owned());
        }
        match bounds {
            [Some(least), Some(most)] if least > most => Err("its bounds exclude all".to_owned()),
            _ => Ok(()),
        }
    }

    fn judge(&self, report: &Value) -> Judged {
        let found = report.pointer(&self.pointer).and_then(Value::as_f64);
        let kept = found.is_some_and(|found| {
            self.at_least.is_none_or(|least| found >= least)
                && self.at_most.is_none_or(|most| found <= most)
        });
        Judged {
            what: self.what.clone(),
            found,
            kept,
        }
    }
}
