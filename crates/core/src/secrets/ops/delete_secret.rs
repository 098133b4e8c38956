//! DeleteSecret: a recovery window, or removal at once.
//!
//! A secret with replicas cannot be deleted, so replicas never hear of a deletion. The end of the
//! window is a deadline record, which RestoreSecret takes back.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{Scope, SecretArn, SecretName};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::Record;
use crate::secrets::cross_account::LinkFlaw;
use crate::secrets::error::Error;
use crate::secrets::event::Removal;
use crate::secrets::model::{Deletion, Role, Secret};
use crate::secrets::target::{Found, SecretId, Target, new_suffix, purge_key};
use crate::secrets::versions::{announce_removal, purge, put_secret};
use crate::time::Timestamp;
use crate::tx::Tx;

#[derive(Debug)]
pub struct DeleteSecret {
    pub secret: SecretId,
    pub window_days: Option<i64>,
    pub force: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Deleted {
    pub arn: SecretArn,
    /// When the secret is or was gone for good.
    pub at: Timestamp,
}

impl Operation for DeleteSecret {
    const ACTION: &'static str = "secretsmanager:DeleteSecret";
    type Target = Target;
    type Output = Deleted;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        let facts = &mut demand.facts.others;
        facts.push(("secretsmanager:forcedeletewithoutrecovery", self.force.to_string()));
        let days = self.window_days.map(|days| days.to_string());
        facts.extend(days.map(|days| ("secretsmanager:recoverywindowindays", days)));
        vec![demand]
    }
}

impl Command for DeleteSecret {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Deleted>, Error> {
        let Some(found) = target.found else {
            // AWS: removing at once what is not there succeeds, with an ARN that looks real.
            let name = op.secret.name().filter(|_| op.force).ok_or(Error::NotFound)?;
            op.window_days()?;
            let arn = unreal(cx, name);
            return Ok(Step::Done(Deleted { arn, at: cx.now }));
        };
        let arn = found.arn();
        refuse(&found, op.force)?;
        let at = match op.window_days()? {
            None => {
                // A window that is cut short has begun already.
                if found.secret.deletion.is_none() {
                    announce_removal(cx, tx, found.scope, &found.secret, Removal::Started)?;
                }
                announce_removal(cx, tx, found.scope, &found.secret, Removal::Ended)?;
                purge(tx, found.scope, &found.secret)?;
                cx.now
            }
            Some(days) => schedule(cx, tx, &found, days)?,
        };
        Ok(Step::Done(Deleted { arn, at }))
    }
}

impl DeleteSecret {
    /// The length of the recovery window; nothing if there is to be none.
    fn window_days(&self) -> Result<Option<u32>, Error> {
        let allowed = limits::RECOVERY_WINDOW_DAYS_MIN..=limits::RECOVERY_WINDOW_DAYS_MAX;
        match (self.window_days, self.force) {
            (Some(_), true) => Err(Error::RecoveryWindowWithForce),
            (None, true) => Ok(None),
            (None, false) => Ok(Some(limits::RECOVERY_WINDOW_DAYS_DEFAULT)),
            (Some(days), false) if allowed.contains(&days) => {
                u32::try_from(days).map(Some).map_err(|_| Error::RecoveryWindow)
            }
            (Some(_), false) => Err(Error::RecoveryWindow),
        }
    }
}

fn refuse(found: &Found, force: bool) -> Result<(), Error> {
    let secret = &found.secret;
    if secret.deletion.is_some() && !force {
        return Err(Error::MarkedForDeletion);
    }
    let arn = found.arn();
    match &secret.role {
        Role::Primary { .. } => {}
        Role::Replica { .. } => return Err(Error::OnReplica),
        Role::CrossAccountReplica(_) => return Err(LinkFlaw::Replica { arn }.into()),
    }
    if let Some(link) = &secret.cross_account_replica {
        return Err(LinkFlaw::Associated { arn, replica: link.other.clone() }.into());
    }
    if !secret.replicas().is_empty() {
        let regions = secret.replicas().to_vec();
        return Err(Error::HasReplicas { arn, regions });
    }
    Ok(())
}

fn schedule(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    found: &Found,
    days: u32,
) -> Result<Timestamp, StoreFault> {
    let scheduled = cx.now.plus_days(days);
    let deletion = Some(Deletion { requested: cx.now, scheduled });
    announce_removal(cx, tx, found.scope, &found.secret, Removal::Started)?;
    let secret = Secret { deletion, ..Secret::clone(&found.secret) };
    if let Some(key) = purge_key(found.scope, &secret) {
        tx.put(key, Record::Index);
    }
    put_secret(tx, found.scope, secret)?;
    Ok(scheduled)
}

/// The ARN of a secret that does not exist.
fn unreal(cx: &Cx<'_>, name: SecretName) -> SecretArn {
    let scope: Scope = cx.scope();
    SecretArn { scope, name, suffix: new_suffix(cx.request_id) }
}
