//! Who depends on whom: a crate boundary forbids something, and this says what.
//!
//! PROMISE R10 stands on the first rule: the core cannot reach anything that is not its argument.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::{Result, cargo, metadata, output};

/// Crates that are functions of their arguments, and all that each may use.
const PURE: [(&str, &[&str]); 2] = [
    ("regent-core", &["regent-cfn", "serde_json", "thiserror", "zeroize"]),
    ("regent-cfn", &["base64", "regex-lite", "saphyr-parser", "thiserror", "zeroize"]),
];
/// The only crate with cryptography in it, and where that comes from.
const CRYPTOGRAPHY: (&str, [&str; 4]) =
    ("regent-crypto", ["aws-lc-rs", "ed25519-dalek", "ml-dsa", "sha2"]);
/// What crates below the binary do without: each pair is a crate and what it may not use.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    ("regent-audit", &["hyper", "regent-core", "regent-crypto", "regent-store", "regent-wire"]),
    ("regent-guard", &["tokio", "hyper", "regent-core", "regent-store", "regent-wire"]),
    ("regent-wire", &["tokio", "hyper", "rusqlite", "regent-store"]),
    ("regent-store", &["tokio", "hyper", "regent-wire", "regent-crypto"]),
    ("regent-crypto", &["tokio", "hyper", "rusqlite", "regent-wire", "regent-store"]),
];
/// What is never shipped, however deep in the graph.
const BANNED: [&str; 5] = ["openssl", "openssl-sys", "native-tls", "ring", "regent-sim"];

pub fn check(problems: &mut Vec<String>) -> Result<()> {
    let metadata = metadata(true)?;
    let direct = direct_dependencies(&metadata)?;
    let of = |name: &str| direct.get(name).cloned().unwrap_or_default();
    for (name, allowed) in PURE {
        for found in of(name).iter().filter(|found| !allowed.contains(&found.as_str())) {
            problems.push(format!("{name} depends on {found}; it may use {}", allowed.join(", ")));
        }
    }
    for (name, dependencies) in &direct {
        let (only, sources) = CRYPTOGRAPHY;
        for found in sources.iter().filter(|source| name != only && dependencies.contains(**source))
        {
            problems.push(format!("{name} depends on {found}; only {only} may"));
        }
    }
    for (name, forbidden) in FORBIDDEN {
        for found in of(name).iter().filter(|found| forbidden.contains(&found.as_str())) {
            problems.push(format!("{name} depends on {found}"));
        }
    }
    for found in shipped()?.iter().filter(|name| BANNED.contains(&name.as_str())) {
        problems.push(format!("{found} is shipped in the binary"));
    }
    Ok(())
}

/// The normal dependencies of each crate of the workspace.
fn direct_dependencies(metadata: &Value) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let members = array(metadata, "workspace_members")?;
    let mut direct = BTreeMap::new();
    for package in array(metadata, "packages")? {
        if !package.get("id").is_some_and(|id| members.contains(id)) {
            continue;
        }
        let normal = array(package, "dependencies")?
            .iter()
            .filter(|dependency| dependency.get("kind").is_some_and(Value::is_null))
            .filter_map(|dependency| text(dependency, "name"))
            .collect();
        direct.insert(text(package, "name").unwrap_or_default(), normal);
    }
    if direct.is_empty() { Err("cargo metadata lists no packages".to_owned()) } else { Ok(direct) }
}

/// The names of everything that is linked into the binary, on any system.
///
/// From cargo's tree and not from its metadata: there, an optional dependency that a feature would
/// only add to (`ring?/std`) is listed although nothing has switched it on.
fn shipped() -> Result<BTreeSet<String>> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", "regent", "--edges", "normal"]);
    tree.args(["--target", "all", "--prefix", "none", "--format", "{p}"]);
    let listed = output(&mut tree)?;
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    if names.contains("regent-core") { Ok(names) } else { Err("cargo lists no tree".to_owned()) }
}

fn array<'v>(value: &'v Value, member: &str) -> Result<&'v Vec<Value>> {
    let found = value.get(member).and_then(Value::as_array);
    found.ok_or_else(|| format!("cargo metadata has no {member}"))
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member).and_then(Value::as_str).map(str::to_owned)
}
