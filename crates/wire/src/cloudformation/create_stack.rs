//! CreateStack on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackArn;
use regent_core::stacks::model::{OnFailure, Options};
use regent_core::stacks::ops::CreateStack;
use regent_core::stacks::ready::Given;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

const ON_FAILURE: [&str; 3] = ["DO_NOTHING", "ROLLBACK", "DELETE"];

fn on_failure(params: &Params<'_>) -> Result<OnFailure, Fault> {
    let given = params.text("OnFailure");
    let mut check = Constraints::new();
    check.text("onFailure", given).one_of(&ON_FAILURE);
    check.finish()?;
    let disabled = params.boolean("DisableRollback")?;
    Ok(match (given, disabled) {
        (Some(_), Some(_)) => {
            return Err(Fault::validation(
                "Either DisableRollback or OnFailure can be specified, not both.",
            ));
        }
        (Some("DO_NOTHING"), None) | (None, Some(true)) => OnFailure::DoNothing,
        (Some("DELETE"), None) => OnFailure::Delete,
        _ => OnFailure::Rollback,
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
        let mut parameters = Given::new();
        for (key, value) in members::parameters(params)? {
            // There is no stack to have a value from.
            let value = value.ok_or_else(|| {
                Fault::validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a new stack"
                ))
            })?;
            parameters.insert(key.into(), value);
        }
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
            token: members::token(params)?,
        })
    }

    fn encode(output: &StackArn, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackId", members::stack_id(output).as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
