//! DescribeSecret: everything of a secret but its values.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Replica;
use crate::secrets::replicas::statuses;
use crate::secrets::target::{Found, SecretId, Target};

#[derive(Debug)]
pub struct DescribeSecret {
    pub secret: SecretId,
}

#[derive(Debug)]
pub struct Description {
    pub found: Found,
    /// By Region; empty on a replica and on a secret without any.
    pub replicas: Vec<Arc<Replica>>,
}

impl Operation for DescribeSecret {
    const ACTION: &'static str = "secretsmanager:DescribeSecret";
    type Target = Target;
    type Output = Description;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Query for DescribeSecret {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Description, Error> {
        // AWS: works on a secret that is scheduled for deletion.
        let found = target.existing()?;
        let secret = &found.secret;
        let replicas = statuses(read, found.scope, &secret.name, secret.replicas())?;
        Ok(Description { found, replicas })
    }
}
