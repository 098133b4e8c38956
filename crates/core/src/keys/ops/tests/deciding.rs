//! Conditions that decide: each `kms:` condition key in a statement that allows and in one that
//! denies, of an identity policy and of a key policy, with a value that the request has and with one
//! that it has not. What each operation tells is `conditions`'s table.

use super::*;
use crate::engine::Operation;
use crate::keys::access;
use crate::keys::grant::{Constraint, GrantOperation};
use crate::keys::ops::create_grant::{self, CreateGrant};
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::tag_resource::TagResource;
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::policy::authorized::{Demand, permit};
use crate::policy::evaluate::ResourceMode;
use crate::secrets::value::via_service;

/// A multi-Region primary with a tag and an alias.
struct Bench {
    world: World,
    key: Found,
}

fn bench() -> Bench {
    let mut world = World::new();
    let tags = Tags::from([("team".into(), "red".into())]);
    let op = CreateKey { multi_region: true, tags, ..plain() };
    let key = world.command(op).unwrap();
    create_alias(&mut world, "alias/a", &key);
    become_user(&mut world, None);
    Bench { world, key }
}

impl Bench {
    /// What an operation demands of its key, or else of whatever it asks for.
    fn of<Op: Operation>(&self, op: &Op) -> Demand {
        let cx = self.world.cx();
        let target = op.target(&cx, &self.world.store).unwrap();
        op.demands(&cx, &target).remove(0)
    }

    fn name(&self) -> KeyRef {
        named(self.key.key.id)
    }

    fn allows(&mut self, demand: &Demand, identity: &str, key_policy: &str) -> bool {
        become_user(&mut self.world, Some(identity));
        let mut demand = demand.clone();
        if let Some((policy, _)) = &mut demand.policy {
            *policy = key_policy::parse(key_policy).unwrap().compiled;
            assert_eq!(demand.policy.as_ref().unwrap().1, ResourceMode::Gate);
        }
        permit(&self.world.cx(), &self.world.store, &demand).unwrap().is_ok()
    }
}

fn encrypts(b: &Bench) -> Demand {
    let (plaintext, context) = (Plaintext::new(vec![1]), context("app", "shop"));
    b.of(&Encrypt {
        key: named("alias/a"),
        plaintext,
        context,
        algorithm: SYMMETRIC,
        dry_run: false,
    })
}

fn describes(b: &Bench) -> Demand {
    b.of(&DescribeKey { key: b.name() })
}

fn grants(b: &Bench) -> Demand {
    let operations = [GrantOperation::Decrypt, GrantOperation::Encrypt].into();
    let constraint = Some(Constraint::Subset(context("app", "shop")));
    b.of(&CreateGrant {
        key: b.name(),
        grantee: "arn:aws:iam::111122223333:user/a".parse().unwrap(),
        retiring: Some("arn:aws:iam::111122223333:user/b".parse().unwrap()),
        terms: create_grant::terms(operations, constraint).unwrap(),
        name: None,
        dry_run: false,
    })
}

fn replicates(b: &Bench) -> Demand {
    b.of(&ReplicateKey {
        key: b.name(),
        region: "us-west-2".into(),
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags: Tags::new(),
    })
}

fn moves(b: &Bench) -> Demand {
    b.of(&UpdatePrimaryRegion { key: b.name(), primary: "us-west-2".into() })
}

fn deletes(b: &Bench) -> Demand {
    b.of(&ScheduleKeyDeletion { key: b.name(), window: DeletionWindow::new(Some(7)).unwrap() })
}

fn creates(b: &Bench) -> Demand {
    b.of(&CreateKey { multi_region: true, ..plain() })
}

fn tags(b: &Bench) -> Demand {
    b.of(&TagResource { key: b.name(), tags: Tags::from([("team".into(), "blue".into())]) })
}

fn puts_policy(b: &Bench) -> Demand {
    let policy = b.key.key.policy.clone();
    b.of(&PutKeyPolicy { key: b.name(), name: None, policy, bypass_lockout_check: true })
}

/// As Secrets Manager reads a value.
fn reads(b: &Bench) -> Demand {
    let context = context("SecretARN", "s");
    let via = Some(via_service(b.world.region));
    access::demand_of_service(&b.key, "kms:Decrypt", Some(&context), via)
}

/// As a service makes a grant for one of its resources.
fn service_grants(b: &Bench) -> Demand {
    access::demand_of_service(&b.key, "kms:CreateGrant", None, Some(via_service(b.world.region)))
}

/// Who asks, operator, condition key, a value that holds and one that does not.
type Row = (fn(&Bench) -> Demand, &'static str, &'static str, &'static str, &'static str);

const SECRETS: &str = "secretsmanager.us-east-1.amazonaws.com";
const OF_OTHERS: &str = "secretsmanager.us-west-2.amazonaws.com";

const ROWS: &[Row] = &[
    (reads, "StringEquals", "kms:ViaService", SECRETS, OF_OTHERS),
    (reads, "StringNotEquals", "kms:ViaService", OF_OTHERS, SECRETS),
    (encrypts, "Null", "kms:ViaService", "true", "false"),
    (reads, "StringEquals", "kms:EncryptionContext:SecretARN", "s", "t"),
    (encrypts, "StringEquals", "kms:EncryptionContext:app", "shop", "Shop"),
    (encrypts, "Null", "kms:EncryptionContext:App", "true", "false"),
    (grants, "StringEquals", "kms:EncryptionContext:app", "shop", "office"),
    (encrypts, "ForAllValues:StringEquals", "kms:EncryptionContextKeys", "app", "App"),
    (describes, "Null", "kms:EncryptionContextKeys", "true", "false"),
    (describes, "StringEquals", "kms:CallerAccount", "111122223333", "999988887777"),
    (grants, "Bool", "kms:GrantIsForAWSResource", "false", "true"),
    (service_grants, "Bool", "kms:GrantIsForAWSResource", "true", "false"),
    (describes, "Null", "kms:GrantIsForAWSResource", "true", "false"),
    (grants, "ForAnyValue:StringEquals", "kms:GrantOperations", "Encrypt", "Sign"),
    (grants, "ForAllValues:StringLike", "kms:GrantOperations", "*crypt", "Encrypt"),
    (
        grants,
        "StringEquals",
        "kms:GrantConstraintType",
        "EncryptionContextSubset",
        "EncryptionContextEquals",
    ),
    (
        grants,
        "StringLike",
        "kms:GranteePrincipal",
        "arn:aws:iam::*:user/a",
        "arn:aws:iam::*:user/b",
    ),
    (grants, "StringLike", "kms:RetiringPrincipal", "*/b", "*/a"),
    (encrypts, "StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048"),
    (creates, "StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048"),
    (encrypts, "StringEquals", "kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    (creates, "StringEquals", "kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    (encrypts, "StringEquals", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL"),
    (creates, "StringEquals", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL"),
    (encrypts, "Bool", "kms:MultiRegion", "true", "false"),
    (creates, "Bool", "kms:MultiRegion", "true", "false"),
    (encrypts, "StringEquals", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA"),
    (creates, "StringEquals", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA"),
    (moves, "StringEquals", "kms:PrimaryRegion", "us-west-2", "us-east-1"),
    (replicates, "StringEquals", "kms:ReplicaRegion", "us-west-2", "eu-west-1"),
    (encrypts, "StringEquals", "kms:RequestAlias", "alias/a", "alias/b"),
    (describes, "Null", "kms:RequestAlias", "true", "false"),
    (describes, "ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/a", "alias/b"),
    (deletes, "NumericLessThan", "kms:ScheduleKeyDeletionPendingWindowInDays", "8", "7"),
    (puts_policy, "Bool", "kms:BypassPolicyLockoutSafetyCheck", "true", "false"),
    (describes, "StringEquals", "aws:ResourceTag/team", "red", "blue"),
    (tags, "StringEquals", "aws:RequestTag/team", "blue", "red"),
    (tags, "ForAllValues:StringEquals", "aws:TagKeys", "team", "Team"),
];

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

fn statement(effect: &str, rest: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":"kms:*","Resource":"*"{rest}}}"#)
}

#[test]
fn each_condition_key_allows_and_denies() {
    let mut b = bench();
    let root = r#","Principal":{"AWS":"111122223333"}"#;
    let (any, open) = (document(&statement("Allow", "")), document(&statement("Allow", root)));
    for (ask, operator, key, met, unmet) in ROWS {
        let demand = ask(&b);
        assert!(b.allows(&demand, &any, &open), "{key}");
        for (value, holds) in [(met, true), (unmet, false)] {
            let condition = format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#);
            let allowing = document(&statement("Allow", &condition));
            let denying =
                document(&[statement("Allow", ""), statement("Deny", &condition)].join(","));
            let what = format!("{} {operator} {key} {value}", demand.action);
            assert_eq!(b.allows(&demand, &allowing, &open), holds, "{what}");
            assert_eq!(b.allows(&demand, &denying, &open), !holds, "{what}, denied");
            // AWS: for identity policies only. And a new key has no policy yet.
            if *key == "kms:ResourceAliases" || demand.policy.is_none() {
                continue;
            }
            let condition = format!("{root}{condition}");
            let denying =
                document(&[statement("Allow", root), statement("Deny", &condition)].join(","));
            let allowing = document(&statement("Allow", &condition));
            assert_eq!(b.allows(&demand, &any, &allowing), holds, "{what}, by the key");
            assert_eq!(b.allows(&demand, &any, &denying), !holds, "{what}, denied by the key");
        }
    }
}
