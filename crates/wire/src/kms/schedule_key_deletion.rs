//! ScheduleKeyDeletion on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::model::KeyState;
use regent_core::keys::ops::schedule_key_deletion::{
    DeletionWindow, ScheduleKeyDeletion, Scheduled,
};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members, metadata};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    pending_window_in_days: Option<i64>,
}

impl JsonOperation for ScheduleKeyDeletion {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.number("pendingWindowInDays", input.pending_window_in_days).range(1..=365);
        check.finish()?;
        let window =
            DeletionWindow::new(input.pending_window_in_days).map_err(fault::of_request)?;
        Ok(Self { key: key.into(), window })
    }

    fn encode(output: &Scheduled, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            if let KeyState::PendingDeletion { at } = output.state {
                body.time("DeletionDate", at);
            }
            body.string("KeyState", metadata::state_name(output.state));
            body.number("PendingWindowInDays", i64::from(output.window.days()));
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
