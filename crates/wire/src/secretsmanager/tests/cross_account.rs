//! Conversations of two accounts that replicate a secret from one to the other.

use regent_core::cx::Caller;

use super::*;

const OURS: &str = "111122223333";
const THEIRS: &str = "444455556666";

/// Two accounts: ours has the secret `a`, theirs a key that ours may encrypt with.
struct Accounts {
    talk: Talk,
    primary: String,
    key: String,
}

impl Accounts {
    fn new() -> Self {
        let mut talk = Talk::new();
        talk.say("CreateSecret", &name("a", T1, r#","SecretString":"x""#));
        let primary = talk.secret("a").arn(talk.world.scope()).text();
        let mut both = Self { talk, primary, key: String::new() };
        both.become_root(THEIRS);
        both.key = both.make_key();
        both
    }

    fn become_root(&mut self, account: &str) {
        let region = self.talk.world.region;
        self.talk.world.caller = Caller::account_root(account.parse().unwrap(), region);
    }

    fn make_key(&mut self) -> String {
        let statement = |principal: &str, action: &str| {
            format!(
                r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}}"#
            )
        };
        let both = [statement(THEIRS, "kms:*"), statement(OURS, "kms:Encrypt")].join(",");
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{both}]}}"#);
        let body = format!(r#"{{"Policy":{}}}"#, serde_json::to_string(&policy).unwrap());
        let made = self.talk.ask_of(Service::Kms, "CreateKey", &body);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Asks for a replica of `primary` under the key.
    fn copy(&mut self, primary: &str, more: &str) {
        let link = format!(r#","CrossAccountPrimaryARN":"{primary}"{more}"#);
        self.talk.say("CreateSecret", &name("copy", T2, &link));
    }

    /// Makes the replica `copy` in their account. Returns its ARN.
    fn make_copy(&mut self) -> String {
        let key = format!(r#","KmsKeyId":"{}""#, self.key);
        self.copy(&self.primary.clone(), &key);
        self.talk.secret("copy").arn(self.talk.world.scope()).text()
    }

    fn associate(&mut self, id_: &str, arn: &str, more: &str) {
        let body = id(id_, &format!(r#","CrossAccountReplicaARN":"{arn}"{more}"#));
        self.talk.say("AssociateCrossAccountReplica", &body);
    }

    fn disassociate(&mut self, arn: &str) {
        let body = id("a", &format!(r#","CrossAccountReplicaARN":"{arn}""#));
        self.talk.say("DisassociateCrossAccountReplica", &body);
    }
}

#[test]
fn a_replica_is_created_in_another_account() {
    let mut both = Accounts::new();
    let (primary, key) = (both.primary.clone(), format!(r#","KmsKeyId":"{}""#, both.key));
    both.copy(&primary, &format!(r#"{key},"SecretString":"x""#));
    both.copy(&primary, &format!(r#"{key},"Description":"d""#));
    both.copy(&primary, "");
    both.copy(&"a".repeat(20), &key);
    both.copy("short", &key);
    both.copy(&primary.replace(OURS, THEIRS), &key);
    both.copy(&primary.replace("us-east-1", "us-west-2"), &key);
    both.make_copy();
    let talk = &mut both.talk;
    talk.say("DescribeSecret", &id("copy", ""));
    talk.say("GetSecretValue", &id("copy", ""));
    talk.say("ListResourcePolicies", &id("copy", ""));
    talk.say("GetResourcePolicy", &id("copy", r#","PolicyName":"cross-account-replication""#));
    insta::assert_snapshot!(talk.transcript);
}

#[test]
fn an_association_is_refused() {
    let mut both = Accounts::new();
    let replica = both.make_copy();
    let talk = &mut both.talk;
    talk.say("CreateSecret", &name("alone", T3, ""));
    let allow = r#"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"},\"Action\":\"*\",\"Resource\":\"*\"}}"#;
    talk.say("PutResourcePolicy", &id("alone", &format!(r#","ResourcePolicy":"{allow}""#)));
    let alone = talk.secret("alone").arn(talk.world.scope()).text();
    both.become_root(OURS);
    both.talk.say("AssociateCrossAccountReplica", &id("a", ""));
    both.talk.say("DisassociateCrossAccountReplica", &id("a", ""));
    let primary = both.primary.clone();
    for arn in ["short", &primary.replace("-HHHHHH", ""), &alone, &primary] {
        both.associate("a", arn, "");
    }
    both.associate("a", &replica, r#","ReplicaRestriction":"None""#);
    both.associate("a", &replica, r#","ReplicationRoleARN":"arn:aws:iam::111122223333:role/r""#);
    both.associate("a", &replica, r#","ReplicationRoleARN":"arn:aws:iam::111122223333:user/r""#);
    both.associate("a", &replica, r#","ReplicationRoleARN":"short""#);
    both.associate("none", &replica, "");
    both.disassociate(&replica);
    let key = both.key.clone();
    both.become_root(THEIRS);
    both.talk.ask_of(Service::Kms, "DisableKey", &format!(r#"{{"KeyId":"{key}"}}"#));
    both.become_root(OURS);
    both.associate("a", &replica, "");
    both.talk.say("DescribeSecret", &id("a", ""));
    insta::assert_snapshot!(both.talk.transcript);
}

#[test]
fn a_replica_follows_until_either_account_ends_it() {
    let mut both = Accounts::new();
    let replica = both.make_copy();
    both.become_root(OURS);
    both.associate("a", &replica, r#","ReplicaRestriction":"SameOrg""#);
    both.talk.say("DescribeSecret", &id("a", ""));
    both.talk.say("DeleteSecret", &id("a", ""));
    both.become_root(THEIRS);
    let value = format!(r#","ClientRequestToken":"{T3}","SecretString":"y""#);
    both.talk.say("GetSecretValue", &id("copy", ""));
    both.talk.say("DescribeSecret", &id("copy", ""));
    both.talk.say("PutSecretValue", &id("copy", &value));
    both.talk.say("DeleteSecret", &id("copy", r#","ForceDeleteWithoutRecovery":true"#));
    let key = both.key.clone();
    both.talk.ask_of(Service::Kms, "DisableKey", &format!(r#"{{"KeyId":"{key}"}}"#));
    both.become_root(OURS);
    both.talk.say("PutSecretValue", &id("a", &value));
    both.talk.say("DescribeSecret", &id("a", ""));
    both.disassociate(&replica);
    both.talk.say("DescribeSecret", &id("a", ""));
    both.become_root(THEIRS);
    both.talk.say("DescribeSecret", &id("copy", ""));
    both.talk.say("StopReplicationToReplica", &id("copy", ""));
    both.talk.say("DescribeSecret", &id("copy", ""));
    both.talk.say("ListResourcePolicies", &id("copy", ""));
    insta::assert_snapshot!(both.talk.transcript);
}

/// A role that replicates is shown, and what its failure says.
#[test]
fn a_role_replicates() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/replication";
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    let mut both = Accounts::new();
    both.talk.world.roles.add(ROLE, trust, &[policy]);
    let replica = both.make_copy();
    both.become_root(OURS);
    both.associate("a", &replica, &format!(r#","ReplicationRoleARN":"{ROLE}""#));
    both.talk.say("DescribeSecret", &id("a", ""));
    both.talk.world.roles.0.clear();
    let value = format!(r#","ClientRequestToken":"{T3}","SecretString":"y""#);
    both.talk.say("PutSecretValue", &id("a", &value));
    both.talk.say("DescribeSecret", &id("a", ""));
    insta::assert_snapshot!(both.talk.transcript);
}
