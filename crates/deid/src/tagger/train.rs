//! Learning the tagger: the log-likelihood of annotated texts, climbed text by text with AdaGrad
//! (Duchi, Hazan and Singer 2011), in one thread, in a given order: the same texts give the same
//! weights. Used by the benchmark `phi` only; the program ships finished weights.

use super::features::{BUCKET_BITS, features};
use super::lexicon::Lexicon;
use super::reading::Reading;
use super::{TAGS, Weights, tag_of};
use crate::text::{Found, Scrubber};

/// How to learn.
#[derive(Clone, Copy, Debug)]
pub struct TrainOptions {
    /// Passes over all texts.
    pub passes: usize,
    /// The size of the first steps.
    pub rate: f32,
    /// The weight of the squared weights against the likelihood.
    pub decay: f32,
    /// The share of a token's features that each pass leaves out (Srivastava et al. 2014), so that
    /// no single phrase of a template is relied on.
    pub left_out: f32,
    /// How many weights of the table are kept.
    pub kept: usize,
    /// The seed of the order of the texts.
    pub seed: u64,
}

/// An annotated text, ready to be learnt from.
pub struct Lesson {
    /// The buckets of all tokens, and where each token's end.
    buckets: Vec<u32>,
    ends: Vec<u32>,
    tags: Vec<u8>,
}

impl Lesson {
    /// Reads a text with its true spans, which do not overlap. A token is of a span that covers its
    /// first byte; spans of labels that no tagger gives are passed over.
    pub fn of(scrubber: &Scrubber, text: &str, spans: &[Found]) -> Self {
        let hits = scrubber.hits(text);
        let lexicon = scrubber.lexicon();
        Self::read(lexicon, text, &hits, spans)
    }

    fn read(lexicon: &Lexicon, text: &str, hits: &[Found], spans: &[Found]) -> Self {
        let reading = Reading::of(text, lexicon, hits);
        let mut lesson = Self {
            buckets: Vec::new(),
            ends: Vec::new(),
            tags: Vec::new(),
        };
        for (at, token) in reading.tokens.iter().enumerate() {
            features(&reading, at, &mut lesson.buckets);
            let end = u32::try_from(lesson.buckets.len()).unwrap_or(u32::MAX);
            lesson.ends.push(end);
            let inside = |span: &&Found| span.start <= token.start && token.start < span.end;
            let span = spans.iter().find(inside);
            lesson
                .tags
                .push(span.and_then(|span| tag_of(span.label)).unwrap_or(0));
        }
        lesson
    }

    /// The lesson with a share of its features, drawn at random.
    fn thinned(&self, left_out: f32, state: &mut u64) -> Self {
        let mut thin = Self {
            buckets: Vec::with_capacity(self.buckets.len()),
            ends: Vec::with_capacity(self.ends.len()),
            tags: self.tags.clone(),
        };
        for at in 0..self.tags.len() {
            // One draw decides on four features.
            for four in self.buckets(at).chunks(4) {
                let drawn = draw(state);
                let kept = four.iter().enumerate().filter(|(number, _)| {
                    let part = (drawn >> (16 * number)) & 0xFFFF;
                    part as f32 >= left_out * 65_536.0
                });
                thin.buckets.extend(kept.map(|(_, bucket)| *bucket));
            }
            let end = u32::try_from(thin.buckets.len()).unwrap_or(u32::MAX);
            thin.ends.push(end);
        }
        thin
    }

    fn buckets(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.buckets[start as usize..self.ends[at] as usize]
    }
}

/// Not what was in the text.
impl std::fmt::Debug for Lesson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lesson({} tokens)", self.tags.len())
    }
}

type Row = [f32; TAGS];

/// Real weights, or a sum over them.
struct Table {
    buckets: Vec<Row>,
    start: Row,
    pairs: [Row; TAGS],
}

impl Table {
    fn of(value: f32) -> Self {
        Self {
            buckets: vec![[value; TAGS]; 1 << BUCKET_BITS],
            start: [value; TAGS],
            pairs: [[value; TAGS]; TAGS],
        }
    }

    fn scores(&self, lesson: &Lesson, at: usize) -> Row {
        let mut scores = [0.0; TAGS];
        for bucket in lesson.buckets(at) {
            let row = &self.buckets[*bucket as usize];
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += weight;
            }
        }
        scores
    }
}

/// The gradient of one text's log-likelihood: by token, of the first tag, and of pairs.
struct Gradient {
    tokens: Vec<Row>,
    start: Row,
    pairs: [Row; TAGS],
    likelihood: f32,
}

/// Learns from texts; the likelihood per token of each pass is told.
pub fn train(
    lessons: &[&Lesson],
    options: &TrainOptions,
    tell: &mut dyn FnMut(usize, f64),
) -> Weights {
    let mut weights = Table::of(0.0);
    let mut squares = Table::of(1e-3);
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    let mut state = options.seed;
    for pass in 1..=options.passes {
        shuffle(&mut order, &mut state);
        let (mut likelihood, mut tokens) = (0.0, 0);
        for &at in &order {
            let lesson = lessons[at].thinned(options.left_out, &mut state);
            let gradient = gradient(&weights, &lesson);
            likelihood += f64::from(gradient.likelihood);
            tokens += lesson.tags.len();
            climb(&mut weights, &mut squares, &lesson, &gradient, options);
        }
        tell(pass, likelihood / f64::max(tokens as f64, 1.0));
    }
    // All features are there when it is used; the sum stays what it was on average.
    for weight in weights.buckets.iter_mut().flatten() {
        *weight *= 1.0 - options.left_out;
    }
    Weights::rounded(
        &weights.buckets,
        &weights.start,
        &weights.pairs,
        options.kept,
    )
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The shuffle of Fisher and Yates.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        let drawn = draw(state) % (last as u64 + 1);
        order.swap(last, usize::try_from(drawn).unwrap_or(0));
    }
}

/// Forward and backward sums (Rabiner 1989), scaled to 1 at every token.
fn gradient(weights: &Table, lesson: &Lesson) -> Gradient {
    let count = lesson.tags.len();
    let pairs = weights.pairs.map(|row| row.map(f32::exp));
    let mut likelihood = 0.0;
    let mut emitted: Vec<Row> = Vec::with_capacity(count);
    let mut forward: Vec<Row> = Vec::with_capacity(count);
    for at in 0..count {
        let scores = weights.scores(lesson, at);
        let tag = usize::from(lesson.tags[at]);
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let emit = scores.map(|score| (score - most).exp());
        let mut row = match at.checked_sub(1) {
            None => weights.start.map(f32::exp),
            Some(before) => times(&forward[before], &pairs),
        };
        row.iter_mut().zip(&emit).for_each(|(value, e)| *value *= e);
        let sum: f32 = row.iter().sum();
        for value in &mut row {
            *value /= sum;
        }
        let joined = match at.checked_sub(1) {
            None => weights.start[tag],
            Some(before) => weights.pairs[usize::from(lesson.tags[before])][tag],
        };
        likelihood += scores[tag] + joined - most - sum.ln();
        emitted.push(emit);
        forward.push(row);
    }
    backward(lesson, &emitted, &forward, (&pairs, likelihood))
}

fn backward(
    lesson: &Lesson,
    emitted: &[Row],
    forward: &[Row],
    (pairs, likelihood): (&[Row; TAGS], f32),
) -> Gradient {
    let mut gradient = Gradient {
        tokens: vec![[0.0; TAGS]; lesson.tags.len()],
        start: [0.0; TAGS],
        pairs: [[0.0; TAGS]; TAGS],
        likelihood,
    };
    let mut later: Row = [1.0; TAGS];
    for at in (0..lesson.tags.len()).rev() {
        let tag = usize::from(lesson.tags[at]);
        let mut row: Row = std::array::from_fn(|t| forward[at][t] * later[t]);
        let sum: f32 = row.iter().sum();
        for value in &mut row {
            *value /= sum;
        }
        gradient.tokens[at] = row.map(|expected| -expected);
        gradient.tokens[at][tag] += 1.0;
        let Some(before) = at.checked_sub(1) else {
            gradient.start = gradient.tokens[at];
            break;
        };
        let inner: Row = std::array::from_fn(|t| emitted[at][t] * later[t]);
        let mut joint = [[0.0; TAGS]; TAGS];
        for (from, row) in joint.iter_mut().enumerate() {
            for (to, value) in row.iter_mut().enumerate() {
                *value = forward[before][from] * pairs[from][to] * inner[to];
            }
        }
        let sum: f32 = joint.iter().flatten().sum();
        for (total, row) in gradient.pairs.iter_mut().zip(&joint) {
            for (total, value) in total.iter_mut().zip(row) {
                *total -= value / sum;
            }
        }
        gradient.pairs[usize::from(lesson.tags[before])][tag] += 1.0;
        later = std::array::from_fn(|from| {
            let row = pairs[from].iter().zip(&inner);
            row.map(|(pair, inner)| pair * inner).sum()
        });
        let most = later.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        for value in &mut later {
            *value /= most;
        }
    }
    gradient
}

/// A row times a matrix.
fn times(row: &Row, matrix: &[Row; TAGS]) -> Row {
    let mut out = [0.0; TAGS];
    for (value, row) in row.iter().zip(matrix) {
        for (out, weight) in out.iter_mut().zip(row) {
            *out += value * weight;
        }
    }
    out
}

/// One step of AdaGrad.
fn climb(
    weights: &mut Table,
    squares: &mut Table,
    lesson: &Lesson,
    gradient: &Gradient,
    options: &TrainOptions,
) {
    /// What is smaller is left out: it changes no weight by a step and most tokens are such.
    const SMALL: f32 = 1e-3;
    let step = |weight: &mut f32, square: &mut f32, slope: f32| {
        let slope = slope - options.decay * *weight;
        *square += slope * slope;
        *weight += options.rate * slope / square.sqrt();
    };
    for (at, slopes) in gradient.tokens.iter().enumerate() {
        if slopes.iter().all(|slope| slope.abs() < SMALL) {
            continue;
        }
        for bucket in lesson.buckets(at) {
            let row = weights.buckets[*bucket as usize].iter_mut();
            let squares = &mut squares.buckets[*bucket as usize];
            for ((weight, square), slope) in row.zip(squares).zip(slopes) {
                if slope.abs() >= SMALL {
                    step(weight, square, *slope);
                }
            }
        }
    }
    let row = weights.start.iter_mut().zip(&mut squares.start);
    row.zip(&gradient.start)
        .for_each(|((weight, square), slope)| step(weight, square, *slope));
    let all = weights.pairs.iter_mut().flatten();
    all.zip(squares.pairs.iter_mut().flatten())
        .zip(gradient.pairs.iter().flatten())
        .for_each(|((weight, square), slope)| step(weight, square, *slope));
}

#[cfg(test)]
mod tests;
