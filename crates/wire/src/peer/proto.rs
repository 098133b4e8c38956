//! The protobuf messages of frames. Field numbers are final: new fields get new numbers.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    #[prost(uint32, tag = "1")]
    pub format: u32,
    #[prost(string, tag = "2")]
    pub from: String,
    #[prost(string, tag = "3")]
    pub to: String,
    #[prost(oneof = "Body", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20")]
    pub body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Body {
    #[prost(message, tag = "10")]
    Hello(Hello),
    #[prost(message, tag = "11")]
    Secret(SecretState),
    #[prost(message, tag = "12")]
    SecretRemoved(SecretAt),
    #[prost(message, tag = "13")]
    Detached(SecretAt),
    #[prost(message, tag = "14")]
    Key(KeyState),
    #[prost(message, tag = "15")]
    KeyGone(KeyAt),
    #[prost(message, tag = "16")]
    Acknowledged(Acknowledged),
    #[prost(message, tag = "17")]
    Ask(Ask),
    #[prost(message, tag = "18")]
    Answer(Answer),
    #[prost(message, tag = "19")]
    Accessed(Accessed),
    #[prost(message, tag = "20")]
    PendingHeld(PendingHeld),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Hello {
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    #[prost(bool, tag = "2")]
    pub answer: bool,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Stamp {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub revision: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretAt {
    #[prost(string, tag = "1")]
    pub account: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub suffix: String,
    #[prost(message, optional, tag = "4")]
    pub at: Option<Stamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Accessed {
    #[prost(string, tag = "1")]
    pub account: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub suffix: String,
    /// Midnight UTC.
    #[prost(int64, tag = "4")]
    pub day_ms: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyAt {
    #[prost(string, tag = "1")]
    pub account: String,
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(message, optional, tag = "3")]
    pub at: Option<Stamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PendingHeld {
    #[prost(string, tag = "1")]
    pub account: String,
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(message, optional, tag = "3")]
    pub at: Option<Stamp>,
    #[prost(message, optional, tag = "4")]
    pub material: Option<PendingId>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PendingId {
    #[prost(bytes = "vec", tag = "1")]
    pub material: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub since_ms: i64,
}

/// The ARN of a secret, in parts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretArn {
    #[prost(string, tag = "1")]
    pub region: String,
    #[prost(string, tag = "2")]
    pub account: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub suffix: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Tags {
    #[prost(btree_map = "string, string", tag = "1")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretState {
    #[prost(message, optional, tag = "1")]
    pub arn: Option<SecretArn>,
    #[prost(message, optional, tag = "2")]
    pub at: Option<Stamp>,
    #[prost(message, optional, tag = "3")]
    pub base: Option<Stamp>,
    #[prost(string, optional, tag = "4")]
    pub kms_key_id: Option<String>,
    #[prost(bool, tag = "5")]
    pub overwrite: bool,
    #[prost(string, optional, tag = "6")]
    pub description: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub secret_type: Option<String>,
    #[prost(message, optional, tag = "8")]
    pub tags: Option<Tags>,
    #[prost(int64, tag = "9")]
    pub last_changed_ms: i64,
    /// Staging label to version id.
    #[prost(btree_map = "string, string", tag = "10")]
    pub stages: BTreeMap<String, String>,
    #[prost(message, repeated, tag = "11")]
    pub versions: Vec<VersionState>,
    /// Name of a resource policy to its text.
    #[prost(btree_map = "string, string", tag = "12")]
    pub policies: BTreeMap<String, String>,
    #[prost(message, optional, boxed, tag = "13")]
    pub rotation: Option<Box<SecretRotation>>,
}

/// What is configured of a secret's rotation; never what is under way.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretRotation {
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    #[prost(string, optional, tag = "2")]
    pub function: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    pub after_days: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub expression: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub duration: Option<String>,
    #[prost(int64, tag = "6")]
    pub since_ms: i64,
    #[prost(message, repeated, tag = "7")]
    pub metadata: Vec<RotationItem>,
    #[prost(string, optional, tag = "8")]
    pub role: Option<String>,
    #[prost(int64, optional, tag = "9")]
    pub last_ms: Option<i64>,
    /// First and last second of the next window.
    #[prost(message, optional, tag = "10")]
    pub next: Option<RotationWindow>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct RotationItem {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct RotationWindow {
    #[prost(int64, tag = "1")]
    pub start_ms: i64,
    #[prost(int64, tag = "2")]
    pub end_ms: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionState {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(int64, tag = "2")]
    pub created_ms: i64,
    #[prost(uint64, tag = "3")]
    pub changed: u64,
    #[prost(message, optional, tag = "4")]
    pub value: Option<ValueState>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueState {
    /// 1 string, 2 binary.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub sealed: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub data_key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyState {
    /// The sender's Region.
    #[prost(string, tag = "1")]
    pub region: String,
    #[prost(string, tag = "2")]
    pub account: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(message, optional, tag = "4")]
    pub at: Option<Stamp>,
    #[prost(string, tag = "5")]
    pub primary: String,
    #[prost(string, repeated, tag = "6")]
    pub replicas: Vec<String>,
    /// The spec's code.
    #[prost(uint32, tag = "7")]
    pub spec: u32,
    /// The usage's code.
    #[prost(uint32, tag = "8")]
    pub usage: u32,
    #[prost(message, repeated, tag = "9")]
    pub materials: Vec<MaterialState>,
    #[prost(message, optional, tag = "10")]
    pub install: Option<Install>,
    /// The origin's code.
    #[prost(uint32, tag = "11")]
    pub origin: u32,
    #[prost(message, optional, tag = "20")]
    pub rotation: Option<Rotation>,
    /// Imported material that waits for a rotation.
    #[prost(message, optional, tag = "21")]
    pub pending: Option<MaterialState>,
    #[prost(bool, tag = "22")]
    pub pending_everywhere: bool,
}

/// The setting of automatic rotation.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rotation {
    #[prost(uint32, tag = "1")]
    pub period_days: u32,
    #[prost(int64, tag = "2")]
    pub next_ms: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MaterialState {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub created_ms: i64,
    /// Empty for imported material.
    #[prost(bytes = "vec", tag = "3")]
    pub sealed: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub public: Option<Vec<u8>>,
    /// 0 not by rotation, 1 automatic, 2 on demand.
    #[prost(uint32, tag = "10")]
    pub rotated: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Install {
    #[prost(string, tag = "1")]
    pub policy: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(message, optional, tag = "3")]
    pub tags: Option<Tags>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Subject {
    /// 1 secret, 2 detached, 3 key, 4 key gone, 5 accessed, 6 pending held.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// A secret's name or a key's id.
    #[prost(string, tag = "2")]
    pub name: String,
    /// A secret's suffix.
    #[prost(string, tag = "3")]
    pub suffix: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Acknowledged {
    #[prost(string, tag = "1")]
    pub account: String,
    #[prost(message, optional, tag = "2")]
    pub subject: Option<Subject>,
    #[prost(message, optional, tag = "3")]
    pub at: Option<Stamp>,
    #[prost(oneof = "Outcome", tags = "10, 11, 12, 13, 14")]
    pub outcome: Option<Outcome>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Outcome {
    #[prost(message, tag = "10")]
    Applied(Empty),
    #[prost(message, tag = "11")]
    Failed(Failure),
    #[prost(message, tag = "12")]
    Lacking(Empty),
    /// The epoch of what is in the way.
    #[prost(uint64, tag = "13")]
    NameTaken(u64),
    #[prost(message, tag = "14")]
    Fenced(Stamp),
}

/// Why a replica cannot be held.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Failure {
    /// 1 replica key, 2 primary key, 3 name taken, 4 replicated with another ARN, 5 Region not
    /// enabled.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(message, optional, tag = "2")]
    pub problem: Option<Problem>,
}

/// Why a key cannot be used. Which fields are set depends on the kind.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Problem {
    /// 1 invalid, 2 absent, 3 alias absent, 4 other Region, 5 disabled, 6 pending deletion,
    /// 7 pending replica deletion, 8 wrong usage, 9 denied, 10 pending import, 11 proxy.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// What was given, the Region, or the denied resource.
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(string, tag = "3")]
    pub region: String,
    #[prost(string, tag = "4")]
    pub account: String,
    /// A key id or an alias name.
    #[prost(string, tag = "5")]
    pub name: String,
    /// The key's usage, or the denied action.
    #[prost(string, tag = "6")]
    pub usage: String,
    #[prost(string, tag = "7")]
    pub operation: String,
    /// The problem of a key store's proxy.
    #[prost(uint32, tag = "8")]
    pub code: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Ask {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(oneof = "Question", tags = "10, 11, 12, 13")]
    pub question: Option<Question>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Question {
    #[prost(message, tag = "10")]
    CanHold(CanHold),
    #[prost(message, tag = "11")]
    Replicate(Replicate),
    #[prost(message, tag = "12")]
    Withdraw(Wish),
    #[prost(message, tag = "13")]
    CanBePrimary(CanBePrimary),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CanBePrimary {
    /// The Region that is asked.
    #[prost(string, tag = "1")]
    pub region: String,
    #[prost(string, tag = "2")]
    pub account: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(message, optional, tag = "5")]
    pub caller: Option<Asker>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Replicate {
    #[prost(message, optional, tag = "1")]
    pub wish: Option<Wish>,
    #[prost(message, optional, tag = "2")]
    pub install: Option<Install>,
}

/// What a stack wants of a key, or wants no more.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Wish {
    #[prost(string, tag = "1")]
    pub region: String,
    #[prost(string, tag = "2")]
    pub account: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(string, tag = "4")]
    pub token: String,
    #[prost(message, optional, tag = "5")]
    pub caller: Option<Asker>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Asker {
    #[prost(string, tag = "1")]
    pub arn: String,
    #[prost(string, tag = "2")]
    pub user_id: String,
    #[prost(string, optional, tag = "3")]
    pub user_name: Option<String>,
    #[prost(string, repeated, tag = "4")]
    pub policies: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CanHold {
    #[prost(message, optional, tag = "1")]
    pub arn: Option<SecretArn>,
    #[prost(string, optional, tag = "2")]
    pub kms_key_id: Option<String>,
    #[prost(bool, tag = "3")]
    pub overwrite: bool,
    /// The ARN of the principal for whom it is asked.
    #[prost(string, tag = "4")]
    pub caller: String,
    #[prost(string, tag = "5")]
    pub user_id: String,
    #[prost(string, optional, tag = "6")]
    pub user_name: Option<String>,
    #[prost(string, repeated, tag = "7")]
    pub policies: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Answer {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Absent for yes.
    #[prost(message, optional, tag = "2")]
    pub no: Option<Failure>,
    /// The Region could not find out.
    #[prost(bool, tag = "3")]
    pub unreachable: bool,
    /// What a service there said.
    #[prost(message, optional, tag = "4")]
    pub refused: Option<Refused>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Refused {
    #[prost(string, tag = "1")]
    pub code: String,
    #[prost(string, tag = "2")]
    pub text: String,
}
