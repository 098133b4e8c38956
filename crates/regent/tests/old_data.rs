//! Data directories that earlier versions wrote, opened by the present one.
//!
//! `data/format-1` is a directory of the first format: two Regions, secrets with tags, one of them
//! replicated, one marked for deletion. It has no index records for tags and primary Regions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at whatever it did not expect"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::Server;

const KEY: (&str, &str) = ("test", "test");

/// A copy of a directory, with the permissions that a root key must have.
fn copy(format: &str) -> tempfile::TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format);
    let to = tempfile::tempdir().unwrap();
    fs::set_permissions(to.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let copied = to.path().join(file.file_name());
        fs::copy(file.path(), &copied).unwrap();
        fs::set_permissions(&copied, fs::Permissions::from_mode(0o600)).unwrap();
    }
    to
}

fn start(directory: &Path) -> Server {
    let path = directory.to_str().unwrap();
    Server::start(&["--data-dir", path, "--regions", "us-east-1,us-west-2"])
}

/// The names that a filter finds, in order of creation.
fn found(server: &Server, region: &str, key: &str, value: &str) -> Vec<String> {
    let body = format!(r#"{{"Filters":[{{"Key":"{key}","Values":["{value}"]}}]}}"#);
    let (status, answer) = server.call(KEY, region, "secretsmanager.ListSecrets", &body);
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let secrets = answer["SecretList"].as_array().unwrap();
    secrets.iter().map(|secret| secret["Name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_directory_of_the_first_format_is_searched_by_its_tags() {
    let directory = copy("format-1");
    for _ in 0..2 {
        let server = start(directory.path());
        // The one that was to be deleted may be gone by now; it is not listed in either case.
        let red = ["old/1", "old/3", "old/replicated"];
        assert_eq!(found(&server, "us-east-1", "tag-value", "red"), red);
        let team = ["old/0", "old/1", "old/2", "old/3", "old/4", "old/replicated"];
        assert_eq!(found(&server, "us-east-1", "tag-key", "te"), team);
        for region in ["us-east-1", "us-west-2"] {
            let replicated = found(&server, region, "primary-region", "us-east");
            assert_eq!(replicated, ["old/replicated"], "{region}");
        }
        let (_, value) = server.call(
            KEY,
            "us-west-2",
            "secretsmanager.GetSecretValue",
            r#"{"SecretId":"old/replicated"}"#,
        );
        assert!(value.contains(r#""SecretString":"both""#), "{value}");
    }
}
