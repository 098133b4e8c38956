//! The records of stacks, one of each kind and each with every field that it may have.
//!
//! They belong to the golden files of the test beside this folder, which writes and reads them.

use std::collections::BTreeSet;
use std::sync::Arc;

use regent_core::records::{Key, Record};
use regent_core::roles::RoleArn;
use regent_core::stacks::change_set::{
    Action, Attribute, Cause, Change, ChangeSet, Detail, Executed, How, Old, Outcome, Replacement,
    Values,
};
use regent_core::stacks::drift::{self, Detection, Drift};
use regent_core::stacks::ids::{ChangeSetId, ExportName, LogicalId, StackId};
use regent_core::stacks::model::{
    Event, Instance, OnFailure, Options, Output, Parameter, Phase, Reason, Resource, Run, Side,
    Stack, Status,
};
use regent_core::stacks::policy;

use super::{at, scope, tags};

pub fn all() -> Vec<(String, Key, Record)> {
    let (scope, id) = (scope(), stack_id());
    let logical: LogicalId = "Secret".parse().unwrap();
    let stack_key = || Key::Stack { scope, id };
    let resource = Resource {
        type_name: "AWS::KMS::Key".into(),
        instances: vec![
            Instance { physical: "old".into(), made: 1, applied: 2, unsettled: false },
            Instance { physical: "new".into(), made: 3, applied: 3, unsettled: true },
        ],
        physical: "new".into(),
        status: Status::UpdateInProgress,
        reason: Some(Reason::Replacement),
        updated: at(6),
        drift: None,
    };
    let compared = Some((b"sealed"[..].into(), b"sealed too"[..].into()));
    let drift = Drift { at: at(9), status: drift::Status::Modified, compared };
    let modified = Resource { drift: Some(drift), ..resource.clone() };
    let mut all = vec![
        ("stack".into(), stack_key(), Record::Stack(stack().into())),
        ("stack-bare".into(), stack_key(), Record::Stack(bare_stack().into())),
        ("stack-sharing".into(), stack_key(), Record::Stack(sharing_stack().into())),
        ("stack-export".into(), Key::StackExport { scope, name: export() }, Record::StackRef(id)),
        (
            "stack-import".into(),
            Key::StackImport { scope, name: export(), stack: id },
            Record::Index,
        ),
        (
            "stack-of-name".into(),
            Key::StackOfName { scope, name: "app".parse().unwrap() },
            Record::StackRef(id),
        ),
        (
            "stack-resource".into(),
            Key::StackResource { scope, stack: id, logical: logical.clone() },
            Record::StackResource(resource.into()),
        ),
        ("stack-failed-again".into(), stack_key(), Record::Stack(failed_again().into())),
        ("stack-looked-at".into(), stack_key(), Record::Stack(looked_at().into())),
        (
            "stack-resource-modified".into(),
            Key::StackResource { scope, stack: id, logical: logical.clone() },
            Record::StackResource(modified.into()),
        ),
        ("stack-reviewed".into(), stack_key(), Record::Stack(reviewed_stack().into())),
        (
            "stack-with-role".into(),
            stack_key(),
            Record::Stack(Stack { role: Some(role()), ..bare_stack() }.into()),
        ),
    ];
    all.extend(runs());
    all.extend(change_sets());
    all.extend(events());
    all
}

fn runs() -> Vec<(String, Key, Record)> {
    let logical: LogicalId = "Secret".parse().unwrap();
    let run = Run {
        phase: Phase::UpdateRollbackCleanup,
        account: scope().account,
        principal: "arn:aws:iam::111122223333:user/a".into(),
        started: at(8),
        next_event: 12,
        position: 2,
        failed: [logical.clone()].into(),
        retained: [logical].into(),
        policy: None,
        policy_after: None,
        token: Some("token".into()),
    };
    let policies = (Some("a policy".into()), Some("another".into()));
    let ruled = Run { policy: policies.0, policy_after: policies.1, ..run.clone() };
    let import = Run { phase: Phase::Import, ..run.clone() };
    let each = [("", run), ("-policies", ruled), ("-import", import)];
    let key = Key::StackRun { scope: scope(), id: stack_id() };
    let record = |(name, run): (&str, Run)| {
        (format!("stack-run{name}"), key.clone(), Record::StackRun(run.into()))
    };
    each.into_iter().map(record).collect()
}

fn change_sets() -> Vec<(String, Key, Record)> {
    let key = || Key::ChangeSet { scope: scope(), id: change_set_id() };
    let mut importing = bare_change_set();
    importing.side.imports = [export()].into();
    let with_role = ChangeSet { role: Some(role()), ..bare_change_set() };
    let (stack, name) = (stack_id(), "set".parse().unwrap());
    vec![
        ("change-set".into(), key(), Record::ChangeSet(change_set().into())),
        ("change-set-bare".into(), key(), Record::ChangeSet(bare_change_set().into())),
        ("change-set-importing".into(), key(), Record::ChangeSet(importing.into())),
        ("change-set-with-role".into(), key(), Record::ChangeSet(with_role.into())),
        ("change-set-of-import".into(), key(), Record::ChangeSet(import_change_set().into())),
        (
            "change-set-of-name".into(),
            Key::ChangeSetOfName { scope: scope(), stack, name },
            Record::ChangeSetRef(change_set_id()),
        ),
    ]
}

fn events() -> Vec<(String, Key, Record)> {
    let logical: LogicalId = "Secret".parse().unwrap();
    let event = |logical, status, reason| {
        Record::StackEvent(Arc::new(Event {
            at: at(7),
            logical,
            physical: "id".into(),
            type_name: "AWS::KMS::Key".into(),
            status,
            reason,
            token: Some("token".into()),
        }))
    };
    let number = |number| Key::StackEvent { scope: scope(), stack: stack_id(), number };
    let mut all = Vec::new();
    let reasons = [
        Reason::UserInitiated,
        Reason::CreationInitiated,
        Reason::FailedToCreate([logical.clone()].into()),
        Reason::FailedToDelete([logical.clone()].into()),
        Reason::TimedOut,
        Reason::Said("why".into()),
        Reason::Cancelled,
    ];
    for (at, reason) in (1..).zip(reasons) {
        let record = event(Some(logical.clone()), Status::CreateFailed, Some(reason));
        all.push((format!("stack-event-{at}"), number(at), record));
    }
    let (name, by) = (export(), "other".parse().unwrap());
    let exports = [
        Reason::ExportChanged { name: name.clone(), by: ["other".parse().unwrap()].into() },
        Reason::ExportGone { name: name.clone(), by: ["other".parse().unwrap()].into() },
        Reason::ExportTaken { name: name.clone(), by },
        Reason::NoExport { name },
        Reason::PolicyDenied {
            action: policy::Action::Replace,
            logical: logical.clone(),
            statement: Some(2),
        },
        Reason::PolicyDenied {
            action: policy::Action::Delete,
            logical: logical.clone(),
            statement: None,
        },
    ];
    for (at, reason) in (1..).zip(exports) {
        let record = event(None, Status::RollbackInProgress, Some(reason));
        all.push((format!("stack-event-export-{at}"), number(at), record));
    }
    let stack = "arn:aws:cloudformation:us-east-1:111122223333:stack/app/09090909-0909-7909-8909-090909090909";
    let imports = [
        (Status::ImportRollbackInProgress, Reason::FailedToImport(logical.clone())),
        (Status::ImportInProgress, Reason::ImportBegun),
        (Status::ImportComplete, Reason::ImportDone),
        (Status::ImportRollbackComplete, Reason::ImportTagged),
        (
            Status::ImportFailed,
            Reason::InStack { physical: "id".into(), stack: stack.parse().unwrap() },
        ),
    ];
    for (at, (status, reason)) in (1..).zip(imports) {
        let record = event(Some(logical.clone()), status, Some(reason));
        all.push((format!("stack-event-of-import-{at}"), number(at), record));
    }
    let own = event(None, Status::DeleteSkipped, None);
    all.push(("stack-event-own".into(), number(300), own));
    all
}

/// A stack that failed again after it was left failed.
fn failed_again() -> Stack {
    let superseded = stack().leaving.into_iter().collect();
    Stack { status: Status::UpdateFailed, superseded, leaving: None, ..stack() }
}

fn looked_at() -> Stack {
    let failed = ["Secret".parse().unwrap()].into();
    let detection = Detection { number: 3, at: at(9), drifted: 2, failed };
    Stack { detection: Some(detection), ..bare_stack() }
}

fn stack_id() -> StackId {
    StackId::from_bytes([9; 16])
}

fn stack() -> Stack {
    let parameter = |no_echo| Parameter { value: b"sealed value"[..].into(), no_echo };
    let side = |generation| Side {
        generation,
        template: b"sealed template"[..].into(),
        description: Some("what it is".into()),
        parameters: [("A".into(), parameter(false)), ("B".into(), parameter(true))].into(),
        tags: tags(&[("k", "v")]),
        capabilities: ["CAPABILITY_AUTO_EXPAND".into()].into(),
        imports: BTreeSet::new(),
    };
    Stack {
        id: stack_id(),
        name: "app".parse().unwrap(),
        data_key: b"wrapped key"[..].into(),
        created: at(3),
        updated: Some(at(4)),
        deleted: Some(at(5)),
        status: Status::UpdateRollbackFailed,
        reason: Some(Reason::FailedToUpdate(["Secret".parse().unwrap()].into())),
        options: Options {
            on_failure: OnFailure::Delete,
            timeout_minutes: Some(7),
            termination_protection: true,
            retain_except_on_create: true,
        },
        current: Some(side(1)),
        target: Some(side(2)),
        leaving: Some(side(3)),
        superseded: Vec::new(),
        outputs: vec![Output {
            key: "Arn".into(),
            value: b"sealed output"[..].into(),
            description: Some("d".into()),
            export: None,
        }],
        imports: BTreeSet::new(),
        policy: None,
        generation: 3,
        next_event: 12,
        token: Some("token".into()),
        change_set: None,
        detection: None,
        role: None,
    }
}

fn change_set_id() -> ChangeSetId {
    ChangeSetId::from_bytes([8; 16])
}

fn reviewed_stack() -> Stack {
    Stack {
        status: Status::ReviewInProgress,
        change_set: Some(("set".parse().unwrap(), change_set_id())),
        ..bare_stack()
    }
}

fn change_set() -> ChangeSet {
    let sealed = |text: &[u8]| Some(text.into());
    let detail = |attribute, cause| Detail {
        attribute,
        recreation: Replacement::Perhaps,
        cause,
        known: false,
        values: None,
    };
    let details = vec![
        Detail {
            known: true,
            values: Some(Values {
                how: How::Modified,
                before: sealed(b"sealed old"),
                after: sealed(b"sealed new"),
            }),
            ..detail(Attribute::Property("Name".into()), Cause::Direct)
        },
        detail(Attribute::Tags, Cause::Parameter("P".into())),
        detail(Attribute::Metadata, Cause::Reference("R".into())),
        detail(Attribute::DeletionPolicy, Cause::Attribute("R.Arn".into())),
        detail(Attribute::UpdateReplacePolicy, Cause::Direct),
    ];
    let change = |action, old| Change {
        action,
        logical: "Secret".parse().unwrap(),
        physical: Some("id".into()),
        type_name: "AWS::KMS::Key".into(),
        old,
        details: Vec::new(),
        before: sealed(b"sealed before"),
        after: sealed(b"sealed after"),
    };
    let replaced = change(Action::Modify(Replacement::Yes), Some(Old::Retained));
    ChangeSet {
        id: change_set_id(),
        name: "set".parse().unwrap(),
        stack: stack_id(),
        base: 2,
        side: stack().current.unwrap(),
        description: Some("d".into()),
        created: at(3),
        token: Some("token".into()),
        on_failure: Some(OnFailure::Delete),
        nested: true,
        outcome: Outcome::Complete,
        executed: Some(Executed::Failed),
        changes: vec![
            Change { details, ..replaced },
            change(Action::Modify(Replacement::Perhaps), None),
            change(Action::Modify(Replacement::No), None),
            Change { physical: None, before: None, ..change(Action::Add, None) },
            Change { after: None, ..change(Action::Remove, Some(Old::Deleted)) },
        ],
        role: None,
    }
}

fn bare_change_set() -> ChangeSet {
    ChangeSet {
        description: None,
        token: None,
        on_failure: None,
        nested: false,
        outcome: Outcome::Empty,
        executed: None,
        changes: Vec::new(),
        ..change_set()
    }
}

fn import_change_set() -> ChangeSet {
    let mut set = change_set();
    set.changes.truncate(1);
    set.changes[0].action = Action::Import;
    set
}

fn role() -> RoleArn {
    "arn:aws:iam::111122223333:role/path/deployer".parse().unwrap()
}

fn export() -> ExportName {
    "app:arn".parse().unwrap()
}

/// A stack that exports and imports.
fn sharing_stack() -> Stack {
    let mut stack = stack();
    stack.policy = Some("a policy".into());
    stack.imports = [export()].into();
    stack.outputs[0].export = Some(export());
    stack.current.as_mut().unwrap().imports = [export()].into();
    stack
}

fn bare_stack() -> Stack {
    Stack {
        updated: None,
        deleted: None,
        status: Status::CreateInProgress,
        reason: None,
        options: Options::default(),
        current: None,
        target: None,
        leaving: None,
        outputs: Vec::new(),
        token: None,
        ..stack()
    }
}
