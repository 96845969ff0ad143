//! What the sampler feeds the model must be what the model would see of the same events as a past.

use super::*;
use crate::fixture::{self, chain};
use crate::risk::Outcomes;
use crate::sample::Run;
use longitude_core::{Event, Origin};

/// A chain that remembers what it was fed.
struct Recorder {
    chain: chain::Chain,
    fed: Vec<Input>,
}

impl Process for Recorder {
    type Past = ();

    fn admit(&mut self, past: &()) -> Result<()> {
        self.chain.admit(past)
    }

    fn waits(&mut self, after: &[Option<f64>], draws: &[f64], waits: &mut Vec<f64>) -> Result<()> {
        self.chain.waits(after, draws, waits)?;
        // Some ties.
        if after[0].is_none() && draws[0] < 0.2 {
            waits[0] = 0.0;
        }
        Ok(())
    }

    fn codes(&mut self, waits: &[f64], codes: &mut Vec<f32>) -> Result<()> {
        self.chain.codes(waits, codes)
    }

    fn bins(&mut self, marks: &[(f64, u32)], bins: &mut Vec<f32>) -> Result<()> {
        self.chain.bins(marks, bins)
    }

    fn advance(&mut self, keep: &[usize], events: &[Input]) -> Result<()> {
        self.fed.extend_from_slice(events);
        self.chain.advance(keep, events)
    }
}

#[test]
fn a_future_is_fed_as_the_past_it_becomes() {
    let vocabulary = fixture::vocabulary();
    let timeline = fixture::patient(2, 20);
    let at = Instant(0).plus(Days(45.0));
    let history = History::new(&vocabulary, &timeline, at, 1000).unwrap();
    let rates = [("A", 0.3), ("LAB//1", 0.5), ("X", 0.2)];
    let run = Run {
        start: history.start,
        vocabulary: &vocabulary,
        outcomes: Outcomes::new(&[], at),
        seed: 3,
        events_max: 31,
        end: at.plus(Days(1000.0)),
        to_the_end: true,
    };
    let mut process = Recorder {
        chain: chain::Chain::new(&vocabulary, &rates),
        fed: Vec::new(),
    };
    let mut sampled = chain::sampled(run, (&mut process, ()), 1, 0..1);
    let future = sampled.remove(0).future;
    let mut events = timeline.history(at).to_vec();
    events.extend(future.steps.iter().map(|step| {
        let code = vocabulary.code(step.code).unwrap().clone();
        let mut event = Event::new(code, Some(step.time), Origin::derived("test"));
        event.numeric_value = step.value;
        event.unit = step.value.map(|_| "mg/dL".into());
        event
    }));
    let lived = Timeline::new(timeline.subject(), events, timeline.observation());
    let last = future.steps.last().unwrap().time;
    let seen = History::new(&vocabulary, &lived, last, 1000).unwrap();
    // The last event is not fed: the limit of events was reached with it.
    let fed = &seen.inputs[history.inputs.len()..][..30];
    assert_eq!(process.fed.len(), 30);
    let ties = fed.iter().filter(|i| i.wait_days_prev == 0.0).count();
    assert!((2..20).contains(&ties), "{ties}");
    assert!(fed.iter().filter(|i| i.value_bin > 0).count() >= 5);
    for (index, (sampled, encoded)) in process.fed.iter().zip(fed).enumerate() {
        assert_eq!(sampled.code, encoded.code, "{index}");
        assert_eq!(sampled.value_bin, encoded.value_bin, "{index}");
        assert!(sampled == encoded, "{index}");
    }
}

#[test]
fn a_cut_history_keeps_its_clock() {
    let vocabulary = fixture::vocabulary();
    let timeline = fixture::patient(2, 60);
    let at = Instant(0).plus(Days(500.0));
    let whole = History::new(&vocabulary, &timeline, at, 1000).unwrap();
    let cut = History::new(&vocabulary, &timeline, at, 20).unwrap();
    assert_eq!((whole.inputs.len(), cut.inputs.len()), (62, 20));
    // Sex and birth stay in front, and so does the origin of the clock.
    assert!(cut.inputs[..2] == whole.inputs[..2]);
    assert!(cut.inputs[2..] == whole.inputs[44..]);
    assert_eq!(cut.start.last_us, whole.start.last_us);
}
