//! How long the sum of a gradient takes between these ranks, beside the library's own sum.

use longitude_train::{Rank, Reduce, Result};
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::CommunicatorCollectives;
use std::time::Instant;

/// Weights of the models whose gradients are summed.
const PARAMETERS: [usize; 3] = [500_000, 5_000_000, 20_000_000];

/// Prints a table on the first rank: medians of so many sums.
pub(crate) fn run(reduce: &dyn Reduce, world: &SimpleCommunicator, sums: usize) -> Result<()> {
    let Rank { number, of } = reduce.rank();
    if number == 0 {
        println!("{of} ranks; bytes are what a rank sends, 2 (n - 1) / n times the gradient's");
        println!("| parameters | in order, ms | GB/s a rank | MPI_Allreduce, ms | GB/s a rank |");
        println!("|---|---|---|---|---|");
    }
    for parameters in PARAMETERS {
        let mut gradient = vec![1.0f32; parameters];
        let mut result = gradient.clone();
        let mut ours = Vec::with_capacity(sums);
        let mut theirs = Vec::with_capacity(sums);
        // One more, to warm up; in turn, so that other load meets both.
        for _ in 0..=sums {
            gradient.fill(1.0);
            ours.push(timed(world, || reduce.sum(&mut gradient))?);
            theirs.push(timed(world, || {
                world.all_reduce_into(&gradient, &mut result, SystemOperation::sum());
                Ok(())
            })?);
        }
        let sent = 2.0 * (of - 1) as f64 / of as f64 * 4.0 * parameters as f64;
        let (ours, theirs) = (median(&mut ours[1..]), median(&mut theirs[1..]));
        if number == 0 {
            let rate = |seconds: f64| sent / seconds / 1e9;
            println!(
                "| {parameters} | {:.2} | {:.2} | {:.2} | {:.2} |",
                ours * 1e3,
                rate(ours),
                theirs * 1e3,
                rate(theirs)
            );
        }
    }
    Ok(())
}

/// Seconds of some work that all ranks begin at once.
fn timed(world: &SimpleCommunicator, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    world.barrier();
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}
