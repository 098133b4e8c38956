//! Key policies and resource policies, as far as a replica depends on them.
//!
//! Not an evaluation: only what is certain is reported. A statement with a condition that is not
//! understood here may allow, and is never taken to deny.

use serde_json::Value as Json;

use crate::key_id::is_open;
use crate::model::HOLE;

/// What Secrets Manager asks KMS for, with the caller's permissions.
const NEEDED: [&str; 2] = ["kms:GenerateDataKey", "kms:Decrypt"];

/// Why a key with this policy is of no use to Secrets Manager; `None` if it may be.
pub fn shuts_out(policy: &Json) -> Option<String> {
    let statements = statements(policy)?;
    for action in NEEDED {
        if let Some(reason) = statements.iter().find_map(|one| denies(one, action)) {
            return Some(reason);
        }
        if !statements.iter().any(|one| may_allow(one, action)) {
            return Some(format!("no statement lets the account use {action} with this key"));
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

fn may_allow(statement: &Json, action: &str) -> bool {
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
    match via_service(statement) {
        Some((true, services)) => services.iter().any(|name| is_ours(name)),
        Some((false, services)) => !services.iter().any(|name| is_ours(name)),
        None => true,
    }
}

/// Why a statement denies an action to every caller of Secrets Manager, if it is certain.
fn denies(statement: &Json, action: &str) -> Option<String> {
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
        (1, Some((false, services))) if !services.iter().any(|name| is_ours(name)) => {
            "to whatever does not come through other services"
        }
        (1, Some((true, services))) if services.iter().any(|name| is_ours(name)) => {
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

fn is_ours(service: &str) -> bool {
    service.starts_with("secretsmanager.") || service.starts_with(['*', HOLE])
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
        assert_eq!(shuts_out(&policy(ROOT)), None);
        let narrow = r#"{"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Principal": {"AWS": "*"}, "Condition": {"StringEquals":
            {"kms:ViaService": "secretsmanager.us-west-2.amazonaws.com"}}}"#;
        assert_eq!(shuts_out(&policy(narrow)), None);
    }

    #[test]
    fn what_shuts_it_out() {
        let admin = r#"{"Effect": "Allow", "Action": ["kms:Describe*", "kms:Put*"],
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/admin"}}"#;
        assert!(shuts_out(&policy(admin)).unwrap().contains("kms:GenerateDataKey"));
        let service = r#"{"Effect": "Allow", "Action": "kms:*",
            "Principal": {"Service": "secretsmanager.amazonaws.com"}}"#;
        assert!(shuts_out(&policy(service)).is_some());
        let other = r#"{"Effect": "Deny", "Action": "kms:*", "Principal": "*", "Condition":
            {"StringNotEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}}"#;
        let both = format!("{ROOT}, {other}");
        assert!(shuts_out(&policy(&both)).unwrap().contains("denies"));
    }

    #[test]
    fn what_is_not_certain_is_not_reported() {
        let deny = r#"{"Effect": "Deny", "Action": "kms:*", "Principal": "*", "Condition":
            {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}"#;
        assert_eq!(shuts_out(&policy(&format!("{ROOT}, {deny}"))), None);
        assert_eq!(shuts_out(&Json::Null), None);
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
