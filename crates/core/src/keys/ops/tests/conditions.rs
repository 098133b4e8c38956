//! Which `kms:` condition keys each operation has, and with which value: a golden table.

use super::*;
use crate::cx::RoleSession;
use crate::engine::Operation;
use crate::keys::access;
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::grant::{Constraint, GrantOperation};
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::create_grant::{self, CreateGrant};
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::delete_alias::DeleteAlias;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::generate_data_key::{DataKeyLength, DataKeyRequest, GenerateDataKey};
use crate::keys::ops::list_grants::ListGrants;
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::re_encrypt::ReEncrypt;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::retire_grant::RetireGrant;
use crate::keys::ops::revoke_grant::RevokeGrant;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::tag_resource::TagResource;
use crate::keys::ops::untag_resource::UntagResource;
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::keys::rotation::RotationPeriod;
use crate::policy::authorized::{Demand, permit, shown};
use crate::policy::keys;
use crate::ports::{Read, StoreFault, Stored};
use crate::records::Scan;
use crate::secrets::value::via_service;
use core::fmt::Write as _;
use core::ops::ControlFlow;

/// A multi-Region primary with two aliases, and a key of one Region with none.
struct Bench {
    world: World,
    multi: Found,
    single: Found,
    out: String,
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new();
        let multi = create_multi_region(&mut world);
        let single = create(&mut world);
        for name in ["alias/a", "alias/b"] {
            create_alias(&mut world, name, &multi);
        }
        Self { world, multi, single, out: String::new() }
    }

    /// Writes what each demand of an operation has.
    fn row<Op: Operation>(&mut self, op: &Op) {
        let cx = self.world.cx();
        let target = op.target(&cx, &self.world.store).unwrap();
        for demand in op.demands(&cx, &target) {
            self.write(&demand);
        }
    }

    fn write(&mut self, demand: &Demand) {
        let cx = self.world.cx();
        let mut out = format!("\n{}", demand.action);
        let families = [
            "kms:encryptioncontext:app",
            "kms:encryptioncontext:App",
            "aws:requesttag/team",
            "aws:resourcetag/team",
            "aws:tagkeys",
        ];
        for key in keys::of_service("kms:").chain(families) {
            if let Some(value) = shown(&cx, &self.world.store, demand, key) {
                write!(out, "\n  {} {value}", key.trim_start_matches("kms:")).unwrap();
            }
        }
        self.out.push_str(&out);
    }
}

#[test]
fn what_each_operation_tells_conditions() {
    let mut b = Bench::new();
    let (multi, single) = (named(b.multi.key.id), named(b.single.key.id));
    let app = || context("app", "shop");
    let blob = encrypt(&b.world, &b.multi, app());
    let sealed = || Sealed {
        algorithm: SYMMETRIC,
        key: None,
        blob: Blob::Given(blob.clone()),
        context: app(),
        tokens: Box::default(),
    };
    let plaintext = Plaintext::new(vec![1]);
    b.row(&CreateKey { multi_region: true, ..plain() });
    b.row(&DescribeKey { key: named("alias/a") });
    b.row(&DisableKey { key: single.clone() });
    let (key, context, algorithm) = (named("alias/b"), app(), SYMMETRIC);
    b.row(&Encrypt { key, plaintext, context, algorithm, dry_run: false });
    b.row(&Decrypt { sealed: sealed(), dry_run: false });
    let length = DataKeyLength::new(None, Some(1)).unwrap();
    let (key, context) = (single.clone(), no_context());
    b.row(&GenerateDataKey(DataKeyRequest { key, context, length, dry_run: false }));
    for destination in [&multi, &single] {
        let (destination, context) = (destination.clone(), no_context());
        let (sealed, algorithm) = (sealed(), SYMMETRIC);
        b.row(&ReEncrypt { sealed, destination, context, algorithm, dry_run: false });
    }
    let operations = [GrantOperation::Encrypt, GrantOperation::Decrypt].into();
    b.row(&CreateGrant {
        key: multi.clone(),
        grantee: "arn:aws:iam::111122223333:user/a".parse().unwrap(),
        retiring: Some("arn:aws:iam::111122223333:user/b".parse().unwrap()),
        terms: create_grant::terms(operations, Some(Constraint::Equals(app()))).unwrap(),
        name: None,
        dry_run: false,
    });
    b.row(&ListGrants { key: single.clone(), id: None, grantee: None, limit: 1, after: None });
    let policy = key_policy::default_policy(b.world.region, b.world.account()).unwrap();
    let (key, name) = (single.clone(), None);
    b.row(&PutKeyPolicy { key, name, policy, bypass_lockout_check: true });
    b.row(&ReplicateKey {
        key: multi.clone(),
        region: "us-west-2".into(),
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags: Tags::new(),
    });
    b.row(&UpdatePrimaryRegion { key: multi, primary: "us-west-2".into() });
    let period = RotationPeriod::new(180);
    b.row(&EnableKeyRotation { key: single.clone(), period });
    b.row(&EnableKeyRotation { key: single.clone(), period: None });
    let window = DeletionWindow::new(Some(7)).unwrap();
    b.row(&ScheduleKeyDeletion { key: single.clone(), window });
    b.row(&CancelKeyDeletion { key: single });
    b.row(&DescribeKey { key: named("alias/none") });
    assert_eq!(b.out, GOLDEN, "{}", b.out);
}

#[test]
fn what_tags_grants_and_services_tell_conditions() {
    let mut b = Bench::new();
    let (multi, single) = (named(b.multi.key.id), named(b.single.key.id));
    let team = || Tags::from([("team".into(), "red".into())]);
    alter(&mut b.world, &b.multi.clone(), |key| key.tags = team());
    let app = || context("app", "shop");
    let terms =
        create_grant::terms([GrantOperation::Decrypt].into(), Some(Constraint::Subset(app())));
    let grant = CreateGrant {
        key: multi.clone(),
        grantee: "arn:aws:iam::111122223333:user/a".parse().unwrap(),
        retiring: None,
        terms: terms.unwrap(),
        name: None,
        dry_run: false,
    };
    let id = b.world.command(grant).unwrap().grant;
    b.row(&CreateKey { tags: team(), ..plain() });
    b.row(&TagResource { key: multi.clone(), tags: team() });
    b.row(&UntagResource { key: single.clone(), tag_keys: ["team".into(), "x".into()].into() });
    b.row(&CreateAlias { name: "alias/c".parse().unwrap(), target: single.clone() });
    b.row(&RetireGrant { key: multi.clone(), id, by_token: false, dry_run: false });
    b.row(&RevokeGrant { key: multi.clone(), id, dry_run: false });
    b.row(&ReplicateKey {
        key: multi,
        region: "us-west-2".into(),
        policy: None,
        bypass_lockout_check: true,
        description: Box::default(),
        tags: team(),
    });
    let found = stored_found(&b);
    let via = || Some(via_service(b.world.region));
    for demand in [
        access::demand_of_service(&found, "kms:GenerateDataKey", Some(&app()), via()),
        access::demand_of_service(&found, "kms:Decrypt", Some(&app()), via()),
        access::demand_of_service(&found, "kms:CreateGrant", None, via()),
    ] {
        b.write(&demand);
    }
    assert_eq!(b.out, OTHERS, "{}", b.out);
}

/// The multi-Region key as it is now.
fn stored_found(b: &Bench) -> Found {
    Found { key: stored(&b.world, &b.multi).into(), ..b.multi.clone() }
}

/// Of related keys each is what its own Region makes it.
#[test]
fn related_keys_tell_their_own_role() {
    let mut b = Bench::new();
    for (primary, role) in [("us-east-1", "PRIMARY"), ("us-west-2", "REPLICA")] {
        let shared =
            |key: &mut KmsKey| key.multi_region.as_mut().unwrap().primary = region(primary);
        alter(&mut b.world, &b.multi.clone(), shared);
        b.out.clear();
        b.row(&DescribeKey { key: named(b.multi.key.id) });
        assert!(b.out.contains(&format!("\n  multiregionkeytype {role}\n")), "{}", b.out);
    }
}

/// AWS: a session is its role, and an address is not told of what a service asks for.
#[test]
fn who_asks_and_from_where() {
    let mut b = Bench::new();
    let found = stored_found(&b);
    let tells = |world: &World, demand: &Demand, key| shown(&world.cx(), &world.store, demand, key);
    let direct = access::demand(&found, "kms:Decrypt", None, None);
    let via = Some(via_service(b.world.region));
    let by_service = access::demand_of_service(&found, "kms:Decrypt", None, via);
    let address = b.world.cx().origin.source_ip.to_string();
    assert_eq!(tells(&b.world, &direct, "aws:sourceip"), Some(address));
    assert_eq!(tells(&b.world, &by_service, "aws:sourceip"), None);
    become_user(&mut b.world, None);
    let (user, role) = (b.world.caller.arn.to_string(), "arn:aws:iam::111122223333:role/app");
    assert_eq!(tells(&b.world, &direct, "aws:principalarn"), Some(user));
    let session = RoleSession { role: role.into(), issued_at: None };
    b.world.caller.session = Some(session.into());
    assert_eq!(tells(&b.world, &direct, "aws:principalarn").as_deref(), Some(role));
}

/// A store that fails under a condition is no reason to say that nobody allowed it.
#[test]
fn a_condition_that_cannot_be_looked_up_decides_nothing() {
    struct Scanless<'a>(&'a crate::testing::Store);

    impl Read for Scanless<'_> {
        fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
            self.0.get(key)
        }

        fn scan(
            &self,
            _: &Scan,
            _: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
        ) -> Result<(), StoreFault> {
            Err(StoreFault)
        }
    }

    let mut b = Bench::new();
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/b*"}}}}"#;
    become_user(&mut b.world, Some(policy));
    let demand = access::demand(&stored_found(&b), "kms:DescribeKey", None, None);
    assert_eq!(permit(&b.world.cx(), &b.world.store, &demand), Ok(Ok(())));
    assert_eq!(permit(&b.world.cx(), &Scanless(&b.world.store), &demand), Err(StoreFault));
}

/// No key of the table is always absent: that would be a key which nobody gives.
#[test]
fn every_known_key_is_given_by_some_operation() {
    for key in keys::of_service("kms:") {
        let name = &key["kms:".len()..];
        let row = format!("\n  {name} ");
        let short = format!(" {name}=");
        let elsewhere = [pairs::FACTS, import::FACTS].iter().any(|facts| facts.contains(&short));
        assert!(GOLDEN.contains(&row) || OTHERS.contains(&row) || elsewhere, "{key}");
    }
}

/// AWS: a key is named by any of its aliases, whatever name the request has.
#[test]
fn aliases_of_the_key_are_looked_up() {
    let mut b = Bench::new();
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/b*"}}}}"#;
    become_user(&mut b.world, Some(policy));
    let describe =
        |world: &World, of: &Found| world.query(DescribeKey { key: named(of.key.id) }).map(drop);
    assert_eq!(describe(&b.world, &b.multi), Ok(()));
    assert!(matches!(describe(&b.world, &b.single), Err(Error::Denied(_))));
    b.world.caller = crate::cx::Caller::account_root(b.world.account(), b.world.region);
    b.world.command(DeleteAlias { name: "alias/b".parse().unwrap() }).unwrap();
    create_alias(&mut b.world, "alias/b2", &b.single);
    become_user(&mut b.world, Some(policy));
    assert!(matches!(describe(&b.world, &b.multi), Err(Error::Denied(_))));
    assert_eq!(describe(&b.world, &b.single), Ok(()));
}

/// The action of each demand, and below it what conditions may look at.
const GOLDEN: &str = "
kms:CreateKey
  bypasspolicylockoutsafetycheck false
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
kms:DescribeKey
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  requestalias alias/a
  resourcealiases [alias/a alias/b]
kms:DisableKey
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:Encrypt
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  requestalias alias/b
  resourcealiases [alias/a alias/b]
  encryptioncontext:app shop
kms:Decrypt
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  encryptioncontext:app shop
kms:GenerateDataKey
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:ReEncryptFrom
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  reencryptonsamekey true
  resourcealiases [alias/a alias/b]
  encryptioncontext:app shop
kms:ReEncryptTo
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  reencryptonsamekey true
  resourcealiases [alias/a alias/b]
kms:ReEncryptFrom
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  reencryptonsamekey false
  resourcealiases [alias/a alias/b]
  encryptioncontext:app shop
kms:ReEncryptTo
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
  reencryptonsamekey false
kms:CreateGrant
  calleraccount 111122223333
  encryptioncontextkeys [app]
  grantconstrainttype EncryptionContextEquals
  granteeprincipal arn:aws:iam::111122223333:user/a
  grantisforawsresource false
  grantoperations [Decrypt Encrypt]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  retiringprincipal arn:aws:iam::111122223333:user/b
  encryptioncontext:app shop
kms:ListGrants
  calleraccount 111122223333
  grantisforawsresource false
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:PutKeyPolicy
  bypasspolicylockoutsafetycheck true
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:ReplicateKey
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  replicaregion us-west-2
  resourcealiases [alias/a alias/b]
kms:CreateKey
  bypasspolicylockoutsafetycheck false
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype REPLICA
kms:UpdatePrimaryRegion
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  primaryregion us-west-2
  resourcealiases [alias/a alias/b]
kms:EnableKeyRotation
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
  rotationperiodindays 180
kms:EnableKeyRotation
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:ScheduleKeyDeletion
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
  schedulekeydeletionpendingwindowindays 7
kms:CancelKeyDeletion
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:DescribeKey
  calleraccount 111122223333";

/// As [`GOLDEN`], with tags, grants and a service in between.
const OTHERS: &str = "
kms:CreateKey
  bypasspolicylockoutsafetycheck false
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
  aws:requesttag/team red
  aws:tagkeys [team]
kms:TagResource
  calleraccount 111122223333
  aws:requesttag/team red
  aws:tagkeys [team]
kms:TagResource
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  aws:requesttag/team red
  aws:resourcetag/team red
  aws:tagkeys [team]
kms:UntagResource
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
  aws:tagkeys [team x]
kms:CreateAlias
  calleraccount 111122223333
kms:CreateAlias
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion false
kms:RetireGrant
  calleraccount 111122223333
  encryptioncontextkeys [app]
  grantconstrainttype EncryptionContextSubset
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  encryptioncontext:app shop
  aws:resourcetag/team red
kms:RevokeGrant
  calleraccount 111122223333
  grantisforawsresource false
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  aws:resourcetag/team red
kms:ReplicateKey
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  replicaregion us-west-2
  resourcealiases [alias/a alias/b]
  aws:resourcetag/team red
kms:CreateKey
  bypasspolicylockoutsafetycheck true
  calleraccount 111122223333
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype REPLICA
  aws:requesttag/team red
  aws:tagkeys [team]
kms:TagResource
  calleraccount 111122223333
  aws:requesttag/team red
  aws:tagkeys [team]
kms:GenerateDataKey
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  viaservice secretsmanager.us-east-1.amazonaws.com
  encryptioncontext:app shop
  aws:resourcetag/team red
kms:Decrypt
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  encryptioncontextkeys [app]
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  viaservice secretsmanager.us-east-1.amazonaws.com
  encryptioncontext:app shop
  aws:resourcetag/team red
kms:CreateGrant
  calleraccount 111122223333
  encryptionalgorithm SYMMETRIC_DEFAULT
  grantisforawsresource true
  keyorigin AWS_KMS
  keyspec SYMMETRIC_DEFAULT
  keyusage ENCRYPT_DECRYPT
  multiregion true
  multiregionkeytype PRIMARY
  resourcealiases [alias/a alias/b]
  viaservice secretsmanager.us-east-1.amazonaws.com
  aws:resourcetag/team red";
