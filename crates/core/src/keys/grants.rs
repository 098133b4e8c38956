//! The grants of a key: the records with their indexes, and whether one of them allows a request.
//!
//! A grant is one record, two or three indexes and a count; they are written and removed together,
//! here and nowhere else. Permission is looked up by grantee, so that no grant of anybody else is
//! read. Every walk reads the key's count first, which every writer of a grant writes.

use core::ops::ControlFlow;
use std::sync::Arc;

use crate::cx::Caller;
use crate::ids::{AccountId, GrantId, KeyArn, KeyId, PrincipalArn, Scope};
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::grant::{Grant, GrantOperation, GrantToken, Terms};
use crate::limits;
use crate::policy::evaluate::PrincipalKind;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record, Scan};
use crate::tx::{Records, Tx, collect};

/// The grants that may stand in for a policy.
#[derive(Debug, Clone)]
pub enum Grants {
    /// None: the policies alone decide.
    None,
    /// Those on a key that allow the action.
    On(KeyArn),
    /// AWS: those on a key that allow CreateGrant, and all that the new grant allows.
    Within(KeyArn, Arc<Terms>),
    /// The operation has looked at the grant itself: only an explicit denial stands against it.
    Held,
}

/// Whether a grant to the caller allows `action`. `delegated` says whether the caller's own
/// policies allow it, which a grant to its account leaves the decision to.
pub fn allow(
    read: &dyn Read,
    grants: &Grants,
    caller: &Caller,
    action: &str,
    context: Option<&EncryptionContext>,
    delegated: bool,
) -> Result<bool, StoreFault> {
    let (key, terms) = match grants {
        Grants::None => return Ok(false),
        Grants::Held => return Ok(true),
        Grants::On(key) => (key, None),
        Grants::Within(key, terms) => (key, Some(terms)),
    };
    let Some(operation) = GrantOperation::of_action(action) else { return Ok(false) };
    if read.grant_count(key.scope, key.id)?.is_none() {
        return Ok(false);
    }
    let account = account_principal(caller).filter(|_| delegated);
    for grantee in own_principals(caller).chain(account) {
        let allows = |grant: &Grant| {
            grant.terms.allow(operation, context)
                && terms.is_none_or(|terms| terms.are_within(&grant.terms))
        };
        if any_of_grantee(read, key.scope, key.id, grantee, allows)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the caller is the principal that a grant names.
pub fn is_principal(caller: &Caller, principal: &PrincipalArn) -> bool {
    *principal.as_str() == *caller.arn || caller.role_arn() == Some(principal.as_str())
}

/// Whether a grant names the caller's account as a whole, which may pass its permission on.
pub fn is_account_of(caller: &Caller, principal: &PrincipalArn) -> bool {
    account_principal(caller).is_some_and(|account| account == *principal)
}

/// AWS: a session is itself, and its role.
fn own_principals(caller: &Caller) -> impl Iterator<Item = PrincipalArn> {
    [Some(&*caller.arn), caller.role_arn()].into_iter().flatten().filter_map(|arn| arn.parse().ok())
}

fn account_principal(caller: &Caller) -> Option<PrincipalArn> {
    if caller.kind == PrincipalKind::Service {
        return None;
    }
    let partition = caller.arn.split(':').nth(1)?;
    format!("arn:{partition}:iam::{}:root", caller.account).parse().ok()
}

fn any_of_grantee(
    read: &dyn Read,
    scope: Scope,
    key: KeyId,
    grantee: PrincipalArn,
    allows: impl Fn(&Grant) -> bool,
) -> Result<bool, StoreFault> {
    let mut found = Ok(false);
    let scan = Scan::all(Prefix::GrantsOfGrantee { scope, key, grantee });
    read.scan(&scan, &mut |index, _| {
        let Key::GrantOfGrantee { id, .. } = index else { return ControlFlow::Continue(()) };
        found = read.grant(scope, key, id).map(|grant| grant.is_some_and(|grant| allows(&grant)));
        if matches!(found, Ok(false)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    found
}

/// Whether each token is of a grant that is there.
pub fn tokens_exist(read: &dyn Read, tokens: &[GrantToken]) -> Result<bool, StoreFault> {
    for GrantToken { key, grant } in tokens {
        if read.grant(key.scope, key.id, *grant)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The grant that an earlier request with the same name and parameters made.
pub fn same(
    read: &dyn Read,
    scope: Scope,
    key: KeyId,
    wanted: &Grant,
) -> Result<Option<GrantId>, StoreFault> {
    let Some(name) = wanted.name.clone() else { return Ok(None) };
    let ids = collect(read, Prefix::GrantsOfName { scope, key, name }, |index, _| match index {
        Key::GrantOfName { id, .. } => Some(id),
        _ => None,
    })?;
    for id in ids {
        if read.grant(scope, key, id)?.is_some_and(|grant| grant.is_same_as(wanted)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Writes a new grant.
///
/// LIMIT: [`limits::GRANTS_PER_KEY_MAX`].
pub fn put(tx: &mut Tx<'_>, arn: KeyArn, grant: Grant) -> Result<(), Error> {
    let KeyArn { scope, id: key } = arn;
    let count = tx.grant_count(scope, key)?.unwrap_or_default();
    if count >= limits::GRANTS_PER_KEY_MAX {
        return Err(GrantProblem::TooMany { key: arn }.into());
    }
    tx.put(Key::GrantCount { scope, key }, Record::Count(count + 1));
    for index in indexes(scope, key, &grant) {
        tx.put(index, Record::Index);
    }
    tx.put(Key::Grant { scope, key, id: grant.id }, Record::Grant(Arc::new(grant)));
    Ok(())
}

/// Removes a grant that is there.
pub fn remove(tx: &mut Tx<'_>, scope: Scope, key: KeyId, grant: &Grant) -> Result<(), StoreFault> {
    let at = Key::GrantCount { scope, key };
    match tx.grant_count(scope, key)? {
        Some(count) if count > 1 => tx.put(at, Record::Count(count - 1)),
        _ => tx.remove(at),
    }
    erase(tx, scope, key, grant);
    Ok(())
}

/// Removes all grants of a key that is gone.
pub fn remove_all(tx: &mut Tx<'_>, scope: Scope, key: KeyId) -> Result<(), StoreFault> {
    if tx.grant_count(scope, key)?.is_none() {
        return Ok(());
    }
    let grants = collect(tx, Prefix::GrantsOfKey { scope, key }, |_, record| match record {
        Record::Grant(grant) => Some(grant),
        _ => None,
    })?;
    for grant in grants {
        erase(tx, scope, key, &grant);
    }
    tx.remove(Key::GrantCount { scope, key });
    Ok(())
}

fn erase(tx: &mut Tx<'_>, scope: Scope, key: KeyId, grant: &Grant) {
    for index in indexes(scope, key, grant) {
        tx.remove(index);
    }
    tx.remove(Key::Grant { scope, key, id: grant.id });
}

fn indexes(scope: Scope, key: KeyId, grant: &Grant) -> impl Iterator<Item = Key> {
    let id = grant.id;
    let Scope { region, account } = scope;
    let grantee = Key::GrantOfGrantee { scope, key, grantee: grant.grantee.clone(), id };
    let named = grant.name.clone().map(|name| Key::GrantOfName { scope, key, name, id });
    let retiring = grant.retiring.clone();
    let retiring =
        retiring.map(|retiring| Key::GrantOfRetiring { region, retiring, account, key, id });
    [grantee].into_iter().chain(named).chain(retiring)
}

/// AWS: how a grant names the account that made it.
pub fn account_root(partition: &str, account: AccountId) -> String {
    format!("arn:{partition}:iam::{account}:root")
}
