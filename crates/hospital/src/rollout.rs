//! True risks by forward rollouts: the simulator itself, run again and again from one latent state
//! with fresh seeds, and watched for what the record would show.

use crate::Options;
use crate::calendar::LocalDays;
use crate::concepts::Concept;
use crate::course::{Class, Sink, Stay, advance};
use crate::effects::Factor;
use crate::physiology::State;
use crate::random::Random;
use crate::tasks::OUTCOMES;

/// The first time at which each outcome is recorded in one future.
struct Watch {
    first: Vec<LocalDays>,
}

impl Watch {
    fn mark(&mut self, bits: u32, at: LocalDays) {
        let mut left = bits;
        while left != 0 {
            let first = &mut self.first[left.trailing_zeros() as usize];
            *first = first.min(at);
            left &= left - 1;
        }
    }
}

impl Sink for Watch {
    fn encounter(&mut self, _state: &State, class: Class, start: LocalDays, _end: LocalDays) {
        if class == Class::Inpatient {
            self.mark(OUTCOMES.admission, start);
        }
    }

    fn stay(&mut self, _state: &State, _stay: &Stay) {}

    fn diagnosis(&mut self, at: LocalDays, concept: Concept) {
        self.mark(OUTCOMES.concepts[concept as usize], at);
    }

    fn treatment(&mut self, _at: LocalDays, _treatment: Factor) {}

    fn registered(&mut self, _state: &State, _at: LocalDays) {}

    fn visit_over(&mut self, _state: &State, _at: LocalDays, complaint: Option<Concept>) {
        debug_assert!(complaint.is_none_or(|c| OUTCOMES.concepts[c as usize] == 0));
    }

    fn death(&mut self, at: LocalDays) {
        self.mark(OUTCOMES.death, at);
    }
}

/// The share of rollouts in which each task's outcome is recorded within its horizon. Death ends a
/// rollout, so what would have come after it does not count.
pub(crate) fn risks(options: &Options, index: u32, from: &State) -> Vec<f64> {
    let outcomes = &*OUTCOMES;
    let mut hits = vec![0_u32; outcomes.tasks.len()];
    let mut start = from.clone();
    // The hazards at the index date are the same in every rollout.
    start.recompute();
    for number in 0..options.rollouts {
        let mut state = start.clone();
        let mut random = Random::rollout(options.seed, index, number);
        let mut watch = Watch {
            first: vec![f64::INFINITY; outcomes.tasks.len()],
        };
        let until = start.now + outcomes.horizon_max;
        advance(&mut state, &mut random, until, &mut watch);
        for ((hit, task), first) in hits.iter_mut().zip(&outcomes.tasks).zip(&watch.first) {
            *hit += u32::from(*first - start.now <= task.horizon.0);
        }
    }
    let rollouts = f64::from(options.rollouts.max(1));
    hits.into_iter()
        .map(|hit| f64::from(hit) / rollouts)
        .collect()
}
