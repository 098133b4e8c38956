//! Known answers for every algorithm, and what must fail: another key, a flipped bit, a cut.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regent_core::keys::spec::{KeySpec, KeyUsage, MlDsa, RsaSize};

use super::*;
use crate::digest::hex;

/// One for all tests, so that keys of one are there in the next.
pub(super) static PAIRS: LazyLock<SystemPairs> = LazyLock::new(SystemPairs::default);

/// Vectors by name, each with its source beside it in the file.
static VECTORS: LazyLock<BTreeMap<&str, Vec<u8>>> = LazyLock::new(|| {
    let text = [
        include_str!("../../testdata/vectors.txt"),
        include_str!("../../testdata/vectors-ml-kem.txt"),
    ];
    let lines = text.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" = ")).map(|(k, v)| (k, unhex(v))).collect()
});

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn vector(name: &str) -> &'static [u8] {
    VECTORS.get(name).unwrap_or_else(|| panic!("no vector {name}"))
}

fn key(name: &str) -> KeyBytes {
    KeyBytes::new(vector(name).to_vec())
}

const RSA: PairSpec = PairSpec::Rsa(RsaSize::Bits2048);
const CURVES: [(&str, Curve, SignHash); 4] = [
    ("p256", Curve::P256, SignHash::Sha256),
    ("p384", Curve::P384, SignHash::Sha384),
    ("p521", Curve::P521, SignHash::Sha512),
    ("secp256k1", Curve::Secp256k1, SignHash::Sha256),
];
const ML_DSA: [(&str, MlDsa); 3] =
    [("mldsa44", MlDsa::MlDsa44), ("mldsa65", MlDsa::MlDsa65), ("mldsa87", MlDsa::MlDsa87)];
const ML_KEM: [(&str, MlKem); 3] =
    [("mlkem512", MlKem::MlKem512), ("mlkem768", MlKem::MlKem768), ("mlkem1024", MlKem::MlKem1024)];

/// Signature by `pair` verifies, and does not in any way altered.
fn signs(spec: PairSpec, pair: &Pair, algorithm: SigningAlgorithm, message: Message<'_>) {
    let signature = PAIRS.sign(spec, &pair.private, algorithm, message).unwrap();
    let verify = |message: Message<'_>, signature: &[u8]| {
        PAIRS.verify(spec, &pair.public, algorithm, message, signature)
    };
    assert!(verify(message, &signature), "{algorithm:?}");
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut altered = signature.clone();
        altered[at] ^= 1;
        assert!(!verify(message, &altered), "{algorithm:?} byte {at}");
    }
    assert!(!verify(message, &signature[1..]) && !verify(message, &[]), "{algorithm:?} cut");
    let other = PAIRS.generate_pair(spec);
    let foreign = PAIRS.verify(spec, &other.public, algorithm, message, &signature);
    assert!(!foreign, "{algorithm:?} by another key");
    match message {
        Message::Raw(_) => assert!(!verify(Message::Raw(b"another"), &signature)),
        Message::Digest(bytes) => {
            assert!(!verify(Message::Digest(&vec![9; bytes.len()]), &signature));
        }
        Message::ExternalMu(_) => assert!(!verify(Message::ExternalMu(&[9; 64]), &signature)),
    }
}

#[test]
fn rsa_signatures_of_nist() {
    for (name, size, hash) in [
        ("rsa-pkcs1.2048.256", RsaSize::Bits2048, SignHash::Sha256),
        ("rsa-pkcs1.2048.512", RsaSize::Bits2048, SignHash::Sha512),
        ("rsa-pkcs1.3072.384", RsaSize::Bits3072, SignHash::Sha384),
    ] {
        let part = |what| vector(&*format!("{name}.{what}").leak());
        let (public, message, signature) = (part("public"), part("message"), part("signature"));
        let verify = |algorithm, message| {
            PAIRS.verify(PairSpec::Rsa(size), public, algorithm, message, signature)
        };
        let pkcs1 = SigningAlgorithm::RsaPkcs1(hash);
        assert!(verify(pkcs1, Message::Raw(message)), "{name}");
        assert!(!verify(pkcs1, Message::Raw(&message[1..])), "{name}");
        assert!(!verify(SigningAlgorithm::RsaPss(hash), Message::Raw(message)), "{name}");
    }
}

/// AWS: the salt of PSS is as long as the hash.
#[test]
fn rsa_signatures_of_openssl() {
    let private = key("rsa.private");
    let pair = PAIRS.read_pair(RSA, &private).unwrap();
    assert_eq!(&*pair.public, vector("rsa.public"));
    assert_eq!(pair.private.expose(), private.expose());
    for (name, hash) in
        [("256", SignHash::Sha256), ("384", SignHash::Sha384), ("512", SignHash::Sha512)]
    {
        let (pss, pkcs1) = (SigningAlgorithm::RsaPss(hash), SigningAlgorithm::RsaPkcs1(hash));
        let message = Message::Raw(b"abc");
        let digest = hashed(hash, message).unwrap();
        let known = |scheme: &str| vector(&*format!("rsa.{scheme}.{name}").leak());
        for message in [message, Message::Digest(digest.as_ref())] {
            let verify = |algorithm, signature: &[u8]| {
                PAIRS.verify(RSA, &pair.public, algorithm, message, signature)
            };
            assert!(verify(pss, known("pss")) && verify(pkcs1, known("pkcs1")), "{name}");
            assert!(!verify(pss, known("pkcs1")) && !verify(pkcs1, known("pss")), "{name}");
            let signed = PAIRS.sign(RSA, &pair.private, pkcs1, message).unwrap();
            assert_eq!(signed, known("pkcs1"), "PKCS#1 v1.5 has one signature");
            signs(RSA, &pair, pss, message);
        }
    }
    let pss = SigningAlgorithm::RsaPss(SignHash::Sha256);
    let salted = vector("rsa.pss.salt10");
    assert!(!PAIRS.verify(RSA, &pair.public, pss, Message::Raw(b"abc"), salted));
}

#[test]
fn oaep_opens_what_others_sealed() {
    for (hash, private, name) in [
        (OaepHash::Sha1, "rsa.private", "oaep1"),
        (OaepHash::Sha256, "rsa.oaep256.private", "oaep256"),
    ] {
        let private = key(private);
        let ciphertext = vector(&*format!("rsa.{name}.ciphertext").leak());
        let opened = PAIRS.oaep_decrypt(&private, hash, ciphertext).unwrap();
        assert_eq!(opened.expose(), vector(&*format!("rsa.{name}.message").leak()));
        for at in 0..ciphertext.len() {
            let mut altered = ciphertext.to_vec();
            altered[at] ^= 1;
            assert!(PAIRS.oaep_decrypt(&private, hash, &altered).is_err(), "byte {at}");
        }
        assert!(PAIRS.oaep_decrypt(&private, hash, &ciphertext[1..]).is_err());
    }
    let (sha1, sha256) = (OaepHash::Sha1, OaepHash::Sha256);
    let other = PAIRS.oaep_decrypt(&key("rsa.private"), sha256, vector("rsa.oaep1.ciphertext"));
    assert!(other.is_err(), "another hash");
    for hash in [sha1, sha256] {
        let longest = vec![7; hash.message_len_max(RsaSize::Bits2048)];
        let sealed = PAIRS.oaep_encrypt(vector("rsa.public"), hash, &longest).unwrap();
        let opened = PAIRS.oaep_decrypt(&key("rsa.private"), hash, &sealed).unwrap();
        assert_eq!(opened.expose(), longest);
        let longer = [&longest[..], &[7]].concat();
        assert!(PAIRS.oaep_encrypt(vector("rsa.public"), hash, &longer).is_err());
    }
}

#[test]
fn ecdsa_signatures_of_nist() {
    for (name, curve, hash) in CURVES {
        let part = |what| vector(&*format!("{name}.{what}").leak());
        let (spec, algorithm) = (PairSpec::Ecc(curve), SigningAlgorithm::Ecdsa(hash));
        let message = Message::Raw(part("message"));
        let pair = PAIRS.read_pair(spec, &KeyBytes::new(part("private").to_vec())).unwrap();
        assert_eq!(&*pair.public, part("public"), "{name}");
        let verified = PAIRS.verify(spec, &pair.public, algorithm, message, part("signature"));
        assert!(verified, "{name}");
        signs(spec, &pair, algorithm, message);
        let digest = hashed(hash, message).unwrap();
        let digested = Message::Digest(digest.as_ref());
        signs(spec, &pair, algorithm, digested);
        assert!(PAIRS.verify(spec, &pair.public, algorithm, digested, part("signature")));
    }
}

#[test]
fn ecdh_secrets_of_nist() {
    for (name, curve, _) in CURVES {
        if curve == Curve::Secp256k1 {
            let pair = PAIRS.generate_pair(PairSpec::Ecc(curve));
            assert!(PAIRS.agree(curve, &pair.private, &pair.public).is_err());
            continue;
        }
        let part = |what| vector(&*format!("{name}.ecdh.{what}").leak());
        let private = KeyBytes::new(part("private").to_vec());
        let secret = PAIRS.agree(curve, &private, part("peer")).unwrap();
        assert_eq!(secret.expose(), part("secret"), "{name}");
        let point_len = 2 * part("secret").len() + 1;
        let bare = &part("peer")[part("peer").len() - point_len..];
        let mut off_curve = part("peer").to_vec();
        *off_curve.last_mut().unwrap() ^= 1;
        let foreign = vector(if curve == Curve::P256 { "p384.public" } else { "p256.public" });
        for bad in [bare, &off_curve, foreign, &[], &part("peer")[1..]] {
            assert!(PAIRS.agree(curve, &private, bad).is_err(), "{name} {}", hex(bad));
        }
    }
}

#[test]
fn ed25519_signatures_of_rfc_8032() {
    for (name, algorithm) in
        [("ed25519", SigningAlgorithm::Ed25519), ("ed25519ph", SigningAlgorithm::Ed25519Ph)]
    {
        let part = |what| vector(&*format!("{name}.{what}").leak());
        let pair =
            PAIRS.read_pair(PairSpec::Ed25519, &KeyBytes::new(part("private").to_vec())).unwrap();
        assert_eq!(&*pair.public, part("public"));
        assert_eq!(pair.private.expose(), part("private"));
        let digest = digest::digest(&digest::SHA512, part("message"));
        let message = match algorithm {
            SigningAlgorithm::Ed25519Ph => Message::Digest(digest.as_ref()),
            _ => Message::Raw(part("message")),
        };
        let signed = PAIRS.sign(PairSpec::Ed25519, &pair.private, algorithm, message).unwrap();
        assert_eq!(hex(&signed), hex(part("signature")), "{name}");
        signs(PairSpec::Ed25519, &pair, algorithm, message);
    }
    // Neither variant's signature is the other's.
    let (pure, prehashed) = (SigningAlgorithm::Ed25519, SigningAlgorithm::Ed25519Ph);
    let (public, message) = (vector("ed25519.public"), Message::Raw(vector("ed25519.message")));
    let signature = vector("ed25519.signature");
    assert!(PAIRS.verify(PairSpec::Ed25519, public, pure, message, signature));
    assert!(!PAIRS.verify(PairSpec::Ed25519, public, prehashed, message, signature));
}

#[test]
fn macs_of_rfc_4231() {
    for (name, hash) in [
        ("hmac.224", HmacHash::Sha224),
        ("hmac.256", HmacHash::Sha256),
        ("hmac.384", HmacHash::Sha384),
        ("hmac.512", HmacHash::Sha512),
    ] {
        let mac = PAIRS.mac(hash, &key("hmac.key"), vector("hmac.message"));
        assert_eq!((hex(&mac), mac.len()), (hex(vector(name)), hash.output_len()), "{name}");
        assert_ne!(PAIRS.mac(hash, &key("hmac.key"), b"another"), mac);
    }
}

#[test]
fn padded_key_wrap_of_nist() {
    for number in 0..2 {
        let part = |what| vector(&*format!("kwp.{number}.{what}").leak());
        let wrapping = Plaintext::new(part("key").to_vec());
        let opened = PAIRS.unwrap_padded(&wrapping, part("wrapped")).unwrap();
        assert_eq!(opened.expose(), part("text"));
        for at in 0..part("wrapped").len() {
            let mut altered = part("wrapped").to_vec();
            altered[at] ^= 1;
            assert!(PAIRS.unwrap_padded(&wrapping, &altered).is_err(), "byte {at}");
        }
    }
    let short = Plaintext::new(vec![1; 16]);
    assert!(PAIRS.unwrap_padded(&short, vector("kwp.0.wrapped")).is_err(), "AES-128");
}

#[test]
fn ml_dsa_signatures_of_the_reference() {
    for (name, set) in ML_DSA {
        let part = |what| vector(&*format!("{name}.{what}").leak());
        let spec = PairSpec::MlDsa(set);
        let pair = PAIRS.read_pair(spec, &KeyBytes::new(part("private").to_vec())).unwrap();
        let sha256 = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
        assert_eq!(sha256(&pair.public), hex(part("public.sha256")), "{name}");
        assert_eq!(pair.private.expose(), part("private"));
        let mu: &[u8; 64] = part("mu").try_into().unwrap();
        let (algorithm, message) = (SigningAlgorithm::MlDsa, Message::ExternalMu(mu));
        let signed = PAIRS.sign(spec, &pair.private, algorithm, message).unwrap();
        assert_eq!(sha256(&signed), hex(part("signature.sha256")), "{name}");
        signs(spec, &pair, algorithm, message);
        signs(spec, &pair, algorithm, Message::Raw(b"abc"));
        assert!(PAIRS.sign(spec, &pair.private, algorithm, Message::Digest(mu)).is_err());
    }
}

#[test]
fn ml_kem_secrets_of_the_reference() {
    for (name, set) in ML_KEM {
        let part = |what| vector(&*format!("{name}.{what}").leak());
        let generated = PAIRS.generate_pair(PairSpec::MlKem(set));
        let len = generated.private.expose().len() - part("private").len();
        let head = &generated.private.expose()[..len];
        let private = KeyBytes::new([head, part("private")].concat());
        let pair = PAIRS.read_pair(PairSpec::MlKem(set), &private).unwrap();
        let raw = &pair.public[22..];
        let digest = digest::digest(&digest::SHA256, raw);
        assert_eq!(hex(digest.as_ref()), hex(part("public.sha256")), "{name}");
        let opened = |ciphertext| PAIRS.decapsulate(set, &private, ciphertext).unwrap();
        assert_eq!(opened(part("ciphertext")).expose(), part("secret"), "{name}");
        // FIPS 203: implicit rejection gives a secret that nobody else has.
        assert_eq!(opened(part("bad_ciphertext")).expose(), part("bad_secret"), "{name}");
        let sent = PAIRS.encapsulate(set, &pair.public).unwrap();
        assert_eq!(opened(&sent.ciphertext).expose(), sent.secret.expose(), "{name}");
        assert!(PAIRS.decapsulate(set, &private, &sent.ciphertext[1..]).is_err());
        assert!(PAIRS.encapsulate(set, raw).is_err(), "a bare key");
        let mut broken = private.expose().to_vec();
        broken[len + 5] ^= 1;
        assert!(PAIRS.read_pair(PairSpec::MlKem(set), &KeyBytes::new(broken)).is_err());
    }
}

/// Every spec makes pairs whose private half reads as the same pair, and as none of another spec.
#[test]
fn new_pairs_are_canonical() {
    // Large keys take seconds here and differ in nothing but the size.
    let slow = PairSpec::Rsa(RsaSize::Bits4096);
    let specs = KeySpec::ALL.into_iter().filter_map(|spec| match spec {
        KeySpec::Pair(pair) if pair != slow => Some(pair),
        _ => None,
    });
    let pairs: Vec<_> = specs.map(|spec| (spec, PAIRS.generate_pair(spec))).collect();
    for (spec, pair) in &pairs {
        for (other, _) in &pairs {
            let read = PAIRS.read_pair(*other, &pair.private);
            assert_eq!(read.is_ok(), spec == other, "{spec:?} as {other:?}");
            if let Ok(read) = read {
                assert_eq!(read.public, pair.public, "{spec:?}");
                assert_eq!(read.private.expose(), pair.private.expose(), "{spec:?}");
            }
        }
        let cut = KeyBytes::new(pair.private.expose()[1..].to_vec());
        assert!(PAIRS.read_pair(*spec, &cut).is_err(), "{spec:?}");
    }
}

/// Only an algorithm of the key's own kind signs or verifies.
#[test]
fn algorithms_of_other_kinds_fail() {
    for (spec, name) in
        [(RSA, "rsa"), (PairSpec::Ecc(Curve::P256), "p256"), (PairSpec::Ed25519, "ed25519")]
    {
        assert!(KeySpec::Pair(spec).allows(KeyUsage::SignVerify));
        let private = key(&*format!("{name}.private").leak());
        let public = vector(&*format!("{name}.public").leak());
        for algorithm in SigningAlgorithm::ALL {
            let signed = PAIRS.sign(spec, &private, algorithm, Message::Raw(b"abc"));
            assert_eq!(
                signed.is_ok(),
                algorithm.is_of(KeySpec::Pair(spec)),
                "{name} {algorithm:?}"
            );
            let verified = PAIRS.verify(spec, public, algorithm, Message::Raw(b"abc"), &[0; 64]);
            assert!(!verified, "{name} {algorithm:?}");
        }
    }
}
