//! SIMD kernels, chosen at run time: AVX-512, AVX2 or portable code.
//!
//! The only place of the workspace with `unsafe`, and only for two reasons: calling a function that
//! was compiled for an instruction set which [`Level`] has proved present, and the pointers of the
//! matrix tile. Everything above works on slices. Operations with a meaning of their own (norms,
//! attention, losses) live in `ops`.
#![allow(
    unsafe_code,
    reason = "calls into code for a detected instruction set; each block says why it is sound"
)]

pub(crate) mod bf16;
pub(crate) mod decode;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod int8;
mod peak;
pub(crate) mod reduce;
pub(crate) mod softmax;
mod tile;
pub(crate) mod transpose;

pub use peak::peak_gflops;

/// Instruction sets with code of their own; those that end in `Bf16` round the operands of matrix
/// products and are otherwise the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Portable,
    PortableBf16,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
}

/// The instruction set that the kernels use. It can be made only by asking the processor, so that
/// holding one proves that its instructions exist. Two levels agree within rounding, not bit by
/// bit: the level belongs to a run's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

impl Level {
    /// The fastest level of f32 products that this processor has.
    pub fn best() -> Self {
        Self::available()
            .last()
            .copied()
            .unwrap_or(Self(Kind::Portable))
    }

    /// Plain code without special instructions.
    pub fn portable() -> Self {
        Self(Kind::Portable)
    }

    /// Every level of f32 products that this processor has, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            if avx2 {
                levels.push(Self(Kind::Avx2));
            }
            let wide = has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
            if avx2 && wide {
                levels.push(Self(Kind::Avx512));
            }
        }
        levels
    }

    /// Every level that rounds the operands of the linear maps' products to bf16 and sums them in
    /// f32, slowest first. Weights, moments, attention, norms and losses stay f32. The portable one
    /// only imitates it, slowly: a run can be repeated where the instructions lack.
    pub fn bf16() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = Self::available().contains(&Self(Kind::Avx512));
            if wide && std::arch::is_x86_feature_detected!("avx512bf16") {
                return vec![Self(Kind::PortableBf16), Self(Kind::Avx512Bf16)];
            }
        }
        vec![Self(Kind::PortableBf16)]
    }

    /// The level by its name, where this processor has it.
    pub fn named(name: &str) -> Option<Self> {
        let mut levels = Self::available().into_iter().chain(Self::bf16());
        levels.find(|l| l.name() == name)
    }

    /// `portable`, `avx2`, `avx512`, `portable_bf16` or `avx512_bf16`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            Kind::PortableBf16 => "portable_bf16",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => "avx512_bf16",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }

    /// The level with f32 products of the same instructions.
    pub(crate) fn exact(self) -> Self {
        Self(match self.0 {
            Kind::Portable | Kind::PortableBf16 => Kind::Portable,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Kind::Avx2,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Bf16 => Kind::Avx512,
        })
    }

    /// The level whose products round to bf16 with this one's instructions, where the processor has
    /// them.
    pub(crate) fn rounded(self) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if self.exact().0 == Kind::Avx512 {
            let wide = Self(Kind::Avx512Bf16);
            return Self::bf16().contains(&wide).then_some(wide);
        }
        None
    }

    /// The plain level that rounds to bf16.
    pub(crate) fn portable_bf16() -> Self {
        Self(Kind::PortableBf16)
    }

    /// Whether products take pairs of bf16.
    pub(crate) fn pairs(self) -> bool {
        self != self.exact()
    }
}

/// Compiles one plain body three times, for each instruction set, and picks one at run time. The
/// body sees `FMA`: whether a fused multiply-add is one instruction.
macro_rules! vectorised {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "the level comes on top of a kernel's own")]
        pub(crate) fn $name(level: $crate::kernels::Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body<const FMA: bool>($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body::<true>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body::<true>($($arg),*)
            }
            match level.kind() {
                $crate::kernels::Kind::Portable | $crate::kernels::Kind::PortableBf16 => {
                    body::<false>($($arg),*)
                }
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a Level of this kind exists only where the processor reported the
                // features.
                $crate::kernels::Kind::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a Level of this kind exists only where the processor reported the
                // features.
                $crate::kernels::Kind::Avx512 | $crate::kernels::Kind::Avx512Bf16 => unsafe {
                    avx512($($arg),*)
                },
            }
        }
    };
}
pub(crate) use vectorised;

/// `a * b + c`, fused where that is one instruction.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `e^x` within 2 units in the last place for x in [-87, 88], saturating outside; the Cody-Waite
/// reduction and the minimax polynomial of Cephes `expf`. Branch-free, so that loops over it
/// vectorise.
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "constants as published")]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer in the low bits.
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -0.693_359_375, x);
    let r = fma::<FMA>(n, 2.121_944_4e-4, r);
    let p = fma::<FMA>(r, 1.987_569_15e-4, 1.398_199_950_7e-3);
    let p = fma::<FMA>(p, r, 8.333_451_907_3e-3);
    let p = fma::<FMA>(p, r, 4.166_579_589_4e-2);
    let p = fma::<FMA>(p, r, 1.666_666_545_9e-1);
    let p = fma::<FMA>(p, r, 5.000_000_120_1e-1);
    let p = fma::<FMA>(p, r * r, r + 1.0);
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// The logistic function.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}
