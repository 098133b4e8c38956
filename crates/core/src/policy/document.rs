//! Policy documents: strict parsing into a compiled form.
//!
//! Size and nesting are bounded before the JSON is read, a repeated member is refused because its
//! readers would not agree on which one counts, and an element outside the grammar is an error, not
//! ignored. The text of an identity policy is kept, for other Regions to read; no error repeats any
//! of it. What a policy says about a request
//! is `evaluate`'s business. Promises R6 and R8.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::condition::{self, Clause};
use super::pattern::{Case, Pattern, Syntax};
use crate::ids::AccountId;

/// LIMIT: bytes of one document; the largest of the services' own bounds (KMS key policies 32768,
/// Secrets Manager resource policies 20480, IAM inline policies of a role 10240).
pub const TEXT_LEN_MAX: usize = 32_768;
/// LIMIT: bytes of one `Resource` or principal; IAM's bound for an ARN (model, arnType).
pub const ARN_LEN_MAX: usize = 2048;
/// Levels of brackets that the grammar has: document, statements, statement, conditions, keys,
/// values.
const NESTING_MAX: usize = 6;

/// Why a text is not a policy of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PolicySyntax {
    #[error("longer than {TEXT_LEN_MAX} bytes")]
    TooLong,
    #[error("nested more deeply than the grammar")]
    TooDeep,
    #[error("not JSON")]
    NotJson,
    #[error("a member appears twice in one object")]
    Duplicate,
    #[error("a document or statement is not an object, or a label not a string")]
    Malformed,
    #[error("an element that the grammar does not have")]
    UnknownElement,
    #[error("an unknown language version")]
    Version,
    #[error("no statement")]
    NoStatement,
    #[error("a missing or unknown effect")]
    Effect,
    #[error("a principal is missing, malformed or not allowed here")]
    Principal,
    #[error("NotPrincipal in a statement that allows")]
    NotPrincipalAllows,
    #[error("actions are missing, stated twice or malformed")]
    Action,
    #[error("resources are missing, stated twice, malformed or not allowed here")]
    Resource,
    #[error("a malformed condition block")]
    Condition,
    #[error("a condition value that is not of its operator's type")]
    ConditionValue,
    #[error("a malformed policy variable")]
    Variable,
}

/// What a policy is attached to, which decides the elements that its statements have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Attached to a principal: resources, no principals.
    Identity,
    /// Attached to a secret or key: principals and resources.
    Resource,
    /// Attached to a role, saying who may assume it: principals, no resources.
    Trust,
}

/// A parsed policy: compiled statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) kind: Kind,
    pub(super) statements: Box<[Statement]>,
    /// The text of an identity policy.
    text: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub effect: Effect,
    pub principals: Principals,
    pub actions: Selection,
    /// Absent in a trust policy, which is about the one role it is attached to.
    pub resources: Option<Selection>,
    pub conditions: Box<[Clause]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// `Action` and `Resource`, or negated `NotAction` and `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub negated: bool,
    pub patterns: Box<[Pattern]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principals {
    /// Those that the policy is attached to.
    Attached,
    Named(Box<[Named]>),
    AllBut(Box<[Named]>),
}

/// One entry of a `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Everyone,
    /// The account: its root user, and by delegation all its principals.
    Account(AccountId),
    /// A user, role, role session or federated user.
    Arn(Box<str>),
    Service(Box<str>),
    /// An identity provider, whose users sign no requests.
    Federated,
    /// AWS: the unique id that stands for a principal deleted since.
    Deleted,
}

impl Policy {
    /// Reads a policy of a user, a group or a role.
    pub fn parse_identity(text: &str) -> Result<Self, PolicySyntax> {
        Self::parse(text, Kind::Identity)
    }

    /// Reads a policy of a secret or a key.
    pub fn parse_resource(text: &str) -> Result<Self, PolicySyntax> {
        Self::parse(text, Kind::Resource)
    }

    /// Reads the trust policy of a role.
    pub fn parse_trust(text: &str) -> Result<Self, PolicySyntax> {
        Self::parse(text, Kind::Trust)
    }

    /// Reads a policy.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, PolicySyntax> {
        let value = json(text)?;
        let document = value.as_object().ok_or(PolicySyntax::Malformed)?;
        check_members(document, &["Version", "Id", "Statement"])?;
        check_label(document, "Id")?;
        // AWS: variables came with 2012-10-17; a document without a version is of 2008-10-17.
        let variables = match document.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17")) => true,
            Some(Some("2008-10-17")) | None => false,
            Some(_) => return Err(PolicySyntax::Version),
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list.as_slice(),
            Some(single @ Value::Object(_)) => std::slice::from_ref(single),
            Some(Value::Array(_)) | None => return Err(PolicySyntax::NoStatement),
            Some(_) => return Err(PolicySyntax::Malformed),
        };
        let statements: Result<_, _> =
            statements.iter().map(|value| statement(value, kind, variables)).collect();
        // Whoever has a policy of another kind keeps its text itself.
        let text = (kind == Kind::Identity).then(|| text.into());
        Ok(Self { kind, statements: statements?, text })
    }

    /// Several policies of one resource as one: what any of them says counts.
    pub fn merged<'p>(policies: impl IntoIterator<Item = &'p Self>) -> Self {
        let statements = policies.into_iter().flat_map(|policy| policy.statements.iter().cloned());
        Self { kind: Kind::Resource, statements: statements.collect(), text: None }
    }

    /// The text of an identity policy.
    pub fn text(&self) -> Option<&Arc<str>> {
        self.text.as_ref()
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The services that a statement names as its principals.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.named().filter_map(|named| match named {
            Named::Service(name) => Some(&**name),
            _ => None,
        })
    }

    /// Whether a statement names a principal by the id that remains of a deleted one.
    pub fn names_deleted(&self) -> bool {
        self.named().any(|named| *named == Named::Deleted)
    }

    fn named(&self) -> impl Iterator<Item = &Named> {
        self.statements.iter().flat_map(|statement| match &statement.principals {
            Principals::Attached => &[],
            Principals::Named(names) | Principals::AllBut(names) => &**names,
        })
    }
}

/// Reads JSON within the bounds, without repeated members.
fn json(text: &str) -> Result<Value, PolicySyntax> {
    if text.len() > TEXT_LEN_MAX {
        return Err(PolicySyntax::TooLong);
    }
    let members = scan(text)?;
    let value: Value = serde_json::from_str(text).map_err(|_| PolicySyntax::NotJson)?;
    // Of repeated members only the last is in the value.
    if count_members(&value) == members { Ok(value) } else { Err(PolicySyntax::Duplicate) }
}

/// Bounds the nesting and counts colons outside strings: in JSON, one for each member.
fn scan(text: &str) -> Result<usize, PolicySyntax> {
    let (mut members, mut depth) = (0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b':' => members += 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err(PolicySyntax::TooDeep);
        }
    }
    Ok(members)
}

/// Members of a value at all levels; the nesting is bounded by now.
fn count_members(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(count_members).sum(),
        Value::Object(map) => map.len() + map.values().map(count_members).sum::<usize>(),
        _ => 0,
    }
}

fn check_members(object: &Map<String, Value>, known: &[&str]) -> Result<(), PolicySyntax> {
    let is_known = |name: &String| known.contains(&name.as_str());
    if object.keys().all(is_known) { Ok(()) } else { Err(PolicySyntax::UnknownElement) }
}

fn check_label(object: &Map<String, Value>, name: &str) -> Result<(), PolicySyntax> {
    match object.get(name) {
        Some(Value::String(_)) | None => Ok(()),
        Some(_) => Err(PolicySyntax::Malformed),
    }
}

fn statement(value: &Value, kind: Kind, variables: bool) -> Result<Statement, PolicySyntax> {
    const ELEMENTS: [&str; 9] = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let object = value.as_object().ok_or(PolicySyntax::Malformed)?;
    check_members(object, &ELEMENTS)?;
    check_label(object, "Sid")?;
    let effect = match object.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(PolicySyntax::Effect),
    };
    let principals = principals(object, kind, effect)?;
    let actions = selection(object, ["Action", "NotAction"], PolicySyntax::Action, action)?
        .ok_or(PolicySyntax::Action)?;
    let resource = |text: &str| resource(text, variables);
    let names = ["Resource", "NotResource"];
    let resources = selection(object, names, PolicySyntax::Resource, resource)?;
    if resources.is_some() == (kind == Kind::Trust) {
        return Err(PolicySyntax::Resource);
    }
    let conditions = match object.get("Condition") {
        Some(value) => condition::parse(value, variables)?,
        None => Box::default(),
    };
    Ok(Statement { effect, principals, actions, resources, conditions })
}

/// One string or a list of them, not empty.
fn strings(value: &Value, error: PolicySyntax) -> Result<Vec<&str>, PolicySyntax> {
    let list = match value {
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    list.iter().map(|value| value.as_str().ok_or(error)).collect()
}

/// Reads an element or its negation; both at once are an error.
fn selection(
    object: &Map<String, Value>,
    [name, negation]: [&str; 2],
    error: PolicySyntax,
    pattern: impl Fn(&str) -> Result<Pattern, PolicySyntax>,
) -> Result<Option<Selection>, PolicySyntax> {
    let (value, negated) = match (object.get(name), object.get(negation)) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(error),
    };
    let patterns: Result<_, _> = strings(value, error)?.into_iter().map(pattern).collect();
    Ok(Some(Selection { negated, patterns: patterns? }))
}

/// `*` or `service:Name`, in which the name, or both, can have wildcards.
fn action(text: &str) -> Result<Pattern, PolicySyntax> {
    let is_valid = |part: &str, extra: &[u8]| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
    };
    let valid = match text.split_once(':') {
        Some(("*", name)) => name == "*",
        Some((service, name)) => is_valid(service, b"-") && is_valid(name, b"*?"),
        None => text == "*",
    };
    if !valid {
        return Err(PolicySyntax::Action);
    }
    Pattern::compile(text, Syntax { wildcards: true, variables: false, case: Case::Ascii })
}

/// `*` or an ARN with wildcards and variables.
fn resource(text: &str, variables: bool) -> Result<Pattern, PolicySyntax> {
    if text.len() > ARN_LEN_MAX || !(text == "*" || text.starts_with("arn:")) {
        return Err(PolicySyntax::Resource);
    }
    Pattern::compile(text, Syntax { wildcards: true, variables, case: Case::Exact })
}

fn principals(
    object: &Map<String, Value>,
    kind: Kind,
    effect: Effect,
) -> Result<Principals, PolicySyntax> {
    match (kind, object.get("Principal"), object.get("NotPrincipal")) {
        (Kind::Identity, None, None) => Ok(Principals::Attached),
        (Kind::Resource | Kind::Trust, Some(value), None) => Ok(Principals::Named(names(value)?)),
        (Kind::Resource | Kind::Trust, None, Some(value)) => {
            if effect == Effect::Allow {
                return Err(PolicySyntax::NotPrincipalAllows);
            }
            let names = names(value)?;
            if names.contains(&Named::Everyone) {
                return Err(PolicySyntax::Principal);
            }
            Ok(Principals::AllBut(names))
        }
        _ => Err(PolicySyntax::Principal),
    }
}

fn names(value: &Value) -> Result<Box<[Named]>, PolicySyntax> {
    let error = PolicySyntax::Principal;
    let groups = match value {
        Value::String(text) if text == "*" => return Ok(Box::new([Named::Everyone])),
        Value::Object(groups) if !groups.is_empty() => groups,
        _ => return Err(error),
    };
    let mut names = Vec::new();
    for (group, value) in groups {
        for text in strings(value, error)? {
            let named = match group.as_str() {
                "AWS" => aws_principal(text),
                "Service" => plain_name(text).map(Named::Service),
                "Federated" => plain_name(text).map(|_| Named::Federated),
                _ => None,
            };
            names.push(named.ok_or(error)?);
        }
    }
    Ok(names.into())
}

/// A service or an identity provider; none can be named by a wildcard.
fn plain_name(text: &str) -> Option<Box<str>> {
    let valid = (1..=ARN_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"*?$".contains(&b));
    valid.then(|| text.into())
}

fn aws_principal(text: &str) -> Option<Named> {
    if text == "*" {
        return Some(Named::Everyone);
    }
    if let Ok(account) = text.parse() {
        return Some(Named::Account(account));
    }
    let Some(arn) = text.strip_prefix("arn:") else {
        let is_unique_id = ["AIDA", "AROA"].iter().any(|prefix| text.starts_with(prefix))
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        return is_unique_id.then_some(Named::Deleted);
    };
    plain_name(text)?;
    let mut parts = arn.splitn(5, ':');
    let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (account, entity) = (parts.next()?.parse().ok()?, parts.next()?);
    if partition.is_empty() || !region.is_empty() {
        return None;
    }
    let mut path = entity.split('/');
    let entity_kind = path.next()?;
    let names = path.clone().count();
    let valid = match (service, entity_kind) {
        ("iam", "root") if names == 0 => return Some(Named::Account(account)),
        ("iam", "user" | "role") => names >= 1,
        ("sts", "assumed-role") => names == 2,
        ("sts", "federated-user") => names == 1,
        _ => false,
    };
    (valid && path.all(|name| !name.is_empty())).then(|| Named::Arn(text.into()))
}
