//! Key policies: the default one, parsing, and the check that nobody locks themselves out.
//!
//! The text is kept as given, because it is returned as given; the compiled form decides. A key
//! without a policy does not exist.

use std::sync::Arc;

use crate::cx::{Caller, Cx};
use crate::ids::{AccountId, Region, Scope};
use crate::keys::access::{self, Found};
use crate::keys::error::Error;
use crate::keys::model::KeyPolicy;
use crate::limits;
use crate::policy::authorized::permit_by_policies;
use crate::policy::document::{Policy, PolicySyntax};
use crate::policy::evaluate::Refusal;

/// AWS: the only policy name there is.
pub const NAME: &str = "default";

/// Reads a key policy.
pub fn parse(text: &str) -> Result<KeyPolicy, Error> {
    if text.len() > limits::KEY_POLICY_LEN_MAX {
        return Err(Error::PolicyTooLong);
    }
    match Policy::parse_resource(text) {
        Ok(compiled) => Ok(KeyPolicy { text: text.into(), compiled: Arc::new(compiled) }),
        Err(PolicySyntax::Principal) => Err(Error::PolicyPrincipal),
        Err(_) => Err(Error::PolicyMalformed),
    }
}

/// The policy of a key that is made without one: its account decides.
pub fn default_policy(region: Region, account: AccountId) -> Result<KeyPolicy, Error> {
    let partition = region.partition();
    parse(&format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    ))
}

/// The policy that a new key gets: the given one, or the default.
pub fn of_new_key(scope: Scope, given: Option<KeyPolicy>) -> Result<KeyPolicy, Error> {
    given.map_or_else(|| default_policy(scope.region, scope.account), Ok)
}

/// Refuses a policy under which the caller could not change it again.
///
/// AWS: the key policy alone is looked at, and allowing the caller's account is enough; whether
/// the caller's identity policies allow PutKeyPolicy does not matter. Conditions of the policy see
/// the key as it would be, and a request that is checked again.
pub fn check_lockout(cx: &Cx<'_>, would_be: &Found) -> Result<(), Error> {
    let caller = Caller { policies: Arc::from([]), ..cx.caller.clone() };
    let cx = Cx { caller: &caller, region: would_be.scope.region, ..*cx };
    let mut demand = access::demand(would_be, "kms:PutKeyPolicy", None, None);
    demand.facts.others.push(("kms:bypasspolicylockoutsafetycheck", "false".to_owned()));
    match permit_by_policies(&cx, &demand) {
        Err(denied) if denied.refusal != Refusal::NoIdentityAllow => Err(Error::PolicyLockout),
        _ => Ok(()),
    }
}
