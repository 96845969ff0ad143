//! What the query head starts from: how often each code comes first in each bin after random index
//! times, whatever came before (a life table of each code). A head that learns nothing from
//! histories cannot beat it.

use crate::data::TrainData;
use crate::queries::{index_time, keyed, uniform};
use crate::sequences::{Sequence, days, single};

/// Index times that are looked at, about: the error of a risk of 1 in 100 is then a tenth of it.
const INDEX_TIMES: f64 = 20_000.0;

/// The log odds `[V, J]` of each code in each bin, given that it has not come before in it.
pub(crate) fn log_odds(data: &TrainData, edges_days: &[f32], seed: u64) -> Vec<f32> {
    let vocabulary = data.vocabulary();
    let mut table = Table::new(vocabulary.len(), vocabulary.death_id(), edges_days);
    let positions = data.learn.positions().max(1) as f64;
    for (subject, sequence) in (0u64..).zip(data.learn.iter()) {
        let mut random = keyed([seed, u64::MAX, subject, 0]);
        for position in sequence.targets() {
            table.count(&sequence, position);
            let drawn = uniform(&mut random) < INDEX_TIMES / positions;
            if let Some(index_us) = drawn
                .then(|| index_time(&sequence, position, &mut random))
                .flatten()
            {
                table.follow(&sequence, (position, index_us));
            }
        }
    }
    table.finish()
}

struct Table<'e> {
    death: u32,
    edges: &'e [f32],
    /// All events of each code `[V]`, and all days.
    events: Vec<f64>,
    days: f64,
    /// First events `[V, J]`, and how much less than all were waiting for them.
    first: Vec<f64>,
    gone: Vec<f64>,
    /// Index times followed through each bin, `[J]`.
    waiting: Vec<f64>,
    /// The index time at which each code was last met, `[V]`.
    met: Vec<u64>,
    index: u64,
}

impl<'e> Table<'e> {
    fn new(vocab: usize, death: u32, edges: &'e [f32]) -> Self {
        let bins = edges.len();
        Self {
            death,
            edges,
            events: vec![0.0; vocab],
            days: 0.0,
            first: vec![0.0; vocab * bins],
            gone: vec![0.0; vocab * bins],
            waiting: vec![0.0; bins],
            met: vec![0; vocab],
            index: 0,
        }
    }

    /// Counts the wait after a position and what came.
    fn count(&mut self, sequence: &Sequence<'_>, position: usize) {
        use longitude_tokens::Next;
        match sequence.next(position) {
            Next::None => {}
            Next::Censored { wait_us } => self.days += days(wait_us),
            Next::Event { wait_us } => {
                self.days += days(wait_us);
                self.events[sequence.code[position + 1] as usize] += 1.0;
            }
        }
    }

    /// Counts what came first after an index time.
    fn follow(&mut self, sequence: &Sequence<'_>, (position, index_us): (usize, i64)) {
        self.index += 1;
        let bins = self.edges.len();
        let until = sequence.scored.until.min(sequence.time_us.len());
        let last = until.saturating_sub(1).max(position);
        let died = sequence.code[last] == self.death;
        let last = sequence.time_us[last];
        let end = days(sequence.scored.end_us.unwrap_or(last) - index_us).max(0.0);
        let mut start = 0.0;
        let exposures: Vec<f64> = self
            .edges
            .iter()
            .map(|edge| {
                let (from, to) = (start, f64::from(*edge));
                start = to;
                let share = ((end - from) / (to - from)).clamp(0.0, 1.0);
                // Whoever died inside a bin was at risk in the whole of it.
                if died && share > 0.0 { 1.0 } else { share }
            })
            .collect();
        for (waiting, exposure) in self.waiting.iter_mut().zip(&exposures) {
            *waiting += exposure;
        }
        for next in position + 1..until {
            let now = days(sequence.time_us[next] - index_us);
            let bin = self.edges.partition_point(|edge| f64::from(*edge) < now);
            if bin == bins {
                break;
            }
            let code = sequence.code[next] as usize;
            if self.met[code] == self.index {
                continue;
            }
            self.met[code] = self.index;
            self.first[code * bins + bin] += 1.0;
            self.gone[code * bins + bin] += exposures[bin] - 1.0;
            let row = &mut self.gone[code * bins..(code + 1) * bins];
            for (gone, exposure) in row.iter_mut().zip(&exposures).skip(bin + 1) {
                *gone += exposure;
            }
        }
    }

    /// Half an event at the code's mean rate over all time keeps empty cells above zero.
    fn finish(self) -> Vec<f32> {
        let bins = self.edges.len();
        let cell = |(index, first): (usize, &f64)| {
            let (code, bin) = (index / bins, index % bins);
            let start = if bin == 0 {
                0.0
            } else {
                f64::from(self.edges[bin - 1])
            };
            let width = f64::from(self.edges[bin]) - start;
            let rate = (self.events[code] + 0.5) / (self.days + 1.0);
            let usual = (-(-rate * width).exp_m1()).clamp(1e-12, 0.9);
            let waiting = (self.waiting[bin] - self.gone[index]).max(*first);
            let share = (first + 0.5) / (waiting + 0.5 / usual);
            let share = share.clamp(1e-9, 0.999);
            single((share / (1.0 - share)).ln())
        };
        self.first.iter().enumerate().map(cell).collect()
    }
}
