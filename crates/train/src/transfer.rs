//! A model for another vocabulary: what a base model knows of codes, brought to a site whose own
//! vocabulary has other codes, other bins and other frequencies.
//!
//! Everything that does not depend on the vocabulary is the base's. A row of the code table starts
//! by the first rule that applies, and the account says which:
//!
//! 1. a code that the base has too keeps its row;
//! 2. the mean of the base's codes at or under its nearest ancestor that has any;
//! 3. the base's codes whose descriptions are likest, weighted by a softmax of the cosine;
//! 4. the mean of all rows.
//!
//! Output biases are log odds that the base learnt on top of its own frequencies. What it learnt is
//! carried over, and the site's frequencies take the place of the base's (a prior shift; Saerens et
//! al. 2002, equation 4): `bias = bias of the sources - log p(base) + log p(site)`. Value bins are
//! fitted anew on the site, so each of them asks those bins of the base that hold its values.

use crate::data::TrainData;
use crate::describe::Described;
use crate::marginal::marginal_model;
use crate::options::{Options, sizes};
use crate::{Error, Result};
use longitude_core::Code;
use longitude_model::{Config, Model};
use longitude_tokens::{Bins, PAD, UNKNOWN, Vocabulary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most sources of one row by description.
const NEAREST_MAX: usize = 8;

/// Below this cosine a description says nothing: unrelated codes of the shipped terminologies share
/// their common words to about a fifth.
const COSINE_MIN: f32 = 0.25;

/// The softmax of cosines divides by this: a tenth less of cosine has e^-2 of the weight.
const TEMPERATURE: f32 = 0.05;

/// Points of a site's bin at which the base's bins are asked.
const POINTS: u16 = 9;

/// What codes are called, by code.
pub type Descriptions = BTreeMap<Code, String>;

/// Which rules start the rows of new codes; none of them leaves random rows, which only a
/// measurement wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Rule 2.
    pub hierarchy: bool,
    /// Rule 3.
    pub descriptions: bool,
    /// Rule 4.
    pub mean: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Self = Self {
        hierarchy: true,
        descriptions: true,
        mean: true,
    };
    /// Random rows, the site's frequencies as biases.
    pub const NONE: Self = Self {
        hierarchy: false,
        descriptions: false,
        mean: false,
    };
}

/// How a row started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The base has the code.
    Kept,
    /// The base has relatives of it.
    Hierarchy,
    /// The base has codes of like descriptions.
    Description,
    /// The mean of all rows.
    Mean,
    /// Random numbers.
    Random,
}

/// How the row of one code started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeStart {
    /// The code, as MEDS writes it.
    pub code: String,
    /// By which rule.
    pub rule: Rule,
    /// The base's codes that it was made of, with their weights, the heaviest first; of many the
    /// first eight. Empty for the mean of all.
    pub from: Vec<(String, f32)>,
    /// The site's scored training events with it: what the start is worth.
    pub share: f32,
}

/// A base model brought to another vocabulary.
#[derive(Clone, Debug)]
pub struct Transferred {
    /// The model of the site's vocabulary.
    pub model: Model,
    /// How each code started, in the order of identifiers, special ones left out.
    pub codes: Vec<CodeStart>,
}

/// A base model with its vocabulary and what its codes are called.
#[derive(Clone, Copy, Debug)]
pub struct Base<'b> {
    /// The model.
    pub model: &'b Model,
    /// Its vocabulary.
    pub vocabulary: &'b Vocabulary,
    /// What its codes are called, where known.
    pub descriptions: &'b Descriptions,
}

/// The shape of a base model for another vocabulary.
///
/// # Errors
/// When the vocabulary has no digest.
pub fn transferred_config(base: &Config, vocabulary: &Vocabulary) -> Result<Config> {
    let sizes = sizes(vocabulary)?;
    let mut choices = base.choices.clone();
    if !choices.once_only.is_empty() {
        choices.once_only = vocabulary.once_only_ids();
    }
    Ok(Config {
        choices,
        vocab: sizes.vocab,
        groups: sizes.groups,
        value_bins: sizes.value_bins,
        vocabulary: sizes.vocabulary,
        ..base.clone()
    })
}

/// Brings a base model to the vocabulary of a site's data. The options have the shape of
/// [`transferred_config`]; `descriptions` are the site's.
///
/// # Errors
/// When the base's vocabulary is not its model's, or the site's has another number of value bins.
pub fn transfer(
    base: Base<'_>,
    data: &TrainData,
    options: &Options,
    descriptions: &Descriptions,
    rules: Rules,
) -> Result<Transferred> {
    if base.model.config().vocabulary != base.vocabulary.digest()?.to_string() {
        return Err(Error::Shape { what: "vocabulary" });
    }
    let site = data.vocabulary();
    let relatives = Relatives::new(base, rules);
    let starts: Vec<Start> = (0u32..)
        .take(site.len())
        .map(|id| relatives.start(site, id, descriptions))
        .collect();
    let mut model = marginal_model(data, options)?;
    fill(&mut model, base, site, &starts)?;
    let shares = site.marginals().code_log_share;
    let codes = (0u32..)
        .zip(&starts)
        .filter_map(|(id, start)| {
            let code = site.code(id)?.to_meds().into_owned();
            let from = start.from.iter().take(NEAREST_MAX);
            let name = |id: u32| {
                base.vocabulary
                    .code(id)
                    .map(|code| code.to_meds().into_owned())
            };
            Some(CodeStart {
                code,
                rule: start.rule,
                from: from.filter_map(|(id, w)| Some((name(*id)?, *w))).collect(),
                share: shares[id as usize].exp(),
            })
        })
        .collect();
    Ok(Transferred { model, codes })
}

/// The base's identifiers that a row is made of, heaviest first; weights sum to 1.
struct Start {
    rule: Rule,
    from: Vec<(u32, f32)>,
}

/// What the base has to offer a new code.
struct Relatives<'b> {
    base: Base<'b>,
    rules: Rules,
    /// The identifiers at and under each code.
    under: BTreeMap<Code, Vec<u32>>,
    described: Described,
}

impl<'b> Relatives<'b> {
    fn new(base: Base<'b>, rules: Rules) -> Self {
        let vocabulary = base.vocabulary;
        let ids = || (UNKNOWN + 1..).take(vocabulary.len().saturating_sub(2));
        let mut under: BTreeMap<Code, Vec<u32>> = BTreeMap::new();
        for id in ids() {
            let own = vocabulary.code(id).cloned();
            for code in std::iter::successors(own, |code| vocabulary.parent(code)) {
                under.entry(code).or_default().push(id);
            }
        }
        let texts: Vec<(u32, String)> = ids()
            .filter_map(|id| Some((id, text_of(vocabulary, id, base.descriptions)?)))
            .collect();
        Self {
            base,
            rules,
            under,
            described: Described::new(texts.iter().map(|(id, text)| (*id, text.as_str()))),
        }
    }

    fn start(&self, site: &Vocabulary, id: u32, descriptions: &Descriptions) -> Start {
        let kept = match site.code(id) {
            None => Some(id),
            Some(code) => self.base.vocabulary.exact(code),
        };
        if let Some(kept) = kept {
            return Start {
                rule: Rule::Kept,
                from: vec![(kept, 1.0)],
            };
        }
        let found = self.by_hierarchy(site, id).filter(|_| self.rules.hierarchy);
        let found = found.or_else(|| {
            let text = text_of(site, id, descriptions).filter(|_| self.rules.descriptions)?;
            self.by_description(&text)
        });
        found.unwrap_or(Start {
            rule: if self.rules.mean {
                Rule::Mean
            } else {
                Rule::Random
            },
            from: Vec::new(),
        })
    }

    /// The mean of the base's codes at or under the nearest ancestor that has any.
    fn by_hierarchy(&self, site: &Vocabulary, id: u32) -> Option<Start> {
        let first = site.parent(site.code(id)?);
        let mut above = std::iter::successors(first, |code| site.parent(code));
        let members = above.find_map(|code| self.under.get(&code))?;
        let weight = 1.0 / members.len() as f32;
        Some(Start {
            rule: Rule::Hierarchy,
            from: members.iter().map(|id| (*id, weight)).collect(),
        })
    }

    /// The base's codes of the likest descriptions, by a softmax of the cosine.
    fn by_description(&self, text: &str) -> Option<Start> {
        let mut from = self.described.nearest(text, NEAREST_MAX);
        from.retain(|(_, cosine)| *cosine >= COSINE_MIN);
        let best = from.first()?.1;
        for (_, weight) in &mut from {
            *weight = ((*weight - best) / TEMPERATURE).exp();
        }
        let sum: f32 = from.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut from {
            *weight /= sum;
        }
        Some(Start {
            rule: Rule::Description,
            from,
        })
    }
}

/// What an identifier is called: a variant by its base code, and what it adds to that.
fn text_of(vocabulary: &Vocabulary, id: u32, descriptions: &Descriptions) -> Option<String> {
    let (code, base) = (vocabulary.code(id)?, vocabulary.base(id)?);
    let text = descriptions.get(code).or_else(|| descriptions.get(base))?;
    let added = code.value.strip_prefix(&*base.value).unwrap_or_default();
    Some(format!("{text} {added}"))
}

/// Fills every tensor of the site's model.
fn fill(model: &mut Model, base: Base<'_>, site: &Vocabulary, starts: &[Start]) -> Result<()> {
    let groups = group_sources(base.vocabulary, site);
    for tensor in model.tensors().to_vec() {
        let known = base.model.tensors().iter().find(|t| t.name == tensor.name);
        let (Some(known), Some(from)) = (known, base.model.weight(&tensor.name)) else {
            return Err(Error::Shape { what: "start" });
        };
        let to = &mut model.weights_mut()[tensor.range.clone()];
        let width: usize = tensor.shape.iter().skip(1).product();
        let tail = |shape: &[usize]| shape.get(1..).map(<[usize]>::to_vec);
        if tail(&known.shape) != tail(&tensor.shape) {
            return Err(Error::Shape { what: "value_bins" });
        }
        match tensor.name.as_str() {
            "code.bias" => code_bias(to, from, (base.vocabulary, site), starts),
            "value.bias" => value_bias(to, from, (base.vocabulary, site), starts),
            "embedding.group" => rows(to, from, width, &groups),
            _ if known.shape[0] == base.vocabulary.len() && tensor.shape[0] == site.len() => {
                rows(to, from, width, starts);
            }
            _ if known.shape == tensor.shape => to.copy_from_slice(from),
            _ => return Err(Error::Shape { what: "start" }),
        }
    }
    Ok(())
}

/// Rows as weighted means of rows; random ones stay as they are.
fn rows(to: &mut [f32], from: &[f32], width: usize, starts: &[Start]) {
    let all = from.len() / width;
    for (row, start) in to.chunks_exact_mut(width).zip(starts) {
        if start.rule == Rule::Random {
            continue;
        }
        row.fill(0.0);
        let mut add = |id: usize, weight: f32| {
            let source = &from[id * width..(id + 1) * width];
            row.iter_mut()
                .zip(source)
                .for_each(|(x, y)| *x += weight * y);
        };
        if start.rule == Rule::Mean {
            let weight = 1.0 / (all - 2) as f32;
            (2..all).for_each(|id| add(id, weight));
        }
        start
            .from
            .iter()
            .for_each(|(id, weight)| add(*id as usize, *weight));
    }
}

/// Groups of the same name keep their rows; others are the mean of all.
fn group_sources(base: &Vocabulary, site: &Vocabulary) -> Vec<Start> {
    let ids = |vocabulary: &Vocabulary| (1u32..).take(vocabulary.groups_len() - 1);
    let names: BTreeMap<&str, u32> = ids(base)
        .filter_map(|id| Some((base.group_name(id)?, id)))
        .collect();
    let start = |id: u32| {
        let known = match site.group_name(id) {
            None => Some(&0),
            Some(name) => names.get(name),
        };
        Start {
            rule: if known.is_some() {
                Rule::Kept
            } else {
                Rule::Mean
            },
            from: known.map(|id| (*id, 1.0)).into_iter().collect(),
        }
    };
    (0u32..).take(site.groups_len()).map(start).collect()
}

/// `[V]`: what the base learnt above its log frequencies, above the site's log frequencies, which
/// stand in `to` already.
fn code_bias(
    to: &mut [f32],
    from: &[f32],
    (base, site): (&Vocabulary, &Vocabulary),
    starts: &[Start],
) {
    let (base, site) = (
        base.marginals().code_log_share,
        site.marginals().code_log_share,
    );
    let learnt: Vec<f32> = from
        .iter()
        .zip(&base)
        .map(|(bias, log)| bias - log)
        .collect();
    for ((bias, start), log) in to.iter_mut().zip(starts).zip(&site) {
        let above = |(id, weight): &(u32, f32)| weight * learnt[*id as usize];
        *bias = log + start.from.iter().map(above).sum::<f32>();
    }
    // Padding never happens.
    to[PAD as usize] = from[PAD as usize];
}

/// `[V, K + 1]`: the same of each value class, a bin asking those bins of the base that hold its
/// values. Only a code's own bins are asked: a relative's values are another quantity's.
fn value_bias(
    to: &mut [f32],
    from: &[f32],
    (base, site): (&Vocabulary, &Vocabulary),
    starts: &[Start],
) {
    let classes = to.len() / site.len();
    let shares = base.marginals().value_share;
    for ((id, row), start) in (0u32..).zip(to.chunks_exact_mut(classes)).zip(starts) {
        let source = start.from.first().map_or(PAD, |(id, _)| *id);
        let (Rule::Kept, Some(own), Some(other)) =
            (start.rule, site.bins_of(id), base.bins_of(source))
        else {
            continue;
        };
        if own.unit != other.unit {
            continue;
        }
        let learnt = &from[source as usize * classes..(source as usize + 1) * classes];
        let share = &shares[source as usize];
        // What was learnt above the frequencies, up to a constant that the softmax removes.
        let above = |bin: u16| {
            let bin = usize::from(bin);
            learnt[bin] - share[bin - 1].max(1e-6).ln()
        };
        let all: Vec<f32> = (1..=other.len()).map(above).collect();
        let middle = all.iter().sum::<f32>() / all.len() as f32;
        for bin in 1..=own.len() {
            let asked = points(own, bin).map(|value| all[usize::from(other.bin(value)) - 1]);
            let mean = asked.sum::<f32>() / f32::from(POINTS);
            row[usize::from(bin)] += mean - middle;
        }
    }
}

/// Values spread over the mass of a bin.
fn points(bins: &Bins, bin: u16) -> impl Iterator<Item = f64> {
    (0..POINTS).map(move |i| {
        let u = (f64::from(i) + 0.5) / f64::from(POINTS);
        bins.sample(bin, u)
    })
}

#[cfg(test)]
mod tests;
