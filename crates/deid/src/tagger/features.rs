//! The features of a token: numbers of buckets, hashed from a template and what it looks at, so
//! that no word of any note is kept.

use super::lexicon::flag;
use super::reading::{Noticed, Reading};

/// The number of buckets, as a power of two.
pub(crate) const BUCKET_BITS: u32 = 18;
/// How many chunks before and after are looked at without their order.
const NEAR_BEFORE: usize = 7;
const NEAR_AFTER: usize = 4;

/// The flags that tell kinds of names apart from kinds of words.
const NAME_FLAGS: u32 = flag::MALE
    | flag::FEMALE
    | flag::SURNAME_TOP
    | flag::SURNAME
    | flag::SURNAME_RARE
    | flag::ENGLISH
    | flag::COMMON
    | flag::EVERYDAY
    | flag::EPONYM
    | flag::DRUG
    | flag::PLACE;

/// Makes the bucket of a template and two values.
fn bucket(template: u64, a: u64, b: u64) -> u32 {
    let mut h = template
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(a)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h ^= h >> 29;
    h = h.wrapping_add(b).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^= h >> 32;
    u32::try_from(h >> (64 - BUCKET_BITS)).unwrap_or(0)
}

/// Collects the buckets of one token.
struct Collector<'a> {
    out: &'a mut Vec<u32>,
    template: u64,
}

impl Collector<'_> {
    fn one(&mut self, a: u64) {
        self.two(a, 0);
    }

    /// The next template with two values.
    fn two(&mut self, a: u64, b: u64) {
        self.template += 1;
        self.out.push(bucket(self.template, a, b));
    }

    /// The template named, whichever came before.
    fn named(&mut self, template: u64, a: u64, b: u64) {
        self.out.push(bucket(1_000 + template, a, b));
    }
}

/// Appends the buckets of the token at a place.
pub(crate) fn features(reading: &Reading, at: usize, out: &mut Vec<u32>) {
    let mut to = Collector { out, template: 0 };
    let token = |offset: isize| -> Noticed {
        let at = at.checked_add_signed(offset);
        let noticed = at.and_then(|at| reading.noticed.get(at));
        noticed.copied().unwrap_or_default()
    };
    let around: [Noticed; 7] = std::array::from_fn(|i| token(isize::try_from(i).unwrap_or(0) - 3));
    words(&around, &mut to);
    shapes(&around, &mut to);
    lists(&around, &mut to);
    lines(&around[3], &mut to);
    chunks(reading, &around[3], &mut to);
}

fn words([w3, w2, w1, w, a1, a2, a3]: &[Noticed; 7], to: &mut Collector<'_>) {
    for one in [w, w1, a1, w2, a2, w3, a3] {
        to.one(one.word);
    }
    to.two(w1.word, w.word);
    to.two(w.word, a1.word);
    to.two(w2.word, w1.word);
    to.two(a1.word, a2.word);
    to.two(w1.word, a1.word);
    for end in w.ends {
        to.one(end);
    }
}

fn shapes([_, w2, w1, w, a1, a2, _]: &[Noticed; 7], to: &mut Collector<'_>) {
    let pair = |a: &Noticed, b: &Noticed| a.shape.wrapping_mul(31).wrapping_add(b.shape);
    to.one(w.shape);
    to.two(w1.shape, w.shape);
    to.two(w.shape, a1.shape);
    to.two(pair(w1, w), a1.shape);
    to.two(pair(w2, w1), w.shape);
    to.two(pair(w, a1), a2.shape);
    to.two(pair(w2, w1), pair(w, a1).wrapping_add(a2.shape));
    to.two(w.shape, w1.word);
    to.two(w.shape, a1.word);
    to.two(w.shape, w2.word.wrapping_mul(31).wrapping_add(w1.word));
    to.two(w.shape, a1.word.wrapping_mul(31).wrapping_add(a2.word));
}

fn lists([_, w2, w1, w, a1, a2, _]: &[Noticed; 7], to: &mut Collector<'_>) {
    // Whether it looks like a name: the lists together with the shape.
    let kind = |one: &Noticed| u64::from(one.flags & NAME_FLAGS) ^ one.shape;
    to.one(u64::from(w.flags));
    to.two(u64::from(w1.flags), u64::from(w.flags));
    to.two(u64::from(w.flags), u64::from(a1.flags));
    to.one(kind(w));
    to.two(kind(w1), kind(w));
    to.two(kind(w), kind(a1));
    to.two(kind(w), w1.word);
    to.two(kind(w), a1.word);
    to.two(kind(w), w2.word.wrapping_mul(31).wrapping_add(w1.word));
    to.two(u64::from(w2.flags), u64::from(w.flags));
    to.two(u64::from(w.flags), u64::from(a2.flags));
    to.two(kind(w), u64::from(w.seen));
    to.two(w.shape, u64::from(w.seen));
    for bit in 0..flag::COUNT {
        if w.flags & (1 << bit) != 0 {
            to.named(1, bit, w.shape);
        }
        if w1.flags & (1 << bit) != 0 {
            to.named(2, bit, w.shape);
        }
        if a1.flags & (1 << bit) != 0 {
            to.named(3, bit, w.shape);
        }
    }
}

fn lines(w: &Noticed, to: &mut Collector<'_>) {
    let gap = w.gap.map_or(9, |gap| gap as u64);
    to.two(w.key, w.shape);
    to.two(w.key, w.after_key);
    to.two(w.heading, w.shape);
    to.two(gap, w.shape);
    to.two(gap, w.word);
    to.two(u64::from(w.hits), w.shape);
    to.two(u64::from(w.hits), w.word);
    for bit in 0..32 {
        if w.hits & (1 << bit) != 0 {
            to.named(4, bit, 0);
        }
    }
}

fn chunks(reading: &Reading, w: &Noticed, to: &mut Collector<'_>) {
    let number = w.chunk_number;
    let word = |offset: isize| {
        let at = number.checked_add_signed(offset);
        at.and_then(|at| reading.chunks.get(at)).map_or(0, |c| *c)
    };
    let shape = |offset: isize| {
        let at = number.checked_add_signed(offset);
        let shape = at.and_then(|at| reading.chunk_shapes.get(at));
        shape.map_or(0, |c| *c)
    };
    let own = w.chunk.wrapping_add(w.place);
    to.one(own);
    to.two(own, word(-1));
    to.two(own, word(1));
    to.two(own, shape(-1));
    to.two(own, shape(1));
    to.two(own, shape(-1).wrapping_mul(31).wrapping_add(shape(1)));
    to.two(own, word(-2).wrapping_mul(31).wrapping_add(word(-1)));
    to.one(word(0));
    to.two(word(-1), word(0));
    for before in 1..=NEAR_BEFORE.min(number) {
        to.named(5, reading.chunks[number - before], w.shape);
    }
    let last = reading.chunks.len().saturating_sub(1);
    for after in number + 1..=(number + NEAR_AFTER).min(last) {
        to.named(6, reading.chunks[after], w.shape);
    }
}
