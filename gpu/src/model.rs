//! The model on tensors: from packed events to the three losses.
//!
//! ```text
//! x = embed(events)                               [P, D]
//! each block:  x += out(attention(rotate(qkv(norm(x)))))
//!              x += down(swiglu(gate_up(norm(x))))
//! h = norm(x) of scored rows                      [N, D]
//! wait  <- h        code, value <- g = mark(h, wait)
//! ```

use crate::packing::Packing;
use burn::tensor::activation::{log_softmax, silu, softplus};
use burn::tensor::module::attention as attend;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use longitude_model::{Columns, Config};
use std::collections::BTreeMap;

/// As in the first implementation; keeps the root away from zero.
const EPSILON: f32 = 1e-6;

/// The weights by name, each flat.
pub(crate) struct Weights(pub BTreeMap<String, (Vec<usize>, Tensor<1>)>);

impl Weights {
    /// The weights of one name in their shape, or one row of a vector.
    fn get(&self, name: &str) -> Tensor<2> {
        match self.0.get(name) {
            Some((shape, flat)) => {
                let rows = if shape.len() == 2 { shape[0] } else { 1 };
                flat.clone()
                    .reshape([rows, shape.iter().product::<usize>() / rows])
            }
            None => unreachable!("the layout has no tensor {name}"),
        }
    }

    fn rows(&self, name: &str, ids: &Tensor<1, Int>) -> Tensor<2> {
        self.get(name).select(0, ids.clone())
    }
}

/// A batch on the device: its inputs in P slots, its targets in N scored rows.
pub(crate) struct Inputs {
    /// Ids, and 1 where the id is not 0, `[P]` and `[P, 1]`.
    code: Tensor<1, Int>,
    group: [(Tensor<1, Int>, Tensor<2>); 2],
    value_bin: (Tensor<1, Int>, Tensor<2>),
    /// `[P, FEATURES]`.
    features: Tensor<2>,
    /// `[R, 1, L, D / 2 H]` each.
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// True where a query must not see a key, `[R, H, L, L]`.
    hidden: Tensor<4, Bool>,
    rows: usize,
    length: usize,
}

/// What the likelihood asks, on the device; E, M as of [`Columns`].
pub(crate) struct Targets {
    /// Slots of the scored positions, `[N]`.
    scored: Tensor<1, Int>,
    /// `[N, W]`.
    exposure: Tensor<2>,
    /// `[E]`, and the log of the wait `[E, 1]`.
    wait: Tensor<1, Int>,
    wait_log: Tensor<2>,
    code: Tensor<1, Int>,
    events: usize,
    /// `[M]`, and what is no bin of the code, `[M, K + 1]`.
    asked: Tensor<1, Int>,
    asked_code: Tensor<1, Int>,
    value: Tensor<1, Int>,
    /// Bins of the last values, and 1 where there is one; numbers told of them, `[M, 8]`.
    last_bin: (Tensor<1, Int>, Tensor<2>),
    last: Tensor<2>,
    closed: Tensor<2, Bool>,
    values: usize,
}

/// Numbers of a shape to the device.
fn floats<const N: usize>(numbers: Vec<f32>, shape: [usize; N], device: &Device) -> Tensor<N> {
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

fn ids(numbers: impl IntoIterator<Item = u32>, device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.into_iter().map(u32::cast_signed).collect();
    let count = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [count]), device)
}

impl Inputs {
    pub(crate) fn new(c: &Config, b: &Columns, packing: &Packing, device: &Device) -> Self {
        let (r, l, p) = (packing.rows, packing.length, packing.slots());
        let table = |column: &[u32]| {
            let placed = packing.place(column, 1);
            let there = placed.iter().map(|id| if *id > 0 { 1.0 } else { 0.0 });
            let there = floats(there.collect(), [p, 1], device);
            (ids(placed, device), there)
        };
        let group = |i: usize| table(&b.groups.iter().map(|pair| pair[i]).collect::<Vec<_>>());
        let features = b.features.len() / b.code.len();
        let turn = floats(
            packing.place(&b.rotary, c.head_dim()),
            [r, 1, l, c.head_dim()],
            device,
        );
        let half = c.head_dim() / 2;
        let segment = TensorData::new(packing.segment.clone(), [r, l]);
        let segment = Tensor::<2, Int>::from_data(segment, device);
        let square = |dim: usize| segment.clone().unsqueeze_dim::<3>(dim).expand([r, l, l]);
        let other = square(2).not_equal(square(1));
        let order = Tensor::<1, Int>::arange(0..i64::try_from(l).unwrap_or(i64::MAX), device);
        let order = |dim: usize| order.clone().unsqueeze_dim::<2>(dim).expand([l, l]);
        let later = order(0)
            .greater(order(1))
            .unsqueeze_dim::<3>(0)
            .expand([r, l, l]);
        let hidden = other.bool_or(later).unsqueeze_dim::<4>(1);
        Self {
            code: ids(packing.place(&b.code, 1), device),
            group: [group(0), group(1)],
            value_bin: table(&b.value_bin),
            features: floats(packing.place(&b.features, features), [p, features], device),
            cos: turn.clone().narrow(3, 0, half),
            sin: turn.narrow(3, half, half),
            hidden: hidden.expand([r, c.heads, l, l]),
            rows: r,
            length: l,
        }
    }
}

impl Targets {
    /// `bins` `[V]` says how many value bins each code has.
    pub(crate) fn new(
        c: &Config,
        bins: &[u16],
        b: &Columns,
        packing: &Packing,
        device: &Device,
    ) -> Self {
        let (n, e, m) = (b.scored.len(), b.target.len(), b.asked.len());
        let slot = |t: &u32| u32::try_from(packing.slot[*t as usize]).unwrap_or(u32::MAX);
        let asked: Vec<u32> = b.asked.iter().map(|i| b.target[*i as usize]).collect();
        let classes = c.value_bins + 1;
        let closed = asked.iter().flat_map(|code| {
            let open = usize::from(bins[*code as usize]);
            (0..classes).map(move |class| class > open)
        });
        let closed = TensorData::new(closed.collect::<Vec<bool>>(), [m, classes]);
        let there = b.last_bin.iter().map(|bin| f32::from(u8::from(*bin > 0)));
        Self {
            scored: ids(b.scored.iter().map(slot), device),
            exposure: floats(b.exposure.clone(), [n, c.wait_bins()], device),
            wait: ids(b.wait.iter().copied(), device),
            wait_log: floats(b.wait_log.clone(), [e, 1], device),
            code: ids(b.target.iter().copied(), device),
            events: e,
            asked: ids(b.asked.iter().copied(), device),
            asked_code: ids(asked, device),
            value: ids(b.value.iter().copied(), device),
            last_bin: (
                ids(b.last_bin.iter().copied(), device),
                floats(there.collect(), [m, 1], device),
            ),
            last: floats(b.last.clone(), [m, b.last.len() / m.max(1)], device),
            closed: Tensor::from_data(closed, device),
            values: m,
        }
    }
}

/// x, w `[1, D]`: `w x / sqrt(mean(x^2) + epsilon)`.
fn norm(x: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
    let root = (x.clone().square().mean_dim(1) + EPSILON).sqrt();
    x / root * w
}

/// The vectors of the events, `[P, D]`.
fn embed(w: &Weights, b: &Inputs) -> Tensor<2> {
    let x = w.rows("embedding.code", &b.code)
        + b.features.clone().matmul(w.get("embedding.features"))
        + w.rows("embedding.value_bin", &b.value_bin.0) * b.value_bin.1.clone();
    b.group.iter().fold(x, |x, (group, there)| {
        x + w.rows("embedding.group", group) * there.clone()
    })
}

/// Turns the halves of each head, x `[R, H, L, D / H]`.
fn rotate(x: Tensor<4>, b: &Inputs) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let (a, z) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
    let (cos, sin) = (b.cos.clone(), b.sin.clone());
    let first = a.clone() * cos.clone() - z.clone() * sin.clone();
    Tensor::cat(vec![first, a * sin + z * cos], 3)
}

/// Causal attention inside each segment: qkv `[P, 3 D]` to `[P, D]`.
fn attention(qkv: Tensor<2>, c: &Config, b: &Inputs) -> Tensor<2> {
    let split = qkv.reshape([b.rows, b.length, 3, c.heads, c.head_dim()]);
    let part = |i: usize| -> Tensor<4> {
        let one = split.clone().narrow(2, i, 1).squeeze_dim::<4>(2);
        one.swap_dims(1, 2) // [R, H, L, D / H]
    };
    let (q, k, v) = (rotate(part(0), b), rotate(part(1), b), part(2));
    let options = AttentionModuleOptions::default();
    let o = attend(q, k, v, Some(b.hidden.clone()), None, options);
    o.swap_dims(1, 2).reshape([b.rows * b.length, c.dim])
}

/// `silu(gate) up`, both in x `[P, 2 F]`, to `[P, F]`.
fn swiglu(x: Tensor<2>, f: usize) -> Tensor<2> {
    silu(x.clone().narrow(1, 0, f)) * x.narrow(1, f, f)
}

/// The residual stream after the last block, `[P, D]`.
fn stream(w: &Weights, c: &Config, b: &Inputs) -> Tensor<2> {
    let mut x = embed(w, b);
    for i in 0..c.layers {
        let w = |part: &str| w.get(&format!("layers.{i}.{part}"));
        let qkv = norm(x.clone(), w("attention_norm")).matmul(w("qkv"));
        x = x + attention(qkv, c, b).matmul(w("attention_out"));
        let gate_up = norm(x.clone(), w("mlp_norm")).matmul(w("gate_up"));
        x = x + swiglu(gate_up, c.ffn).matmul(w("down"));
    }
    x
}

/// The normed hidden states of all slots, `[P, D]`.
pub(crate) fn hidden(w: &Weights, c: &Config, b: &Inputs) -> Tensor<2> {
    norm(stream(w, c, b), w.get("norm"))
}

/// The nats of each scored row: waits `[N, 1]`, codes `[E, 1]` and values `[M, 1]`; the latter two
/// are absent where there are none. At least one row is scored.
pub(crate) fn nats(w: &Weights, c: &Config, b: &Inputs, t: &Targets) -> Vec<Tensor<2>> {
    let h = norm(stream(w, c, b).select(0, t.scored.clone()), w.get("norm")); // [N, D]
    let mut nats = vec![wait(&h, w, c, t)];
    if t.events > 0 {
        let g = mark(h.narrow(0, 0, t.events), w, t); // [E, D]
        nats.push(code(&g, w, t));
        if t.values > 0 {
            nats.push(value(&g, w, t));
        }
    }
    nats
}

/// Point mass at zero and piecewise-constant hazard: with log odds a and log hazards z of the bins,
/// `softplus(a) + sum(exposure exp(z))`, less the logit that the event fell into.
fn wait(h: &Tensor<2>, w: &Weights, c: &Config, t: &Targets) -> Tensor<2> {
    let z = h.clone().matmul(w.get("wait.weight")) + w.get("wait.bias"); // [N, 1 + W]
    let hazards = z.clone().narrow(1, 1, c.wait_bins()).exp();
    let passed =
        softplus(z.clone().narrow(1, 0, 1), 1.0) + (t.exposure.clone() * hazards).sum_dim(1);
    if t.events == 0 {
        return passed;
    }
    let fell = pick(z.narrow(0, 0, t.events), &t.wait);
    let events = passed.clone().narrow(0, 0, t.events) - fell;
    let censored = passed.dims()[0] - t.events;
    if censored == 0 {
        return events;
    }
    Tensor::cat(vec![events, passed.narrow(0, t.events, censored)], 0)
}

/// The state from which code and value are read: h `[E, D]`, changed by the wait that passed.
fn mark(h: Tensor<2>, w: &Weights, t: &Targets) -> Tensor<2> {
    let (scale, shift) = (w.rows("mark.scale", &t.wait), w.rows("mark.shift", &t.wait));
    h.clone() * scale + h + shift + t.wait_log.clone().matmul(w.get("mark.slope"))
}

/// Softmax over the vocabulary, whose table is that of the inputs.
fn code(g: &Tensor<2>, w: &Weights, t: &Targets) -> Tensor<2> {
    let p = g.clone().matmul(w.get("mark.projection"));
    let logits = p.matmul(w.get("embedding.code").transpose()) + w.get("code.bias"); // [E, V]
    pick(log_softmax(logits, 1), &t.code).neg()
}

/// Softmax over class 0 (no value) and the bins that the code has, told of earlier values.
fn value(g: &Tensor<2>, w: &Weights, t: &Targets) -> Tensor<2> {
    let g = g
        .clone()
        .select(0, t.asked.clone())
        .matmul(w.get("value.hidden"));
    let e = w
        .rows("embedding.code", &t.asked_code)
        .matmul(w.get("value.code"));
    let (bin, there) = &t.last_bin;
    let told = t.last.clone().matmul(w.get("value.last"))
        + w.rows("value.last_bin", bin) * there.clone(); // [M, 2 U]
    let u = told.dims()[1] / 2;
    let (a, s) = (told.clone().narrow(1, 0, u), told.narrow(1, u, u));
    let y = silu(g + e + a) * (s + 1.0);
    let logits = y.matmul(w.get("value.out")) + w.rows("value.bias", &t.asked_code);
    let logits = logits.mask_fill(t.closed.clone(), f32::NEG_INFINITY); // [M, K + 1]
    pick(log_softmax(logits, 1), &t.value).neg()
}

/// One column of each row of x `[rows, columns]`, to `[rows, 1]`.
fn pick(x: Tensor<2>, column: &Tensor<1, Int>) -> Tensor<2> {
    x.gather(1, column.clone().unsqueeze_dim(1))
}
