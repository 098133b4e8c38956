//! The configuration file: further access keys and what their owners may do, roles, rotation
//! functions, and proxies of external key stores.
//!
//! JSON, read once at start. An unknown member is an error, not ignored: a misspelt `policies`
//! would otherwise be a user without the intended deny. Secrets go straight into zeroizing types,
//! and no error repeats a part of the file (promise R7). Flags and environment variables are the
//! command line's business.

mod functions;
mod proxies;
mod roles;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regent_core::ids::{AccountId, Region};
use regent_core::policy::document::{Policy, PolicySyntax};
use regent_core::roles::Role;
use regent_wire::sigv4::SecretKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::functions::Function;
use crate::proxies::AllowedProxies;
use functions::FunctionProblem;
use proxies::ProxyProblem;
use roles::RoleProblem;

/// LIMIT: bytes of a configuration file or of a file with a secret.
const FILE_LEN_MAX: u64 = 4 << 20;
/// LIMIT: characters of an access key. AWS: 16 to 128 (model, accessKeyIdType); ours may be
/// shorter, as emulators have them.
const ACCESS_KEY_LEN_MAX: usize = 128;
/// LIMIT: characters of a user name. AWS: 1 to 64 (model, userNameType).
const USER_NAME_LEN_MAX: usize = 64;

/// A configuration, checked.
#[derive(Debug, Default)]
pub struct Config {
    pub access_keys: Vec<AccessKey>,
    pub functions: Vec<Function>,
    pub roles: Vec<Role>,
    pub proxies: AllowedProxies,
}

/// One access key and the user it belongs to.
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: SecretKey,
    pub account: AccountId,
    pub user: String,
    /// Identity policies. None deny everything.
    pub policies: Vec<Policy>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("{} is longer than {FILE_LEN_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    #[error("configuration: not of the expected form at line {line}, column {column}")]
    Malformed { line: usize, column: usize },
    #[error("configuration: access_keys[{index}]: {problem}")]
    AccessKey { index: usize, problem: KeyProblem },
    #[error("configuration: roles[{index}]: {problem}")]
    Role { index: usize, problem: RoleProblem },
    #[error("configuration: functions[{index}]: {problem}")]
    Function { index: usize, problem: FunctionProblem },
    #[error("configuration: key_store_proxies[{index}]: {problem}")]
    Proxy { index: usize, problem: ProxyProblem },
}

/// What is wrong with an entry of `access_keys`.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    #[error("id must be 1 to {ACCESS_KEY_LEN_MAX} letters, digits or underscores")]
    Id,
    #[error("id is given twice")]
    Duplicate,
    #[error("exactly one of secret and secret_file must be given, and it must not be empty")]
    Secret,
    #[error("secret_file: {0}")]
    SecretFile(Box<ConfigError>),
    #[error("account must be 12 digits")]
    Account,
    #[error("user must be 1 to {USER_NAME_LEN_MAX} letters, digits or any of _+=,.@-")]
    User,
    #[error("policies[{index}]: {problem}")]
    Policy { index: usize, problem: PolicySyntax },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'f> {
    #[serde(default, borrow)]
    access_keys: Vec<Entry<'f>>,
    #[serde(default)]
    functions: Vec<functions::Entry>,
    #[serde(default, borrow)]
    roles: Vec<roles::Entry<'f>>,
    key_store_proxies: Option<Vec<proxies::Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'f> {
    id: String,
    secret: Option<Zeroizing<String>>,
    secret_file: Option<PathBuf>,
    account: Option<String>,
    user: String,
    /// Kept as text, so that the policy parser sees a member that is given twice.
    #[serde(default, borrow)]
    policies: Vec<&'f RawValue>,
}

impl Config {
    /// Reads a file. `account` is for keys and roles that name none, `home` is in their partition; a relative `secret_file` or `ca_file` starts from the
    /// configuration's own directory.
    pub fn read(path: &Path, account: AccountId, home: Region) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")), account, home)
    }

    fn parse(
        text: &str,
        directory: &Path,
        account: AccountId,
        home: Region,
    ) -> Result<Self, ConfigError> {
        let file: File<'_> = serde_json::from_str(text).map_err(|cause| {
            ConfigError::Malformed { line: cause.line(), column: cause.column() }
        })?;
        let mut access_keys: Vec<AccessKey> = Vec::with_capacity(file.access_keys.len());
        for (index, entry) in file.access_keys.into_iter().enumerate() {
            let taken = access_keys.iter().any(|key| key.id == entry.id);
            let key = if taken {
                Err(KeyProblem::Duplicate)
            } else {
                access_key(entry, directory, account)
            };
            access_keys.push(key.map_err(|problem| ConfigError::AccessKey { index, problem })?);
        }
        let functions = functions::functions(file.functions, &access_keys)
            .map_err(|(index, problem)| ConfigError::Function { index, problem })?;
        let roles = roles::roles(file.roles, account, home)
            .map_err(|(index, problem)| ConfigError::Role { index, problem })?;
        let proxies = proxies::proxies(file.key_store_proxies, directory)
            .map_err(|(index, problem)| ConfigError::Proxy { index, problem })?;
        Ok(Self { access_keys, functions, roles, proxies })
    }
}

fn access_key(
    entry: Entry<'_>,
    directory: &Path,
    default_account: AccountId,
) -> Result<AccessKey, KeyProblem> {
    if !is_access_key(&entry.id) {
        return Err(KeyProblem::Id);
    }
    if !is_user_name(&entry.user) {
        return Err(KeyProblem::User);
    }
    let account = match entry.account {
        Some(text) => text.parse().map_err(|_| KeyProblem::Account)?,
        None => default_account,
    };
    let secret = match (entry.secret, entry.secret_file) {
        (Some(mut secret), None) => std::mem::take(&mut *secret),
        (None, Some(file)) => secret_of_file(&directory.join(file))?,
        _ => return Err(KeyProblem::Secret),
    };
    if secret.is_empty() {
        return Err(KeyProblem::Secret);
    }
    let secret = SecretKey::new(secret);
    let parse = |(index, text): (usize, &&RawValue)| {
        Policy::parse_identity(text.get()).map_err(|problem| KeyProblem::Policy { index, problem })
    };
    let policies = entry.policies.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    Ok(AccessKey { id: entry.id, secret, account, user: entry.user, policies })
}

/// The first line of a file, as secrets are mounted.
fn secret_of_file(path: &Path) -> Result<String, KeyProblem> {
    let text = read_text(path).map_err(|problem| KeyProblem::SecretFile(Box::new(problem)))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_LEN_MAX {
        return Err(ConfigError::TooLong(path.to_owned()));
    }
    Ok(Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?))
}

/// Whether a text can stand first in a credential scope.
pub fn is_access_key(text: &str) -> bool {
    (1..=ACCESS_KEY_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_user_name(text: &str) -> bool {
    (1..=USER_NAME_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let (account, home) = ("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        Config::parse(text, Path::new("."), account, home)
    }

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn keys_with_policies() {
        let config = parse(
            r#"{"access_keys": [
                {"id": "AKIAREADER", "secret": "s1", "user": "reader", "account": "000000000001",
                 "policies": [{"Version": "2012-10-17", "Statement": {
                    "Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": "*"}}]},
                {"id": "nobody", "secret": "s2", "user": "nobody"}
            ]}"#,
        )
        .unwrap();
        let [reader, nobody] = config.access_keys.as_slice() else { panic!() };
        assert_eq!(reader.account.as_str(), "000000000001");
        assert_eq!((reader.policies.len(), nobody.policies.len()), (1, 0));
        assert_eq!(nobody.account.as_str(), "123456789012");
        assert!(!format!("{config:?}").contains("s1"));
        assert!(parse("{}").unwrap().access_keys.is_empty());
    }

    #[test]
    fn a_secret_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), "hunter2\n").unwrap();
        fs::write(
            dir.path().join("regent.json"),
            r#"{"access_keys":[{"id":"a","secret_file":"key","user":"u"}]}"#,
        )
        .unwrap();
        let (account, home) = ("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let config = Config::read(&dir.path().join("regent.json"), account, home).unwrap();
        assert_eq!(config.access_keys.len(), 1);
        assert!(Config::read(&dir.path().join("absent.json"), account, home).is_err());
    }

    #[test]
    fn mistakes_are_named_by_place_and_not_by_content() {
        let entry = |members: &str| format!(r#"{{"access_keys":[{{{members}}}]}}"#);
        let cases = [
            (r#""id":"a/b","secret":"hunter2","user":"u""#, "id must be 1 to 128"),
            (r#""id":"","secret":"hunter2","user":"u""#, "id must be 1 to 128"),
            (r#""id":"a","secret":"hunter2","user":"u v""#, "user must be 1 to 64"),
            (r#""id":"a","user":"u""#, "exactly one of secret and secret_file"),
            (r#""id":"a","secret":"","user":"u""#, "exactly one of secret and secret_file"),
            (r#""id":"a","secret":"hunter2","secret_file":"x","user":"u""#, "exactly one"),
            (r#""id":"a","secret":"hunter2","user":"u","account":"1""#, "account must be 12"),
            (r#""id":"a","secret":"hunter2","user":"u","policys":[]"#, "not of the expected form"),
            (
                r#""id":"a","secret":"hunter2","user":"u","policies":[{}]"#,
                "policies[0]: no statement",
            ),
            (
                r#""id":"a","secret":"hunter2","user":"u","policies":[{"Statement":[],"Statement":[]}]"#,
                "policies[0]: a member appears twice",
            ),
        ];
        for (members, expected) in cases {
            let text = problem(&entry(members));
            assert!(text.contains(expected), "{members}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let twice = r#"{"id":"a","secret":"s","user":"u"}"#;
        let text = problem(&format!(r#"{{"access_keys":[{twice},{twice}]}}"#));
        assert_eq!(text, "configuration: access_keys[1]: id is given twice");
    }

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn function(members: &str) -> String {
        let key = r#"{"id":"rotator","secret":"s","user":"rotator"}"#;
        format!(r#"{{"access_keys":[{key}],"functions":[{{{members}}}]}}"#)
    }

    #[test]
    fn functions_behind_urls_and_commands() {
        use crate::functions::Target;
        let of = |members: &str| {
            let text = function(&format!(r#""arn":"{ARN}",{members}"#));
            parse(&text).unwrap().functions.pop().unwrap()
        };
        let addresses = [
            ("http://127.0.0.1:9000", "127.0.0.1:9000", "/2015-03-31/functions/f/invocations"),
            ("http://localhost:9000/", "127.0.0.1:9000", "/2015-03-31/functions/f/invocations"),
            ("http://[::1]:9000/x", "[::1]:9000", "/x"),
        ];
        for (url, expected, expected_path) in addresses {
            let function = of(&format!(r#""url":"{url}""#));
            let Target::Lambda { address, path, .. } = &function.target else { panic!() };
            assert_eq!((address.to_string().as_str(), &**path), (expected, expected_path));
            assert_eq!((function.timeout.as_secs(), function.region.as_str()), (30, "us-east-1"));
        }
        let function = of(
            r#""command":["/bin/sh","-c","x"],"environment":{"A":"hunter2"},"access_key":"rotator","timeout_s":900"#,
        );
        let Target::Command(command) = &function.target else { panic!() };
        assert_eq!((command.arguments.len(), command.environment.len()), (2, 1));
        assert_eq!(command.access_key.as_ref().unwrap().0, "rotator");
        assert!(!format!("{function:?}").contains("hunter2"));
    }

    #[test]
    fn mistakes_of_functions_are_named_by_place_and_not_by_content() {
        let with = |members: &str| format!(r#""arn":"{ARN}",{members}"#);
        let url = |url: &str| with(&format!(r#""url":"{url}""#));
        let cases = [
            (r#""arn":"f","url":"http://127.0.0.1:1""#.to_owned(), "arn must be"),
            (r#""arn":"arn:aws-cn:lambda:us-east-1:123456789012:function:f","url":"http://127.0.0.1:1""#.to_owned(), "arn must be"),
            (r#""arn":"arn:aws:lambda:us-east-1:123456789012:function:f:1:2","url":"http://127.0.0.1:1""#.to_owned(), "arn must be"),
            (with(r#""timeout_s":1"#), "exactly one of url and command"),
            (with(r#""url":"http://127.0.0.1:1","command":["/bin/sh"]"#), "exactly one of"),
            // Lesson 18.
            (url("http://hunter2.example:80/"), "url must be"),
            (url("http://169.254.169.254:80/"), "url must be"),
            (url("https://127.0.0.1:1/"), "url must be"),
            (url("http://u:hunter2@127.0.0.1:1/"), "url must be"),
            (url("http://127.0.0.1/"), "url must be"),
            (url("http://127.0.0.1:1/?hunter2"), "url must be"),
            (url("file:///etc/passwd"), "url must be"),
            (with(r#""command":[]"#), "command must begin"),
            (with(r#""command":["sh","hunter2"]"#), "command must begin"),
            (with(r#""command":["/bin/hunter2"]"#), "command must begin"),
            (with(r#""command":["/bin"]"#), "command must begin"),
            (with(r#""command":["/bin/sh"],"environment":{"A=B":"hunter2"}"#), "environment has"),
            (with(r#""command":["/bin/sh"],"access_key":"hunter2""#), "access_key must be"),
            (with(r#""url":"http://127.0.0.1:1","access_key":"rotator""#), "go with command"),
            (with(r#""url":"http://127.0.0.1:1","timeout_s":0"#), "timeout_s must be"),
            (with(r#""url":"http://127.0.0.1:1","timeout_s":901"#), "timeout_s must be"),
            (with(r#""uri":"hunter2""#), "not of the expected form"),
        ];
        for (members, expected) in cases {
            let text = problem(&function(&members));
            assert!(text.contains(expected), "{members}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let one = url("http://127.0.0.1:1");
        let text = problem(&format!(r#"{{"functions":[{{{one}}},{{{one}}}]}}"#));
        assert_eq!(text, "configuration: functions[1]: arn is given twice");
    }

    #[test]
    fn proxies_of_key_stores() {
        let of = |list: &str| parse(&format!(r#"{{"key_store_proxies":{list}}}"#));
        assert!(matches!(parse("{}").unwrap().proxies, AllowedProxies::Unlisted));
        for list in ["[]", r#"[{"endpoint":"https://a"},{"endpoint":"http://a:1"}]"#] {
            assert!(matches!(of(list).unwrap().proxies, AllowedProxies::Listed(_)), "{list}");
        }
        let cases = [
            (r#"{"endpoint":"ftp://hunter2"}"#, "endpoint must be"),
            (r#"{"endpoint":"https://hunter2/path"}"#, "endpoint must be"),
            (r#"{"endpoint":"http://hunter2","ca_file":"x"}"#, "goes with https"),
            (r#"{"endpoint":"https://hunter2","ca_file":"absent"}"#, "ca_file: "),
            (r#"{"endpoint":"https://hunter2","verify":false}"#, "not of the expected form"),
            // A file that is there, and has no certificate.
            (r#"{"endpoint":"https://hunter2","ca_file":"Cargo.toml"}"#, "ca_file must have"),
            (
                r#"{"endpoint":"https://a"},{"endpoint":"https://a"}"#,
                "[1]: endpoint is given twice",
            ),
        ];
        for (entries, expected) in cases {
            let text = of(&format!("[{entries}]")).unwrap_err().to_string();
            assert!(text.contains(expected), "{entries}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
