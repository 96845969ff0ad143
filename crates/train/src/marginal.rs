//! What a model starts from: the frequencies of codes, values and waits in the training data,
//! whatever came before. A model that learns nothing from histories cannot beat it.

use crate::Result;
use crate::data::TrainData;
use crate::life_table;
use crate::options::Options;
use crate::sequences::days;
use longitude_model::{Codes, Marginals, Model, WaitMarginal};
use longitude_tokens::{Next, PAD};

/// The model of step 0: random weights inside, but its outputs are the marginals of the training
/// data. It is the baseline to beat.
///
/// # Errors
/// When the options' shape does not fit the vocabulary.
pub fn marginal_model(data: &TrainData, options: &Options) -> Result<Model> {
    let vocabulary = data.vocabulary();
    let bins = (0u32..)
        .take(vocabulary.len())
        .map(|id| {
            vocabulary
                .bins_of(id)
                .map_or(0, longitude_tokens::Bins::len)
        })
        .collect();
    let codes = Codes {
        groups: vocabulary.group_table(),
        value_bins: bins,
    };
    let marginals = marginals(data, options, &codes.value_bins);
    let mut model = Model::new(options.config.clone(), codes, options.seed)?;
    model.set_marginals(&marginals)?;
    if options.config.has_queries() {
        let edges = &options.config.query_edges_days;
        model.set_query_base(&life_table::log_odds(data, edges, options.seed))?;
    }
    Ok(model)
}

/// Counts over the scored events of the subjects to learn from. Half an event is added to each code
/// and value class, so that nothing is impossible.
fn marginals(data: &TrainData, options: &Options, bins: &[u16]) -> Marginals {
    let classes = options.config.value_bins + 1;
    let mut codes = vec![0.5f64; bins.len()];
    codes[PAD as usize] = 1e-6;
    let mut values = vec![0.5f64; bins.len() * classes];
    let mut waits = WaitMarginal::new(&options.config.wait_edges_days);
    for sequence in data.learn.iter() {
        for position in sequence.targets() {
            match sequence.next(position) {
                Next::None => {}
                Next::Censored { wait_us } => waits.censored(days(wait_us)),
                Next::Event { wait_us } => {
                    waits.event(days(wait_us));
                    let code = sequence.code[position + 1] as usize;
                    codes[code] += 1.0;
                    let class = usize::from(sequence.value_bin[position + 1]);
                    values[code * classes + class] += 1.0;
                }
            }
        }
    }
    let (zero_wait, hazards_per_day) = waits.finish();
    Marginals {
        code_log_frequency: log_shares(&codes, codes.len()),
        zero_wait,
        hazards_per_day,
        value_log_frequency: values
            .chunks_exact(classes)
            .zip(bins)
            .flat_map(|(row, bins)| log_shares(row, 1 + usize::from(*bins)))
            .collect(),
    }
}

/// The logarithms of the shares among the first `open` counts; the rest cannot happen and get 0.
fn log_shares(counts: &[f64], open: usize) -> Vec<f32> {
    let total: f64 = counts.iter().take(open).sum();
    let share = |(index, count): (usize, &f64)| {
        if index < open {
            crate::sequences::single((count / total).ln())
        } else {
            0.0
        }
    };
    counts.iter().enumerate().map(share).collect()
}
