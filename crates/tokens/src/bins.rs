//! The value bins of one code in one unit, and the likelihood of a recorded value inside its bin.
//!
//! A recorded number stands for the interval that rounds to it: with a rounding step s, the value v
//! is the interval [v - s/2, v + s/2]. The model gives each bin a probability; the mass of the
//! recorded interval inside the bin is constant for given bins and is what this file computes.
//! Not here: which bin comes next (the model's value head), nor which code owns the bins (the
//! vocabulary).
//!
//! The bins cover the line: each owns the region from its own lower cut to the next one's, the
//! first reaching down without end and the last up. Inside a region the mass is laid out so:
//!
//! - an interval bin is uniform over its body, which is as good as its region where that is finite;
//! - an atom (one value so frequent that it fills a bin) has its mass on that value alone;
//! - where the region is wider than the body, a share of [`OUTSIDE_SHARE`] lies outside the body,
//!   half on each side that is open. Half of it falls off exponentially with the distance; the
//!   other half as 1 / (1 + distance) (a Lomax law of shape 1), for typing errors lie at any
//!   distance and one of them must not outweigh thousands of values. Both reach past the region's
//!   cuts where those are finite, so that the masses of all values of a bin sum to at most one: the
//!   nats are never flattered.

use serde::{Deserialize, Serialize};

/// The share of a bin's mass outside its body, where its region is wider: small enough to cost a
/// value on an atom 0.001 nats, large enough that a value never seen in training costs 7 more.
pub const OUTSIDE_SHARE: f64 = 1.0 / 1024.0;

/// The fewest training values that one bin may rest on, and so the fewest that make bins at all.
pub const BIN_VALUES_MIN: usize = 8;

/// The bound of the normalised value on both sides, so that one typing error in the record cannot
/// dominate an input vector.
pub const NORMALISED_MAX: f64 = 6.0;

/// The interquartile range of the standard normal distribution, which makes the robust scale
/// estimate a standard deviation for normal values.
const NORMAL_IQR: f64 = 1.349;

/// One bin: its body, and the share of the training values that fell into it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lower end of the body; the value itself in an atom.
    pub low: f64,
    /// The upper end of the body; equal to `low` in an atom.
    pub high: f64,
    /// The share of the training values in the bin.
    pub share: f64,
}

impl Bin {
    /// Whether the bin is a single value.
    pub fn is_atom(&self) -> bool {
        self.low.to_bits() == self.high.to_bits()
    }
}

/// The bins of one code in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// The unit of every value here, or `None` where the source wrote none.
    pub unit: Option<String>,
    /// The rounding step: the largest power of ten that nearly all training values are multiples
    /// of.
    pub step: f64,
    /// The median of the training values.
    pub median: f64,
    /// The interquartile range over 1.349, or a fallback above zero where that range is empty.
    pub scale: f64,
    /// The bins in order.
    pub bins: Vec<Bin>,
}

/// A distinct value and how often it stands in the sample.
#[derive(Clone, Copy)]
struct Distinct {
    value: f64,
    count: usize,
}

/// Neighbouring distinct values that share a bin.
#[derive(Clone, Copy)]
struct Group {
    first: f64,
    last: f64,
    count: usize,
}

impl Group {
    fn is_atom(&self) -> bool {
        self.first.to_bits() == self.last.to_bits()
    }
}

impl Bins {
    /// Bins of a sorted sample of finite values, at most `bins_max`; `None` where the sample is
    /// smaller than [`BIN_VALUES_MIN`].
    pub fn fit(sorted: &[f64], unit: Option<String>, bins_max: u16) -> Option<Self> {
        if sorted.len() < BIN_VALUES_MIN || bins_max == 0 {
            return None;
        }
        let step = rounding_step(sorted);
        let groups = group(&distinct(sorted), sorted.len(), usize::from(bins_max));
        let (low, high) = (quantile(sorted, 0.25), quantile(sorted, 0.75));
        let spread = sorted[sorted.len() - 1] - sorted[0];
        let scale = [(high - low) / NORMAL_IQR, spread / (2.0 * NORMAL_IQR), step]
            .into_iter()
            .find(|scale| scale.is_finite() && *scale > 0.0)
            .unwrap_or(1.0);
        Some(Self {
            unit,
            step,
            median: quantile(sorted, 0.5),
            scale,
            bins: bodies(&groups, step, sorted.len()),
        })
    }

    /// How many bins there are, numbered from 1.
    pub fn len(&self) -> u16 {
        u16::try_from(self.bins.len()).unwrap_or(u16::MAX)
    }

    /// Whether there is none, which a fit never makes.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// The bin of a value, from 1.
    pub fn bin(&self, value: f64) -> u16 {
        let after_first = self.bins.get(1..).unwrap_or_default();
        let below = after_first.partition_point(|bin| self.edges(bin).0 <= value);
        u16::try_from(below + 1).unwrap_or(u16::MAX)
    }

    /// The value less the median, over the scale, within plus and minus [`NORMALISED_MAX`].
    pub fn normalise(&self, value: f64) -> f64 {
        ((value - self.median) / self.scale).clamp(-NORMALISED_MAX, NORMALISED_MAX)
    }

    /// The nats of the recorded interval of `value` given its bin: minus the logarithm of its mass.
    pub fn nats(&self, value: f64) -> f64 {
        let Some(bin) = self.body(self.bin(value)) else {
            return 0.0;
        };
        let half = self.step / 2.0;
        let (below, above) = self.open_sides(self.bin(value));
        let outside = if below || above { OUTSIDE_SHARE } else { 0.0 };
        let (low, high) = self.edges(&bin);
        let body = if bin.is_atom() {
            f64::from(u8::from((value - bin.low).abs() <= half * (1.0 + 1e-6)))
        } else {
            let overlap = (value + half).min(bin.high) - (value - half).max(bin.low);
            (overlap / (bin.high - bin.low)).clamp(0.0, 1.0)
        };
        let mut mass = (1.0 - outside) * body;
        let side = outside / f64::from(u8::from(below) + u8::from(above)).max(1.0);
        let scale = self.outside_scale(&bin);
        if above {
            mass += side * outside_mass(value - half - high, self.step, scale);
        }
        if below {
            mass += side * outside_mass(low - (value + half), self.step, scale);
        }
        // A value absurdly far out would underflow to no mass at all; 700 nats stand for that.
        -mass.max((-700.0f64).exp()).ln()
    }

    /// The value at the share `u` (from 0 to 1) of a bin's mass, rounded to the step. Numbers are
    /// drawn from a bin by giving a uniform random `u`. Outside the body only the exponential half
    /// is drawn from: futures hold no typing errors.
    pub fn sample(&self, bin: u16, u: f64) -> f64 {
        let Some(body) = self.body(bin) else {
            return self.median;
        };
        let (below, above) = self.open_sides(bin);
        let side = OUTSIDE_SHARE / f64::from(u8::from(below) + u8::from(above)).max(1.0);
        let scale = self.outside_scale(&body);
        let (low, high) = self.edges(&body);
        let (floor, ceiling) = (
            if below { side } else { 0.0 },
            if above { 1.0 - side } else { 1.0 },
        );
        let drawn = if u < floor {
            low + scale * (u / floor).max(1e-12).ln()
        } else if u > ceiling {
            high - scale * ((1.0 - u) / (1.0 - ceiling)).max(1e-12).ln()
        } else {
            body.low + (body.high - body.low) * ((u - floor) / (ceiling - floor))
        };
        self.within(bin, self.rounded(drawn))
    }

    fn body(&self, bin: u16) -> Option<Bin> {
        usize::from(bin)
            .checked_sub(1)
            .and_then(|index| self.bins.get(index))
            .copied()
    }

    /// The ends of a bin's body as an interval: an atom's is the one that rounds to it. Where a bin
    /// is not the first, its region begins at the lower end.
    fn edges(&self, bin: &Bin) -> (f64, f64) {
        if bin.is_atom() {
            (bin.low - self.step / 2.0, bin.high + self.step / 2.0)
        } else {
            (bin.low, bin.high)
        }
    }

    /// Whether a bin's region is wider than its body below and above.
    fn open_sides(&self, bin: u16) -> (bool, bool) {
        let index = usize::from(bin.max(1)) - 1;
        let above = match (self.bins.get(index), self.bins.get(index + 1)) {
            (Some(this), Some(next)) => self.edges(next).0 > self.edges(this).1 + self.step * 1e-6,
            _ => true,
        };
        (index == 0, above)
    }

    /// How fast the mass outside the body falls off: with the body's width or the code's own
    /// spread, whichever is wider.
    fn outside_scale(&self, bin: &Bin) -> f64 {
        (bin.high - bin.low).max(self.scale).max(self.step)
    }

    fn rounded(&self, value: f64) -> f64 {
        // Multiplying by the step's inverse and dividing by it keeps 0.1 exact where a product
        // with 0.1 would show 0.30000000000000004.
        let inverse = (1.0 / self.step).round();
        if inverse >= 1.0 {
            (value * inverse).round() / inverse
        } else {
            (value / self.step).round() * self.step
        }
    }

    /// The nearest multiple of the step inside a bin's region, for a value that rounding moved out.
    fn within(&self, bin: u16, value: f64) -> f64 {
        let Some(body) = self.body(bin) else {
            return value;
        };
        if self.bin(value) == bin {
            return value;
        }
        if self.bin(value) > bin {
            let down = self.rounded(value - self.step);
            if self.bin(down) == bin {
                return down;
            }
        } else {
            let up = self.rounded(value + self.step);
            if self.bin(up) == bin {
                return up;
            }
        }
        f64::midpoint(body.low, body.high)
    }
}

/// The mass outside a body over an interval of width `step` that begins `distance` from it: half
/// exponential, half Lomax. The part before the body's end has none.
fn outside_mass(distance: f64, step: f64, scale: f64) -> f64 {
    let start = distance.max(0.0) / scale;
    let end = (distance + step).max(0.0) / scale;
    let exponential = (-start).exp() - (-end).exp();
    let lomax = (end - start) / (1.0 + start) / (1.0 + end);
    f64::midpoint(exponential, lomax)
}

/// The largest power of ten, from a million down to a millionth, that at least 99 in 100 values
/// are multiples of. Values without such a step count as recorded to the millionth.
fn rounding_step(sorted: &[f64]) -> f64 {
    let fits = |inverse: f64, factor: f64| {
        let multiples = sorted.iter().filter(|value| {
            let ratio = **value * inverse / factor;
            (ratio - ratio.round()).abs() <= 1e-9 * (1.0 + ratio.abs()) + 1e-7
        });
        multiples.count() * 100 >= sorted.len() * 99
    };
    // All values zero are multiples of anything: the step is then 1.
    if sorted.iter().all(|value| *value == 0.0) {
        return 1.0;
    }
    let wide = (1..=6).rev().map(|power| (1.0, 10f64.powi(power)));
    let narrow = (0..=6).map(|power| (10f64.powi(power), 1.0));
    let found = wide.chain(narrow).find(|(i, f)| fits(*i, *f));
    found.map_or(1e-6, |(inverse, factor)| factor / inverse)
}

fn distinct(sorted: &[f64]) -> Vec<Distinct> {
    let mut out: Vec<Distinct> = Vec::new();
    for &value in sorted {
        match out.last_mut() {
            Some(last) if last.value >= value => last.count += 1,
            _ => out.push(Distinct { value, count: 1 }),
        }
    }
    out
}

/// Groups distinct values into at most `bins_max` bins of about equal counts. A value whose count
/// alone reaches the target becomes an atom.
fn group(values: &[Distinct], total: usize, bins_max: usize) -> Vec<Group> {
    let bins = bins_max.min(total / BIN_VALUES_MIN).max(1);
    let target = if values.len() <= bins {
        BIN_VALUES_MIN
    } else {
        total.div_ceil(bins)
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut open: Option<Group> = None;
    for one in values {
        let alone = Group {
            first: one.value,
            last: one.value,
            count: one.count,
        };
        if one.count >= target {
            groups.extend(open.take());
            groups.push(alone);
            continue;
        }
        let grown = open.map_or(alone, |group| Group {
            last: one.value,
            count: group.count + one.count,
            ..group
        });
        open = Some(grown);
        if grown.count >= target {
            groups.extend(open.take());
        }
    }
    groups.extend(open);
    while groups.len() > bins || groups.iter().any(|g| g.count < BIN_VALUES_MIN) {
        if groups.len() == 1 {
            break;
        }
        merge_smallest(&mut groups);
    }
    groups
}

/// Joins the smallest group with its smaller neighbour, preferring neighbours that are no atoms.
fn merge_smallest(groups: &mut Vec<Group>) {
    let smallest = (0..groups.len()).min_by_key(|&i| (groups[i].count, i));
    let Some(at) = smallest else { return };
    let neighbours = [at.checked_sub(1), (at + 1 < groups.len()).then_some(at + 1)];
    let nearest = neighbours
        .into_iter()
        .flatten()
        .min_by_key(|&i| (groups[i].is_atom(), groups[i].count, i));
    let Some(other) = nearest else { return };
    let (left, right) = (at.min(other), at.max(other));
    groups[left] = Group {
        first: groups[left].first,
        last: groups[right].last,
        count: groups[left].count + groups[right].count,
    };
    groups.remove(right);
}

/// Lays the bodies out: an interval bin begins half a step below its first value and reaches to
/// where the next bin begins, so that cuts fall between recorded values. Values closer than a step
/// (one in a hundred may be no multiple of it) are cut in their middle.
fn bodies(groups: &[Group], step: f64, total: usize) -> Vec<Bin> {
    let half = step / 2.0;
    let start = |i: usize| {
        let before = i.checked_sub(1).map(|before| groups[before].last);
        let first = groups[i].first;
        before.map_or(first - half, |last| {
            (first - half).max(f64::midpoint(last, first))
        })
    };
    groups
        .iter()
        .enumerate()
        .map(|(i, group)| {
            let share = group.count as f64 / total as f64;
            if group.is_atom() {
                return Bin {
                    low: group.first,
                    high: group.first,
                    share,
                };
            }
            let last = i + 1 == groups.len();
            let high = if last {
                group.last + half
            } else {
                start(i + 1)
            };
            Bin {
                low: start(i),
                high,
                share,
            }
        })
        .collect()
}

/// The quantile of a sorted sample with linear interpolation (Hyndman and Fan 1996, type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor(), place.ceil());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places are between 0 and the length"
    )]
    let (a, b) = (sorted[low as usize], sorted[high as usize]);
    a + (b - a) * (place - low)
}

#[cfg(test)]
mod tests;
