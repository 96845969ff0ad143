//! The shape of a model: presets and their numbers. Knows no vocabulary beyond its sizes.

use crate::choices::Choices;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Upper edges of the usual query bins: the horizons that are asked for, and steps between them.
const QUERY_EDGES_DAYS: [f32; 15] = [
    0.25, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0, 1096.0, 1826.0, 3652.0,
];

/// Everything that fixes the shapes of the weights. Letters as in the table of the crate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// V: codes of the vocabulary, id 0 (padding) and 1 (unknown) included.
    pub vocab: usize,
    /// G: groups of codes, group 0 (none) included.
    pub groups: usize,
    /// K: the most value bins that a code has.
    pub value_bins: usize,
    /// The most positions of a segment in training.
    pub context: usize,
    /// D: width of the residual stream.
    pub dim: usize,
    /// Blocks of attention and MLP.
    pub layers: usize,
    /// H: attention heads; D / H is even.
    pub heads: usize,
    /// F: width of the gated MLP.
    pub ffn: usize,
    /// U: width of the value head.
    pub value_dim: usize,
    /// Inner edges of the wait bins in days, ascending: W - 1 of them, the last bin is open.
    pub wait_edges_days: Vec<f32>,
    /// Digest of the vocabulary that the ids belong to.
    pub vocabulary: String,
    /// Upper edges of the query head's bins in days, ascending: J of them; none, no query head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_edges_days: Vec<f32>,
    /// M: width of the query head.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub query_dim: usize,
    /// The switches of the architecture.
    #[serde(default, skip_serializing_if = "Choices::is_default")]
    pub choices: Choices,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(size: &usize) -> bool {
    *size == 0
}

/// What the vocabulary dictates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// V, ids 0 and 1 included.
    pub vocab: usize,
    /// G, group 0 included.
    pub groups: usize,
    /// K.
    pub value_bins: usize,
    /// Digest of the vocabulary.
    pub vocabulary: String,
}

/// Named sizes. They differ in numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Half a million weights and the code table: trains in a minute on two cores.
    Tiny,
    /// About five million and the code table.
    Small,
    /// About twenty-five million and the code table.
    Base,
    /// About one hundred million and the code table.
    Medium,
    /// About a thousand million: for machines with GPUs.
    Large,
}

impl Preset {
    /// All presets, smallest first.
    pub const ALL: [Self; 5] = [
        Self::Tiny,
        Self::Small,
        Self::Base,
        Self::Medium,
        Self::Large,
    ];

    /// The name as written in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Base => "base",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// The preset of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// (dim, layers, heads, context).
    fn shape(self) -> (usize, usize, usize, usize) {
        match self {
            Self::Tiny => (96, 4, 3, 512),
            Self::Small => (256, 6, 8, 512),
            Self::Base => (512, 8, 8, 1024),
            Self::Medium => (768, 12, 12, 2048),
            Self::Large => (2048, 20, 16, 4096),
        }
    }
}

impl Config {
    /// The configuration of a preset for a vocabulary.
    pub fn preset(preset: Preset, sizes: Sizes) -> Self {
        let (dim, layers, heads, context) = preset.shape();
        Self::shaped((dim, layers, heads), context, sizes)
    }

    /// A configuration of a free (dim, layers, heads) with the usual widths of the rest: an MLP of
    /// 8/3 dim (the size of a plain MLP of 4 dim, Shazeer 2020), rounded up to a multiple of 64.
    pub fn shaped(shape: (usize, usize, usize), context: usize, sizes: Sizes) -> Self {
        let (dim, layers, heads) = shape;
        Self {
            vocab: sizes.vocab,
            groups: sizes.groups,
            value_bins: sizes.value_bins,
            context,
            dim,
            layers,
            heads,
            ffn: (dim * 8).div_ceil(3).next_multiple_of(64),
            value_dim: (2 * dim).next_multiple_of(16).min(128),
            wait_edges_days: Self::wait_edges(24),
            vocabulary: sizes.vocabulary,
            query_edges_days: Vec::new(),
            query_dim: 0,
            choices: Choices::default(),
        }
    }

    /// The same with a query head as wide as the stream and bins from six hours to ten years.
    #[must_use]
    pub fn with_queries(self) -> Self {
        Self {
            query_edges_days: QUERY_EDGES_DAYS.to_vec(),
            query_dim: self.dim,
            ..self
        }
    }

    /// Whether there is a query head.
    pub fn has_queries(&self) -> bool {
        !self.query_edges_days.is_empty()
    }

    /// The shape that DESIGN calls A: vocabulary 4096, dim 256, 6 layers, 8 heads, sequence 512.
    pub fn shape_a() -> Self {
        Self::shaped((256, 6, 8), 512, Self::bench_sizes(4096))
    }

    /// The shape that DESIGN calls D, Delphi's: vocabulary 1300, dim 120, 12 layers, 12 heads,
    /// sequence 48.
    pub fn shape_d() -> Self {
        Self::shaped((120, 12, 12), 48, Self::bench_sizes(1300))
    }

    fn bench_sizes(vocab: usize) -> Sizes {
        Sizes {
            vocab,
            groups: 64,
            value_bins: 16,
            vocabulary: "bench".to_owned(),
        }
    }

    /// `edges` bin edges in days, log-spaced from 1 minute to 20 years.
    pub fn wait_edges(edges: usize) -> Vec<f32> {
        let (low, high) = ((1.0f64 / 1440.0).ln(), (20.0f64 * 365.25).ln());
        let step = (high - low) / edges.saturating_sub(1).max(1) as f64;
        (0..edges)
            .map(|i| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "an edge needs no more digits"
                )]
                let edge = (low + step * i as f64).exp() as f32;
                edge
            })
            .collect()
    }

    /// W: bins of the wait, the open last one included.
    pub fn wait_bins(&self) -> usize {
        self.wait_edges_days.len() + 1
    }

    /// D / H.
    pub fn head_dim(&self) -> usize {
        self.dim / self.heads
    }

    /// Whether a model of this shape can be built.
    ///
    /// # Errors
    /// [`Error::Config`] says which number is at fault.
    pub fn validate(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Config(reason.to_owned()));
        let sizes = [
            self.vocab,
            self.groups,
            self.context,
            self.dim,
            self.layers,
            self.heads,
        ];
        if sizes.contains(&0) || self.ffn == 0 || self.value_dim == 0 {
            return refuse("a size is zero");
        }
        if sizes
            .iter()
            .chain([&self.ffn, &self.value_dim])
            .any(|size| *size > 1 << 24)
        {
            return refuse("a size is above 2^24");
        }
        if self.vocab < 2 || self.value_bins > 4096 {
            return refuse("the vocabulary or the number of value bins is out of range");
        }
        if !self.dim.is_multiple_of(self.heads) || !self.head_dim().is_multiple_of(2) {
            return refuse("dim is not an even multiple of heads");
        }
        if self.head_dim() > 256 {
            return refuse("a head is wider than 256");
        }
        if !rises(&self.wait_edges_days) {
            return refuse("the wait edges are not positive and ascending");
        }
        if self.has_queries() && !rises(&self.query_edges_days) {
            return refuse("the query edges are not positive and ascending");
        }
        if self.has_queries() != (self.query_dim > 0) || self.query_dim > 1 << 24 {
            return refuse("the width of the query head is out of range");
        }
        self.validate_once_only()
    }

    fn validate_once_only(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Config(reason.to_owned()));
        let once = &self.choices.once_only;
        if once.windows(2).any(|pair| pair[0] >= pair[1])
            || once.last().is_some_and(|last| *last as usize >= self.vocab)
        {
            return refuse("the once-only codes are not ascending or out of range");
        }
        if self.choices.competing() && !once.is_empty() {
            return refuse("competing exponentials do not damp repeats");
        }
        Ok(())
    }
}

/// Whether edges are positive, finite, ascending, and at least one and not too many.
fn rises(edges: &[f32]) -> bool {
    let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
    let positive = edges.first().is_some_and(|first| *first > 0.0);
    let finite = edges.last().is_some_and(|last| last.is_finite());
    ascending && positive && finite && edges.len() <= 1024
}
