//! ListGrants on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::grant::GrantOnKey;
use regent_core::keys::ops::create_grant;
use regent_core::keys::ops::list_grants::ListGrants;
use regent_core::keys::page::Page;
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, grant, marker, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    limit: Option<i64>,
    marker: Option<Box<str>>,
    key_id: Option<Box<str>>,
    grant_id: Option<Box<str>>,
    grantee_principal: Option<Box<str>>,
    grantee_service_principal: Option<Box<str>>,
}

impl JsonOperation for ListGrants {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        grant::check_id(&mut check, input.grant_id.as_deref());
        let grantee = input.grantee_principal.as_deref();
        let grantee = grant::check_principal(&mut check, "granteePrincipal", grantee);
        let service = input.grantee_service_principal.as_deref();
        grant::check_service(&mut check, "granteeServicePrincipal", service);
        check.finish()?;
        grant::no_service(service)?;
        let grantee = grantee.map(create_grant::principal).transpose();
        Ok(Self {
            key: key.into(),
            id: input.grant_id.as_deref().map(grant::id).transpose()?,
            grantee: grantee.map_err(fault::of_request)?,
            limit: members::limit(
                input.limit,
                limits::LIST_GRANTS_DEFAULT,
                limits::LIST_GRANTS_MAX,
            ),
            after: marker::decode(input.marker.as_deref(), |last| last.parse().ok())?,
        })
    }

    fn encode(output: &Page<GrantOnKey>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            grant::write_page(body, output, |last| last.grant.id.to_string());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
