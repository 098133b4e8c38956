//! What a grant is: who may do what to one key, and under which encryption context.
//!
//! Pure values and their comparisons. Which grants a key has, and when they are asked, is
//! [`crate::keys::grants`]'s business. Grants belong to one Region and are never replicated.

use std::collections::BTreeSet;

use crate::ids::{AccountId, GrantId, GrantName, KeyArn, KeyId, PrincipalArn};
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::model::{KeySpec, KeyUsage};
use crate::limits;
use crate::time::Timestamp;

/// A grant on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    /// The account of the principal that made it, which may retire it.
    pub issuer: AccountId,
    pub created: Timestamp,
    pub name: Option<GrantName>,
    pub grantee: PrincipalArn,
    pub retiring: Option<PrincipalArn>,
    pub terms: Terms,
}

/// What a grant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub operations: BTreeSet<GrantOperation>,
    pub constraint: Option<Constraint>,
}

/// A limit on the encryption context of the requests that a grant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    Equals(EncryptionContext),
    Subset(EncryptionContext),
}

/// AWS: an opaque text that names one grant, for use before the grant is known everywhere. Here a
/// grant is known at once, and a token only says that it must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantToken {
    pub key: KeyArn,
    pub grant: GrantId,
}

/// Declares AWS's grant operations, which are also the names of their actions.
macro_rules! operations {
    ($($name:ident),* $(,)?) => {
        /// AWS: GrantOperation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum GrantOperation {
            $($name),*
        }

        impl GrantOperation {
            /// Every one, by AWS's spelling.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }

            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

operations! {
    Decrypt,
    Encrypt,
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    ReEncryptFrom,
    ReEncryptTo,
    Sign,
    Verify,
    GetPublicKey,
    CreateGrant,
    RetireGrant,
    DescribeKey,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    GenerateMac,
    VerifyMac,
    DeriveSharedSecret,
    Encapsulate,
    Decapsulate,
}

impl GrantOperation {
    /// The operation that an action such as `kms:Decrypt` is, if grants can allow it.
    pub fn of_action(action: &str) -> Option<Self> {
        action.strip_prefix("kms:").and_then(Self::named)
    }

    /// Whether keys of this kind have the operation.
    pub const fn suits(self, spec: KeySpec, usage: KeyUsage) -> bool {
        match self {
            Self::CreateGrant | Self::RetireGrant | Self::DescribeKey => true,
            Self::GenerateDataKey
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext => spec.is_symmetric(),
            Self::Decrypt | Self::Encrypt | Self::ReEncryptFrom | Self::ReEncryptTo => {
                matches!(usage, KeyUsage::EncryptDecrypt)
            }
            Self::Sign | Self::Verify => matches!(usage, KeyUsage::SignVerify),
            Self::GetPublicKey => matches!(spec, KeySpec::Pair(_)),
            Self::GenerateMac | Self::VerifyMac => matches!(usage, KeyUsage::GenerateVerifyMac),
            Self::DeriveSharedSecret => matches!(usage, KeyUsage::KeyAgreement),
            Self::Encapsulate | Self::Decapsulate => {
                matches!(usage, KeyUsage::EncapsulateDecapsulate)
            }
        }
    }

    /// Whether requests of this operation have an encryption context. The others are free of a
    /// grant's constraint.
    const fn has_context(self) -> bool {
        !matches!(self, Self::CreateGrant | Self::RetireGrant | Self::DescribeKey)
    }
}

impl Constraint {
    /// AWS: the name that `kms:GrantConstraintType` compares with.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Equals(_) => "EncryptionContextEquals",
            Self::Subset(_) => "EncryptionContextSubset",
        }
    }

    pub const fn context(&self) -> &EncryptionContext {
        match self {
            Self::Equals(context) | Self::Subset(context) => context,
        }
    }

    /// LIMIT: [`limits::GRANT_CONTEXT_PAIRS_MAX`] and [`limits::GRANT_CONTEXT_LEN_MAX`].
    pub fn check(&self) -> Result<(), Error> {
        let context = self.context();
        let bounded = context.len() <= limits::GRANT_CONTEXT_PAIRS_MAX
            && context.chars() <= limits::GRANT_CONTEXT_LEN_MAX;
        if bounded { Ok(()) } else { Err(GrantProblem::ConstraintTooLong.into()) }
    }

    fn admits(&self, given: &EncryptionContext) -> bool {
        match self {
            Self::Equals(context) => given == context,
            Self::Subset(context) => given.includes(context),
        }
    }

    /// Whether everything that `self` admits is admitted by `wider` too.
    fn is_within(&self, wider: &Self) -> bool {
        match (self, wider) {
            (Self::Equals(own), wider) => wider.admits(own),
            (Self::Subset(own), Self::Subset(context)) => own.includes(context),
            (Self::Subset(_), Self::Equals(_)) => false,
        }
    }
}

impl Terms {
    /// Whether a request is allowed. An operation without a context is as one with an empty one.
    pub fn allow(&self, operation: GrantOperation, given: Option<&EncryptionContext>) -> bool {
        let constraint = self.constraint.as_ref().filter(|_| operation.has_context());
        self.operations.contains(&operation)
            && constraint.is_none_or(|constraint| match given {
                Some(given) => constraint.admits(given),
                None => constraint.admits(&EncryptionContext::default()),
            })
    }

    /// Whether these terms allow nothing that `wider` does not.
    ///
    /// AWS: what may be granted by somebody whose own permission comes from a grant.
    pub fn are_within(&self, wider: &Self) -> bool {
        self.operations.is_subset(&wider.operations)
            && wider.constraint.as_ref().is_none_or(|wider| {
                self.constraint.as_ref().is_some_and(|own| own.is_within(wider))
            })
    }
}

impl Grant {
    /// Whether a second CreateGrant with the same name means this grant.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let parts = |grant: &Self| {
            (grant.issuer, grant.name.clone(), grant.grantee.clone(), grant.retiring.clone())
        };
        parts(self) == parts(other) && self.terms == other.terms
    }
}

/// A grant, and the key that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOnKey {
    pub grant: std::sync::Arc<Grant>,
    pub key: KeyArn,
}

/// The place of a grant among all grants of a Region, to go on from.
pub type GrantPlace = (AccountId, KeyId, GrantId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::spec::{Curve, HmacHash, MlKem, PairSpec, RsaSize};
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    const OPERATIONS: [GrantOperation; 5] = [
        GrantOperation::Decrypt,
        GrantOperation::Encrypt,
        GrantOperation::ReEncryptTo,
        GrantOperation::CreateGrant,
        GrantOperation::DescribeKey,
    ];

    fn context() -> impl Strategy<Value = EncryptionContext> {
        prop::collection::btree_map("[ab]", "[ab]", 0..3).prop_map(|pairs| {
            EncryptionContext::new(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
        })
    }

    fn context_of(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
    }

    fn terms() -> impl Strategy<Value = Terms> {
        let constraint = prop_oneof![
            context().prop_map(Constraint::Equals),
            context().prop_map(Constraint::Subset),
        ];
        (subsequence(&OPERATIONS, 1..=5), prop::option::of(constraint)).prop_map(
            |(operations, constraint)| Terms {
                operations: operations.into_iter().collect(),
                constraint,
            },
        )
    }

    proptest! {
        /// What comes of a grant by way of another one can do no more than that one.
        #[test]
        fn narrower_terms_allow_nothing_more(
            own in terms(),
            wider in terms(),
            operation in prop::sample::select(&OPERATIONS[..]),
            given in prop::option::of(context()),
        ) {
            if own.are_within(&wider) && own.allow(operation, given.as_ref()) {
                prop_assert!(wider.allow(operation, given.as_ref()));
            }
            prop_assert!(own.are_within(&own));
        }
    }

    #[test]
    fn names_lead_back() {
        for name in GrantOperation::NAMES {
            assert_eq!(GrantOperation::named(name).unwrap().as_str(), *name);
        }
        assert_eq!(GrantOperation::of_action("kms:Decrypt"), Some(GrantOperation::Decrypt));
        for other in ["kms:ScheduleKeyDeletion", "Decrypt", "secretsmanager:Decrypt"] {
            assert_eq!(GrantOperation::of_action(other), None);
        }
    }

    /// AWS: what keys of each kind can be granted.
    #[test]
    fn operations_of_each_kind_of_key() {
        let (rsa, p256) = (PairSpec::Rsa(RsaSize::Bits2048), PairSpec::Ecc(Curve::P256));
        let hmac = KeySpec::Hmac(HmacHash::Sha256);
        let cases = [
            (
                (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
                "Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom \
                 ReEncryptTo GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext",
            ),
            (
                (KeySpec::Pair(rsa), KeyUsage::EncryptDecrypt),
                "Decrypt Encrypt ReEncryptFrom ReEncryptTo GetPublicKey",
            ),
            ((KeySpec::Pair(rsa), KeyUsage::SignVerify), "Sign Verify GetPublicKey"),
            ((KeySpec::Pair(p256), KeyUsage::SignVerify), "Sign Verify GetPublicKey"),
            ((KeySpec::Pair(p256), KeyUsage::KeyAgreement), "GetPublicKey DeriveSharedSecret"),
            (
                (KeySpec::Pair(PairSpec::MlKem(MlKem::MlKem768)), KeyUsage::EncapsulateDecapsulate),
                "GetPublicKey Encapsulate Decapsulate",
            ),
            ((hmac, KeyUsage::GenerateVerifyMac), "GenerateMac VerifyMac"),
        ];
        let of_all = ["CreateGrant", "RetireGrant", "DescribeKey"];
        for ((spec, usage), expected) in cases {
            let suits = |name: &&&str| GrantOperation::named(name).unwrap().suits(spec, usage);
            let (every, own): (Vec<&str>, Vec<&str>) =
                GrantOperation::NAMES.iter().filter(suits).partition(|name| of_all.contains(name));
            assert_eq!((every.as_slice(), &*own.join(" ")), (&of_all[..], expected), "{usage:?}");
        }
    }

    /// The constraint of a grant, that of a wider one, and whether the one is within the other.
    #[test]
    fn constraints_within_constraints() {
        let (a, ab) = (context_of(&[("a", "1")]), context_of(&[("a", "1"), ("b", "2")]));
        let equals = |c: &EncryptionContext| Some(Constraint::Equals(c.clone()));
        let subset = |c: &EncryptionContext| Some(Constraint::Subset(c.clone()));
        let cases = [
            (None, None, true),
            (subset(&a), None, true),
            (None, subset(&a), false),
            (subset(&a), subset(&a), true),
            (subset(&ab), subset(&a), true),
            (subset(&a), subset(&ab), false),
            (equals(&ab), subset(&a), true),
            (equals(&a), subset(&ab), false),
            (equals(&a), equals(&a), true),
            (equals(&ab), equals(&a), false),
            (subset(&a), equals(&a), false),
        ];
        for (own, wider, within) in cases {
            let terms = |constraint| Terms { operations: OPERATIONS.into(), constraint };
            let (own, wider) = (terms(own), terms(wider));
            assert_eq!(own.are_within(&wider), within, "{own:?} {wider:?}");
        }
    }

    /// Constraint, the request's context, whether they go together.
    #[test]
    fn constraints() {
        let (none, a, ab) =
            (context_of(&[]), context_of(&[("a", "1")]), context_of(&[("a", "1"), ("b", "2")]));
        let equals = |c: &EncryptionContext| Some(Constraint::Equals(c.clone()));
        let subset = |c: &EncryptionContext| Some(Constraint::Subset(c.clone()));
        let cases = [
            (None, Some(&ab), true),
            (None, None, true),
            (equals(&a), Some(&a), true),
            (equals(&a), Some(&ab), false),
            (equals(&a), Some(&none), false),
            (equals(&a), None, false),
            (subset(&a), Some(&ab), true),
            (subset(&ab), Some(&a), false),
            (subset(&a), Some(&context_of(&[("a", "2")])), false),
        ];
        for (constraint, given, allowed) in cases {
            let operations = [GrantOperation::Decrypt, GrantOperation::DescribeKey].into();
            let terms = Terms { operations, constraint };
            assert_eq!(terms.allow(GrantOperation::Decrypt, given), allowed, "{terms:?} {given:?}");
            assert!(terms.allow(GrantOperation::DescribeKey, None));
            assert!(!terms.allow(GrantOperation::Encrypt, given));
        }
    }
}
