//! Conversations about imported key material. Wrapping it takes a client's cryptography: what
//! imports bring about is in the core's tests and in the end-to-end ones.

use regent_core::ids::MaterialId;
use regent_core::keys::model::{Import, KeyState, Material, RotationKind};

use super::*;

#[test]
fn parameters_for_imports() {
    let mut talk = Talk::new();
    let id = talk.create(r#""Origin":"EXTERNAL""#);
    let ask = |algorithm: &str, spec: &str| {
        key(&id, &format!(r#","WrappingAlgorithm":"{algorithm}","WrappingKeySpec":"{spec}""#))
    };
    talk.say("DescribeKey", &key(&id, ""));
    talk.say("GetParametersForImport", &ask("RSAES_OAEP_SHA_256", "RSA_2048"));
    talk.say("GetParametersForImport", &ask("RSAES_PKCS1_V1_5", "RSA_2048"));
    talk.say("GetParametersForImport", &ask("RSAES_OAEP_SHA_256", "SM2"));
    talk.say("GetParametersForImport", &ask("ROT13", "RSA_1024"));
    talk.say("GetParametersForImport", "{}");
    let made_here = talk.create("");
    let rest = r#","WrappingAlgorithm":"RSAES_OAEP_SHA_1","WrappingKeySpec":"RSA_2048""#;
    talk.say("GetParametersForImport", &key(&made_here, rest));
    let rsa = talk.create(r#""Origin":"EXTERNAL","KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY""#);
    talk.say("GetParametersForImport", &key(&rsa, rest));
    talk.say("CreateKey", r#"{"Origin":"EXTERNAL_KEY_STORE"}"#);
    talk.done("parameters_for_imports");
}

#[test]
fn imports_that_are_refused() {
    let mut talk = Talk::new();
    let id = talk.create(r#""Origin":"EXTERNAL""#);
    let ask = r#","WrappingAlgorithm":"RSAES_OAEP_SHA_1","WrappingKeySpec":"RSA_2048""#;
    let given = talk.say("GetParametersForImport", &key(&id, ask));
    let token = given["ImportToken"].as_str().unwrap();
    let import = |token: &str, rest: &str| {
        key(&id, &format!(r#","ImportToken":"{token}","EncryptedKeyMaterial":"aGk="{rest}"#))
    };
    let for_good = r#","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE""#;
    talk.say("ImportKeyMaterial", &import(token, ""));
    talk.say("ImportKeyMaterial", &import(token, r#","ValidTo":1"#));
    talk.say("ImportKeyMaterial", &import(token, r#","ValidTo":"soon""#));
    talk.say("ImportKeyMaterial", &import(token, &format!(r#"{for_good},"ValidTo":1700000001"#)));
    talk.say("ImportKeyMaterial", &import("aGk=", for_good));
    talk.say("ImportKeyMaterial", &import(token, for_good));
    let id_of_new = format!(
        r#"{for_good},"ImportType":"NEW_KEY_MATERIAL","KeyMaterialId":"{}""#,
        "a".repeat(64)
    );
    talk.say("ImportKeyMaterial", &import(token, &id_of_new));
    talk.say("ImportKeyMaterial", &import(token, r#","ImportType":"OLD","KeyMaterialId":"A""#));
    talk.say("ImportKeyMaterial", &import(token, r#","KeyMaterialDescription":"(x)""#));
    talk.say("ImportKeyMaterial", "{}");
    talk.say("DeleteImportedKeyMaterial", &key(&id, ""));
    let other = format!(r#","KeyMaterialId":"{}""#, "b".repeat(64));
    talk.say("DeleteImportedKeyMaterial", &key(&id, &other));
    talk.say("DeleteImportedKeyMaterial", &key(&id, r#","KeyMaterialId":"b""#));
    talk.say("Encrypt", &key(&id, r#","Plaintext":"aGk=""#));
    talk.say("RotateKeyOnDemand", &key(&id, ""));
    talk.done("imports_that_are_refused");
}

/// AWS: a key expires with the first of its materials, while it has the current one; a list says of
/// each what became of it.
#[test]
fn imported_material_is_shown() {
    let mut talk = Talk::new();
    let id = talk.create(r#""Origin":"EXTERNAL","MultiRegion":true"#);
    let (scope, now) = (talk.world.scope(), talk.world.now);
    let material = |byte, days: Option<u32>, rotated| Material {
        id: MaterialId([byte; 32]),
        created: now.plus_days(u32::from(byte)),
        rotated,
        wrapped: Some([byte].into()),
        public: None,
        import: Some(Import {
            expires: days.map(|days| now.plus_days(days)),
            description: Some(format!("material {byte}").into()),
        }),
    };
    let rotated = Some(RotationKind::OnDemand);
    let (first, second) = (material(1, Some(20), None), material(2, Some(10), rotated));
    let (third, waiting) = (material(3, None, rotated), material(4, Some(5), None));
    let gone = |of: &Material| Material { wrapped: None, ..of.clone() };
    for (materials, ready) in [
        (vec![first.clone(), second.clone(), third.clone()], false),
        (vec![first.clone(), gone(&second), third.clone()], true),
        (vec![first, second, gone(&third)], true),
        (vec![third], true),
    ] {
        let at = Key::KmsKey { scope, id: id.parse().unwrap() };
        let key_id = id.parse().unwrap();
        let mut stored = KmsKey::clone(&talk.world.store.kms_key(scope, key_id).unwrap().unwrap());
        (stored.materials, stored.pending) = (materials, Some(waiting.clone()));
        stored.state = KeyState::Enabled;
        stored.multi_region.as_mut().unwrap().pending_everywhere = ready;
        talk.world.edit(|_, tx| tx.put(at, Record::KmsKey(stored.into())));
        talk.say("DescribeKey", &key(&id, ""));
        let all = r#","IncludeKeyMaterial":"ALL_KEY_MATERIAL""#;
        talk.say("ListKeyRotations", &key(&id, all));
    }
    talk.done("imported_material_is_shown");
}
