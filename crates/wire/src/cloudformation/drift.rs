//! Drift in AWS's words, and the pieces of answers that tell of it.

use regent_cfn::Value;
use regent_cfn::schema::drift::Kind;
use regent_core::stacks::drift::{Detection, Drift, Status};
use regent_core::stacks::ops::describe_stack_resource_drifts::Drifted;

use super::members;
use crate::query_xml::Fields;

pub(super) const STATUSES: [(&str, Status); 4] = [
    ("IN_SYNC", Status::InSync),
    ("MODIFIED", Status::Modified),
    ("DELETED", Status::Deleted),
    ("UNKNOWN", Status::Unknown),
];
const NOT_CHECKED: &str = "NOT_CHECKED";

fn name(status: Status) -> &'static str {
    let found = STATUSES.iter().find(|(_, known)| *known == status);
    found.map_or(NOT_CHECKED, |(name, _)| name)
}

/// AWS: a stack of which something could not be looked at is as the rest of it.
pub(super) fn stack_status(detection: &Detection) -> &'static str {
    match detection.drifted {
        0 if detection.failed.is_empty() => "IN_SYNC",
        0 => "UNKNOWN",
        _ => "DRIFTED",
    }
}

pub fn of_stack(fields: &mut Fields<'_>, detection: Option<&Detection>) {
    fields.structure("DriftInformation", |fields| {
        fields.text("StackDriftStatus", detection.map_or(NOT_CHECKED, stack_status));
        fields.time_ms("LastCheckTimestamp", detection.map(|last| last.at));
    });
}

pub fn of_resource(fields: &mut Fields<'_>, drift: Option<&Drift>) {
    fields.structure("DriftInformation", |fields| {
        let status = drift.map_or(NOT_CHECKED, |drift| name(drift.status));
        fields.text("StackResourceDriftStatus", status);
        fields.time_ms("LastCheckTimestamp", drift.map(|drift| drift.at));
    });
}

/// One resource with all that a look at it found.
pub(super) fn write(found: &Drifted, fields: &mut Fields<'_>) {
    let resource = &found.resource;
    fields.text("StackId", members::stack_id(&found.stack).as_str());
    fields.text("LogicalResourceId", found.logical.as_str());
    fields.text("PhysicalResourceId", &*resource.physical);
    fields.text("ResourceType", &*resource.type_name);
    if let Some(compared) = &found.compared {
        fields.text("ExpectedProperties", compared.expected.as_str());
        fields.text("ActualProperties", compared.actual.as_str());
        fields.list("PropertyDifferences", |list| {
            for difference in &compared.differences {
                list.structure(|fields| {
                    fields.text("PropertyPath", difference.path.as_str());
                    fields.text("ExpectedValue", shown(difference.expected.as_ref()).as_str());
                    fields.text("ActualValue", shown(difference.actual.as_ref()).as_str());
                    fields.text(
                        "DifferenceType",
                        match difference.kind {
                            Kind::Add => "ADD",
                            Kind::Remove => "REMOVE",
                            Kind::NotEqual => "NOT_EQUAL",
                        },
                    );
                });
            }
        });
    }
    let Some(drift) = &resource.drift else { return };
    fields.text("StackResourceDriftStatus", name(drift.status));
    fields.time_ms("Timestamp", drift.at);
    if drift.status == Status::Unknown {
        fields.text("DriftStatusReason", "The resource could not be read.");
    }
}

/// AWS: a scalar as it is, everything else as JSON.
fn shown(value: Option<&Value>) -> String {
    let text = value.and_then(|value| value.scalar().or_else(|| value.to_json()));
    text.map_or_else(|| "null".to_owned(), |text| text.expose().to_owned())
}
