//! The access keys of the server, and whom each belongs to.
//!
//! Four kinds: the administrator's key of the command line, the keys of the configuration file,
//! every twelve-digit key, which belongs to the administrator of the account of that number and has
//! the administrator's secret, and those of sessions of roles. A user without policies may do nothing
//! (promise R6).
//! Signatures are `regent_wire::sigv4`'s business; here is no comparison of secrets.

pub mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;

use regent_core::cx::Caller;
use regent_core::ids::{AccountId, Region};
use regent_core::policy::document::{Policy, PolicySyntax};
use regent_core::policy::evaluate::PrincipalKind;
use regent_core::roles::Roles;
use regent_crypto::digest;
use regent_wire::sigv4::{Credential, Credentials, SecretKey};

use crate::config::AccessKey;
use sessions::Sessions;

/// AWS: the managed policy AdministratorAccess.
const ADMINISTRATOR_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The digits of an identifier's random part, as AWS writes it: base32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Every access key that is accepted.
#[derive(Debug)]
pub struct AccessKeys {
    keys: BTreeMap<String, Credential<Arc<Caller>>>,
    administrator_secret: SecretKey,
    sessions: Sessions,
    /// Whose partition the ARNs of accounts without a named user are in.
    home: Region,
}

impl AccessKeys {
    /// `administrator` is the key that may do everything in its own account, and whose secret
    /// opens every other account by number. A key of `further` with the same id replaces it.
    pub fn new(
        administrator: AdministratorKey,
        further: Vec<AccessKey>,
        sessions: Sessions,
        home: Region,
    ) -> Result<Self, PolicySyntax> {
        let AdministratorKey { id, secret, account } = administrator;
        let everything = vec![Policy::parse_identity(ADMINISTRATOR_ACCESS)?];
        let user = id.clone();
        let first = AccessKey { id, secret: secret.clone(), account, user, policies: everything };
        let credential = |key: AccessKey| {
            let owner = Arc::new(user_of(&key, home));
            (key.id, Credential { secret: key.secret, owner, expires_at: None })
        };
        let keys = std::iter::once(first).chain(further).map(credential).collect();
        Ok(Self { keys, administrator_secret: secret, sessions, home })
    }

    /// A principal by its ARN, with the authority that it has now. One that is not there any more
    /// has none (promise R6).
    pub fn principal(&self, account: AccountId, arn: &str) -> Caller {
        let mut owners = self.keys.values().map(|key| &key.owner);
        let found = owners.find(|owner| owner.account == account && *owner.arn == *arn);
        if let Some(found) = found {
            return Caller::clone(found);
        }
        let session = self.sessions.principal(arn);
        if let Some(found) = session.filter(|session| session.account == account) {
            return found;
        }
        let root = Caller::account_root(account, self.home);
        if *root.arn == *arn {
            return root;
        }
        Caller { arn: arn.into(), kind: PrincipalKind::User, policies: Arc::from([]), ..root }
    }
}

impl AccessKeys {
    /// The roles whose sessions have keys here.
    pub fn roles(&self) -> &dyn Roles {
        &self.sessions
    }
}

/// The access key of the command line.
#[derive(Debug, Clone)]
pub struct AdministratorKey {
    pub id: String,
    pub secret: SecretKey,
    pub account: AccountId,
}

impl Credentials for AccessKeys {
    type Owner = Arc<Caller>;

    fn find(&self, access_key: &str, token: Option<&str>) -> Option<Credential<Arc<Caller>>> {
        if let Some(found) = self.keys.get(access_key) {
            return Some(found.clone());
        }
        if let Some(found) = token.and_then(|token| self.sessions.credential(access_key, token)) {
            return Some(found);
        }
        let account: AccountId = access_key.parse().ok()?;
        let owner = Arc::new(Caller::account_root(account, self.home));
        let secret = self.administrator_secret.clone();
        Some(Credential { secret, owner, expires_at: None })
    }
}

fn user_of(key: &AccessKey, home: Region) -> Caller {
    let arn = format!("arn:{}:iam::{}:user/{}", home.partition(), key.account, key.user);
    Caller {
        account: key.account,
        user_id: unique_id("AIDA", &arn).into(),
        arn: arn.into(),
        kind: PrincipalKind::User,
        user_name: Some(key.user.as_str().into()),
        policies: key.policies.as_slice().into(),
        session: None,
    }
}

/// A unique id in AWS's form, four letters and 17 characters, the same for the same ARN every time.
pub fn unique_id(prefix: &str, arn: &str) -> String {
    let digest = digest::sha256(arn.as_bytes());
    prefix.chars().chain(base32(&digest).take(17)).collect()
}

/// A character for each byte.
fn base32(bytes: &[u8]) -> impl Iterator<Item = char> {
    let letter = |byte: &u8| BASE32.get(usize::from(byte & 31)).copied().map_or('A', char::from);
    bytes.iter().map(letter)
}

#[cfg(test)]
mod tests {
    use regent_crypto::{RootKey, TokenKey};

    use super::*;

    fn keys() -> AccessKeys {
        let administrator = AdministratorKey {
            id: "test".to_owned(),
            secret: SecretKey::new("test".to_owned()),
            account: "123456789012".parse().unwrap(),
        };
        let nobody = AccessKey {
            id: "AKIANOBODY".to_owned(),
            secret: SecretKey::new("s".to_owned()),
            account: "000000000001".parse().unwrap(),
            user: "nobody".to_owned(),
            policies: Vec::new(),
        };
        let sessions = Sessions::new(Vec::new(), TokenKey::derive(&RootKey::new([1; 32])));
        let home = "us-gov-west-1".parse().unwrap();
        AccessKeys::new(administrator, vec![nobody], sessions, home).unwrap()
    }

    #[test]
    fn the_administrator_is_a_user_with_a_policy() {
        let found = keys().find("test", None).unwrap().owner;
        assert_eq!(&*found.arn, "arn:aws-us-gov:iam::123456789012:user/test");
        assert_eq!(found.kind, PrincipalKind::User);
        assert_eq!(found.policies.len(), 1);
        assert_eq!(found.user_id.len(), 21);
        assert!(found.user_id.starts_with("AIDA"));
    }

    #[test]
    fn twelve_digits_are_an_account() {
        let found = keys().find("000000000007", None).unwrap().owner;
        assert_eq!(found.account.as_str(), "000000000007");
        assert_eq!((found.kind, found.policies.len()), (PrincipalKind::Root, 0));
    }

    /// PROMISE R6: whoever a stack acts for may do what that principal may do now.
    #[test]
    fn principals_by_arn() {
        let keys = keys();
        let account: AccountId = "123456789012".parse().unwrap();
        let of = |arn: &str| keys.principal(account, arn);
        let administrator = of("arn:aws-us-gov:iam::123456789012:user/test");
        assert_eq!(administrator.policies.len(), 1);
        assert_eq!(of("arn:aws-us-gov:iam::123456789012:root").kind, PrincipalKind::Root);
        let gone = of("arn:aws-us-gov:iam::123456789012:user/gone");
        assert_eq!((gone.kind, gone.policies.len()), (PrincipalKind::User, 0));
        let other = keys.principal("000000000001".parse().unwrap(), &administrator.arn);
        assert!(other.policies.is_empty());
    }

    /// PROMISE R6: a user without policies has none, and other texts are no keys.
    #[test]
    fn nothing_is_given_by_default() {
        assert!(keys().find("AKIANOBODY", None).unwrap().owner.policies.is_empty());
        for unknown in ["", "TEST", "test ", "00000000007", "0000000000007", "akianobody"] {
            assert!(keys().find(unknown, Some("x")).is_none(), "{unknown}");
        }
    }
}
