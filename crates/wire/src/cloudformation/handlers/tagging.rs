//! The tags of resources, as their services spell them.

use regent_core::stacks::handlers::Place;
use regent_core::tags::{OF_STACKS, Tags};
use regent_core::tx::Tx;

use super::At;
use super::call::Unanswered;
use super::value::retagged;
use crate::json::Object;
use crate::service::Service;

/// How a service names what has tags, and their parts.
pub(in crate::cloudformation) struct Spelling {
    service: Service,
    id: &'static str,
    key: &'static str,
    value: &'static str,
}

pub(in crate::cloudformation) const OF_KEYS: Spelling =
    Spelling { service: Service::Kms, id: "KeyId", key: "TagKey", value: "TagValue" };
pub(super) const OF_SECRETS: Spelling =
    Spelling { service: Service::SecretsManager, id: "SecretId", key: "Key", value: "Value" };

/// What CloudFormation itself tags a secret of a stack with. AWS: keys do not get these tags.
pub(super) fn system(place: &Place<'_>) -> Tags {
    let stack = place.stack;
    let values = [stack.name.as_str(), place.logical.as_str(), &stack.to_string()].map(Box::from);
    OF_STACKS.map(Box::from).into_iter().zip(values).collect()
}

impl Spelling {
    /// The member `Tags`, unless there are none.
    pub(in crate::cloudformation) fn write(&self, body: &mut Object<'_>, tags: &Tags) {
        if !tags.is_empty() {
            self.write_all(body, tags);
        }
    }

    /// The member `Tags`.
    pub(super) fn write_all(&self, body: &mut Object<'_>, tags: &Tags) {
        body.array("Tags", |list| {
            for (key, value) in tags {
                list.object(|tag| {
                    tag.string(self.key, &**key);
                    tag.string(self.value, &**value);
                });
            }
        });
    }

    /// Leads the tags of a resource from one set to another.
    pub(super) fn change(
        &self,
        at: &At<'_>,
        tx: &mut Tx<'_>,
        id: &str,
        (was, wanted): (&Tags, &Tags),
    ) -> Result<(), Unanswered> {
        let (gone, put) = retagged(was, wanted);
        if !gone.is_empty() {
            at.calls.call(tx, self.service, "UntagResource", 512, |body| {
                body.string(self.id, id);
                body.strings("TagKeys", &gone);
            })?;
        }
        if !put.is_empty() {
            at.calls.call(tx, self.service, "TagResource", 512, |body| {
                body.string(self.id, id);
                self.write(body, &put);
            })?;
        }
        Ok(())
    }
}
