//! Stack policies: what an update may do to which resource.
//!
//! AWS: without a policy everything is allowed; with one, what no statement allows is denied, and a
//! denial wins. They are asked in updates alone: not by rollbacks, not by the deletion of a stack.

use regent_cfn::Document;
use regent_cfn::node::{Bounds, Node};

use crate::limits;
use crate::policy::Wildcards;

/// A policy, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPolicy(Vec<Statement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    allows: bool,
    actions: Names,
    resources: Names,
    /// Types of resources, where there is a condition.
    types: Vec<Vec<Wildcards>>,
}

/// Patterns of which one has to match, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Names {
    patterns: Vec<Wildcards>,
    excluded: bool,
}

/// What an update is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Modify,
    Replace,
    Delete,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Modify, Self::Replace, Self::Delete];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Modify => "Update:Modify",
            Self::Replace => "Update:Replace",
            Self::Delete => "Update:Delete",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// By the statement of this number, from one.
    Denied(u32),
    NotAllowed,
}

impl StackPolicy {
    /// Nothing if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let bounds = Bounds { bytes: limits::STACK_POLICY_LEN_MAX, depth: 16, nodes: 10_000 };
        if !text.trim_start().starts_with('{') {
            return None;
        }
        let root = Document::read(text, bounds).ok()?.root;
        if root.as_map()?.iter().any(|member| !["Statement", "Version"].contains(&&*member.key)) {
            return None;
        }
        let statements = root.get("Statement")?;
        let all = statements.as_list().unwrap_or(std::slice::from_ref(statements));
        all.iter().map(statement).collect::<Option<_>>().map(Self)
    }

    pub fn verdict(&self, action: Action, logical: &str, type_name: &str) -> Verdict {
        let resource = format!("LogicalResourceId/{logical}");
        let applies = |statement: &Statement| {
            statement.actions.hold(action.name())
                && statement.resources.hold(&resource)
                && statement.types.iter().all(|any| any.iter().any(|of| of.matches(type_name)))
        };
        let denied = self.0.iter().position(|statement| !statement.allows && applies(statement));
        if let Some(at) = denied {
            return Verdict::Denied(u32::try_from(at + 1).unwrap_or(u32::MAX));
        }
        let allowed = self.0.iter().any(|statement| statement.allows && applies(statement));
        if allowed { Verdict::Allowed } else { Verdict::NotAllowed }
    }
}

impl Names {
    fn hold(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name)) != self.excluded
    }
}

const MEMBERS: [&str; 8] =
    ["Sid", "Effect", "Action", "NotAction", "Principal", "Resource", "NotResource", "Condition"];

fn statement(node: &Node) -> Option<Statement> {
    if node.as_map()?.iter().any(|member| !MEMBERS.contains(&&*member.key)) {
        return None;
    }
    let allows = match node.get("Effect")?.as_str()? {
        "Allow" => true,
        "Deny" => false,
        _ => return None,
    };
    // AWS: the only principal there can be.
    let principal = node.get("Principal")?;
    let principal = principal.get("AWS").unwrap_or(principal);
    if principal.as_str() != Some("*") {
        return None;
    }
    let known = |action: &str| {
        ["Update:Modify", "Update:Replace", "Update:Delete", "Update:*", "*"].contains(&action)
    };
    let of_stack = |name: &str| name == "*" || name.starts_with("LogicalResourceId/");
    Some(Statement {
        allows,
        actions: names(node, "Action", "NotAction", known)?,
        resources: names(node, "Resource", "NotResource", of_stack)?,
        types: node.get("Condition").map_or(Some(Vec::new()), types)?,
    })
}

fn names(node: &Node, plain: &str, negated: &str, good: impl Fn(&str) -> bool) -> Option<Names> {
    let (given, excluded) = match (node.get(plain), node.get(negated)) {
        (Some(given), None) => (given, false),
        (None, Some(given)) => (given, true),
        _ => return None,
    };
    let texts = texts(given)?;
    let good = texts.iter().all(|text| good(text));
    good.then(|| Names { patterns: texts.into_iter().map(Wildcards::new).collect(), excluded })
}

/// AWS: conditions are on the type of the resource, exactly or with wildcards.
fn types(condition: &Node) -> Option<Vec<Vec<Wildcards>>> {
    let each = condition.as_map()?.iter().map(|operator| {
        let [only] = operator.value.as_map()? else { return None };
        let known = ["StringEquals", "StringLike"].contains(&&*operator.key);
        if !known || only.key != "ResourceType" {
            return None;
        }
        let names = texts(&only.value)?;
        let exact = operator.key == "StringEquals";
        let wild = |name: &str| name.contains(['*', '?']);
        // No type has a wildcard in its name.
        Some(names.into_iter().filter(|name| !exact || !wild(name)).map(Wildcards::new).collect())
    });
    each.collect()
}

fn texts(node: &Node) -> Option<Vec<&str>> {
    let all = node.as_list().unwrap_or(std::slice::from_ref(node));
    let texts = all.iter().map(Node::as_str);
    texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &str) -> StackPolicy {
        StackPolicy::read(&format!(r#"{{"Statement":[{statements}]}}"#)).unwrap()
    }

    const ALL: &str = r#"{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}"#;

    #[test]
    fn a_denial_wins_and_silence_is_no_leave() {
        let deny = r#"{"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*","Resource":"LogicalResourceId/Db*"}"#;
        let both = policy(&format!("{ALL},{deny}"));
        let of = |action, logical: &str| both.verdict(action, logical, "AWS::KMS::Key");
        assert_eq!(of(Action::Modify, "Db1"), Verdict::Allowed);
        assert_eq!(of(Action::Replace, "Db1"), Verdict::Denied(2));
        assert_eq!(of(Action::Delete, "Db"), Verdict::Denied(2));
        assert_eq!(of(Action::Delete, "Other"), Verdict::Allowed);
        let none = policy(deny).verdict(Action::Modify, "X", "AWS::KMS::Key");
        assert_eq!(none, Verdict::NotAllowed);
    }

    #[test]
    fn what_is_excluded_and_what_is_of_a_type() {
        let but = policy(
            r#"{"Effect":"Allow","NotAction":"Update:Delete","Principal":{"AWS":"*"},"NotResource":["LogicalResourceId/A","LogicalResourceId/B?"]}"#,
        );
        let of = |action, logical: &str| but.verdict(action, logical, "AWS::KMS::Key");
        assert_eq!(of(Action::Modify, "C"), Verdict::Allowed);
        assert_eq!(of(Action::Delete, "C"), Verdict::NotAllowed);
        assert_eq!(of(Action::Modify, "A"), Verdict::NotAllowed);
        assert_eq!(of(Action::Modify, "B1"), Verdict::NotAllowed);
        assert_eq!(of(Action::Modify, "B"), Verdict::Allowed);
        let keys = |operator: &str, name: &str| {
            policy(&format!(
                r#"{ALL},{{"Effect":"Deny","Action":"Update:*","Principal":"*","Resource":"*","Condition":{{"{operator}":{{"ResourceType":["{name}"]}}}}}}"#
            ))
        };
        for (operator, name, key, secret) in [
            ("StringEquals", "AWS::KMS::Key", Verdict::Denied(2), Verdict::Allowed),
            ("StringLike", "AWS::KMS::*", Verdict::Denied(2), Verdict::Allowed),
            ("StringEquals", "AWS::KMS::*", Verdict::Allowed, Verdict::Allowed),
            ("StringLike", "*", Verdict::Denied(2), Verdict::Denied(2)),
        ] {
            let found = keys(operator, name);
            assert_eq!(found.verdict(Action::Modify, "A", "AWS::KMS::Key"), key, "{name}");
            let other = found.verdict(Action::Modify, "A", "AWS::SecretsManager::Secret");
            assert_eq!(other, secret, "{name}");
        }
    }

    #[test]
    fn what_is_no_policy() {
        for wrong in [
            "",
            "x",
            "{}",
            "[]",
            "Statement: []",
            r#"{"Statement":"x"}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*","Other":1}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*","Condition":{"StringNotEquals":{"ResourceType":["AWS::KMS::Key"]}}}]}"#,
            r#"{"Statement":[],"Other":1}"#,
            r#"{"Statement":[{"Effect":"Allow"}]}"#,
            r#"{"Statement":[{"Effect":"Maybe","Action":"Update:*","Principal":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:Other","Principal":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"me","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"A"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":[]}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*","Condition":{"StringEquals":{"Other":"x"}}}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","NotAction":"Update:*","Principal":"*","Resource":"*"}]}"#,
        ] {
            assert_eq!(StackPolicy::read(wrong), None, "{wrong}");
        }
        assert!(StackPolicy::read(r#"{"Statement":[]}"#).is_some());
    }
}
