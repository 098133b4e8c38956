//! Filters, as ListSecrets and BatchGetSecretValue have them.

use regent_core::limits;
use regent_core::secrets::filter::{Filter, FilterKey};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::secretsmanager::fault;

/// AWS prints the keys in an order of its own.
const KEYS: [&str; 7] =
    ["all", "name", "tag-key", "description", "primary-region", "owning-service", "tag-value"];
/// The element constraints of a filter's values, as AWS prints them.
const VALUE_CONSTRAINTS: &str = r"Member must have length less than or equal to 512, Member must satisfy regular expression pattern: ^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$";

/// An entry of `Filters`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterInput {
    key: Option<Box<str>>,
    values: Option<Vec<Box<str>>>,
}

pub fn check(check: &mut Constraints, filters: Option<&[FilterInput]>) {
    check.size("filters", filters.map(<[_]>::len), &(0..=limits::FILTERS_MAX));
    for (at, filter) in filters.unwrap_or_default().iter().enumerate() {
        let path = format!("filters.{}.member", at + 1);
        check.text(format_args!("{path}.key"), filter.key.as_deref()).one_of(&KEYS);
        check
            .strings(format_args!("{path}.values"), filter.values.as_deref())
            .length(0..=limits::FILTER_VALUES_MAX)
            .each(VALUE_CONSTRAINTS, is_value);
    }
}

fn is_value(text: &str) -> bool {
    text.chars().count() <= limits::FILTER_VALUE_LEN_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" :_@/+=.-!".contains(&b))
}

/// Filters that met their constraints.
pub fn parse(given: Vec<FilterInput>) -> Result<Vec<Filter>, Fault> {
    given.into_iter().map(FilterInput::parse).collect()
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
