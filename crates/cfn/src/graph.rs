//! Which resource needs which: `DependsOn`, `Ref`, `Fn::GetAtt` and `Fn::Sub`, through the branches
//! of `Fn::If` that can be taken.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Located, Problem};
use crate::expr::{Expr, ExprKind, SubPiece};
use crate::resolve::{Resolution, Truth};
use crate::template::Resource;

/// A resource that an expression names, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mention<'e> {
    /// `Ref`, of a parameter or a pseudo parameter as well.
    Reference(&'e str),
    Attribute {
        resource: &'e str,
        attribute: Option<&'e str>,
        in_sub: bool,
    },
}

/// Calls `visit` for each mention in the branches that can be taken.
pub fn mentions<'e>(
    resolution: &Resolution<'_>,
    expr: &'e Expr,
    visit: &mut dyn FnMut(&'e Expr, Mention<'e>),
) {
    match &expr.kind {
        ExprKind::Ref(name) => visit(expr, Mention::Reference(name)),
        ExprKind::GetAtt { resource, attribute } => {
            let attribute = match &attribute.kind {
                ExprKind::Text(text) => Some(text.as_str()),
                _ => None,
            };
            visit(expr, Mention::Attribute { resource, attribute, in_sub: false });
        }
        ExprKind::Sub { pieces, variables } => {
            for piece in pieces {
                let SubPiece::Variable(name) = piece else { continue };
                if variables.iter().any(|field| field.key == *name) {
                    continue;
                }
                match name.split_once('.') {
                    Some((resource, attribute)) => {
                        let attribute = Some(attribute);
                        visit(expr, Mention::Attribute { resource, attribute, in_sub: true });
                    }
                    None => visit(expr, Mention::Reference(name)),
                }
            }
        }
        ExprKind::If { condition, then, otherwise } => {
            let truth = resolution.condition(condition);
            if truth != Some(&Truth::No) {
                mentions(resolution, then, visit);
            }
            if truth != Some(&Truth::Yes) {
                mentions(resolution, otherwise, visit);
            }
            return;
        }
        _ => {}
    }
    expr.children(&mut |child| mentions(resolution, child, visit));
}

/// The resources that one needs.
pub fn needs<'t>(resolution: &Resolution<'t>, resource: &'t Resource) -> BTreeSet<&'t str> {
    let template = resolution.template;
    let mut found: BTreeSet<&str> = resource.depends_on.iter().map(String::as_str).collect();
    mentions(resolution, &resource.properties, &mut |_, mention| match mention {
        Mention::Reference(name) | Mention::Attribute { resource: name, .. } => {
            found.insert(name);
        }
    });
    found.retain(|name| {
        let real = template.resource(name);
        real.is_some_and(|needed| resolution.exists(needed) != Truth::No)
    });
    found
}

/// The resources that exist or may, each after those that it needs, with what it needs.
#[derive(Debug, Clone)]
pub struct Graph<'t> {
    pub order: Vec<&'t str>,
    pub needs: BTreeMap<&'t str, BTreeSet<&'t str>>,
}

impl<'t> Graph<'t> {
    pub fn new(resolution: &Resolution<'t>) -> Result<Self, Located> {
        let template: &'t _ = resolution.template;
        let existing = |resource: &&Resource| resolution.exists(resource) != Truth::No;
        let listed: Vec<&'t Resource> = template.resources.iter().filter(existing).collect();
        let needs: BTreeMap<&str, BTreeSet<&str>> = listed
            .iter()
            .map(|resource| (resource.name.as_str(), needs(resolution, resource)))
            .collect();
        let mut waiting: BTreeMap<&str, usize> =
            needs.iter().map(|(name, needed)| (*name, needed.len())).collect();
        let dependents = dependents(&needs);
        let mut order: Vec<&str> =
            listed.iter().map(|x| x.name.as_str()).filter(|x| waiting.get(x) == Some(&0)).collect();
        let mut next = 0;
        while let Some(name) = order.get(next).copied() {
            next += 1;
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(dependent) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        order.push(dependent);
                    }
                }
            }
        }
        if order.len() < needs.len() {
            let names = cycle(&needs, &order);
            return Err(Problem::Cycle { names }.anywhere());
        }
        Ok(Self { order, needs })
    }
}

/// For each resource, those that need it.
pub fn dependents<'t>(
    needs: &BTreeMap<&'t str, BTreeSet<&'t str>>,
) -> BTreeMap<&'t str, BTreeSet<&'t str>> {
    let mut dependents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, needed) in needs {
        for one in needed {
            dependents.entry(one).or_default().insert(name);
        }
    }
    dependents
}

/// The names in cycles: what is left once all that nothing left needs is taken away.
fn cycle(needs: &BTreeMap<&str, BTreeSet<&str>>, ordered: &[&str]) -> Vec<String> {
    let mut left: BTreeSet<&str> = needs.keys().copied().collect();
    for name in ordered {
        left.remove(name);
    }
    loop {
        let needed: BTreeSet<&str> =
            left.iter().filter_map(|name| needs.get(name)).flatten().copied().collect();
        let before = left.len();
        left.retain(|name| needed.contains(name));
        if left.len() == before {
            return left.into_iter().map(str::to_owned).collect();
        }
    }
}
