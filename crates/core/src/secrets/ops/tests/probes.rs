//! What a replica's Region answers about a key: for the caller of the request, by the caller's own
//! policies and the key's, within an account and across accounts.

use super::*;
use crate::cx::{Ask, Caller};
use crate::keys::problem::KeyProblem;
use crate::replication::change::{Answer, Asker};
use crate::replication::probe;
use crate::secrets::model::ReplicaFailure;
use crate::secrets::replicas::AddReplica;

const OTHER: &str = "444455556666";
const DELEGATES: &str =
    r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;
const SECRETS: &str = r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}"#;

/// What `there` answers when `here` asks whether it could hold a replica of `a` under a key of its.
fn answer(here: &mut World, there: &mut World, secret: &str, key: &KeyArn) -> Answer {
    let replicas =
        vec![AddReplica { region: "us-west-2".into(), kms_key_id: Some(key.to_string().into()) }];
    let replicate = ReplicateSecretToRegions { secret: id(secret), replicas, overwrite: false };
    let Step::Ask(asks) = here.step(replicate).unwrap() else { panic!() };
    let [Ask { question, .. }] = &asks[..] else { panic!() };
    let caller = question.caller();
    there.caller = caller.caller().unwrap();
    probe::answer(&there.cx(), &there.store, question).unwrap()
}

/// The same secret here, a key there.
fn worlds() -> (World, World, KeyArn) {
    let mut here = World::new();
    here.command(create_with("a", "x")).unwrap();
    let mut there = World::in_region("us-west-2");
    let key = customer_key(&mut there, 1, KeyState::Enabled);
    (here, there, key)
}

fn is_denied(answer: &Answer, action: &str) -> bool {
    matches!(answer, Answer::No(ReplicaFailure::ReplicaKey(KeyProblem::Denied { action: denied, .. }))
        if **denied == *action)
}

#[test]
fn the_callers_policies_and_the_keys_decide_together() {
    let ann = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},"Action":"kms:*","Resource":"*"}"#;
    let both =
        r#"{"Effect":"Allow","Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}"#;
    let there_only = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-west-2","kms:ViaService":"secretsmanager.us-west-2.amazonaws.com"}}}"#;
    let here_only = there_only.replace("us-west-2", "us-east-1");
    let named = r#"{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:us-west-2:111122223333:key/*","Condition":{"StringEquals":{"aws:username":"ann"}}}"#;
    let forbidden = format!(r#"{both},{{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}}"#);
    for (mine, keys, denied) in [
        ("", DELEGATES, Some("kms:GenerateDataKey")),
        (both, DELEGATES, None),
        (there_only, DELEGATES, None),
        (&here_only, DELEGATES, Some("kms:GenerateDataKey")),
        (named, DELEGATES, None),
        (
            r#"{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*"}"#,
            DELEGATES,
            Some("kms:Decrypt"),
        ),
        ("", ann, None),
        (&forbidden, ann, Some("kms:Decrypt")),
    ] {
        let (mut here, mut there, key) = worlds();
        set_key_policy(&mut there, &key, keys);
        let statements =
            if mine.is_empty() { SECRETS.to_owned() } else { format!("{SECRETS},{mine}") };
        become_user(&mut here, &statements);
        here.caller.user_name = Some("ann".into());
        let answer = answer(&mut here, &mut there, "a", &key);
        match denied {
            None => assert_eq!(answer, Answer::Yes, "{mine}"),
            Some(action) => assert!(is_denied(&answer, action), "{mine} {answer:?}"),
        }
    }
}

/// Delegation to the key's account is none to whoever asks from another one.
#[test]
fn another_accounts_caller_is_no_principal_of_the_keys_account() {
    let (mut here, mut there, key) = worlds();
    let open = format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{OTHER}"}},"Action":"secretsmanager:*","Resource":"*"}}}}"#
    );
    here.command(put_policy("a", &open)).unwrap();
    let arn = secret(&here, "a").arn(here.scope()).to_string();
    here.caller = Caller::account_root(OTHER.parse().unwrap(), here.region);
    let refused = answer(&mut here, &mut there, &arn, &key);
    assert!(is_denied(&refused, "kms:GenerateDataKey"), "{refused:?}");
    let admits = DELEGATES.replace("111122223333", OTHER);
    set_key_policy(&mut there, &key, &admits);
    assert_eq!(answer(&mut here, &mut there, &arn, &key), Answer::Yes);
}

#[test]
fn a_caller_arrives_as_it_left() {
    let mut world = World::new();
    become_user(&mut world, SECRETS);
    let root = Caller::account_root(OTHER.parse().unwrap(), world.region);
    for caller in [world.caller.clone(), root] {
        let back = Asker::of(&caller).caller().unwrap();
        assert_eq!(
            (back.account, back.kind, &back.arn),
            (caller.account, caller.kind, &caller.arn)
        );
        assert_eq!((&back.user_id, &back.user_name), (&caller.user_id, &caller.user_name));
        assert_eq!(back.policies, caller.policies);
    }
    let asker = Asker::of(&world.caller);
    for (arn, policy) in [
        ("arn:aws:iam::111122223333:user/ann", "{}"),
        ("arn:aws:iam::1:user/ann", ""),
        ("arn:aws:iam::111122223333:group/ann", ""),
        ("ann", ""),
    ] {
        let policies = [policy].into_iter().filter(|p| !p.is_empty()).map(Into::into).collect();
        let unreadable = Asker { arn: arn.into(), policies, ..asker.clone() };
        assert!(unreadable.caller().is_none(), "{arn}");
    }
}
