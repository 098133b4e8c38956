//! Using a key's own material: the checks that come first, and opening it.
//!
//! AWS checks a key's state, then its usage, then whether the algorithm is one of its spec. Key
//! pairs and HMAC keys have one generation of material, which is the current one.

use crate::cx::Cx;
use crate::keys::access::{Found, check_usage};
use crate::keys::envelope::open_material;
use crate::keys::error::{Error, UseProblem};
use crate::keys::model::{KeySpec, KeyUsage, Material};
use crate::keys::spec::PairSpec;
use crate::keys::states::Rule;
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::plaintext::KeyBytes;
use crate::ports::StoreFault;

/// The key, if it can be used so. `operation` is what uses it.
pub fn usable(target: Target, usage: KeyUsage, operation: KeyOperation) -> Result<Found, Error> {
    let found = target.found()?;
    Rule::Use.check(&found)?;
    check_usage(&found, usage, operation.as_str())?;
    Ok(found)
}

/// Refuses an algorithm, in AWS's spelling, that is none of the key's spec.
pub fn check_algorithm(is_of: bool, algorithm: &'static str, spec: KeySpec) -> Result<(), Error> {
    if is_of { Ok(()) } else { Err(Error::Use(UseProblem::WrongAlgorithm { algorithm, spec })) }
}

/// The kind of pair that the key is. A usage that only pairs have was checked before.
pub fn pair_spec(found: &Found) -> Result<PairSpec, StoreFault> {
    match found.key.spec {
        KeySpec::Pair(pair) => Ok(pair),
        KeySpec::SymmetricDefault | KeySpec::Hmac(_) => Err(StoreFault),
    }
}

/// The private key of a pair, or an HMAC key. Material that does not unwrap is corruption.
pub fn private(cx: &Cx<'_>, found: &Found) -> Result<KeyBytes, StoreFault> {
    let material = current(found)?;
    open_material(&found.arn(), found.key.spec, material, cx.crypto).map_err(|_| StoreFault)
}

/// The public key of a pair.
pub fn public(found: &Found) -> Result<&[u8], StoreFault> {
    current(found)?.public.as_deref().ok_or(StoreFault)
}

fn current(found: &Found) -> Result<&Material, StoreFault> {
    found.key.materials.last().ok_or(StoreFault)
}
