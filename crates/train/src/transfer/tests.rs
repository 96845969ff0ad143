//! Which rule starts which code, that nothing changes where nothing is new, and that values keep
//! their meaning when bins move.

use super::*;
use crate::data::Part;
use crate::run::{Control, train};
use longitude_core::{
    Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_tokens::{VocabularyBuilder, VocabularyOptions, encode};

/// Subjects of a hospital whose codes have these names: a diagnosis, a laboratory value, a drug, by
/// turns.
fn timelines(codes: &[&str], subjects: i64, shift: f64) -> Vec<Timeline> {
    let origin = || Origin::derived("test");
    let one = |subject: i64| {
        let mut events = vec![Event::new(Code::birth(), Some(Instant(0)), origin())];
        for i in 0..30i64 {
            let at = Instant(0).plus(Days(10_000.0 + i as f64));
            let name = codes[usize::try_from(i + subject).unwrap() % codes.len()];
            let mut event = Event::new(Code::from_meds(name), Some(at), origin());
            if name.contains("LAB") || name.contains("LOINC") {
                event.numeric_value = Some(((subject * 7 + i) % 50) as f64 + shift);
            }
            events.push(event);
        }
        let observation = Observation {
            start: Some(Instant(0).plus(Days(10_000.0))),
            end: Some(Instant(0).plus(Days(10_040.0))),
            source: ObservationSource::Stated,
        };
        Timeline::new(SubjectId(subject), events, observation)
    };
    (1..=subjects).map(one).collect()
}

fn data(timelines: &[Timeline]) -> TrainData {
    let mut builder = VocabularyBuilder::new(VocabularyOptions {
        value_bins: 4,
        ..VocabularyOptions::with_subjects_min(2)
    });
    for one in timelines {
        builder.observe(one);
    }
    let vocabulary = builder.finish().unwrap();
    let mut data = TrainData::new(&vocabulary).unwrap();
    for (place, one) in timelines.iter().enumerate() {
        let part = if place % 5 == 0 {
            Part::EarlyStop
        } else {
            Part::Learn
        };
        data.take(part, one.subject(), &encode(&vocabulary, one));
    }
    data
}

fn options(config: Config, steps: u64) -> Options {
    Options {
        batch_tokens: 512,
        learning_rate: 5e-3,
        ..Options::for_shape(config, steps, 3)
    }
}

const BASE: [&str; 6] = [
    "ICD10CM//E11.9",
    "ICD10CM//I10",
    "LOINC//2160-0",
    "LOINC//718-7",
    "RxNorm//197361",
    "RxNorm//860975",
];

fn base() -> (TrainData, Model, Descriptions) {
    let data = data(&timelines(&BASE, 40, 0.0));
    let config = Config::shaped((16, 1, 2), 64, sizes(data.vocabulary()).unwrap());
    let trained = train(&data, &options(config, 60), &mut |_| Control::Continue).unwrap();
    let called = [
        (BASE[2], "Creatinine [Mass/volume] in Serum or Plasma"),
        (BASE[3], "Hemoglobin [Mass/volume] in Blood"),
        (BASE[4], "amlodipine 5 MG Oral Tablet"),
        (BASE[5], "24 HR metformin hydrochloride 500 MG Oral Tablet"),
    ];
    let called = called.map(|(code, text)| (Code::from_meds(code), text.to_owned()));
    (data, trained.model, called.into())
}

fn row<'m>(model: &'m Model, vocabulary: &Vocabulary, code: &str) -> &'m [f32] {
    let id = vocabulary.exact(&Code::from_meds(code)).unwrap() as usize;
    let width = model.config().dim;
    &model.weight("embedding.code").unwrap()[id * width..(id + 1) * width]
}

#[test]
fn the_same_vocabulary_is_the_same_model() {
    let (data, model, called) = base();
    let base = Base {
        model: &model,
        vocabulary: data.vocabulary(),
        descriptions: &called,
    };
    let same = options(model.config().clone(), 1);
    let moved = transfer(base, &data, &same, &called, Rules::ALL).unwrap();
    assert!(moved.codes.iter().all(|code| code.rule == Rule::Kept));
    for tensor in model.tensors() {
        let pairs = moved.model.weights()[tensor.range.clone()]
            .iter()
            .zip(&model.weights()[tensor.range.clone()]);
        for (a, b) in pairs {
            // Value biases may differ by a constant of their row, which no softmax sees.
            let same = tensor.name == "value.bias" || (a - b).abs() < 1e-5;
            assert!(same, "{}: {a} and {b}", tensor.name);
        }
    }
    let how = crate::EvaluateOptions {
        batch_tokens: 512,
        overlap_positions: 16,
        kernels: same.kernels.clone(),
        threads: 1,
    };
    let tokens: Vec<_> = timelines(&BASE, 50, 0.0)[40..]
        .iter()
        .map(|one| encode(data.vocabulary(), one))
        .collect();
    let nats = |model: &Model| {
        let sums = crate::evaluate(model, &tokens, &how).unwrap();
        sums.per_event().unwrap()
    };
    let (a, b) = (nats(&moved.model), nats(&model));
    assert!((a.code - b.code).abs() < 1e-5 && (a.wait - b.wait).abs() < 1e-6);
    assert!((a.value_bin - b.value_bin).abs() < 0.02, "{a:?} {b:?}");
}

#[test]
fn each_rule_starts_the_codes_that_it_is_for() {
    let (data_base, model, called) = base();
    let site = data(&timelines(
        &[
            "ICD10CM//I10",
            "ICD10CM//E11.65",
            "LAB//KREA",
            "DRUG//NORVASC",
            "DRUG//XYZ",
        ],
        30,
        5.0,
    ));
    let names = [
        ("LAB//KREA", "creatinine serum"),
        ("DRUG//NORVASC", "tablet oral 10 mg amlodipine"),
    ];
    let names: Descriptions = names
        .map(|(code, text)| (Code::from_meds(code), text.to_owned()))
        .into();
    let base = Base {
        model: &model,
        vocabulary: data_base.vocabulary(),
        descriptions: &called,
    };
    let config = transferred_config(model.config(), site.vocabulary()).unwrap();
    let how = options(config, 1);
    let moved = transfer(base, &site, &how, &names, Rules::ALL).unwrap();
    let rule = |code: &str| {
        let found = moved.codes.iter().find(|one| one.code == code).unwrap();
        (
            found.rule,
            found.from.first().map(|(code, _)| code.as_str()),
        )
    };
    assert_eq!(rule("ICD10CM//I10"), (Rule::Kept, Some("ICD10CM//I10")));
    assert_eq!(
        rule("ICD10CM//E11.65"),
        (Rule::Hierarchy, Some("ICD10CM//E11.9"))
    );
    assert_eq!(
        rule("LAB//KREA"),
        (Rule::Description, Some("LOINC//2160-0"))
    );
    assert_eq!(
        rule("DRUG//NORVASC"),
        (Rule::Description, Some("RxNorm//197361"))
    );
    assert_eq!(rule("DRUG//XYZ"), (Rule::Mean, None));
    let (ours, theirs) = (site.vocabulary(), data_base.vocabulary());
    assert!(row(&moved.model, ours, "ICD10CM//I10") == row(&model, theirs, "ICD10CM//I10"));
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
    let krea = row(&moved.model, ours, "LAB//KREA");
    let creatinine = near(krea, row(&model, theirs, "LOINC//2160-0"));
    let amlodipine = near(krea, row(&model, theirs, "RxNorm//197361"));
    assert!(creatinine < amlodipine / 2.0, "{creatinine} {amlodipine}");
    // Without rules rows are random and biases the site's frequencies.
    let random = transfer(base, &site, &how, &names, Rules::NONE).unwrap();
    let new = random.codes.iter().filter(|code| code.rule != Rule::Kept);
    assert!(new.clone().count() == 4 && new.into_iter().all(|code| code.rule == Rule::Random));
    let id = ours.exact(&Code::from_meds("DRUG//XYZ")).unwrap() as usize;
    let share = ours.marginals().code_log_share[id];
    let bias = random.model.weight("code.bias").unwrap()[id];
    assert!((bias - share).abs() < 1e-6);
    // The account can be kept as JSON.
    let json = serde_json::to_string(&moved.codes).unwrap();
    let again: Vec<CodeStart> = serde_json::from_str(&json).unwrap();
    assert_eq!(again, moved.codes);
}

#[test]
fn a_bin_asks_the_bins_that_hold_its_values() {
    let (data_base, _, _) = base();
    let site = data(&timelines(&BASE, 40, 25.0));
    let (theirs, ours) = (data_base.vocabulary(), site.vocabulary());
    let classes = 5;
    let source = theirs.exact(&Code::from_meds("LOINC//2160-0")).unwrap();
    let id = ours.exact(&Code::from_meds("LOINC//2160-0")).unwrap();
    // The base has learnt that its highest bin is likelier than its share says.
    let mut from = vec![0.0f32; theirs.len() * classes];
    let share = &theirs.marginals().value_share[source as usize];
    for (bin, share) in share.iter().enumerate() {
        from[source as usize * classes + 1 + bin] = share.ln();
    }
    let last = share.len();
    from[source as usize * classes + last] += 2.0;
    let mut to = vec![0.0f32; ours.len() * classes];
    let mut starts: Vec<Start> = (0..ours.len())
        .map(|_| Start {
            rule: Rule::Mean,
            from: Vec::new(),
        })
        .collect();
    starts[id as usize] = Start {
        rule: Rule::Kept,
        from: vec![(source, 1.0)],
    };
    value_bias(&mut to, &from, (theirs, ours), &starts);
    let row = &to[id as usize * classes..(id as usize + 1) * classes];
    let bins = ours.bins_of(id).unwrap();
    let top = &theirs.bins_of(source).unwrap().bins[last - 1];
    for bin in 1..=bins.len() {
        let body = bins.bins[usize::from(bin) - 1];
        let (inside, outside) = (body.low >= top.low, body.high <= top.low);
        let gained = row[usize::from(bin)];
        assert!(!inside || gained > 1.0, "bin {bin}: {gained}");
        assert!(!outside || gained < 0.0, "bin {bin}: {gained}");
    }
    assert!(to[..id as usize * classes].iter().all(|bias| *bias == 0.0));
}

#[test]
fn a_foreign_vocabulary_is_refused() {
    let (data_base, model, called) = base();
    let site = data(&timelines(&["LAB//KREA", "DRUG//XYZ"], 30, 0.0));
    let wrong = Base {
        model: &model,
        vocabulary: site.vocabulary(),
        descriptions: &called,
    };
    let how = options(model.config().clone(), 1);
    let error = transfer(wrong, &data_base, &how, &called, Rules::ALL).unwrap_err();
    assert!(
        matches!(error, Error::Shape { what: "vocabulary" }),
        "{error}"
    );
}
