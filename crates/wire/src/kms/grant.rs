//! Grants on the wire: their members, their tokens, and how lists show them.
//!
//! A token is the key's ARN and the grant's id in base64. It gives nothing that the grant does not
//! give; it need not be kept secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regent_core::ids::{GrantId, GrantName, PrincipalArn};
use regent_core::keys::access::KeyName;
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::error::GrantProblem;
use regent_core::keys::grant::{Constraint, GrantOnKey, GrantOperation, GrantToken};
use regent_core::keys::grants::account_root;
use regent_core::keys::page::Page;
use regent_core::limits;
use serde::Deserialize;

use super::{fault, members};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::Object;

const PRINCIPAL_PATTERN: &str = r"^[\w+=,.@:/-]+$";
const NAME_PATTERN: &str = "^[a-zA-Z0-9:/_-]+$";
const SERVICE_PATTERN: &str = r"^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$";
const SOURCE_PATTERN: &str = r"^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$";

pub fn token_text(token: &GrantToken) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", token.key, token.grant))
}

pub fn read_token(text: &str) -> Result<GrantToken, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let plain = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = plain.as_deref().and_then(|plain| plain.split_once(' '));
    match parts.map(|(key, grant)| (KeyName::parse(key), grant.parse())) {
        Some((Ok(KeyName::Arn(key)), Ok(grant))) => Ok(GrantToken { key, grant }),
        _ => Err(fault::grant_token()),
    }
}

pub fn check_principal<'v>(
    check: &mut Constraints,
    path: &str,
    principal: Option<&'v str>,
) -> Option<&'v str> {
    let legal =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b));
    check
        .text(path, principal)
        .length(1..=limits::PRINCIPAL_LEN_MAX)
        .pattern(PRINCIPAL_PATTERN, legal)
        .optional()
}

/// A service as a principal. Its form is checked, and then it is refused by [`no_service`].
pub fn check_service(check: &mut Constraints, path: &str, service: Option<&str>) {
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let legal = |text: &str| text.split('.').count() >= 3 && text.split('.').all(label);
    check.text(path, service).length(1..=128).pattern(SERVICE_PATTERN, legal);
}

/// Services do not use keys in their own name here, so that no grant can be theirs.
pub fn no_service(service: Option<&str>) -> Result<(), Fault> {
    service.map_or(Ok(()), |_| {
        Err(fault::unsupported("Service principals are not supported in grants."))
    })
}

pub fn check_name(check: &mut Constraints, name: Option<&str>) {
    let legal =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b));
    check.text("name", name).length(1..=limits::GRANT_NAME_LEN_MAX).pattern(NAME_PATTERN, legal);
}

pub fn check_id(check: &mut Constraints, id: Option<&str>) {
    check.text("grantId", id).length(1..=128);
}

pub fn id(given: &str) -> Result<GrantId, Fault> {
    given.parse().map_err(|_| fault::of_request(GrantProblem::Id.into()))
}

pub fn check_operations(check: &mut Constraints, operations: Option<&[Box<str>]>) {
    check.required("operations", operations.as_ref());
    check.strings("operations", operations).each_one_of(GrantOperation::NAMES);
}

/// `Constraints` of CreateGrant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConstraintsInput {
    encryption_context_subset: Option<members::Pairs>,
    encryption_context_equals: Option<members::Pairs>,
    source_arn: Option<Box<str>>,
}

impl ConstraintsInput {
    pub fn check(&self, check: &mut Constraints) {
        let is_arn = |text: &str| {
            let parts: Vec<_> = text.splitn(6, ':').collect();
            matches!(parts.as_slice(), ["arn", partition, _, _, account, rest]
                if partition.starts_with("aws") && account.len() == 12 && !rest.is_empty())
        };
        check
            .text("constraints.sourceArn", self.source_arn.as_deref())
            .length(20..=512)
            .pattern(SOURCE_PATTERN, is_arn);
    }

    pub fn constraint(self) -> Result<Option<Constraint>, Fault> {
        if self.source_arn.is_some() {
            return Err(fault::unsupported("SourceArn is not supported in grants."));
        }
        let equals = self.encryption_context_equals.map(|pairs| pairs.0);
        let subset = self.encryption_context_subset.map(|pairs| pairs.0);
        match (equals, subset) {
            // An empty map beside another one is how some SDKs send an absent one.
            (Some(equals), Some(subset)) if subset.is_empty() => {
                Ok(Some(Constraint::Equals(EncryptionContext::new(equals))))
            }
            (Some(equals), Some(subset)) if equals.is_empty() => {
                Ok(Some(Constraint::Subset(EncryptionContext::new(subset))))
            }
            (Some(_), Some(_)) => Err(Fault::validation("More than one constraint supplied")),
            (Some(equals), None) => Ok(Some(Constraint::Equals(EncryptionContext::new(equals)))),
            (None, Some(subset)) => Ok(Some(Constraint::Subset(EncryptionContext::new(subset)))),
            (None, None) => Ok(None),
        }
    }
}

/// What ListGrants and ListRetirableGrants answer.
pub fn write_page(
    body: &mut Object<'_>,
    page: &Page<GrantOnKey>,
    place: impl FnOnce(&GrantOnKey) -> String,
) {
    body.array("Grants", |list| {
        for listed in &page.items {
            list.object(|entry| write(entry, listed));
        }
    });
    let next = page.resume().map(|last| super::marker::encode(&place(last)));
    body.string("NextMarker", next.as_deref());
    body.boolean("Truncated", page.truncated);
}

fn write(entry: &mut Object<'_>, listed: &GrantOnKey) {
    let GrantOnKey { grant, key } = listed;
    let issuer = account_root(key.scope.region.partition(), grant.issuer);
    entry.string("KeyId", key.to_string().as_str());
    entry.string("GrantId", grant.id.to_string().as_str());
    entry.string("Name", grant.name.as_ref().map(GrantName::as_str));
    entry.time("CreationDate", grant.created);
    entry.string("GranteePrincipal", grant.grantee.as_str());
    entry.string("RetiringPrincipal", grant.retiring.as_ref().map(PrincipalArn::as_str));
    entry.string("IssuingAccount", issuer.as_str());
    entry.strings("Operations", grant.terms.operations.iter().map(|op| op.as_str()));
    if let Some(constraint) = &grant.terms.constraint {
        entry.object("Constraints", |body| {
            body.object(constraint.kind(), |body| {
                for (key, value) in constraint.context().pairs() {
                    body.string(key, value);
                }
            });
        });
    }
}
