//! Fast operations against the scalar oracle at every kernel level, and the oracle's gradients
//! against differences.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

use super::scalar;
use super::{attention, heads, linear, rmsnorm, rotary, swiglu};
use crate::kernels::Level;
use crate::memory::{Cpu, Device};
use crate::random::Normals;
use crate::recall::Told;

fn random(n: usize, stream: u64) -> Vec<f32> {
    let mut normals = Normals::new(7, stream);
    (0..n).map(|_| normals.next()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

#[track_caller]
fn close(fast: &[f32], oracle: &[f64]) {
    assert_eq!(fast.len(), oracle.len());
    for (i, (fast, oracle)) in fast.iter().zip(oracle).enumerate() {
        let error = (f64::from(*fast) - oracle).abs();
        assert!(
            error < 2e-5 * (1.0 + oracle.abs()),
            "{i}: {fast} is not {oracle}"
        );
    }
}

/// The gradient of `sum(dy f(x))` by central differences.
fn differences(x: &[f64], dy: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let total = |x: &[f64]| f(x).iter().zip(dy).map(|(y, dy)| y * dy).sum::<f64>();
    let slope = |i: usize| {
        let mut moved = x.to_vec();
        moved[i] += 1e-5;
        let up = total(&moved);
        moved[i] -= 2e-5;
        (up - total(&moved)) / 2e-5
    };
    (0..x.len()).map(slope).collect()
}

#[track_caller]
fn same(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

fn on_every_level(check: impl Fn(&Cpu)) {
    for level in Level::available() {
        for threads in [1, 3] {
            let device = Device { level, threads };
            check(&Cpu::start(device, 0, 0).unwrap());
        }
    }
}

#[test]
fn linear_maps_and_their_gradients() {
    // Depths across a block's edge, tiles with one row and with part of a panel.
    let shapes = [
        (1, 1, 1),
        (5, 7, 3),
        (29, 400, 33),
        (64, 20, 96),
        (337, 24, 17),
        (15, 385, 16),
    ];
    for (rows, inputs, outputs) in shapes {
        let (x, w) = (random(rows * inputs, 1), random(inputs * outputs, 2));
        let dy = random(rows * outputs, 3);
        let (wx, ww, wdy) = (wide(&x), wide(&w), wide(&dy));
        let y = scalar::linear(&wx, &ww, inputs, outputs);
        let (dx, dw) = scalar::linear_gradient(&wx, &ww, &wdy, inputs, outputs);
        if rows * inputs < 100 {
            same(
                &dx,
                &differences(&wx, &wdy, |x| scalar::linear(x, &ww, inputs, outputs)),
            );
            same(
                &dw,
                &differences(&ww, &wdy, |w| scalar::linear(&wx, w, inputs, outputs)),
            );
        }
        on_every_level(|cpu| {
            let weight = linear::Weight::new(&w, inputs, outputs);
            let mut fast = vec![0.0; rows * outputs];
            linear::forward(cpu, &x, weight, &mut fast, false);
            let scale = (inputs as f64).sqrt();
            close(&shrunk(&fast, scale), &shrunk64(&y, scale));
            linear::forward(cpu, &x, weight, &mut fast, true);
            close(&shrunk(&fast, 2.0 * scale), &shrunk64(&y, scale));
            let mut fast = vec![0.0; rows * inputs];
            linear::forward(cpu, &dy, weight.flipped(), &mut fast, false);
            let scale = (outputs as f64).sqrt();
            close(&shrunk(&fast, scale), &shrunk64(&dx, scale));
            let mut fast = vec![0.0; inputs * outputs];
            linear::weight_gradient(cpu, &x, &dy, &mut fast, outputs);
            let scale = (rows as f64).sqrt();
            close(&shrunk(&fast, scale), &shrunk64(&dw, scale));
        });
    }
}

fn shrunk(x: &[f32], by: f64) -> Vec<f32> {
    x.iter().map(|x| x / by as f32).collect()
}

fn shrunk64(x: &[f64], by: f64) -> Vec<f64> {
    x.iter().map(|x| x / by).collect()
}

#[test]
fn norms_and_their_gradients() {
    for (rows, d) in [(1, 2), (3, 20), (130, 96), (7, 33)] {
        let (x, w, dy) = (random(rows * d, 1), random(d, 2), random(rows * d, 3));
        let (wx, ww, wdy) = (wide(&x), wide(&w), wide(&dy));
        let epsilon = f64::from(rmsnorm::EPSILON);
        let (dx, dw) = scalar::rmsnorm_gradient(&wx, &ww, &wdy, epsilon);
        if rows < 5 {
            same(
                &dx,
                &differences(&wx, &wdy, |x| scalar::rmsnorm(x, &ww, epsilon)),
            );
            same(
                &dw,
                &differences(&ww, &wdy, |w| scalar::rmsnorm(&wx, w, epsilon)),
            );
        }
        on_every_level(|cpu| {
            let (mut y, mut inverse) = (vec![0.0; rows * d], vec![0.0; rows]);
            rmsnorm::forward(cpu, &x, &w, &mut y, &mut inverse);
            close(&y, &scalar::rmsnorm(&wx, &ww, epsilon));
            let saved = rmsnorm::Saved {
                x: &x,
                w: &w,
                inverse: &inverse,
            };
            let mut again = vec![0.0; rows * d];
            rmsnorm::again(cpu, saved, &mut again);
            assert_eq!(again, y);
            let (mut fast_dx, mut fast_dw) = (vec![0.0; rows * d], vec![0.0; d]);
            rmsnorm::backward(cpu, saved, &dy, &mut fast_dx, &mut fast_dw);
            close(&fast_dx, &dx);
            close(&fast_dw, &dw);
        });
    }
}

#[test]
fn gates_and_their_gradients() {
    for (rows, f) in [(1, 3), (40, 24), (3, 65)] {
        let (x, dy) = (random(rows * 2 * f, 1), random(rows * f, 2));
        let (wx, wdy) = (wide(&x), wide(&dy));
        let y: Vec<f64> = wx.chunks(2 * f).flat_map(scalar::swiglu).collect();
        let pairs = wx.chunks(2 * f).zip(wdy.chunks(f));
        let dx: Vec<f64> = pairs
            .flat_map(|(x, dy)| scalar::swiglu_gradient(x, dy))
            .collect();
        if rows == 1 {
            same(&dx, &differences(&wx, &wdy, scalar::swiglu));
        }
        on_every_level(|cpu| {
            let (mut fast, mut fast_dx) = (vec![0.0; rows * f], vec![0.0; rows * 2 * f]);
            swiglu::forward(cpu, &x, &mut fast, f);
            close(&fast, &y);
            let mut again = vec![0.0; rows * f];
            swiglu::backward(cpu, &x, &dy, [&mut again, &mut fast_dx], f);
            close(&again, &y);
            close(&fast_dx, &dx);
        });
    }
}

#[test]
fn attention_and_its_gradients() {
    for (starts, heads, width) in [
        (vec![0u32, 1, 4], 2, 4),
        (vec![0, 56, 57, 190], 1, 32),
        (vec![0, 113], 3, 10),
    ] {
        let t = starts[starts.len() - 1] as usize;
        let n = heads * t * width;
        let [q, k, v, d_o] = [1, 2, 3, 4].map(|stream| random(n, stream));
        let [wq, wk, wv, wd] = [&q, &k, &v, &d_o].map(|one| wide(one));
        let mut oracle: [Vec<f64>; 4] = std::array::from_fn(|_| vec![]);
        for head in 0..heads {
            for segment in starts.windows(2) {
                let from = (head * t + segment[0] as usize) * width;
                let span = from..from + (segment[1] - segment[0]) as usize * width;
                let [q, k, v] = [&wq, &wk, &wv].map(|one| &one[span.clone()]);
                let (o, p) = scalar::attention(q, k, v, width);
                let d_o = &wd[span];
                let gradients = scalar::attention_gradient([q, k, v], &p, d_o, width);
                if o.len() < 20 {
                    let f = |q: &[f64]| scalar::attention(q, k, v, width).0;
                    same(&gradients[0], &differences(q, d_o, f));
                    let f = |k: &[f64]| scalar::attention(q, k, v, width).0;
                    same(&gradients[1], &differences(k, d_o, f));
                    let f = |v: &[f64]| scalar::attention(q, k, v, width).0;
                    same(&gradients[2], &differences(v, d_o, f));
                }
                oracle[0].extend(o);
                for (all, one) in oracle[1..].iter_mut().zip(gradients) {
                    all.extend(one);
                }
            }
        }
        on_every_level(|cpu| {
            let shape = attention::Shape {
                starts: &starts,
                heads,
                head_dim: width,
            };
            let (mut o, mut lse) = (vec![0.0; n], vec![0.0; heads * t]);
            attention::forward(cpu, shape, [&q, &k, &v], &mut o, &mut lse);
            close(&o, &oracle[0]);
            let saved = attention::Saved {
                q: &q,
                k: &k,
                v: &v,
                o: &o,
                lse: &lse,
            };
            let [mut dq, mut dk, mut dv] = [1, 2, 3].map(|_| vec![f32::NAN; n]);
            attention::backward(cpu, shape, saved, &d_o, [&mut dq, &mut dk, &mut dv]);
            close(&dq, &oracle[1]);
            close(&dk, &oracle[2]);
            close(&dv, &oracle[3]);
        });
    }
}

#[test]
fn rotations_split_and_come_back() {
    for (heads, width) in [(2, 4), (3, 10), (1, 32)] {
        let (t, d) = (5, heads * width);
        let rows = random(t * 3 * d, 1);
        let angles: Vec<f64> = wide(&random(t * width / 2, 2));
        let mut table = vec![];
        for angles in angles.chunks(width / 2) {
            table.extend(angles.iter().map(|a| a.cos() as f32));
            table.extend(angles.iter().map(|a| a.sin() as f32));
        }
        on_every_level(|cpu| {
            let [mut q, mut k, mut v] = [1, 2, 3].map(|_| vec![0.0; t * d]);
            rotary::split(cpu, &rows, &table, width, [&mut q, &mut k, &mut v]);
            for (head, row) in (0..heads).flat_map(|head| (0..t).map(move |row| (head, row))) {
                let angles = &angles[row * width / 2..(row + 1) * width / 2];
                let to = (head * t + row) * width;
                for (part, out) in [&q, &k].into_iter().enumerate() {
                    let from = row * 3 * d + part * d + head * width;
                    let x = wide(&rows[from..from + width]);
                    close(&out[to..to + width], &scalar::rotate(&x, angles));
                }
                let from = row * 3 * d + 2 * d + head * width;
                assert_eq!(v[to..to + width], rows[from..from + width]);
            }
            // A rotation's gradient is the rotation back.
            let mut back = vec![0.0; t * 3 * d];
            rotary::split_gradient(cpu, [&q, &k, &v], &table, width, &mut back);
            close(&back, &wide(&rows));
            let (mut merged, mut apart) = (vec![0.0; t * d], vec![0.0; t * d]);
            rotary::merge(&v, &mut merged, d, width);
            rotary::unmerge(&merged, &mut apart, d, width);
            assert_eq!(apart, v);
        });
    }
}

#[test]
fn cross_entropy_of_codes_and_values() {
    let (rows, vocab) = (3, 45);
    let (logits, bias) = (random(rows * vocab, 1), random(vocab, 2));
    let codes = [0u32, 44, 7];
    on_every_level(|cpu| {
        let (mut d, mut nats) = (logits.clone(), vec![0.0; rows]);
        heads::code::loss(cpu, &mut d, &bias, &codes, &mut nats);
        for row in 0..rows {
            let z: Vec<f64> = (0..vocab)
                .map(|j| f64::from(logits[row * vocab + j]) + f64::from(bias[j]))
                .collect();
            let (oracle, gradient) = scalar::cross_entropy(&z, codes[row] as usize);
            assert!(
                (nats[row] - oracle).abs() < 1e-5,
                "{} is not {oracle}",
                nats[row]
            );
            close(&d[row * vocab..(row + 1) * vocab], &gradient);
        }
        let asked = heads::value::Asked { code: 1, bins: 2 };
        let mut d = logits[..5].to_vec();
        let nats = heads::value::loss(cpu, &mut d, &bias[..10], &[asked], &[2]);
        let z: Vec<f64> = (0..3)
            .map(|j| f64::from(logits[j]) + f64::from(bias[5 + j]))
            .collect();
        let (oracle, mut gradient) = scalar::cross_entropy(&z, 2);
        gradient.extend([0.0, 0.0]);
        assert!((nats - oracle).abs() < 1e-5);
        close(&d, &gradient);
    });
}

#[test]
fn what_is_told_of_earlier_values_and_its_gradient() {
    for (rows, u) in [(1, 3), (40, 16), (3, 65)] {
        let (z, table) = (random(rows * u, 1), random(4 * 2 * u, 2));
        let (pairs, dy) = (random(rows * 2 * u, 3), random(rows * u, 4));
        let told: Vec<Told> = (0..rows)
            .map(|row| Told {
                bin: (row % 4) as u16,
                ..Told::default()
            })
            .collect();
        let mut whole = wide(&pairs);
        for (pair, told) in whole
            .chunks_mut(2 * u)
            .zip(&told)
            .filter(|(_, t)| t.bin > 0)
        {
            let row = &table[usize::from(told.bin) * 2 * u..][..2 * u];
            pair.iter_mut()
                .zip(row)
                .for_each(|(x, y)| *x += f64::from(*y));
        }
        let (wz, wdy) = (wide(&z), wide(&dy));
        let (mut y, mut dz, mut d_pairs) = (vec![], vec![], vec![]);
        for (i, pair) in whole.chunks(2 * u).enumerate() {
            let row = i * u..(i + 1) * u;
            y.extend(scalar::told(&wz[row.clone()], pair));
            let (z, dy) = (&wz[row.clone()], &wdy[row]);
            let (of_z, of_pair) = scalar::told_gradient(z, pair, dy);
            if rows == 1 {
                same(&of_z, &differences(z, dy, |z| scalar::told(z, pair)));
                same(
                    &of_pair,
                    &differences(pair, dy, |pair| scalar::told(z, pair)),
                );
            }
            dz.extend(of_z);
            d_pairs.extend(of_pair);
        }
        let mut d_table = vec![0.0; table.len()];
        for (told, d) in told
            .iter()
            .zip(d_pairs.chunks(2 * u))
            .filter(|(t, _)| t.bin > 0)
        {
            let row = &mut d_table[usize::from(told.bin) * 2 * u..][..2 * u];
            row.iter_mut().zip(d).for_each(|(x, y)| *x += y);
        }
        on_every_level(|cpu| {
            let (mut fast, mut pairs) = (z.clone(), pairs.clone());
            let (mut silu, mut out) = (vec![0.0; rows * u], vec![0.0; rows * u]);
            heads::value::add_bins(cpu, &told, &table, &mut pairs);
            heads::value::gate(cpu, &pairs, u, [&mut fast, &mut silu, &mut out]);
            close(&out, &y);
            let mut d = dy.clone();
            heads::value::gate_gradient(cpu, [&fast, &silu], u, (&mut d, &mut pairs));
            close(&d, &dz);
            close(&pairs, &d_pairs);
            let mut gradient = vec![0.0; table.len()];
            heads::value::bins_gradient(cpu, &told, &pairs, &mut gradient);
            close(&gradient, &d_table);
        });
    }
}

/// The fast exponential against the library's over its whole range.
#[test]
fn exponentials_are_accurate() {
    on_every_level(|cpu| {
        let x: Vec<f32> = (-8700..8800).map(|i| i as f32 / 100.0).collect();
        let mut y = x.clone();
        crate::kernels::reduce::exp_shifted(cpu.level, &mut y, 1.0, 0.0);
        for (x, y) in x.iter().zip(&y) {
            let oracle = f64::from(*x).exp();
            let error = (f64::from(*y) / oracle - 1.0).abs();
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        let mut low = vec![f32::NEG_INFINITY, -1e30, -200.0];
        crate::kernels::reduce::exp_shifted(cpu.level, &mut low, 1.0, 0.0);
        assert!(low.iter().all(|y| *y < 1e-37), "{low:?}");
    });
}
