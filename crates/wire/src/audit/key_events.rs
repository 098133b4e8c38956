//! The lines of KMS's own events, in CloudTrail's shape.
//!
//! AWS: who did it is an account that KMS acts for, and the key is a resource of the event. Source of
//! each shape: the examples of KMS log entries in the developer guide.

use regent_core::ids::{MaterialId, RequestId};
use regent_core::keys::event::{KeyEvent, KeyHappening};

use super::{EVENT_VERSION, event_source, shown};
use crate::json::{self, Object};
use crate::service::Service;
use crate::time;

/// AWS: where a request has the address and the program of its sender.
const INTERNAL: &str = "AWS Internal";

/// Appends the line of an event, with its line feed.
pub fn write_key_event(out: &mut Vec<u8>, event: &KeyEvent, event_id: RequestId) {
    let scope = event.key.scope;
    let arn = event.key.text();
    let mut text = String::with_capacity(40);
    json::object(out, |line| {
        line.string("eventVersion", EVENT_VERSION);
        line.object("userIdentity", |identity| {
            identity.string("accountId", scope.account.as_str());
            identity.string("invokedBy", INTERNAL);
        });
        line.string("eventTime", time::extended(event.at).as_str());
        line.string("eventSource", event_source(Some(Service::Kms)));
        line.string("eventName", name(&event.what));
        line.string("awsRegion", scope.region.as_str());
        line.string("sourceIPAddress", INTERNAL);
        line.string("userAgent", INTERNAL);
        if answers(&event.what) {
            line.object("responseElements", |answer| answer.string("keyId", arn.as_str()));
        }
        line.string("eventID", shown(&mut text, &event_id));
        line.boolean("readOnly", false);
        line.array("resources", |list| {
            list.object(|resource| {
                resource.string("accountId", scope.account.as_str());
                resource.string("type", "AWS::KMS::Key");
                resource.string("ARN", arn.as_str());
            });
        });
        line.string("eventType", kind(&event.what));
        line.boolean("managementEvent", true);
        line.string("recipientAccountId", scope.account.as_str());
        details(line, event);
        line.string("eventCategory", "Management");
    });
    out.push(b'\n');
}

const fn name(what: &KeyHappening) -> &'static str {
    match what {
        KeyHappening::Rotated(_) => "RotateKey",
        KeyHappening::Deleted => "DeleteKey",
        KeyHappening::MaterialExpired(_) => "DeleteExpiredKeyMaterial",
        KeyHappening::Replicated => "CreateKey",
        KeyHappening::Synchronized => "SynchronizeMultiRegionKey",
    }
}

/// AWS: what happens to related keys is a call that KMS makes for the account.
const fn kind(what: &KeyHappening) -> &'static str {
    match what {
        KeyHappening::Replicated | KeyHappening::Synchronized => "AwsApiCall",
        KeyHappening::Rotated(_) | KeyHappening::Deleted | KeyHappening::MaterialExpired(_) => {
            "AwsServiceEvent"
        }
    }
}

/// AWS: which of them have the key's ARN where the answer of a request is.
const fn answers(what: &KeyHappening) -> bool {
    matches!(what, KeyHappening::Deleted | KeyHappening::Synchronized)
}

fn details(line: &mut Object<'_>, event: &KeyEvent) {
    let material = |id: Option<MaterialId>| id.map(|id| id.to_string());
    let id = event.key.id.text();
    match &event.what {
        KeyHappening::Rotated(rotated) => line.object("serviceEventDetails", |details| {
            details.string("rotationType", rotated.kind.as_str());
            details.string("keyOrigin", rotated.origin.as_str());
            details.string("previousKeyMaterialId", material(rotated.previous).as_deref());
            details.string("currentKeyMaterialId", material(rotated.current).as_deref());
            details.string("keyId", id.as_str());
        }),
        KeyHappening::MaterialExpired(expired) => line.object("serviceEventDetails", |details| {
            details.string("keyId", id.as_str());
            details.string("keyMaterialId", material(*expired).as_deref());
        }),
        KeyHappening::Deleted | KeyHappening::Replicated | KeyHappening::Synchronized => {}
    }
}

#[cfg(test)]
mod tests {
    use regent_core::ids::{KeyArn, Scope};
    use regent_core::keys::event::Rotated;
    use regent_core::keys::model::{Origin, RotationKind};
    use regent_core::time::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn line(what: KeyHappening) -> Value {
        let scope = Scope {
            region: "us-west-2".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        };
        let key = KeyArn { scope, id: "1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap() };
        let at = Timestamp::from_millis(1_747_943_711_000);
        let mut out = Vec::new();
        write_key_event(&mut out, &KeyEvent { at, key, what }, RequestId::from_entropy([3; 16]));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1));
        serde_json::from_str(&text).unwrap()
    }

    /// What all of them have.
    fn common(name: &str, kind: &str) -> Value {
        json!({
            "eventVersion": "1.11",
            "userIdentity": {"accountId": "111122223333", "invokedBy": "AWS Internal"},
            "eventTime": "2025-05-22T19:55:11Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": name,
            "awsRegion": "us-west-2",
            "sourceIPAddress": "AWS Internal",
            "userAgent": "AWS Internal",
            "eventID": "03030303-0303-4303-8303-030303030303",
            "readOnly": false,
            "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": ARN}],
            "eventType": kind,
            "managementEvent": true,
            "recipientAccountId": "111122223333",
            "eventCategory": "Management",
        })
    }

    fn with(mut line: Value, name: &str, value: Value) -> Value {
        line[name] = value;
        line
    }

    #[test]
    fn events_are_as_in_the_developer_guide() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let (old, new) = (MaterialId([0x12; 32]), MaterialId([0x96; 32]));
        for (kind, origin) in
            [(RotationKind::Automatic, Origin::AwsKms), (RotationKind::OnDemand, Origin::External)]
        {
            let rotated = Rotated { kind, origin, previous: Some(old), current: Some(new) };
            let details = json!({
                "rotationType": kind.as_str(), "keyOrigin": origin.as_str(),
                "previousKeyMaterialId": "12".repeat(32), "currentKeyMaterialId": "96".repeat(32),
                "keyId": id,
            });
            let expected = common("RotateKey", "AwsServiceEvent");
            let expected = with(expected, "serviceEventDetails", details);
            assert_eq!(line(KeyHappening::Rotated(rotated)), expected);
        }
        let arn = json!({"keyId": ARN});
        assert_eq!(
            line(KeyHappening::Deleted),
            with(common("DeleteKey", "AwsServiceEvent"), "responseElements", arn.clone())
        );
        for (material, details) in [
            (Some(old), json!({"keyId": id, "keyMaterialId": "12".repeat(32)})),
            (None, json!({"keyId": id})),
        ] {
            let expected = common("DeleteExpiredKeyMaterial", "AwsServiceEvent");
            let expected = with(expected, "serviceEventDetails", details);
            assert_eq!(line(KeyHappening::MaterialExpired(material)), expected);
        }
        assert_eq!(line(KeyHappening::Replicated), common("CreateKey", "AwsApiCall"));
        assert_eq!(
            line(KeyHappening::Synchronized),
            with(common("SynchronizeMultiRegionKey", "AwsApiCall"), "responseElements", arn)
        );
    }
}
