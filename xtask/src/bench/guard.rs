//! The guard: how many templates a check reads in a minute, and what an audit of many secrets asks of
//! a server and holds in memory.
//!
//! Each is a process of its own, as it is where it is used: its start is in the time.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use super::load::{self, Source, Until, count_f64, percentile};
use super::process::{Process, peak_memory_kib};
use super::scenes::{CONNECTIONS, EAST, WEST, rest, token};
use super::sign::Signer;
use crate::run::Result;

/// Templates of one check, and of one folder.
const TEMPLATES: u64 = 10_000;
const FOLDER: u64 = 100;
/// Secrets of the audits: the second shows whether memory grows with them.
const AUDITED: [u64; 2] = [10_000, 50_000];
/// One secret in so many has a replica.
const REPLICATED: u64 = 2;
/// Between two looks at a process's memory.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What a process did.
struct Ran {
    took: Duration,
    memory_kib: u64,
    report: Value,
}

impl Bench {
    pub(super) fn guard(&mut self) -> Result<()> {
        if self.wants("regent check") {
            self.check()?;
        }
        for count in AUDITED {
            if self.wants(&format!("regent audit, {count} secrets")) {
                self.audit(count)?;
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let folder = self.scratch.join("templates");
        write_templates(&folder).map_err(|cause| cause.to_string())?;
        let mut rounds = Vec::new();
        let mut memory_kib = 0;
        // The first fills the system's cache of files.
        for round in 0..=self.rounds {
            let mut command = Command::new(&self.binary);
            command.arg("check").arg(&folder).args(["--region", EAST, "--output", "json"]);
            let ran = run(command)?;
            let files = ran.report.get("files").and_then(Value::as_u64);
            if files != Some(TEMPLATES) {
                return Err(format!("the check read {files:?} templates of {TEMPLATES}"));
            }
            if round > 0 {
                rounds.push(ran.took);
            }
            memory_kib = memory_kib.max(ran.memory_kib);
        }
        rounds.sort_unstable();
        let took = percentile(&rounds, 50);
        let per_minute = (count_f64(TEMPLATES) * 60.0 / took.as_secs_f64()).round();
        let text = format!(
            "regent check, {TEMPLATES} templates: {:.2} s, {per_minute:.0} a minute, at most {memory_kib} KiB",
            took.as_secs_f64()
        );
        let value = json!({ "perMinute": per_minute, "peakMemoryKib": memory_kib });
        self.report.fact("check", &text, value);
        Ok(())
    }

    fn audit(&mut self, count: u64) -> Result<()> {
        let server = Process::regent(&self.binary, &self.scratch.join(format!("audit-{count}")))?;
        let signer = Signer::secrets(server.port, EAST);
        let source: Source =
            Arc::new(move |number| signer.request("CreateSecret", &secret(number)).into());
        self.runtime.block_on(load::run(server.port, CONNECTIONS, Until::Count(count), source))?;
        rest(&server);
        let before = server.cpu();
        let ran = run(audit(&self.binary, server.port))?;
        let cpu = server.cpu().saturating_sub(before);
        let cost = |member: &str| {
            let found = ran.report.get("cost").and_then(|cost| cost.get(member)?.as_u64());
            found.ok_or_else(|| format!("an audit without {member}"))
        };
        let (secrets, calls) = (cost("secrets")?, cost("calls")?);
        if secrets != count || cost("replicas")? != count / REPLICATED {
            return Err(format!("the audit saw {secrets} secrets of {count}"));
        }
        let each = count_f64(calls) / count_f64(count);
        let seconds = ran.took.as_secs_f64();
        let text = format!(
            "regent audit, {count} secrets, {} of them replicated: {seconds:.1} s, {each:.2} calls a secret, \
             at most {} KiB, the server's CPU {:.1} s",
            count / REPLICATED,
            ran.memory_kib,
            cpu.as_secs_f64()
        );
        let value = json!({
            "seconds": seconds,
            "callsPerSecret": each,
            "peakMemoryKib": ran.memory_kib,
        });
        self.report.fact(&format!("audit{count}"), &text, value);
        Ok(())
    }
}

/// Runs a command to its end. That it finds something is no failure.
fn run(mut command: Command) -> Result<Ran> {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_PROFILE") || name.starts_with("REGENT_") {
            command.env_remove(name);
        }
    }
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.map_err(|cause| format!("the guard cannot be started: {cause}"))?;
    let id = child.id();
    // Whoever does not read holds the process up.
    let reading = std::thread::spawn(move || output(child));
    let mut memory_kib = 0;
    while !reading.is_finished() {
        memory_kib = memory_kib.max(peak_memory_kib(id));
        std::thread::sleep(LOOK_PAUSE);
    }
    let took = started.elapsed();
    let printed = reading.join().map_err(|_| "the guard's output could not be read")??;
    let report = serde_json::from_slice(&printed).map_err(|cause| cause.to_string())?;
    Ok(Ran { took, memory_kib, report })
}

fn output(child: Child) -> Result<Vec<u8>> {
    let done = child.wait_with_output().map_err(|cause| cause.to_string())?;
    match done.status.code() {
        Some(0 | 1) => Ok(done.stdout),
        code => {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            Err(format!("the guard ended with {code:?}: {said}"))
        }
    }
}

fn audit(binary: &Path, port: u16) -> Command {
    let mut command = Command::new(binary);
    command.args(["audit", "--output", "json", "--region", &format!("{EAST},{WEST}")]);
    command.envs([
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}").as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    command
}

/// The body that makes one secret; groups are of a hundred.
fn secret(number: u64) -> String {
    let replicas = match number % REPLICATED {
        0 => format!(r#","AddReplicaRegions":[{{"Region":"{WEST}"}}]"#),
        _ => String::new(),
    };
    format!(
        r#"{{"Name":"group-{:06}/secret-{number}","SecretString":"v","ClientRequestToken":"{}"{replicas}}}"#,
        number / 100,
        token(number)
    )
}

fn write_templates(root: &Path) -> std::io::Result<()> {
    for number in 0..TEMPLATES {
        let folder = root.join(format!("stack-{:03}", number / FOLDER));
        if number % FOLDER == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        let (name, text) = match number % 5 {
            0 => (format!("template-{number}.json"), template_json(number)),
            _ => (format!("template-{number}.yaml"), template(number)),
        };
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Secrets of a stack, each with a replica; one template in ten names a key that is malformed.
fn template(number: u64) -> String {
    let mut text = String::from(HEAD);
    let digits = if number % 10 == 1 { "0" } else { "" };
    for secret in 0..4 {
        // A string takes everything.
        let _ = write!(
            text,
            "  Secret{secret}:\n    Type: AWS::SecretsManager::Secret\n    DeletionPolicy: Retain\n    \
             UpdateReplacePolicy: Retain\n    Properties:\n      \
             Name: !Sub \"${{Stage}}/app-{number}/secret-{secret}\"\n      \
             KmsKeyId: !GetAtt Key.Arn\n      \
             GenerateSecretString: {{ SecretStringTemplate: '{{\"username\": \"app\"}}', GenerateStringKey: password }}\n      \
             ReplicaRegions:\n        - Region: {WEST}\n          KmsKeyId: mrk-{number:032x}{digits}\n"
        );
    }
    text
}

fn template_json(number: u64) -> String {
    let key = format!("arn:aws:kms:{WEST}:123456789012:key/mrk-{number:032x}");
    let replica = json!({ "Region": WEST, "KmsKeyId": key });
    let secret = json!({
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {
            "Name": { "Fn::Join": ["/", [{ "Ref": "Stage" }, format!("app-{number}")]] },
            "GenerateSecretString": {},
            "ReplicaRegions": [replica],
        },
    });
    let stage = json!({ "Type": "String", "Default": "prod" });
    let all = json!({ "Parameters": { "Stage": stage }, "Resources": { "Secret": secret } });
    format!("{all:#}\n")
}

const HEAD: &str = "AWSTemplateFormatVersion: \"2010-09-09\"
Description: A stack as there are many
Parameters:
  Stage: { Type: String, Default: prod }
Mappings:
  Sizes:
    prod: { Length: 32 }
Conditions:
  Production: !Equals [!Ref Stage, prod]
Resources:
  Key:
    Type: AWS::KMS::Key
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      MultiRegion: true
      KeyPolicy:
        Version: \"2012-10-17\"
        Statement:
          - Effect: Allow
            Principal: { AWS: !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:root\" }
            Action: kms:*
            Resource: \"*\"
";
