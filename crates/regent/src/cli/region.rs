//! `regent region`: outages on request.
//!
//! Each command is one call of a running server's own endpoint; what it does there is `admin`'s
//! business. `list` shows how far each Region is behind each other.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Subcommand;
use hyper::Method;
use hyper::body::Bytes;
use regent_core::ids::Region;
use serde::Deserialize;

use super::{Exit, Failure, Output, client, print};
use crate::admin::{Action, DELAY_MAX, Mode};

/// Where the server is, if nothing says otherwise.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]
    #[arg(long, global = true, env = "REGENT_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// How to print the state of Regions and links
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show Regions, and how far each is behind each other
    List,
    /// Lose a Region: its requests fail, and it hears nothing of the others
    Down {
        region: Region,
        /// How its requests fail: status 503, or a connection that is reset
        #[arg(long, value_enum, default_value = "503")]
        mode: Mode,
    },
    /// Bring a Region back
    Up { region: Region },
    /// Cut two Regions off from one another, in both directions
    Partition { a: Region, b: Region },
    /// End all partitions and delays; Regions that are down stay down
    Heal,
    /// Slow everything between two Regions, in both directions
    Delay {
        a: Region,
        b: Region,
        /// Such as 200ms, 2s or 1m; 0ms ends the delay
        #[arg(value_parser = parse_delay)]
        by: Duration,
    },
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let endpoint = args
        .endpoint
        .or_else(|| std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()))
        .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    let (method, body, list) = match action(&args.command) {
        None => (Method::GET, String::new(), true),
        Some(action) => {
            let body = serde_json::to_string(&action);
            (Method::POST, body.map_err(|cause| Failure::new(Exit::Failure, cause))?, false)
        }
    };
    let answer = runtime.block_on(client::send(&endpoint, method, "/_regent/regions", body))?;
    show(&answer, args.output, list)
}

/// What the server is asked to do; `None` to look only.
fn action(command: &Command) -> Option<Action> {
    let name = |region: &Region| region.to_string();
    Some(match command {
        Command::List => return None,
        Command::Down { region, mode } => Action::Down { region: name(region), mode: *mode },
        Command::Up { region } => Action::Up { region: name(region) },
        Command::Partition { a, b } => Action::Partition { a: name(a), b: name(b) },
        Command::Heal => Action::Heal {},
        Command::Delay { a, b, by } => {
            let delay_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            Action::Delay { a: name(a), b: name(b), delay_ms }
        }
    })
}

/// Prints the state. After a change, people see the Regions only.
fn show(answer: &Bytes, output: Output, list: bool) -> Result<(), Failure> {
    match output {
        Output::Json => print(&format!("{}\n", String::from_utf8_lossy(answer))),
        Output::Text => {
            let status: Status = serde_json::from_slice(answer).map_err(|_| {
                Failure::new(Exit::Failure, "the server's answer is of another version")
            })?;
            print(&regions_table(&status));
            if list {
                print("\n");
                print(&links_table(&status));
            }
        }
    }
    Ok(())
}

/// The server's answer.
#[derive(Debug, Deserialize)]
struct Status {
    regions: Vec<RegionState>,
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct RegionState {
    region: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct Link {
    from: String,
    to: String,
    state: String,
    delay_ms: u64,
    backlog: u64,
    lag_ms: u64,
    failures: u64,
    sent: u64,
    lost: u64,
}

fn regions_table(status: &Status) -> String {
    let rows = status.regions.iter().map(|row| [row.region.clone(), row.state.clone()]);
    table(["REGION", "STATE"], rows)
}

fn links_table(status: &Status) -> String {
    let rows = status.links.iter().map(|link| {
        [
            link.from.clone(),
            link.to.clone(),
            link.state.clone(),
            shown_ms(link.delay_ms),
            shown_ms(link.lag_ms),
            link.backlog.to_string(),
            link.failures.to_string(),
            link.sent.to_string(),
            link.lost.to_string(),
        ]
    });
    let head = ["FROM", "TO", "LINK", "DELAY", "LAG", "BACKLOG", "FAILURES", "SENT", "LOST"];
    table(head, rows)
}

/// Left-aligned columns, two spaces apart.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // A string takes everything.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn shown_ms(millis: u64) -> String {
    match millis {
        0 => "-".to_owned(),
        1..10_000 => format!("{millis}ms"),
        _ => format!("{}s", millis / 1000),
    }
}

/// Reads `200ms`, `2s` or `1m`.
fn parse_delay(text: &str) -> Result<Duration, String> {
    let malformed = || "expected a whole number and ms, s or m, such as 200ms".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| malformed())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(malformed()),
    };
    let delay = Duration::from_millis(number.saturating_mul(unit_ms));
    if delay > DELAY_MAX { Err("at most one hour".to_owned()) } else { Ok(delay) }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn delays() {
        for (text, millis) in [("200ms", 200), ("2s", 2000), ("1m", 60_000), ("0ms", 0)] {
            assert_eq!(parse_delay(text).unwrap(), Duration::from_millis(millis));
        }
        for bad in ["", "ms", "200", "2h", "-1s", "1.5s", "2 s", "61m", "99999999999999999999s"] {
            assert!(parse_delay(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn commands_parse() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        for good in [
            "regent region list",
            "regent region list --output json --endpoint http://localhost:1",
            "regent region down us-east-1",
            "regent region down us-east-1 --mode refused",
            "regent region up us-east-1",
            "regent region partition us-east-1 us-west-2",
            "regent region heal",
            "regent region delay us-east-1 us-west-2 200ms",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "regent region",
            "regent region down",
            "regent region down nowhere",
            "regent region down us-east-1 --mode 500",
            "regent region delay us-east-1 us-west-2",
            "regent region delay us-east-1 us-west-2 soon",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tables() {
        let status: Status = serde_json::from_str(
            r#"{"regions":[{"region":"us-east-1","state":"up"},
                           {"region":"us-west-2","state":"down (503)"}],
                "links":[{"from":"us-east-1","to":"us-west-2","state":"down","delay_ms":200,
                          "backlog":3,"lag_ms":61000,"failures":0,"sent":9,"lost":4,"received":5}]}"#,
        )
        .unwrap();
        assert_eq!(
            regions_table(&status),
            "REGION     STATE\nus-east-1  up\nus-west-2  down (503)\n"
        );
        assert_eq!(
            links_table(&status),
            "FROM       TO         LINK  DELAY  LAG  BACKLOG  FAILURES  SENT  LOST\n\
             us-east-1  us-west-2  down  200ms  61s  3        0         9     4\n"
        );
    }
}
