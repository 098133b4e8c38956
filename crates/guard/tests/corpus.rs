//! The corpus: golden reports of the bad ones, no finding on the good ones, and the examples of the
//! table of rules.
#![allow(clippy::unwrap_used, reason = "tests unwrap")]

use std::path::Path;

use regent_guard::config::{Ignore, Options};
use regent_guard::report;
use regent_guard::rules::{self, Example, LIVE, RULES};
use regent_guard::scan::{Checked, Subject, check, check_terraform, check_text};
use regent_guard::{Baseline, Finding, Severity};

fn corpus(kind: &str, options: &Options) -> Checked {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let root = folder.to_str().unwrap().to_owned();
    let mut checked = check(std::slice::from_ref(&root), options).unwrap();
    for finding in &mut checked.findings {
        finding.path = finding.path.trim_start_matches(&root).trim_start_matches('/').to_owned();
    }
    checked
}

fn alarms(findings: &[Finding]) -> Vec<String> {
    let alarms = findings.iter().filter(|finding| finding.rule.severity > Severity::Info);
    alarms
        .map(|finding| format!("{} {} {}", finding.path, finding.rule.id, finding.message))
        .collect()
}

#[test]
fn the_bad_ones() {
    let checked = corpus("bad", &Options::default());
    insta::assert_snapshot!("bad", report::text(&checked));
    insta::assert_snapshot!("bad_json", report::json(&checked));
    insta::assert_snapshot!("bad_junit", report::junit(&checked));
    insta::assert_snapshot!("bad_github", report::github(&checked));
    insta::assert_snapshot!("bad_markdown", report::markdown(&checked));
    let options = Options { region: Some("us-east-2".to_owned()), ..Options::default() };
    let there = corpus("bad", &options);
    assert!(alarms(&there.findings).iter().any(|line| line.contains("seed-update.yaml RG006")));
}

#[test]
fn no_alarm_on_the_good_ones() {
    for region in [None, Some("us-east-1"), Some("eu-central-1")] {
        let options = Options { region: region.map(str::to_owned), ..Options::default() };
        let checked = corpus("good", &options);
        assert_eq!(alarms(&checked.findings), Vec::<String>::new(), "in {region:?}");
        assert_eq!((checked.files, checked.opened), (21, 22));
    }
    let checked = corpus("good", &Options::default());
    insta::assert_snapshot!("good", report::text(&checked));
}

#[test]
fn no_report_shows_a_secret() {
    let checked = corpus("bad", &Options::default());
    assert!(checked.findings.iter().any(|finding| finding.path == "one-line.json"));
    let all = [
        report::text,
        report::json,
        report::sarif,
        report::junit,
        report::github,
        report::markdown,
    ];
    for text in all.map(|print| print(&checked)) {
        assert!(!text.contains("hunter2") && !text.contains("TestString"), "{text}");
    }
}

#[test]
fn examples_of_every_rule() {
    for rule in &RULES {
        let check = |name: &str, text: &str| match rule.example {
            Example::Terraform { .. } => {
                let files = vec![(format!("{name}.tf"), text.to_owned())];
                check_terraform(files, &[], &Options::default())
            }
            Example::Plan { .. } => {
                check_text(&format!("{name}.json"), text, true, &Options::default())
            }
            _ => check_text(&format!("{name}.yaml"), text, true, &Options::default()),
        };
        let Some((bad, good)) = rule.example.texts() else { continue };
        let (_, findings) = check("bad", bad);
        let ids: Vec<_> = findings.iter().map(|finding| finding.rule.id).collect();
        assert!(ids.contains(&rule.id), "{}: {ids:?}", rule.id);
        let (read, findings) = check("good", good);
        assert!(read, "{}", rule.id);
        assert_eq!(alarms(&findings), Vec::<String>::new(), "{}", rule.id);
        assert!(!findings.iter().any(|finding| finding.rule.id == rule.id), "{}", rule.id);
    }
}

#[test]
fn the_table_is_in_order_and_explained() {
    assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
    insta::assert_snapshot!("rules", report::rules(Subject::Files));
    insta::assert_snapshot!("explain", report::explain(rules::find("rg004").unwrap()));
    assert!(rules::find("RG999").is_none());
}

#[test]
fn sarif_names_rules_and_places() {
    let checked = corpus("bad", &Options::default());
    let report: serde_json::Value = serde_json::from_str(&report::sarif(&checked)).unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), RULES.len());
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), checked.findings.len());
    let seed = results.iter().find(|result| {
        let place = &result["locations"][0]["physicalLocation"];
        place["artifactLocation"]["uri"] == "seed-update.yaml"
    });
    let region = &seed.unwrap()["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region, &serde_json::json!({"startLine": 10, "startColumn": 21}));
}

#[test]
fn options_leave_out_what_they_name() {
    let ignore = |paths: &[&str]| Options {
        ignore: vec![Ignore {
            rule: "RG009".to_owned(),
            reason: "enabled".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }],
        ..Options::default()
    };
    let count = |options: &Options| {
        let findings = corpus("bad", options).findings;
        findings.iter().filter(|finding| finding.rule.id == "RG009").count()
    };
    assert_eq!(count(&Options::default()), 3);
    assert_eq!(count(&ignore(&[])), 0);
    assert_eq!(count(&ignore(&["**/suppressions.yaml"])), 1);
    let excluded = Options { exclude: vec!["suppressions.yaml".to_owned()], ..Options::default() };
    assert_eq!(count(&excluded), 1);
}

#[test]
fn a_baseline_knows_what_was_found_and_no_more() {
    let all = corpus("bad", &Options::default());
    let baseline = || Baseline::parse(&Baseline::write(&all)).unwrap();
    let mut again = corpus("bad", &Options::default());
    // Lines move, and findings stay what they are.
    for finding in &mut again.findings {
        finding.at = finding.at.map(|at| regent_cfn::Position { line: at.line + 7, ..at });
    }
    let more = again.findings.iter().find(|finding| finding.rule.id == "RG001").unwrap().clone();
    again.findings.push(more.clone());
    baseline().apply(&mut again);
    let left: Vec<_> = again.findings.iter().map(|finding| finding.rule.id).collect();
    assert_eq!(left, ["RG102", "RG103", "RG103", "RG102", "RG001"]);
    assert_eq!(again.known, all.findings.len() - 4);
    let mut other = Checked { findings: vec![more], ..Checked::default() };
    other.findings[0].resource = Some("Other".to_owned());
    baseline().apply(&mut other);
    assert_eq!((other.findings.len(), other.known), (1, 0));
    for text in ["", "[]", "{}", r#"{"findings": [{"rule": "RG001"}]}"#] {
        assert!(Baseline::parse(text).is_err(), "{text}");
    }
}

#[test]
fn files_that_only_speak_of_templates_are_none() {
    let text = "on: push\njobs: { a: { steps: [{ run: 'grep AWS::KMS::Key Resources' }] } }\n";
    let (read, findings) = check_text("workflow.yaml", text, false, &Options::default());
    assert_eq!((read, findings.len()), (false, 0));
    let (_, findings) = check_text("workflow.yaml", text, true, &Options::default());
    assert_eq!(findings[0].rule.id, "RG102");
    let bucket = "Resources: { B: { Type: 'AWS::S3::Bucket' } }";
    let (read, findings) = check_text("bucket.yaml", bucket, true, &Options::default());
    assert_eq!((read, findings.len()), (false, 0));
}

#[test]
fn files_are_found_by_content_and_as_git_sees_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let bad = include_str!("corpus/bad/seed-update.yaml");
    std::fs::create_dir_all(root.join("a/build")).unwrap();
    std::fs::write(root.join(".gitignore"), "build/\n").unwrap();
    for name in ["a/one.YML", "a/two.template", "a/build/left-out.yaml", "notes.txt"] {
        std::fs::write(root.join(name), bad).unwrap();
    }
    std::fs::write(root.join("a/list.json"), "[1, 2, 3]").unwrap();
    let paths = |given: &[String]| {
        let checked = check(given, &Options::default()).unwrap();
        let names = checked.findings.iter().map(|finding| {
            let name = Path::new(&finding.path).file_name().unwrap().to_string_lossy();
            format!("{name} {}", finding.rule.id)
        });
        names.collect::<Vec<_>>()
    };
    let named = |name: &str| root.join(name).to_str().unwrap().to_owned();
    assert_eq!(paths(&[named("")]), ["one.YML RG001", "two.template RG001"]);
    // What is named is looked at, wherever it is and whatever it is called.
    let given = [named("a/build/left-out.yaml"), named("notes.txt"), named("a/list.json")];
    assert_eq!(paths(&given), ["left-out.yaml RG001", "list.json RG102", "notes.txt RG001"]);
    let missing = named("nothing");
    assert_eq!(paths(&[missing]), ["nothing RG102"]);
}

#[test]
fn parameters_decide_what_is_good() {
    let template = "Parameters:\n  Key: { Type: String }\nResources:\n  S:\n    Type: \
        AWS::SecretsManager::Secret\n    Properties:\n      GenerateSecretString: {}\n      \
        ReplicaRegions: [{ Region: us-west-2, KmsKeyId: !Ref Key }]\n";
    let ids = |key: Option<&str>| {
        let mut options = Options::default();
        options.parameters.extend(key.map(|key| ("Key".to_owned(), key.to_owned())));
        options.parameters.insert("Other".to_owned(), "of another template".to_owned());
        let (_, findings) = check_text("t.yaml", template, true, &options);
        findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None), ["RG100"]);
    assert_eq!(ids(Some("mrk-1")), ["RG001"]);
    assert_eq!(ids(Some("alias/aws/secretsmanager")), Vec::<&str>::new());
}

#[test]
fn what_a_function_makes_of_a_value_is_not_the_value() {
    let ids = |key: &str| {
        let template = format!(
            "Resources:\n  K: {{ Type: 'AWS::KMS::Key', Properties: {{ MultiRegion: true }} }}\n  S:\n    \
            Type: AWS::SecretsManager::Secret\n    Properties:\n      GenerateSecretString: {{}}\n      \
            ReplicaRegions: [{{ Region: us-west-2, KmsKeyId: {key} }}]\n"
        );
        let (_, findings) = check_text("t.yaml", &template, true, &Options::default());
        findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("!GetAtt K.Arn"), ["RG002"]);
    assert_eq!(ids("!Sub '${K.Arn}'"), ["RG002"]);
    assert_eq!(ids("!Select [1, !Split ['/', !GetAtt K.Arn]]"), ["RG100"]);
    let there = "!Join ['us-west-2', !Split [!Ref 'AWS::Region', !GetAtt K.Arn]]";
    assert_eq!(ids(&there.replace("!Ref 'AWS::Region'", "us-east-1")), ["RG100"]);
}

#[test]
fn a_manifest_of_cdk_says_where_a_template_is_deployed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cdk.out");
    std::fs::create_dir_all(out.join("assembly-Prod")).unwrap();
    // As in a repository, where the folder is left out unless it is named.
    std::fs::write(folder.path().join(".gitignore"), "cdk.out\n").unwrap();
    let stack = |name: &str, environment: &str| {
        serde_json::json!({"artifacts": {
            "Top": {"type": "aws:cloudformation:stack", "environment": environment,
                "properties": {"templateFile": name}, "dependencies": ["Top.assets", "Other"]},
            "Top.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Top.assets.json"}},
        }})
    };
    let assets = serde_json::json!({"files": {"a": {"source": {"path": "inner.template.json"}}}});
    let template = |region: &str| {
        serde_json::json!({"Resources": {"S": {"Type": "AWS::SecretsManager::Secret",
            "Properties": {"GenerateSecretString": {}, "ReplicaRegions": [{"Region": region}]}}}})
    };
    for (name, json) in [
        ("manifest.json", stack("top.template.json", "aws://123456789012/us-east-1")),
        ("Top.assets.json", assets),
        ("top.template.json", template("us-east-1")),
        ("inner.template.json", template("us-east-1")),
        ("assembly-Prod/manifest.json", stack("app.json", "aws://123456789012/us-west-2")),
        ("assembly-Prod/app.json", template("us-west-2")),
        ("assembly-Prod/other.json", template("us-west-2")),
    ] {
        std::fs::write(out.join(name), json.to_string()).unwrap();
    }
    let root = out.to_str().unwrap().to_owned();
    // The manifest knows better than the flag.
    let options = Options { region: Some("eu-west-1".to_owned()), ..Options::default() };
    let places = |given: String| {
        let findings = check(&[given], &options).unwrap().findings;
        let each = findings.iter().map(|one| {
            let name = one.path.trim_start_matches(&root).trim_start_matches('/');
            format!("{name} {}", one.rule.id)
        });
        each.collect::<Vec<_>>()
    };
    let all =
        ["assembly-Prod/app.json RG006", "inner.template.json RG006", "top.template.json RG006"];
    assert_eq!(places(root.clone()), all);
    let one = format!("{root}/inner.template.json");
    assert_eq!(places(one), ["inner.template.json RG006"]);
}

#[test]
fn the_live_table_is_in_order_and_its_reports_name_accounts() {
    assert!(LIVE.is_sorted_by(|a, b| a.id < b.id));
    insta::assert_snapshot!("live_rules", report::rules(Subject::Secrets));
    let finding = |rule, resource: Option<&str>, message: &str| Finding {
        rule: rules::find(rule).unwrap(),
        path: "123456789012/us-west-2".to_owned(),
        at: None,
        resource: resource.map(str::to_owned),
        message: message.to_owned(),
        snippet: None,
        question: None,
    };
    let findings = vec![
        finding("RG201", Some("prod/db"), "Invalid keyId 'x'"),
        finding("RG298", Some("prod/db"), "no leave"),
        finding("RG299", None, "ListSecrets: no leave"),
    ];
    let checked =
        Checked { subject: Subject::Secrets, findings, files: 3, opened: 2, ..Checked::default() };
    assert_eq!(checked.unreadable(), 1);
    let all = [report::text, report::json, report::junit, report::github, report::markdown];
    insta::assert_snapshot!("live", all.map(|print| print(&checked)).join("\n"));
    let sarif: serde_json::Value = serde_json::from_str(&report::sarif(&checked)).unwrap();
    let driver = &sarif["runs"][0]["tool"]["driver"];
    assert_eq!(driver["name"], "regent audit");
    assert_eq!(driver["rules"].as_array().unwrap().len(), LIVE.len());
    // What could not be read is never known.
    let mut checked = checked;
    Baseline::parse(&Baseline::write(&checked)).unwrap().apply(&mut checked);
    let left: Vec<_> = checked.findings.iter().map(|finding| finding.rule.id).collect();
    assert_eq!((left, checked.known), (vec!["RG299"], 2));
}
