//! The heads of a decoder: the laws of wait, code and value for rows of hidden states.

use super::Decoder;
use crate::batch::Input;
use crate::choices::REPEAT_LOG_MASS;
use crate::error::{Error, Result};
use crate::hazard::WaitLaw;
use crate::ops::heads::value::Asked;
use crate::ops::heads::{code, mark, value, wait};
use crate::recall::{Recall, Told};

impl Decoder {
    /// Logits of a zero wait and log hazards a day of hidden states `[R, D]`, into z `[R, 1 + W]`.
    pub fn wait(&self, hidden: &[f32], z: &mut Vec<f32>) {
        let width = 1 + self.model.config().wait_bins();
        z.resize(hidden.len() / self.model.config().dim * width, 0.0);
        let bias = self.model.layout().wait_bias.of(self.model.weights());
        self.cpu
            .pool()
            .install(|| self.wait.apply(&self.cpu, hidden, z, false));
        wait::add_bias(z, bias);
        if self.model.config().choices.competing() {
            self.exponential(hidden, z);
        }
    }

    /// Replaces the hazards of z `[R, 1 + W]` by the sum of the rates of all codes.
    fn exponential(&self, hidden: &[f32], z: &mut [f32]) {
        let (c, cpu) = (self.model.config(), &self.cpu);
        let waits = vec![0.0; hidden.len() / c.dim];
        let mut logits = vec![0.0; waits.len() * c.vocab];
        let bias = self.model.layout().code_bias.of(self.model.weights());
        let totals = cpu.pool().install(|| {
            self.code_logits(hidden, &waits, &mut logits);
            code::log_totals(cpu, &mut logits, bias)
        });
        let rows = z.chunks_exact_mut(1 + c.wait_bins());
        for (z, total) in rows.zip(totals) {
            z[1..].fill(total);
        }
    }

    fn code_logits(&self, hidden: &[f32], waits_days: &[f64], logits: &mut [f32]) {
        let g = self.marks(hidden, waits_days);
        let mut p = vec![0.0; g.len()];
        self.projection.apply(&self.cpu, &g, &mut p, false);
        self.codes.apply(&self.cpu, &p, logits, false);
    }

    /// Damps, in one row `[V]` of [`Decoder::codes`], the once-only codes that the history or the
    /// future so far holds. Codes named twice or not once-only change nothing.
    pub fn damp(&self, seen: &[&[u32]], probabilities: &mut [f32]) {
        let once = &self.model.config().choices.once_only;
        let mut all: Vec<u32> = seen.concat();
        all.retain(|code| once.binary_search(code).is_ok());
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return;
        }
        for code in all {
            probabilities[code as usize] *= REPEAT_LOG_MASS.exp();
        }
        let mass: f32 = probabilities.iter().sum();
        for p in probabilities {
            *p /= mass;
        }
    }

    /// The law of the wait in one row `[1 + W]` of [`Decoder::wait`].
    pub fn wait_law<'a>(&'a self, row: &'a [f32]) -> WaitLaw<'a> {
        let edges = &self.model.config().wait_edges_days;
        WaitLaw {
            zero_logit: row[0],
            log_hazards: &row[1..],
            edges,
        }
    }

    /// Probabilities of the next code given hidden states `[R, D]` and the waits until it `[R]`,
    /// into `probabilities` `[R, V]`.
    pub fn codes(&self, hidden: &[f32], waits_days: &[f64], probabilities: &mut Vec<f32>) {
        let (c, cpu) = (self.model.config(), &self.cpu);
        probabilities.resize(waits_days.len() * c.vocab, 0.0);
        let bias = self.model.layout().code_bias.of(self.model.weights());
        cpu.pool().install(|| {
            self.code_logits(hidden, waits_days, probabilities);
            code::softmax(cpu, probabilities, bias);
        });
    }

    /// The values of a history, for [`Decoder::values`].
    pub fn recall(&self, history: &[Input]) -> Recall {
        let mut recall = Recall::default();
        for input in history {
            self.note(&mut recall, input);
        }
        recall
    }

    /// Takes one more event into a history's values.
    pub fn note(&self, recall: &mut Recall, input: &Input) {
        recall.note(&self.model.config().choices, input);
    }

    /// Probabilities of the value's class (0: none, then the code's bins, 0 beyond them) given
    /// hidden states `[R, D]`, marks (wait in days and code) `[R]` and the values of each history
    /// and future so far `[R]`, into `probabilities` `[R, K + 1]`.
    ///
    /// # Errors
    /// [`Error::Batch`] when a code is out of range or the numbers of rows differ.
    pub fn values(
        &self,
        hidden: &[f32],
        marks: &[(f64, u32)],
        recalls: &[&Recall],
        probabilities: &mut Vec<f32>,
    ) -> Result<()> {
        let (c, bins) = (self.model.config(), &self.model.codes().value_bins);
        let refuse = |position, reason| Err(Error::Batch { position, reason });
        if let Some(position) = marks.iter().position(|(_, code)| *code as usize >= c.vocab) {
            return refuse(position, "the code is out of range");
        }
        if recalls.len() != marks.len() || hidden.len() != marks.len() * c.dim {
            return refuse(
                recalls.len(),
                "as many hidden states as marks and histories are needed",
            );
        }
        let (waits, codes): (Vec<f64>, Vec<u32>) = marks.iter().copied().unzip();
        let asked = codes.iter().map(|code| Asked {
            code: *code,
            bins: bins[*code as usize],
        });
        let told = recalls.iter().zip(marks);
        let told = told.map(|(recall, (wait, code))| recall.tell(&c.choices, *code, *wait));
        let (asked, told): (Vec<Asked>, Vec<Told>) = (asked.collect(), told.collect());
        probabilities.resize(marks.len() * (c.value_bins + 1), 0.0);
        self.cpu.pool().install(|| {
            let g = self.marks(hidden, &waits);
            self.value_classes(&g, &asked, &told, probabilities);
        });
        Ok(())
    }

    /// From g `[R, D]` to probabilities `[R, K + 1]`.
    fn value_classes(&self, g: &[f32], asked: &[Asked], told: &[Told], probabilities: &mut [f32]) {
        let (c, cpu, w) = (self.model.config(), &self.cpu, self.model.weights());
        let (layout, n, d, u) = (self.model.layout(), asked.len(), c.dim, c.value_dim);
        let table = layout.code.of(w);
        let rows = asked.iter().map(|asked| asked.code as usize * d);
        let e: Vec<f32> = rows
            .flat_map(|from| table[from..from + d].to_vec())
            .collect();
        let numbers: Vec<f32> = told.iter().flat_map(|told| told.numbers).collect();
        let mut pairs = vec![0.0; n * 2 * u];
        self.value_last.apply(cpu, &numbers, &mut pairs, false);
        value::add_bins(cpu, told, layout.value_last_bin.of(w), &mut pairs);
        let [mut hidden, mut silu, mut act] = [(); 3].map(|()| vec![0.0; n * u]);
        self.value_hidden.apply(cpu, g, &mut hidden, false);
        self.value_code.apply(cpu, &e, &mut hidden, true);
        value::gate(cpu, &pairs, u, [&mut hidden, &mut silu, &mut act]);
        self.value_out.apply(cpu, &act, probabilities, false);
        let bias = layout.value_bias.of(w);
        let rows = probabilities.chunks_exact_mut(c.value_bins + 1);
        for (row, asked) in rows.zip(asked) {
            value::softmax_row(cpu, row, bias, *asked);
        }
    }

    /// g `[R, D]`: hidden states changed by the waits that passed.
    fn marks(&self, hidden: &[f32], waits_days: &[f64]) -> Vec<f32> {
        let (layout, w) = (self.model.layout(), self.model.weights());
        let edges = &self.model.config().wait_edges_days;
        let known = self.model.config().choices.marks_wait();
        let passed: Vec<_> = waits_days
            .iter()
            .map(|wait| {
                if known {
                    mark::Passed::new(*wait, edges)
                } else {
                    mark::Passed::default()
                }
            })
            .collect();
        let tables = mark::Tables {
            scale: layout.mark_scale.of(w),
            shift: layout.mark_shift.of(w),
            slope: layout.mark_slope.of(w),
        };
        let mut g = vec![0.0; hidden.len()];
        mark::forward(hidden, &passed, &tables, &mut g);
        g
    }
}
