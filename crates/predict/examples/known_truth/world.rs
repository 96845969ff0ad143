//! The patients of one draw as the product sees them: de-identified by date shift, notes blanked.
//! Patients depend on the seed and their number alone, so that a stage makes them again rather than
//! reading them.

use crate::{Result, Settings, plain};
use longitude_core::{Code, Digest, Instant, Label, Split, Task, Timeline};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as Deidentification, TextPolicy};
use longitude_hospital::Options;
use rayon::prelude::*;

/// Patients that are made side by side.
const CHUNK: u32 = 1024;

/// Which process makes the patients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hospital,
    Plain,
}

/// A draw.
pub(crate) struct World {
    kind: Kind,
    options: Options,
    deidentifier: Deidentifier,
}

/// A patient's record.
pub(crate) struct Case {
    pub(crate) number: u32,
    pub(crate) record: Deidentified<Timeline>,
    /// The index date under the record's date shift.
    pub(crate) index: Option<Instant>,
    /// Where observation would have ended without death, under the same shift.
    pub(crate) planned: Instant,
    /// The true risk of each task, where rollouts were asked for and the task is.
    pub(crate) risks: Vec<Option<f64>>,
    /// The best that the record allows, where the world knows it exactly.
    pub(crate) ceiling: Vec<Option<f64>>,
}

/// What a subject of the learning draw is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Learn,
    EarlyStop,
    Stack,
}

/// The outcomes of the settings' world.
pub(crate) fn tasks(settings: &Settings) -> Vec<Task> {
    let mut tasks = if settings.world == "plain" {
        plain::tasks()
    } else {
        longitude_hospital::tasks()
    };
    tasks.retain(|task| settings.only.is_empty() || settings.only == task.id);
    tasks
}

impl World {
    /// The settings' draw with so many rollouts a patient.
    pub(crate) fn new(settings: &Settings, rollouts: u32) -> Result<Self> {
        let kind = match settings.world.as_str() {
            "hospital" => Kind::Hospital,
            "plain" => Kind::Plain,
            _ => return Err("the worlds are hospital and plain".into()),
        };
        let key = Key::from_bytes([7; 32]);
        let how = Deidentification {
            notes: TextPolicy::Blank,
            ..Deidentification::expert_determination(180)
        };
        Ok(Self {
            kind,
            options: Options {
                patients: settings.patients,
                seed: settings.seed,
                truth_patients_max: settings.patients,
                rollouts,
                ..Options::standard()
            },
            deidentifier: Deidentifier::new(&key, &how),
        })
    }

    /// The hospital's options.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn case(&self, number: u32) -> Case {
        let (timeline, index, planned, risks) = match self.kind {
            Kind::Hospital => self.hospital(number),
            Kind::Plain => {
                let made = plain::patient(self.options.seed, number, self.options.rollouts);
                (made.timeline, made.index, made.planned, made.risks)
            }
        };
        let subject = timeline.subject();
        let shifted = |at| self.deidentifier.instant(subject, at);
        let known = |at: usize| move |risk: &Option<[f64; 2]>| risk.map(|pair| pair[at]);
        Case {
            number,
            index: index.map(shifted),
            planned: shifted(planned),
            risks: risks.iter().map(known(0)).collect(),
            ceiling: match self.kind {
                Kind::Hospital => Vec::new(),
                Kind::Plain => risks.iter().map(known(1)).collect(),
            },
            record: self.deidentifier.timeline(timeline).0,
        }
    }

    fn hospital(&self, number: u32) -> (Timeline, Option<Instant>, Instant, Vec<Option<[f64; 2]>>) {
        let patient = longitude_hospital::patient(&self.options, number);
        let mut risks = Vec::new();
        if self.options.rollouts > 0 && patient.index().is_some() {
            let known = longitude_hospital::risks(&self.options, number, &patient);
            let tasks = longitude_hospital::tasks();
            let risk = |task: &Task| known.get(&task.id).copied().flatten();
            risks.extend(tasks.iter().map(|task| risk(task).map(|risk| [risk; 2])));
        }
        let timeline = longitude_hospital::timeline(&patient);
        (timeline, patient.index(), patient.end_planned(), risks)
    }

    /// What `make` makes of each patient, taken in the order of their numbers.
    pub(crate) fn each<T: Send>(
        &self,
        make: impl Fn(Case) -> T + Sync,
        mut take: impl FnMut(T) -> Result,
    ) -> Result {
        for start in (0..self.options.patients).step_by(CHUNK as usize) {
            let numbers = start..(start + CHUNK).min(self.options.patients);
            let made: Vec<T> = numbers
                .into_par_iter()
                .map(|number| make(self.case(number)))
                .collect();
            made.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }
}

impl Case {
    /// 3 % of the learning draw stop training early, 17 % fit the stack and its calibration.
    pub(crate) fn part(&self) -> Part {
        match Split::bucket("known-truth", self.record.get().subject()) {
            0..30 => Part::EarlyStop,
            30..200 => Part::Stack,
            _ => Part::Learn,
        }
    }

    /// A start of a day between a year after entry and the planned end, by hash; none where the
    /// patient is dead or in the hospital then. It looks at no health, so that it selects nobody.
    pub(crate) fn drawn(&self, draw: u64) -> Option<Instant> {
        const DAY: i64 = 86_400_000_000;
        let timeline = self.record.get();
        let entry = timeline.observation().start?;
        let (first, last) = (entry.0 + 365 * DAY, self.planned.0 - 30 * DAY);
        let days = (last - first) / DAY;
        let parts = [
            &timeline.subject().0.to_le_bytes()[..],
            &draw.to_le_bytes()[..],
        ];
        let day = Digest::of_parts(&parts).leading_i63() % days.max(1);
        let at = Instant((first / DAY + day + 1) * DAY);
        let alive = timeline.death().is_none_or(|death| death > at);
        (days > 0 && alive && !in_hospital(timeline, at)).then_some(at)
    }
}

/// Whether an admission before `at` ends after it.
fn in_hospital(timeline: &Timeline, at: Instant) -> bool {
    let admission = Code::new("ENCOUNTER", "IMP//START");
    let mut history = timeline.history(at).iter();
    history.any(|event| event.code == admission && event.end_time.is_none_or(|end| end > at))
}

/// Whether the outcome happened, `None` where it is not asked or could not have been followed to
/// the horizon: leaving out all who could not, whatever happened to them, selects nobody.
pub(crate) fn label(
    timeline: &Timeline,
    at: Instant,
    planned: Instant,
    task: &Task,
) -> Option<bool> {
    if planned < at.plus(task.horizon) {
        return None;
    }
    match task.label(timeline, at) {
        Label::Yes => Some(true),
        Label::No => Some(false),
        Label::Before | Label::Dead | Label::Censored => None,
    }
}
