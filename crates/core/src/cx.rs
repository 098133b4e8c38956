//! What one request brings with it: the time, the caller, the Region, randomness, cryptography.
//!
//! Everything ambient that an operation may use is in [`Cx`]; there is nothing else. The shell
//! makes one for each request, the simulator for each event (promise R10).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::ids::{AccountId, Region, RequestId, Scope};
use crate::keys::proxy::Proxies;
use crate::keys::usage::Uses;
use crate::policy::document::Policy;
use crate::policy::evaluate::PrincipalKind;
use crate::ports::{Crypto, Entropy};
use crate::replication::change::{Answer, Question};
use crate::roles::Roles;
use crate::tags::Tags;
use crate::time::Timestamp;

/// The circumstances of one request in one Region.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    pub now: Timestamp,
    pub region: Region,
    pub caller: &'a Caller,
    pub request_id: RequestId,
    pub origin: &'a Origin,
    pub profile: Profile,
    /// Every Region of the installation, sorted, this one included.
    pub regions: &'a [Region],
    /// Answers of other Regions to the questions that this request asked before.
    pub answers: &'a Answers,
    /// The ARNs of the functions that can be invoked here.
    pub functions: &'a Functions,
    /// The roles that can be assumed.
    pub roles: &'a dyn Roles,
    pub entropy: &'a dyn Entropy,
    pub crypto: &'a dyn Crypto,
    /// What external key store proxies have answered to this request.
    pub proxies: &'a Proxies,
    /// The keys that the request has used, for whoever notes it.
    pub uses: &'a Uses,
    /// What CloudFormation tags besides, in its own name: no request can carry reserved keys.
    pub system_tags: Option<&'a Tags>,
}

impl core::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cx")
            .field("now", &self.now)
            .field("region", &self.region)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl Cx<'_> {
    /// Where the caller's own records live.
    pub fn scope(&self) -> Scope {
        Scope { region: self.region, account: self.caller.account }
    }
}

/// How replica keys, and whatever else AWS accepts and later fails, are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// PROMISE R3: proven before the request is accepted.
    #[default]
    Strict,
    /// AWS: accepted and echoed, failing later with AWS's messages.
    Aws,
}

/// Who makes a request, as established by the signature.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: AccountId,
    /// The principal's ARN, as error texts and policies name it.
    pub arn: Arc<str>,
    /// As GetCallerIdentity shows it.
    pub user_id: Arc<str>,
    pub kind: PrincipalKind,
    /// `aws:username`; users only.
    pub user_name: Option<Arc<str>>,
    /// The identity policies. Empty denies everything, except for the root of the account.
    pub policies: Arc<[Policy]>,
    /// What a session of a role has besides.
    pub session: Option<Arc<RoleSession>>,
}

/// Under which role a session acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's ARN.
    pub role: Box<str>,
    /// `aws:TokenIssueTime`; not known of a session that another Region tells of.
    pub issued_at: Option<Timestamp>,
}

impl Caller {
    /// The role of a session.
    pub fn role_arn(&self) -> Option<&str> {
        self.session.as_deref().map(|session| &*session.role)
    }

    /// The account itself, on whose behalf replication and deadlines act.
    pub fn account_root(account: AccountId, region: Region) -> Self {
        Self {
            account,
            arn: format!("arn:{}:iam::{account}:root", region.partition()).into(),
            user_id: account.as_str().into(),
            kind: PrincipalKind::Root,
            user_name: None,
            policies: Arc::from([]),
            session: None,
        }
    }
}

/// Where a request came from, for conditions and the audit log.
#[derive(Debug, Clone)]
pub struct Origin {
    pub source_ip: IpAddr,
    pub secure_transport: bool,
    pub user_agent: Arc<str>,
}

/// What other Regions answered, by Region and question.
pub type Answers = BTreeMap<(Region, Question), Answer>;

/// Functions that rotate secrets, by ARN.
pub type Functions = BTreeSet<Box<str>>;

/// A question to another Region, which the request has to wait for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    pub region: Region,
    pub question: Question,
}
