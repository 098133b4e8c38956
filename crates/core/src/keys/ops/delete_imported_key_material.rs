//! DeleteImportedKeyMaterial: the bytes of imported material go at once; the key waits for them.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::MaterialId;
use crate::keys::error::{Error, ImportProblem};
use crate::keys::import;
use crate::keys::ops::import_key_material::Imported;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Record};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DeleteImportedKeyMaterial {
    pub key: KeyRef,
    /// `None` is the current one.
    pub material: Option<MaterialId>,
}

impl Operation for DeleteImportedKeyMaterial {
    const ACTION: &'static str = "kms:DeleteImportedKeyMaterial";
    type Target = Target;
    /// What was deleted, if there was anything.
    type Output = Imported;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Command for DeleteImportedKeyMaterial {
    /// AWS: in every state of the key.
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Imported>, Error> {
        let found = target.found()?;
        import::check_origin(&found)?;
        let (scope, id) = (found.scope, found.key.id);
        let material = match op.material {
            Some(material) => {
                let known = found.key.materials.iter().chain(&found.key.pending);
                if !known.into_iter().any(|held| held.id == material) {
                    return Err(ImportProblem::NoMaterial { id: material }.into());
                }
                Some(material)
            }
            None => found.key.materials.last().map(|material| material.id),
        };
        if let Some(material) = material {
            let key = import::without(cx, tx, scope, &found.key, material)?;
            tx.put(Key::KmsKey { scope, id }, Record::KmsKey(key.into()));
        }
        let material = material.filter(|_| found.key.spec.is_symmetric());
        Ok(Step::Done(Imported { key: found.arn(), material }))
    }
}
