//! A real `regent dev` process for tests, and requests signed by somebody else's signer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test stops at whatever it did not expect"
)]
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts `regent dev` on a free port, with `arguments` besides.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_regent"))
            .args(["dev", "--port", "0", "--output", "json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        let port = loop {
            assert_ne!(lines.read_line(&mut banner).unwrap(), 0, "no banner: {banner}");
            if let Ok(banner) = serde_json::from_str::<serde_json::Value>(&banner) {
                let endpoint = banner["endpoint"].as_str().unwrap();
                break endpoint.rsplit_once(':').unwrap().1.parse().unwrap();
            }
        };
        // The pipe stays open for as long as the process may write to it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, port }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends bytes on a connection of its own and returns everything that comes back.
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Sends a signed request of a JSON service: status and body.
    pub fn call(&self, key: (&str, &str), region: &str, target: &str, body: &str) -> (u16, String) {
        let request = self.signed(key, region, target, body, SystemTime::now());
        let answer = self.raw(&request);
        let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status, body.unwrap_or_default())
    }

    /// The bytes of a signed request.
    pub fn signed(
        &self,
        (access_key, secret): (&str, &str),
        region: &str,
        target: &str,
        body: &str,
        time: SystemTime,
    ) -> Vec<u8> {
        let host = format!("127.0.0.1:{}", self.port);
        let service = match target.split_once('.').map(|(service, _)| service) {
            Some("TrentService") => "kms",
            Some(_) => "secretsmanager",
            None if body.contains("Version=2010-05-15") => "cloudformation",
            None => "sts",
        };
        let form = matches!(service, "sts" | "cloudformation");
        let content_type =
            if form { "application/x-www-form-urlencoded" } else { "application/x-amz-json-1.1" };
        let mut headers = vec![("host", host.as_str()), ("content-type", content_type)];
        if !form {
            headers.push(("x-amz-target", target));
        }
        let identity = Credentials::new(access_key, secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let url = format!("http://{host}/");
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = "POST / HTTP/1.1\r\nconnection: close\r\n".to_owned();
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        request.into_bytes()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
