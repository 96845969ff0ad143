//! A sum over ranks whose result is the same on all of them, to the byte, and the same each time.
//!
//! Each rank owns one of as many equal parts of the numbers. The ranks swap their parts, so that
//! each has all versions of its own; it adds them in the order of ranks; and the sums are spread to
//! all. Each number is added once, in one place. A rank sends and receives `2 (n - 1) / n` times
//! the numbers, as in the scheme by Rabenseifner (2004, "Optimization of collective reduction
//! operations") that libraries use for long messages; their own `MPI_Allreduce` promises no order
//! of additions.

use std::ops::AddAssign;

/// Numbers that are summed at once: bounds the memory of a sum, and is long enough to be cheap.
const BLOCK: usize = 1 << 22;

/// Memory that sums use again.
#[derive(Debug, Default)]
pub(crate) struct Memory<T> {
    whole: Vec<T>,
    versions: Vec<T>,
}

/// Replaces each number by its sum over the ranks. `swap` gives each rank its part of these numbers
/// and takes its own part of theirs, in the order of ranks; `spread` gives one part to all and
/// takes all parts, in the order of ranks.
pub(crate) fn sum<T, E>(
    numbers: &mut [T],
    ranks: usize,
    memory: &mut Memory<T>,
    mut swap: impl FnMut(&[T], &mut [T]) -> Result<(), E>,
    mut spread: impl FnMut(&[T], &mut [T]) -> Result<(), E>,
) -> Result<(), E>
where
    T: Copy + Default + AddAssign,
{
    for block in numbers.chunks_mut(BLOCK) {
        let part = block.len().div_ceil(ranks);
        let Memory { whole, versions } = memory;
        whole.clear();
        whole.extend_from_slice(block);
        whole.resize(part * ranks, T::default());
        versions.resize(part * ranks, T::default());
        swap(whole, versions)?;
        let (sums, others) = versions.split_at_mut(part);
        for version in others.chunks_exact(part) {
            for (sum, number) in sums.iter_mut().zip(version) {
                *sum += *number;
            }
        }
        spread(sums, whole)?;
        block.copy_from_slice(&whole[..block.len()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier, Mutex};

    /// What the ranks of a test have brought, by rank.
    type Table = Arc<Mutex<Vec<Vec<f32>>>>;

    /// Brings own numbers and takes what all have brought.
    fn all(table: &Table, barrier: &Barrier, rank: usize, own: &[f32]) -> Vec<Vec<f32>> {
        table.lock().unwrap()[rank] = own.to_vec();
        barrier.wait();
        let found = table.lock().unwrap().clone();
        barrier.wait();
        found
    }

    /// Every rank's numbers after a sum, with ranks that are threads.
    fn summed(ranks: usize, length: usize) -> Vec<Vec<f32>> {
        let table: Table = Arc::new(Mutex::new(vec![Vec::new(); ranks]));
        let barrier = Arc::new(Barrier::new(ranks));
        let work = |rank: usize| {
            let mut numbers = numbers(rank, length);
            let swap = |own: &[f32], parts: &mut [f32]| {
                let part = parts.len() / ranks;
                let found = all(&table, &barrier, rank, own);
                for (place, other) in parts.chunks_exact_mut(part).zip(&found) {
                    place.copy_from_slice(&other[rank * part..(rank + 1) * part]);
                }
                Ok::<(), ()>(())
            };
            let spread = |own: &[f32], whole: &mut [f32]| {
                whole.copy_from_slice(&all(&table, &barrier, rank, own).concat());
                Ok(())
            };
            sum(&mut numbers, ranks, &mut Memory::default(), swap, spread).unwrap();
            numbers
        };
        std::thread::scope(|scope| {
            let work = &work;
            let running = (0..ranks).map(|rank| scope.spawn(move || work(rank)));
            let running: Vec<_> = running.collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }

    /// Numbers whose sum depends on the order of additions.
    fn numbers(rank: usize, length: usize) -> Vec<f32> {
        let scale = [1.0, 1e4, 1e8][rank % 3];
        let one = |i: usize| ((i * 31 + rank * 17) % 101) as f32 * scale;
        (0..length).map(one).collect()
    }

    #[test]
    fn every_rank_finds_the_sum_in_the_order_of_ranks() {
        for ranks in [2, 3, 5] {
            for length in [1, 7, 1000] {
                let mut expected = numbers(0, length);
                for rank in 1..ranks {
                    for (sum, number) in expected.iter_mut().zip(numbers(rank, length)) {
                        *sum += number;
                    }
                }
                let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                for found in summed(ranks, length) {
                    assert_eq!(
                        bits(&found),
                        bits(&expected),
                        "{ranks} ranks, {length} numbers"
                    );
                }
            }
        }
    }
}
