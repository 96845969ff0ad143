//! The linear maps of a decoder, packed once in the number format that the caller chose.

use crate::kernels::Level;
use crate::kernels::gemm::{Packed, packed_len};
use crate::kernels::int8::{self, Left8, Packed8};
use crate::memory::{Buffer, Cpu};
use crate::ops::linear::{self, Weight};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The number format of a decoder's linear maps and of its rows' keys and values. It belongs to a
/// run's options, as the level does: each format has its own answers. Norms, softmax, sums, the
/// stream between blocks and the heads of wait and value are f32 in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// As trained.
    #[default]
    F32,
    /// Both sides of each product rounded to bf16 and summed in f32; rows' keys and values in bf16.
    /// Without AVX-512 BF16 the same in plain code, slowly.
    Bf16,
    /// Weights in 8 bits with one scale an output, activations in 8 bits with one scale a row,
    /// summed exactly; rows' keys and values in bf16.
    Int8,
}

impl Precision {
    /// All of them, the most precise first.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The name as written in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The level of products with f32 or bf16 operands: those of the linear maps but for `Int8`,
    /// and those of the prefix's keys and values.
    pub(super) fn level(self, level: Level) -> Level {
        match self {
            Self::F32 => level,
            Self::Bf16 => level.rounded().unwrap_or(Level::portable_bf16()),
            Self::Int8 => level.rounded().unwrap_or(level.exact()),
        }
    }
}

/// A linear map, packed once.
pub(super) struct Linear {
    form: Form,
    inputs: usize,
    outputs: usize,
}

enum Form {
    Float(Level, Buffer),
    Int8(Packed8),
}

impl Linear {
    pub(super) fn new(cpu: &Cpu, precision: Precision, weight: Weight<'_>) -> Self {
        let (inputs, outputs) = (weight.inputs, weight.outputs);
        let form = if precision == Precision::Int8 {
            Form::Int8(Packed8::new(cpu.level, weight.strided(), (inputs, outputs)))
        } else {
            let level = precision.level(cpu.level);
            let mut data = Buffer::zeros(packed_len(level, inputs, outputs));
            linear::pack_at(cpu, level, weight, &mut data);
            Form::Float(level, data)
        };
        Self {
            form,
            inputs,
            outputs,
        }
    }

    /// `y (+)= x w`: x `[rows, inputs]`, y `[rows, outputs]`.
    pub(super) fn apply(&self, cpu: &Cpu, x: &[f32], y: &mut [f32], add: bool) {
        match &self.form {
            Form::Float(level, data) => {
                let packed = Packed::new(data, self.inputs, self.outputs);
                linear::apply_at(cpu, *level, x, packed, (y, add));
            }
            Form::Int8(packed) => {
                let rows = linear::rows_per_task(cpu, y.len() / self.outputs).max(1);
                y.par_chunks_mut(rows * self.outputs)
                    .zip(x.par_chunks(rows * self.inputs))
                    .for_each_init(Left8::default, |left, (y, x)| {
                        int8::product(cpu.level, x, (packed, left), y, add);
                    });
            }
        }
    }
}
