//! UpdateStack on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackArn;
use regent_core::stacks::model::OnFailure;
use regent_core::stacks::ops::UpdateStack;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for UpdateStack {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        members::refuse_unbuilt(params)?;
        let disabled = params.boolean("DisableRollback")?.unwrap_or_default();
        let template = members::template_or_previous(params)?;
        Ok(Self {
            stack,
            template,
            parameters: members::parameters(params)?,
            tags: members::tags(params)?,
            capabilities: members::capabilities(params)?,
            on_failure: if disabled { OnFailure::DoNothing } else { OnFailure::Rollback },
            retain_except_on_create: params.boolean("RetainExceptOnCreate")?,
            policy: members::stack_policy(params, "StackPolicy")?,
            policy_during: members::stack_policy(params, "StackPolicyDuringUpdate")?,
            token: members::token(params)?,
            role: members::role(params)?,
        })
    }

    fn encode(output: &StackArn, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackId", members::stack_id(output).as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
