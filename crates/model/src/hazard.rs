//! The law of a wait: a point mass at zero and a piecewise-constant hazard beyond it.
//!
//! Plain functions on one row, without the model: its likelihood, its survival, samples of it, and
//! the marginal law of a set of waits. With p0 the mass at zero, l the hazards a day and H their
//! integral, the density of a wait w > 0 is `(1 - p0) l(w) exp(-H(w))`, and the chance to pass c
//! days without an event is `(1 - p0) exp(-H(c))` (Kalbfleisch and Prentice, section 2.3).

/// A law of waits. `edges` are W - 1 ascending inner edges in days; bin j lasts from edge j - 1 (0
/// for the first) up to but without edge j, and the last of the W bins is open.
#[derive(Clone, Copy, Debug)]
pub struct WaitLaw<'a> {
    /// Log odds of a zero wait.
    pub zero_logit: f32,
    /// Natural logarithm of the hazard a day in each bin, `[W]`.
    pub log_hazards: &'a [f32],
    /// Inner edges in days, `[W - 1]`.
    pub edges: &'a [f32],
}

/// The negative log-likelihood in nats of a wait in days (a density for a positive wait, a
/// probability for zero).
pub fn wait_nll(zero_logit: f32, log_hazards: &[f32], edges: &[f32], wait_days: f64) -> f64 {
    WaitLaw {
        zero_logit,
        log_hazards,
        edges,
    }
    .nll(wait_days)
}

impl WaitLaw<'_> {
    /// As [`wait_nll`].
    pub fn nll(&self, wait_days: f64) -> f64 {
        if wait_days <= 0.0 {
            return softplus(-f64::from(self.zero_logit));
        }
        let log_hazard = f64::from(self.log_hazards[self.bin(wait_days)]);
        self.survival_nll(wait_days) - log_hazard
    }

    /// `-ln` of the probability that no event comes within `wait_days`, a tie at zero included.
    pub fn survival_nll(&self, wait_days: f64) -> f64 {
        softplus(f64::from(self.zero_logit)) + self.cumulative(wait_days)
    }

    /// H: the integral of the hazard from 0.
    pub fn cumulative(&self, wait_days: f64) -> f64 {
        let hazards = self.log_hazards.iter().enumerate();
        hazards
            .map(|(j, log)| exposure(self.edges, j, wait_days) * f64::from(*log).exp())
            .sum()
    }

    /// The mean in days of a wait above zero: the integral of its survival, bin by bin.
    pub(crate) fn mean(&self) -> f64 {
        let (mut mean, mut survival, mut start) = (0.0, 1.0, 0.0);
        for (j, log) in self.log_hazards.iter().enumerate() {
            let hazard = f64::from(*log).exp();
            let end = self
                .edges
                .get(j)
                .map_or(f64::INFINITY, |edge| f64::from(*edge));
            let left = (-hazard * (end - start)).exp();
            mean += survival * (1.0 - left) / hazard;
            survival *= left;
            start = end;
        }
        mean
    }

    /// The probability of a zero wait.
    pub fn zero_probability(&self) -> f64 {
        sigmoid(f64::from(self.zero_logit))
    }

    /// The probability of an event within `within_days` from now when none has come for
    /// `elapsed_days` since the last; `None` when now is the last event itself, so that a tie is
    /// possible.
    pub fn probability_within(&self, within_days: f64, elapsed_days: Option<f64>) -> f64 {
        match elapsed_days {
            None => -(-self.survival_nll(within_days)).exp_m1(),
            Some(elapsed) => {
                let elapsed = elapsed.max(0.0);
                let hazard = self.cumulative(elapsed + within_days) - self.cumulative(elapsed);
                -(-hazard).exp_m1()
            }
        }
    }

    /// The whole wait since the last event for a uniform `u` in [0, 1), given that none has come
    /// for `elapsed_days` (`None`: now is the last event itself, and a tie is possible). Infinite
    /// when the last hazard is too small for a finite wait.
    pub fn sample(&self, u: f64, elapsed_days: Option<f64>) -> f64 {
        let zero = self.zero_probability();
        let (start, u) = match elapsed_days {
            None if u < zero => return 0.0,
            None => (0.0, ((u - zero) / (1.0 - zero)).clamp(0.0, 1.0)),
            Some(elapsed) => (elapsed.max(0.0), u),
        };
        // -ln(1 - u) is a standard exponential; the wait is where H has grown by it.
        let mut left = -(-u).ln_1p();
        let mut from = start;
        for j in self.bin(start)..self.log_hazards.len() {
            let hazard = f64::from(self.log_hazards[j]).exp();
            let end = self
                .edges
                .get(j)
                .map_or(f64::INFINITY, |edge| f64::from(*edge));
            let within = hazard * (end - from).max(0.0);
            if left < within {
                // A wait that passed zero is never zero again, whatever the rounding.
                return (from + left / hazard).max(f64::MIN_POSITIVE).min(end);
            }
            left -= within;
            from = end;
        }
        f64::INFINITY
    }

    /// The bin of a wait.
    pub fn bin(&self, wait_days: f64) -> usize {
        self.edges
            .partition_point(|edge| f64::from(*edge) <= wait_days)
    }

    /// The derivative of the negative log-likelihood by the zero logit; `None` is censored.
    pub(crate) fn zero_gradient(&self, wait_days: Option<f64>) -> f64 {
        let tie = wait_days.is_some_and(|wait| wait <= 0.0);
        self.zero_probability() - if tie { 1.0 } else { 0.0 }
    }
}

/// Counts waits and exposure, and makes the marginal law of them: the maximum-likelihood
/// piecewise-constant hazard is events over days at risk, bin by bin.
#[derive(Clone, Debug)]
pub struct WaitMarginal {
    edges: Vec<f32>,
    ties: f64,
    others: f64,
    events: Vec<f64>,
    days: Vec<f64>,
}

impl WaitMarginal {
    /// Nothing counted yet.
    pub fn new(edges_days: &[f32]) -> Self {
        let bins = edges_days.len() + 1;
        Self {
            edges: edges_days.to_vec(),
            ties: 0.0,
            others: 0.0,
            events: vec![0.0; bins],
            days: vec![0.0; bins],
        }
    }

    /// Counts the wait of an event.
    pub fn event(&mut self, wait_days: f64) {
        if wait_days <= 0.0 {
            self.ties += 1.0;
        } else {
            let bin = self
                .edges
                .partition_point(|edge| f64::from(*edge) <= wait_days);
            self.events[bin] += 1.0;
            self.censored(wait_days);
        }
    }

    /// Counts days without an event.
    pub fn censored(&mut self, wait_days: f64) {
        self.others += 1.0;
        for (j, days) in self.days.iter_mut().enumerate() {
            *days += exposure(&self.edges, j, wait_days);
        }
    }

    /// The probability of a zero wait and the hazards a day, `[W]`. One event in a bin's median
    /// exposure and half a count beside the ties keep empty bins above zero.
    pub fn finish(&self) -> (f64, Vec<f64>) {
        let zero = (self.ties + 0.5) / (self.ties + self.others + 1.0);
        let events: f64 = self.events.iter().sum();
        let overall = (events + 0.5) / (self.days.iter().sum::<f64>() + 1.0);
        let hazards = self.events.iter().zip(&self.days);
        // The prior of half an event is weak: a bin with data keeps its own rate.
        let smoothed = hazards.map(|(events, days)| (events + 0.5) / (days + 0.5 / overall));
        (zero, smoothed.collect())
    }
}

/// Days that a wait spends in bin j of these edges.
pub(crate) fn exposure(edges: &[f32], j: usize, wait_days: f64) -> f64 {
    let start = if j == 0 { 0.0 } else { f64::from(edges[j - 1]) };
    let end = edges.get(j).map_or(f64::INFINITY, |edge| f64::from(*edge));
    (wait_days.min(end) - start).max(0.0)
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
