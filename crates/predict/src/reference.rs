//! What happens to people of the same age and sex: cumulative incidences of every target, with
//! death competing, among the training subjects. The yardstick of a forecast's excess risk.
//!
//! From each subject's prediction times the first event of a target, death and the end of
//! observation enter a life table with the horizons and some days between as edges; in an interval
//! those whose observation ends count half (the actuarial estimate; with death as the competing
//! event it is Aalen and Johansen's on grouped times). Two tables a target: all, and those who had
//! none before: a patient without it is held against others without it.
//!
//! A risk that rests on one to ten events up to its horizon, or on fewer than eleven prediction
//! times, is held back, and that of the next coarser stratum stands for it: both sexes of the age,
//! then everybody. A risk whose events differ from the next shorter or longer horizon's by fewer
//! than eleven is held back too, so that no difference gives them away. So that no sum does, the
//! strata of an age that are held back hold eleven events and people or more together, or none,
//! where both sexes' risk is shown; the same holds of the ages beside everybody: others are held
//! back with them, those with the fewest events first.

use crate::targets::Target;
use longitude_core::{Days, Instant, Timeline};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The smallest number of people behind a cell, and of events behind a rate that is not zero (US
/// CMS cell size suppression policy).
const CELL_MIN: u32 = 11;
/// Edges in days between which a life table has no finer grain, beside the horizons.
const EDGES: [f64; 10] = [
    1.0, 7.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0, 1095.0, 1826.0,
];
const BAND_YEARS: f64 = 10.0;
const BAND_LAST: u32 = 9;
const EVERYBODY: &str = "all";

/// A risk in the reference, and on how many prediction times it rests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The cumulative incidence.
    pub risk: f64,
    /// Prediction times of training subjects behind it.
    pub times: u32,
}

/// Cumulative incidences by age and sex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The horizons in days.
    pub horizons: Vec<Days>,
    /// By stratum (sex and ten years of age, or `all`), then by target's name: among all, and among
    /// those without it before, the risk at each horizon and the prediction times.
    strata: BTreeMap<String, BTreeMap<String, [Cell; 2]>>,
}

/// Risks at each horizon; none where they are held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    risks: Vec<Option<f64>>,
    times: u32,
}

impl Reference {
    /// The risk of people like this one within a horizon of the list; none where no stratum has
    /// enough of them or the target was not counted.
    pub fn expected(
        &self,
        who: &Who,
        (target, before): (&Target, bool),
        horizon: usize,
    ) -> Option<Expected> {
        let found = |stratum: &String| {
            let cell = &self.strata.get(stratum)?.get(&target.name)?[usize::from(!before)];
            let risk = (*cell.risks.get(horizon)?)?;
            Some(Expected {
                risk,
                times: cell.times,
            })
        };
        who.strata().iter().find_map(found)
    }
}

/// Age and sex at a prediction time.
#[derive(Clone, PartialEq, Eq)]
pub struct Who {
    band: Option<u32>,
    sex: String,
}

/// Redacted: age and sex are a patient's.
impl std::fmt::Debug for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Who(..)")
    }
}

impl Who {
    /// Of a subject at a time.
    pub fn of(timeline: &Timeline, at: Instant) -> Self {
        let mut history = timeline.history(at).iter();
        let sex = history.find(|event| matches!(&*event.code.system, "GENDER" | "SEX"));
        let sex = sex.map_or_else(|| "unknown".to_owned(), |e| e.code.value.to_lowercase());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an age over ten years is small and not below zero"
        )]
        let band = |birth: Instant| {
            let years = (at - birth).years().max(0.0);
            ((years / BAND_YEARS) as u32).min(BAND_LAST)
        };
        Self {
            band: timeline.birth().map(band),
            sex,
        }
    }

    /// The strata that one belongs to, the finest first.
    fn strata(&self) -> Vec<String> {
        let band = self.band.map(|band| band * 10);
        let fine = band.map(|years| format!("{} {years}", self.sex));
        let coarse = band.map(|years| format!("{EVERYBODY} {years}"));
        let all = Some(EVERYBODY.to_owned());
        [fine, coarse, all].into_iter().flatten().collect()
    }
}

/// Counts training subjects for a [`Reference`].
#[derive(Debug)]
pub struct ReferenceBuilder<'a> {
    vocabulary: &'a Vocabulary,
    targets: &'a [Target],
    horizons: Vec<Days>,
    edges: Vec<f64>,
    /// For each id the targets that it may count for.
    by_id: BTreeMap<u32, Vec<usize>>,
    strata: BTreeMap<String, Table>,
}

/// Counts of one stratum. Ends are those of everybody; what an event or an earlier one takes out of
/// them is kept a target.
#[derive(Clone, Debug)]
struct Table {
    times: u32,
    ends: Ends,
    /// First events in each interval, what they take out of the ends: among all, and among those
    /// without it before. `[targets][2]`.
    first: Vec<[Counts; 2]>,
    before: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Ends {
    died: Vec<u32>,
    left: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    events: Vec<u32>,
    taken: Ends,
}

impl<'a> ReferenceBuilder<'a> {
    /// Starts with no subjects.
    pub fn new(vocabulary: &'a Vocabulary, targets: &'a [Target], horizons: &[Days]) -> Self {
        let mut edges: Vec<f64> = EDGES
            .into_iter()
            .chain(horizons.iter().map(|h| h.0))
            .collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let mut by_id: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, target) in targets.iter().enumerate() {
            for id in &target.ids {
                by_id.entry(*id).or_default().push(index);
            }
        }
        Self {
            vocabulary,
            targets,
            horizons: horizons.to_vec(),
            edges,
            by_id,
            strata: BTreeMap::new(),
        }
    }

    /// Takes in a training subject at one prediction time. `end` is until when it was observed.
    pub fn observe(&mut self, timeline: &Timeline, at: Instant, end: Instant) {
        let history = timeline.history(at).len();
        let (past, future) = timeline.events().split_at(history);
        let mut before = vec![false; self.targets.len()];
        for event in past {
            self.each(event, |target| before[target] = true);
        }
        let mut first: BTreeMap<usize, f64> = BTreeMap::new();
        for event in future {
            let Some(time) = event.time.filter(|time| *time <= end) else {
                continue;
            };
            self.each(event, |target| {
                first.entry(target).or_insert((time - at).0);
            });
        }
        let death = timeline.death().filter(|death| *death <= end);
        let stop = (death.unwrap_or(end) - at).0;
        let bin = |days: f64| self.edges.partition_point(|edge| *edge < days);
        let (stop, first): (usize, Vec<(usize, usize)>) = (
            bin(stop),
            first
                .into_iter()
                .map(|(target, days)| (target, bin(days)))
                .collect(),
        );
        let (bins, targets) = (self.edges.len() + 1, self.targets.len());
        for stratum in Who::of(timeline, at).strata() {
            let table = self.strata.entry(stratum);
            let table = table.or_insert_with(|| Table::new(targets, bins));
            table.count((death.is_some(), stop), &before, &first);
        }
    }

    fn each(&self, event: &longitude_core::Event, mut found: impl FnMut(usize)) {
        let of = self.by_id.get(&self.vocabulary.id(&event.code));
        for index in of.into_iter().flatten() {
            if self.targets[*index].holds(self.vocabulary, event) {
                found(*index);
            }
        }
    }

    /// The incidences.
    pub fn finish(self) -> Reference {
        let at = |horizon: &Days| {
            self.edges
                .iter()
                .position(|edge| edge.total_cmp(&horizon.0).is_eq())
        };
        let places: Vec<usize> = self.horizons.iter().filter_map(at).collect();
        let mut strata = BTreeMap::new();
        for (index, target) in self.targets.iter().enumerate() {
            let mut cells = [false, true].map(|new| {
                let cell = |table: &Table| table.cell(index, new, &places);
                let each = self
                    .strata
                    .iter()
                    .map(|(name, table)| (name.as_str(), cell(table)));
                let mut cells: BTreeMap<&str, Counted> = each.collect();
                for place in 0..places.len() {
                    hold_back_complements(&mut cells, place);
                }
                cells
            });
            for stratum in self.strata.keys() {
                let pair = cells.each_mut().map(|cells| {
                    let found = cells.remove(stratum.as_str());
                    found.map_or_else(Cell::default, |counted| counted.cell)
                });
                let of: &mut BTreeMap<String, [Cell; 2]> =
                    strata.entry(stratum.clone()).or_default();
                of.insert(target.name.clone(), pair);
            }
        }
        Reference {
            strata,
            horizons: self.horizons,
        }
    }
}

impl Ends {
    fn new(bins: usize) -> Self {
        Self {
            died: vec![0; bins],
            left: vec![0; bins],
        }
    }

    fn add(&mut self, (died, bin): (bool, usize)) {
        let side = if died { &mut self.died } else { &mut self.left };
        side[bin] += 1;
    }
}

impl Table {
    fn new(targets: usize, bins: usize) -> Self {
        let none = || Counts {
            events: vec![0; bins],
            taken: Ends::new(bins),
        };
        Self {
            times: 0,
            ends: Ends::new(bins),
            first: (0..targets).map(|_| [none(), none()]).collect(),
            before: vec![0; targets],
        }
    }

    fn count(&mut self, end: (bool, usize), before: &[bool], first: &[(usize, usize)]) {
        self.times += 1;
        self.ends.add(end);
        for (target, _) in before.iter().enumerate().filter(|(_, before)| **before) {
            self.before[target] += 1;
            self.first[target][1].taken.add(end);
        }
        for (target, bin) in first {
            let tables = self.first[*target].iter_mut();
            for counts in tables.take(if before[*target] { 1 } else { 2 }) {
                counts.events[*bin] += 1;
                counts.taken.add(end);
            }
        }
    }

    /// The incidences of a target at the intervals' numbers, among all or those without it before.
    fn cell(&self, target: usize, new: bool, places: &[usize]) -> Counted {
        let counts = &self.first[target][usize::from(new)];
        let times = self.times - if new { self.before[target] } else { 0 };
        let (mut waiting, mut free, mut risk) = (f64::from(times), 1.0, 0.0);
        let mut risks = Vec::new();
        for bin in 0..counts.events.len() {
            let number = |all: &[u32], taken: &[u32]| f64::from(all[bin] - taken[bin]);
            let events = f64::from(counts.events[bin]);
            let died = number(&self.ends.died, &counts.taken.died);
            let left = number(&self.ends.left, &counts.taken.left);
            let exposed = waiting - left / 2.0;
            if exposed > 0.0 {
                risk += free * events / exposed;
                free *= (1.0 - (events + died) / exposed).max(0.0);
            }
            waiting -= events + died + left;
            risks.push(risk);
        }
        let enough = times >= CELL_MIN;
        let shown = if enough {
            shown(&counts.events, places)
        } else {
            Vec::new()
        };
        let risk = |place: &usize| {
            let shown = shown.contains(place);
            shown.then(|| (risks[*place] * 1e6).round() / 1e6)
        };
        let up_to = |place: &usize| counts.events[..=*place].iter().sum();
        Counted {
            cell: Cell {
                risks: places.iter().map(risk).collect(),
                times: if enough { times } else { 0 },
            },
            events: places.iter().map(up_to).collect(),
            times,
        }
    }
}

/// A cell with the counts behind it, which leave with nobody.
struct Counted {
    cell: Cell,
    /// Events up to each horizon.
    events: Vec<u32>,
    times: u32,
}

impl Counted {
    fn is_shown(&self, place: usize) -> bool {
        self.cell.risks.get(place).is_some_and(Option::is_some)
    }

    fn hold_back(&mut self, place: usize) {
        if let Some(risk) = self.cell.risks.get_mut(place) {
            *risk = None;
        }
    }
}

/// Holds back what would follow from a sum at one horizon: of the sexes beside both, and of the
/// ages beside everybody. An age that is held back takes its sexes along, which sum up to it.
fn hold_back_complements(cells: &mut BTreeMap<&str, Counted>, place: usize) {
    let names: Vec<&str> = cells.keys().copied().collect();
    let ages: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| years_of_all(name).is_some())
        .collect();
    let sexes = |age: &str| -> Vec<&str> {
        let years = years_of_all(age).unwrap_or_default();
        let own = |name: &&str| {
            years_of_all(name).is_none()
                && name.rsplit_once(' ').is_some_and(|(_, last)| last == years)
        };
        names.iter().copied().filter(own).collect()
    };
    for age in hold_back_beside(cells, (EVERYBODY, &ages), place) {
        for sex in sexes(age) {
            if let Some(cell) = cells.get_mut(sex) {
                cell.hold_back(place);
            }
        }
    }
    for age in &ages {
        hold_back_beside(cells, (age, &sexes(age)), place);
    }
}

/// The years of a stratum of both sexes.
fn years_of_all(name: &str) -> Option<&str> {
    name.strip_prefix(EVERYBODY)?.strip_prefix(' ')
}

/// Holds parts back until those held back do not follow from the whole; which ones.
fn hold_back_beside<'n>(
    cells: &mut BTreeMap<&str, Counted>,
    (whole, parts): (&str, &[&'n str]),
    place: usize,
) -> Vec<&'n str> {
    let mut held = Vec::new();
    if !cells.get(whole).is_some_and(|cell| cell.is_shown(place)) {
        return held;
    }
    loop {
        let (mut events, mut times) = (0, 0);
        for part in parts.iter().filter_map(|part| cells.get(part)) {
            if !part.is_shown(place) {
                events += part.events.get(place).copied().unwrap_or(0);
                times += part.times;
            }
        }
        let is_small = |count: u32| (1..CELL_MIN).contains(&count);
        if !is_small(events) && !is_small(times) {
            return held;
        }
        let shown = parts
            .iter()
            .filter_map(|part| Some((*part, cells.get(part)?)));
        let shown = shown.filter(|(_, cell)| cell.is_shown(place) && cell.times > 0);
        let fewest = shown.min_by_key(|(_, cell)| (cell.events[place], cell.times));
        let Some((next, _)) = fewest else {
            return held;
        };
        if let Some(cell) = cells.get_mut(next) {
            cell.hold_back(place);
        }
        held.push(next);
    }
}

/// The intervals up to which the events may be shown: none or at least [`CELL_MIN`] of them, and as
/// many more than up to the one shown before.
fn shown(events: &[u32], places: &[usize]) -> Vec<usize> {
    let mut ascending = places.to_vec();
    ascending.sort_unstable();
    let (mut last, mut shown) = (0, Vec::new());
    for place in ascending {
        let sum: u32 = events[..=place].iter().sum();
        if sum == last || sum - last >= CELL_MIN {
            shown.push(place);
            last = sum;
        }
    }
    shown
}

#[cfg(test)]
mod tests;
