//! CreateStack on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackArn;
use regent_core::stacks::model::{OnFailure, Options};
use regent_core::stacks::ops::CreateStack;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

const ON_FAILURE: [&str; 3] = ["DO_NOTHING", "ROLLBACK", "DELETE"];

/// What becomes of a stack whose creation fails, by its name.
pub fn named_on_failure(member: &str, given: Option<&str>) -> Result<Option<OnFailure>, Fault> {
    let mut check = Constraints::new();
    check.text(member, given).one_of(&ON_FAILURE);
    check.finish()?;
    Ok(given.map(|given| match given {
        "DO_NOTHING" => OnFailure::DoNothing,
        "DELETE" => OnFailure::Delete,
        _ => OnFailure::Rollback,
    }))
}

fn on_failure(params: &Params<'_>) -> Result<OnFailure, Fault> {
    let given = named_on_failure("onFailure", params.text("OnFailure"))?;
    let disabled = params.boolean("DisableRollback")?;
    Ok(match (given, disabled) {
        (Some(_), Some(_)) => {
            return Err(Fault::validation(
                "Either DisableRollback or OnFailure can be specified, not both.",
            ));
        }
        (Some(given), None) => given,
        (None, Some(true)) => OnFailure::DoNothing,
        (None, _) => OnFailure::Rollback,
    })
}

impl QueryOperation for CreateStack {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let name = members::new_name(params)?;
        let timeout_minutes = params.number::<i64>("TimeoutInMinutes")?;
        let mut check = Constraints::new();
        check.number("timeoutInMinutes", timeout_minutes).range(1..=i64::from(i32::MAX));
        check.finish()?;
        members::refuse_unbuilt(params)?;
        let template = members::template(params)?.ok_or_else(fault::no_template)?;
        let parameters = members::new_parameters(params)?;
        Ok(Self {
            name,
            template,
            parameters,
            options: Options {
                on_failure: on_failure(params)?,
                timeout_minutes: timeout_minutes.and_then(|minutes| u32::try_from(minutes).ok()),
                termination_protection: params
                    .boolean("EnableTerminationProtection")?
                    .unwrap_or_default(),
                retain_except_on_create: params
                    .boolean("RetainExceptOnCreate")?
                    .unwrap_or_default(),
            },
            tags: members::tags(params)?.unwrap_or_default(),
            capabilities: members::capabilities(params)?,
            policy: members::stack_policy(params, "StackPolicy")?,
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
