//! The numbers of each code and unit, in the unit of their analyte, with samples of the whole and
//! of each source, site and year.

use crate::options::Options;
use longitude_core::{Code, Event, Sketch};
use longitude_units::{Analyte, Analytes, Conversion, Implausible, Refusal, to_ucum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of the records that may have a unit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Everything.
    All,
    /// A source file or folder, by its number.
    Source(u32),
    /// A site, by its number.
    Site(u32),
    /// A calendar year.
    Year(i16),
}

/// Samples of numbers and of steps within persons.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) count: u64,
    pub(crate) subjects: u64,
    subject: Option<i64>,
    pub(crate) values: Sketch,
    pub(crate) steps: Sketch,
}

impl Samples {
    fn new(values_max: usize) -> Self {
        Self {
            count: 0,
            subjects: 0,
            subject: None,
            values: Sketch::new(values_max),
            steps: Sketch::new(values_max / 2),
        }
    }
}

/// The numbers of one code in one unit.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) code: u32,
    /// The unit stated with the value or in the code.
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) analyte: Option<Analyte>,
    /// Into the analyte's unit; `None` where the analyte or the unit is not known or does not fit.
    pub(crate) conversion: Option<Conversion>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) count: u64,
    /// Below the possible, above, not finite.
    pub(crate) impossible: [u64; 3],
}

/// Where a number stands.
pub(crate) struct Place<'p> {
    pub(crate) subject: i64,
    /// The event's place in its timeline.
    pub(crate) event: u64,
    pub(crate) code: u32,
    /// Source, site and year, where known.
    pub(crate) parts: &'p [Part],
}

/// What a number was found to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) is_impossible: bool,
    pub(crate) lacks_unit: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Groups {
    analytes: Analytes,
    units: BTreeMap<Arc<str>, u32>,
    places: BTreeMap<(u32, u32), u32>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) samples: BTreeMap<(u32, Part), Samples>,
    /// Groups that came after the last place was taken.
    pub(crate) left_out: BTreeMap<(u32, Part), u64>,
    /// The last number of the subject under way, by pair.
    before: BTreeMap<u32, f64>,
    values_max: usize,
    values_of_part_max: usize,
    samples_max: usize,
}

impl Groups {
    pub(crate) fn new(analytes: Analytes, options: &Options) -> Self {
        Self {
            analytes,
            units: BTreeMap::new(),
            places: BTreeMap::new(),
            pairs: Vec::new(),
            samples: BTreeMap::new(),
            left_out: BTreeMap::new(),
            before: BTreeMap::new(),
            values_max: options.values_max,
            values_of_part_max: options.values_of_part_max,
            samples_max: options.groups_max,
        }
    }

    /// The next subject's steps start anew.
    pub(crate) fn next_subject(&mut self) {
        self.before.clear();
    }

    /// Takes in the number of an event.
    pub(crate) fn observe(&mut self, event: &Event, value: f64, place: &Place<'_>) -> Found {
        let at = self.place(event, place.code);
        let Some(pair) = self.pairs.get_mut(at as usize) else {
            return Found::default();
        };
        pair.count += 1;
        let value = match &pair.conversion {
            Some(conversion) => conversion.apply(value),
            None => value,
        };
        // A number in a unit that does not fit cannot be held against limits in another.
        let judged = pair.analyte.as_ref().filter(|_| pair.refusal.is_none());
        let fault = match judged {
            Some(analyte) if pair.unit.is_some() => analyte.implausible(value),
            _ if value.is_finite() => None,
            _ => Some(Implausible::NotFinite),
        };
        if let Some(fault) = fault {
            pair.impossible[fault as usize] += 1;
        }
        let lacks_unit = pair.unit.is_none() && needs_unit(pair.analyte.as_ref());
        if value.is_finite() {
            self.sample(at, value, place);
        }
        Found {
            is_impossible: fault.is_some(),
            lacks_unit,
        }
    }

    fn sample(&mut self, at: u32, value: f64, place: &Place<'_>) {
        let before = self.before.insert(at, value);
        let step = before.map(|before| (value / before).ln());
        let step = step.filter(|step| step.is_finite());
        for part in [Part::All].iter().chain(place.parts) {
            let key = (at, *part);
            if !self.samples.contains_key(&key) && self.samples.len() >= self.samples_max {
                *self.left_out.entry(key).or_default() += 1;
                continue;
            }
            let values_max = match part {
                Part::All => self.values_max,
                Part::Source(_) | Part::Site(_) | Part::Year(_) => self.values_of_part_max,
            };
            let samples = self.samples.entry(key);
            let samples = samples.or_insert_with(|| Samples::new(values_max));
            samples.count += 1;
            if samples.subject.replace(place.subject) != Some(place.subject) {
                samples.subjects += 1;
            }
            samples.values.push(place.subject, place.event, value);
            if let Some(step) = step {
                samples.steps.push(place.subject, place.event, step);
            }
        }
    }

    /// The number of the pair of an event's code and unit.
    fn place(&mut self, event: &Event, code: u32) -> u32 {
        let unit = event.unit.as_ref().map_or(0, |unit| self.unit(unit));
        if let Some(at) = self.places.get(&(code, unit)) {
            return *at;
        }
        let at = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
        self.places.insert((code, unit), at);
        self.pairs
            .push(self.pair(&event.code, code, event.unit.clone()));
        at
    }

    /// The number of a unit, from 1.
    fn unit(&mut self, unit: &Arc<str>) -> u32 {
        if let Some(number) = self.units.get(unit) {
            return *number;
        }
        let number = u32::try_from(self.units.len() + 1).unwrap_or(u32::MAX);
        self.units.insert(Arc::clone(unit), number);
        number
    }

    fn pair(&self, code: &Code, number: u32, unit: Option<Arc<str>>) -> Pair {
        let unit = unit.or_else(|| named_unit(code));
        let analyte = self.analytes.of(code).cloned();
        let converted = analyte.as_ref().zip(unit.as_deref());
        let converted = converted.map(|(analyte, unit)| analyte.conversion(unit));
        let (conversion, refusal) = match converted {
            Some(Ok(conversion)) => (Some(conversion), None),
            Some(Err(refusal)) => (None, Some(refusal)),
            None => (None, None),
        };
        Pair {
            code: number,
            unit,
            analyte,
            conversion: conversion.filter(|conversion| !conversion.is_identity()),
            refusal,
            count: 0,
            impossible: [0; 3],
        }
    }
}

/// The unit that a code carries in its own name, as MEDS writes MIMIC-IV's.
fn named_unit(code: &Code) -> Option<Arc<str>> {
    let (_, last) = code.value.rsplit_once("//")?;
    to_ucum(last).map(Arc::from)
}

/// Whether numbers of an analyte mean nothing without a unit: not so for scores and ratios, nor
/// where nobody knows the analyte.
fn needs_unit(analyte: Option<&Analyte>) -> bool {
    analyte.is_some_and(|analyte| !analyte.unit.starts_with('{') && analyte.unit != "[pH]")
}
