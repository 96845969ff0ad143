//! Baselines on simulated timelines whose true risks are known.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use longitude_baseline::{
    Error, Example, FOLDS, Feature, Fitted, Kind, Model, NotFitted, cross_fit, fit, fold_of,
};
use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, Predicate, SubjectId, Task,
    Timeline,
};
use proptest::prelude::*;

/// A small generator of its own.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const AT: Instant = Instant(0);

fn day(days: f64) -> Instant {
    AT.plus(Days(days))
}

fn event(code: &str, time: Option<f64>) -> Event {
    Event::new(
        Code::from_meds(code),
        time.map(day),
        Origin::derived("test"),
    )
}

fn lab(code: &str, value: f64, time: f64) -> Event {
    let mut event = event(code, Some(time));
    event.numeric_value = Some(value);
    event.unit = Some("mg/dL".into());
    event
}

fn task(outcome: &str) -> Task {
    Task {
        id: "outcome_365".into(),
        title: "Outcome within a year".into(),
        outcome: Predicate::code(Code::from_meds(outcome)),
        horizon: Days(365.0),
        incident: true,
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Timelines with a true risk each; the outcome, where drawn, falls inside the horizon.
struct Simulated {
    timelines: Vec<Timeline>,
    labels: Vec<bool>,
    risks: Vec<f64>,
}

impl Simulated {
    /// `history` gives the events up to the prediction time and the true logit.
    fn draw(
        subjects: i64,
        seed: u64,
        mut history: impl FnMut(&mut Draws) -> (Vec<Event>, f64),
    ) -> Self {
        let mut draws = Draws(seed);
        let mut out = Self {
            timelines: vec![],
            labels: vec![],
            risks: vec![],
        };
        for subject in 0..subjects {
            let (mut events, logit) = history(&mut draws);
            let (risk, happens) = (sigmoid(logit), draws.uniform());
            if happens < risk {
                events.push(event("ICD10CM//X", Some(1.0 + 363.0 * draws.uniform())));
            }
            let observation = Observation {
                start: Some(day(-2_000.0)),
                end: Some(day(400.0)),
                source: ObservationSource::Stated,
            };
            let subject = SubjectId(subject + i64::try_from(seed).unwrap() * 1_000_000);
            out.timelines
                .push(Timeline::new(subject, events, observation));
            out.labels.push(happens < risk);
            out.risks.push(risk);
        }
        out
    }

    fn examples(&self) -> Vec<Example<'_>> {
        self.timelines
            .iter()
            .map(|timeline| Example { timeline, time: AT })
            .collect()
    }

    fn labelled(&self) -> Vec<(Example<'_>, bool)> {
        self.examples()
            .into_iter()
            .zip(self.labels.iter().copied())
            .collect()
    }
}

fn auroc(labels: &[bool], scores: &[f64]) -> f64 {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (_, with) in labels.iter().zip(scores).filter(|(l, _)| **l) {
        for (_, without) in labels.iter().zip(scores).filter(|(l, _)| !**l) {
            pairs += 1.0;
            won += 0.5 + 0.5 * f64::from(i8::from(with > without) - i8::from(with < without));
        }
    }
    won / pairs
}

/// Two diagnoses with known log odds, one without effect, and a sex that matters.
fn linear(draws: &mut Draws) -> (Vec<Event>, f64) {
    let mut events = vec![event("MEDS_BIRTH", Some(-20_000.0))];
    let mut logit = -1.0;
    for (code, log_odds) in [
        ("ICD10CM//A", 1.2),
        ("ICD10CM//B", -0.8),
        ("ICD10CM//C", 0.0),
    ] {
        if draws.uniform() < 0.4 {
            events.push(event(code, Some(-400.0 - 1_000.0 * draws.uniform())));
            logit += log_odds;
        }
    }
    let female = draws.uniform() < 0.5;
    events.push(event(
        if female {
            "GENDER//female"
        } else {
            "GENDER//male"
        },
        None,
    ));
    (events, logit + if female { 0.6 } else { 0.0 })
}

#[test]
fn logistic_recovers_known_log_odds() {
    let train = Simulated::draw(12_000, 1, linear);
    let tuning = Simulated::draw(3_000, 2, linear);
    let task = task("ICD10CM//X");
    let fitted = fit(
        Kind::Logistic,
        &train.labelled(),
        &tuning.labelled(),
        &task,
        0,
    )
    .unwrap();
    let logit = |codes: &[&str]| {
        let mut events = vec![
            event("MEDS_BIRTH", Some(-20_000.0)),
            event("GENDER//male", None),
        ];
        events.extend(codes.iter().map(|code| event(code, Some(-900.0))));
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
        let risk = fitted.predict(&[Example {
            timeline: &timeline,
            time: AT,
        }])[0];
        (risk / (1.0 - risk)).ln()
    };
    // Against B alone, so that the totals of events and days since them say the same.
    let effect = |a: &[&str], b: &[&str]| logit(a) - logit(b);
    let found = [
        effect(&["ICD10CM//A"], &["ICD10CM//C"]),
        effect(&["ICD10CM//B"], &["ICD10CM//C"]),
        effect(&["ICD10CM//A"], &["ICD10CM//B"]),
    ];
    for (found, known) in found.into_iter().zip([1.2, -0.8, 2.0]) {
        assert!((found - known).abs() < 0.2, "{found} for {known}");
    }
    let held = Simulated::draw(3_000, 3, linear);
    let got = auroc(&held.labels, &fitted.predict(&held.examples()));
    assert!(got > auroc(&held.labels, &held.risks) - 0.01, "{got}");
}

/// Both low and high values of a lab are bad, but only with a diagnosis; many have no value.
fn crooked(draws: &mut Draws) -> (Vec<Event>, f64) {
    let mut events = vec![event("MEDS_BIRTH", Some(-20_000.0))];
    let ill = draws.uniform() < 0.5;
    if ill {
        events.push(event("ICD10CM//A", Some(-100.0)));
    }
    let mut logit = -1.5;
    if draws.uniform() < 0.8 {
        let value = 4.0 * draws.uniform() - 2.0;
        // The earlier number is of another size and says nothing, also not beside the later one.
        events.push(lab("LOINC//1", 100.0 * draws.uniform(), -50.0));
        events.push(lab("LOINC//1", value, -3.0));
        logit += if ill && value.abs() > 1.0 { 3.0 } else { 0.0 };
    }
    for code in 0..30 {
        if draws.uniform() < 0.3 {
            events.push(event(
                &format!("ICD10CM//N{code}"),
                Some(-500.0 * draws.uniform()),
            ));
        }
    }
    (events, logit)
}

#[test]
fn boosting_finds_what_is_not_linear() {
    let train = Simulated::draw(4_000, 4, crooked);
    let tuning = Simulated::draw(1_000, 5, crooked);
    let held = Simulated::draw(2_000, 6, crooked);
    let task = task("ICD10CM//X");
    let ask = |kind: Kind| {
        let fitted = fit(kind, &train.labelled(), &tuning.labelled(), &task, 7).unwrap();
        auroc(&held.labels, &fitted.predict(&held.examples()))
    };
    let (truth, boosted) = (auroc(&held.labels, &held.risks), ask(Kind::Boosted));
    assert!(boosted > truth - 0.02, "{boosted} of {truth}");
    assert!(boosted > ask(Kind::Logistic) + 0.05);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_they_read_back() {
    let train = Simulated::draw(600, 8, crooked);
    let tuning = Simulated::draw(200, 9, crooked);
    let task = task("ICD10CM//X");
    for kind in Kind::ALL {
        let ask = || fit(kind, &train.labelled(), &tuning.labelled(), &task, 3).unwrap();
        let (fitted, text) = (ask(), serde_json::to_string(&ask()).unwrap());
        assert_eq!(text, serde_json::to_string(&fitted).unwrap(), "{kind}");
        let back: Fitted = serde_json::from_str(&text).unwrap();
        assert_eq!(back.kind(), kind);
        assert_eq!(
            back.predict(&tuning.examples()),
            fitted.predict(&tuning.examples()),
            "{kind}"
        );
        assert!(fitted.predict(&[]).is_empty());
    }
    let other = fit(
        Kind::Boosted,
        &train.labelled(),
        &tuning.labelled(),
        &task,
        4,
    )
    .unwrap();
    let one = fit(
        Kind::Boosted,
        &train.labelled(),
        &tuning.labelled(),
        &task,
        3,
    )
    .unwrap();
    assert_ne!(
        other.predict(&tuning.examples()),
        one.predict(&tuning.examples())
    );
}

/// A hazard that doubles with every ten years of age and is half in women, and a hazard of death.
fn survival(subjects: i64, seed: u64) -> Simulated {
    let mut draws = Draws(seed);
    let mut out = Simulated {
        timelines: vec![],
        labels: vec![],
        risks: vec![],
    };
    for subject in 0..subjects {
        let age = 40.0 + 40.0 * draws.uniform();
        let female = draws.uniform() < 0.5;
        let hazard = 0.0002 * 2.0_f64.powf((age - 40.0) / 10.0) * if female { 0.5 } else { 1.0 };
        let death = 0.0008;
        let mut events = vec![
            event("MEDS_BIRTH", Some(-age * Days::PER_YEAR)),
            event(
                if female {
                    "GENDER//female"
                } else {
                    "GENDER//male"
                },
                None,
            ),
            event("ICD10CM//Z", Some(-10.0)),
        ];
        let outcome_days = -draws.uniform().ln() / hazard;
        let death_days = -draws.uniform().ln() / death;
        if outcome_days < death_days.min(1_000.0) {
            events.push(event("ICD10CM//X", Some(outcome_days)));
        }
        if death_days < 1_000.0 {
            events.push(event("MEDS_DEATH", Some(death_days)));
        }
        let observation = Observation {
            start: Some(day(-10.0)),
            end: Some(day(1_000.0)),
            source: ObservationSource::Stated,
        };
        out.timelines
            .push(Timeline::new(SubjectId(subject), events, observation));
        out.labels.push(outcome_days < death_days.min(365.0));
        let both = hazard + death;
        out.risks
            .push(hazard / both * (1.0 - (-both * 365.0).exp()));
    }
    out
}

#[test]
fn age_and_sex_recover_the_cumulative_incidence() {
    let (train, held) = (survival(20_000, 10), survival(2_000, 11));
    let fitted = fit(Kind::AgeSex, &train.labelled(), &[], &task("ICD10CM//X"), 0).unwrap();
    let risks = fitted.predict(&held.examples());
    let errors = risks.iter().zip(&held.risks).map(|(a, b)| (a - b).abs());
    let error = errors.sum::<f64>() / risks.len() as f64;
    assert!(error < 0.02, "{error}");
    let bias = (risks.iter().sum::<f64>() - held.risks.iter().sum::<f64>()) / risks.len() as f64;
    assert!(bias.abs() < 0.005, "{bias}");
    let strangers = [
        vec![event("MEDS_BIRTH", Some(-700.0))],
        vec![],
        vec![
            event("GENDER//other", None),
            event("MEDS_BIRTH", Some(-99.0 * 365.0)),
        ],
    ];
    for events in strangers {
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
        let risk = fitted.predict(&[Example {
            timeline: &timeline,
            time: AT,
        }])[0];
        assert!(risk > 0.0 && risk < 1.0, "{risk}");
    }
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let all = Simulated::draw(300, 12, linear);
    let labelled = all.labelled();
    let task = task("ICD10CM//X");
    let reason = |train: &[(Example<'_>, bool)], kind: Kind| match fit(kind, train, &[], &task, 0) {
        Err(Error::NotFitted { reason, .. }) => Some(reason),
        _ => None,
    };
    let few = NotFitted::TooFewExamples {
        found: 19,
        required: 20,
    };
    let with: Vec<_> = labelled
        .iter()
        .copied()
        .filter(|(_, label)| *label)
        .collect();
    let without: Vec<_> = labelled
        .iter()
        .copied()
        .filter(|(_, label)| !*label)
        .collect();
    for kind in Kind::ALL {
        assert_eq!(reason(&labelled[..19], kind), Some(few));
        assert_eq!(reason(&with, kind), Some(NotFitted::NoNegatives));
        assert_eq!(reason(&without, kind), Some(NotFitted::NoPositives));
        assert_eq!(
            reason(&labelled, kind),
            None,
            "a part of train stands in for tuning"
        );
    }
    assert_eq!(
        reason(&labelled[..30], Kind::Logistic),
        Some(NotFitted::NothingToTuneOn)
    );
    let elsewhere = fit(Kind::AgeSex, &labelled, &[], &self::task("ICD10CM//Y"), 0);
    let reason = NotFitted::NothingFollowed;
    assert!(matches!(elsewhere, Err(Error::NotFitted { reason: found, .. }) if found == reason));
    let error = fit(Kind::Boosted, &without, &[], &task, 0)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "boosted was not fitted: no example to learn from has the outcome"
    );
}

#[test]
fn rare_codes_and_other_units_are_not_features() {
    let mut number = 0;
    let train = Simulated::draw(200, 13, |draws| {
        number += 1;
        let (mut events, logit) = linear(draws);
        if number <= 9 {
            events.push(event("ICD10CM//RARE", Some(-5.0)));
        }
        let mut value = lab("LOINC//1", draws.uniform(), -4.0);
        if number % 3 == 0 {
            value.unit = Some("mmol/L".into());
        }
        events.push(value);
        (events, logit)
    });
    let task = task("ICD10CM//X");
    let fitted = fit(
        Kind::Logistic,
        &train.labelled(),
        &train.labelled(),
        &task,
        0,
    )
    .unwrap();
    let Model::Logistic { features, .. } = &fitted.model else {
        panic!("a regression was asked for");
    };
    let text = serde_json::to_string(&features).unwrap();
    assert!(!text.contains("RARE") && text.contains("ICD10CM"), "{text}");
    assert!(text.contains("mg/dL") && !text.contains("mmol/L"));
    assert!(features.features().contains(&Feature::AgeYears));
}

/// One future event, any time after the prediction.
fn future() -> impl Strategy<Value = Vec<(u8, f64, Option<f64>)>> {
    let one = (0_u8..6, 0.001_f64..4_000.0, prop::option::of(-1e6_f64..1e6));
    prop::collection::vec(one, 0..12)
}

fn models() -> &'static (Simulated, Vec<Fitted>) {
    static MODELS: std::sync::OnceLock<(Simulated, Vec<Fitted>)> = std::sync::OnceLock::new();
    MODELS.get_or_init(|| {
        let train = Simulated::draw(400, 14, crooked);
        let task = task("ICD10CM//X");
        let ask = |kind| fit(kind, &train.labelled(), &train.labelled(), &task, 1).unwrap();
        let fitted = Kind::ALL.map(ask).into();
        (train, fitted)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_future_changes_no_risk(subject in 0_usize..400, future in future()) {
        let (train, fitted) = models();
        let timeline = &train.timelines[subject];
        let (id, events, _) = timeline.clone().into_parts();
        let history = events.iter().filter(|e| e.time.is_none_or(|t| t <= AT)).cloned();
        let mut longer: Vec<Event> = history.clone().collect();
        for (code, days, value) in future {
            let names = ["ICD10CM//A", "LOINC//1", "ICD10CM//X", "MEDS_DEATH", "MEDS_BIRTH",
                "ENCOUNTER//IMP//START"];
            let mut new = event(names[usize::from(code)], Some(days));
            new.numeric_value = value;
            new.unit = Some("mg/dL".into());
            longer.push(new);
        }
        let observation = Observation { end: Some(day(5_000.0)), ..Observation::UNKNOWN };
        let longer = Timeline::new(id, longer, observation);
        let shorter = Timeline::new(id, history.collect(), Observation::UNKNOWN);
        for model in fitted {
            let ask = |timeline| model.predict(&[Example { timeline, time: AT }]);
            prop_assert_eq!(ask(&longer), ask(&shorter));
        }
    }
}

#[test]
fn cross_fitted_risks_are_of_models_that_never_saw_the_subject() {
    let train = Simulated::draw(3_000, 11, crooked);
    let task = task("ICD10CM//X");
    let (fitted, risks) = cross_fit(Kind::Boosted, &train.labelled(), &task, FOLDS, 7).unwrap();
    // A label turned over changes the models of the other folds, never the subject's own risk.
    let mut turned = train.labelled();
    turned[0].1 = !turned[0].1;
    let (_, again) = cross_fit(Kind::Boosted, &turned, &task, FOLDS, 7).unwrap();
    let fold = |i: usize| fold_of(train.timelines[i].subject(), FOLDS);
    let tuned = (fold(0) + FOLDS - 1) % FOLDS;
    let mut changed = 0;
    for i in 0..risks.len() {
        if fold(i) == fold(0) {
            assert_eq!(risks[i].to_bits(), again[i].to_bits(), "subject {i}");
        }
        changed += usize::from(fold(i) != tuned && risks[i].to_bits() != again[i].to_bits());
    }
    assert!(changed > 0, "a label that nothing depends on");
    // On subjects of its own folds it is as good as on new ones, within the noise.
    let held = Simulated::draw(2_000, 12, crooked);
    let (out, new) = (
        auroc(&train.labels, &risks),
        auroc(&held.labels, &fitted.predict(&held.examples())),
    );
    assert!((out - new).abs() < 0.03, "{out} {new}");
}

#[test]
fn two_folds_leave_nothing_to_tune_on() {
    let train = Simulated::draw(100, 13, crooked);
    let refused = cross_fit(Kind::Logistic, &train.labelled(), &task("ICD10CM//X"), 2, 1);
    assert!(matches!(
        refused,
        Err(Error::NotFitted {
            reason: NotFitted::NothingToTuneOn,
            ..
        })
    ));
}
