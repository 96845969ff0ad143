//! Random draws of the bootstrap: a stream of its own for each resample, from the seed alone.
//!
//! SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators",
//! figure 17). It is not for secrets. Each resample has its own stream, so that neither the order
//! of work nor the number of threads can change a result.

/// A SplitMix64 stream.
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream with this number under this seed.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut outer = Self(seed);
        let base = outer.next();
        let mut inner = Self(base ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Self(inner.next())
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but without `bound`, each equally likely (Lemire 2019, "Fast random
    /// integer generation in an interval", algorithm 5). `bound` must not be 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let wide = (self.next() >> 32) * u64::from(bound);
            #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
            let low = wide as u32;
            if low >= threshold {
                return (wide >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_streams_differ() {
        let mut stream = Stream::new(1, 0);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        assert!(
            counts.iter().all(|&c| (9_600..10_400).contains(&c)),
            "{counts:?}"
        );
        assert_ne!(Stream::new(1, 0).next(), Stream::new(1, 1).next());
        assert_ne!(Stream::new(1, 0).next(), Stream::new(2, 0).next());
        assert_eq!(Stream::new(7, 3).next(), Stream::new(7, 3).next());
    }
}
