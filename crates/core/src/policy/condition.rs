//! The `Condition` element: operators, set operators and what a missing key means.
//!
//! A block is a conjunction; the values of one key are alternatives, or for a negated operator all
//! excluded. The answer has three values: an unknown operator, an unknown key, or a request value
//! that is not of the operator's type leaves it `Unsure`, which the statement turns into denial.
//! Keys are folded once, when a policy is parsed. This file knows nothing of effects.

use std::cmp::Ordering;

use serde_json::Value;

use super::document::PolicySyntax;
use super::evaluate::{Context, Lookup, Truth};
use super::pattern::{Case, Hit, Pattern, Syntax};
use super::value::{self, Decimal, Moment, Network};

/// One key under one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub key: Box<str>,
    pub operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operator {
    /// Kept, so that a policy written for a newer language still denies what it does not allow.
    Unknown,
    /// Whether the key must be absent.
    Null(Box<[bool]>),
    Compare(Compare),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compare {
    pub set: Option<Set>,
    pub if_exists: bool,
    pub negated: bool,
    pub expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Any,
    All,
}

/// The values of the policy, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Text(Box<[Pattern]>),
    Arn(Box<[Pattern]>),
    Number(Relation, Box<[Decimal]>),
    Time(Relation, Box<[Moment]>),
    Bool(Box<[bool]>),
    Binary(Box<[Box<str>]>),
    Address(Box<[Network]>),
}

/// How the request's value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition key as it is looked up: lower case, except for the part that names a tag or a pair
/// of an encryption context.
///
/// AWS: key names have no case, the keys of an encryption context do.
pub(super) fn fold_key(key: &str) -> Box<str> {
    const CONTEXT: &str = "kms:encryptioncontext:";
    // The slash is part of the name here; nothing behind it is a user's.
    const RESOURCE: &str = "secretsmanager:resource/";
    let begins = |family: &str| {
        key.get(..family.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(family))
    };
    let end = if begins(CONTEXT) {
        CONTEXT.len()
    } else if begins(RESOURCE) {
        key.len()
    } else {
        key.find('/').unwrap_or(key.len())
    };
    let (name, rest) = key.split_at_checked(end).unwrap_or((key, ""));
    (name.to_ascii_lowercase() + rest).into()
}

/// Reads the `Condition` element.
pub(super) fn parse(value: &Value, variables: bool) -> Result<Box<[Clause]>, PolicySyntax> {
    let blocks = value.as_object().ok_or(PolicySyntax::Condition)?;
    let mut clauses = Vec::new();
    for (name, keys) in blocks {
        let keys = keys.as_object().filter(|keys| !keys.is_empty());
        let first = clauses.len();
        for (key, values) in keys.ok_or(PolicySyntax::Condition)? {
            let key = fold_key(key);
            if key.is_empty() {
                return Err(PolicySyntax::Condition);
            }
            if clauses.iter().skip(first).any(|clause: &Clause| clause.key == key) {
                return Err(PolicySyntax::Duplicate);
            }
            let operator = operator(name, &texts(values)?, variables)?;
            clauses.push(Clause { key, operator });
        }
    }
    Ok(clauses.into())
}

/// One scalar or a list of them, as text.
fn texts(value: &Value) -> Result<Vec<String>, PolicySyntax> {
    let scalars = match value {
        Value::Array(list) if list.is_empty() => return Err(PolicySyntax::ConditionValue),
        Value::Array(list) => list.as_slice(),
        scalar => std::slice::from_ref(scalar),
    };
    let text = |scalar: &Value| match scalar {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(PolicySyntax::ConditionValue),
    };
    scalars.iter().map(text).collect()
}

fn operator(name: &str, values: &[String], variables: bool) -> Result<Operator, PolicySyntax> {
    if name == "Null" {
        return Ok(Operator::Null(typed(values, value::boolean)?));
    }
    let (set, name) = if let Some(name) = name.strip_prefix("ForAnyValue:") {
        (Some(Set::Any), name)
    } else if let Some(name) = name.strip_prefix("ForAllValues:") {
        (Some(Set::All), name)
    } else {
        (None, name)
    };
    let (name, if_exists) = match name.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let Some((negated, expected)) = expected(name, values, variables)? else {
        return Ok(Operator::Unknown);
    };
    Ok(Operator::Compare(Compare { set, if_exists, negated, expected }))
}

/// Whether the operator is negated and what it compares with, or nothing if it is not known.
fn expected(
    name: &str,
    values: &[String],
    variables: bool,
) -> Result<Option<(bool, Expected)>, PolicySyntax> {
    let exact = Syntax { wildcards: false, variables, case: Case::Exact };
    let folded = Syntax { case: Case::Unicode, ..exact };
    let like = Syntax { wildcards: true, ..exact };
    let negated = matches!(
        name,
        "StringNotEquals"
            | "StringNotEqualsIgnoreCase"
            | "StringNotLike"
            | "NumericNotEquals"
            | "DateNotEquals"
            | "NotIpAddress"
            | "ArnNotEquals"
            | "ArnNotLike"
    );
    let expected = match name {
        "StringEquals" | "StringNotEquals" => Expected::Text(patterns(values, exact)?),
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => {
            Expected::Text(patterns(values, folded)?)
        }
        "StringLike" | "StringNotLike" => Expected::Text(patterns(values, like)?),
        // AWS: ArnEquals takes wildcards as ArnLike does.
        "ArnEquals" | "ArnLike" | "ArnNotEquals" | "ArnNotLike" => {
            let patterns = patterns(values, like)?;
            if !patterns.iter().all(Pattern::is_arn_shaped) {
                return Err(PolicySyntax::ConditionValue);
            }
            Expected::Arn(patterns)
        }
        "Bool" => Expected::Bool(typed(values, value::boolean)?),
        "BinaryEquals" => Expected::Binary(typed(values, |text| {
            value::is_canonical_base64(text).then(|| text.into())
        })?),
        "IpAddress" | "NotIpAddress" => Expected::Address(typed(values, Network::parse)?),
        _ => match (name.strip_prefix("Numeric"), name.strip_prefix("Date")) {
            (Some(relation), _) => match Relation::named(relation) {
                Some(relation) => Expected::Number(relation, typed(values, Decimal::parse)?),
                None => return Ok(None),
            },
            (_, Some(relation)) => match Relation::named(relation) {
                Some(relation) => Expected::Time(relation, typed(values, Moment::parse)?),
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        },
    };
    Ok(Some((negated, expected)))
}

fn patterns(values: &[String], syntax: Syntax) -> Result<Box<[Pattern]>, PolicySyntax> {
    values.iter().map(|text| Pattern::compile(text, syntax)).collect()
}

fn typed<T>(values: &[String], read: fn(&str) -> Option<T>) -> Result<Box<[T]>, PolicySyntax> {
    values.iter().map(|text| read(text).ok_or(PolicySyntax::ConditionValue)).collect()
}

impl Relation {
    /// `NotEquals` is the negation of `Equal`.
    fn named(name: &str) -> Option<Self> {
        match name {
            "Equals" | "NotEquals" => Some(Self::Equal),
            "LessThan" => Some(Self::Less),
            "LessThanEquals" => Some(Self::LessOrEqual),
            "GreaterThan" => Some(Self::Greater),
            "GreaterThanEquals" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Clause {
    /// Whether the request meets this clause.
    pub fn holds(&self, context: &dyn Context) -> Truth {
        let found = context.lookup(&self.key);
        let values = match &found {
            Lookup::Unknown => return Truth::Unsure,
            Lookup::Absent => &[],
            Lookup::One(value) => std::slice::from_ref(value),
            Lookup::Many(values) => values.as_slice(),
        };
        match &self.operator {
            Operator::Unknown => Truth::Unsure,
            Operator::Null(absent) => absent.contains(&values.is_empty()).into(),
            Operator::Compare(compare) if values.is_empty() => compare.when_absent().into(),
            Operator::Compare(compare) => {
                let mut each = values.iter().map(|value| compare.holds(value, context));
                match (compare.set, values.len()) {
                    (Some(Set::Any), _) => each.max().unwrap_or(Truth::False),
                    (Some(Set::All), _) => each.min().unwrap_or(Truth::True),
                    (None, 1) => each.next().unwrap_or(Truth::Unsure),
                    // AWS: several values need a set operator; without one the result is not told.
                    (None, _) => Truth::Unsure,
                }
            }
        }
    }
}

impl Compare {
    /// A key without values is absent.
    fn when_absent(&self) -> bool {
        self.if_exists
            || match self.set {
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => self.negated,
            }
    }

    fn holds(&self, value: &str, context: &dyn Context) -> Truth {
        let hit = self.expected.hit(value, context);
        if self.negated { Truth::of_negated(hit) } else { Truth::of(hit) }
    }
}

impl Expected {
    /// Whether any value of the policy admits the request's value.
    fn hit(&self, given: &str, context: &dyn Context) -> Hit {
        match self {
            Self::Text(patterns) => greatest(patterns, |p| p.matches(given, context)),
            Self::Arn(patterns) => greatest(patterns, |p| p.matches_arn(given, context)),
            Self::Number(relation, values) => {
                any(values, Decimal::parse(given), |value, given| relation.admits(given.cmp(value)))
            }
            Self::Time(relation, values) => {
                any(values, Moment::parse(given), |value, given| relation.admits(given.cmp(value)))
            }
            Self::Bool(values) => any(values, value::boolean(given), |value, given| value == given),
            Self::Binary(values) => {
                let given = value::is_canonical_base64(given).then_some(given);
                any(values, given, |value, given| **value == **given)
            }
            Self::Address(networks) => {
                any(networks, given.parse().ok(), |network, given| network.contains(*given))
            }
        }
    }
}

/// The greatest answer of several patterns.
pub(super) fn greatest(patterns: &[Pattern], hit: impl Fn(&Pattern) -> Hit) -> Hit {
    let mut greatest = Hit::No;
    for pattern in patterns {
        greatest = greatest.max(hit(pattern));
        if greatest == Hit::Yes {
            break;
        }
    }
    greatest
}

/// Whether any value admits the given one; one that is not of the type cannot be known.
fn any<T, G>(values: &[T], given: Option<G>, admits: impl Fn(&T, &G) -> bool) -> Hit {
    match given {
        Some(given) => values.iter().any(|value| admits(value, &given)).into(),
        None => Hit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::Keys;
    use Truth::{False, True, Unsure};

    /// What a block says about `key:a`, which has the given values, `None` for an unknown key.
    fn holds(operator: &str, expected: &str, given: Option<&[&str]>) -> Truth {
        let block = format!(r#"{{"{operator}": {{"Key:A": {expected}}}}}"#);
        let clauses = parse(&serde_json::from_str(&block).unwrap(), true).unwrap();
        let username: (&str, &[&str]) = ("aws:username", &["ann"]);
        let nobody: (&str, &[&str]) = ("aws:userid", &[]);
        let keys = match given {
            Some(values) => Keys::new(&[("key:a", values), username, nobody]),
            None => Keys::new(&[username, nobody]),
        };
        clauses[0].holds(&keys)
    }

    /// Operator, a value of the policy, a request's value that it admits and one that it does not.
    const OPERATORS: [(&str, &str, &str, &str); 27] = [
        ("StringEquals", r#""a*""#, "a*", "ab"),
        ("StringNotEquals", r#""a""#, "A", "a"),
        ("StringEqualsIgnoreCase", r#""aÉ""#, "Aé", "b"),
        ("StringNotEqualsIgnoreCase", r#""a""#, "b", "A"),
        ("StringLike", r#""a*c?""#, "abbcd", "abbc"),
        ("StringNotLike", r#""a*""#, "A", "ab"),
        ("NumericEquals", "7", "7.0", "8"),
        ("NumericNotEquals", r#""7""#, "8", "07"),
        ("NumericLessThan", r#""7""#, "6.9", "7"),
        ("NumericLessThanEquals", r#""7""#, "7", "7.1"),
        ("NumericGreaterThan", r#""7""#, "10", "7"),
        ("NumericGreaterThanEquals", r#""7""#, "7", "6"),
        ("DateEquals", r#""1970-01-02""#, "86400", "86401"),
        ("DateNotEquals", r#""1970-01-02""#, "86401", "1970-01-02T01:00+01:00"),
        ("DateLessThan", r#""2024-01-01""#, "2023-12-31T23:59:59Z", "2024-01-01T00:00Z"),
        ("DateLessThanEquals", r#""2024-01-01""#, "2024-01-01T00:00Z", "2024-01-02"),
        ("DateGreaterThan", r#""2024-01-01""#, "2024-01-02", "2024-01-01"),
        ("DateGreaterThanEquals", "86400", "1970-01-02", "1970-01-01"),
        ("Bool", "true", "True", "false"),
        ("BinaryEquals", r#""QUI=""#, "QUI=", "QUJD"),
        ("IpAddress", r#""10.0.0.0/8""#, "10.1.1.1", "::1"),
        ("NotIpAddress", r#""10.0.0.0/8""#, "11.1.1.1", "10.1.1.1"),
        (
            "ArnEquals",
            r#""arn:aws:iam::*:role/*""#,
            "arn:aws:iam::1:role/a",
            "arn:aws:iam::1:user/a",
        ),
        ("ArnLike", r#""arn:aws:*:*:1:x""#, "arn:aws:s:r:1:x", "arn:aws:s:r:2:x"),
        ("ArnNotEquals", r#""arn:a:b:c:d:e""#, "arn:a:b:c:d:f", "arn:a:b:c:d:e"),
        ("ArnNotLike", r#""arn:a:b:c:d:*""#, "arn:a:b:c:x:e", "arn:a:b:c:d:e"),
        ("StringEquals", r#""${aws:username}""#, "ann", "${aws:username}"),
    ];

    #[test]
    fn operators() {
        for (operator, expected, yes, no) in OPERATORS {
            for name in [operator.to_owned(), format!("{operator}IfExists")] {
                assert_eq!(holds(&name, expected, Some(&[yes])), True, "{name} {yes}");
                assert_eq!(holds(&name, expected, Some(&[no])), False, "{name} {no}");
                assert_eq!(holds(&name, expected, None), Unsure, "{name}");
            }
        }
    }

    #[test]
    fn absent_keys() {
        for (operator, expected, _, _) in OPERATORS {
            let negated = operator.contains("Not");
            let absent = |name: &str| holds(name, expected, Some(&[]));
            assert_eq!(absent(operator), negated.into(), "{operator}");
            assert_eq!(absent(&format!("{operator}IfExists")), True, "{operator}");
            assert_eq!(absent(&format!("ForAllValues:{operator}")), True, "{operator}");
            assert_eq!(absent(&format!("ForAnyValue:{operator}")), False, "{operator}");
            assert_eq!(absent(&format!("ForAnyValue:{operator}IfExists")), True, "{operator}");
        }
    }

    #[test]
    fn sets_of_values() {
        for (operator, expected, yes, no) in OPERATORS {
            let set = |set: &str, given: &[&str]| {
                holds(&format!("{set}:{operator}"), expected, Some(given))
            };
            for (given, any, all) in [
                (vec![yes], True, True),
                (vec![no], False, False),
                (vec![yes, no], True, False),
                (vec![no, no], False, False),
                (vec![yes, yes], True, True),
            ] {
                assert_eq!(set("ForAnyValue", &given), any, "{operator} {given:?}");
                assert_eq!(set("ForAllValues", &given), all, "{operator} {given:?}");
            }
            assert_eq!(holds(operator, expected, Some(&[yes, yes])), Unsure, "{operator}");
        }
    }

    #[test]
    fn values_of_the_policy_are_alternatives() {
        for (given, equal) in [("a", true), ("b", true), ("c", false)] {
            let given: &[&str] = &[given];
            assert_eq!(holds("StringEquals", r#"["a", "b"]"#, Some(given)), equal.into());
            assert_eq!(holds("StringNotEquals", r#"["a", "b"]"#, Some(given)), (!equal).into());
        }
        assert_eq!(holds("Bool", r#"[true, "false"]"#, Some(&["false"])), True);
    }

    #[test]
    fn null_tests_absence() {
        for (expected, absent, present) in [("true", True, False), (r#""false""#, False, True)] {
            assert_eq!(holds("Null", expected, Some(&[])), absent);
            assert_eq!(holds("Null", expected, Some(&["x"])), present);
            assert_eq!(holds("Null", expected, Some(&["x", "y"])), present);
            assert_eq!(holds("Null", expected, None), Unsure);
        }
    }

    #[test]
    fn unknown_operators_are_unsure() {
        for operator in [
            "StringResembles",
            "stringequals",
            "NumericLike",
            "DateLike",
            "NullIfExists",
            "ForAnyValue:Null",
            "ForSomeValues:StringEquals",
            "StringEqualsIfExistsIfExists",
            "",
        ] {
            for given in [None, Some(&[][..]), Some(&["a"][..])] {
                assert_eq!(holds(operator, r#""a""#, given), Unsure, "{operator} {given:?}");
            }
        }
    }

    #[test]
    fn values_of_the_wrong_type_are_unsure() {
        for (operator, expected) in [
            ("NumericEquals", "1"),
            ("NumericNotEquals", "1"),
            ("DateLessThan", "1"),
            ("Bool", "true"),
            ("BinaryEquals", r#""QQ==""#),
            ("IpAddress", r#""10.0.0.0/8""#),
            ("NotIpAddress", r#""10.0.0.0/8""#),
            ("ArnLike", r#""*""#),
            ("ArnNotLike", r#""*""#),
        ] {
            assert_eq!(holds(operator, expected, Some(&["not of the type"])), Unsure, "{operator}");
        }
    }

    #[test]
    fn a_variable_without_a_value_is_neither_equal_nor_different() {
        assert_eq!(holds("StringEquals", r#""${aws:userid}""#, Some(&["x"])), False);
        assert_eq!(holds("StringNotEquals", r#""${aws:userid}""#, Some(&["x"])), Unsure);
        assert_eq!(holds("StringEquals", r#""${no:key}""#, Some(&["x"])), Unsure);
    }

    #[test]
    fn malformed_blocks() {
        for (block, error) in [
            ("[]", PolicySyntax::Condition),
            (r#"{"Bool": {}}"#, PolicySyntax::Condition),
            (r#"{"Bool": "a"}"#, PolicySyntax::Condition),
            (r#"{"Bool": {"": "true"}}"#, PolicySyntax::Condition),
            (r#"{"Bool": {"a": []}}"#, PolicySyntax::ConditionValue),
            (r#"{"Bool": {"a": null}}"#, PolicySyntax::ConditionValue),
            (r#"{"Bool": {"a": "yes"}}"#, PolicySyntax::ConditionValue),
            (r#"{"NewOperator": {"a": [[]]}}"#, PolicySyntax::ConditionValue),
            (r#"{"NumericEquals": {"a": "1e3"}}"#, PolicySyntax::ConditionValue),
            (r#"{"ArnLike": {"a": "arn:aws:iam::*"}}"#, PolicySyntax::ConditionValue),
            (r#"{"IpAddress": {"a": "10.0.0.0/40"}}"#, PolicySyntax::ConditionValue),
            (r#"{"StringLike": {"a": "${"}}"#, PolicySyntax::Variable),
            (r#"{"StringLike": {"aws:x": "a", "AWS:X": "b"}}"#, PolicySyntax::Duplicate),
        ] {
            assert_eq!(parse(&serde_json::from_str(block).unwrap(), true), Err(error), "{block}");
        }
        assert_eq!(parse(&serde_json::json!({}), true), Ok(Box::default()));
    }

    #[test]
    fn keys_are_folded_up_to_the_part_that_users_name() {
        for (key, folded) in [
            ("AWS:UserName", "aws:username"),
            ("aws:RequestTag/CostCenter", "aws:requesttag/CostCenter"),
            ("AWS:requestTAG/A/B", "aws:requesttag/A/B"),
            ("kms:EncryptionContext:SecretARN", "kms:encryptioncontext:SecretARN"),
            ("KMS:encryptioncontext:A/B", "kms:encryptioncontext:A/B"),
            ("kms:EncryptionContextKeys", "kms:encryptioncontextkeys"),
            (
                "SecretsManager:Resource/AllowRotationLambdaArn",
                "secretsmanager:resource/allowrotationlambdaarn",
            ),
            ("secretsmanager:ResourceTag/Team", "secretsmanager:resourcetag/Team"),
            ("kms:éncryptionContextXX:A", "kms:éncryptioncontextxx:a"),
        ] {
            assert_eq!(&*fold_key(key), folded);
        }
    }
}
