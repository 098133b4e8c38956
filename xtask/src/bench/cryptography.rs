//! KMS: what an operation costs beside a bare server and beside its cryptography alone, which is
//! aws-lc-rs called directly (`crates/crypto/examples/raw.rs`), in the same rounds.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::load::{Source, Until};
use super::process::Process;
use super::scenes::{CONNECTIONS, EAST, VALUE_LEN};
use super::sign::Signer;
use super::{Bench, Load};
use crate::run::{Result, cargo, output, succeed, target_dir};

/// How long the cryptography alone is measured in each round.
const RAW_TIME: Duration = Duration::from_millis(300);
/// A key for each kind of operation: its name here, and its request.
const KEYS: [(&str, &str); 3] = [
    ("symmetric", "{}"),
    ("p256", r#"{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}"#),
    ("rsa2048", r#"{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}"#),
];

/// One scene.
struct Scene {
    name: &'static str,
    operation: &'static str,
    key: &'static str,
    /// What it is called in the example.
    raw: &'static str,
    /// Members of the request beside the key.
    members: String,
    /// The member of the answer that the request of the next scene names `{previous}`.
    gives: &'static str,
}

/// In the order in which one makes what the next needs.
fn scenes() -> [Scene; 7] {
    let text = STANDARD.encode([7; VALUE_LEN]);
    let scene = |name, operation, key, raw, gives, members: &str| Scene {
        name,
        operation,
        key,
        raw,
        members: members.replace("{text}", &text),
        gives,
    };
    let sign = r#""Message":"{text}","SigningAlgorithm":"#;
    let ecdsa = format!(r#"{sign}"ECDSA_SHA_256""#);
    let pss = format!(r#"{sign}"RSASSA_PSS_SHA_256""#);
    let verify = |sign: &str| format!(r#"{sign},"Signature":"{{previous}}""#);
    let blob = r#""CiphertextBlob":"{previous}""#;
    [
        scene(
            "Encrypt, 1 KiB",
            "Encrypt",
            "symmetric",
            "encrypt",
            "CiphertextBlob",
            r#""Plaintext":"{text}""#,
        ),
        scene("Decrypt, 1 KiB", "Decrypt", "symmetric", "decrypt", "", blob),
        scene(
            "GenerateDataKey, 256 bits",
            "GenerateDataKey",
            "symmetric",
            "data-key",
            "",
            r#""KeySpec":"AES_256""#,
        ),
        scene("Sign, P-256", "Sign", "p256", "sign-p256", "Signature", &ecdsa),
        scene("Verify, P-256", "Verify", "p256", "verify-p256", "", &verify(&ecdsa)),
        scene("Sign, RSA-2048", "Sign", "rsa2048", "sign-rsa2048", "Signature", &pss),
        scene("Verify, RSA-2048", "Verify", "rsa2048", "verify-rsa2048", "", &verify(&pss)),
    ]
}

impl Bench {
    pub fn cryptography(&mut self, server: &Process) -> Result<()> {
        let scenes = scenes();
        if !scenes.iter().any(|scene| self.wants(scene.name)) {
            return Ok(());
        }
        let raw = Raw::build()?;
        let signer = Signer::keys(server.port, EAST);
        let mut keys = Vec::new();
        for (key, body) in KEYS {
            let made = self.ask(server, &signer.request("CreateKey", body), |answer| {
                Some(answer.get("KeyMetadata")?.get("KeyId")?.as_str()?.to_owned())
            })?;
            keys.push((key, made));
        }
        let mut previous = String::new();
        for Scene { name, operation, key, raw: alone, members, gives } in scenes {
            let id = keys.iter().find(|(known, _)| *known == key).map_or("", |(_, id)| id);
            let members = members.replace("{previous}", &previous);
            let request: Arc<[u8]> =
                signer.request(operation, &format!(r#"{{"KeyId":"{id}",{members}}}"#)).into();
            if !gives.is_empty() {
                previous = self.ask(server, &request, |answer| {
                    Some(answer.get(gives)?.as_str()?.to_owned())
                })?;
            }
            let answer_len = self.answer_len(server, Some(&request))?;
            let source: Source = Arc::new(move |_| Arc::clone(&request));
            let load = Load {
                name,
                connections: CONNECTIONS,
                until: Until::Time(self.time),
                source: &|_| Arc::clone(&source),
                answer_len,
                raw: Some(&|| raw.measure(alone)),
            };
            self.beside_bare(server, &load)?;
        }
        Ok(())
    }
}

/// The program that measures the cryptography alone.
struct Raw(PathBuf);

impl Raw {
    fn build() -> Result<Self> {
        let arguments = ["build", "--release", "-p", "regent-crypto", "--example", "raw"];
        succeed(cargo().args(arguments))?;
        Ok(Self(target_dir()?.join("release/examples/raw")))
    }

    /// Processor time of one operation.
    fn measure(&self, operation: &str) -> Result<Duration> {
        let mut command = Command::new(&self.0);
        let printed = output(command.args([operation, &RAW_TIME.as_millis().to_string()]))?;
        let nanos = printed.trim().parse().map_err(|_| format!("{operation}: {printed:?}"))?;
        Ok(Duration::from_nanos(nanos))
    }
}
