//! What a KMS request names, looked up: a key, or the reason why there is none.
//!
//! Absence is part of a [`Target`], not an error, because nothing may be told before permission
//! (promise R6). Permission on a key that is not there is asked of the caller's own policies; in
//! another account nothing can allow it, so no answer tells whether such a key exists.

use std::borrow::Cow;

use crate::cx::Cx;
use crate::ids::{AccountId, KeyArn};
use crate::keys::access::{self, Found, KeyName, find};
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::grant::GrantToken;
use crate::keys::grants;
use crate::keys::problem::KeyProblem;
use crate::policy::authorized::Demand;
use crate::ports::{Read, StoreFault};

/// A key as a request names it: parsed, or why it cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRef {
    given: Box<str>,
    name: Result<KeyName, KeyProblem>,
    tokens: Box<[GrantToken]>,
}

impl From<&str> for KeyRef {
    fn from(given: &str) -> Self {
        Self { given: given.into(), name: KeyName::parse(given), tokens: Box::default() }
    }
}

impl KeyRef {
    /// The same name, with the tokens of grants that the request brings.
    #[must_use]
    pub fn with_tokens(self, tokens: Box<[GrantToken]>) -> Self {
        Self { tokens, ..self }
    }

    pub fn is_alias(&self) -> bool {
        self.name.as_ref().is_ok_and(KeyName::is_alias)
    }

    /// Finds the key by any of its names, in any account: cryptography and DescribeKey.
    pub fn any(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        let found = match &self.name {
            Ok(name) => find(read, cx.scope(), name)?,
            Err(problem) => Err(problem.clone()),
        };
        self.target(cx, found).with_tokens(read, &self.tokens)
    }

    /// Finds the key by id or key ARN, in any account.
    ///
    /// AWS: everything else calls an alias an invalid key id.
    pub fn no_alias(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        if self.is_alias() {
            let problem = KeyProblem::Invalid { given: self.given.clone() };
            return Ok(self.target(cx, Err(problem)));
        }
        self.any(cx, read)
    }

    /// Finds the key by id or key ARN in the caller's own account: management.
    ///
    /// AWS: a key policy cannot let another account manage a key. A foreign key is never found, and
    /// permission on it is never given.
    pub fn own(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        match &self.name {
            Ok(KeyName::Arn(arn)) if arn.scope.account != cx.scope().account => {
                let absent = KeyArn { scope: cx.scope(), id: arn.id };
                Ok(self.target(cx, Err(KeyProblem::Absent { key: absent })))
            }
            _ => self.no_alias(cx, read),
        }
    }

    fn target(&self, cx: &Cx<'_>, found: Result<Found, KeyProblem>) -> Target {
        let scope = cx.scope();
        Target::new(found, || match &self.name {
            Ok(KeyName::Id(id)) => (KeyArn { scope, id: *id }.text(), scope.account),
            Ok(KeyName::Arn(arn)) => (arn.text(), arn.scope.account),
            Ok(KeyName::AliasArn(arn)) => (arn.to_string(), arn.scope.account),
            Ok(KeyName::Alias(_)) => (in_account(cx, &self.given), scope.account),
            Err(_) if self.given.starts_with("arn:") => (self.given.to_string(), scope.account),
            Err(_) => (in_account(cx, &format!("key/{}", self.given)), scope.account),
        })
    }
}

fn in_account(cx: &Cx<'_>, resource: &str) -> String {
    let scope = cx.scope();
    format!("arn:{}:kms:{}:{}:{resource}", scope.region.partition(), scope.region, scope.account)
}

/// What a [`KeyRef`] leads to.
#[derive(Debug, Clone)]
pub struct Target {
    found: Result<Found, Missing>,
    tokens_exist: bool,
}

/// There is no such key.
#[derive(Debug, Clone)]
struct Missing {
    problem: KeyProblem,
    /// What permission is asked on all the same, and in which account.
    resource: String,
    owner: AccountId,
}

impl Target {
    /// The key that an ARN names, absent or not.
    pub fn of_arn(arn: KeyArn, found: Result<Found, KeyProblem>) -> Self {
        Self::new(found, || (arn.text(), arn.scope.account))
    }

    /// `asked` is what permission is asked on if there is no key.
    fn new(found: Result<Found, KeyProblem>, asked: impl FnOnce() -> (String, AccountId)) -> Self {
        let found = found.map_err(|problem| {
            let (resource, owner) = asked();
            Missing { problem, resource, owner }
        });
        Self { found, tokens_exist: true }
    }

    /// The same key, asked for with grant tokens. Each must be a grant's.
    pub fn with_tokens(self, read: &dyn Read, tokens: &[GrantToken]) -> Result<Self, StoreFault> {
        let tokens_exist = grants::tokens_exist(read, tokens)?;
        Ok(Self { tokens_exist, ..self })
    }

    /// The permission that doing `action` to the key takes.
    pub fn demand(&self, action: &'static str, context: Option<&EncryptionContext>) -> Demand {
        match &self.found {
            Ok(found) => access::demand(found, action, context, None),
            Err(Missing { resource, owner, .. }) => {
                let mut demand = Demand::on(action, resource.clone(), *owner);
                demand.facts.encryption_context = context.cloned();
                demand
            }
        }
    }

    /// The permission that a management operation takes.
    pub fn demands(&self, action: &'static str) -> Vec<Demand> {
        vec![self.demand(action, None)]
    }

    /// [`Self::demand`] with further condition keys, by lower-case name.
    pub fn demand_with(
        &self,
        action: &'static str,
        context: Option<&EncryptionContext>,
        facts: impl IntoIterator<Item = (&'static str, impl Into<Cow<'static, str>>)>,
    ) -> Demand {
        let mut demand = self.demand(action, context);
        demand.facts.others.extend(facts);
        demand
    }

    pub fn as_found(&self) -> Result<&Found, &KeyProblem> {
        self.found.as_ref().map_err(|missing| &missing.problem)
    }

    /// The key, once permission is given.
    pub fn found(self) -> Result<Found, Error> {
        if !self.tokens_exist {
            return Err(GrantProblem::Token.into());
        }
        self.found.map_err(|missing| missing.problem.into())
    }
}
