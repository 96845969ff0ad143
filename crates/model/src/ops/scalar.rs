//! The operations as plain f64 loops that read like the formulas: the oracle of the fast ones.
//!
//! Not used by the engine. Each function states one operation and, beside it, its gradient; the
//! tests hold the gradients against differences and the fast operations against both.

/// `y[i][j] = sum over p of x[i][p] w[p][j]`, x `[rows, inputs]`, w `[inputs, outputs]`.
pub(crate) fn linear(x: &[f64], w: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / inputs * outputs];
    for (y, x) in y.chunks_exact_mut(outputs).zip(x.chunks_exact(inputs)) {
        for (x, w) in x.iter().zip(w.chunks_exact(outputs)) {
            for (y, w) in y.iter_mut().zip(w) {
                *y += x * w;
            }
        }
    }
    y
}

/// (dx, dw) of [`linear`].
pub(crate) fn linear_gradient(
    x: &[f64],
    w: &[f64],
    dy: &[f64],
    inputs: usize,
    outputs: usize,
) -> (Vec<f64>, Vec<f64>) {
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    for (i, dy) in dy.chunks_exact(outputs).enumerate() {
        for p in 0..inputs {
            for (j, dy) in dy.iter().enumerate() {
                dx[i * inputs + p] += dy * w[p * outputs + j];
                dw[p * outputs + j] += dy * x[i * inputs + p];
            }
        }
    }
    (dx, dw)
}

/// `y = w x / sqrt(mean(x^2) + epsilon)` row by row, w `[D]`.
pub(crate) fn rmsnorm(x: &[f64], w: &[f64], epsilon: f64) -> Vec<f64> {
    let rows = x.chunks_exact(w.len()).flat_map(|x| {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let r = 1.0 / (mean + epsilon).sqrt();
        x.iter()
            .zip(w)
            .map(move |(x, w)| w * x * r)
            .collect::<Vec<_>>()
    });
    rows.collect()
}

/// (dx, dw) of [`rmsnorm`].
pub(crate) fn rmsnorm_gradient(
    x: &[f64],
    w: &[f64],
    dy: &[f64],
    epsilon: f64,
) -> (Vec<f64>, Vec<f64>) {
    let (d, mut dx, mut dw) = (w.len(), vec![], vec![0.0; w.len()]);
    for (x, dy) in x.chunks_exact(d).zip(dy.chunks_exact(d)) {
        let r = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / d as f64 + epsilon).sqrt();
        let along: f64 = (0..d).map(|i| w[i] * dy[i] * x[i]).sum();
        for i in 0..d {
            dx.push(r * w[i] * dy[i] - r.powi(3) * x[i] * along / d as f64);
            dw[i] += r * x[i] * dy[i];
        }
    }
    (dx, dw)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `silu(gate) up` of one row of gate and up.
pub(crate) fn swiglu(gate_up: &[f64]) -> Vec<f64> {
    let (gate, up) = gate_up.split_at(gate_up.len() / 2);
    gate.iter()
        .zip(up)
        .map(|(g, u)| g * sigmoid(*g) * u)
        .collect()
}

/// The gradient of [`swiglu`].
pub(crate) fn swiglu_gradient(gate_up: &[f64], dy: &[f64]) -> Vec<f64> {
    let (gate, up) = gate_up.split_at(dy.len());
    let slope = |g: f64| sigmoid(g) * (1.0 + g * (1.0 - sigmoid(g)));
    let d_gate = (0..dy.len()).map(|i| dy[i] * up[i] * slope(gate[i]));
    d_gate
        .chain((0..dy.len()).map(|i| dy[i] * gate[i] * sigmoid(gate[i])))
        .collect()
}

/// `silu(z + a) (1 + s)` of one row, (a, s) in `pair`.
pub(crate) fn told(z: &[f64], pair: &[f64]) -> Vec<f64> {
    let (a, s) = pair.split_at(z.len());
    let y = |i: usize| {
        let z = z[i] + a[i];
        z * sigmoid(z) * (1.0 + s[i])
    };
    (0..z.len()).map(y).collect()
}

/// (dz, d pair) of [`told`].
pub(crate) fn told_gradient(z: &[f64], pair: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (a, s) = pair.split_at(z.len());
    let (mut dz, mut ds) = (vec![], vec![]);
    for i in 0..z.len() {
        let (z, of) = (z[i] + a[i], sigmoid(z[i] + a[i]));
        dz.push(dy[i] * (1.0 + s[i]) * of * (1.0 + z * (1.0 - of)));
        ds.push(dy[i] * z * of);
    }
    let pair = [&dz[..], &ds[..]].concat();
    (dz, pair)
}

/// Causal attention of one head of one segment: q, k, v `[L, width]`. Returns o and the
/// probabilities `[L, L]`.
pub(crate) fn attention(q: &[f64], k: &[f64], v: &[f64], width: usize) -> (Vec<f64>, Vec<f64>) {
    let len = q.len() / width;
    let (mut o, mut p) = (vec![0.0; q.len()], vec![0.0; len * len]);
    for i in 0..len {
        let score = |j: usize| {
            let pairs = q[i * width..(i + 1) * width].iter().zip(&k[j * width..]);
            pairs.map(|(q, k)| q * k).sum::<f64>() / (width as f64).sqrt()
        };
        let mass: f64 = (0..=i).map(|j| score(j).exp()).sum();
        for j in 0..=i {
            p[i * len + j] = score(j).exp() / mass;
            for c in 0..width {
                o[i * width + c] += p[i * len + j] * v[j * width + c];
            }
        }
    }
    (o, p)
}

/// [dq, dk, dv] of [`attention`].
pub(crate) fn attention_gradient(
    [q, k, v]: [&[f64]; 3],
    p: &[f64],
    d_o: &[f64],
    width: usize,
) -> [Vec<f64>; 3] {
    let len = q.len() / width;
    let mut out = [vec![0.0; q.len()], vec![0.0; q.len()], vec![0.0; q.len()]];
    let [dq, dk, dv] = &mut out;
    for i in 0..len {
        let dp = |j: usize| -> f64 {
            (0..width)
                .map(|c| d_o[i * width + c] * v[j * width + c])
                .sum()
        };
        let mean: f64 = (0..=i).map(|j| p[i * len + j] * dp(j)).sum();
        for j in 0..=i {
            let ds = p[i * len + j] * (dp(j) - mean) / (width as f64).sqrt();
            for c in 0..width {
                dq[i * width + c] += ds * k[j * width + c];
                dk[j * width + c] += ds * q[i * width + c];
                dv[j * width + c] += p[i * len + j] * d_o[i * width + c];
            }
        }
    }
    out
}

/// Turns the pairs (x[j], x[j + half]) of a row by angles.
pub(crate) fn rotate(x: &[f64], angles: &[f64]) -> Vec<f64> {
    let half = angles.len();
    let first = (0..half).map(|j| x[j] * angles[j].cos() - x[j + half] * angles[j].sin());
    first
        .chain((0..half).map(|j| x[j] * angles[j].sin() + x[j + half] * angles[j].cos()))
        .collect()
}

/// The nats of class `target` under logits, and their gradient.
pub(crate) fn cross_entropy(logits: &[f64], target: usize) -> (f64, Vec<f64>) {
    let mass: f64 = logits.iter().map(|z| z.exp()).sum();
    let p = logits.iter().map(|z| z.exp() / mass);
    let d = p
        .enumerate()
        .map(|(j, p)| if j == target { p - 1.0 } else { p });
    (mass.ln() - logits[target], d.collect())
}
