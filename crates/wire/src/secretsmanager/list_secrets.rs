//! ListSecrets on the wire.

use regent_core::cx::Cx;
use regent_core::ids::{Region, Scope};
use regent_core::limits;
use regent_core::records::Order;
use regent_core::secrets::error::Error;
use regent_core::secrets::filter::{Filter, FilterKey};
use regent_core::secrets::model::Secret;
use regent_core::secrets::ops::ListSecrets;
use regent_core::secrets::ops::list_secrets::{Listing, Sort};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, page_token, status};

/// AWS prints the keys in an order of its own.
const FILTER_KEYS: [&str; 7] =
    ["all", "name", "tag-key", "description", "primary-region", "owning-service", "tag-value"];
/// The element constraints of a filter's values, as AWS prints them.
const FILTER_VALUE_CONSTRAINTS: &str = r"Member must have length less than or equal to 512, Member must satisfy regular expression pattern: ^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$";

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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterInput {
    key: Option<Box<str>>,
    values: Option<Vec<Box<str>>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        check.number("maxResults", self.max_results).range(1..=100);
        page_token::check(&mut check, self.next_token.as_deref());
        check.text("sortOrder", self.sort_order.as_deref()).one_of(&["asc", "desc"]);
        let orders = ["created-date", "last-accessed-date", "last-changed-date", "name"];
        check.text("sortBy", self.sort_by.as_deref()).one_of(&orders);
        check.size("filters", self.filters.as_ref().map(Vec::len), &(0..=limits::FILTERS_MAX));
        for (at, filter) in self.filters.iter().flatten().enumerate() {
            let path = format!("filters.{}.member", at + 1);
            check.text(format_args!("{path}.key"), filter.key.as_deref()).one_of(&FILTER_KEYS);
            check
                .strings(format_args!("{path}.values"), filter.values.as_deref())
                .length(0..=limits::FILTER_VALUES_MAX)
                .each(FILTER_VALUE_CONSTRAINTS, is_filter_value);
        }
        check.finish()
    }
}

fn is_filter_value(text: &str) -> bool {
    text.chars().count() <= limits::FILTER_VALUE_LEN_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" :_@/+=.-!".contains(&b))
}

impl FilterInput {
    /// AWS: a filter without a key or without values has Secrets Manager's own errors.
    fn parse(self) -> Result<Filter, Fault> {
        let key = self.key.unwrap_or_default();
        let known = FilterKey::ALL.iter().find(|(name, _)| *name == &*key);
        let (name, key) = known.ok_or_else(fault::filter_key)?;
        let values = self.values.filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| fault::filter_values(name))?;
        Ok(Filter { key: *key, values })
    }
}

impl JsonOperation for ListSecrets {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let filters = input.filters.into_iter().flatten().map(FilterInput::parse);
        let filters: Vec<_> = filters.collect::<Result<_, _>>()?;
        Ok(Self {
            include_planned_deletion: input.include_planned_deletion.unwrap_or_default(),
            results_max: input.max_results.and_then(|count| usize::try_from(count).ok()),
            after: page_token::decode(input.next_token.as_deref())?,
            filters,
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
        })
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
