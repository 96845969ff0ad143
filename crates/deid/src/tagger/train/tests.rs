//! Learning: deterministic, and its slopes those of the likelihood.

use super::*;
use crate::labels::Label;
use crate::tagger::tag;

const TEXTS: [&str; 3] = [
    "seen by Qwara today",
    "talked to Bnoti today, stable",
    "no fever today",
];

fn lesson(lexicon: &Lexicon, text: &str) -> Lesson {
    let names = text.match_indices(char::is_uppercase);
    let spans: Vec<Found> = names
        .map(|(start, _)| Found {
            start,
            end: start + 5,
            label: Label::Name,
        })
        .collect();
    Lesson::read(lexicon, text, &[], &spans)
}

const OPTIONS: TrainOptions = TrainOptions {
    passes: 12,
    rate: 0.3,
    decay: 0.0,
    left_out: 0.2,
    kept: 1 << 20,
    seed: 5,
};

#[test]
fn the_same_lessons_give_the_same_weights_and_they_are_learnt() {
    let lexicon = Lexicon::new();
    let lessons = TEXTS.map(|text| lesson(&lexicon, text));
    let lessons: Vec<&Lesson> = lessons.iter().collect();
    let weights = train(&lessons, &OPTIONS, &mut |_, _| {});
    let again = train(&lessons, &OPTIONS, &mut |_, _| {});
    assert_eq!(weights.to_bytes(), again.to_bytes());
    let found = |text: &str, weights: &Weights| {
        let found = tag(text, &lexicon, weights, &[]);
        found
            .iter()
            .map(|f| text[f.start..f.end].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("seen by Bnoti today", &weights), ["Bnoti"]);
    assert!(found("no fever", &weights).is_empty());
    let read = Weights::from_bytes(&weights.to_bytes()).unwrap();
    assert_eq!(found("seen by Bnoti today", &read), ["Bnoti"]);
    assert_eq!(read.kept(), weights.kept());
}

/// The log-likelihood by every sequence of tags, against which sums and slopes are held.
fn by_enumeration(weights: &Table, lesson: &Lesson) -> f64 {
    let count = lesson.tags.len();
    let scores: Vec<Row> = (0..count).map(|at| weights.scores(lesson, at)).collect();
    let score = |tags: &[usize]| {
        let mut sum = f64::from(weights.start[tags[0]]);
        for (at, tag) in tags.iter().enumerate() {
            sum += f64::from(scores[at][*tag]);
            if at > 0 {
                sum += f64::from(weights.pairs[tags[at - 1]][*tag]);
            }
        }
        sum
    };
    let mut total = 0.0;
    let mut tags = vec![0; count];
    loop {
        total += score(&tags).exp();
        let Some(next) = tags.iter().position(|tag| tag + 1 < TAGS) else {
            break;
        };
        tags[next] += 1;
        tags[..next].fill(0);
    }
    let truth: Vec<usize> = lesson.tags.iter().map(|tag| usize::from(*tag)).collect();
    score(&truth) - f64::ln(total)
}

#[test]
fn slopes_are_those_of_the_likelihood_by_enumeration() {
    let lexicon = Lexicon::new();
    let lesson = lesson(&lexicon, "by Qwara x");
    let mut weights = Table::of(0.0);
    let mut state = 9;
    let mut small = || (draw(&mut state) % 1_000) as f32 / 1_000.0 - 0.5;
    for bucket in &lesson.buckets {
        weights.buckets[*bucket as usize] = std::array::from_fn(|_| small() / 20.0);
    }
    weights.start = std::array::from_fn(|_| small());
    weights.pairs = std::array::from_fn(|_| std::array::from_fn(|_| small()));
    let slopes = gradient(&weights, &lesson);
    let truth = by_enumeration(&weights, &lesson);
    assert!(
        (f64::from(slopes.likelihood) - truth).abs() < 1e-4,
        "{truth}"
    );
    for (from, to) in [(0, 0), (0, 1), (1, 0), (5, 7)] {
        let mut moved = |by: f32| {
            weights.pairs[from][to] += by;
            let likelihood = by_enumeration(&weights, &lesson);
            weights.pairs[from][to] -= by;
            likelihood
        };
        let slope = (moved(0.01) - moved(-0.01)) / 0.02;
        let told = f64::from(slopes.pairs[from][to]);
        assert!((slope - told).abs() < 1e-3, "{from} {to}: {slope} {told}");
    }
    let bucket = lesson.buckets(1)[0] as usize;
    let mut moved = |by: f32| {
        weights.buckets[bucket][1] += by;
        let likelihood = by_enumeration(&weights, &lesson);
        weights.buckets[bucket][1] -= by;
        likelihood
    };
    let slope = (moved(0.01) - moved(-0.01)) / 0.02;
    let told: f32 = (0..lesson.tags.len())
        .map(|at| {
            let times = lesson.buckets(at).iter().filter(|b| **b as usize == bucket);
            slopes.tokens[at][1] * times.count() as f32
        })
        .sum();
    assert!((slope - f64::from(told)).abs() < 1e-3, "{slope} {told}");
}
