//! ListKeyRotations: the generations of a key's material, oldest first.
//!
//! AWS: those that a rotation made, or all, with the first.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyId, MaterialId};
use crate::keys::error::{Error, RotationProblem};
use crate::keys::model::{Material, Origin};
use crate::keys::page::Page;
use crate::keys::pending;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct ListKeyRotations {
    pub key: KeyRef,
    /// Whether the first material is listed too.
    pub all_material: bool,
    pub limit: usize,
    pub after: Option<MaterialId>,
}

/// A page of the generations of one key.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotations {
    pub key: KeyId,
    pub origin: Origin,
    /// The generation that encrypts.
    pub current: Option<MaterialId>,
    /// The generation that the key is rotated to next.
    pub pending: Option<MaterialId>,
    /// Whether it can be: every related key holds it.
    pub ready: bool,
    pub page: Page<Material>,
}

impl Operation for ListKeyRotations {
    const ACTION: &'static str = "kms:ListKeyRotations";
    type Target = Target;
    type Output = Rotations;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.no_alias(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for ListKeyRotations {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Rotations, Error> {
        let found = target.found()?;
        let key = &*found.key;
        if !key.spec.is_symmetric() {
            return Err(RotationProblem::NotSymmetric.into());
        }
        // A marker of another key stands at no generation: the list is at its end.
        let all: Vec<_> = key.materials.iter().chain(&key.pending).collect();
        let from = op.after.map_or(Some(0), |after| {
            all.iter().position(|material| material.id == after).map(|at| at + 1)
        });
        let rest = from.and_then(|from| all.get(from..)).unwrap_or_default().iter().copied();
        let listed = rest.filter(|material| op.all_material || material.rotated.is_some());
        let items = listed.take(op.limit + 1).cloned().collect();
        Ok(Rotations {
            key: key.id,
            origin: key.origin,
            current: key.materials.last().map(|material| material.id),
            pending: key.pending.as_ref().map(|material| material.id),
            ready: pending::is_ready(key),
            page: Page::cut(items, op.limit),
        })
    }
}
