//! A prediction as one line of JSON: the risk with its three kinds of uncertainty apart, each
//! member's part, what it rests on, and by what it was made. The label is no part of it.

use longitude_core::{Abstention, Digest, Evidence, Instant, SubjectId};
use longitude_eval::uncertainty::{CalibrationRange, Decision, MonteCarloError};
use longitude_ledger::{Hash, empty_root, leaf_hash, node_hash};
use longitude_predict::Combined;
use serde::Serialize;

/// One member of one answer.
#[derive(Debug, Serialize)]
pub(super) struct MemberPart {
    /// Its name.
    pub(super) name: String,
    /// Its own risk.
    pub(super) risk: f64,
    /// Its part of the logit of the uncalibrated answer.
    pub(super) logit_part: f64,
}

/// One prediction.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) subject_id: SubjectId,
    pub(super) prediction_time: Instant,
    pub(super) risk: Option<f64>,
    pub(super) calibrated: bool,
    pub(super) abstention: Option<Abstention>,
    /// Other random numbers, the same model: of the sampled member.
    pub(super) monte_carlo: Option<MonteCarloError>,
    /// How well the calibration is known.
    pub(super) interval: Option<CalibrationRange>,
    /// An error rate over many acts, not over this subject.
    pub(super) decision: Option<Decision>,
    /// The risk before calibration.
    pub(super) uncalibrated: Option<f64>,
    pub(super) members: Vec<MemberPart>,
    /// The part of the logit that is no member's.
    pub(super) intercept: Option<f64>,
    pub(super) evidence: Option<Vec<Evidence>>,
    /// The task's texts, what was fitted for it, and the model.
    pub(super) task: Digest,
    pub(super) fitted: Digest,
    pub(super) model: Digest,
}

impl Line {
    /// Puts an answer in.
    pub(super) fn answer(&mut self, names: &[String], risks: &[f64], combined: &Combined) {
        self.risk = Some(combined.risk);
        self.uncalibrated = Some(combined.raw);
        self.intercept = Some(combined.intercept);
        let range = |(low, high, level)| CalibrationRange::Bootstrap { low, high, level };
        self.interval = combined.interval.map(range);
        let parts = names.iter().zip(risks).zip(&combined.parts);
        let part = |((name, risk), part): ((&String, &f64), &f64)| MemberPart {
            name: name.clone(),
            risk: *risk,
            logit_part: *part,
        };
        self.members = parts.map(part).collect();
    }

    /// The number by which the table names the reason of an abstention; 0 for none.
    pub(super) fn reason(&self) -> i8 {
        match &self.abstention {
            None => 0,
            Some(Abstention::TooLittleHistory { .. }) => 1,
            Some(Abstention::UnknownCodes { .. }) => 2,
            Some(Abstention::OutcomeTooRare { .. }) => 3,
            Some(Abstention::OutcomeBefore) => 4,
            Some(Abstention::OutsidePopulation { .. }) => 5,
            Some(Abstention::Dead) => 6,
            Some(Abstention::Censored { .. }) => 7,
            Some(Abstention::Novel { .. }) => 8,
            Some(Abstention::MissingModality { .. }) => 9,
            Some(Abstention::BeforeBirth) => 10,
        }
    }
}

/// What the further columns of the table mean, for its metadata.
pub(super) const COLUMNS: &str = r#"{
  "interval_low": "lower end of the calibration interval (95 %, bootstrap over calibration subjects); null where uncalibrated",
  "interval_high": "its upper end",
  "monte_carlo_error": "Monte Carlo standard error of the sampled member, on its own scale",
  "abstention": "why there is no answer: 0 answered, 1 too little history, 2 unknown codes, 3 outcome too rare in training, 4 outcome before, 5 outside the population, 6 dead, 7 futures cut short or without a label, 8 novel, 9 missing modality, 10 before birth",
  "act": "conformal act or defer over all rows of this table: true to act, false to defer, null where it could not be decided",
  "receipt": "SHA-256 of the prediction's line in the JSON lines beside this table",
  "member_NAME": "the risk of one member of the ensemble"
}"#;

/// The root of RFC 6962's tree over entries, in their order.
pub(super) fn merkle_root(entries: &[Vec<u8>]) -> Digest {
    let mut level: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    if level.is_empty() {
        return Digest(empty_root().0);
    }
    // A last node without a neighbour goes up as it is: the same tree as by splitting at the
    // largest power of two.
    while level.len() > 1 {
        let pair = |pair: &[Hash]| match pair {
            [left, right] => node_hash(left, right),
            rest => rest[0],
        };
        level = level.chunks(2).map(pair).collect();
    }
    Digest(level[0].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, as it is written.
    fn by_definition(entries: &[Vec<u8>]) -> Hash {
        match entries {
            [] => empty_root(),
            [one] => leaf_hash(one),
            several => {
                let k = several.len().next_power_of_two() / 2;
                let (left, right) = several.split_at(k);
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        for n in 0..40_u8 {
            let entries: Vec<Vec<u8>> = (0..n).map(|i| vec![i, i / 3]).collect();
            assert_eq!(
                merkle_root(&entries),
                Digest(by_definition(&entries).0),
                "{n}"
            );
        }
    }
}
