//! Limited-memory BFGS for smooth convex functions (Nocedal and Wright 2006, "Numerical
//! Optimization", algorithms 7.4 and 7.5), with step halving under the Armijo condition.

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;

/// The share of the promised descent that a step must give (Armijo).
const DESCENT_SHARE: f64 = 1e-4;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// When no part of the gradient is larger.
    pub(crate) gradient_max: f64,
    /// After so many steps.
    pub(crate) steps_max: usize,
}

/// A remembered step.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Walks from `at` to the minimum of `function`, which fills the gradient and returns the value.
pub(crate) fn minimise(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    at: &mut Vec<f64>,
    stop: Stop,
) {
    let mut gradient = vec![0.0; at.len()];
    let mut value = function(at, &mut gradient);
    let mut memory: VecDeque<Pair> = VecDeque::with_capacity(MEMORY + 1);
    let mut next_gradient = vec![0.0; at.len()];
    for _ in 0..stop.steps_max {
        if gradient.iter().all(|part| part.abs() <= stop.gradient_max) {
            return;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        let mut length = if memory.is_empty() {
            1.0 / dot(&gradient, &gradient).sqrt().max(1.0)
        } else {
            1.0
        };
        let next = loop {
            let next: Vec<f64> = at
                .iter()
                .zip(&direction)
                .map(|(a, d)| a + length * d)
                .collect();
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + DESCENT_SHARE * length * slope {
                value = next_value;
                break next;
            }
            length /= 2.0;
            if length < 1e-12 {
                return;
            }
        };
        remember(&mut memory, (&next, at), (&next_gradient, &gradient));
        *at = next;
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
}

fn remember(memory: &mut VecDeque<Pair>, points: (&[f64], &[f64]), gradients: (&[f64], &[f64])) {
    let less =
        |(a, b): (&[f64], &[f64])| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    let (step, change) = (less(points), less(gradients));
    let curvature = dot(&step, &change);
    if curvature > 1e-14 * dot(&change, &change) {
        memory.push_back(Pair {
            step,
            change,
            curvature,
        });
        if memory.len() > MEMORY {
            memory.pop_front();
        }
    }
}

/// The two-loop recursion: the inverse Hessian's approximation times the negative gradient.
fn direction(gradient: &[f64], memory: &VecDeque<Pair>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|part| -part).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let share = dot(&pair.step, &q) / pair.curvature;
        add(&mut q, -share, &pair.change);
        shares.push(share);
    }
    if let Some(pair) = memory.back() {
        let scale = pair.curvature / dot(&pair.change, &pair.change);
        for part in &mut q {
            *part *= scale;
        }
    }
    for (pair, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(&pair.change, &q) / pair.curvature;
        add(&mut q, share - back, &pair.step);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], share: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += share * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badly_scaled_bowl_is_walked_to_its_ground() {
        let scales = [1.0, 100.0, 0.01];
        let mut at = vec![3.0, -2.0, 50.0];
        let bowl = |x: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for (place, (x, scale)) in x.iter().zip(scales).enumerate() {
                gradient[place] = 2.0 * scale * (x - 1.0);
                value += scale * (x - 1.0).powi(2);
            }
            value
        };
        let stop = Stop {
            gradient_max: 1e-10,
            steps_max: 200,
        };
        minimise(bowl, &mut at, stop);
        assert!(at.iter().all(|x| (x - 1.0).abs() < 1e-7), "{at:?}");
    }
}
