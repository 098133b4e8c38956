//! A Region of `regent dev` that is down for as long as a value lives.
//!
//! Whatever ends the drill, an error, a signal or a panic, drops the value, and the Region is brought
//! back. Only the end of the process without any of these leaves it down.

use std::time::{Duration, Instant};

use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;

use super::check::usage;
use super::{Exit, Failure, client};
use crate::admin::{Action, Mode};

/// Where Regions are shown and changed.
const PATH: &str = "/_regent/regions";
/// LIMIT: attempts to bring a Region back, and the pause between them.
const ATTEMPTS_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Brings the Region back when it is dropped.
#[derive(Debug)]
pub(super) struct Outage {
    endpoint: String,
    region: String,
    begun: Instant,
    over: bool,
}

#[derive(Debug, Deserialize)]
struct Status {
    regions: Vec<Region>,
}

#[derive(Debug, Deserialize)]
struct Region {
    region: String,
    state: String,
}

/// The endpoint, if it is one of a `regent dev` that has the Region, and that is up.
pub(super) async fn possible(endpoint: Option<String>, region: &str) -> Result<String, Failure> {
    let refused = |why: &str| {
        usage(format!("--for-real takes down a Region of `regent dev` and of nothing else: {why}"))
    };
    let Some(endpoint) = endpoint else {
        return Err(refused("no endpoint is configured, so that this would be AWS"));
    };
    let answer = client::send(&endpoint, Method::GET, PATH, String::new()).await;
    let answer = answer.map_err(|failure| refused(&failure.text))?;
    let status: Status =
        serde_json::from_slice(&answer).map_err(|_| refused(&format!("{endpoint} is none")))?;
    match status.regions.iter().find(|one| one.region == region) {
        None => Err(refused(&format!("the one at {endpoint} has no {region}"))),
        Some(one) if one.state != "up" => {
            let text = format!("{region} is {} already: regent region up {region}", one.state);
            Err(Failure::new(Exit::Unreadable, text))
        }
        Some(_) => Ok(endpoint),
    }
}

impl Outage {
    /// Takes the Region down.
    pub(super) async fn begin(endpoint: &str, region: &str) -> Result<Self, Failure> {
        // Made before the request is sent: an answer may be lost, or never waited for.
        let mut outage = Self {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            begun: Instant::now(),
            over: false,
        };
        let action = Action::Down { region: region.to_owned(), mode: Mode::Unavailable };
        act(endpoint, &action).await?;
        outage.begun = Instant::now();
        Ok(outage)
    }

    /// Brings the Region back, and says how long it was gone.
    pub(super) async fn end(mut self) -> Result<Duration, Failure> {
        restore(&self.endpoint, &self.region).await?;
        self.over = true;
        Ok(self.begun.elapsed())
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (endpoint, region) = (self.endpoint.clone(), self.region.clone());
        // This thread's runtime may be at work, or be unwinding.
        let restoring = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
            runtime.block_on(restore(&endpoint, &region))
        });
        let region = &self.region;
        match restoring.join() {
            Ok(Ok(())) => eprintln!("{region} is back"),
            Ok(Err(Failure { text, .. })) => {
                eprintln!("{region} may still be down ({text}): regent region up {region}");
            }
            Err(_) => eprintln!("{region} may still be down: regent region up {region}"),
        }
    }
}

async fn restore(endpoint: &str, region: &str) -> Result<(), Failure> {
    let action = Action::Up { region: region.to_owned() };
    let mut attempt = 1;
    loop {
        match act(endpoint, &action).await {
            Ok(_) => return Ok(()),
            Err(failure) if attempt == ATTEMPTS_MAX => return Err(failure),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        attempt += 1;
    }
}

async fn act(endpoint: &str, action: &Action) -> Result<Bytes, Failure> {
    let body = serde_json::to_string(action);
    let body = body.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    client::send(endpoint, Method::POST, PATH, body).await
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;

    use super::*;

    /// A server that answers everything alike, and tells what it was asked to do. It resets the
    /// connections of the first `deaf` requests to bring a Region back.
    fn server(deaf: usize) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (told, asked) = mpsc::channel();
        std::thread::spawn(move || {
            let mut ups = 0;
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while stream.read_line(&mut line).unwrap() > 2 {
                    if let Some(found) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = found.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                ups += usize::from(body.contains("up"));
                if body.contains("up") && ups <= deaf {
                    continue;
                }
                if told.send(body).is_err() {
                    return;
                }
                let answer = r#"{"regions":[{"region":"us-east-1","state":"up"},{"region":"us-west-2","state":"down (503)"}]}"#;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).unwrap();
            }
        });
        (endpoint, asked)
    }

    const DOWN: &str = r#"{"action":"down","region":"us-east-1","mode":"503"}"#;
    const UP: &str = r#"{"action":"up","region":"us-east-1"}"#;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_region_is_brought_back_when_it_is_over() {
        let (endpoint, asked) = server(2);
        let lasted = runtime().block_on(async {
            Outage::begin(&endpoint, "us-east-1").await.unwrap().end().await.unwrap()
        });
        assert!(lasted > PAUSE);
        assert_eq!([asked.recv().unwrap(), asked.recv().unwrap()], [DOWN, UP]);
        // And not a second time.
        assert!(asked.try_recv().is_err());
    }

    #[test]
    fn a_region_is_brought_back_after_an_error_and_after_a_panic() {
        for panics in [false, true] {
            let (endpoint, asked) = server(1);
            let ended = catch_unwind(AssertUnwindSafe(|| {
                runtime().block_on(async {
                    let _outage = Outage::begin(&endpoint, "us-east-1").await.unwrap();
                    assert!(!panics, "something is broken");
                });
            }));
            assert_eq!(ended.is_err(), panics);
            assert_eq!([asked.recv().unwrap(), asked.recv().unwrap()], [DOWN, UP]);
        }
    }

    #[test]
    fn only_regions_of_regent_dev_that_are_up() {
        let (endpoint, asked) = server(0);
        let possible = |endpoint: Option<&str>, region: &str| {
            runtime().block_on(possible(endpoint.map(str::to_owned), region))
        };
        assert_eq!(possible(Some(&endpoint), "us-east-1").unwrap(), endpoint);
        assert_eq!(possible(Some(&endpoint), "us-west-2").unwrap_err().exit, Exit::Unreadable);
        for (endpoint, region) in [
            (None, "us-east-1"),
            (Some("https://secretsmanager.us-east-1.amazonaws.com"), "us-east-1"),
            (Some("http://127.0.0.1:1"), "us-east-1"),
            (Some(endpoint.as_str()), "eu-west-1"),
        ] {
            let refused = possible(endpoint, region).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(refused.text.contains("of `regent dev` and of nothing else"));
        }
        assert!(asked.try_iter().all(|body| body.is_empty()));
    }
}
