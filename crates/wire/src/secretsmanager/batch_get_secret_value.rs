//! BatchGetSecretValue on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::BatchGetSecretValue;
use regent_core::secrets::ops::batch_get_secret_value::{Batch, Unread, Wanted};
use regent_core::secrets::ops::get_secret_value::SecretValue;
use serde::Deserialize;

use crate::audit::SecretRead;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::filters::{self, FilterInput};
use crate::secretsmanager::{fault, get_secret_value, members, page_token};
use crate::service::Protocol;

/// The element constraints of `SecretIdList`, as AWS prints them.
const ID_CONSTRAINTS: &str = "Member must have length less than or equal to 2048, Member must have length greater than or equal to 1";
/// Bytes of an answer besides its entries.
const FIXED_LEN_MAX: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id_list: Option<Vec<Box<str>>>,
    filters: Option<Vec<FilterInput>>,
    max_results: Option<i64>,
    next_token: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        let length = |id: &str| (1..=limits::SECRET_ID_LEN_MAX).contains(&id.chars().count());
        check
            .strings("secretIdList", self.secret_id_list.as_deref())
            .length(1..=limits::BATCH_MAX)
            .each(ID_CONSTRAINTS, length);
        filters::check(&mut check, self.filters.as_deref());
        check.number("maxResults", self.max_results).range(1..=20);
        page_token::check(&mut check, self.next_token.as_deref());
        check.finish()
    }
}

impl JsonOperation for BatchGetSecretValue {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        // AWS: no filters are as good as none given.
        let filters = input.filters.filter(|filters| !filters.is_empty());
        let wanted = match (input.secret_id_list, filters) {
            (Some(_), Some(_)) | (None, None) => return Err(fault::ids_or_filters()),
            (Some(_), None) if input.max_results.is_some() => {
                return Err(fault::results_without_filters());
            }
            (Some(ids), None) => {
                let ids = ids.iter().map(|id| members::secret_id(Some(id)));
                Wanted::Listed(ids.collect::<Result<_, _>>()?)
            }
            (None, Some(filters)) => Wanted::Found {
                filters: filters::parse(filters)?,
                results_max: input.max_results.and_then(|count| usize::try_from(count).ok()),
            },
        };
        Ok(Self { wanted, after: page_token::decode(input.next_token.as_deref())? })
    }

    fn encode(output: &Batch, cx: &Cx<'_>, out: &mut Vec<u8>) {
        let faults: Vec<_> = output.errors.iter().map(|unread| told(unread, cx)).collect();
        let values: usize = output.values.iter().map(get_secret_value::entry_len).sum();
        let errors: usize = output.errors.iter().map(|unread| unread.id.len() + 1024).sum();
        out.reserve(FIXED_LEN_MAX + values + errors);
        json::object(out, |body| {
            body.array("SecretValues", |list| {
                for value in &output.values {
                    list.object(|entry| get_secret_value::entry(entry, value));
                }
            });
            body.string("NextToken", output.next.as_ref().map(page_token::encode).as_deref());
            body.array("Errors", |list| {
                for (unread, fault) in output.errors.iter().zip(&faults) {
                    list.object(|entry| {
                        entry.string("SecretId", &*unread.id);
                        entry.string("ErrorCode", fault.code(Protocol::Json));
                        entry.string("Message", fault.message());
                    });
                }
            });
        });
    }

    /// AWS: CloudTrail has a record of each secret, besides that of the request.
    fn reads(output: &Batch, cx: &Cx<'_>) -> Vec<SecretRead> {
        let read = |value: &SecretValue| SecretRead {
            secret_id: value.arn.to_string(),
            error_code: None,
            error_message: None,
        };
        let unread = |unread: &Unread| {
            let fault = told(unread, cx);
            SecretRead {
                secret_id: unread.id.to_string(),
                error_code: Some(fault.code(Protocol::Json)),
                error_message: fault.message().map(str::to_owned),
            }
        };
        output.values.iter().map(read).chain(output.errors.iter().map(unread)).collect()
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

/// What is told of a secret that could not be read: what GetSecretValue would have told.
fn told(unread: &Unread, cx: &Cx<'_>) -> Fault {
    fault::of(unread.error.clone(), cx)
}
