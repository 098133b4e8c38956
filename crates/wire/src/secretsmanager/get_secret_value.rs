//! GetSecretValue on the wire.
//!
//! The answer's buffer is made large enough before the value is written, so that growing leaves no
//! copy of it behind (promise R7). Who sends the buffer zeroizes it.

use regent_core::cx::Cx;
use regent_core::ids::StageLabel;
use regent_core::secrets::error::Error;
use regent_core::secrets::model::ValueKind;
use regent_core::secrets::ops::GetSecretValue;
use regent_core::secrets::ops::get_secret_value::SecretValue;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    version_id: Option<Box<str>>,
    version_stage: Option<Box<str>>,
}

impl JsonOperation for GetSecretValue {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        members::check_version_id(&mut check, "versionId", input.version_id.as_deref());
        members::check_stage(&mut check, "versionStage", input.version_stage.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            version: members::version_id(input.version_id.as_deref())?,
            stage: input.version_stage.as_deref().map(members::stage).transpose()?,
        })
    }

    fn encode(output: &SecretValue, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        out.reserve(entry_len(output));
        json::object(out, |body| entry(body, output));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

/// Writes the members of one value.
pub fn entry(body: &mut Object<'_>, output: &SecretValue) {
    status::arn_and_name(body, &output.arn);
    body.string("VersionId", output.version.as_str());
    match output.kind {
        ValueKind::String => body.string("SecretString", text(output)),
        ValueKind::Binary => body.blob("SecretBinary", output.plaintext.expose()),
    }
    // AWS: a version without labels has no such member.
    if !output.stages.is_empty() {
        body.strings("VersionStages", output.stages.iter().map(StageLabel::as_str));
    }
    body.time("CreatedDate", output.created);
}

/// A stored string is UTF-8: it came in as one, and its seal was intact.
fn text(output: &SecretValue) -> Option<&str> {
    match output.kind {
        ValueKind::String => core::str::from_utf8(output.plaintext.expose()).ok(),
        ValueKind::Binary => None,
    }
}

/// The most bytes that one value takes.
pub fn entry_len(output: &SecretValue) -> usize {
    let value_len = match output.kind {
        ValueKind::String => json::escaped_len(output.plaintext.expose()),
        ValueKind::Binary => output.plaintext.len().div_ceil(3) * 4,
    };
    let stages_len: usize =
        output.stages.iter().map(|label| json::escaped_len(label.as_str()) + 3).sum();
    let version_len = json::escaped_len(output.version.as_str());
    let name_len = 2 * output.arn.name.as_str().len();
    FIXED_LEN_MAX + value_len + stages_len + version_len + name_len
}

/// Bytes of an answer without name, version, labels and value: member names, the rest of the ARN
/// and a time take less.
const FIXED_LEN_MAX: usize = 320;
