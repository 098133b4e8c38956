//! DeleteAlias on the wire.

use regent_core::cx::Cx;
use regent_core::keys::aliases;
use regent_core::keys::error::Error;
use regent_core::keys::ops::delete_alias::DeleteAlias;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    alias_name: Option<Box<str>>,
}

impl JsonOperation for DeleteAlias {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let name = members::check_alias(&mut check, input.alias_name.as_deref());
        check.finish()?;
        let name = aliases::name(name).map_err(fault::of_request)?;
        Ok(Self { name })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
