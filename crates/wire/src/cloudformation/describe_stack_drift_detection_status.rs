//! DescribeStackDriftDetectionStatus on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::drift::DetectionId;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::LogicalId;
use regent_core::stacks::model::Stack;
use regent_core::stacks::ops::DescribeStackDriftDetectionStatus;
use std::sync::Arc;

use super::fault::{self, Missing};
use super::{drift, members};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeStackDriftDetectionStatus {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let mut check = Constraints::new();
        let id = params.text("StackDriftDetectionId");
        let id = check.text("stackDriftDetectionId", id).required().length(1..=36).value();
        check.finish()?;
        Ok(Self { id: id.into() })
    }

    fn encode(output: &Arc<Stack>, cx: &Cx<'_>, fields: &mut Fields<'_>) {
        let Some(last) = &output.detection else { return };
        fields.text("StackId", members::stack_id(&output.arn(cx.scope())).as_str());
        let id = DetectionId::new(output.id, last);
        fields.text("StackDriftDetectionId", id.to_string().as_str());
        fields.text("StackDriftStatus", drift::stack_status(last));
        if last.failed.is_empty() {
            fields.text("DetectionStatus", "DETECTION_COMPLETE");
        } else {
            let names: Vec<_> = last.failed.iter().map(LogicalId::as_str).collect();
            let reason = format!("Failed to detect drift on resources [{}]", names.join(", "));
            fields.text("DetectionStatus", "DETECTION_FAILED");
            fields.text("DetectionStatusReason", reason.as_str());
        }
        fields.number("DriftedStackResourceCount", i64::from(last.drifted));
        fields.time_ms("Timestamp", last.at);
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
