//! KMS's words for a key that cannot be used.
//!
//! Shared by KMS's own errors, Secrets Manager's encryption failures and the status messages of
//! replicas, which quote KMS. One exhaustive match; the texts are AWS's, character for character.

use regent_core::keys::problem::KeyProblem;

use super::key_store;

/// The error code and the message.
pub fn text_and_code(problem: &KeyProblem) -> (&'static str, String) {
    match problem {
        KeyProblem::Invalid { given } => ("NotFoundException", format!("Invalid keyId '{given}'")),
        KeyProblem::Absent { key } => ("NotFoundException", format!("Key '{key}' does not exist")),
        KeyProblem::AliasAbsent { alias } => {
            ("NotFoundException", format!("Alias {alias} is not found."))
        }
        KeyProblem::OtherRegion { region } => {
            ("NotFoundException", format!("Invalid arn {region}"))
        }
        KeyProblem::Disabled { key } => ("DisabledException", format!("{key} is disabled.")),
        KeyProblem::PendingImport { key } => {
            ("KMSInvalidStateException", format!("{key} is pending import."))
        }
        KeyProblem::PendingDeletion { key } => {
            ("KMSInvalidStateException", format!("{key} is pending deletion."))
        }
        KeyProblem::PendingReplicaDeletion { key } => {
            ("KMSInvalidStateException", format!("{key} is pending replica deletion."))
        }
        KeyProblem::Unavailable { key } => {
            ("KMSInvalidStateException", format!("{key} is unavailable."))
        }
        KeyProblem::WrongUsage { key, usage, operation } => (
            "InvalidKeyUsageException",
            format!("{key} key usage is {usage} which is not valid for {operation}."),
        ),
        KeyProblem::Proxy { problem } => {
            ("KMSInvalidStateException", key_store::text(*problem).to_owned())
        }
        // AWS names the principal too; a problem that crossed Regions does not carry one.
        KeyProblem::Denied { action, key } => (
            "AccessDeniedException",
            format!("The caller is not authorized to perform: {action} on resource: {key}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regent_core::ids::{AliasArn, KeyArn, Scope};

    #[test]
    fn texts() {
        let scope = Scope {
            region: "us-east-2".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        };
        let id = "mrk-1234abcd12ab34cd56ef1234567890ab".parse().unwrap();
        let key = KeyArn { scope, id };
        let alias = AliasArn { scope, name: "alias/x".parse().unwrap() };
        let arn = "arn:aws:kms:us-east-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        let cases = [
            (
                KeyProblem::Invalid { given: "mrk-1234abcd12ab34cd56ef12345678990ab".into() },
                "NotFoundException",
                "Invalid keyId 'mrk-1234abcd12ab34cd56ef12345678990ab'".to_owned(),
            ),
            (
                KeyProblem::Absent { key },
                "NotFoundException",
                format!("Key '{arn}' does not exist"),
            ),
            (
                KeyProblem::AliasAbsent { alias },
                "NotFoundException",
                "Alias arn:aws:kms:us-east-2:111122223333:alias/x is not found.".to_owned(),
            ),
            (
                KeyProblem::OtherRegion { region: "us-east-1".into() },
                "NotFoundException",
                "Invalid arn us-east-1".to_owned(),
            ),
            (KeyProblem::Disabled { key }, "DisabledException", format!("{arn} is disabled.")),
            (
                KeyProblem::PendingImport { key },
                "KMSInvalidStateException",
                format!("{arn} is pending import."),
            ),
            (
                KeyProblem::Unavailable { key },
                "KMSInvalidStateException",
                format!("{arn} is unavailable."),
            ),
            (
                KeyProblem::PendingDeletion { key },
                "KMSInvalidStateException",
                format!("{arn} is pending deletion."),
            ),
            (
                KeyProblem::PendingReplicaDeletion { key },
                "KMSInvalidStateException",
                format!("{arn} is pending replica deletion."),
            ),
            (
                KeyProblem::WrongUsage {
                    key,
                    usage: "SIGN_VERIFY".into(),
                    operation: "GenerateDataKey".into(),
                },
                "InvalidKeyUsageException",
                format!("{arn} key usage is SIGN_VERIFY which is not valid for GenerateDataKey."),
            ),
        ];
        for (problem, code, text) in cases {
            assert_eq!(text_and_code(&problem), (code, text));
        }
    }
}
