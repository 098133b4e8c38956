//! CreateCustomKeyStore on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::create_custom_key_store::{CreateCustomKeyStore, NewStore};
use regent_core::keys::stores::{KeyStoreId, StoreProblem};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, key_store};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    custom_key_store_name: Option<Box<str>>,
    custom_key_store_type: Option<Box<str>>,
    trust_anchor_certificate: Option<Box<str>>,
}

impl Input {
    fn check(&self, place: &key_store::Place) -> Result<(), Fault> {
        let mut check = Constraints::new();
        check
            .text("customKeyStoreName", self.custom_key_store_name.as_deref())
            .required()
            .length(1..=256);
        check
            .text("customKeyStoreType", self.custom_key_store_type.as_deref())
            .one_of(&[key_store::CLOUD_HSM, key_store::EXTERNAL]);
        check
            .text("trustAnchorCertificate", self.trust_anchor_certificate.as_deref())
            .length(1..=5000);
        place.check(&mut check);
        check.finish()
    }

    /// What is asked for, if the members make one kind of store.
    fn kind(&self, place: &key_store::Place) -> Result<NewStore, Fault> {
        let members = || key_store::of(&StoreProblem::Members);
        if self.custom_key_store_type.as_deref() != Some(key_store::EXTERNAL) {
            let whole = place.cloud_hsm_cluster_id.is_some()
                && place.key_store_password.is_some()
                && self.trust_anchor_certificate.is_some();
            return (whole && !place.names_proxy())
                .then_some(NewStore::CloudHsm)
                .ok_or_else(members);
        }
        let (Some(_), Some(endpoint), Some(path), Some(credential)) = (
            &place.xks_proxy_connectivity,
            &place.xks_proxy_uri_endpoint,
            &place.xks_proxy_uri_path,
            &place.xks_proxy_authentication_credential,
        ) else {
            return Err(members());
        };
        if place.names_cluster() || self.trust_anchor_certificate.is_some() {
            return Err(members());
        }
        match (place.is_in_vpc(), &place.xks_proxy_vpc_endpoint_service_name) {
            (true, Some(_)) => Ok(NewStore::InVpc),
            (false, None) if !place.names_service() => Ok(NewStore::Public {
                endpoint: endpoint.clone(),
                path: path.clone(),
                credential: credential.credential()?,
            }),
            _ => Err(members()),
        }
    }
}

impl JsonOperation for CreateCustomKeyStore {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let place: key_store::Place = json::parse(body)?;
        input.check(&place)?;
        let kind = input.kind(&place)?;
        Ok(Self { name: input.custom_key_store_name.unwrap_or_default(), kind })
    }

    fn encode(output: &KeyStoreId, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| body.string("CustomKeyStoreId", output.as_str()));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
