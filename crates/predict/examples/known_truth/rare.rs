//! Intervals of pooled ratios of rare codes against a draw many times as large: from the first
//! patients of the learning draw, what was rare there, and how often the interval holds what the
//! fresh patients say.

use crate::answer::{Row, engine, fresh};
use crate::{Result, Settings, say};
use longitude_core::{CodeMatch, Days, Predicate, Task};
use longitude_predict::{
    Asked, CodeCensus, Family, FamilyPlan, Kind, POOLED_CASES_MAX, Pooling, RareCounts, Ratio,
};
use std::collections::BTreeSet;

/// Patients that the pooling learns from, a tenth of whose codes are rare.
const PATIENTS: u32 = 2000;
const HORIZON: Days = Days(1825.0);
/// A code is judged where the fresh draw has so many cases: its own error is then a tenth.
const JUDGED_MIN: f64 = 100.0;

pub(crate) fn rare(settings: &Settings) -> Result {
    let small = Settings {
        seed: 1,
        patients: PATIENTS,
        ..settings.clone()
    };
    let (learnt, judged) = (fresh(&small)?, fresh(settings)?);
    let mut census = CodeCensus::default();
    let mut codes = BTreeSet::new();
    for row in &learnt {
        census.observe(&row.timeline);
        let all = row.timeline.events().iter().map(|event| &event.code);
        let diagnoses = all.filter(|code| Kind::of(code, false) == Some(Kind::Diagnosis));
        codes.extend(diagnoses.cloned());
    }
    let tasks = codes.into_iter().map(|code| Task {
        id: code.to_meds().into_owned(),
        title: code.to_meds().into_owned(),
        outcome: Predicate {
            any_of: vec![CodeMatch::Exact(code)],
        },
        horizon: HORIZON,
        incident: true,
    });
    let plans: Vec<FamilyPlan> = tasks.filter_map(|task| census.family(&task)).collect();
    let engine = engine(settings)?;
    let counted = |rows: &[Row]| -> Result<Vec<Family>> {
        let followed = rows
            .iter()
            .filter(|row| row.planned >= row.at.plus(HORIZON));
        let asked: Vec<Asked<'_>> = followed.map(Row::asked).collect();
        Ok(engine.families(&plans, &asked)?)
    };
    let (small, large) = (counted(&learnt)?, counted(&judged)?);
    let pooling = Pooling::fit(&small);
    say("| code | parent | cases | ratio (95 %) | own | fresh ratio | fresh cases | held |");
    say("|---|---|---|---|---|---|---|---|");
    let mut sums = Sums::default();
    for ((plan, family), large) in plans.iter().zip(&small).zip(&large) {
        if let Some(found) = pooling.ratio(family, 0, None) {
            sums.add(plan.task(), family, (found, large.children[0]));
        }
    }
    let count = f64::from(sums.all).max(1.0);
    say(&format!(
        "{} of {} intervals hold the fresh ratio; {} are useful; root mean squared error of the \
         logarithm {:.3} pooled, {:.3} by the code's own cases",
        sums.held,
        sums.all,
        sums.useful,
        (sums.error / count).sqrt(),
        (sums.alone / count).sqrt()
    ));
    Ok(())
}

/// What the codes come to.
#[derive(Default)]
struct Sums {
    all: u32,
    held: u32,
    useful: u32,
    /// Squared errors of logarithms, pooled and by the code's own cases.
    error: f64,
    alone: f64,
}

impl Sums {
    /// Judges one code, where it was rare and the fresh draw has cases enough.
    fn add(&mut self, code: &str, family: &Family, (found, truth): (Ratio, RareCounts)) {
        let own = family.children[0];
        if own.cases >= f64::from(POOLED_CASES_MAX) || truth.cases < JUDGED_MIN {
            return;
        }
        let ratio = truth.cases / truth.expected;
        let [low, high] = found.interval;
        let holds = (low..=high).contains(&ratio);
        self.all += 1;
        self.held += u32::from(holds);
        self.useful += u32::from(found.is_useful());
        // Half a case added to the code's own, for none at all has a logarithm too.
        let alone = (own.cases + 0.5) / own.expected;
        self.error += (found.mean.ln() - ratio.ln()).powi(2);
        self.alone += (alone.ln() - ratio.ln()).powi(2);
        say(&format!(
            "| {code} | {} | {:.0} | {:.4} ({low:.4} to {high:.4}) | {:.4} | {ratio:.4} | {:.0} | {} |",
            family.parent,
            own.cases,
            found.mean,
            own.cases / own.expected,
            truth.cases,
            if holds { "yes" } else { "no" }
        ));
    }
}
