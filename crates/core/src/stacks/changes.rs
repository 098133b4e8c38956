//! What leads from one side of a stack to another, resource by resource, as change sets tell it.
//!
//! PROMISE R7: a value that is sensitive, or that cannot be read back, is four stars here, and all
//! values are sealed.

use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::check::Disposal;
use regent_cfn::expr::{Expr, ExprKind};
use regent_cfn::graph::{Graph, Mention, mentions};
use regent_cfn::plan::{self, Plan};
use regent_cfn::resolve::{Import, Outside, Resolution};
use regent_cfn::schema::{self, Changed, How, Update};
use regent_cfn::template::Resource as Declared;
use regent_cfn::value::Field;
use regent_cfn::{Data, Text, Value};

use crate::cx::Cx;
use crate::ports::StoreFault;
use crate::stacks::change_set::{
    Action, Attribute, Cause, Change, Detail, Old, Replacement, Values,
};
use crate::stacks::documents::{Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::ids::{ChangeSetId, LogicalId};
use crate::stacks::model::Sealed;
use crate::stacks::ready::{Made, Ready};
use crate::stacks::sameness::{self, Attributes};
use crate::tags::Tags;

/// AWS: what a value is that only the execution will tell.
const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";
const HIDDEN: &str = "****";

/// What the values are sealed with.
pub(super) struct Sealer<'a> {
    pub cx: &'a Cx<'a>,
    pub documents: &'a Documents,
    pub set: ChangeSetId,
}

pub(super) struct Was<'a> {
    pub ready: &'a Ready,
    pub tags: &'a Tags,
}

pub(super) struct Is<'a> {
    pub ready: &'a Ready,
    pub tags: &'a Tags,
}

/// The changes: of what is wanted in the template's order, then what goes. Both sides are resolved
/// against what is made.
pub(super) fn between(
    sealer: &Sealer<'_>,
    was: Option<&Was<'_>>,
    is: &Is<'_>,
    made: &Made<'_>,
) -> Result<Vec<Change>, Error> {
    let before = was.map(|was| was.ready.resolution()).transpose()?;
    let before_graph = before.as_ref().map(Graph::new).transpose()?;
    let after = is.ready.resolution()?;
    let after_graph = Graph::new(&after)?;
    let side = |(resolution, graph)| plan::Side { resolution, graph, outside: made };
    let plan = Plan::new(
        before.as_ref().zip(before_graph.as_ref()).map(side),
        Some(side((&after, &after_graph))),
    )?;
    let unknown = plan.steps.iter().filter(|step| makes_anew(&step.action));
    let unknown = unknown.map(|step| step.resource.as_str()).collect();
    let comparison = Comparison {
        sealer,
        was,
        is,
        before: before.as_ref(),
        after: &after,
        attributes: match &before {
            Some(before) => (sameness::attributes(before)?, sameness::attributes(&after)?),
            None => Default::default(),
        },
        outside: Planned { made, unknown },
        plan: &plan,
    };
    let mut changes = Vec::new();
    for resource in after.existing() {
        changes.extend(comparison.of(resource)?);
    }
    for step in &plan.cleanup {
        changes.extend(comparison.removal(step)?);
    }
    Ok(changes)
}

fn makes_anew(action: &plan::Action) -> bool {
    matches!(action, plan::Action::Create) || replacement(Some(action)) != Replacement::No
}

/// Whether a step of a plan makes what is there anew.
fn replacement(action: Option<&plan::Action>) -> Replacement {
    match action {
        Some(plan::Action::Replace(_)) => Replacement::Yes,
        Some(plan::Action::Perhaps(difference)) if difference.may_replace() => Replacement::Perhaps,
        _ => Replacement::No,
    }
}

/// The outside before the execution: what it makes anew is not known.
struct Planned<'a> {
    made: &'a Made<'a>,
    unknown: BTreeSet<&'a str>,
}

impl Outside for Planned<'_> {
    fn reference(&self, resource: &str) -> Option<String> {
        if self.unknown.contains(resource) { None } else { self.made.reference(resource) }
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<String> {
        if self.unknown.contains(resource) {
            None
        } else {
            self.made.attribute(resource, attribute)
        }
    }

    fn import(&self, name: &str) -> Import {
        self.made.import(name)
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        self.made.zones(region)
    }
}

type AllAttributes = BTreeMap<String, Attributes>;

#[derive(Clone, Copy)]
enum When {
    Before,
    After,
}

impl When {
    fn document(self, name: &str) -> Document<'_> {
        match self {
            Self::Before => Document::Before(name),
            Self::After => Document::After(name),
        }
    }
}

struct Comparison<'a> {
    sealer: &'a Sealer<'a>,
    was: Option<&'a Was<'a>>,
    is: &'a Is<'a>,
    before: Option<&'a Resolution<'a>>,
    after: &'a Resolution<'a>,
    attributes: (AllAttributes, AllAttributes),
    outside: Planned<'a>,
    plan: &'a Plan,
}

impl Comparison<'_> {
    /// What becomes of a resource that is wanted.
    fn of(&self, resource: &Declared) -> Result<Option<Change>, Error> {
        let logical = logical(&resource.name)?;
        let is = self.after.properties(resource, &self.outside)?;
        let after = Some(self.context(&logical, &resource.type_name, &is, When::After)?);
        let type_name = resource.type_name.as_str().into();
        let made = self.outside.made;
        let Some((was, old)) = self.old(&resource.name) else {
            let (physical, old, details) = (None, None, Vec::new());
            let (action, before) = (Action::Add, None);
            let change =
                Change { action, logical, physical, type_name, old, details, before, after };
            return Ok(Some(change));
        };
        let step = self.plan.steps.iter().find(|step| step.resource == resource.name);
        let action = step.map(|step| &step.action);
        let before_value = old.0.properties(old.1, made)?;
        let mut details = self.attribute_details(&resource.name);
        let known = schema::find(&resource.type_name).ok_or(StoreFault)?;
        let difference = known.difference(&before_value, &is);
        let own_tags = difference.changed.iter().any(|changed| changed.property == "Tags");
        if !own_tags && was.tags != self.is.tags && known.property("Tags").is_some() {
            details.push(direct(Attribute::Tags));
        }
        for changed in &difference.changed {
            details.extend(self.details(&logical, resource, changed, &before_value, &is)?);
        }
        if details.is_empty() {
            return Ok(None);
        }
        let replacement = replacement(action);
        let replaced = self.attributes.1.get(&resource.name).map(|found| found.replaced);
        Ok(Some(Change {
            action: Action::Modify(replacement),
            physical: made.reference(&resource.name).map(Into::into),
            type_name,
            old: replaced.map(disposed).filter(|_| replacement != Replacement::No),
            details,
            before: Some(self.context(
                &logical,
                &resource.type_name,
                &before_value,
                When::Before,
            )?),
            after,
            logical,
        }))
    }

    /// The resource of before, unless it could not be made.
    fn old(&self, name: &str) -> Option<(&Was<'_>, (&Resolution<'_>, &Declared))> {
        let (was, before) = (self.was?, self.before?);
        self.outside.made.reference(name)?;
        let old = before.existing().find(|resource| resource.name == name)?;
        Some((was, (before, old)))
    }

    /// What becomes of a resource that is no longer wanted.
    fn removal(&self, step: &plan::Step) -> Result<Option<Change>, Error> {
        let old = match step.action {
            plan::Action::Delete => Old::Deleted,
            plan::Action::Retain => Old::Retained,
            _ => return Ok(None),
        };
        let Some((_, (before, resource))) = self.old(&step.resource) else { return Ok(None) };
        let (logical, made) = (logical(&step.resource)?, self.outside.made);
        let value = before.properties(resource, made)?;
        let context = self.context(&logical, &step.type_name, &value, When::Before)?;
        Ok(Some(Change {
            action: Action::Remove,
            physical: made.reference(&step.resource).map(Into::into),
            type_name: step.type_name.as_str().into(),
            old: Some(old),
            details: Vec::new(),
            before: Some(context),
            after: None,
            logical,
        }))
    }

    fn attribute_details(&self, name: &str) -> Vec<Detail> {
        let (Some(was), Some(is)) = (self.attributes.0.get(name), self.attributes.1.get(name))
        else {
            return Vec::new();
        };
        let all = [
            (was.metadata != is.metadata, Attribute::Metadata),
            (was.deletion != is.deletion, Attribute::DeletionPolicy),
            (was.replaced != is.replaced, Attribute::UpdateReplacePolicy),
        ];
        let changed = all.into_iter().filter(|(changed, _)| *changed);
        changed.map(|(_, attribute)| direct(attribute)).collect()
    }

    /// The reasons for the change of a property.
    fn details(
        &self,
        logical: &LogicalId,
        resource: &Declared,
        changed: &Changed,
        was: &Value,
        is: &Value,
    ) -> Result<Vec<Detail>, StoreFault> {
        let property = changed.property;
        let attribute = match property {
            "Tags" => Attribute::Tags,
            _ => Attribute::Property(property.into()),
        };
        let recreation = match (changed.update, changed.unknown) {
            (Update::Replacement, true) => Replacement::Perhaps,
            (Update::Replacement, false) => Replacement::Yes,
            (Update::InPlace | Update::Refused, _) => Replacement::No,
        };
        let hidden = schema::find(&resource.type_name)
            .and_then(|known| known.property(property))
            .is_some_and(|property| property.write_only);
        let name = format!("{}/{logical}/{property}", self.sealer.set);
        let seal = |value: Option<&Value>, what: Document<'_>| {
            let Some(value) = value else { return Ok(None) };
            let shown = if hidden { hide() } else { shown(value) };
            let text = shown.scalar().or_else(|| shown.to_json()).ok_or(StoreFault)?;
            Ok::<_, StoreFault>(Some(self.seal(what, &text)))
        };
        let values = Values {
            how: changed.how,
            before: seal(was.get(property), Document::Before(&name))?,
            after: seal(is.get(property), Document::After(&name))?,
        };
        let detail = |(cause, known)| {
            let (attribute, values) = (attribute.clone(), Some(values.clone()));
            Detail { attribute, recreation, cause, known, values }
        };
        Ok(self.causes(resource, changed).into_iter().map(detail).collect())
    }

    /// Where the change of a property comes from, and whether the new value is known.
    fn causes(&self, resource: &Declared, changed: &Changed) -> Vec<(Cause, bool)> {
        let mut causes: Vec<(Cause, bool)> = Vec::new();
        let expr = of_property(&resource.properties, changed.property);
        let expr = expr.filter(|_| changed.how != How::Removed);
        let differs = |name: &str| {
            self.was.is_some_and(|was| was.ready.parameter_differs(self.is.ready, name))
        };
        let mut add = |cause| {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        };
        if let Some(expr) = expr {
            mentions(self.after, expr, &mut |_, mention| match mention {
                Mention::Reference(name) if self.outside.unknown.contains(name) => {
                    add((Cause::Reference(name.into()), false));
                }
                Mention::Reference(name) if differs(name) => {
                    add((Cause::Parameter(name.into()), true));
                }
                Mention::Attribute { resource, attribute, .. }
                    if self.outside.unknown.contains(resource) =>
                {
                    let attribute = attribute.unwrap_or_default();
                    add((Cause::Attribute(format!("{resource}.{attribute}").into()), false));
                }
                _ => {}
            });
        }
        // AWS: what a parameter gives may also come from a new template.
        let parameter = causes.iter().any(|(cause, _)| matches!(cause, Cause::Parameter(_)));
        if causes.is_empty() || parameter {
            causes.push((Cause::Direct, causes.is_empty()));
        }
        causes
    }

    /// The properties as JSON, as far as they are known and may be shown.
    fn context(
        &self,
        logical: &LogicalId,
        type_name: &str,
        properties: &Value,
        when: When,
    ) -> Result<Sealed, StoreFault> {
        let known = schema::find(type_name).ok_or(StoreFault)?;
        let mut shown = shown(properties);
        if let Data::Map(fields) = &mut shown.data {
            let secret = |field: &&mut Field| {
                known.property(&field.key).is_some_and(|property| property.write_only)
            };
            for field in fields.iter_mut().filter(secret) {
                field.value = hide();
            }
        }
        let at = shown.at;
        let field = Field { key: "Properties".to_owned(), at, value: shown };
        let whole = Value { at, data: Data::Map(vec![field]) };
        let text = whole.to_json().ok_or(StoreFault)?;
        let name = format!("{}/{logical}", self.sealer.set);
        Ok(self.seal(when.document(&name), &text))
    }

    fn seal(&self, what: Document<'_>, text: &Text) -> Sealed {
        self.sealer.documents.seal(self.sealer.cx, what, text.expose())
    }
}

fn logical(name: &str) -> Result<LogicalId, StoreFault> {
    name.parse().map_err(|_| StoreFault)
}

fn direct(attribute: Attribute) -> Detail {
    let (recreation, cause) = (Replacement::No, Cause::Direct);
    Detail { attribute, recreation, cause, known: true, values: None }
}

const fn disposed(disposal: Disposal) -> Old {
    match disposal {
        Disposal::Delete => Old::Deleted,
        Disposal::Retain | Disposal::RetainExceptOnCreate => Old::Retained,
    }
}

/// The expression that gives a property: its own, or the function that gives all of them.
fn of_property<'e>(properties: &'e Expr, name: &str) -> Option<&'e Expr> {
    match &properties.kind {
        ExprKind::Map(fields) => {
            fields.iter().find(|field| field.key == name).map(|field| &field.value)
        }
        _ => Some(properties),
    }
}

fn hide() -> Value {
    Data::text(HIDDEN).at(regent_cfn::Position { line: 0, column: 0 })
}

/// A value with what is not to be shown, or not known yet, left out.
fn shown(value: &Value) -> Value {
    let at = value.at;
    let data = match &value.data {
        Data::Unknown(_) => Data::text(UNKNOWN),
        Data::Text(text) if text.is_sensitive() => Data::text(HIDDEN),
        Data::List(items) => Data::List(items.iter().map(shown).collect()),
        Data::Map(fields) => {
            let field = |field: &Field| {
                let (key, at, value) = (field.key.clone(), field.at, shown(&field.value));
                Field { key, at, value }
            };
            Data::Map(fields.iter().map(field).collect())
        }
        other => other.clone(),
    };
    Value { at, data }
}
