//! Step (demo only): the synthetic hospital writes its export and, beside it, the truth.

use crate::interrupt;
use crate::pipeline::{Left, Run, Source, write_atomically};
use crate::progress::Step;
use crate::steps::ingest::write_options;
use anyhow::{Result, bail};
use longitude_hospital::{Options, Truth};
use longitude_store::Summary;
use std::path::Path;

/// The simulation's options.
pub(crate) fn options(patients: u32, seed: u64) -> Options {
    Options {
        patients,
        seed,
        // The run splits by pseudonym, which the hospital cannot know: everybody has a truth.
        truth_patients_max: patients,
        ..Options::standard()
    }
}

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let Source::Hospital { patients } = run.job.source else {
        bail!("only the demo has a synthetic hospital");
    };
    let folder = run.layout.root().join("source");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let options = options(patients, run.options().seed);
    let resources = write_fhir(&folder, &options, run.threads())?;
    interrupt::check()?;
    let truth = write_truth(&folder, &options, run.threads())?;
    step.say(&format!(
        "{patients} patients, {resources} FHIR resources; true risks of {} subjects",
        truth.subjects.len()
    ));
    let outputs = vec![run.output("source")?];
    Ok(Left {
        inputs: Vec::new(),
        outputs,
        seed: Some(options.seed),
    })
}

/// Writes `fhir/` and gives the number of resources.
pub(crate) fn write_fhir(folder: &Path, options: &Options, threads: usize) -> Result<u64> {
    let fhir = folder.join("fhir");
    std::fs::create_dir_all(&fhir)?;
    let summary = longitude_hospital::write_fhir(&fhir, options, threads, interrupt::flag())?;
    Ok(summary.resources)
}

/// Writes `truth.json`.
pub(crate) fn write_truth(folder: &Path, options: &Options, threads: usize) -> Result<Truth> {
    let truth = longitude_hospital::truth(options, threads)?;
    write_atomically(&folder.join("truth.json"), &serde_json::to_vec(&truth)?)?;
    Ok(truth)
}

/// Straight to a MEDS data set, without FHIR.
pub(crate) fn write_meds(folder: &Path, options: &Options) -> Result<Summary> {
    let patients = (0..options.patients).take_while(|_| !interrupt::requested());
    let timelines =
        patients.map(|i| longitude_hospital::timeline(&longitude_hospital::patient(options, i)));
    Ok(longitude_store::write_timelines(
        folder,
        write_options("hospital"),
        timelines,
    )?)
}
