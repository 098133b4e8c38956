//! GetParametersForImport on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::import::Wrapping;
use regent_core::keys::ops::get_parameters_for_import::{GetParametersForImport, ImportParameters};
use regent_core::keys::spec::{KeySpec, PairSpec, RsaSize};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

const ALGORITHMS: [&str; 6] = [
    "RSAES_PKCS1_V1_5",
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
    "SM2PKE",
];
const SPECS: [&str; 4] = ["RSA_2048", "RSA_3072", "RSA_4096", "SM2"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    wrapping_algorithm: Option<Box<str>>,
    wrapping_key_spec: Option<Box<str>>,
}

impl JsonOperation for GetParametersForImport {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let algorithm = input.wrapping_algorithm.as_deref();
        let algorithm =
            check.text("wrappingAlgorithm", algorithm).required().one_of(&ALGORITHMS).value();
        let spec = input.wrapping_key_spec.as_deref();
        let spec = check.text("wrappingKeySpec", spec).required().one_of(&SPECS).value();
        check.finish()?;
        Ok(Self {
            key: key.into(),
            wrapping: Wrapping::of_name(algorithm)
                .ok_or_else(|| fault::not_in_region("WrappingAlgorithm", algorithm))?,
            size: size(spec).ok_or_else(|| fault::not_in_region("WrappingKeySpec", spec))?,
        })
    }

    fn encode(output: &ImportParameters, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("ImportToken", &*output.token);
            body.blob("PublicKey", &*output.public);
            body.time("ParametersValidTo", output.valid_to);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }

    /// Each answer has a new RSA key, and those take long to make.
    fn is_slow(_: &[u8]) -> bool {
        true
    }
}

fn size(spec: &str) -> Option<RsaSize> {
    match KeySpec::of_name(spec) {
        Some(KeySpec::Pair(PairSpec::Rsa(size))) => Some(size),
        _ => None,
    }
}
