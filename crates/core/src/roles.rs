//! Roles: who may assume them, what their sessions may do, and the credentials of a session.
//!
//! Roles come from the configuration and are the same in every Region. A session is stored nowhere:
//! whoever issues its credentials can tell it from them again, through the port [`Roles`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::cx::{Caller, RoleSession};
use crate::ids::AccountId;
use crate::policy::document::Policy;
use crate::policy::evaluate::PrincipalKind;
use crate::ports::Entropy;
use crate::time::Timestamp;

/// LIMIT: characters of a role's name. AWS: 1 to 64 (model, roleNameType).
const NAME_LEN_MAX: usize = 64;
/// LIMIT: seconds of a session unless its role says otherwise. AWS: one hour.
pub const SESSION_S: i64 = 3600;
/// LIMIT: seconds of a session, whatever its role says. AWS: twelve hours.
pub const SESSION_S_MAX: i64 = 43200;
/// LIMIT: seconds of a session. AWS: a quarter of an hour.
pub const SESSION_S_MIN: i64 = 900;

/// A role that can be assumed.
#[derive(Debug)]
pub struct Role {
    pub arn: RoleArn,
    /// Its unique id, such as `AROA…`.
    pub id: Box<str>,
    pub trust: Arc<Policy>,
    /// What its sessions may do. None deny everything.
    pub policies: Arc<[Policy]>,
    /// How long a session may last, in seconds.
    pub session_s_max: i64,
}

impl Role {
    /// The principal of a session.
    pub fn session(&self, name: &str, issued_at: Option<Timestamp>) -> Caller {
        let RoleArn { partition, account, name: role } = &self.arn;
        Caller {
            account: *account,
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{name}").into(),
            user_id: format!("{}:{name}", self.id).into(),
            kind: PrincipalKind::Session,
            user_name: None,
            policies: Arc::clone(&self.policies),
            session: Some(Arc::new(RoleSession { role: self.arn.to_string().into(), issued_at })),
        }
    }
}

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn {
    pub partition: Box<str>,
    pub account: AccountId,
    pub name: Box<str>,
}

impl RoleArn {
    /// The role of a session, by the session's ARN.
    pub fn of_session(arn: &str) -> Option<Self> {
        let (role, _) = session_parts(arn)?;
        Some(role)
    }
}

/// The role and the name of a session, by its ARN.
pub fn session_parts(arn: &str) -> Option<(RoleArn, &str)> {
    let rest = arn.strip_prefix("arn:")?;
    let (partition, rest) = rest.split_once(":sts::")?;
    let (account, rest) = rest.split_once(":assumed-role/")?;
    let (name, session) = rest.split_once('/')?;
    let role =
        RoleArn { partition: partition.into(), account: account.parse().ok()?, name: name.into() };
    Some((role, session))
}

/// A text that is no role's ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARole;

impl FromStr for RoleArn {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account) = (next(), next(), next(), next(), next());
        let name = next().strip_prefix("role/").ok_or(NotARole)?;
        let partition_is = |text: &str| matches!(text, "aws" | "aws-cn" | "aws-us-gov");
        if arn != "arn" || !partition_is(partition) || service != "iam" || !region.is_empty() {
            return Err(NotARole);
        }
        // AWS: a role may have a path. None here has one, so that such an ARN names no role.
        let (path, own) = name.rsplit_once('/').unwrap_or(("", name));
        if !is_role_name(own) || !path.bytes().all(|byte| byte == b'/' || is_name_byte(byte)) {
            return Err(NotARole);
        }
        let account = account.parse().map_err(|_| NotARole)?;
        Ok(Self { partition: partition.into(), account, name: name.into() })
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, account, name } = self;
        write!(f, "arn:{partition}:iam::{account}:role/{name}")
    }
}

/// Whether a role can have this name.
pub fn is_role_name(text: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// AWS: what names of roles and of sessions are made of.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

/// A session that is to have credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub role: RoleArn,
    pub name: Box<str>,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Credentials that end by themselves.
pub struct TemporaryKey {
    pub id: String,
    pub secret: Zeroizing<String>,
    pub token: Zeroizing<String>,
}

impl fmt::Debug for TemporaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the core needs of whoever keeps roles and issues credentials.
pub trait Roles {
    fn find(&self, arn: &RoleArn) -> Option<Arc<Role>>;

    fn issue(&self, session: &Session, entropy: &dyn Entropy) -> TemporaryKey;
}

/// Of whoever has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRoles;

impl Roles for NoRoles {
    fn find(&self, _arn: &RoleArn) -> Option<Arc<Role>> {
        None
    }

    /// Never asked, because nothing is found; what it gives opens nothing.
    fn issue(&self, _session: &Session, _entropy: &dyn Entropy) -> TemporaryKey {
        let nothing = || Zeroizing::new(String::new());
        TemporaryKey { id: String::new(), secret: nothing(), token: nothing() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns() {
        let arn: RoleArn = "arn:aws-us-gov:iam::123456789012:role/a+=,.@_-9".parse().unwrap();
        assert_eq!(
            (&*arn.partition, arn.account.as_str(), &*arn.name),
            ("aws-us-gov", "123456789012", "a+=,.@_-9")
        );
        assert_eq!(arn.to_string(), "arn:aws-us-gov:iam::123456789012:role/a+=,.@_-9");
        let with_path: RoleArn = "arn:aws:iam::123456789012:role/p/q/a".parse().unwrap();
        assert_eq!(&*with_path.name, "p/q/a");
        for wrong in [
            "",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam:us-east-1:123456789012:role/a",
            "arn:aws:sts::123456789012:role/a",
            "arn:other:iam::123456789012:role/a",
            "arn:aws:iam::12345678901:role/a",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:role/a:b",
            "xarn:aws:iam::123456789012:role/a",
        ] {
            assert_eq!(wrong.parse::<RoleArn>(), Err(NotARole), "{wrong}");
        }
        let long = format!("arn:aws:iam::123456789012:role/{}", "x".repeat(NAME_LEN_MAX + 1));
        assert_eq!(long.parse::<RoleArn>(), Err(NotARole));
    }

    #[test]
    fn sessions_name_their_roles() {
        let (role, name) =
            session_parts("arn:aws:sts::123456789012:assumed-role/reader/s@1").unwrap();
        assert_eq!(
            (role.to_string().as_str(), name),
            ("arn:aws:iam::123456789012:role/reader", "s@1")
        );
        for other in
            ["arn:aws:iam::123456789012:role/reader", "arn:aws:sts::1:assumed-role/a/b", ""]
        {
            assert!(RoleArn::of_session(other).is_none(), "{other}");
        }
    }
}
