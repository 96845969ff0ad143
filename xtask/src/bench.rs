//! Measurements, each kept as a command that anyone can repeat. A claim of speed is a ratio of two
//! programs run in turn; no test asserts a time.

use anyhow::{Result, bail};
use std::path::Path;

/// The command that runs an example of one of our crates.
macro_rules! example {
    ($package:literal, $name:literal) => {
        [
            "cargo",
            "run",
            "--release",
            "--locked",
            "--package",
            concat!("longitude-", $package),
            "--example",
            $name,
            "--",
        ]
    };
}

/// The benchmarks: name, what it measures, how it runs. Further arguments are handed on.
const LIST: &[(&str, &str, &[&str])] = &[
    (
        "ingest",
        "FHIR resources a core-second and peak memory (PATH [THREADS])",
        &example!("ingest", "ingest_throughput"),
    ),
    (
        "tables",
        "rows of a mapped MIMIC-IV table a core-second ([ROWS] [THREADS] [plain|gzip])",
        &example!("ingest", "tables"),
    ),
    (
        "documents",
        "HL7 v2 messages or C-CDA documents a core-second (hl7v2|ccda [COUNT] [THREADS])",
        &example!("ingest", "clinical_documents"),
    ),
    (
        "ingest-memory",
        "cost and peak memory of 10^4 to 10^7 FHIR resources ([RESOURCES_MAX] [KEEP_DIR])",
        &example!("ingest", "memory"),
    ),
    (
        "ingest-fhir2meds",
        "FHIR beside fhir2meds, in turn (LONGITUDE FHIR2MEDS_PYTHON FHIR_DIR [ROUNDS])",
        &["python3", "cases/comparisons/compare_fhir2meds.py"],
    ),
    (
        "omop",
        "OMOP into MEDS beside meds_etl, in turn (--source DIR --program BIN --peer BIN)",
        &["python3", "cases/comparisons/bench_omop.py"],
    ),
    (
        "ledger",
        "durable leaves a second, proofs, verification, processes killed (speed|verify|kill [N])",
        &example!("ledger", "ledger_bench"),
    ),
    (
        "linkage",
        "precision, recall and time of linking a register whose true pairs are known ([PERSONS])",
        &example!("ingest", "linkage"),
    ),
    (
        "monitor",
        "false alarms and delays of the monitoring beside a naive test ([HISTORIES] [ROWS])",
        &example!("eval", "monitor_simulation"),
    ),
    (
        "gpu",
        "a training step on burn beside the CPU engine's, in turn (--device wgpu --shape small)",
        &[
            "cargo",
            "run",
            "--release",
            "--locked",
            "--manifest-path",
            "gpu/Cargo.toml",
            "--",
            "bench",
        ],
    ),
    (
        "parallel",
        "ranks over MPI: the sum of a gradient, tokens/s of one and two ([ROUNDS] [STEPS] [PATIENTS])",
        &["python3", "cases/model/bench_parallel.py"],
    ),
    (
        "hospital",
        "synthetic patients a CPU-second (20000 [THREADS])",
        &example!("hospital", "hospital_throughput"),
    ),
    (
        "outcomes",
        "base rates and the AUROC of the true risks (PATIENTS)",
        &example!("hospital", "outcomes"),
    ),
    (
        "known-truth",
        "a model against the best that anyone could know ([PATIENTS] [FRESH] [SECONDS] [k=v]...)",
        &["python3", "cases/truth/known_truth.py"],
    ),
    (
        "screening",
        "a rare disease found early, at how many looks a case ([PATIENTS] [FRESH] [SECONDS] [k=v]...)",
        &["python3", "cases/truth/screening.py"],
    ),
    (
        "faithfulness",
        "whether evidence is true to the model, and names what was planted ([PATIENTS] [FRESH] [SECONDS])",
        &["python3", "cases/truth/faithfulness.py"],
    ),
    (
        "effect",
        "effects under a design against the hospital's own, with coverage (dir=DIR [k=v]...)",
        &[
            "cargo",
            "run",
            "--release",
            "--locked",
            "--package",
            "longitude-predict",
            "--example",
            "known_truth",
            "--",
            "causal",
            "patients=4000",
            "rollouts=64",
            "draws=40",
            "resamples=100",
        ],
    ),
    (
        "inequity",
        "missed cases of the planted inequity, before and after the repairs ([patients=N] [fresh=N]..)",
        &example!("predict", "inequity"),
    ),
    (
        "deid",
        "events de-identified a CPU-second, with and without notes, and the report ([SUBJECTS])",
        &example!("deid", "deid_speed"),
    ),
    (
        "store",
        "MEDS events written, read and validated a CPU-second ([MEDS_DIR])",
        &example!("store", "store_speed"),
    ),
    (
        "scan",
        "one pass over MEDS beside meds_reader, in turn (MEDS_DIR MEDS_READER_PYTHON [ROUNDS])",
        &["python3", "cases/comparisons/bench_scan.py"],
    ),
    (
        "label",
        "one task over MEDS beside es-aces, in turn (--program BIN --peer ACES_CLI --data DIR --task YAML)",
        &["python3", "cases/tasks/bench_label.py"],
    ),
    (
        "quality",
        "events a CPU-second and peak memory of a quality report (MEDS_DIR [REPORT.json])",
        &example!("cli", "quality_throughput"),
    ),
    (
        "mixups",
        "mixed-up units found, and false alarms, in synthetic hospitals ([SEEDS] [PATIENTS])",
        &example!("quality", "mixups"),
    ),
    (
        "model",
        "training steps and sampling of shapes A and D, one thread and two",
        &example!("model", "bench_step"),
    ),
    (
        "model-torch",
        "training beside PyTorch, in turn (needs torch: [SECONDS] [ROUNDS] [PARTS])",
        &["python3", "cases/model/bench_compare.py"],
    ),
    (
        "model-curves",
        "training cost against depth, width, context, batch; memory ([SECONDS] [LEVEL])",
        &example!("model", "bench_curves"),
    ),
    (
        "model-loss",
        "whether bf16 products change what is learnt: three seeds ([STEPS])",
        &example!("model", "bench_loss"),
    ),
    (
        "adapt",
        "what adaptation to a site gains and forgets, and what new codes start from ([PATIENTS]..)",
        &example!("train", "adapt"),
    ),
    (
        "delphi",
        "nats of the age-sex hazard, Delphi and ours (DATA_DIR OUT_DIR [--tables]; needs torch)",
        &["python3", "cases/model/compare_delphi.py"],
    ),
    (
        "ablations",
        "what each choice of the architecture is worth ([PATIENTS] [STEPS] [SEEDS])",
        &example!("train", "ablations"),
    ),
    (
        "loader",
        "the share of a step that its batch takes, built in it and ahead ([SUBJECTS] [STEPS])",
        &example!("train", "loader"),
    ),
    (
        "physionet",
        "PhysioNet 2012 beside a tuned LightGBM, both directions (--source --program --example --work)",
        &["python3", "cases/comparisons/physionet.py"],
    ),
    (
        "recalibration",
        "a model of one place mended at another by 200 and 2,000 labels (MEDS_A MEDS_B [DRAWS])",
        &example!("cli", "recalibration"),
    ),
    (
        "coverage",
        "conformal sets and Venn-Abers intervals on the synthetic hospital ([PATIENTS] [SEED])",
        &example!("cli", "coverage"),
    ),
    (
        "sampling",
        "sampled events a CPU-second ([THREADS])",
        &example!("predict", "predict_throughput"),
    ),
    (
        "query",
        "query head, sampled futures, counts on a synthetic hospital ([PATIENTS] [STEPS] [SAMPLED])",
        &example!("predict", "query_head"),
    ),
    (
        "query-step",
        "what the query head adds to a training step, in processor time ([ROUNDS])",
        &example!("model", "query_cost"),
    ),
    (
        "eval",
        "metrics and intervals of 200,000 rows",
        &example!("eval", "eval_speed"),
    ),
    (
        "evaluate",
        "predictions judged beside meds-evaluation, in turn (PEER_PYTHON [ROUNDS])",
        &["python3", "cases/comparisons/bench_evaluate.py"],
    ),
    (
        "baseline",
        "fits of 16,000 examples by 500 features",
        &example!("baseline", "baseline_speed"),
    ),
    (
        "phi",
        "recall and precision of the note scrubber by cross-validation ([--train] [--peer N=F]...)",
        &example!("deid", "phi"),
    ),
    (
        "demo",
        "the main job at 20,000 patients, against the known truth (--to DIR)",
        &[
            "cargo",
            "run",
            "--release",
            "--locked",
            "--package",
            "longitude-cli",
            "--bin",
            "longitude",
            "--",
            "demo",
            "--once",
            "--patients",
            "20000",
            "--seconds",
            "240",
        ],
    ),
];

/// Runs the benchmark with the name given, or prints the list.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let Some(name) = arguments.first() else {
        for (name, what, _) in LIST {
            eprintln!("  {name:<16} {what}");
        }
        return Ok(());
    };
    let Some((_, _, command)) = LIST.iter().find(|(known, _, _)| known == name) else {
        bail!("no benchmark is called `{name}`; `cargo xtask bench` lists them");
    };
    let status = std::process::Command::new(command[0])
        .args(&command[1..])
        .args(&arguments[1..])
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the benchmark failed");
    }
    Ok(())
}
