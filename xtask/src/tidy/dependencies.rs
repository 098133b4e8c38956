//! Who depends on whom: a crate boundary forbids something, and this says what.
//!
//! PROMISE R10 stands on the first rule: the core cannot reach anything that is not its argument.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::{Result, metadata};

/// Crates that are functions of their arguments, and all that each may use.
const PURE: [(&str, &[&str]); 2] = [
    ("regent-core", &["regent-cfn", "serde_json", "thiserror", "zeroize"]),
    ("regent-cfn", &["base64", "regex-lite", "saphyr-parser", "thiserror", "zeroize"]),
];
/// The only crate with cryptography in it, and where that comes from.
const CRYPTOGRAPHY: (&str, [&str; 4]) =
    ("regent-crypto", ["aws-lc-rs", "ed25519-dalek", "ml-dsa", "sha2"]);
/// What crates below the binary do without: each pair is a crate and what it may not use.
const FORBIDDEN: [(&str, &[&str]); 4] = [
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
    for found in shipped(&metadata)?.iter().filter(|name| BANNED.contains(&name.as_str())) {
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

/// The names of everything that is linked into the binary.
fn shipped(metadata: &Value) -> Result<BTreeSet<String>> {
    let names: BTreeMap<_, _> = array(metadata, "packages")?
        .iter()
        .filter_map(|package| Some((text(package, "id")?, text(package, "name")?)))
        .collect();
    let resolve = metadata.get("resolve").ok_or("cargo metadata has no graph")?;
    let mut edges = BTreeMap::new();
    for node in array(resolve, "nodes")? {
        let normal: Vec<_> = array(node, "deps")?
            .iter()
            .filter(|dependency| is_normal(dependency))
            .filter_map(|dependency| text(dependency, "pkg"))
            .collect();
        edges.insert(text(node, "id").unwrap_or_default(), normal);
    }
    let named = |id: &String| names.get(id).is_some_and(|name| name == "regent");
    let mut waiting: Vec<_> = edges.keys().filter(|id| named(id)).cloned().collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if reached.insert(id.clone()) {
            waiting.extend(edges.get(&id).into_iter().flatten().cloned());
        }
    }
    Ok(reached.iter().filter_map(|id| names.get(id).cloned()).collect())
}

fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.get("kind").is_some_and(Value::is_null)))
}

fn array<'v>(value: &'v Value, member: &str) -> Result<&'v Vec<Value>> {
    let found = value.get(member).and_then(Value::as_array);
    found.ok_or_else(|| format!("cargo metadata has no {member}"))
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member).and_then(Value::as_str).map(str::to_owned)
}
