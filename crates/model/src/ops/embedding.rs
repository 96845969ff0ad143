//! The vector of an event: its code, its code's groups, its value bin, and a linear map of numbers.

use crate::batch::Input;
use crate::kernels::elementwise;
use crate::layout::FEATURES;
use crate::memory::Cpu;
use rayon::prelude::*;

const DAYS_PER_YEAR: f32 = 365.25;
/// Above it ages are not told apart, as Safe Harbor asks.
const AGE_YEARS_MAX: f32 = 90.0;
/// Periods in years of the sines and cosines of age.
const AGE_PERIODS: [f32; 4] = [4.0, 16.0, 64.0, 256.0];

/// The numbers of an event that enter linearly: value (clipped, and squashed), age, the gap to the
/// previous event at the scales of days and of minutes, whether there was none, and slow waves of
/// age.
pub(crate) fn features(input: &Input) -> [f32; FEATURES] {
    let mut out = [0.0; FEATURES];
    let years = (input.age_days / DAYS_PER_YEAR).clamp(0.0, AGE_YEARS_MAX);
    let gap = input.wait_days_prev.max(0.0);
    out[0] = input.value.clamp(-8.0, 8.0);
    out[1] = input.value.tanh();
    out[2] = years / 100.0;
    out[3] = gap.ln_1p() / 4.0;
    out[4] = (gap * 1440.0).ln_1p() / 8.0;
    out[5] = if gap > 0.0 { 0.0 } else { 1.0 };
    for (i, period) in AGE_PERIODS.iter().enumerate() {
        let angle = std::f32::consts::TAU * years / period;
        out[6 + 2 * i] = angle.sin();
        out[7 + 2 * i] = angle.cos();
    }
    out
}

/// The weights, or their gradients: code `[V, D]`, group `[G, D]`, value_bin `[K + 1, D]`, features
/// `[FEATURES, D]`.
pub(crate) struct Tables<T> {
    pub code: T,
    pub group: T,
    pub value_bin: T,
    pub features: T,
}

/// Writes x `[T, D]` and the features `[T, FEATURES]`. `groups` `[V]` names the two groups of a
/// code, 0 for none.
pub(crate) fn forward(
    cpu: &Cpu,
    (inputs, groups): (&[Input], &[[u32; 2]]),
    tables: &Tables<&[f32]>,
    numbers: &mut [f32],
    x: &mut [f32],
) {
    let d = tables.features.len() / FEATURES;
    let row = |table: &[f32], id: usize| -> std::ops::Range<usize> {
        debug_assert!((id + 1) * d <= table.len());
        id * d..(id + 1) * d
    };
    x.par_chunks_mut(64 * d)
        .zip(numbers.par_chunks_mut(64 * FEATURES))
        .zip(inputs.par_chunks(64))
        .for_each(|((x, numbers), inputs)| {
            let rows = x
                .chunks_exact_mut(d)
                .zip(numbers.chunks_exact_mut(FEATURES));
            for ((x, numbers), input) in rows.zip(inputs) {
                let code = input.code as usize;
                x.copy_from_slice(&tables.code[row(tables.code, code)]);
                for group in groups[code].into_iter().filter(|group| *group > 0) {
                    let span = row(tables.group, group as usize);
                    elementwise::add(cpu.level, &tables.group[span], x);
                }
                if input.value_bin > 0 {
                    let span = row(tables.value_bin, usize::from(input.value_bin));
                    elementwise::add(cpu.level, &tables.value_bin[span], x);
                }
                numbers.copy_from_slice(&features(input));
                for (w, number) in tables.features.chunks_exact(d).zip(numbers.iter()) {
                    elementwise::add_scaled(cpu.level, *number, w, x);
                }
            }
        });
}

/// Adds the gradients of the tables from dx `[T, D]`. That of the features is a matrix product and
/// is left to the caller. One thread: rows of several positions fall together.
pub(crate) fn backward(
    cpu: &Cpu,
    (inputs, groups): (&[Input], &[[u32; 2]]),
    dx: &[f32],
    d: usize,
    gradients: Tables<&mut [f32]>,
) {
    let Tables {
        code: d_code,
        group: d_group,
        value_bin: d_bin,
        features: _,
    } = gradients;
    for (input, dx) in inputs.iter().zip(dx.chunks_exact(d)) {
        let code = input.code as usize;
        elementwise::add(cpu.level, dx, &mut d_code[code * d..(code + 1) * d]);
        for group in groups[code].into_iter().filter(|group| *group > 0) {
            let group = group as usize;
            elementwise::add(cpu.level, dx, &mut d_group[group * d..(group + 1) * d]);
        }
        if input.value_bin > 0 {
            let bin = usize::from(input.value_bin);
            elementwise::add(cpu.level, dx, &mut d_bin[bin * d..(bin + 1) * d]);
        }
    }
}
