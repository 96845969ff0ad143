//! Sums by NCCL between GPUs: what moves over the wire goes from GPU to GPU, which between the
//! machines of a cluster with GPUs is the fastest way. The additions stay on the processor, in the
//! order of ranks, because NCCL's own sums promise no order.
//!
//! **Untested.** There was no GPU: this compiles and has never run.

use crate::order::{self, Memory};
use crate::wire::Mpi;
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DriverError};
use cudarc::nccl::result::NcclError;
use cudarc::nccl::{Comm, Id, group_end, group_start};
use longitude_train::{Error, Rank, Reduce, Result};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// Bytes of the name by which ranks find each other.
const ID_BYTES: usize = 128;

/// The ranks of an MPI communicator, each with a GPU. Short sums still go by MPI.
pub(crate) struct Nccl {
    mpi: Mpi,
    comm: Comm,
    stream: Arc<CudaStream>,
    memory: RefCell<Memory<f32>>,
}

impl fmt::Debug for Nccl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nccl")
            .field("rank", &self.mpi.rank())
            .finish_non_exhaustive()
    }
}

impl Nccl {
    /// Joins the ranks, each with the GPU of this number on its machine.
    pub(crate) fn new(mpi: Mpi, gpu: usize) -> Result<Self> {
        let Rank { number, of } = mpi.rank();
        let context = CudaContext::new(gpu).map_err(driver)?;
        let stream = context.default_stream();
        let mut shared = [0.0; ID_BYTES];
        if number == 0 {
            let id = Id::new().map_err(nccl)?;
            for (place, byte) in shared.iter_mut().zip(id.internal()) {
                *place = f64::from(*byte);
            }
        }
        mpi.sum64(&mut shared)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers of one byte")]
        let id = Id::uninit(shared.map(|byte| byte as std::ffi::c_char));
        let comm = Comm::from_rank(Arc::clone(&stream), number, of, id).map_err(nccl)?;
        Ok(Self {
            mpi,
            comm,
            stream,
            memory: RefCell::default(),
        })
    }

    /// Part `r` of these numbers goes to rank `r`, whose part comes to place `r`.
    fn swap(&self, own: &[f32], parts: &mut [f32]) -> Result<()> {
        let of = self.mpi.rank().of;
        let part = own.len() / of;
        let sent = self.stream.clone_htod(own).map_err(driver)?;
        let mut taken: CudaSlice<f32> = self.stream.alloc_zeros(own.len()).map_err(driver)?;
        group_start().map_err(nccl)?;
        for (peer, place) in (0i32..).zip((0..of).map(|peer| peer * part)) {
            let there = sent.slice(place..place + part);
            self.comm.send(&there, peer).map_err(nccl)?;
            let mut here = taken.slice_mut(place..place + part);
            self.comm.recv(&mut here, peer).map_err(nccl)?;
        }
        group_end().map_err(nccl)?;
        self.stream.memcpy_dtoh(&taken, parts).map_err(driver)?;
        self.stream.synchronize().map_err(driver)
    }

    /// One part goes to all, and all parts come here.
    fn spread(&self, own: &[f32], all: &mut [f32]) -> Result<()> {
        let sent = self.stream.clone_htod(own).map_err(driver)?;
        let mut taken: CudaSlice<f32> = self.stream.alloc_zeros(all.len()).map_err(driver)?;
        self.comm.all_gather(&sent, &mut taken).map_err(nccl)?;
        self.stream.memcpy_dtoh(&taken, all).map_err(driver)?;
        self.stream.synchronize().map_err(driver)
    }
}

impl Reduce for Nccl {
    fn rank(&self) -> Rank {
        self.mpi.rank()
    }

    fn sum(&self, numbers: &mut [f32]) -> Result<()> {
        let of = self.mpi.rank().of;
        if of == 1 {
            return Ok(());
        }
        let swap = |own: &[f32], parts: &mut [f32]| self.swap(own, parts);
        let spread = |own: &[f32], all: &mut [f32]| self.spread(own, all);
        let memory = &mut self.memory.borrow_mut();
        let wait = || order::sum(numbers, of, memory, swap, spread);
        self.mpi.watch().over(wait)
    }

    fn sum64(&self, numbers: &mut [f64]) -> Result<()> {
        self.mpi.sum64(numbers)
    }
}

fn driver(error: DriverError) -> Error {
    let reason = format!("CUDA: {error:?}");
    Error::Reduce { reason }
}

fn nccl(NcclError(status): NcclError) -> Error {
    let reason = format!("NCCL: {status:?}");
    Error::Reduce { reason }
}
