//! Members that many KMS requests have: their constraints and their way into the core.
//!
//! Source of every bound: AWS's service model. Checks collect violations first; conversions come
//! after [`Constraints::finish`]. Members whose feature is not built are refused here by name.

use regent_core::ids::MaterialId;
use regent_core::keys::ciphertext::{self, Blob as SealedBlob};
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::error::Error;
use regent_core::keys::grant::GrantToken;
use regent_core::keys::model::KeyPolicy;
use regent_core::keys::ops::encapsulate;
use regent_core::keys::ops::generate_data_key::{DataKeyLength, DataKeySpec};
use regent_core::keys::signing::MessageType;
use regent_core::keys::spec::{EncryptionAlgorithm, HmacHash, KeySpec, PairSpec, SigningAlgorithm};
use regent_core::keys::target::KeyRef;
use regent_core::keys::{key_policy, tagging};
use regent_core::limits;
use regent_core::tags::Tags;
use serde::Deserialize;

use super::{fault, grant};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::Blob;

const POLICY_LEN_MAX: usize = 131_072;
const POLICY_NAME_LEN_MAX: usize = 128;
const MARKER_LEN_MAX: usize = 1024;
const GRANT_TOKENS_MAX: usize = 10;
const KEY_REF_LEN_MAX: usize = 2048;
const TEXT_PATTERN: &str = r"[\u0009\u000A\u000D\u0020-\u00FF]+";
const MARKER_PATTERN: &str = r"[\u0020-\u00FF]*";
const REGION_PATTERN: &str = r"^([a-z]+-){2,3}\d+$";
const ALIAS_PATTERN: &str = "^[a-zA-Z0-9:/_-]+$";
const ALGORITHMS: [&str; 4] =
    ["SM2PKE", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", ciphertext::ALGORITHM];
const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";
const DATA_KEY_SPECS: [&str; 2] = ["AES_256", "AES_128"];
const GRANT_TOKEN_CONSTRAINTS: &str = "Member must have length less than or equal to 8192, Member must have length greater than or equal to 1";

pub use crate::json::Pairs;

/// A key's id, ARN or alias.
pub fn check_key<'v>(check: &mut Constraints, path: &str, key: Option<&'v str>) -> &'v str {
    check.text(path, key).required().length(1..=KEY_REF_LEN_MAX).value()
}

pub fn check_optional_key(check: &mut Constraints, path: &str, key: Option<&str>) {
    check.text(path, key).length(1..=KEY_REF_LEN_MAX);
}

pub fn check_description(check: &mut Constraints, text: Option<&str>) {
    check.text("description", text).length(0..=limits::KEY_DESCRIPTION_LEN_MAX);
}

pub fn check_policy(check: &mut Constraints, text: Option<&str>) {
    let latin =
        |text: &str| text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'));
    check.text("policy", text).length(1..=POLICY_LEN_MAX).pattern(TEXT_PATTERN, latin);
}

pub fn policy(text: Option<&str>) -> Result<Option<KeyPolicy>, Error> {
    text.map(key_policy::parse).transpose()
}

pub fn check_policy_name(check: &mut Constraints, name: Option<&str>) {
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    check.text("policyName", name).length(1..=POLICY_NAME_LEN_MAX).pattern(r"[\w]+", word);
}

pub fn check_region<'v>(check: &mut Constraints, path: &str, region: Option<&'v str>) -> &'v str {
    let is_region = |text: &str| text.parse::<regent_core::ids::Region>().is_ok();
    check
        .text(path, region)
        .required()
        .length(1..=limits::REGION_LEN_MAX)
        .pattern(REGION_PATTERN, is_region)
        .value()
}

pub fn check_alias<'v>(check: &mut Constraints, name: Option<&'v str>) -> &'v str {
    let legal =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b));
    check
        .text("aliasName", name)
        .required()
        .length(1..=limits::ALIAS_NAME_LEN_MAX)
        .pattern(ALIAS_PATTERN, legal)
        .value()
}

pub fn check_limit(check: &mut Constraints, limit: Option<i64>) {
    check.number("limit", limit).range(1..=1000);
}

pub fn check_marker(check: &mut Constraints, marker: Option<&str>) {
    let latin = |text: &str| text.chars().all(|c| matches!(c, '\u{20}'..='\u{ff}'));
    check.text("marker", marker).length(1..=MARKER_LEN_MAX).pattern(MARKER_PATTERN, latin);
}

/// The length of a page: as asked for, or the service's own, and never above its bound.
pub fn limit(asked: Option<i64>, default: usize, max: usize) -> usize {
    asked.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default).min(max)
}

pub fn check_algorithm(check: &mut Constraints, path: &str, algorithm: Option<&str>) {
    check.text(path, algorithm).one_of(&ALGORITHMS);
}

/// An encryption algorithm. [`check_algorithm`] has let it through.
pub fn algorithm(given: Option<&str>) -> Result<EncryptionAlgorithm, Fault> {
    let Some(name) = given else { return Ok(EncryptionAlgorithm::default()) };
    EncryptionAlgorithm::of_name(name).ok_or_else(|| fault::not_in_region("Algorithm", name))
}

const SIGNING_ALGORITHMS: [&str; 13] = [
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "ECDSA_SHA_256",
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
    "ED25519_SHA_512",
    "ED25519_PH_SHA_512",
];
const MESSAGE_TYPES: [&str; 3] = ["RAW", "DIGEST", "EXTERNAL_MU"];
const MAC_ALGORITHMS: [&str; 4] = ["HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"];

pub fn check_message(check: &mut Constraints, message: Option<&Blob>) {
    let bounds = 1..=limits::KMS_PLAINTEXT_LEN_MAX;
    check.blob("message", message.map(Blob::expose)).required().length(bounds);
}

/// A signature, a MAC, or another result of KMS's that comes back to it.
pub fn check_result(check: &mut Constraints, path: &str, result: Option<&Blob>) {
    let bounds = 1..=limits::KMS_CIPHERTEXT_LEN_MAX;
    check.blob(path, result.map(Blob::expose)).required().length(bounds);
}

/// The name of material, 64 hexadecimal digits.
pub fn check_material_id(check: &mut Constraints, id: Option<&str>) {
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    check.text("keyMaterialId", id).length(64..=64).pattern("^[a-f0-9]+$", hex);
}

/// [`check_material_id`] has let it through.
pub fn material_id(given: Option<&str>) -> Result<Option<MaterialId>, Fault> {
    given.map(|id| id.parse().map_err(|_| Fault::serialization())).transpose()
}

/// The bytes of a required member.
pub fn bytes(given: Option<&Blob>) -> Result<Box<[u8]>, Fault> {
    given.map(|blob| blob.expose().into()).ok_or_else(Fault::serialization)
}

/// What Sign and Verify share.
pub fn check_signing(check: &mut Constraints, message_type: Option<&str>, algorithm: Option<&str>) {
    check.text("messageType", message_type).one_of(&MESSAGE_TYPES);
    check.text("signingAlgorithm", algorithm).required().one_of(&SIGNING_ALGORITHMS);
}

pub fn message_type(given: Option<&str>) -> MessageType {
    match given {
        Some("DIGEST") => MessageType::Digest,
        Some("EXTERNAL_MU") => MessageType::ExternalMu,
        _ => MessageType::Raw,
    }
}

pub fn signing_algorithm(given: Option<&str>) -> Result<SigningAlgorithm, Fault> {
    let name = given.unwrap_or_default();
    SigningAlgorithm::of_name(name).ok_or_else(|| fault::not_in_region("Algorithm", name))
}

const PAIR_SPECS: [&str; 12] = [
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SM2",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];

pub fn check_pair_spec(check: &mut Constraints, spec: Option<&str>) {
    check.text("keyPairSpec", spec).required().one_of(&PAIR_SPECS);
}

/// The spec of a data key pair. [`check_pair_spec`] has let it through.
pub fn pair_spec(given: Option<&str>) -> Result<PairSpec, Fault> {
    let name = given.unwrap_or_default();
    match KeySpec::of_name(name) {
        Some(KeySpec::Pair(spec)) => Ok(spec),
        _ => Err(fault::not_in_region("KeyPairSpec", name)),
    }
}

/// Whether a request may be about an RSA key. Other requests that contain the word are rare.
pub fn names_rsa(body: &[u8]) -> bool {
    body.windows(4).any(|word| word == b"RSA_")
}

pub fn check_encapsulation(check: &mut Constraints, algorithm: Option<&str>) {
    check.text("encapsulationAlgorithm", algorithm).required().one_of(&[encapsulate::ALGORITHM]);
}

pub fn check_mac_algorithm(check: &mut Constraints, algorithm: Option<&str>) {
    check.text("macAlgorithm", algorithm).required().one_of(&MAC_ALGORITHMS);
}

/// [`check_mac_algorithm`] has let it through.
pub fn mac_algorithm(given: Option<&str>) -> Result<HmacHash, Fault> {
    given.and_then(HmacHash::of_algorithm).ok_or_else(Fault::serialization)
}

pub fn check_grant_tokens(check: &mut Constraints, tokens: Option<&[Box<str>]>) {
    let bounded = |token: &str| (1..=8192).contains(&token.chars().count());
    check
        .strings("grantTokens", tokens)
        .length(0..=GRANT_TOKENS_MAX)
        .each(GRANT_TOKEN_CONSTRAINTS, bounded);
}

/// A key by its name, and the grant tokens that the request brings.
pub fn key_with_tokens(key: &str, tokens: Option<&[Box<str>]>) -> Result<KeyRef, Fault> {
    Ok(KeyRef::from(key).with_tokens(tokens_of(tokens)?))
}

/// The grant tokens of a request.
pub fn tokens_of(tokens: Option<&[Box<str>]>) -> Result<Box<[GrantToken]>, Fault> {
    tokens.unwrap_or_default().iter().map(|text| grant::read_token(text)).collect()
}

/// AWS: answers an attested enclave. There is no such thing here.
#[derive(Debug, Deserialize)]
pub struct Recipient {}

pub fn recipient(given: Option<&Recipient>) -> Result<(), Fault> {
    given.map_or(Ok(()), |_| Err(fault::unsupported("Recipient is not supported.")))
}

pub fn context(pairs: Option<Pairs>) -> Result<EncryptionContext, Error> {
    ciphertext::context(pairs.unwrap_or_default().0)
}

/// What GenerateDataKey and its sibling share.
pub fn check_data_key(check: &mut Constraints, spec: Option<&str>, bytes: Option<i64>) {
    check.text("keySpec", spec).one_of(&DATA_KEY_SPECS);
    check_bytes(check, bytes);
}

pub fn check_bytes(check: &mut Constraints, bytes: Option<i64>) {
    let most = i64::try_from(limits::GENERATED_BYTES_MAX).unwrap_or(i64::MAX);
    check.number("numberOfBytes", bytes).range(1..=most);
}

/// Room for an answer that has a plaintext and its ciphertext, both in base64.
pub const fn answer_len(plaintext: usize) -> usize {
    const HEADER_AND_NAMES: usize = 1024;
    plaintext * 3 + HEADER_AND_NAMES
}

/// An entry of `Tags`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    tag_key: Option<Box<str>>,
    tag_value: Option<Box<str>>,
}

pub fn check_tags(check: &mut Constraints, tags: &[Tag]) {
    for (at, tag) in tags.iter().enumerate() {
        let at = at + 1;
        check
            .text(format_args!("tags.{at}.member.tagKey"), tag.tag_key.as_deref())
            .required()
            .length(1..=limits::TAG_KEY_LEN_MAX);
        check
            .text(format_args!("tags.{at}.member.tagValue"), tag.tag_value.as_deref())
            .required()
            .length(0..=limits::TAG_VALUE_LEN_MAX);
    }
}

pub fn tags(given: Vec<Tag>) -> Result<Tags, Error> {
    let pair = |tag: Tag| (tag.tag_key.unwrap_or_default(), tag.tag_value.unwrap_or_default());
    tagging::tags(given.into_iter().map(pair))
}

pub fn data_key_length(spec: Option<&str>, bytes: Option<i64>) -> Result<DataKeyLength, Error> {
    let spec = spec.map(|spec| match spec {
        "AES_128" => DataKeySpec::Aes128,
        _ => DataKeySpec::Aes256,
    });
    DataKeyLength::new(spec, bytes.and_then(|bytes| usize::try_from(bytes).ok()))
}

/// A ciphertext to open. AWS: a dry run may leave it out, if it says so.
pub fn check_sealed(check: &mut Constraints, blob: Option<&[u8]>, modifiers: Option<&[Box<str>]>) {
    let member = check.blob("ciphertextBlob", blob).length(1..=limits::KMS_CIPHERTEXT_LEN_MAX);
    if !is_ignored(modifiers) {
        member.required();
    }
    check.strings("dryRunModifiers", modifiers).each_one_of(&[IGNORE_CIPHERTEXT]);
}

fn is_ignored(modifiers: Option<&[Box<str>]>) -> bool {
    modifiers.is_some_and(|modifiers| !modifiers.is_empty())
}

/// The ciphertext of a request, which [`check_sealed`] has let through.
pub fn sealed_blob(
    blob: Option<&[u8]>,
    dry_run: bool,
    modifiers: Option<&[Box<str>]>,
) -> Result<SealedBlob, Fault> {
    match (blob, is_ignored(modifiers)) {
        (_, true) if !dry_run => {
            Err(Fault::validation("DryRunModifiers can only be used with DryRun."))
        }
        (blob, true) => Ok(SealedBlob::Ignored(blob.map(Into::into))),
        (Some(blob), false) => Ok(SealedBlob::Given(blob.into())),
        (None, false) => Err(Fault::serialization()),
    }
}
