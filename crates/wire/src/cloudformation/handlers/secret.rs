//! AWS::SecretsManager::Secret: CreateSecret, UpdateSecret, tags, replicas, DeleteSecret.
//!
//! AWS: replication is not waited for, and a stack stays green when it fails. So it is with the
//! profile `aws`; with `strict` the stack waits until every replica is in sync (promise R3).

use std::collections::BTreeMap;

use regent_cfn::dynamic::DynamicReference;
use regent_cfn::{Text, Value};
use regent_core::cx::{Cx, Profile};
use regent_core::ports::{Read, StoreFault};
use regent_core::stacks::handlers::{Change, Done, Handled, Settled};
use regent_core::tags::Tags;
use regent_core::tx::Tx;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::At;
use super::call::{Body, Calls, Unanswered, answer, is_absent, said};
use super::tagging::{self, OF_SECRETS};
use super::value::{differs, flag, number, retagged, tags, text};
use crate::json::{self, Array, Object, Sensitive};
use crate::service::{Protocol, Service};

const SERVICE: Service = Service::SecretsManager;
/// AWS: the random part of a name that the template does not give.
const RANDOM_NAME_LEN: usize = 12;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "ARN")]
    arn: Box<str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(default)]
    replication_status: Vec<Replica>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replica {
    region: Box<str>,
    kms_key_id: Option<Box<str>>,
    status: Box<str>,
    status_message: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Password {
    random_password: Sensitive,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read_ {
    secret_string: Option<Sensitive>,
}

/// Replica Regions with their keys.
type Regions = BTreeMap<Box<str>, Option<Box<str>>>;

pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let cx = at.place.cx;
    let value = match value(at, tx, wanted) {
        Ok(value) => value,
        Err(why) => return super::call::unanswered(cx, SERVICE, why),
    };
    let name = match text(wanted, "Name") {
        Some(name) => name,
        None => random_name(cx, at.place.logical.as_str()),
    };
    let all = tags(at.place.tags, wanted);
    let regions = regions(wanted);
    let capacity = capacity(value.as_deref());
    let system = tagging::system(at.place);
    let cx = &Cx { system_tags: Some(&system), ..*cx };
    let calls = Calls { cx, log: at.calls.log };
    let body = calls.call(tx, SERVICE, "CreateSecret", capacity, |body| {
        body.string("Name", name.expose());
        body.string("ClientRequestToken", cx.request_id.text().as_str());
        for member in ["Description", "KmsKeyId", "Type"] {
            body.string(member, text(wanted, member).as_ref().map(Text::expose));
        }
        body.string("SecretString", value.as_ref().map(|value| value.as_str()));
        OF_SECRETS.write(body, &all);
        if !regions.is_empty() {
            body.array("AddReplicaRegions", |list| write_regions(list, &regions));
        }
    });
    let body = answer!(cx, SERVICE, body);
    let Named { arn } = read(&body)?;
    Ok(Done::Done(arn))
}

pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    let cx = at.place.cx;
    let Change { was, wanted, tags_before, adopted } = change;
    let changed = |name: &str| differs(was, wanted, name);
    let revalued = changed("SecretString") || changed("GenerateSecretString");
    let value = if revalued {
        match value(at, tx, wanted) {
            Ok(value) => value,
            Err(why) => return super::call::unanswered(cx, SERVICE, why),
        }
    } else {
        None
    };
    let described = ["Description", "KmsKeyId", "Type"].into_iter().filter(|name| changed(name));
    let described: Vec<_> = described.collect();
    if value.is_some() || !described.is_empty() {
        let done = at.calls.call(tx, SERVICE, "UpdateSecret", capacity(value.as_deref()), |body| {
            body.string("SecretId", physical);
            body.string("ClientRequestToken", cx.request_id.text().as_str());
            for member in described {
                // AWS: leaving a property out clears it.
                let text = text(wanted, member);
                body.string(member, text.as_ref().map_or("", Text::expose));
            }
            body.string("SecretString", value.as_ref().map(|value| value.as_str()));
        });
        answer!(cx, SERVICE, done);
    }
    let both = (&tags(tags_before, was), &tags(at.place.tags, wanted));
    let tagged = if adopted {
        adopt(at, tx, physical, both)
    } else {
        OF_SECRETS.change(at, tx, physical, both)
    };
    if let Err(why) = tagged {
        return super::call::unanswered(cx, SERVICE, why);
    }
    if let Err(why) = replicate(at, tx, physical, &regions(was), &regions(wanted)) {
        return super::call::unanswered(cx, SERVICE, why);
    }
    Ok(Done::Done(()))
}

/// Gives what a stack imports the tags of the stack, and CloudFormation's own.
fn adopt(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    (was, wanted): (&Tags, &Tags),
) -> Result<(), Unanswered> {
    let (_, put) = retagged(was, wanted);
    let system = tagging::system(at.place);
    let cx = &Cx { system_tags: Some(&system), ..*at.place.cx };
    let calls = Calls { cx, log: at.calls.log };
    calls.call(tx, SERVICE, "TagResource", 512, |body| {
        body.string("SecretId", physical);
        OF_SECRETS.write_all(body, &put);
    })?;
    Ok(())
}

/// Leads the replicas from one list to another. A Region whose key changed is driven again.
fn replicate(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    was: &Regions,
    wanted: &Regions,
) -> Result<(), Unanswered> {
    let gone: Vec<_> = was.keys().filter(|region| !wanted.contains_key(*region)).collect();
    if !gone.is_empty() {
        at.calls.call(tx, SERVICE, "RemoveRegionsFromReplication", 512, |body| {
            body.string("SecretId", physical);
            body.strings("RemoveReplicaRegions", &gone);
        })?;
    }
    let added: Regions = wanted
        .iter()
        .filter(|(region, key)| was.get(*region) != Some(*key))
        .map(|(region, key)| (region.clone(), key.clone()))
        .collect();
    if !added.is_empty() {
        at.calls.call(tx, SERVICE, "ReplicateSecretToRegions", 512, |body| {
            body.string("SecretId", physical);
            body.array("AddReplicaRegions", |list| write_regions(list, &added));
        })?;
    }
    Ok(())
}

/// AWS: replicas go first, then the secret, without a recovery window.
pub(super) fn delete(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
    let cx = at.place.cx;
    let found = match describe(&at.calls, tx, physical) {
        Ok(body) => read::<Described>(&body)?,
        Err(why) if is_absent(&why) => return Ok(Done::Done(())),
        Err(why) => return super::call::unanswered(cx, SERVICE, why),
    };
    let regions: Vec<_> = found.replication_status.iter().map(|found| &found.region).collect();
    if !regions.is_empty() {
        let done = at.calls.call(tx, SERVICE, "RemoveRegionsFromReplication", 512, |body| {
            body.string("SecretId", physical);
            body.strings("RemoveReplicaRegions", &regions);
        });
        answer!(cx, SERVICE, done);
    }
    let done = at.calls.call(tx, SERVICE, "DeleteSecret", 512, |body| {
        body.string("SecretId", physical);
        body.boolean("ForceDeleteWithoutRecovery", true);
    });
    answer!(cx, SERVICE, done);
    Ok(Done::Done(()))
}

/// With the profile `strict`: whether every replica is in sync.
pub(super) fn settle(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<Settled> {
    let cx = at.place.cx;
    if cx.profile == Profile::Aws {
        return Ok(Done::Done(Settled::Yes));
    }
    let body = answer!(cx, SERVICE, describe(&at.calls, tx, physical));
    let found: Described = read(&body)?;
    if let Some(failed) = found.replication_status.iter().find(|found| *found.status == *"Failed") {
        let key = failed.kms_key_id.as_deref().unwrap_or("alias/aws/secretsmanager");
        let why = failed.status_message.as_deref().unwrap_or_default();
        let text = format!("The replica in {} under {key} failed. {why}", failed.region);
        return Err(said(cx, &text, "NotStabilized"));
    }
    let ready = found.replication_status.iter().all(|found| *found.status == *"InSync");
    Ok(Done::Done(if ready { Settled::Yes } else { Settled::NotYet }))
}

fn describe(calls: &Calls<'_>, tx: &mut Tx<'_>, physical: &str) -> Result<Body, Unanswered> {
    calls.call(tx, SERVICE, "DescribeSecret", 512, |body| body.string("SecretId", physical))
}

/// The value that the properties ask for.
fn value(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    wanted: &Value,
) -> Result<Option<Zeroizing<String>>, Unanswered> {
    if let Some(given) = text(wanted, "SecretString") {
        return Ok(Some(Zeroizing::new(given.expose().to_owned())));
    }
    let Some(rules) = wanted.get("GenerateSecretString") else { return Ok(None) };
    let body = at.calls.call(tx, SERVICE, "GetRandomPassword", 512, |body| {
        body.number("PasswordLength", number(rules, "PasswordLength"));
        let excluded = text(rules, "ExcludeCharacters");
        body.string("ExcludeCharacters", excluded.as_ref().map(Text::expose));
        for member in [
            "ExcludeLowercase",
            "ExcludeNumbers",
            "ExcludePunctuation",
            "ExcludeUppercase",
            "IncludeSpace",
            "RequireEachIncludedType",
        ] {
            body.boolean(member, flag(rules, member));
        }
    })?;
    let fault = || Unanswered::Fault(crate::fault::Fault::internal(SERVICE));
    let password: Password = json::parse(&body).map_err(|_| fault())?;
    let password = password.random_password;
    let (template, key) = (text(rules, "SecretStringTemplate"), text(rules, "GenerateStringKey"));
    let (Some(template), Some(key)) = (template, key) else {
        return Ok(Some(Zeroizing::new(password.expose().to_owned())));
    };
    let filled = fill(template.expose(), key.expose(), password.expose());
    filled.map(Some).ok_or_else(|| {
        Unanswered::Fault(crate::fault::Fault::secrets_manager(
            "InvalidRequestException",
            "SecretStringTemplate must be a valid JSON object.",
        ))
    })
}

/// The template, a JSON object, with the password under `key`; `None` if it is no object.
fn fill(template: &str, key: &str, password: &str) -> Option<Zeroizing<String>> {
    use serde_json::{Map, Value as Json};
    let mut object: Map<String, Json> = serde_json::from_str(template).ok()?;
    let entry = |name: &str| {
        let mut out = Vec::with_capacity(json::escaped_len(name) + 2);
        out.push(b'"');
        json::escape(&mut out, name);
        out.push(b'"');
        Zeroizing::new(out)
    };
    object.remove(key);
    let mut out = Zeroizing::new(Vec::with_capacity(2 * template.len() + 2 * password.len() + 64));
    out.push(b'{');
    for (name, value) in &object {
        out.extend_from_slice(&entry(name));
        out.push(b':');
        out.extend_from_slice(value.to_string().as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(&entry(key));
    out.push(b':');
    out.extend_from_slice(&entry(password));
    out.push(b'}');
    core::str::from_utf8(&out).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// The value of a dynamic reference, or why there is none.
pub(super) fn resolve(
    calls: &Calls<'_>,
    reader: &dyn Read,
    reference: &DynamicReference,
) -> Result<Text, String> {
    let cx = calls.cx;
    let mut tx = Tx::new(reader);
    let body = calls.call(&mut tx, SERVICE, "GetSecretValue", 512, |body| {
        body.string("SecretId", &*reference.secret_id);
        body.string("VersionStage", reference.version_stage.as_deref());
        body.string("VersionId", reference.version_id.as_deref());
    });
    let body = body.map_err(|why| quoted(cx, &why))?;
    let found: Read_ =
        json::parse(&body).map_err(|_| "The secret could not be read.".to_owned())?;
    let none = || "Could not find a value associated with JSONKey in SecretString".to_owned();
    let string = found.secret_string.ok_or_else(none)?;
    let Some(key) = &reference.json_key else { return Ok(Text::sensitive(string.expose())) };
    let object: serde_json::Value = serde_json::from_str(string.expose()).map_err(|_| none())?;
    match object.get(key) {
        Some(serde_json::Value::String(text)) => Ok(Text::sensitive(text.as_str())),
        Some(other) => Ok(Text::sensitive(other.to_string())),
        None => Err(none()),
    }
}

/// AWS: a failed reference quotes the service in the older form.
fn quoted(cx: &Cx<'_>, why: &Unanswered) -> String {
    let Unanswered::Fault(fault) = why else { return "The secret could not be read.".to_owned() };
    let code = fault.code(Protocol::Json);
    let text = fault.message().unwrap_or(code);
    let id = cx.request_id;
    format!(
        "{text} (Service: AWSSecretsManager; Status Code: 400; Error Code: {code}; Request ID: {id}; Proxy: null)"
    )
}

/// A name of the request's own: the same when it runs again with other Regions' answers.
fn random_name(cx: &Cx<'_>, logical: &str) -> Text {
    let id = cx.request_id.text();
    let digits = id.as_str().bytes().filter_map(|digit| char::from(digit).to_digit(16));
    // A UUID has random bits enough for twelve characters of 62.
    let mut left = digits.fold(0_u128, |number, digit| number << 4 | u128::from(digit));
    let mut letters = String::with_capacity(RANDOM_NAME_LEN);
    for _ in 0..RANDOM_NAME_LEN {
        let at = usize::try_from(left % LETTERS.len() as u128).unwrap_or_default();
        letters.extend(LETTERS.get(at).copied().map(char::from));
        left /= LETTERS.len() as u128;
    }
    Text::new(format!("{logical}-{letters}"))
}

fn regions(properties: &Value) -> Regions {
    let list = properties.get("ReplicaRegions").and_then(Value::as_list).unwrap_or_default();
    let entry = |item: &Value| {
        let key = text(item, "KmsKeyId").map(|key| key.expose().into());
        Some((text(item, "Region")?.expose().into(), key))
    };
    list.iter().filter_map(entry).collect()
}

fn write_regions(list: &mut Array<'_>, regions: &Regions) {
    for (region, key) in regions {
        list.object(|entry: &mut Object<'_>| {
            entry.string("Region", &**region);
            entry.string("KmsKeyId", key.as_deref());
        });
    }
}

/// Large enough for the value before it is written, so that growing leaves no copy (promise R7).
fn capacity(value: Option<&String>) -> usize {
    8192 + value.map_or(0, json::escaped_len)
}

fn read<'b, T: Deserialize<'b>>(body: &'b Body) -> Result<T, StoreFault> {
    json::parse(body).map_err(|_| StoreFault)
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn passwords_go_into_their_template() {
        let filled = |template, key| fill(template, key, "p\"w").map(|text| text.to_string());
        assert_eq!(
            filled(r#"{"user":"a"}"#, "password").unwrap(),
            r#"{"user":"a","password":"p\"w"}"#
        );
        assert_eq!(filled(r#"{"password":"old"}"#, "password").unwrap(), r#"{"password":"p\"w"}"#);
        assert_eq!(filled("[]", "password"), None);
        assert_eq!(filled("x", "password"), None);
    }
}
