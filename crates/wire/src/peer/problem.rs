//! Failures and key problems in frames: plain data with a kind.

use regent_core::ids::{AliasArn, KeyArn, Scope};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::secrets::model::ReplicaFailure;

use super::Malformed;
use super::proto::{Failure, Problem};

pub fn failure_to_proto(failure: &ReplicaFailure) -> Failure {
    let (kind, problem) = match failure {
        ReplicaFailure::ReplicaKey(problem) => (1, Some(problem)),
        ReplicaFailure::PrimaryKey(problem) => (2, Some(problem)),
        ReplicaFailure::NameTaken => (3, None),
        ReplicaFailure::ReplicatedWithOtherArn => (4, None),
        ReplicaFailure::RegionNotEnabled => (5, None),
        ReplicaFailure::RoleUnusable => (6, None),
    };
    Failure { kind, problem: problem.map(to_proto) }
}

pub fn failure_from_proto(failure: Failure) -> Result<ReplicaFailure, Malformed> {
    Ok(match (failure.kind, failure.problem) {
        (1, Some(problem)) => ReplicaFailure::ReplicaKey(from_proto(problem)?),
        (2, Some(problem)) => ReplicaFailure::PrimaryKey(from_proto(problem)?),
        (3, None) => ReplicaFailure::NameTaken,
        (4, None) => ReplicaFailure::ReplicatedWithOtherArn,
        (5, None) => ReplicaFailure::RegionNotEnabled,
        (6, None) => ReplicaFailure::RoleUnusable,
        _ => return Err(Malformed),
    })
}

fn to_proto(problem: &KeyProblem) -> Problem {
    let of_key = |kind, key: &KeyArn| Problem {
        kind,
        region: key.scope.region.to_string(),
        account: key.scope.account.to_string(),
        name: key.id.to_string(),
        ..Problem::default()
    };
    match problem {
        KeyProblem::Invalid { given } => {
            Problem { kind: 1, text: given.to_string(), ..Problem::default() }
        }
        KeyProblem::Absent { key } => of_key(2, key),
        KeyProblem::AliasAbsent { alias } => Problem {
            kind: 3,
            region: alias.scope.region.to_string(),
            account: alias.scope.account.to_string(),
            name: alias.name.to_string(),
            ..Problem::default()
        },
        KeyProblem::OtherRegion { region } => {
            Problem { kind: 4, text: region.to_string(), ..Problem::default() }
        }
        KeyProblem::Disabled { key } => of_key(5, key),
        KeyProblem::PendingImport { key } => of_key(10, key),
        KeyProblem::Unavailable { key } => of_key(12, key),
        KeyProblem::PendingDeletion { key } => of_key(6, key),
        KeyProblem::PendingReplicaDeletion { key } => of_key(7, key),
        KeyProblem::WrongUsage { key, usage, operation } => {
            Problem { usage: usage.to_string(), operation: operation.to_string(), ..of_key(8, key) }
        }
        KeyProblem::Proxy { problem } => {
            Problem { kind: 11, code: problem.code(), ..Problem::default() }
        }
        KeyProblem::Denied { action, key } => Problem {
            kind: 9,
            text: key.to_string(),
            usage: action.to_string(),
            ..Problem::default()
        },
    }
}

fn from_proto(problem: Problem) -> Result<KeyProblem, Malformed> {
    let scope = || {
        let region = problem.region.parse().map_err(|_| Malformed)?;
        let account = problem.account.parse().map_err(|_| Malformed)?;
        Ok::<_, Malformed>(Scope { region, account })
    };
    let key = || {
        let id = problem.name.parse().map_err(|_| Malformed)?;
        Ok::<_, Malformed>(KeyArn { scope: scope()?, id })
    };
    Ok(match problem.kind {
        1 => KeyProblem::Invalid { given: problem.text.into() },
        2 => KeyProblem::Absent { key: key()? },
        3 => {
            let name = problem.name.parse().map_err(|_| Malformed)?;
            KeyProblem::AliasAbsent { alias: AliasArn { scope: scope()?, name } }
        }
        4 => KeyProblem::OtherRegion { region: problem.text.into() },
        5 => KeyProblem::Disabled { key: key()? },
        6 => KeyProblem::PendingDeletion { key: key()? },
        7 => KeyProblem::PendingReplicaDeletion { key: key()? },
        8 => {
            let key = key()?;
            let (usage, operation) = (problem.usage.into(), problem.operation.into());
            KeyProblem::WrongUsage { key, usage, operation }
        }
        11 => KeyProblem::Proxy { problem: ProxyProblem::of_code(problem.code).ok_or(Malformed)? },
        10 => KeyProblem::PendingImport { key: key()? },
        12 => KeyProblem::Unavailable { key: key()? },
        9 => KeyProblem::Denied { action: problem.usage.into(), key: problem.text.into() },
        _ => return Err(Malformed),
    })
}
