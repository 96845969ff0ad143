//! How long the metrics take: `cargo run --release -p longitude-eval --example eval_speed`.

use longitude_eval::{Options, TaskInput, auroc, task_report};
use std::collections::BTreeMap;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "the example's purpose")]
fn main() -> Result<(), longitude_eval::Error> {
    let rows = 200_000_u64;
    let mixed = |i: u64| {
        let bits = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((bits ^ (bits >> 27)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let risks: Vec<f64> = (0..rows).map(mixed).collect();
    let labels: Vec<bool> = (0..rows).map(|i| mixed(i + rows) < mixed(i)).collect();
    let start = Instant::now();
    let value = auroc(&labels, &risks);
    println!(
        "AUROC of {rows} rows: {:.4} s {value:?}",
        start.elapsed().as_secs_f64()
    );

    let rows = 16_000;
    let clusters: Vec<u64> = (0..rows).map(|i| i / 2).collect();
    let part = |n: u64| (0..rows).map(|i| format!("{}", i % n)).collect::<Vec<_>>();
    let model = |shift: u64| (0..rows).map(move |i| Some(mixed(i) * 0.9 + 0.1 * mixed(i + shift)));
    let input = TaskInput {
        id: "speed",
        title: "Speed",
        horizon_days: 1.0,
        clusters: &clusters,
        labels: &labels[..16_000],
        groups: &[
            ("sex".into(), part(2)),
            ("age_band".into(), part(5)),
            ("site".into(), part(3)),
        ],
        models: &["a", "bb", "ccc", "dddd"]
            .map(|name| (name.into(), model(name.len() as u64).collect())),
        truth: Some(&risks[..16_000]),
        left_out: BTreeMap::new(),
    };
    let options = Options {
        seed: 1,
        resamples: 200,
    };
    let start = Instant::now();
    let report = task_report(&input, &options)?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "report of {rows} rows, {} models, 200 resamples: {seconds:.2} s",
        report.models.len()
    );
    Ok(())
}
