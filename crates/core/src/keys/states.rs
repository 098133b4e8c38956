//! What may be done with a key in each of its states: AWS's table of key states, as far as those
//! states exist here.
//!
//! A pure function of the rule and the state. Which rule an operation follows is stated at its one
//! call of [`Rule::check`] or [`Rule::check_settled`].

use crate::cx::Cx;
use crate::keys::access::{Found, check_state};
use crate::keys::error::Error;
use crate::keys::model::KeyState;

/// A row of the table, for all operations that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Cryptography, ReplicateKey, UpdatePrimaryRegion: enabled keys only.
    Use,
    /// ScheduleKeyDeletion, tags, description, and the key that an alias is to point at: not once
    /// deletion is pending.
    Change,
    /// EnableKey, DisableKey: neither then, nor without material.
    Toggle,
    /// CancelKeyDeletion: only while deletion is pending.
    Cancel,
}

impl Rule {
    pub fn check(self, found: &Found) -> Result<(), Error> {
        let pending = matches!(
            found.key.state,
            KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. }
        );
        match self {
            Self::Use => Ok(check_state(found)?),
            Self::Change if pending => Ok(check_state(found)?),
            Self::Toggle if pending || found.key.state == KeyState::PendingImport => {
                Ok(check_state(found)?)
            }
            Self::Change | Self::Toggle => Ok(()),
            Self::Cancel if pending => Ok(()),
            Self::Cancel => Err(Error::NotPendingDeletion { key: found.arn() }),
        }
    }

    /// The same, for what cannot be done either while the key changes places with a related one.
    pub fn check_settled(self, found: &Found, cx: &Cx<'_>) -> Result<(), Error> {
        self.check(found)?;
        if found.key.is_updating(cx.now) {
            return Err(Error::Updating { key: found.arn() });
        }
        Ok(())
    }
}
