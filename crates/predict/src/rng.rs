//! Random numbers by counter: Philox4x32-10. It is no generator with a state and no source of
//! entropy: every number is a pure function of (seed, subject, sample, step, purpose), so that
//! neither the order of sampling, nor the batch, nor the number of threads can change a future.
//!
//! Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011);
//! the tests hold the known answers of the authors' reference code.

use longitude_core::SubjectId;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Ten rounds of Philox4x32: a keyed bijection of 128-bit counters.
pub(crate) fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let (high0, low0) = wide_product(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = wide_product(MULTIPLIERS[1], counter[2]);
        counter = [
            high1 ^ counter[1] ^ key[0],
            low1,
            high0 ^ counter[3] ^ key[1],
            low0,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

fn wide_product(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    (high(product), low(product))
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(word: u64) -> u32 {
    word as u32
}

/// 52 random bits as a number in the open interval (0, 1), so that its logarithm and that of its
/// complement are finite.
fn open_unit(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as f64 + 0.5) / (1_u64 << 52) as f64
}

/// The random numbers of one future of one subject.
///
/// Layout of the counter: words 0 and 1 the subject, word 2 the sample, word 3 twice the step plus
/// the block. The key is the seed. The prediction time is not part of it: a subject's answers at
/// two times, or with and without some events, use common random numbers, which is what makes
/// their difference precise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    key: [u32; 2],
    subject: [u32; 2],
    sample: u32,
}

/// The four random numbers of one step of a future, each for one purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Draws {
    /// For the wait.
    pub(crate) wait: f64,
    /// For the code.
    pub(crate) code: f64,
    /// For the value's bin.
    pub(crate) bin: f64,
    /// For the value inside its bin.
    pub(crate) value: f64,
}

impl Stream {
    pub(crate) fn new(seed: u64, subject: SubjectId, sample: u32) -> Self {
        let subject = subject.0.cast_unsigned();
        Self {
            key: [low(seed), high(seed)],
            subject: [low(subject), high(subject)],
            sample,
        }
    }

    /// The draws of step `step`; steps beyond 2^31 would repeat and are not reached.
    pub(crate) fn draws(&self, step: u32) -> Draws {
        let block = |index: u32| {
            let last = step.wrapping_mul(2).wrapping_add(index);
            philox(
                [self.subject[0], self.subject[1], self.sample, last],
                self.key,
            )
        };
        let (a, b) = (block(0), block(1));
        Draws {
            wait: open_unit(a[0], a[1]),
            code: open_unit(a[2], a[3]),
            bin: open_unit(b[0], b[1]),
            value: open_unit(b[2], b[3]),
        }
    }
}

/// A number in (0, 1) from a seed and two indices, for resampling outside the sampler.
pub(crate) fn unit(seed: u64, a: u32, b: u32) -> f64 {
    // The tag keeps these numbers apart from every stream of a future with the same seed.
    let words = philox([a, b, 0x5245_5341, 0x4D50_4C45], [low(seed), high(seed)]);
    open_unit(words[0], words[1])
}

/// An index below `n` by a unit draw; 0 when `n` is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is not negative and below n"
)]
pub(crate) fn below(draw: f64, n: usize) -> usize {
    ((draw * n as f64) as usize).min(n.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_the_reference_code() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn draws_are_open_and_uniform() {
        assert!(open_unit(0, 0) > 0.0 && open_unit(u32::MAX, u32::MAX) < 1.0);
        let stream = Stream::new(7, SubjectId(-3), 1);
        let n = 20_000;
        let mean = (0..n).map(|i| stream.draws(i).code).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 4.0 * 0.289 / f64::from(n).sqrt());
        assert_ne!(stream.draws(0), stream.draws(1));
        assert_ne!(stream.draws(0), Stream::new(7, SubjectId(-3), 2).draws(0));
    }
}
