//! The real server under bad input: every answer is AWS-shaped and the next request still works
//! (promise R8), and what starts or stops badly says so with its exit code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test stops at whatever it did not expect"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use support::Server;

const KEY: (&str, &str) = ("test", "test");
const REGION: &str = "us-east-1";
const LIST: &str = "secretsmanager.ListSecrets";

/// A server whose patience is short.
fn server() -> Server {
    Server::start(&["--ephemeral", "--receive-timeout", "2"])
}

/// Splits an answer into status and body, and checks that it is whole.
fn parse(answer: &str) -> (u16, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("cut: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    assert_eq!(length.unwrap().parse::<usize>().unwrap(), body.len(), "{answer}");
    (status, body)
}

/// The status and `__type` of an error of a JSON service, which must have a request id.
fn json_error(answer: &str) -> (u16, String) {
    let (status, body) = parse(answer);
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("x-amzn-requestid: "), "{answer}");
    assert!(lower.contains("content-type: application/x-amz-json-1.1"), "{answer}");
    assert!(!lower.contains("access-control-"), "{answer}");
    let error: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"));
    (status, error["__type"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

fn assert_usable(server: &Server) {
    let (status, body) = server.call(KEY, REGION, LIST, "{}");
    assert_eq!(status, 200, "{body}");
}

/// A request in plain text with a body; unsigned unless `headers` say otherwise.
fn plain(server: &Server, line: &str, headers: &[&str], body: &str) -> String {
    let host = format!("host: 127.0.0.1:{}", server.port);
    let length = format!("content-length: {}", body.len());
    let mut lines = vec![line, &host, "connection: close", &length];
    lines.extend(headers);
    server.raw(format!("{}\r\n\r\n{body}", lines.join("\r\n")).as_bytes())
}

const JSON: &str = "content-type: application/x-amz-json-1.1";
const TARGET: &str = "x-amz-target: secretsmanager.ListSecrets";

#[test]
fn requests_that_are_not_authenticated() {
    let server = server();
    let now = SystemTime::now();
    let signed = |key, region, time| {
        let request = server.signed(key, region, LIST, "{}", time);
        json_error(&server.raw(&request))
    };
    let refused = |code: &str| (400, code.to_owned());
    let unsigned = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET], "{}");
    assert_eq!(json_error(&unsigned), refused("MissingAuthenticationTokenException"));
    let wrong = ("test", "wrong");
    assert_eq!(signed(wrong, REGION, now), refused("InvalidSignatureException"));
    let unknown = ("AKIAUNKNOWN", "test");
    assert_eq!(signed(unknown, REGION, now), refused("UnrecognizedClientException"));
    let hour = Duration::from_hours(1);
    assert_eq!(signed(KEY, REGION, now - hour), refused("InvalidSignatureException"));
    assert_eq!(signed(KEY, REGION, now + hour), refused("InvalidSignatureException"));
    assert_eq!(signed(KEY, "ap-south-1", now), refused("InvalidSignatureException"));
    let scheme = "authorization: Bearer token";
    let bearer = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET, scheme], "{}");
    assert_eq!(json_error(&bearer), refused("MissingAuthenticationTokenException"));
    let half = "authorization: AWS4-HMAC-SHA256 Credential=test";
    let half = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET, half], "{}");
    assert_eq!(json_error(&half), refused("IncompleteSignatureException"));
    assert_usable(&server);
}

/// Nothing of a body is looked at before its signature is verified.
#[test]
fn an_altered_body_is_told_from_a_malformed_one() {
    let server = server();
    let altered = server.signed(KEY, REGION, LIST, "{}", SystemTime::now());
    let altered = String::from_utf8(altered).unwrap().replace("\r\n\r\n{}", "\r\n\r\n[]");
    let (status, code) = json_error(&server.raw(altered.as_bytes()));
    assert_eq!((status, code.as_str()), (400, "InvalidSignatureException"));
    for body in ["", "{", "[]", "\"\"", "{\"MaxResults\":\"x\"}", "\u{0}", &"[".repeat(100_000)] {
        let request =
            server.signed(KEY, REGION, "secretsmanager.GetSecretValue", body, SystemTime::now());
        let (status, code) = json_error(&server.raw(&request));
        assert_eq!(status, 400, "{code}");
        assert!(code == "SerializationException" || code == "ValidationException", "{code}");
    }
    assert_usable(&server);
}

#[test]
fn requests_to_nowhere() {
    let server = server();
    let unknown = |target: &str| {
        let target = format!("x-amz-target: {target}");
        json_error(&plain(&server, "POST / HTTP/1.1", &[JSON, &target], "{}"))
    };
    for target in ["secretsmanager.Nothing", "Nothing", "dynamodb.ListTables", "TrentService."] {
        assert_eq!(unknown(target), (400, "UnknownOperationException".to_owned()), "{target}");
    }
    let none = plain(&server, "POST / HTTP/1.1", &[JSON], "{}");
    assert_eq!(json_error(&none), (400, "UnknownOperationException".to_owned()));
    let twice = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET, TARGET], "{}");
    assert_eq!(json_error(&twice), (400, "UnknownOperationException".to_owned()));
    for (line, header) in [
        ("POST /v1/secret HTTP/1.1", JSON),
        ("POST // HTTP/1.1", JSON),
        ("POST /../ HTTP/1.1", JSON),
        ("PUT / HTTP/1.1", JSON),
        ("DELETE / HTTP/1.1", JSON),
        ("POST / HTTP/1.1", "content-type: text/plain"),
    ] {
        let answer = plain(&server, line, &[header, TARGET], "{}");
        assert_eq!(parse(&answer), (404, "<UnknownOperationException/>\n"), "{line}");
    }
    let form = "content-type: application/x-www-form-urlencoded; charset=utf-8";
    let answer = plain(&server, "POST / HTTP/1.1", &[form], "Action=GetCallerIdentity");
    let (status, body) = parse(&answer);
    assert_eq!(status, 403);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");
    assert_usable(&server);
}

#[test]
fn a_body_that_is_too_long() {
    let server = server();
    let long = "x".repeat((1 << 20) + 1);
    let known = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET], &long);
    assert_eq!(json_error(&known), (413, "RequestEntityTooLargeException".to_owned()));
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\n{JSON}\r\n{TARGET}\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let chunked = server.raw(request.as_bytes());
    assert_eq!(json_error(&chunked), (413, "RequestEntityTooLargeException".to_owned()));
    // The length alone is enough, whether or not the body follows.
    let started = Instant::now();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\n{JSON}\r\n{TARGET}\r\ncontent-length: 99999999\r\n\r\n"
    );
    let unsent = server.raw(head.as_bytes());
    assert_eq!(json_error(&unsent), (413, "RequestEntityTooLargeException".to_owned()));
    assert!(started.elapsed() < Duration::from_millis(1900), "{:?}", started.elapsed());
    let head = format!("x-long: {}", "x".repeat(400 << 10));
    let answer = plain(&server, "POST / HTTP/1.1", &[JSON, TARGET, &head], "{}");
    assert_eq!(json_error(&answer), (431, "RequestEntityTooLargeException".to_owned()));
    assert_usable(&server);
}

/// PROMISE R8: what is no request is answered as a request is, and recorded.
#[test]
fn bytes_that_are_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let audit = dir.path().join("audit.log");
    let server = Server::start(&["--ephemeral", "--audit-file", audit.to_str().unwrap()]);
    let many = format!("POST / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    let cases: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let malformed = (400, "MalformedHttpRequestException".to_owned());
    for case in cases {
        let answer = server.raw(case);
        assert_eq!(json_error(&answer), malformed, "{}", text(case));
        assert!(answer.contains("connection: close"), "{answer}");
    }
    let large = json_error(&server.raw(many.as_bytes()));
    assert_eq!(large, (431, "RequestEntityTooLargeException".to_owned()));
    // After a request that was served, too.
    let mut request = server.signed(KEY, REGION, LIST, "{}", SystemTime::now());
    let at = request.windows(17).position(|part| part == b"connection: close").unwrap();
    request.drain(at..at + 19);
    request.extend_from_slice(b"nonsense\r\n\r\n");
    let answers = server.raw(&request);
    let (served, refused) = answers.split_once("}HTTP/1.1 400").unwrap();
    assert!(served.starts_with("HTTP/1.1 200"), "{answers}");
    assert!(refused.contains("MalformedHttpRequestException"), "{answers}");
    let lines = fs::read_to_string(audit).unwrap();
    let recorded = lines.matches(r#""errorCode":"MalformedHttpRequestException""#).count();
    assert_eq!(recorded, cases.len() + 1, "{lines}");
    assert_usable(&server);
}

/// PROMISE R8: a client that stops sending is answered or let go, and holds nobody up.
#[test]
fn half_of_a_request() {
    let server = server();
    let started = Instant::now();
    let half = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\n{JSON}\r\n{TARGET}\r\ncontent-length: 10\r\n\r\n{{"
    );
    let mut body = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    body.write_all(half.as_bytes()).unwrap();
    let mut heads: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            stream.write_all(b"POST / HTTP/1.1\r\nhost: loc").unwrap();
            stream
        })
        .collect();
    assert_usable(&server);
    let mut answer = String::new();
    body.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    body.read_to_string(&mut answer).unwrap();
    assert_eq!(json_error(&answer), (408, "RequestTimeoutException".to_owned()));
    for head in &mut heads {
        head.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = String::new();
        head.read_to_string(&mut answer).unwrap();
        assert_eq!(json_error(&answer), (408, "RequestTimeoutException".to_owned()));
    }
    // A client that says nothing has nothing to be told.
    let mut silent = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    silent.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_usable(&server);
}

#[test]
fn one_connection_serves_after_an_error() {
    let server = server();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let host = format!("127.0.0.1:{}", server.port);
    let bad = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\n{JSON}\r\n{TARGET}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(bad.as_bytes()).unwrap();
    stream.write_all(&server.signed(KEY, REGION, LIST, "{}", SystemTime::now())).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 400"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "{answers}");
}

/// Lesson 28: a name that somebody else's page can have.
#[test]
fn other_host_names_are_refused() {
    let server = server();
    let request = |line: &str, host: &str, header: &str| {
        server.raw(
            format!("{line}\r\nhost: {host}\r\nconnection: close\r\n{header}\r\n{TARGET}\r\ncontent-length: 2\r\n\r\n{{}}")
                .as_bytes(),
        )
    };
    let refused = request("POST / HTTP/1.1", "evil.example:4566", JSON);
    assert_eq!(json_error(&refused), (403, "AccessDeniedException".to_owned()));
    let admin = request("GET /_regent/health HTTP/1.1", "evil.example", "accept: */*");
    assert_eq!(parse(&admin).0, 403);
    let none = server.raw(b"GET /_regent/health HTTP/1.0\r\n\r\n");
    assert!(none.contains(" 403 "), "{none}");
}

#[test]
fn health_metrics_and_reset() {
    let server = server();
    assert_usable(&server);
    let body = r#"{"Name":"s","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;
    assert_eq!(server.call(KEY, REGION, "secretsmanager.CreateSecret", body).0, 200);
    let health = plain(&server, "GET /_regent/health HTTP/1.1", &[], "");
    let health: serde_json::Value = serde_json::from_str(parse(&health).1).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["regions"].as_array().unwrap().len(), 4);
    let metrics = plain(&server, "GET /_regent/metrics HTTP/1.1", &[], "");
    for line in [
        "regent_requests_total{service=\"secretsmanager\",operation=\"ListSecrets\",region=\"us-east-1\",code=\"OK\"} 1",
        "regent_replication_backlog{from=\"us-east-1\",to=\"us-west-2\"} 0",
        "# TYPE regent_commits_total counter",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let page = plain(&server, "POST /_regent/reset HTTP/1.1", &["content-type: text/plain"], "");
    assert_eq!(parse(&page).0, 403);
    let marked = plain(&server, "POST /_regent/reset HTTP/1.1", &["x-regent-admin: 1"], "");
    assert_eq!(parse(&marked), (200, r#"{"status":"reset"}"#));
    let (_, left) = server.call(KEY, REGION, LIST, "{}");
    assert_eq!(left, r#"{"SecretList":[]}"#);
    assert_eq!(parse(&plain(&server, "GET /_regent/reset HTTP/1.1", &[], "")).0, 405);
    assert_eq!(parse(&plain(&server, "GET /_regent/../x HTTP/1.1", &[], "")).0, 404);
    assert_usable(&server);
}

/// The command line against a real server.
#[test]
fn regions_go_down_and_come_back() {
    let server = server();
    let region = |words: &[&str]| {
        let output = regent(&[&["region"], words, &["--endpoint", &server.endpoint()]].concat());
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let call = |name| server.raw(&server.signed(KEY, name, LIST, "{}", SystemTime::now()));
    let (code, shown) = region(&["down", "us-east-1"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("us-east-1  down (503)"), "{shown}");
    assert_eq!(json_error(&call("us-east-1")), (503, "ServiceUnavailable".to_owned()));
    assert_eq!(parse(&call("us-west-2")).0, 200);
    assert_eq!(region(&["down", "us-east-1", "--mode", "refused"]).0, 0);
    assert_eq!(call("us-east-1"), "", "the connection is dropped");
    assert_eq!(parse(&call("us-west-2")).0, 200);
    assert_eq!(region(&["partition", "us-east-2", "us-west-2"]).0, 0);
    assert_eq!(region(&["delay", "eu-west-1", "us-west-2", "200ms"]).0, 0);
    let (code, list) = region(&["list"]);
    assert_eq!(code, 0);
    for line in ["us-east-1  us-east-2  down  -", "us-east-2  us-west-2  cut   -"] {
        assert!(list.contains(line), "{line}\n{list}");
    }
    assert!(list.contains("eu-west-1  us-west-2  up    200ms"), "{list}");
    let (_, list) = region(&["list", "--output", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&list).is_ok(), "{list}");
    assert_eq!(region(&["heal"]).0, 0);
    assert_eq!(region(&["up", "us-east-1"]).0, 0);
    assert_eq!(parse(&call("us-east-1")).0, 200);
    let (code, said) = region(&["down", "ap-south-1"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("regent: no such Region; there are "), "{said}");
    assert_eq!(region(&["partition", "us-east-1", "us-east-1"]).0, 1);
}

/// PROMISE R2: a write whose client goes away before the answer is replicated if it was committed.
#[test]
fn a_client_that_goes_away_leaves_no_replica_behind() {
    const PRIMARY: &str = "us-east-1";
    const REPLICA: &str = "us-west-2";
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&["--data-dir", directory.path().to_str().unwrap()]);
    let token = |number: usize| format!("goes-away-{number:022}");
    let value = |region, secret: usize| {
        let body = format!(r#"{{"SecretId":"s{secret}"}}"#);
        server.call(KEY, region, "secretsmanager.GetSecretValue", &body).1
    };
    let arrives = |secret, version: &str| {
        let started = Instant::now();
        while !value(REPLICA, secret).contains(version) {
            assert!(started.elapsed() < Duration::from_secs(8), "s{secret} {version}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let secrets = 0..20;
    for secret in secrets.clone() {
        let body = format!(
            r#"{{"Name":"s{secret}","SecretString":"v","ClientRequestToken":"{}","AddReplicaRegions":[{{"Region":"{REPLICA}"}}]}}"#,
            token(secret)
        );
        assert_eq!(server.call(KEY, PRIMARY, "secretsmanager.CreateSecret", &body).0, 200);
    }
    for secret in secrets.clone() {
        arrives(secret, &token(secret));
    }
    for secret in secrets.clone() {
        let body = format!(
            r#"{{"SecretId":"s{secret}","SecretString":"w","ClientRequestToken":"{}"}}"#,
            token(100 + secret)
        );
        let now = SystemTime::now();
        let request = server.signed(KEY, PRIMARY, "secretsmanager.PutSecretValue", &body, now);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.write_all(&request).unwrap();
        // Some leave before the request was looked at, some while it is committed.
        std::thread::sleep(Duration::from_micros(200) * u32::try_from(secret).unwrap());
    }
    std::thread::sleep(Duration::from_millis(500));
    let written: Vec<_> =
        secrets.filter(|secret| value(PRIMARY, *secret).contains(&token(100 + secret))).collect();
    assert!(!written.is_empty(), "no write was committed");
    for secret in written {
        arrives(secret, &token(100 + secret));
    }
}

/// Reads are noted together, and one by one where writes come in between; none is forgotten.
#[test]
fn first_reads_of_a_day_are_noted_beside_writes() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&["--data-dir", directory.path().to_str().unwrap()]);
    let call = |operation: &str, body: &str| {
        let (status, answer) =
            server.call(KEY, REGION, &format!("secretsmanager.{operation}"), body);
        assert_eq!(status, 200, "{operation} {body}: {answer}");
        answer
    };
    let token = |number: usize| format!("noted-{number:026}");
    for secret in 0..30 {
        let token = token(secret);
        let body =
            format!(r#"{{"Name":"s{secret}","SecretString":"v","ClientRequestToken":"{token}"}}"#);
        assert!(!call("CreateSecret", &body).contains("LastAccessedDate"));
    }
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (call, token) = (&call, &token);
            scope.spawn(move || {
                for round in 0..60 {
                    let (secret, token) = (round % 30, token(100 * (writer + 1) + round));
                    let body = format!(
                        r#"{{"SecretId":"s{secret}","SecretString":"w","ClientRequestToken":"{token}"}}"#
                    );
                    call("PutSecretValue", &body);
                }
            });
        }
        for secret in 0..30 {
            call("GetSecretValue", &format!(r#"{{"SecretId":"s{secret}"}}"#));
        }
    });
    for secret in 0..30 {
        let started = Instant::now();
        while !call("DescribeSecret", &format!(r#"{{"SecretId":"s{secret}"}}"#))
            .contains("LastAccessedDate")
        {
            assert!(started.elapsed() < Duration::from_secs(8), "s{secret}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn no_server_there() {
    let port = free_port();
    let output = regent(&["region", "list", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).starts_with("regent: no server answers at "));
}

#[test]
fn a_start_that_fails_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(&["dev", "--ephemeral", "--port", &port], 3, "is in use");

    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    // A file instead of a directory nobody may write to: the superuser may write everywhere.
    fails(&["dev", "--port", "0", "--data-dir", path], 4, "cannot be created");
    let below = format!("{path}/below");
    fails(&["dev", "--port", "0", "--data-dir", &below], 4, "cannot be created");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("holiday.jpg"), "").unwrap();
    let path = dir.path().to_str().unwrap();
    fails(&["dev", "--port", "0", "--data-dir", path], 4, "holds other files");

    fails(&["dev", "--host", "0.0.0.0"], 2, "loopback");
    fails(&["dev", "--regions", "us-east-1,us-east-1"], 2, "twice");
    fails(&["dev", "--ephemeral", "--config", "/nonexistent"], 1, "cannot be read");
}

#[test]
fn one_process_per_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let path = path.to_str().unwrap();
    let first = Server::start(&["--data-dir", path]);
    fails(&["dev", "--port", "0", "--data-dir", path], 5, "in use by another process");
    assert_usable(&first);
    drop(first);
    // A killed server leaves no lock behind.
    assert_usable(&Server::start(&["--data-dir", path]));
}

/// PROMISE R6: what cannot be recorded has no answer but that something failed.
#[test]
fn nothing_is_answered_that_cannot_be_recorded() {
    let server = Server::start(&["--ephemeral", "--audit-file", "/dev/full"]);
    let (status, body) = server.call(KEY, REGION, "secretsmanager.GetRandomPassword", "{}");
    assert_eq!(status, 500, "{body}");
    assert!(!body.contains("RandomPassword"), "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["__type"], "InternalServiceError", "{body}");
}

/// The audit log has every request, also those that were refused.
#[test]
fn every_request_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let server = Server::start(&["--data-dir", path.to_str().unwrap()]);
    let body = r#"{"Name":"s","SecretString":"CANARY-7a1d","ClientRequestToken":"01234567890123456789012345678901"}"#;
    assert_eq!(server.call(KEY, REGION, "secretsmanager.CreateSecret", body).0, 200);
    assert_eq!(server.call(("test", "bad"), REGION, LIST, "{}").0, 400);
    assert_eq!(server.call(("CANARY7a1d", "bad"), REGION, LIST, "{}").0, 400);
    plain(&server, "POST / HTTP/1.1", &[JSON, "x-amz-target: Nothing"], "{}");
    let log = fs::read_to_string(path.join("audit.log")).unwrap();
    assert!(!log.contains("CANARY-7a1d") && !log.contains("CANARY7a1d"), "{log}");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (line["eventName"].as_str().unwrap(), line["errorCode"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("CreateSecret", None),
            ("ListSecrets", Some("InvalidSignatureException")),
            ("ListSecrets", Some("UnrecognizedClientException")),
            ("Unknown", Some("UnknownOperationException")),
        ]
    );
    assert_eq!(lines[0]["requestParameters"]["name"], "s");
    assert!(lines[0].get("errorMessage").is_none());
    // The very words that the client was told.
    assert_eq!(lines[2]["errorMessage"], "The security token included in the request is invalid.");
    assert_eq!(lines[0]["userIdentity"]["arn"], "arn:aws:iam::123456789012:user/test");
    // Whose key it was that somebody tried; what is no key of ours may be a secret.
    let tried = |key: Option<&str>| match key {
        Some(key) => serde_json::json!({"type": "Unknown", "accessKeyId": key}),
        None => serde_json::json!({"type": "Unknown"}),
    };
    assert_eq!(lines[1]["userIdentity"], tried(Some("test")));
    assert_eq!(lines[2]["userIdentity"], tried(None));
}

/// PROMISE R6: who breaks something on purpose leaves a trace, and who may not breaks nothing.
#[test]
fn interventions_are_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let audit = dir.path().join("audit.log");
    let server = Server::start(&["--ephemeral", "--audit-file", audit.to_str().unwrap()]);
    let act = |action: &str| {
        let request = "POST /_regent/regions HTTP/1.1";
        parse(&plain(
            &server,
            request,
            &["content-type: application/json", "user-agent: t"],
            action,
        ))
        .0
    };
    let (a, b) = (REGION, "eu-west-1");
    for (action, status) in [
        (format!(r#"{{"action":"down","region":"{a}","mode":"refused"}}"#), 200),
        (format!(r#"{{"action":"up","region":"{a}"}}"#), 200),
        (format!(r#"{{"action":"partition","a":"{a}","b":"{b}"}}"#), 200),
        (format!(r#"{{"action":"delay","a":"{a}","b":"{b}","delay_ms":7}}"#), 200),
        (format!(r#"{{"action":"delay","a":"{a}","b":"{b}","delay_ms":3600001}}"#), 400),
        (format!(r#"{{"action":"partition","a":"{a}","b":"{a}"}}"#), 400),
        (r#"{"action":"down","region":"nowhere"}"#.to_owned(), 400),
        (r#"{"action":"heal"}"#.to_owned(), 200),
    ] {
        assert_eq!(act(&action), status, "{action}");
    }
    plain(&server, "POST /_regent/reset HTTP/1.1", &["content-type: text/plain"], "");
    plain(&server, "POST /_regent/reset HTTP/1.1", &["x-regent-admin: 1"], "");
    let log = fs::read_to_string(audit).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            (text("eventName"), text("awsRegion"), line["requestParameters"].to_string())
        })
        .collect();
    let shown: Vec<_> =
        shown.iter().map(|(name, region, told)| (*name, *region, &**told)).collect();
    let link = format!(r#"{{"a":"{a}","b":"{b}"}}"#);
    let delay = format!(r#"{{"a":"{a}","b":"{b}","delayMs":"7"}}"#);
    assert_eq!(
        shown,
        [
            ("RegionDown", a, r#"{"mode":"refused"}"#),
            ("RegionUp", a, "{}"),
            ("PartitionLink", "", &link),
            ("DelayLink", "", &delay),
            ("HealLinks", "", "{}"),
            ("Reset", "", "{}"),
        ]
    );
    assert_eq!(lines[0]["userAgent"], "t");
    assert_eq!(lines[0]["sourceIPAddress"], "127.0.0.1");
}

/// AWS: a request for several secrets is recorded with one record for each of them besides.
#[test]
fn every_secret_of_a_batch_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let server = Server::start(&["--data-dir", path.to_str().unwrap()]);
    let body = r#"{"Name":"s","SecretString":"CANARY-7a1d","ClientRequestToken":"01234567890123456789012345678901"}"#;
    assert_eq!(server.call(KEY, REGION, "secretsmanager.CreateSecret", body).0, 200);
    let batch = "secretsmanager.BatchGetSecretValue";
    let (_, answer) = server.call(KEY, REGION, batch, r#"{"SecretIdList":["s","none"]}"#);
    assert!(answer.contains("CANARY-7a1d"), "{answer}");
    assert_eq!(server.call(KEY, REGION, batch, "{}").0, 400);
    let log = fs::read_to_string(path.join("audit.log")).unwrap();
    assert!(!log.contains("CANARY-7a1d") && !log.contains("CANARY7a1d"), "{log}");
    let lines: Vec<serde_json::Value> =
        log.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: usize, member: &str| lines[line][member].as_str().unwrap_or_default();
    let shown: Vec<_> =
        (0..lines.len()).map(|at| (text(at, "eventName"), text(at, "errorCode"))).collect();
    assert_eq!(
        shown,
        [
            ("BatchGetSecretValue", ""),
            ("GetSecretValue", ""),
            ("GetSecretValue", "ResourceNotFoundException"),
            ("BatchGetSecretValue", "InvalidParameterException"),
        ]
    );
    let told = "Secrets Manager can't find the specified secret.";
    assert_eq!((text(1, "errorMessage"), text(2, "errorMessage")), ("", told));
    assert_eq!(lines[0]["requestParameters"]["secretIdList"], serde_json::json!(["s", "none"]));
    let asked = |line: usize| lines[line]["requestParameters"]["secretId"].as_str().unwrap();
    assert!(asked(1).starts_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:s-"));
    assert_eq!(asked(2), "none");
    // One request, and an event for each record.
    assert!((1..3).all(|line| text(line, "requestID") == text(0, "requestID")));
    assert!((1..3).all(|line| text(line, "eventID") != text(0, "eventID")));
    assert_ne!(text(1, "eventID"), text(2, "eventID"));
}

#[test]
fn a_signal_stops_it_cleanly() {
    for name in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let mut child = Command::new(env!("CARGO_BIN_EXE_regent"))
            .args(["dev", "--port", "0", "--output", "json", "--data-dir"])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut banner = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut banner).unwrap();
        let banner: serde_json::Value = serde_json::from_str(&banner).unwrap();
        let address = banner["endpoint"].as_str().unwrap().strip_prefix("http://").unwrap();
        // Neither a client that says nothing nor one that stops in the middle is waited for.
        let silent = TcpStream::connect(address).unwrap();
        let mut half = TcpStream::connect(address).unwrap();
        half.write_all(b"POST / HTTP/1.1\r\nhost: loc").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        drop((silent, half));
    }
}

#[test]
fn completions_and_version() {
    for shell in ["bash", "zsh", "fish"] {
        let output = regent(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("regent"), "{shell}");
    }
    // A reader that has seen enough, such as `head`, is no failure.
    let mut child = Command::new(env!("CARGO_BIN_EXE_regent"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&regent(&["--version"]).stdout).starts_with("regent "));
    assert!(text(&regent(&["dev", "--help"]).stdout).contains("--region-profile"));
}

fn fails(arguments: &[&str], code: i32, says: &str) {
    let output = regent(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
    if code != 2 {
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Runs the binary to its end.
fn regent(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_regent")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
