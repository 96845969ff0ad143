//! Linear maps of the levels that round to bf16, against the scalar oracle on rounded operands.
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its numbers are small"
)]

use super::{linear, scalar};
use crate::kernels::Level;
use crate::memory::{Cpu, Device};
use crate::random::Normals;

fn random(n: usize, stream: u64) -> Vec<f32> {
    let mut normals = Normals::new(7, stream);
    (0..n).map(|_| normals.next()).collect()
}

/// The nearest of all numbers of 8 significant bits, the even one of two, by arithmetic in f64.
fn rounded(x: &[f32]) -> Vec<f64> {
    let round = |x: f64| {
        let unit = (x.abs().log2().floor() - 7.0).exp2();
        (x / unit).round_ties_even() * unit
    };
    x.iter().map(|x| round(f64::from(*x))).collect()
}

/// Products of bf16 are exact; their sums are rounded once each in f32.
#[track_caller]
fn close(fast: &[f32], oracle: &[f64], terms: usize) {
    assert_eq!(fast.len(), oracle.len());
    let scale = 4.0 + oracle.iter().fold(0.0f64, |max, y| max.max(y.abs()));
    for (i, (fast, oracle)) in fast.iter().zip(oracle).enumerate() {
        let error = (f64::from(*fast) - oracle).abs() / scale;
        assert!(
            error < 1e-7 * (8.0 + terms as f64).sqrt(),
            "{i}: {fast} is not {oracle}"
        );
    }
}

#[test]
fn products_are_those_of_rounded_operands() {
    let shapes = [
        (1, 1, 1),
        (2, 2, 2),
        (5, 7, 3),
        (29, 401, 33),
        (64, 20, 96),
        (337, 24, 17),
        (15, 385, 16),
        (13, 768, 519),
        (31, 33, 1030),
        (770, 10, 30),
    ];
    for (rows, inputs, outputs) in shapes {
        let (x, w) = (random(rows * inputs, 1), random(inputs * outputs, 2));
        let dy = random(rows * outputs, 3);
        let (wx, ww, wdy) = (rounded(&x), rounded(&w), rounded(&dy));
        let y = scalar::linear(&wx, &ww, inputs, outputs);
        let (dx, dw) = scalar::linear_gradient(&wx, &ww, &wdy, inputs, outputs);
        for level in Level::bf16() {
            let results = [1, 2, 3].map(|threads| {
                let cpu = Cpu::start(Device { level, threads }, 0, 0).unwrap();
                let weight = linear::Weight::new(&w, inputs, outputs);
                let mut fast_y = vec![f32::NAN; rows * outputs];
                linear::forward(&cpu, &x, weight, &mut fast_y, false);
                close(&fast_y, &y, inputs);
                let mut fast_dx = vec![1.0; rows * inputs];
                linear::forward(&cpu, &dy, weight.flipped(), &mut fast_dx, true);
                for dx in &mut fast_dx {
                    *dx -= 1.0;
                }
                close(&fast_dx, &dx, outputs);
                let mut fast_dw = vec![0.0; inputs * outputs];
                linear::weight_gradient(&cpu, &x, &dy, &mut fast_dw, outputs);
                close(&fast_dw, &dw, rows);
                [fast_y, fast_dx, fast_dw].concat()
            });
            let bits = results.map(|one| one.iter().map(|y| y.to_bits()).collect::<Vec<_>>());
            assert!(
                bits[0] == bits[1] && bits[1] == bits[2],
                "threads change bits"
            );
        }
    }
}

/// What is not a number, or infinite, does not become a number.
#[test]
fn faults_are_not_hidden() {
    for level in Level::bf16() {
        let cpu = Cpu::start(Device { level, threads: 1 }, 0, 0).unwrap();
        for fault in [f32::NAN, f32::INFINITY, f32::from_bits(0x7fff_ffff)] {
            let mut y = [0.0; 3];
            let weight = linear::Weight::new(&[1.0; 9], 3, 3);
            linear::forward(&cpu, &[1.0, fault, 1.0], weight, &mut y, false);
            assert!(y.iter().all(|y| !y.is_finite()), "{}", level.name());
        }
    }
}
