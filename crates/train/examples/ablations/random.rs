//! Seeded permutations and bootstrap samples.

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let product = u128::from(z ^ (z >> 31)) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

/// Fisher and Yates.
pub(crate) fn permutation(n: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

/// The central 95 % of a statistic over `rounds` resamples of `n` subjects.
pub(crate) fn interval(n: usize, rounds: u32, of: impl Fn(&[usize]) -> Option<f64>) -> [f64; 2] {
    let mut random = Random(7);
    let resample = |_| {
        let sample: Vec<usize> = (0..n).map(|_| random.below(n)).collect();
        of(&sample)
    };
    let mut all: Vec<f64> = (0..rounds).filter_map(resample).collect();
    all.sort_by(f64::total_cmp);
    let at = |per_mille: usize| all.get(all.len() * per_mille / 1000).copied();
    [at(25), at(975)].map(|end| end.unwrap_or(f64::NAN))
}
