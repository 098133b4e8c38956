//! AssumeRole: credentials that act as a role until they expire.
//!
//! AWS: the role's trust policy is a gate that names who may assume it, or the account whose identity
//! policies say who. Whoever may not is told the same whether or not there is such a role, and the
//! root of an account may assume none.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand, Denied};
use crate::policy::evaluate::{PrincipalKind, Refusal, ResourceMode};
use crate::ports::{Read, StoreFault};
use crate::roles::{Role, RoleArn, SESSION_S, Session, TemporaryKey};
use crate::time::Timestamp;

#[derive(Debug)]
pub struct AssumeRole {
    pub role: RoleArn,
    pub session: Box<str>,
    pub seconds: Option<i64>,
    pub external_id: Option<Box<str>>,
}

#[derive(Debug)]
pub struct AssumedRole {
    /// The session's unique id and ARN.
    pub id: Arc<str>,
    pub arn: Arc<str>,
    pub key: TemporaryKey,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
    /// The root of an account assumes no role.
    Root,
    /// Longer than the role's sessions may last.
    TooLong,
    /// A session that was assumed from another session, for more than an hour.
    ChainTooLong,
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Operation for AssumeRole {
    const ACTION: &'static str = "sts:AssumeRole";
    type Target = Option<Arc<Role>>;
    type Output = AssumedRole;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, _read: &dyn Read) -> Result<Self::Target, StoreFault> {
        Ok(cx.roles.find(&self.role))
    }

    fn demands(&self, _cx: &Cx<'_>, role: &Self::Target) -> Vec<Demand> {
        let mut demand = Demand::on(Self::ACTION, self.role.to_string(), self.role.account);
        demand.policy = role.as_ref().map(|role| (Arc::clone(&role.trust), ResourceMode::Gate));
        let others = &mut demand.facts.others;
        others.push(("sts:rolesessionname", self.session.to_string()));
        others.extend(self.external_id.iter().map(|id| ("sts:externalid", id.to_string())));
        vec![demand]
    }
}

impl Query for AssumeRole {
    fn run(
        op: Authorized<Self>,
        role: Self::Target,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<AssumedRole, Error> {
        let Some(role) = role else {
            return Err(Error::Denied(Denied {
                principal: Arc::clone(&cx.caller.arn),
                action: Self::ACTION,
                resource: op.role.to_string().into(),
                refusal: Refusal::NoResourceAllow,
            }));
        };
        if cx.caller.kind == PrincipalKind::Root {
            return Err(Error::Root);
        }
        let seconds = op.seconds.unwrap_or(SESSION_S);
        if seconds > role.session_s_max {
            return Err(Error::TooLong);
        }
        if cx.caller.session.is_some() && seconds > SESSION_S {
            return Err(Error::ChainTooLong);
        }
        // Seconds are what the answer shows, so seconds decide.
        let issued_at = Timestamp::from_millis(cx.now.millis().div_euclid(1000) * 1000);
        let expires_at = Timestamp::from_millis(issued_at.millis() + seconds * 1000);
        let AssumeRole { session: name, .. } = op.into_inner();
        let caller = role.session(&name, Some(issued_at));
        let session = Session { role: role.arn.clone(), name, issued_at, expires_at };
        let key = cx.roles.issue(&session, cx.entropy);
        Ok(AssumedRole { id: caller.user_id, arn: caller.arn, key, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cx::Caller;
    use crate::policy::document::Policy;
    use crate::testing::World;

    const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
    const ANN: &str = "arn:aws:iam::111122223333:user/ann";
    const MAY_ASSUME: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/reader"}}"#;

    fn trust(principal: &str, condition: &str) -> String {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {{"AWS": "{principal}"}}, "Condition": {{{condition}}}}}}}"#
        )
    }

    fn world(trust: &str, policies: &[&str]) -> World {
        let mut world = World::new();
        world.roles.add(ROLE, trust, &[]);
        world.caller = Caller {
            arn: ANN.into(),
            kind: PrincipalKind::User,
            policies: policies.iter().map(|text| Policy::parse_identity(text).unwrap()).collect(),
            ..world.caller
        };
        world
    }

    fn assume(role: &str) -> AssumeRole {
        let role = role.parse().unwrap();
        AssumeRole { role, session: "s-1".into(), seconds: None, external_id: None }
    }

    fn is_denied(result: Result<AssumedRole, Error>) -> bool {
        matches!(result, Err(Error::Denied(denied)) if denied.action == "sts:AssumeRole")
    }

    #[test]
    fn a_session_of_a_role_that_trusts_the_caller() {
        let world = world(&trust(ANN, ""), &[]);
        let assumed = world.query(assume(ROLE)).unwrap();
        assert_eq!(&*assumed.arn, "arn:aws:sts::111122223333:assumed-role/reader/s-1");
        assert_eq!(&*assumed.id, "AROAEXAMPLE:s-1");
        assert_eq!(assumed.key.secret.as_str(), "secret of s-1");
        assert_eq!(assumed.expires_at.millis(), world.now.millis() + 3_600_000);
    }

    /// PROMISE R6: who is not trusted, and who may not, assume nothing, and are told nothing.
    #[test]
    fn trust_is_a_gate() {
        let account = "arn:aws:iam::111122223333:root";
        let other = "arn:aws:iam::111122223333:user/bob";
        for (trusted, policies, allowed) in [
            (ANN, &[][..], true),
            (account, &[], false),
            (account, &[MAY_ASSUME], true),
            ("111122223333", &[MAY_ASSUME], true),
            (other, &[MAY_ASSUME], false),
            ("444455556666", &[MAY_ASSUME], false),
        ] {
            let world = world(&trust(trusted, ""), policies);
            let result = world.query(assume(ROLE));
            assert_eq!(result.is_ok(), allowed, "{trusted} {policies:?}");
            assert!(allowed || is_denied(result), "{trusted}");
        }
        let world = world(&trust(ANN, ""), &[MAY_ASSUME]);
        for absent in [
            "arn:aws:iam::111122223333:role/path/reader",
            "arn:aws:iam::444455556666:role/reader",
            "arn:aws-cn:iam::111122223333:role/reader",
        ] {
            assert!(is_denied(world.query(assume(absent))), "{absent}");
        }
    }

    /// AWS: across accounts, both sides must allow.
    #[test]
    fn a_role_of_another_account() {
        const THEIRS: &str = "arn:aws:iam::444455556666:role/reader";
        for (trusted, policies, allowed) in [
            (ANN, &[MAY_ASSUME][..], true),
            (ANN, &[], false),
            ("111122223333", &[MAY_ASSUME], true),
            ("444455556666", &[MAY_ASSUME], false),
        ] {
            let mut world = world(&trust(ANN, ""), policies);
            world.roles.add(THEIRS, &trust(trusted, ""), &[]);
            assert_eq!(world.query(assume(THEIRS)).is_ok(), allowed, "{trusted} {policies:?}");
        }
    }

    #[test]
    fn conditions_of_a_trust_policy() {
        let external = r#""StringEquals": {"sts:ExternalId": "x1"}"#;
        let named = r#""StringLike": {"sts:RoleSessionName": "s-*"}"#;
        for (condition, external_id, session, allowed) in [
            (external, Some("x1"), "s-1", true),
            (external, Some("x2"), "s-1", false),
            (external, None, "s-1", false),
            (named, None, "s-9", true),
            (named, None, "t-9", false),
        ] {
            let world = world(&trust(ANN, condition), &[]);
            let op = AssumeRole {
                session: session.into(),
                external_id: external_id.map(Into::into),
                ..assume(ROLE)
            };
            assert_eq!(world.query(op).is_ok(), allowed, "{condition} {external_id:?} {session}");
        }
    }

    #[test]
    fn how_long_a_session_lasts() {
        let mut world = world(&trust("*", ""), &[MAY_ASSUME]);
        let lasting = |world: &World, seconds| {
            let op = AssumeRole { seconds: Some(seconds), ..assume(ROLE) };
            world.query(op).map(|assumed| assumed.expires_at.millis() - world.now.millis())
        };
        assert_eq!(lasting(&world, 7200), Ok(7_200_000));
        assert_eq!(lasting(&world, 7201), Err(Error::TooLong));
        // AWS: a session that comes of a session has an hour.
        world.caller = world.roles.0[0].session("first", Some(world.now));
        assert_eq!(lasting(&world, 3600), Ok(3_600_000));
        assert_eq!(lasting(&world, 3601), Err(Error::ChainTooLong));
    }

    #[test]
    fn the_root_assumes_nothing() {
        let mut world = World::new();
        world.roles.add(ROLE, &trust("*", ""), &[]);
        assert_eq!(world.query(assume(ROLE)).unwrap_err(), Error::Root);
    }

    /// AWS: policies see a session as itself and as its role, and conditions see the role.
    #[test]
    fn what_a_session_is_for_policies() {
        use crate::policy::authorized::{Demand, permit};
        let mut world = World::new();
        let policy =
            |text: &str| (Arc::new(Policy::parse_resource(text).unwrap()), ResourceMode::Grants);
        let allow = |principal: &str, condition: &str| {
            policy(&format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "secretsmanager:*",
                    "Principal": {{"AWS": "{principal}"}}, "Resource": "*", "Condition": {{{condition}}}}}}}"#
            ))
        };
        world.roles.add(ROLE, &trust("*", ""), &[]);
        let issued = Timestamp::from_millis(world.now.millis() - 60_000);
        world.caller = world.roles.0[0].session("s-1", Some(issued));
        let session = "arn:aws:sts::111122223333:assumed-role/reader/s-1";
        for (principal, condition, allowed) in [
            (session, String::new(), true),
            (ROLE, String::new(), true),
            ("arn:aws:sts::111122223333:assumed-role/reader/s-2", String::new(), false),
            ("111122223333", String::new(), false),
            ("*", format!(r#""ArnEquals": {{"aws:PrincipalArn": "{ROLE}"}}"#), true),
            ("*", format!(r#""ArnEquals": {{"aws:PrincipalArn": "{session}"}}"#), false),
            ("*", r#""StringEquals": {"aws:userid": "AROAEXAMPLE:s-1"}"#.into(), true),
            ("*", r#""StringEquals": {"aws:PrincipalType": "AssumedRole"}"#.into(), true),
            ("*", r#""Null": {"aws:username": "true"}"#.into(), true),
            ("*", r#""DateLessThan": {"aws:TokenIssueTime": "2023-11-14T22:12:21Z"}"#.into(), true),
            (
                "*",
                r#""DateLessThan": {"aws:TokenIssueTime": "2023-11-14T22:12:20Z"}"#.into(),
                false,
            ),
        ] {
            let mut demand = Demand::on(
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:us-east-1:111122223333:secret:a-AAAAAA".into(),
                world.caller.account,
            );
            demand.policy = Some(allow(principal, &condition));
            let permitted = permit(&world.cx(), &world.store, &demand).unwrap();
            assert_eq!(permitted.is_ok(), allowed, "{principal} {condition}");
        }
    }
}
