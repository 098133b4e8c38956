//! Roles of the configuration, and the temporary credentials of their sessions.
//!
//! A session is kept nowhere: its token says who it is, sealed under a key that derives from the root
//! key, so that it outlives the process and ends with its role. What the role may do is looked up anew
//! for each request.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regent_core::cx::Caller;
use regent_core::ports::{Entropy, random};
use regent_core::roles::{Role, RoleArn, Roles, Session, TemporaryKey, session_parts};
use regent_core::time::Timestamp;
use regent_crypto::TokenKey;
use regent_wire::sigv4::{Credential, SecretKey};
use zeroize::Zeroizing;

use super::base32;

/// What the access keys of sessions begin with. AWS: ASIA, and 16 characters.
const PREFIX: &str = "ASIA";
const RANDOM_LEN: usize = 16;
/// LIMIT: characters of a session token. Ours have some 300.
const TOKEN_LEN_MAX: usize = 2048;
/// Bytes of a secret. AWS: 40 characters in base64.
const SECRET_LEN: usize = 30;

/// Who may be assumed, and what makes credentials for it.
#[derive(Debug)]
pub struct Sessions {
    roles: BTreeMap<RoleArn, Arc<Role>>,
    key: TokenKey,
}

impl Sessions {
    pub fn new(roles: Vec<Role>, key: TokenKey) -> Self {
        let roles = roles.into_iter().map(|role| (role.arn.clone(), Arc::new(role))).collect();
        Self { roles, key }
    }

    /// The credential of a session, if the token was issued with this access key and the role is
    /// still there. Whether it has ended is for whoever knows the time.
    pub fn credential(&self, access_key: &str, token: &str) -> Option<Credential<Arc<Caller>>> {
        if !access_key.starts_with(PREFIX) || token.len() > TOKEN_LEN_MAX {
            return None;
        }
        let sealed = STANDARD.decode(token).ok()?;
        let opened = self.key.open(access_key, &sealed).ok()?;
        let session = read(std::str::from_utf8(opened.expose()).ok()?)?;
        let role = self.roles.get(&session.role)?;
        Some(Credential {
            secret: SecretKey::new(self.secret(access_key)),
            owner: Arc::new(role.session(&session.name, Some(session.issued_at))),
            expires_at: Some(session.expires_at),
        })
    }

    /// A session by its ARN, with the authority that its role has now.
    pub fn principal(&self, arn: &str) -> Option<Caller> {
        let (role, name) = session_parts(arn)?;
        Some(self.roles.get(&role)?.session(name, None))
    }

    fn secret(&self, access_key: &str) -> String {
        let bytes = Zeroizing::new(self.key.secret(access_key));
        STANDARD.encode(bytes.get(..SECRET_LEN).unwrap_or_default())
    }
}

impl Roles for Sessions {
    fn find(&self, arn: &RoleArn) -> Option<Arc<Role>> {
        self.roles.get(arn).map(Arc::clone)
    }

    fn issue(&self, session: &Session, entropy: &dyn Entropy) -> TemporaryKey {
        let id: String = PREFIX.chars().chain(base32(&random::<RANDOM_LEN>(entropy))).collect();
        let token = STANDARD.encode(self.key.seal(&id, written(session).as_bytes(), entropy));
        let secret = Zeroizing::new(self.secret(&id));
        TemporaryKey { id, secret, token: Zeroizing::new(token) }
    }
}

/// A session as its token has it. No part of it may contain a space.
fn written(session: &Session) -> String {
    let Session { role, name, issued_at, expires_at } = session;
    format!("{role} {name} {} {}", issued_at.millis(), expires_at.millis())
}

fn read(text: &str) -> Option<Session> {
    let mut parts = text.split(' ');
    let mut next = || parts.next();
    let (role, name, issued_at, expires_at) = (next()?, next()?, next()?, next()?);
    let at = |text: &str| text.parse().ok().map(Timestamp::from_millis);
    Some(Session {
        role: role.parse().ok()?,
        name: name.into(),
        issued_at: at(issued_at)?,
        expires_at: at(expires_at)?,
    })
}

#[cfg(test)]
mod tests {
    use regent_core::policy::document::Policy;
    use regent_crypto::{RootKey, SystemEntropy};

    use super::*;

    const TRUST: &str = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "123456789012"}}}"#;

    fn sessions(root: u8, names: &[&str]) -> Sessions {
        let role = |name: &&str| Role {
            arn: format!("arn:aws:iam::123456789012:role/{name}").parse().unwrap(),
            id: "AROAX".into(),
            trust: Arc::new(Policy::parse_trust(TRUST).unwrap()),
            policies: Arc::from([]),
            session_s_max: 3600,
        };
        let roles = names.iter().map(role).collect();
        Sessions::new(roles, TokenKey::derive(&RootKey::new([root; 32])))
    }

    fn session(role: &str) -> Session {
        Session {
            role: format!("arn:aws:iam::123456789012:role/{role}").parse().unwrap(),
            name: "s-1".into(),
            issued_at: Timestamp::from_millis(1_000),
            expires_at: Timestamp::from_millis(901_000),
        }
    }

    #[test]
    fn a_token_tells_the_session() {
        let all = sessions(1, &["reader"]);
        let key = all.issue(&session("reader"), &SystemEntropy);
        assert_eq!((key.id.len(), key.secret.len()), (20, 40));
        let found = all.credential(&key.id, &key.token).unwrap();
        assert_eq!(found.secret.expose_text(), key.secret.as_str());
        assert_eq!(found.expires_at, Some(Timestamp::from_millis(901_000)));
        assert_eq!(&*found.owner.arn, "arn:aws:sts::123456789012:assumed-role/reader/s-1");
        assert_eq!(&*found.owner.user_id, "AROAX:s-1");
        assert_eq!(found.owner.role_arn(), Some("arn:aws:iam::123456789012:role/reader"));
        // After a restart, too.
        assert!(sessions(1, &["reader"]).credential(&key.id, &key.token).is_some());
    }

    /// PROMISE R6: nothing but a whole pair of a role that is there is a credential.
    #[test]
    fn other_pairs_are_none() {
        let all = sessions(1, &["reader", "writer"]);
        let one = all.issue(&session("reader"), &SystemEntropy);
        let two = all.issue(&session("writer"), &SystemEntropy);
        assert_ne!((one.id.as_str(), one.secret.as_str()), (&*two.id, two.secret.as_str()));
        assert!(all.credential(&one.id, &two.token).is_none());
        assert!(all.credential("AKIAREADER", &one.token).is_none());
        assert!(sessions(2, &["reader"]).credential(&one.id, &one.token).is_none());
        assert!(sessions(1, &["writer"]).credential(&one.id, &one.token).is_none(), "no such role");
        for token in ["", "x", &one.token[1..], &"A".repeat(TOKEN_LEN_MAX + 4)] {
            assert!(all.credential(&one.id, token).is_none());
        }
    }

    #[test]
    fn principals_by_arn() {
        let all = sessions(1, &["reader"]);
        let arn = "arn:aws:sts::123456789012:assumed-role/reader/s-1";
        assert_eq!(&*all.principal(arn).unwrap().arn, arn);
        assert!(all.principal("arn:aws:sts::123456789012:assumed-role/gone/s-1").is_none());
        assert!(all.principal("arn:aws:iam::123456789012:role/reader").is_none());
    }
}
