//! DescribeStackDriftDetectionStatus: what came of the last look at a stack.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::drift::DetectionId;
use crate::stacks::error::Error;
use crate::stacks::model::Stack;
use crate::tx::Records;

#[derive(Debug)]
pub struct DescribeStackDriftDetectionStatus {
    pub id: Box<str>,
}

impl Operation for DescribeStackDriftDetectionStatus {
    const ACTION: &'static str = "cloudformation:DescribeStackDriftDetectionStatus";
    type Target = Option<Arc<Stack>>;
    /// A stack that was looked at.
    type Output = Arc<Stack>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Option<Arc<Stack>>, StoreFault> {
        let Some(id) = DetectionId::parse(&self.id) else { return Ok(None) };
        let found = read.stack(cx.scope(), id.stack)?;
        Ok(found.filter(|stack| {
            let last = stack.detection.as_ref();
            last.is_some_and(|last| DetectionId::new(stack.id, last) == id)
        }))
    }

    /// AWS: of no stack.
    fn demands(&self, cx: &Cx<'_>, _target: &Option<Arc<Stack>>) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for DescribeStackDriftDetectionStatus {
    fn run(
        op: Authorized<Self>,
        target: Option<Arc<Stack>>,
        _cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Arc<Stack>, Error> {
        target.ok_or_else(|| Error::NoDetection { id: op.into_inner().id })
    }
}
