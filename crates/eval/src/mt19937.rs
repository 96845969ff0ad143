//! The Mersenne Twister of numpy's legacy `RandomState`: its stream of 32-bit words and its bounded
//! integers, for the resampling of [`crate::meds_compat`] alone. Our own resamples do not use it.

const N: usize = 624;
const M: usize = 397;

/// MT19937 (Matsumoto and Nishimura 1998, "Mersenne Twister", table II), seeded by an integer as
/// the authors' `init_genrand` of 2002 does, which `numpy.random.seed(int)` calls.
pub(crate) struct Mt19937 {
    state: [u32; N],
    next: usize,
}

impl Mt19937 {
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [0_u32; N];
        let mut word = seed;
        for (place, slot) in (1_u32..).zip(state.iter_mut()) {
            *slot = word;
            word = (word ^ (word >> 30)).wrapping_mul(1_812_433_253);
            word = word.wrapping_add(place);
        }
        Self { state, next: N }
    }

    fn twist(&mut self) {
        for i in 0..N {
            let upper = self.state[i] & 0x8000_0000;
            let lower = self.state[(i + 1) % N] & 0x7fff_ffff;
            let word = upper | lower;
            let odd = if word & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (word >> 1) ^ odd;
        }
        self.next = 0;
    }

    pub(crate) fn next(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// `RandomState.randint(0, bound)`: words masked to the bound's bits and drawn again when too
    /// large; a bound of 1 draws nothing. `bound` must not be 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let most = bound - 1;
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let word = self.next() & mask;
            if word <= most {
                return word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_numpys() {
        // numpy 2.4: np.random.RandomState(s).randint(0, 2**32, 3, dtype=np.uint32).
        let mut zero = Mt19937::new(0);
        let first = [zero.next(), zero.next(), zero.next()];
        assert_eq!(first, [2_357_136_044, 2_546_248_239, 3_071_714_933]);
        // The 10,000th word of seed 5489, which the C++ standard states (rand.predef).
        let mut standard = Mt19937::new(5_489);
        let last = (0..10_000).map(|_| standard.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn bounded_draws_are_numpys() {
        // numpy 2.4: r = RandomState(0); [r.randint(0, n, 4).tolist() for n in (1, 5, 3, 7, 10)].
        let mut stream = Mt19937::new(0);
        let draws: Vec<u32> = [1, 5, 3, 7, 10]
            .iter()
            .flat_map(|&n| std::array::from_fn::<u32, 4, _>(|_| stream.below(n)))
            .collect();
        assert_eq!(
            draws,
            [0, 0, 0, 0, 4, 0, 3, 3, 1, 1, 2, 0, 6, 0, 0, 4, 1, 6, 7, 7]
        );
    }
}
