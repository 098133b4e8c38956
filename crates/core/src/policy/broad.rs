//! Whether a resource policy lets in a wide range of principals, judged without a request.
//!
//! AWS: Secrets Manager asks the reasoner that S3's public-access checks ask. A statement for
//! everyone is broad unless a condition fixes who or where the caller is; an account or a principal
//! that is named is a fixed value. What cannot be shown to be narrow is broad: a wildcard or a
//! variable in a value, a negated operator, a key that may be absent (`IfExists`, `ForAllValues`).
//! A statement that denies everyone else makes up for one that allows everyone.

use super::condition::{Clause, Compare, Expected, Operator, Set};
use super::document::{Effect, Named, Policy, Principals, Selection, Statement};
use super::pattern::Pattern;
use super::value::Network;

/// What fixes a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fixed {
    /// The whole text.
    Text,
    /// The whole ARN, or its account.
    Arn,
    /// The part before the first slash: the organization of a path.
    Path,
    /// A network that is small enough.
    Address,
}

/// The condition keys that say who or where a caller is.
const FIXING: [(&str, Fixed); 16] = [
    ("aws:principalaccount", Fixed::Text),
    ("aws:principalarn", Fixed::Arn),
    ("aws:principalorgid", Fixed::Text),
    ("aws:principalorgpaths", Fixed::Path),
    ("aws:sourceaccount", Fixed::Text),
    ("aws:sourcearn", Fixed::Arn),
    ("aws:sourceip", Fixed::Address),
    ("aws:sourceorgid", Fixed::Text),
    ("aws:sourceorgpaths", Fixed::Path),
    ("aws:sourceowner", Fixed::Text),
    ("aws:sourcevpc", Fixed::Text),
    ("aws:sourcevpcarn", Fixed::Arn),
    ("aws:sourcevpce", Fixed::Text),
    ("aws:userid", Fixed::Text),
    ("aws:vpceaccount", Fixed::Text),
    ("aws:vpceorgid", Fixed::Text),
];

impl Policy {
    /// Whether a statement allows something to everyone, and nothing confines it.
    pub fn is_broad(&self) -> bool {
        let denies = |broad: &Statement| self.statements.iter().any(|other| other.guards(broad));
        self.statements.iter().any(|statement| statement.is_broad() && !denies(statement))
    }
}

impl Statement {
    fn is_broad(&self) -> bool {
        self.effect == Effect::Allow
            && self.names_everyone()
            && !self.conditions.iter().any(|clause| clause.admits_few(&self.conditions))
    }

    fn names_everyone(&self) -> bool {
        match &self.principals {
            Principals::Attached => false,
            Principals::Named(names) => names.contains(&Named::Everyone),
            Principals::AllBut(_) => true,
        }
    }

    /// Whether this statement denies what `broad` allows to all but few.
    fn guards(&self, broad: &Self) -> bool {
        let of_others = match (&self.principals, &*self.conditions) {
            (Principals::AllBut(_), []) => true,
            (Principals::Named(names), [clause]) => {
                names.contains(&Named::Everyone) && clause.spares_few()
            }
            _ => false,
        };
        self.effect == Effect::Deny
            && of_others
            && self.actions.covers(&broad.actions)
            && match (&self.resources, &broad.resources) {
                (Some(denied), Some(allowed)) => denied.covers(allowed),
                (None, _) => true,
                (Some(_), None) => false,
            }
    }
}

impl Selection {
    /// Whether everything that `other` selects is surely selected.
    fn covers(&self, other: &Self) -> bool {
        let covered = |pattern: &Pattern| self.patterns.iter().any(|own| own.covers(pattern));
        let everything = || self.patterns.iter().any(Pattern::is_any);
        !self.negated
            && if other.negated { everything() } else { other.patterns.iter().all(covered) }
    }
}

impl Clause {
    /// Whether only callers with a fixed value of this key meet the clause, which stands beside
    /// others of its statement.
    fn admits_few(&self, beside: &[Self]) -> bool {
        let Operator::Compare(compare) = &self.operator else { return false };
        let absent_is_enough = compare.if_exists || compare.set == Some(Set::All);
        !compare.negated
            && self.is_fixed(compare)
            && (!absent_is_enough || beside.iter().any(|other| other.demands(&self.key)))
    }

    /// Whether all callers but those with a fixed value of this key meet the clause.
    fn spares_few(&self) -> bool {
        let Operator::Compare(compare) = &self.operator else { return false };
        // A key that is absent meets a negated operator, unless any value has to differ.
        compare.negated && compare.set != Some(Set::Any) && self.is_fixed(compare)
    }

    /// Whether the clause is that `key` must be there.
    fn demands(&self, key: &str) -> bool {
        match &self.operator {
            Operator::Null(absent) => *self.key == *key && absent.iter().all(|absent| !absent),
            Operator::Unknown | Operator::Compare(_) => false,
        }
    }

    fn is_fixed(&self, compare: &Compare) -> bool {
        let Some((_, fixed)) = FIXING.iter().find(|(key, _)| *key == &*self.key) else {
            return false;
        };
        match (&compare.expected, fixed) {
            (Expected::Address(networks), Fixed::Address) => {
                networks.iter().all(Network::is_narrow)
            }
            (Expected::Arn(values), Fixed::Arn) => {
                values.iter().all(|value| value.is_fixed() || value.fixes_arn_account())
            }
            (Expected::Text(values), Fixed::Arn) => {
                values.iter().all(|value| value.is_fixed() || value.fixes_account())
            }
            (Expected::Text(values), Fixed::Path) => {
                values.iter().all(|value| value.is_fixed() || value.fixes_up_to('/'))
            }
            (Expected::Text(values), Fixed::Text) => values.iter().all(Pattern::is_fixed),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_broad(statements: &Value) -> bool {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Policy::parse_resource(&text).unwrap().is_broad()
    }

    /// Everyone may read, under a condition.
    fn everyone(condition: &Value) -> Value {
        json!({
            "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue",
            "Resource": "*", "Condition": condition,
        })
    }

    #[test]
    fn principals() {
        for (principal, broad) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": ["111122223333", "*"]}), true),
            // AWS: an account is a fixed value.
            (json!({"AWS": "111122223333"}), false),
            (json!({"AWS": "arn:aws:iam::111122223333:root"}), false),
            (json!({"AWS": "arn:aws:iam::111122223333:role/r"}), false),
            (json!({"Service": "lambda.amazonaws.com"}), false),
        ] {
            let allow =
                json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"});
            assert_eq!(is_broad(&allow), broad, "{allow}");
            let mut deny = allow.clone();
            deny["Effect"] = json!("Deny");
            assert!(!is_broad(&deny), "{deny}");
        }
    }

    /// Conditions that leave few.
    #[test]
    fn narrow_conditions() {
        let org = "o-abcdefghij";
        for (condition, broad) in [
            (json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}), false),
            (json!({"StringEquals": {"AWS:sourcevpce": ["vpce-1", "vpce-2"]}}), false),
            (json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}), false),
            (json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}), false),
            (json!({"StringEqualsIgnoreCase": {"aws:PrincipalOrgID": org}}), false),
            (json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::bucket"}}), false),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}), false),
            (json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}), false),
            (
                json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": format!("{org}/*")}}),
                false,
            ),
            (json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}), false),
        ] {
            assert_eq!(is_broad(&everyone(&condition)), broad, "{condition}");
        }
    }

    /// What leaves a condition open.
    #[test]
    fn weak_conditions() {
        let org = "o-abcdefghij";
        let role = "arn:aws:iam::111122223333:role/r";
        for (condition, broad) in [
            (json!({}), true),
            // A wildcard or a variable fixes nothing.
            (json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}), true),
            (json!({"StringLike": {"aws:SourceVpc": "*"}}), true),
            (json!({"StringLike": {"aws:SourceVpc": ["vpc-1", "*"]}}), true),
            (json!({"StringEquals": {"aws:SourceVpc": "${aws:SourceVpc}"}}), true),
            (json!({"StringEquals": {"aws:SourceVpc": ""}}), true),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}}), true),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::11112222333?:role/r"}}), true),
            (
                json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam:*:111122223333:role/r"}}),
                true,
            ),
            (json!({"ArnLike": {"aws:SourceArn": "*"}}), true),
            (json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}), true),
            (json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-1/*"}}), true),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/7"}}), true),
            (json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}}), true),
            // So does everything but a value.
            (json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}), true),
            (json!({"ArnNotLike": {"aws:PrincipalArn": role}}), true),
            (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), true),
            (json!({"Null": {"aws:PrincipalOrgID": "false"}}), true),
            // A key that may be absent.
            (json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}), true),
            (json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": org}}), true),
            (json!({"ForAnyValue:StringEqualsIfExists": {"aws:PrincipalOrgID": org}}), true),
            (
                json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}, "Null": {"aws:SourceVpc": "false"}}),
                false,
            ),
            (
                json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": org}, "Null": {"aws:PrincipalOrgID": "true"}}),
                true,
            ),
            (
                json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}, "Null": {"aws:SourceVpce": "false"}}),
                true,
            ),
            // Keys that do not say who it is, or that nobody knows.
            (json!({"StringEquals": {"aws:username": "ann"}}), true),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "red"}}), true),
            (json!({"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}), true),
            (json!({"Bool": {"aws:SecureTransport": "true"}}), true),
            (json!({"StringResembles": {"aws:SourceVpc": "vpc-1"}}), true),
            // One narrow condition is enough.
            (
                json!({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}}),
                false,
            ),
        ] {
            assert_eq!(is_broad(&everyone(&condition)), broad, "{condition}");
        }
    }

    /// Statements that deny everybody else, and some that only seem to.
    #[test]
    fn denials_that_make_up_for_it() {
        let deny = |rest: &Value| {
            let mut deny = json!({
                "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
            });
            for (key, value) in rest.as_object().unwrap() {
                deny[key] = value.clone();
            }
            if deny.get("NotPrincipal").is_some() {
                deny.as_object_mut().unwrap().remove("Principal");
            }
            deny
        };
        let unless = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}});
        for (rest, broad) in [
            (json!({"Condition": unless}), false),
            (json!({"Condition": unless, "Action": "*"}), false),
            (json!({"Condition": unless, "Action": "secretsmanager:GetSecretValue"}), false),
            (json!({"Condition": unless, "Action": "secretsmanager:Get*"}), false),
            (json!({"NotPrincipal": {"AWS": "111122223333"}}), false),
            (json!({"Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}), false),
            (json!({"Condition": {"StringNotEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}}), false),
            (json!({"Condition": unless, "Action": "secretsmanager:Put*"}), true),
            (json!({"Condition": unless, "Resource": "arn:aws:secretsmanager:*"}), true),
            (json!({"Condition": unless, "Principal": {"AWS": "111122223333"}}), true),
            (json!({"Condition": unless, "Effect": "Allow"}), true),
            (json!({"NotPrincipal": {"AWS": "111122223333"}, "Condition": unless}), true),
            (json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}), true),
            (json!({"Condition": {"StringNotLike": {"aws:PrincipalOrgID": "o-*"}}}), true),
            (
                json!({"Condition": {"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}),
                true,
            ),
            (
                json!({"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceVpce": "vpce-1"}}}),
                true,
            ),
        ] {
            let both = json!([everyone(&json!({})), deny(&rest)]);
            assert_eq!(is_broad(&both), broad, "{rest}");
        }
        let all_but = json!({"Effect": "Allow", "Principal": "*", "NotAction": "secretsmanager:Put*", "Resource": "*"});
        assert!(is_broad(&json!([all_but, deny(&json!({"Condition": unless}))])));
        assert!(!is_broad(&json!([all_but, deny(&json!({"Condition": unless, "Action": "*"}))])));
    }
}
