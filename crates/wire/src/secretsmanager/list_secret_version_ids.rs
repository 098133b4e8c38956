//! ListSecretVersionIds on the wire.

use regent_core::cx::Cx;
use regent_core::ids::StageLabel;
use regent_core::secrets::error::Error;
use regent_core::secrets::model::Version;
use regent_core::secrets::ops::ListSecretVersionIds;
use regent_core::secrets::ops::list_secret_version_ids::Versions;
use regent_core::secrets::target::Found;
use regent_core::secrets::value::key_arn;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, page_token, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    max_results: Option<i64>,
    next_token: Option<Box<str>>,
    include_deprecated: Option<bool>,
}

impl JsonOperation for ListSecretVersionIds {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.number("maxResults", input.max_results).range(1..=100);
        page_token::check(&mut check, input.next_token.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            results_max: input.max_results.and_then(|count| usize::try_from(count).ok()),
            after: page_token::decode(input.next_token.as_deref())?,
            include_deprecated: input.include_deprecated.unwrap_or_default(),
        })
    }

    fn encode(output: &Versions, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("Versions", |list| {
                for version in &output.versions {
                    list.object(|entry| encode_entry(entry, &output.found, version));
                }
            });
            body.string("NextToken", output.next.as_ref().map(page_token::encode).as_deref());
            status::arn_and_name(body, &output.found.arn());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

fn encode_entry(entry: &mut Object<'_>, found: &Found, version: &Version) {
    entry.string("VersionId", version.id.as_str());
    let labels: Vec<_> = found.secret.stages_of(&version.id).map(StageLabel::as_str).collect();
    // AWS: a deprecated version has no such member.
    if !labels.is_empty() {
        entry.strings("VersionStages", labels);
    }
    entry.time("LastAccessedDate", version.last_accessed);
    entry.time("CreatedDate", version.created);
    let key = if version.value.kms_key_is_default {
        Some("DefaultEncryptionKey".to_owned())
    } else {
        key_arn(found.scope.region, &version.value).map(|key| key.to_string())
    };
    entry.strings("KmsKeyIds", key);
}
