//! Conversations with Secrets Manager, byte for byte: requests in, answers and errors out.
//!
//! Each test is a transcript in `snapshots/`, made by the operations table on the core's test
//! store. What must hold whatever the transcript says is asserted beside it.

mod cross_account;
mod order;

use std::fmt::Write as _;

use regent_core::cx::Profile;
use regent_core::ids::{Region, RequestId, SecretName};
use regent_core::keys::problem::KeyProblem;
use regent_core::replication::change::Answer as PeerAnswer;
use regent_core::replication::outbox::put_replica;
use regent_core::secrets::model::{Replica, ReplicaFailure, ReplicaStatus, Role, Secret};
use regent_core::secrets::touch;
use regent_core::secrets::versions::put_secret;
use regent_core::tx::Records;

use crate::fault::Answer;
use crate::operations::{Outcome, find};
use crate::query_xml::Format;
use crate::service::Service;
use crate::testing::World;

const T1: &str = "11111111-1111-4111-8111-111111111111";
const T2: &str = "22222222-2222-4222-8222-222222222222";
const T3: &str = "terraform-00000000000000000000000003";

/// A Region, and what was said to it.
struct Talk {
    world: World,
    transcript: String,
}

impl Talk {
    fn new() -> Self {
        Self { world: World::new(), transcript: String::new() }
    }

    /// Sends a request; the answer's status and body are in the transcript. Questions to other
    /// Regions are answered with `peer`.
    fn ask(&mut self, operation: &str, body: &str, peer: &PeerAnswer) -> String {
        self.ask_service(Service::SecretsManager, operation, body, peer)
    }

    /// Sends a request to another service.
    fn ask_of(&mut self, service: Service, operation: &str, body: &str) -> String {
        self.ask_service(service, operation, body, &PeerAnswer::Unreachable)
    }

    fn ask_service(
        &mut self,
        service: Service,
        operation: &str,
        body: &str,
        peer: &PeerAnswer,
    ) -> String {
        let row = find(service, operation).unwrap();
        let request_id = self.world.cx().request_id.to_string();
        let answer =
            match row.run(&self.world.cx(), &self.world.store, body.as_bytes(), Format::Xml) {
                Outcome::Answer { answer, touches, .. } => {
                    for noted in touches {
                        self.world.edit(|cx, tx| touch(cx, tx, &noted).unwrap());
                    }
                    answer
                }
                Outcome::Commit { answer, batch } => {
                    self.world.store.commit(batch);
                    self.world.committed += 1;
                    answer
                }
                Outcome::Ask(asks) => {
                    for ask in asks {
                        self.world.answers.insert((ask.region, ask.question), peer.clone());
                    }
                    return self.ask_service(service, operation, body, peer);
                }
                Outcome::Fault(fault) => fault.answer(service, Format::Xml, &request_id),
            };
        let Answer { status, body: bytes, .. } = answer;
        let text = String::from_utf8(bytes).unwrap();
        let line = format!("> {operation} {body}\n< {status} {text}\n");
        self.transcript.push_str(&line);
        text
    }

    fn say(&mut self, operation: &str, body: &str) -> String {
        self.ask(operation, body, &PeerAnswer::Unreachable)
    }

    fn secret(&self, name: &str) -> Secret {
        let name: SecretName = name.parse().unwrap();
        Secret::clone(&self.world.store.secret(self.world.scope(), &name).unwrap().unwrap())
    }

    /// What the Regions of a secret's replicas reported.
    fn report(&mut self, name: &str, region: &str, status: ReplicaStatus) {
        let (scope, secret) = (self.world.scope(), self.secret(name));
        let region: Region = region.parse().unwrap();
        let replica = self.world.store.replica(scope, &secret.name, region).unwrap().unwrap();
        let replica = Replica { status, ..Replica::clone(&replica) };
        self.world.edit(|_, tx| put_replica(tx, scope, &secret, replica));
    }
}

/// A body with a name and the rest.
fn named(member: &str, name: &str, rest: &str) -> String {
    format!(r#"{{"{member}":"{name}"{rest}}}"#)
}

fn id(name: &str, rest: &str) -> String {
    named("SecretId", name, rest)
}

fn name(name: &str, token: &str, rest: &str) -> String {
    named("Name", name, &format!(r#","ClientRequestToken":"{token}"{rest}"#))
}

#[test]
fn the_life_of_a_secret() {
    let mut talk = Talk::new();
    let tags = r#","SecretString":"a\"b","Description":"d","Tags":[{"Key":"k","Value":"v"}]"#;
    let first = talk.say("CreateSecret", &name("app/db", T1, tags));
    assert_eq!(talk.say("CreateSecret", &name("app/db", T1, tags)), first);
    talk.say("CreateSecret", &name("app/db", T2, tags));
    talk.say("CreateSecret", &name("app/db", T1, r#","SecretString":"other""#));
    talk.say("GetSecretValue", &id("app/db", ""));
    let pending = r#","SecretBinary":"Zm9vdGVzdA==","VersionStages":["AWSPENDING"]"#;
    let with_token = |token: &str, rest: &str| format!(r#","ClientRequestToken":"{token}"{rest}"#);
    talk.say("PutSecretValue", &id("app/db", &with_token(T2, pending)));
    talk.say("GetSecretValue", &id("app/db", r#","VersionStage":"AWSPENDING""#));
    let to_second = format!(r#","VersionStage":"AWSCURRENT","MoveToVersionId":"{T2}""#);
    talk.say("UpdateSecretVersionStage", &id("app/db", &to_second));
    let moved = format!(r#"{to_second},"RemoveFromVersionId":"{T1}""#);
    talk.say("UpdateSecretVersionStage", &id("app/db", &moved));
    talk.world.pass_ms(1234);
    let update = with_token(T3, r#","SecretString":"new","Description":"""#);
    talk.say("UpdateSecret", &id("app/db", &update));
    talk.say("UpdateSecret", &id("app/db", &with_token(T3, "")));
    talk.say("DescribeSecret", &id("app/db", ""));
    talk.say("ListSecretVersionIds", &id("app/db", ""));
    talk.say("ListSecretVersionIds", &id("app/db", r#","IncludeDeprecated":true"#));
    talk.say("TagResource", &id("app/db", r#","Tags":[{"Key":"a","Value":"1"},{"Key":"b"}]"#));
    talk.say("UntagResource", &id("app/db", r#","TagKeys":["a","b","k","x"]"#));
    talk.say("DeleteSecret", &id("app/db", r#","RecoveryWindowInDays":7"#));
    talk.say("DescribeSecret", &id("app/db", ""));
    talk.say("ListSecrets", "{}");
    talk.say("ListSecrets", r#"{"IncludePlannedDeletion":true}"#);
    talk.say("GetSecretValue", &id("app/db", ""));
    talk.say("CreateSecret", &name("app/db", T2, ""));
    talk.say("RestoreSecret", &id("app/db", ""));
    talk.say("DeleteSecret", &id("app/db", r#","ForceDeleteWithoutRecovery":true"#));
    talk.say("DescribeSecret", &id("app/db", ""));
    talk.say("DeleteSecret", &id("app/db", ""));
    talk.say("DeleteSecret", &id("app/db", r#","ForceDeleteWithoutRecovery":true"#));
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn members_that_are_refused() {
    let mut talk = Talk::new();
    let token = format!(r#","ClientRequestToken":"{T1}""#);
    talk.say("CreateSecret", "{}");
    talk.say("CreateSecret", "not json");
    talk.say("CreateSecret", r#"{"Name":7}"#);
    talk.say("CreateSecret", r#"{"Name":"a b"}"#);
    talk.say("CreateSecret", r#"{"Name":"a"}"#);
    talk.say("CreateSecret", r#"{"Name":"a","ClientRequestToken":"short"}"#);
    talk.say("CreateSecret", &name("a", T1, r#","SecretString":"""#));
    talk.say("CreateSecret", &name("a", T1, r#","SecretString":"x","SecretBinary":"eA==""#));
    let primary = "arn:aws:secretsmanager:us-east-1:444455556666:secret:a-4BS2cc";
    let primary = format!(r#","CrossAccountPrimaryARN":"{primary}""#);
    talk.say("CreateSecret", &name("a", T1, &primary));
    talk.say("CreateSecret", &name("a", T1, r#","Tags":[{"Key":"aws:x","Value":"1"}]"#));
    talk.say("CreateSecret", &name("a", T1, r#","Tags":[{"Value":"1"}]"#));
    talk.say("CreateSecret", &name("a", T1, r#","AddReplicaRegions":[]"#));
    talk.say("CreateSecret", &name("a", T1, r#","AddReplicaRegions":[{"Region":"EU"}]"#));
    talk.say("CreateSecret", &name("a", T1, r#","KmsKeyId":"mrk-1234""#));
    talk.say("CreateSecret", &name("a", T1, r#","KmsKeyId":"alias/none","SecretString":"x""#));
    talk.say("CreateSecret", &name("a", T1, ""));
    talk.say("GetSecretValue", "{}");
    talk.say("GetSecretValue", &id("a*", ""));
    talk.say("GetSecretValue", &id("none", ""));
    talk.say("GetSecretValue", &id("a", ""));
    talk.say("GetSecretValue", &id("a", r#","VersionId":"short""#));
    talk.say("GetSecretValue", &id("a", &format!(r#","VersionId":"{T2}""#)));
    talk.say("PutSecretValue", &id("a", r#","SecretString":"x""#));
    talk.say("PutSecretValue", &id("a", &token));
    talk.say("PutSecretValue", &id("a", &format!(r#"{token},"SecretString":"""#)));
    let rotation = format!(r#"{token},"RotationToken":"{T1}""#);
    talk.say("PutSecretValue", &id("a", &rotation));
    talk.say("PutSecretValue", &id("a", &format!(r#"{token},"VersionStages":[]"#)));
    talk.say("UpdateSecret", &id("a", r#","Description":"x""#));
    talk.say("UpdateSecretVersionStage", &id("a", ""));
    talk.say("UpdateSecretVersionStage", &id("a", r#","VersionStage":"A""#));
    talk.say("DeleteSecret", &id("a", r#","RecoveryWindowInDays":6"#));
    let both = r#","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true"#;
    talk.say("DeleteSecret", &id("a", both));
    talk.say("TagResource", &id("a", ""));
    talk.say("UntagResource", &id("a", r#","TagKeys":[""]"#));
    talk.say("ListSecrets", r#"{"MaxResults":101}"#);
    talk.say("ListSecrets", r#"{"NextToken":"garbage"}"#);
    talk.say("ListSecrets", r#"{"SortBy":"size","SortOrder":"up"}"#);
    talk.say("ListSecrets", r#"{"Filters":[{"Key":"size","Values":["x"]}]}"#);
    talk.say("ListSecrets", r#"{"Filters":[{"Values":["x"]}]}"#);
    talk.say("ListSecrets", r#"{"Filters":[{"Key":"name","Values":[]}]}"#);
    talk.say("ListSecrets", r#"{"Filters":[{"Key":"name","Values":["a*"]}]}"#);
    talk.say("ListSecretVersionIds", &id("a", r#","MaxResults":0,"NextToken":"x""#));
    talk.say("StopReplicationToReplica", &id("a", ""));
    talk.say("RemoveRegionsFromReplication", &id("a", r#","RemoveReplicaRegions":["EU"]"#));
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn pages() {
    let mut talk = Talk::new();
    for (number, word) in ["a", "b", "c"].into_iter().enumerate() {
        talk.world.pass_ms(i64::try_from(number).unwrap());
        talk.say("CreateSecret", &name(word, T1, ""));
    }
    let filters = r#""MaxResults":2,"Filters":[{"Key":"name","Values":["!x"]}]"#;
    let first = talk.say("ListSecrets", &format!("{{{filters}}}"));
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let next = first["NextToken"].as_str().unwrap();
    talk.say("ListSecrets", &format!(r#"{{{filters},"NextToken":"{next}"}}"#));
    talk.say("ListSecrets", &format!(r#"{{"NextToken":"{next}"}}"#));
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn batches() {
    let mut talk = Talk::new();
    let arn = |talk: &Talk, name: &str| talk.secret(name).arn(talk.world.scope()).to_string();
    talk.say("CreateSecret", &name("a", T1, r#","SecretString":"of \"a\"","Tags":[{"Key":"k"}]"#));
    talk.world.pass_ms(1);
    talk.say("CreateSecret", &name("b", T2, r#","SecretBinary":"b2YgYg==","Tags":[{"Key":"k"}]"#));
    talk.say("CreateSecret", &name("c", T3, ""));
    let ids = format!(r#"{{"SecretIdList":["{}","a","none","c"]}}"#, arn(&talk, "b"));
    talk.say("BatchGetSecretValue", &ids);
    let filters = r#""MaxResults":1,"Filters":[{"Key":"tag-key","Values":["k"]}]"#;
    let first = talk.say("BatchGetSecretValue", &format!("{{{filters}}}"));
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let next = first["NextToken"].as_str().unwrap();
    talk.say("BatchGetSecretValue", &format!(r#"{{{filters},"NextToken":"{next}"}}"#));
    talk.say("BatchGetSecretValue", &format!(r#"{{"SecretIdList":["a"],"NextToken":"{next}"}}"#));
    talk.say("BatchGetSecretValue", "{}");
    talk.say("BatchGetSecretValue", r#"{"Filters":[]}"#);
    talk.say("BatchGetSecretValue", r#"{"MaxResults":1}"#);
    talk.say("BatchGetSecretValue", &format!(r#"{{"SecretIdList":["a"],{filters}}}"#));
    talk.say("BatchGetSecretValue", r#"{"SecretIdList":["a"],"MaxResults":1}"#);
    talk.say("BatchGetSecretValue", r#"{"SecretIdList":[]}"#);
    talk.say("BatchGetSecretValue", r#"{"SecretIdList":[""]}"#);
    talk.say("BatchGetSecretValue", r#"{"SecretIdList":["a",null]}"#);
    talk.say("BatchGetSecretValue", r#"{"SecretIdList":["a","b*"]}"#);
    talk.say("BatchGetSecretValue", r#"{"MaxResults":21,"Filters":[{"Key":"size"}]}"#);
    talk.say("BatchGetSecretValue", r#"{"Filters":[{"Key":"name"}]}"#);
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn passwords() {
    let mut talk = Talk::new();
    for body in [
        "{}",
        r#"{"PasswordLength":4,"IncludeSpace":true,"ExcludeCharacters":"\"\\"}"#,
        r#"{"PasswordLength":1,"RequireEachIncludedType":false}"#,
        r#"{"PasswordLength":3}"#,
        r#"{"ExcludeCharacters":"0123456789"}"#,
        r#"{"ExcludeNumbers":true,"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true}"#,
        r#"{"PasswordLength":0}"#,
        r#"{"PasswordLength":4097}"#,
        r#"{"PasswordLength":1.5}"#,
        r#"{"ExcludeNumbers":"yes"}"#,
    ] {
        talk.say("GetRandomPassword", body);
    }
    insta::assert_snapshot!(talk.transcript);
}

/// AWS: what the silent failure looks like, message for message.
#[test]
fn replicas_in_the_aws_profile() {
    let mut talk = Talk::new();
    talk.world.profile = Profile::Aws;
    let replicas = r#","AddReplicaRegions":[{"Region":"us-west-2","KmsKeyId":"MyNameIsDylan1610916109"},{"Region":"eu-west-1"}]"#;
    let created = talk.say("CreateSecret", &name("a", T1, replicas));
    assert!(created.contains(
        r#"{"Region":"us-west-2","KmsKeyId":"MyNameIsDylan1610916109","Status":"InProgress"}"#
    ));
    talk.report("a", "eu-west-1", ReplicaStatus::InSync);
    let given = "mrk-1234abcd12ab34cd56ef12345678990ab";
    let request_id = RequestId::from_entropy([3; 16]);
    let failures = [
        ReplicaFailure::ReplicaKey(KeyProblem::Invalid { given: given.into() }),
        ReplicaFailure::ReplicaKey(KeyProblem::Denied { action: "a".into(), key: "k".into() }),
        ReplicaFailure::PrimaryKey(KeyProblem::OtherRegion { region: "us-east-2".into() }),
        ReplicaFailure::NameTaken,
        ReplicaFailure::ReplicatedWithOtherArn,
        ReplicaFailure::RegionNotEnabled,
    ];
    for failure in failures {
        talk.report("a", "us-west-2", ReplicaStatus::Failed { failure, request_id });
        talk.say("DescribeSecret", &id("a", ""));
    }
    assert!(talk.transcript.contains(
        "Replication failed: Secrets Manager can't encrypt the secret value: Invalid keyId 'mrk-1234abcd12ab34cd56ef12345678990ab' (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: 03030303-0303-4303-8303-030303030303; Proxy: null)"
    ));
    talk.say("ListSecrets", r#"{"Filters":[{"Key":"primary-region","Values":["us-east-1"]}]}"#);
    talk.say("DeleteSecret", &id("a", ""));
    let again =
        r#","AddReplicaRegions":[{"Region":"us-west-2"}],"ForceOverwriteReplicaSecret":true"#;
    talk.say("ReplicateSecretToRegions", &id("a", again));
    let own = r#","AddReplicaRegions":[{"Region":"us-east-1"}]"#;
    talk.say("ReplicateSecretToRegions", &id("a", own));
    let regions = r#","RemoveReplicaRegions":["us-west-2","xx-xxxx-xxxx-xxxx-9"]"#;
    talk.say("RemoveRegionsFromReplication", &id("a", regions));
    let regions = r#","RemoveReplicaRegions":["eu-west-1"]"#;
    talk.say("RemoveRegionsFromReplication", &id("a", regions));

    let (scope, secret) = (talk.world.scope(), talk.secret("a"));
    let role = Role::Replica { primary: "eu-west-1".parse().unwrap() };
    talk.world.edit(|_, tx| put_secret(tx, scope, Secret { role, ..secret })).unwrap();
    talk.say("DescribeSecret", &id("a", ""));
    talk.say("DeleteSecret", &id("a", ""));
    talk.say("StopReplicationToReplica", &id("a", ""));
    talk.say("DescribeSecret", &id("a", ""));
    insta::assert_snapshot!(talk.transcript);
}

/// PROMISE R3: the strict profile says at once what AWS says never or later.
#[test]
fn replicas_in_the_strict_profile() {
    let mut talk = Talk::new();
    let replicas = r#","AddReplicaRegions":[{"Region":"us-west-2","KmsKeyId":"mrk-made-up"}]"#;
    let invalid = KeyProblem::Invalid { given: "mrk-made-up".into() };
    let answers = [
        PeerAnswer::Unreachable,
        PeerAnswer::No(ReplicaFailure::ReplicaKey(invalid)),
        PeerAnswer::No(ReplicaFailure::NameTaken),
        PeerAnswer::No(ReplicaFailure::ReplicatedWithOtherArn),
        PeerAnswer::Yes,
    ];
    for answer in answers {
        talk.ask("CreateSecret", &name("a", T1, replicas), &answer);
        talk.world.answers.clear();
    }
    // Each Region that refuses has its sentence.
    let both =
        r#","AddReplicaRegions":[{"Region":"us-west-2","KmsKeyId":"x"},{"Region":"eu-west-1"}]"#;
    for answer in [PeerAnswer::Unreachable, PeerAnswer::No(ReplicaFailure::NameTaken)] {
        talk.ask("CreateSecret", &name("c", T1, both), &answer);
        talk.world.answers.clear();
    }
    let west = r#"{"Region":"us-west-2","KmsKeyId":"alias/w"}"#;
    for regions in
        [r#"{"Region":"us-east-1"}"#, r#"{"Region":"xx-xxxx-9"}"#, &format!("{west},{west}")]
    {
        let replicas = format!(r#","AddReplicaRegions":[{regions}]"#);
        talk.ask("CreateSecret", &name("b", T1, &replicas), &PeerAnswer::Yes);
    }
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn denials_name_what_was_asked() {
    let mut talk = Talk::new();
    talk.say("CreateSecret", &name("a", T1, ""));
    talk.world.caller.kind = regent_core::policy::evaluate::PrincipalKind::User;
    talk.world.caller.arn = "arn:aws:iam::111122223333:user/ann".into();
    talk.say("CreateSecret", &name("b-c", T1, ""));
    talk.say("DescribeSecret", &id("a", ""));
    talk.say("DescribeSecret", &id("none", ""));
    talk.say("ListSecrets", "{}");
    insta::assert_snapshot!(talk.transcript);
}

/// PROMISE R7: a value is in GetSecretValue's answer and nowhere else.
#[test]
fn no_value_is_in_an_error() {
    let mut talk = Talk::new();
    let canary = "canary-8ba2e1";
    let long = canary.repeat(5042);
    let bodies = [
        name("a b", T1, &format!(r#","SecretString":"{canary}""#)),
        name("a", "short", &format!(r#","SecretString":"{canary}""#)),
        name("a", T1, &format!(r#","SecretString":"{long}""#)),
        name("a", T1, &format!(r#","SecretString":"{canary}","SecretBinary":"{canary}!""#)),
        name("a", T1, &format!(r#","SecretString":"{canary}","SecretBinary":"eA==""#)),
        name("a", T1, &format!(r#","SecretString":"{canary}","KmsKeyId":"none""#)),
        name("a", T1, &format!(r#","SecretString":{{"{canary}":"{canary}"}}"#)),
        name("a", T1, &format!(r#","SecretString":"{canary}"#)),
        name("a", T1, &format!(r#","SecretString":"{canary}""#)),
        name("a", T1, &format!(r#","SecretString":"{canary}x""#)),
    ];
    for body in bodies {
        let answer = talk.say("CreateSecret", &body);
        assert!(!answer.contains(canary), "{answer}");
    }
    assert!(talk.say("GetSecretValue", &id("a", "")).contains(canary));
}

/// The buffer is made large enough at first, so that growing leaves no copy of the value behind.
#[test]
fn the_answer_with_a_value_does_not_grow() {
    let mut talk = Talk::new();
    let long = "n".repeat(512);
    let value = r#"\"\\\n\u0001"#.repeat(3000);
    let token = "t".repeat(64);
    talk.say("CreateSecret", &name(&long, &token, &format!(r#","SecretString":"{value}""#)));
    let labels: Vec<_> = (0..19).map(|n| format!("\"{n:0>256}\"")).collect();
    let labels = labels.join(",");
    let put = format!(
        r#","ClientRequestToken":"{T3}","SecretString":"{value}","VersionStages":[{labels}]"#
    );
    talk.say("PutSecretValue", &id(&long, &put));
    let requests = [
        ("GetSecretValue", id(&long, "")),
        ("GetSecretValue", id(&long, &format!(r#","VersionId":"{T3}""#))),
        ("GetRandomPassword", r#"{"PasswordLength":4096}"#.to_owned()),
    ];
    for (operation, request) in requests {
        let row = find(Service::SecretsManager, operation).unwrap();
        let outcome = row.run(&talk.world.cx(), &talk.world.store, request.as_bytes(), Format::Xml);
        let Outcome::Answer { answer, .. } = outcome else { panic!("{outcome:?}") };
        // A buffer that had grown would be twice what was reserved, or what was written.
        assert!(answer.body.capacity() < answer.body.len() + 400);
    }
}

#[test]
fn resource_policies() {
    let mut talk = Talk::new();
    let policy = |statement: &str| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        format!(r#","ResourcePolicy":{}"#, serde_json::to_string(&text).unwrap())
    };
    let allow = |principal: &str| {
        policy(&format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}"#
        ))
    };
    let account = allow(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#);
    let everyone = allow(r#""*""#);
    let nobody = policy(r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#);
    talk.say("CreateSecret", &name("a", T1, r#","SecretString":"x""#));
    talk.say("GetResourcePolicy", &id("a", ""));
    talk.say("ListResourcePolicies", &id("a", ""));
    talk.say("PutResourcePolicy", &id("a", &account));
    talk.say("GetResourcePolicy", &id("a", r#","PolicyName":"default""#));
    talk.say("ListResourcePolicies", &id("a", ""));
    talk.say("DescribeSecret", &id("a", ""));
    talk.say("PutResourcePolicy", &id("a", &everyone));
    talk.say("PutResourcePolicy", &id("a", &format!(r#"{everyone},"BlockPublicPolicy":true"#)));
    talk.say("PutResourcePolicy", &id("a", &format!(r#"{account},"BlockPublicPolicy":true"#)));
    talk.say("PutResourcePolicy", &id("a", &nobody));
    talk.say("PutResourcePolicy", &id("a", &allow(r#"{"AWS":"arn:aws:iam::1:role/x"}"#)));
    talk.say("PutResourcePolicy", &id("a", &allow(r#"{"Service":"nothing"}"#)));
    talk.say("PutResourcePolicy", &id("a", r#","ResourcePolicy":"{""#));
    talk.say("PutResourcePolicy", &id("a", &format!(r#"{account},"PolicyName":"other""#)));
    for validated in [&account, &everyone, &nobody, &allow(r#"{"Service":"nothing"}"#)] {
        talk.say("ValidateResourcePolicy", &id("a", validated));
        talk.say("ValidateResourcePolicy", &format!("{{{}}}", &validated[1..]));
    }
    talk.say("ValidateResourcePolicy", r#"{"ResourcePolicy":"{}"}"#);
    talk.say("ValidateResourcePolicy", r#"{"ResourcePolicy":"{"}"#);
    talk.say("ValidateResourcePolicy", &id("none", &account));
    talk.say("ValidateResourcePolicy", &id("a b", &account));
    talk.say("GetResourcePolicy", &id("a", r#","PolicyName":"other""#));
    talk.say("GetResourcePolicy", &id("a", r#","PolicyName":"a b""#));
    talk.say("GetResourcePolicy", "{}");
    talk.say("PutResourcePolicy", &id("a", ""));
    talk.say("PutResourcePolicy", &id("a", r#","ResourcePolicy":"""#));
    talk.say("PutResourcePolicy", &id("none", &account));
    talk.say("ListResourcePolicies", &id("a", r#","MaxResults":101"#));
    talk.say("ListResourcePolicies", &id("a", r#","NextToken":"x""#));
    talk.say("DeleteResourcePolicy", &id("a", r#","PolicyName":"other""#));
    talk.say("DeleteResourcePolicy", &id("a", ""));
    talk.say("DeleteResourcePolicy", &id("a", ""));
    talk.say("GetResourcePolicy", &id("a", ""));
    talk.say("DeleteSecret", &id("a", ""));
    talk.say("GetResourcePolicy", &id("a", ""));
    insta::assert_snapshot!(talk.transcript);
}

/// Each reason for a denial in AWS's words.
#[test]
fn denials_of_resource_policies() {
    let mut talk = Talk::new();
    talk.say("CreateSecret", &name("a", T1, r#","SecretString":"x""#));
    let arn = talk.secret("a").arn(talk.world.scope()).to_string();
    let policy = r#"{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"secretsmanager:DescribeSecret\",\"Resource\":\"*\"}]}"#;
    talk.say("PutResourcePolicy", &id("a", &format!(r#","ResourcePolicy":"{policy}""#)));
    talk.say("GetSecretValue", &id("a", ""));
    let other = "444455556666".parse().unwrap();
    talk.world.caller = regent_core::cx::Caller::account_root(other, talk.world.region);
    talk.say("GetSecretValue", &id(&arn, ""));
    talk.say("ListSecretVersionIds", &id(&arn, ""));
    talk.say("DescribeSecret", &id(&arn, ""));
    talk.world.caller.kind = regent_core::policy::evaluate::PrincipalKind::User;
    talk.world.caller.arn = "arn:aws:iam::444455556666:user/ann".into();
    talk.say("DescribeSecret", &id(&arn, ""));
    talk.say("DescribeSecret", &id("arn:aws:secretsmanager:us-east-1:111122223333:secret:a", ""));
    talk.say("DescribeSecret", &id("a", ""));
    insta::assert_snapshot!(talk.transcript);
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";

/// Rotation as it is configured, shown and refused. What a function is asked, and what becomes of
/// its answer, is the core's.
#[test]
fn rotation() {
    let mut talk = Talk::new();
    talk.world.functions.insert(FUNCTION.into());
    let with = |token: &str, rest: &str| {
        id("app/db", &format!(r#","ClientRequestToken":"{token}"{rest}"#))
    };
    let function = format!(r#","RotationLambdaARN":"{FUNCTION}""#);
    talk.say("CreateSecret", &name("app/db", T1, r#","SecretString":"x""#));
    talk.say("CancelRotateSecret", &id("app/db", ""));
    talk.say("RotateSecret", &with(T2, ""));
    talk.say(
        "RotateSecret",
        &with(T2, r#","RotationLambdaARN":"arn:aws:lambda:us-east-1:111122223333:function:other""#),
    );
    talk.say("RotateSecret", &id("app/db", &function));
    talk.say("RotateSecret", &id("app/db", r#","ClientRequestToken":"short""#));
    for rules in [
        r#"{"AutomaticallyAfterDays":7,"ScheduleExpression":"rate(7 days)"}"#,
        r#"{"ScheduleExpression":"rate(3 hours)"}"#,
        r#"{"ScheduleExpression":"rate(7 weeks)"}"#,
        r#"{"ScheduleExpression":"cron(0 8 * * * *)"}"#,
        r#"{"ScheduleExpression":"cron(0 20 * * ? *)","Duration":"5h"}"#,
        r#"{"Duration":"5h"}"#,
    ] {
        let rest = format!(r#"{function},"RotationRules":{rules}"#);
        let answer = talk.say("RotateSecret", &with(T2, &rest));
        assert!(answer.contains("InvalidParameterException"), "{answer}");
    }
    talk.say(
        "RotateSecret",
        &with(
            T2,
            &format!(r#"{function},"ExternalSecretRotationMetadata":[{{"Key":"k","Value":"v"}}]"#),
        ),
    );
    let described = talk.say("DescribeSecret", &id("app/db", ""));
    assert!(!described.contains("Rotation"), "{described}");
    let rules =
        r#","RotationRules":{"ScheduleExpression":"cron(0 16 1,15 * ? *)","Duration":"2h"}"#;
    talk.say("RotateSecret", &with(T2, &format!("{function}{rules}")));
    talk.say("GetSecretValue", &id("app/db", r#","VersionStage":"AWSPENDING""#));
    talk.say("DescribeSecret", &id("app/db", ""));
    talk.say("ListSecrets", "{}");
    talk.say("RotateSecret", &with(T3, ""));
    let put = format!(r#","SecretString":"y","RotationToken":"{}""#, "0".repeat(64));
    talk.say("PutSecretValue", &with(T2, &put));
    talk.say("CancelRotateSecret", &id("app/db", ""));
    talk.say("DescribeSecret", &id("app/db", ""));
    talk.say("DeleteSecret", &id("app/db", ""));
    talk.say("RotateSecret", &with(T2, ""));
    talk.say("CancelRotateSecret", &id("app/db", ""));
    insta::assert_snapshot!(talk.transcript);
}

/// A rotation function's event, and what DescribeSecret shows once it has done its work.
#[test]
fn rotation_events_and_dates() {
    use regent_core::deadlines;
    use regent_core::records::Key;
    use regent_core::secrets::rotation::machine::{Answer as Answered, answered};
    let mut talk = Talk::new();
    talk.world.functions.insert(FUNCTION.into());
    talk.say("CreateSecret", &name("app/db", T1, r#","SecretString":"x""#));
    let rest = format!(
        r#","ClientRequestToken":"{T2}","RotationLambdaARN":"{FUNCTION}","RotationRules":{{"ScheduleExpression":"rate(10 hours)"}}"#
    );
    talk.say("RotateSecret", &id("app/db", &rest));
    let deadline = talk.world.store.keys().find(|key| matches!(key, Key::Deadline { .. }));
    let deadline = deadline.cloned().unwrap();
    let mut next = talk.world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
    while let Some(invocation) = next {
        let event = String::from_utf8(super::rotation::event(&invocation)).unwrap();
        writeln!(talk.transcript, "! {event}").unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&event).unwrap();
        match parsed["Step"].as_str().unwrap() {
            "createSecret" => {
                let token = &parsed["RotationToken"];
                let rest = format!(
                    r#","ClientRequestToken":"{T2}","SecretString":"y","VersionStages":["AWSPENDING"],"RotationToken":{token}"#
                );
                talk.say("PutSecretValue", &id("app/db", &rest));
            }
            "finishSecret" => {
                let rest = format!(
                    r#","VersionStage":"AWSCURRENT","MoveToVersionId":"{T2}","RemoveFromVersionId":"{T1}""#
                );
                talk.say("UpdateSecretVersionStage", &id("app/db", &rest));
            }
            _ => {}
        }
        talk.world.pass_ms(1000);
        next = talk.world.edit(|cx, tx| answered(cx, tx, &invocation, Answered::Done)).unwrap();
    }
    talk.say("DescribeSecret", &id("app/db", ""));
    insta::assert_snapshot!(talk.transcript);
}
