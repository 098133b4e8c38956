//! Policies as a whole: the grammar, a matrix of principals, actions and resources, and properties
//! that hold for all policies. Parts of the language are tested beside their code.
//!
//! Promise R6: what is not allowed is denied, and a deny is final.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::{Kind, Policy, PolicySyntax, TEXT_LEN_MAX};
use super::evaluate::{
    Context, Decision, IdentityDecision, Lookup, Principal, PrincipalKind, Refusal, Request,
    ResourceMode, Untold, cross_account, identity, same_account,
};

/// Condition keys with their values; a key with no values is known and absent.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    pub fn new(keys: &[(&str, &[&str])]) -> Self {
        let owned = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect();
        Self(keys.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect())
    }
}

impl Context for Keys {
    fn lookup(&self, key: &str) -> Lookup<'_> {
        match self.0.get(key).map(Vec::as_slice) {
            None => Lookup::Unknown,
            Some([]) => Lookup::Absent,
            Some([value]) => Lookup::One(Cow::Borrowed(value)),
            Some(values) => {
                Lookup::Many(values.iter().map(|v| Cow::Borrowed(v.as_str())).collect())
            }
        }
    }
}

const ACCOUNT: &str = "111122223333";
const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/app/reader";
const ROOT: Principal<'_> = principal(PrincipalKind::Root, "arn:aws:iam::111122223333:root");
const ANN: Principal<'_> = principal(PrincipalKind::User, "arn:aws:iam::111122223333:user/ann");
const ROLE: Principal<'_> = principal(PrincipalKind::Role, ROLE_ARN);
const SESSION: Principal<'_> = Principal {
    role_arn: Some(ROLE_ARN),
    ..principal(PrincipalKind::Session, "arn:aws:sts::111122223333:assumed-role/reader/s1")
};
const SERVICE: Principal<'_> =
    Principal { account: "", ..principal(PrincipalKind::Service, "secretsmanager.amazonaws.com") };
const OTHER: Principal<'_> = Principal {
    account: "444455556666",
    ..principal(PrincipalKind::User, "arn:aws:iam::444455556666:user/ann")
};

const fn principal(kind: PrincipalKind, arn: &str) -> Principal<'_> {
    Principal { arn, account: ACCOUNT, kind, role_arn: None }
}

const GET: &str = "secretsmanager:GetSecretValue";
const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf";

/// Asks one policy about reading the secret.
fn ask(policy: &Policy, principal: &Principal<'_>) -> Decision {
    policy.decide(&Request {
        principal,
        action: GET,
        resource: Some(SECRET),
        context: &Keys::new(&[]),
    })
}

fn identity_policy(statements: &Value) -> Policy {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse_identity(&text).unwrap()
}

fn resource_policy(statements: &Value) -> Policy {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse_resource(&text).unwrap()
}

/// A policy that allows everything to the principals of a `Principal` element.
fn allow_to(principals: &Value) -> Policy {
    resource_policy(
        &json!({"Effect": "Allow", "Principal": principals, "Action": "*", "Resource": "*"}),
    )
}

fn everything() -> Policy {
    identity_policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))
}

/// Who a `Principal` element names: D directly, A by account, - not.
#[test]
fn matrix_of_principals() {
    let everyone = [&ROOT, &ANN, &ROLE, &SESSION, &SERVICE, &OTHER];
    for (principals, expected) in [
        (json!("*"), "DDDDDD"),
        (json!({"AWS": "*"}), "DDDDDD"),
        (json!({"AWS": ACCOUNT}), "DAAA--"),
        (json!({"AWS": ROOT.arn}), "DAAA--"),
        (json!({"AWS": ANN.arn}), "-D----"),
        (json!({"AWS": [ANN.arn, ACCOUNT]}), "DDAA--"),
        (json!({"AWS": ROLE_ARN}), "--DD--"),
        (json!({"AWS": SESSION.arn}), "---D--"),
        (json!({"AWS": "arn:aws:sts::111122223333:assumed-role/reader/s2"}), "------"),
        (json!({"AWS": "arn:aws:iam::111122223333:role/reader"}), "------"),
        (json!({"AWS": "arn:aws:iam::111122223333:user/Ann"}), "------"),
        (json!({"AWS": "444455556666"}), "-----A"),
        (json!({"AWS": OTHER.arn}), "-----D"),
        (json!({"AWS": "AIDA1234567890ABCDEFG"}), "------"),
        (json!({"Service": SERVICE.arn}), "----D-"),
        (json!({"Service": "kms.amazonaws.com", "AWS": OTHER.arn}), "-----D"),
        (json!({"Federated": "accounts.google.com"}), "------"),
    ] {
        let policy = allow_to(&principals);
        let row: String = everyone
            .iter()
            .map(|principal| match ask(&policy, principal) {
                Decision::Allow => 'D',
                Decision::AllowDelegated => 'A',
                Decision::Silent => '-',
                Decision::ExplicitDeny => '!',
            })
            .collect();
        assert_eq!(row, expected, "{principals}");
    }
}

/// Whom a `NotPrincipal` element spares.
#[test]
fn not_principal_spares_only_the_fully_named() {
    for (spared, expected) in [
        (json!({"AWS": ACCOUNT}), "-!!!!!"),
        (json!({"AWS": [ACCOUNT, ANN.arn]}), "--!!!!"),
        (json!({"AWS": ANN.arn}), "!!!!!!"),
        (json!({"AWS": [ACCOUNT, ROLE_ARN]}), "-!-!!!"),
        (json!({"AWS": [ACCOUNT, SESSION.arn]}), "-!!!!!"),
        (json!({"AWS": [ACCOUNT, ROLE_ARN, SESSION.arn]}), "-!--!!"),
        (json!({"Service": SERVICE.arn}), "!!!!-!"),
    ] {
        let policy = resource_policy(&json!([
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "NotPrincipal": spared, "Action": "*", "Resource": "*"},
        ]));
        let row: String = [&ROOT, &ANN, &ROLE, &SESSION, &SERVICE, &OTHER]
            .iter()
            .map(|principal| match ask(&policy, principal) {
                Decision::ExplicitDeny => '!',
                _ => '-',
            })
            .collect();
        assert_eq!(row, expected, "{spared}");
    }
}

#[test]
fn matrix_of_actions_and_resources() {
    for (action, resource, expected) in [
        (json!("*"), json!("*"), true),
        (json!("*:*"), json!("*"), true),
        (json!("secretsmanager:*"), json!("*"), true),
        (json!("SecretsManager:getsecretvalue"), json!(SECRET), true),
        (json!("secretsmanager:Get*Val??"), json!("arn:aws:secretsmanager:*"), true),
        (json!(["kms:Decrypt", GET]), json!(["arn:aws:kms:*:*:key/*", SECRET]), true),
        (json!("secretsmanager:Get*"), json!("arn:*:prod/*"), true),
        (json!("*"), json!("arn:aws:secretsmanager:*:111122223333:secret:prod*"), true),
        (json!("kms:*"), json!("*"), false),
        (json!("secretsmanager:GetSecretValu"), json!("*"), false),
        (json!("secretsmanager:GetSecretValue?"), json!("*"), false),
        (json!("*"), json!("arn:aws:secretsmanager:*:secret:PROD/*"), false),
        (json!("*"), json!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod"), false),
    ] {
        let allow = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        let decision = ask(&identity_policy(&allow), &ANN);
        assert_eq!(decision == Decision::Allow, expected, "{action} {resource}");

        let both = json!([
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": resource},
        ]);
        let decision = ask(&identity_policy(&both), &ANN);
        assert_eq!(decision == Decision::ExplicitDeny, expected, "{action} {resource}");

        for negated in [
            json!({"Effect": "Allow", "NotAction": action, "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "*", "NotResource": resource}),
        ] {
            let matched_by_other =
                ask(&identity_policy(&negated.clone()), &ANN) == Decision::Silent;
            let (key, list) = match negated.get("NotAction") {
                Some(list) => ("Action", list),
                None => ("Resource", &negated["NotResource"]),
            };
            let mut plain = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            plain[key] = list.clone();
            let matched = ask(&identity_policy(&plain), &ANN) == Decision::Allow;
            assert_eq!(matched, matched_by_other, "{negated}");
        }
    }
}

#[test]
fn a_later_and_broader_deny_wins() {
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
    let exact = json!({"Effect": "Allow", "Principal": {"AWS": ANN.arn}, "Action": GET, "Resource": SECRET});
    for statements in [json!([deny, exact]), json!([exact, deny]), json!([exact, deny, exact])] {
        assert_eq!(ask(&resource_policy(&statements), &ANN), Decision::ExplicitDeny);
    }
}

/// An `Allow` with something unknown never applies, a `Deny` with it always does.
#[test]
fn what_is_unknown_denies() {
    for condition in [
        json!({"StringEquals": {"no:such": "x"}}),
        json!({"StringNotEquals": {"no:such": "x"}}),
        json!({"StringEqualsIfExists": {"no:such": "x"}}),
        json!({"ForAllValues:StringEquals": {"no:such": "x"}}),
        json!({"Null": {"no:such": "true"}}),
        json!({"Null": {"no:such": "false"}}),
        json!({"StringResembles": {"aws:username": "ann"}}),
        json!({"StringLike": {"aws:username": "${no:such}"}}),
    ] {
        let keys = Keys::new(&[("aws:username", &["ann"])]);
        let request =
            Request { principal: &ANN, action: GET, resource: Some(SECRET), context: &keys };
        let allow =
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
        assert_eq!(identity_policy(&allow).decide(&request), Decision::Silent, "{condition}");

        let deny =
            json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
        assert_eq!(identity_policy(&deny).decide(&request), Decision::ExplicitDeny, "{condition}");

        let mut other = condition.clone();
        other["StringEquals"]["aws:username"] = json!("bob");
        for (element, value) in
            [("Action", json!("kms:*")), ("Resource", json!("arn:x")), ("Condition", other)]
        {
            let mut deny =
                json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
            deny[element] = value;
            assert_eq!(identity_policy(&deny.clone()).decide(&request), Decision::Silent, "{deny}");
        }
    }
}

#[test]
fn a_resource_variable_without_a_value_allows_nothing() {
    let keys = Keys::new(&[("aws:username", &[])]);
    let request = Request { principal: &ROLE, action: GET, resource: Some(SECRET), context: &keys };
    let variable = "arn:aws:secretsmanager:*:*:secret:${aws:username}*";
    for (effect, element, expected) in [
        ("Allow", "Resource", Decision::Silent),
        ("Allow", "NotResource", Decision::Silent),
        ("Deny", "Resource", Decision::Silent),
        ("Deny", "NotResource", Decision::ExplicitDeny),
    ] {
        let policy = identity_policy(&json!({"Effect": effect, "Action": "*", element: variable}));
        assert_eq!(policy.decide(&request), expected, "{effect} {element}");
    }
}

#[test]
fn a_name_with_wildcards_reaches_only_itself() {
    let policy = identity_policy(
        &json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s:::${aws:username}/x"}),
    );
    let keys = Keys::new(&[("aws:username", &["*"])]);
    let decide = |resource: &str| {
        let resource = Some(resource);
        policy.decide(&Request { principal: &ANN, action: GET, resource, context: &keys })
    };
    assert_eq!(decide("arn:aws:s:::*/x"), Decision::Allow);
    assert_eq!(decide("arn:aws:s:::bob/x"), Decision::Silent);
}

/// Nothing is told of the resource and the circumstances: only what depends on neither allows, and
/// whatever might deny does.
#[test]
fn untold_resources_and_circumstances() {
    let untold = Request { principal: &ANN, action: GET, resource: None, context: &Untold };
    let decide = |statements: Value| resource_policy(&statements).decide(&untold);
    let everyone = |rest: Value| {
        let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "*"});
        statement.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        statement
    };
    let mine = json!({"StringEquals": {"aws:username": "ann"}});
    let unknown = json!({"Resource": "*", "Condition": mine});
    assert_eq!(decide(json!([everyone(json!({"Resource": "*"}))])), Decision::Allow);
    for rest in [json!({"Resource": SECRET}), json!({"NotResource": SECRET})] {
        assert_eq!(decide(json!([everyone(rest.clone())])), Decision::Silent, "{rest}");
    }
    assert_eq!(decide(json!([everyone(unknown.clone())])), Decision::Silent);
    for (rest, denied) in [
        (json!({"Effect": "Deny", "Resource": SECRET}), true),
        (json!({"Effect": "Deny", "NotResource": SECRET}), true),
        (json!({"Effect": "Deny", "Resource": "*", "Condition": mine}), true),
        (json!({"Effect": "Deny", "Resource": "*", "Action": "kms:*"}), false),
    ] {
        let decision = decide(json!([everyone(json!({"Resource": "*"})), everyone(rest.clone())]));
        let expected = if denied { Decision::ExplicitDeny } else { Decision::Allow };
        assert_eq!(decision, expected, "{rest}");
    }
}

/// Identity policies x resource policy x mode, within the account and across accounts.
#[test]
fn matrix_of_both_sides() {
    use Refusal::{IdentityDeny, NoIdentityAllow, NoResourceAllow, ResourceDeny};
    let deny = identity_policy(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
    let identities = [vec![], vec![everything()], vec![everything(), deny]];
    let direct = allow_to(&json!({"AWS": ANN.arn}));
    let delegated = allow_to(&json!({"AWS": ACCOUNT}));
    let silent = allow_to(&json!({"AWS": OTHER.arn}));
    let denied = resource_policy(&json!([
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Action": "*", "Resource": "*"},
    ]));
    let resources = [None, Some(&silent), Some(&delegated), Some(&direct), Some(&denied)];
    let none = Err(NoIdentityAllow);
    let gate = Err(NoResourceAllow);
    let identity = Err(IdentityDeny);
    let resource = Err(ResourceDeny);
    let expected = [
        ([none, none, none, Ok(()), resource], [gate, gate, none, Ok(()), resource]),
        ([Ok(()), Ok(()), Ok(()), Ok(()), resource], [gate, gate, Ok(()), Ok(()), resource]),
        ([identity; 5], [identity; 5]),
    ];
    let across =
        [[gate, gate, none, none, resource], [gate, gate, Ok(()), Ok(()), resource], [identity; 5]];
    let keys = Keys::new(&[]);
    let request = Request { principal: &ANN, action: GET, resource: Some(SECRET), context: &keys };
    for ((policies, (grants, gates)), across) in identities.iter().zip(expected).zip(across) {
        for (n, policy) in resources.into_iter().enumerate() {
            let same = |mode| same_account(policies, policy, mode, &request);
            assert_eq!(same(ResourceMode::Grants), grants[n], "{} {n}", policies.len());
            assert_eq!(same(ResourceMode::Gate), gates[n], "{} {n}", policies.len());
            assert_eq!(
                cross_account(policies, policy, &request),
                across[n],
                "{} {n}",
                policies.len()
            );
        }
    }
}

#[test]
fn root_needs_no_identity_policy_but_passes_the_gate() {
    let keys = Keys::new(&[]);
    let request = Request { principal: &ROOT, action: GET, resource: Some(SECRET), context: &keys };
    let to_ann = allow_to(&json!({"AWS": ANN.arn}));
    let to_account = allow_to(&json!({"AWS": ACCOUNT}));
    let deny = resource_policy(
        &json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}),
    );
    let ask = |policy, mode| same_account([], policy, mode, &request);
    assert_eq!(identity([], &request), IdentityDecision::Allow);
    assert_eq!(ask(None, ResourceMode::Grants), Ok(()));
    assert_eq!(ask(Some(&to_ann), ResourceMode::Grants), Ok(()));
    assert_eq!(ask(Some(&deny), ResourceMode::Grants), Err(Refusal::ResourceDeny));
    assert_eq!(ask(Some(&to_account), ResourceMode::Gate), Ok(()));
    assert_eq!(ask(Some(&to_ann), ResourceMode::Gate), Err(Refusal::NoResourceAllow));
    assert_eq!(ask(None, ResourceMode::Gate), Err(Refusal::NoResourceAllow));
}

#[test]
fn a_policy_of_the_wrong_kind_allows_nothing() {
    let keys = Keys::new(&[]);
    let request = Request { principal: &ANN, action: GET, resource: Some(SECRET), context: &keys };
    let resource = allow_to(&json!("*"));
    assert_eq!(identity([&resource], &request), IdentityDecision::ImplicitDeny);
    assert_eq!(
        same_account([], Some(&everything()), ResourceMode::Gate, &request),
        Err(Refusal::NoResourceAllow)
    );
}

#[test]
fn grammar_that_is_accepted() {
    for statement in [
        json!({"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": ["*"]}),
        json!({"Effect": "Deny", "NotAction": ["kms:*"], "NotResource": "arn:aws:x", "Condition": {}}),
        json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
    ] {
        for version in ["2012-10-17", "2008-10-17"] {
            let text = json!({"Version": version, "Id": "i", "Statement": statement}).to_string();
            assert_eq!(Policy::parse_identity(&text).unwrap().kind(), Kind::Identity);
        }
        assert!(Policy::parse_identity(&json!({"Statement": statement}).to_string()).is_ok());
    }
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": ["*", ACCOUNT, ANN.arn, "AROA1234567890ABCDEFG"],
            "Service": "ec2.amazonaws.com",
            "Federated": "arn:aws:iam::111122223333:oidc-provider/example.org"},
        "Condition": {"StringEquals": {"example.org:aud": ["a", "b"]}}}});
    assert_eq!(Policy::parse_trust(&trust.to_string()).unwrap().kind(), Kind::Trust);
    let escaped =
        r#"{"Statement": {"Sid": "a:\":{[", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    assert!(Policy::parse_identity(escaped).is_ok());
}

#[test]
fn documents_that_are_refused() {
    use PolicySyntax as P;
    let allow = r#""Effect":"Allow","Action":"*","Resource":"*""#;
    for (text, error) in [
        (String::new(), P::NotJson),
        ("{".into(), P::NotJson),
        ("[]".into(), P::Malformed),
        ("{}".into(), P::NoStatement),
        (r#"{"Statement": []}"#.into(), P::NoStatement),
        (r#"{"Statement": "x"}"#.into(), P::Malformed),
        (r#"{"Statement": [1]}"#.into(), P::Malformed),
        (r#"{"Version": "2012-10-18", "Statement": {}}"#.into(), P::Version),
        (r#"{"Version": null, "Statement": {}}"#.into(), P::Version),
        (r#"{"version": "2012-10-17", "Statement": {}}"#.into(), P::UnknownElement),
        (format!(r#"{{"Id": 1, "Statement": {{{allow}}}}}"#), P::Malformed),
        (format!(r#"{{"Statement": {{{allow}, "Sid": 1}}}}"#), P::Malformed),
        (format!(r#"{{"Statement": {{{allow}, "resource": "*"}}}}"#), P::UnknownElement),
        (format!(r#"{{"Statement": {{{allow}, "Effect": "Deny"}}}}"#), P::Duplicate),
        (format!(r#"{{"Statement": {{{allow}}}, "Statement": {{{allow}}}}}"#), P::Duplicate),
        (
            format!(
                r#"{{"Statement": {{{allow}, "Condition": {{"Bool": {{"a": "true", "a": "true"}}}}}}}}"#
            ),
            P::Duplicate,
        ),
        (format!(r#"{{"Statement": {{{allow}, "Principal": "*"}}}}"#), P::Principal),
        (format!(r#"{{"Statement": {{{allow}, "NotAction": "*"}}}}"#), P::Action),
        (format!(r#"{{"Statement": {{{allow}, "NotResource": "*"}}}}"#), P::Resource),
        (r#"{"Statement": {"Action": "*", "Resource": "*"}}"#.into(), P::Effect),
        (r#"{"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}"#.into(), P::Effect),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#.into(), P::Action),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*"}}"#.into(), P::Resource),
        (format!("{}{}", "[".repeat(7), "]".repeat(7)), P::TooDeep),
        ("[".repeat(20_000), P::TooDeep),
        (" ".repeat(TEXT_LEN_MAX + 1), P::TooLong),
    ] {
        let head: String = text.chars().take(100).collect();
        assert_eq!(Policy::parse_identity(&text), Err(error), "{head}");
    }
}

#[test]
fn elements_that_are_refused() {
    use PolicySyntax as P;
    for (element, values, error) in [
        (
            "Action",
            json!(["", "kms", "kms:", ":Get", "s*:Get", "kms:A:B", "kms:Gét", "*a"]),
            P::Action,
        ),
        (
            "Resource",
            json!(["", "x", "**", "secret:*", "ARN:aws:x", "a".repeat(3000)]),
            P::Resource,
        ),
        ("Resource", json!(["arn:${", "arn:${}"]), P::Variable),
    ] {
        for value in values.as_array().unwrap() {
            let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            for value in [value.clone(), json!(["*", value]), json!([])] {
                statement[element] = value.clone();
                let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
                let refused = Policy::parse_identity(&text).unwrap_err();
                assert!(refused == error || value == json!([]), "{value}");
            }
        }
    }
    let arn = |rest: &str| format!("arn:aws:{rest}");
    for bad in [
        json!(null),
        json!(ANN.arn),
        json!({}),
        json!({"AWS": []}),
        json!({"AWS": [1]}),
        json!({"AWS": "11112222333"}),
        json!({"AWS": "ann"}),
        json!({"AWS": arn("iam::111122223333:user/*")}),
        json!({"AWS": arn("iam::111122223333:user/")}),
        json!({"AWS": arn("iam::111122223333:group/a")}),
        json!({"AWS": arn("iam::*:root")}),
        json!({"AWS": arn("iam:eu-west-1:111122223333:root")}),
        json!({"AWS": arn("iam::111122223333:root/a")}),
        json!({"AWS": arn("sts::111122223333:assumed-role/a")}),
        json!({"AWS": "arn::iam::111122223333:root"}),
        json!({"Service": "*"}),
        json!({"Federated": "*"}),
        json!({"CanonicalUser": "x"}),
        json!({"*": "*"}),
    ] {
        let statement =
            json!({"Effect": "Allow", "Principal": bad, "Action": "*", "Resource": "*"});
        let text = json!({"Statement": statement}).to_string();
        assert_eq!(Policy::parse_resource(&text), Err(P::Principal), "{bad}");
    }
    let refused = |parse: fn(&str) -> Result<Policy, P>, statement: Value| {
        parse(&json!({"Statement": statement}).to_string()).unwrap_err()
    };
    let plain = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    assert_eq!(refused(Policy::parse_resource, plain), P::Principal);
    let all_but = json!({"Effect": "Allow", "NotPrincipal": {"AWS": ACCOUNT}, "Action": "*", "Resource": "*"});
    assert_eq!(refused(Policy::parse_resource, all_but), P::NotPrincipalAllows);
    let nobody = json!({"Effect": "Deny", "NotPrincipal": "*", "Action": "*", "Resource": "*"});
    assert_eq!(refused(Policy::parse_resource, nobody), P::Principal);
    let trust = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    assert_eq!(refused(Policy::parse_trust, trust), P::Resource);
}

/// Scalars of which arbitrary documents are made: words of the language and others.
fn scalar() -> impl Strategy<Value = Value> {
    let words = [
        "*",
        "Allow",
        "Deny",
        "2012-10-17",
        GET,
        "kms:*",
        "arn:aws:*",
        SECRET,
        "${aws:username}",
        "${",
        "10.0.0.0/8",
        "2024-01-01",
        "1",
        "true",
        ACCOUNT,
        ANN.arn,
        "ann",
        "QQ==",
    ];
    prop_oneof![
        8 => prop::sample::select(words.to_vec()).prop_map(Value::from),
        1 => ".{0,6}".prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "Version",
        "Statement",
        "Effect",
        "Action",
        "Resource",
        "Condition",
        "Principal",
        "AWS",
        "StringLike",
        "Bool",
        "aws:username",
        "NumericLessThan",
        "x",
    ];
    scalar().prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..5)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// Well-formed statements, with conditions of all operators.
fn any_statement() -> impl Strategy<Value = Value> {
    let operators = [
        "StringEquals",
        "StringNotLike",
        "ForAllValues:StringLike",
        "ForAnyValue:ArnLike",
        "Null",
        "NumericLessThanIfExists",
        "DateGreaterThan",
        "IpAddress",
        "NotIpAddress",
        "Bool",
        "Other",
    ];
    let keys = ["aws:username", "aws:sourceip", "aws:TagKeys", "aws:userid", "no:such"];
    let operator = prop::sample::select(operators.to_vec());
    let condition = prop::collection::btree_map(
        operator,
        prop::collection::btree_map(prop::sample::select(keys.to_vec()), scalar(), 1..3),
        0..3,
    );
    let effect = prop::sample::select(vec!["Allow", "Deny"]);
    let action = prop::sample::select(vec!["*", GET, "kms:*", "secretsmanager:get*"]);
    let resource = prop::sample::select(vec!["*", SECRET, "arn:aws:*", "arn:${aws:username}:*"]);
    let principal =
        prop_oneof![Just(json!("*")), Just(json!({"AWS": ACCOUNT})), Just(json!({"AWS": ANN.arn}))];
    (effect, action, any::<[bool; 2]>(), resource, principal, condition).prop_map(
        |(effect, action, [not_action, not_resource], resource, principal, condition)| {
            let action_name = if not_action { "NotAction" } else { "Action" };
            let resource_name = if not_resource { "NotResource" } else { "Resource" };
            json!({"Effect": effect, action_name: action, resource_name: resource,
                "Principal": principal, "Condition": condition})
        },
    )
}

fn keys() -> Keys {
    Keys::new(&[
        ("aws:username", &["ann"]),
        ("aws:sourceip", &["10.0.0.1"]),
        ("aws:tagkeys", &["a", "b"]),
        ("aws:userid", &[]),
    ])
}

fn decide(statements: &[Value]) -> Option<Decision> {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let keys = keys();
    let request = Request { principal: &ANN, action: GET, resource: Some(SECRET), context: &keys };
    Policy::parse_resource(&text).ok().map(|policy| policy.decide(&request))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn parsing_never_panics(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in [Kind::Identity, Kind::Resource, Kind::Trust] {
            let _ = Policy::parse(&text, kind);
            let _ = Policy::parse(&String::from_utf8_lossy(&bytes), kind);
        }
    }

    #[test]
    fn arbitrary_json_is_an_error_or_decides(value in any_json()) {
        let keys = keys();
        let request = Request { principal: &ANN, action: GET, resource: Some(SECRET), context: &keys };
        for text in [value.to_string(), json!({"Statement": value}).to_string()] {
            for kind in [Kind::Identity, Kind::Resource, Kind::Trust] {
                if let Ok(policy) = Policy::parse(&text, kind) {
                    policy.decide(&request);
                }
            }
        }
    }

    #[test]
    fn an_allow_of_everything_allows_everything(action in "[a-z]{1,9}:[A-Za-z]{1,9}", resource in ".{0,40}") {
        let keys = keys();
        let request = Request { principal: &ANN, action: &action, resource: Some(&resource), context: &keys };
        prop_assert_eq!(everything().decide(&request), Decision::Allow);
    }

    #[test]
    fn statements_decide_in_any_order_and_denies_are_final(
        statements in prop::collection::vec(any_statement(), 1..6),
        turn in any::<prop::sample::Index>(),
    ) {
        let alone: Option<Vec<Decision>> =
            statements.iter().map(|s| decide(std::slice::from_ref(s))).collect();
        let Some(alone) = alone else {
            // One malformed statement refuses the document.
            prop_assert_eq!(decide(&statements), None);
            return Ok(());
        };
        let strongest = [Decision::ExplicitDeny, Decision::Allow, Decision::AllowDelegated]
            .into_iter()
            .find(|decision| alone.contains(decision))
            .unwrap_or(Decision::Silent);
        let mut turned = statements.clone();
        turned.rotate_left(turn.index(statements.len()));
        prop_assert_eq!(decide(&statements), Some(strongest));
        prop_assert_eq!(decide(&turned), Some(strongest));

        let mut denied = turned.clone();
        denied.insert(turn.index(turned.len() + 1), json!(
            {"Effect": "Deny", "Principal": {"AWS": ANN.arn}, "Action": GET, "Resource": SECRET}));
        prop_assert_eq!(decide(&denied), Some(Decision::ExplicitDeny));
    }

    /// PROMISE R6: what is allowed before resource and circumstances are told is allowed whatever
    /// they are, and what they deny is not allowed before.
    #[test]
    fn what_is_not_told_never_allows_more(
        statements in prop::collection::vec(any_statement(), 1..4),
    ) {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let (Some(told), Ok(policy)) = (decide(&statements), Policy::parse_resource(&text)) else {
            return Ok(());
        };
        let untold = Request { principal: &ANN, action: GET, resource: None, context: &Untold };
        let allowed = match policy.decide(&untold) {
            Decision::Allow => told == Decision::Allow,
            Decision::AllowDelegated => matches!(told, Decision::Allow | Decision::AllowDelegated),
            Decision::Silent => told != Decision::ExplicitDeny,
            Decision::ExplicitDeny => true,
        };
        prop_assert!(allowed, "{told:?} {text}");
    }

    /// Only actions and the names of keys: resources and values are compared byte by byte.
    #[test]
    fn actions_and_keys_have_no_case(flips in any::<u32>()) {
        let flip = |text: &str| -> String {
            let upper = |n: usize| flips >> (n % 32) & 1 == 1;
            text.chars().enumerate()
                .map(|(n, c)| if upper(n) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect()
        };
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": flip(GET), "Resource": "*",
            "Condition": {"StringEquals": {flip("aws:username"): "ann"}}});
        prop_assert_eq!(decide(&[statement]), Some(Decision::Allow));
    }
}
