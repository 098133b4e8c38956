//! What the alias operations share: names, permissions, and the record with its index.
//!
//! An alias is two records, one by name and one by the key it points at. They are written and
//! removed together, here and nowhere else.

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{AliasArn, AliasName, KeyId, Scope};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::model::Alias;
use crate::limits;
use crate::policy::authorized::Demand;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::tx::{Tx, collect};

/// AWS: names of aliases of AWS managed keys.
const RESERVED: &str = "alias/aws/";

/// The name of an alias as a request gives it. Characters are the wire's to check.
pub fn name(given: &str) -> Result<AliasName, Error> {
    given.parse().map_err(|_| Error::AliasPrefix)
}

/// Refuses names that only AWS gives.
pub fn check_reserved(name: &AliasName) -> Result<(), Error> {
    if name.as_str().starts_with(RESERVED) { Err(Error::AliasReserved) } else { Ok(()) }
}

/// The permission on the alias itself, which only identity policies can give.
pub fn demand(cx: &Cx<'_>, action: &'static str, name: &AliasName) -> Demand {
    let alias = AliasArn { scope: cx.scope(), name: name.clone() };
    Demand::on(action, alias.to_string(), cx.caller.account)
}

/// LIMIT: [`limits::ALIASES_PER_KEY_MAX`]. Requests at the same moment may pass it by a few.
pub fn check_count(read: &dyn Read, found: &Found) -> Result<(), Error> {
    let prefix = Prefix::AliasesOfKey { scope: found.scope, id: found.key.id };
    let count = collect(read, prefix, |_, _| Some(()))?.len();
    if count < limits::ALIASES_PER_KEY_MAX {
        Ok(())
    } else {
        Err(Error::TooManyAliases { key: found.arn() })
    }
}

pub fn put(tx: &mut Tx<'_>, scope: Scope, alias: Alias) {
    let name = alias.name.clone();
    tx.put(Key::AliasOfKey { scope, id: alias.target, name: name.clone() }, Record::Index);
    tx.put(Key::Alias { scope, name }, Record::Alias(Arc::new(alias)));
}

pub fn remove(tx: &mut Tx<'_>, scope: Scope, target: KeyId, name: AliasName) {
    tx.remove(Key::AliasOfKey { scope, id: target, name: name.clone() });
    tx.remove(Key::Alias { scope, name });
}

/// The names of a key's aliases, in order.
pub fn of_key(read: &dyn Read, scope: Scope, id: KeyId) -> Result<Vec<AliasName>, StoreFault> {
    collect(read, Prefix::AliasesOfKey { scope, id }, |key, _| match key {
        Key::AliasOfKey { name, .. } => Some(name),
        _ => None,
    })
}
