//! Effects over the training subjects under a declared causal design: who is eligible and when,
//! what is compared, what is adjusted for, what may not be affected. Not here: any transformer, and
//! any effect on one patient.
//!
//! The design is that of a trial with a landmark (Anderson et al. 1983; Hernán and Robins 2016 on
//! the target trial). Time zero is the first record of what makes eligible. The treatment is
//! decided by the landmark, a grace period later; whoever was treated before time zero, or died,
//! left or had an incident outcome by the landmark, is not compared. The outcome counts from the
//! landmark to the horizon, death competing. Everything that is adjusted for is measured up to time
//! zero: a declared variable that is measured later is refused, for it may be an effect of the
//! treatment.
//!
//! What is estimated (`estimate`): the difference of the mean risks were everybody eligible treated
//! and were nobody, by standardisation (g-computation) and doubly robust (AIPW), with bootstrap
//! intervals. It has that meaning only where the adjusted variables leave no common cause of
//! treatment and outcome; the overlap of the groups is checked, and a negative control may show
//! that they do leave one. It cannot show that they do not.

mod estimate;
mod linear;

pub use estimate::{Estimate, Interval, NegativeControl, Overlap};

use longitude_core::{Code, CodeMatch, Days, Event, Instant, Predicate, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The fewest people in a group, and with the outcome over both, for an estimate: with fewer the
/// regressions below are ruled by their penalty.
const GROUP_MIN: usize = 50;
const EVENTS_MIN: usize = 20;

/// A declared causal design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Its name.
    pub name: String,
    /// Codes (in MEDS's form; each stands for all codes that begin so) of which the first record is
    /// time zero.
    pub eligible: Vec<String>,
    /// Days before time zero that must be observed.
    pub observed_before_days: f64,
    /// Codes of the treatment.
    pub treatment: Vec<String>,
    /// Days after time zero until which the treatment is decided.
    pub grace_days: f64,
    /// Codes of the outcome.
    pub outcome: Vec<String>,
    /// Whether subjects with the outcome up to the landmark are left out.
    pub incident: bool,
    /// Days after the landmark within which it counts.
    pub horizon_days: f64,
    /// What is adjusted for.
    pub adjustment: Vec<Adjustment>,
    /// An outcome that the treatment cannot affect, but the same unmeasured causes would.
    #[serde(default)]
    pub negative_outcome: Vec<String>,
    /// A treatment that cannot affect the outcome, but is given for the same unmeasured causes.
    #[serde(default)]
    pub negative_treatment: Vec<String>,
    /// Whoever's probability of either group is below this is trimmed: nobody like them is in the
    /// other group.
    pub propensity_min: f64,
    /// The largest share that may be trimmed; beyond it there is no estimate.
    pub trimmed_max: f64,
}

/// One variable that is adjusted for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Adjustment {
    /// Age at time zero.
    Age,
    /// Sex.
    Sex,
    /// How many events there were in the year before time zero: contact with care.
    Contacts,
    /// Whether any of these codes is recorded.
    Code {
        /// The codes.
        codes: Vec<String>,
        /// Until when it is measured.
        until: Until,
    },
    /// The latest number of a code, with an indicator of none.
    Value {
        /// The code.
        code: String,
        /// Until when it is measured.
        until: Until,
    },
}

/// Until when a variable is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Before the treatment can be decided.
    TimeZero,
    /// When it may have been: refused.
    Landmark,
}

/// Why a design gives no estimate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DesignError {
    /// A list or a number makes no sense.
    #[error("`{field}` {what}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A variable is measured when the treatment may have begun, or is the treatment or outcome.
    #[error("adjustment {number} ({name}) {why}: it may be an effect of the treatment")]
    PostTreatment {
        /// Its place in the list, from 1.
        number: usize,
        /// What it is.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too few people to compare.
    #[error("{treated} treated and {untreated} untreated people, 50 of each are needed")]
    TooFewPeople {
        /// Treated, 0 for one to ten.
        treated: usize,
        /// Untreated, 0 for one to ten.
        untreated: usize,
    },
    /// Too few outcomes.
    #[error("fewer than 20 people had the outcome")]
    TooFewEvents,
    /// The groups do not overlap.
    #[error(
        "no overlap: {:.0} % of the people have nobody like them in the other group, at most \
         {:.0} % allowed", share * 100.0, allowed * 100.0
    )]
    NoOverlap {
        /// The share of people outside.
        share: f64,
        /// The share allowed.
        allowed: f64,
    },
}

/// The people of a design.
#[derive(Clone)]
pub struct Cohort {
    design: Design,
    predicates: Predicates,
    people: Vec<Person>,
    /// Who was left out, by reason.
    left_out: BTreeMap<&'static str, u64>,
}

/// Redacted: sizes only.
impl std::fmt::Debug for Cohort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cohort({} people)", self.people.len())
    }
}

#[derive(Clone)]
struct Predicates {
    eligible: Predicate,
    treatment: Predicate,
    outcome: Predicate,
    negative_outcome: Predicate,
    negative_treatment: Predicate,
    adjustment: Vec<Predicate>,
}

/// One person: the columns that are adjusted for, groups and follow-ups.
#[derive(Clone)]
struct Person {
    columns: Vec<Option<f64>>,
    treated: bool,
    /// None for who had the negative control before time zero: like the treated before, no control.
    negative_treated: Option<bool>,
    outcome: FollowedUp,
    negative_outcome: Option<FollowedUp>,
}

/// Days from the landmark to the outcome (1), death (2) or the end of observation (0), at most the
/// horizon.
#[derive(Clone, Copy)]
struct FollowedUp {
    days: f64,
    cause: u8,
}

impl Design {
    /// Checks what can be checked without data.
    ///
    /// # Errors
    /// [`DesignError::Field`] and [`DesignError::PostTreatment`].
    pub fn check(&self) -> Result<(), DesignError> {
        let field = |field, what| Err(DesignError::Field { field, what });
        for (name, list) in [
            ("eligible", &self.eligible),
            ("treatment", &self.treatment),
            ("outcome", &self.outcome),
        ] {
            if list.is_empty() || list.iter().any(String::is_empty) {
                return field(name, "names no code");
            }
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.grace_days) || !positive(self.horizon_days) {
            return field("grace_days or horizon_days", "is not above 0");
        }
        if !self.observed_before_days.is_finite() || self.observed_before_days < 0.0 {
            return field("observed_before_days", "is below 0");
        }
        if !(0.001..0.5).contains(&self.propensity_min) {
            return field("propensity_min", "is not between 0.001 and 0.5");
        }
        if !(0.0..1.0).contains(&self.trimmed_max) {
            return field("trimmed_max", "is not between 0 and 1");
        }
        if self.adjustment.is_empty() {
            return field("adjustment", "is empty: that would be the naive difference");
        }
        let [treatment, outcome] = [&self.treatment, &self.outcome].map(|list| predicate(list));
        if overlaps(&self.treatment, &outcome) || overlaps(&self.outcome, &treatment) {
            return field("outcome", "counts a code of the treatment");
        }
        for (number, one) in (1..).zip(&self.adjustment) {
            let (codes, until) = one.measured();
            let why = if until == Until::Landmark {
                "is measured up to the landmark"
            } else if overlaps(codes, &treatment) || overlaps(&self.treatment, &predicate(codes)) {
                "is the treatment"
            } else {
                continue;
            };
            return Err(DesignError::PostTreatment {
                number,
                name: one.name(),
                why,
            });
        }
        Ok(())
    }
}

impl Adjustment {
    fn measured(&self) -> (&[String], Until) {
        match self {
            Self::Age | Self::Sex | Self::Contacts => (&[], Until::TimeZero),
            Self::Code { codes, until } => (codes, *until),
            Self::Value { code, until } => (std::slice::from_ref(code), *until),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Age => "age".to_owned(),
            Self::Sex => "sex".to_owned(),
            Self::Contacts => "contacts".to_owned(),
            Self::Code { codes, .. } => codes.join(", "),
            Self::Value { code, .. } => format!("value of {code}"),
        }
    }
}

/// Codes that begin so; death is itself.
fn predicate(prefixes: &[String]) -> Predicate {
    let one = |prefix: &String| {
        let code = Code::from_meds(prefix);
        if code.is_death() {
            return CodeMatch::Exact(code);
        }
        CodeMatch::Prefix {
            system: code.system,
            prefix: code.value,
        }
    };
    Predicate {
        any_of: prefixes.iter().map(one).collect(),
    }
}

fn overlaps(codes: &[String], with: &Predicate) -> bool {
    codes
        .iter()
        .any(|code| with.matches(&Code::from_meds(code)))
}

impl Cohort {
    /// A cohort without people.
    ///
    /// # Errors
    /// As [`Design::check`].
    pub fn new(design: &Design) -> Result<Self, DesignError> {
        design.check()?;
        let adjustment = design
            .adjustment
            .iter()
            .map(|one| predicate(one.measured().0));
        let predicates = Predicates {
            eligible: predicate(&design.eligible),
            treatment: predicate(&design.treatment),
            outcome: predicate(&design.outcome),
            negative_outcome: predicate(&design.negative_outcome),
            negative_treatment: predicate(&design.negative_treatment),
            adjustment: adjustment.collect(),
        };
        Ok(Self {
            design: design.clone(),
            predicates,
            people: Vec::new(),
            left_out: BTreeMap::new(),
        })
    }

    /// Takes in one training subject; `end` is until when the subject was observed.
    pub fn observe(&mut self, timeline: &Timeline, end: Instant) {
        match self.person(timeline, end) {
            Ok(person) => self.people.push(person),
            Err(reason) => *self.left_out.entry(reason).or_default() += 1,
        }
    }

    /// Who was left out, by reason.
    pub fn left_out(&self) -> &BTreeMap<&'static str, u64> {
        &self.left_out
    }

    fn person(&self, timeline: &Timeline, end: Instant) -> Result<Person, &'static str> {
        let (design, p) = (&self.design, &self.predicates);
        let timed = || {
            timeline
                .events()
                .iter()
                .filter(|event| event.time.is_some())
        };
        let first = timed().find(|event| p.eligible.holds(event));
        let zero = first.and_then(|event| event.time).ok_or("not eligible")?;
        let start = timeline.observation().start;
        let start = start.or_else(|| {
            let mut own = timed().filter(|event| !event.code.is_birth());
            own.next().and_then(|event| event.time)
        });
        let seen = start.is_some_and(|start| (zero - start).0 >= design.observed_before_days);
        if !seen {
            return Err("not observed long enough before time zero");
        }
        let landmark = zero.plus(Days(design.grace_days));
        let had = |what: &Predicate, until: Instant| {
            timeline
                .history(until)
                .iter()
                .any(|event| what.holds(event))
        };
        let just_before = Instant(zero.0.saturating_sub(1));
        if had(&p.treatment, just_before) {
            return Err("treated before time zero");
        }
        if end <= landmark || timeline.death().is_some_and(|death| death <= landmark) {
            return Err("died or left by the landmark");
        }
        if design.incident && had(&p.outcome, landmark) {
            return Err("had the outcome by the landmark");
        }
        let follow = |what: &Predicate| self.follow(timeline, (landmark, end), what);
        let is_declared = |what: &Predicate| !what.any_of.is_empty();
        Ok(Person {
            columns: self.columns(timeline, zero),
            treated: had(&p.treatment, landmark),
            negative_treated: (!had(&p.negative_treatment, just_before))
                .then(|| had(&p.negative_treatment, landmark)),
            outcome: follow(&p.outcome),
            negative_outcome: is_declared(&p.negative_outcome).then(|| follow(&p.negative_outcome)),
        })
    }

    fn follow(
        &self,
        timeline: &Timeline,
        (landmark, end): (Instant, Instant),
        what: &Predicate,
    ) -> FollowedUp {
        let future = &timeline.events()[timeline.history(landmark).len()..];
        let counted = |event: &&Event| what.holds(event) || event.code.is_death();
        let first = future.iter().find(counted);
        let met = first.and_then(|event| Some((event.time?, what.holds(event))));
        let met = met.filter(|(time, _)| *time <= end);
        let (days, cause) = match met {
            Some((time, true)) => ((time - landmark).0, 1),
            Some((time, false)) => ((time - landmark).0, 2),
            None => ((end - landmark).0, 0),
        };
        if days > self.design.horizon_days {
            return FollowedUp {
                days: self.design.horizon_days,
                cause: 0,
            };
        }
        FollowedUp { days, cause }
    }

    /// The columns at time zero; a number that is not there is none.
    fn columns(&self, timeline: &Timeline, zero: Instant) -> Vec<Option<f64>> {
        // What is written at the very time of time zero was there for the decision, treatments
        // apart, which are no adjustment.
        let history = timeline.history(zero);
        let pairs = self
            .design
            .adjustment
            .iter()
            .zip(&self.predicates.adjustment);
        let flag = |yes: bool| f64::from(u8::from(yes));
        let column = |(one, codes): (&Adjustment, &Predicate)| match one {
            Adjustment::Age => vec![timeline.birth().map(|birth| (zero - birth).years())],
            Adjustment::Sex => {
                let mut events = history.iter();
                let sex = events.find(|e| matches!(&*e.code.system, "GENDER" | "SEX"));
                vec![sex.map(|event| flag(event.code.value.to_lowercase().starts_with('m')))]
            }
            Adjustment::Contacts => {
                let year = Instant(zero.0.saturating_sub(Days(365.0).to_micros()));
                let recent = history.iter().filter(|e| e.time.is_some_and(|t| t > year));
                vec![Some((recent.count() as f64).ln_1p())]
            }
            Adjustment::Code { .. } => {
                vec![Some(flag(history.iter().any(|event| codes.holds(event))))]
            }
            Adjustment::Value { .. } => {
                let mut own = history.iter().rev().filter(|event| codes.holds(event));
                let latest = own.find_map(|event| event.numeric_value);
                vec![latest, Some(flag(latest.is_none()))]
            }
        };
        pairs.flat_map(column).collect()
    }
}

#[cfg(test)]
mod tests;
