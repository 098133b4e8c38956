//! ImportKeyMaterial: gives a key of origin EXTERNAL its material, or a symmetric one its next.
//!
//! AWS: what a key was given once is what it takes from then on, so that its ciphertexts and
//! signatures stay its own. A symmetric key may be given further material, which waits until the
//! key is rotated to it. Of related keys the primary is given it first, and then each replica.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::access::Found;
use crate::keys::envelope::store_material;
use crate::keys::error::{Error, ImportProblem};
use crate::keys::import::{self, Accepted, ImportToken};
use crate::keys::model::{Import, KeyState, KmsKey, Material};
use crate::keys::pending;
use crate::keys::target::{KeyRef, Target};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::time::Timestamp;
use crate::tx::Tx;

#[derive(Debug)]
pub struct ImportKeyMaterial {
    pub key: KeyRef,
    pub token: Box<[u8]>,
    /// Under the wrapping key of the token.
    pub wrapped: Box<[u8]>,
    /// When the material expires; `None` is never.
    pub expires: Option<Timestamp>,
    pub kind: Option<ImportType>,
    /// `None` keeps what an earlier import of the same material said.
    pub description: Option<Box<str>>,
    /// The material that it must be.
    pub material: Option<MaterialId>,
}

/// AWS: ImportType.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportType {
    New,
    Existing,
}

#[derive(Debug)]
pub struct Imported {
    pub key: KeyArn,
    /// AWS: only symmetric keys name their material.
    pub material: Option<MaterialId>,
}

impl Operation for ImportKeyMaterial {
    const ACTION: &'static str = "kms:ImportKeyMaterial";
    type Target = Target;
    type Output = Imported;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let model = ("kms:expirationmodel", model_name(self.expires).to_owned());
        let valid_to = self.expires.map(|at| ("kms:validto", (at.millis() / 1000).to_string()));
        vec![target.demand_with(Self::ACTION, None, [model].into_iter().chain(valid_to))]
    }
}

/// AWS: ExpirationModel.
pub const fn model_name(expires: Option<Timestamp>) -> &'static str {
    match expires {
        Some(_) => "KEY_MATERIAL_EXPIRES",
        None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

impl Command for ImportKeyMaterial {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Imported>, Error> {
        let found = target.found()?;
        import::check(&found)?;
        op.check(cx, &found)?;
        let given = op.material(cx, &found)?;
        let place = op.place(&found, given.id)?;
        let before = match place {
            Place::First | Place::Next => None,
            Place::Held(at) => found.key.materials.get(at),
            Place::Pending => found.key.pending.as_ref(),
        };
        let described = before.and_then(|held| held.import.as_ref()?.description.clone());
        let description = op.description.clone().or(described);
        let import = Some(Import { expires: op.expires, description });
        let (created, rotated) = before.map_or((cx.now, None), |held| (held.created, held.rotated));
        let material = Material { created, rotated, import, ..given };
        import::schedule(
            tx,
            found.scope,
            found.key.id,
            before.unwrap_or(&unheld(&material)),
            &material,
        );
        let symmetric = found.key.spec.is_symmetric().then_some(material.id);
        let mut key = KmsKey::clone(&found.key);
        match place {
            Place::First => key.materials.push(material),
            Place::Next | Place::Pending => key.pending = Some(material),
            Place::Held(at) => key.materials.iter_mut().skip(at).take(1).for_each(|held| {
                held.clone_from(&material);
            }),
        }
        if key.state == KeyState::PendingImport && !key.lacks_material() {
            key.state = KeyState::Enabled;
        }
        pending::changed(cx, tx, found.scope, &found.key, &mut key)?;
        found.put(tx, key);
        Ok(Step::Done(Imported { key: found.arn(), material: symmetric }))
    }
}

/// The same material before anybody imported it.
fn unheld(material: &Material) -> Material {
    Material { import: None, ..material.clone() }
}

/// Where material belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The key has none yet.
    First,
    /// Behind the present one, until the key is rotated.
    Next,
    /// The key has had it already, at this position.
    Held(usize),
    /// It waits already.
    Pending,
}

impl ImportKeyMaterial {
    /// LIMIT: [`limits::IMPORT_VALID_DAYS_MAX`].
    fn check(&self, cx: &Cx<'_>, found: &Found) -> Result<(), ImportProblem> {
        let latest = cx.now.plus_days(limits::IMPORT_VALID_DAYS_MAX);
        if self.expires.is_some_and(|at| at <= cx.now || at > latest) {
            return Err(ImportProblem::ValidTo);
        }
        let optional = self.kind.is_some() || self.description.is_some() || self.material.is_some();
        if optional && !found.key.spec.is_symmetric() {
            return Err(ImportProblem::NotSymmetric);
        }
        if self.material.is_some() && self.kind == Some(ImportType::New) {
            return Err(ImportProblem::IdOfNew);
        }
        Ok(())
    }

    /// The material, unwrapped and stored anew.
    fn material(&self, cx: &Cx<'_>, found: &Found) -> Result<Material, Error> {
        let (arn, spec) = (found.arn(), found.key.spec);
        let token = ImportToken::open(cx, &arn, &self.token)?;
        if token.valid_to <= cx.now {
            return Err(ImportProblem::TokenExpired.into());
        }
        let bytes = token.unwrap(cx, &self.wrapped).map_err(|_| Error::InvalidCiphertext)?;
        let Accepted { bytes, public } =
            import::accept(cx, spec, bytes).map_err(|_| ImportProblem::Material)?;
        let stored = store_material(&arn, spec, &bytes, cx.now, cx.crypto, cx.entropy);
        if self.material.is_some_and(|id| id != stored.id) {
            return Err(ImportProblem::Material.into());
        }
        Ok(Material { public, ..stored })
    }

    fn place(&self, found: &Found, id: MaterialId) -> Result<Place, Error> {
        let key = &found.key;
        let replica =
            key.multi_region.is_some() && !key.is_multi_region_primary(found.scope.region);
        if replica && self.kind == Some(ImportType::New) {
            return Err(Error::NotMultiRegionPrimary { key: found.arn() });
        }
        let first = key.materials.is_empty();
        let kind = self.kind.unwrap_or(if first { ImportType::New } else { ImportType::Existing });
        let held = key.materials.iter().position(|held| held.id == id);
        let pending = key.pending.as_ref();
        match (kind, held) {
            (ImportType::Existing, Some(at)) => Ok(Place::Held(at)),
            (ImportType::Existing, None) if pending.is_some_and(|held| held.id == id) => {
                Ok(Place::Pending)
            }
            (ImportType::Existing, None) | (ImportType::New, Some(_)) => {
                Err(ImportProblem::Material.into())
            }
            (ImportType::New, None) if first => Ok(Place::First),
            (ImportType::New, None) => match pending {
                Some(pending) => Err(ImportProblem::OtherPending {
                    key: found.arn(),
                    given: id.into(),
                    pending: pending.id.into(),
                }
                .into()),
                None => Ok(Place::Next),
            },
        }
    }
}
