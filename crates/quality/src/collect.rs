//! Timelines in, one at a time; counts, samples and names of what was seen kept.

use crate::calendar::{Calendar, Month};
use crate::groups::{Groups, Part, Place};
use crate::options::Options;
use crate::order::{Life, repeats, runs};
use crate::population::Population;
use crate::report::{Counts, Fault, LabelRow};
use longitude_core::{Code, Event, Instant, Label, Timeline};
use longitude_units::Analytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where sources beyond the bound stand together.
const OTHERS: &str = "(others)";
/// The source of events that tell none.
const NOT_STATED: &str = "(not stated)";
/// Code systems whose codes name the site of a subject or an event.
pub(crate) const SITES: [&str; 4] = ["SITE", "CARE_SITE", "ORGANIZATION", "INSTITUTION"];

/// Counts of one code, source, system or year while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// The subject that was counted last, so that each counts once.
    subject: u64,
    pub(crate) span: Option<(Instant, Instant)>,
}

impl Tally {
    fn touch(&mut self, subject: u64) {
        if self.subject != subject {
            self.subject = subject;
            self.counts.subjects += 1;
        }
    }
}

/// One code while it is counted.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: Code,
    pub(crate) tally: Tally,
    pub(crate) years: BTreeMap<i16, u64>,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) system: u32,
}

/// Collects what a [`crate::Report`] is made of.
pub struct Collector {
    pub(crate) options: Options,
    pub(crate) all: Tally,
    pub(crate) codes: Vec<Seen>,
    code_places: BTreeMap<Code, u32>,
    pub(crate) sources: Vec<(Arc<str>, Tally)>,
    source_places: BTreeMap<Arc<str>, u32>,
    pub(crate) sites: Vec<(Arc<str>, Tally)>,
    pub(crate) systems: Vec<(Arc<str>, Tally)>,
    system_places: BTreeMap<Arc<str>, u32>,
    pub(crate) years: BTreeMap<i16, Tally>,
    pub(crate) months_of_source: BTreeMap<u32, BTreeMap<Month, u64>>,
    pub(crate) months_of_system: BTreeMap<u32, BTreeMap<Month, u64>>,
    pub(crate) groups: Groups,
    pub(crate) population: Population,
    pub(crate) labels: BTreeMap<String, LabelRow>,
    calendar: Calendar,
    /// The codes' numbers of the timeline under way.
    numbers: Vec<u32>,
    subjects: u64,
}

/// Where one event counts.
struct Where {
    code: u32,
    source: u32,
    system: u32,
    time: Option<(Instant, i16, Month)>,
}

impl Collector {
    /// An empty collector that knows the analytes of a table.
    pub fn new(options: Options, analytes: Analytes) -> Self {
        Self {
            groups: Groups::new(analytes, &options),
            options,
            all: Tally::default(),
            codes: Vec::new(),
            code_places: BTreeMap::new(),
            sources: Vec::new(),
            source_places: BTreeMap::new(),
            sites: Vec::new(),
            systems: Vec::new(),
            system_places: BTreeMap::new(),
            years: BTreeMap::new(),
            months_of_source: BTreeMap::new(),
            months_of_system: BTreeMap::new(),
            population: Population::default(),
            labels: BTreeMap::new(),
            calendar: Calendar::new(),
            numbers: Vec::new(),
            subjects: 0,
        }
    }

    /// Takes in one subject.
    pub fn observe(&mut self, timeline: &Timeline) {
        self.subjects += 1;
        self.groups.next_subject();
        self.population.observe(timeline);
        let events = timeline.events();
        self.numbers.clear();
        for event in events {
            let number = self.code(&event.code);
            self.numbers.push(number);
        }
        let site = self.site(events);
        let life = Life::of(timeline, &self.options);
        let (mut births, mut deaths) = (0, 0);
        for (at, event) in events.iter().enumerate() {
            let place = self.locate(event, self.numbers[at]);
            self.count(event, &place);
            if let Some(value) = event.numeric_value {
                self.number(timeline.subject().0, (at, event), value, (&place, site));
            }
            if let Some(site) = site {
                self.count_at_site(event, site);
            }
            let mut faults = Vec::new();
            life.faults(event, |fault| faults.push(fault));
            births += usize::from(event.code.is_birth());
            deaths += usize::from(event.code.is_death());
            if births > 1 && event.code.is_birth() || deaths > 1 && event.code.is_death() {
                faults.push(Fault::TwoBirthsOrDeaths);
            }
            for fault in faults {
                let seen = &mut self.codes[place.code as usize];
                *seen.faults.entry(fault).or_default() += 1;
            }
        }
        self.duplicates(events);
    }

    /// Takes in the label of a task for one subject.
    pub fn label(&mut self, task: &str, label: Label) {
        let row = self.labels.entry(task.to_owned()).or_default();
        match label {
            Label::Yes => row.yes += 1,
            Label::No => row.no += 1,
            Label::Censored | Label::Before | Label::Dead => row.left_out += 1,
        }
    }

    fn locate(&mut self, event: &Event, code: u32) -> Where {
        let time = event.time.map(|time| {
            let (year, month) = self.calendar.of(time);
            (time, year, month)
        });
        Where {
            code,
            source: self.source(&event.origin.file),
            system: self.codes[code as usize].system,
            time,
        }
    }

    /// Adds an event to the counts of its code, source, system and year.
    fn count(&mut self, event: &Event, place: &Where) {
        let subject = self.subjects;
        let seen = &mut self.codes[place.code as usize];
        if let Some((_, year, _)) = place.time {
            *seen.years.entry(year).or_default() += 1;
        }
        let mut tallies = vec![
            &mut self.all,
            &mut seen.tally,
            &mut self.sources[place.source as usize].1,
            &mut self.systems[place.system as usize].1,
        ];
        if let Some((_, year, month)) = place.time {
            tallies.push(self.years.entry(year).or_default());
            let of_source = self.months_of_source.entry(place.source).or_default();
            *of_source.entry(month).or_default() += 1;
            let of_system = self.months_of_system.entry(place.system).or_default();
            *of_system.entry(month).or_default() += 1;
        }
        for tally in tallies {
            add(tally, event, subject, place.time.map(|(time, ..)| time));
        }
    }

    fn count_at_site(&mut self, event: &Event, site: u32) {
        let subject = self.subjects;
        add(&mut self.sites[site as usize].1, event, subject, event.time);
    }

    fn number(
        &mut self,
        subject: i64,
        (at, event): (usize, &Event),
        value: f64,
        (place, site): (&Where, Option<u32>),
    ) {
        let mut parts = vec![Part::Source(place.source)];
        parts.extend(site.map(Part::Site));
        parts.extend(place.time.map(|(_, year, _)| Part::Year(year)));
        let found = self.groups.observe(
            event,
            value,
            &Place {
                subject,
                event: at as u64,
                code: place.code,
                parts: &parts,
            },
        );
        for tally in self.tallies(place) {
            tally.counts.impossible += u64::from(found.is_impossible);
            tally.counts.without_unit += u64::from(found.lacks_unit);
        }
    }

    fn duplicates(&mut self, events: &[Event]) {
        let numbers = std::mem::take(&mut self.numbers);
        for run in runs(events) {
            let mut found = Vec::new();
            repeats(events, &numbers, run, |at, exact| found.push((at, exact)));
            for (at, exact) in found {
                let place = self.locate(&events[at], numbers[at]);
                for tally in self.tallies(&place) {
                    tally.counts.exact_duplicates += u64::from(exact);
                    tally.counts.same_value_duplicates += u64::from(!exact);
                }
            }
        }
        self.numbers = numbers;
    }

    fn tallies(&mut self, place: &Where) -> impl Iterator<Item = &mut Tally> {
        let year = place
            .time
            .and_then(|(_, year, _)| self.years.get_mut(&year));
        [
            Some(&mut self.all),
            Some(&mut self.codes[place.code as usize].tally),
            Some(&mut self.sources[place.source as usize].1),
            Some(&mut self.systems[place.system as usize].1),
            year,
        ]
        .into_iter()
        .flatten()
    }

    fn code(&mut self, code: &Code) -> u32 {
        if let Some(at) = self.code_places.get(code) {
            return *at;
        }
        let at = u32::try_from(self.codes.len()).unwrap_or(u32::MAX);
        let system = self.system(&code.system);
        self.codes.push(Seen {
            code: code.clone(),
            tally: Tally::default(),
            years: BTreeMap::new(),
            faults: BTreeMap::new(),
            system,
        });
        self.code_places.insert(code.clone(), at);
        at
    }

    fn system(&mut self, name: &Arc<str>) -> u32 {
        let at = place_of(&mut self.system_places, &mut self.systems, name, usize::MAX);
        at.unwrap_or_default()
    }

    fn source(&mut self, file: &Arc<str>) -> u32 {
        let empty: Arc<str>;
        let name = if file.is_empty() {
            empty = NOT_STATED.into();
            &empty
        } else {
            file
        };
        let max = self.options.sources_max;
        let at = place_of(&mut self.source_places, &mut self.sources, name, max);
        at.or_else(|| {
            let others = OTHERS.into();
            place_of(
                &mut self.source_places,
                &mut self.sources,
                &others,
                usize::MAX,
            )
        })
        .unwrap_or_default()
    }

    /// The site that a subject's record names.
    fn site(&mut self, events: &[Event]) -> Option<u32> {
        let mut named = events.iter().filter(|e| SITES.contains(&&*e.code.system));
        let name = &named.next()?.code.value;
        let known = self.sites.iter().position(|(site, _)| site == name);
        let at = known.or_else(|| {
            let room = self.sites.len() < self.options.sources_max;
            room.then(|| {
                self.sites.push((Arc::clone(name), Tally::default()));
                self.sites.len() - 1
            })
        })?;
        u32::try_from(at).ok()
    }
}

/// The number of a name, a new one where there is room.
fn place_of(
    places: &mut BTreeMap<Arc<str>, u32>,
    list: &mut Vec<(Arc<str>, Tally)>,
    name: &Arc<str>,
    max: usize,
) -> Option<u32> {
    if let Some(at) = places.get(name) {
        return Some(*at);
    }
    if list.len() >= max {
        return None;
    }
    let at = u32::try_from(list.len()).ok()?;
    list.push((Arc::clone(name), Tally::default()));
    places.insert(Arc::clone(name), at);
    Some(at)
}

fn add(tally: &mut Tally, event: &Event, subject: u64, time: Option<Instant>) {
    tally.touch(subject);
    let counts = &mut tally.counts;
    counts.events += 1;
    counts.numeric += u64::from(event.numeric_value.is_some());
    counts.text += u64::from(event.numeric_value.is_none() && event.text_value.is_some());
    match time {
        None => counts.without_time += 1,
        Some(time) => {
            let (first, last) = tally.span.unwrap_or((time, time));
            tally.span = Some((first.min(time), last.max(time)));
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Collector({} subjects, {} codes)",
            self.subjects,
            self.codes.len()
        )
    }
}
