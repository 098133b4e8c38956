//! Whether one side of a stack leads to the same stack as another.
//!
//! AWS: that only `DependsOn` changed is nothing.

use std::collections::BTreeMap;

use regent_cfn::Located;
use regent_cfn::check::Disposal;
use regent_cfn::graph::Graph;
use regent_cfn::node::{Kind, Node};
use regent_cfn::plan::{self, Plan};
use regent_cfn::resolve::{Block, Resolution};

use crate::stacks::error::Error;
use crate::stacks::ready::{Made, Ready};

/// Refuses what no update can do.
pub(super) fn is_same(was: &Ready, is: &Ready, made: &Made<'_>) -> Result<bool, Error> {
    let (before, after) = (was.resolution()?, is.resolution()?);
    let (before_graph, after_graph) = (Graph::new(&before)?, Graph::new(&after)?);
    let plan = Plan::new(
        Some(plan::Side { resolution: &before, graph: &before_graph, outside: made }),
        Some(plan::Side { resolution: &after, graph: &after_graph, outside: made }),
    )?;
    Ok(plan.is_empty()
        && are_same_outputs(&before, &after, made)?
        && attributes(&before)? == attributes(&after)?
        && was.template.description == is.template.description)
}

/// Whether the outputs of both sides are the same.
pub(super) fn has_same_outputs(was: &Ready, is: &Ready, made: &Made<'_>) -> Result<bool, Located> {
    are_same_outputs(&was.resolution()?, &is.resolution()?, made)
}

fn are_same_outputs(
    before: &Resolution<'_>,
    after: &Resolution<'_>,
    made: &Made<'_>,
) -> Result<bool, Located> {
    let values = |resolution: &Resolution<'_>| {
        let outputs = resolution.template.outputs.iter();
        let each = outputs.map(|output| {
            let value = resolution.whole(&output.value, Block::Outputs, made)?;
            let condition = output.condition.as_ref().and_then(|name| resolution.condition(name));
            let export = output.export.as_ref();
            let export =
                export.map(|name| resolution.whole(name, Block::Outputs, made)).transpose()?;
            let export = export.and_then(|name| name.scalar());
            let described = (output.description.clone(), export);
            Ok((output.name.clone(), described, condition.cloned(), value))
        });
        each.collect::<Result<Vec<_>, Located>>()
    };
    let (before, after) = (values(before)?, values(after)?);
    let same = before
        .iter()
        .zip(&after)
        .all(|(a, b)| (&a.0, &a.1, &a.2) == (&b.0, &b.1, &b.2) && a.3.same_as(&b.3));
    Ok(before.len() == after.len() && same)
}

/// What a resource has besides its properties.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub deletion: Disposal,
    pub replaced: Disposal,
    /// Without the places, to be compared.
    pub metadata: Option<String>,
}

/// Of every resource that exists.
pub(super) fn attributes(
    resolution: &Resolution<'_>,
) -> Result<BTreeMap<String, Attributes>, Located> {
    let each = resolution.existing().map(|resource| {
        let attributes = Attributes {
            deletion: resolution.deletion_policy(resource)?,
            replaced: resolution.update_replace_policy(resource)?,
            metadata: resource.metadata.as_ref().map(shown),
        };
        Ok((resource.name.clone(), attributes))
    });
    each.collect()
}

fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {
            format!("{:?}", node.scalar().unwrap_or_default())
        }
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        Kind::Map(members) => {
            let mut all: Vec<_> =
                members.iter().map(|m| format!("{:?}:{}", m.key, shown(&m.value))).collect();
            all.sort_unstable();
            format!("{{{}}}", all.join(","))
        }
    }
}
