//! Which codes, units and parts have numbers that look like another unit's.
//!
//! The whole of a code and unit is judged first, against its analyte and against the same analyte
//! in other units and codes; then each source, site and year against its fellows. What the whole
//! explains is not told again of its parts.

use crate::collect::Collector;
use crate::groups::{Part, Samples};
use crate::report::MixUp;
use longitude_units::mixup::{
    Certainty, Finding, Reference, Sample, Slip, examine, generic_slips, reference, slips_under,
};
use std::collections::BTreeMap;

/// Fewer persons are their own disease: a dialysis patient's year is no slip by ten.
const SUBJECTS_MIN: u64 = 8;

/// Values and steps, ascending.
struct Sorted {
    values: Vec<f64>,
    steps: Vec<f64>,
    count: u64,
}

impl Sorted {
    fn of(samples: &Samples) -> Self {
        Self {
            values: samples.values.sorted(),
            steps: samples.steps.sorted(),
            count: samples.count,
        }
    }

    fn sample(&self) -> Sample<'_> {
        Sample {
            values: &self.values,
            steps: &self.steps,
        }
    }
}

/// All mix-ups, the surest and largest first.
pub(crate) fn mixups(collector: &Collector) -> Vec<MixUp> {
    let generic = generic_slips();
    let mut found = Vec::new();
    let wholes = wholes(collector);
    for (number, pair) in collector.groups.pairs.iter().enumerate() {
        if pair.refusal.is_some() {
            continue;
        }
        let at = u32::try_from(number).unwrap_or(u32::MAX);
        let one = One {
            collector,
            at,
            slips: pair.analyte.as_ref().map_or_else(
                || generic.clone(),
                |analyte| slips_under(analyte, pair.unit.as_deref().unwrap_or(&analyte.unit)),
            ),
        };
        found.extend(one.mixups(&wholes));
    }
    let rank = |one: &MixUp| (one.is_likely, one.values);
    found.sort_by(|a, b| rank(b).cmp(&rank(a)).then(a.code.cmp(&b.code)));
    found
}

/// The whole samples of each analyte, by its name, with the number of their pair.
fn wholes(collector: &Collector) -> BTreeMap<&str, Vec<(u32, Vec<f64>)>> {
    let mut wholes: BTreeMap<&str, Vec<(u32, Vec<f64>)>> = BTreeMap::new();
    for ((at, part), samples) in &collector.groups.samples {
        let pair = &collector.groups.pairs[*at as usize];
        if let (Part::All, Some(analyte), None) = (part, &pair.analyte, pair.refusal)
            && samples.subjects >= SUBJECTS_MIN
        {
            let of_analyte = wholes.entry(&analyte.name).or_default();
            of_analyte.push((*at, samples.values.sorted()));
        }
    }
    wholes
}

/// Parts that are compared with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Source,
    Site,
    Year,
}

impl Kind {
    fn holds(self, part: Part) -> bool {
        match part {
            Part::All => false,
            Part::Source(_) => self == Self::Source,
            Part::Site(_) => self == Self::Site,
            Part::Year(_) => self == Self::Year,
        }
    }
}

/// One code and unit.
struct One<'c> {
    collector: &'c Collector,
    at: u32,
    slips: Vec<Slip>,
}

impl One<'_> {
    fn mixups(&self, wholes: &BTreeMap<&str, Vec<(u32, Vec<f64>)>>) -> Vec<MixUp> {
        let pair = &self.collector.groups.pairs[self.at as usize];
        let samples = &self.collector.groups.samples;
        let Some(all) = samples.get(&(self.at, Part::All)) else {
            return Vec::new();
        };
        let mut whole = None;
        if let Some(analyte) = &pair.analyte
            && all.subjects >= SUBJECTS_MIN
        {
            let others: Vec<&[f64]> =
                wholes
                    .get(analyte.name.as_str())
                    .map_or_else(Vec::new, |o| {
                        let others = o.iter().filter(|(at, _)| *at != self.at);
                        others.map(|(_, values)| values.as_slice()).collect()
                    });
            let against = reference(&others, &self.collector.options.mixup);
            let all = Sorted::of(all);
            whole = self.examine(&all, against.as_ref()).map(|f| (f, all.count));
            if let Some((finding, count)) = whole.take_if(|(finding, _)| finding.share >= 1.0) {
                return vec![self.told(&finding, None, count)];
            }
        }
        let mut found: Vec<MixUp> = Vec::new();
        for kind in [Kind::Source, Kind::Site, Kind::Year] {
            // Where nothing is known of the analyte, years are not compared: they differ by what
            // was bought, prescribed and charted.
            if pair.analyte.is_some() || kind != Kind::Year {
                found.extend(self.parts(kind));
            }
        }
        if let Some((finding, count)) = whole {
            // A part that is wrong as a whole says more than a share of all; a share of a part says
            // less.
            found.retain(|one| one.share >= 1.0);
            if !found.iter().any(|one| one.looks_like == finding.slip.unit) {
                found.push(self.told(&finding, None, count));
            }
        }
        found
    }

    /// The parts of one kind, each against the others.
    fn parts(&self, kind: Kind) -> Vec<MixUp> {
        let keys = (self.at, Part::All)..=(self.at, Part::Year(i16::MAX));
        let parts = self.collector.groups.samples.range(keys);
        let parts: Vec<(Part, Sorted)> = parts
            .filter(|((_, part), samples)| kind.holds(*part) && samples.subjects >= SUBJECTS_MIN)
            .map(|((_, part), samples)| (*part, Sorted::of(samples)))
            .collect();
        // One part alone is the whole.
        if parts.len() < 2 {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (number, (part, sorted)) in parts.iter().enumerate() {
            let others = parts
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != number);
            let others: Vec<&[f64]> = others.map(|(_, (_, s))| s.values.as_slice()).collect();
            let against = reference(&others, &self.collector.options.mixup);
            let Some(finding) = self.examine(sorted, against.as_ref()) else {
                continue;
            };
            let known = self.collector.groups.pairs[self.at as usize]
                .analyte
                .is_some();
            // Of many parts and many factors some fit by chance: one weak sign is not told.
            if finding.certainty == Certainty::Likely && (known || others.len() >= 2) {
                found.push(self.told(&finding, Some(self.name(*part)), sorted.count));
            }
        }
        found
    }

    fn examine(&self, sorted: &Sorted, against: Option<&Reference>) -> Option<Finding> {
        let pair = &self.collector.groups.pairs[self.at as usize];
        let options = &self.collector.options.mixup;
        examine(
            sorted.sample(),
            pair.analyte.as_ref(),
            &self.slips,
            against,
            options,
        )
    }

    fn name(&self, part: Part) -> String {
        match part {
            Part::All => "all".to_owned(),
            Part::Source(number) => {
                format!("source {}", self.collector.sources[number as usize].0)
            }
            Part::Site(number) => format!("site {}", self.collector.sites[number as usize].0),
            Part::Year(year) => format!("year {year}"),
        }
    }

    fn told(&self, finding: &Finding, part: Option<String>, count: u64) -> MixUp {
        let pair = &self.collector.groups.pairs[self.at as usize];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let values = (finding.share * count as f64).round() as u64;
        MixUp {
            code: self.collector.codes[pair.code as usize]
                .code
                .to_meds()
                .into_owned(),
            analyte: pair.analyte.as_ref().map(|analyte| analyte.name.clone()),
            unit: pair.unit.as_deref().map(str::to_owned),
            part,
            looks_like: finding.slip.unit.clone(),
            factor: finding.slip.factor,
            share: finding.share,
            values,
            signs: finding
                .signs
                .iter()
                .map(|sign| sign.explanation().to_owned())
                .collect(),
            is_likely: finding.certainty == Certainty::Likely,
        }
    }
}
