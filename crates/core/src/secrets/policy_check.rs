//! What a resource policy must be before it is attached: well-formed, and not the end of all control.
//!
//! PutResourcePolicy refuses for what ValidateResourcePolicy reports. Who exists is not known here:
//! a principal is judged by its form. Whether a policy is broad is for [`Policy::is_broad`].
//!
//! [`Policy::is_broad`]: crate::policy::document::Policy::is_broad

use crate::cx::Cx;
use crate::policy::authorized::{Demand, permit_by_policies};
use crate::policy::document::{Policy, PolicySyntax};
use crate::policy::evaluate::ResourceMode;
use crate::secrets::policies::{Policies, ResourcePolicy};

/// The permission to change a secret's resource policies.
pub const PUT_ACTION: &str = "secretsmanager:PutResourcePolicy";

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFlaw {
    /// Not JSON, a member twice, or nested or long beyond the grammar.
    Unreadable,
    /// JSON, but not a resource policy.
    Syntax,
    /// A principal that cannot exist, or no longer does.
    Principal,
    ServicePrincipal,
    /// It lets in a wide range of principals.
    Broad,
    /// The caller could not change it again.
    Lockout,
}

/// Reads a policy that is to be attached.
pub fn read(text: &str) -> Result<ResourcePolicy, PolicyFlaw> {
    use PolicySyntax::{Duplicate, NotJson, Principal, TooDeep, TooLong};
    let policy = ResourcePolicy::parse(text).map_err(|syntax| match syntax {
        TooLong | TooDeep | NotJson | Duplicate => PolicyFlaw::Unreadable,
        Principal => PolicyFlaw::Principal,
        _ => PolicyFlaw::Syntax,
    })?;
    match flaw_of_principals(policy.compiled()) {
        Some(flaw) => Err(flaw),
        None => Ok(policy),
    }
}

fn flaw_of_principals(policy: &Policy) -> Option<PolicyFlaw> {
    if policy.names_deleted() {
        return Some(PolicyFlaw::Principal);
    }
    let strange = policy.services().any(|name| !is_service(name));
    strange.then_some(PolicyFlaw::ServicePrincipal)
}

/// Whether a name has the form of a service's: labels below `amazonaws.com`.
fn is_service(name: &str) -> bool {
    let china = name.strip_suffix(".amazonaws.com.cn");
    let Some(labels) = china.or_else(|| name.strip_suffix(".amazonaws.com")) else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    labels.split('.').all(is_label)
}

/// Whether the caller, who makes `demand` now, could not make it under other policies.
pub fn locks_out(cx: &Cx<'_>, demand: &Demand, policies: &Policies) -> bool {
    let policy = policies.merged().cloned().map(|policy| (policy, ResourceMode::Grants));
    permit_by_policies(cx, &Demand { policy, ..demand.clone() }).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(statement: &str) -> Option<PolicyFlaw> {
        read(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)).err()
    }

    fn of_principal(principal: &str) -> Option<PolicyFlaw> {
        flaw(&format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"secretsmanager:*","Resource":"*"}}"#
        ))
    }

    #[test]
    fn principals() {
        use PolicyFlaw::{Principal, ServicePrincipal};
        for (principal, expected) in [
            (r#""*""#, None),
            (r#"{"AWS":"*"}"#, None),
            (r#"{"AWS":["111122223333","arn:aws:iam::111122223333:user/a"]}"#, None),
            (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}"#, None),
            (r#"{"Federated":"cognito-identity.amazonaws.com"}"#, None),
            (r#"{"Service":"lambda.amazonaws.com"}"#, None),
            (r#"{"Service":["logs.us-east-1.amazonaws.com","ec2.amazonaws.com.cn"]}"#, None),
            (r#"{"AWS":"arn:aws:iam::111122223333:role/*"}"#, Some(Principal)),
            (r#"{"AWS":"arn:aws:iam::*:root"}"#, Some(Principal)),
            (r#"{"AWS":"nobody"}"#, Some(Principal)),
            (r#"{"AWS":"AROA1234567890ABCDEFG"}"#, Some(Principal)),
            (r#"{"Canonical":"x"}"#, Some(Principal)),
            (r#"{"Service":"lambda"}"#, Some(ServicePrincipal)),
            (r#"{"Service":".amazonaws.com"}"#, Some(ServicePrincipal)),
            (r#"{"Service":"Lambda.amazonaws.com"}"#, Some(ServicePrincipal)),
            (r#"{"Service":"lambda.amazonaws.com.example"}"#, Some(ServicePrincipal)),
            (r#"{"AWS":"111122223333","Service":"x.amazonaws.org"}"#, Some(ServicePrincipal)),
        ] {
            assert_eq!(of_principal(principal), expected, "{principal}");
        }
    }

    #[test]
    fn texts() {
        use PolicyFlaw::{Syntax, Unreadable};
        for (text, expected) in [
            ("", Unreadable),
            ("{", Unreadable),
            (r#"{"Version":"2012-10-17","Version":"2012-10-17"}"#, Unreadable),
            ("[[[[[[[[]]]]]]]]", Unreadable),
            (&"x".repeat(40_000), Unreadable),
            ("7", Syntax),
            ("{}", Syntax),
            (r#"{"Version":"2012-10-17"}"#, Syntax),
            (r#"{"Version":"2020-01-01","Statement":[]}"#, Syntax),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        for statement in [
            r#"{"Effect":"AllowSomething","Principal":"*","Action":"*","Resource":"*"}"#,
            r#"{"Effect":"Allow","Principal":"*","Action":"*"}"#,
            r#"{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"*","Resource":"*"}"#,
            r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"a":"x"}}}"#,
        ] {
            assert_eq!(flaw(statement), Some(Syntax), "{statement}");
        }
    }
}
