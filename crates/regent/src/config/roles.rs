//! The roles of the configuration file: who may assume each, and what its sessions may do.

use std::sync::Arc;

use regent_core::ids::{AccountId, Region};
use regent_core::policy::document::{Policy, PolicySyntax};
use regent_core::roles::{Role, RoleArn, SESSION_S, SESSION_S_MAX, is_role_name};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::credentials::unique_id;

/// LIMIT: seconds. AWS: a role's maximum is at least an hour (model, roleMaxSessionDurationType).
const SESSION_S_MAX_MIN: i64 = 3600;

/// What is wrong with an entry of `roles`.
#[derive(Debug, thiserror::Error)]
pub enum RoleProblem {
    #[error("name must be 1 to 64 letters, digits or any of _+=,.@-")]
    Name,
    #[error("name is given twice in its account")]
    Duplicate,
    #[error("account must be 12 digits")]
    Account,
    #[error("max_session_duration must be {SESSION_S_MAX_MIN} to {SESSION_S_MAX} seconds")]
    Duration,
    #[error("trust: {0}")]
    Trust(PolicySyntax),
    #[error("policies[{index}]: {problem}")]
    Policy { index: usize, problem: PolicySyntax },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<'f> {
    name: String,
    account: Option<String>,
    /// Kept as text, so that the policy parser sees a member that is given twice.
    #[serde(borrow)]
    trust: &'f RawValue,
    #[serde(default, borrow)]
    policies: Vec<&'f RawValue>,
    max_session_duration: Option<i64>,
}

pub fn roles(
    entries: Vec<Entry<'_>>,
    account: AccountId,
    home: Region,
) -> Result<Vec<Role>, (usize, RoleProblem)> {
    let mut roles: Vec<Role> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let role = role(entry, account, home).map_err(|problem| (index, problem))?;
        if roles.iter().any(|earlier| earlier.arn == role.arn) {
            return Err((index, RoleProblem::Duplicate));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn role(entry: Entry<'_>, account: AccountId, home: Region) -> Result<Role, RoleProblem> {
    if !is_role_name(&entry.name) {
        return Err(RoleProblem::Name);
    }
    let account = match entry.account {
        Some(text) => text.parse().map_err(|_| RoleProblem::Account)?,
        None => account,
    };
    let session_s_max = entry.max_session_duration.unwrap_or(SESSION_S);
    if !(SESSION_S_MAX_MIN..=SESSION_S_MAX).contains(&session_s_max) {
        return Err(RoleProblem::Duration);
    }
    let trust = Policy::parse_trust(entry.trust.get()).map_err(RoleProblem::Trust)?;
    let parse = |(index, text): (usize, &&RawValue)| {
        Policy::parse_identity(text.get()).map_err(|problem| RoleProblem::Policy { index, problem })
    };
    let policies = entry.policies.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    let arn = RoleArn { partition: home.partition().into(), account, name: entry.name.into() };
    let id = unique_id("AROA", &arn.to_string()).into();
    Ok(Role { arn, id, trust: Arc::new(trust), policies, session_s_max })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUST: &str = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "*"}}}"#;

    fn parse(entries: &str) -> Result<Vec<Role>, String> {
        let entries = serde_json::from_str(entries).unwrap();
        let (account, home) = ("123456789012".parse().unwrap(), "us-gov-west-1".parse().unwrap());
        roles(entries, account, home).map_err(|(index, problem)| format!("{index}: {problem}"))
    }

    #[test]
    fn a_role() {
        let text = format!(
            r#"[{{"name": "r", "trust": {TRUST}}},
                {{"name": "r", "account": "000000000001", "trust": {TRUST}, "max_session_duration": 7200,
                  "policies": [{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}]}}]"#
        );
        let roles = parse(&text).unwrap();
        assert_eq!(roles[0].arn.to_string(), "arn:aws-us-gov:iam::123456789012:role/r");
        assert_eq!((roles[0].session_s_max, roles[0].policies.len()), (3600, 0));
        assert_eq!(roles[1].arn.account.as_str(), "000000000001");
        assert_eq!((roles[1].session_s_max, roles[1].policies.len()), (7200, 1));
        assert!(roles[0].id.starts_with("AROA") && roles[0].id != roles[1].id);
    }

    #[test]
    fn what_is_refused() {
        let with =
            |members: &str| parse(&format!(r#"[{{"trust": {TRUST}, {members}}}]"#)).unwrap_err();
        assert_eq!(
            with(r#""name": "a b""#),
            "0: name must be 1 to 64 letters, digits or any of _+=,.@-"
        );
        assert_eq!(with(r#""name": "a", "account": "1""#), "0: account must be 12 digits");
        for seconds in ["3599", "43201", "-1"] {
            let text = with(&format!(r#""name": "a", "max_session_duration": {seconds}"#));
            assert_eq!(text, "0: max_session_duration must be 3600 to 43200 seconds");
        }
        assert!(with(r#""name": "a", "policies": [{}]"#).starts_with("0: policies[0]: "));
        let twice =
            format!(r#"[{{"name": "r", "trust": {TRUST}}}, {{"name": "r", "trust": {TRUST}}}]"#);
        assert_eq!(parse(&twice).unwrap_err(), "1: name is given twice in its account");
        // An identity policy is no trust policy: it names nobody.
        let nobody = r#"[{"name": "r", "trust": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}]"#;
        assert!(parse(nobody).unwrap_err().starts_with("0: trust: "));
    }
}
