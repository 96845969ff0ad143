//! The passes over a batch: forward through the blocks, the losses, and backward.
//!
//! ```text
//! x = embed(events)                               [T, D]
//! each block:  x += out(attention(rotate(qkv(norm(x)))))
//!              x += down(swiglu(gate_up(norm(x))))
//! h = norm(x) of scored rows                      [N, D]
//! wait  <- h        code, value <- g = mark(h, wait)
//! ```

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::gradients::Grads;
use crate::layout::{FEATURES, LayerSpans, disjoint};
use crate::memory::Cpu;
use crate::model::Model;
use crate::ops::attention::{self, Shape};
use crate::ops::linear::{self, Weight};
use crate::ops::{embedding, rmsnorm, rotary, swiglu};
use crate::score::Losses;
use crate::workspace::{LayerCache, Scratch, Workspace};

impl Workspace {
    /// The summed losses of a batch.
    ///
    /// # Errors
    /// When the batch is too large for the workspace or does not fit the model.
    pub fn loss(&mut self, model: &Model, batch: &Batch) -> Result<Losses> {
        self.pass(model, batch, None)
    }

    /// The summed losses of a batch; adds the gradient of their sum in nats to `grads`.
    ///
    /// # Errors
    /// When the batch is too large for the workspace or does not fit the model.
    pub fn forward_backward(
        &mut self,
        model: &Model,
        batch: &Batch,
        grads: &mut Grads,
    ) -> Result<Losses> {
        self.pass(model, batch, Some(grads))
    }

    /// The normed hidden states of all positions, `[T, D]`.
    ///
    /// # Errors
    /// When the batch is too large for the workspace or does not fit the model.
    pub fn hidden(&mut self, model: &Model, batch: &Batch) -> Result<Vec<f32>> {
        self.check(model, batch)?;
        let mut hidden = Vec::with_capacity(batch.positions() * model.config().dim);
        self.parts(batch, |space, part| {
            space.forward(model, part);
            let (t, w) = (part.positions(), model.layout().norm.of(model.weights()));
            let (x, inverse) = (&space.last[..t * w.len()], &mut space.scored.inverse[..t]);
            let out = &mut space.scratch.a[..t * w.len()];
            rmsnorm::forward(&space.cpu, x, w, out, inverse);
            hidden.extend_from_slice(out);
        });
        Ok(hidden)
    }

    fn pass(
        &mut self,
        model: &Model,
        batch: &Batch,
        mut grads: Option<&mut Grads>,
    ) -> Result<Losses> {
        self.check(model, batch)?;
        let mut losses = Losses::default();
        self.parts(batch, |space, part| {
            space.forward(model, part);
            space.scored.gather(model, part, &space.last);
            space.queried.gather(&space.cpu, model, part, &space.last);
            losses += match grads.as_deref_mut() {
                None => {
                    space.queried.losses(&space.cpu, model, part, None);
                    space.scored.losses(&space.cpu, model, None)
                }
                Some(grads) => {
                    let flat = grads.flat_mut();
                    let losses = space.scored.losses(&space.cpu, model, Some(&mut *flat));
                    space
                        .queried
                        .losses(&space.cpu, model, part, Some(&mut *flat));
                    space.backward(model, part, flat);
                    losses
                }
            };
            losses.query += space.queried.nats;
            losses.queries += part.queries().len() as u64;
        });
        Ok(losses)
    }

    /// Runs work on the threads for one part of the batch after another: as many whole segments as
    /// the caches hold. How a batch is cut depends on its segments and the configuration alone.
    fn parts(&mut self, batch: &Batch, mut work: impl FnMut(&mut Self, &Batch) + Send) {
        let pool = self.cpu.pool();
        let mut part = std::mem::take(&mut self.part);
        self.cpu.keep_weights(batch.positions() > self.part_max);
        pool.install(|| {
            let mut first = 0;
            while first < batch.segments() {
                let starts = &batch.starts()[first..];
                let fits = |end: &u32| (*end - starts[0]) as usize <= self.part_max;
                let segments = starts[1..].partition_point(fits).max(1);
                part.clear();
                for segment in first..first + segments {
                    part.push_segment_of(batch, segment);
                }
                part.see(&self.config.choices);
                work(self, &part);
                first += segments;
            }
        });
        self.cpu.keep_weights(false);
        self.part = part;
    }

    fn check(&self, model: &Model, batch: &Batch) -> Result<()> {
        if model.config() != &self.config {
            return Err(Error::Config(
                "the workspace was made for another shape".to_owned(),
            ));
        }
        let (positions, positions_max) = (batch.positions(), self.positions_max);
        if positions > positions_max {
            return Err(Error::Workspace {
                positions,
                positions_max,
            });
        }
        for segment in batch.starts().windows(2) {
            let positions = (segment[1] - segment[0]) as usize;
            if positions > self.part_max {
                let positions_max = self.part_max;
                return Err(Error::Workspace {
                    positions,
                    positions_max,
                });
            }
        }
        batch.check(model.config())?;
        batch.check_values(&model.codes().value_bins)
    }

    /// Fills the caches and the residual stream after the last block.
    pub(crate) fn forward(&mut self, model: &Model, batch: &Batch) {
        let (t, d) = (batch.positions(), self.config.dim);
        let (cpu, layout, w) = (&self.cpu, model.layout(), model.weights());
        let angles = &mut self.angles[..t * self.config.head_dim()];
        self.frequencies
            .table((batch.starts(), 0), batch.inputs(), angles);
        let tables = embedding::Tables {
            code: layout.code.of(w),
            group: layout.group.of(w),
            value_bin: layout.value_bin.of(w),
            features: layout.features.of(w),
        };
        let events = (batch.inputs(), &model.codes().groups[..]);
        let numbers = &mut self.numbers[..t * FEATURES];
        let first = self
            .layers
            .first_mut()
            .map_or(&mut self.last, |layer| &mut layer.x);
        embedding::forward(cpu, events, &tables, numbers, &mut first[..t * d]);
        let shape = Shape {
            starts: batch.starts(),
            heads: self.config.heads,
            head_dim: self.config.head_dim(),
        };
        for (i, spans) in layout.layers.iter().enumerate() {
            let (this, after) = self.layers.split_at_mut(i + 1);
            let next = after
                .first_mut()
                .map_or(&mut self.last, |layer| &mut layer.x);
            let block = Block {
                cpu,
                spans: *spans,
                w,
                shape,
                angles,
            };
            let cache = &mut this[i];
            if let Some(kept) = &mut self.checkpoint {
                std::mem::swap(&mut kept.x, &mut cache.x);
                block.forward(kept, &mut self.scratch, &mut next[..t * d]);
                std::mem::swap(&mut kept.x, &mut cache.x);
            } else {
                block.forward(cache, &mut self.scratch, &mut next[..t * d]);
            }
        }
    }

    /// Adds the gradients of everything below the heads; the scored rows hold theirs.
    fn backward(&mut self, model: &Model, batch: &Batch, flat: &mut [f32]) {
        let (t, d) = (batch.positions(), self.config.dim);
        let (cpu, layout, w) = (&self.cpu, model.layout(), model.weights());
        let dx = &mut self.scratch.dx[..t * d];
        dx.fill(0.0);
        self.scored.scatter(cpu, model, flat, dx);
        self.queried.scatter(cpu, model, flat, dx);
        let shape = Shape {
            starts: batch.starts(),
            heads: self.config.heads,
            head_dim: self.config.head_dim(),
        };
        let angles = &self.angles[..t * self.config.head_dim()];
        for (spans, cache) in layout.layers.iter().zip(&mut self.layers).rev() {
            let block = Block {
                cpu,
                spans: *spans,
                w,
                shape,
                angles,
            };
            if let Some(kept) = &mut self.checkpoint {
                std::mem::swap(&mut kept.x, &mut cache.x);
                block.fill(kept, &mut self.scratch, t);
                block.backward(kept, &mut self.scratch, flat);
                std::mem::swap(&mut kept.x, &mut cache.x);
            } else {
                block.backward(cache, &mut self.scratch, flat);
            }
        }
        let dx = &self.scratch.dx[..t * d];
        let numbers = &self.numbers[..t * FEATURES];
        linear::weight_gradient(cpu, numbers, dx, layout.features.of_mut(flat), d);
        let spans = [layout.code, layout.group, layout.value_bin];
        let [code, group, value_bin] = disjoint(flat, spans);
        let gradients = embedding::Tables {
            code,
            group,
            value_bin,
            features: &mut [][..],
        };
        let events = (batch.inputs(), &model.codes().groups[..]);
        embedding::backward(cpu, events, dx, d, gradients);
    }
}

/// One block of attention and MLP on one batch.
struct Block<'a> {
    cpu: &'a Cpu,
    spans: LayerSpans,
    w: &'a [f32],
    shape: Shape<'a>,
    angles: &'a [f32],
}

impl Block<'_> {
    /// From `cache.x` to `out`, both `[T, D]`.
    fn forward(&self, cache: &mut LayerCache, scratch: &mut Scratch, out: &mut [f32]) {
        let (cpu, s, d) = (
            self.cpu,
            &self.spans,
            self.shape.heads * self.shape.head_dim,
        );
        let t = out.len() / d;
        self.fill(cache, scratch, t);
        let down = s.down.of(self.w);
        let f = down.len() / d;
        let act = &mut scratch.f[..t * f];
        swiglu::forward(cpu, &cache.gate_up[..2 * t * f], act, f);
        out.copy_from_slice(&cache.mid[..t * d]);
        linear::forward(cpu, act, Weight::new(down, f, d), out, true);
    }

    /// From `cache.x` to all that the backward pass reads of the cache, T positions.
    fn fill(&self, cache: &mut LayerCache, scratch: &mut Scratch, t: usize) {
        let (cpu, s, w, width) = (self.cpu, &self.spans, self.w, self.shape.head_dim);
        let d = self.shape.heads * width;
        let (td, f) = (t * d, s.down.of(w).len() / d);
        let a = &mut scratch.a[..td];
        rmsnorm::forward(
            cpu,
            &cache.x[..td],
            s.attention_norm.of(w),
            a,
            &mut cache.x_inverse[..t],
        );
        let wide = &mut scratch.wide[..3 * td];
        linear::forward(cpu, a, Weight::new(s.qkv.of(w), d, 3 * d), wide, false);
        let [q, k, v] = [&mut cache.q, &mut cache.k, &mut cache.v].map(|one| &mut one[..td]);
        rotary::split(cpu, wide, self.angles, width, [&mut *q, &mut *k, &mut *v]);
        let (o, lse) = (&mut cache.o[..td], &mut cache.lse[..t * self.shape.heads]);
        attention::forward(cpu, self.shape, [q, k, v], o, lse);
        rotary::merge(o, a, d, width);
        let mid = &mut cache.mid[..td];
        mid.copy_from_slice(&cache.x[..td]);
        linear::forward(cpu, a, Weight::new(s.attention_out.of(w), d, d), mid, true);
        rmsnorm::forward(cpu, mid, s.mlp_norm.of(w), a, &mut cache.mid_inverse[..t]);
        let gate_up = &mut cache.gate_up[..2 * t * f];
        linear::forward(
            cpu,
            a,
            Weight::new(s.gate_up.of(w), d, 2 * f),
            gate_up,
            false,
        );
    }

    /// From the gradient of the block's output to that of its input, both in `scratch.dx`. Norms
    /// and gates are made again rather than kept.
    fn backward(&self, cache: &LayerCache, scratch: &mut Scratch, flat: &mut [f32]) {
        self.mlp_backward(cache, scratch, flat);
        self.attention_backward(cache, scratch, flat);
    }

    fn mlp_backward(&self, cache: &LayerCache, scratch: &mut Scratch, flat: &mut [f32]) {
        let (cpu, s, w) = (self.cpu, &self.spans, self.w);
        let d = self.shape.heads * self.shape.head_dim;
        let (t, f) = (
            self.angles.len() / self.shape.head_dim,
            s.down.of(w).len() / d,
        );
        let dx = &mut scratch.dx[..t * d];
        let (act, d_act) = (&mut scratch.f[..t * f], &mut scratch.df[..t * f]);
        let gate_up = &cache.gate_up[..2 * t * f];
        let down = Weight::new(s.down.of(w), f, d).flipped();
        linear::forward(cpu, dx, down, d_act, false);
        let d_gate_up = &mut scratch.wide[..2 * t * f];
        swiglu::backward(cpu, gate_up, d_act, [act, d_gate_up], f);
        linear::weight_gradient(cpu, act, dx, s.down.of_mut(flat), d);
        let (normed, d_normed) = (&mut scratch.a[..t * d], &mut scratch.b[..t * d]);
        let saved = rmsnorm::Saved {
            x: &cache.mid[..t * d],
            w: s.mlp_norm.of(w),
            inverse: &cache.mid_inverse[..t],
        };
        rmsnorm::again(cpu, saved, normed);
        linear::weight_gradient(cpu, normed, d_gate_up, s.gate_up.of_mut(flat), 2 * f);
        let weight = Weight::new(s.gate_up.of(w), d, 2 * f).flipped();
        linear::forward(cpu, d_gate_up, weight, d_normed, false);
        rmsnorm::backward(cpu, saved, d_normed, dx, s.mlp_norm.of_mut(flat));
    }

    fn attention_backward(&self, cache: &LayerCache, scratch: &mut Scratch, flat: &mut [f32]) {
        let (cpu, s, w, width) = (self.cpu, &self.spans, self.w, self.shape.head_dim);
        let d = self.shape.heads * width;
        let t = self.angles.len() / width;
        let td = t * d;
        let dx = &mut scratch.dx[..td];
        let (a, b) = (&mut scratch.a[..td], &mut scratch.b[..td]);
        rotary::merge(&cache.o[..td], a, d, width);
        linear::weight_gradient(cpu, a, dx, s.attention_out.of_mut(flat), d);
        linear::forward(
            cpu,
            dx,
            Weight::new(s.attention_out.of(w), d, d).flipped(),
            b,
            false,
        );
        let [d_o, dq, dk, dv] = scratch.heads.each_mut().map(|one| &mut one[..td]);
        rotary::unmerge(b, d_o, d, width);
        let saved = attention::Saved {
            q: &cache.q[..td],
            k: &cache.k[..td],
            v: &cache.v[..td],
            o: &cache.o[..td],
            lse: &cache.lse[..t * self.shape.heads],
        };
        attention::backward(cpu, self.shape, saved, d_o, [&mut *dq, &mut *dk, &mut *dv]);
        let d_qkv = &mut scratch.wide[..3 * td];
        rotary::split_gradient(cpu, [dq, dk, dv], self.angles, width, d_qkv);
        let saved = rmsnorm::Saved {
            x: &cache.x[..td],
            w: s.attention_norm.of(w),
            inverse: &cache.x_inverse[..t],
        };
        rmsnorm::again(cpu, saved, a);
        linear::weight_gradient(cpu, a, d_qkv, s.qkv.of_mut(flat), 3 * d);
        linear::forward(
            cpu,
            d_qkv,
            Weight::new(s.qkv.of(w), d, 3 * d).flipped(),
            b,
            false,
        );
        rmsnorm::backward(cpu, saved, b, dx, s.attention_norm.of_mut(flat));
    }
}
