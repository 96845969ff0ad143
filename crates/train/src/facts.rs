//! The facts of a model card as data: what stands beside the weights in `model-facts.json`.
//!
//! Aggregates only. A count of people below [`SMALL_CELL`] is not shown, nor one that the others of
//! its table would give away; counts of events are shown by domain where enough people have any.

use crate::data::Part;
use crate::evaluate::Nats;
use crate::report::{Energy, TrainingReport};
use crate::run::StopCause;
use longitude_core::{Days, Digest, Timeline};
use longitude_deid::Deidentified;
use longitude_model::{Config, Model};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The smallest number of people that is shown, zero apart: cells of 10 and fewer are held back, as
/// the US CMS cell size suppression policy has it.
pub const SMALL_CELL: u64 = 11;

/// A count of people, or that it is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Zero, or at least [`SMALL_CELL`].
    Shown(u64),
    /// A count that is not told.
    Held(Held),
}

/// The word that stands for a count that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Small, or it would give a small one away.
    HeldBack,
}

impl Cell {
    fn of(count: u64) -> Self {
        if count == 0 || count >= SMALL_CELL {
            Self::Shown(count)
        } else {
            Self::Held(Held::HeldBack)
        }
    }
}

/// A table whose cells add up to a known total. Where one cell alone would be held back, the next
/// smallest is too, for the total gives a single one away.
fn table(counts: &BTreeMap<String, u64>) -> BTreeMap<String, Cell> {
    let mut cells: BTreeMap<String, Cell> = counts
        .iter()
        .map(|(name, count)| (name.clone(), Cell::of(*count)))
        .collect();
    let held = |cell: &Cell| matches!(cell, Cell::Held(_));
    if cells.values().filter(|cell| held(cell)).count() == 1 {
        let shown = counts
            .iter()
            .filter(|(name, count)| **count > 0 && !held(&cells[*name]));
        let smallest = shown
            .min_by_key(|(_, count)| **count)
            .map(|(name, _)| name.clone());
        if let Some(name) = smallest {
            cells.insert(name, Cell::Held(Held::HeldBack));
        }
    }
    cells
}

/// Who the model learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Subjects to learn from and to stop early on.
    pub subjects: BTreeMap<String, Cell>,
    /// Bands of age at the first event, in years.
    pub age: BTreeMap<String, Cell>,
    /// Sex as recorded.
    pub sex: BTreeMap<String, Cell>,
    /// Subjects whose record ends with death, and the others.
    pub end: BTreeMap<String, Cell>,
    /// Events by code system, of those that enough subjects have; the rest together.
    pub events: BTreeMap<String, u64>,
    /// Years from the first to the last event: quartiles over subjects, where there are enough.
    pub observed_years: Option<[f64; 3]>,
    /// All those years.
    pub observed_years_total: f64,
}

/// Counts a population, one subject after the other.
#[derive(Clone, Default)]
pub struct PopulationCounter {
    parts: BTreeMap<String, u64>,
    age: BTreeMap<String, u64>,
    sex: BTreeMap<String, u64>,
    end: BTreeMap<String, u64>,
    /// Events and subjects by system.
    domains: BTreeMap<String, (u64, u64)>,
    years: Vec<f64>,
}

/// Redacted: sizes only.
impl std::fmt::Debug for PopulationCounter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PopulationCounter({} subjects)", self.years.len())
    }
}

const AGES: [(f64, &str); 8] = [
    (18.0, "00 to 17"),
    (30.0, "18 to 29"),
    (40.0, "30 to 39"),
    (50.0, "40 to 49"),
    (60.0, "50 to 59"),
    (70.0, "60 to 69"),
    (80.0, "70 to 79"),
    (90.0, "80 to 89"),
];

impl PopulationCounter {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a subject.
    pub fn observe(&mut self, part: Part, timeline: &Deidentified<Timeline>) {
        let timeline = timeline.get();
        let one = |table: &mut BTreeMap<String, u64>, name: &str| {
            *table.entry(name.to_owned()).or_default() += 1;
        };
        let part = match part {
            Part::Learn => "learnt from",
            Part::EarlyStop => "stopped early on",
        };
        one(&mut self.parts, part);
        let care = timeline
            .events()
            .iter()
            .filter(|event| !event.code.is_birth());
        let times: Vec<_> = care.filter_map(|event| event.time).collect();
        let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
        let age = timeline
            .birth()
            .zip(first)
            .map(|(birth, first)| (first - birth).years());
        let band = age.map_or("not recorded", |age| {
            let band = AGES.iter().find(|(below, _)| age < *below);
            band.map_or("90 and over", |(_, name)| *name)
        });
        one(&mut self.age, band);
        one(&mut self.sex, &sex(timeline));
        let end = if timeline.death().is_some() {
            "died"
        } else {
            "alive or unknown"
        };
        one(&mut self.end, end);
        let span = first
            .zip(last)
            .map_or(Days(0.0), |(first, last)| last - first);
        self.years.push(span.years());
        let mut own: BTreeMap<&str, u64> = BTreeMap::new();
        for event in timeline.events() {
            *own.entry(&event.code.system).or_default() += 1;
        }
        for (system, events) in own {
            let name = if system.is_empty() { "none" } else { system };
            let (all, subjects) = self.domains.entry(name.to_owned()).or_default();
            *all += events;
            *subjects += 1;
        }
    }

    /// The table, small cells held back.
    pub fn finish(mut self) -> Population {
        let mut events: BTreeMap<String, u64> = BTreeMap::new();
        for (name, (count, subjects)) in &self.domains {
            let name = if *subjects >= SMALL_CELL {
                name
            } else {
                "others"
            };
            *events.entry(name.to_owned()).or_default() += count;
        }
        self.years.sort_by(f64::total_cmp);
        let enough = self.years.len() as u64 >= 4 * SMALL_CELL;
        let quartile = |quarter: usize| tenth(self.years[self.years.len() * quarter / 4]);
        Population {
            subjects: table(&self.parts),
            age: table(&self.age),
            sex: table(&self.sex),
            end: table(&self.end),
            events,
            observed_years: enough.then(|| [1, 2, 3].map(quartile)),
            observed_years_total: tenth(self.years.iter().sum()),
        }
    }
}

fn tenth(years: f64) -> f64 {
    (years * 10.0).round() / 10.0
}

/// The sex as recorded, in two words where it is one of them.
fn sex(timeline: &Timeline) -> String {
    let mut named = timeline
        .events()
        .iter()
        .filter(|event| matches!(&*event.code.system, "GENDER" | "SEX"));
    let value = named.next().map(|event| event.code.value.to_lowercase());
    match value.as_deref() {
        Some("female" | "f") => "female",
        Some("male" | "m") => "male",
        Some(_) => "other",
        None => "not recorded",
    }
    .to_owned()
}

/// The model itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelShape {
    /// All weights.
    pub parameters: usize,
    /// Weights by part: embeddings, blocks, heads.
    pub parameters_by_part: BTreeMap<String, usize>,
    /// The shape with the choices of architecture.
    pub config: Config,
    /// Where the ablations of those choices stand, in the documentation of this version.
    pub ablations: String,
}

/// What the model can name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VocabularyFacts {
    /// Its digest.
    pub digest: Digest,
    /// Codes, padding and unknown included.
    pub codes: usize,
    /// Codes with value bins.
    pub codes_with_values: usize,
    /// Groups of codes.
    pub groups: usize,
}

/// What it learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    /// The digest of the de-identified data set.
    pub dataset: Digest,
    /// The digest of its de-identification's receipt.
    pub deidentification: Digest,
    /// The digest of the tokens in their order.
    pub tokens: Digest,
}

/// How it learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// Steps.
    pub steps: u64,
    /// Positions, repeated context among them.
    pub tokens: u64,
    /// Passes over the data.
    pub epochs: f64,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// Why it ended.
    pub stop: StopCause,
    /// The seed.
    pub seed: u64,
    /// The kernels.
    pub kernels: String,
    /// The digest of all options.
    pub options: Digest,
    /// Seconds of work.
    pub seconds: f64,
}

/// The likelihood on one split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitFacts {
    /// Nats an event, days as the unit of the wait.
    pub nats: Nats,
    /// Events scored.
    pub events: u64,
    /// Subjects scored.
    pub subjects: Cell,
}

impl SplitFacts {
    /// The likelihood on a split; none where too few subjects have been scored.
    pub fn of(nats: Nats, events: u64, subjects: u64) -> Option<Self> {
        let subjects = Cell::of(subjects);
        matches!(subjects, Cell::Shown(1..)).then_some(Self {
            nats,
            events,
            subjects,
        })
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// The version of this record's meaning.
    pub version: u32,
    /// The software that made the model.
    pub software: String,
    /// The model.
    pub model: ModelShape,
    /// The vocabulary.
    pub vocabulary: VocabularyFacts,
    /// The data.
    pub data: DataFacts,
    /// The people.
    pub population: Population,
    /// The training.
    pub training: TrainingFacts,
    /// The likelihood by split (`train`, `tuning`, `held_out`, `marginal`), where it was evaluated.
    pub likelihood: BTreeMap<String, SplitFacts>,
    /// The energy, under its assumption.
    pub energy: Energy,
    /// What the reader should know, one sentence each.
    pub warnings: Vec<String>,
}

impl ModelFacts {
    /// The version that this program writes.
    pub const VERSION: u32 = 1;

    /// The facts of a trained model; `likelihood` is filled in by who evaluates.
    pub fn new(
        model: &Model,
        vocabulary: &Vocabulary,
        (data, population): (DataFacts, Population),
        report: &TrainingReport,
    ) -> Self {
        let record = &report.record;
        let codes = 0..u32::try_from(vocabulary.len()).unwrap_or(u32::MAX);
        Self {
            version: Self::VERSION,
            software: report.code_version.clone(),
            model: ModelShape {
                parameters: model.parameters(),
                parameters_by_part: by_part(model),
                config: model.config().clone(),
                ablations: "docs/model/ablations.md".to_owned(),
            },
            vocabulary: VocabularyFacts {
                digest: record.vocabulary,
                codes: vocabulary.len(),
                codes_with_values: codes.filter(|id| vocabulary.bins_of(*id).is_some()).count(),
                groups: vocabulary.groups_len(),
            },
            data,
            population,
            training: TrainingFacts {
                steps: record.steps_done,
                tokens: record.tokens,
                epochs: record.epochs,
                best_step: record.best_step,
                stop: record.stop,
                seed: report.seed,
                kernels: report.kernels.clone(),
                options: record.options,
                seconds: report.speed.seconds,
            },
            likelihood: BTreeMap::new(),
            energy: report.energy.clone(),
            warnings: report
                .warnings
                .iter()
                .filter(|text| !counts_few(text))
                .cloned()
                .collect(),
        }
    }
}

/// Whether a warning counts fewer people or events than a cell may show.
fn counts_few(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.filter_map(|digits| digits.parse::<u64>().ok());
    numbers.any(|number| (1..SMALL_CELL).contains(&number))
}

/// Weights by the first word of their tensors' names.
fn by_part(model: &Model) -> BTreeMap<String, usize> {
    let mut parts = BTreeMap::new();
    for tensor in model.tensors() {
        let part = tensor.name.split('.').next().unwrap_or_default();
        *parts.entry(part.to_owned()).or_default() += tensor.range.len();
    }
    parts
}

#[cfg(test)]
mod tests;
