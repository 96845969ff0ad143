//! The transformer and its CPU kernels.
// Unsafe code lives only in the kernel files, each block with its reason.
