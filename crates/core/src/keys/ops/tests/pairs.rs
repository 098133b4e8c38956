//! Asymmetric and HMAC keys: which key does what, with which algorithm and message, in which state,
//! and what each use asks for and leaves behind.

use core::fmt::Write as _;

use super::*;
use crate::engine::Operation;
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::error::UseProblem;
use crate::keys::ops::decapsulate::Decapsulate;
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::derive_shared_secret::DeriveSharedSecret;
use crate::keys::ops::encapsulate::Encapsulate;
use crate::keys::ops::generate_data_key::{DataKeyLength, DataKeyRequest, GenerateDataKey};
use crate::keys::ops::generate_data_key_pair::{DataKeyPairRequest, GenerateDataKeyPair};
use crate::keys::ops::generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext;
use crate::keys::ops::generate_mac::{GenerateMac, MacRequest};
use crate::keys::ops::get_public_key::GetPublicKey;
use crate::keys::ops::re_encrypt::ReEncrypt;
use crate::keys::ops::sign::Sign;
use crate::keys::ops::update_alias::UpdateAlias;
use crate::keys::ops::verify::Verify;
use crate::keys::ops::verify_mac::VerifyMac;
use crate::keys::signing::{MessageType, Signing};
use crate::keys::spec::{
    Curve, HmacHash, MlDsa, MlKem, OaepHash, PairSpec, RsaSize, SignHash, SigningAlgorithm,
};
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Demand, shown};
use crate::ports::Message;
use crate::time::Timestamp;

const RSA: KeySpec = KeySpec::Pair(PairSpec::Rsa(RsaSize::Bits2048));
const P256: KeySpec = KeySpec::Pair(PairSpec::Ecc(Curve::P256));
const HMAC: KeySpec = KeySpec::Hmac(HmacHash::Sha256);
const KEM: KeySpec = KeySpec::Pair(PairSpec::MlKem(MlKem::MlKem768));
const ECDSA: SigningAlgorithm = SigningAlgorithm::Ecdsa(SignHash::Sha256);
const OAEP: EncryptionAlgorithm = EncryptionAlgorithm::Oaep(OaepHash::Sha256);

fn create_of(world: &mut World, spec: KeySpec, usage: KeyUsage) -> Found {
    world.command(CreateKey { spec, usage, ..plain() }).unwrap()
}

fn signing(key: &Found, algorithm: SigningAlgorithm, dry_run: bool) -> Signing {
    let message_type = match algorithm {
        SigningAlgorithm::Ed25519Ph => MessageType::Digest,
        _ => MessageType::Raw,
    };
    let message = Plaintext::new(vec![7; 64]);
    Signing { key: named(key.arn()), message, message_type, algorithm, dry_run }
}

fn mac_request(key: &Found, algorithm: HmacHash, dry_run: bool) -> MacRequest {
    MacRequest { key: named(key.arn()), message: Plaintext::new(vec![7]), algorithm, dry_run }
}

fn pair_request(key: &Found, dry_run: bool) -> DataKeyPairRequest {
    let (key, context) = (named(key.arn()), no_context());
    DataKeyPairRequest { key, context, spec: PairSpec::Ecc(Curve::P256), dry_run }
}

fn sealing(key: &Found, algorithm: EncryptionAlgorithm, dry_run: bool) -> Encrypt {
    let (plaintext, context) = (Plaintext::new(vec![7]), no_context());
    Encrypt { key: named(key.arn()), plaintext, algorithm, context, dry_run }
}

fn sealed(key: Option<KeyRef>, algorithm: EncryptionAlgorithm, blob: Vec<u8>) -> Sealed {
    let (context, tokens) = (no_context(), Box::default());
    Sealed { key, algorithm, blob: Blob::Given(blob.into()), context, tokens }
}

/// What a key of this spec could sign, encrypt or authenticate with.
struct Suited {
    signing: SigningAlgorithm,
    encryption: EncryptionAlgorithm,
    mac: HmacHash,
}

fn suited(spec: KeySpec) -> Suited {
    let signing = SigningAlgorithm::ALL.into_iter().find(|algorithm| algorithm.is_of(spec));
    let encryption = EncryptionAlgorithm::ALL.into_iter().find(|algorithm| algorithm.is_of(spec));
    let mac = HmacHash::ALL.into_iter().find(|hash| KeySpec::Hmac(*hash) == spec);
    Suited {
        signing: signing.unwrap_or(ECDSA),
        encryption: encryption.unwrap_or(SYMMETRIC),
        mac: mac.unwrap_or(HmacHash::Sha256),
    }
}

/// What an earlier use of the key left, made before its state was changed.
struct Made {
    signature: Box<[u8]>,
    mac: Box<[u8]>,
    blob: Vec<u8>,
    peer: Box<[u8]>,
    capsule: Box<[u8]>,
}

fn made(world: &World, key: &Found) -> Made {
    let with = suited(key.key.spec);
    let signed = world.query(Sign(signing(key, with.signing, false)));
    let mac = world.query(GenerateMac(mac_request(key, with.mac, false)));
    let blob = world.query(sealing(key, with.encryption, false));
    let capsule = world.query(Encapsulate { key: named(key.arn()), dry_run: false });
    let pair = world.cx().crypto.pairs().generate_pair(PairSpec::Ecc(Curve::P256));
    Made {
        signature: signed.map_or_else(|_| [1].into(), |signed| signed.signature.into()),
        mac: mac.map_or_else(|_| [1].into(), |mac| mac.mac.into()),
        blob: blob.map_or_else(|_| vec![1], |sealed| sealed.blob),
        peer: pair.public,
        capsule: capsule.map_or_else(|_| [1].into(), |made| made.ciphertext.into()),
    }
}

type Use = fn(&World, &Found, &Made, bool) -> Result<(), Error>;

/// Every cryptographic use of a key that the caller names, with the algorithm that suits its spec.
const USES: &[(&str, Use)] = &[
    ("Encrypt", |w, key, _, dry| {
        w.query(sealing(key, suited(key.key.spec).encryption, dry)).map(drop)
    }),
    ("Decrypt", |w, key, made, dry_run| {
        let algorithm = suited(key.key.spec).encryption;
        let sealed = sealed(Some(named(key.arn())), algorithm, made.blob.clone());
        w.query(Decrypt { sealed, dry_run }).map(drop)
    }),
    ("GenerateDataKey", |w, key, _, dry_run| {
        let (length, context) = (DataKeyLength::new(None, Some(1)).unwrap(), no_context());
        let request = DataKeyRequest { key: named(key.arn()), context, length, dry_run };
        w.query(GenerateDataKey(request)).map(drop)
    }),
    ("GenerateDataKeyPair", |w, key, _, dry| {
        w.query(GenerateDataKeyPair(pair_request(key, dry))).map(drop)
    }),
    ("GenerateDataKeyPairWithoutPlaintext", |w, key, _, dry| {
        w.query(GenerateDataKeyPairWithoutPlaintext(pair_request(key, dry))).map(drop)
    }),
    ("Sign", |w, key, _, dry| {
        w.query(Sign(signing(key, suited(key.key.spec).signing, dry))).map(drop)
    }),
    ("Verify", |w, key, made, dry| {
        let signing = signing(key, suited(key.key.spec).signing, dry);
        w.query(Verify { signing, signature: made.signature.clone() }).map(drop)
    }),
    ("GenerateMac", |w, key, _, dry| {
        w.query(GenerateMac(mac_request(key, suited(key.key.spec).mac, dry))).map(drop)
    }),
    ("VerifyMac", |w, key, made, dry| {
        let request = mac_request(key, suited(key.key.spec).mac, dry);
        w.query(VerifyMac { request, mac: made.mac.clone() }).map(drop)
    }),
    ("DeriveSharedSecret", |w, key, made, dry_run| {
        let (key, peer) = (named(key.arn()), made.peer.clone());
        w.query(DeriveSharedSecret { key, peer, dry_run }).map(drop)
    }),
    ("Encapsulate", |w, key, _, dry_run| {
        w.query(Encapsulate { key: named(key.arn()), dry_run }).map(drop)
    }),
    ("Decapsulate", |w, key, made, dry_run| {
        let (key, ciphertext) = (named(key.arn()), made.capsule.clone());
        w.query(Decapsulate { key, ciphertext, dry_run }).map(drop)
    }),
];

fn get_public_key(world: &World, key: &Found) -> Result<(), Error> {
    world.query(GetPublicKey { key: named(key.arn()) }).map(drop)
}

fn outcome(result: &Result<(), Error>, operation: &str) -> char {
    match result {
        Ok(()) => 'y',
        Err(Error::Key(KeyProblem::WrongUsage { operation: named, .. })) => {
            assert_eq!(&**named, operation);
            '-'
        }
        // AWS: Decrypt does not say that the usage is wrong.
        Err(Error::IncorrectKey) if operation == "Decrypt" => '-',
        Err(Error::Use(UseProblem::NoPublicKey { .. })) => 'n',
        Err(other) => panic!("{operation}: {other:?}"),
    }
}

/// One column for each of [`USES`], then GetPublicKey.
#[test]
fn every_kind_of_key_has_its_uses() {
    let mut matrix = String::new();
    let usages = [
        KeyUsage::EncryptDecrypt,
        KeyUsage::SignVerify,
        KeyUsage::GenerateVerifyMac,
        KeyUsage::KeyAgreement,
        KeyUsage::EncapsulateDecapsulate,
    ];
    let mut world = World::new();
    for spec in KeySpec::ALL {
        for usage in usages.into_iter().filter(|usage| spec.allows(*usage)) {
            let key = create_of(&mut world, spec, usage);
            let mut made = made(&world, &key);
            if let KeySpec::Pair(PairSpec::Ecc(curve)) = spec {
                made.peer = world.cx().crypto.pairs().generate_pair(PairSpec::Ecc(curve)).public;
            }
            write!(matrix, "\n{} {} ", spec.as_str(), usage.as_str()).unwrap();
            for (name, run) in USES {
                matrix.push(outcome(&run(&world, &key, &made, false), name));
            }
            matrix.push(outcome(&get_public_key(&world, &key), "GetPublicKey"));
        }
    }
    assert_eq!(matrix, KINDS, "{matrix}");
}

const KINDS: &str = "
SYMMETRIC_DEFAULT ENCRYPT_DECRYPT yyyyy-------n
HMAC_224 GENERATE_VERIFY_MAC -------yy---n
HMAC_256 GENERATE_VERIFY_MAC -------yy---n
HMAC_384 GENERATE_VERIFY_MAC -------yy---n
HMAC_512 GENERATE_VERIFY_MAC -------yy---n
RSA_2048 ENCRYPT_DECRYPT yy----------y
RSA_2048 SIGN_VERIFY -----yy-----y
RSA_3072 ENCRYPT_DECRYPT yy----------y
RSA_3072 SIGN_VERIFY -----yy-----y
RSA_4096 ENCRYPT_DECRYPT yy----------y
RSA_4096 SIGN_VERIFY -----yy-----y
ECC_NIST_P256 SIGN_VERIFY -----yy-----y
ECC_NIST_P256 KEY_AGREEMENT ---------y--y
ECC_NIST_P384 SIGN_VERIFY -----yy-----y
ECC_NIST_P384 KEY_AGREEMENT ---------y--y
ECC_NIST_P521 SIGN_VERIFY -----yy-----y
ECC_NIST_P521 KEY_AGREEMENT ---------y--y
ECC_SECG_P256K1 SIGN_VERIFY -----yy-----y
ECC_NIST_EDWARDS25519 SIGN_VERIFY -----yy-----y
ML_DSA_44 SIGN_VERIFY -----yy-----y
ML_DSA_65 SIGN_VERIFY -----yy-----y
ML_DSA_87 SIGN_VERIFY -----yy-----y
ML_KEM_512 ENCAPSULATE_DECAPSULATE ----------yyy
ML_KEM_768 ENCAPSULATE_DECAPSULATE ----------yyy
ML_KEM_1024 ENCAPSULATE_DECAPSULATE ----------yyy";

#[test]
fn uses_in_every_state() {
    let states = [
        KeyState::Disabled,
        KeyState::PendingDeletion { at: Timestamp::from_millis(1_800_000_000_000) },
        KeyState::PendingReplicaDeletion { window_days: 7 },
        KeyState::PendingImport,
    ];
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (RSA, KeyUsage::EncryptDecrypt),
        (P256, KeyUsage::SignVerify),
        (P256, KeyUsage::KeyAgreement),
        (HMAC, KeyUsage::GenerateVerifyMac),
        (KEM, KeyUsage::EncapsulateDecapsulate),
    ] {
        for state in states {
            let mut world = World::new();
            let key = create_of(&mut world, spec, usage);
            let made = made(&world, &key);
            set_state(&mut world, &key, state);
            let uses = USES.iter().map(|(name, run)| (*name, run(&world, &key, &made, false)));
            let public = ("GetPublicKey", get_public_key(&world, &key));
            for (name, result) in uses.chain([public]) {
                let right = match result {
                    Err(Error::Key(KeyProblem::Disabled { .. })) => state == KeyState::Disabled,
                    Err(Error::Key(KeyProblem::PendingImport { .. })) => {
                        state == KeyState::PendingImport
                    }
                    Err(Error::Key(KeyProblem::PendingDeletion { .. })) => {
                        matches!(state, KeyState::PendingDeletion { .. })
                    }
                    Err(Error::Key(KeyProblem::PendingReplicaDeletion { .. })) => {
                        matches!(state, KeyState::PendingReplicaDeletion { .. })
                    }
                    _ => false,
                };
                assert!(right, "{name} {spec:?} {state:?}");
            }
        }
    }
}

/// A dry run of what would succeed says so, uses nothing, and of what would fail fails alike.
#[test]
fn dry_runs_and_uses() {
    let mut world = World::new();
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (RSA, KeyUsage::EncryptDecrypt),
        (RSA, KeyUsage::SignVerify),
        (P256, KeyUsage::KeyAgreement),
        (HMAC, KeyUsage::GenerateVerifyMac),
        (KEM, KeyUsage::EncapsulateDecapsulate),
    ] {
        let key = create_of(&mut world, spec, usage);
        let made = made(&world, &key);
        for (name, run) in USES {
            world.uses = crate::keys::usage::Uses::default();
            let real = run(&world, &key, &made, false);
            let used: Vec<_> = std::mem::take(&mut world.uses).into_each().collect();
            let dry = run(&world, &key, &made, true);
            assert!(world.uses.is_empty(), "{name}");
            if real.is_ok() {
                let operation = KeyOperation::ALL.iter().find(|known| known.as_str() == *name);
                assert_eq!(used, [(key.arn(), *operation.unwrap())], "{name}");
                assert_eq!(dry, Err(Error::DryRun), "{name}");
            } else {
                assert_eq!(used, [], "{name}");
                assert_eq!(dry, real, "{name}");
            }
        }
    }
}

/// The one demand of an operation.
pub fn demanded<Op: Operation>(world: &World, op: &Op) -> Demand {
    let cx = world.cx();
    let target = op.target(&cx, &world.store).unwrap();
    let mut demands = op.demands(&cx, &target);
    assert_eq!(demands.len(), 1);
    demands.remove(0)
}

/// Each use of a key asks for its own action, and says what it would do with the key.
#[test]
fn uses_demand_their_action_and_say_the_algorithm() {
    let mut world = World::new();
    let key = create(&mut world);
    let (dry_run, signature, mac) = (false, Box::default(), Box::default());
    let k = || named(key.arn());
    let demands = [
        ("kms:Sign", demanded(&world, &Sign(signing(&key, ECDSA, false)))),
        (
            "kms:Verify",
            demanded(&world, &Verify { signing: signing(&key, ECDSA, false), signature }),
        ),
        (
            "kms:GenerateMac",
            demanded(&world, &GenerateMac(mac_request(&key, HmacHash::Sha256, false))),
        ),
        (
            "kms:VerifyMac",
            demanded(
                &world,
                &VerifyMac { request: mac_request(&key, HmacHash::Sha256, false), mac },
            ),
        ),
        (
            "kms:DeriveSharedSecret",
            demanded(&world, &DeriveSharedSecret { key: k(), peer: Box::default(), dry_run }),
        ),
        ("kms:Encapsulate", demanded(&world, &Encapsulate { key: k(), dry_run })),
        (
            "kms:Decapsulate",
            demanded(&world, &Decapsulate { key: k(), ciphertext: Box::default(), dry_run }),
        ),
        ("kms:GetPublicKey", demanded(&world, &GetPublicKey { key: k() })),
        (
            "kms:GenerateDataKeyPair",
            demanded(&world, &GenerateDataKeyPair(pair_request(&key, false))),
        ),
        (
            "kms:GenerateDataKeyPairWithoutPlaintext",
            demanded(&world, &GenerateDataKeyPairWithoutPlaintext(pair_request(&key, false))),
        ),
        ("kms:Encrypt", demanded(&world, &sealing(&key, OAEP, false))),
        (
            "kms:Decrypt",
            demanded(&world, &Decrypt { sealed: sealed(Some(k()), OAEP, vec![1]), dry_run }),
        ),
    ];
    let mut text = String::new();
    for (action, demand) in demands {
        write!(text, "\n{action}").unwrap();
        assert_eq!((demand.action, demand.policy.is_some()), (action, true));
        assert_eq!(demand.resource, key.arn().text());
        for name in NAMES {
            if let Some(value) = shown(&world.cx(), &world.store, &demand, name) {
                write!(text, " {}={value}", name.trim_start_matches("kms:")).unwrap();
            }
        }
    }
    assert_eq!(text, FACTS, "{text}");
}

const NAMES: [&str; 7] = [
    "kms:datakeypairspec",
    "kms:encapsulationalgorithm",
    "kms:encryptionalgorithm",
    "kms:keyagreementalgorithm",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:signingalgorithm",
];

/// What each demand tells conditions beside what every key has.
pub const FACTS: &str = "
kms:Sign messagetype=RAW signingalgorithm=ECDSA_SHA_256
kms:Verify messagetype=RAW signingalgorithm=ECDSA_SHA_256
kms:GenerateMac macalgorithm=HMAC_SHA_256
kms:VerifyMac macalgorithm=HMAC_SHA_256
kms:DeriveSharedSecret keyagreementalgorithm=ECDH
kms:Encapsulate encapsulationalgorithm=ML_KEM
kms:Decapsulate encapsulationalgorithm=ML_KEM
kms:GetPublicKey
kms:GenerateDataKeyPair datakeypairspec=ECC_NIST_P256 encryptionalgorithm=SYMMETRIC_DEFAULT
kms:GenerateDataKeyPairWithoutPlaintext datakeypairspec=ECC_NIST_P256 encryptionalgorithm=SYMMETRIC_DEFAULT
kms:Encrypt encryptionalgorithm=RSAES_OAEP_SHA_256
kms:Decrypt encryptionalgorithm=RSAES_OAEP_SHA_256";

#[test]
fn signatures_are_of_one_message_key_and_algorithm() {
    let mut world = World::new();
    let pss = SigningAlgorithm::RsaPss(SignHash::Sha256);
    let pkcs1 = SigningAlgorithm::RsaPkcs1(SignHash::Sha256);
    let (one, two) = (
        create_of(&mut world, RSA, KeyUsage::SignVerify),
        create_of(&mut world, RSA, KeyUsage::SignVerify),
    );
    let signature = world.query(Sign(signing(&one, pss, false))).unwrap().signature;
    let verify = |key: &Found, algorithm, message: &[u8], signature: &[u8]| {
        let message = Plaintext::new(message.to_vec());
        let signing = Signing { message, ..signing(key, algorithm, false) };
        world.query(Verify { signing, signature: signature.into() })
    };
    assert_eq!(verify(&one, pss, &[7; 64], &signature).unwrap().key, one.arn());
    for result in [
        verify(&two, pss, &[7; 64], &signature),
        verify(&one, pkcs1, &[7; 64], &signature),
        verify(&one, pss, &[8; 64], &signature),
        verify(&one, pss, &[7; 64], &signature[1..]),
        verify(&one, pss, &[7; 64], &[0]),
    ] {
        assert_eq!(result.unwrap_err(), Error::Use(UseProblem::InvalidSignature));
    }
    let refused = world.query(Sign(signing(&one, ECDSA, false))).unwrap_err();
    assert_eq!(
        refused,
        Error::Use(UseProblem::WrongAlgorithm { algorithm: "ECDSA_SHA_256", spec: RSA })
    );
}

#[test]
fn digests_are_of_the_algorithms_length() {
    let mut world = World::new();
    let ml_dsa = KeySpec::Pair(PairSpec::MlDsa(MlDsa::MlDsa44));
    let ed25519 = KeySpec::Pair(PairSpec::Ed25519);
    let mut sign = |spec, algorithm, message_type, len| {
        let key = create_of(&mut world, spec, KeyUsage::SignVerify);
        let message = Plaintext::new(vec![7; len]);
        let signing = Signing { message, message_type, ..signing(&key, algorithm, false) };
        world.query(Sign(signing)).map(drop)
    };
    let (raw, digest, mu) = (MessageType::Raw, MessageType::Digest, MessageType::ExternalMu);
    let sha384 = SigningAlgorithm::RsaPss(SignHash::Sha384);
    let (pure, prehashed) = (SigningAlgorithm::Ed25519, SigningAlgorithm::Ed25519Ph);
    for (spec, algorithm, message_type, len) in [
        (P256, ECDSA, digest, 32),
        (RSA, sha384, digest, 48),
        (ed25519, prehashed, digest, 64),
        (ed25519, pure, raw, 5),
        (ml_dsa, SigningAlgorithm::MlDsa, mu, 64),
        (ml_dsa, SigningAlgorithm::MlDsa, raw, 5),
    ] {
        assert_eq!(sign(spec, algorithm, message_type, len), Ok(()), "{algorithm:?}");
    }
    for (spec, algorithm, message_type, len) in [
        (P256, ECDSA, digest, 31),
        (RSA, sha384, digest, 32),
        (ed25519, prehashed, digest, 63),
        (ml_dsa, SigningAlgorithm::MlDsa, mu, 63),
    ] {
        let refused = Err(Error::Use(UseProblem::DigestLength { algorithm }));
        assert_eq!(sign(spec, algorithm, message_type, len), refused);
    }
    for (spec, algorithm, message_type) in [
        (P256, ECDSA, mu),
        (ed25519, prehashed, raw),
        (ed25519, pure, digest),
        (ml_dsa, SigningAlgorithm::MlDsa, digest),
    ] {
        let refused = Err(Error::Use(UseProblem::MessageType { message_type, algorithm }));
        assert_eq!(sign(spec, algorithm, message_type, 64), refused);
    }
}

#[test]
fn what_rsa_encrypts_opens_under_its_key_alone() {
    let mut world = World::new();
    let rsa = create_of(&mut world, RSA, KeyUsage::EncryptDecrypt);
    let other = create_of(&mut world, RSA, KeyUsage::EncryptDecrypt);
    let symmetric = create(&mut world);
    let blob = world.query(sealing(&rsa, OAEP, false)).unwrap().blob;
    let open = |key: Option<&Found>, algorithm, blob: &[u8]| {
        let sealed = sealed(key.map(|key| named(key.arn())), algorithm, blob.to_vec());
        world.query(Decrypt { sealed, dry_run: false })
    };
    let opened = open(Some(&rsa), OAEP, &blob).unwrap();
    assert_eq!((opened.plaintext.expose(), opened.material), (&[7][..], None));
    let sha1 = EncryptionAlgorithm::Oaep(OaepHash::Sha1);
    let mut flipped = blob.clone();
    flipped[3] ^= 1;
    for (result, error) in [
        (open(None, OAEP, &blob), Error::Use(UseProblem::DecryptKeyMissing)),
        (open(Some(&other), OAEP, &blob), Error::InvalidCiphertext),
        (open(Some(&rsa), sha1, &blob), Error::InvalidCiphertext),
        (open(Some(&rsa), OAEP, &blob[1..]), Error::InvalidCiphertext),
        (open(Some(&rsa), OAEP, &flipped), Error::InvalidCiphertext),
        (
            open(Some(&symmetric), OAEP, &blob),
            Error::Use(UseProblem::WrongAlgorithm {
                algorithm: "RSAES_OAEP_SHA_256",
                spec: KeySpec::SymmetricDefault,
            }),
        ),
        (
            open(Some(&rsa), SYMMETRIC, &blob),
            Error::Use(UseProblem::WrongAlgorithm { algorithm: "SYMMETRIC_DEFAULT", spec: RSA }),
        ),
        (open(None, SYMMETRIC, &blob), Error::InvalidCiphertext),
    ] {
        assert_eq!(result.unwrap_err(), error);
    }
    let with_context = Encrypt { context: context("a", "b"), ..sealing(&rsa, OAEP, false) };
    assert_eq!(world.query(with_context).unwrap_err(), Error::Use(UseProblem::ContextNotSymmetric));
    for (len, fits) in [(190, true), (191, false)] {
        let op = Encrypt { plaintext: Plaintext::new(vec![7; len]), ..sealing(&rsa, OAEP, false) };
        let too_long =
            Error::Use(UseProblem::PlaintextTooLong { algorithm: OAEP, spec: RSA, max: 190 });
        assert_eq!(world.query(op).err(), (!fits).then_some(too_long));
    }
}

/// ReEncrypt goes between kinds of keys, both ways.
#[test]
fn re_encryption_between_kinds() {
    let mut world = World::new();
    let rsa = create_of(&mut world, RSA, KeyUsage::EncryptDecrypt);
    let symmetric = create(&mut world);
    let first = encrypt(&world, &symmetric, no_context());
    let to_rsa = ReEncrypt {
        sealed: sealed(None, SYMMETRIC, first.into()),
        destination: named(rsa.arn()),
        context: no_context(),
        algorithm: OAEP,
        dry_run: false,
    };
    let there = world.query(to_rsa).unwrap();
    let back = ReEncrypt {
        sealed: sealed(Some(named(rsa.arn())), OAEP, there.blob),
        destination: named(symmetric.arn()),
        context: context("a", "b"),
        algorithm: SYMMETRIC,
        dry_run: false,
    };
    let back = world.query(back).unwrap();
    let sealed = Sealed { context: context("a", "b"), ..sealed(None, SYMMETRIC, back.blob) };
    let opened = world.query(Decrypt { sealed, dry_run: false }).unwrap();
    assert_eq!(opened.plaintext.expose(), b"hunter2");
    // AWS: what fits into one block is known once the source is open, in a dry run too.
    for (len, error) in [
        (190, Error::DryRun),
        (191, UseProblem::PlaintextTooLong { algorithm: OAEP, spec: RSA, max: 190 }.into()),
    ] {
        let plaintext = Plaintext::new(vec![1; len]);
        let key = named(symmetric.arn());
        let (context, algorithm) = (no_context(), SYMMETRIC);
        let op = Encrypt { key, plaintext, context, algorithm, dry_run: false };
        let blob = world.query(op).unwrap().blob;
        let moved = ReEncrypt {
            sealed: self::sealed(None, SYMMETRIC, blob),
            destination: named(rsa.arn()),
            context: no_context(),
            algorithm: OAEP,
            dry_run: true,
        };
        assert_eq!(world.query(moved).unwrap_err(), error, "{len}");
    }
}

#[test]
fn macs_are_of_one_message_and_key() {
    let mut world = World::new();
    let one = create_of(&mut world, HMAC, KeyUsage::GenerateVerifyMac);
    let two = create_of(&mut world, HMAC, KeyUsage::GenerateVerifyMac);
    let request = |key, message: u8| {
        let message = Plaintext::new(vec![message]);
        MacRequest { message, ..mac_request(key, HmacHash::Sha256, false) }
    };
    let mac = world.query(GenerateMac(request(&one, 7))).unwrap().mac;
    let verify = |request, mac: &[u8]| world.query(VerifyMac { request, mac: mac.into() });
    assert_eq!(verify(request(&one, 7), &mac).unwrap().key, one.arn());
    for result in [
        verify(request(&two, 7), &mac),
        verify(request(&one, 8), &mac),
        verify(request(&one, 7), &mac[1..]),
        verify(request(&one, 7), &[]),
    ] {
        assert_eq!(result.unwrap_err(), Error::Use(UseProblem::InvalidMac));
    }
    let other = mac_request(&one, HmacHash::Sha512, false);
    let refused = world.query(GenerateMac(other)).unwrap_err();
    assert_eq!(
        refused,
        Error::Use(UseProblem::WrongAlgorithm { algorithm: "HMAC_SHA_512", spec: HMAC })
    );
}

#[test]
fn shared_secrets_are_shared() {
    let mut world = World::new();
    let (one, two) = (
        create_of(&mut world, P256, KeyUsage::KeyAgreement),
        create_of(&mut world, P256, KeyUsage::KeyAgreement),
    );
    let public = |key: &Found| world.query(GetPublicKey { key: named(key.arn()) }).unwrap().public;
    let derive = |key: &Found, peer: Box<[u8]>| {
        world.query(DeriveSharedSecret { key: named(key.arn()), peer, dry_run: false })
    };
    let (a, b) = (derive(&one, public(&two)).unwrap(), derive(&two, public(&one)).unwrap());
    assert_eq!(a.secret.expose(), b.secret.expose());
    assert_eq!(derive(&one, [1; 91].into()).unwrap_err(), Error::Use(UseProblem::InvalidPeerKey));

    let kem = create_of(&mut world, KEM, KeyUsage::EncapsulateDecapsulate);
    let sent = world.query(Encapsulate { key: named(kem.arn()), dry_run: false }).unwrap();
    let open = |ciphertext: &[u8]| {
        let ciphertext = ciphertext.into();
        world.query(Decapsulate { key: named(kem.arn()), ciphertext, dry_run: false })
    };
    assert_eq!(open(&sent.ciphertext).unwrap().secret.expose(), sent.secret.expose());
    assert_eq!(open(&sent.ciphertext[1..]).unwrap_err(), Error::InvalidCiphertext);
}

/// The private half of a data key pair comes back out of its ciphertext.
#[test]
fn data_key_pairs_are_pairs() {
    let mut world = World::new();
    let key = create(&mut world);
    let made = world.query(GenerateDataKeyPair(pair_request(&key, false))).unwrap();
    let bare = world.query(GenerateDataKeyPairWithoutPlaintext(pair_request(&key, false))).unwrap();
    assert_ne!(made.public, bare.public);
    let open = |blob: &[u8]| {
        let sealed = sealed(None, SYMMETRIC, blob.to_vec());
        world.query(Decrypt { sealed, dry_run: false }).unwrap().plaintext
    };
    assert_eq!(open(&made.blob).expose(), made.private.expose());
    let private = crate::plaintext::KeyBytes::new(open(&bare.blob).expose().to_vec());
    let (cx, spec) = (world.cx(), PairSpec::Ecc(Curve::P256));
    let pairs = cx.crypto.pairs();
    let signature = pairs.sign(spec, &private, ECDSA, Message::Raw(b"m")).unwrap();
    assert!(pairs.verify(spec, &bare.public, ECDSA, Message::Raw(b"m"), &signature));
}

#[test]
fn an_alias_moves_among_keys_of_its_kind() {
    let mut world = World::new();
    let symmetric = create(&mut world);
    create_alias(&mut world, "alias/a", &symmetric);
    let rsa = create_of(&mut world, RSA, KeyUsage::EncryptDecrypt);
    let signs = create_of(&mut world, RSA, KeyUsage::SignVerify);
    let ecc = create_of(&mut world, P256, KeyUsage::SignVerify);
    create_alias(&mut world, "alias/s", &signs);
    let mut moved = |name: &str, key: &Found| {
        world.command(UpdateAlias { name: name.parse().unwrap(), target: named(key.arn()) })
    };
    assert_eq!(moved("alias/a", &rsa), Err(Error::AliasOfOtherKind));
    assert_eq!(moved("alias/s", &rsa), Err(Error::AliasOfOtherKind));
    assert_eq!(moved("alias/s", &ecc), Ok(()));
}
