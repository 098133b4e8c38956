//! DescribeChangeSet: a change set with all its changes.

use std::sync::Arc;

use regent_cfn::Text;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::change_set::{Attribute, ChangeSet, ChangeSetRef, Named};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::model::{Sealed, Stack};
use crate::stacks::ops::describe_stacks::{Parameters, parameters};

#[derive(Debug)]
pub struct DescribeChangeSet {
    pub change_set: ChangeSetRef,
    /// Whether the values of properties are wanted as well.
    pub values: bool,
}

#[derive(Debug)]
pub struct Described {
    pub stack: Arc<Stack>,
    pub set: Arc<ChangeSet>,
    pub parameters: Parameters,
    /// Of each change, if they are wanted.
    pub values: Option<Vec<Opened>>,
}

/// What of a change was sealed.
#[derive(Debug)]
pub struct Opened {
    pub before: Option<Text>,
    pub after: Option<Text>,
    /// Of each detail: the property's value before and after.
    pub details: Vec<(Option<Text>, Option<Text>)>,
}

impl Operation for DescribeChangeSet {
    const ACTION: &'static str = "cloudformation:DescribeChangeSet";
    type Target = Named;
    type Output = Described;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Named, StoreFault> {
        self.change_set.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Named) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for DescribeChangeSet {
    fn run(
        op: Authorized<Self>,
        target: Named,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Described, Error> {
        let (stack, set) = target.found()?;
        let documents = Documents::open(cx, cx.caller.account, stack)?;
        let values = op.into_inner().values.then(|| opened(cx, &documents, set)).transpose()?;
        Ok(Described {
            stack: Arc::clone(stack),
            set: Arc::clone(set),
            parameters: parameters(cx, &documents, &set.side)?,
            values,
        })
    }
}

fn opened(cx: &Cx<'_>, documents: &Documents, set: &ChangeSet) -> Result<Vec<Opened>, StoreFault> {
    let open = |what: Document<'_>, sealed: &Option<Sealed>| {
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = documents.unseal(cx, what, sealed)?;
        Ok::<_, StoreFault>(Some(Text::sensitive(documents::text(&opened)?)))
    };
    let each = set.changes.iter().map(|change| {
        let name = format!("{}/{}", set.id, change.logical);
        let details = change.details.iter().map(|detail| {
            let Some(values) = &detail.values else { return Ok((None, None)) };
            let property = match &detail.attribute {
                Attribute::Property(property) => property,
                _ => "Tags",
            };
            let name = format!("{name}/{property}");
            let before = open(Document::Before(&name), &values.before)?;
            Ok((before, open(Document::After(&name), &values.after)?))
        });
        Ok(Opened {
            before: open(Document::Before(&name), &change.before)?,
            after: open(Document::After(&name), &change.after)?,
            details: details.collect::<Result<_, StoreFault>>()?,
        })
    });
    each.collect()
}
