//! `regent check` as a script sees it: exit codes, and what goes where.
#![allow(clippy::unwrap_used, reason = "tests unwrap")]

use std::path::Path;
use std::process::{Command, Output};

const BAD: &str = "Resources:\n  S:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      \
    GenerateSecretString: {}\n      ReplicaRegions: [{ Region: us-west-2, KmsKeyId: mrk-1 }]\n";

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regent"));
    command.current_dir(folder).arg("check").args(arguments).output().unwrap()
}

fn code(folder: &Path, arguments: &[&str]) -> i32 {
    check(folder, arguments).status.code().unwrap()
}

#[test]
fn exit_codes_say_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(code(folder, &["."]), 0);
    std::fs::write(folder.join("good.yaml"), BAD.replace("mrk-1", "alias/aws/secretsmanager"))
        .unwrap();
    assert_eq!(code(folder, &["."]), 0);
    std::fs::write(folder.join("bad.yaml"), BAD).unwrap();
    let output = check(folder, &["."]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("bad.yaml:6:55 (S)"), "{report}");
    assert_eq!(output.stderr, b"regent: 1 to correct or to explain\n");
    // What nobody can know counts only if it is asked for.
    std::fs::write(folder.join("bad.yaml"), BAD.replace("mrk-1", "alias/app")).unwrap();
    assert_eq!(code(folder, &["."]), 0);
    assert_eq!(code(folder, &[".", "--fail-on", "info"]), 1);
    // A file that cannot be read says more than what others have.
    std::fs::write(folder.join("bad.yaml"), BAD).unwrap();
    std::fs::write(folder.join("broken.yaml"), format!("{BAD}  - [")).unwrap();
    assert_eq!(code(folder, &["."]), 7);
    assert_eq!(code(folder, &["good.yaml"]), 0);
    assert_eq!(code(folder, &["absent.yaml"]), 7);
}

#[test]
fn wrong_usage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for arguments in [
        &[][..],
        &["--explain", "RG999"],
        &[".", "--param", "x"],
        &[".", "--parameters", "absent.json"],
        &[".", "--config", "absent.toml"],
    ] {
        assert_eq!(code(folder, arguments), 2, "{arguments:?}");
    }
    std::fs::write(folder.join(".regent-check.toml"), "regoin = 'us-east-1'").unwrap();
    let output = check(folder, &["."]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("regent: .regent-check.toml: unknown field `regoin`"), "{told}");
}

#[test]
fn options_come_from_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let template = BAD.replace("mrk-1", "!Ref Key");
    let template = format!("Parameters: {{ Key: {{ Type: String }} }}\n{template}");
    std::fs::write(folder.join("t.yaml"), template).unwrap();
    let parameters = r#"[{"ParameterKey": "Key", "ParameterValue": "mrk-1"}]"#;
    std::fs::write(folder.join("parameters.json"), parameters).unwrap();
    assert_eq!(code(folder, &["t.yaml"]), 0);
    assert_eq!(code(folder, &["t.yaml", "--parameters", "parameters.json"]), 1);
    let fixed = "Key=alias/aws/secretsmanager";
    let both = ["t.yaml", "--parameters", "parameters.json", "--param", fixed];
    assert_eq!(code(folder, &both), 0);
    assert_eq!(code(folder, &["t.yaml", "--param", fixed, "--region", "us-west-2"]), 1);
    let file = "region = 'us-west-2'\n[parameters]\nKey = 'alias/aws/secretsmanager'\n";
    std::fs::write(folder.join(".regent-check.toml"), file).unwrap();
    assert_eq!(code(folder, &["t.yaml"]), 1);
    assert_eq!(code(folder, &["t.yaml", "--region", "us-east-1"]), 0);
}

#[test]
fn a_baseline_lets_only_what_is_new_count() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bad.yaml"), BAD).unwrap();
    assert_eq!(code(folder, &[".", "--write-baseline", "known.json"]), 0);
    let output = check(folder, &[".", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("1 more in the baseline"), "{told}");
    std::fs::write(folder.join("new.yaml"), BAD).unwrap();
    assert_eq!(code(folder, &[".", "--baseline", "known.json"]), 1);
    std::fs::write(folder.join("broken.yaml"), format!("{BAD}  - [")).unwrap();
    assert_eq!(code(folder, &[".", "--write-baseline", "known.json"]), 7);
    assert_eq!(code(folder, &[".", "--baseline", "known.json"]), 7);
    assert_eq!(code(folder, &[".", "--baseline", "absent.json"]), 2);
    assert_eq!(code(folder, &[".", "--baseline", "bad.yaml"]), 2);
}

#[test]
fn every_report_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    for (output, wanted) in [
        ("text", "error RG001: "),
        ("json", "\"rule\": \"RG001\""),
        ("sarif", "\"2.1.0\""),
        ("junit", "<failure type=\"error\" message=\"mrk- is"),
        ("github", "::error file=bad.yaml,line=6,col=55,title=RG001 Malformed key id::mrk- is"),
        ("markdown", "| error | RG001 | bad.yaml:6:55 | S | mrk- is"),
    ] {
        let output = check(folder.path(), &["bad.yaml", "--output", output]);
        assert!(String::from_utf8(output.stdout).unwrap().contains(wanted));
    }
    let rules = check(folder.path(), &["--rules"]);
    assert!(rules.status.success() && rules.stdout.starts_with(b"RG001  error"));
    let explained = check(folder.path(), &["--explain", "rg009"]);
    assert!(explained.status.success() && explained.stdout.starts_with(b"RG009 (warning)"));
}

#[test]
fn rules_are_printed_for_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    let json = |args: &[&str]| {
        let output = check(folder.path(), &[args, &["--output", "json"]].concat());
        assert!(output.status.success());
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let all = json(&["--rules"]);
    let ids: Vec<_> = all["rules"].as_array().unwrap().iter().map(|rule| &rule["rule"]).collect();
    assert_eq!((ids[0].as_str(), ids.len()), (Some("RG001"), 31));
    let one = json(&["--explain", "rg009"]);
    assert_eq!((one["rule"].as_str(), one["severity"].as_str()), (Some("RG009"), Some("warning")));
    for member in ["title", "explanation", "fix", "bad", "good"] {
        assert!(!one[member].as_str().unwrap().is_empty(), "{member}");
    }
    for args in [["--rules", "--output=sarif"], ["--explain=RG009", "--output=junit"]] {
        let refused = check(folder.path(), &args);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty());
        assert_eq!(refused.status.code(), Some(2));
    }
}
