//! Stacks of as many resources as AWS allows: how long their template is looked at, and how fast they
//! are made, beside the same secrets made one after the other by requests.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Bench;
use super::load::{Connection, count_f64, percentile};
use super::process::Process;
use super::report::{millis, shown};
use super::scenes::{EAST, token};
use super::sign::Signer;
use crate::run::Result;

/// AWS: resources of a stack, at most.
const RESOURCES: u64 = 500;
/// Between two looks at a stack.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_mins(2);

/// What was measured of one stack.
struct Round {
    validated: Duration,
    accepted: Duration,
    deployed: Duration,
    created: Duration,
}

impl Bench {
    pub(super) fn stacks(&mut self) -> Result<()> {
        if !self.wants(&format!("stack of {RESOURCES} secrets")) {
            return Ok(());
        }
        let server = Process::regent(&self.binary, &self.scratch.join("stacks"))?;
        let mut rounds = Vec::new();
        for round in 0..self.rounds {
            rounds.push(self.runtime.block_on(stack(server.port, round))?);
        }
        let median = |of: fn(&Round) -> Duration| {
            let mut all: Vec<_> = rounds.iter().map(of).collect();
            all.sort_unstable();
            percentile(&all, 50)
        };
        let (validated, accepted) = (median(|round| round.validated), median(|r| r.accepted));
        let rate = |took: Duration| (count_f64(RESOURCES) / took.as_secs_f64()).round();
        let (deployed, created) = (rate(median(|r| r.deployed)), rate(median(|r| r.created)));
        let ratio = deployed / created;
        let text = format!(
            "stack of {RESOURCES} secrets: validated in {}, accepted in {}, made at {deployed:.0}/s, \
             {ratio:.1} times CreateSecret on one connection, {created:.0}/s",
            shown(validated),
            shown(accepted)
        );
        let value = json!({
            "validatedMs": millis(validated),
            "acceptedMs": millis(accepted),
            "deployedPerSecond": deployed,
            "createdPerSecond": created,
            "deployedToCreated": ratio,
        });
        self.report.fact("stackOf500", &text, value);
        Ok(())
    }
}

async fn stack(port: u16, round: u64) -> Result<Round> {
    let (stacks, secrets) = (Signer::stacks(port, EAST), Signer::secrets(port, EAST));
    let mut connection = Connection::open(port).await?;
    let (name, template) = (format!("stack-{round}"), template(round));
    let body = ("TemplateBody", template.as_str());
    let request = stacks.form("ValidateTemplate", &[body]);
    let started = Instant::now();
    connection.exchange(&request).await?;
    let validated = started.elapsed();
    let request = stacks.form("CreateStack", &[("StackName", &name), body]);
    let started = Instant::now();
    connection.exchange(&request).await?;
    let accepted = started.elapsed();
    let look = stacks.form("DescribeStacks", &[("StackName", &name)]);
    loop {
        let answer = connection.exchange(&look).await?;
        let text = String::from_utf8_lossy(answer);
        if text.contains("<StackStatus>CREATE_COMPLETE<") {
            break;
        }
        if !text.contains("<StackStatus>CREATE_IN_PROGRESS<") || started.elapsed() > PATIENCE {
            return Err(format!("a stack that is not made: {text}"));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let deployed = started.elapsed();
    let started = Instant::now();
    for number in 0..RESOURCES {
        let token = token(round * RESOURCES + number);
        let body = format!(r#"{{"Name":"alone-{round}-{number}","ClientRequestToken":"{token}"}}"#);
        connection.exchange(&secrets.request("CreateSecret", &body)).await?;
    }
    Ok(Round { validated, accepted, deployed, created: started.elapsed() })
}

/// Secrets without values: a template has at most 51,200 bytes.
fn template(round: u64) -> String {
    let secret = |number: u64| {
        let name = format!("{round}-{number}");
        let type_name = "AWS::SecretsManager::Secret";
        (format!("S{number}"), json!({ "Type": type_name, "Properties": { "Name": name } }))
    };
    let all: serde_json::Map<_, _> = (0..RESOURCES).map(secret).collect();
    json!({ "Resources": all }).to_string()
}
