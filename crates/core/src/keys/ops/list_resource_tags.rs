//! ListResourceTags: a key's tags, by tag key.

use core::ops::Bound;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::error::Error;
use crate::keys::page::Page;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct ListResourceTags {
    pub key: KeyRef,
    pub limit: usize,
    /// The tag key that the last page ended with.
    pub after: Option<Box<str>>,
}

impl Operation for ListResourceTags {
    const ACTION: &'static str = "kms:ListResourceTags";
    type Target = Target;
    type Output = Page<(Box<str>, Box<str>)>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for ListResourceTags {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Self::Output, Error> {
        let found = target.found()?;
        let from = op.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let tags = found.key.tags.range::<str, _>((from, Bound::Unbounded));
        let tags = tags.take(op.limit.saturating_add(1));
        let tags = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Page::cut(tags, op.limit))
    }
}
