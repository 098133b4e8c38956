//! What Regions tell one another: states, acknowledgements and questions.
//!
//! Messages carry a subject's current state, never its history, so that they coalesce and can be
//! lost, repeated and reordered (promise R2). Nothing here is in the clear: values are under their
//! data key, data keys and key material are sealed to the receiving Region (promise R7).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cx::{Caller, RoleSession};
use crate::ids::{AccountId, KeyArn, KeyId, MaterialId, Region, SecretArn};
use crate::ids::{SecretName, SecretSuffix, StageLabel, VersionId};
use crate::keys::model::{Holding, Install, KeySpec, KeyUsage, Origin, Rotation, RotationKind};
use crate::policy::document::Policy;
use crate::policy::evaluate::PrincipalKind;
use crate::ports::TransportKey;
use crate::records::Subject;
use crate::roles::RoleArn;
use crate::secrets::model::{ReplicaFailure, ValueKind};
use crate::secrets::policies::Policies;
use crate::secrets::rotation::Rotation as SecretRotation;
use crate::tags::Tags;
use crate::time::{DAY_MS, Timestamp};

/// The number of a replicated state. Ordered by epoch, then revision.
///
/// The epoch rises when ownership moves, the revision with each change by the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    pub epoch: u64,
    pub revision: u64,
}

impl Stamp {
    pub const FIRST: Self = Self { epoch: 1, revision: 1 };

    /// The next state of the same owner.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { epoch: self.epoch, revision: self.revision + 1 }
    }

    /// The number of "last read on this day": later days have higher ones.
    pub fn of_day(day: Timestamp) -> Self {
        let days = u64::try_from(day.millis() / DAY_MS).unwrap_or_default();
        Self { epoch: Self::FIRST.epoch, revision: days }
    }

    /// The first state of a new owner.
    #[must_use]
    pub const fn next_epoch(self) -> Self {
        Self { epoch: self.epoch + 1, revision: self.revision + 1 }
    }
}

/// One message from a Region to another.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The sender's transport key. `answer` asks for the receiver's in return.
    Hello {
        key: TransportKey,
        answer: bool,
    },
    /// A replicated secret as it is now.
    Secret(Box<SecretState>),
    /// A replica is to be removed.
    SecretRemoved {
        account: AccountId,
        name: SecretName,
        suffix: SecretSuffix,
        at: Stamp,
    },
    /// A replica has become a secret of its own.
    Detached {
        account: AccountId,
        name: SecretName,
        suffix: SecretSuffix,
        at: Stamp,
    },
    /// A multi-Region key as it is now.
    Key(Box<KeyState>),
    /// A replica key is gone for good.
    KeyGone {
        account: AccountId,
        id: KeyId,
        at: Stamp,
    },
    /// A replica was read, on this day for the last time.
    Accessed {
        account: AccountId,
        name: SecretName,
        suffix: SecretSuffix,
        day: Timestamp,
    },
    /// Which material that waits for a rotation a replica key holds.
    PendingHeld {
        account: AccountId,
        id: KeyId,
        holding: Holding,
    },
    /// The answer to each of the above, after it was committed.
    Acknowledged {
        account: AccountId,
        subject: Subject,
        at: Stamp,
        outcome: Outcome,
    },
    /// A question that a request waits for. `id` is the asker's.
    Ask {
        id: u64,
        question: Question,
    },
    Answer {
        id: u64,
        answer: Answer,
    },
}

/// A secret as its primary holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretState {
    /// The ARN in the primary's Region.
    pub arn: SecretArn,
    pub at: Stamp,
    /// Values set up to this state are left out: the receiver has confirmed it.
    pub base: Option<Stamp>,
    /// The replica's key as the caller gave it.
    pub kms_key_id: Option<Box<str>>,
    pub overwrite: bool,
    pub description: Option<Box<str>>,
    pub secret_type: Option<Box<str>>,
    pub tags: Option<Tags>,
    pub policies: Policies,
    pub last_changed: Timestamp,
    pub stages: BTreeMap<StageLabel, VersionId>,
    /// Without what is under way.
    pub rotation: Option<SecretRotation>,
    /// Every version that has a label.
    pub versions: Vec<VersionState>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VersionState {
    pub id: VersionId,
    pub created: Timestamp,
    pub changed: u64,
    /// `None` if the receiver has it.
    pub value: Option<ValueState>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ValueState {
    pub kind: ValueKind,
    /// As in [`crate::secrets::model::SealedValue::sealed`].
    pub sealed: Box<[u8]>,
    /// The data key, sealed to the receiving Region's transport key; associated data as the
    /// value's.
    pub data_key: Box<[u8]>,
}

/// A multi-Region key as its primary holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyState {
    /// The ARN in the sender's Region.
    pub arn: KeyArn,
    pub at: Stamp,
    pub primary: Region,
    pub replicas: BTreeSet<Region>,
    pub spec: KeySpec,
    pub usage: KeyUsage,
    pub origin: Origin,
    /// Every generation, oldest first.
    pub materials: Vec<MaterialState>,
    /// Imported material that waits for a rotation.
    pub pending: Option<MaterialState>,
    /// Whether every related key holds that.
    pub pending_everywhere: bool,
    pub rotation: Option<Rotation>,
    /// What a new replica begins with, until the receiver has confirmed it.
    pub install: Option<Install>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MaterialState {
    pub id: MaterialId,
    pub created: Timestamp,
    pub rotated: Option<RotationKind>,
    /// Sealed to the receiving Region. `None` for imported material, which does not travel: AWS has
    /// it imported in each Region.
    pub sealed: Option<Box<[u8]>>,
    /// The public key of a pair.
    pub public: Option<Box<[u8]>>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The receiver holds this state or a newer one.
    Applied,
    /// The receiver cannot hold it. It keeps what it had.
    Failed(ReplicaFailure),
    /// The receiver misses a value that was left out: send everything.
    Lacking,
    /// An ordinary secret of that name is in the way, or something newer was there; it may be
    /// overwritten from a higher epoch.
    NameTaken { epoch: u64 },
    /// PROMISE R9: the receiver is a secret of its own since `at` and no longer the sender's
    /// replica. As the answer to [`Message::Detached`], which says just that: what the former
    /// primary sent up to `at` was for the replica.
    Fenced { at: Stamp },
}

/// Asked of another Region before a request is accepted there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// PROMISE R3: could you hold a replica of this secret under this key?
    CanHold {
        /// The ARN in the primary's Region.
        arn: SecretArn,
        /// The replica's key as the caller gave it.
        kms_key_id: Option<Box<str>>,
        overwrite: bool,
        /// On whose behalf the key will be used.
        caller: Asker,
    },
    /// Could this replica key be the primary, as far as its Region, its policy and its state go?
    CanBePrimary {
        /// In the Region that is asked.
        key: KeyArn,
        caller: Asker,
    },
    /// A stack in the asker's Region wants a replica of this key there. It is granted once, however
    /// often it is asked: see [`crate::keys::requests`].
    Replicate {
        /// The primary, in the Region that is asked.
        key: KeyArn,
        /// Names this wish of this stack, and no other.
        token: Box<str>,
        install: Box<Install>,
        caller: Asker,
    },
    /// The stack does not want it any more. `Yes` says that it was granted before: the replica is
    /// there or on its way.
    Withdraw { key: KeyArn, token: Box<str>, caller: Asker },
}

impl Question {
    /// On whose behalf it is asked.
    pub const fn caller(&self) -> &Asker {
        match self {
            Self::CanHold { caller, .. }
            | Self::CanBePrimary { caller, .. }
            | Self::Replicate { caller, .. }
            | Self::Withdraw { caller, .. } => caller,
        }
    }

    /// The account whose affair it is.
    pub const fn account(&self) -> AccountId {
        match self {
            Self::CanHold { arn, .. } => arn.scope.account,
            Self::CanBePrimary { key, .. }
            | Self::Replicate { key, .. }
            | Self::Withdraw { key, .. } => key.scope.account,
        }
    }

    /// Whether it is answered from what is there, without a write: see
    /// [`super::probe::answer`].
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::CanHold { .. } | Self::CanBePrimary { .. } => true,
            Self::Replicate { .. } | Self::Withdraw { .. } => false,
        }
    }
}

/// The principal for whom a question is asked, with all that policies may look at.
///
/// AWS: identities and their policies are the same in every Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    pub arn: Box<str>,
    pub user_id: Box<str>,
    pub user_name: Option<Box<str>>,
    /// The texts of the identity policies.
    pub policies: Vec<Box<str>>,
}

impl Asker {
    pub fn of(caller: &Caller) -> Self {
        let texts = caller.policies.iter().filter_map(Policy::text);
        Self {
            arn: caller.arn.as_ref().into(),
            user_id: caller.user_id.as_ref().into(),
            user_name: caller.user_name.as_deref().map(Into::into),
            policies: texts.map(|text| text.as_ref().into()).collect(),
        }
    }

    /// The principal; nothing if its ARN or a policy cannot be read, because then nothing about it
    /// can be decided.
    pub fn caller(&self) -> Option<Caller> {
        let mut fields = self.arn.splitn(6, ':').skip(4);
        let account = fields.next()?.parse().ok()?;
        let resource = fields.next()?;
        let kind = match resource.split_once('/').map_or(resource, |(kind, _)| kind) {
            "root" => PrincipalKind::Root,
            "user" => PrincipalKind::User,
            "role" => PrincipalKind::Role,
            "assumed-role" | "federated-user" => PrincipalKind::Session,
            _ => return None,
        };
        let policies = self.policies.iter().map(|text| Policy::parse_identity(text));
        Some(Caller {
            account,
            arn: self.arn.as_ref().into(),
            user_id: self.user_id.as_ref().into(),
            kind,
            user_name: self.user_name.as_deref().map(Into::into),
            policies: policies.collect::<Result<_, _>>().ok()?,
            session: RoleArn::of_session(&self.arn).map(|role| {
                Arc::new(RoleSession { role: role.to_string().into(), issued_at: None })
            }),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No(ReplicaFailure),
    /// In the words of the service there.
    Refused {
        code: Box<str>,
        text: Box<str>,
    },
    /// The Region gave no answer in time.
    Unreachable,
}
