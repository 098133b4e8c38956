//! RotateSecret on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::RotateSecret;
use regent_core::secrets::ops::rotate_secret::Rotating;
use regent_core::secrets::rotation::schedule::Given;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

const EXPRESSION_PATTERN: &str = r"[0-9A-Za-z\(\)#\?\*\-\/, ]+";
const DURATION_PATTERN: &str = "[0-9]+h";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    client_request_token: Option<Box<str>>,
    #[serde(rename = "RotationLambdaARN")]
    rotation_lambda_arn: Option<Box<str>>,
    rotation_rules: Option<RulesInput>,
    external_secret_rotation_metadata: Option<Vec<Item>>,
    external_secret_rotation_role_arn: Option<Box<str>>,
    rotate_immediately: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RulesInput {
    automatically_after_days: Option<i64>,
    duration: Option<Box<str>>,
    schedule_expression: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    key: Option<Box<str>>,
    value: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, self.secret_id.as_deref());
        check
            .text("rotationLambdaARN", self.rotation_lambda_arn.as_deref())
            .length(0..=limits::ROTATION_FUNCTION_LEN_MAX);
        if let Some(rules) = &self.rotation_rules {
            rules.check(&mut check);
        }
        for (at, item) in self.external_secret_rotation_metadata.iter().flatten().enumerate() {
            let path = format!("externalSecretRotationMetadata.{}.member", at + 1);
            check
                .text(format_args!("{path}.key"), item.key.as_deref())
                .length(1..=limits::ROTATION_METADATA_KEY_LEN_MAX);
            check
                .text(format_args!("{path}.value"), item.value.as_deref())
                .length(1..=limits::ROTATION_METADATA_VALUE_LEN_MAX);
        }
        check
            .text(
                "externalSecretRotationRoleArn",
                self.external_secret_rotation_role_arn.as_deref(),
            )
            .length(limits::ROTATION_ROLE_LEN_MIN..=limits::ROTATION_ROLE_LEN_MAX);
        check.finish()
    }
}

impl RulesInput {
    fn check(&self, check: &mut Constraints) {
        check
            .number("rotationRules.automaticallyAfterDays", self.automatically_after_days)
            .range(1..=i64::from(limits::ROTATION_DAYS_MAX));
        check
            .text("rotationRules.duration", self.duration.as_deref())
            .length(2..=3)
            .pattern(DURATION_PATTERN, is_duration);
        check
            .text("rotationRules.scheduleExpression", self.schedule_expression.as_deref())
            .length(1..=limits::SCHEDULE_EXPRESSION_LEN_MAX)
            .pattern(EXPRESSION_PATTERN, is_expression);
    }

    fn given(self) -> Given {
        Given {
            after_days: self.automatically_after_days.and_then(|days| u32::try_from(days).ok()),
            expression: self.schedule_expression,
            duration: self.duration,
        }
    }
}

fn is_duration(text: &str) -> bool {
    let digits = text.strip_suffix('h').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_expression(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"()#?*-/, ".contains(&b))
}

impl JsonOperation for RotateSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let secret = members::secret_id(input.secret_id.as_deref())?;
        // AWS: a missing token is another error here than elsewhere, with the same text.
        let token = input.client_request_token.as_deref();
        token.ok_or_else(fault::rotation_token_missing)?;
        let pair = |item: Item| (item.key.unwrap_or_default(), item.value.unwrap_or_default());
        let metadata = input.external_secret_rotation_metadata;
        Ok(Self {
            secret,
            token: members::token(token)?,
            function: input.rotation_lambda_arn,
            rules: input.rotation_rules.map(RulesInput::given),
            metadata: metadata.map(|items| items.into_iter().map(pair).collect()),
            role: input.external_secret_rotation_role_arn,
            immediately: input.rotate_immediately.unwrap_or(true),
        })
    }

    fn encode(output: &Rotating, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string("VersionId", output.version.as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
