//! Why a replica failed, read out of `StatusMessage`.
//!
//! AWS: the message embeds KMS's own, with an error code and a request id. The id changes with each
//! attempt and is left out, so that the same failure is the same finding.

/// A failure, and which rule it falls under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub rule: &'static str,
    /// What the message says, in one line.
    pub text: String,
}

const PREFIX: &str = "Replication failed: ";
const ENVELOPE: &str = "Secrets Manager can't encrypt the secret value: ";

pub fn decode(message: Option<&str>) -> Reason {
    let message = message.unwrap_or("no reason is given");
    let text = message.strip_prefix(PREFIX).unwrap_or(message);
    let text = text.strip_prefix(ENVELOPE).unwrap_or(text);
    let (text, code) = match text.rsplit_once(" (Service: ") {
        Some((text, suffix)) => (text, member(suffix, "Error Code: ")),
        None => (text, None),
    };
    let rule = by_code(code).unwrap_or_else(|| by_text(text));
    Reason { rule, text: text.trim_end_matches('.').to_owned() }
}

/// One of the `Name: value; ` of the suffix.
fn member<'s>(suffix: &'s str, name: &str) -> Option<&'s str> {
    let (_, rest) = suffix.split_once(name)?;
    rest.split([';', ')']).next()
}

fn by_code(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "NotFoundException" | "InvalidArnException" => "RG201",
        "DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException" => "RG202",
        "AccessDeniedException" => "RG203",
        _ => return None,
    })
}

/// Messages without a code: Secrets Manager's own.
fn by_text(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    let has = |part: &str| text.contains(part);
    if has("already exists in") || has("with a different arn") {
        "RG204"
    } else if has("access to kms is not allowed") || has("not authorized to perform: kms:") {
        "RG203"
    } else if has("invalid keyid") || has("invalid arn") {
        "RG201"
    } else {
        "RG205"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_aws() {
        let kms = |text: &str, code: &str| {
            format!(
                "{PREFIX}{ENVELOPE}{text} (Service: AWSKMS; Status Code: 400; Error Code: {code}; \
                 Request ID: cb9c4973-1626-4c99-8e57-42f7f886d859; Proxy: null)"
            )
        };
        let key = "arn:aws:kms:us-west-2:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        for (message, rule, text) in [
            (
                kms("Invalid keyId 'x'", "NotFoundException"),
                "RG201",
                "Invalid keyId 'x'".to_owned(),
            ),
            (
                kms(&format!("{key} is disabled."), "DisabledException"),
                "RG202",
                format!("{key} is disabled"),
            ),
            (
                kms(&format!("{key} is pending deletion."), "KMSInvalidStateException"),
                "RG202",
                format!("{key} is pending deletion"),
            ),
            (kms("no", "AccessDeniedException"), "RG203", "no".to_owned()),
            (
                format!("{PREFIX}Access to KMS is not allowed"),
                "RG203",
                "Access to KMS is not allowed".to_owned(),
            ),
            (
                format!("{PREFIX}Secret with this name already exists in this region"),
                "RG204",
                "Secret with this name already exists in this region".to_owned(),
            ),
            (
                format!(
                    "{PREFIX}Secret name n is currently replicated to us-west-2 with a different arn"
                ),
                "RG204",
                "Secret name n is currently replicated to us-west-2 with a different arn"
                    .to_owned(),
            ),
            (
                format!("{PREFIX}You have not enabled the Region"),
                "RG205",
                "You have not enabled the Region".to_owned(),
            ),
            (kms("Rate exceeded", "ThrottlingException"), "RG205", "Rate exceeded".to_owned()),
        ] {
            assert_eq!(decode(Some(&message)), Reason { rule, text }, "{message}");
        }
        assert_eq!(decode(None).rule, "RG205");
    }
}
