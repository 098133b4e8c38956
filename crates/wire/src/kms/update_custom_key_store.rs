//! UpdateCustomKeyStore on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::update_custom_key_store::UpdateCustomKeyStore;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::fault;
use crate::kms::key_store::{self, CredentialMember};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    custom_key_store_id: Option<Box<str>>,
    new_custom_key_store_name: Option<Box<str>>,
}

impl JsonOperation for UpdateCustomKeyStore {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let place: key_store::Place = json::parse(body)?;
        let mut check = Constraints::new();
        let id = key_store::check_id(&mut check, input.custom_key_store_id.as_deref());
        let name = input.new_custom_key_store_name.as_deref();
        check.text("newCustomKeyStoreName", name).length(1..=256);
        place.check(&mut check);
        check.finish()?;
        let credential = place.xks_proxy_authentication_credential.as_ref();
        Ok(Self {
            id: id.into(),
            name: name.map(Into::into),
            endpoint: place.xks_proxy_uri_endpoint.clone(),
            path: place.xks_proxy_uri_path.clone(),
            credential: credential.map(CredentialMember::credential).transpose()?,
            of_cluster: place.names_cluster(),
            in_vpc: place.is_in_vpc() || place.names_service(),
            public: place.xks_proxy_connectivity.as_deref() == Some(key_store::PUBLIC),
        })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |_| {});
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
