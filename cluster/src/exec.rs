//! The one operator of ours in a DataFusion plan: a step of the ingest, worked on item by item.
//!
//! It has one input. For most steps the input is a table in memory with the numbers of the items
//! (files, parts): Ballista divides such a table among its tasks, which it would not do with a
//! leaf of a foreign kind. For the last step the input is events, divided and sorted by Ballista.

use crate::work;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// What each file holds, and where it is cut.
    Survey,
    /// First pass over a piece: what other records are resolved through.
    Index,
    /// Second pass over a piece: its events and its account.
    Map,
    /// The subject of every event that is kept, for counting.
    Subjects,
    /// Every event that is kept, with its shard.
    Events,
    /// Sorted events into the files of the data set.
    Shards,
}

/// A step of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) step: Step,
    /// The URL of the job's folder.
    pub(crate) job: String,
}

/// The number of an item: a file, a piece or a shard.
pub(crate) const ITEM: &str = "item";
/// What came of an item, as JSON.
pub(crate) const ANSWER: &str = "answer";
/// The subject of an event.
pub(crate) const SUBJECT: &str = "subject_id";
/// The number of the shard of an event.
pub(crate) const SHARD: &str = "shard";
/// Birth before the rest before death, inside a tie.
pub(crate) const RANK: &str = "rank";
/// The number of the piece that an event came from.
pub(crate) const PIECE: &str = "piece";
/// The number of the event inside its piece.
pub(crate) const POSITION: &str = "position";

/// The columns of item numbers.
pub(crate) fn items_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(ITEM, DataType::UInt32, false)]))
}

/// The columns of a data table, and what orders its rows.
pub(crate) fn staged_schema() -> SchemaRef {
    let data = longitude_store::columns::data_schema();
    let mut fields: Vec<_> = data.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(RANK, DataType::UInt8, false)));
    fields.push(Arc::new(Field::new(PIECE, DataType::UInt32, false)));
    fields.push(Arc::new(Field::new(POSITION, DataType::UInt64, false)));
    Arc::new(Schema::new(fields))
}

fn events_schema() -> SchemaRef {
    let staged = staged_schema();
    let mut fields: Vec<_> = staged.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(SHARD, DataType::UInt32, false)));
    Arc::new(Schema::new(fields))
}

impl Step {
    /// The columns that the step gives.
    pub(crate) fn schema(self) -> SchemaRef {
        match self {
            Self::Survey | Self::Index | Self::Map | Self::Shards => Arc::new(Schema::new(vec![
                Field::new(ITEM, DataType::UInt32, false),
                Field::new(ANSWER, DataType::Utf8, false),
            ])),
            Self::Subjects => Arc::new(Schema::new(vec![Field::new(
                SUBJECT,
                DataType::Int64,
                false,
            )])),
            Self::Events => events_schema(),
        }
    }
}

/// By shard: what divides events among the tasks of the last step.
pub(crate) fn by_shard(schema: &Schema) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    Ok(vec![Arc::new(Column::new_with_schema(SHARD, schema)?)])
}

/// The order of the events of a task: shards, and in each the law of a data set. Piece and position
/// are the order of the source, so that no two rows are equal and the order is one.
pub(crate) fn order(schema: &Schema) -> Result<LexOrdering> {
    let sorted = [SHARD, SUBJECT, "time", RANK, PIECE, POSITION];
    let by = |name: &&str| -> Result<PhysicalSortExpr> {
        let options = SortOptions {
            descending: false,
            nulls_first: true,
        };
        Ok(PhysicalSortExpr {
            expr: Arc::new(Column::new_with_schema(name, schema)?),
            options,
        })
    };
    let expressions: Result<Vec<_>> = sorted.iter().map(by).collect();
    LexOrdering::new(expressions?)
        .ok_or_else(|| DataFusionError::Internal("an empty order".to_owned()))
}

/// The operator.
pub(crate) struct WorkExec {
    work: Work,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl WorkExec {
    pub(crate) fn new(work: Work, input: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = input.properties().output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(work.step.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            work,
            input,
            properties: Arc::new(properties),
        }
    }

    pub(crate) fn work(&self) -> &Work {
        &self.work
    }
}

impl ExecutionPlan for WorkExec {
    fn name(&self) -> &'static str {
        "WorkExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let by_shard = (self.work.step == Step::Shards)
            .then(|| by_shard(&self.input.schema()).map(Distribution::KeyPartitioned));
        match by_shard {
            Some(Ok(distribution)) => vec![distribution],
            Some(Err(_)) | None => vec![Distribution::UnspecifiedDistribution],
        }
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let sorted = self.work.step == Step::Shards;
        let order = sorted.then(|| order(&self.input.schema()).ok()).flatten();
        vec![order.map(OrderingRequirements::from)]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop();
        let input =
            input.ok_or_else(|| DataFusionError::Internal("a step has one input".to_owned()))?;
        Ok(Arc::new(Self::new(self.work.clone(), input)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        Ok(work::stream(self.work.clone(), input))
    }
}

impl DisplayAs for WorkExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkExec: {:?}", self.work.step)
    }
}

impl fmt::Debug for WorkExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkExec({:?})", self.work)
    }
}
