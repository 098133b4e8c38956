//! A rotation function that is a program of this machine.
//!
//! The event is on its standard input, and its exit code is the answer. It is started without a
//! shell and with a clean environment: what tells it about this server, and what the operator
//! gives. What it prints is thrown away, because nobody knows what is in it (promise R7).

use std::process::Stdio;

use regent_core::ids::Region;
use tokio::io::AsyncWriteExt as _;

use super::{Command, Failure};

pub(super) async fn run(
    command: &Command,
    region: Region,
    endpoint: &str,
    event: Vec<u8>,
) -> Result<(), Failure> {
    let mut process = tokio::process::Command::new(&command.program);
    process
        .args(&command.arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", region.as_str())
        .env("AWS_DEFAULT_REGION", region.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Also when the step takes too long, and when the server stops.
        .kill_on_drop(true);
    if let Some((id, secret)) = &command.access_key {
        process.env("AWS_ACCESS_KEY_ID", id);
        process.env("AWS_SECRET_ACCESS_KEY", secret.expose_text());
    }
    process.envs(command.environment.iter().map(|(name, value)| (name, value.as_str())));
    let mut child = process.spawn().map_err(|cause| Failure::Unreachable(cause.kind()))?;
    if let Some(mut input) = child.stdin.take() {
        // A function may end without having read; its exit code says whether that was right.
        let _ = input.write_all(&event).await;
    }
    let status = child.wait().await.map_err(|cause| Failure::Unreachable(cause.kind()))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Exit(code)),
        None => Err(Failure::Signal),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use regent_wire::sigv4::SecretKey;
    use zeroize::Zeroizing;

    use super::*;
    use crate::functions::{Function, Functions, Target};

    async fn run_script(script: &str, environment: &[(&str, &str)]) -> Result<(), Failure> {
        let command = Command {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())))
                .collect::<BTreeMap<_, _>>(),
            access_key: Some(("AKIA".to_owned(), SecretKey::new("hunter2".to_owned()))),
        };
        assert!(!format!("{command:?}").contains("hunter2"));
        let function = Function {
            arn: "arn".into(),
            region: "us-east-1".parse().unwrap(),
            target: Target::Command(command),
            timeout: Duration::from_secs(2),
        };
        let functions = Functions::new(vec![function], "http://127.0.0.1:1".to_owned());
        functions.invoke("arn", b"{\"Step\":\"createSecret\"}".to_vec()).await
    }

    #[tokio::test]
    async fn the_exit_code_is_the_answer() {
        let reads = r#"test "$(cat)" = '{"Step":"createSecret"}'"#;
        run_script(reads, &[]).await.unwrap();
        assert!(matches!(run_script("exit 3", &[]).await, Err(Failure::Exit(3))));
        assert!(matches!(run_script("kill -9 $$", &[]).await, Err(Failure::Signal)));
        let late = run_script("exec sleep 60", &[]).await;
        assert!(matches!(late, Err(Failure::Late(_))), "{late:?}");
    }

    #[tokio::test]
    async fn the_environment_is_clean() {
        // Set by cargo for this very test, and not for the function.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let script = r#"test -z "$CARGO_MANIFEST_DIR" && test "$AWS_ENDPOINT_URL" = http://127.0.0.1:1 &&
            test "$AWS_REGION$AWS_DEFAULT_REGION" = us-east-1us-east-1 &&
            test "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" = AKIA:hunter2 && test "$OWN" = 'a b'"#;
        run_script(script, &[("OWN", "a b")]).await.unwrap();
    }
}
