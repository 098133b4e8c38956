//! What a stack asks of whoever knows how to make a resource.
//!
//! A handler works on the step's own transaction: what it does and what the stack notes of it are
//! committed together. It calls the services' operations as [`Cx::caller`], so that each of them is
//! authorized as if the principal had called it (promise R6).

use std::collections::BTreeMap;

use regent_cfn::Value;
use regent_cfn::dynamic::Resolve;

use crate::cx::{Ask, Cx};
use crate::ports::{Read, StoreFault};
use crate::stacks::ids::{LogicalId, StackArn};
use crate::tags::Tags;
use crate::tx::Tx;

/// The types that stacks may have. Templates with others are refused by name.
pub const TYPES: [&str; 6] = [
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::SecretsManager::Secret",
];

/// How the resources of those types are made.
pub trait Handlers {
    fn create(&self, place: &Place<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>>;

    /// Changes what is there from one set of properties to another.
    fn update(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        change: Change<'_>,
    ) -> Handled<()>;

    /// Deletes. What is gone already counts as deleted.
    fn delete(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        was: Option<&Value>,
    ) -> Handled<()>;

    /// Whether what was made or changed is as it should be by now, and what is left to do for it.
    /// What was just made is committed before other Regions are asked for their part.
    fn settle(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        wanted: &Value,
        is_new: bool,
    ) -> Handled<Settled>;

    /// Refuses, in words, to take over what is not there or is of another type.
    fn import(&self, place: &Place<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()>;

    /// Gives the values of dynamic references, as the caller may read them.
    fn resolver<'a>(&'a self, cx: &'a Cx<'a>, read: &'a dyn Read) -> Box<dyn Resolve + 'a>;
}

/// What a handler is told besides the properties.
#[derive(Debug)]
pub struct Place<'a> {
    pub cx: &'a Cx<'a>,
    pub type_name: &'a str,
    pub logical: &'a LogicalId,
    pub stack: &'a StackArn,
    /// The stack's own tags.
    pub tags: &'a Tags,
    /// The generation that the instance is made for: with the stack and the logical id, its name.
    pub made: u32,
    /// Whether the instance has settled before, so that what bears its physical id is the stack's.
    pub has_settled: bool,
}

/// From what to what. The stack's tags of before are part of it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub was: &'a Value,
    pub wanted: &'a Value,
    pub tags_before: &'a Tags,
    /// The resource was not the stack's before.
    pub adopted: bool,
}

/// What came of a handler's work. On anything but `Done` the transaction is discarded.
#[derive(Debug)]
pub enum Done<T> {
    Done(T),
    /// Other Regions have to be asked first.
    Ask(Vec<Ask>),
    /// It has to be tried again when something has happened elsewhere.
    Later,
}

#[derive(Debug)]
pub enum Failure {
    Store(StoreFault),
    /// In the service's words, as AWS's events have them.
    Refused(Box<str>),
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

pub type Handled<T> = Result<Done<T>, Failure>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    Yes,
    NotYet,
    Never(Box<str>),
    /// It was not even made: there is nothing to delete.
    Unmade(Box<str>),
}

/// Tags as properties and a stack together give them: those of the properties win.
pub fn merged(stack: &Tags, own: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Tags {
    let mut all: BTreeMap<_, _> = stack.clone();
    all.extend(own);
    all
}
