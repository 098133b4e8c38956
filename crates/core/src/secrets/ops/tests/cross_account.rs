//! Replicas in another account: who must agree, what they are given, and how either side ends it.

use super::*;
use crate::cx::Caller;
use crate::ids::SecretArn;
use crate::replication::change::{Answer, Asker, Question};
use crate::replication::probe;
use crate::secrets::cross_account::LinkFlaw;
use crate::secrets::model::{LinkStatus, ReplicaFailure};
use crate::secrets::replicas::AddReplica;
use crate::secrets::value::key_arn;

const OURS: &str = "111122223333";
const THEIRS: &str = "444455556666";

/// Makes an account's root the caller.
fn become_root(world: &mut World, account: &str) {
    world.caller = Caller::account_root(account.parse().unwrap(), world.region);
}

fn arn(world: &World, name: &str) -> SecretArn {
    secret(world, name).arn(world.scope())
}

fn flaw<T: core::fmt::Debug>(result: Result<T, Error>) -> LinkFlaw {
    match result {
        Err(Error::CrossAccount(flaw)) => *flaw,
        other => panic!("{other:?}"),
    }
}

/// Lets an account use a key of theirs so.
fn let_use(world: &mut World, key: &KeyArn, account: &str, action: &str) {
    let own = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{THEIRS}"}},"Action":"kms:*","Resource":"*"}}"#
    );
    let other = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"{action}","Resource":"*"}}"#
    );
    set_key_policy(world, key, &format!("{own},{other}"));
}

/// Two accounts: ours with the secret `a`, theirs with a replica of it called `copy`, and a key.
struct Two {
    world: World,
    primary: SecretArn,
    replica: SecretArn,
    key: KeyArn,
}

impl Two {
    fn new() -> Self {
        let mut world = World::new();
        world.command(create_with("a", "x")).unwrap();
        let primary = arn(&world, "a");
        become_root(&mut world, THEIRS);
        let key = customer_key(&mut world, 1, KeyState::Enabled);
        let_use(&mut world, &key, OURS, "kms:Encrypt");
        world.command(copy_of(&primary, &key)).unwrap();
        let replica = arn(&world, "copy");
        become_root(&mut world, OURS);
        Self { world, primary, replica, key }
    }

    fn associated() -> Self {
        let mut two = Self::new();
        two.associate().unwrap();
        two
    }

    fn associate(&mut self) -> Result<LinkStatus, Error> {
        let op = associate(&self.replica);
        self.world.command(op).map(|made| made.status)
    }

    fn theirs<T>(&mut self, work: impl FnOnce(&mut World) -> T) -> T {
        let caller = self.world.caller.clone();
        become_root(&mut self.world, THEIRS);
        let done = work(&mut self.world);
        self.world.caller = caller;
        done
    }

    /// What either side says of the other.
    fn statuses(&mut self) -> (Option<LinkStatus>, Option<LinkStatus>) {
        let ours = self.ours().cross_account_replica.map(|link| link.status);
        let role = self.theirs(|world| secret(world, "copy").role);
        let theirs = match role {
            Role::CrossAccountReplica(link) => Some(link.status),
            _ => None,
        };
        (ours, theirs)
    }

    fn ours(&mut self) -> Secret {
        let caller = self.world.caller.clone();
        become_root(&mut self.world, OURS);
        let found = secret(&self.world, "a");
        self.world.caller = caller;
        found
    }

    fn set_key_state(&mut self, state: KeyState) {
        let scope = self.key.scope;
        let key = self.world.store.kms_key(scope, self.key.id).unwrap().unwrap();
        let changed = KmsKey { state, ..KmsKey::clone(&key) };
        let at = Key::KmsKey { scope, id: self.key.id };
        self.world.edit(|_, tx| tx.put(at, Record::KmsKey(changed.into())));
    }
}

fn copy_of(primary: &SecretArn, key: &KeyArn) -> CreateSecret {
    CreateSecret {
        kms_key_id: Some(key.to_string().into()),
        cross_account_primary: Some(primary.clone()),
        ..create("copy")
    }
}

fn associate(replica: &SecretArn) -> AssociateCrossAccountReplica {
    AssociateCrossAccountReplica { secret: id("a"), replica: replica.clone(), role: None }
}

fn disassociate(replica: &SecretArn) -> DisassociateCrossAccountReplica {
    DisassociateCrossAccountReplica { secret: id("a"), replica: replica.clone() }
}

fn stop(name: &str) -> StopReplicationToReplica {
    StopReplicationToReplica { secret: id(name) }
}

#[test]
fn a_replica_waits_for_its_primary() {
    let mut two = Two::new();
    assert_eq!(two.statuses(), (None, Some(LinkStatus::Pending)));
    let (primary, key) = (two.primary.clone(), two.key);
    two.theirs(|world| {
        let stage = StageLabel::current();
        assert_eq!(value(world, "copy"), Err(Error::NoVersionAtStage { stage }));
        let name = PolicyName::of_cross_account_replication();
        let policy = secret(world, "copy").policies.get(&name).unwrap().text().to_owned();
        assert!(policy.contains("arn:aws:iam::111122223333:root"), "{policy}");
        // The same request again is answered again; another one finds the name taken.
        let again = world.command(copy_of(&primary, &key)).unwrap();
        assert_eq!(again.arn, arn(world, "copy"));
        let other = SecretArn { name: "b".parse().unwrap(), ..primary.clone() };
        for taken in [copy_of(&other, &key), CreateSecret { ..create("copy") }] {
            let result = world.command(taken);
            assert!(matches!(result, Err(Error::NameExists { .. })), "{result:?}");
        }
    });
}

#[test]
fn a_replica_is_given_nothing_when_it_is_created() {
    let mut two = Two::new();
    let (primary, key) = (two.primary.clone(), two.key);
    let base = || CreateSecret { name: "b".parse().unwrap(), ..copy_of(&primary, &key) };
    let adds = vec![AddReplica { region: "us-west-2".into(), kms_key_id: None }];
    let binary = GivenValue { string: None, binary: Some(Plaintext::new(b"x".to_vec())) };
    let elsewhere = primary.in_region("us-west-2".parse().unwrap());
    let mut own = primary.clone();
    own.scope.account = THEIRS.parse().unwrap();
    two.theirs(|world| {
        world.command(create_with("first", "x")).unwrap();
        let managed = "arn:aws:kms:us-east-1:444455556666:alias/aws/secretsmanager";
        let member = |member| LinkFlaw::MemberOfPrimary { member };
        for (op, expected) in [
            (CreateSecret { value: text("x"), ..base() }, member("SecretString")),
            (CreateSecret { value: binary, ..base() }, member("SecretBinary")),
            (CreateSecret { description: Some("".into()), ..base() }, member("Description")),
            (CreateSecret { replicas: adds, ..base() }, member("AddReplicaRegions")),
            (CreateSecret { secret_type: Some("t".into()), ..base() }, member("Type")),
            (CreateSecret { kms_key_id: None, ..base() }, LinkFlaw::NeedsCustomerKey),
            (CreateSecret { kms_key_id: Some("".into()), ..base() }, LinkFlaw::NeedsCustomerKey),
            (
                CreateSecret { kms_key_id: Some(managed.into()), ..base() },
                LinkFlaw::NeedsCustomerKey,
            ),
            (
                CreateSecret { cross_account_primary: Some(elsewhere), ..base() },
                LinkFlaw::OtherRegion,
            ),
            (CreateSecret { cross_account_primary: Some(own), ..base() }, LinkFlaw::SameAccount),
        ] {
            assert_eq!(flaw(world.command(op)), expected);
        }
        assert!(world.store.secret(world.scope(), &"b".parse().unwrap()).unwrap().is_none());
        // AWS: the managed policy is attached in the caller's name.
        become_user(
            world,
            r#"{"Effect":"Allow","Action":["secretsmanager:CreateSecret","kms:*"],"Resource":"*"}"#,
        );
        let Err(Error::Denied(denied)) = world.command(base()) else { panic!() };
        assert_eq!(denied.action, "secretsmanager:PutResourcePolicy");
    });
}

#[test]
fn values_follow_under_the_replicas_own_key() {
    let mut two = Two::associated();
    assert_eq!(two.statuses(), (Some(LinkStatus::InSync), Some(LinkStatus::InSync)));
    let world = &mut two.world;
    world.command(put("a", 2, "y", &[])).unwrap();
    world.command(put("a", 3, "z", &["AWSPENDING", "blue"])).unwrap();
    world.command(UpdateSecret { description: Some("d".into()), ..update("a") }).unwrap();
    let ours = two.ours();
    let key = two.key;
    two.theirs(|world| {
        assert_eq!(value(world, "copy").unwrap(), "y");
        let stage = Some(label("blue"));
        let blue = world.query(GetSecretValue { stage, ..get("copy") }).unwrap();
        assert_eq!((blue.plaintext.expose(), blue.version), (&b"z"[..], token(3)));
        let theirs = secret(world, "copy");
        assert_eq!((&theirs.stages, theirs.version_count), (&ours.stages, 3));
        assert_eq!(theirs.description.as_deref(), Some("d"));
        for number in 1..=3 {
            let version = world
                .store
                .version(world.scope(), &theirs.name, theirs.suffix, &token(number))
                .unwrap()
                .unwrap();
            assert_eq!(key_arn(world.region, &version.value), Some(key));
        }
    });
    // A label that moves, moves there too; a version that has none any more stays readable.
    let change = crate::secrets::stages::Move {
        label: label("blue"),
        from: Some(token(3)),
        to: Some(token(1)),
    };
    two.world.command(UpdateSecretVersionStage { secret: id("a"), change }).unwrap();
    let ours = two.ours();
    two.theirs(|world| assert_eq!(secret(world, "copy").stages, ours.stages));
}

/// AWS: a rotation labels its version AWSPENDING before there is a value to be replicated.
#[test]
fn a_rotation_is_followed_step_by_step() {
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";
    let mut two = Two::associated();
    two.world.functions.insert(FUNCTION.into());
    let rotate = RotateSecret {
        secret: id("a"),
        token: token(2),
        function: Some(FUNCTION.into()),
        rules: None,
        metadata: None,
        role: None,
        immediately: true,
    };
    two.world.command(rotate).unwrap();
    let pending = StageLabel::pending();
    let same_on_both_sides = |two: &mut Two, current: &str| {
        assert_eq!(two.statuses(), (Some(LinkStatus::InSync), Some(LinkStatus::InSync)));
        let ours = two.ours();
        two.theirs(|world| {
            let theirs = secret(world, "copy");
            assert_eq!(theirs.stages, ours.stages);
            assert_eq!(theirs.version_count, ours.version_count);
            assert_eq!(value(world, "copy").unwrap(), current);
        });
        ours.stages
    };
    assert_eq!(same_on_both_sides(&mut two, "x").get(&pending), Some(&token(2)));
    two.world.command(put("a", 2, "rotated", &["AWSPENDING"])).unwrap();
    same_on_both_sides(&mut two, "x");
    let change = crate::secrets::stages::Move {
        label: StageLabel::current(),
        from: Some(token(1)),
        to: Some(token(2)),
    };
    two.world.command(UpdateSecretVersionStage { secret: id("a"), change }).unwrap();
    same_on_both_sides(&mut two, "rotated");
}

/// The id of a version that was forgotten can come back with another value.
#[test]
fn a_version_that_came_back_is_given_again() {
    let mut two = Two::associated();
    two.world.command(put("a", 2, "old", &["blue"])).unwrap();
    let (scope, ours) = (two.world.scope(), two.ours());
    let key = Key::Version { scope, name: ours.name, suffix: ours.suffix, id: token(2) };
    two.world.edit(|_, tx| tx.remove(key));
    edit(&mut two.world, "a", |secret| secret.version_count -= 1);
    two.world.pass_ms(1);
    two.world.command(put("a", 2, "new", &["blue"])).unwrap();
    two.theirs(|world| {
        let stage = Some(label("blue"));
        let found = world.query(GetSecretValue { stage, ..get("copy") }).unwrap();
        assert_eq!(found.plaintext.expose(), b"new");
        assert_eq!(secret(world, "copy").version_count, 2);
    });
}

#[test]
fn the_values_of_a_replica_are_the_primarys_to_change() {
    let mut two = Two::associated();
    two.theirs(|world| {
        let key = secret(world, "copy").policies;
        for (at, result) in every_change(world, "copy").into_iter().enumerate() {
            // Tags and policies are the account's own.
            if [3, 4, 7, 8].contains(&at) {
                assert_eq!(result, Ok(()), "{at}");
            } else if at == 9 {
                let arn = arn(world, "copy");
                assert_eq!(flaw(result), LinkFlaw::Replica { arn });
            } else {
                assert_eq!(flaw(result), LinkFlaw::OnReplica, "{at}");
            }
        }
        let forced = delete("copy", None, true);
        assert_eq!(flaw(world.command(forced)), LinkFlaw::Replica { arn: arn(world, "copy") });
        assert_eq!(secret(world, "copy").policies, key);
    });
    two.world.command(put("a", 2, "y", &[])).unwrap();
    two.theirs(|world| {
        assert_eq!(value(world, "copy").unwrap(), "y");
        assert_eq!(secret(world, "copy").tags, Some(Tags::new()));
    });
}

#[test]
fn both_accounts_must_agree() {
    let mut two = Two::new();
    let replica = two.replica.clone();
    let denied = |result: Result<LinkStatus, Error>| match result {
        Err(Error::Denied(denied)) => denied.action,
        other => panic!("{other:?}"),
    };
    // The replica's account refuses.
    let no = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"secretsmanager:Accept*","Resource":"*"}}"#;
    two.theirs(|world| world.command(put_policy("copy", no)).unwrap());
    assert_eq!(denied(two.associate()), "secretsmanager:AcceptCrossAccountReplication");
    two.theirs(|world| world.command(delete_policy("copy")).unwrap());
    // The primary's account refuses.
    let everything =
        ["AssociateCrossAccountReplica", "GetSecretValue", "AcceptCrossAccountReplication"];
    for left_out in everything {
        let rest = everything.iter().filter(|action| **action != left_out);
        let rest: Vec<_> = rest.map(|action| format!(r#""secretsmanager:{action}""#)).collect();
        let rest = rest.join(",");
        become_user(
            &mut two.world,
            &format!(r#"{{"Effect":"Allow","Action":[{rest},"kms:*"],"Resource":"*"}}"#),
        );
        assert_eq!(denied(two.associate()), format!("secretsmanager:{left_out}"));
    }
    become_root(&mut two.world, OURS);
    // A secret that is no replica of this one, and one that is not there, in another account.
    two.theirs(|world| world.command(create("alone")).unwrap());
    let alone =
        SecretArn { suffix: two.theirs(|world| secret(world, "alone").suffix), ..replica.clone() };
    let alone = SecretArn { name: "alone".parse().unwrap(), ..alone };
    assert_eq!(
        denied(two.world.command(associate(&alone)).map(|made| made.status)),
        "secretsmanager:AcceptCrossAccountReplication"
    );
    let accept = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"secretsmanager:*","Resource":"*"}}"#;
    two.theirs(|world| world.command(put_policy("alone", accept)).unwrap());
    let primary = two.primary.clone();
    assert_eq!(flaw(two.world.command(associate(&alone))), LinkFlaw::NotItsReplica { primary });
    assert_eq!(two.statuses(), (None, Some(LinkStatus::Pending)));
    assert_eq!(two.associate(), Ok(LinkStatus::InSync));
}

/// AWS: a dry run of the keys' permissions comes before the association, which changes nothing if it
/// fails.
#[test]
fn the_keys_are_tried_before_an_association() {
    let mut two = Two::new();
    let key = two.key;
    let_use(&mut two.world, &key, OURS, "kms:Decrypt");
    assert_eq!(two.associate(), Err(Error::KmsDenied));
    let_use(&mut two.world, &key, OURS, "kms:Encrypt");
    two.set_key_state(KeyState::Disabled);
    let problem = crate::keys::problem::KeyProblem::Disabled { key };
    assert_eq!(flaw(two.associate()), LinkFlaw::Key(ReplicaFailure::ReplicaKey(problem)));
    two.set_key_state(KeyState::Enabled);
    // Everybody of the account may use the managed key, but not a customer's.
    let own = customer_key(&mut two.world, 2, KeyState::Enabled);
    let kms_key_id = Some(own.to_string().into());
    two.world.command(UpdateSecret { kms_key_id, ..update("a") }).unwrap();
    for allowed in ["kms:Encrypt", "kms:Decrypt"] {
        become_user(
            &mut two.world,
            &format!(
                r#"{{"Effect":"Allow","Action":["secretsmanager:*","{allowed}"],"Resource":"*"}}"#
            ),
        );
        assert_eq!(two.associate(), Err(Error::KmsDenied), "{allowed}");
    }
    assert_eq!(two.statuses(), (None, Some(LinkStatus::Pending)));
    assert_eq!(two.theirs(|world| secret(world, "copy").version_count), 0);
    // AWS: leave to read under the primary's key and to encrypt under the replica's is enough.
    become_user(
        &mut two.world,
        r#"{"Effect":"Allow","Action":["secretsmanager:*","kms:Decrypt","kms:Encrypt"],"Resource":"*"}"#,
    );
    assert_eq!(two.associate(), Ok(LinkStatus::InSync));
}

#[test]
fn one_replica_and_the_owner_only() {
    let mut two = Two::associated();
    let (primary, key) = (two.primary.clone(), two.key);
    let second = two.theirs(|world| {
        let op = CreateSecret { name: "second".parse().unwrap(), ..copy_of(&primary, &key) };
        world.command(op).unwrap().arn
    });
    assert_eq!(flaw(two.world.command(associate(&second))), LinkFlaw::TooMany);
    assert_eq!(flaw(two.world.command(disassociate(&second))), LinkFlaw::NotAssociated);
    // Another account is let in by the primary's policy, and still does not own it.
    let policy = format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{THEIRS}"}},"Action":"secretsmanager:*","Resource":"*"}}}}"#
    );
    two.world.command(put_policy("a", &policy)).unwrap();
    let replica = two.replica.clone();
    let full = id(&primary.to_string());
    let result = two.theirs(|world| {
        world.command(AssociateCrossAccountReplica { secret: full, replica, role: None })
    });
    assert_eq!(flaw(result), LinkFlaw::NotTheOwner);
    let elsewhere = two.replica.in_region("us-west-2".parse().unwrap());
    // Whether the caller may accept is asked first: a secret elsewhere is nobody's here.
    let result = two.world.command(associate(&elsewhere));
    assert!(matches!(result, Err(Error::Denied(_))), "{result:?}");
}

/// What cannot be given fails the status, on both sides, and neither the change nor what is there.
#[test]
fn a_failed_replication_keeps_what_was_there() {
    let mut two = Two::associated();
    two.set_key_state(KeyState::Disabled);
    two.world.command(put("a", 2, "y", &[])).unwrap();
    let problem = crate::keys::problem::KeyProblem::Disabled { key: two.key };
    let failed_for = |status: Option<LinkStatus>| match status {
        Some(LinkStatus::Failed { failure, .. }) => failure,
        other => panic!("{other:?}"),
    };
    let (ours, theirs) = two.statuses();
    assert_eq!(ours, theirs);
    assert_eq!(failed_for(ours), ReplicaFailure::ReplicaKey(problem));
    assert_eq!(value(&two.world, "a").unwrap(), "y");
    two.set_key_state(KeyState::Enabled);
    two.theirs(|world| {
        assert_eq!(value(world, "copy").unwrap(), "x");
        assert_eq!(secret(world, "copy").stages.len(), 1);
    });
    // A change by somebody who may not use their key.
    become_user(
        &mut two.world,
        r#"{"Effect":"Allow","Action":["secretsmanager:*","kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}"#,
    );
    two.world.command(put("a", 3, "z", &[])).unwrap();
    let (ours, _) = two.statuses();
    let denied = matches!(
        failed_for(ours),
        ReplicaFailure::ReplicaKey(crate::keys::problem::KeyProblem::Denied { .. })
    );
    assert!(denied);
    // AWS: associating again repairs.
    become_root(&mut two.world, OURS);
    assert_eq!(two.associate(), Ok(LinkStatus::InSync));
    two.theirs(|world| {
        assert_eq!(value(world, "copy").unwrap(), "z");
        let stage = Some(StageLabel::previous());
        let previous = world.query(GetSecretValue { stage, ..get("copy") }).unwrap();
        assert_eq!(previous.plaintext.expose(), b"y");
    });
    assert_eq!(two.statuses(), (Some(LinkStatus::InSync), Some(LinkStatus::InSync)));
}

#[test]
fn the_primary_ends_it() {
    let mut two = Two::associated();
    let (primary, replica) = (two.primary.clone(), two.replica.clone());
    let refused = LinkFlaw::Associated { arn: primary.clone(), replica: replica.clone() };
    for force in [false, true] {
        assert_eq!(flaw(two.world.command(delete("a", None, force))), refused);
    }
    let ended = two.world.command(disassociate(&replica)).unwrap();
    assert_eq!((ended.arn, ended.replica), (primary.clone(), replica.clone()));
    assert_eq!(two.statuses(), (None, Some(LinkStatus::Detached)));
    assert_eq!(flaw(two.world.command(disassociate(&replica))), LinkFlaw::NotAssociated);
    two.world.command(put("a", 2, "y", &[])).unwrap();
    two.theirs(|world| {
        assert_eq!(value(world, "copy").unwrap(), "x");
        // It is no secret of its own before its own account says so.
        assert_eq!(flaw(world.command(put("copy", 4, "q", &[]))), LinkFlaw::OnReplica);
    });
    // It can be taken up again.
    assert_eq!(two.associate(), Ok(LinkStatus::InSync));
    two.theirs(|world| assert_eq!(value(world, "copy").unwrap(), "y"));
    two.world.command(disassociate(&replica)).unwrap();
    two.world.command(delete("a", None, true)).unwrap();
    two.theirs(|world| {
        world.command(stop("copy")).unwrap();
        assert_eq!(value(world, "copy").unwrap(), "y");
        world.command(put("copy", 4, "q", &[])).unwrap();
        world.command(delete("copy", None, true)).unwrap();
    });
}

#[test]
fn the_replica_ends_it() {
    let mut two = Two::associated();
    let replica = two.replica.clone();
    two.theirs(|world| {
        become_user(
            world,
            r#"{"Effect":"Allow","Action":"secretsmanager:Stop*","Resource":"*"},
               {"Effect":"Allow","Action":"secretsmanager:DeleteResourcePolicy","Resource":"*","Condition":{"StringEquals":{"secretsmanager:PolicyName":"default"}}}"#,
        );
        let Err(Error::Denied(denied)) = world.command(stop("copy")) else { panic!() };
        assert_eq!(denied.action, "secretsmanager:DeleteResourcePolicy");
        become_root(world, THEIRS);
        assert_eq!(world.command(stop("copy")), Ok(replica.clone()));
        let left = secret(world, "copy");
        assert_eq!(left.role, Role::Primary { replicas: Vec::new() });
        assert!(left.policies.merged().is_none());
        assert_eq!(world.command(stop("copy")), Err(Error::NotAReplica));
        world.command(put("copy", 2, "own", &[])).unwrap();
    });
    assert_eq!(two.statuses(), (Some(LinkStatus::Detached), None));
    two.world.command(put("a", 3, "y", &[])).unwrap();
    two.theirs(|world| assert_eq!(value(world, "copy").unwrap(), "own"));
    assert_eq!(two.statuses().0, Some(LinkStatus::Detached));
    // AWS: the primary is not deleted before its own account has ended it as well.
    assert!(matches!(
        flaw(two.world.command(delete("a", None, false))),
        LinkFlaw::Associated { .. }
    ));
    two.world.command(disassociate(&replica)).unwrap();
    two.world.command(delete("a", None, false)).unwrap();
}

const ROLE: &str = "arn:aws:iam::111122223333:role/replication";

fn trusting(who: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Service":"{who}"}},"Action":"sts:AssumeRole","Condition":{{{condition}}}}}}}"#
    )
}

/// What a role may do that replicates, in an identity policy.
const BOTH_KEYS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Decrypt","kms:Encrypt"],"Resource":"*"}}"#;

impl Two {
    /// Gives our account this role, and nobody but it the use of their key, once it is associated.
    fn with_role(trust: &str, policy: &str) -> Self {
        let mut two = Self::new();
        two.world.roles.add(ROLE, trust, &[policy]);
        two
    }

    fn associate_with(&mut self, role: &str) -> Result<LinkStatus, Error> {
        let role = Some(role.parse().unwrap());
        let op = AssociateCrossAccountReplica { role, ..associate(&self.replica) };
        self.world.command(op).map(|made| made.status)
    }
}

/// AWS: with a role, later changes need no leave of their callers for either key.
#[test]
fn a_role_replicates_for_callers_who_may_not() {
    let service = "secretsmanager.amazonaws.com";
    let mut two = Two::with_role(&trusting(service, ""), BOTH_KEYS);
    assert_eq!(two.associate_with(ROLE), Ok(LinkStatus::InSync));
    assert_eq!(two.ours().cross_account_replica.unwrap().role, Some(ROLE.parse().unwrap()));
    // Their key's policy names the role from now on, and nobody else of our account.
    let key = two.key;
    let_use(&mut two.world, &key, ROLE, "kms:Encrypt");
    let writer = r#"{"Effect":"Allow","Action":["secretsmanager:PutSecretValue","kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}"#;
    become_user(&mut two.world, writer);
    two.world.command(put("a", 2, "y", &[])).unwrap();
    assert_eq!(two.statuses(), (Some(LinkStatus::InSync), Some(LinkStatus::InSync)));
    two.theirs(|world| assert_eq!(value(world, "copy").unwrap(), "y"));
    // The caller may not encrypt there, so that an association without the role is refused.
    become_root(&mut two.world, OURS);
    assert_eq!(two.associate(), Err(Error::KmsDenied));
    assert_eq!(two.associate_with(ROLE), Err(Error::KmsDenied));
    // A role that is not trusted or not there any more fails the status, not the change.
    for roles in [vec![], vec![trusting("lambda.amazonaws.com", "")]] {
        two.world.roles.0.clear();
        for trust in &roles {
            two.world.roles.add(ROLE, trust, &[BOTH_KEYS]);
        }
        let number = 3 + u32::try_from(roles.len()).unwrap();
        two.world.command(put("a", number, "z", &[])).unwrap();
        let (ours, theirs) = two.statuses();
        assert_eq!(ours, theirs);
        let failed = |status| {
            matches!(status, Some(LinkStatus::Failed { failure: ReplicaFailure::RoleUnusable, .. }))
        };
        assert!(failed(ours));
        two.theirs(|world| assert_eq!(value(world, "copy").unwrap(), "y"));
    }
}

/// The role is there, trusts Secrets Manager for this secret, may use both keys, and may be passed.
#[test]
fn a_role_is_checked_before_it_is_taken() {
    let service = "secretsmanager.amazonaws.com";
    let source = |account: &str, name: &str| {
        format!(
            r#""StringEquals":{{"aws:SourceAccount":"{account}"}},"ArnLike":{{"aws:SourceArn":"arn:aws:secretsmanager:us-east-1:{OURS}:secret:{name}-*"}}"#
        )
    };
    for (trust, usable) in [
        (trusting(service, ""), true),
        (trusting(service, &source(OURS, "a")), true),
        (trusting(service, &source(THEIRS, "a")), false),
        (trusting(service, &source(OURS, "b")), false),
        (trusting("rds.amazonaws.com", ""), false),
    ] {
        let mut two = Two::with_role(&trust, BOTH_KEYS);
        let result = two.associate_with(ROLE);
        if usable {
            assert_eq!(result, Ok(LinkStatus::InSync));
        } else {
            let role = ROLE.parse().unwrap();
            assert_eq!(flaw(result), LinkFlaw::RoleUnusable { role });
            assert_eq!(two.statuses(), (None, Some(LinkStatus::Pending)));
        }
    }
    let mut two = Two::with_role(&trusting(service, ""), BOTH_KEYS);
    let absent = "arn:aws:iam::111122223333:role/none";
    let role = absent.parse().unwrap();
    assert_eq!(flaw(two.associate_with(absent)), LinkFlaw::RoleUnusable { role });
    // AWS: it is one of the primary's account.
    let theirs = "arn:aws:iam::444455556666:role/replication";
    let Err(Error::Denied(denied)) = two.associate_with(theirs) else { panic!() };
    assert_eq!(denied.action, "iam:PassRole");
    // Each key is asked for as the role too.
    for action in ["kms:Decrypt", "kms:Encrypt"] {
        let one = BOTH_KEYS.replace(r#"["kms:Decrypt","kms:Encrypt"]"#, &format!(r#""{action}""#));
        let mut two = Two::with_role(&trusting(service, ""), &one);
        let own = customer_key(&mut two.world, 2, KeyState::Enabled);
        let kms_key_id = Some(own.to_string().into());
        two.world.command(UpdateSecret { kms_key_id, ..update("a") }).unwrap();
        assert_eq!(two.associate_with(ROLE), Err(Error::KmsDenied), "{action}");
        assert_eq!(two.associate(), Ok(LinkStatus::InSync));
    }
}

#[test]
fn a_role_is_passed_by_those_who_may() {
    let service = "secretsmanager.amazonaws.com";
    let pass = |resource: &str, condition: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":["secretsmanager:*","kms:*"],"Resource":"*"}},
               {{"Effect":"Allow","Action":"iam:PassRole","Resource":"{resource}","Condition":{{{condition}}}}}"#
        )
    };
    let to = |service: &str| format!(r#""StringEquals":{{"iam:PassedToService":"{service}"}}"#);
    let secret =
        r#""ArnLike":{"iam:AssociatedResourceArn":"arn:aws:secretsmanager:*:*:secret:a-*"}"#;
    for (resource, condition, allowed) in [
        (ROLE, String::new(), true),
        (ROLE, to(service), true),
        (ROLE, to("lambda.amazonaws.com"), false),
        (ROLE, secret.to_owned(), true),
        (ROLE, secret.replace("a-*", "b-*"), false),
        ("arn:aws:iam::111122223333:role/other", String::new(), false),
    ] {
        let mut two = Two::with_role(&trusting(service, ""), BOTH_KEYS);
        become_user(&mut two.world, &pass(resource, &condition));
        match two.associate_with(ROLE) {
            Ok(LinkStatus::InSync) => assert!(allowed, "{resource} {condition}"),
            Err(Error::Denied(denied)) => {
                assert!(!allowed, "{resource} {condition}");
                assert_eq!((denied.action, &*denied.resource), ("iam:PassRole", ROLE));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The audit log hears of each replication to another account, in the primary's account.
#[test]
fn replications_to_another_account_are_told() {
    use crate::secrets::event::{Destination, Happening, Progress};
    let mut two = Two::new();
    let of = |two: &mut Two| {
        let events = core::mem::take(&mut two.world.store.events);
        let own = |secret: &SecretArn| *secret == two.primary;
        assert!(events.iter().all(|event| own(&event.secret)));
        events.into_iter().map(|event| event.what).collect::<Vec<_>>()
    };
    let told = |two: &Two, progress| Happening::Replication {
        to: Destination::Account(two.replica.clone()),
        progress,
    };
    assert_eq!(of(&mut two), []);
    two.associate().unwrap();
    let whole = [told(&two, Progress::Started), told(&two, Progress::Succeeded)];
    assert_eq!(of(&mut two), whole);
    two.set_key_state(KeyState::Disabled);
    two.world.command(put("a", 2, "y", &[])).unwrap();
    let last = of(&mut two).pop();
    let failed = |happening: &Happening| {
        matches!(happening, Happening::Replication { progress: Progress::Failed { .. }, .. })
    };
    assert!(last.as_ref().is_some_and(failed), "{last:?}");
    let replica = two.replica.clone();
    two.world.command(disassociate(&replica)).unwrap();
    two.world.command(put("a", 3, "z", &[])).unwrap();
    assert_eq!(of(&mut two), []);
}

/// A secret that is tied to another account is not overwritten by a replica from another Region.
#[test]
fn neither_is_overwritten_from_another_region() {
    let mut two = Two::associated();
    let stands = |world: &World, name: &str| {
        let arn = SecretArn { suffix: "zzzzzz".parse().unwrap(), ..arn(world, name) };
        let arn = arn.in_region("us-west-2".parse().unwrap());
        let caller = Asker::of(&world.caller);
        let question = Question::CanHold { arn, kms_key_id: None, overwrite: true, caller };
        probe::answer(&world.cx(), &world.store, &question).unwrap()
    };
    let taken = Answer::No(ReplicaFailure::NameTaken);
    assert_eq!(stands(&two.world, "a"), taken);
    two.theirs(|world| assert_eq!(stands(world, "copy"), taken));
    let replica = two.replica.clone();
    two.world.command(disassociate(&replica)).unwrap();
    assert_eq!(stands(&two.world, "a"), Answer::Yes);
}
