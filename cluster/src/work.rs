//! What an executor does for each step, and how failures are told: one that another try may mend
//! (a store that does not answer, a full disk) is tried again, a defect is not.

mod events;
mod map;
mod shards;
pub(crate) use shards::Written;
mod survey;

use crate::exec::{Step, Work};
use crate::job;
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::{Array as _, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::datatypes::UInt32Type;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use std::sync::Arc;

/// The output of a step for one partition of its input.
pub(crate) fn stream(work: Work, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = work.step.schema();
    let batches = match work.step {
        Step::Survey | Step::Index | Step::Map => answers(work, input).boxed(),
        Step::Subjects | Step::Events => events::kept(work, input).boxed(),
        Step::Shards => shards::written(work, input).boxed(),
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// The numbers of the items of a partition, one after the other.
fn items(input: SendableRecordBatchStream) -> impl Stream<Item = Result<u32>> {
    let numbers = input.map_ok(|batch| {
        let numbers = batch.column(0).as_primitive::<UInt32Type>();
        futures::stream::iter(numbers.values().to_vec()).map(Ok)
    });
    numbers.try_flatten()
}

/// One row for each item, once its work is done.
fn answers(
    work: Work,
    input: SendableRecordBatchStream,
) -> impl Stream<Item = Result<RecordBatch>> {
    items(input).and_then(move |item| {
        let work = work.clone();
        async move {
            let done = async {
                let job = job::open(&work.job).await?;
                let number = item as usize;
                match work.step {
                    Step::Survey => survey::survey(&job, number).await,
                    Step::Index => map::index(&job, number).await,
                    Step::Map | Step::Subjects | Step::Events | Step::Shards => {
                        map::map(&job, number).await
                    }
                }
            };
            answer(item, done.await.map_err(failed)?)
        }
    })
}

fn answer(item: u32, text: String) -> Result<RecordBatch> {
    let items = UInt32Array::from(vec![item]);
    let texts = StringArray::from(vec![text]);
    debug_assert_eq!(items.len(), texts.len());
    let schema = Step::Map.schema();
    Ok(RecordBatch::try_new(
        schema,
        vec![Arc::new(items), Arc::new(texts)],
    )?)
}

/// A failure that another try may mend.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn failed(error: anyhow::Error) -> DataFusionError {
    let (what, why) = (error.to_string(), error.root_cause().to_string());
    let text = if what == why {
        what
    } else {
        format!("{what}: {why}")
    };
    DataFusionError::IoError(std::io::Error::other(text))
}
