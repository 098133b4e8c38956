//! AssumeRole on the wire.
//!
//! The answer is the only place where a session's secret and token are (promise R7).

use regent_core::cx::Cx;
use regent_core::policy::authorized::Denied;
use regent_core::roles::{RoleArn, SESSION_S_MAX, SESSION_S_MIN, is_name_byte};
use regent_core::sts::assume_role::{AssumeRole, AssumedRole, Error};

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};
use crate::service::Service;

const NAME_PATTERN: &str = r"[\w+=,.@-]*";
const EXTERNAL_ID_PATTERN: &str = r"[\w+=,.@:\/-]*";

/// Members that would change what a session may do; none is ignored.
const UNSUPPORTED: [&str; 8] = [
    "Policy",
    "PolicyArns",
    "ProvidedContexts",
    "SerialNumber",
    "SourceIdentity",
    "Tags",
    "TokenCode",
    "TransitiveTagKeys",
];

const BY_ROOT: &str = "Roles may not be assumed by root accounts.";
const TOO_LONG: &str =
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
const CHAIN_TOO_LONG: &str = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";

impl QueryOperation for AssumeRole {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let seconds = params.number("DurationSeconds")?;
        let mut check = Constraints::new();
        let role =
            check.text("roleArn", params.text("RoleArn")).required().length(20..=2048).value();
        let session = check
            .text("roleSessionName", params.text("RoleSessionName"))
            .required()
            .length(2..=64)
            .pattern(NAME_PATTERN, |text| text.bytes().all(is_name_byte))
            .value();
        check.number("durationSeconds", seconds).range(SESSION_S_MIN..=SESSION_S_MAX);
        let legal =
            |text: &str| text.bytes().all(|byte| is_name_byte(byte) || b":/".contains(&byte));
        let external_id = check
            .text("externalId", params.text("ExternalId"))
            .length(2..=1224)
            .pattern(EXTERNAL_ID_PATTERN, legal)
            .optional();
        check.finish()?;
        let given = |name: &&&str| {
            params.text(name).is_some() || params.list(name).is_some_and(|list| !list.is_empty())
        };
        if let Some(name) = UNSUPPORTED.iter().find(given) {
            return Err(Fault::validation(format!("The parameter {name} is not supported.")));
        }
        let invalid = |_| Fault::validation(format!("{role} is invalid"));
        let role: RoleArn = role.parse().map_err(invalid)?;
        let external_id = external_id.map(Into::into);
        Ok(Self { role, session: session.into(), seconds, external_id })
    }

    fn encode(output: &AssumedRole, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.structure("AssumedRoleUser", |user| {
            user.text("AssumedRoleId", &*output.id);
            user.text("Arn", &*output.arn);
        });
        fields.structure("Credentials", |credentials| {
            credentials.text("AccessKeyId", output.key.id.as_str());
            credentials.text("SecretAccessKey", output.key.secret.as_str());
            credentials.text("SessionToken", output.key.token.as_str());
            credentials.time("Expiration", output.expires_at);
        });
        fields.number("PackedPolicySize", 0);
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        match error {
            Error::Store(_) => Fault::internal(Service::Sts),
            Error::Denied(denied) => Fault::access_denied(Service::Sts, refusal(&denied)),
            Error::Root => Fault::access_denied(Service::Sts, BY_ROOT),
            Error::TooLong => Fault::validation(TOO_LONG),
            Error::ChainTooLong => Fault::validation(CHAIN_TOO_LONG),
        }
    }
}

/// AWS: the same words whether the role is not there, does not trust the caller, or the caller's own
/// policies do not allow it.
fn refusal(denied: &Denied) -> String {
    let Denied { principal, action, resource, .. } = denied;
    format!("User: {principal} is not authorized to perform: {action} on resource: {resource}")
}
