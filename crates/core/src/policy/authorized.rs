//! Permission as a value: [`Authorized`] has one constructor, and it evaluates policies.
//!
//! PROMISE R6: nothing runs without it, and missing policies deny. An operation lists what it
//! demands; every demand must be allowed. What a condition may look at is in [`Facts`] and in the
//! request's circumstances; a key that neither carries is absent if [`keys`] knows it, else unknown.

use core::cell::Cell;
use std::borrow::Cow;
use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::AccountId;
use crate::keys::access::Found;
use crate::keys::aliases;
use crate::keys::envelope::EncryptionContext;
use crate::keys::grants::{self, Grants};
use crate::policy::document::Policy;
use crate::policy::evaluate::{
    Context, IdentityDecision, Lookup, Principal, PrincipalKind, Refusal, Request, ResourceMode,
    Untold, cross_account, identity, same_account,
};
use crate::policy::keys;
use crate::ports::{Read, StoreFault};
use crate::tags::Tags;
use crate::time::Timestamp;

/// Proof that `Op` may run. Only [`authorize`] makes one.
#[derive(Debug)]
pub struct Authorized<Op>(Op);

impl<Op> Authorized<Op> {
    /// The operation itself, to take its parts.
    pub fn into_inner(self) -> Op {
        self.0
    }
}

impl<Op> core::ops::Deref for Authorized<Op> {
    type Target = Op;

    fn deref(&self) -> &Op {
        &self.0
    }
}

/// One thing that must be allowed.
#[derive(Debug, Clone)]
pub struct Demand {
    pub action: &'static str,
    /// The ARN asked for, or `*`.
    pub resource: String,
    /// The account that owns the resource.
    pub owner: AccountId,
    /// The resource's own policy, and what it is good for.
    pub policy: Option<(Arc<Policy>, ResourceMode)>,
    /// What may allow it where no policy does.
    pub grants: Grants,
    /// What conditions may look at, besides the request's own circumstances.
    pub facts: Facts,
}

/// What a demand adds to a request's condition keys.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `aws:ResourceTag/<key>`, and the service's own spelling. A KMS key has its own.
    pub resource_tags: Option<Tags>,
    /// `aws:RequestTag/<key>`, and `aws:TagKeys` unless it is among the lists.
    pub request_tags: Option<Tags>,
    /// `kms:ViaService`: the host name of the service that uses a key for the caller.
    pub via_service: Option<String>,
    /// `kms:EncryptionContext:<key>` and `kms:EncryptionContextKeys`.
    pub encryption_context: Option<EncryptionContext>,
    /// The KMS key, if it is one that is there: its attributes, its tags and its aliases are looked up
    /// once a condition asks for them.
    pub key: Option<Found>,
    /// Further single-valued keys by lower-case name.
    pub others: Values,
    /// Further keys with a set of values, by lower-case name.
    pub lists: Vec<(&'static str, Vec<String>)>,
}

/// Values of condition keys by lower-case name. Most are constants.
#[derive(Debug, Clone, Default)]
pub struct Values(Vec<(&'static str, Cow<'static, str>)>);

impl Values {
    pub fn push(&mut self, (name, value): (&'static str, impl Into<Cow<'static, str>>)) {
        self.0.push((name, value.into()));
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }
}

impl<V: Into<Cow<'static, str>>> Extend<(&'static str, V)> for Values {
    fn extend<I: IntoIterator<Item = (&'static str, V)>>(&mut self, values: I) {
        self.0.extend(values.into_iter().map(|(name, value)| (name, value.into())));
    }
}

impl Facts {
    fn tags_of_resource(&self) -> Option<&Tags> {
        self.resource_tags.as_ref().or_else(|| self.key.as_ref().map(|found| &found.key.tags))
    }
}

impl Demand {
    /// A demand on something that has no policy of its own.
    pub fn on(action: &'static str, resource: String, owner: AccountId) -> Self {
        let (grants, facts) = (Grants::None, Facts::default());
        Self { action, resource, owner, policy: None, grants, facts }
    }
}

/// A refusal, with what AWS's text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub principal: Arc<str>,
    pub action: &'static str,
    pub resource: Box<str>,
    pub refusal: Refusal,
}

/// Lets `op` run if the caller may do all that it demands.
pub fn authorize<Op>(
    op: Op,
    cx: &Cx<'_>,
    read: &dyn Read,
    demands: &[Demand],
) -> Result<Result<Authorized<Op>, Denied>, StoreFault> {
    for demand in demands {
        if let Err(denied) = permit(cx, read, demand)? {
            return Ok(Err(denied));
        }
    }
    Ok(Ok(Authorized(op)))
}

/// Decides one demand, for uses that are not operations, such as a key used for a secret.
///
/// AWS: an explicit denial stands against everything; a grant is as good as any policy.
pub fn permit(
    cx: &Cx<'_>,
    read: &dyn Read,
    demand: &Demand,
) -> Result<Result<(), Denied>, StoreFault> {
    let context = RequestContext::new(cx, demand, Some(read));
    let decision = by_policies(cx, demand, &context);
    if context.failed.get() {
        return Err(StoreFault);
    }
    let Err(denied) = decision else { return Ok(Ok(())) };
    let granted = match denied.refusal {
        Refusal::IdentityDeny | Refusal::ResourceDeny => false,
        Refusal::NoIdentityAllow | Refusal::NoResourceAllow => {
            let decided = with_request(cx, &Told::of(demand, &context), |request| {
                identity(cx.caller.policies.iter(), request)
            });
            let delegated = decided == IdentityDecision::Allow;
            let context = demand.facts.encryption_context.as_ref();
            grants::allow(read, &demand.grants, cx.caller, demand.action, context, delegated)?
        }
    };
    Ok(if granted { Ok(()) } else { Err(denied) })
}

/// Decides one demand as if there were no grants. What is stored beside the resource is unknown.
pub fn permit_by_policies(cx: &Cx<'_>, demand: &Demand) -> Result<(), Denied> {
    by_policies(cx, demand, &RequestContext::new(cx, demand, None))
}

fn by_policies(cx: &Cx<'_>, demand: &Demand, context: &RequestContext<'_>) -> Result<(), Denied> {
    let policy = demand.policy.as_ref().map(|(policy, mode)| (policy.as_ref(), *mode));
    let decision = decide(cx, &Told::of(demand, context), demand.owner, policy);
    decision.map_err(|refusal| Denied {
        principal: Arc::clone(&cx.caller.arn),
        action: demand.action,
        resource: demand.resource.as_str().into(),
        refusal,
    })
}

/// Whether the caller may do `action` to whatever `owner` has under this policy, in whatever
/// circumstances: then there is no need to work out a [`Demand`]. `false` decides nothing.
pub fn is_permitted_anyhow(
    cx: &Cx<'_>,
    action: &'static str,
    owner: AccountId,
    policy: Option<(&Policy, ResourceMode)>,
) -> bool {
    decide(cx, &Told { action, resource: None, context: &Untold }, owner, policy).is_ok()
}

/// What policies are told besides the principal.
struct Told<'a> {
    action: &'static str,
    resource: Option<&'a str>,
    context: &'a dyn Context,
}

impl<'a> Told<'a> {
    fn of(demand: &'a Demand, context: &'a dyn Context) -> Self {
        Self { action: demand.action, resource: Some(&demand.resource), context }
    }
}

fn decide(
    cx: &Cx<'_>,
    told: &Told<'_>,
    owner: AccountId,
    policy: Option<(&Policy, ResourceMode)>,
) -> Result<(), Refusal> {
    let policies = || cx.caller.policies.iter();
    let (policy, mode) = policy.map_or((None, ResourceMode::Grants), |(p, m)| (Some(p), m));
    with_request(cx, told, |request| {
        if owner == cx.caller.account {
            same_account(policies(), policy, mode, request)
        } else {
            cross_account(policies(), policy, request)
        }
    })
}

fn with_request<T>(cx: &Cx<'_>, told: &Told<'_>, decide: impl FnOnce(&Request<'_>) -> T) -> T {
    let principal = Principal {
        arn: &cx.caller.arn,
        account: cx.caller.account.as_str(),
        kind: cx.caller.kind,
        role_arn: cx.caller.role_arn(),
    };
    let Told { action, resource, context } = *told;
    decide(&Request { principal: &principal, action, resource, context })
}

/// The condition keys of one demand.
struct RequestContext<'a> {
    cx: &'a Cx<'a>,
    demand: &'a Demand,
    /// For keys whose value is looked up, and only if a policy has a condition on them.
    read: Option<&'a dyn Read>,
    /// Whether the store failed then. The decision is void.
    failed: Cell<bool>,
}

impl Context for RequestContext<'_> {
    fn lookup(&self, key: &str) -> Lookup<'_> {
        let facts = &self.demand.facts;
        if let Some(name) = key.strip_prefix("kms:encryptioncontext:") {
            let found = facts.encryption_context.as_ref().and_then(|context| context.value(name));
            return found.map_or(Lookup::Absent, one);
        }
        if let Some((family, name)) = key.split_once('/') {
            return match family {
                "aws:resourcetag" | "secretsmanager:resourcetag" => {
                    tag(facts.tags_of_resource(), name)
                }
                "aws:requesttag" => tag(facts.request_tags.as_ref(), name),
                _ => self.given(key),
            };
        }
        self.of_request(key).unwrap_or_else(|| self.of_demand(key))
    }
}

impl<'a> RequestContext<'a> {
    const fn new(cx: &'a Cx<'a>, demand: &'a Demand, read: Option<&'a dyn Read>) -> Self {
        Self { cx, demand, read, failed: Cell::new(false) }
    }

    /// The names of the key's aliases.
    fn resource_aliases(&self) -> Lookup<'_> {
        let Some(found) = &self.demand.facts.key else { return Lookup::Absent };
        let Some(read) = self.read else { return Lookup::Unknown };
        let Ok(names) = aliases::of_key(read, found.scope, found.key.id) else {
            self.failed.set(true);
            return Lookup::Unknown;
        };
        let names = names.iter().map(|name| Cow::Owned(name.as_str().to_owned()));
        Lookup::Many(names.collect())
    }

    /// Keys that mean the same for every demand of a request.
    fn of_request(&self, key: &str) -> Option<Lookup<'_>> {
        let caller = self.cx.caller;
        Some(match key {
            // AWS: of a session its role, whatever the session is called.
            "aws:principalarn" => one(caller.role_arn().unwrap_or(&caller.arn)),
            "aws:principalaccount" | "kms:calleraccount" => one(caller.account.as_str()),
            "aws:principaltype" => one(principal_type(caller.kind)),
            "aws:userid" => one(&caller.user_id),
            "aws:username" => caller.user_name.as_deref().map_or(Lookup::Absent, one),
            "aws:tokenissuetime" => {
                match caller.session.as_ref().map(|session| session.issued_at) {
                    None => Lookup::Absent,
                    Some(None) => Lookup::Unknown,
                    Some(Some(at)) => seconds(at),
                }
            }
            "aws:requestedregion" => one(self.cx.region.as_str()),
            "aws:currenttime" | "aws:epochtime" => seconds(self.cx.now),
            "aws:principalisawsservice" => one(boolean(caller.kind == PrincipalKind::Service)),
            "aws:securetransport" => one(boolean(self.cx.origin.secure_transport)),
            "aws:useragent" => one(&self.cx.origin.user_agent),
            _ => return None,
        })
    }

    fn of_demand(&self, key: &str) -> Lookup<'_> {
        let facts = &self.demand.facts;
        let via = facts.via_service.as_deref();
        match key {
            "aws:resourceaccount" => one(self.demand.owner.as_str()),
            // AWS: absent when a service calls on the caller's behalf.
            "aws:sourceip" if via.is_some() => Lookup::Absent,
            "aws:sourceip" => Lookup::One(Cow::Owned(self.cx.origin.source_ip.to_string())),
            "aws:viaawsservice" => one(boolean(via.is_some())),
            "kms:viaservice" => via.map_or(Lookup::Absent, one),
            // AWS: whether a service makes the request for one of its resources.
            "kms:grantisforawsresource" => match self.demand.action {
                "kms:CreateGrant" | "kms:ListGrants" | "kms:RevokeGrant" => {
                    one(boolean(via.is_some()))
                }
                _ => Lookup::Absent,
            },
            "aws:tagkeys" if facts.request_tags.is_some() => {
                many(facts.request_tags.as_ref().map(|tags| tags.keys().map(|key| &**key)))
            }
            "kms:resourcealiases" => self.resource_aliases(),
            "kms:encryptioncontextkeys" => {
                many(facts.encryption_context.as_ref().map(EncryptionContext::keys))
            }
            _ => self.given(key),
        }
    }

    /// What the demand itself says of a key.
    fn given(&self, key: &str) -> Lookup<'_> {
        let Facts { key: found, others, lists, .. } = &self.demand.facts;
        let attribute = found.as_ref().and_then(|found| found.attribute(key));
        if let Some(value) = attribute.or_else(|| others.get(key)) {
            return one(value);
        }
        if let Some((_, values)) = lists.iter().find(|(name, _)| *name == key) {
            return many(Some(values.iter().map(String::as_str)));
        }
        if keys::is_known(key) { Lookup::Absent } else { Lookup::Unknown }
    }
}

/// What a demand has for a condition key, in words.
#[cfg(test)]
pub fn shown(cx: &Cx<'_>, read: &dyn Read, demand: &Demand, key: &str) -> Option<String> {
    match RequestContext::new(cx, demand, Some(read)).lookup(key) {
        Lookup::Unknown => Some("?".to_owned()),
        Lookup::Absent => None,
        Lookup::One(value) => Some(value.into_owned()),
        Lookup::Many(values) if values.is_empty() => None,
        Lookup::Many(values) => Some(format!("[{}]", values.join(" "))),
    }
}

fn seconds(at: Timestamp) -> Lookup<'static> {
    Lookup::One(Cow::Owned((at.millis() / 1000).to_string()))
}

fn one(value: &str) -> Lookup<'_> {
    Lookup::One(Cow::Borrowed(value))
}

fn many<'a>(values: Option<impl Iterator<Item = &'a str>>) -> Lookup<'a> {
    values.map_or(Lookup::Absent, |values| Lookup::Many(values.map(Cow::Borrowed).collect()))
}

fn tag<'a>(tags: Option<&'a Tags>, name: &str) -> Lookup<'a> {
    tags.and_then(|tags| tags.get(name)).map_or(Lookup::Absent, |value| one(value))
}

const fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

const fn principal_type(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Root => "Account",
        PrincipalKind::User => "User",
        PrincipalKind::Role | PrincipalKind::Session => "AssumedRole",
        PrincipalKind::Service => "Service",
    }
}
