//! Condition keys: which operation shows which, with what value. Whatever a row does not list must
//! be absent, because an absent key makes a positive condition of a denial void.

use super::*;
use crate::engine::Operation;
use crate::policy::authorized::{Demand, permit_by_policies};
use crate::secrets::replicas::AddReplica;
use crate::secrets::rotation::Rotation;
use crate::secrets::rotation::schedule::Given;
use crate::secrets::stages::Move;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";

/// Every key that Secrets Manager's operations may show.
const KEYS: [&str; 25] = [
    "aws:RequestTag/cost",
    "aws:ResourceTag/team",
    "aws:TagKeys",
    "secretsmanager:AddReplicaRegions",
    "secretsmanager:BlockPublicPolicy",
    "secretsmanager:Description",
    "secretsmanager:ForceDeleteWithoutRecovery",
    "secretsmanager:ForceOverwriteReplicaSecret",
    "secretsmanager:KmsKeyArn",
    "secretsmanager:KmsKeyId",
    "secretsmanager:ModifyRotationRules",
    "secretsmanager:Name",
    "secretsmanager:PolicyName",
    "secretsmanager:RecoveryWindowInDays",
    "secretsmanager:ResourceTag/team",
    "secretsmanager:RotateImmediately",
    "secretsmanager:RotationLambdaARN",
    "secretsmanager:SecretId",
    "secretsmanager:SecretPrimaryRegion",
    "secretsmanager:Type",
    "secretsmanager:VersionId",
    "secretsmanager:VersionStage",
    "secretsmanager:resource/AllowRotationLambdaArn",
    "aws:ResourceAccount",
    "aws:RequestedRegion",
];

/// A key with its values.
type Shown = (&'static str, Vec<String>);

fn shows(key: &'static str, values: &[&str]) -> Shown {
    (key, values.iter().map(ToString::to_string).collect())
}

/// What an operation demands of this world's caller.
fn demands<Op: Operation>(world: &World, op: &Op) -> Vec<Demand> {
    let target = op.target(&world.cx(), &world.store).unwrap();
    op.demands(&world.cx(), &target)
}

/// Whether a user whose only permission has this condition may do what `demand` asks.
fn allows(world: &mut World, demand: &Demand, condition: &str) -> bool {
    become_user(
        world,
        &format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{{condition}}}}}"#),
    );
    permit_by_policies(&world.cx(), demand).is_ok()
}

/// The keys of a demand are those of the row, with these values and no others.
fn check(world: &mut World, name: &str, demands: &[Demand], shown: &[Shown]) {
    assert!(!demands.is_empty());
    assert!(shown.iter().all(|(key, _)| KEYS.contains(key)), "{name}");
    for demand in demands {
        for key in KEYS {
            let values =
                shown.iter().find(|(shown, _)| *shown == key).map_or(&[][..], |row| &row.1);
            let what = format!("{name} {} {key}", demand.action);
            let absent = allows(world, demand, &format!(r#""Null":{{"{key}":"true"}}"#));
            assert_eq!(absent, values.is_empty(), "{what}");
            let equal = |value: &str| {
                format!(
                    r#""ForAllValues:StringEquals":{{"{key}":{value}}},"Null":{{"{key}":"false"}}"#
                )
            };
            if !values.is_empty() {
                let text = serde_json::to_string(values).unwrap();
                assert!(allows(world, demand, &equal(&text)), "{what}");
                for value in values {
                    let one = format!(r#""ForAnyValue:StringEquals":{{"{key}":"{value}"}}"#);
                    assert!(allows(world, demand, &one), "{what} {value}");
                }
            }
            assert!(!allows(world, demand, &equal(r#""something else""#)), "{what}");
        }
    }
}

fn adds(regions: &[&str]) -> Vec<AddReplica> {
    regions.iter().map(|r| AddReplica { region: (*r).into(), kms_key_id: None }).collect()
}

/// A tagged secret `a` with a value and a function that rotates it, and a customer's key.
fn world() -> (World, String, KeyArn) {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let tags = Some(vec![("team".into(), "red".into())]);
    world.command(CreateSecret { tags, ..create_with("a", "x") }).unwrap();
    let rotation = Rotation { function: Some(FUNCTION.into()), ..Rotation::default() };
    edit(&mut world, "a", |secret| secret.rotation = Some(rotation));
    let arn = secret(&world, "a").arn(world.scope()).to_string();
    (world, arn, key)
}

/// An operation in words, what it demands, and the keys that it shows besides those of the secret.
type Row = (&'static str, Vec<Demand>, Vec<Shown>);

fn check_on_secret(world: &mut World, arn: &str, rows: Vec<Row>) {
    for (name, demands, mut shown) in rows {
        shown.extend([
            shows("aws:ResourceAccount", &["111122223333"]),
            shows("aws:RequestedRegion", &["us-east-1"]),
            shows("secretsmanager:SecretId", &[arn]),
            shows("secretsmanager:SecretPrimaryRegion", &["us-east-1"]),
            shows("aws:ResourceTag/team", &["red"]),
            shows("secretsmanager:ResourceTag/team", &["red"]),
            shows("secretsmanager:resource/AllowRotationLambdaArn", &[FUNCTION]),
        ]);
        check(world, name, &demands, &shown);
    }
}

#[test]
fn what_reads_a_secret() {
    let (mut world, arn, _) = world();
    let version = token(1);
    let by_id = shows("secretsmanager:VersionId", &[version.as_str()]);
    let by_stage = |stage| shows("secretsmanager:VersionStage", &[stage]);
    let at_version = || GetSecretValue { version: Some(token(1)), ..get("a") };
    let at_stage = GetSecretValue { stage: Some(label("L")), ..get("a") };
    let at_both = GetSecretValue { stage: Some(label("L")), ..at_version() };
    let versions = ListSecretVersionIds {
        secret: id("a"),
        results_max: None,
        after: None,
        include_deprecated: false,
    };
    let rows = vec![
        ("get", demands(&world, &get("a")), vec![by_stage("AWSCURRENT")]),
        ("by stage", demands(&world, &at_stage), vec![by_stage("L")]),
        ("by version", demands(&world, &at_version()), vec![by_id.clone()]),
        ("by both", demands(&world, &at_both), vec![by_id, by_stage("L")]),
        ("describe", demands(&world, &DescribeSecret { secret: id("a") }), vec![]),
        ("list versions", demands(&world, &versions), vec![]),
    ];
    check_on_secret(&mut world, &arn, rows);
}

#[test]
fn what_changes_values_and_attributes() {
    let (mut world, arn, key) = world();
    let (key_id, key_arn) = (key.id.to_string(), key.to_string());
    let changed = UpdateSecret {
        description: Some("d".into()),
        kms_key_id: Some(key_id.as_str().into()),
        secret_type: Some("t".into()),
        ..update("a")
    };
    let no_key = UpdateSecret { kms_key_id: Some("alias/none".into()), ..update("a") };
    let label = Move { label: label("L"), from: None, to: Some(token(1)) };
    let labelled = UpdateSecretVersionStage { secret: id("a"), change: label };
    let tags = vec![("cost".into(), "1".into()), ("more".into(), "2".into())];
    let untag = UntagResource { secret: id("a"), keys: vec!["cost".into(), "none".into()] };
    let rows = vec![
        ("put", demands(&world, &put("a", 2, "y", &["L"])), vec![]),
        ("update nothing", demands(&world, &update("a")), vec![]),
        (
            "update",
            demands(&world, &changed),
            vec![
                shows("secretsmanager:Description", &["d"]),
                shows("secretsmanager:KmsKeyId", &[&key_id]),
                shows("secretsmanager:KmsKeyArn", &[&key_arn]),
                shows("secretsmanager:Type", &["t"]),
            ],
        ),
        (
            "update to no key",
            demands(&world, &no_key),
            vec![shows("secretsmanager:KmsKeyId", &["alias/none"])],
        ),
        ("label", demands(&world, &labelled), vec![shows("secretsmanager:VersionStage", &["L"])]),
        (
            "tag",
            demands(&world, &TagResource { secret: id("a"), tags }),
            vec![shows("aws:RequestTag/cost", &["1"]), shows("aws:TagKeys", &["cost", "more"])],
        ),
        ("untag", demands(&world, &untag), vec![shows("aws:TagKeys", &["cost", "none"])]),
    ];
    check_on_secret(&mut world, &arn, rows);
}

#[test]
fn what_replicates_and_deletes() {
    let (mut world, arn, _) = world();
    let replicate = ReplicateSecretToRegions {
        secret: id("a"),
        replicas: adds(&["us-west-2", "eu-west-1"]),
        overwrite: true,
    };
    let regions = vec!["us-west-2".parse().unwrap()];
    let remove = RemoveRegionsFromReplication { secret: id("a"), regions };
    let forced = |force| shows("secretsmanager:ForceDeleteWithoutRecovery", &[force]);
    let rows = vec![
        (
            "replicate",
            demands(&world, &replicate),
            vec![
                shows("secretsmanager:AddReplicaRegions", &["us-west-2", "eu-west-1"]),
                shows("secretsmanager:ForceOverwriteReplicaSecret", &["true"]),
            ],
        ),
        ("remove", demands(&world, &remove), vec![]),
        ("stop", demands(&world, &StopReplicationToReplica { secret: id("a") }), vec![]),
        (
            "delete",
            demands(&world, &delete("a", Some(7), false)),
            vec![shows("secretsmanager:RecoveryWindowInDays", &["7"]), forced("false")],
        ),
        ("force", demands(&world, &delete("a", None, true)), vec![forced("true")]),
        ("restore", demands(&world, &RestoreSecret { secret: id("a") }), vec![]),
    ];
    check_on_secret(&mut world, &arn, rows);
}

#[test]
fn what_rotates() {
    let (mut world, arn, _) = world();
    let rotate = |function: Option<&str>, rules, immediately| RotateSecret {
        secret: id("a"),
        token: token(2),
        function: function.map(Into::into),
        rules,
        metadata: None,
        role: None,
        immediately,
    };
    let rules = Given { after_days: Some(7), expression: None, duration: None };
    let other = "arn:aws:lambda:us-east-1:111122223333:function:other";
    // The other demand is to invoke the function.
    let first = |mut demands: Vec<Demand>| vec![demands.swap_remove(0)];
    let modifies = |is| shows("secretsmanager:ModifyRotationRules", &[is]);
    let at_once = |is| shows("secretsmanager:RotateImmediately", &[is]);
    let rows = vec![
        (
            "rotate",
            first(demands(&world, &rotate(None, None, true))),
            vec![modifies("false"), at_once("true")],
        ),
        (
            "rotate by another",
            first(demands(&world, &rotate(Some(other), Some(rules), false))),
            vec![
                modifies("true"),
                at_once("false"),
                shows("secretsmanager:RotationLambdaARN", &[other]),
            ],
        ),
        ("cancel", demands(&world, &CancelRotateSecret { secret: id("a") }), vec![]),
    ];
    check_on_secret(&mut world, &arn, rows);
}

/// AWS: the role of a rotation function may use the secrets that the function rotates, no others.
#[test]
fn a_functions_policy_reaches_the_secrets_that_it_rotates() {
    let (mut world, _, _) = world();
    world.command(create_with("b", "x")).unwrap();
    let policy = format!(
        r#"{{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*","Condition":{{"StringEquals":{{"secretsmanager:resource/AllowRotationLambdaArn":"{FUNCTION}"}}}}}}"#
    );
    become_user(&mut world, &policy);
    world.query(get("a")).unwrap();
    world.command(put("a", 2, "y", &["AWSPENDING"])).unwrap();
    assert!(matches!(world.query(get("b")), Err(Error::Denied(_))));
}

#[test]
fn what_is_about_policies() {
    let (mut world, arn, _) = world();
    let blocks = |block| shows("secretsmanager:BlockPublicPolicy", &[block]);
    let narrow = PutResourcePolicy { block_public: true, ..put_policy("a", LENIENT) };
    let list = ListResourcePolicies { secret: id("a"), results_max: None, after: None };
    let validate = ValidateResourcePolicy { secret: Some(id("a")), policy: LENIENT.into() };
    let named = || shows("secretsmanager:PolicyName", &["default"]);
    let rows = vec![
        ("put", demands(&world, &put_policy("a", LENIENT)), vec![blocks("false"), named()]),
        ("put narrow", demands(&world, &narrow), vec![blocks("true"), named()]),
        ("get", demands(&world, &get_policy("a")), vec![named()]),
        ("delete", demands(&world, &delete_policy("a")), vec![named()]),
        ("list", demands(&world, &list), vec![]),
        ("validate", demands(&world, &validate), vec![]),
    ];
    check_on_secret(&mut world, &arn, rows);
}

#[test]
fn a_new_secret_shows_what_is_asked_for_and_demands_what_comes_with_it() {
    let (mut world, _, key) = world();
    let key_arn = key.to_string();
    let common = || {
        vec![
            shows("aws:ResourceAccount", &["111122223333"]),
            shows("aws:RequestedRegion", &["us-east-1"]),
            shows("secretsmanager:Name", &["b"]),
        ]
    };
    let actions = |demands: &[Demand]| demands.iter().map(|d| d.action).collect::<Vec<_>>();
    let bare = demands(&world, &create("b"));
    assert_eq!(actions(&bare), ["secretsmanager:CreateSecret"]);
    let mut shown = common();
    shown.push(shows("secretsmanager:ForceOverwriteReplicaSecret", &["false"]));
    check(&mut world, "bare", &bare, &shown);

    let full = CreateSecret {
        description: Some("d".into()),
        kms_key_id: Some(key_arn.as_str().into()),
        secret_type: Some("t".into()),
        tags: Some(vec![("cost".into(), "1".into())]),
        replicas: adds(&["us-west-2"]),
        overwrite: true,
        ..create("b")
    };
    let full = demands(&world, &full);
    let all = [
        "secretsmanager:CreateSecret",
        "secretsmanager:TagResource",
        "secretsmanager:ReplicateSecretToRegions",
    ];
    assert_eq!(actions(&full), all);
    let mut shown = common();
    shown.extend([
        shows("secretsmanager:Description", &["d"]),
        shows("secretsmanager:KmsKeyId", &[&key_arn]),
        shows("secretsmanager:KmsKeyArn", &[&key_arn]),
        shows("secretsmanager:Type", &["t"]),
        shows("secretsmanager:ForceOverwriteReplicaSecret", &["true"]),
        shows("secretsmanager:AddReplicaRegions", &["us-west-2"]),
        shows("aws:RequestTag/cost", &["1"]),
        shows("aws:TagKeys", &["cost"]),
    ]);
    check(&mut world, "full", &full, &shown);
}

/// A replica shows its primary's Region, and a denial by Region reaches what is asked of it.
#[test]
fn replicas_show_their_primary() {
    let (mut world, arn, _) = world();
    make_replica(&mut world, "a", "us-west-2");
    let demanded = demands(&world, &DescribeSecret { secret: id("a") });
    let shown = [
        shows("aws:ResourceAccount", &["111122223333"]),
        shows("aws:RequestedRegion", &["us-east-1"]),
        shows("secretsmanager:SecretId", &[&arn]),
        shows("secretsmanager:SecretPrimaryRegion", &["us-west-2"]),
        shows("aws:ResourceTag/team", &["red"]),
        shows("secretsmanager:ResourceTag/team", &["red"]),
        shows("secretsmanager:resource/AllowRotationLambdaArn", &[FUNCTION]),
    ];
    check(&mut world, "replica", &demanded, &shown);
}

/// What a request brings with it, whatever is asked.
#[test]
fn the_circumstances_of_a_request() {
    let (mut world, _, _) = world();
    let demanded = demands(&world, &get("a"));
    for (condition, holds) in [
        (r#""IpAddress":{"aws:SourceIp":"127.0.0.0/8"}"#, true),
        (r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, false),
        (r#""NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.1"]}"#, false),
        (r#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/ann"}"#, true),
        (r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}"#, false),
        (r#""StringEquals":{"aws:PrincipalAccount":"111122223333"}"#, true),
        (r#""StringEquals":{"aws:PrincipalAccount":"444455556666"}"#, false),
        (r#""StringEquals":{"aws:PrincipalType":"User"}"#, true),
        (r#""StringEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}"#, true),
        (r#""StringNotEquals":{"aws:RequestedRegion":"us-east-1"}"#, false),
        (r#""DateEquals":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, true),
        (r#""DateLessThan":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, false),
        (r#""NumericEquals":{"aws:EpochTime":"1700000000"}"#, true),
        (r#""Bool":{"aws:SecureTransport":"true"}"#, true),
        (r#""Bool":{"aws:ViaAWSService":"false"}"#, true),
        (r#""Null":{"aws:SourceVpce":"true","aws:PrincipalOrgID":"true"}"#, true),
        (r#""StringEquals":{"aws:SourceVpce":"vpce-1"}"#, false),
        (r#""StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}"#, true),
        (r#""StringEqualsIfExists":{"aws:NoSuchKey":"x"}"#, false),
    ] {
        for demand in &demanded {
            assert_eq!(allows(&mut world, demand, condition), holds, "{condition}");
        }
    }
}
