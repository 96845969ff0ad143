//! Cross-fitting: every training subject gets a risk from models that never saw it.
//!
//! A stack must not learn from the risks of models that learnt from the same labels (Wolpert 1992).
//! The subjects fall into folds by hash; each fold's model is tuned on the next fold, then learns
//! from all the others, so that the fold it answers for decides nothing. New subjects get the mean
//! of the logits of all folds' models, which is also steadier than any one of them (Breiman 1996).

use crate::error::{Error, NotFitted};
use crate::fitted::{Example, Fitted, Kind, fit};
use longitude_core::{Split, SubjectId, Task};
use serde::{Deserialize, Serialize};

/// The folds that are usual; fewer than 3 leave nothing to tune on.
pub const FOLDS: usize = 5;

/// The models of all folds.
#[derive(Debug, Serialize, Deserialize)]
pub struct CrossFitted {
    folds: Vec<Fitted>,
}

/// The fold of a subject, below `folds`: by hash, so that every member of a stack has the same.
pub fn fold_of(subject: SubjectId, folds: usize) -> usize {
    usize::from(Split::bucket("cross-fit", subject)) * folds / 1000
}

/// Fits one model a fold. Returns them and the risk of each example from the model that saw neither
/// its fold nor chose anything on it.
///
/// # Errors
/// [`Error::NotFitted`] when a fold's examples are too few or of one class.
pub fn cross_fit(
    kind: Kind,
    examples: &[(Example<'_>, bool)],
    task: &Task,
    folds: usize,
    seed: u64,
) -> Result<(CrossFitted, Vec<f64>), Error> {
    if folds < 3 {
        let reason = NotFitted::NothingToTuneOn;
        return Err(Error::NotFitted { kind, reason });
    }
    let fold = |example: &Example<'_>| fold_of(example.timeline.subject(), folds);
    let mut risks = vec![f64::NAN; examples.len()];
    let mut models = Vec::with_capacity(folds);
    for out in 0..folds {
        let tuned_on = (out + 1) % folds;
        let part = |keep: &dyn Fn(usize) -> bool| -> Vec<_> {
            let kept = examples.iter().filter(|(example, _)| keep(fold(example)));
            kept.copied().collect()
        };
        let train = part(&|fold| fold != out && fold != tuned_on);
        let chosen = fit(kind, &train, &part(&|fold| fold == tuned_on), task, seed)?;
        let model = chosen.again(&part(&|fold| fold != out), task, seed)?;
        let left_out: Vec<usize> = (0..examples.len())
            .filter(|i| fold(&examples[*i].0) == out)
            .collect();
        let asked: Vec<Example<'_>> = left_out.iter().map(|i| examples[*i].0).collect();
        for (i, risk) in left_out.into_iter().zip(model.predict(&asked)) {
            risks[i] = risk;
        }
        models.push(model);
    }
    Ok((CrossFitted { folds: models }, risks))
}

impl CrossFitted {
    /// The risk of each example, in order: the mean logit of the folds' models, as a risk.
    pub fn predict(&self, examples: &[Example<'_>]) -> Vec<f64> {
        let mut logits = vec![0.0; examples.len()];
        for model in &self.folds {
            for (sum, risk) in logits.iter_mut().zip(model.predict(examples)) {
                *sum += logit(risk) / self.folds.len() as f64;
            }
        }
        logits.into_iter().map(crate::logistic::sigmoid).collect()
    }

    /// The models, one a fold.
    pub fn folds(&self) -> &[Fitted] {
        &self.folds
    }
}

/// Risks are held a billionth away from 0 and 1.
fn logit(risk: f64) -> f64 {
    let risk = risk.clamp(1e-9, 1.0 - 1e-9);
    (risk / (1.0 - risk)).ln()
}
