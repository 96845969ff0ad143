//! The figures that a training report states its speed against.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use longitude_model::{Codes, Config, Level, Model, Sizes, flops_per_token, peak_gflops};

#[test]
fn every_level_has_a_peak() {
    for level in Level::available() {
        let peak = peak_gflops(level, 0.01);
        assert!(peak > 0.1 && peak < 10_000.0, "{}: {peak}", level.name());
    }
}

#[test]
fn operations_are_counted_from_the_shapes() {
    let sizes = Sizes {
        vocab: 10,
        groups: 1,
        value_bins: 3,
        vocabulary: String::new(),
    };
    let config = Config::shaped((8, 2, 2), 16, sizes);
    let (d, f, u, w) = (8, config.ffn, config.value_dim, config.wait_bins());
    let codes = Codes {
        groups: vec![[0, 0]; 10],
        value_bins: vec![3; 10],
    };
    let model = Model::new(config, codes, 1).unwrap();
    let block = 3 * d * d + d * d + 2 * d * f + f * d;
    let heads = d * (1 + w) + d * d + 10 * d + 2 * d * u + 8 * 2 * u + u * 4;
    let linear = 6 * (2 * block + heads);
    let attention = 6 * 2 * d * 16;
    let flops = flops_per_token(&model, 16);
    assert!((flops - (linear + attention) as f64).abs() < 0.5, "{flops}");
}
