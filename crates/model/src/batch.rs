//! Batches: segments of events packed one after another, without padding.

use crate::choices::Choices;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::query::Query;

/// What the model sees of one event.
#[derive(Clone, Copy, PartialEq)]
pub struct Input {
    /// Its id in the vocabulary.
    pub code: u32,
    /// Its value bin, 1 to K, or 0 for none.
    pub value_bin: u16,
    /// Its standardised value, 0 if none.
    pub value: f32,
    /// The subject's age; saturates at 90 years.
    pub age_days: f32,
    /// Days since the first event of the segment, from an integer difference.
    pub time_days: f64,
    /// Days since the previous event, 0 at the first.
    pub wait_days_prev: f32,
}

/// What follows an event.
#[derive(Clone, Copy, PartialEq)]
pub enum Target {
    /// Not scored: the event is context.
    None,
    /// The next event.
    Event {
        /// Days until it; 0 is a tie.
        wait_days: f64,
        /// Its id in the vocabulary.
        code: u32,
        /// Its value bin, or 0 for none.
        value_bin: u16,
    },
    /// The end of observation before any event.
    Censored {
        /// Days until it.
        wait_days: f64,
    },
}

/// T positions in S segments.
#[derive(Clone, Default, PartialEq)]
pub struct Batch {
    starts: Vec<u32>,
    inputs: Vec<Input>,
    targets: Vec<Target>,
    queries: Vec<Query>,
    query_weight: f32,
}

/// Redacted: sizes only, for a batch holds patients' values.
impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Batch({} positions, {} segments)",
            self.positions(),
            self.segments()
        )
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input(..)")
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "Target::None",
            Self::Event { .. } => "Target::Event(..)",
            Self::Censored { .. } => "Target::Censored(..)",
        })
    }
}

impl Batch {
    /// No segments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all segments out and keeps the memory.
    pub fn clear(&mut self) {
        self.starts.clear();
        self.inputs.clear();
        self.targets.clear();
        self.queries.clear();
    }

    /// Adds queries at positions that are there already, none before those of an earlier call.
    ///
    /// # Errors
    /// [`Error::Batch`] when a position is beyond the last or not ascending.
    pub fn ask(&mut self, queries: impl IntoIterator<Item = Query>) -> Result<()> {
        for query in queries {
            let (position, last) = (query.position as usize, self.queries.last());
            if position >= self.inputs.len() || last.is_some_and(|l| l.position > query.position) {
                let reason = "the positions of queries do not ascend within the batch";
                return Err(Error::Batch { position, reason });
            }
            self.queries.push(query);
        }
        Ok(())
    }

    /// The queries, by position.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// What a nat of a query weighs in the gradient beside a nat of an event; 0 at first.
    pub fn set_query_weight(&mut self, weight: f32) {
        self.query_weight = weight;
    }

    /// As set.
    pub fn query_weight(&self) -> f32 {
        self.query_weight
    }

    /// Adds one segment of one subject: events see earlier events of their own segment only. An
    /// empty segment adds nothing.
    ///
    /// # Errors
    /// [`Error::Batch`] when the lengths differ or the batch would exceed 2^31 positions.
    pub fn push(&mut self, inputs: &[Input], targets: &[Target]) -> Result<()> {
        let position = self.inputs.len();
        let refuse = |reason| Err(Error::Batch { position, reason });
        if inputs.len() != targets.len() {
            return refuse("as many targets as inputs are needed");
        }
        if inputs.is_empty() {
            return Ok(());
        }
        let Ok(end) = u32::try_from(position + inputs.len()) else {
            return refuse("too many positions");
        };
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.starts.push(end);
        self.inputs.extend_from_slice(inputs);
        self.targets.extend_from_slice(targets);
        Ok(())
    }

    /// Adds one segment of another batch.
    pub(crate) fn push_segment_of(&mut self, other: &Self, segment: usize) {
        let span = other.starts[segment] as usize..other.starts[segment + 1] as usize;
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.inputs.extend_from_slice(&other.inputs[span.clone()]);
        self.targets.extend_from_slice(&other.targets[span]);
        let len = other.starts[segment + 1] - other.starts[segment];
        let start = self.starts.last().copied().unwrap_or(0);
        self.starts.push(start + len);
        let from = other.starts[segment];
        let first = other.queries.partition_point(|query| query.position < from);
        let own = other.queries[first..]
            .iter()
            .take_while(|query| query.position < from + len);
        self.queries.extend(own.cloned().map(|query| Query {
            position: query.position - from + start,
            ..query
        }));
        self.query_weight = other.query_weight;
    }

    /// Replaces each event by what a model of these choices sees of it.
    pub(crate) fn see(&mut self, choices: &Choices) {
        for input in &mut self.inputs {
            *input = choices.see(*input);
        }
    }

    /// T.
    pub fn positions(&self) -> usize {
        self.inputs.len()
    }

    /// S.
    pub fn segments(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Where segments start, and T at the end: S + 1 numbers, or none of an empty batch.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The events, `[T]`.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The events, to hide something of them.
    pub fn inputs_mut(&mut self) -> &mut [Input] {
        &mut self.inputs
    }

    /// What follows each, `[T]`.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether a model of this configuration can take the batch.
    ///
    /// # Errors
    /// [`Error::Batch`] names the first position with an id out of range or a number that is not
    /// finite, or a negative wait.
    pub fn check(&self, config: &Config) -> Result<()> {
        for (position, (input, target)) in self.inputs.iter().zip(&self.targets).enumerate() {
            let refuse = |reason| Err(Error::Batch { position, reason });
            check_input(config, input).or_else(refuse)?;
            let (wait, code, bin) = match *target {
                Target::None => (0.0, 0, 0),
                Target::Event {
                    wait_days,
                    code,
                    value_bin,
                } => (wait_days, code, value_bin),
                Target::Censored { wait_days } => (wait_days, 0, 0),
            };
            if !(wait.is_finite() && wait >= 0.0) {
                return refuse("the target's wait is negative or not finite");
            }
            if code as usize >= config.vocab || usize::from(bin) > config.value_bins {
                return refuse("the target's code or value bin is out of range");
            }
        }
        for query in &self.queries {
            let position = query.position as usize;
            let refuse = |reason| Err(Error::Batch { position, reason });
            query.question.check(config).or_else(refuse)?;
            if !query.answer.days().is_finite() || query.answer.days() < 0.0 {
                return refuse("the answer's time is negative or not finite");
            }
        }
        Ok(())
    }

    /// Whether every target's value bin is one of its code; `bins` `[V]` says how many a code has,
    /// and [`Batch::check`] has passed.
    pub(crate) fn check_values(&self, bins: &[u16]) -> Result<()> {
        let beyond = self.targets.iter().position(|target| match *target {
            Target::Event {
                code, value_bin, ..
            } => value_bin > bins[code as usize],
            Target::None | Target::Censored { .. } => false,
        });
        let reason = "the target's value bin is not one of its code";
        beyond.map_or(Ok(()), |position| Err(Error::Batch { position, reason }))
    }
}

/// Whether a model of this configuration can take the event.
pub(crate) fn check_input(config: &Config, input: &Input) -> std::result::Result<(), &'static str> {
    if input.code as usize >= config.vocab {
        return Err("the code is out of range");
    }
    if usize::from(input.value_bin) > config.value_bins {
        return Err("the value bin is out of range");
    }
    let numbers = [input.value, input.age_days, input.wait_days_prev];
    if numbers.iter().any(|number| !number.is_finite()) || !input.time_days.is_finite() {
        return Err("a number is not finite");
    }
    Ok(())
}
