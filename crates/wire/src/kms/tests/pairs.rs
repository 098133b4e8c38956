//! Conversations about asymmetric and HMAC keys. The pairs are the fakes of the core's tests: what
//! the transcripts show of them is shape, not cryptography.

use super::*;

/// A key of one spec and usage.
fn create(talk: &mut Talk, spec: &str, usage: &str) -> String {
    talk.create(&format!(r#""KeySpec":"{spec}","KeyUsage":"{usage}""#))
}

#[test]
fn every_spec_describes_itself() {
    let mut talk = Talk::new();
    for (spec, usage) in [
        ("RSA_2048", "ENCRYPT_DECRYPT"),
        ("RSA_3072", "SIGN_VERIFY"),
        ("ECC_NIST_P384", "KEY_AGREEMENT"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        ("ML_DSA_65", "SIGN_VERIFY"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        ("HMAC_512", "GENERATE_VERIFY_MAC"),
    ] {
        let id = create(&mut talk, spec, usage);
        let (status, text) = talk.run("DescribeKey", &key(&id, ""));
        assert_eq!(status, 200, "{text}");
        talk.say("GetPublicKey", &key(&id, ""));
    }
    talk.say(
        "CreateKey",
        r#"{"CustomerMasterKeySpec":"HMAC_224","KeyUsage":"GENERATE_VERIFY_MAC"}"#,
    );
    talk.done("every_spec_describes_itself");
}

#[test]
fn signatures() {
    let mut talk = Talk::new();
    let id = create(&mut talk, "RSA_2048", "SIGN_VERIFY");
    let message = r#","Message":"aGk=""#;
    let algorithm = r#","SigningAlgorithm":"RSASSA_PSS_SHA_256""#;
    let signed = talk.say("Sign", &key(&id, &format!("{message}{algorithm}")));
    let signature = signed["Signature"].as_str().unwrap();
    let verify = |message: &str, signature: &str, rest: &str| {
        key(&id, &format!(r#","Message":"{message}","Signature":"{signature}"{algorithm}{rest}"#))
    };
    talk.say("Verify", &verify("aGk=", signature, ""));
    talk.say("Verify", &verify("aGk=", signature, r#","MessageType":"RAW""#));
    talk.say("Verify", &verify("aGo=", signature, ""));
    talk.say("Verify", &verify("aGk=", "aGk=", ""));
    talk.say("Verify", &verify("aGk=", signature, r#","MessageType":"DIGEST""#));
    talk.say("Verify", &verify("aGk=", signature, r#","MessageType":"HASH""#));
    talk.say("Sign", &key(&id, &format!(r#"{message},"SigningAlgorithm":"ECDSA_SHA_256""#)));
    talk.say("Sign", &key(&id, &format!(r#"{message},"SigningAlgorithm":"SM2DSA""#)));
    talk.say("Sign", &key(&id, &format!(r#"{message},"SigningAlgorithm":"MD5""#)));
    talk.say("Sign", &key(&id, &format!(r#","Message":""{algorithm}"#)));
    talk.say("Sign", &key(&id, message));
    let mu = r#","MessageType":"EXTERNAL_MU""#;
    talk.say("Sign", &key(&id, &format!("{message}{algorithm}{mu}")));
    let symmetric = talk.create("");
    talk.say("Sign", &key(&symmetric, &format!("{message}{algorithm}")));
    talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    talk.say("GenerateDataKey", &key(&id, r#","NumberOfBytes":1"#));
    talk.say("EnableKeyRotation", &key(&id, ""));
    talk.say("RotateKeyOnDemand", &key(&id, ""));
    talk.say("GetKeyRotationStatus", &key(&id, ""));
    let dsa = create(&mut talk, "ML_DSA_44", "SIGN_VERIFY");
    let algorithm = r#","SigningAlgorithm":"ML_DSA_SHAKE_256""#;
    let representative = "A".repeat(86) + "==";
    let external = format!(r#","Message":"{representative}"{mu}{algorithm}"#);
    let (status, text) = talk.run("Sign", &key(&dsa, &external));
    assert_eq!(status, 200, "{text}");
    talk.say("Sign", &key(&dsa, &format!("{message}{mu}{algorithm}")));
    talk.done("signatures");
}

#[test]
fn encryption_with_rsa() {
    let mut talk = Talk::new();
    let id = create(&mut talk, "RSA_2048", "ENCRYPT_DECRYPT");
    let algorithm = r#","EncryptionAlgorithm":"RSAES_OAEP_SHA_256""#;
    let plaintext = r#","Plaintext":"aGk=""#;
    let sealed = talk.say("Encrypt", &key(&id, &format!("{plaintext}{algorithm}")));
    let blob = sealed["CiphertextBlob"].as_str().unwrap();
    let open = |rest: &str| key(&id, &format!(r#","CiphertextBlob":"{blob}"{rest}"#));
    talk.say("Decrypt", &open(algorithm));
    talk.say("Decrypt", &open(""));
    talk.say("Decrypt", &open(r#","EncryptionAlgorithm":"RSAES_OAEP_SHA_1""#));
    talk.say("Decrypt", &open(r#","EncryptionAlgorithm":"SM2PKE""#));
    talk.say("Decrypt", &open(&format!(r#"{algorithm},"EncryptionContext":{{"a":"b"}}"#)));
    talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"{algorithm}}}"#));
    let long = "A".repeat(256);
    talk.say("Encrypt", &key(&id, &format!(r#","Plaintext":"{long}"{algorithm}"#)));
    talk.say("Encrypt", &key(&id, plaintext));
    let symmetric = talk.create("");
    let (from, to) = (
        r#","SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_256""#,
        r#","DestinationEncryptionAlgorithm":"SYMMETRIC_DEFAULT""#,
    );
    talk.say(
        "ReEncrypt",
        &format!(
            r#"{{"CiphertextBlob":"{blob}","SourceKeyId":"{id}","DestinationKeyId":"{symmetric}"{from}{to}}}"#
        ),
    );
    talk.done("encryption_with_rsa");
}

#[test]
fn message_authentication_codes() {
    let mut talk = Talk::new();
    let id = create(&mut talk, "HMAC_256", "GENERATE_VERIFY_MAC");
    let algorithm = r#","MacAlgorithm":"HMAC_SHA_256""#;
    let made = talk.say("GenerateMac", &key(&id, &format!(r#","Message":"aGk="{algorithm}"#)));
    let mac = made["Mac"].as_str().unwrap();
    let verify = |message: &str, mac: &str| {
        key(&id, &format!(r#","Message":"{message}","Mac":"{mac}"{algorithm}"#))
    };
    talk.say("VerifyMac", &verify("aGk=", mac));
    talk.say("VerifyMac", &verify("aGo=", mac));
    talk.say("VerifyMac", &verify("aGk=", "aGk="));
    talk.say("GenerateMac", &key(&id, r#","Message":"aGk=","MacAlgorithm":"HMAC_SHA_512""#));
    talk.say("GenerateMac", &key(&id, r#","Message":"aGk=","MacAlgorithm":"HMAC_MD5""#));
    talk.say("GenerateMac", "{}");
    let symmetric = talk.create("");
    talk.say("GenerateMac", &key(&symmetric, &format!(r#","Message":"aGk="{algorithm}"#)));
    talk.say("GetPublicKey", &key(&id, ""));
    talk.done("message_authentication_codes");
}

#[test]
fn agreement_and_encapsulation() {
    let mut talk = Talk::new();
    let id = create(&mut talk, "ECC_NIST_P256", "KEY_AGREEMENT");
    let public = talk.say("GetPublicKey", &key(&id, ""));
    let public = public["PublicKey"].as_str().unwrap();
    let ecdh = r#","KeyAgreementAlgorithm":"ECDH""#;
    talk.say("DeriveSharedSecret", &key(&id, &format!(r#","PublicKey":"{public}"{ecdh}"#)));
    talk.say("DeriveSharedSecret", &key(&id, &format!(r#","PublicKey":"aGk="{ecdh}"#)));
    talk.say("DeriveSharedSecret", &key(&id, r#","KeyAgreementAlgorithm":"DH""#));
    let enclave = r#","Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}"#;
    let body = key(&id, &format!(r#","PublicKey":"{public}"{ecdh}{enclave}"#));
    talk.say("DeriveSharedSecret", &body);
    let kem = create(&mut talk, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE");
    let algorithm = r#","EncapsulationAlgorithm":"ML_KEM""#;
    let made = talk.say("Encapsulate", &key(&kem, algorithm));
    let capsule = made["SharedSecretCiphertextBlob"].as_str().unwrap();
    let open =
        |blob: &str| key(&kem, &format!(r#","SharedSecretCiphertextBlob":"{blob}"{algorithm}"#));
    let opened = talk.say("Decapsulate", &open(capsule));
    assert_eq!(opened["SharedSecret"], made["SharedSecret"]);
    talk.say("Decapsulate", &open("aGk="));
    talk.say("Encapsulate", &key(&kem, ""));
    talk.say("Encapsulate", &key(&id, algorithm));
    talk.say("DeriveSharedSecret", &key(&kem, &format!(r#","PublicKey":"{public}"{ecdh}"#)));
    talk.done("agreement_and_encapsulation");
}

#[test]
fn data_key_pairs() {
    let mut talk = Talk::new();
    let id = talk.create("");
    let spec = r#","KeyPairSpec":"ECC_NIST_P256""#;
    let made = talk.say("GenerateDataKeyPair", &key(&id, spec));
    let blob = made["PrivateKeyCiphertextBlob"].as_str().unwrap();
    let opened = talk.say("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
    assert_eq!(opened["Plaintext"], made["PrivateKeyPlaintext"]);
    talk.say("GenerateDataKeyPairWithoutPlaintext", &key(&id, spec));
    talk.say("GenerateDataKeyPair", &key(&id, ""));
    talk.say("GenerateDataKeyPair", &key(&id, r#","KeyPairSpec":"SM2""#));
    talk.say("GenerateDataKeyPair", &key(&id, r#","KeyPairSpec":"HMAC_256""#));
    let signs = create(&mut talk, "RSA_2048", "SIGN_VERIFY");
    talk.say("GenerateDataKeyPairWithoutPlaintext", &key(&signs, spec));
    talk.done("data_key_pairs");
}

/// Nothing is accepted and ignored: each of these members changes the answer of each operation.
#[test]
fn every_member_counts() {
    let mut talk = Talk::new();
    let signs = create(&mut talk, "ECC_NIST_P256", "SIGN_VERIFY");
    let macs = create(&mut talk, "HMAC_256", "GENERATE_VERIFY_MAC");
    let agrees = create(&mut talk, "ECC_NIST_P256", "KEY_AGREEMENT");
    let kem = create(&mut talk, "ML_KEM_512", "ENCAPSULATE_DECAPSULATE");
    let symmetric = talk.create("");
    let ecdsa = r#","Message":"aGk=","SigningAlgorithm":"ECDSA_SHA_256""#;
    let hmac = r#","Message":"aGk=","MacAlgorithm":"HMAC_SHA_256""#;
    let ml_kem = r#","EncapsulationAlgorithm":"ML_KEM""#;
    let made = |talk: &mut Talk, operation: &str, body: &str, member: &str| {
        talk.say(operation, body)[member].as_str().unwrap().to_owned()
    };
    let signature = made(&mut talk, "Sign", &key(&signs, ecdsa), "Signature");
    let mac = made(&mut talk, "GenerateMac", &key(&macs, hmac), "Mac");
    let capsule = made(&mut talk, "Encapsulate", &key(&kem, ml_kem), "SharedSecretCiphertextBlob");
    let peer = made(&mut talk, "GetPublicKey", &key(&agrees, ""), "PublicKey");
    let ecdh = format!(r#","KeyAgreementAlgorithm":"ECDH","PublicKey":"{peer}""#);
    let capsule = format!(r#"{ml_kem},"SharedSecretCiphertextBlob":"{capsule}""#);
    let spec = r#","KeyPairSpec":"ECC_NIST_P256""#;
    let grants = (r#","GrantTokens":["x"]}"#, "InvalidGrantTokenException");
    let dry = (r#","DryRun":true}"#, "DryRunOperationException");
    let enclave = (r#","Recipient":{}}"#, "UnsupportedOperationException");
    let digest = (r#","MessageType":"DIGEST"}"#, "ValidationException");
    for (operation, body, members) in [
        ("Sign", key(&signs, ecdsa), &[grants, dry, digest][..]),
        (
            "Verify",
            key(&signs, &format!(r#"{ecdsa},"Signature":"{signature}""#)),
            &[grants, dry, digest],
        ),
        ("GenerateMac", key(&macs, hmac), &[grants, dry]),
        ("VerifyMac", key(&macs, &format!(r#"{hmac},"Mac":"{mac}""#)), &[grants, dry]),
        ("DeriveSharedSecret", key(&agrees, &ecdh), &[grants, dry, enclave]),
        ("Encapsulate", key(&kem, ml_kem), &[grants, dry]),
        ("Decapsulate", key(&kem, &capsule), &[grants, dry]),
        ("GetPublicKey", key(&agrees, ""), &[grants]),
        ("GenerateDataKeyPair", key(&symmetric, spec), &[grants, dry, enclave]),
        ("GenerateDataKeyPairWithoutPlaintext", key(&symmetric, spec), &[grants, dry]),
    ] {
        let (status, text) = talk.run(operation, &body);
        assert_eq!(status, 200, "{operation} {text}");
        for (member, code) in members {
            let body = format!("{}{member}", body.strip_suffix('}').unwrap());
            let (status, text) = talk.run(operation, &body);
            assert!(status == 400 && text.contains(code), "{operation} {member} {text}");
        }
    }
}
