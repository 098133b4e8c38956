//! ScheduleKeyDeletion: a key stops working now and is gone after a waiting period.
//!
//! AWS: a multi-Region primary with replicas waits for them first; its own period, and with it the
//! date, begins when the last of them is gone.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::KeyArn;
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::model::KeyState;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Due, Key, Record};
use crate::tx::Tx;

#[derive(Debug)]
pub struct ScheduleKeyDeletion {
    pub key: KeyRef,
    pub window: DeletionWindow,
}

/// A waiting period in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionWindow(u32);

impl DeletionWindow {
    /// LIMIT: [`limits::DELETION_WINDOW_DAYS_MIN`] to [`limits::DELETION_WINDOW_DAYS_MAX`].
    pub fn new(days: Option<i64>) -> Result<Self, Error> {
        let bounds = limits::DELETION_WINDOW_DAYS_MIN..=limits::DELETION_WINDOW_DAYS_MAX;
        match days {
            None => Ok(Self(limits::DELETION_WINDOW_DAYS_DEFAULT)),
            Some(days) if bounds.contains(&days) => {
                u32::try_from(days).map(Self).map_err(|_| Error::DeletionWindow)
            }
            Some(_) => Err(Error::DeletionWindow),
        }
    }

    pub const fn days(self) -> u32 {
        self.0
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Scheduled {
    pub key: KeyArn,
    pub state: KeyState,
    pub window: DeletionWindow,
}

impl Operation for ScheduleKeyDeletion {
    const ACTION: &'static str = "kms:ScheduleKeyDeletion";
    type Target = Target;
    type Output = Scheduled;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let days = self.window.days().to_string();
        let facts = [("kms:schedulekeydeletionpendingwindowindays", days)];
        vec![target.demand_with(Self::ACTION, None, facts)]
    }
}

impl Command for ScheduleKeyDeletion {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Scheduled>, Error> {
        let found = target.found()?;
        Rule::Change.check_settled(&found, cx)?;
        let window = op.window;
        let state = if has_replicas(&found) {
            KeyState::PendingReplicaDeletion { window_days: window.days() }
        } else {
            let at = cx.now.plus_days(window.days());
            let due = Due::DeleteKey { id: found.key.id };
            let deadline =
                Key::Deadline { region: found.scope.region, at, account: found.scope.account, due };
            tx.put(deadline, Record::Index);
            KeyState::PendingDeletion { at }
        };
        found.update(tx, |key| key.state = state);
        Ok(Step::Done(Scheduled { key: found.arn(), state, window }))
    }
}

fn has_replicas(found: &Found) -> bool {
    let multi = found.key.multi_region.as_ref();
    multi.is_some_and(|multi| multi.primary == found.scope.region && !multi.replicas.is_empty())
}
