//! Stacks as bytes. Statuses, phases and reasons are numbers of this file, not AWS's names.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use regent_core::ids::AccountId;
use regent_core::stacks::drift::{self, Detection, Drift};
use regent_core::stacks::ids::{ChangeSetId, ExportName, LogicalId, StackId, StackName};
use regent_core::stacks::model::{
    Event, Instance, OnFailure, Options, Output, Parameter, Phase, Reason, Resource, Run, Side,
    Stack, Status,
};
use regent_core::stacks::policy::Action;

use super::{FORMAT, Flaw, formatted, parse, read, tags, text, texts, time};

#[derive(Clone, PartialEq, Message)]
struct StackRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "vec", tag = "3")]
    data_key: Vec<u8>,
    #[prost(int64, tag = "4")]
    created_ms: i64,
    #[prost(int64, optional, tag = "5")]
    updated_ms: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    deleted_ms: Option<i64>,
    #[prost(uint32, tag = "7")]
    status: u32,
    #[prost(message, optional, tag = "8")]
    reason: Option<ReasonMessage>,
    #[prost(uint32, tag = "9")]
    on_failure: u32,
    #[prost(uint32, optional, tag = "10")]
    timeout_minutes: Option<u32>,
    #[prost(bool, tag = "11")]
    termination_protection: bool,
    #[prost(bool, tag = "12")]
    retain_except_on_create: bool,
    #[prost(message, optional, tag = "13")]
    current: Option<SideMessage>,
    #[prost(message, optional, tag = "14")]
    target: Option<SideMessage>,
    #[prost(message, optional, tag = "15")]
    leaving: Option<SideMessage>,
    #[prost(message, repeated, tag = "16")]
    outputs: Vec<OutputMessage>,
    #[prost(uint32, tag = "17")]
    generation: u32,
    #[prost(uint64, tag = "18")]
    next_event: u64,
    #[prost(string, optional, tag = "19")]
    token: Option<String>,
    #[prost(message, optional, tag = "20")]
    change_set: Option<ChangeSetMessage>,
    #[prost(string, repeated, tag = "22")]
    imports: Vec<String>,
    #[prost(string, optional, tag = "23")]
    policy: Option<String>,
    #[prost(message, optional, tag = "25")]
    detection: Option<DetectionMessage>,
    #[prost(string, optional, tag = "26")]
    role: Option<String>,
    #[prost(message, repeated, tag = "27")]
    superseded: Vec<SideMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ChangeSetMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SideMessage {
    #[prost(uint32, tag = "1")]
    generation: u32,
    #[prost(bytes = "vec", tag = "2")]
    template: Vec<u8>,
    #[prost(string, optional, tag = "3")]
    description: Option<String>,
    #[prost(btree_map = "string, message", tag = "4")]
    parameters: BTreeMap<String, ParameterMessage>,
    #[prost(btree_map = "string, string", tag = "5")]
    tags: BTreeMap<String, String>,
    #[prost(string, repeated, tag = "6")]
    capabilities: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    imports: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ParameterMessage {
    #[prost(bytes = "vec", tag = "1")]
    value: Vec<u8>,
    #[prost(bool, tag = "2")]
    no_echo: bool,
}

#[derive(Clone, PartialEq, Message)]
struct OutputMessage {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
    #[prost(string, optional, tag = "3")]
    description: Option<String>,
    #[prost(string, optional, tag = "4")]
    export: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ReasonMessage {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, repeated, tag = "2")]
    resources: Vec<String>,
    #[prost(string, tag = "3")]
    said: String,
    #[prost(uint32, tag = "4")]
    number: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    type_name: String,
    #[prost(message, repeated, tag = "3")]
    instances: Vec<InstanceMessage>,
    #[prost(string, tag = "4")]
    physical: String,
    #[prost(uint32, tag = "5")]
    status: u32,
    #[prost(message, optional, tag = "6")]
    reason: Option<ReasonMessage>,
    #[prost(int64, tag = "7")]
    updated_ms: i64,
    #[prost(message, optional, tag = "8")]
    drift: Option<DriftMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct DriftMessage {
    #[prost(int64, tag = "1")]
    at_ms: i64,
    #[prost(uint32, tag = "2")]
    status: u32,
    #[prost(bytes = "vec", optional, tag = "3")]
    expected: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    actual: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct DetectionMessage {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(int64, tag = "2")]
    at_ms: i64,
    #[prost(uint32, tag = "3")]
    drifted: u32,
    #[prost(string, repeated, tag = "4")]
    failed: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct InstanceMessage {
    #[prost(string, tag = "1")]
    physical: String,
    #[prost(uint32, tag = "2")]
    made: u32,
    #[prost(uint32, tag = "3")]
    applied: u32,
    #[prost(bool, tag = "4")]
    unsettled: bool,
}

#[derive(Clone, PartialEq, Message)]
struct EventRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(int64, tag = "2")]
    at_ms: i64,
    #[prost(string, optional, tag = "3")]
    logical: Option<String>,
    #[prost(string, tag = "4")]
    physical: String,
    #[prost(string, tag = "5")]
    type_name: String,
    #[prost(uint32, tag = "6")]
    status: u32,
    #[prost(message, optional, tag = "7")]
    reason: Option<ReasonMessage>,
    #[prost(string, optional, tag = "8")]
    token: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct RunRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint32, tag = "2")]
    phase: u32,
    #[prost(string, tag = "3")]
    principal: String,
    #[prost(int64, tag = "4")]
    started_ms: i64,
    #[prost(uint64, tag = "5")]
    next_event: u64,
    #[prost(uint32, tag = "6")]
    position: u32,
    // 7 is taken: until when earlier builds had waited for one resource.
    #[prost(string, repeated, tag = "8")]
    failed: Vec<String>,
    #[prost(string, repeated, tag = "9")]
    retained: Vec<String>,
    #[prost(string, optional, tag = "10")]
    token: Option<String>,
    #[prost(string, optional, tag = "20")]
    policy: Option<String>,
    #[prost(string, optional, tag = "21")]
    policy_after: Option<String>,
}

formatted!(StackRecord, ResourceRecord, EventRecord, RunRecord);

const fn status_number(status: Status) -> u32 {
    match status {
        Status::CreateInProgress => 1,
        Status::CreateFailed => 2,
        Status::CreateComplete => 3,
        Status::RollbackInProgress => 4,
        Status::RollbackFailed => 5,
        Status::RollbackComplete => 6,
        Status::DeleteInProgress => 7,
        Status::DeleteFailed => 8,
        Status::DeleteComplete => 9,
        Status::DeleteSkipped => 10,
        Status::UpdateInProgress => 11,
        Status::UpdateCompleteCleanupInProgress => 12,
        Status::UpdateComplete => 13,
        Status::UpdateFailed => 14,
        Status::UpdateRollbackInProgress => 15,
        Status::UpdateRollbackFailed => 16,
        Status::UpdateRollbackCompleteCleanupInProgress => 17,
        Status::UpdateRollbackComplete => 18,
        Status::ReviewInProgress => 19,
        Status::ImportInProgress => 20,
        Status::ImportComplete => 21,
        Status::ImportFailed => 22,
        Status::ImportRollbackInProgress => 23,
        Status::ImportRollbackComplete => 24,
    }
}

fn status(number: u32) -> Result<Status, Flaw> {
    let found = Status::ALL.into_iter().find(|status| status_number(*status) == number);
    found.ok_or(Flaw::Field("status"))
}

const PHASES: [(u32, Phase); 8] = [
    (1, Phase::Create),
    (2, Phase::Rollback),
    (3, Phase::Update),
    (4, Phase::UpdateCleanup),
    (5, Phase::UpdateRollback),
    (6, Phase::UpdateRollbackCleanup),
    (7, Phase::Delete),
    (8, Phase::Import),
];

fn phase_number(phase: Phase) -> u32 {
    PHASES.iter().find(|(_, known)| *known == phase).map_or(0, |(number, _)| *number)
}

fn phase(number: u32) -> Result<Phase, Flaw> {
    let found = PHASES.iter().find(|(known, _)| *known == number);
    found.map(|(_, phase)| *phase).ok_or(Flaw::Field("phase"))
}

pub(super) const fn on_failure_number(on_failure: OnFailure) -> u32 {
    match on_failure {
        OnFailure::Rollback => 0,
        OnFailure::DoNothing => 1,
        OnFailure::Delete => 2,
    }
}

pub(super) fn on_failure(number: u32) -> Result<OnFailure, Flaw> {
    match number {
        0 => Ok(OnFailure::Rollback),
        1 => Ok(OnFailure::DoNothing),
        2 => Ok(OnFailure::Delete),
        _ => Err(Flaw::Field("on_failure")),
    }
}

fn reason_message(reason: &Reason) -> ReasonMessage {
    let (kind, resources, said) = match reason {
        Reason::UserInitiated => (1, None, ""),
        Reason::CreationInitiated => (2, None, ""),
        Reason::Replacement => (3, None, ""),
        Reason::FailedToCreate(failed) => (4, Some(failed), ""),
        Reason::FailedToUpdate(failed) => (5, Some(failed), ""),
        Reason::FailedToDelete(failed) => (6, Some(failed), ""),
        Reason::TimedOut => (7, None, ""),
        Reason::Said(said) => (8, None, &**said),
        Reason::Cancelled => (9, None, ""),
        Reason::ExportChanged { name, .. } => (30, None, name.as_str()),
        Reason::ExportGone { name, .. } => (31, None, name.as_str()),
        Reason::ExportTaken { name, .. } => (32, None, name.as_str()),
        Reason::NoExport { name } => (33, None, name.as_str()),
        Reason::PolicyDenied { action, .. } => (34, None, action.name()),
        Reason::FailedToImport(_) => (50, None, ""),
        Reason::ImportBegun => (51, None, ""),
        Reason::ImportDone => (52, None, ""),
        Reason::ImportTagged => (53, None, ""),
        Reason::InStack { physical, .. } => (54, None, &**physical),
    };
    let resources = match reason {
        Reason::ExportChanged { by, .. } | Reason::ExportGone { by, .. } => {
            by.iter().map(ToString::to_string).collect()
        }
        Reason::ExportTaken { by, .. } => vec![by.to_string()],
        Reason::PolicyDenied { logical, .. } | Reason::FailedToImport(logical) => {
            vec![logical.to_string()]
        }
        Reason::InStack { stack, .. } => vec![stack.to_string()],
        _ => resources.into_iter().flatten().map(ToString::to_string).collect(),
    };
    let number = match reason {
        Reason::PolicyDenied { statement, .. } => statement.unwrap_or_default(),
        _ => 0,
    };
    ReasonMessage { kind, resources, said: said.to_owned(), number }
}

fn reason(message: ReasonMessage) -> Result<Reason, Flaw> {
    let resources = || logicals(&message.resources);
    let export = || parse(&message.said, "export");
    let stacks = || -> Result<BTreeSet<StackName>, Flaw> {
        message.resources.iter().map(|text| parse(text, "stacks")).collect()
    };
    Ok(match message.kind {
        1 => Reason::UserInitiated,
        2 => Reason::CreationInitiated,
        3 => Reason::Replacement,
        4 => Reason::FailedToCreate(resources()?),
        5 => Reason::FailedToUpdate(resources()?),
        6 => Reason::FailedToDelete(resources()?),
        7 => Reason::TimedOut,
        8 => Reason::Said(message.said.into()),
        9 => Reason::Cancelled,
        30 => Reason::ExportChanged { name: export()?, by: stacks()? },
        31 => Reason::ExportGone { name: export()?, by: stacks()? },
        32 => {
            let by = stacks()?.pop_first().ok_or(Flaw::Field("reason"))?;
            Reason::ExportTaken { name: export()?, by }
        }
        33 => Reason::NoExport { name: export()? },
        34 => {
            let named = |action: &Action| action.name() == message.said;
            let action = Action::ALL.into_iter().find(named).ok_or(Flaw::Field("reason"))?;
            let logical = resources()?.pop_first().ok_or(Flaw::Field("reason"))?;
            let statement = Some(message.number).filter(|number| *number > 0);
            Reason::PolicyDenied { action, logical, statement }
        }
        50..=54 => reason_of_import(&message)?,
        _ => return Err(Flaw::Field("reason")),
    })
}

fn reason_of_import(message: &ReasonMessage) -> Result<Reason, Flaw> {
    let first = || message.resources.first().ok_or(Flaw::Field("reason"));
    Ok(match message.kind {
        50 => Reason::FailedToImport(parse(first()?, "resources")?),
        51 => Reason::ImportBegun,
        52 => Reason::ImportDone,
        53 => Reason::ImportTagged,
        54 => Reason::InStack {
            physical: message.said.as_str().into(),
            stack: parse(first()?, "stack")?,
        },
        _ => return Err(Flaw::Field("reason")),
    })
}

fn logicals(texts: &[String]) -> Result<BTreeSet<LogicalId>, Flaw> {
    texts.iter().map(|text| parse(text, "resources")).collect()
}

pub(super) fn side_message(side: &Side) -> SideMessage {
    let parameters = side.parameters.iter().map(|(name, parameter)| {
        let value = parameter.value.to_vec();
        (name.to_string(), ParameterMessage { value, no_echo: parameter.no_echo })
    });
    SideMessage {
        generation: side.generation,
        template: side.template.to_vec(),
        description: text(side.description.as_deref()),
        parameters: parameters.collect(),
        tags: texts(&side.tags),
        capabilities: side.capabilities.iter().map(ToString::to_string).collect(),
        imports: side.imports.iter().map(ToString::to_string).collect(),
    }
}

fn exports(texts: &[String]) -> Result<BTreeSet<ExportName>, Flaw> {
    texts.iter().map(|text| parse(text, "imports")).collect()
}

pub(super) fn side(message: SideMessage) -> Result<Side, Flaw> {
    let parameter = |(name, message): (String, ParameterMessage)| {
        let value = message.value.into();
        (name.into(), Parameter { value, no_echo: message.no_echo })
    };
    Ok(Side {
        imports: exports(&message.imports)?,
        generation: message.generation,
        template: message.template.into(),
        description: message.description.map(Into::into),
        parameters: message.parameters.into_iter().map(parameter).collect(),
        tags: tags(message.tags),
        capabilities: message.capabilities.into_iter().map(Into::into).collect(),
    })
}

pub(super) fn encode_stack(stack: &Stack) -> Vec<u8> {
    let output = |output: &Output| OutputMessage {
        key: output.key.to_string(),
        value: output.value.to_vec(),
        description: text(output.description.as_deref()),
        export: output.export.as_ref().map(ToString::to_string),
    };
    StackRecord {
        format: FORMAT,
        name: stack.name.to_string(),
        data_key: stack.data_key.to_vec(),
        created_ms: stack.created.millis(),
        updated_ms: stack.updated.map(regent_core::time::Timestamp::millis),
        deleted_ms: stack.deleted.map(regent_core::time::Timestamp::millis),
        status: status_number(stack.status),
        reason: stack.reason.as_ref().map(reason_message),
        on_failure: on_failure_number(stack.options.on_failure),
        timeout_minutes: stack.options.timeout_minutes,
        termination_protection: stack.options.termination_protection,
        retain_except_on_create: stack.options.retain_except_on_create,
        current: stack.current.as_ref().map(side_message),
        target: stack.target.as_ref().map(side_message),
        leaving: stack.leaving.as_ref().map(side_message),
        outputs: stack.outputs.iter().map(output).collect(),
        generation: stack.generation,
        next_event: stack.next_event,
        token: text(stack.token.as_deref()),
        change_set: stack
            .change_set
            .as_ref()
            .map(|(name, id)| ChangeSetMessage { name: name.to_string(), id: id.bytes().to_vec() }),
        imports: stack.imports.iter().map(ToString::to_string).collect(),
        policy: text(stack.policy.as_deref()),
        detection: stack.detection.as_ref().map(detection_message),
        role: stack.role.as_ref().map(ToString::to_string),
        superseded: stack.superseded.iter().map(side_message).collect(),
    }
    .encode_to_vec()
}

pub(super) fn decode_stack(id: StackId, bytes: &[u8]) -> Result<Stack, Flaw> {
    let message: StackRecord = read(bytes)?;
    let output = |message: OutputMessage| {
        Ok(Output {
            key: message.key.into(),
            value: message.value.into(),
            description: message.description.map(Into::into),
            export: message.export.map(|text| parse(&text, "export")).transpose()?,
        })
    };
    let change_set = |message: ChangeSetMessage| {
        let id = message.id.try_into().map_err(|_| Flaw::Field("change_set"))?;
        Ok((parse(&message.name, "change_set")?, ChangeSetId::from_bytes(id)))
    };
    Ok(Stack {
        id,
        name: parse(&message.name, "name")?,
        data_key: message.data_key.into(),
        created: time(message.created_ms),
        updated: message.updated_ms.map(time),
        deleted: message.deleted_ms.map(time),
        status: status(message.status)?,
        reason: message.reason.map(reason).transpose()?,
        options: Options {
            on_failure: on_failure(message.on_failure)?,
            timeout_minutes: message.timeout_minutes,
            termination_protection: message.termination_protection,
            retain_except_on_create: message.retain_except_on_create,
        },
        current: message.current.map(side).transpose()?,
        target: message.target.map(side).transpose()?,
        leaving: message.leaving.map(side).transpose()?,
        superseded: message.superseded.into_iter().map(side).collect::<Result<_, Flaw>>()?,
        outputs: message.outputs.into_iter().map(output).collect::<Result<_, Flaw>>()?,
        policy: message.policy.map(Into::into),
        imports: exports(&message.imports)?,
        generation: message.generation,
        next_event: message.next_event,
        token: message.token.map(Into::into),
        change_set: message.change_set.map(change_set).transpose()?,
        detection: message.detection.as_ref().map(detection).transpose()?,
        role: message.role.map(|text| parse(&text, "role")).transpose()?,
    })
}

pub(super) fn encode_resource(resource: &Resource) -> Vec<u8> {
    let instance = |instance: &Instance| InstanceMessage {
        physical: instance.physical.to_string(),
        made: instance.made,
        applied: instance.applied,
        unsettled: instance.unsettled,
    };
    ResourceRecord {
        format: FORMAT,
        type_name: resource.type_name.to_string(),
        instances: resource.instances.iter().map(instance).collect(),
        physical: resource.physical.to_string(),
        status: status_number(resource.status),
        reason: resource.reason.as_ref().map(reason_message),
        updated_ms: resource.updated.millis(),
        drift: resource.drift.as_ref().map(drift_message),
    }
    .encode_to_vec()
}

pub(super) fn decode_resource(bytes: &[u8]) -> Result<Resource, Flaw> {
    let message: ResourceRecord = read(bytes)?;
    let instance = |message: InstanceMessage| Instance {
        physical: message.physical.into(),
        made: message.made,
        applied: message.applied,
        unsettled: message.unsettled,
    };
    Ok(Resource {
        type_name: message.type_name.into(),
        instances: message.instances.into_iter().map(instance).collect(),
        physical: message.physical.into(),
        status: status(message.status)?,
        reason: message.reason.map(reason).transpose()?,
        updated: time(message.updated_ms),
        drift: message.drift.map(drift).transpose()?,
    })
}

fn detection_message(detection: &Detection) -> DetectionMessage {
    DetectionMessage {
        number: detection.number,
        at_ms: detection.at.millis(),
        drifted: detection.drifted,
        failed: detection.failed.iter().map(ToString::to_string).collect(),
    }
}

fn detection(message: &DetectionMessage) -> Result<Detection, Flaw> {
    Ok(Detection {
        number: message.number,
        at: time(message.at_ms),
        drifted: message.drifted,
        failed: logicals(&message.failed)?,
    })
}

const DRIFTS: [(u32, drift::Status); 4] = [
    (1, drift::Status::InSync),
    (2, drift::Status::Modified),
    (3, drift::Status::Deleted),
    (4, drift::Status::Unknown),
];

fn drift_message(drift: &Drift) -> DriftMessage {
    let status = DRIFTS.iter().find(|(_, known)| *known == drift.status);
    let (expected, actual) = drift.compared.clone().unzip();
    DriftMessage {
        at_ms: drift.at.millis(),
        status: status.map_or(0, |(number, _)| *number),
        expected: expected.map(|sealed| sealed.to_vec()),
        actual: actual.map(|sealed| sealed.to_vec()),
    }
}

fn drift(message: DriftMessage) -> Result<Drift, Flaw> {
    let status = DRIFTS.iter().find(|(known, _)| *known == message.status);
    let compared = match (message.expected, message.actual) {
        (Some(expected), Some(actual)) => Some((expected.into(), actual.into())),
        (None, None) => None,
        _ => return Err(Flaw::Field("drift")),
    };
    Ok(Drift {
        at: time(message.at_ms),
        status: status.map(|(_, status)| *status).ok_or(Flaw::Field("drift"))?,
        compared,
    })
}

pub(super) fn encode_event(event: &Event) -> Vec<u8> {
    EventRecord {
        format: FORMAT,
        at_ms: event.at.millis(),
        logical: event.logical.as_ref().map(ToString::to_string),
        physical: event.physical.to_string(),
        type_name: event.type_name.to_string(),
        status: status_number(event.status),
        reason: event.reason.as_ref().map(reason_message),
        token: text(event.token.as_deref()),
    }
    .encode_to_vec()
}

pub(super) fn decode_event(bytes: &[u8]) -> Result<Event, Flaw> {
    let message: EventRecord = read(bytes)?;
    Ok(Event {
        at: time(message.at_ms),
        logical: message.logical.map(|text| parse(&text, "logical")).transpose()?,
        physical: message.physical.into(),
        type_name: message.type_name.into(),
        status: status(message.status)?,
        reason: message.reason.map(reason).transpose()?,
        token: message.token.map(Into::into),
    })
}

pub(super) fn encode_run(run: &Run) -> Vec<u8> {
    RunRecord {
        format: FORMAT,
        phase: phase_number(run.phase),
        principal: run.principal.to_string(),
        started_ms: run.started.millis(),
        next_event: run.next_event,
        position: run.position,
        failed: run.failed.iter().map(ToString::to_string).collect(),
        retained: run.retained.iter().map(ToString::to_string).collect(),
        token: text(run.token.as_deref()),
        policy: text(run.policy.as_deref()),
        policy_after: text(run.policy_after.as_deref()),
    }
    .encode_to_vec()
}

pub(super) fn decode_run(account: AccountId, bytes: &[u8]) -> Result<Run, Flaw> {
    let message: RunRecord = read(bytes)?;
    Ok(Run {
        phase: phase(message.phase)?,
        account,
        principal: message.principal.into(),
        started: time(message.started_ms),
        next_event: message.next_event,
        position: message.position,
        failed: logicals(&message.failed)?,
        retained: logicals(&message.retained)?,
        policy: message.policy.map(Into::into),
        policy_after: message.policy_after.map(Into::into),
        token: message.token.map(Into::into),
    })
}
