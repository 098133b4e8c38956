//! The golden matrix of condition keys: each key that Secrets Manager's operations show, under each
//! operator of its type in each of its forms, decided for real demands of real operations.
//!
//! A condition is put into an identity policy and into the secret's own policy, as an `Allow` and as
//! a `Deny`, for a user of the owner's account and for one of another. The snapshot is read by
//! people; that every place comes to the same answer is asserted here. Promise R6.

use core::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::engine::Operation;
use crate::policy::authorized::{Demand, permit, shown};
use crate::policy::evaluate::Refusal;
use crate::secrets::ops::batch_get_secret_value::Wanted;
use crate::secrets::replicas::AddReplica;
use crate::secrets::rotation::Rotation;
use crate::secrets::rotation::schedule::Given;
use crate::secrets::search::{Search, Sort};

const OURS: &str = "111122223333";
const THEIRS: &str = "444455556666";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";
const OTHER_FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:other";

/// What is asked for, of the secret with this id.
type Ask = fn(&World, &str) -> Vec<Demand>;

fn of<Op: Operation>(world: &World, op: &Op) -> Vec<Demand> {
    let target = op.target(&world.cx(), &world.store).unwrap();
    op.demands(&world.cx(), &target)
}

/// A tagged secret `a` of ours with a value, a function that rotates it and a policy, and a secret
/// of theirs that is to be its replica.
fn world() -> World {
    let mut world = World::new();
    customer_key(&mut world, 1, KeyState::Enabled);
    let tags = Some(vec![("team".into(), "red".into())]);
    world.command(CreateSecret { tags: tags.clone(), ..create_with("a", "x") }).unwrap();
    world.command(put_policy("a", LENIENT)).unwrap();
    let rotation = Rotation { function: Some(FUNCTION.into()), ..Rotation::default() };
    edit(&mut world, "a", |secret| secret.rotation = Some(rotation));
    let primary = secret(&world, "a").arn(world.scope());
    be(&mut world, Place { cross: true, resource: false });
    let key = customer_key(&mut world, 2, KeyState::Enabled);
    let text = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    world.caller.policies = [identity(&serde_json::from_str(text).unwrap())].into();
    let copy = CreateSecret {
        tags,
        kms_key_id: Some(key.to_string().into()),
        cross_account_primary: Some(primary),
        ..create("copy")
    };
    world.command(copy).unwrap();
    world
}

/// Where a condition stands.
#[derive(Clone, Copy)]
struct Place {
    /// In the policy of the secret, and not in one of the caller.
    resource: bool,
    /// The caller is of another account.
    cross: bool,
}

const PLACES: [Place; 4] = [
    Place { resource: false, cross: false },
    Place { resource: true, cross: false },
    Place { resource: false, cross: true },
    Place { resource: true, cross: true },
];

/// Makes a user of the place's account the caller.
fn be(world: &mut World, place: Place) {
    let (account, name) = if place.cross { (THEIRS, "ben") } else { (OURS, "ann") };
    world.caller.account = account.parse().unwrap();
    world.caller.kind = PrincipalKind::User;
    world.caller.arn = format!("arn:aws:iam::{account}:user/{name}").into();
}

fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn identity(statement: &Value) -> Policy {
    Policy::parse_identity(&policy(core::slice::from_ref(statement))).unwrap()
}

/// Whether the caller may do what is demanded, if a statement with this effect and condition is in
/// this place. Everything else that the request needs is allowed.
fn decide(world: &mut World, place: Place, demand: &Demand, effect: &str, cond: &Value) -> bool {
    let here = |of_resource: bool| {
        let mut all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let mut statement =
            json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": cond});
        if of_resource {
            all["Principal"] = json!("*");
            statement["Principal"] = json!("*");
        }
        if of_resource != place.resource {
            // Within an account either policy is enough, so the other one is to say nothing.
            let nobody = json!({"Effect": "Allow", "Action": "sts:Nothing", "Resource": "*"});
            let silent = !place.cross && effect == "Allow";
            return if silent && !of_resource { vec![nobody] } else { vec![all] };
        }
        if effect == "Allow" { vec![statement] } else { vec![all, statement] }
    };
    let own = Policy::parse_identity(&policy(&here(false))).unwrap();
    world.caller.policies = [own].into();
    let mut demand = demand.clone();
    if let Some((of_secret, _)) = &mut demand.policy {
        let silent = !place.cross && effect == "Allow" && !place.resource;
        let text = if silent { LENIENT.to_owned() } else { policy(&here(true)) };
        *of_secret = Policy::parse_resource(&text).unwrap().into();
    }
    match permit(&world.cx(), &world.store, &demand).unwrap() {
        Ok(()) => true,
        Err(denied) => {
            let by_denial = matches!(denied.refusal, Refusal::IdentityDeny | Refusal::ResourceDeny);
            assert_eq!(by_denial, effect == "Deny", "{demand:?} {cond}");
            false
        }
    }
}

/// Types of keys, which say what operators there are for one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Arn,
    Bool,
    Number,
    Date,
    Address,
}

/// An operator, values of a policy that admit what a request has, and values that do not.
type Operator = (&'static str, Vec<String>, Vec<String>);

fn operators(kind: Type, given: &[String]) -> Vec<Operator> {
    let all = given.to_vec();
    let none = || vec!["none".to_owned()];
    let each = |change: fn(&String) -> String| given.iter().map(change).collect::<Vec<_>>();
    let begin = |text: &String| format!("{}*", &text[..text.len() - 1]);
    let upper = |text: &String| text.to_uppercase();
    let number = || given[0].parse::<i64>().unwrap();
    let one = |value: i64| vec![value.to_string()];
    let ordered = |names: [&'static str; 6]| {
        let (at, more, less) = (number(), number() + 1, number() - 1);
        let [equal, unequal, lt, le, gt, ge] = names;
        vec![
            (equal, one(at), one(more)),
            (unequal, one(more), one(at)),
            (lt, one(more), one(at)),
            (le, one(at), one(less)),
            (gt, one(less), one(at)),
            (ge, one(at), one(more)),
        ]
    };
    match kind {
        Type::Text => vec![
            ("StringEquals", all.clone(), none()),
            ("StringNotEquals", none(), all.clone()),
            ("StringEqualsIgnoreCase", each(upper), none()),
            ("StringNotEqualsIgnoreCase", none(), each(upper)),
            ("StringLike", each(begin), none()),
            ("StringNotLike", none(), each(begin)),
        ],
        Type::Arn => {
            let foreign = || vec!["arn:aws:none:*:*:*".to_owned()];
            vec![
                ("ArnEquals", all.clone(), foreign()),
                ("ArnNotEquals", foreign(), all.clone()),
                ("ArnLike", each(begin), foreign()),
                ("ArnNotLike", foreign(), each(begin)),
                ("StringEquals", all.clone(), none()),
                ("StringLike", each(begin), none()),
            ]
        }
        Type::Bool => {
            let other = |text: &String| (text != "true").to_string();
            vec![("Bool", all.clone(), each(other)), ("StringEquals", all, none())]
        }
        Type::Number => ordered([
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ]),
        Type::Date => ordered([
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ]),
        Type::Address => {
            let (home, away) = (vec!["127.0.0.0/8".to_owned()], vec!["192.0.2.0/24".to_owned()]);
            vec![("IpAddress", home.clone(), away.clone()), ("NotIpAddress", away, home)]
        }
    }
}

const FORMS: [&str; 6] = [
    "{}",
    "{}IfExists",
    "ForAnyValue:{}",
    "ForAnyValue:{}IfExists",
    "ForAllValues:{}",
    "ForAllValues:{}IfExists",
];

/// A key, its type, an operation that shows it and one that does not.
struct Row {
    key: &'static str,
    kind: Type,
    shows: (&'static str, Ask),
    hides: Option<(&'static str, Ask)>,
}

/// The demands of an operation, one for each place that it can have.
fn asked(world: &mut World, ask: Ask) -> Vec<(Place, Demand)> {
    let ours = Place { resource: false, cross: false };
    be(world, ours);
    let arn = secret(world, "a").arn(world.scope()).to_string();
    let mut found = Vec::new();
    for place in PLACES {
        be(world, place);
        let demand = ask(world, &arn).swap_remove(0);
        let has_policy = demand.policy.is_some();
        // What is not about a secret is asked of the caller's own account and policies only.
        if has_policy || !(place.cross || place.resource) {
            found.push((place, demand));
        }
    }
    found
}

/// One letter for what the condition comes to in all the places.
fn outcome(world: &mut World, asked: &[(Place, Demand)], cond: &Value) -> String {
    let mut letters = Vec::new();
    for (place, demand) in asked {
        be(world, *place);
        let allowed = decide(world, *place, demand, "Allow", cond);
        let denied = !decide(world, *place, demand, "Deny", cond);
        letters.push(match (allowed, denied) {
            (true, true) => 'y',
            (false, false) => '-',
            (false, true) => '?',
            (true, false) => panic!("neither denied nor refused: {cond}"),
        });
    }
    assert!(letters.windows(2).all(|pair| pair[0] == pair[1]), "{cond}: {letters:?}");
    letters[0].to_string()
}

/// The values that a demand has for a key.
fn given(world: &mut World, (place, demand): &(Place, Demand), key: &str) -> Vec<String> {
    be(world, *place);
    let text = shown(&world.cx(), &world.store, demand, key).unwrap();
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(list) => list.split(' ').map(ToOwned::to_owned).collect(),
        None => vec![text],
    }
}

#[test]
fn condition_keys() {
    let mut world = world();
    let mut out = "y it holds, - it does not, ? it cannot be known: no Allow applies, each Deny \
                   does\nLetters: a value that admits what the request has, one that does not, the \
                   request lacks the key, and, of several values, one of them is admitted\n\
                   Columns: plain, IfExists, ForAnyValue:, ForAnyValue: IfExists, ForAllValues:, \
                   ForAllValues: IfExists\n"
        .to_owned();
    for Row { key, kind, shows, hides } in rows() {
        let folded = key.to_lowercase();
        let folded = if key.contains("Tag/") { key_of_tag(key) } else { folded };
        let present = asked(&mut world, shows.1);
        let absent = hides.map(|(_, ask)| asked(&mut world, ask)).unwrap_or_default();
        for (place, demand) in &absent {
            be(&mut world, *place);
            assert_eq!(shown(&world.cx(), &world.store, demand, &folded), None, "{key}");
        }
        let without = hides.map_or(String::new(), |(name, _)| format!(", not by {name}"));
        let places = if present.len() == 4 { "both policies, two accounts" } else { "identity" };
        writeln!(out, "\n{key}: shown by {}{without}; {places}", shows.0).unwrap();
        let first = given(&mut world, &present[0], &folded);
        for (at, (name, ..)) in operators(kind, &first).into_iter().enumerate() {
            write!(out, "  {name:26}").unwrap();
            for form in FORMS {
                let operator = (at, form.replace("{}", name));
                let cell = cell(&mut world, (key, &folded, kind), &operator, &present, &absent);
                write!(out, " {cell:4}").unwrap();
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        for expected in ["true", "false"] {
            let cond = json!({"Null": {key: expected}});
            let yes = outcome(&mut world, &present, &cond);
            let absent =
                if absent.is_empty() { String::new() } else { outcome(&mut world, &absent, &cond) };
            writeln!(out, "  {:26} {yes}{yes}{absent}", format!("Null {expected}")).unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

/// What an operator, the `at`th of the type, comes to with each choice of values.
fn cell(
    world: &mut World,
    (key, folded, kind): (&str, &str, Type),
    (at, operator): &(usize, String),
    present: &[(Place, Demand)],
    absent: &[(Place, Demand)],
) -> String {
    let of = |values: &[String]| operators(kind, values).swap_remove(*at);
    let mut letters = [Vec::new(), Vec::new(), Vec::new()];
    for one in present {
        // The caller's own keys differ from place to place.
        let values = given(world, one, folded);
        let (_, yes, no) = of(&values);
        let mut tries = vec![yes, no];
        if values.len() > 1 {
            let (_, half, others) = of(&values[..1]);
            tries.push(if half == ["none"] { others } else { half });
        }
        for (letters, values) in letters.iter_mut().zip(tries) {
            let cond = json!({operator: {key: values}});
            letters.push(outcome(world, core::slice::from_ref(one), &cond));
        }
    }
    let [yes, no, half] = letters.map(|letters| {
        assert!(letters.windows(2).all(|pair| pair[0] == pair[1]), "{key} {operator}");
        letters.into_iter().next().unwrap_or_default()
    });
    let without = if absent.is_empty() {
        " ".to_owned()
    } else {
        let (_, yes, _) = of(&given(world, &present[0], folded));
        outcome(world, absent, &json!({operator: {key: yes}}))
    };
    [yes, no, without, half].concat().trim_end().to_owned()
}

/// A tag's name keeps its case.
fn key_of_tag(key: &str) -> String {
    let (family, name) = key.split_once('/').unwrap();
    format!("{}/{name}", family.to_lowercase())
}

const DESCRIBE: (&str, Ask) = ("DescribeSecret", |w, s| of(w, &DescribeSecret { secret: id(s) }));
const GET_VALUE: (&str, Ask) = ("GetSecretValue", |w, s| of(w, &get(s)));
const BY_VERSION: (&str, Ask) = ("GetSecretValue by version", |w, s| {
    of(w, &GetSecretValue { version: Some(token(1)), ..get(s) })
});
const TAG: (&str, Ask) = ("TagResource", |w, s| {
    let tags = vec![("cost".into(), "one".into()), ("more".into(), "two".into())];
    of(w, &TagResource { secret: id(s), tags })
});
const REPLICATE: (&str, Ask) = ("ReplicateSecretToRegions", |w, s| {
    let add = |region: &str| AddReplica { region: region.into(), kms_key_id: None };
    let replicas = vec![add("us-west-2"), add("eu-west-1")];
    of(w, &ReplicateSecretToRegions { secret: id(s), replicas, overwrite: true })
});
const CHANGE: (&str, Ask) = ("UpdateSecret", |w, s| {
    let key = KeyArn {
        scope: Scope { region: w.region, account: OURS.parse().unwrap() },
        id: KeyId::from_entropy([1; 16], false),
    };
    let op = UpdateSecret {
        description: Some("text".into()),
        kms_key_id: Some(key.to_string().into()),
        secret_type: Some("kind".into()),
        ..update(s)
    };
    of(w, &op)
});
const REMOVE: (&str, Ask) = ("DeleteSecret", |w, s| of(w, &delete(s, Some(7), false)));
const ROTATE: (&str, Ask) = ("RotateSecret", |w, s| {
    let rules = Given { after_days: Some(7), expression: None, duration: None };
    let op = RotateSecret {
        secret: id(s),
        token: token(2),
        function: Some(OTHER_FUNCTION.into()),
        rules: Some(rules),
        metadata: None,
        role: None,
        immediately: true,
    };
    of(w, &op)
});
const CREATE_NEW: (&str, Ask) = ("CreateSecret", |w, _| {
    let tags = Some(vec![("cost".into(), "one".into()), ("more".into(), "two".into())]);
    let replicas = vec![AddReplica { region: "us-west-2".into(), kms_key_id: None }];
    of(w, &CreateSecret { tags, replicas, ..create("new") })
});
const PUT_ITS_POLICY: (&str, Ask) = ("PutResourcePolicy", |w, s| of(w, &put_policy(s, LENIENT)));
const LIST: (&str, Ask) = ("ListSecrets", |w, _| of(w, &list_secrets()));
const BATCH: (&str, Ask) = ("BatchGetSecretValue", |w, s| of(w, &batch_of(s)));
const PASSWORD: (&str, Ask) = ("GetRandomPassword", |w, _| of(w, &random_password()));
const LINK: (&str, Ask) = ("AssociateCrossAccountReplica", |w, s| {
    of(w, &AssociateCrossAccountReplica { secret: id(s), replica: copy_of(w), role: None })
});
const UNLINK: (&str, Ask) = ("DisassociateCrossAccountReplica", |w, s| {
    of(w, &DisassociateCrossAccountReplica { secret: id(s), replica: copy_of(w) })
});

fn rows() -> Vec<Row> {
    rows_of_all_services().into_iter().chain(rows_of_the_service()).collect()
}

const fn row(
    key: &'static str,
    kind: Type,
    shows: (&'static str, Ask),
    hides: Option<(&'static str, Ask)>,
) -> Row {
    Row { key, kind, shows, hides }
}

fn rows_of_all_services() -> Vec<Row> {
    use Type::{Address, Arn, Date, Number, Text};
    vec![
        row("aws:ResourceTag/team", Text, GET_VALUE, Some(LIST)),
        row("aws:ResourceTag/team", Text, UNLINK, Some(PASSWORD)),
        row("secretsmanager:ResourceTag/team", Text, DESCRIBE, Some(BATCH)),
        row("aws:RequestTag/cost", Text, TAG, Some(DESCRIBE)),
        row("aws:RequestTag/cost", Text, CREATE_NEW, Some(LIST)),
        row("aws:TagKeys", Text, TAG, Some(DESCRIBE)),
        row("aws:TagKeys", Text, CREATE_NEW, Some(LIST)),
        row("aws:SourceIp", Address, GET_VALUE, None),
        row("aws:SourceIp", Address, PASSWORD, None),
        row("aws:PrincipalArn", Arn, GET_VALUE, None),
        row("aws:PrincipalArn", Arn, LIST, None),
        row("aws:PrincipalAccount", Text, GET_VALUE, None),
        row("aws:PrincipalAccount", Text, BATCH, None),
        row("aws:RequestedRegion", Text, GET_VALUE, None),
        row("aws:RequestedRegion", Text, LIST, None),
        row("aws:CurrentTime", Date, GET_VALUE, None),
        row("aws:CurrentTime", Date, BATCH, None),
        row("aws:EpochTime", Number, GET_VALUE, None),
    ]
}

fn rows_of_the_service() -> Vec<Row> {
    use Type::{Arn, Bool, Number, Text};
    vec![
        row("secretsmanager:AddReplicaRegions", Text, REPLICATE, Some(DESCRIBE)),
        row("secretsmanager:BlockPublicPolicy", Bool, PUT_ITS_POLICY, Some(DESCRIBE)),
        row("secretsmanager:Description", Text, CHANGE, Some(DESCRIBE)),
        row("secretsmanager:ForceDeleteWithoutRecovery", Bool, REMOVE, Some(DESCRIBE)),
        row("secretsmanager:ForceOverwriteReplicaSecret", Bool, REPLICATE, Some(DESCRIBE)),
        row("secretsmanager:KmsKeyArn", Arn, CHANGE, Some(DESCRIBE)),
        row("secretsmanager:KmsKeyId", Text, CHANGE, Some(DESCRIBE)),
        row("secretsmanager:ModifyRotationRules", Bool, ROTATE, Some(DESCRIBE)),
        row("secretsmanager:Name", Text, CREATE_NEW, Some(DESCRIBE)),
        row("secretsmanager:PolicyName", Text, PUT_ITS_POLICY, Some(DESCRIBE)),
        row("secretsmanager:RecoveryWindowInDays", Number, REMOVE, Some(DESCRIBE)),
        row("secretsmanager:resource/AllowRotationLambdaArn", Arn, GET_VALUE, Some(CREATE_NEW)),
        row("secretsmanager:RotateImmediately", Bool, ROTATE, Some(DESCRIBE)),
        row("secretsmanager:RotationLambdaARN", Arn, ROTATE, Some(DESCRIBE)),
        row("secretsmanager:SecretId", Arn, GET_VALUE, Some(BATCH)),
        row("secretsmanager:SecretId", Arn, LINK, Some(PASSWORD)),
        row("secretsmanager:SecretPrimaryRegion", Text, DESCRIBE, Some(LIST)),
        row("secretsmanager:Type", Text, CHANGE, Some(DESCRIBE)),
        row("secretsmanager:VersionId", Text, BY_VERSION, Some(GET_VALUE)),
        row("secretsmanager:VersionStage", Text, GET_VALUE, Some(BY_VERSION)),
    ]
}

/// The ARN of their secret.
fn copy_of(world: &World) -> crate::ids::SecretArn {
    let scope = Scope { region: world.region, account: THEIRS.parse().unwrap() };
    let secret = world.store.secret(scope, &"copy".parse().unwrap()).unwrap().unwrap();
    secret.arn(scope)
}

fn list_secrets() -> ListSecrets {
    let search = Search {
        filters: Vec::new(),
        include_planned_deletion: false,
        sort: Sort::Created,
        order: crate::records::Order::Ascending,
    };
    ListSecrets { search, results_max: None, after: None }
}

fn batch_of(secret: &str) -> BatchGetSecretValue {
    BatchGetSecretValue { wanted: Wanted::Listed(vec![id(secret)]), after: None }
}

fn random_password() -> GetRandomPassword {
    GetRandomPassword {
        length: 32,
        exclude_characters: "".into(),
        exclude_uppercase: false,
        exclude_lowercase: false,
        exclude_numbers: false,
        exclude_punctuation: false,
        include_space: false,
        require_each_included_type: true,
    }
}

/// Every operation, asked for with as many members as have a condition key.
fn operations() -> Vec<(&'static str, Ask)> {
    let known = rows().into_iter().flat_map(|row| [Some(row.shows), row.hides]).flatten();
    let mut all: Vec<(&str, Ask)> = Vec::new();
    for (name, ask) in known {
        if !name.contains(" by ") && all.iter().all(|(other, _)| *other != name) {
            all.push((name, ask));
        }
    }
    let rest: [(&str, Ask); 12] = [
        ("CancelRotateSecret", |w, s| of(w, &CancelRotateSecret { secret: id(s) })),
        ("DeleteResourcePolicy", |w, s| of(w, &delete_policy(s))),
        ("GetResourcePolicy", |w, s| of(w, &get_policy(s))),
        ("ListResourcePolicies", |w, s| {
            of(w, &ListResourcePolicies { secret: id(s), results_max: None, after: None })
        }),
        ("ListSecretVersionIds", |w, s| {
            let (results_max, after) = (None, None);
            of(
                w,
                &ListSecretVersionIds {
                    secret: id(s),
                    results_max,
                    after,
                    include_deprecated: false,
                },
            )
        }),
        ("PutSecretValue", |w, s| of(w, &put(s, 2, "y", &["L"]))),
        ("RemoveRegionsFromReplication", |w, s| {
            let regions = vec!["us-west-2".parse().unwrap()];
            of(w, &RemoveRegionsFromReplication { secret: id(s), regions })
        }),
        ("RestoreSecret", |w, s| of(w, &RestoreSecret { secret: id(s) })),
        ("StopReplicationToReplica", |w, s| of(w, &StopReplicationToReplica { secret: id(s) })),
        ("UntagResource", |w, s| {
            of(w, &UntagResource { secret: id(s), keys: vec!["cost".into()] })
        }),
        ("UpdateSecretVersionStage", |w, s| {
            let change =
                crate::secrets::stages::Move { label: label("L"), from: None, to: Some(token(1)) };
            of(w, &UpdateSecretVersionStage { secret: id(s), change })
        }),
        ("ValidateResourcePolicy", |w, s| {
            of(w, &ValidateResourcePolicy { secret: Some(id(s)), policy: LENIENT.into() })
        }),
    ];
    all.extend(rest);
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

/// What a demand shows: each key with its value, but for what the secret `a` itself shows always.
fn facts(world: &World, demand: &Demand, constant: &[(&str, String)]) -> Vec<String> {
    const OF_ALL: [&str; 5] = [
        "aws:requesttag/cost",
        "aws:tagkeys",
        "aws:resourcetag/team",
        "aws:resourceaccount",
        "secretsmanager:resourcetag/team",
    ];
    let keys = OF_ALL.into_iter().chain(crate::policy::keys::of_service("secretsmanager:"));
    let shown = keys
        .filter_map(|key| shown(&world.cx(), &world.store, demand, key).map(|value| (key, value)));
    let shown: Vec<_> = shown.collect();
    let of_a = !constant.is_empty() && constant.iter().all(|fact| shown.contains(fact));
    let shown = shown.into_iter().filter(|fact| !of_a || !constant.contains(fact));
    let all = of_a.then(|| "all that a shows".to_owned()).into_iter();
    all.chain(shown.map(|(key, value)| format!("{key} = {value}"))).collect()
}

/// What each operation asks leave for, and the keys that a condition finds there. A caller of
/// another account is asked the same.
#[test]
fn what_operations_demand() {
    let mut world = world();
    be(&mut world, PLACES[0]);
    let arn = secret(&world, "a").arn(world.scope()).to_string();
    let constant = [
        ("aws:resourcetag/team", "red".to_owned()),
        ("aws:resourceaccount", OURS.to_owned()),
        ("secretsmanager:resourcetag/team", "red".to_owned()),
        ("secretsmanager:resource/allowrotationlambdaarn", FUNCTION.to_owned()),
        ("secretsmanager:secretid", arn.clone()),
        ("secretsmanager:secretprimaryregion", "us-east-1".to_owned()),
    ];
    let operations = operations();
    assert_eq!(operations.len(), 26);
    let mut out = "a shows\n".to_owned();
    for (key, value) in &constant {
        writeln!(out, "    {key} = {value}").unwrap();
    }
    for (name, ask) in &operations {
        be(&mut world, PLACES[0]);
        writeln!(out, "\n{name}").unwrap();
        let ours = ask(&world, &arn);
        let told = ours.iter().map(|demand| facts(&world, demand, &constant)).collect::<Vec<_>>();
        be(&mut world, PLACES[2]);
        let theirs = ask(&world, &arn);
        assert_eq!(theirs.len(), ours.len(), "{name}");
        for (told, (demand, cross)) in told.into_iter().zip(ours.iter().zip(&theirs)) {
            let resource = if demand.resource == arn { "a" } else { &demand.resource };
            let policy = if demand.policy.is_some() { ", which its policy may allow" } else { "" };
            writeln!(out, "  {} on {resource}{policy}", demand.action).unwrap();
            for fact in &told {
                writeln!(out, "    {fact}").unwrap();
            }
            assert_eq!(demand.action, cross.action);
            assert_eq!(demand.policy.is_some(), cross.policy.is_some(), "{name}");
            let same = told.iter().map(|fact| {
                if demand.policy.is_some() || demand.action.starts_with("lambda:") {
                    fact.clone()
                } else {
                    fact.replace(OURS, THEIRS)
                }
            });
            assert_eq!(facts(&world, cross, &constant), same.collect::<Vec<_>>(), "{name}");
        }
    }
    insta::assert_snapshot!(out);
}
