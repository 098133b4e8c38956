//! The decoders of everything that comes from outside: requests, frames of other Regions, and
//! CloudFormation templates.
//!
//! PROMISE R8: any bytes get a well-formed answer. A target panics where that is not so; it needs
//! no clock and no network, and the same bytes always take the same way. Shared by cargo-fuzz and
//! `cargo xtask fuzz`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use regent_cfn::parameters::bind;
use regent_cfn::plan::{Action, Plan, Side, Step};
use regent_cfn::resolve::{Nothing, Pseudo, Resolution};
use regent_cfn::{Bounds, Document, Template};
use regent_core::cx::{Answers, Caller, Cx, Functions, Origin, Profile};
use regent_core::ids::{Region, RequestId};
use regent_core::keys::proxy::Proxies;
use regent_core::keys::usage::Uses;
use regent_core::ports::{Crypto as _, Entropy};
use regent_core::replication::change::Message;
use regent_core::replication::receiver;
use regent_core::roles::NoRoles;
use regent_core::time::Timestamp;
use regent_core::tx::Tx;
use regent_crypto::RegionCrypto;
use regent_store::{MemoryStore, Store as _};
use regent_wire::audit::{Record, write_line};
use regent_wire::fault::{Answer, Fault};
use regent_wire::operations::{OPERATIONS, Operation, Outcome};
use regent_wire::peer;
use regent_wire::query_xml::{Form, Format};
use regent_wire::service::Protocol;
use regent_wire::sigv4::{
    Credential, Credentials, Expected, SecretKey, SignedRequest, SigningKeys, Verifier,
};

/// 2023-11-14T22:13:20Z.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ACCOUNT: &str = "123456789012";
const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];

/// A request: the first byte chooses the operation; then the head, one header to a line, up to an
/// empty line; then the body.
///
/// The signature is verified, which fails, and then the operation runs as if it had not.
pub fn request(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Some(operation) = OPERATIONS.get(usize::from(*first) % OPERATIONS.len()) else { return };
    let (head, body) = split_head(rest);
    let (headers, query) = headers(head);
    WORLD.with(|world| {
        world.verify(operation, &headers, &query, body);
        world.run(operation, &headers, body);
    });
}

/// A frame of another Region: what decodes must encode to the same again, and can be received.
pub fn frame(data: &[u8]) {
    let Ok(frame) = peer::decode(data) else { return };
    let again = peer::decode(&peer::encode(&frame));
    assert!(again.as_ref() == Ok(&frame), "a frame is another one after encoding");
    WORLD.with(|world| world.receive(frame.from, frame.message));
}

/// A template: it is read, resolved and checked, and what passes has a plan to itself without steps.
pub fn template(data: &[u8]) {
    let given = BTreeMap::new();
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = Document::read(text, Bounds::TEMPLATE) else { return };
    let Ok(template) = Template::read(&document, &given) else { return };
    let (bound, pseudo) = (bind(&template.parameters, &given), Pseudo::default());
    let Ok(resolution) = Resolution::new(&template, &bound.values, &pseudo) else { return };
    // What is refused has been read all the same.
    let _ = resolution.check_properties(&Nothing);
    let Ok(graph) = resolution.check() else { return };
    let side = Side { resolution: &resolution, graph: &graph, outside: &Nothing };
    let created = Plan::new(None, Some(side));
    let count = created.map(|plan| plan.steps.len());
    assert!(count.is_err() || count == Ok(graph.order.len()), "a plan that leaves something out");
    // Nothing leaves, whatever is unknown: at most what is replaced is deleted.
    let kept = Plan::new(Some(side), Some(side));
    let leaves = |step: &Step| matches!(step.action, Action::Delete | Action::Retain);
    assert!(!kept.is_ok_and(|plan| plan.cleanup.iter().any(leaves)), "a plan that loses something");
}

/// Templates with every section and most functions.
pub fn template_seeds() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../crates/cfn/tests/golden/seed-create.yaml"),
        include_str!("../../crates/cfn/tests/golden/seed-update.yaml"),
        include_str!("../../crates/cfn/tests/golden/database.yaml"),
        r#"{"Resources": {"K": {"Type": "AWS::KMS::Key", "Properties": {"Description":
            {"Fn::Join": ["", ["a", {"Ref": "AWS::Region"}]]}}}}}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Inputs to begin with. Every one is well-formed, or nearly.
pub fn request_seeds() -> Vec<Vec<u8>> {
    let head = "host: 127.0.0.1\nx-amz-date: 20231114T221320Z\nauthorization: AWS4-HMAC-SHA256 \
                Credential=test/20231114/us-east-1/kms/aws4_request, \
                SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=00\n\n";
    let numbers = 0..u8::try_from(OPERATIONS.len()).unwrap_or(u8::MAX);
    let bodies = [EVERYTHING, "{}", "Action=GetCallerIdentity&Version=2011-06-15"];
    let of = |number: u8| bodies.map(|body| [&[number], head.as_bytes(), body.as_bytes()].concat());
    numbers.flat_map(of).collect()
}

/// Frames to begin with.
pub fn frame_seeds() -> Vec<Vec<u8>> {
    WORLD.with(World::frames)
}

/// Every member of every operation, with values that are valid for most. Unknown ones are ignored.
const EVERYTHING: &str = r#"{"SecretId":"seed","Name":"new","ClientRequestToken":"01234567890123456789012345678901",
"SecretString":"v","VersionId":"01234567890123456789012345678901","VersionStage":"AWSCURRENT","VersionStages":["AWSCURRENT"],
"MoveToVersionId":"01234567890123456789012345678901","RemoveFromVersionId":"01234567890123456789012345678901",
"Description":"d","KmsKeyId":"alias/seed","Tags":[{"Key":"k","Value":"v","TagKey":"k","TagValue":"v"}],"TagKeys":["k"],
"AddReplicaRegions":[{"Region":"us-west-2","KmsKeyId":"mrk-1234abcd12ab34cd56ef1234567890ab"}],"ForceOverwriteReplicaSecret":true,
"RemoveReplicaRegions":["us-west-2"],"RecoveryWindowInDays":7,"Filters":[{"Key":"name","Values":["s"]}],"SortBy":"name","SortOrder":"asc",
"MaxResults":5,"IncludeDeprecated":true,"IncludePlannedDeletion":true,"KeyId":"alias/seed","DestinationKeyId":"alias/seed",
"Plaintext":"eA==","CiphertextBlob":"eA==","EncryptionContext":{"a":"b"},"EncryptionAlgorithm":"SYMMETRIC_DEFAULT","NumberOfBytes":8,
"AliasName":"alias/new","TargetKeyId":"alias/seed","ReplicaRegion":"us-west-2","PrimaryRegion":"us-west-2","PendingWindowInDays":7,
"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}","PolicyName":"default",
"ResourcePolicy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}}","BlockPublicPolicy":false,
"MultiRegion":true,"Limit":5,"DryRun":false}"#;

fn split_head(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    match end.and_then(|end| data.split_at_checked(end)) {
        Some((head, body)) => (head, body.get(2..).unwrap_or_default()),
        None => (&[], data),
    }
}

/// The headers of the lines that are some, and the query string of a line `?…`.
fn headers(head: &[u8]) -> (HeaderMap, String) {
    let mut headers = HeaderMap::new();
    let mut query = String::new();
    for line in head.split(|byte| *byte == b'\n') {
        if let Some(text) = line.strip_prefix(b"?") {
            query = String::from_utf8_lossy(text).into_owned();
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    (headers, query)
}

thread_local! {
    static WORLD: World = World::new();
}

/// One Region with a secret and a key in it. Inputs change nothing of it.
struct World {
    store: MemoryStore,
    crypto: RegionCrypto,
    entropy: Counter,
    caller: Caller,
    origin: Origin,
    regions: Vec<Region>,
    answers: Answers,
    uses: Uses,
    functions: Functions,
    proxies: Proxies,
}

impl World {
    fn new() -> Self {
        let regions: Vec<Region> = REGIONS.iter().filter_map(|name| name.parse().ok()).collect();
        let region = home(&regions);
        let account = must(ACCOUNT.parse().ok());
        let entropy = Counter::default();
        let world = Self {
            store: MemoryStore::new(),
            crypto: RegionCrypto::generate(&entropy),
            entropy,
            caller: Caller::account_root(account, region),
            origin: Origin {
                source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                secure_transport: false,
                user_agent: "fuzz".into(),
            },
            regions,
            answers: Answers::new(),
            uses: Uses::default(),
            functions: Functions::new(),
            proxies: Proxies::default(),
        };
        world.command("CreateKey", r#"{"MultiRegion":true}"#, "KeyId", |key| {
            let body = format!(r#"{{"AliasName":"alias/seed","TargetKeyId":"{key}"}}"#);
            world.command("CreateAlias", &body, "", |_| ());
        });
        let body = r#"{"Name":"seed","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;
        world.command("CreateSecret", body, "ARN", |_| ());
        world
    }

    /// Runs and commits a command; `with` gets a member of its answer.
    fn command(&self, name: &str, body: &str, member: &str, with: impl FnOnce(&str)) {
        let operation = must(OPERATIONS.iter().find(|row| row.name == name));
        let outcome = operation.run(&self.cx(), &self.store, body.as_bytes(), Format::Xml);
        let Outcome::Commit { answer, batch } = outcome else {
            panic!("{name} does not work: {outcome:?}");
        };
        assert!(self.store.commit(batch).is_ok(), "{name} is not committed");
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let found = answer.get(member).or_else(|| answer.get("KeyMetadata")?.get(member));
        with(found.and_then(serde_json::Value::as_str).unwrap_or_default());
    }

    fn cx(&self) -> Cx<'_> {
        Cx {
            now: NOW,
            region: home(&self.regions),
            caller: &self.caller,
            request_id: RequestId::from_entropy([7; 16]),
            origin: &self.origin,
            profile: Profile::Aws,
            regions: &self.regions,
            answers: &self.answers,
            functions: &self.functions,
            roles: &NoRoles,
            entropy: &self.entropy,
            crypto: &self.crypto,
            proxies: &self.proxies,
            uses: &self.uses,
            system_tags: None,
        }
    }

    fn verify(&self, operation: &Operation, headers: &HeaderMap, query: &str, body: &[u8]) {
        let request = SignedRequest { method: "POST", path: "/", query, headers, body };
        let keys = SigningKeys::new();
        let verifier = Verifier { credentials: &OneKey, regions: &self.regions, keys: &keys };
        let expected = match operation.service.protocol() {
            Protocol::Json => Expected::Service(operation.service),
            Protocol::Query => Expected::Query,
        };
        if let Err(fault) = verifier.verify(&request, expected, NOW) {
            let fault = Fault::auth(&fault, expected.protocol());
            well_formed(&fault.answer(operation.service, Format::Xml, "id"));
        }
    }

    fn run(&self, operation: &'static Operation, headers: &HeaderMap, body: &[u8]) {
        let format = Format::wanted(operation.service, headers);
        if operation.service.protocol() == Protocol::Query
            && let Err(fault) = Form::parse(body)
        {
            well_formed(&fault.answer(operation.service, format, "id"));
        }
        let fault = match operation.run(&self.cx(), &self.store, body, format) {
            Outcome::Answer { answer, .. } | Outcome::Commit { answer, .. } => {
                well_formed(&answer);
                None
            }
            Outcome::Ask(asks) => {
                assert!(!asks.is_empty(), "a question to nobody");
                None
            }
            Outcome::Fault(fault) => {
                well_formed(&fault.answer(operation.service, format, "id"));
                Some(fault)
            }
        };
        self.record(operation, fault.as_ref(), body);
    }

    /// The audit record of any request is one line of JSON.
    fn record(&self, operation: &Operation, fault: Option<&Fault>, body: &[u8]) {
        let mut line = Vec::new();
        let record = Record {
            at: NOW,
            request_id: RequestId::from_entropy([7; 16]),
            event_id: RequestId::from_entropy([8; 16]),
            service: Some(operation.service),
            operation: Some(operation.name),
            read_only: operation.read_only,
            region: self.regions.first().copied(),
            caller: Some(&self.caller),
            access_key: Some("test"),
            origin: &self.origin,
            error_code: fault.map(|fault| fault.code(operation.service.protocol())),
            error_message: fault.and_then(Fault::message),
            body: Some(body),
        };
        write_line(&mut line, &record);
        let lines = line.split(|byte| *byte == b'\n').count() - 1;
        assert_eq!((lines, line.last()), (1, Some(&b'\n')), "a record is one line");
        assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok(), "a record is JSON");
    }

    fn receive(&self, from: Region, message: Message) {
        let cx = self.cx();
        // Material and data keys that are not sealed to this Region are a fault, not a panic.
        let _ = receiver::receive(&cx, &mut Tx::new(&self.store), from, message);
    }

    fn frames(&self) -> Vec<Vec<u8>> {
        frame_seeds_of(home(&self.regions), self.crypto.transport_key())
    }
}

fn frame_seeds_of(to: Region, key: regent_core::ports::TransportKey) -> Vec<Vec<u8>> {
    use regent_core::ids::{Scope, SecretArn};
    use regent_core::records::Subject;
    use regent_core::replication::change::{
        Asker, Outcome, Question, SecretState, Stamp, ValueState, VersionState,
    };
    use regent_core::secrets::model::ValueKind;

    let from: Region = must("us-west-2".parse().ok());
    let account = must(ACCOUNT.parse().ok());
    let (name, suffix) = (must("db".parse().ok()), must("4BS2cc".parse().ok()));
    let arn = SecretArn { scope: Scope { region: from, account }, name, suffix };
    let (name, at) = (arn.name.clone(), Stamp { epoch: 1, revision: 2 });
    let id: regent_core::ids::VersionId = must("01234567-89ab-cdef-0123-456789abcdef".parse().ok());
    let value = ValueState {
        kind: ValueKind::String,
        sealed: Box::new([1; 64]),
        data_key: Box::new([2; 96]),
    };
    let version = VersionState { id: id.clone(), created: NOW, changed: 2, value: Some(value) };
    let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let policy = must(regent_core::secrets::policies::ResourcePolicy::parse(policy).ok());
    let state = SecretState {
        arn: arn.clone(),
        at,
        base: None,
        kms_key_id: Some("alias/x".into()),
        overwrite: true,
        description: Some("d".into()),
        secret_type: None,
        tags: None,
        policies: [(regent_core::ids::PolicyName::of_requests(), policy)].into_iter().collect(),
        last_changed: NOW,
        stages: [(regent_core::ids::StageLabel::current(), id)].into(),
        rotation: None,
        versions: vec![version],
    };
    let subject = Subject::Secret { name: name.clone(), suffix };
    let question = Question::CanHold {
        arn,
        kms_key_id: Some("alias/x".into()),
        overwrite: false,
        caller: Asker {
            arn: "arn:aws:iam::123456789012:user/ann".into(),
            user_id: "AIDA1234567890ABCDEFG".into(),
            user_name: Some("ann".into()),
            policies: vec![r#"{"Statement":[]}"#.into()],
        },
    };
    [
        Message::Hello { key, answer: true },
        Message::Secret(Box::new(state)),
        Message::SecretRemoved { account, name: name.clone(), suffix, at },
        Message::Detached { account, name, suffix, at },
        Message::Acknowledged { account, subject, at, outcome: Outcome::Fenced { at } },
        Message::Ask { id: 7, question },
    ]
    .map(|message| peer::encode(&peer::Frame { from, to, message }))
    .into()
}

/// An answer must be one that a client can read, and never the server's own failure.
fn well_formed(answer: &Answer) {
    assert!(answer.status < 500, "status {}", answer.status);
    if answer.content_type.contains("json") && !answer.body.is_empty() {
        let body = serde_json::from_slice::<serde_json::Value>(&answer.body);
        assert!(body.is_ok(), "not JSON: {}", String::from_utf8_lossy(&answer.body));
    } else {
        assert!(std::str::from_utf8(&answer.body).is_ok(), "not text");
    }
}

fn home(regions: &[Region]) -> Region {
    must(regions.get(1).copied())
}

/// What is fixed in this file cannot be absent.
fn must<T>(value: Option<T>) -> T {
    let Some(value) = value else { panic!("a constant of the fuzz target is not valid") };
    value
}

/// One access key, `test` with secret `test`.
#[derive(Debug)]
struct OneKey;

impl Credentials for OneKey {
    type Owner = ();

    fn find(&self, access_key: &str, _token: Option<&str>) -> Option<Credential<()>> {
        let secret = || SecretKey::new("test".to_owned());
        (access_key == "test").then(|| Credential { secret: secret(), owner: (), expires_at: None })
    }
}

/// The same bytes in the same order in every run.
#[derive(Debug, Default)]
struct Counter(Cell<u64>);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(next);
            for (byte, random) in chunk.iter_mut().zip(next.to_le_bytes()) {
                *byte = random;
            }
        }
    }
}
