//! CreateGrant on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::grant::{GrantOperation, GrantToken};
use regent_core::keys::ops::create_grant::{self, CreateGrant};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, grant, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    grantee_principal: Option<Box<str>>,
    retiring_principal: Option<Box<str>>,
    operations: Option<Vec<Box<str>>>,
    constraints: Option<grant::ConstraintsInput>,
    grant_tokens: Option<Vec<Box<str>>>,
    name: Option<Box<str>>,
    dry_run: Option<bool>,
    grantee_service_principal: Option<Box<str>>,
    retiring_service_principal: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        members::check_key(&mut check, "keyId", self.key_id.as_deref());
        let (grantee, retiring) = (self.grantee_principal.as_deref(), self.retiring());
        grant::check_principal(&mut check, "granteePrincipal", grantee);
        grant::check_principal(&mut check, "retiringPrincipal", retiring);
        grant::check_operations(&mut check, self.operations.as_deref());
        if let Some(constraints) = &self.constraints {
            constraints.check(&mut check);
        }
        members::check_grant_tokens(&mut check, self.grant_tokens.as_deref());
        grant::check_name(&mut check, self.name.as_deref());
        let (grantee, retiring) =
            (self.grantee_service_principal.as_deref(), self.retiring_service_principal.as_deref());
        grant::check_service(&mut check, "granteeServicePrincipal", grantee);
        grant::check_service(&mut check, "retiringServicePrincipal", retiring);
        check.finish()?;
        grant::no_service(grantee)?;
        grant::no_service(retiring)
    }

    fn retiring(&self) -> Option<&str> {
        self.retiring_principal.as_deref()
    }
}

impl JsonOperation for CreateGrant {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let key = input.key_id.as_deref().unwrap_or_default();
        let grantee = input.grantee_principal.as_deref().ok_or_else(|| {
            Fault::validation(
                "You must specify either GranteePrincipal or GranteeServicePrincipal.",
            )
        })?;
        let operations = input.operations.as_deref().unwrap_or_default();
        if operations.is_empty() {
            return Err(Fault::validation("Operations must contain at least one operation."));
        }
        let retiring = input.retiring().map(create_grant::principal).transpose();
        let constraint = input.constraints.map(grant::ConstraintsInput::constraint).transpose()?;
        let operations = operations.iter().filter_map(|name| GrantOperation::named(name));
        Ok(Self {
            key: members::key_with_tokens(key, input.grant_tokens.as_deref())?,
            grantee: create_grant::principal(grantee).map_err(fault::of_request)?,
            retiring: retiring.map_err(fault::of_request)?,
            terms: create_grant::terms(operations.collect(), constraint.flatten())
                .map_err(fault::of_request)?,
            // The constraints are those of the type.
            name: input
                .name
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|_| Fault::serialization())?,
            dry_run: input.dry_run.unwrap_or_default(),
        })
    }

    fn encode(output: &GrantToken, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("GrantToken", grant::token_text(output).as_str());
            body.string("GrantId", output.grant.to_string().as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
