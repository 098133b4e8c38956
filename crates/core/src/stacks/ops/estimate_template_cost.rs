//! EstimateTemplateCost: how much of what costs by the month a template makes. What one costs is the
//! wire's.

use regent_cfn::Value;
use regent_cfn::resolve::Pseudo;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ready::{Given, Ready, Unmade};

#[derive(Debug)]
pub struct EstimateTemplateCost {
    pub template: Box<str>,
    pub parameters: Given,
}

/// How many of each a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    pub secrets: usize,
    /// Copies of those secrets in other Regions.
    pub replicas: usize,
    /// Keys, and replicas of keys of other Regions.
    pub keys: usize,
}

impl Operation for EstimateTemplateCost {
    const ACTION: &'static str = "cloudformation:EstimateTemplateCost";
    type Target = ();
    type Output = Estimate;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for EstimateTemplateCost {
    fn run(
        op: Authorized<Self>,
        _target: (),
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Estimate, Error> {
        let pseudo = Pseudo {
            account_id: Some(cx.caller.account.to_string()),
            region: Some(cx.region.to_string()),
            partition: Some(cx.region.partition().to_owned()),
            ..Pseudo::default()
        };
        let ready = Ready::checked(&op.template, &op.parameters, pseudo)?;
        let resolution = ready.resolution()?;
        let mut estimate = Estimate::default();
        for resource in resolution.existing() {
            match resource.type_name.as_str() {
                "AWS::SecretsManager::Secret" => {
                    let properties = resolution.properties(resource, &Unmade)?;
                    let replicas = properties.get("ReplicaRegions").and_then(Value::as_list);
                    estimate.secrets += 1;
                    estimate.replicas += replicas.unwrap_or_default().len();
                }
                "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => estimate.keys += 1,
                _ => {}
            }
        }
        Ok(estimate)
    }
}
