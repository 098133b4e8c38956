//! Conversations with KMS, byte for byte: requests in, answers and errors out.
//!
//! Each test is a transcript in `snapshots/`, made by the operations table on the core's test
//! store. What must hold whatever the transcript says is asserted beside it.

mod imports;
mod pairs;
mod related;
mod texts;

use regent_core::cx::Caller;
use regent_core::ids::{KeyArn, RequestId};
use regent_core::keys::managed;
use regent_core::keys::model::KmsKey;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::keys::stores::{self, Connection, KeyStore, Proxy};
use regent_core::keys::usage::{self, KeyOperation, LastUse};
use regent_core::policy::evaluate::PrincipalKind;
use regent_core::records::{Key, Record};
use regent_core::replication::change::Answer as PeerAnswer;
use regent_core::tx::Records;
use serde_json::Value;

use crate::fault::Answer;
use crate::kms::members;
use crate::operations::{OPERATIONS, Outcome, find};
use crate::query_xml::Format;
use crate::service::Service;
use crate::testing::World;

const SINGLE: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const MULTI: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

/// A Region, and what was said to it.
struct Talk {
    world: World,
    /// What other Regions answer when they are asked.
    others: PeerAnswer,
    transcript: String,
}

impl Talk {
    fn new() -> Self {
        Self { world: World::new(), others: PeerAnswer::Yes, transcript: String::new() }
    }

    /// Sends a request; the answer's status and body are in the transcript.
    fn say(&mut self, operation: &str, body: &str) -> Value {
        let (status, text) = self.run(operation, body);
        self.world.answers.clear();
        let line = format!("> {operation} {body}\n< {status} {text}\n");
        self.transcript.push_str(&line);
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    fn run(&mut self, operation: &str, body: &str) -> (u16, String) {
        let row = find(Service::Kms, operation).unwrap();
        let cx = self.world.cx();
        let request_id = cx.request_id.to_string();
        let answer = match row.run(&cx, &self.world.store, body.as_bytes(), Format::Xml) {
            Outcome::Ask(asks) => {
                let answer = || self.others.clone();
                let asked = asks.into_iter().map(|ask| ((ask.region, ask.question), answer()));
                self.world.answers.extend(asked);
                return self.run(operation, body);
            }
            Outcome::Answer { answer, .. } => answer,
            Outcome::Commit { answer, batch } => {
                self.world.store.commit(batch);
                self.world.committed += 1;
                answer
            }
            Outcome::Fault(fault) => fault.answer(Service::Kms, Format::Xml, &request_id),
        };
        let Answer { status, body, .. } = answer;
        (status, String::from_utf8(body).unwrap())
    }

    /// A new key's id.
    fn create(&mut self, rest: &str) -> String {
        let made = self.say("CreateKey", &format!("{{{rest}}}"));
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// The transcript, with the drawn ids and ciphertexts as they come: entropy counts.
    fn done(self, name: &str) {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, self.transcript);
        });
    }
}

/// A body about one key.
fn key(id: &str, rest: &str) -> String {
    format!(r#"{{"KeyId":"{id}"{rest}}}"#)
}

#[test]
fn the_life_of_a_key() {
    let mut talk = Talk::new();
    let id = talk.create(
        r#""Description":"a \"b\"","Tags":[{"TagKey":"k","TagValue":"v"}],"KeySpec":"SYMMETRIC_DEFAULT","KeyUsage":"ENCRYPT_DECRYPT","Origin":"AWS_KMS","BypassPolicyLockoutSafetyCheck":false,"MultiRegion":false"#,
    );
    let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
    talk.say("DescribeKey", &key(&arn, r#","GrantTokens":[]"#));
    talk.say("UpdateKeyDescription", &key(&id, r#","Description":"""#));
    talk.say("DisableKey", &key(&id, ""));
    talk.say("DisableKey", &key(&id, ""));
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    talk.say("EnableKey", &key(&id, ""));
    talk.say("CancelKeyDeletion", &key(&id, ""));
    talk.say("ScheduleKeyDeletion", &key(&id, r#","PendingWindowInDays":7"#));
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("EnableKey", &key(&id, ""));
    talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    talk.say("CancelKeyDeletion", &key(&id, ""));
    talk.say("GetKeyRotationStatus", &key(&id, ""));
    talk.say("ScheduleKeyDeletion", &key(&id, ""));
    talk.done("the_life_of_a_key");
}

#[test]
fn rotation() {
    let mut talk = Talk::new();
    let id = talk.create("");
    talk.say("EnableKeyRotation", &key(&id, r#","RotationPeriodInDays":89"#));
    talk.say("EnableKeyRotation", &key("alias/none", ""));
    talk.say("EnableKeyRotation", &key(&id, r#","RotationPeriodInDays":90"#));
    talk.say("GetKeyRotationStatus", &key(&id, ""));
    talk.say("ListKeyRotations", &key(&id, ""));
    let rotated = talk.say("RotateKeyOnDemand", &key(&id, ""));
    assert!(rotated["KeyId"].as_str().unwrap().starts_with("arn:"));
    talk.say("RotateKeyOnDemand", &key(&id, ""));
    talk.say("ListKeyRotations", &key(&id, r#","IncludeKeyMaterial":"NONE""#));
    let page = r#","IncludeKeyMaterial":"ALL_KEY_MATERIAL","Limit":2"#;
    let listed = talk.say("ListKeyRotations", &key(&id, page));
    let marker = listed["NextMarker"].as_str().unwrap();
    let listed = talk.say("ListKeyRotations", &key(&id, &format!(r#"{page},"Marker":"{marker}""#)));
    let described = talk.say("DescribeKey", &key(&id, ""));
    assert_eq!(
        listed["Rotations"][0]["KeyMaterialId"],
        described["KeyMetadata"]["CurrentKeyMaterialId"]
    );
    talk.say("ListKeyRotations", &key(&id, r#","Marker":"bm9uZQ""#));
    for _ in 2..25 {
        assert_eq!(talk.run("RotateKeyOnDemand", &key(&id, "")).0, 200);
    }
    talk.say("RotateKeyOnDemand", &key(&id, ""));
    talk.say("DisableKeyRotation", &key(&id, ""));
    talk.say("GetKeyRotationStatus", &key(&id, ""));
    talk.done("rotation");
}

/// What stores look like and refuse. Proxies are asked in the core's tests and by real clients.
#[test]
fn key_stores() {
    let mut talk = Talk::new();
    let scope = talk.world.scope();
    let id = |digit: char| format!("cks-{digit}0000000000000000");
    for (digit, connection) in [
        ('1', Connection::Disconnected),
        ('2', Connection::Connected),
        ('3', Connection::Failed(ProxyProblem::TimedOut)),
    ] {
        let proxy = Proxy {
            scope,
            endpoint: "http://proxy.example:81".into(),
            path: format!("/{digit}/kms/xks/v1").into(),
            access_key: "ABCDEFGHIJKLMNOPQRST".into(),
            secret: Box::default(),
        };
        let store = KeyStore {
            id: id(digit).parse().unwrap(),
            name: format!("store {digit}").into(),
            created: talk.world.now,
            proxy: proxy.into(),
            connection,
            keys: u32::from(digit == '1'),
        };
        talk.world.edit(|_, tx| stores::put(tx, scope, store)).unwrap();
    }
    let of = |digit: char| format!(r#"{{"CustomKeyStoreId":"{}"}}"#, id(digit));
    talk.say("DescribeCustomKeyStores", r#"{"Limit":2}"#);
    talk.say("DescribeCustomKeyStores", &of('3'));
    talk.say("DescribeCustomKeyStores", r#"{"CustomKeyStoreName":"none"}"#);
    let both = r#"{"CustomKeyStoreName":"a","CustomKeyStoreId":"b"}"#;
    talk.say("DescribeCustomKeyStores", both);
    talk.say("ConnectCustomKeyStore", &of('3'));
    for digit in ['1', '2', '3', '4'] {
        talk.say("DeleteCustomKeyStore", &of(digit));
    }
    talk.say("UpdateCustomKeyStore", &of('1'));
    let moved = r#""XksProxyUriEndpoint":"http://other.example""#;
    talk.say("UpdateCustomKeyStore", &of('2').replace('}', &format!(",{moved}}}")));
    talk.say("DisconnectCustomKeyStore", &of('2'));
    let external = r#"{"Origin":"EXTERNAL_KEY_STORE","XksKeyId":"k","CustomKeyStoreId":""#;
    talk.say("CreateKey", &format!(r#"{external}{}"}}"#, id('2')));
    talk.say("CreateKey", &format!(r#"{external}{}"}}"#, id('4')));
    talk.say("CreateKey", r#"{"Origin":"EXTERNAL_KEY_STORE","XksKeyId":"k"}"#);
    talk.say("GenerateRandom", &of('2').replace('}', r#","NumberOfBytes":1}"#));
    let cluster = r#"{"CustomKeyStoreName":"s","CloudHsmClusterId":"cluster-2a3b4c5d6e7f","KeyStorePassword":"hunter22","TrustAnchorCertificate":"c"}"#;
    talk.say("CreateCustomKeyStore", cluster);
    for member in [
        r#""XksProxyUriEndpoint":"https://proxy""#,
        r#""XksProxyUriPath":"/kms/xks/v1""#,
        r#""XksProxyConnectivity":"PUBLIC_ENDPOINT""#,
        r#""XksProxyVpcEndpointServiceName":"com.amazonaws.vpce.us-east-1.vpce-svc-09f""#,
        r#""XksProxyVpcEndpointServiceOwner":"111122223333""#,
    ] {
        let text =
            talk.run("CreateCustomKeyStore", &cluster.replace('}', &format!(",{member}}}"))).1;
        assert!(text.contains("do not make a custom key store"), "{text}");
    }
    talk.say("CreateCustomKeyStore", r#"{"CustomKeyStoreName":"s"}"#);
    talk.say(
        "CreateCustomKeyStore",
        r#"{"KeyStorePassword":"hunt","XksProxyUriEndpoint":"ftp://proxy","XksProxyUriPath":"/xks/v1/a","XksProxyAuthenticationCredential":{"AccessKeyId":"abc","RawSecretAccessKey":"hunter2"},"XksProxyConnectivity":"x"}"#,
    );
    talk.done("key_stores");
}

#[test]
fn the_last_use_of_a_key() {
    let mut talk = Talk::new();
    let id = talk.create("");
    talk.say("GetKeyLastUsage", &key(&id, ""));
    let last = LastUse {
        operation: KeyOperation::ReEncrypt,
        at: talk.world.now,
        request: RequestId::from_entropy([1; 16]),
        event: RequestId::from_entropy([2; 16]),
    };
    let arn = KeyArn { scope: talk.world.scope(), id: id.parse().unwrap() };
    talk.world.edit(|_, tx| usage::write(tx, arn, last)).unwrap();
    talk.say("GetKeyLastUsage", &key(&id, ""));
    talk.say("GetKeyLastUsage", &key("alias/none", ""));
    talk.done("the_last_use_of_a_key");
}

/// A replica that has not heard of the newest generation asks to be asked again.
#[test]
fn a_generation_that_has_not_arrived() {
    let mut talk = Talk::new();
    let id = talk.create(r#""MultiRegion":true"#);
    let blob = talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    let blob = blob["CiphertextBlob"].as_str().unwrap();
    let scope = talk.world.scope();
    talk.world.edit(|_, tx| {
        let id = id.parse().unwrap();
        let mut replica = KmsKey::clone(&tx.kms_key(scope, id).unwrap().unwrap());
        replica.materials[0].id.0[0] ^= 1;
        replica.multi_region.as_mut().unwrap().primary = "us-west-2".parse().unwrap();
        tx.put(Key::KmsKey { scope, id }, Record::KmsKey(replica.into()));
    });
    talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"] {
        talk.say(operation, &key(&id, ""));
    }
    talk.done("a_generation_that_has_not_arrived");
}

#[test]
fn names_that_lead_nowhere() {
    let mut talk = Talk::new();
    let other_region = format!("arn:aws:kms:us-west-2:111122223333:key/{SINGLE}");
    let own_region = format!("arn:aws:kms:us-east-1:111122223333:key/{MULTI}");
    for id in [
        "key_id",
        "mrk-fake-key-id",
        "1234abcd12ab34cd56ef1234567890ab",
        SINGLE,
        MULTI,
        &own_region,
        &other_region,
        "alias/none",
        "arn:aws:kms:us-east-1:111122223333:alias/none",
    ] {
        talk.say("DescribeKey", &key(id, ""));
    }
    talk.say("EnableKey", &key("alias/none", ""));
    talk.say("GetKeyPolicy", &key(SINGLE, ""));
    talk.done("names_that_lead_nowhere");
}

#[test]
fn keys_that_are_refused() {
    let mut talk = Talk::new();
    let long = "x".repeat(8193);
    for body in [
        r#"{"KeySpec":"RSA_2048"}"#,
        r#"{"KeySpec":"RSA_2048","KeyUsage":"KEY_AGREEMENT"}"#,
        r#"{"KeySpec":"HMAC_256","KeyUsage":"SIGN_VERIFY"}"#,
        r#"{"KeySpec":"SM2","KeyUsage":"SIGN_VERIFY"}"#,
        r#"{"KeyUsage":"SIGN_VERIFY"}"#,
        r#"{"KeySpec":"AES"}"#,
        r#"{"CustomerMasterKeySpec":"ML_KEM_512"}"#,
        r#"{"KeySpec":"SYMMETRIC_DEFAULT","CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"}"#,
        r#"{"Origin":"EXTERNAL_KEY_STORE"}"#,
        r#"{"CustomKeyStoreId":"cks-1","Origin":"AWS_CLOUDHSM"}"#,
        r#"{"XksKeyId":"a"}"#,
        r#"{"XksKeyId":"a/b"}"#,
        r#"{"Tags":[{"TagKey":"a","TagValue":"1"},{"TagKey":"a","TagValue":"2"}]}"#,
        r#"{"Tags":[{"TagKey":"AWS:a","TagValue":"1"}]}"#,
        r#"{"Tags":[{"TagKey":""},{"TagKey":"a","TagValue":null}]}"#,
        r#"{"Policy":"{}"}"#,
        r#"{"Policy":"☃"}"#,
        r#"{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}"}"#,
        r#"{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}}"}"#,
        r#"{"MultiRegion":"yes"}"#,
    ] {
        talk.say("CreateKey", body);
    }
    let answer = talk.run("CreateKey", &format!(r#"{{"Description":"{long}"}}"#)).1;
    assert!(answer.ends_with("Member must have length less than or equal to 8192\"}"));
    let tags: Vec<_> = (0..51).map(|n| format!(r#"{{"TagKey":"{n}","TagValue":""}}"#)).collect();
    let answer = talk.run("CreateKey", &format!(r#"{{"Tags":[{}]}}"#, tags.join(","))).1;
    assert_eq!(answer, r#"{"__type":"TagException","message":"Too many tags"}"#);
    let policy = format!(r#"{{"Policy":"{}"}}"#, "x".repeat(32_769));
    let answer = talk.run("CreateKey", &policy).1;
    assert!(answer.starts_with(r#"{"__type":"LimitExceededException""#));
    assert_eq!(talk.world.store.keys().count(), 0);
    talk.done("keys_that_are_refused");
}

#[test]
fn cryptography() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let other = talk.create("");
    let context = r#","EncryptionContext":{"a":"b"}"#;
    let sealed = talk.say("Encrypt", &key(&id, &format!(r#","Plaintext":"aGk="{context}"#)));
    let blob = sealed["CiphertextBlob"].as_str().unwrap();
    let open = |rest: &str| format!(r#"{{"CiphertextBlob":"{blob}"{rest}}}"#);
    let opened = talk.say("Decrypt", &open(context));
    assert_eq!(opened["Plaintext"], "aGk=");
    talk.say("Decrypt", &open(&format!(r#"{context},"KeyId":"{id}""#)));
    talk.say("Decrypt", &open(&format!(r#"{context},"KeyId":"{other}""#)));
    talk.say("Decrypt", &open(""));
    talk.say("Decrypt", &open(&format!(r#"{context},"DryRun":true"#)));
    talk.say("Decrypt", r#"{"CiphertextBlob":"aGk="}"#);
    talk.say("Decrypt", r#"{"DryRun":true}"#);
    let ignoring = r#","DryRun":true,"DryRunModifiers":["IGNORE_CIPHERTEXT"]"#;
    talk.say("Decrypt", &key(&id, ignoring));
    talk.say("Decrypt", &key(&id, r#","DryRunModifiers":["IGNORE_CIPHERTEXT"]"#));
    talk.say("Decrypt", &key(&id, r#","DryRun":true,"DryRunModifiers":["FORGET"]"#));
    let moved = talk.say(
        "ReEncrypt",
        &open(&format!(r#","SourceEncryptionContext":{{"a":"b"}},"DestinationKeyId":"{other}""#)),
    );
    let blob = moved["CiphertextBlob"].as_str().unwrap();
    talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
    talk.say("ReEncrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
    let wrong = format!(r#","SourceKeyId":"{id}","DestinationKeyId":"{id}""#);
    talk.say("ReEncrypt", &format!(r#"{{"CiphertextBlob":"{blob}"{wrong}}}"#));
    // The key of the blob is gone: nobody learns whether it ever was.
    let at = Key::KmsKey { scope: talk.world.scope(), id: other.parse().unwrap() };
    talk.world.edit(|_, tx| tx.remove(at));
    talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
    talk.done("cryptography");
}

#[test]
fn cryptography_that_is_refused() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let plaintext = r#","Plaintext":"aGk=""#;
    talk.say("Encrypt", "{}");
    talk.say("Encrypt", &key(&id, r#","Plaintext":"""#));
    talk.say("Encrypt", &key(&id, r#","Plaintext":"hunter2""#));
    talk.say("Encrypt", &key(&id, &format!(r#"{plaintext},"DryRun":true"#)));
    let algorithm = |name: &str| format!(r#"{plaintext},"EncryptionAlgorithm":"{name}""#);
    talk.say("Encrypt", &key(&id, &algorithm("RSAES_OAEP_SHA_256")));
    talk.say("Encrypt", &key(&id, &algorithm("ROT13")));
    talk.say("Encrypt", &key(&id, &format!(r#"{plaintext},"GrantTokens":["abc"]"#)));
    talk.say("Encrypt", &key(&id, &format!(r#"{plaintext},"GrantTokens":[""]"#)));
    let recipient = r#","Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}"#;
    talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"aGk="{recipient}}}"#));
    talk.say("GenerateDataKey", &key(&id, &format!(r#","NumberOfBytes":1{recipient}"#)));
    talk.say("GenerateDataKey", &key(&id, ""));
    talk.say("GenerateDataKey", &key(&id, r#","NumberOfBytes":16,"KeySpec":"AES_128""#));
    talk.say("GenerateDataKey", &key(&id, r#","NumberOfBytes":1025"#));
    talk.say("GenerateDataKey", &key(&id, r#","KeySpec":"AES_512""#));
    talk.say("GenerateDataKeyWithoutPlaintext", &key(&id, r#","NumberOfBytes":0"#));
    talk.say("GenerateRandom", "{}");
    talk.say("GenerateRandom", r#"{"NumberOfBytes":1025}"#);
    talk.say("GenerateRandom", r#"{"NumberOfBytes":1,"CustomKeyStoreId":"cks-1"}"#);
    talk.say("GenerateRandom", &format!(r#"{{"NumberOfBytes":1{recipient}}}"#));
    let long = "x".repeat(8192);
    let long = key(&id, &format!(r#"{plaintext},"EncryptionContext":{{"k":"{long}"}}"#));
    let answer = talk.run("Encrypt", &long).1;
    assert!(answer.starts_with(r#"{"__type":"ValidationException""#));
    // 4097 bytes.
    let long = key(&id, &format!(r#","Plaintext":"{}AAA=""#, "AAAA".repeat(1365)));
    let answer = talk.run("Encrypt", &long).1;
    assert_eq!(
        answer,
        r#"{"__type":"ValidationException","message":"1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"}"#
    );
    talk.done("cryptography_that_is_refused");
}

#[test]
fn data_keys_and_random_bytes() {
    let mut talk = Talk::new();
    let id = talk.create("");
    for (rest, len) in [
        (r#","KeySpec":"AES_256""#, 44),
        (r#","KeySpec":"AES_128""#, 24),
        (r#","NumberOfBytes":64,"EncryptionContext":{"a":"b"}"#, 88),
    ] {
        let made = talk.say("GenerateDataKey", &key(&id, rest));
        let plaintext = made["Plaintext"].as_str().unwrap();
        assert_eq!(plaintext.len(), len);
        let hidden = talk.say("GenerateDataKeyWithoutPlaintext", &key(&id, rest));
        assert!(hidden.get("Plaintext").is_none());
    }
    talk.say("GenerateDataKey", &key(&id, r#","KeySpec":"AES_256","DryRun":true"#));
    let random = talk.say("GenerateRandom", r#"{"NumberOfBytes":32}"#);
    assert_eq!(random["Plaintext"].as_str().unwrap().len(), 44);
    talk.done("data_keys_and_random_bytes");
}

#[test]
fn aliases() {
    let mut talk = Talk::new();
    let (one, two) = (talk.create(""), talk.create(""));
    let alias =
        |name: &str, key: &str| format!(r#"{{"AliasName":"{name}","TargetKeyId":"{key}"}}"#);
    talk.say("CreateAlias", &alias("alias/a", &one));
    talk.say("CreateAlias", &alias("alias/b/c", &one));
    talk.say("CreateAlias", &alias("alias/a", &two));
    talk.say("CreateAlias", &alias("a", &one));
    talk.say("CreateAlias", &alias("alias/aws/a", &one));
    talk.say("CreateAlias", &alias("alias/a b", &one));
    talk.say("CreateAlias", &alias("alias/d", "alias/a"));
    talk.say("CreateAlias", "{}");
    talk.say("DescribeKey", &key("alias/a", ""));
    talk.world.pass_ms(1500);
    talk.say("UpdateAlias", &alias("alias/a", &two));
    talk.say("UpdateAlias", &alias("alias/none", &two));
    let page = talk.say("ListAliases", r#"{"Limit":1}"#);
    let marker = page["NextMarker"].as_str().unwrap();
    talk.say("ListAliases", &format!(r#"{{"Limit":1,"Marker":"{marker}"}}"#));
    talk.say("ListAliases", &key(&two, ""));
    talk.say("ListAliases", &key(SINGLE, ""));
    talk.say("ListAliases", r#"{"Marker":"nonsense!"}"#);
    talk.say("ListAliases", r#"{"Limit":0}"#);
    talk.say("DeleteAlias", r#"{"AliasName":"alias/a"}"#);
    talk.say("DeleteAlias", r#"{"AliasName":"alias/a"}"#);
    talk.done("aliases");
}

/// AWS: a page is as long as asked for, up to what the service gives at once.
#[test]
fn pages_have_bounds() {
    for (asked, limit) in [(None, 50), (Some(1), 1), (Some(100), 100), (Some(1000), 100)] {
        assert_eq!(members::limit(asked, 50, 100), limit, "{asked:?}");
    }
}

#[test]
fn lists_policies_and_tags() {
    let mut talk = Talk::new();
    let id = talk.create("");
    talk.say("ListKeys", "");
    talk.say("ListKeys", r#"{"ResourceOwners":["OTHER_ACCOUNTS_VIA_RAM"]}"#);
    talk.say("ListKeys", r#"{"ResourceOwners":["OTHERS"],"Limit":1001}"#);
    talk.say("ListKeys", r#"{"Marker":"YQ"}"#);
    talk.say("GetKeyPolicy", &key(&id, ""));
    talk.say("GetKeyPolicy", &key(&id, r#","PolicyName":"other""#));
    talk.say("ListKeyPolicies", &key(&id, ""));
    for rest in [
        r#","Limit":1"#,
        r#","Limit":1000"#,
        r#","Limit":0"#,
        r#","Limit":1001"#,
        r#","Marker":"YQ""#,
        r#","Marker":"ZGVmYXVsdA","Limit":1"#,
        r#","Marker":"""#,
        r#","Marker":"☃""#,
    ] {
        talk.say("ListKeyPolicies", &key(&id, rest));
    }
    let policy = r#","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}}""#;
    talk.say("PutKeyPolicy", &key(&id, policy));
    talk.say("GetKeyPolicy", &key(&id, r#","PolicyName":"default""#));
    talk.say("PutKeyPolicy", &key(&id, &format!(r#"{policy},"PolicyName":"AWS_RAM""#)));
    talk.say("PutKeyPolicy", &key(&id, ""));
    let tags = r#","Tags":[{"TagKey":"b","TagValue":""},{"TagKey":"a","TagValue":"1"}]"#;
    talk.say("TagResource", &key(&id, tags));
    let page = talk.say("ListResourceTags", &key(&id, r#","Limit":1"#));
    let marker = page["NextMarker"].as_str().unwrap();
    talk.say("ListResourceTags", &key(&id, &format!(r#","Marker":"{marker}""#)));
    talk.say("UntagResource", &key(&id, r#","TagKeys":["a","none"]"#));
    talk.say("UntagResource", &key(&id, r#","TagKeys":[""]"#));
    talk.say("UntagResource", &key(&id, ""));
    talk.say("ListResourceTags", &key(&id, ""));
    talk.done("lists_policies_and_tags");
}

#[test]
fn grants() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let alice = "arn:aws:iam::111122223333:user/alice";
    let grant = |rest: &str| key(&id, &format!(r#","GranteePrincipal":"{alice}"{rest}"#));
    let decrypt = r#","Operations":["Decrypt","DescribeKey"]"#;
    let equals = r#""EncryptionContextEquals":{"a":"b"}"#;
    let retiring = r#","RetiringPrincipal":"arn:aws:iam::111122223333:root","Name":"job""#;
    let whole = grant(&format!(r#"{decrypt},"Constraints":{{{equals}}}{retiring}"#));
    let made = talk.say("CreateGrant", &whole);
    talk.say("CreateGrant", &whole);
    let token = made["GrantToken"].as_str().unwrap();
    let grant_id = made["GrantId"].as_str().unwrap();
    talk.say("CreateGrant", &grant(r#","Operations":["Encrypt"],"DryRun":true"#));
    let subset = r#"{"EncryptionContextSubset":{"c":""}}"#;
    talk.say("CreateGrant", &grant(&format!(r#"{decrypt},"Constraints":{subset}"#)));
    // As Terraform sends one constraint.
    let one = format!(r#"{{{equals},"EncryptionContextSubset":{{}}}}"#);
    talk.say("CreateGrant", &grant(&format!(r#"{decrypt},"Constraints":{one}"#)));
    for refused in [
        grant(""),
        grant(r#","Operations":[]"#),
        grant(r#","Operations":["Delete"],"Name":"a b""#),
        grant(r#","Operations":["Sign"]"#),
        grant(&format!(
            r#"{decrypt},"Constraints":{{{equals},"EncryptionContextSubset":{{"c":""}}}}"#
        )),
        grant(&format!(r#"{decrypt},"Constraints":{{"SourceArn":"arn:aws:s3:::a:b"}}"#)),
        grant(&format!(r#"{decrypt},"Constraints":{{"SourceArn":"arn:aws:s3::111122223333:b"}}"#)),
        grant(&format!(r#"{decrypt},"RetiringServicePrincipal":"a.amazonaws.com""#)),
        grant(&format!(r#"{decrypt},"RetiringServicePrincipal":"amazonaws""#)),
        grant(&format!(r#"{decrypt},"GrantTokens":["abc"]"#)),
        key(&id, decrypt),
        key(&id, &format!(r#"{decrypt},"GranteePrincipal":"alice""#)),
        key(&id, &format!(r#"{decrypt},"GranteePrincipal":"a*""#)),
        key("alias/a", &format!(r#"{decrypt},"GranteePrincipal":"{alice}""#)),
    ] {
        talk.say("CreateGrant", &refused);
    }
    let page = talk.say("ListGrants", &key(&id, r#","Limit":1"#));
    let marker = page["NextMarker"].as_str().unwrap();
    talk.say("ListGrants", &key(&id, &format!(r#","Marker":"{marker}""#)));
    talk.say("ListGrants", &key(&id, &format!(r#","GrantId":"{grant_id}""#)));
    talk.say("ListGrants", &key(&id, r#","GrantId":"abc""#));
    talk.say(
        "ListGrants",
        &key(&id, r#","GranteePrincipal":"arn:aws:iam::111122223333:user/bob""#),
    );
    talk.say("ListRetirableGrants", r#"{"RetiringPrincipal":"arn:aws:iam::111122223333:root"}"#);
    talk.say("ListRetirableGrants", r#"{"Marker":"YQ","RetiringPrincipal":"a"}"#);
    talk.say("ListRetirableGrants", "{}");
    talk.say("DescribeKey", &key(&id, &format!(r#","GrantTokens":["{token}"]"#)));
    talk.say("RetireGrant", &format!(r#"{{"GrantToken":"{token}","DryRun":true}}"#));
    talk.say("RetireGrant", &format!(r#"{{"GrantToken":"{token}"}}"#));
    talk.say("RetireGrant", &format!(r#"{{"GrantToken":"{token}"}}"#));
    talk.say("RetireGrant", &key(&id, &format!(r#","GrantId":"{grant_id}""#)));
    talk.say("RetireGrant", &key(&id, ""));
    talk.say("DescribeKey", &key(&id, &format!(r#","GrantTokens":["{token}"]"#)));
    talk.say("RevokeGrant", &key(&id, &format!(r#","GrantId":"{grant_id}""#)));
    talk.say("RevokeGrant", &key(&id, ""));
    let other = r#"{"EncryptionContextEquals":{},"EncryptionContextSubset":{"c":"d"}}"#;
    let made = talk.say("CreateGrant", &grant(&format!(r#"{decrypt},"Constraints":{other}"#)));
    let grant_id = made["GrantId"].as_str().unwrap();
    talk.say("ListGrants", &key(&id, &format!(r#","GrantId":"{grant_id}""#)));
    talk.done("grants");
}

/// The managed key shows itself and is otherwise the service's own; strangers see nothing.
#[test]
fn permission() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let scope = talk.world.scope();
    talk.world.edit(|cx, tx| managed::ensure(cx, tx, scope)).unwrap();
    let managed = talk.say("DescribeKey", &key("alias/aws/secretsmanager", ""));
    let managed = managed["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    talk.say("DisableKey", &key(&managed, ""));
    talk.say("Encrypt", &key(&managed, r#","Plaintext":"aGk=""#));
    talk.world.caller.kind = PrincipalKind::User;
    talk.world.caller.arn = "arn:aws:iam::111122223333:user/alice".into();
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("DescribeKey", &key(SINGLE, ""));
    talk.say("DescribeKey", &key("nonsense", ""));
    talk.say("CreateKey", "{}");
    talk.say("ListKeys", "{}");
    talk.done("permission");
}

/// AWS: which operations take an alias, and which a key of another account whose policy allows them.
#[test]
fn how_keys_are_named() {
    let wrapping = r#","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048""#;
    let wrapped = r#","ImportToken":"YQ==","EncryptedKeyMaterial":"YQ==","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE""#;
    let grant = r#","GranteePrincipal":"arn:aws:iam::999988887777:root","Operations":["Encrypt"]"#;
    let grant_id = format!(r#","GrantId":"{}""#, "1".repeat(64));
    let policy = r#","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"111122223333\",\"999988887777\"]},\"Action\":\"kms:*\",\"Resource\":\"*\"}}""#;
    let (own_id, foreign, any_name) = ((false, false), (false, true), (true, true));
    let cases = [
        ("CancelKeyDeletion", "", own_id),
        ("DeleteImportedKeyMaterial", "", own_id),
        ("DisableKeyRotation", "", own_id),
        ("EnableKey", "", own_id),
        ("EnableKeyRotation", "", own_id),
        ("GetKeyLastUsage", "", own_id),
        ("GetKeyPolicy", "", own_id),
        ("GetParametersForImport", wrapping, own_id),
        ("ImportKeyMaterial", wrapped, own_id),
        ("ListAliases", "", own_id),
        ("ListKeyPolicies", "", own_id),
        ("ListResourceTags", "", own_id),
        ("PutKeyPolicy", policy, own_id),
        ("ReplicateKey", r#","ReplicaRegion":"us-west-2""#, own_id),
        ("RotateKeyOnDemand", "", own_id),
        ("TagResource", r#","Tags":[{"TagKey":"a","TagValue":"b"}]"#, own_id),
        ("UntagResource", r#","TagKeys":["a"]"#, own_id),
        ("UpdateKeyDescription", r#","Description":"a""#, own_id),
        ("UpdatePrimaryRegion", r#","PrimaryRegion":"us-west-2""#, own_id),
        ("CreateGrant", grant, foreign),
        ("GetKeyRotationStatus", "", foreign),
        ("ListGrants", "", foreign),
        ("ListKeyRotations", "", foreign),
        ("RevokeGrant", &grant_id, foreign),
        ("DescribeKey", "", any_name),
        ("Encrypt", r#","Plaintext":"aGk=""#, any_name),
        ("GenerateDataKey", r#","NumberOfBytes":1"#, any_name),
        ("GetPublicKey", "", any_name),
        ("DisableKey", "", own_id),
        ("ScheduleKeyDeletion", "", own_id),
    ];
    let mut talk = Talk::new();
    let id = talk.create("");
    talk.say("CreateAlias", &format!(r#"{{"AliasName":"alias/a","TargetKeyId":"{id}"}}"#));
    talk.say("PutKeyPolicy", &key(&id, policy));
    let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
    let (owner, stranger) = (talk.world.caller.clone(), "999988887777".parse().unwrap());
    let stranger = Caller::account_root(stranger, talk.world.region);
    for (operation, rest, (takes_alias, takes_foreign)) in cases {
        talk.world.caller = owner.clone();
        let text = talk.run(operation, &key("alias/a", rest)).1;
        assert_eq!(!text.contains("Invalid keyId 'alias/a'"), takes_alias, "{operation} {text}");
        talk.world.caller = stranger.clone();
        let text = talk.run(operation, &key(&arn, rest)).1;
        let hidden = text.contains("AccessDenied") || text.contains("does not exist");
        assert_eq!(!hidden, takes_foreign, "{operation} {text}");
    }
}

/// Nothing is accepted and ignored: each of these members changes the answer of each operation.
#[test]
fn every_member_counts() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let sealed = talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    let blob = sealed["CiphertextBlob"].as_str().unwrap().to_owned();
    let requests = [
        ("DescribeKey", key(&id, "")),
        ("Encrypt", key(&id, r#","Plaintext":"aGk=""#)),
        ("Decrypt", format!(r#"{{"CiphertextBlob":"{blob}"}}"#)),
        ("ReEncrypt", format!(r#"{{"CiphertextBlob":"{blob}","DestinationKeyId":"{id}"}}"#)),
        ("GenerateDataKey", key(&id, r#","NumberOfBytes":1"#)),
        ("GenerateDataKeyWithoutPlaintext", key(&id, r#","NumberOfBytes":1"#)),
    ];
    let grants = (r#","GrantTokens":["x"]}"#, "InvalidGrantTokenException");
    let dry = (r#","DryRun":true}"#, "DryRunOperationException");
    let usage = "InvalidKeyUsageException";
    let algorithm = (r#","EncryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#, usage);
    let decrypting = (algorithm.0, "ValidationException");
    let from = (r#","SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#, "ValidationException");
    let to = (r#","DestinationEncryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#, usage);
    let ignore = (r#","DryRunModifiers":["IGNORE_CIPHERTEXT"]}"#, "ValidationException");
    let context = (r#","EncryptionContext":{"a":"b"}}"#, "InvalidCiphertextException");
    let source = (r#","SourceEncryptionContext":{"a":"b"}}"#, "InvalidCiphertextException");
    let members: [&[_]; 6] = [
        &[grants],
        &[grants, dry, algorithm],
        &[grants, dry, decrypting, ignore, context],
        &[grants, dry, from, to, ignore, source],
        &[grants, dry],
        &[grants, dry],
    ];
    for ((operation, body), members) in requests.iter().zip(members) {
        assert_eq!(talk.run(operation, body).0, 200, "{operation}");
        for (member, code) in members {
            let body = body.replacen('}', member, 1);
            let (status, text) = talk.run(operation, &body);
            assert!(status == 400 && text.contains(code), "{operation} {member} {text}");
        }
    }
}

/// The safety check and its bypass, wherever a policy is given.
#[test]
fn policies_that_lock_out_take_a_bypass() {
    let mut talk = Talk::new();
    let (id, multi) = (talk.create(""), talk.create(r#""MultiRegion":true"#));
    let policy = r#""Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}}""#;
    let bypass = r#","BypassPolicyLockoutSafetyCheck":true"#;
    for (operation, about) in [
        ("CreateKey", String::new()),
        ("ReplicateKey", format!(r#""KeyId":"{multi}","ReplicaRegion":"us-west-2","#)),
        ("PutKeyPolicy", format!(r#""KeyId":"{id}","#)),
    ] {
        let (status, text) = talk.run(operation, &format!("{{{about}{policy}}}"));
        assert!(status == 400 && text.contains("not allow you to update"), "{operation} {text}");
        let (status, text) = talk.run(operation, &format!("{{{about}{policy}{bypass}}}"));
        assert_eq!(status, 200, "{operation} {text}");
        let shown = text.contains("444455556666");
        assert_eq!(shown, operation == "ReplicateKey", "{operation} {text}");
    }
    // From now on nobody but the other account has a say.
    let text = talk.run("GetKeyPolicy", &key(&id, "")).1;
    assert!(text.contains("AccessDeniedException"), "{text}");
}

/// PROMISE R8: whatever the body, the answer is well-formed and the client's fault.
#[test]
fn bodies_that_are_none() {
    let mut talk = Talk::new();
    let rows = OPERATIONS.iter().filter(|row| row.service == Service::Kms);
    for row in rows {
        for body in [
            "[]",
            "{",
            "\u{0}",
            r#"{"KeyId":7,"CustomKeyStoreId":7,"CustomKeyStoreName":7,"Limit":"x","NumberOfBytes":"1","AliasName":[],"MultiRegion":0,"DryRun":"no","CiphertextBlob":"?"}"#,
        ] {
            let (status, text) = talk.run(row.name, body);
            let answer = (status, text.as_str());
            assert_eq!(answer, (400, r#"{"__type":"SerializationException"}"#), "{}", row.name);
        }
    }
}

/// PROMISE R7: no answer but the plaintext's own repeats it.
#[test]
fn errors_do_not_repeat_plaintext() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let canary = "aHVudGVyMmh1bnRlcjI=";
    for rest in [
        r#","GrantTokens":["x"]"#,
        r#","EncryptionAlgorithm":"x""#,
        r#","DryRun":true"#,
        r#","EncryptionContext":{"a":7}"#,
    ] {
        let body = key(&id, &format!(r#","Plaintext":"{canary}"{rest}"#));
        let text = talk.run("Encrypt", &body).1;
        assert!(text.contains("__type"), "{text}");
        assert!(!text.contains(canary) && !text.contains("hunter2"), "{text}");
    }
}
