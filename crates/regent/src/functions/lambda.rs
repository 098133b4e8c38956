//! Lambda's Invoke, as Lambda and its runtime interface emulator serve it.
//!
//! `POST <path>` with the event; 200 with the function's answer, or with its error: then there is
//! an `X-Amz-Function-Error` header, or, from the emulator, just an `errorMessage`. Redirects are
//! not followed.

use std::net::SocketAddr;
use std::pin::pin;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::net::TcpStream;

use super::Failure;

/// LIMIT: bytes of an answer. AWS: 6 MB; a rotation function has nothing to say.
const ANSWER_LEN_MAX: usize = 1 << 20;

/// What an answer is when it is an error.
#[derive(Deserialize)]
struct ErrorAnswer {
    #[serde(rename = "errorMessage")]
    message: Option<IgnoredAny>,
}

pub(super) async fn invoke(
    address: SocketAddr,
    host: &str,
    path: &str,
    event: Vec<u8>,
) -> Result<(), Failure> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|cause| Failure::Unreachable(cause.kind()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Broken)?;
    let request = Request::post(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-amz-invocation-type", "RequestResponse")
        .body(Full::new(Bytes::from(event)))
        .map_err(|_| Failure::Broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|_| Failure::Broken)?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status().as_u16()));
        }
        if response.headers().contains_key("x-amz-function-error") {
            return Err(Failure::Error);
        }
        let collected = Limited::new(response.into_body(), ANSWER_LEN_MAX).collect().await;
        let body = collected.map_err(|cause| {
            if cause.is::<LengthLimitError>() { Failure::TooLong } else { Failure::Broken }
        })?;
        check(&body.to_bytes())
    };
    let mut answer = pin!(answer);
    // The connection does nothing by itself, and is dropped with the answer. If it ends first, the
    // answer may have come before its end.
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        _ = connection => answer.await,
    }
}

/// An answer that is no JSON object, or one without an error, is a success.
fn check(body: &[u8]) -> Result<(), Failure> {
    match serde_json::from_slice(body) {
        Ok(ErrorAnswer { message: Some(IgnoredAny) }) => Err(Failure::Error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::functions::{Function, Functions, Target};

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    /// Invokes a function whose server says `answer`; also what it was sent.
    async fn invoked(answer: &'static str) -> (Result<(), Failure>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"{\"Step\":1}") {
                let mut bytes = [0; 1024];
                let read = stream.read(&mut bytes).await.unwrap();
                heard.extend_from_slice(&bytes[..read]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.is_empty() {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
            String::from_utf8(heard).unwrap()
        });
        let function = Function {
            arn: ARN.into(),
            region: "us-east-1".parse().unwrap(),
            target: Target::Lambda { address, host: "localhost:1".into(), path: "/f".into() },
            timeout: Duration::from_secs(1),
        };
        let functions = Functions::new(vec![function], String::new());
        let result = functions.invoke(ARN, b"{\"Step\":1}".to_vec()).await;
        let heard = if answer.is_empty() { String::new() } else { server.await.unwrap() };
        (result, heard)
    }

    #[tokio::test]
    async fn answers_are_success_or_failure() {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull";
        let (result, heard) = invoked(ok).await;
        assert!(result.is_ok(), "{result:?}");
        assert!(heard.starts_with("POST /f HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("host: localhost:1\r\n"), "{heard}");
        let fails = [
            ("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\nnull", "status 500"),
            ("HTTP/1.1 302 Found\r\nlocation: /g\r\ncontent-length: 0\r\n\r\n", "status 302"),
            (
                "HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\ncontent-length: 2\r\n\r\n{}",
                "with an error",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{\"errorMessage\":\"canary\"}",
                "with an error",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n{\"err", "connection broke"),
            ("nonsense\r\n\r\n", "connection broke"),
            ("", "within 1 s"),
        ];
        for (answer, expected) in fails {
            let text = invoked(answer).await.0.unwrap_err().to_string();
            assert!(text.contains(expected) && !text.contains("canary"), "{answer}: {text}");
        }
    }

    #[tokio::test]
    async fn functions_that_are_not_there() {
        // A port that is taken, so that nobody else can, and that nobody listens on.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let gone = invoke(address, "h", "/", Vec::new()).await.unwrap_err();
        assert!(matches!(gone, Failure::Unreachable(_)), "{gone}");
        let unknown = Functions::default().invoke(ARN, Vec::new()).await.unwrap_err();
        assert!(matches!(unknown, Failure::Unknown), "{unknown}");
    }
}
