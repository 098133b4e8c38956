//! CreateKey on the wire.

use regent_core::cx::Cx;
use regent_core::keys::access::Found;
use regent_core::keys::error::Error;
use regent_core::keys::model::{KeySpec, KeyUsage};
use regent_core::keys::ops::create_key::{CreateKey, GivenKey, Source};
use regent_core::keys::stores::StoreProblem;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, key_store, members, metadata};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const ENCRYPT_DECRYPT: &str = "ENCRYPT_DECRYPT";
const SPECS: [&str; 20] = [
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    SYMMETRIC,
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];
/// The deprecated member knows only the older ones.
const OLD_SPECS: [&str; 13] = [
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    SYMMETRIC,
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
];
const USAGES: [&str; 5] = [
    "SIGN_VERIFY",
    ENCRYPT_DECRYPT,
    "GENERATE_VERIFY_MAC",
    "KEY_AGREEMENT",
    "ENCAPSULATE_DECAPSULATE",
];
const ORIGINS: [&str; 4] = ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];
const NO_USAGE: &str =
    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    policy: Option<Box<str>>,
    description: Option<Box<str>>,
    key_usage: Option<Box<str>>,
    customer_master_key_spec: Option<Box<str>>,
    key_spec: Option<Box<str>>,
    origin: Option<Box<str>>,
    custom_key_store_id: Option<Box<str>>,
    bypass_policy_lockout_safety_check: Option<bool>,
    tags: Option<Vec<members::Tag>>,
    multi_region: Option<bool>,
    xks_key_id: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        members::check_policy(&mut check, self.policy.as_deref());
        members::check_description(&mut check, self.description.as_deref());
        check.text("keyUsage", self.key_usage.as_deref()).one_of(&USAGES);
        let old_spec = self.customer_master_key_spec.as_deref();
        check.text("customerMasterKeySpec", old_spec).one_of(&OLD_SPECS);
        check.text("keySpec", self.key_spec.as_deref()).one_of(&SPECS);
        check.text("origin", self.origin.as_deref()).one_of(&ORIGINS);
        check.text("customKeyStoreId", self.custom_key_store_id.as_deref()).length(1..=64);
        let word =
            |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        check
            .text("xksKeyId", self.xks_key_id.as_deref())
            .length(1..=128)
            .pattern("^[a-zA-Z0-9-_.]+$", word);
        members::check_tags(&mut check, self.tags.as_deref().unwrap_or_default());
        check.finish()
    }

    /// What the key is and is for.
    fn kind(&self) -> Result<(KeySpec, KeyUsage), Fault> {
        if self.key_spec.is_some() && self.customer_master_key_spec.is_some() {
            return Err(Fault::validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        let spec = self.key_spec.as_deref().or(self.customer_master_key_spec.as_deref());
        let spec = spec.unwrap_or(SYMMETRIC);
        let usage = match self.key_usage.as_deref() {
            None if spec == SYMMETRIC => ENCRYPT_DECRYPT,
            None => return Err(Fault::validation(NO_USAGE)),
            Some(usage) => usage,
        };
        // The constraints leave only one spec that has no keys here: SM2, of the Regions in China.
        let not_here = || fault::not_in_region("KeySpec", spec);
        let (spec, usage) = (
            KeySpec::of_name(spec).ok_or_else(not_here)?,
            KeyUsage::of_name(usage).ok_or_else(Fault::serialization)?,
        );
        if !spec.allows(usage) {
            let (usage, spec) = (usage.as_str(), spec.as_str());
            return Err(Fault::validation(format!(
                "KeyUsage {usage} is not compatible with KeySpec {spec}"
            )));
        }
        Ok((spec, usage))
    }

    /// Where the material comes from. Lets only keys of a key store through whose material can be
    /// made.
    fn source(&self, spec: KeySpec) -> Result<Source, Fault> {
        match (self.origin.as_deref(), &self.custom_key_store_id, &self.xks_key_id) {
            (None | Some("AWS_KMS"), None, None) => Ok(Source::Made),
            (Some("EXTERNAL"), None, None) => Ok(Source::Imported),
            (Some("EXTERNAL_KEY_STORE"), Some(store), Some(key))
                if spec.is_symmetric() && self.multi_region != Some(true) =>
            {
                Ok(Source::Store(GivenKey { store: store.clone(), key: key.clone() }))
            }
            // There are no clusters, hence no key stores of theirs.
            (Some("AWS_CLOUDHSM"), Some(_), None) => Err(key_store::of(&StoreProblem::NotFound)),
            _ => Err(key_store::of(&StoreProblem::NewKeyMembers)),
        }
    }
}

impl JsonOperation for CreateKey {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let (spec, usage) = input.kind()?;
        let source = input.source(spec)?;
        Ok(Self {
            policy: members::policy(input.policy.as_deref()).map_err(fault::of_request)?,
            bypass_lockout_check: input.bypass_policy_lockout_safety_check.unwrap_or_default(),
            description: input.description.unwrap_or_default(),
            tags: members::tags(input.tags.unwrap_or_default()).map_err(fault::of_request)?,
            spec,
            usage,
            multi_region: input.multi_region.unwrap_or_default(),
            source,
        })
    }

    fn encode(output: &Found, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.object("KeyMetadata", |body| metadata::write(body, output));
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }

    /// RSA keys take long to make.
    fn is_slow(body: &[u8]) -> bool {
        members::names_rsa(body)
    }
}
