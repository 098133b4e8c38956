//! Multi-Region keys, as clients see them: replicas, the change of primary, deletion.

use regent_core::ids::Scope;
use regent_core::keys::problem::KeyProblem;
use regent_core::secrets::model::ReplicaFailure;

use super::*;

#[test]
fn multi_region_keys() {
    let mut talk = Talk::new();
    let single = talk.create("");
    let id = talk.create(r#""MultiRegion":true"#);
    let to = |region: &str, rest: &str| key(&id, &format!(r#","ReplicaRegion":"{region}"{rest}"#));
    talk.say(
        "ReplicateKey",
        &to("us-west-2", r#","Description":"west","Tags":[{"TagKey":"a","TagValue":"b"}]"#),
    );
    talk.say("ReplicateKey", &to("eu-west-1", ""));
    talk.say("ReplicateKey", &to("eu-west-1", ""));
    talk.say("ReplicateKey", &to("us-east-1", ""));
    talk.say("ReplicateKey", &to("ap-south-1", ""));
    talk.say("ReplicateKey", &to("nowhere", ""));
    talk.say("ReplicateKey", &key(&single, r#","ReplicaRegion":"us-west-2""#));
    talk.say("DescribeKey", &key(&id, ""));
    let primary = |region: &str| key(&id, &format!(r#","PrimaryRegion":"{region}""#));
    talk.say("UpdatePrimaryRegion", &primary("us-west-2"));
    settle(&mut talk, &id);
    talk.say("UpdatePrimaryRegion", &primary("us-east-1"));
    talk.say("ScheduleKeyDeletion", &key(&id, r#","PendingWindowInDays":7"#));
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("GenerateDataKey", &key(&id, r#","KeySpec":"AES_256""#));
    talk.say("CancelKeyDeletion", &key(&id, ""));
    talk.say("EnableKey", &key(&id, ""));
    let scope = Scope { region: "us-west-2".parse().unwrap(), ..talk.world.scope() };
    let disabled = KeyProblem::Disabled { key: KeyArn { scope, id: id.parse().unwrap() } };
    let no = PeerAnswer::No(ReplicaFailure::ReplicaKey(disabled));
    for others in [PeerAnswer::Unreachable, no, PeerAnswer::Yes] {
        talk.others = others;
        talk.say("UpdatePrimaryRegion", &primary("us-west-2"));
    }
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("DisableKey", &key(&id, ""));
    talk.say("GenerateDataKey", &key(&id, r#","KeySpec":"AES_256""#));
    talk.world.pass_ms(10_000);
    talk.say("ReplicateKey", &to("eu-west-1", ""));
    talk.say("ScheduleKeyDeletion", &key(&id, r#","PendingWindowInDays":6"#));
    talk.say("ScheduleKeyDeletion", &key(&id, r#","PendingWindowInDays":366"#));
    talk.say("ScheduleKeyDeletion", &key(&id, ""));
    talk.done("multi_region_keys");
}

/// Marks every replica as installed.
fn settle(talk: &mut Talk, id: &str) {
    let (scope, id) = (talk.world.scope(), id.parse().unwrap());
    let key = talk.world.store.kms_key(scope, id).unwrap().unwrap();
    let mut key = regent_core::keys::model::KmsKey::clone(&key);
    key.multi_region.as_mut().unwrap().installing.clear();
    let at = Key::KmsKey { scope, id };
    talk.world.edit(|_, tx| tx.put(at, Record::KmsKey(key.into())));
}
