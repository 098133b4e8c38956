//! GetRandomPassword on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::plaintext::Plaintext;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::GetRandomPassword;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::fault;

/// AWS: the length if the request does not say.
const LENGTH_DEFAULT: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    password_length: Option<i64>,
    exclude_characters: Option<Box<str>>,
    exclude_numbers: Option<bool>,
    exclude_punctuation: Option<bool>,
    exclude_uppercase: Option<bool>,
    exclude_lowercase: Option<bool>,
    include_space: Option<bool>,
    require_each_included_type: Option<bool>,
}

impl JsonOperation for GetRandomPassword {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        check.number("passwordLength", input.password_length).range(1..=4096);
        check
            .text("excludeCharacters", input.exclude_characters.as_deref())
            .length(0..=limits::PASSWORD_LEN_MAX);
        check.finish()?;
        let length = input.password_length.and_then(|length| usize::try_from(length).ok());
        Ok(Self {
            length: length.unwrap_or(LENGTH_DEFAULT),
            exclude_characters: input.exclude_characters.unwrap_or_default(),
            exclude_uppercase: input.exclude_uppercase.unwrap_or_default(),
            exclude_lowercase: input.exclude_lowercase.unwrap_or_default(),
            exclude_numbers: input.exclude_numbers.unwrap_or_default(),
            exclude_punctuation: input.exclude_punctuation.unwrap_or_default(),
            include_space: input.include_space.unwrap_or_default(),
            // AWS: the default of the service, not of the type.
            require_each_included_type: input.require_each_included_type.unwrap_or(true),
        })
    }

    fn encode(output: &Plaintext, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // A password is ASCII.
        let password = core::str::from_utf8(output.expose()).unwrap_or_default();
        // Large enough before it is written, so that growing leaves no copy behind (promise R7).
        out.reserve(json::escaped_len(password) + 32);
        json::object(out, |body| body.string("RandomPassword", password));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
