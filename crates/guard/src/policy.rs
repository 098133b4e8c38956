//! Key policies and resource policies, as far as a replica depends on them.
//!
//! Not an evaluation: only what is certain is reported. A statement with a condition that is not
//! understood here may allow, and is never taken to deny.

use serde_json::Value as Json;

use crate::key_id::is_open;
use crate::model::HOLE;

/// What Secrets Manager asks KMS for, with the caller's permissions.
const NEEDED: [&str; 2] = ["kms:GenerateDataKey", "kms:Decrypt"];

/// Why a key with this policy is of no use to Secrets Manager in a Region; `None` if it may be.
pub fn shuts_out(policy: &Json, region: Option<&str>) -> Option<String> {
    let statements = statements(policy)?;
    for action in NEEDED {
        if let Some(reason) = statements.iter().find_map(|one| denies(one, action, region)) {
            return Some(reason);
        }
        if !statements.iter().any(|one| may_allow(one, action, region)) {
            let elsewhere = statements.iter().any(|one| may_allow(one, action, None));
            let there = region.filter(|_| elsewhere);
            let there = there.map(|region| format!(" in {region}")).unwrap_or_default();
            return Some(format!(
                "no statement lets the account use {action} with this key{there}"
            ));
        }
    }
    None
}

/// The statements, if the policy is one.
fn statements(policy: &Json) -> Option<Vec<&Json>> {
    Some(match policy.get("Statement")? {
        Json::Array(all) => all.iter().collect(),
        one @ Json::Object(_) => vec![one],
        _ => return None,
    })
}

fn may_allow(statement: &Json, action: &str, region: Option<&str>) -> bool {
    if text(statement, "Effect") == Some("Deny") || !applies(statement, action) {
        return false;
    }
    // AWS: Secrets Manager calls with the permissions of its caller, so that a service principal
    // allows nothing here.
    let principal = statement.get("Principal");
    let services = principal.and_then(Json::as_object);
    if services.is_some_and(|kinds| kinds.keys().all(|kind| kind == "Service")) {
        return false;
    }
    if !may_be_for(statement, region) {
        return false;
    }
    match via_service(statement) {
        Some((true, services)) => services.iter().any(|name| is_ours(name, region)),
        Some((false, services)) => !services.iter().any(|name| is_ours(name, region)),
        None => true,
    }
}

/// Whether a secret of this Region may be in the encryption context that is asked for.
///
/// AWS: the context of a replica has the replica's own ARN.
fn may_be_for(statement: &Json, region: Option<&str>) -> bool {
    let Some(region) = region else { return true };
    let conditions = statement.get("Condition").and_then(Json::as_object);
    conditions.into_iter().flatten().all(|(operator, keys)| {
        let positive = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];
        let operator = operator.trim_start_matches("ForAnyValue:");
        let positive = positive.iter().any(|name| operator.starts_with(name));
        let arns = keys
            .as_object()
            .into_iter()
            .flatten()
            .find(|(key, _)| key.eq_ignore_ascii_case("kms:EncryptionContext:SecretARN"));
        let here = |arn: &&str| {
            let found = arn.split(':').nth(3).unwrap_or("*");
            found == region || found.contains(['*', '?']) || is_open(found)
        };
        !positive || arns.is_none_or(|(_, arns)| texts(arns).iter().any(here))
    })
}

/// Why a statement denies an action to every caller of Secrets Manager, if it is certain.
fn denies(statement: &Json, action: &str, region: Option<&str>) -> Option<String> {
    let everyone = match statement.get("Principal") {
        Some(Json::String(name)) => name == "*",
        Some(kinds) => kinds.get("AWS").is_some_and(|names| texts(names).contains(&"*")),
        None => false,
    };
    if text(statement, "Effect") != Some("Deny") || !everyone || !applies(statement, action) {
        return None;
    }
    let conditions = statement.get("Condition").and_then(Json::as_object);
    let count: usize = conditions
        .map_or(0, |all| all.values().filter_map(Json::as_object).map(serde_json::Map::len).sum());
    let words = match (count, via_service(statement)) {
        (0, _) => "to everyone",
        (1, Some((false, services))) if !services.iter().any(|name| is_ours(name, region)) => {
            "to whatever does not come through other services"
        }
        (1, Some((true, services))) if services.iter().any(|name| is_ours(name, region)) => {
            "through Secrets Manager"
        }
        _ => return None,
    };
    Some(format!("a statement denies {action} {words}"))
}

/// The services of `kms:ViaService`, and whether it has to be one of them (or must not be).
fn via_service(statement: &Json) -> Option<(bool, Vec<&str>)> {
    let conditions = statement.get("Condition")?.as_object()?;
    conditions.iter().find_map(|(operator, keys)| {
        let (_, services) =
            keys.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case("kms:ViaService"))?;
        let equal = match operator.trim_start_matches("ForAnyValue:") {
            name if name.starts_with("StringEquals") || name.starts_with("StringLike") => true,
            name if name.starts_with("StringNotEquals") || name.starts_with("StringNotLike") => {
                false
            }
            _ => return None,
        };
        Some((equal, texts(services)))
    })
}

/// Whether this is Secrets Manager, in this Region if it is known.
fn is_ours(service: &str, region: Option<&str>) -> bool {
    let Some(place) = service.strip_prefix("secretsmanager.") else {
        return service.starts_with(['*', HOLE]);
    };
    let place = place.split('.').next().unwrap_or_default();
    let open = place.contains(['*', '?']) || is_open(place);
    open || region.is_none_or(|region| region == place)
}

fn applies(statement: &Json, action: &str) -> bool {
    let matches = |pattern: &&str| is_open(pattern) || covers(pattern, action);
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => texts(actions).iter().any(matches),
        (None, Some(actions)) => !texts(actions).iter().any(|pattern| covers(pattern, action)),
        (None, None) => false,
    }
}

/// Whether an action pattern with `*` at its end or alone, in any case, covers an action. A `*`
/// elsewhere is taken to cover.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.split_once('*') {
        Some((start, _)) => action.starts_with(start),
        None => pattern == action,
    }
}

/// Principals of other accounts that a secret's policy allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guest {
    /// An account that is not the own one.
    Account(String),
    /// An account that may be the own one, which is not known.
    Perhaps(String),
    Organisation,
    Anyone,
}

pub fn guests(policy: &Json, own: Option<&str>) -> Vec<Guest> {
    let mut found = Vec::new();
    for statement in statements(policy).into_iter().flatten() {
        if text(statement, "Effect") != Some("Allow") {
            continue;
        }
        let names = match statement.get("Principal") {
            Some(Json::String(name)) => vec![name.as_str()],
            Some(kinds) => kinds.get("AWS").map(texts).unwrap_or_default(),
            None => Vec::new(),
        };
        for name in names {
            let guest = if name == "*" { anyone(statement) } else { guest(name, own) };
            found.extend(guest.filter(|guest| !found.contains(guest)));
        }
    }
    found
}

fn anyone(statement: &Json) -> Option<Guest> {
    let Some(conditions) = statement.get("Condition").and_then(Json::as_object) else {
        return Some(Guest::Anyone);
    };
    let mut keys = conditions.values().filter_map(Json::as_object).flat_map(serde_json::Map::keys);
    let organisation = keys.any(|key| key.to_ascii_lowercase().starts_with("aws:principalorg"));
    organisation.then_some(Guest::Organisation)
}

fn guest(name: &str, own: Option<&str>) -> Option<Guest> {
    let account = if name.starts_with("arn:") { name.split(':').nth(4)? } else { name };
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match own {
        Some(own) if own == account => None,
        Some(_) => Some(Guest::Account(account.to_owned())),
        None => Some(Guest::Perhaps(account.to_owned())),
    }
}

fn text<'j>(statement: &'j Json, key: &str) -> Option<&'j str> {
    statement.get(key).and_then(Json::as_str)
}

/// One text or a list of texts.
fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &str) -> Json {
        serde_json::from_str(&format!("{{\"Statement\": [{statements}]}}")).unwrap()
    }

    const ROOT: &str = r#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}"#;

    #[test]
    fn what_lets_the_account_in() {
        assert_eq!(shuts_out(&policy(ROOT), None), None);
        let narrow = r#"{"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Principal": {"AWS": "*"}, "Condition": {"StringEquals":
            {"kms:ViaService": "secretsmanager.us-west-2.amazonaws.com"}}}"#;
        assert_eq!(shuts_out(&policy(narrow), None), None);
    }

    #[test]
    fn what_shuts_it_out() {
        let admin = r#"{"Effect": "Allow", "Action": ["kms:Describe*", "kms:Put*"],
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/admin"}}"#;
        assert!(shuts_out(&policy(admin), None).unwrap().contains("kms:GenerateDataKey"));
        let service = r#"{"Effect": "Allow", "Action": "kms:*",
            "Principal": {"Service": "secretsmanager.amazonaws.com"}}"#;
        assert!(shuts_out(&policy(service), None).is_some());
        let other = r#"{"Effect": "Deny", "Action": "kms:*", "Principal": "*", "Condition":
            {"StringNotEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}}"#;
        let both = format!("{ROOT}, {other}");
        assert!(shuts_out(&policy(&both), None).unwrap().contains("denies"));
    }

    #[test]
    fn what_is_said_of_another_region() {
        let allow = |condition: &str| {
            policy(&format!(
                r#"{{"Effect": "Allow", "Action": "kms:*", "Principal": {{"AWS": "*"}},
                "Condition": {condition}}}"#
            ))
        };
        let via = allow(
            r#"{"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}"#,
        );
        assert_eq!(shuts_out(&via, None), None);
        assert_eq!(shuts_out(&via, Some("us-east-1")), None);
        assert!(shuts_out(&via, Some("us-west-2")).unwrap().ends_with("in us-west-2"));
        let any = allow(r#"{"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}"#);
        assert_eq!(shuts_out(&any, Some("us-west-2")), None);
        let context = |arn: &str| {
            allow(&format!(r#"{{"ArnLike": {{"kms:EncryptionContext:SecretARN": "{arn}"}}}}"#))
        };
        let east = context("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/*");
        assert_eq!(shuts_out(&east, Some("us-east-1")), None);
        assert!(shuts_out(&east, Some("us-west-2")).is_some());
        let both = context("arn:aws:secretsmanager:*:123456789012:secret:app/*");
        assert_eq!(shuts_out(&both, Some("us-west-2")), None);
    }

    #[test]
    fn what_is_not_certain_is_not_reported() {
        let deny = r#"{"Effect": "Deny", "Action": "kms:*", "Principal": "*", "Condition":
            {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}"#;
        assert_eq!(shuts_out(&policy(&format!("{ROOT}, {deny}")), None), None);
        assert_eq!(shuts_out(&Json::Null, None), None);
    }

    #[test]
    fn guests_are_of_other_accounts() {
        let open = |principal: &str, condition: &str| {
            let text = format!(
                r#"{{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
                "Principal": {principal} {condition}}}"#
            );
            guests(&policy(&text), Some("123456789012"))
        };
        let account = |id: &str| Guest::Account(id.to_owned());
        assert_eq!(open(r#"{"AWS": "arn:aws:iam::123456789012:role/x"}"#, ""), []);
        assert_eq!(open(r#"{"AWS": ["999999999999"]}"#, ""), [account("999999999999")]);
        assert_eq!(open("\"*\"", ""), [Guest::Anyone]);
        let organisation = r#", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#;
        assert_eq!(open("\"*\"", organisation), [Guest::Organisation]);
        let role = r#", "Condition": {"ArnEquals": {"aws:PrincipalArn": "x"}}"#;
        assert_eq!(open("\"*\"", role), []);
    }
}
