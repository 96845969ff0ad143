//! The losses of scored rows and their gradients: wait, code and value apart, in nats.

use crate::batch::{Batch, Target};
use crate::choices::{Choices, REPEAT_LOG_MASS};
use crate::kernels::elementwise;
use crate::kernels::gemm::Packed;
use crate::layout::disjoint;
use crate::memory::Cpu;
use crate::model::Model;
use crate::ops::heads::mark::Passed;
use crate::ops::heads::value::Asked;
use crate::ops::heads::wait::Seen;
use crate::ops::heads::{code, mark, value, wait};
use crate::ops::linear::{self, Weight};
use crate::ops::rmsnorm;
use crate::recall::{self, Recall};
use crate::workspace::Scored;

/// Summed losses in nats, with days as the unit of the wait's density.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Of the waits, survival of censored targets included.
    pub wait: f64,
    /// Of the codes given the waits.
    pub code: f64,
    /// Of the value bins given waits and codes.
    pub value: f64,
    /// Targets that are events.
    pub events: u64,
    /// Targets that are censored.
    pub censored: u64,
    /// Events whose code has value bins.
    pub values: u64,
    /// Of the queries, beside the likelihood of the record.
    pub query: f64,
    /// Queries.
    pub queries: u64,
}

impl Losses {
    /// Wait, code and value together.
    pub fn total(&self) -> f64 {
        self.wait + self.code + self.value
    }
}

impl std::ops::AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        self.wait += other.wait;
        self.code += other.code;
        self.value += other.value;
        self.events += other.events;
        self.censored += other.censored;
        self.values += other.values;
        self.query += other.query;
        self.queries += other.queries;
    }
}

impl Scored {
    /// Lists the scored rows of a batch and gathers their residual streams from `last` `[T, D]`.
    pub(crate) fn gather(&mut self, model: &Model, batch: &Batch, last: &[f32]) {
        let (edges, bins_of) = (&model.config().wait_edges_days, &model.codes().value_bins);
        let choices = &model.config().choices;
        self.rows.clear();
        self.seen.clear();
        self.passed.clear();
        self.codes.clear();
        self.value_rows.clear();
        self.asked.clear();
        self.bins.clear();
        for (t, target) in (0u32..).zip(batch.targets()) {
            if let Target::Event {
                wait_days,
                code,
                value_bin,
            } = *target
            {
                let bins = bins_of[code as usize];
                if bins > 0 {
                    #[expect(clippy::cast_possible_truncation, reason = "fewer than positions")]
                    self.value_rows.push(self.rows.len() as u32);
                    self.asked.push(Asked { code, bins });
                    self.bins.push(value_bin);
                }
                self.rows.push(t);
                self.seen.push(Seen::Event(wait_days));
                self.passed.push(if choices.marks_wait() {
                    Passed::new(wait_days, edges)
                } else {
                    Passed::default()
                });
                self.codes.push(code);
            }
        }
        for (t, target) in (0u32..).zip(batch.targets()) {
            if let Target::Censored { wait_days } = *target {
                self.rows.push(t);
                self.seen.push(Seen::Censored(wait_days));
            }
        }
        if choices.competing() {
            // Every rate counts while nothing comes: censored rows have codes' logits too.
            self.passed.resize(self.rows.len(), Passed::default());
        }
        self.list_damped(choices, batch);
        self.list_told(choices, batch);
        gather(last, &self.rows, &mut self.x, model.config().dim);
    }

    /// Lists the once-only codes that stand in the segment before each event.
    fn list_damped(&mut self, choices: &Choices, batch: &Batch) {
        self.damped.clear();
        if choices.once_only.is_empty() {
            return;
        }
        let mut rows = (0u32..).zip(&self.rows[..self.codes.len()]).peekable();
        for segment in batch.starts().windows(2) {
            let mut seen = vec![];
            for t in segment[0]..segment[1] {
                choices.note(batch.inputs()[t as usize].code, &mut seen);
                if let Some((row, _)) = rows.next_if(|(_, at)| **at == t) {
                    self.damped.extend(seen.iter().map(|code| (row, *code)));
                }
            }
        }
    }

    /// Lists what is told of the earlier values of each asked code: those of its own segment, up to
    /// the position that asks.
    fn list_told(&mut self, choices: &Choices, batch: &Batch) {
        self.told.clear();
        let mut asked = self.value_rows.iter().zip(&self.asked).peekable();
        for segment in batch.starts().windows(2) {
            let mut recall = Recall::default();
            for t in segment[0]..segment[1] {
                recall.note(choices, &batch.inputs()[t as usize]);
                let here = |(row, _): &(&u32, &Asked)| self.rows[**row as usize] == t;
                if let Some((row, asked)) = asked.next_if(here) {
                    let (Seen::Event(wait) | Seen::Censored(wait)) = self.seen[*row as usize];
                    self.told.push(recall.tell(choices, asked.code, wait));
                }
            }
        }
    }

    /// The losses; with `flat`, adds the heads' gradients and leaves that of h in `dh`.
    pub(crate) fn losses(&mut self, cpu: &Cpu, model: &Model, flat: Option<&mut [f32]>) -> Losses {
        let (layout, w, d) = (model.layout(), model.weights(), model.config().dim);
        let n = self.rows.len();
        let mut losses = Losses {
            events: self.codes.len() as u64,
            censored: (n - self.codes.len()) as u64,
            values: self.asked.len() as u64,
            ..Losses::default()
        };
        if n == 0 {
            return losses;
        }
        let (h, inverse) = (&mut self.h[..n * d], &mut self.inverse[..n]);
        rmsnorm::forward(cpu, &self.x[..n * d], layout.norm.of(w), h, inverse);
        self.dh[..n * d].fill(0.0);
        let mut none = [];
        let learn = flat.is_some();
        let flat = flat.unwrap_or(&mut none);
        losses.wait = self.wait(cpu, model, learn.then_some(&mut *flat));
        let marked = self.passed.len();
        let tables = mark::Tables {
            scale: layout.mark_scale.of(w),
            shift: layout.mark_shift.of(w),
            slope: layout.mark_slope.of(w),
        };
        let (h, g) = (&self.h[..marked * d], &mut self.g[..marked * d]);
        mark::forward(h, &self.passed, &tables, g);
        let (code, wait) = self.code(cpu, model, learn.then_some(&mut *flat));
        losses.code = code;
        losses.wait += wait;
        losses.value = self.value(cpu, model, learn.then_some(&mut *flat));
        if learn {
            let spans = [layout.mark_scale, layout.mark_shift, layout.mark_slope];
            let [scale, shift, slope] = disjoint(flat, spans);
            let gradients = mark::Tables {
                scale,
                shift,
                slope,
            };
            let rows = (
                &self.h[..marked * d],
                &self.dg[..marked * d],
                &self.passed[..],
            );
            mark::backward(
                cpu,
                rows,
                tables.scale,
                gradients,
                &mut self.dh[..marked * d],
            );
        }
        losses
    }

    fn wait(&mut self, cpu: &Cpu, model: &Model, flat: Option<&mut [f32]>) -> f64 {
        let (layout, w, d) = (model.layout(), model.weights(), model.config().dim);
        let (n, width) = (self.rows.len(), 1 + model.config().wait_bins());
        let (h, z) = (&self.h[..n * d], &mut self.wait[..n * width]);
        let weight = Weight::new(layout.wait_weight.of(w), d, width);
        linear::forward(cpu, h, weight, z, false);
        let (bias, edges) = (layout.wait_bias.of(w), &model.config().wait_edges_days);
        if model.config().choices.competing() {
            wait::tie_loss(z, bias, &self.seen, &mut self.nats[..n]);
        } else {
            wait::loss(z, bias, edges, &self.seen, &mut self.nats[..n]);
        }
        if let Some(flat) = flat {
            linear::weight_gradient(cpu, h, z, layout.wait_weight.of_mut(flat), width);
            let d_bias = layout.wait_bias.of_mut(flat);
            z.chunks_exact(width)
                .for_each(|z| elementwise::add(cpu.level, z, d_bias));
            linear::forward(cpu, z, weight.flipped(), &mut self.dh[..n * d], true);
        }
        self.nats[..n].iter().sum()
    }

    /// The nats of the codes and, of competing exponentials, those of the waits that are no ties.
    fn code(&mut self, cpu: &Cpu, model: &Model, mut flat: Option<&mut [f32]>) -> (f64, f64) {
        let (layout, w, c) = (model.layout(), model.weights(), model.config());
        let (n, d, v) = (self.passed.len(), c.dim, c.vocab);
        let mut waits = 0.0;
        let projection = Weight::new(layout.mark_projection.of(w), d, d);
        let g = &self.g[..n * d];
        let (p, dg) = (&mut self.p[..n * d], &mut self.dg[..n * d]);
        linear::forward(cpu, g, projection, p, false);
        let table = Weight::new(layout.code.of(w), v, d);
        let kept = [linear::kept(cpu, table.flipped()), linear::kept(cpu, table)];
        let [across, along] = match &kept {
            [Some(across), Some(along)] => [Packed::new(across, d, v), Packed::new(along, v, d)],
            _ => [
                linear::pack(cpu, table.flipped(), &mut self.codes_packed_across),
                linear::pack(cpu, table, &mut self.codes_packed),
            ],
        };
        let bias = layout.code_bias.of(w);
        // Each block's projection is replaced by its gradient once its logits are done with.
        let blocks = p
            .chunks_mut(code::ROWS * d)
            .zip(self.nats[..n].chunks_mut(code::ROWS));
        for (block, (p, nats)) in blocks.enumerate() {
            let first = block * code::ROWS;
            let logits = &mut self.logits[..nats.len() * v];
            linear::apply(cpu, p, across, logits, false);
            damp(&self.damped, first, logits, v);
            let codes = self.codes.get(first..).unwrap_or_default();
            if c.choices.competing() {
                let targets = (&self.seen[first..], codes);
                waits += code::competing(cpu, logits, bias, targets, nats);
            } else {
                code::loss(cpu, logits, bias, codes, nats);
            }
            if let Some(flat) = flat.as_deref_mut() {
                linear::weight_gradient(cpu, logits, p, layout.code.of_mut(flat), d);
                code::bias_gradient(cpu, logits, layout.code_bias.of_mut(flat));
                linear::apply(cpu, logits, along, p, false);
            }
        }
        if let Some(flat) = flat {
            linear::weight_gradient(cpu, g, p, layout.mark_projection.of_mut(flat), d);
            linear::forward(cpu, p, projection.flipped(), dg, false);
        }
        (self.nats[..n].iter().sum(), waits)
    }

    fn value(&mut self, cpu: &Cpu, model: &Model, flat: Option<&mut [f32]>) -> f64 {
        let (layout, w, c) = (model.layout(), model.weights(), model.config());
        let (m, d, u, classes) = (self.asked.len(), c.dim, c.value_dim, c.value_bins + 1);
        if m == 0 {
            return 0.0;
        }
        // The projection is done with: its rows hold the vectors of the asked codes.
        let (g, e) = (&mut self.value_g[..m * d], &mut self.p[..m * d]);
        gather(&self.g, &self.value_rows, g, d);
        gather_codes(layout.code.of(w), &self.asked, e, d);
        let by_hidden = Weight::new(layout.value_hidden.of(w), d, u);
        let by_code = Weight::new(layout.value_code.of(w), d, u);
        let out = Weight::new(layout.value_out.of(w), u, classes);
        let [hidden, silu, act] = [
            &mut self.value_hidden,
            &mut self.value_silu,
            &mut self.value_act,
        ]
        .map(|buffer| &mut buffer[..m * u]);
        linear::forward(cpu, g, by_hidden, hidden, false);
        linear::forward(cpu, e, by_code, hidden, true);
        let numbers = &mut self.value_numbers[..m * recall::FEATURES];
        for (to, told) in numbers.chunks_exact_mut(recall::FEATURES).zip(&self.told) {
            to.copy_from_slice(&told.numbers);
        }
        let pairs = &mut self.value_last[..m * 2 * u];
        let last = Weight::new(layout.value_last.of(w), recall::FEATURES, 2 * u);
        linear::forward(cpu, numbers, last, pairs, false);
        value::add_bins(cpu, &self.told, layout.value_last_bin.of(w), pairs);
        value::gate(cpu, pairs, u, [hidden, silu, act]);
        let logits = &mut self.value_logits[..m * classes];
        linear::forward(cpu, act, out, logits, false);
        let bias = layout.value_bias.of(w);
        let nats = value::loss(cpu, logits, bias, &self.asked, &self.bins);
        let Some(flat) = flat else {
            return nats;
        };
        value::bias_gradient(cpu, logits, &self.asked, layout.value_bias.of_mut(flat));
        linear::weight_gradient(cpu, act, logits, layout.value_out.of_mut(flat), classes);
        linear::forward(cpu, logits, out.flipped(), act, false);
        value::gate_gradient(cpu, [hidden, silu], u, (act, pairs));
        linear::weight_gradient(cpu, numbers, pairs, layout.value_last.of_mut(flat), 2 * u);
        value::bins_gradient(cpu, &self.told, pairs, layout.value_last_bin.of_mut(flat));
        linear::weight_gradient(cpu, g, act, layout.value_hidden.of_mut(flat), u);
        linear::weight_gradient(cpu, e, act, layout.value_code.of_mut(flat), u);
        linear::forward(cpu, act, by_hidden.flipped(), g, false);
        for (row, dg) in self.value_rows.iter().zip(g.chunks_exact(d)) {
            let row = *row as usize;
            elementwise::add(cpu.level, dg, &mut self.dg[row * d..(row + 1) * d]);
        }
        linear::forward(cpu, act, by_code.flipped(), e, false);
        let d_code = layout.code.of_mut(flat);
        for (asked, de) in self.asked.iter().zip(e.chunks_exact(d)) {
            let row = asked.code as usize;
            elementwise::add(cpu.level, de, &mut d_code[row * d..(row + 1) * d]);
        }
        nats
    }

    /// Takes the gradient of h through the last norm into that of the residual stream, dx `[T, D]`.
    pub(crate) fn scatter(&mut self, cpu: &Cpu, model: &Model, flat: &mut [f32], dx: &mut [f32]) {
        let (layout, d, n) = (model.layout(), model.config().dim, self.rows.len());
        let saved = rmsnorm::Saved {
            x: &self.x[..n * d],
            w: layout.norm.of(model.weights()),
            inverse: &self.inverse[..n],
        };
        let rows = &mut self.g[..n * d];
        rows.fill(0.0);
        rmsnorm::backward(
            cpu,
            saved,
            &self.dh[..n * d],
            rows,
            layout.norm.of_mut(flat),
        );
        for (row, gradient) in self.rows.iter().zip(rows.chunks_exact(d)) {
            let row = *row as usize;
            dx[row * d..(row + 1) * d].copy_from_slice(gradient);
        }
    }
}

/// Damps codes that must come once only, in the rows of logits `[.., V]` from row `first` on.
fn damp(damped: &[(u32, u32)], first: usize, logits: &mut [f32], v: usize) {
    let rows = logits.len() / v;
    let from = damped.partition_point(|(row, _)| (*row as usize) < first);
    let until = damped.partition_point(|(row, _)| (*row as usize) < first + rows);
    for (row, code) in &damped[from..until] {
        logits[(*row as usize - first) * v + *code as usize] += REPEAT_LOG_MASS;
    }
}

/// Copies rows of `from` `[.., D]` to `to`.
pub(crate) fn gather(from: &[f32], rows: &[u32], to: &mut [f32], d: usize) {
    for (row, to) in rows.iter().zip(to.chunks_exact_mut(d)) {
        to.copy_from_slice(&from[*row as usize * d..][..d]);
    }
}

fn gather_codes(table: &[f32], asked: &[Asked], to: &mut [f32], d: usize) {
    for (asked, to) in asked.iter().zip(to.chunks_exact_mut(d)) {
        to.copy_from_slice(&table[asked.code as usize * d..][..d]);
    }
}
