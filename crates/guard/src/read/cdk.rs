//! Folders that CDK writes: which template is deployed to which account and Region.
//!
//! The manifest of a cloud assembly names the environment of each stack and the file of its assets;
//! a template among the assets is that of a nested stack, and is deployed where its parent is. What
//! is no manifest of CDK says nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

/// The manifest's name in each folder of an assembly.
const MANIFEST: &str = "manifest.json";
/// LIMIT: bytes of a manifest or a list of assets that is read.
const FILE_LEN_MAX: u64 = 16 << 20;

/// Where a template is deployed, as far as its assembly says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    pub account: Option<String>,
    pub region: Option<String>,
}

/// The homes of the templates of one folder, by their names in it; empty if it is none of CDK's.
pub fn homes(folder: &Path) -> BTreeMap<String, Home> {
    let read = |name: &str| -> Option<Json> {
        let path = folder.join(name);
        let file = std::fs::metadata(&path).ok().filter(|found| found.len() <= FILE_LEN_MAX);
        file.and_then(|_| serde_json::from_slice(&std::fs::read(&path).ok()?).ok())
    };
    let Some(manifest) = read(MANIFEST) else { return BTreeMap::new() };
    let artifacts = manifest.get("artifacts").and_then(Json::as_object);
    let mut homes = BTreeMap::new();
    for artifact in artifacts.into_iter().flat_map(serde_json::Map::values) {
        let text = |name: &str| artifact.get(name).and_then(Json::as_str);
        if text("type") != Some("aws:cloudformation:stack") {
            continue;
        }
        let home = text("environment").map(home).unwrap_or_default();
        let template = artifact.pointer("/properties/templateFile").and_then(Json::as_str);
        homes.extend(template.map(|name| (name.to_owned(), home.clone())));
        let needed = artifact.get("dependencies").and_then(Json::as_array);
        for name in needed.into_iter().flatten().filter_map(Json::as_str) {
            let assets = artifacts.and_then(|all| all.get(name));
            let file = assets.and_then(|found| found.pointer("/properties/file")?.as_str());
            let Some(assets) = file.and_then(read) else { continue };
            let files = assets.get("files").and_then(Json::as_object);
            for asset in files.into_iter().flat_map(serde_json::Map::values) {
                let path = asset.pointer("/source/path").and_then(Json::as_str);
                homes.extend(path.map(|name| (name.to_owned(), home.clone())));
            }
        }
    }
    homes
}

/// `aws://ACCOUNT/REGION`, where either may be one that is not known.
fn home(environment: &str) -> Home {
    let parts = environment.strip_prefix("aws://").and_then(|rest| rest.split_once('/'));
    let known = |text: &str| (!text.starts_with("unknown-")).then(|| text.to_owned());
    match parts {
        Some((account, region)) => Home { account: known(account), region: known(region) },
        None => Home::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_may_be_unknown() {
        let known = home("aws://123456789012/us-east-1");
        assert_eq!(known.account.as_deref(), Some("123456789012"));
        assert_eq!(known.region.as_deref(), Some("us-east-1"));
        assert_eq!(home("aws://unknown-account/unknown-region"), Home::default());
        assert_eq!(home("elsewhere"), Home::default());
    }
}
