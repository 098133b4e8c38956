//! Measures a template of 500 resources, AWS's limit: reading, checking, planning. Prints one line
//! each; asserts nothing.
//!
//! `cargo run --release -p regent-cfn --example measure`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example stops at the first error, takes the time and prints"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use regent_cfn::parameters::bind;
use regent_cfn::plan::{Plan, Side};
use regent_cfn::resolve::{Nothing, Pseudo, Resolution};
use regent_cfn::{Bounds, Document, Template};

const RESOURCES: usize = 500;
const ROUNDS: u32 = 50;

/// Keys and secrets by turns, each secret under the key before it.
fn yaml() -> String {
    let mut text = "Parameters: {Stage: {Type: String, Default: live}}\nResources:\n".to_owned();
    for index in 0..RESOURCES / 2 {
        write!(
            text,
            "  Key{index}:
    Type: AWS::KMS::Key
    Properties:
      MultiRegion: true
      Description: !Sub 'key {index} of ${{Stage}} in ${{AWS::Region}}'
      KeyPolicy:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Principal: {{AWS: !Sub 'arn:aws:iam::${{AWS::AccountId}}:root'}}
            Action: kms:*
            Resource: '*'
  Secret{index}:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: !Join ['/', [!Ref Stage, service, {index}]]
      KmsKeyId: !GetAtt Key{index}.Arn
      GenerateSecretString: {{PasswordLength: 30}}
      ReplicaRegions: [{{Region: us-west-2, KmsKeyId: !Ref Key{index}}}]
"
        )
        .unwrap();
    }
    text
}

fn measure(name: &str, mut run: impl FnMut()) {
    run();
    let mut best = Duration::MAX;
    let all = Instant::now();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        run();
        best = best.min(started.elapsed());
    }
    let mean = all.elapsed() / ROUNDS;
    println!("{name:<32} {:>8.2} ms, best {:>8.2} ms", millis(mean), millis(best));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// All that is done before anything is created.
fn validate(text: &str) -> usize {
    let given = BTreeMap::new();
    let document = Document::read(text, Bounds::TEMPLATE).unwrap();
    let template = Template::read(&document, &given).unwrap();
    let (bound, pseudo) = (bind(&template.parameters, &given), Pseudo::default());
    let resolution = Resolution::new(&template, &bound.values, &pseudo).unwrap();
    let graph = resolution.check().unwrap();
    assert!(resolution.check_properties(&Nothing).unwrap().is_empty());
    let side = Side { resolution: &resolution, graph: &graph, outside: &Nothing };
    Plan::new(None, Some(side)).unwrap().steps.len()
}

fn main() {
    let text = yaml();
    println!("{RESOURCES} resources, {} bytes of YAML", text.len());
    measure("read YAML", || drop(Document::read(&text, Bounds::TEMPLATE).unwrap()));
    measure("read, check and plan", || assert_eq!(validate(&text), RESOURCES));
}
