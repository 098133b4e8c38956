//! The golden matrix: principal x action x resource x policies, each with its decision and reason.
//!
//! The snapshots are read by people: a row is a set of policies, a column a principal, a request or
//! what a request has for a key. Nothing is asserted here but that they stay as they were reviewed;
//! why a rule is as it is stands beside the code that has it. Promise R6.

use core::fmt::Write;

use serde_json::{Value, json};

use super::document::Policy;
use super::evaluate::{
    Decision, Principal, PrincipalKind, Refusal, Request, ResourceMode, cross_account, same_account,
};
use super::tests::Keys;

const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";
const ROLE: &str = "arn:aws:iam::111122223333:role/app/reader";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/reader/s1";
const ANN: &str = "arn:aws:iam::111122223333:user/ann";
const BEN: &str = "arn:aws:iam::444455556666:user/ben";
const SERVICE: &str = "secretsmanager.amazonaws.com";

const GET: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
const PROD: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf";
const DEV: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ann/db-AbCdEf";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";

const fn principal(
    kind: PrincipalKind,
    account: &'static str,
    arn: &'static str,
) -> Principal<'static> {
    Principal { arn, account, kind, role_arn: None }
}

const PRINCIPALS: [(&str, Principal<'static>); 7] = {
    use PrincipalKind::{Role, Root, Service, Session, User};
    [
        ("root", principal(Root, OWN, "arn:aws:iam::111122223333:root")),
        ("user", principal(User, OWN, ANN)),
        ("role", principal(Role, OWN, ROLE)),
        ("session", Principal { role_arn: Some(ROLE), ..principal(Session, OWN, SESSION) }),
        ("service", principal(Service, "", SERVICE)),
        ("o.root", principal(Root, OTHER, "arn:aws:iam::444455556666:root")),
        ("o.user", principal(User, OTHER, BEN)),
    ]
};

fn policy(identity: bool, statements: &Value) -> Policy {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    if identity { Policy::parse_identity(&text) } else { Policy::parse_resource(&text) }.unwrap()
}

fn identity(statement: &Value) -> Policy {
    policy(true, statement)
}

fn to(effect: &str, element: &str, principals: &Value) -> Value {
    json!({"Effect": effect, element: principals, "Action": "*", "Resource": "*"})
}

const fn word(decision: Result<(), Refusal>) -> &'static str {
    match decision {
        Ok(()) => "allow",
        Err(Refusal::NoIdentityAllow) => "id-",
        Err(Refusal::IdentityDeny) => "ID!",
        Err(Refusal::NoResourceAllow) => "rp-",
        Err(Refusal::ResourceDeny) => "RP!",
    }
}

/// Decides as the owner of the resource's account does.
fn decide(
    principal: &Principal<'_>,
    identities: &[Policy],
    resource: Option<&Policy>,
    mode: ResourceMode,
) -> &'static str {
    let keys = Keys::new(&[]);
    let request = Request { principal, action: GET, resource: Some(PROD), context: &keys };
    word(if principal.account == OTHER {
        cross_account(identities, resource, &request)
    } else {
        same_account(identities, resource, mode, &request)
    })
}

fn heading(out: &mut String, first: &str, columns: impl IntoIterator<Item = &'static str>) {
    write!(out, "{first:46}").unwrap();
    for column in columns {
        write!(out, "{column:>9}").unwrap();
    }
    out.push('\n');
}

/// Whom the resource policies name, by the name of the row.
fn resource_policies() -> Vec<(&'static str, Option<Policy>)> {
    let one = |statement: Value| Some(policy(false, &statement));
    let everyone = || to("Allow", "Principal", &json!("*"));
    let but = |spared: Value| {
        Some(policy(false, &json!([everyone(), to("Deny", "NotPrincipal", &spared)])))
    };
    let denies =
        |denied: Value| Some(policy(false, &json!([to("Deny", "Principal", &denied), everyone()])));
    let allows = |allowed: Value| one(to("Allow", "Principal", &allowed));
    vec![
        ("none", None),
        ("allow *", allows(json!("*"))),
        ("allow own account", allows(json!({"AWS": OWN}))),
        ("allow own user", allows(json!({"AWS": ANN}))),
        ("allow own role", allows(json!({"AWS": ROLE}))),
        ("allow own session", allows(json!({"AWS": SESSION}))),
        ("allow service", allows(json!({"Service": SERVICE}))),
        ("allow other account", allows(json!({"AWS": OTHER}))),
        ("allow other user", allows(json!({"AWS": BEN}))),
        ("allow other user and own account", allows(json!({"AWS": [BEN, OWN]}))),
        ("allow *, deny own account", denies(json!({"AWS": OWN}))),
        ("allow *, deny own role", denies(json!({"AWS": ROLE}))),
        ("allow *, deny other user", denies(json!({"AWS": BEN}))),
        ("allow *, deny *", denies(json!("*"))),
        ("allow *, deny all but own account", but(json!({"AWS": OWN}))),
        ("allow *, deny all but own user", but(json!({"AWS": [OWN, ANN]}))),
        ("allow *, deny all but own session", but(json!({"AWS": [OWN, ROLE, SESSION]}))),
        ("allow *, deny all but other user", but(json!({"AWS": [OTHER, BEN]}))),
    ]
}

#[test]
fn who() {
    let all = || identity(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let deny = || identity(&json!({"Effect": "Deny", "Action": GET, "Resource": PROD}));
    let mut out =
        "allow; id- no identity policy allows, ID! one denies, rp- the resource policy does \
                   not allow, RP! it denies\n"
            .to_owned();
    for (title, mode) in [("a secret", ResourceMode::Grants), ("a key", ResourceMode::Gate)] {
        for (name, identities) in [
            ("no identity policy", vec![]),
            ("identity allows", vec![all()]),
            ("identity allows and denies", vec![all(), deny()]),
        ] {
            out.push('\n');
            let columns = PRINCIPALS.iter().map(|(name, _)| *name);
            heading(&mut out, &format!("{title}: {name}"), columns);
            for (row, resource) in resource_policies() {
                let each = PRINCIPALS
                    .iter()
                    .map(|(_, principal)| decide(principal, &identities, resource.as_ref(), mode));
                heading(&mut out, &format!("  {row}"), each);
            }
        }
    }
    insta::assert_snapshot!(out);
}

/// Elements of a statement, as an `Allow` alone and as a `Deny` beside an `Allow` of everything.
#[test]
fn what() {
    let requests = [
        ("get prod", GET, PROD),
        ("put prod", PUT, PROD),
        ("get ann", GET, DEV),
        ("decrypt", "kms:Decrypt", KEY),
    ];
    let mine = "arn:aws:secretsmanager:*:*:secret:${aws:username}/*";
    let absent = "arn:aws:secretsmanager:*:*:secret:${aws:SourceIdentity}/*";
    let default = "arn:aws:secretsmanager:*:*:secret:${aws:SourceIdentity, 'prod'}/*";
    let unknown = "arn:aws:secretsmanager:*:*:secret:${no:such}/*";
    let elements = [
        json!({"Action": "*", "Resource": "*"}),
        json!({"Action": "secretsmanager:*", "Resource": "*"}),
        json!({"Action": "SECRETSMANAGER:get*", "Resource": "*"}),
        json!({"Action": ["kms:Decrypt", PUT], "Resource": "*"}),
        json!({"NotAction": "kms:*", "Resource": "*"}),
        json!({"NotAction": [GET, "kms:*"], "Resource": "*"}),
        json!({"Action": "*", "Resource": PROD}),
        json!({"Action": "*", "Resource": "arn:aws:*:secret:prod/*"}),
        json!({"Action": "*", "Resource": "arn:aws:*:secret:PROD/*"}),
        json!({"Action": "*", "NotResource": "arn:aws:*:secret:prod/*"}),
        json!({"NotAction": PUT, "NotResource": "arn:aws:kms:*"}),
        json!({"Action": "*", "Resource": mine}),
        json!({"Action": "*", "NotResource": mine}),
        json!({"Action": "*", "Resource": absent}),
        json!({"Action": "*", "NotResource": absent}),
        json!({"Action": "*", "Resource": default}),
        json!({"Action": "*", "Resource": unknown}),
        json!({"Action": "*", "NotResource": unknown}),
        json!({"Action": GET, "Resource": "*", "Condition": {"StringLike": {"aws:username": "a*"}}}),
        json!({"Action": GET, "Resource": "*", "Condition": {"StringLike": {"aws:username": "b*"}}}),
    ];
    let keys = Keys::new(&[("aws:username", &["ann"]), ("aws:sourceidentity", &[])]);
    let (_, user) = &PRINCIPALS[1];
    let mut out = "whether the statement applies: as an Allow, and / as a Deny\n\n".to_owned();
    let cell = |element: &Value, action, resource| {
        let request = Request { principal: user, action, resource: Some(resource), context: &keys };
        let mut statement = element.clone();
        statement["Effect"] = json!("Allow");
        let allows = identity(&statement).decide(&request) == Decision::Allow;
        statement["Effect"] = json!("Deny");
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let both = identity(&json!([statement, all])).decide(&request);
        match (allows, both == Decision::ExplicitDeny) {
            (true, true) => "yes/yes",
            (false, true) => "no/yes",
            (false, false) => "no/no",
            (true, false) => "yes/NO",
        }
    };
    for element in elements {
        writeln!(out, "{element}").unwrap();
        heading(&mut out, "", requests.map(|(name, _, _)| name));
        heading(&mut out, "", requests.map(|(_, action, arn)| cell(&element, action, arn)));
    }
    insta::assert_snapshot!(out);
}

/// Operator, a value of the policy, a request's value that it admits and one that it does not.
const OPERATORS: [(&str, &str, &str, &str); 26] = [
    ("StringEquals", "a*", "a*", "ab"),
    ("StringNotEquals", "a", "A", "a"),
    ("StringEqualsIgnoreCase", "a", "A", "b"),
    ("StringNotEqualsIgnoreCase", "a", "b", "A"),
    ("StringLike", "a*c?", "abbcd", "abbc"),
    ("StringNotLike", "a*", "A", "ab"),
    ("NumericEquals", "7", "7.0", "8"),
    ("NumericNotEquals", "7", "8", "07"),
    ("NumericLessThan", "7", "6.9", "7"),
    ("NumericLessThanEquals", "7", "7", "7.1"),
    ("NumericGreaterThan", "7", "10", "7"),
    ("NumericGreaterThanEquals", "7", "7", "6"),
    ("DateEquals", "1970-01-02", "86400", "86401"),
    ("DateNotEquals", "1970-01-02", "86401", "86400"),
    ("DateLessThan", "2024-01-01", "2023-12-31T23:59:59Z", "2024-01-01T00:00Z"),
    ("DateLessThanEquals", "2024-01-01", "2024-01-01T00:00Z", "2024-01-02"),
    ("DateGreaterThan", "2024-01-01", "2024-01-02", "2024-01-01"),
    ("DateGreaterThanEquals", "86400", "1970-01-02", "1970-01-01"),
    ("Bool", "true", "true", "false"),
    ("BinaryEquals", "QUI=", "QUI=", "QUJD"),
    ("IpAddress", "10.0.0.0/8", "10.1.1.1", "::1"),
    ("NotIpAddress", "10.0.0.0/8", "11.1.1.1", "10.1.1.1"),
    ("ArnEquals", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a", "arn:aws:iam::1:user/a"),
    ("ArnLike", "arn:aws:*:*:1:x", "arn:aws:s:r:1:x", "arn:aws:s:r:2:x"),
    ("ArnNotEquals", "arn:a:b:c:d:e", "arn:a:b:c:d:f", "arn:a:b:c:d:e"),
    ("ArnNotLike", "arn:a:b:c:d:*", "arn:a:b:c:x:e", "arn:a:b:c:d:e"),
];

/// Whether a condition holds, seen from outside: what is unsure lets no `Allow` and each `Deny` apply.
fn holds(operator: &str, expected: &str, given: Option<&[&str]>) -> &'static str {
    let keys = match given {
        Some(values) => Keys::new(&[("key:a", values)]),
        None => Keys::new(&[]),
    };
    let (_, user) = &PRINCIPALS[1];
    let request = Request { principal: user, action: GET, resource: Some(PROD), context: &keys };
    let statement = |effect: &str| {
        identity(&json!({"Effect": effect, "Action": "*", "Resource": "*",
            "Condition": {operator: {"key:a": expected}}}))
    };
    let allows = statement("Allow").decide(&request) == Decision::Allow;
    let denies = statement("Deny").decide(&request) == Decision::ExplicitDeny;
    match (allows, denies) {
        (true, true) => "yes",
        (false, false) => "-",
        (false, true) => "?",
        (true, false) => "WRONG",
    }
}

#[test]
fn conditions() {
    let mut out =
        "yes it holds, - it does not, ? it cannot be known: no Allow applies, each Deny does\n\
                   + a value that the operator admits, - one that it does not\n\n"
            .to_owned();
    let columns = ["unknown", "absent", "+", "-", "+ +", "+ -", "- -"];
    heading(&mut out, "", columns);
    let forms = [
        "{}",
        "{}IfExists",
        "ForAnyValue:{}",
        "ForAnyValue:{}IfExists",
        "ForAllValues:{}",
        "ForAllValues:{}IfExists",
    ];
    for (operator, expected, yes, no) in OPERATORS {
        for form in forms {
            let name = form.replace("{}", operator);
            let given: [Option<&[&str]>; 7] = [
                None,
                Some(&[]),
                Some(&[yes]),
                Some(&[no]),
                Some(&[yes, yes]),
                Some(&[yes, no]),
                Some(&[no, no]),
            ];
            heading(&mut out, &name, given.map(|given| holds(&name, expected, given)));
        }
    }
    for (name, expected) in
        [("Null", "true"), ("Null", "false"), ("NullIfExists", "true"), ("StringResembles", "x")]
    {
        let given: [Option<&[&str]>; 7] = [
            None,
            Some(&[]),
            Some(&["x"]),
            Some(&["y"]),
            Some(&["x", "x"]),
            Some(&["x", "y"]),
            Some(&["y", "y"]),
        ];
        heading(
            &mut out,
            &format!("{name} {expected}"),
            given.map(|given| holds(name, expected, given)),
        );
    }
    insta::assert_snapshot!(out);
}
