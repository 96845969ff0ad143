//! Normal numbers for the start of the weights, the same on every machine of one kind.

/// SplitMix64 (Steele et al. 2014) and the polar method of Marsaglia (1964).
pub(crate) struct Normals {
    state: u64,
    spare: Option<f64>,
}

impl Normals {
    /// A stream of its own for each pair of seed and stream number.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self {
            state: stream,
            spare: None,
        };
        let offset = mixed.bits();
        Self {
            state: seed ^ offset,
            spare: None,
        }
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    pub(crate) fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare as f32;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * factor);
                return (x * factor) as f32;
            }
        }
    }
}
