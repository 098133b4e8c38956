//! The only door to the domain: queries and commands.
//!
//! Each operation names its action, resolves what it is about, and runs only as
//! [`Authorized`], which [`crate::policy::authorized`] alone can make (promise R6). Queries read;
//! commands collect writes in a transaction, or say which other Regions they must hear first.

use crate::cx::{Ask, Cx};
use crate::policy::authorized::{Authorized, Demand, Denied, authorize};
use crate::ports::{Read, StoreFault};
use crate::records::Key;
use crate::tx::Tx;

/// What every operation says of itself.
pub trait Operation: Sized {
    /// The IAM action, such as `secretsmanager:GetSecretValue`.
    const ACTION: &'static str;
    /// What the request names, looked up. Absence is part of it, not an error: nothing may be told
    /// before authorization.
    type Target;
    type Output;
    type Error: From<StoreFault> + From<Denied>;

    /// Looks up what the request names.
    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Self::Target, StoreFault>;

    /// Everything that must be allowed. Never empty, but for operations that AWS never denies.
    fn demands(&self, cx: &Cx<'_>, target: &Self::Target) -> Vec<Demand>;

    /// What the caller is told of a demand that was not allowed.
    fn refusal(_target: &Self::Target, denied: Denied) -> Self::Error {
        denied.into()
    }
}

/// An operation that changes nothing.
pub trait Query: Operation {
    fn run(
        op: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Self::Output, Self::Error>;

    /// What the read should leave behind: see [`Touch`].
    fn touches(_output: &Self::Output) -> Vec<Touch> {
        Vec::new()
    }
}

/// An operation that writes.
pub trait Command: Operation {
    fn run(
        op: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Self::Output>, Self::Error>;
}

/// How far a command came.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Commit the transaction, then answer.
    Done(T),
    /// Discard the transaction, ask, and run again with the answers in [`Cx::answers`].
    Ask(Vec<Ask>),
}

/// A secret value was read for the first time on this day: `LastAccessedDate` is to be written,
/// some time soon, by whoever has the write path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The secret's and the version's records.
    pub secret: Key,
    pub version: Key,
}

/// Authorizes and runs a query.
pub fn query<Op: Query>(op: Op, cx: &Cx<'_>, read: &dyn Read) -> Result<Op::Output, Op::Error> {
    let target = op.target(cx, read)?;
    let demands = op.demands(cx, &target);
    let op = authorize(op, cx, read, &demands)?.map_err(|denied| Op::refusal(&target, denied))?;
    Op::run(op, target, cx, read)
}

/// Authorizes and runs a command. On an error the transaction is to be discarded.
pub fn command<Op: Command>(
    op: Op,
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
) -> Result<Step<Op::Output>, Op::Error> {
    let target = op.target(cx, tx)?;
    let demands = op.demands(cx, &target);
    let op = authorize(op, cx, tx, &demands)?.map_err(|denied| Op::refusal(&target, denied))?;
    Op::run(op, target, cx, tx)
}
