//! ListKeyRotations on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::model::{Material, Origin};
use regent_core::keys::ops::list_key_rotations::{ListKeyRotations, Rotations};
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, marker, members, metadata};

const ALL_MATERIAL: &str = "ALL_KEY_MATERIAL";
const INCLUDE: [&str; 2] = [ALL_MATERIAL, "ROTATIONS_ONLY"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    include_key_material: Option<Box<str>>,
    limit: Option<i64>,
    marker: Option<Box<str>>,
}

impl JsonOperation for ListKeyRotations {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let include = input.include_key_material.as_deref();
        check.text("includeKeyMaterial", include).one_of(&INCLUDE);
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check.finish()?;
        let (default, max) = (limits::LIST_ROTATIONS_DEFAULT, limits::LIST_ROTATIONS_MAX);
        Ok(Self {
            key: key.into(),
            all_material: include == Some(ALL_MATERIAL),
            limit: members::limit(input.limit, default, max),
            after: marker::decode(input.marker.as_deref(), |last| last.parse().ok())?,
        })
    }

    fn encode(output: &Rotations, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("Rotations", |list| {
                for material in &output.page.items {
                    list.object(|entry| write(entry, output, material));
                }
            });
            let next = output.page.resume().map(|last| marker::encode(&last.id.to_string()));
            body.string("NextMarker", next.as_deref());
            body.boolean("Truncated", output.page.truncated);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

fn write(entry: &mut Object<'_>, list: &Rotations, material: &Material) {
    entry.string("KeyId", list.key.to_string().as_str());
    entry.string("KeyMaterialId", material.id.to_string().as_str());
    let state = match Some(material.id) {
        id if id == list.current => "CURRENT",
        id if id == list.pending && list.ready => "PENDING_ROTATION",
        id if id == list.pending => "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
        _ => "NON_CURRENT",
    };
    entry.string("KeyMaterialState", state);
    if list.origin == Origin::External {
        imported(entry, material);
    }
    if let Some(kind) = material.rotated {
        entry.time("RotationDate", material.created);
        entry.string("RotationType", kind.as_str());
    }
}

fn imported(entry: &mut Object<'_>, material: &Material) {
    let here = material.wrapped.is_some();
    entry.string("ImportState", if here { "IMPORTED" } else { "PENDING_IMPORT" });
    let described = material.import.as_ref().and_then(|import| import.description.as_deref());
    entry.string("KeyMaterialDescription", described);
    metadata::write_expiration(entry, material);
}
