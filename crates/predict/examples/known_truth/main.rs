//! How near a trained model comes to the best that anyone could know, on the synthetic hospital or
//! on a plainer world whose ceiling is exact.
//!
//! Stages with files between them, so that each can be run again alone;
//! `cases/truth/known_truth.py` runs them in order and fits the ceiling between. Settings are
//! `key=value`, those of [`Settings`].
//!
//! ```text
//! draw   seed, patients -> NAME.summary (what a history holds), NAME.risks (true risks)
//! learn  seed, patients -> model/, learn.json
//! answer model/         -> NAME.rows (labels), NAME.query, NAME.sampled, NAME.boosted
//! effects, faithful         -> effects.json, faithful.json
//! causal seed, patients -> causal.json
//! judge  all of them    -> report.json, report.md
//! screen all of them    -> screening.json, screening.md (the rare disease)
//! rare   model/         -> intervals of pooled rare codes against the fresh draw
//! ```
//!
//! `docs/model/known-truth.md` says what the figures mean, `docs/screening.md` those of `screen`
//! and `rare`.

mod answer;
mod causal;
mod effects;
mod faithful;
mod files;
mod judge;
mod learn;
mod plain;
mod planted;
mod rare;
mod render;
mod screening;
mod soft;
mod summary;
mod world;

use std::error::Error;
use std::path::PathBuf;

/// What a stage returns.
pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The settings of all stages.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Settings {
    /// The folder of the files.
    pub(crate) dir: PathBuf,
    /// The name of the draw that `draw` writes and `answer` reads.
    pub(crate) name: String,
    /// `hospital`, or `plain`: a simpler world whose ceiling is exact.
    pub(crate) world: String,
    /// The world's seed.
    pub(crate) seed: u64,
    /// Its patients.
    pub(crate) patients: u32,
    /// Rollouts a patient for the true risks.
    pub(crate) rollouts: u32,
    /// Preset of the model.
    pub(crate) preset: String,
    /// Context; 0 for the preset's.
    pub(crate) context: usize,
    /// Positions of a batch; 0 for the default.
    pub(crate) batch: usize,
    /// Peak learning rate; 0 for the default.
    pub(crate) rate: f64,
    /// Weight of the query head's loss; 0 for a model without one.
    pub(crate) query_weight: f64,
    /// Seconds of training.
    pub(crate) seconds: f64,
    /// Passes over the data at most.
    pub(crate) epochs: f64,
    /// Threads.
    pub(crate) threads: usize,
    /// Kernel level; empty for the best.
    pub(crate) kernels: String,
    /// Rows that are also asked by sampled futures.
    pub(crate) sampled: usize,
    /// Prediction times of each learning subject for the counts, and of each stacking subject.
    pub(crate) draws: u64,
    /// Resamples of the intervals.
    pub(crate) resamples: u32,
    /// The members of the stack, joined by commas; rows that one of them did not answer are left
    /// out.
    pub(crate) members: String,
    /// The one task to ask; all where it is empty.
    pub(crate) only: String,
}

impl Settings {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut all = Self {
            dir: PathBuf::from("known-truth"),
            name: "fresh".to_owned(),
            world: "hospital".to_owned(),
            seed: 1,
            patients: 2000,
            rollouts: 256,
            preset: "tiny".to_owned(),
            context: 0,
            batch: 0,
            rate: 0.0,
            query_weight: 1.0,
            seconds: 60.0,
            epochs: 20.0,
            threads: 1,
            kernels: String::new(),
            sampled: 0,
            draws: 2,
            resamples: 500,
            members: "query,boosted".to_owned(),
            only: String::new(),
        };
        for argument in arguments {
            let (key, value) = argument.split_once('=').ok_or("settings are key=value")?;
            match key {
                "dir" => all.dir = value.into(),
                "name" => value.clone_into(&mut all.name),
                "world" => value.clone_into(&mut all.world),
                "seed" => all.seed = value.parse()?,
                "patients" => all.patients = value.parse()?,
                "rollouts" => all.rollouts = value.parse()?,
                "preset" => value.clone_into(&mut all.preset),
                "context" => all.context = value.parse()?,
                "batch" => all.batch = value.parse()?,
                "rate" => all.rate = value.parse()?,
                "query_weight" => all.query_weight = value.parse()?,
                "seconds" => all.seconds = value.parse()?,
                "epochs" => all.epochs = value.parse()?,
                "threads" => all.threads = value.parse()?,
                "kernels" => value.clone_into(&mut all.kernels),
                "sampled" => all.sampled = value.parse()?,
                "draws" => all.draws = value.parse()?,
                "resamples" => all.resamples = value.parse()?,
                "members" => value.clone_into(&mut all.members),
                "only" => value.clone_into(&mut all.only),
                _ => return Err(format!("no setting is called `{key}`").into()),
            }
        }
        Ok(all)
    }
}

fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let stage = arguments.next().unwrap_or_default();
    let settings = Settings::read(arguments)?;
    std::fs::create_dir_all(&settings.dir)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build_global()?;
    match stage.as_str() {
        "draw" => summary::draw(&settings),
        "learn" => learn::learn(&settings),
        "answer" => answer::answer(&settings),
        "causal" => causal::causal(&settings),
        "effects" => effects::effects(&settings),
        "faithful" => faithful::faithful(&settings),
        "judge" => judge::judge(&settings),
        "screen" => screening::screen(&settings),
        "rare" => rare::rare(&settings),
        _ => Err(
            "the stages are draw, learn, answer, causal, effects, faithful, judge, screen, rare"
                .into(),
        ),
    }
}

/// Tells where a stage stands.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}
