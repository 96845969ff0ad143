//! Random numbers as streams that depend on a seed, a subject and a purpose alone.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014): a counter that grows by an odd constant, and a bijective mixing of
//! it. A stream starts at a mixed key, so that any patient can be made on any thread in any order.
//! It is no cryptographic generator.

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a stream is for: streams of one subject never share numbers across purposes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Who the subject is and when observation starts and ends.
    Person = 1,
    /// The course of health and care.
    Course = 2,
    /// Measurements, repeated coding and what is written in passing.
    Detail = 3,
    /// Names, addresses and the wording of notes.
    Identity = 4,
    /// A forward rollout (the number of the rollout is added).
    Rollout = 1024,
}

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    counter: u64,
}

impl Random {
    /// The stream of a subject for a purpose.
    pub(crate) fn stream(seed: u64, index: u32, purpose: Purpose) -> Self {
        Self::numbered(seed, index, purpose as u64)
    }

    /// The stream of the rollout with this number.
    pub(crate) fn rollout(seed: u64, index: u32, number: u32) -> Self {
        Self::numbered(seed, index, Purpose::Rollout as u64 + u64::from(number))
    }

    fn numbered(seed: u64, index: u32, number: u64) -> Self {
        let key = mix(seed.wrapping_add(GAMMA)) ^ (u64::from(index) << 32) ^ number;
        Self { counter: mix(key) }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GAMMA);
        mix(self.counter)
    }

    /// Uniform on the open interval from 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform between two bounds.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// A whole number below `bound`, by the high half of a product (its bias of `bound / 2^64` is
    /// below anything that a sample could show).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let high = (u128::from(self.bits()) * bound as u128) >> 64;
        usize::try_from(high).unwrap_or(0)
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Exponential with mean one.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }

    /// Standard normal, by the inverse distribution function.
    pub(crate) fn normal(&mut self) -> f64 {
        inverse_normal(self.uniform())
    }

    /// Log-normal with this median and standard deviation of the logarithm.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }
}

/// The number that two keys make: a bijection of the second for a fixed first, so that different
/// subjects of one seed never share an identifier.
pub(crate) fn identifier(seed: u64, index: u32) -> u64 {
    mix(mix(seed ^ GAMMA).wrapping_add(u64::from(index).wrapping_mul(GAMMA)))
}

/// The mixing of SplitMix64 (variant 13 of Stafford's finalisers).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The inverse of the standard normal distribution function by P. J. Acklam's rational
/// approximation (2003), relative error below 1.2e-9.
fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const TAIL: f64 = 0.024_25;
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if (TAIL..=1.0 - TAIL).contains(&p) {
        let q = p - 0.5;
        let r = q * q;
        return horner(&A, r) * q / (horner(&B, r) * r + 1.0);
    }
    let (tail, sign) = if p < 0.5 { (p, 1.0) } else { (1.0 - p, -1.0) };
    let q = libm::sqrt(-2.0 * libm::log(tail));
    sign * horner(&C, q) / (horner(&D, q) * q + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_distributions_own() {
        let mut random = Random::stream(7, 3, Purpose::Course);
        let n = 200_000;
        let (mut sum, mut squares, mut waits, mut uniforms) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = random.normal();
            sum += x;
            squares += x * x;
            waits += random.exponential();
            uniforms += random.uniform();
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01 && (squares / n - 1.0).abs() < 0.02);
        assert!((waits / n - 1.0).abs() < 0.01 && (uniforms / n - 0.5).abs() < 0.005);
    }

    #[test]
    fn the_inverse_normal_meets_known_quantiles() {
        for (p, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_985),
            (0.001, -3.090_232_306),
            (0.999, 3.090_232_306),
        ] {
            assert!((inverse_normal(p) - z).abs() < 1e-7, "{p}");
        }
    }

    #[test]
    fn streams_differ_by_seed_subject_and_purpose() {
        let first = |seed, index, purpose| Random::stream(seed, index, purpose).bits();
        let base = first(1, 1, Purpose::Course);
        assert_eq!(base, first(1, 1, Purpose::Course));
        assert_ne!(base, first(2, 1, Purpose::Course));
        assert_ne!(base, first(1, 2, Purpose::Course));
        assert_ne!(base, first(1, 1, Purpose::Detail));
    }
}
