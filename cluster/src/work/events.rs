//! The events of parts as they were left in the job's folder, without those that do not stay.

use super::{failed, items};
use crate::exec::{Step, Work};
use crate::job::{self, Job};
use crate::store::Place;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use datafusion::arrow::array::{AsArray as _, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use longitude_core::SubjectId;
use std::sync::Arc;

/// The kept events of every part of a partition: whole rows with their shard, or subjects only.
pub(super) fn kept(
    work: Work,
    input: SendableRecordBatchStream,
) -> impl Stream<Item = datafusion::error::Result<RecordBatch>> {
    let parts = items(input).and_then(move |item| {
        let work = work.clone();
        async move {
            let batches = of_part(&work, item).await.map_err(failed)?;
            Ok(batches.map_err(failed))
        }
    });
    parts.try_flatten()
}

async fn of_part(
    work: &Work,
    item: u32,
) -> Result<impl Stream<Item = Result<RecordBatch>> + use<>> {
    let job = job::open(&work.job).await?;
    let dropped = dropped(&job, item).await?;
    let is_whole = work.step == Step::Events;
    let name = if is_whole { "events" } else { "subjects" };
    let batches = batches(&job.folder, &format!("{name}/{item}")).await?;
    let shards = if is_whole {
        Some(job.shards().await?)
    } else {
        None
    };
    let mut position = 0;
    let kept = batches.map(move |batch| {
        let batch = without(&batch?, &dropped, &mut position)?;
        let Some(shards) = &shards else {
            return Ok(batch);
        };
        let subjects = batch.column(0).as_primitive::<Int64Type>().values();
        let shard = |subject: &i64| shards.shard_of(SubjectId(*subject));
        let numbers: Option<Vec<u32>> = subjects.iter().map(shard).collect();
        let numbers = numbers.context("a subject of no shard")?;
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt32Array::from(numbers)));
        Ok(RecordBatch::try_new(Step::Events.schema(), columns)?)
    });
    Ok(kept)
}

/// Ranges of positions, in order.
type Ranges = Vec<(u64, u64)>;

async fn dropped(job: &Job, item: u32) -> Result<Ranges> {
    match job.folder.get(&format!("dropped/{item}")).await? {
        Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
        None => Ok(Ranges::new()),
    }
}

/// The rows whose positions stand in no range; `position` is that of the first row.
fn without(batch: &RecordBatch, ranges: &Ranges, position: &mut u64) -> Result<RecordBatch> {
    let own = *position..*position + batch.num_rows() as u64;
    *position = own.end;
    let first = ranges.partition_point(|range| range.1 <= own.start);
    if ranges.get(first).is_none_or(|range| range.0 >= own.end) {
        return Ok(batch.clone());
    }
    let mut rest = ranges[first..].iter().peekable();
    let is_kept = own.map(|place| {
        while rest.next_if(|range| range.1 <= place).is_some() {}
        rest.peek().is_none_or(|range| place < range.0)
    });
    let is_kept: Vec<bool> = is_kept.collect();
    Ok(filter_record_batch(batch, &BooleanArray::from(is_kept))?)
}

/// The batches of an object, as its bytes arrive.
async fn batches(folder: &Place, name: &str) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    struct State {
        bytes: BoxStream<'static, Result<Bytes>>,
        decoder: StreamDecoder,
        buffer: Buffer,
    }
    let state = State {
        bytes: folder.read(name, None).await?,
        decoder: StreamDecoder::new(),
        buffer: Buffer::from(Bytes::new()),
    };
    let shown = format!("{}/{name}", folder.url());
    let batches = futures::stream::try_unfold(state, move |mut state| {
        let shown = shown.clone();
        async move {
            loop {
                let decoded = state.decoder.decode(&mut state.buffer);
                if let Some(batch) = decoded.with_context(|| shown.clone())? {
                    return Ok(Some((batch, state)));
                }
                if let Some(bytes) = state.bytes.try_next().await? {
                    state.buffer = Buffer::from(bytes);
                } else {
                    state.decoder.finish().with_context(|| shown.clone())?;
                    return Ok(None);
                }
            }
        }
    });
    Ok(batches.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    #[test]
    fn ranges_are_left_out_across_batches() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let ranges = vec![(2, 5), (9, 11), (11, 12), (25, 30)];
        let (mut position, mut kept) = (0, Vec::new());
        for start in (0..40).step_by(8) {
            let numbers = Int64Array::from_iter_values(start..start + 8);
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers)]).unwrap();
            let rest = without(&batch, &ranges, &mut position).unwrap();
            kept.extend_from_slice(rest.column(0).as_primitive::<Int64Type>().values());
        }
        let expected: Vec<i64> = (0..40_i64)
            .filter(|n| {
                !ranges
                    .iter()
                    .any(|(from, to)| (*from..*to).contains(&n.unsigned_abs()))
            })
            .collect();
        assert_eq!(kept, expected);
    }
}
