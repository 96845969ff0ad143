//! Kernels that map rows to rows: each body is plain Rust, compiled for every instruction set.

use super::{fma, sigmoid, vectorised};

/// `y = x` for rows of a few floats, for which a call of `memcpy` costs more than the copy.
pub(crate) fn copy_narrow(x: &[f32], y: &mut [f32]) {
    let (x_lines, x_rest) = x.as_chunks::<8>();
    let (y_lines, y_rest) = y.as_chunks_mut::<8>();
    for (y, x) in y_lines.iter_mut().zip(x_lines) {
        *y = *x;
    }
    let (x_pairs, x_last) = x_rest.as_chunks::<2>();
    let (y_pairs, y_last) = y_rest.as_chunks_mut::<2>();
    for (y, x) in y_pairs.iter_mut().zip(x_pairs) {
        *y = *x;
    }
    if let ([y], [x]) = (y_last, x_last) {
        *y = *x;
    }
}

vectorised! {
    /// `y += x`.
    fn add(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }
}

vectorised! {
    /// `y += a x`.
    fn add_scaled(a: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = fma::<FMA>(a, *x, *y);
        }
    }
}

vectorised! {
    /// `x *= a`.
    fn scale(a: f32, x: &mut [f32]) {
        for x in x {
            *x *= a;
        }
    }
}

vectorised! {
    /// `y = r x w`, the output of a norm.
    fn scale_by(r: f32, x: &[f32], w: &[f32], y: &mut [f32]) {
        for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
            *y = r * x * w;
        }
    }
}

vectorised! {
    /// `dx += r w dy - c x`: the gradient of a norm, with c its projection term.
    fn norm_gradient(factors: (f32, f32), x: &[f32], w: &[f32], dy: &[f32], dx: &mut [f32]) {
        let (r, c) = factors;
        for (((dx, x), w), dy) in dx.iter_mut().zip(x).zip(w).zip(dy) {
            *dx += fma::<FMA>(r * w, *dy, -(c * x));
        }
    }
}

vectorised! {
    /// `z += r x y`.
    fn add_product(r: f32, x: &[f32], y: &[f32], z: &mut [f32]) {
        for ((z, x), y) in z.iter_mut().zip(x).zip(y) {
            *z = fma::<FMA>(r * x, *y, *z);
        }
    }
}

vectorised! {
    /// SwiGLU of one row: `y = silu(gate) up`.
    fn swiglu(gate: &[f32], up: &[f32], y: &mut [f32]) {
        for ((y, g), u) in y.iter_mut().zip(gate).zip(up) {
            *y = g * sigmoid::<FMA>(*g) * u;
        }
    }
}

vectorised! {
    /// SwiGLU of one row once more, and its gradient with respect to gate and up, which stand in
    /// one row of twice the width.
    fn swiglu_gradient(gate_up: &[f32], dy: &[f32], y: &mut [f32], d: &mut [f32]) {
        let n = dy.len();
        let (gate, up) = gate_up.split_at(n);
        let (d_gate, d_up) = d.split_at_mut(n);
        let (up, y, d_up) = (&up[..n], &mut y[..n], &mut d_up[..n]);
        for i in 0..n {
            let s = sigmoid::<FMA>(gate[i]);
            let silu = gate[i] * s;
            y[i] = silu * up[i];
            d_up[i] = dy[i] * silu;
            d_gate[i] = dy[i] * up[i] * fma::<FMA>(silu, 1.0 - s, s);
        }
    }
}

vectorised! {
    /// `y = silu(x)`.
    fn silu(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * sigmoid::<FMA>(*x);
        }
    }
}

vectorised! {
    /// `d *= silu'(x)`.
    fn silu_gradient(x: &[f32], d: &mut [f32]) {
        for (d, x) in d.iter_mut().zip(x) {
            let s = sigmoid::<FMA>(*x);
            *d *= fma::<FMA>(*x * s, 1.0 - s, s);
        }
    }
}

vectorised! {
    /// Rotates the pairs (x[j], x[j + half]) by the angles whose cosines and sines are given.
    fn rotate(cos: &[f32], sin: &[f32], x: &[f32], y: &mut [f32]) {
        let half = cos.len();
        let (x0, x1) = x.split_at(half);
        let (y0, y1) = y.split_at_mut(half);
        let (sin, x1, y1) = (&sin[..half], &x1[..half], &mut y1[..half]);
        for j in 0..half {
            y0[j] = fma::<FMA>(x0[j], cos[j], -(x1[j] * sin[j]));
            y1[j] = fma::<FMA>(x0[j], sin[j], x1[j] * cos[j]);
        }
    }
}

vectorised! {
    /// [`rotate`] by the opposite angles, which is its gradient.
    fn rotate_back(cos: &[f32], sin: &[f32], x: &[f32], y: &mut [f32]) {
        let half = cos.len();
        let (x0, x1) = x.split_at(half);
        let (y0, y1) = y.split_at_mut(half);
        let (sin, x1, y1) = (&sin[..half], &x1[..half], &mut y1[..half]);
        for j in 0..half {
            y0[j] = fma::<FMA>(x0[j], cos[j], x1[j] * sin[j]);
            y1[j] = fma::<FMA>(x1[j], cos[j], -(x0[j] * sin[j]));
        }
    }
}

/// The numbers of one AdamW step that are the same for all weights.
#[derive(Clone, Copy)]
pub(crate) struct AdamStep {
    pub rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    /// `1 / (1 - beta1^t)`.
    pub correction1: f32,
    /// `1 / (1 - beta2^t)`.
    pub correction2: f32,
    pub epsilon: f32,
    /// `1 - rate * weight_decay`, or 1.
    pub keep: f32,
}

vectorised! {
    /// AdamW on a stretch of weights (Loshchilov and Hutter 2019, algorithm 2).
    fn adamw(s: AdamStep, g: &[f32], w: &mut [f32], m: &mut [f32], v: &mut [f32]) {
        let n = g.len();
        let (w, m, v) = (&mut w[..n], &mut m[..n], &mut v[..n]);
        for i in 0..n {
            let g = g[i];
            m[i] = fma::<FMA>(s.beta1, m[i], (1.0 - s.beta1) * g);
            v[i] = fma::<FMA>(s.beta2, v[i], (1.0 - s.beta2) * g * g);
            let root = (v[i] * s.correction2).sqrt() + s.epsilon;
            w[i] = fma::<FMA>(w[i], s.keep, -(s.rate * m[i] * s.correction1 / root));
        }
    }
}
