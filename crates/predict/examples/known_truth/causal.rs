//! Effects under a declared design against the hospital's own: patients at their index dates are
//! given an anticoagulant or not by chances that depend on what is recorded, and the outcome is
//! drawn from the risk that rollouts of their latent state give under either (a plasmode
//! simulation; Franklin et al. 2014). Truth is the mean difference of the two risks. A second world
//! lets the decision depend on what no record shows.

use crate::{Result, Settings, say};
use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, Timeline,
};
use longitude_hospital::{Factor, Options};
use longitude_predict::{Adjustment, Cohort, Design, Estimate, Interval, Until};
use rayon::prelude::*;
use serde::Serialize;

const OUTCOME: &str = "infarction_stroke_5y";
const CONTROL: &str = "sepsis_1y";
const HORIZON: f64 = 1826.0;
const GRACE: f64 = 30.0;
const DRUG: &str = "RxNorm//1364445";
const CORONARY: [&str; 2] = ["ICD10CM//I25", "ICD10CM//I21"];
const FIBRILLATION: [&str; 1] = ["ICD10CM//I48"];
const FAILURE: [&str; 1] = ["ICD10CM//I50"];
const STROKE: [&str; 2] = ["ICD10CM//I63", "ICD10CM//Z86.73"];
const SYSTOLIC: &str = "LOINC//8480-6";

/// A patient at the index date: risks with and without the drug, and of the control.
struct Candidate {
    history: Timeline,
    at: Instant,
    risks: [f64; 2],
    control: f64,
    /// The logit of the chance to be treated by what is recorded.
    recorded: f64,
    /// The hidden part, in standard deviations.
    hidden: f64,
}

#[derive(Serialize)]
struct Found {
    hidden: bool,
    patients: usize,
    draws: u64,
    truth: f64,
    /// Naive, g-computation, AIPW: mean estimate and share of intervals that hold the truth.
    estimates: [[f64; 2]; 3],
    /// The share of draws in which the negative control raised the alarm.
    alarms: f64,
    refused: u64,
    trimmed: f64,
    example: Option<Estimate>,
}

pub(crate) fn causal(settings: &Settings) -> Result {
    let mut all = candidates(settings);
    let mean = |of: &dyn Fn(&Candidate) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let centre = mean(&|one| one.hidden);
    let spread = mean(&|one| (one.hidden - centre).powi(2)).sqrt();
    for one in &mut all {
        one.hidden = (one.hidden - centre) / spread;
    }
    say(&format!("{} patients", all.len()));
    let found = [false, true].map(|hidden| world(settings, &all, hidden));
    let found: Vec<Found> = found.into_iter().collect::<Result<_>>()?;
    let path = settings.dir.join("causal.json");
    std::fs::write(path, serde_json::to_vec_pretty(&found)?)?;
    for one in &found {
        say(&markdown(one));
    }
    Ok(())
}

fn list(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

fn design() -> Design {
    let code = |codes: &[&str]| Adjustment::Code {
        codes: list(codes),
        until: Until::TimeZero,
    };
    Design {
        name: "an anticoagulant and infarction or stroke".to_owned(),
        eligible: list(&["ELIGIBLE//asked"]),
        observed_before_days: 0.0,
        treatment: list(&[DRUG]),
        grace_days: GRACE,
        outcome: list(&["OUTCOME//met"]),
        incident: false,
        horizon_days: HORIZON,
        adjustment: vec![
            Adjustment::Age,
            Adjustment::Sex,
            code(&CORONARY),
            code(&FIBRILLATION),
            code(&FAILURE),
            code(&STROKE),
            Adjustment::Value {
                code: SYSTOLIC.to_owned(),
                until: Until::TimeZero,
            },
        ],
        negative_outcome: list(&["CONTROL//met"]),
        negative_treatment: Vec::new(),
        propensity_min: 0.02,
        trimmed_max: 0.2,
    }
}

fn candidates(settings: &Settings) -> Vec<Candidate> {
    let options = Options {
        patients: settings.patients,
        seed: settings.seed,
        rollouts: settings.rollouts,
        ..Options::standard()
    };
    let numbers = (0..settings.patients).into_par_iter();
    numbers
        .filter_map(|number| candidate(&options, number))
        .collect()
}

fn candidate(options: &Options, number: u32) -> Option<Candidate> {
    let patient = longitude_hospital::patient(options, number);
    let at = patient.index()?;
    let under = |is_given| {
        let treatment = (Factor::Anticoagulant, is_given);
        longitude_hospital::risks_under(options, number, &patient, treatment)
    };
    let (with, without) = (under(true), under(false));
    let risk = |risks: &std::collections::BTreeMap<String, Option<f64>>, id: &str| {
        risks.get(id).copied().flatten()
    };
    let timeline = longitude_hospital::timeline(&patient);
    let history = timeline.history(at).to_vec();
    let holds = |codes: &[&str]| {
        let mut all = history.iter().map(|event| event.code.to_meds());
        let yes = all.any(|code| codes.iter().any(|prefix| code.starts_with(prefix)));
        f64::from(u8::from(yes))
    };
    if holds(&[DRUG]) > 0.0 {
        return None;
    }
    let mut pressures = history
        .iter()
        .rev()
        .filter(|event| event.code.to_meds() == SYSTOLIC);
    let pressure = pressures
        .find_map(|event| event.numeric_value)
        .unwrap_or(130.0);
    let age = timeline.birth().map_or(60.0, |birth| (at - birth).years());
    let control = risk(&without, CONTROL)?;
    Some(Candidate {
        at,
        risks: [risk(&without, OUTCOME)?, risk(&with, OUTCOME)?],
        control,
        recorded: -0.6
            + 0.9 * holds(&CORONARY)
            + 0.9 * holds(&FIBRILLATION)
            + 0.6 * holds(&FAILURE)
            + 0.8 * holds(&STROKE)
            + 0.03 * (age - 60.0)
            + 0.015 * (pressure - 130.0),
        hidden: (control.clamp(0.002, 0.998) / (1.0 - control.clamp(0.002, 0.998))).ln(),
        history: Timeline::new(timeline.subject(), history, timeline.observation()),
    })
}

fn world(settings: &Settings, all: &[Candidate], hidden: bool) -> Result<Found> {
    let truth = all
        .iter()
        .map(|one| one.risks[1] - one.risks[0])
        .sum::<f64>()
        / all.len() as f64;
    let draws = settings.draws;
    let estimates: Vec<Option<Estimate>> = (0..draws)
        .into_par_iter()
        .map(|draw| {
            let mut cohort = Cohort::new(&design())?;
            for (number, one) in (0_u32..).zip(all) {
                let (timeline, end) = drawn(one, hidden, (draw, number));
                cohort.observe(&timeline, end);
            }
            Ok(cohort.estimate(settings.resamples, draw).ok())
        })
        .collect::<Result<_>>()?;
    let good: Vec<&Estimate> = estimates.iter().flatten().collect();
    let mean = |of: &dyn Fn(&Estimate) -> f64| {
        good.iter().map(|one| of(one)).sum::<f64>() / good.len().max(1) as f64
    };
    let both = |pick: &dyn Fn(&Estimate) -> Interval| {
        let held = |one: &Estimate| f64::from(u8::from(pick(one).holds(truth)));
        [mean(&|one| pick(one).value), mean(&held)]
    };
    let alarm = |one: &Estimate| {
        let any = one.negative_controls.iter().any(|control| control.alarm);
        f64::from(u8::from(any))
    };
    Ok(Found {
        hidden,
        patients: all.len(),
        draws,
        truth,
        estimates: [
            both(&|one| one.naive),
            both(&|one| one.g_computation),
            both(&|one| one.aipw),
        ],
        alarms: mean(&alarm),
        refused: draws - good.len() as u64,
        trimmed: mean(&|one| one.overlap.trimmed_share.unwrap_or_default()),
        example: good.first().map(|one| (*one).clone()),
    })
}

/// One patient's record with a decision, outcomes and an end of observation drawn.
fn drawn(one: &Candidate, hidden: bool, (draw, number): (u64, u32)) -> (Timeline, Instant) {
    let unit = |purpose: u8| {
        let parts = [&draw.to_le_bytes()[..], &number.to_le_bytes(), &[purpose]];
        let bits = longitude_core::Digest::of_parts(&parts).leading_i63();
        (bits % 1_000_000_007) as f64 / 1_000_000_007.0
    };
    let logit = one.recorded + if hidden { one.hidden } else { 0.0 };
    let treated = unit(0) < 1.0 / (1.0 + (-logit).exp());
    let after = |days: f64| one.at.plus(Days(days));
    let end = if unit(1) < 0.2 {
        after(GRACE + 1.0 + HORIZON * unit(2))
    } else {
        after(GRACE + HORIZON + 2.0)
    };
    let mut events = one.history.events().to_vec();
    let mut add = |yes: bool, code: &str, time: Instant| {
        if yes && time <= end {
            let origin = Origin::derived("known truth");
            events.push(Event::new(Code::from_meds(code), Some(time), origin));
        }
    };
    let within = |purpose| after(GRACE + 0.5 + (HORIZON - 1.0) * unit(purpose));
    add(true, "ELIGIBLE//asked", one.at);
    add(treated, DRUG, after(1.0));
    add(
        unit(3) < one.risks[usize::from(treated)],
        "OUTCOME//met",
        within(4),
    );
    add(unit(5) < one.control, "CONTROL//met", within(6));
    let observation = Observation {
        start: one.history.observation().start,
        end: Some(end),
        source: ObservationSource::Stated,
    };
    (
        Timeline::new(one.history.subject(), events, observation),
        end,
    )
}

fn markdown(found: &Found) -> String {
    let which = if found.hidden {
        "decided by what is recorded and by what is not"
    } else {
        "decided by what is recorded"
    };
    let mut text = format!(
        "{which}: {} patients, {} draws, {} refused, {:.1} % trimmed; truth {:+.4}; negative \
         control raised in {:.2}\n",
        found.patients,
        found.draws,
        found.refused,
        found.trimmed * 100.0,
        found.truth,
        found.alarms
    );
    let names = ["naive", "g-computation", "AIPW"];
    for (name, [value, covered]) in names.iter().zip(found.estimates) {
        text += &format!("| {name} | {value:+.4} | covers {covered:.2} |\n");
    }
    text
}
