//! Step: the institution signs the model folder. From here on an altered file is refused at load.

use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use anyhow::{Context, Result};
use longitude_core::NamedDigest;
use std::fs;

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let institution = &run.job.institution;
    let root = longitude_govern::sign_model(&run.layout.model(), &institution.keys)?;
    let public = institution.folder.join("institution.pub.pem");
    let public = fs::read(&public).with_context(|| public.display().to_string())?;
    write_atomically(&run.layout.root().join("institution.pub.pem"), &public)?;
    step.say(&format!("{root}, key {}", institution.keys.fingerprint()));
    let model = NamedDigest {
        name: "model".to_owned(),
        digest: root,
    };
    let parts = [
        "vocabulary.json",
        "model.safetensors",
        "training.json",
        "questions.json",
        "reference.json",
    ];
    let inputs = parts
        .iter()
        .map(|name| run.output(&format!("model/{name}")));
    Ok(Left {
        inputs: inputs.collect::<Result<_>>()?,
        outputs: vec![model],
        seed: None,
    })
}
