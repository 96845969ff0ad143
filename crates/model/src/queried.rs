//! The query head's passes: from hidden states and questions to logits, and back.
//!
//! ```text
//! a = h state + bias                                      [P, M], P distinct positions
//! m, s = (mean of predicate, mean of competing) asked     [Q, M] each
//! z = a (1 + m) + s + numbers features                    [Q, M]
//! logits = silu(z) out + bias + base(predicate), base(competing)    [Q, 2 J]
//! ```
//!
//! The vector of a code is the one that events have: its own and its groups', with the mean of the
//! value bins that are asked for. The modulation follows Perez et al. 2018.

use crate::batch::{Batch, Input};
use crate::kernels::elementwise;
use crate::layout::{Span, disjoint};
use crate::memory::{Buffer, Cpu};
use crate::model::Model;
use crate::ops::heads::query::{self, Base, FEATURES, Marks};
use crate::ops::linear::{self, Weight};
use crate::ops::rmsnorm;
use crate::query::{Answer, Atom, Question};
use crate::score::gather;
use rayon::prelude::*;

/// Buffers of the queries of one part of a batch; they grow to the largest that was met.
#[derive(Default)]
pub(crate) struct Queried {
    /// Distinct positions, `[P]`, and which of them each query has, `[Q]`.
    positions: Vec<u32>,
    rows: Vec<u32>,
    answers: Vec<(bool, Answer)>,
    marks: Marks,
    /// Nats of each query, and their sum.
    each: Vec<f64>,
    pub nats: f64,
    /// `[P, D]`: residual stream, its norm, gradients; `[P]`.
    x: Buffer,
    h: Buffer,
    dh: Buffer,
    inverse: Buffer,
    pub head: Head,
}

/// Buffers of the head alone: P states, Q questions.
#[derive(Default)]
pub(crate) struct Head {
    /// `[P, M]` and its gradient.
    state: Buffer,
    d_state: Buffer,
    /// `[Q, 2 D]` and its gradient.
    asked: Buffer,
    d_asked: Buffer,
    /// `[Q, 2 M]` and its gradient: scale and shift side by side.
    modulation: Buffer,
    d_modulation: Buffer,
    /// `[Q, FEATURES]`.
    pub numbers: Buffer,
    /// `[Q, M]` each.
    z: Buffer,
    act: Buffer,
    /// `[Q, 2 J]`.
    logits: Buffer,
}

impl Queried {
    /// Takes in the queries of a batch and the residual streams of their positions, from `last`
    /// `[T, D]`.
    pub(crate) fn gather(&mut self, cpu: &Cpu, model: &Model, batch: &Batch, last: &[f32]) {
        let (d, queries) = (model.config().dim, batch.queries());
        self.positions.clear();
        self.rows.clear();
        self.answers.clear();
        self.nats = 0.0;
        for query in queries {
            if self.positions.last() != Some(&query.position) {
                self.positions.push(query.position);
            }
            #[expect(clippy::cast_possible_truncation, reason = "fewer than positions")]
            self.rows.push(self.positions.len() as u32 - 1);
            let competes = !query.question.competing.is_empty();
            self.answers.push((competes, query.answer));
        }
        let p = self.positions.len();
        if p == 0 {
            return;
        }
        gather(last, &self.positions, self.x.first(p * d), d);
        let (h, inverse) = (self.h.first(p * d), self.inverse.first(p));
        let norm = model.layout().norm.of(model.weights());
        rmsnorm::forward(cpu, &self.x[..p * d], norm, h, inverse);
        if self.marks.is_empty() {
            self.marks = Marks::new(model.config().vocab);
        }
        let numbers = self.head.numbers.first(queries.len() * FEATURES);
        let starts = batch.starts();
        for (query, numbers) in queries.iter().zip(numbers.chunks_exact_mut(FEATURES)) {
            let segment = starts.partition_point(|start| *start <= query.position) - 1;
            let events = starts[segment] as usize..=query.position as usize;
            let events: &[Input] = &batch.inputs()[events];
            numbers.copy_from_slice(&self.marks.features(&query.question, events));
        }
    }

    /// The losses; with `flat`, adds the head's gradients and leaves that of h in `dh`.
    pub(crate) fn losses(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        batch: &Batch,
        flat: Option<&mut [f32]>,
    ) {
        let (p, q, d) = (self.positions.len(), self.rows.len(), model.config().dim);
        if q == 0 {
            return;
        }
        let questions: Vec<&Question> = batch.queries().iter().map(|one| &one.question).collect();
        let (h, edges) = (&self.h[..p * d], &model.config().query_edges_days);
        self.head.forward(cpu, model, h, (&self.rows, &questions));
        self.each.resize(q, 0.0);
        let logits = &mut self.head.logits[..q * 2 * edges.len()];
        let weight = batch.query_weight();
        query::loss(logits, &self.answers, edges, weight, &mut self.each);
        self.nats = self.each.iter().sum();
        if let Some(flat) = flat {
            let dh = self.dh.first(p * d);
            let asked = (&self.rows[..], &questions[..]);
            self.head.backward((cpu, model), (h, dh), asked, flat);
        }
    }

    /// Adds the gradient of h through the last norm to that of the residual stream, dx `[T, D]`.
    pub(crate) fn scatter(&mut self, cpu: &Cpu, model: &Model, flat: &mut [f32], dx: &mut [f32]) {
        let (layout, d, p) = (model.layout(), model.config().dim, self.positions.len());
        if p == 0 {
            return;
        }
        let saved = rmsnorm::Saved {
            x: &self.x[..p * d],
            w: layout.norm.of(model.weights()),
            inverse: &self.inverse[..p],
        };
        let rows = &mut self.h[..p * d];
        rows.fill(0.0);
        let norm = layout.norm.of_mut(flat);
        rmsnorm::backward(cpu, saved, &self.dh[..p * d], rows, norm);
        for (row, gradient) in self.positions.iter().zip(rows.chunks_exact(d)) {
            let row = *row as usize;
            elementwise::add(cpu.level, gradient, &mut dx[row * d..(row + 1) * d]);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let own = [&self.x, &self.h, &self.dh, &self.inverse];
        own.iter().map(|one| one.bytes()).sum::<usize>() + self.head.bytes()
    }
}

impl Head {
    /// From states h `[P, D]` to logits `[Q, 2 J]`; `rows` `[Q]` names the state of each question,
    /// and `numbers` are filled in.
    pub(crate) fn forward(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        h: &[f32],
        (rows, questions): (&[u32], &[&Question]),
    ) -> &[f32] {
        let (c, w, spans) = (model.config(), model.weights(), &model.layout().query);
        let (d, m, bins, q) = (c.dim, c.query_dim, c.query_edges_days.len(), rows.len());
        let state = self.state.first(h.len() / d * m);
        spread(spans.state_bias.of(w), state);
        linear::forward(cpu, h, Weight::new(spans.state.of(w), d, m), state, true);
        let asked = self.asked.first(q * 2 * d);
        asked
            .par_chunks_mut(2 * d)
            .zip(questions)
            .for_each(|(asked, question)| {
                let (predicate, competing) = asked.split_at_mut(d);
                mean(cpu, model, &question.predicate, predicate);
                mean(cpu, model, &question.competing, competing);
            });
        let modulation = self.modulation.first(q * 2 * m);
        let by_asked = Weight::new(spans.asked.of(w), 2 * d, 2 * m);
        linear::forward(cpu, asked, by_asked, modulation, false);
        let z = self.z.first(q * m);
        z.par_chunks_mut(m)
            .zip(modulation.par_chunks(2 * m))
            .zip(rows)
            .for_each(|((z, modulation), row)| {
                let (scale, shift) = modulation.split_at(m);
                let state = &state[*row as usize * m..][..m];
                z.copy_from_slice(shift);
                elementwise::add(cpu.level, state, z);
                elementwise::add_product(cpu.level, 1.0, state, scale, z);
            });
        let by_number = Weight::new(spans.features.of(w), FEATURES, m);
        linear::forward(cpu, &self.numbers[..q * FEATURES], by_number, z, true);
        let act = self.act.first(q * m);
        elementwise::silu(cpu.level, z, act);
        let logits = self.logits.first(q * 2 * bins);
        spread(spans.bias.of(w), logits);
        linear::forward(
            cpu,
            act,
            Weight::new(spans.out.of(w), m, 2 * bins),
            logits,
            true,
        );
        let base = base(model);
        logits
            .par_chunks_mut(2 * bins)
            .zip(questions)
            .for_each(|(logits, question)| {
                let (one, two) = logits.split_at_mut(bins);
                base.add(&question.predicate, one);
                if !question.competing.is_empty() {
                    base.add(&question.competing, two);
                }
            });
        logits
    }

    /// Adds the gradients, the logits having been replaced by theirs; writes that of h to dh.
    fn backward(
        &mut self,
        (cpu, model): (&Cpu, &Model),
        (h, dh): (&[f32], &mut [f32]),
        (rows, questions): (&[u32], &[&Question]),
        flat: &mut [f32],
    ) {
        let (c, w, spans) = (model.config(), model.weights(), &model.layout().query);
        let (d, m, bins, q) = (c.dim, c.query_dim, c.query_edges_days.len(), rows.len());
        let d_logits = &self.logits[..q * 2 * bins];
        let (base, d_base) = (base(model), spans.base.of_mut(flat));
        for (d_logits, question) in d_logits.chunks_exact(2 * bins).zip(questions) {
            let (one, two) = d_logits.split_at(bins);
            base.backward(&question.predicate, one, d_base);
            base.backward(&question.competing, two, d_base);
        }
        add_rows(cpu, d_logits, spans.bias.of_mut(flat));
        let (z, act) = (&mut self.z[..q * m], &mut self.act[..q * m]);
        linear::weight_gradient(cpu, act, d_logits, spans.out.of_mut(flat), 2 * bins);
        let out = Weight::new(spans.out.of(w), m, 2 * bins);
        linear::forward(cpu, d_logits, out.flipped(), act, false);
        elementwise::silu_gradient(cpu.level, z, act);
        let numbers = &self.numbers[..q * FEATURES];
        linear::weight_gradient(cpu, numbers, act, spans.features.of_mut(flat), m);
        let (state, d_state) = (
            &self.state[..h.len() / d * m],
            self.d_state.first(h.len() / d * m),
        );
        d_state.fill(0.0);
        let modulation = &self.modulation[..q * 2 * m];
        let d_modulation = self.d_modulation.first(q * 2 * m);
        for (i, row) in rows.iter().enumerate() {
            let (dz, row) = (
                &act[i * m..(i + 1) * m],
                *row as usize * m..(*row as usize + 1) * m,
            );
            let (scale, shift) = d_modulation[i * 2 * m..(i + 1) * 2 * m].split_at_mut(m);
            shift.copy_from_slice(dz);
            scale.fill(0.0);
            elementwise::add_product(cpu.level, 1.0, dz, &state[row.clone()], scale);
            let d_state = &mut d_state[row];
            elementwise::add(cpu.level, dz, d_state);
            elementwise::add_product(cpu.level, 1.0, dz, &modulation[i * 2 * m..][..m], d_state);
        }
        let (asked, by_asked) = (
            &self.asked[..q * 2 * d],
            Weight::new(spans.asked.of(w), 2 * d, 2 * m),
        );
        linear::weight_gradient(cpu, asked, d_modulation, spans.asked.of_mut(flat), 2 * m);
        let d_asked = self.d_asked.first(q * 2 * d);
        linear::forward(cpu, d_modulation, by_asked.flipped(), d_asked, false);
        add_rows(cpu, d_state, spans.state_bias.of_mut(flat));
        linear::weight_gradient(cpu, h, d_state, spans.state.of_mut(flat), m);
        let by_state = Weight::new(spans.state.of(w), d, m);
        linear::forward(cpu, d_state, by_state.flipped(), dh, false);
        let layout = model.layout();
        let mut tables = disjoint(flat, [layout.code, layout.group, layout.value_bin]);
        for (d_asked, question) in d_asked.chunks_exact_mut(2 * d).zip(questions) {
            let (predicate, competing) = d_asked.split_at_mut(d);
            mean_gradient(cpu, model, &question.predicate, predicate, &mut tables);
            mean_gradient(cpu, model, &question.competing, competing, &mut tables);
        }
    }

    fn bytes(&self) -> usize {
        let buffers = [
            &self.state,
            &self.d_state,
            &self.asked,
            &self.d_asked,
            &self.modulation,
            &self.d_modulation,
            &self.numbers,
            &self.z,
            &self.act,
            &self.logits,
        ];
        buffers.iter().map(|one| one.bytes()).sum()
    }
}

fn base(model: &Model) -> Base<'_> {
    Base {
        table: model.layout().query.base.of(model.weights()),
        value_bins: &model.codes().value_bins,
        bins: model.config().query_edges_days.len(),
    }
}

/// The rows of the tables (0 code, 1 group, 2 value bin) that make up the mean vector of a set,
/// each with its weight.
fn parts<'a>(
    model: &'a Model,
    atoms: &'a [Atom],
) -> impl Iterator<Item = (usize, usize, f32)> + 'a {
    let each = 1.0 / atoms.len().max(1) as f32;
    atoms.iter().flat_map(move |atom| {
        let code = atom.code as usize;
        let groups = model.codes().groups[code].into_iter();
        let groups = groups
            .filter(|group| *group > 0)
            .map(move |group| (1, group as usize, each));
        let last = usize::from(atom.bin_last).min(model.config().value_bins);
        let bins = if atom.is_bounded() {
            usize::from(atom.bin_first.max(1))..last + 1
        } else {
            0..0
        };
        let share = each / bins.len().max(1) as f32;
        let bins = bins.map(move |bin| (2, bin, share));
        std::iter::once((0, code, each)).chain(groups).chain(bins)
    })
}

fn tables(model: &Model) -> [Span; 3] {
    let layout = model.layout();
    [layout.code, layout.group, layout.value_bin]
}

/// The mean vector of a set, `[D]`; of none it is 0.
fn mean(cpu: &Cpu, model: &Model, atoms: &[Atom], out: &mut [f32]) {
    let (d, tables) = (
        out.len(),
        tables(model).map(|span| span.of(model.weights())),
    );
    out.fill(0.0);
    for (table, row, share) in parts(model, atoms) {
        elementwise::add_scaled(
            cpu.level,
            share,
            &tables[table][row * d..(row + 1) * d],
            out,
        );
    }
}

fn mean_gradient(
    cpu: &Cpu,
    model: &Model,
    atoms: &[Atom],
    d_mean: &[f32],
    tables: &mut [&mut [f32]; 3],
) {
    let d = d_mean.len();
    for (table, row, share) in parts(model, atoms) {
        let to = &mut tables[table][row * d..(row + 1) * d];
        elementwise::add_scaled(cpu.level, share, d_mean, to);
    }
}

/// Copies a bias to each row.
fn spread(bias: &[f32], rows: &mut [f32]) {
    rows.chunks_exact_mut(bias.len())
        .for_each(|row| row.copy_from_slice(bias));
}

/// Adds all rows of d to the gradient of their bias.
fn add_rows(cpu: &Cpu, d: &[f32], bias: &mut [f32]) {
    d.chunks_exact(bias.len())
        .for_each(|row| elementwise::add(cpu.level, row, bias));
}
