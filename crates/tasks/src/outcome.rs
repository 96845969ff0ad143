//! The label of a sample in the strict language: what happens first in the window, and whether
//! the record is long enough to tell.

use crate::program::{Censoring, LabelKind, LabelPlan, Take};
use crate::realise::{Realiser, Stretch};

/// A label's values, as MEDS's label schema has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Values {
    pub(crate) boolean: Option<bool>,
    pub(crate) integer: Option<i64>,
    pub(crate) float: Option<f32>,
    /// By its place in the list of categories.
    pub(crate) category: Option<u32>,
}

/// Why a realised sample has no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Missing {
    /// The record ends before the window does, and the outcome was not seen.
    Censored,
    /// The outcome does not happen, and the label is a value of it or a class without a name.
    Nothing,
}

/// The window of a label in a sample.
pub(crate) struct Asked<'a, 'r> {
    pub(crate) realiser: &'a Realiser<'r>,
    pub(crate) label: &'a LabelPlan,
    pub(crate) stretch: Stretch,
    pub(crate) prediction_time: i64,
    /// Until when the subject was observed.
    pub(crate) observed: i64,
}

/// The categories of a label, in order: of classes, or of what ends a time.
pub(crate) fn categories(label: &LabelPlan, name: impl Fn(usize) -> String) -> Vec<String> {
    match &label.kind {
        LabelKind::Class(classes, otherwise) => {
            let names = classes.iter().map(|(name, _)| name.clone());
            names.chain(otherwise.clone()).collect()
        }
        LabelKind::TimeTo(column, _) => {
            let ends = std::iter::once(*column).chain(label.competing.iter().copied());
            ends.map(name).chain(["censored".to_owned()]).collect()
        }
        LabelKind::Binary(_) | LabelKind::Count(_) | LabelKind::Value(..) => Vec::new(),
    }
}

impl Asked<'_, '_> {
    /// The label.
    pub(crate) fn values(&self) -> Result<Values, Missing> {
        let node = &self.realiser.program.nodes[self.label.node];
        let earlier = self.stretch.start.min(self.stretch.end);
        let later = self.stretch.start.max(self.stretch.end);
        let (from, to) = self.realiser.instants((earlier, later), node.closed);
        let competing = self.competing(from, to);
        // What happens at the same instant as a competing event still counts.
        let until = competing.map_or(to, |(instant, _)| instant + 1);
        let whole = self.stretch.bound.is_some()
            || competing.is_some()
            || self.observed >= later
            || self.died(to)
            || self.label.censoring == Censoring::Negative;
        let seen = if whole {
            Ok(())
        } else {
            Err(Missing::Censored)
        };
        match &self.label.kind {
            LabelKind::Binary(column) => {
                let happened = self.first(*column, from, until).is_some();
                if !happened {
                    seen?;
                }
                Ok(Values {
                    boolean: Some(happened),
                    ..Values::default()
                })
            }
            LabelKind::Count(column) => {
                seen?;
                Ok(Values {
                    integer: Some(self.realiser.record.between(*column, from, until)),
                    ..Values::default()
                })
            }
            LabelKind::Value(_, take) => {
                if *take != Take::First {
                    seen?;
                }
                let value = self.value(*take, from, until);
                match (value, seen) {
                    (Some(value), _) => Ok(value),
                    (None, Ok(())) => Err(Missing::Nothing),
                    (None, Err(missing)) => Err(missing),
                }
            }
            LabelKind::Class(classes, otherwise) => {
                self.class(classes, otherwise.is_some(), (from, until), seen)
            }
            LabelKind::TimeTo(column, unit) => {
                Ok(self.time_to(*column, *unit, (from, until), competing))
            }
        }
    }

    fn first(&self, column: usize, from: usize, to: usize) -> Option<usize> {
        let found = self.realiser.record.next(column, from);
        found.filter(|instant| *instant < to)
    }

    /// The first competing event, and which of them it is.
    fn competing(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let events = self.label.competing.iter().enumerate();
        let found = events.filter_map(|(at, column)| Some((self.first(*column, from, to)?, at)));
        found.min()
    }

    fn died(&self, to: usize) -> bool {
        self.label
            .death
            .is_some_and(|death| self.realiser.record.up_to(death, to) > 0)
    }

    fn value(&self, take: Take, from: usize, to: usize) -> Option<Values> {
        let values = self.realiser.record.values.iter();
        let mut inside = values
            .filter(|(instant, _)| (from..to).contains(instant))
            .map(|(_, value)| *value);
        let value = match take {
            Take::First => inside.next(),
            Take::Last => inside.next_back(),
            Take::Lowest => inside.reduce(f64::min),
            Take::Highest => inside.reduce(f64::max),
            Take::Mean => {
                let (count, sum) =
                    inside.fold((0_u32, 0.0), |(n, sum), value| (n + 1, sum + value));
                (count > 0).then(|| sum / f64::from(count))
            }
        };
        Some(Values {
            float: Some(narrow(value?)),
            ..Values::default()
        })
    }

    fn class(
        &self,
        classes: &[(String, usize)],
        otherwise: bool,
        (from, to): (usize, usize),
        seen: Result<(), Missing>,
    ) -> Result<Values, Missing> {
        let events = classes.iter().enumerate();
        let found = events
            .filter_map(|(at, (_, column))| Some((self.first(*column, from, to)?, at)))
            .min();
        let at = if let Some((_, at)) = found {
            at
        } else {
            seen?;
            if !otherwise {
                return Err(Missing::Nothing);
            }
            classes.len()
        };
        Ok(Values {
            category: u32::try_from(at).ok(),
            ..Values::default()
        })
    }

    fn time_to(
        &self,
        column: usize,
        unit: i64,
        (from, to): (usize, usize),
        competing: Option<(usize, usize)>,
    ) -> Values {
        let times = &self.realiser.record.times;
        let (time, at, happened) = match (self.first(column, from, to), competing) {
            (Some(instant), _) => (times[instant], 0, true),
            (None, Some((instant, at))) => (times[instant], at + 1, false),
            (None, None) => {
                let end = self.stretch.start.max(self.stretch.end);
                let at = self.label.competing.len() + 1;
                (end.min(self.observed), at, false)
            }
        };
        let length = (time.saturating_sub(self.prediction_time)).max(0) as f64 / unit as f64;
        Values {
            boolean: Some(happened),
            float: Some(narrow(length)),
            category: u32::try_from(at).ok(),
            ..Values::default()
        }
    }
}

fn narrow(value: f64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "MEDS's label schema has 32 bits"
    )]
    let value = value as f32;
    value
}
