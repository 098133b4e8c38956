//! EnableKeyRotation: a symmetric key gets new material from time to time, by itself.
//!
//! AWS: the period counts from the request. Repeating a request changes nothing; another period
//! counts from now.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::rotation::{self, RotationPeriod};
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct EnableKeyRotation {
    pub key: KeyRef,
    /// As given. `None` is the default, or what the key has already.
    pub period: Option<RotationPeriod>,
}

impl Operation for EnableKeyRotation {
    const ACTION: &'static str = "kms:EnableKeyRotation";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let period = self.period.map(|period| period.days().to_string());
        let period = period.map(|days| ("kms:rotationperiodindays", days));
        vec![target.demand_with(Self::ACTION, None, period)]
    }
}

impl Command for EnableKeyRotation {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        rotation::check(&found, true)?;
        let days = |period: RotationPeriod| period.days();
        let unchanged = found.key.rotation.is_some_and(|rotation| {
            op.period.is_none_or(|period| days(period) == rotation.period_days)
        });
        if !unchanged {
            let period = op.period.unwrap_or(RotationPeriod::DEFAULT);
            rotation::set(cx, tx, &found, Some(period.from(cx.now)))?;
        }
        Ok(Step::Done(()))
    }
}
