//! DeleteImportedKeyMaterial on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::delete_imported_key_material::DeleteImportedKeyMaterial;
use regent_core::keys::ops::import_key_material::Imported;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, import_key_material, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    key_material_id: Option<Box<str>>,
}

impl JsonOperation for DeleteImportedKeyMaterial {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_material_id(&mut check, input.key_material_id.as_deref());
        check.finish()?;
        let material = members::material_id(input.key_material_id.as_deref())?;
        Ok(Self { key: key.into(), material })
    }

    fn encode(output: &Imported, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| import_key_material::write(body, output));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
