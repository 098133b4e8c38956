//! TagResource on the wire. The answer is an empty body.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::TagResource;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::fault;
use crate::secretsmanager::members::{self, Tag};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    tags: Option<Vec<Tag>>,
}

impl JsonOperation for TagResource {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.required("tags", input.tags.as_ref());
        members::check_tags(&mut check, input.tags.as_deref().unwrap_or_default());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            tags: input.tags.map(members::tags).unwrap_or_default(),
        })
    }

    fn encode((): &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
