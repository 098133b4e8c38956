//! ListRetirableGrants on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::grant::{GrantOnKey, GrantPlace};
use regent_core::keys::ops::create_grant;
use regent_core::keys::ops::list_retirable_grants::ListRetirableGrants;
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
    retiring_principal: Option<Box<str>>,
    retiring_service_principal: Option<Box<str>>,
}

fn place(marker: &str) -> Option<GrantPlace> {
    let mut parts = marker.split(' ');
    let (account, key, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some((account.parse().ok()?, key.parse().ok()?, id.parse().ok()?))
}

impl JsonOperation for ListRetirableGrants {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        let retiring = input.retiring_principal.as_deref();
        let retiring = grant::check_principal(&mut check, "retiringPrincipal", retiring);
        let service = input.retiring_service_principal.as_deref();
        grant::check_service(&mut check, "retiringServicePrincipal", service);
        check.finish()?;
        grant::no_service(service)?;
        let retiring = retiring.ok_or_else(|| {
            Fault::validation(
                "You must specify either RetiringPrincipal or RetiringServicePrincipal.",
            )
        })?;
        Ok(Self {
            retiring: create_grant::principal(retiring).map_err(fault::of_request)?,
            limit: members::limit(
                input.limit,
                limits::LIST_GRANTS_DEFAULT,
                limits::LIST_GRANTS_MAX,
            ),
            after: marker::decode(input.marker.as_deref(), place)?,
        })
    }

    fn encode(output: &Page<GrantOnKey>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            grant::write_page(body, output, |last| {
                format!("{} {} {}", last.key.scope.account, last.key.id, last.grant.id)
            });
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
