//! The audit record of a request, in CloudTrail's shape: one JSON object on one line.
//!
//! What may appear of a request's parameters is a list of names ([`parameters`]), not a list of
//! redactions: a member that is not named there never gets near the log (promise R7). The same
//! record is written for a request that was refused, with what was known by then (promise R6).
//! Where the line goes is the shell's business. Source of the shape: CloudTrail's record contents.

mod key_events;
mod parameters;

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use regent_core::cx::{Caller, Origin};
use regent_core::ids::{Region, RequestId, SecretArn};
use regent_core::policy::evaluate::PrincipalKind;
use regent_core::secrets::event::{Destination, Happening, Progress, Removal, ServiceEvent};
use regent_core::secrets::rotation::Purpose;
use regent_core::time::Timestamp;

use crate::json::{self, Object};
use crate::secretsmanager::status;
use crate::service::{Protocol, Service};
use crate::time;

pub use key_events::write_key_event;

/// The version of CloudTrail's record format.
const EVENT_VERSION: &str = "1.11";

/// LIMIT: characters of a user agent or an access key; the rest is cut off.
const CLIENT_TEXT_LEN_MAX: usize = 256;

/// LIMIT: characters of an error's message; the rest is cut off. Source: CloudTrail's record contents.
const MESSAGE_LEN_MAX: usize = 1024;

/// What is recorded as the name of an operation that is not known.
const UNKNOWN_OPERATION: &str = "Unknown";

/// One request, as far as it was understood.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub at: Timestamp,
    pub request_id: RequestId,
    pub event_id: RequestId,
    /// `None` where no service was recognised.
    pub service: Option<Service>,
    /// The operation's name as in the operations table, never as sent.
    pub operation: Option<&'static str>,
    pub read_only: bool,
    /// `None` before a signature has named it.
    pub region: Option<Region>,
    /// `None` for a request that was not authenticated.
    pub caller: Option<&'a Caller>,
    pub access_key: Option<&'a str>,
    pub origin: &'a Origin,
    /// The code of the fault that was answered, and what it says.
    pub error_code: Option<&'static str>,
    pub error_message: Option<&'a str>,
    /// The body, of an authenticated request only.
    pub body: Option<&'a [u8]>,
}

/// A secret that a request for several has read, or has tried to.
///
/// AWS: CloudTrail has a GetSecretValue record for each, besides that of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRead {
    /// The ARN, or what was asked for if nothing was found.
    pub secret_id: String,
    pub error_code: Option<&'static str>,
    pub error_message: Option<String>,
}

impl SecretRead {
    /// The operation that would have read it alone.
    pub const OPERATION: &'static str = "GetSecretValue";

    /// The body of that operation's request.
    pub fn body(&self) -> Vec<u8> {
        json::body(self.secret_id.len() + 16, |body| {
            body.string("SecretId", self.secret_id.as_str());
        })
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("request_id", &self.request_id)
            .field("operation", &self.operation)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// Appends the record's line to `out`, with its line feed.
pub fn write_line(out: &mut Vec<u8>, record: &Record<'_>) {
    let mut text = String::with_capacity(40);
    json::object(out, |line| {
        line.string("eventVersion", EVENT_VERSION);
        line.object("userIdentity", |identity| user_identity(identity, record));
        line.string("eventTime", time::extended(record.at).as_str());
        line.string("eventSource", event_source(record.service));
        line.string("eventName", record.operation.unwrap_or(UNKNOWN_OPERATION));
        line.string("awsRegion", record.region.as_ref().map(Region::as_str));
        line.string("sourceIPAddress", shown(&mut text, &record.origin.source_ip));
        line.string("userAgent", cut(&record.origin.user_agent, CLIENT_TEXT_LEN_MAX));
        line.string("errorCode", record.error_code);
        line.string("errorMessage", record.error_message.map(|text| cut(text, MESSAGE_LEN_MAX)));
        request_parameters(line, record);
        line.string("requestID", record.request_id.text().as_str());
        line.string("eventID", record.event_id.text().as_str());
        line.boolean("readOnly", record.read_only);
        line.string("eventType", "AwsApiCall");
        line.boolean("managementEvent", true);
        line.string("eventCategory", "Management");
        line.string("recipientAccountId", record.caller.map(|caller| caller.account.as_str()));
    });
    out.push(b'\n');
}

/// Appends the line of one of Secrets Manager's own events, with its line feed.
///
/// AWS: nobody's request led to it, so there is an account and no principal.
pub fn write_event(out: &mut Vec<u8>, event: &ServiceEvent, event_id: RequestId) {
    const SERVICE: &str = "secretsmanager.amazonaws.com";
    let SecretArn { scope, .. } = &event.secret;
    let mut text = String::with_capacity(40);
    json::object(out, |line| {
        line.string("eventVersion", EVENT_VERSION);
        line.object("userIdentity", |identity| {
            identity.string("accountId", scope.account.as_str());
        });
        line.string("eventTime", time::extended(event.at).as_str());
        line.string("eventSource", SERVICE);
        line.string("eventName", event_name(&event.what));
        line.string("awsRegion", scope.region.as_str());
        line.string("sourceIPAddress", SERVICE);
        line.string("userAgent", SERVICE);
        line.string("errorMessage", event_error(event).as_deref());
        line.object("additionalEventData", |data| {
            data.string("SecretId", event.secret.to_string().as_str());
            match &event.what {
                Happening::Removal { version, .. } => {
                    data.string("SecretVersionId", version.as_str());
                }
                Happening::Replication { to: Destination::Region(region), .. } => {
                    data.string("ReplicaRegion", region.as_str());
                }
                Happening::Replication { to: Destination::Account(secret), .. } => {
                    data.string("ReplicaSecretARN", secret.text().as_str());
                }
                Happening::Started(_)
                | Happening::Succeeded(_)
                | Happening::Failed { .. }
                | Happening::Abandoned => {}
            }
        });
        line.string("eventID", shown(&mut text, &event_id));
        line.boolean("readOnly", false);
        line.string("eventType", "AwsServiceEvent");
        line.boolean("managementEvent", true);
        line.string("eventCategory", "Management");
        line.string("recipientAccountId", scope.account.as_str());
    });
    out.push(b'\n');
}

/// What somebody did to the server itself, through its own endpoints, which know no principals.
#[derive(Debug, Clone, Copy)]
pub struct Intervention<'a> {
    pub at: Timestamp,
    pub event_id: RequestId,
    pub name: &'static str,
    /// The Region that it was done to, where it is one.
    pub region: Option<&'a str>,
    pub parameters: &'a [(&'static str, &'a str)],
    pub source_ip: IpAddr,
    pub user_agent: &'a str,
}

/// Appends the line of an intervention, with its line feed.
pub fn write_intervention(out: &mut Vec<u8>, done: &Intervention<'_>) {
    const SOURCE: &str = "regent";
    let mut text = String::with_capacity(40);
    json::object(out, |line| {
        line.string("eventVersion", EVENT_VERSION);
        line.object("userIdentity", |identity| identity.string("type", "Unknown"));
        line.string("eventTime", time::extended(done.at).as_str());
        line.string("eventSource", SOURCE);
        line.string("eventName", done.name);
        line.string("awsRegion", done.region);
        line.string("sourceIPAddress", shown(&mut text, &done.source_ip));
        line.string("userAgent", cut(done.user_agent, CLIENT_TEXT_LEN_MAX));
        line.object("requestParameters", |parameters| {
            for (name, value) in done.parameters {
                parameters.string(name, *value);
            }
        });
        line.string("eventID", done.event_id.text().as_str());
        line.boolean("readOnly", false);
        line.string("eventType", "RegentIntervention");
        line.boolean("managementEvent", true);
        line.string("eventCategory", "Management");
    });
    out.push(b'\n');
}

const fn event_name(what: &Happening) -> &'static str {
    match what {
        Happening::Started(Purpose::Rotation) => "RotationStarted",
        Happening::Succeeded(Purpose::Rotation) => "RotationSucceeded",
        Happening::Failed { purpose: Purpose::Rotation, .. } => "RotationFailed",
        Happening::Abandoned => "RotationAbandoned",
        Happening::Started(Purpose::Test) => "TestRotationStarted",
        Happening::Succeeded(Purpose::Test) => "TestRotationSucceeded",
        Happening::Failed { purpose: Purpose::Test, .. } => "TestRotationFailed",
        Happening::Removal { removal, .. } => match removal {
            Removal::Started => "StartSecretVersionDelete",
            Removal::Cancelled => "CancelSecretVersionDelete",
            Removal::Ended => "EndSecretVersionDelete",
            Removal::Outdated => "SecretVersionDeletion",
        },
        Happening::Replication { progress, .. } => match progress {
            Progress::Started => "ReplicationStarted",
            Progress::Succeeded => "ReplicationSucceeded",
            Progress::Failed { .. } => "ReplicationFailed",
        },
    }
}

/// What went wrong, in the events that are about that.
fn event_error(event: &ServiceEvent) -> Option<String> {
    match &event.what {
        Happening::Failed { function, step, .. } => {
            let step = step.as_str();
            Some(format!("Error when executing lambda {function} during {step} step"))
        }
        Happening::Replication { to, progress: Progress::Failed { failure, request_id } } => {
            let region = match to {
                Destination::Region(region) => *region,
                Destination::Account(secret) => secret.scope.region,
            };
            Some(status::why_failed(&event.secret.name, region, failure, *request_id))
        }
        _ => None,
    }
}

/// The text of `value`, in a buffer that is used again.
fn shown<'t>(text: &'t mut String, value: &dyn fmt::Display) -> &'t str {
    text.clear();
    // A string takes everything.
    let _ = write!(text, "{value}");
    text
}

fn user_identity(identity: &mut Object<'_>, record: &Record<'_>) {
    let Some(caller) = record.caller else {
        identity.string("type", "Unknown");
        identity.string("accessKeyId", record.access_key.map(|key| cut(key, CLIENT_TEXT_LEN_MAX)));
        return;
    };
    identity.string("type", identity_type(caller.kind));
    identity.string("principalId", &*caller.user_id);
    identity.string("arn", &*caller.arn);
    identity.string("accountId", caller.account.as_str());
    identity.string("accessKeyId", record.access_key.map(|key| cut(key, CLIENT_TEXT_LEN_MAX)));
    identity.string("userName", caller.user_name.as_deref());
}

const fn identity_type(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Root => "Root",
        PrincipalKind::User => "IAMUser",
        PrincipalKind::Role | PrincipalKind::Session => "AssumedRole",
        PrincipalKind::Service => "AWSService",
    }
}

const fn event_source(service: Option<Service>) -> &'static str {
    match service {
        Some(Service::SecretsManager) => "secretsmanager.amazonaws.com",
        Some(Service::Kms) => "kms.amazonaws.com",
        Some(Service::Sts) => "sts.amazonaws.com",
        Some(Service::CloudFormation) => "cloudformation.amazonaws.com",
        Some(Service::Iam) => "iam.amazonaws.com",
        None => "unknown.amazonaws.com",
    }
}

/// The first characters of a text that the client chose, or that repeats what it chose.
fn cut(text: &str, len_max: usize) -> &str {
    if text.len() <= len_max {
        return text;
    }
    let end = text.char_indices().nth(len_max).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// AWS: where CloudTrail has null, and it always has for `responseElements` of these services, the
/// member is left out.
fn request_parameters(line: &mut Object<'_>, record: &Record<'_>) {
    if let (Some(body), Some(service)) = (record.body, record.service) {
        line.object("requestParameters", |into| match service.protocol() {
            Protocol::Json => parameters::of_json(into, body),
            Protocol::Query => parameters::of_form(into, body),
        });
    }
}

#[cfg(test)]
mod tests {
    use regent_core::ids::Scope;
    use regent_core::secrets::model::ReplicaFailure;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;

    fn origin() -> Origin {
        Origin {
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: false,
            user_agent: "aws-cli/2.31 \"quoted\"".into(),
        }
    }

    fn caller() -> Caller {
        Caller {
            account: "123456789012".parse().unwrap(),
            arn: "arn:aws:iam::123456789012:user/test".into(),
            user_id: "AIDAEXAMPLE".into(),
            kind: PrincipalKind::User,
            user_name: Some("test".into()),
            policies: Arc::from([]),
            session: None,
        }
    }

    fn refused(origin: &Origin) -> Record<'_> {
        Record {
            at: Timestamp::from_millis(1_523_977_145_713),
            request_id: RequestId::from_entropy([1; 16]),
            event_id: RequestId::from_entropy([2; 16]),
            service: None,
            operation: None,
            read_only: false,
            region: None,
            caller: None,
            access_key: None,
            origin,
            error_code: Some("MissingAuthenticationTokenException"),
            error_message: None,
            body: None,
        }
    }

    fn line(record: &Record<'_>) -> String {
        let mut out = Vec::new();
        write_line(&mut out, record);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_authenticated_request() {
        let (origin, caller) = (origin(), caller());
        let record = Record {
            service: Some(Service::SecretsManager),
            operation: Some("DeleteSecret"),
            region: Some("us-east-1".parse().unwrap()),
            caller: Some(&caller),
            access_key: Some("test"),
            error_code: None,
            error_message: None,
            body: Some(br#"{"SecretId":"a\"b","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":false}"#),
            ..refused(&origin)
        };
        assert_eq!(
            line(&record),
            concat!(
                r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","#,
                r#""arn":"arn:aws:iam::123456789012:user/test","accountId":"123456789012","#,
                r#""accessKeyId":"test","userName":"test"},"eventTime":"2018-04-17T14:59:05Z","#,
                r#""eventSource":"secretsmanager.amazonaws.com","eventName":"DeleteSecret","#,
                r#""awsRegion":"us-east-1","sourceIPAddress":"127.0.0.1","#,
                r#""userAgent":"aws-cli/2.31 \"quoted\"","#,
                r#""requestParameters":{"secretId":"a\"b","recoveryWindowInDays":7,"forceDeleteWithoutRecovery":false},"#,
                r#""requestID":"01010101-0101-4101-8101-010101010101","#,
                r#""eventID":"02020202-0202-4202-8202-020202020202","readOnly":false,"#,
                r#""eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management","#,
                r#""recipientAccountId":"123456789012"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_unauthenticated_request() {
        assert_eq!(
            line(&refused(&origin())),
            concat!(
                r#"{"eventVersion":"1.11","userIdentity":{"type":"Unknown"},"#,
                r#""eventTime":"2018-04-17T14:59:05Z","eventSource":"unknown.amazonaws.com","#,
                r#""eventName":"Unknown","sourceIPAddress":"127.0.0.1","#,
                r#""userAgent":"aws-cli/2.31 \"quoted\"","#,
                r#""errorCode":"MissingAuthenticationTokenException","#,
                r#""requestID":"01010101-0101-4101-8101-010101010101","#,
                r#""eventID":"02020202-0202-4202-8202-020202020202","readOnly":false,"#,
                r#""eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management"}"#,
                "\n"
            )
        );
    }

    fn secret() -> SecretArn {
        let scope = Scope {
            region: "us-east-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        SecretArn { scope, name: "db/pw".parse().unwrap(), suffix: "4BS2cc".parse().unwrap() }
    }

    /// The record of an event.
    fn of(what: Happening) -> serde_json::Value {
        let event = ServiceEvent { at: Timestamp::EPOCH, secret: secret(), what };
        let mut out = Vec::new();
        write_event(&mut out, &event, RequestId::from_entropy([3; 16]));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        serde_json::from_str(&text).unwrap()
    }

    /// AWS: the service's own events, which no request led to.
    #[test]
    fn events_of_rotations() {
        use regent_core::secrets::rotation::Step;
        let secret = secret();
        let function: Box<str> = "arn:aws:lambda:us-east-1:123456789012:function:f".into();
        for purpose in [Purpose::Rotation, Purpose::Test] {
            let failed =
                Happening::Failed { purpose, function: function.clone(), step: Step::Test };
            let name = if purpose == Purpose::Test { "TestRotation" } else { "Rotation" };
            for (what, suffix) in [
                (Happening::Started(purpose), "Started"),
                (Happening::Succeeded(purpose), "Succeeded"),
                (failed, "Failed"),
            ] {
                let line = of(what);
                assert_eq!(line["eventName"], format!("{name}{suffix}"));
                assert_eq!(line["eventType"], "AwsServiceEvent");
                assert_eq!(line["userIdentity"], serde_json::json!({"accountId": "123456789012"}));
                assert_eq!(line["sourceIPAddress"], "secretsmanager.amazonaws.com");
                assert_eq!(line["additionalEventData"]["SecretId"], secret.to_string());
                let message =
                    format!("Error when executing lambda {function} during testSecret step");
                let expected =
                    if suffix == "Failed" { message.into() } else { serde_json::Value::Null };
                assert_eq!(line["errorMessage"], expected);
            }
        }
        assert_eq!(of(Happening::Abandoned)["eventName"], "RotationAbandoned");
    }

    #[test]
    fn events_of_deletion_and_replication() {
        let secret = secret();
        for (removal, name) in [
            (Removal::Started, "StartSecretVersionDelete"),
            (Removal::Cancelled, "CancelSecretVersionDelete"),
            (Removal::Ended, "EndSecretVersionDelete"),
            (Removal::Outdated, "SecretVersionDeletion"),
        ] {
            let version = "11111111-2222-3333-4444-555555555555".parse().unwrap();
            let line = of(Happening::Removal { removal, version });
            assert_eq!(line["eventName"], name);
            let data = serde_json::json!({
                "SecretId": secret.to_string(),
                "SecretVersionId": "11111111-2222-3333-4444-555555555555",
            });
            assert_eq!(line["additionalEventData"], data);
        }
        let failed =
            |failure| Progress::Failed { failure, request_id: RequestId::from_entropy([1; 16]) };
        let region = Destination::Region("us-west-2".parse().unwrap());
        let account = Destination::Account(secret.clone());
        let name = "Replication failed: Secret name db/pw is currently replicated to us-west-2 with a different arn";
        for (to, progress, suffix, message) in [
            (region.clone(), Progress::Started, "Started", None),
            (account.clone(), Progress::Succeeded, "Succeeded", None),
            (region, failed(ReplicaFailure::ReplicatedWithOtherArn), "Failed", Some(name)),
        ] {
            let own = match &to {
                Destination::Region(_) => ("ReplicaRegion", "us-west-2".to_owned()),
                Destination::Account(secret) => ("ReplicaSecretARN", secret.to_string()),
            };
            let line = of(Happening::Replication { to, progress });
            assert_eq!(line["eventName"], format!("Replication{suffix}"));
            assert_eq!(line["additionalEventData"]["SecretId"], secret.to_string());
            assert_eq!(line["additionalEventData"][own.0], own.1);
            assert_eq!(line["errorMessage"].as_str(), message);
        }
    }

    #[test]
    fn an_error_says_what_its_client_was_told() {
        let origin = origin();
        let long = format!("é\"{}", "x".repeat(MESSAGE_LEN_MAX));
        let record = Record { error_message: Some(&long), ..refused(&origin) };
        let parsed: serde_json::Value = serde_json::from_str(&line(&record)).unwrap();
        let kept = parsed["errorMessage"].as_str().unwrap();
        assert_eq!(kept.chars().count(), MESSAGE_LEN_MAX);
        assert!(long.starts_with(kept));
        assert!(!line(&refused(&origin)).contains("errorMessage"));
    }

    #[test]
    fn an_intervention() {
        let done = Intervention {
            at: Timestamp::EPOCH,
            event_id: RequestId::from_entropy([2; 16]),
            name: "RegionDown",
            region: Some("us-east-1"),
            parameters: &[("mode", "503")],
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: "regent",
        };
        let mut out = Vec::new();
        write_intervention(&mut out, &done);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"eventVersion":"1.11","userIdentity":{"type":"Unknown"},"#,
                r#""eventTime":"1970-01-01T00:00:00Z","eventSource":"regent","eventName":"RegionDown","#,
                r#""awsRegion":"us-east-1","sourceIPAddress":"127.0.0.1","userAgent":"regent","#,
                r#""requestParameters":{"mode":"503"},"#,
                r#""eventID":"02020202-0202-4202-8202-020202020202","readOnly":false,"#,
                r#""eventType":"RegentIntervention","managementEvent":true,"eventCategory":"Management"}"#,
                "\n"
            )
        );
    }

    /// LIMIT: a record stays one valid line whatever the client sends.
    #[test]
    fn hostile_text_stays_within_its_string() {
        let mut origin = origin();
        origin.user_agent = format!("a\n\"}}\r\u{0}{}", "é".repeat(5000)).into();
        let text = line(&refused(&origin));
        assert_eq!(text.matches('\n').count(), 1);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["userAgent"].as_str().unwrap().chars().count(), CLIENT_TEXT_LEN_MAX);
    }
}
