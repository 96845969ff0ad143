//! How fast futures are sampled: tokens a second of one thread, preset `tiny`, 64 rows on a shared
//! history of 256 events, 256 events each, 1,000 codes. Not a test and not a comparison with other
//! systems. Run with `cargo xtask bench sampling [THREADS]`.

use longitude_core::{
    Code, Days, Digest, Event, Instant, Observation, Origin, SubjectId, Timeline,
};
use longitude_model::{Codes, Config, Device, Marginals, Model, Preset, Sizes};
use longitude_predict::{AbstainOptions, Asked, Engine, Fitted, PopulationBuilder, SampleOptions};
use longitude_tokens::{Bins, Vocabulary, VocabularyBuilder, VocabularyOptions};
use std::error::Error;
use std::sync::Arc;

const CODES: i64 = 1000;
const HISTORY: i64 = 256;
const ROWS: u32 = 64;
const EVENTS: u32 = 256;

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(1), |n| n.parse())?;
    let vocabulary = Arc::new(vocabulary()?);
    let model = Arc::new(model(&vocabulary)?);
    let fitted = Fitted {
        calibrations: std::collections::BTreeMap::new(),
        population: PopulationBuilder::new(&vocabulary, &[]).finish(),
        abstain: AbstainOptions::research(),
        pooled: std::collections::BTreeMap::new(),
    };
    let device = Device::cpu(threads);
    let root = Digest::of(b"");
    let engine = Engine::new(&model, Arc::clone(&vocabulary), fitted, root, device)?;
    let timeline = patient(1, HISTORY - 1);
    let asked = Asked {
        timeline: &timeline,
        at: Instant(0).plus(Days(10_000.0)),
    };
    let options = |seed| SampleOptions {
        samples: ROWS * u32::try_from(threads).unwrap_or(1),
        seed,
        events_max: EVENTS,
        rows: ROWS,
    };
    let horizon = Days(100_000.0);
    engine.pool(&asked, horizon, &options(0))?;
    let (mut tokens, started) = (0, std::time::Instant::now());
    for seed in 1..=5 {
        let pool = engine.pool(&asked, horizon, &options(seed))?;
        tokens += pool.futures.iter().map(|f| f.steps.len()).sum::<usize>();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} weights, {threads} thread(s): {tokens} tokens in {seconds:.2} s, {:.0} a second",
        model.parameters(),
        tokens as f64 / seconds
    );
    Ok(())
}

/// One event a day of pseudo-random codes, every fifth with a value.
fn patient(subject: i64, events: i64) -> Timeline {
    let birth = Event::new(Code::birth(), Some(Instant(0)), Origin::derived("example"));
    let event = |i: i64| {
        let number = (subject * 7919 + i * i * 31 + i) % CODES;
        let time = Instant(0).plus(Days(9000.0 + i as f64));
        let code = Code::new("CODE", number.to_string());
        let mut event = Event::new(code, Some(time), Origin::derived("example"));
        if number % 5 == 0 {
            event.numeric_value = Some((number + i) as f64);
        }
        event
    };
    let events = std::iter::once(birth).chain((0..events).map(event));
    Timeline::new(SubjectId(subject), events.collect(), Observation::UNKNOWN)
}

fn vocabulary() -> Result<Vocabulary, longitude_tokens::Error> {
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(1));
    for subject in 0..200 {
        builder.observe(&patient(subject, 400));
    }
    builder.finish()
}

/// Random weights; an event every two days, a tie in two, and no death, so that no future ends
/// early.
fn model(vocabulary: &Vocabulary) -> Result<Model, Box<dyn Error>> {
    let sizes = Sizes {
        vocab: vocabulary.len(),
        groups: vocabulary.groups_len(),
        value_bins: usize::from(vocabulary.value_bins_max()),
        vocabulary: vocabulary.digest()?.to_string(),
    };
    let config = Config::preset(Preset::Tiny, sizes);
    let ids = (0..).take(vocabulary.len());
    let codes = Codes {
        groups: vocabulary.group_table(),
        value_bins: ids
            .map(|id| vocabulary.bins_of(id).map_or(0, Bins::len))
            .collect(),
    };
    let mut shares = vocabulary.marginals().code_log_share;
    shares[vocabulary.death_id() as usize] = -30.0;
    let marginals = Marginals {
        code_log_frequency: shares,
        zero_wait: 0.5,
        hazards_per_day: vec![0.5; config.wait_bins()],
        value_log_frequency: Vec::new(),
    };
    let mut model = Model::new(config, codes, 1)?;
    model.set_marginals(&marginals)?;
    Ok(model)
}
