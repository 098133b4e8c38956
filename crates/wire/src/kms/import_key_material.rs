//! ImportKeyMaterial on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::import_key_material::{ImportKeyMaterial, ImportType, Imported};
use regent_core::time::Timestamp;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob, Object, Seconds};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

const EXPIRES: &str = "KEY_MATERIAL_EXPIRES";
const MODELS: [&str; 2] = [EXPIRES, "KEY_MATERIAL_DOES_NOT_EXPIRE"];
const NEW: &str = "NEW_KEY_MATERIAL";
const TYPES: [&str; 2] = [NEW, "EXISTING_KEY_MATERIAL"];
const DESCRIPTION_LEN_MAX: usize = 256;
const NO_VALID_TO: &str =
    "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES";
const UNWANTED_VALID_TO: &str =
    "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    import_token: Option<Blob>,
    encrypted_key_material: Option<Blob>,
    valid_to: Option<Seconds>,
    expiration_model: Option<Box<str>>,
    import_type: Option<Box<str>>,
    key_material_description: Option<Box<str>>,
    key_material_id: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<&str, Fault> {
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", self.key_id.as_deref());
        members::check_result(&mut check, "importToken", self.import_token.as_ref());
        let wrapped = self.encrypted_key_material.as_ref();
        members::check_result(&mut check, "encryptedKeyMaterial", wrapped);
        check.text("expirationModel", self.expiration_model.as_deref()).one_of(&MODELS);
        check.text("importType", self.import_type.as_deref()).one_of(&TYPES);
        let legal = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || ":/_.-".contains(c);
            text.chars().all(|c| plain(c) || c.is_ascii_whitespace())
        };
        check
            .text("keyMaterialDescription", self.key_material_description.as_deref())
            .length(0..=DESCRIPTION_LEN_MAX)
            .pattern(r"^[a-zA-Z0-9:/_\s.-]+$", legal);
        members::check_material_id(&mut check, self.key_material_id.as_deref());
        check.finish()?;
        Ok(key)
    }

    /// AWS: material expires unless the request says that it does not.
    fn expires(&self) -> Result<Option<Timestamp>, Fault> {
        let expires = self.expiration_model.as_deref().unwrap_or(EXPIRES) == EXPIRES;
        match (expires, self.valid_to) {
            (true, Some(Seconds(at))) => Ok(Some(at)),
            (true, None) => Err(Fault::validation(NO_VALID_TO)),
            (false, None) => Ok(None),
            (false, Some(_)) => Err(Fault::validation(UNWANTED_VALID_TO)),
        }
    }
}

impl JsonOperation for ImportKeyMaterial {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let key = input.check()?;
        let kind = |name: &str| if name == NEW { ImportType::New } else { ImportType::Existing };
        Ok(Self {
            key: key.into(),
            token: members::bytes(input.import_token.as_ref())?,
            wrapped: members::bytes(input.encrypted_key_material.as_ref())?,
            expires: input.expires()?,
            kind: input.import_type.as_deref().map(kind),
            material: members::material_id(input.key_material_id.as_deref())?,
            description: input.key_material_description,
        })
    }

    fn encode(output: &Imported, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| write(body, output));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

/// What was imported, or deleted.
pub fn write(body: &mut Object<'_>, imported: &Imported) {
    body.string("KeyId", imported.key.text().as_str());
    let material = imported.material.map(|material| material.to_string());
    body.string("KeyMaterialId", material.as_deref());
}
