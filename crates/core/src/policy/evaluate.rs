//! What policies decide about one request.
//!
//! An explicit deny is looked for in all statements before any allow is. What cannot be known (an
//! unknown condition key, an unknown operator, a value of the wrong type) denies: an `Allow` does
//! not apply, a `Deny` does. Names are compared byte by byte, actions without regard to ASCII case.
//! Nothing here knows where the policies came from or which account owns the resource: the caller
//! chooses [`same_account`] or [`cross_account`]. Promise R6.

use std::borrow::Cow;
use std::fmt;

use super::condition::greatest;
use super::document::{Effect, Kind, Named, Policy, Principals, Selection, Statement};
use super::pattern::Hit;

/// What a request has for a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// No such key is known here. Whatever depends on it denies.
    Unknown,
    /// The key is known, and this request has no value for it.
    Absent,
    One(Cow<'a, str>),
    /// A key with a set of values; the empty set is an absent key.
    Many(Vec<Cow<'a, str>>),
}

/// The circumstances of a request that are not told: whatever depends on them denies.
#[derive(Debug, Clone, Copy)]
pub struct Untold;

impl Context for Untold {
    fn lookup(&self, _key: &str) -> Lookup<'_> {
        Lookup::Unknown
    }
}

/// The condition keys of one request.
pub trait Context {
    /// The values of a key, whose name is in lower case, except after the first `/` and after
    /// `kms:encryptioncontext:`, where it is as the policy has it.
    fn lookup(&self, key: &str) -> Lookup<'_>;
}

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal<'a> {
    /// The ARN of the root user, the user, the role or the session, or a service's name.
    pub arn: &'a str,
    pub account: &'a str,
    pub kind: PrincipalKind,
    /// The role of a role session.
    pub role_arn: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    Root,
    User,
    Role,
    /// Of a role or of a federated user.
    Session,
    /// Has no account and no identity policies.
    Service,
}

/// One action on one resource.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub principal: &'a Principal<'a>,
    /// Such as `secretsmanager:GetSecretValue`.
    pub action: &'a str,
    /// An ARN, without wildcards. Trust policies do not look at it. `None` while it is not told:
    /// then it cannot be known whether a pattern other than `*` matches, and that denies.
    pub resource: Option<&'a str>,
    pub context: &'a dyn Context,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("principal", self.principal)
            .field("action", &self.action)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// What one policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    ExplicitDeny,
    /// Allowed: by an identity policy, or by a resource policy that names the principal itself, its
    /// role, or everyone.
    Allow,
    /// Allowed by a resource policy to the principal's account, whose identity policies decide.
    AllowDelegated,
    Silent,
}

/// What the identity policies of a principal say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityDecision {
    Allow,
    ImplicitDeny,
    ExplicitDeny,
}

/// What a resource policy means within its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceMode {
    /// It can grant, and without it identity policies suffice: secrets.
    Grants,
    /// It must grant, at least to the account: KMS keys, trust policies of roles.
    Gate,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("no identity policy allows it")]
    NoIdentityAllow,
    #[error("an identity policy denies it")]
    IdentityDeny,
    #[error("the resource policy does not allow it")]
    NoResourceAllow,
    #[error("the resource policy denies it")]
    ResourceDeny,
}

/// An answer that may be unknown. A conjunction is the least answer, a disjunction the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    Unsure,
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Truth {
    pub fn of(hit: Hit) -> Self {
        match hit {
            Hit::Yes => Self::True,
            Hit::Unknown => Self::Unsure,
            Hit::Undefined | Hit::No => Self::False,
        }
    }

    /// The negation, except that what has no value is not taken for different.
    pub fn of_negated(hit: Hit) -> Self {
        match hit {
            Hit::Yes => Self::False,
            Hit::Unknown | Hit::Undefined => Self::Unsure,
            Hit::No => Self::True,
        }
    }
}

impl Policy {
    /// What this policy says about a request.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let denies = |s: &Statement| s.effect == Effect::Deny && s.denies(request);
        if self.statements.iter().any(denies) {
            return Decision::ExplicitDeny;
        }
        let mut decision = Decision::Silent;
        for statement in self.statements.iter().filter(|s| s.effect == Effect::Allow) {
            match statement.allows(request) {
                Decision::Allow => return Decision::Allow,
                Decision::AllowDelegated => decision = Decision::AllowDelegated,
                Decision::Silent | Decision::ExplicitDeny => {}
            }
        }
        decision
    }
}

impl Statement {
    /// Whether the statement, which is a `Deny`, applies. Being unsure counts as applying.
    fn denies(&self, request: &Request<'_>) -> bool {
        let concerned = match &self.principals {
            Principals::Attached => true,
            Principals::Named(names) => names.iter().any(|n| n.naming(request.principal).is_some()),
            Principals::AllBut(names) => !exempts(names, request.principal),
        };
        concerned && self.covers(request) != Truth::False
    }

    /// What the statement, which is an `Allow`, gives. Being unsure counts as not applying.
    fn allows(&self, request: &Request<'_>) -> Decision {
        let naming = match &self.principals {
            Principals::Attached => Some(Naming::Direct),
            Principals::Named(names) => {
                names.iter().filter_map(|n| n.naming(request.principal)).max()
            }
            Principals::AllBut(_) => None,
        };
        match naming {
            Some(naming) if self.covers(request) == Truth::True => match naming {
                Naming::Direct => Decision::Allow,
                Naming::ByAccount => Decision::AllowDelegated,
            },
            _ => Decision::Silent,
        }
    }

    /// Whether action, resource and conditions match.
    fn covers(&self, request: &Request<'_>) -> Truth {
        let mut truth = self.actions.selects(Some(request.action), request);
        if let (Some(resources), false) = (&self.resources, truth == Truth::False) {
            truth = truth.min(resources.selects(request.resource, request));
        }
        for clause in &self.conditions {
            if truth == Truth::False {
                break;
            }
            truth = truth.min(clause.holds(request.context));
        }
        truth
    }
}

impl Selection {
    fn selects(&self, text: Option<&str>, request: &Request<'_>) -> Truth {
        let hit = greatest(&self.patterns, |pattern| match text {
            Some(text) => pattern.matches(text, request.context),
            None if pattern.is_any() => Hit::Yes,
            None => Hit::Unknown,
        });
        if self.negated { Truth::of_negated(hit) } else { Truth::of(hit) }
    }
}

/// How an entry names a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    ByAccount,
    Direct,
}

impl Named {
    fn naming(&self, principal: &Principal<'_>) -> Option<Naming> {
        use PrincipalKind::{Role, Root, Service, Session, User};
        let direct = match self {
            Self::Everyone => true,
            Self::Account(account) if account.as_str() == principal.account => {
                match principal.kind {
                    Root => true,
                    User | Role | Session => return Some(Naming::ByAccount),
                    Service => false,
                }
            }
            Self::Arn(arn) => match principal.kind {
                Root | User | Role => **arn == *principal.arn,
                Session => **arn == *principal.arn || Some(&**arn) == principal.role_arn,
                Service => false,
            },
            Self::Service(name) => principal.kind == Service && **name == *principal.arn,
            Self::Account(_) | Self::Federated | Self::Deleted => false,
        };
        direct.then_some(Naming::Direct)
    }
}

/// Whether a `NotPrincipal` element leaves the principal out of its denial.
///
/// AWS: each of its names must be listed: itself, for a session its role, and its account.
fn exempts(names: &[Named], principal: &Principal<'_>) -> bool {
    let lists = |arn: &str| names.iter().any(|n| matches!(n, Named::Arn(a) if **a == *arn));
    let lists_account =
        || names.iter().any(|n| matches!(n, Named::Account(a) if a.as_str() == principal.account));
    match principal.kind {
        PrincipalKind::Root => lists_account(),
        PrincipalKind::User | PrincipalKind::Role | PrincipalKind::Session => {
            lists(principal.arn) && principal.role_arn.is_none_or(lists) && lists_account()
        }
        PrincipalKind::Service => names.iter().any(|n| n.naming(principal) == Some(Naming::Direct)),
    }
}

/// What the identity policies of the request's principal say.
///
/// AWS: the root user of an account needs none. A policy of another kind can only deny here.
pub fn identity<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    request: &Request<'_>,
) -> IdentityDecision {
    let mut allowed = request.principal.kind == PrincipalKind::Root;
    for policy in policies {
        match policy.decide(request) {
            Decision::ExplicitDeny => return IdentityDecision::ExplicitDeny,
            Decision::Allow => allowed |= policy.kind == Kind::Identity,
            Decision::AllowDelegated | Decision::Silent => {}
        }
    }
    if allowed { IdentityDecision::Allow } else { IdentityDecision::ImplicitDeny }
}

/// What a resource policy says. One of an identity can only deny here.
fn resource_decision(policy: Option<&Policy>, request: &Request<'_>) -> Decision {
    match policy.map(|policy| (policy.kind, policy.decide(request))) {
        Some((_, Decision::ExplicitDeny)) => Decision::ExplicitDeny,
        Some((Kind::Identity, _)) | None => Decision::Silent,
        Some((Kind::Resource | Kind::Trust, decision)) => decision,
    }
}

/// Decides a request on a resource of the principal's own account, or by a service.
pub fn same_account<'p>(
    identity_policies: impl IntoIterator<Item = &'p Policy>,
    resource_policy: Option<&Policy>,
    mode: ResourceMode,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    use Decision::{Allow, AllowDelegated, ExplicitDeny, Silent};
    let identity = identity(identity_policies, request);
    match (identity, resource_decision(resource_policy, request), mode) {
        (IdentityDecision::ExplicitDeny, _, _) => Err(Refusal::IdentityDeny),
        (_, ExplicitDeny, _) => Err(Refusal::ResourceDeny),
        (_, Silent, ResourceMode::Gate) => Err(Refusal::NoResourceAllow),
        (_, Allow, _) | (IdentityDecision::Allow, AllowDelegated | Silent, _) => Ok(()),
        (IdentityDecision::ImplicitDeny, AllowDelegated | Silent, _) => {
            Err(Refusal::NoIdentityAllow)
        }
    }
}

/// Decides a request on a resource of another account: both accounts must allow it.
pub fn cross_account<'p>(
    identity_policies: impl IntoIterator<Item = &'p Policy>,
    resource_policy: Option<&Policy>,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    let identity = identity(identity_policies, request);
    match (identity, resource_decision(resource_policy, request)) {
        (IdentityDecision::ExplicitDeny, _) => Err(Refusal::IdentityDeny),
        (_, Decision::ExplicitDeny) => Err(Refusal::ResourceDeny),
        (_, Decision::Silent) => Err(Refusal::NoResourceAllow),
        (IdentityDecision::ImplicitDeny, _) => Err(Refusal::NoIdentityAllow),
        (IdentityDecision::Allow, Decision::Allow | Decision::AllowDelegated) => Ok(()),
    }
}
