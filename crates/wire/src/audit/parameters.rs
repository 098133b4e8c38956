//! What an audit record tells of a request's parameters: members that are listed here, nothing else.
//!
//! A member is copied from the body to the line as it is read; what is not listed, and what is of
//! another shape than its model's, is skipped and never kept. AWS: CloudTrail spells members in lower
//! camel case, records tags and encryption contexts in the clear, and masks values and policies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::Object;
use crate::query_xml::Form;

/// LIMIT: characters of a parameter's value; longer ones are left out. No listed member may be
/// longer (model, SecretIdType and KeyIdType), so that no request that is carried out hides what
/// it was for.
pub(super) const VALUE_LEN_MAX: usize = 2048;

/// LIMIT: values in one list or map; the rest is left out. No list of a request that is carried out
/// is longer (model: 50 tags, 20 secrets), but an encryption context may be.
const VALUES_MAX: usize = 100;

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
    "ReplicationRoleARN",
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

/// The members that are more than one value. Sorted.
const STRUCTURES: &[(&str, Shape)] = &[
    ("AddReplicaRegions", Shape::Each(&["KmsKeyId", "Region"])),
    ("DestinationEncryptionContext", Shape::Texts),
    ("EncryptionContext", Shape::Texts),
    ("Operations", Shape::List),
    ("RemoveReplicaRegions", Shape::List),
    ("RotationRules", Shape::One(&["AutomaticallyAfterDays", "Duration", "ScheduleExpression"])),
    ("SecretIdList", Shape::List),
    ("SourceEncryptionContext", Shape::Texts),
    ("TagKeys", Shape::List),
    ("Tags", Shape::Each(&["Key", "TagKey", "TagValue", "Value"])),
    ("VersionStages", Shape::List),
];

/// The members of forms that may be recorded. NoEcho parameters are among a stack's, so that none
/// of these is; nor is a template or a policy.
const FORM_PARAMETERS: &[&str] = &[
    "ChangeSetName",
    "ChangeSetType",
    "ClientRequestToken",
    "DeletionMode",
    "DisableRollback",
    "EnableTerminationProtection",
    "ExportName",
    "LogicalResourceId",
    "OnFailure",
    "PhysicalResourceId",
    "RoleARN",
    "RoleArn",
    "RoleSessionName",
    "StackName",
    "TimeoutInMinutes",
    "UsePreviousTemplate",
];

/// The lists of forms that may be recorded.
const FORM_LISTS: &[&str] = &["Capabilities", "LogicalResourceIds", "RetainResources"];

/// How a member is made up.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// One string, number or switch.
    Scalar,
    /// Strings.
    List,
    /// Names with strings.
    Texts,
    /// An object, with these members of it.
    One(&'static [&'static str]),
    /// Objects, with these members of each.
    Each(&'static [&'static str]),
}

/// Writes the listed members of a JSON body.
pub(super) fn of_json(parameters: &mut Object<'_>, body: &[u8]) {
    let mut reader = serde_json::Deserializer::from_slice(body);
    // What does not parse is not recorded; the operation has refused it.
    let _ = reader.deserialize_map(Members { parameters });
}

/// Writes the listed members of a form.
///
/// AWS: CloudTrail has them as the model types them; here they are as they were sent, as text.
pub(super) fn of_form(parameters: &mut Object<'_>, body: &[u8]) {
    // What does not parse is not recorded; the operation has refused it.
    let Ok(form) = Form::parse(body) else { return };
    let params = form.params();
    for name in FORM_PARAMETERS {
        parameters
            .string(lower_camel(name, &mut [0; NAME_LEN_MAX]), params.text(name).filter(fits));
    }
    for name in FORM_LISTS {
        if let Some(texts) = params.texts(name) {
            let texts = texts.into_iter().take(VALUES_MAX).filter(fits);
            parameters.strings(lower_camel(name, &mut [0; NAME_LEN_MAX]), texts);
        }
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
        let mut recorded = 0_u128;
        while let Some(listed) = members.next_key_seed(Listed)? {
            let Some(listed) = listed.filter(|listed| recorded & listed.bit == 0) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            recorded |= listed.bit;
            write_member(self.parameters, listed.name, members.next_value_seed(listed.shape)?);
        }
        Ok(())
    }
}

/// A listed member.
#[derive(Clone, Copy)]
struct Member {
    name: &'static str,
    shape: Shape,
    bit: u128,
}

/// Reads a member's name.
struct Listed;

impl<'de> DeserializeSeed<'de> for Listed {
    type Value = Option<Member>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Listed {
    type Value = Option<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if let Ok(at) = PARAMETERS.binary_search(&name) {
            let name = PARAMETERS.get(at);
            return Ok(name.map(|name| Member { name, shape: Shape::Scalar, bit: 1 << at }));
        }
        let Ok(at) = STRUCTURES.binary_search_by_key(&name, |(name, _)| name) else {
            return Ok(None);
        };
        let bit = 1 << (PARAMETERS.len() + at);
        Ok(STRUCTURES.get(at).map(|(name, shape)| Member { name, shape: *shape, bit }))
    }
}

/// A listed member's value.
enum Value<'de> {
    Text(Cow<'de, str>),
    Number(i64),
    Boolean(bool),
    List(Vec<Value<'de>>),
    /// Members of the model.
    Object(Vec<(&'static str, Value<'de>)>),
    /// Names that the sender chose. Of two of one name it has the first.
    Map(BTreeMap<Cow<'de, str>, Value<'de>>),
    /// Nothing that is recorded.
    Other,
}

fn write_member(into: &mut Object<'_>, name: &str, value: Value<'_>) {
    write_value(into, lower_camel(name, &mut [0; NAME_LEN_MAX]), value);
}

fn write_value(into: &mut Object<'_>, name: &str, value: Value<'_>) {
    match value {
        Value::Text(text) => into.string(name, &*text),
        Value::Number(number) => into.number(name, number),
        Value::Boolean(value) => into.boolean(name, value),
        Value::List(items) => into.array(name, |list| {
            for item in items {
                match item {
                    Value::Text(text) => list.string(&text),
                    Value::Object(members) => list.object(|into| write_members(into, members)),
                    _ => {}
                }
            }
        }),
        Value::Object(members) => into.object(name, |into| write_members(into, members)),
        Value::Map(entries) => into.object(name, |into| {
            for (name, value) in entries {
                write_value(into, &name, value);
            }
        }),
        Value::Other => {}
    }
}

fn write_members(into: &mut Object<'_>, members: Vec<(&'static str, Value<'_>)>) {
    for (name, value) in members {
        write_member(into, name, value);
    }
}

/// Reads a value of this shape; one of another is [`Value::Other`].
impl<'de> DeserializeSeed<'de> for Shape {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.text(text, || Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.text(text, || Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.scalar(Value::Number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.scalar(i64::try_from(number).map_or(Value::Other, Value::Number)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.scalar(Value::Boolean(value)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let item = match self {
            Self::List => Some(Self::Scalar),
            Self::Each(members) => Some(Self::One(members)),
            Self::Scalar | Self::Texts | Self::One(_) => None,
        };
        let mut found = Vec::new();
        while found.len() < VALUES_MAX
            && let Some(item) = item
            && let Some(value) = items.next_element_seed(item)?
        {
            found.push(value);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(item.map_or(Value::Other, |_| Value::List(found)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        match self {
            Self::Texts => texts(members),
            Self::One(listed) => object(listed, members),
            Self::Scalar | Self::List | Self::Each(_) => {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
    }
}

impl Shape {
    fn scalar(self, value: Value<'_>) -> Value<'_> {
        if matches!(self, Self::Scalar) { value } else { Value::Other }
    }

    fn text<'de>(self, text: &str, kept: impl FnOnce() -> Cow<'de, str>) -> Value<'de> {
        if fits(&text) { self.scalar(Value::Text(kept())) } else { Value::Other }
    }
}

fn texts<'de, A: MapAccess<'de>>(mut members: A) -> Result<Value<'de>, A::Error> {
    let mut found = BTreeMap::new();
    while let Some(name) = members.next_key_seed(Shape::Scalar)? {
        let value = members.next_value_seed(Shape::Scalar)?;
        if let Value::Text(name) = name
            && matches!(value, Value::Text(_))
            && found.len() < VALUES_MAX
        {
            found.entry(name).or_insert(value);
        }
    }
    Ok(Value::Map(found))
}

fn object<'de, A: MapAccess<'de>>(
    listed: &'static [&'static str],
    mut members: A,
) -> Result<Value<'de>, A::Error> {
    let mut found: Vec<(&'static str, Value<'de>)> = Vec::with_capacity(listed.len());
    while let Some(name) = members.next_key::<Cow<'de, str>>()? {
        let fresh = listed.iter().find(|listed| **listed == name);
        match fresh.filter(|fresh| found.iter().all(|(name, _)| name != *fresh)) {
            Some(name) => found.push((name, members.next_value_seed(Shape::Scalar)?)),
            None => drop(members.next_value::<IgnoredAny>()?),
        }
    }
    Ok(Value::Object(found))
}

/// Whether a value is short enough.
fn fits(text: &&str) -> bool {
    text.len() <= VALUE_LEN_MAX || text.chars().count() <= VALUE_LEN_MAX
}

/// The longest name of a listed member.
const NAME_LEN_MAX: usize = 32;

/// `SecretId` as `secretId`.
fn lower_camel<'b>(name: &str, buffer: &'b mut [u8; NAME_LEN_MAX]) -> &'b str {
    let Some(place) = buffer.get_mut(..name.len()) else { return "" };
    place.copy_from_slice(name.as_bytes());
    if let Some(first) = place.first_mut() {
        first.make_ascii_lowercase();
    }
    std::str::from_utf8(place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(write: impl FnOnce(&mut Object<'_>)) -> serde_json::Value {
        serde_json::from_slice(&crate::json::body(64, write)).unwrap()
    }

    fn parameters(body: &str) -> serde_json::Value {
        recorded(|into| of_json(into, body.as_bytes()))
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

    /// AWS: what CloudTrail shows of members that are more than one value.
    #[test]
    fn lists_maps_and_structures() {
        for (body, expected) in [
            (json!({"SecretIdList": ["a", "b"]}), json!({"secretIdList": ["a", "b"]})),
            (
                json!({"AddReplicaRegions": [{"Region": "eu-west-1", "KmsKeyId": "k"}, {"Region": "x"}]}),
                json!({"addReplicaRegions": [{"region": "eu-west-1", "kmsKeyId": "k"}, {"region": "x"}]}),
            ),
            (
                json!({"EncryptionContext": {"App": "a\"b", "SecretString": "context"}}),
                json!({"encryptionContext": {"App": "a\"b", "SecretString": "context"}}),
            ),
            (
                json!({"RotationRules": {"AutomaticallyAfterDays": 7, "Duration": "3h"}}),
                json!({"rotationRules": {"automaticallyAfterDays": 7, "duration": "3h"}}),
            ),
            (
                json!({"Tags": [{"Key": "k", "Value": "v"}, {"TagKey": "a", "TagValue": "b"}]}),
                json!({"tags": [{"key": "k", "value": "v"}, {"tagKey": "a", "tagValue": "b"}]}),
            ),
        ] {
            assert_eq!(parameters(&body.to_string()), expected);
        }
    }

    /// PROMISE R7: within a structure, too, only what is listed is told, and only in its shape.
    #[test]
    fn structures_hide_what_is_not_theirs() {
        let canary = "CANARY-51f0";
        for body in [
            json!({"AddReplicaRegions": [{"SecretString": canary}], "Name": "n"}),
            json!({"AddReplicaRegions": [{"Region": {"Region": canary}}], "Name": "n"}),
            json!({"AddReplicaRegions": canary, "Name": "n"}),
            json!({"AddReplicaRegions": [canary, [canary], 7], "Name": "n"}),
            json!({"EncryptionContext": canary, "Name": "n"}),
            json!({"EncryptionContext": {"a": [canary], "b": {"c": canary}}, "Name": "n"}),
            json!({"EncryptionContext": [canary], "Name": "n"}),
            json!({"TagKeys": {"a": canary}, "Name": "n"}),
            json!({"TagKeys": [[canary], {"a": canary}], "Name": "n"}),
            json!({"RotationRules": {"Rule": canary, "Duration": [canary]}, "Name": "n"}),
            json!({"RotationRules": [canary], "Name": "n"}),
        ] {
            let found = parameters(&body.to_string());
            assert!(!found.to_string().contains(canary), "{found}");
            assert_eq!(found["name"], "n", "what follows is still read: {body}");
        }
    }

    #[test]
    fn of_two_members_of_one_name_the_first_is_told() {
        assert_eq!(
            parameters(
                r#"{"EncryptionContext":{"a":"1","a":"2"},"TagKeys":["x"],"TagKeys":["y"],"Name":"n"}"#
            ),
            json!({"encryptionContext": {"a": "1"}, "tagKeys": ["x"], "name": "n"})
        );
        assert_eq!(
            parameters(r#"{"RotationRules":{"Duration":"1h","Duration":"2h"}}"#),
            json!({"rotationRules": {"duration": "1h"}})
        );
    }

    /// LIMIT: a long list is cut, and what follows it is still read.
    #[test]
    fn long_lists_are_cut() {
        let many: Vec<_> = (0..VALUES_MAX + 50).map(|index| index.to_string()).collect();
        let context: BTreeMap<_, _> = many.iter().map(|name| (name, name)).collect();
        let tags: Vec<_> = many.iter().map(|key| json!({ "Key": key })).collect();
        let body = json!({"A": 0, "EncryptionContext": context, "TagKeys": many, "Tags": tags, "VersionId": "v"});
        let found = parameters(&body.to_string());
        assert_eq!(found["encryptionContext"].as_object().unwrap().len(), VALUES_MAX);
        assert_eq!(found["tagKeys"].as_array().unwrap().len(), VALUES_MAX);
        assert_eq!(found["tags"].as_array().unwrap().len(), VALUES_MAX);
        assert_eq!(found["versionId"], "v");
    }

    /// PROMISE R7: a form's parameters may be NoEcho, and its template may hold anything.
    #[test]
    fn forms() {
        let body = "Action=CreateStack&Version=2010-05-15&StackName=a%20b&TemplateBody=CANARY\
            &Parameters.member.1.ParameterKey=P&Parameters.member.1.ParameterValue=CANARY\
            &Capabilities.member.1=CAPABILITY_IAM&Capabilities.member.2=CAPABILITY_NAMED_IAM";
        assert_eq!(
            recorded(|into| of_form(into, body.as_bytes())),
            json!({"stackName": "a b", "capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]})
        );
        assert_eq!(recorded(|into| of_form(into, b"StackName=%")), json!({}));
        let long = format!("StackName={}&RoleARN=r", "x".repeat(VALUE_LEN_MAX + 1));
        assert_eq!(recorded(|into| of_form(into, long.as_bytes())), json!({"roleARN": "r"}));
    }

    #[test]
    fn the_lists_can_be_searched() {
        assert!(PARAMETERS.is_sorted());
        assert!(STRUCTURES.is_sorted_by_key(|(name, _)| name));
        assert!(PARAMETERS.len() + STRUCTURES.len() <= 128);
        let names = PARAMETERS.iter().chain(FORM_PARAMETERS).chain(FORM_LISTS);
        assert!(
            names
                .chain(STRUCTURES.iter().map(|(name, _)| name))
                .all(|name| name.len() <= NAME_LEN_MAX)
        );
    }
}
