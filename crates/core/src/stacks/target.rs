//! What a request on stacks names, looked up.
//!
//! AWS: a deleted stack is found by its ARN only. Absence is part of a [`Target`], not an error:
//! nothing may be told before authorization (promise R6).

use std::sync::Arc;

use crate::cx::Cx;
use crate::policy::authorized::Demand;
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ids::{StackArn, StackName};
use crate::stacks::model::{Stack, Status};
use crate::tx::Records;

/// A stack by its name or ARN, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackRef {
    given: Box<str>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Name(StackName),
    Arn(StackArn),
    /// What no stack is called.
    None,
}

impl From<&str> for StackRef {
    fn from(given: &str) -> Self {
        let form = match (given.parse(), given.parse()) {
            (Ok(name), _) => Form::Name(name),
            (_, Ok(arn)) => Form::Arn(arn),
            _ => Form::None,
        };
        Self { given: given.into(), form }
    }
}

impl StackRef {
    /// The name, unless it is an ARN.
    pub const fn name(&self) -> Option<&StackName> {
        match &self.form {
            Form::Name(name) => Some(name),
            Form::Arn(_) | Form::None => None,
        }
    }
}

#[derive(Debug)]
pub struct Target {
    given: Box<str>,
    /// The ARN that permission is asked for.
    resource: String,
    pub found: Option<Arc<Stack>>,
}

impl StackRef {
    pub fn find(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        let scope = cx.scope();
        let id = match &self.form {
            Form::Name(name) => read.stack_of_name(scope, name)?,
            Form::Arn(arn) => (arn.scope == scope).then_some(arn.id),
            Form::None => None,
        };
        let found = id.map(|id| read.stack(scope, id)).transpose()?.flatten();
        let found = found.filter(|found| match &self.form {
            Form::Arn(arn) => found.name == arn.name,
            Form::Name(_) | Form::None => true,
        });
        let resource = match (&found, &self.form) {
            (Some(found), _) => found.arn(scope).to_string(),
            (None, Form::Name(name)) => of_name(cx, name.as_str()),
            (None, Form::Arn(arn)) => arn.to_string(),
            (None, Form::None) => of_name(cx, "*"),
        };
        Ok(Target { given: self.given.clone(), resource, found })
    }
}

/// AWS: a stack that is not there yet has no id.
pub fn of_name(cx: &Cx<'_>, name: &str) -> String {
    let (partition, region) = (cx.region.partition(), cx.region);
    format!("arn:{partition}:cloudformation:{region}:{}:stack/{name}/*", cx.caller.account)
}

impl Target {
    pub fn demand(&self, cx: &Cx<'_>, action: &'static str) -> Demand {
        Demand::on(action, self.resource.clone(), cx.caller.account)
    }

    /// The stack, or that there is none.
    pub fn stack(&self) -> Result<&Arc<Stack>, Error> {
        self.found.as_ref().ok_or_else(|| Error::NotFound { stack: self.given.clone() })
    }

    /// The stack, unless it is deleted.
    pub fn living(&self) -> Result<&Arc<Stack>, Error> {
        let found = self.found.as_ref().filter(|stack| stack.status != Status::DeleteComplete);
        found.ok_or_else(|| Error::NotFound { stack: self.given.clone() })
    }
}
