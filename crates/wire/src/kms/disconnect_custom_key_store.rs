//! DisconnectCustomKeyStore on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::disconnect_custom_key_store::DisconnectCustomKeyStore;

use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, key_store};

impl JsonOperation for DisconnectCustomKeyStore {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        Ok(Self { id: key_store::only_id(body)? })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |_| {});
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
