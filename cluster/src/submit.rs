//! Plans for the cluster: made here, run there. Only numbers of items and names of columns travel
//! in a plan; records do not.

use crate::codec::Codec;
use crate::exec::{Step, Work, WorkExec, by_shard, items_schema, order};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use ballista_core::config::BallistaConfig;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt as _;
use datafusion::arrow::array::{AsArray as _, RecordBatch, UInt32Array};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::TryStreamExt as _;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes that a task holds before its part of a shuffle goes to the disk.
const SHUFFLE_BYTES: usize = 64 << 20;

/// Runs of one plan, where executors are gone with its results.
const RUNS_MAX: usize = 3;

/// A scheduler, and a job that it is asked to do.
pub(crate) struct Cluster {
    /// Such as `http://127.0.0.1:50050`.
    pub(crate) scheduler: String,
    /// The URL of the job's folder.
    pub(crate) job: String,
    /// The most tasks that a step is divided into.
    pub(crate) tasks_max: usize,
}

impl Cluster {
    fn config(&self) -> SessionConfig {
        SessionConfig::new_with_ballista()
            .with_target_partitions(self.tasks_max)
            .set_str("ballista.scheduler.max_partitions_per_task", "1")
            .set_usize(
                "ballista.shuffle.sort_based.memory_limit_per_task_bytes",
                SHUFFLE_BYTES,
            )
    }

    async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let session = format!("longitude-{}", uuid::Uuid::new_v4());
        let (ballista, codec) = (BallistaConfig::default(), Codec::default());
        let stream = execute_physical_plan::<PhysicalPlanNode>(
            self.scheduler.clone(),
            &ballista,
            plan,
            &codec,
            session,
            self.config(),
        );
        stream.await
    }

    /// A step over items, divided into tasks: every task has items from all over, for neighbours
    /// are alike.
    fn over(&self, step: Step, items: &[u32]) -> Result<Arc<dyn ExecutionPlan>> {
        let tasks = items.len().clamp(1, self.tasks_max);
        let mut partitions = vec![Vec::new(); tasks];
        for (place, item) in items.iter().enumerate() {
            partitions[place % tasks].push(*item);
        }
        let batch = |numbers: Vec<u32>| {
            let numbers = Arc::new(UInt32Array::from(numbers));
            Ok(vec![RecordBatch::try_new(items_schema(), vec![numbers])?])
        };
        let partitions: Result<Vec<_>> = partitions.into_iter().map(batch).collect();
        let table = MemorySourceConfig::try_new_exec(&partitions?, items_schema(), None)?;
        let job = self.job.clone();
        Ok(Arc::new(WorkExec::new(Work { step, job }, table)))
    }

    /// Does a step for every item and gives the answers by item.
    pub(crate) async fn each<T: DeserializeOwned>(
        &self,
        step: Step,
        items: &[u32],
    ) -> Result<BTreeMap<u32, T>> {
        if items.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.answers(self.over(step, items)?).await
    }

    async fn answers<T: DeserializeOwned>(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<BTreeMap<u32, T>> {
        let mut answers = BTreeMap::new();
        for batch in self.batches(plan).await? {
            let items = batch.column(0).as_primitive::<UInt32Type>();
            let texts = batch.column(1).as_string::<i32>();
            for (item, text) in items.values().iter().zip(texts) {
                let text = text.context("an answer without a text")?;
                answers.insert(*item, serde_json::from_str(text)?);
            }
        }
        Ok(answers)
    }

    /// Runs a plan and holds what it gives. The results of a job stand on the executors that made
    /// them: where one is gone before they were fetched, the job is done again. Steps leave what
    /// they make in the job's folder, so little of it is work.
    async fn batches(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>> {
        let mut tries = 1;
        loop {
            let batches = match self.run(Arc::clone(&plan)).await {
                Ok(stream) => stream.try_collect().await,
                Err(error) => Err(error),
            };
            match batches {
                Err(error) if is_lost(&error) && tries < RUNS_MAX => tries += 1,
                done => return done.map_err(|error| told(&error)),
            }
        }
    }

    /// Every subject with a kept event, in order, with the number of its events: 16 bytes each.
    pub(crate) async fn subjects(&self, parts: &[u32]) -> Result<Vec<(i64, usize)>> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let context = SessionContext::new_with_config(self.config());
        let table = StepTable {
            plan: self.over(Step::Subjects, parts)?,
        };
        context.register_table("events", Arc::new(table))?;
        let query = "SELECT subject_id, count(*) AS events FROM events \
                     GROUP BY subject_id ORDER BY subject_id";
        let plan = context.sql(query).await?.create_physical_plan().await?;
        let mut counted = Vec::new();
        for batch in self.batches(plan).await? {
            let subjects = batch.column(0).as_primitive::<Int64Type>();
            let counts = batch.column(1).as_primitive::<Int64Type>();
            for (subject, count) in subjects.values().iter().zip(counts.values()) {
                counted.push((*subject, usize::try_from(*count)?));
            }
        }
        Ok(counted)
    }

    /// Divides the kept events of all parts by shard, sorts them and writes the shards.
    pub(crate) async fn shards<T: DeserializeOwned>(
        &self,
        parts: &[u32],
        shards: usize,
    ) -> Result<BTreeMap<u32, T>> {
        if parts.is_empty() || shards == 0 {
            return Ok(BTreeMap::new());
        }
        let events = self.over(Step::Events, parts)?;
        let schema = events.schema();
        let hashed = Partitioning::Hash(by_shard(&schema)?, shards.min(self.tasks_max));
        let divided = Arc::new(RepartitionExec::try_new(events, hashed)?);
        let sorted = SortExec::new(order(&schema)?, divided).with_preserve_partitioning(true);
        let work = Work {
            step: Step::Shards,
            job: self.job.clone(),
        };
        self.answers(Arc::new(WorkExec::new(work, Arc::new(sorted))))
            .await
    }
}

/// Whether an executor went while somebody read from it. Ballista does a task again whose input
/// was gone before it started; one whose input broke off in the middle fails as if the plan were
/// at fault, and takes the job with it. What our own steps meet is an error of input and output.
fn is_lost(error: &DataFusionError) -> bool {
    let text = error.to_string();
    let signs = [
        "GrpcConnectionError",
        "transport",
        "runtime execution error",
    ];
    signs.iter().any(|sign| text.contains(sign))
}

/// What a task said of its failure, out of the debugging text that Ballista wraps it in.
fn told(error: &DataFusionError) -> anyhow::Error {
    const BEFORE: &str = "kind: Other, error: ";
    let text = error.to_string().replace("\\\"", "\"");
    let after = text.split_once(BEFORE).map(|(_, after)| after);
    let own = after.and_then(|after| after.strip_prefix('"')?.split_once("\" })"));
    match own {
        Some((own, _)) => anyhow::anyhow!("a task was tried in vain: {own}"),
        None => anyhow::anyhow!("{text}"),
    }
}

/// A step as a table, for SQL.
#[derive(Debug)]
struct StepTable {
    plan: Arc<dyn ExecutionPlan>,
}

#[async_trait]
impl TableProvider for StepTable {
    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        // The one query asks for the one column.
        let columns = self.plan.schema().fields().len();
        if projection.is_some_and(|wanted| wanted.len() != columns) {
            let message = "a step gives all its columns".to_owned();
            return Err(DataFusionError::NotImplemented(message));
        }
        Ok(Arc::clone(&self.plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_words_of_the_task() {
        let debugging = r#"Job 1 failed: stage 1: "Task failed due to IO error: DataFusionError(IoError(Custom { kind: Other, error: \"s3://b/x could not be read: cut\" }))""#;
        let error = told(&DataFusionError::Execution(debugging.to_owned()));
        assert_eq!(
            error.to_string(),
            "a task was tried in vain: s3://b/x could not be read: cut"
        );
        assert!(!is_lost(&DataFusionError::Execution(debugging.to_owned())));
        let cut = "Job 1 failed: Task failed due to runtime execution error: IpcError(h2)";
        assert!(is_lost(&DataFusionError::Execution(cut.to_owned())));
        let other = told(&DataFusionError::Execution("no scheduler".to_owned()));
        assert_eq!(other.to_string(), "Execution error: no scheduler");
    }
}
