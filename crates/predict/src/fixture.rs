//! Small timelines and vocabularies for this crate's tests.

pub(crate) mod chain;

use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_model::{Codes, Config, Marginals, Model, Sizes};
use longitude_tokens::{Bins, Vocabulary, VocabularyBuilder, VocabularyOptions};

/// Events by MEDS string and day since the epoch; a static event has no finite day.
pub(crate) fn timeline(subject: i64, events: &[(&str, f64)], observation: Observation) -> Timeline {
    let event = |(row, (code, day)): (usize, &(&str, f64))| {
        let time = day.is_finite().then(|| Instant(0).plus(Days(*day)));
        let mut event = Event::new(Code::from_meds(code), time, origin(row));
        if *code == "LAB//1" {
            event.numeric_value = Some(100.0 + (row % 7) as f64);
            event.unit = Some("mg/dL".into());
        }
        event
    };
    let events = events.iter().enumerate().map(event).collect();
    Timeline::new(SubjectId(subject), events, observation)
}

fn origin(row: usize) -> Origin {
    Origin {
        file: "".into(),
        record: format!("r{row}").into(),
        element: "Condition.code".into(),
        row: 0,
        rule: "".into(),
    }
}

/// A span that ends on a day.
pub(crate) fn until(day: f64) -> Observation {
    Observation {
        start: None,
        end: Some(Instant(0).plus(Days(day))),
        source: ObservationSource::Stated,
    }
}

/// A patient of the little world in which A, B, X and a lab happen, born 40 years before 1970.
pub(crate) fn patient(subject: i64, events: usize) -> Timeline {
    let codes = ["A", "LAB//1", "B", "LAB//1", "A", "X"];
    let mut rows = vec![
        ("GENDER//female", f64::NAN),
        ("MEDS_BIRTH", -40.0 * Days::PER_YEAR),
    ];
    let start = (subject % 5) as f64;
    rows.extend((0..events).map(|i| {
        // Every third event ties with the one before.
        let day = start + (i - usize::from(i % 3 == 1)) as f64 * 3.25;
        (
            codes[(i + usize::try_from(subject).unwrap_or(0)) % codes.len()],
            day,
        )
    }));
    timeline(subject, &rows, until(start + 400.0))
}

/// The vocabulary of that world, with death in it.
pub(crate) fn vocabulary() -> Vocabulary {
    let options = VocabularyOptions::with_subjects_min(1);
    let mut builder = VocabularyBuilder::new(options);
    for subject in 0..20 {
        builder.observe(&patient(subject, 24));
    }
    builder.finish().unwrap()
}

/// A little transformer of that world with random weights: its marginal rates are about those of
/// the patients (an event every three days, a tie in three), and its past matters.
pub(crate) fn model(vocabulary: &Vocabulary) -> Model {
    let sizes = Sizes {
        vocab: vocabulary.len(),
        groups: vocabulary.groups_len(),
        value_bins: usize::from(vocabulary.value_bins_max()),
        vocabulary: vocabulary.digest().unwrap().to_string(),
    };
    let config = Config::shaped((32, 2, 2), 96, sizes);
    let ids = (0..).take(vocabulary.len());
    let codes = Codes {
        groups: vocabulary.group_table(),
        value_bins: ids
            .map(|id| vocabulary.bins_of(id).map_or(0, Bins::len))
            .collect(),
    };
    let mut shares = vocabulary.marginals().code_log_share;
    shares[vocabulary.death_id() as usize] = 0.01_f32.ln();
    let marginals = Marginals {
        code_log_frequency: shares,
        zero_wait: 0.3,
        hazards_per_day: vec![0.3; config.wait_bins()],
        value_log_frequency: Vec::new(),
    };
    let mut model = Model::new(config, codes, 17).unwrap();
    model.set_marginals(&marginals).unwrap();
    for (index, weight) in (0_u32..).zip(model.weights_mut()) {
        *weight += 0.3 * crate::sample::single(crate::rng::unit(1, index, 0) - 0.5);
    }
    model
}
