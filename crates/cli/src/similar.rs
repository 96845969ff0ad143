//! The index of the training subjects' states beside a run, made when it is first asked for: in
//! `RUN/similar/`, with a receipt in the run's ledger. It holds pseudonyms and hidden states, and
//! stays inside the walls like the data set that it was made from.

use crate::answering::Answering;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::lock::Lock;
use crate::pipeline::{code_version, write_private};
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, NamedDigest, Receipt, Split, Timeline};
use longitude_govern::RunLedger;
use longitude_predict::{
    Asked, IndexFit, IndexOptions, Like, Neighbour, SimilarError, SimilarIndex, State, index_time,
    last_observed,
};
use std::fs;

/// The folder of the index inside the run.
const FOLDER: &str = "similar";
/// The folder of the data set, as the receipt that made it names it.
const MEDS: &str = "meds";
const FILE: &str = "states.bin";
const STEP: &str = "similar";
/// Prediction times of a subject in the index, as many as enter the incidences by age and sex.
const DRAWS: u64 = 4;
/// Subjects whose records are in memory together.
const CHUNK: usize = 256;

/// People like a patient, with their records.
#[derive(Debug)]
pub(crate) struct People {
    /// Nearest first.
    pub(crate) neighbours: Vec<Neighbour>,
    timelines: Vec<Timeline>,
}

impl People {
    /// Each at its time, with the end of its observation.
    pub(crate) fn asked(&self) -> Vec<(Asked<'_>, Instant)> {
        let pairs = self.timelines.iter().zip(&self.neighbours);
        let asked = pairs.filter_map(|(timeline, neighbour)| {
            let at = neighbour.at;
            Some((Asked { timeline, at }, last_observed(timeline)?))
        });
        asked.collect()
    }
}

/// The `k` training subjects whose states were nearest to the patient's.
pub(crate) fn people(
    opened: &Answering,
    asked: &Asked<'_>,
    (like, k): (Like, usize),
) -> Result<People> {
    let index = index(opened)?;
    let state = opened.engine.states(std::slice::from_ref(asked))?;
    let state = state.into_iter().flatten().next();
    let state = state.context("the history has no event")?;
    let mut people = People {
        neighbours: index.nearest(&state, like, k),
        timelines: Vec::new(),
    };
    for neighbour in &people.neighbours {
        let timeline = opened.timeline(neighbour.subject)?;
        people
            .timelines
            .push(timeline.context("a subject of the index is not in the data set")?);
    }
    Ok(people)
}

/// The run's index: read where it is there and proven, else made.
fn index(opened: &Answering) -> Result<SimilarIndex> {
    let path = opened.layout.root().join(FOLDER).join(FILE);
    let data = opened.data.digest()?;
    let _lock = Lock::take(opened.layout.root())?;
    let mut ledger = RunLedger::open(&opened.layout, &opened.institution.keys)?;
    if let Ok(bytes) = fs::read(&path) {
        match SimilarIndex::from_bytes(&bytes, opened.root, data) {
            Ok(index) if is_proven(&ledger)? => return Ok(index),
            // One of another model is made anew; an altered or unproven one is told.
            Err(SimilarError::Foreign) => {}
            Ok(_) => return Err(altered(&path, "no receipt of the run names it")),
            Err(error) => return Err(altered(&path, &error.to_string())),
        }
    }
    let index = make(opened, data)?;
    let folder = opened.layout.root().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    write_private(&path, &index.to_bytes()?)?;
    let output = ledger.output(FOLDER)?;
    let model = NamedDigest {
        name: "model".to_owned(),
        digest: opened.root,
    };
    ledger.append_receipt(&Receipt {
        step: STEP.to_owned(),
        inputs: vec![ledger.output(MEDS)?, model],
        options: Digest::of_json(&DRAWS)?,
        code: code_version(),
        seed: Some(opened.questions.sampling.seed),
        outputs: vec![output],
    })?;
    Ok(index)
}

/// Whether the latest receipt of the step names the folder as it is.
fn is_proven(ledger: &RunLedger) -> Result<bool> {
    let own: NamedDigest = ledger.output(FOLDER)?;
    let leaves = ledger.leaves()?.into_iter().rev();
    let mut receipts = leaves.filter_map(|leaf| {
        let receipt: Option<Receipt> = serde_json::from_value(leaf.receipt).ok();
        receipt.filter(|receipt| leaf.kind == "receipt" && receipt.step == STEP)
    });
    Ok(receipts.next().is_some_and(|r| r.outputs.contains(&own)))
}

fn altered(path: &std::path::Path, why: &str) -> anyhow::Error {
    let message = format!("{}: {why}", path.display());
    let mend = "remove the folder `similar` of the run: the index is then made anew";
    Failure::new(Kind::Verification, message, mend).into()
}

fn make(opened: &Answering, data: Digest) -> Result<SimilarIndex> {
    let seed = opened.questions.sampling.seed;
    let mut fit = IndexFit::new(seed);
    for timeline in opened.data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        fit.observe(opened.reopened.timeline(timeline?).get());
    }
    let fitted = fit.finish();
    let draws = (0..DRAWS).map(|draw| IndexOptions {
        seed: seed.wrapping_add(draw.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        ..fitted
    });
    let draws: Vec<IndexOptions> = draws.collect();
    let mut states: Vec<State> = Vec::new();
    let mut held: Vec<Timeline> = Vec::new();
    for timeline in opened.data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        held.push(opened.reopened.timeline(timeline?).into_inner());
        if held.len() == CHUNK {
            add(opened, &draws, &std::mem::take(&mut held), &mut states)?;
        }
    }
    add(opened, &draws, &held, &mut states)?;
    Ok(SimilarIndex::new(states, opened.root, data))
}

/// The states of some subjects at their drawn times.
fn add(
    opened: &Answering,
    draws: &[IndexOptions],
    timelines: &[Timeline],
    states: &mut Vec<State>,
) -> Result<()> {
    let times = timelines.iter().flat_map(|timeline| {
        let times = draws.iter().filter_map(|draw| index_time(timeline, draw));
        times.map(move |at| Asked { timeline, at })
    });
    let asked: Vec<Asked<'_>> = times.collect();
    states.extend(opened.engine.states(&asked)?.into_iter().flatten());
    Ok(())
}
