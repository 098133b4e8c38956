//! Any input gets an answer: no panic, no end of memory or time, and nothing that looks like one of the
//! files that are read passes in silence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests unwrap")]

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use regent_guard::config::Options;
use regent_guard::report;
use regent_guard::scan::{Checked, check, check_terraform, check_text};

/// What is cut up and put together again: one of each notation.
const SEEDS: [&str; 8] = [
    include_str!("corpus/good/pair.yaml"),
    include_str!("corpus/good/templates/key-policies.yaml"),
    include_str!("corpus/good/templates/for-each.yaml"),
    include_str!("corpus/bad/one-line.json"),
    include_str!("corpus/bad/terraform-plan.json"),
    include_str!("corpus/bad/pulumi-preview.json"),
    include_str!("corpus/good/terraform-many/main.tf"),
    include_str!("corpus/good/terraform-json/cdk.tf.json"),
];

/// What is put in between.
fn piece() -> impl Strategy<Value = String> {
    let known = select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        ":",
        ",",
        "\n",
        "\t",
        "- ",
        "&a ",
        "*a",
        "!Ref ",
        "!Sub ",
        "${",
        "%{",
        "<<EOT\n",
        "\u{0}",
        "\u{feff}",
        "\u{2028}",
        "\u{e000}",
        "\\u0000",
        "null",
        "1e999999",
        "-0",
        "# ",
        "regent: ignore RG001 x",
        "\"Fn::If\":",
        "AWS::NoValue",
        "arn:aws:kms:::key/",
        "mrk-",
        "alias/",
        "replica",
        "KmsKeyId: ",
        "kms_key_id = ",
        "/*",
        "??",
        "é",
        "😀",
    ]);
    prop_oneof![
        known.prop_map(str::to_owned),
        ".{0,12}",
        (select(vec!["[", "{", "(", "${", "- ", "{\"a\":"]), 1..3000_usize)
            .prop_map(|(text, count)| text.repeat(count)),
    ]
}

/// A seed of which pieces are left out, doubled and replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0..40_usize, 0..3_u8, piece());
    (select(SEEDS.to_vec()), prop::collection::vec(edit, 0..6)).prop_map(|(seed, edits)| {
        let mut text: Vec<char> = seed.chars().collect();
        for (at, len, how, piece) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + len).min(text.len());
            let again: Vec<char> = text[start..end].to_vec();
            let with: Vec<char> = match how {
                0 => piece.chars().collect(),
                1 => again.iter().chain(&again).copied().collect(),
                _ => Vec::new(),
            };
            text.splice(start..end, with);
        }
        text.into_iter().collect()
    })
}

fn exercise(text: &str) {
    let options = Options { region: Some("us-east-1".to_owned()), ..Options::default() };
    let mut findings = check_text("t.yaml", text, true, &options).1;
    for (name, assigned) in [("a.tf", "a.tfvars"), ("a.tf.json", "a.tfvars.json")] {
        let file = |name: &str| vec![(name.to_owned(), text.to_owned())];
        findings.extend(check_terraform(file(name), &file(assigned), &options).1);
    }
    let checked = Checked { findings, ..Checked::default() };
    let _ = (report::text(&checked), report::json(&checked), report::junit(&checked));
    let _ = (report::github(&checked), report::markdown(&checked), report::sarif(&checked));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_text_stops_a_reader(text in mutated()) {
        exercise(&text);
    }

    #[test]
    fn no_other_text_does(text in "\\PC{0,200}") {
        exercise(&text);
        exercise(&format!("Resources: AWS::KMS::Key {text}"));
    }
}

const BAD: &str = include_str!("corpus/bad/seed-update.yaml");

/// The rules that find something in the files of a folder, by the names of the files.
fn found(files: &[(&str, Vec<u8>)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    found_in(folder.path())
}

fn found_in(folder: &Path) -> Vec<String> {
    let root = folder.to_str().unwrap().to_owned();
    let checked = check(std::slice::from_ref(&root), &Options::default()).unwrap();
    let each = checked.findings.iter().map(|one| {
        let name = one.path.trim_start_matches(&root).trim_start_matches('/');
        format!("{name} {}", one.rule.id)
    });
    each.collect()
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn other_encodings_are_told() {
    let latin: Vec<u8> = b"# caf\xe9\n".iter().chain(BAD.as_bytes()).copied().collect();
    let all = [
        ("big.yaml", utf16(BAD, u16::to_be_bytes)),
        ("bom.yaml", format!("\u{feff}{BAD}").into_bytes()),
        ("latin.yaml", latin),
        ("little.yaml", utf16(&format!("\u{feff}{BAD}"), u16::to_le_bytes)),
        ("picture.json", vec![0x89, b'P', b'N', b'G', 0xff]),
    ];
    let wanted = ["big.yaml RG102", "bom.yaml RG001", "latin.yaml RG102", "little.yaml RG102"];
    assert_eq!(found(&all), wanted);
}

#[test]
fn what_is_too_deep_too_large_or_twice_is_told() {
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(50_000), close.repeat(50_000));
        format!(
            "{{\"Resources\":{{\"K\":{{\"Type\":\"AWS::KMS::Key\",\"Properties\":{open}{close}}}}}}}"
        )
    };
    let laughs =
        (b'b'..=b'i').fold("Resources:\n  a: &a [AWS::KMS::Key]\n".to_owned(), |all, name| {
            let (name, before) = (char::from(name), char::from(name - 1));
            let items = vec![format!("*{before}"); 9].join(", ");
            format!("{all}  {name}: &{name} [{items}]\n")
        });
    let twice = r#"{"Resources": {"K": {"Type": "AWS::KMS::Key", "Type": "AWS::KMS::Key"}}}"#;
    let large = format!("{BAD}# {}\n", "x".repeat(1 << 20));
    let plan = format!("{{\"format_version\": 1, \"planned_values\": {}", "[".repeat(50_000));
    let preview = format!("{{\"steps\": [\"urn:pulumi:\", {}", "[".repeat(50_000));
    let numbers = format!(
        "{{\"Resources\":{{\"K\":{{\"Type\":\"AWS::KMS::Key\",\"Properties\":{{\"PendingWindowInDays\":{}}}}}}}}}",
        "9".repeat(10_000)
    );
    for (name, text, wanted) in [
        ("deep.json", deep("[", "]"), "RG102"),
        ("deep.yaml", deep("[", "]").replace('"', ""), "RG102"),
        ("laughs.yaml", laughs, "RG102"),
        ("twice.json", twice.to_owned(), "RG102"),
        ("large.yaml", large, "RG102"),
        ("plan.json", plan, "RG102"),
        ("preview.json", preview, "RG102"),
        ("numbers.json", numbers, "RG021"),
        ("two.yaml", format!("{BAD}---\n{BAD}"), "RG102"),
        ("nul.yaml", format!("{BAD}\0"), "RG102"),
        ("deep.tf", format!("a = {}", "[".repeat(50_000)), "RG102"),
        ("deep.tf.json", "{\"a\":".repeat(50_000), "RG102"),
    ] {
        assert_eq!(found(&[(name, text.into_bytes())]), [format!("{name} {wanted}")]);
    }
}

#[cfg(unix)]
#[test]
fn links_lead_to_files_and_loops_to_nothing() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("inner")).unwrap();
    std::fs::write(path("inner/real.yaml"), BAD).unwrap();
    symlink("inner/real.yaml", path("link.yaml")).unwrap();
    symlink("..", path("inner/up")).unwrap();
    symlink("self.yaml", path("self.yaml")).unwrap();
    symlink("nowhere", path("gone.yaml")).unwrap();
    let wanted = ["gone.yaml RG102", "inner/real.yaml RG001", "link.yaml RG001", "self.yaml RG102"];
    assert_eq!(found_in(folder.path()), wanted);
}

#[cfg(unix)]
#[test]
fn a_pipe_that_is_named_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(writer, BAD));
    let checked = check(&[pipe.to_str().unwrap().to_owned()], &Options::default()).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(checked.findings[0].rule.id, "RG001");
}
