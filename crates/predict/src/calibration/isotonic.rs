//! Isotonic recalibration: the monotone map nearest to the labels, joined by lines between the
//! centres of its blocks so that near estimates stay apart.
//!
//! Sources: pool adjacent violators (Ayer et al., Ann. Math. Stat. 1955); centring (Oron and
//! Flournoy, "Centered isotonic regression", 2017, section 2).

use super::rounded;
use serde::{Deserialize, Serialize};

/// The blocks, in rising order of estimate and of risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// The mean estimate of each block.
    pub estimates: Vec<f64>,
    /// The risk at each block's mean estimate.
    pub risks: Vec<f64>,
}

struct Block {
    estimates: f64,
    labels: f64,
    weight: f64,
}

impl Isotonic {
    /// Fits on (estimate, label) pairs. Risks stay `1 / (n + 2)` away from 0 and 1: `n` subjects
    /// cannot show that a risk is nothing or certainty (the rule of succession).
    pub(crate) fn fit(mut points: Vec<(f64, bool)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let floor = 1.0 / (points.len() as f64 + 2.0);
        let mut blocks: Vec<Block> = Vec::new();
        for tied in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            blocks.push(Block {
                estimates: tied.iter().map(|p| p.0).sum(),
                labels: tied.iter().map(|p| f64::from(u8::from(p.1))).sum(),
                weight: tied.len() as f64,
            });
            while let [.., below, above] = blocks.as_slice() {
                if below.labels * above.weight < above.labels * below.weight {
                    break;
                }
                merge_last_two(&mut blocks);
            }
        }
        Self {
            estimates: blocks
                .iter()
                .map(|b| rounded(b.estimates / b.weight))
                .collect(),
            risks: blocks
                .iter()
                .map(|b| rounded((b.labels / b.weight).clamp(floor, 1.0 - floor)))
                .collect(),
        }
    }

    pub(crate) fn apply(&self, estimate: f64) -> f64 {
        let above = self.estimates.partition_point(|e| *e <= estimate);
        let below = above.saturating_sub(1);
        match (self.risks.get(below), self.risks.get(above)) {
            (None, _) => estimate,
            (Some(risk), None) => *risk,
            (Some(risk), Some(_)) if above == 0 => *risk,
            (Some(low), Some(high)) => {
                let (left, right) = (self.estimates[below], self.estimates[above]);
                low + (high - low) * (estimate - left) / (right - left)
            }
        }
    }
}

fn merge_last_two(blocks: &mut Vec<Block>) {
    if let (Some(above), Some(below)) = (blocks.pop(), blocks.last_mut()) {
        below.estimates += above.estimates;
        below.labels += above.labels;
        below.weight += above.weight;
    }
}
