//! What a check leaves for a live account to answer, and what takes a question away.
#![allow(clippy::unwrap_used, reason = "tests unwrap")]

use regent_guard::config::{Ignore, Options};
use regent_guard::scan::{check, check_text};

const DIGITS: &str = "1234abcd12ab34cd56ef1234567890ab";

/// A secret in us-east-1 under a key of its own, with replicas under others.
fn template(remark: &str) -> String {
    format!(
        "Resources:\n  Pair:\n    Type: AWS::KMS::ReplicaKey\n    Properties:\n      \
         PrimaryKeyArn: arn:aws:kms:eu-west-1:123456789012:key/mrk-{DIGITS}\n      KeyPolicy: {{}}\n  \
         S:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      \
         KmsKeyId: alias/own\n      GenerateSecretString: {{}}\n      ReplicaRegions:\n        \
         - Region: us-west-2{remark}\n          KmsKeyId: mrk-{DIGITS}{remark}\n        \
         - {{ Region: eu-west-1, KmsKeyId: alias/aws/secretsmanager }}\n"
    )
}

/// Region and key of each question: those that a finding has, and those that nothing is told of.
fn questions(text: &str, options: &Options) -> [Vec<String>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    std::fs::write(&path, text).unwrap();
    let checked = check(&[path.to_str().unwrap().to_owned()], options).unwrap();
    [checked.findings, checked.quiet].map(|findings| {
        let asked = findings.into_iter().filter_map(|one| one.question.map(|q| (one.rule.id, q)));
        asked.map(|(rule, asked)| format!("{rule} {} {}", asked.region, asked.key)).collect()
    })
}

fn at(region: &str) -> Options {
    Options { region: Some(region.to_owned()), ..Options::default() }
}

#[test]
fn each_named_key_is_a_question_in_its_region() {
    let primary = format!("RG101 eu-west-1 arn:aws:kms:eu-west-1:123456789012:key/mrk-{DIGITS}");
    let replica = format!("RG101 us-west-2 mrk-{DIGITS}");
    let own = "RG101 us-east-1 alias/own".to_owned();
    assert_eq!(
        questions(&template(""), &at("us-east-1")),
        [vec![replica.clone()], vec![own, primary.clone()]]
    );
    // Where the stack is deployed is not known: nobody can be asked there.
    assert_eq!(questions(&template(""), &Options::default()), [vec![replica], vec![primary]]);
    // Nothing is told of what only a live account can answer.
    let (_, told) = check_text("t.yaml", &template(""), true, &at("us-east-1"));
    assert_eq!(told.iter().filter(|one| one.is_quiet()).count(), 0);
    assert_eq!(told.iter().filter(|one| one.rule.id == "RG101").count(), 1);
}

#[test]
fn whoever_suppresses_rg101_asks_nothing() {
    let ignored = template(" # regent: ignore RG101 made by another team");
    let [asked, _] = questions(&ignored, &at("us-east-1"));
    assert_eq!(asked, Vec::<String>::new());
    // Of a key of the secret itself too, and without a live account that suppression is none of nothing.
    let ignored =
        template("").replace("alias/own", "alias/own # regent: ignore RG101 made by hand");
    let [_, quiet] = questions(&ignored, &at("us-east-1"));
    assert_eq!(quiet.len(), 1);
    let (_, told) = check_text("t.yaml", &ignored, true, &at("us-east-1"));
    assert!(told.iter().all(|one| one.rule.id != "RG103"), "{told:?}");
    let ignore = Ignore { rule: "RG101".to_owned(), reason: "x".to_owned(), paths: Vec::new() };
    let options = Options { ignore: vec![ignore], ..at("us-east-1") };
    assert_eq!(questions(&template(""), &options), [Vec::<String>::new(), Vec::new()]);
}

/// Two replicas in one Region are told of once each, and the question stays with its own finding.
#[test]
fn a_question_is_never_of_another_finding() {
    let twice = template("").replace(
        "        - { Region: eu-west-1, KmsKeyId: alias/aws/secretsmanager }\n",
        &format!("        - Region: us-west-2\n          KmsKeyId: mrk-{DIGITS}\n"),
    );
    let [asked, _] = questions(&twice, &at("us-east-1"));
    let one = format!("RG101 us-west-2 mrk-{DIGITS}");
    assert_eq!(asked, [one.clone(), one]);
    let anchored = template("")
        .replace("- Region: us-west-2", "- &r\n          Region: us-west-2")
        .replace("- { Region: eu-west-1, KmsKeyId: alias/aws/secretsmanager }", "- *r");
    // The second is the same place, and RG007 is told of it between the two.
    let [asked, _] = questions(&anchored, &at("us-east-1"));
    assert_eq!(asked, [format!("RG101 us-west-2 mrk-{DIGITS}")]);
    let (_, told) = check_text("t.yaml", &anchored, true, &at("us-east-1"));
    let rules: Vec<_> = told.iter().map(|one| one.rule.id).collect();
    assert!(rules.contains(&"RG007") && rules.contains(&"RG101"), "{rules:?}");
}
