//! How our one operator travels between the machines. Everything else of a plan is Ballista's and
//! DataFusion's own.

use crate::exec::{Work, WorkExec};
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use std::sync::Arc;

/// Marks our operator; no protocol buffer of Ballista's starts so (field 14, wire type 7).
const MARK: &[u8] = b"wlongitude";

/// Ours first, Ballista's for the rest. Scheduler, executors and the submitting process register
/// it.
#[derive(Debug, Default)]
pub(crate) struct Codec {
    ballista: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(ours) = buffer.strip_prefix(MARK) else {
            return self.ballista.try_decode(buffer, inputs, context, converter);
        };
        let work: Work = serde_json::from_slice(ours).map_err(|error| {
            DataFusionError::Plan(format!("a step of another version: {error}"))
        })?;
        let [input] = inputs else {
            return Err(DataFusionError::Plan("a step has one input".to_owned()));
        };
        Ok(Arc::new(WorkExec::new(work, Arc::clone(input))))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(ours) = node.downcast_ref::<WorkExec>() else {
            return self.ballista.try_encode(node, buffer, converter);
        };
        buffer.extend_from_slice(MARK);
        serde_json::to_writer(buffer, ours.work())
            .map_err(|error| DataFusionError::Internal(error.to_string()))
    }

    fn try_decode_udf(&self, name: &str, buffer: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.ballista.try_decode_udf(name, buffer)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udf(node, buffer)
    }

    fn try_decode_udaf(&self, name: &str, buffer: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.ballista.try_decode_udaf(name, buffer)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buffer: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udaf(node, buffer)
    }
}
