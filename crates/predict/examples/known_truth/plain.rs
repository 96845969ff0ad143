//! A second world, whose ceiling is exact: sixteen diseases and death under hazards of age
//! (Gompertz), sex, smoking and each other, in quarterly steps, times a frailty that nobody sees.
//! Everything but the frailty stands in the record, so that what can be known is its posterior,
//! taken here by quadrature over the very likelihood of the steps. All numbers are assumed.

use longitude_core::{
    Code, CodeMatch, Days, Digest, Event, Instant, Observation, ObservationSource, Origin,
    Predicate, SubjectId, Task, Timeline,
};

/// Code, yearly hazard in thousands for a woman of 60, its logarithmic slope a year, ratio of men.
const DISEASES: [(&str, f64, f64, f64); 17] = [
    ("ICD10CM//I10", 18.0, 0.045, 1.1),
    ("ICD10CM//E11", 7.0, 0.04, 1.3),
    ("ICD10CM//E78", 16.0, 0.03, 1.1),
    ("ICD10CM//N18", 2.5, 0.075, 1.2),
    ("ICD10CM//I25", 4.0, 0.07, 1.9),
    ("ICD10CM//I21", 1.6, 0.07, 2.1),
    ("ICD10CM//I50", 1.8, 0.09, 1.3),
    ("ICD10CM//I63", 1.5, 0.075, 1.3),
    ("ICD10CM//I48", 2.2, 0.085, 1.5),
    ("ICD10CM//J44", 3.0, 0.055, 1.4),
    ("ICD10CM//J18", 3.0, 0.07, 1.2),
    ("ICD10CM//C34", 0.6, 0.06, 1.6),
    ("ICD10CM//F32", 8.0, -0.005, 0.6),
    ("ICD10CM//M17", 9.0, 0.05, 0.8),
    ("ICD10CM//K21", 11.0, 0.02, 1.0),
    ("ICD10CM//A41", 0.9, 0.075, 1.2),
    ("MEDS_DEATH", 1.4, 0.1, 1.4),
];

/// What one disease does to the hazard of another.
pub(crate) const EDGES: [(&str, &str, f64); 23] = [
    ("E11", "N18", 3.0),
    ("I10", "N18", 2.0),
    ("I10", "I63", 2.2),
    ("I10", "I25", 1.8),
    ("E78", "I25", 1.9),
    ("E11", "I25", 2.0),
    ("I25", "I21", 4.0),
    ("I21", "I50", 4.0),
    ("I10", "I50", 1.8),
    ("I48", "I63", 3.5),
    ("I50", "I48", 2.5),
    ("J44", "J18", 3.0),
    ("J44", "C34", 3.0),
    ("J18", "A41", 4.0),
    ("N18", "A41", 2.0),
    ("I21", "F32", 1.6),
    ("C34", "MEDS_DEATH", 12.0),
    ("A41", "MEDS_DEATH", 8.0),
    ("I50", "MEDS_DEATH", 4.0),
    ("I21", "MEDS_DEATH", 2.5),
    ("I63", "MEDS_DEATH", 2.5),
    ("N18", "MEDS_DEATH", 2.0),
    ("J44", "MEDS_DEATH", 2.0),
];

/// Disease, quantity that tells of it, its mean without and with the disease, its spread.
const MEASURED: [(usize, &str, [f64; 3]); 4] = [
    (1, "LOINC//4548-4", [5.4, 7.8, 0.7]),
    (3, "LOINC//2160-0", [0.9, 2.1, 0.4]),
    (2, "LOINC//13457-7", [105.0, 155.0, 25.0]),
    (0, "LOINC//8480-6", [122.0, 148.0, 13.0]),
];

const K: usize = DISEASES.len();
const DEATH: usize = K - 1;
const STEP_YEARS: f64 = 0.25;
const INDEX_STEP: usize = 12;
const HORIZON_STEPS: usize = 20;
const YEAR_US: f64 = 365.25 * 86_400e6;
/// Gamma of shape 4 and mean 1.
const SHAPE: u32 = 4;

/// The outcomes: each disease and death within five years.
pub(crate) fn tasks() -> Vec<Task> {
    let task = |(code, ..): &(&str, f64, f64, f64)| {
        let code = Code::from_meds(code);
        Task {
            id: format!(
                "{}_5y",
                if code.is_death() {
                    "death"
                } else {
                    &*code.value
                }
            ),
            title: format!("{} within 5 years", code.to_meds()),
            outcome: Predicate {
                any_of: vec![CodeMatch::Exact(code)],
            },
            horizon: Days(1826.25),
            incident: true,
        }
    };
    DISEASES.iter().map(task).collect()
}

/// One patient.
pub(crate) struct Plain {
    pub(crate) timeline: Timeline,
    pub(crate) index: Option<Instant>,
    pub(crate) planned: Instant,
    /// True risk and the best that the record allows, of those asked; empty without rollouts.
    pub(crate) risks: Vec<Option<[f64; 2]>>,
}

/// Marsaglia's xorshift64 (2003).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
}

struct Person {
    age: f64,
    end: f64,
    male: bool,
    smokes: bool,
    frailty: f64,
    /// Logarithms of what one disease does to another, `[K][K]`.
    edges: [[f64; K]; K],
}

impl Person {
    fn draw(random: &mut Random) -> Self {
        let age = 18.0 + 57.0 * random.uniform();
        let waits = (0..SHAPE).map(|_| -random.uniform().ln());
        let frailty = waits.sum::<f64>() / f64::from(SHAPE);
        Self {
            age,
            end: age + 3.0 + 22.0 * random.uniform(),
            male: random.uniform() < 0.49,
            smokes: random.uniform() < 0.22,
            frailty,
            edges: edges(),
        }
    }

    /// The probabilities of a step at a frailty of one, as cumulative hazards; 0 for what is there.
    fn hazards(&self, age: f64, has: [bool; K]) -> [f64; K] {
        let mut logs = [0.0; K];
        for (cause, row) in self.edges.iter().enumerate().filter(|(at, _)| has[*at]) {
            debug_assert!(cause != DEATH, "nothing comes after death");
            logs.iter_mut()
                .zip(row)
                .for_each(|(log, effect)| *log += effect);
        }
        std::array::from_fn(|at| {
            let (code, thousands, slope, male) = DISEASES[at];
            let mut hazard = thousands * 1e-3 * (slope * (age - 60.0) + logs[at]).exp();
            hazard *= if self.male { male } else { 1.0 };
            let lungs = self.smokes && (code.ends_with("J44") || code.ends_with("C34"));
            hazard *= if lungs { 4.0 } else { 1.0 };
            if has[at] { 0.0 } else { hazard * STEP_YEARS }
        })
    }

    /// The chance that each disease comes within the horizon and before death, by rollouts whose
    /// frailty `frailty` gives; each adds the probabilities of its steps rather than its hits.
    fn risks(
        &self,
        has: [bool; K],
        rollouts: u32,
        random: &mut Random,
        frailty: impl Fn(f64) -> f64,
    ) -> [f64; K] {
        let mut sums = [0.0; K];
        for number in 0..rollouts {
            let frailty = frailty((f64::from(number) + 0.5) / f64::from(rollouts));
            let mut has = has;
            for step in 0..HORIZON_STEPS {
                let age = self.age + (INDEX_STEP + step) as f64 * STEP_YEARS;
                let hazards = self.hazards(age, has);
                let p = hazards.map(|hazard| -(-hazard * frailty).exp_m1());
                for (at, p_at) in p.iter().enumerate() {
                    // Where both come in one step, death is first in half of the cases.
                    sums[at] += p_at
                        * if at == DEATH {
                            1.0
                        } else {
                            1.0 - 0.5 * p[DEATH]
                        };
                }
                for (at, p) in p.iter().enumerate() {
                    has[at] |= random.uniform() < *p;
                }
                if has[DEATH] {
                    break;
                }
            }
        }
        sums.map(|sum| sum / f64::from(rollouts.max(1)))
    }
}

fn edges() -> [[f64; K]; K] {
    let place = |name: &str| DISEASES.iter().position(|(code, ..)| code.ends_with(name));
    let mut edges = [[0.0; K]; K];
    for (cause, effect, ratio) in EDGES {
        if let (Some(cause), Some(effect)) = (place(cause), place(effect)) {
            edges[cause][effect] = f64::ln(ratio);
        }
    }
    edges
}

/// Quadrature points of the frailty.
const POINTS: usize = 400;

/// The posterior of the frailty given what the record shows of each step, as a cumulative sum over
/// points from 0 to 5.
struct Posterior {
    logs: Vec<f64>,
}

impl Posterior {
    fn point(at: usize) -> f64 {
        5.0 * (at as f64 + 0.5) / POINTS as f64
    }

    fn new() -> Self {
        let shape = f64::from(SHAPE);
        let log = |at| (shape - 1.0) * Self::point(at).ln() - shape * Self::point(at);
        Self {
            logs: (0..POINTS).map(log).collect(),
        }
    }

    /// Takes in one step: what came, under which hazards.
    fn see(&mut self, hazards: &[f64; K], came: &[bool; K]) {
        let quiet: f64 = hazards
            .iter()
            .zip(came)
            .filter(|(_, came)| !**came)
            .map(|(h, _)| h)
            .sum();
        for (at, log) in self.logs.iter_mut().enumerate() {
            let frailty = Self::point(at);
            *log -= frailty * quiet;
            for (hazard, _) in hazards.iter().zip(came).filter(|(_, came)| **came) {
                *log += (-(-frailty * hazard).exp_m1()).ln();
            }
        }
    }

    /// The frailty at each quantile.
    fn quantiles(&self) -> impl Fn(f64) -> f64 {
        let most = self
            .logs
            .iter()
            .fold(f64::NEG_INFINITY, |most, log| most.max(*log));
        let mut sum = 0.0;
        let sums: Vec<f64> = self
            .logs
            .iter()
            .map(|log| {
                sum += (log - most).exp();
                sum
            })
            .collect();
        move |share| {
            let at = sums.partition_point(|before| *before < share * sum);
            Self::point(at.min(POINTS - 1))
        }
    }
}

/// Makes the patient with this number.
pub(crate) fn patient(seed: u64, number: u32, rollouts: u32) -> Plain {
    let parts = [&seed.to_le_bytes()[..], &number.to_le_bytes()[..]];
    let mut random = Random(Digest::of_parts(&parts).leading_i63().unsigned_abs() | 1);
    let person = Person::draw(&mut random);
    let born = (50.0 - person.end) * YEAR_US;
    let at = |age: f64| Instant(micros(born + age * YEAR_US));
    let mut record = Record::new(&person, at(0.0), at(person.age));
    let (mut has, mut posterior) = ([false; K], Posterior::new());
    let (mut index, mut risks) = (None, Vec::new());
    for step in 0.. {
        let age = person.age + step as f64 * STEP_YEARS;
        if age >= person.end || has[DEATH] {
            break;
        }
        if step == INDEX_STEP {
            index = Some(at(age));
            if rollouts > 0 {
                risks = asked(&person, has, &posterior, (rollouts, &mut random));
            }
        }
        let hazards = person.hazards(age, has);
        let came = hazards.map(|h| random.uniform() < -(-h * person.frailty).exp_m1());
        posterior.see(&hazards, &came);
        for (disease, came) in came.iter().enumerate().filter(|(_, came)| **came) {
            has[disease] |= came;
            let time = at(age + random.uniform() * STEP_YEARS);
            record.push(DISEASES[disease].0, time, None);
        }
        if random.uniform() < 0.35 {
            let time = at(age + random.uniform() * STEP_YEARS);
            record.visit(time, has, &mut random);
        }
    }
    Plain {
        timeline: record.finish(i64::from(number), (at(person.age), at(person.end))),
        index,
        planned: at(person.end),
        risks,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of a century")]
fn micros(us: f64) -> i64 {
    us as i64
}

/// True and knowable risks of what is not there yet.
fn asked(
    person: &Person,
    has: [bool; K],
    posterior: &Posterior,
    (rollouts, random): (u32, &mut Random),
) -> Vec<Option<[f64; 2]>> {
    let truth = person.risks(has, rollouts, random, |_| person.frailty);
    let known = person.risks(has, rollouts, random, posterior.quantiles());
    (0..K)
        .map(|at| (!has[at]).then_some([truth[at], known[at]]))
        .collect()
}

/// The events of one patient.
struct Record {
    events: Vec<Event>,
    death: Option<Instant>,
}

impl Record {
    fn new(person: &Person, born: Instant, entry: Instant) -> Self {
        let sex = if person.male {
            "GENDER//M"
        } else {
            "GENDER//F"
        };
        let smokes = if person.smokes {
            "SMOKER//YES"
        } else {
            "SMOKER//NO"
        };
        let mut record = Self {
            events: vec![Event::new(
                Code::from_meds(sex),
                None,
                Origin::derived("plain"),
            )],
            death: None,
        };
        record.push("MEDS_BIRTH", born, None);
        record.push(smokes, entry, None);
        record
    }

    fn push(&mut self, code: &str, time: Instant, value: Option<f64>) {
        let code = Code::from_meds(code);
        if code.is_death() {
            self.death = Some(time);
        }
        let mut event = Event::new(code, Some(time), Origin::derived("plain"));
        event.numeric_value = value;
        self.events.push(event);
    }

    fn visit(&mut self, time: Instant, has: [bool; K], random: &mut Random) {
        self.push("VISIT//AMB", time, None);
        for (disease, code, [without, with, spread]) in MEASURED {
            if random.uniform() < 0.5 {
                let mean = if has[disease] { with } else { without };
                let value = mean + spread * random.normal();
                let rounded = (value * 10.0).round() / 10.0;
                self.push(code, time.plus(Days(0.04)), Some(rounded));
            }
        }
    }

    fn finish(mut self, subject: i64, (start, planned): (Instant, Instant)) -> Timeline {
        let end = self.death.map_or(planned, |death| death.min(planned));
        self.events
            .retain(|event| event.time.is_none_or(|time| time <= end));
        let observation = Observation {
            start: Some(start),
            end: Some(end),
            source: ObservationSource::Stated,
        };
        Timeline::new(SubjectId(subject), self.events, observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ceiling is the mean of the true risk given the record, so that the two agree in every
    /// part of the patients that the record can tell apart, also by how much has happened.
    #[test]
    fn the_ceiling_is_the_mean_truth_given_the_record() {
        let hypertension = 0;
        let mut parts = [(0.0, 0.0, 0.0, 0.0); 3];
        for number in 0..6000 {
            let made = patient(11, number, 16);
            let Some(Some([truth, known])) = made.risks.get(hypertension).copied() else {
                continue;
            };
            let index = made.index.unwrap();
            let history = made.timeline.history(index).iter();
            let diseases = history.filter(|event| &*event.code.system == "ICD10CM");
            let (n, sum, squares, level) = &mut parts[diseases.count().min(2)];
            *n += 1.0;
            *sum += truth - known;
            *squares += (truth - known) * (truth - known);
            *level += known;
        }
        for (n, sum, squares, level) in parts {
            let error = (squares / n / n).sqrt();
            assert!(
                n > 50.0 && (sum / n).abs() < 3.5 * error,
                "{n} {sum} {error}"
            );
            // And it is no constant: frailty matters.
            assert!(level / n > 0.0 && error > 0.0);
        }
        let levels = parts.map(|(n, _, _, level)| level / n);
        assert!(levels[0] < levels[1] && levels[1] < levels[2], "{levels:?}");
    }
}
