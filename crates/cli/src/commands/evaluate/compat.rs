//! `--meds-compat`: the JSON that meds-evaluation 0.0.6 writes for the same table.

use super::Arguments;
use super::checks::{every_label, every_probability, not_empty, present};
use crate::progress::print;
use anyhow::Result;
use longitude_eval::{CompatInput, meds_compat};
use longitude_store::read_predictions;

/// Prints the two blocks.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    present(&arguments.predictions)?;
    let read = read_predictions(&arguments.predictions, false)?;
    not_empty(&read, &arguments.predictions)?;
    let labels = every_label(&read)?;
    let predicted = read
        .booleans
        .get("predicted_boolean_value")
        .and_then(|values| values.iter().copied().collect::<Option<Vec<bool>>>());
    let probabilities: Option<Vec<f32>> = every_probability(&read, predicted.is_some())?;
    let input = CompatInput {
        subjects: &read.subjects,
        labels: &labels,
        predicted: predicted.as_deref(),
        probabilities: probabilities.as_deref(),
    };
    let judged = meds_compat(&input, arguments.samples_per_subject, arguments.seed);
    print(&format!("{}\n", serde_json::to_string_pretty(&judged)?))
}
