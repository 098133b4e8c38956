//! Events as EventBridge writes them: which secret was touched, or that all have to be looked at.
//!
//! CloudTrail's records come to EventBridge as `AWS API Call via CloudTrail` and `AWS Service Event via
//! CloudTrail`. What only reads is nothing. What changes a secret names it, by name or ARN, in one of
//! several members; what changes a key does not say which secrets are under it.

use serde::Deserialize;
use serde_json::Value;

/// LIMIT: bytes of one event, four times what EventBridge lets through.
pub const EVENT_LEN_MAX: usize = 1 << 20;

/// What an event asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    Secret {
        account: String,
        region: String,
        /// A name or an ARN.
        id: String,
    },
    /// A key was changed, or replicas parted: everything.
    Everything,
    Nothing,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no event of EventBridge's")]
pub struct NoEvent;

#[derive(Deserialize)]
struct Event {
    source: String,
    account: String,
    region: String,
    #[serde(default)]
    resources: Vec<Value>,
    #[serde(default)]
    detail: Detail,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Detail {
    event_name: String,
    request_parameters: Option<Value>,
    response_elements: Option<Value>,
    additional_event_data: Option<Value>,
}

/// Calls that change what keys can do.
const KEY_CHANGES: [&str; 12] = [
    "CancelKeyDeletion",
    "CreateAlias",
    "DeleteAlias",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "EnableKey",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "ScheduleKeyDeletion",
    "UpdateAlias",
    "UpdatePrimaryRegion",
];
/// What reads, by how its name begins.
const READS: [&str; 5] = ["BatchGet", "Describe", "Get", "List", "Validate"];
/// Members that name a secret, best first.
const NAMES: [&str; 6] = ["arn", "aRN", "ARN", "SecretId", "secretId", "name"];

/// Reads one event.
pub fn read(json: &[u8]) -> Result<Asked, NoEvent> {
    let event: Event = serde_json::from_slice(json).map_err(|_| NoEvent)?;
    let call = event.detail.event_name.as_str();
    match event.source.as_str() {
        "aws.kms" if KEY_CHANGES.contains(&call) => Ok(Asked::Everything),
        // The primary, which is elsewhere, is the one that has lost something.
        "aws.secretsmanager" if call == "StopReplicationToReplica" => Ok(Asked::Everything),
        "aws.secretsmanager" if !READS.iter().any(|read| call.starts_with(read)) => {
            Ok(match secret(&event) {
                Some(id) => Asked::Secret { id, account: event.account, region: event.region },
                None => Asked::Everything,
            })
        }
        _ => Ok(Asked::Nothing),
    }
}

fn secret(event: &Event) -> Option<String> {
    let is_secret = |text: &&str| text.contains(":secretsmanager:") && text.contains(":secret:");
    let listed = event.resources.iter().filter_map(Value::as_str).find(is_secret);
    let Detail { request_parameters, response_elements, additional_event_data, .. } = &event.detail;
    let members = [additional_event_data, response_elements, request_parameters];
    let named = || {
        let members = members.into_iter().flatten();
        let each = members.flat_map(|member| NAMES.iter().map(move |name| member.get(name)));
        each.flatten().filter_map(Value::as_str).find(|text| !text.is_empty())
    };
    listed.or_else(named).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf";

    fn event(source: &str, name: &str, more: &Value) -> Result<Asked, NoEvent> {
        let mut detail = json!({"eventName": name});
        detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let whole = json!({
            "version": "0", "id": "1", "detail-type": "AWS API Call via CloudTrail",
            "source": source, "account": "123456789012", "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1", "resources": [], "detail": detail,
        });
        read(whole.to_string().as_bytes())
    }

    fn of(id: &str) -> Asked {
        let (account, region) = ("123456789012".to_owned(), "us-east-1".to_owned());
        Asked::Secret { account, region, id: id.to_owned() }
    }

    #[test]
    fn a_change_of_a_secret_names_it() {
        let secrets = "aws.secretsmanager";
        for (name, more, id) in [
            ("PutSecretValue", json!({"requestParameters": {"secretId": "db"}}), "db"),
            (
                "CreateSecret",
                json!({"requestParameters": {"name": "db"}, "responseElements": null}),
                "db",
            ),
            (
                "UpdateSecret",
                json!({"requestParameters": {"secretId": "db"}, "responseElements": {"aRN": ARN}}),
                ARN,
            ),
            ("ReplicationFailed", json!({"additionalEventData": {"SecretId": ARN}}), ARN),
        ] {
            assert_eq!(event(secrets, name, &more), Ok(of(id)), "{name}");
        }
        let nameless = event(secrets, "RotationStarted", &json!({}));
        assert_eq!(nameless, Ok(Asked::Everything));
        let replica = json!({"requestParameters": {"secretId": "db"}});
        assert_eq!(event(secrets, "StopReplicationToReplica", &replica), Ok(Asked::Everything));
        for reads in ["GetSecretValue", "ListSecrets", "DescribeSecret", "BatchGetSecretValue"] {
            let more = json!({"requestParameters": {"secretId": "db"}});
            assert_eq!(event(secrets, reads, &more), Ok(Asked::Nothing), "{reads}");
        }
    }

    #[test]
    fn a_change_of_a_key_is_about_everything() {
        assert_eq!(event("aws.kms", "DisableKey", &json!({})), Ok(Asked::Everything));
        assert_eq!(event("aws.kms", "Decrypt", &json!({})), Ok(Asked::Nothing));
        assert_eq!(event("aws.ec2", "DisableKey", &json!({})), Ok(Asked::Nothing));
    }

    #[test]
    fn what_is_no_event_is_told() {
        for bad in ["", "{}", "[]", "null", "{\"source\": 1}", "{\"source\": \"aws.kms\"}"] {
            assert_eq!(read(bad.as_bytes()), Err(NoEvent), "{bad}");
        }
    }
}
