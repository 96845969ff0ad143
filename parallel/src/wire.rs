//! [`Reduce`] over MPI: which rank this is, and sums in the order of ranks.

use crate::order::{self, Memory};
use crate::watch::Watch;
use longitude_train::{Rank, Reduce, Result};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence};
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::ops::AddAssign;

/// The ranks of an MPI communicator. MPI's own handler of errors ends the program with a message,
/// and so does the watch over waits that take too long.
pub(crate) struct Mpi {
    world: SimpleCommunicator,
    rank: Rank,
    watch: Watch,
    singles: RefCell<Memory<f32>>,
    doubles: RefCell<Memory<f64>>,
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mpi")
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}

/// This rank of a communicator.
pub(crate) fn rank(world: &SimpleCommunicator) -> Rank {
    let whole = |number: i32| usize::try_from(number).unwrap_or(0);
    Rank {
        number: whole(world.rank()),
        of: whole(world.size()).max(1),
    }
}

impl Mpi {
    /// The ranks of a communicator, whose sums are watched.
    pub(crate) fn new(world: SimpleCommunicator, watch: Watch) -> Self {
        Self {
            rank: rank(&world),
            world,
            watch,
            singles: RefCell::default(),
            doubles: RefCell::default(),
        }
    }

    /// The watch over waits.
    #[cfg(feature = "nccl")]
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn add<T>(&self, numbers: &mut [T], memory: &RefCell<Memory<T>>)
    where
        T: Equivalence + Copy + Default + AddAssign,
    {
        if self.rank.of == 1 {
            return;
        }
        let swap = |own: &[T], parts: &mut [T]| {
            self.world.all_to_all_into(own, parts);
            Ok::<_, Infallible>(())
        };
        let spread = |own: &[T], all: &mut [T]| {
            self.world.all_gather_into(own, all);
            Ok(())
        };
        let memory = &mut memory.borrow_mut();
        let of = self.rank.of;
        let Ok(()) = self
            .watch
            .over(|| order::sum(numbers, of, memory, swap, spread));
    }
}

impl Reduce for Mpi {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn sum(&self, numbers: &mut [f32]) -> Result<()> {
        self.add(numbers, &self.singles);
        Ok(())
    }

    fn sum64(&self, numbers: &mut [f64]) -> Result<()> {
        self.add(numbers, &self.doubles);
        Ok(())
    }
}
