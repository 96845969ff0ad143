//! How often mixed-up units are found in the synthetic hospital, and how often nothing is called
//! one: `mixups [SEEDS] [PATIENTS]`. Each seed is a hospital of its own, once as it is and once for
//! each slip and share planted. Not a part of the product.

use longitude_core::Timeline;
use longitude_hospital::{Options as HospitalOptions, patient, timeline};
use longitude_quality::{Collector, MixUp, Options, Report};
use longitude_units::Analytes;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write, stdout};

/// Code, the unit that the hospital writes, and what a mistaken value is made by.
const SLIPS: &[(&str, &str, f64, f64)] = &[
    ("LOINC//2160-0", "creatinine in umol/L", 88.4, 0.0),
    ("LOINC//2345-7", "glucose in mmol/L", 1.0 / 18.0156, 0.0),
    ("LOINC//13457-7", "LDL in mmol/L", 1.0 / 38.665, 0.0),
    ("LOINC//718-7", "hemoglobin in g/L", 10.0, 0.0),
    ("LOINC//29463-7", "weight in lb", 2.204_62, 0.0),
    ("LOINC//8310-5", "temperature in F", 1.8, 32.0),
    ("LOINC//2823-3", "potassium times ten", 10.0, 0.0),
];

const SHARES: &[f64] = &[1.0, 0.2, 0.05, 0.01];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seeds: u64 = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let patients: u32 = arguments.next().map_or(Ok(400), |text| text.parse())?;
    let (mut alarms, mut possible, mut judged) = (0, 0, 0);
    let mut found: BTreeMap<(usize, usize), (u64, u64)> = BTreeMap::new();
    let mut lines = Vec::new();
    for seed in 0..seeds {
        let hospital = HospitalOptions {
            patients,
            seed: 1_000 + seed,
            truth_patients_max: 0,
            ..HospitalOptions::standard()
        };
        let whole: Vec<Timeline> = (0..patients)
            .map(|index| timeline(&patient(&hospital, index)))
            .collect();
        let clean = look(whole.iter());
        judged += clean.units.len();
        alarms += clean.mixups.iter().filter(|one| one.is_likely).count();
        possible += clean.mixups.iter().filter(|one| !one.is_likely).count();
        lines.extend(
            clean
                .mixups
                .iter()
                .map(|one| format!("seed {seed}: {one:?}")),
        );
        for (number, slip) in SLIPS.iter().enumerate() {
            for (place, share) in SHARES.iter().enumerate() {
                let mut random = seed * 7919 + number as u64 * 31 + place as u64;
                let messed: Vec<Timeline> = whole
                    .iter()
                    .map(|one| mess(one, slip, *share, &mut random))
                    .collect();
                let report = look(messed.iter());
                let right = |one: &MixUp| {
                    let factor = if slip.3 == 0.0 { slip.2 } else { 2.66 };
                    one.code == slip.0 && (one.factor / factor).ln().abs() < 0.1
                };
                let (hits, sure) = found.entry((number, place)).or_default();
                *hits += u64::from(report.mixups.iter().any(right));
                *sure += u64::from(report.mixups.iter().any(|one| right(one) && one.is_likely));
            }
        }
    }
    let mut out = stdout();
    writeln!(
        out,
        "{seeds} hospitals of {patients} patients, {judged} codes and units judged"
    )?;
    writeln!(out, "false alarms: {alarms} likely, {possible} possible")?;
    for line in lines {
        writeln!(out, "  {line}")?;
    }
    writeln!(
        out,
        "found of {seeds} (likely), by share of rows: {SHARES:?}"
    )?;
    for (number, slip) in SLIPS.iter().enumerate() {
        write!(out, "  {:<24}", slip.1)?;
        for place in 0..SHARES.len() {
            let (hits, sure) = found.get(&(number, place)).copied().unwrap_or_default();
            write!(out, " {hits:>3} ({sure:>3})")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn look<'t>(timelines: impl Iterator<Item = &'t Timeline>) -> Report {
    let mut collector = Collector::new(Options::standard(), Analytes::shipped().clone());
    timelines.for_each(|one| collector.observe(one));
    collector.finish("bench", BTreeMap::new(), &BTreeMap::new())
}

/// A timeline with a share of one code's values in another unit, the label kept.
fn mess(
    one: &Timeline,
    (code, _, factor, offset): &(&str, &str, f64, f64),
    share: f64,
    random: &mut u64,
) -> Timeline {
    let (subject, mut events, observation) = one.clone().into_parts();
    for event in &mut events {
        if event.code.to_meds() != *code {
            continue;
        }
        // SplitMix64 (Steele, Lea and Flood 2014).
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        if drawn < share {
            event.numeric_value = event.numeric_value.map(|value| value * factor + offset);
        }
    }
    Timeline::new(subject, events, observation)
}
