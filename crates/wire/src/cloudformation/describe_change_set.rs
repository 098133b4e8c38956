//! DescribeChangeSet on the wire. One answer has all changes.

use regent_cfn::Text;
use regent_core::cx::Cx;
use regent_core::stacks::change_set::{
    Action, Attribute, Cause, Change, Detail, How, Old, Replacement,
};
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DescribeChangeSet;
use regent_core::stacks::ops::describe_change_set::{Described, Opened};

use super::fault::{self, Missing};
use super::{change_set, members, status};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeChangeSet {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        members::no_next_token(params)?;
        Ok(Self {
            change_set: members::change_set(params)?,
            values: params.boolean("IncludePropertyValues")?.unwrap_or_default(),
        })
    }

    fn encode(output: &Described, cx: &Cx<'_>, fields: &mut Fields<'_>) {
        let set = &output.set;
        change_set::head(&output.stack, set, cx, fields);
        status::parameters(fields, &output.parameters);
        fields.list("NotificationARNs", |_| {});
        fields.structure("RollbackConfiguration", |_| {});
        if !set.side.capabilities.is_empty() {
            fields.texts("Capabilities", &set.side.capabilities);
        }
        if !set.side.tags.is_empty() {
            status::tags(fields, &set.side.tags);
        }
        let on_failure = set.on_failure.map(change_set::on_failure);
        fields.text("OnStackFailure", on_failure);
        fields.list("Changes", |list| {
            for (at, change) in set.changes.iter().enumerate() {
                let values = output.values.as_ref().and_then(|all| all.get(at));
                list.structure(|fields| {
                    fields.text("Type", "Resource");
                    fields.structure("ResourceChange", |fields| write(change, values, fields));
                });
            }
        });
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}

fn write(change: &Change, values: Option<&Opened>, fields: &mut Fields<'_>) {
    let (action, replacement) = match change.action {
        Action::Add => ("Add", None),
        Action::Remove => ("Remove", None),
        Action::Import => ("Import", None),
        Action::Modify(replacement) => ("Modify", Some(replacement)),
    };
    let policy = match (change.old, replacement) {
        (None, _) => None,
        (Some(Old::Deleted), None) => Some("Delete"),
        (Some(Old::Retained), None) => Some("Retain"),
        (Some(Old::Deleted), Some(_)) => Some("ReplaceAndDelete"),
        (Some(Old::Retained), Some(_)) => Some("ReplaceAndRetain"),
    };
    fields.text("PolicyAction", policy);
    fields.text("Action", action);
    fields.text("LogicalResourceId", change.logical.as_str());
    fields.text("PhysicalResourceId", change.physical.as_deref());
    fields.text("ResourceType", &*change.type_name);
    let replacement = replacement.map(|replacement| match replacement {
        Replacement::No => "False",
        Replacement::Yes => "True",
        Replacement::Perhaps => "Conditional",
    });
    fields.text("Replacement", replacement);
    let scopes = Detail::scopes(&change.details);
    fields.texts("Scope", scopes.iter().map(attribute));
    fields.list("Details", |list| {
        for (at, detail) in change.details.iter().enumerate() {
            let values = values.and_then(|values| values.details.get(at));
            list.structure(|fields| write_detail(detail, values, fields));
        }
    });
    fields.text("BeforeContext", values.and_then(|values| exposed(values.before.as_ref())));
    fields.text("AfterContext", values.and_then(|values| exposed(values.after.as_ref())));
}

fn exposed(text: Option<&Text>) -> Option<&str> {
    text.map(Text::expose)
}

const fn attribute(attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute::Property(_) => "Properties",
        Attribute::Tags => "Tags",
        Attribute::Metadata => "Metadata",
        Attribute::DeletionPolicy => "DeletionPolicy",
        Attribute::UpdateReplacePolicy => "UpdateReplacePolicy",
    }
}

type Pair = (Option<Text>, Option<Text>);

fn write_detail(detail: &Detail, values: Option<&Pair>, fields: &mut Fields<'_>) {
    fields.structure("Target", |target| write_target(detail, values, target));
    fields.text("Evaluation", if detail.known { "Static" } else { "Dynamic" });
    let (source, entity) = match &detail.cause {
        Cause::Direct => ("DirectModification", None),
        Cause::Parameter(entity) => ("ParameterReference", Some(&**entity)),
        Cause::Reference(entity) => ("ResourceReference", Some(&**entity)),
        Cause::Attribute(entity) => ("ResourceAttribute", Some(&**entity)),
    };
    fields.text("ChangeSource", source);
    fields.text("CausingEntity", entity);
}

fn write_target(detail: &Detail, values: Option<&Pair>, target: &mut Fields<'_>) {
    target.text("Attribute", attribute(&detail.attribute));
    let name = match &detail.attribute {
        Attribute::Property(name) => Some(&**name),
        _ => None,
    };
    target.text("Name", name);
    let recreation = match detail.recreation {
        Replacement::No => "Never",
        Replacement::Yes => "Always",
        Replacement::Perhaps => "Conditionally",
    };
    target.text("RequiresRecreation", recreation);
    let (Some((before, after)), Some(found)) = (values, &detail.values) else { return };
    let path = format!("/Properties/{}", name.unwrap_or("Tags"));
    target.text("Path", path.as_str());
    target.text("BeforeValue", exposed(before.as_ref()));
    target.text("AfterValue", exposed(after.as_ref()));
    let how = match found.how {
        How::Added => "Add",
        How::Removed => "Remove",
        How::Modified => "Modify",
    };
    target.text("AttributeChangeType", how);
}
