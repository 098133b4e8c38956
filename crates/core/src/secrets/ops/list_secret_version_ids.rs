//! ListSecretVersionIds: the versions of a secret, page by page, without their values.

use core::ops::ControlFlow;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::VersionId;
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Order, Prefix, Record, Scan};
use crate::secrets::error::Error;
use crate::secrets::model::Version;
use crate::secrets::page::{Fingerprint, PageToken};
use crate::secrets::target::{Found, SecretId, Target};
use crate::time::Timestamp;

#[derive(Debug)]
pub struct ListSecretVersionIds {
    pub secret: SecretId,
    /// At most [`limits::LIST_VERSIONS_MAX`], which is the default.
    pub results_max: Option<usize>,
    pub after: Option<PageToken>,
    pub include_deprecated: bool,
}

#[derive(Debug)]
pub struct Versions {
    pub found: Found,
    /// By version id.
    pub versions: Vec<Arc<Version>>,
    pub next: Option<PageToken>,
}

impl Operation for ListSecretVersionIds {
    const ACTION: &'static str = "secretsmanager:ListSecretVersionIds";
    type Target = Target;
    type Output = Versions;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Query for ListSecretVersionIds {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Versions, Error> {
        let found = target.existing()?;
        let secret = &found.secret;
        let query = Fingerprint::new("ListSecretVersionIds")
            .and(&found.arn().to_string())
            .and(if op.include_deprecated { "all" } else { "labelled" })
            .value();
        let after = match PageToken::check(op.after.as_ref(), query)? {
            Some(token) => {
                let id: VersionId = token.name.parse().map_err(|_| Error::InvalidNextToken)?;
                Some(found.version_key(&id))
            }
            None => None,
        };
        let (name, suffix) = (secret.name.clone(), secret.suffix);
        let prefix = Prefix::Versions { scope: found.scope, name, suffix };
        let page = op.results_max.unwrap_or(limits::LIST_VERSIONS_MAX);
        let mut versions: Vec<Arc<Version>> = Vec::new();
        read.scan(&Scan { prefix, after, order: Order::Ascending }, &mut |_, record| {
            if let Record::Version(version) = record
                && (op.include_deprecated || secret.stages_of(&version.id).next().is_some())
            {
                versions.push(version);
            }
            if versions.len() > page { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let more = versions.len() > page;
        versions.truncate(page);
        let last = versions.last().filter(|_| more);
        let next = last.map(|version| PageToken {
            query,
            at: Timestamp::EPOCH,
            name: version.id.as_str().into(),
        });
        Ok(Versions { found, versions, next })
    }
}
