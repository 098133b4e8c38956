//! What a KMS key is made of and for: specs, usages, origins, algorithms, and which go together.
//!
//! AWS's tables as pure functions. The names are AWS's spelling, which requests, answers and
//! policies compare with. The codes are what stands for a spec or a usage in records and in frames
//! between Regions: a code is never given to another meaning.

/// AWS: KeySpec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySpec {
    SymmetricDefault,
    Hmac(HmacHash),
    Pair(PairSpec),
}

/// The kinds of key pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairSpec {
    Rsa(RsaSize),
    Ecc(Curve),
    Ed25519,
    MlDsa(MlDsa),
    MlKem(MlKem),
}

/// Bits of an RSA modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RsaSize {
    Bits2048,
    Bits3072,
    Bits4096,
}

impl RsaSize {
    pub const fn modulus_len(self) -> usize {
        match self {
            Self::Bits2048 => 256,
            Self::Bits3072 => 384,
            Self::Bits4096 => 512,
        }
    }
}

/// Curves of ECDSA and ECDH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    P256,
    P384,
    P521,
    /// secp256k1: signatures only.
    Secp256k1,
}

/// Parameter sets of FIPS 204.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MlDsa {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// Parameter sets of FIPS 203.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MlKem {
    MlKem512,
    MlKem768,
    MlKem1024,
}

/// The hash of an HMAC key, which is also its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HmacHash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl HmacHash {
    pub const ALL: [Self; 4] = [Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm's name.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Sha224 => "HMAC_SHA_224",
            Self::Sha256 => "HMAC_SHA_256",
            Self::Sha384 => "HMAC_SHA_384",
            Self::Sha512 => "HMAC_SHA_512",
        }
    }

    /// The hash of an algorithm's name.
    pub fn of_algorithm(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.algorithm() == name)
    }

    /// Bytes of a MAC, and of the material of a key made here.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of a signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignHash {
    Sha256,
    Sha384,
    Sha512,
}

impl SignHash {
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of RSAES-OAEP, and of its mask generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OaepHash {
    Sha1,
    Sha256,
}

impl OaepHash {
    /// The longest message under a modulus.
    pub const fn message_len_max(self, size: RsaSize) -> usize {
        let hash = match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        };
        size.modulus_len() - 2 * hash - 2
    }
}

impl KeySpec {
    pub const ALL: [Self; 19] = [
        Self::SymmetricDefault,
        Self::Hmac(HmacHash::Sha224),
        Self::Hmac(HmacHash::Sha256),
        Self::Hmac(HmacHash::Sha384),
        Self::Hmac(HmacHash::Sha512),
        Self::Pair(PairSpec::Rsa(RsaSize::Bits2048)),
        Self::Pair(PairSpec::Rsa(RsaSize::Bits3072)),
        Self::Pair(PairSpec::Rsa(RsaSize::Bits4096)),
        Self::Pair(PairSpec::Ecc(Curve::P256)),
        Self::Pair(PairSpec::Ecc(Curve::P384)),
        Self::Pair(PairSpec::Ecc(Curve::P521)),
        Self::Pair(PairSpec::Ecc(Curve::Secp256k1)),
        Self::Pair(PairSpec::Ed25519),
        Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa44)),
        Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa65)),
        Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa87)),
        Self::Pair(PairSpec::MlKem(MlKem::MlKem512)),
        Self::Pair(PairSpec::MlKem(MlKem::MlKem768)),
        Self::Pair(PairSpec::MlKem(MlKem::MlKem1024)),
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SymmetricDefault => "SYMMETRIC_DEFAULT",
            Self::Hmac(HmacHash::Sha224) => "HMAC_224",
            Self::Hmac(HmacHash::Sha256) => "HMAC_256",
            Self::Hmac(HmacHash::Sha384) => "HMAC_384",
            Self::Hmac(HmacHash::Sha512) => "HMAC_512",
            Self::Pair(pair) => pair.as_str(),
        }
    }

    /// The spec of a name. `None` for what is no spec here, such as `SM2`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spec| spec.as_str() == name)
    }

    /// What stands for the spec in records and frames.
    pub const fn code(self) -> u32 {
        match self {
            Self::SymmetricDefault => 1,
            Self::Hmac(HmacHash::Sha224) => 2,
            Self::Hmac(HmacHash::Sha256) => 3,
            Self::Hmac(HmacHash::Sha384) => 4,
            Self::Hmac(HmacHash::Sha512) => 5,
            Self::Pair(PairSpec::Rsa(RsaSize::Bits2048)) => 6,
            Self::Pair(PairSpec::Rsa(RsaSize::Bits3072)) => 7,
            Self::Pair(PairSpec::Rsa(RsaSize::Bits4096)) => 8,
            Self::Pair(PairSpec::Ecc(Curve::P256)) => 9,
            Self::Pair(PairSpec::Ecc(Curve::P384)) => 10,
            Self::Pair(PairSpec::Ecc(Curve::P521)) => 11,
            Self::Pair(PairSpec::Ecc(Curve::Secp256k1)) => 12,
            Self::Pair(PairSpec::Ed25519) => 13,
            Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa44)) => 14,
            Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa65)) => 15,
            Self::Pair(PairSpec::MlDsa(MlDsa::MlDsa87)) => 16,
            Self::Pair(PairSpec::MlKem(MlKem::MlKem512)) => 17,
            Self::Pair(PairSpec::MlKem(MlKem::MlKem768)) => 18,
            Self::Pair(PairSpec::MlKem(MlKem::MlKem1024)) => 19,
        }
    }

    pub fn of_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|spec| spec.code() == code)
    }

    /// AWS: what keys of this spec may be for.
    pub const fn allows(self, usage: KeyUsage) -> bool {
        match usage {
            KeyUsage::EncryptDecrypt => {
                matches!(self, Self::SymmetricDefault | Self::Pair(PairSpec::Rsa(_)))
            }
            KeyUsage::SignVerify => matches!(
                self,
                Self::Pair(
                    PairSpec::Rsa(_) | PairSpec::Ecc(_) | PairSpec::Ed25519 | PairSpec::MlDsa(_)
                )
            ),
            KeyUsage::GenerateVerifyMac => matches!(self, Self::Hmac(_)),
            KeyUsage::KeyAgreement => {
                matches!(self, Self::Pair(PairSpec::Ecc(Curve::P256 | Curve::P384 | Curve::P521)))
            }
            KeyUsage::EncapsulateDecapsulate => matches!(self, Self::Pair(PairSpec::MlKem(_))),
        }
    }

    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::SymmetricDefault)
    }
}

impl PairSpec {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa(RsaSize::Bits2048) => "RSA_2048",
            Self::Rsa(RsaSize::Bits3072) => "RSA_3072",
            Self::Rsa(RsaSize::Bits4096) => "RSA_4096",
            Self::Ecc(Curve::P256) => "ECC_NIST_P256",
            Self::Ecc(Curve::P384) => "ECC_NIST_P384",
            Self::Ecc(Curve::P521) => "ECC_NIST_P521",
            Self::Ecc(Curve::Secp256k1) => "ECC_SECG_P256K1",
            Self::Ed25519 => "ECC_NIST_EDWARDS25519",
            Self::MlDsa(MlDsa::MlDsa44) => "ML_DSA_44",
            Self::MlDsa(MlDsa::MlDsa65) => "ML_DSA_65",
            Self::MlDsa(MlDsa::MlDsa87) => "ML_DSA_87",
            Self::MlKem(MlKem::MlKem512) => "ML_KEM_512",
            Self::MlKem(MlKem::MlKem768) => "ML_KEM_768",
            Self::MlKem(MlKem::MlKem1024) => "ML_KEM_1024",
        }
    }
}

/// AWS: KeyUsage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUsage {
    EncryptDecrypt,
    SignVerify,
    GenerateVerifyMac,
    KeyAgreement,
    EncapsulateDecapsulate,
}

impl KeyUsage {
    pub const ALL: [Self; 5] = [
        Self::EncryptDecrypt,
        Self::SignVerify,
        Self::GenerateVerifyMac,
        Self::KeyAgreement,
        Self::EncapsulateDecapsulate,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::SignVerify => "SIGN_VERIFY",
            Self::GenerateVerifyMac => "GENERATE_VERIFY_MAC",
            Self::KeyAgreement => "KEY_AGREEMENT",
            Self::EncapsulateDecapsulate => "ENCAPSULATE_DECAPSULATE",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == name)
    }

    /// What stands for the usage in records and frames.
    pub const fn code(self) -> u32 {
        match self {
            Self::EncryptDecrypt => 1,
            Self::SignVerify => 2,
            Self::GenerateVerifyMac => 3,
            Self::KeyAgreement => 4,
            Self::EncapsulateDecapsulate => 5,
        }
    }

    pub fn of_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.code() == code)
    }
}

/// AWS: Origin, where a key's material comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Made here.
    AwsKms,
    /// Imported.
    External,
    /// Half of it made here, the other half in an external key store.
    ExternalKeyStore,
}

impl Origin {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
            Self::ExternalKeyStore => "EXTERNAL_KEY_STORE",
        }
    }

    /// The origin of a name. `None` for those that are key stores.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::AwsKms, Self::External].into_iter().find(|origin| origin.as_str() == name)
    }

    /// What stands for the origin in records and frames. Both had no field for it once: no code
    /// means made here.
    pub const fn code(self) -> u32 {
        match self {
            Self::AwsKms => 0,
            Self::External => 1,
            Self::ExternalKeyStore => 2,
        }
    }

    pub const fn of_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::AwsKms),
            1 => Some(Self::External),
            2 => Some(Self::ExternalKeyStore),
            _ => None,
        }
    }
}

/// AWS: SigningAlgorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SigningAlgorithm {
    RsaPss(SignHash),
    RsaPkcs1(SignHash),
    Ecdsa(SignHash),
    Ed25519,
    Ed25519Ph,
    MlDsa,
}

impl SigningAlgorithm {
    pub const ALL: [Self; 12] = [
        Self::RsaPkcs1(SignHash::Sha256),
        Self::RsaPkcs1(SignHash::Sha384),
        Self::RsaPkcs1(SignHash::Sha512),
        Self::RsaPss(SignHash::Sha256),
        Self::RsaPss(SignHash::Sha384),
        Self::RsaPss(SignHash::Sha512),
        Self::Ecdsa(SignHash::Sha256),
        Self::Ecdsa(SignHash::Sha384),
        Self::Ecdsa(SignHash::Sha512),
        Self::Ed25519,
        Self::Ed25519Ph,
        Self::MlDsa,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaPss(SignHash::Sha256) => "RSASSA_PSS_SHA_256",
            Self::RsaPss(SignHash::Sha384) => "RSASSA_PSS_SHA_384",
            Self::RsaPss(SignHash::Sha512) => "RSASSA_PSS_SHA_512",
            Self::RsaPkcs1(SignHash::Sha256) => "RSASSA_PKCS1_V1_5_SHA_256",
            Self::RsaPkcs1(SignHash::Sha384) => "RSASSA_PKCS1_V1_5_SHA_384",
            Self::RsaPkcs1(SignHash::Sha512) => "RSASSA_PKCS1_V1_5_SHA_512",
            Self::Ecdsa(SignHash::Sha256) => "ECDSA_SHA_256",
            Self::Ecdsa(SignHash::Sha384) => "ECDSA_SHA_384",
            Self::Ecdsa(SignHash::Sha512) => "ECDSA_SHA_512",
            Self::Ed25519 => "ED25519_SHA_512",
            Self::Ed25519Ph => "ED25519_PH_SHA_512",
            Self::MlDsa => "ML_DSA_SHAKE_256",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Bytes of the digest that a caller may sign in the message's place. AWS: pure Ed25519 signs
    /// messages only.
    pub const fn digest_len(self) -> Option<usize> {
        match self {
            Self::RsaPss(hash) | Self::RsaPkcs1(hash) | Self::Ecdsa(hash) => {
                Some(hash.output_len())
            }
            Self::Ed25519Ph => Some(SignHash::Sha512.output_len()),
            Self::Ed25519 | Self::MlDsa => None,
        }
    }

    /// AWS: whether keys of this spec sign so.
    pub const fn is_of(self, spec: KeySpec) -> bool {
        let KeySpec::Pair(pair) = spec else { return false };
        match self {
            Self::RsaPss(_) | Self::RsaPkcs1(_) => matches!(pair, PairSpec::Rsa(_)),
            Self::Ecdsa(SignHash::Sha256) => {
                matches!(pair, PairSpec::Ecc(Curve::P256 | Curve::Secp256k1))
            }
            Self::Ecdsa(SignHash::Sha384) => matches!(pair, PairSpec::Ecc(Curve::P384)),
            Self::Ecdsa(SignHash::Sha512) => matches!(pair, PairSpec::Ecc(Curve::P521)),
            Self::Ed25519 | Self::Ed25519Ph => matches!(pair, PairSpec::Ed25519),
            Self::MlDsa => matches!(pair, PairSpec::MlDsa(_)),
        }
    }
}

/// AWS: EncryptionAlgorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum EncryptionAlgorithm {
    #[default]
    Symmetric,
    Oaep(OaepHash),
}

impl EncryptionAlgorithm {
    pub const ALL: [Self; 3] =
        [Self::Symmetric, Self::Oaep(OaepHash::Sha1), Self::Oaep(OaepHash::Sha256)];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Symmetric => "SYMMETRIC_DEFAULT",
            Self::Oaep(OaepHash::Sha1) => "RSAES_OAEP_SHA_1",
            Self::Oaep(OaepHash::Sha256) => "RSAES_OAEP_SHA_256",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    pub const fn is_of(self, spec: KeySpec) -> bool {
        match self {
            Self::Symmetric => spec.is_symmetric(),
            Self::Oaep(_) => matches!(spec, KeySpec::Pair(PairSpec::Rsa(_))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_lead_back() {
        for spec in KeySpec::ALL {
            assert_eq!(KeySpec::of_name(spec.as_str()), Some(spec));
            assert_eq!(KeySpec::of_code(spec.code()), Some(spec));
        }
        for usage in KeyUsage::ALL {
            assert_eq!(KeyUsage::of_name(usage.as_str()), Some(usage));
            assert_eq!(KeyUsage::of_code(usage.code()), Some(usage));
        }
        for origin in [Origin::AwsKms, Origin::External, Origin::ExternalKeyStore] {
            assert_eq!(Origin::of_code(origin.code()), Some(origin));
        }
        assert_eq!((KeySpec::of_code(0), KeySpec::of_name("SM2")), (None, None));
        assert_eq!((KeyUsage::of_code(0), Origin::of_code(3)), (None, None));
    }

    /// AWS: every spec has a usage, and only RSA and the NIST curves have two.
    #[test]
    fn usages_of_specs() {
        for spec in KeySpec::ALL {
            let usages = KeyUsage::ALL.into_iter().filter(|usage| spec.allows(*usage)).count();
            let two = matches!(
                spec,
                KeySpec::Pair(
                    PairSpec::Rsa(_) | PairSpec::Ecc(Curve::P256 | Curve::P384 | Curve::P521)
                )
            );
            assert_eq!(usages, 1 + usize::from(two), "{spec:?}");
        }
    }

    /// AWS: the limits of its own table.
    #[test]
    fn oaep_limits() {
        let limits =
            |size| (OaepHash::Sha1.message_len_max(size), OaepHash::Sha256.message_len_max(size));
        assert_eq!(limits(RsaSize::Bits2048), (214, 190));
        assert_eq!(limits(RsaSize::Bits3072), (342, 318));
        assert_eq!(limits(RsaSize::Bits4096), (470, 446));
    }
}
