//! Sorted events into shards: written on this machine's disk, then put into the job's folder whole.

use super::{answer, failed};
use crate::exec::Work;
use crate::job::{self, Job, ShardRange, scratch};
use anyhow::{Context as _, Result};
use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::UInt32Type;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, TryStreamExt as _};
use longitude_store::assembly::{BATCH_ROWS, ShardFile};
use longitude_store::columns::data_schema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// What is told of a shard that was written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) events: u64,
    /// The codes that occur.
    pub(crate) codes: BTreeSet<String>,
}

/// One row for each shard of a partition. The rows of a shard stand together in the input.
pub(super) fn written(
    work: Work,
    input: SendableRecordBatchStream,
) -> impl Stream<Item = datafusion::error::Result<RecordBatch>> {
    let state = (
        Arc::new(work),
        input,
        None::<Open>,
        Vec::<RecordBatch>::new(),
        false,
    );
    futures::stream::try_unfold(
        state,
        |(work, mut input, mut open, mut ready, mut ended)| async move {
            loop {
                if let Some(told) = ready.pop() {
                    return Ok(Some((told, (work, input, open, ready, ended))));
                }
                if ended {
                    return Ok(None);
                }
                let Some(batch) = input.try_next().await? else {
                    ended = true;
                    if let Some(last) = open.take() {
                        ready.push(last.close().await?);
                    }
                    continue;
                };
                for (shard, rows) in runs(&batch) {
                    if let Some(full) = open.take_if(|open| open.shard != shard) {
                        ready.push(full.close().await?);
                    }
                    if open.is_none() {
                        open = Some(Open::new(&work, shard).await.map_err(failed)?);
                    }
                    if let Some(open) = &mut open {
                        open.push(&rows).map_err(failed)?;
                    }
                }
            }
        },
    )
}

/// The rows of each shard in a batch, in order.
fn runs(batch: &RecordBatch) -> Vec<(u32, RecordBatch)> {
    let shards = batch
        .column(batch.num_columns() - 1)
        .as_primitive::<UInt32Type>();
    let mut start = 0;
    let runs = shards
        .values()
        .chunk_by(|one, other| one == other)
        .map(|run| {
            let rows = batch.slice(start, run.len());
            start += run.len();
            (run[0], rows)
        });
    runs.collect()
}

/// A shard in the making.
struct Open {
    job: Arc<Job>,
    range: ShardRange,
    shard: u32,
    file: NamedTempFile,
    parquet: ShardFile,
    coalescer: BatchCoalescer,
    written: Written,
}

impl Open {
    async fn new(work: &Work, shard: u32) -> Result<Self> {
        let job = job::open(&work.job).await?;
        let ranges = job.shards().await?;
        let range = ranges
            .ranges
            .get(shard as usize)
            .context("no such shard")?
            .clone();
        let file = scratch()?;
        Ok(Self {
            parquet: ShardFile::create(file.path())?,
            job,
            range,
            shard,
            file,
            coalescer: BatchCoalescer::new(data_schema(), BATCH_ROWS),
            written: Written {
                events: 0,
                codes: BTreeSet::new(),
            },
        })
    }

    fn push(&mut self, rows: &RecordBatch) -> Result<()> {
        let data = data_schema();
        let columns = rows.columns()[..data.fields().len()].to_vec();
        let rows = RecordBatch::try_new(data, columns)?;
        self.written.events += rows.num_rows() as u64;
        let codes = rows.column_by_name("code").context("no codes")?;
        for code in codes.as_string::<i32>().iter().flatten() {
            if !self.written.codes.contains(code) {
                self.written.codes.insert(code.to_owned());
            }
        }
        self.coalescer.push_batch(rows)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.parquet.write(&batch)?;
        }
        Ok(())
    }

    async fn close(self) -> datafusion::error::Result<RecordBatch> {
        let shard = self.shard;
        answer(shard, self.finish().await.map_err(failed)?)
    }

    async fn finish(mut self) -> Result<String> {
        self.coalescer.finish_buffered_batch()?;
        self.drain()?;
        self.parquet.close()?;
        let object = self.range.object();
        self.job.folder.upload(&object, self.file.path()).await?;
        Ok(serde_json::to_string(&self.written)?)
    }
}
