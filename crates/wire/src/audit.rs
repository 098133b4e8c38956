//! The audit record of a request, in CloudTrail's shape: one JSON object on one line.
//!
//! What may appear of a request's parameters is a list of names ([`PARAMETERS`]), not a list of
//! redactions: a member that is not named there never gets near the log (promise R7). The same
//! record is written for a request that was refused, with what was known by then (promise R6).
//! Where the line goes is the shell's business. Source of the shape: CloudTrail's record contents.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use regent_core::cx::{Caller, Origin};
use regent_core::ids::{Region, RequestId, SecretArn};
use regent_core::policy::evaluate::PrincipalKind;
use regent_core::secrets::rotation::Purpose;
use regent_core::secrets::rotation::event::{Happening, ServiceEvent};
use regent_core::time::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::json::{self, Object};
use crate::service::{Protocol, Service};
use crate::time;

/// The version of CloudTrail's record format.
const EVENT_VERSION: &str = "1.11";

/// LIMIT: characters of a parameter's value; longer ones are left out. No listed member may be
/// longer (model, SecretIdType and KeyIdType), so that no request that is carried out hides what
/// it was for.
const VALUE_LEN_MAX: usize = 2048;

/// LIMIT: characters of a user agent or an access key; the rest is cut off.
const CLIENT_TEXT_LEN_MAX: usize = 256;

/// What is recorded as the name of an operation that is not known.
const UNKNOWN_OPERATION: &str = "Unknown";

/// The members of requests that may be recorded, as the models spell them. Sorted.
///
/// None of them is sensitive in AWS's models; each names or selects something, or is a switch.
pub const PARAMETERS: &[&str] = &[
    "AliasName",
    "BlockPublicPolicy",
    "BypassPolicyLockoutSafetyCheck",
    "ClientRequestToken",
    "CrossAccountPrimaryARN",
    "CrossAccountReplicaARN",
    "CustomerMasterKeySpec",
    "DestinationEncryptionAlgorithm",
    "DestinationKeyId",
    "DryRun",
    "EncapsulationAlgorithm",
    "EncryptionAlgorithm",
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "ExpirationModel",
    "ForceDeleteWithoutRecovery",
    "ForceOverwriteReplicaSecret",
    "GrantId",
    "GranteePrincipal",
    "ImportType",
    "IncludeDeprecated",
    "IncludePlannedDeletion",
    "IncludeSpace",
    "KeyAgreementAlgorithm",
    "KeyId",
    "KeyMaterialId",
    "KeyPairSpec",
    "KeySpec",
    "KeyUsage",
    "KmsKeyId",
    "Limit",
    "MacAlgorithm",
    "MaxResults",
    "MessageType",
    "MoveToVersionId",
    "MultiRegion",
    "Name",
    "NumberOfBytes",
    "Origin",
    "PasswordLength",
    "PendingWindowInDays",
    "PolicyName",
    "PrimaryRegion",
    "RecoveryWindowInDays",
    "RemoveFromVersionId",
    "ReplicaRegion",
    "ReplicaRestriction",
    "RequireEachIncludedType",
    "RetiringPrincipal",
    "RotateImmediately",
    "RotationLambdaARN",
    "SecretId",
    "SigningAlgorithm",
    "SourceEncryptionAlgorithm",
    "SourceKeyId",
    "TargetKeyId",
    "VersionId",
    "VersionStage",
    "WrappingAlgorithm",
    "WrappingKeySpec",
];

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
    /// The code of the fault that was answered.
    pub error_code: Option<&'static str>,
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
        line.string("userAgent", cut(&record.origin.user_agent));
        line.string("errorCode", record.error_code);
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
        if let Happening::Failed { function, step, .. } = &event.what {
            let step = step.as_str();
            let message = format!("Error when executing lambda {function} during {step} step");
            line.string("errorMessage", message.as_str());
        }
        line.object("additionalEventData", |data| {
            data.string("SecretId", event.secret.to_string().as_str());
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

const fn event_name(what: &Happening) -> &'static str {
    match what {
        Happening::Started(Purpose::Rotation) => "RotationStarted",
        Happening::Succeeded(Purpose::Rotation) => "RotationSucceeded",
        Happening::Failed { purpose: Purpose::Rotation, .. } => "RotationFailed",
        Happening::Abandoned => "RotationAbandoned",
        Happening::Started(Purpose::Test) => "TestRotationStarted",
        Happening::Succeeded(Purpose::Test) => "TestRotationSucceeded",
        Happening::Failed { purpose: Purpose::Test, .. } => "TestRotationFailed",
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
        identity.string("accessKeyId", record.access_key.map(cut));
        return;
    };
    identity.string("type", identity_type(caller.kind));
    identity.string("principalId", &*caller.user_id);
    identity.string("arn", &*caller.arn);
    identity.string("accountId", caller.account.as_str());
    identity.string("accessKeyId", record.access_key.map(cut));
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

/// The first characters of a text that the client chose.
fn cut(text: &str) -> &str {
    if text.len() <= CLIENT_TEXT_LEN_MAX {
        return text;
    }
    let end = text.char_indices().nth(CLIENT_TEXT_LEN_MAX).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// Writes the listed members of a JSON request.
///
/// AWS: CloudTrail spells members in lower camel case. Where it has null, and it always has for
/// `responseElements` of these services, the member is left out.
fn request_parameters(line: &mut Object<'_>, record: &Record<'_>) {
    let json = record.service.is_some_and(|service| service.protocol() == Protocol::Json);
    if let Some(body) = record.body.filter(|_| json) {
        line.object("requestParameters", |parameters| {
            let mut reader = serde_json::Deserializer::from_slice(body);
            // What does not parse is not recorded; the operation has refused it.
            let _ = reader.deserialize_map(Members { parameters });
        });
    }
}

/// Copies what is listed, skips what is not.
struct Members<'m, 'o> {
    parameters: &'m mut Object<'o>,
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        // A member that is given twice is recorded once: the log stays readable for everybody.
        let mut recorded = 0_u64;
        while let Some(listed) = members.next_key_seed(Listed)? {
            let fresh = listed.filter(|index| recorded & (1 << index) == 0);
            let Some((index, name)) = fresh.and_then(|at| Some((at, PARAMETERS.get(at)?))) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            recorded |= 1 << index;
            let mut spelled = [0; 32];
            let spelled = lower_camel(name, &mut spelled);
            match members.next_value_seed(Scalar)? {
                Value::Text(text) if text.chars().count() <= VALUE_LEN_MAX => {
                    self.parameters.string(spelled, &*text);
                }
                Value::Number(number) => self.parameters.number(spelled, number),
                Value::Boolean(value) => self.parameters.boolean(spelled, value),
                Value::Text(_) | Value::Other => {}
            }
        }
        Ok(())
    }
}

/// `SecretId` as `secretId`.
fn lower_camel<'b>(name: &str, buffer: &'b mut [u8; 32]) -> &'b str {
    let Some(place) = buffer.get_mut(..name.len()) else { return "" };
    place.copy_from_slice(name.as_bytes());
    if let Some(first) = place.first_mut() {
        first.make_ascii_lowercase();
    }
    std::str::from_utf8(place).unwrap_or_default()
}

/// Reads a member's name as its place in [`PARAMETERS`].
struct Listed;

impl<'de> DeserializeSeed<'de> for Listed {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Listed {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(PARAMETERS.binary_search(&name).ok())
    }
}

/// A listed member's value.
enum Value<'de> {
    Text(Cow<'de, str>),
    Number(i64),
    Boolean(bool),
    /// Nothing that is recorded.
    Other,
}

struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other, Value::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use regent_core::ids::Scope;
    use std::net::{IpAddr, Ipv4Addr};
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

    fn parameters(body: &str) -> serde_json::Value {
        let (origin, caller) = (origin(), caller());
        let record = Record {
            service: Some(Service::Kms),
            caller: Some(&caller),
            body: Some(body.as_bytes()),
            ..refused(&origin)
        };
        let line: serde_json::Value = serde_json::from_str(&line(&record)).unwrap();
        line["requestParameters"].clone()
    }

    /// PROMISE R7: what is not listed is not there, wherever it stands.
    #[test]
    fn unlisted_members_and_odd_values_are_left_out() {
        let canary = "CANARY-51f0";
        for body in [
            format!(r#"{{"SecretString":"{canary}","Name":"n"}}"#),
            format!(r#"{{"Name":"n","Plaintext":"{canary}"}}"#),
            format!(r#"{{"Name":"n","KeyId":{{"KeyId":"{canary}"}},"SecretId":["{canary}"]}}"#),
            format!(r#"{{"Name":"n","name":"{canary}","NAME":"{canary}"}}"#),
            format!(r#"{{"Name":"n","Name":"{canary}"}}"#),
            format!(r#"{{"Name":"n","SecretId":"{}{canary}"}}"#, "x".repeat(VALUE_LEN_MAX)),
            format!(r#"{{"Name":"n",{canary}"#),
        ] {
            assert_eq!(parameters(&body).to_string(), r#"{"name":"n"}"#, "{body}");
        }
        assert_eq!(parameters(&format!("[\"{canary}\"]")).to_string(), "{}");
        assert_eq!(parameters(&format!("\"{canary}")).to_string(), "{}");
    }

    /// AWS: the service's own events, which no request led to.
    #[test]
    fn events_of_the_service() {
        use regent_core::secrets::rotation::Step;
        let secret: SecretArn = SecretArn {
            scope: Scope {
                region: "us-east-1".parse().unwrap(),
                account: "123456789012".parse().unwrap(),
            },
            name: "db/pw".parse().unwrap(),
            suffix: "4BS2cc".parse().unwrap(),
        };
        let function: Box<str> = "arn:aws:lambda:us-east-1:123456789012:function:f".into();
        let of = |what: Happening| {
            let event = ServiceEvent { at: Timestamp::EPOCH, secret: secret.clone(), what };
            let mut out = Vec::new();
            write_event(&mut out, &event, RequestId::from_entropy([3; 16]));
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.matches('\n').count(), 1);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
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

    /// PROMISE R6: a long name is no way to leave no trace.
    #[test]
    fn the_longest_legal_names_are_recorded() {
        let long = "x".repeat(2048);
        for member in ["SecretId", "KeyId", "KmsKeyId", "TargetKeyId", "SourceKeyId"] {
            let found = parameters(&format!(r#"{{"{member}":"{long}"}}"#));
            let mut spelled = [0; 32];
            assert_eq!(found[lower_camel(member, &mut spelled)], *long, "{member}");
        }
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

    #[test]
    fn the_list_can_be_searched() {
        assert!(PARAMETERS.is_sorted());
        assert!(PARAMETERS.len() <= 64);
        assert!(PARAMETERS.iter().all(|name| name.len() <= 32));
    }
}
