//! The loss of the wait: rows of (logit of a zero wait, log hazards) against waits and censored
//! waits.

use crate::hazard::{WaitLaw, exposure};
use rayon::prelude::*;

/// What was seen of one row's wait.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Seen {
    Event(f64),
    Censored(f64),
}

/// Adds the bias to z `[N, 1 + W]` and replaces z by its gradient; writes the nats of each row.
pub(crate) fn loss(z: &mut [f32], bias: &[f32], edges: &[f32], seen: &[Seen], nats: &mut [f64]) {
    let width = bias.len();
    z.par_chunks_mut(width)
        .zip(seen)
        .zip(nats)
        .for_each(|((z, seen), nats)| {
            add_bias(z, bias);
            let law = WaitLaw {
                zero_logit: z[0],
                log_hazards: &z[1..],
                edges,
            };
            let (value, zero) = match *seen {
                Seen::Event(wait) => (law.nll(wait), law.zero_gradient(Some(wait))),
                Seen::Censored(wait) => (law.survival_nll(wait), law.zero_gradient(None)),
            };
            *nats = value;
            let (wait, happened) = match *seen {
                Seen::Event(wait) => (wait, wait > 0.0),
                Seen::Censored(wait) => (wait, false),
            };
            let bin = law.bin(wait);
            for j in 0..width - 1 {
                let exposure = exposure(edges, j, wait) * f64::from(z[1 + j]).exp();
                let event = if happened && j == bin { 1.0 } else { 0.0 };
                z[1 + j] = narrow(exposure - event);
            }
            z[0] = narrow(zero);
        });
}

/// As [`loss`] for the tie alone, where the rest of the wait is told by the rates of codes.
pub(crate) fn tie_loss(z: &mut [f32], bias: &[f32], seen: &[Seen], nats: &mut [f64]) {
    let rows = z.chunks_exact_mut(bias.len()).zip(seen);
    for ((z, seen), nats) in rows.zip(nats) {
        let law = WaitLaw {
            zero_logit: z[0] + bias[0],
            log_hazards: &[],
            edges: &[],
        };
        let wait = match *seen {
            Seen::Event(wait) => Some(wait),
            Seen::Censored(_) => None,
        };
        *nats = if wait.is_some_and(|wait| wait <= 0.0) {
            law.nll(0.0)
        } else {
            law.survival_nll(0.0)
        };
        z[0] = narrow(law.zero_gradient(wait));
        z[1..].fill(0.0);
    }
}

/// Adds the bias `[1 + W]` to each row of z.
pub(crate) fn add_bias(z: &mut [f32], bias: &[f32]) {
    for row in z.chunks_exact_mut(bias.len()) {
        for (z, bias) in row.iter_mut().zip(bias) {
            *z += bias;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
