//! ListSecrets on the wire.

use regent_core::cx::Cx;
use regent_core::ids::{Region, Scope};
use regent_core::records::Order;
use regent_core::secrets::error::Error;
use regent_core::secrets::model::Secret;
use regent_core::secrets::ops::ListSecrets;
use regent_core::secrets::ops::list_secrets::Listing;
use regent_core::secrets::search::{Search, Sort};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::filters::{self, FilterInput};
use crate::secretsmanager::{fault, page_token, rotation, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    include_planned_deletion: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<Box<str>>,
    filters: Option<Vec<FilterInput>>,
    sort_order: Option<Box<str>>,
    sort_by: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        check.number("maxResults", self.max_results).range(1..=100);
        page_token::check(&mut check, self.next_token.as_deref());
        check.text("sortOrder", self.sort_order.as_deref()).one_of(&["asc", "desc"]);
        let orders = ["created-date", "last-accessed-date", "last-changed-date", "name"];
        check.text("sortBy", self.sort_by.as_deref()).one_of(&orders);
        filters::check(&mut check, self.filters.as_deref());
        check.finish()
    }
}

impl JsonOperation for ListSecrets {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let after = page_token::decode(input.next_token.as_deref())?;
        let search = Search {
            filters: filters::parse(input.filters.unwrap_or_default())?,
            include_planned_deletion: input.include_planned_deletion.unwrap_or_default(),
            sort: match input.sort_by.as_deref() {
                Some("last-accessed-date") => Sort::Accessed,
                Some("last-changed-date") => Sort::Changed,
                Some("name") => Sort::Name,
                _ => Sort::Created,
            },
            order: match input.sort_order.as_deref() {
                Some("desc") => Order::Descending,
                _ => Order::Ascending,
            },
        };
        let results_max = input.max_results.and_then(|count| usize::try_from(count).ok());
        Ok(Self { search, results_max, after })
    }

    fn encode(output: &Listing, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("SecretList", |list| {
                for secret in &output.secrets {
                    list.object(|entry| encode_entry(entry, output.scope, secret));
                }
            });
            body.string("NextToken", output.next.as_ref().map(page_token::encode).as_deref());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

fn encode_entry(entry: &mut Object<'_>, scope: Scope, secret: &Secret) {
    status::arn_and_name(entry, &secret.arn(scope));
    entry.string("Type", secret.secret_type.as_deref());
    entry.string("Description", secret.description.as_deref());
    entry.string("KmsKeyId", secret.kms_key_id.as_deref());
    let last = secret.rotation.as_ref().and_then(|rotation| rotation.last);
    rotation::configuration(entry, secret.rotation.as_ref(), last);
    entry.time("LastChangedDate", secret.last_changed);
    entry.time("LastAccessedDate", secret.last_accessed);
    // AWS: here "the date and time the deletion of the secret occurred".
    entry.time("DeletedDate", secret.deletion.map(|deletion| deletion.requested));
    status::tags(entry, secret);
    status::versions_to_stages(entry, "SecretVersionsToStages", secret);
    entry.time("CreatedDate", secret.created);
    let primary = secret.primary_region(scope.region);
    entry.string("PrimaryRegion", primary.as_ref().map(Region::as_str));
}
