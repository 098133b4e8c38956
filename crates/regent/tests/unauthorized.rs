//! PROMISE R6 for every row of the operations table: refused without a signature, and refused to a
//! principal without policies. A new operation fails here until it has a request of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test stops at whatever it did not expect"
)]

mod support;

use regent_wire::operations::OPERATIONS;
use regent_wire::service::Service;
use support::Server;

/// A well-formed request of each operation: authorization comes after the check of its form.
fn body(name: &str) -> Option<&'static str> {
    body_of_secrets(name).or_else(|| body_of_keys(name)).or_else(|| body_of_pairs(name))
}

fn body_of_secrets(name: &str) -> Option<&'static str> {
    Some(match name {
        "CreateSecret" => r#"{"Name":"s","ClientRequestToken":"01234567890123456789012345678901"}"#,
        "PutSecretValue" => {
            r#"{"SecretId":"s","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#
        }
        "UpdateSecret" | "RotateSecret" => {
            r#"{"SecretId":"s","ClientRequestToken":"01234567890123456789012345678901"}"#
        }
        "GetSecretValue"
        | "DescribeSecret"
        | "ListSecretVersionIds"
        | "DeleteSecret"
        | "RestoreSecret"
        | "CancelRotateSecret"
        | "GetResourcePolicy"
        | "DeleteResourcePolicy"
        | "ListResourcePolicies"
        | "StopReplicationToReplica" => r#"{"SecretId":"s"}"#,
        "UpdateSecretVersionStage" => {
            r#"{"SecretId":"s","VersionStage":"x","MoveToVersionId":"01234567890123456789012345678901"}"#
        }
        "ReplicateSecretToRegions" => {
            r#"{"SecretId":"s","AddReplicaRegions":[{"Region":"us-west-2"}]}"#
        }
        "RemoveRegionsFromReplication" => {
            r#"{"SecretId":"s","RemoveReplicaRegions":["us-west-2"]}"#
        }
        "AssociateCrossAccountReplica" | "DisassociateCrossAccountReplica" => {
            r#"{"SecretId":"s","CrossAccountReplicaARN":"arn:aws:secretsmanager:us-east-1:111122223333:secret:s-a1b2c3"}"#
        }
        "PutResourcePolicy" => r#"{"SecretId":"s","ResourcePolicy":"{}"}"#,
        "ValidateResourcePolicy" => r#"{"ResourcePolicy":"{}"}"#,
        "BatchGetSecretValue" => r#"{"SecretIdList":["s"]}"#,
        "GetRandomPassword" | "ListSecrets" => "{}",
        _ => return None,
    })
}

fn body_of_keys(name: &str) -> Option<&'static str> {
    Some(match name {
        "CreateKey" | "DescribeCustomKeyStores" | "ListKeys" | "ListAliases" => "{}",
        "ConnectCustomKeyStore"
        | "DisconnectCustomKeyStore"
        | "DeleteCustomKeyStore"
        | "UpdateCustomKeyStore" => r#"{"CustomKeyStoreId":"cks-1234567890abcdef0"}"#,
        "CreateCustomKeyStore" => {
            r#"{"CustomKeyStoreName":"s","CloudHsmClusterId":"cluster-2a3b4c5d6e7f","KeyStorePassword":"kmsPswd","TrustAnchorCertificate":"c"}"#
        }
        "GenerateRandom" => r#"{"NumberOfBytes":8}"#,
        "DescribeKey"
        | "EnableKey"
        | "DisableKey"
        | "EnableKeyRotation"
        | "DisableKeyRotation"
        | "RotateKeyOnDemand"
        | "ListKeyRotations"
        | "ScheduleKeyDeletion"
        | "CancelKeyDeletion"
        | "GetKeyPolicy"
        | "GetKeyLastUsage"
        | "ListKeyPolicies"
        | "ListGrants"
        | "ListResourceTags"
        | "GetKeyRotationStatus" => r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}"#,
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","KeySpec":"AES_256"}"#
        }
        "Encrypt" => r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"eA=="}"#,
        "Decrypt" => r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","CiphertextBlob":"eA=="}"#,
        "ReEncrypt" => {
            r#"{"CiphertextBlob":"eA==","DestinationKeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}"#
        }
        "ReplicateKey" => {
            r#"{"KeyId":"mrk-1234abcd12ab34cd56ef1234567890ab","ReplicaRegion":"us-west-2"}"#
        }
        "UpdatePrimaryRegion" => {
            r#"{"KeyId":"mrk-1234abcd12ab34cd56ef1234567890ab","PrimaryRegion":"us-west-2"}"#
        }
        "CreateAlias" | "UpdateAlias" => {
            r#"{"AliasName":"alias/x","TargetKeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}"#
        }
        "DeleteAlias" => r#"{"AliasName":"alias/x"}"#,
        "CreateGrant" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","GranteePrincipal":"arn:aws:iam::111122223333:user/a","Operations":["Decrypt"]}"#
        }
        "ListRetirableGrants" => r#"{"RetiringPrincipal":"arn:aws:iam::123456789012:user/a"}"#,
        "RetireGrant" | "RevokeGrant" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","GrantId":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#
        }
        "PutKeyPolicy" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}"}"#
        }
        "UpdateKeyDescription" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Description":"d"}"#
        }
        _ => return None,
    })
}

fn body_of_pairs(name: &str) -> Option<&'static str> {
    Some(match name {
        "DeleteImportedKeyMaterial" | "GetPublicKey" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}"#
        }
        "GetParametersForImport" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}"#
        }
        "ImportKeyMaterial" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","ImportToken":"eA==","EncryptedKeyMaterial":"eA==","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}"#
        }
        "Sign" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Message":"eA==","SigningAlgorithm":"ECDSA_SHA_256"}"#
        }
        "Verify" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Message":"eA==","Signature":"eA==","SigningAlgorithm":"ECDSA_SHA_256"}"#
        }
        "GenerateMac" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Message":"eA==","MacAlgorithm":"HMAC_SHA_256"}"#
        }
        "VerifyMac" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Message":"eA==","Mac":"eA==","MacAlgorithm":"HMAC_SHA_256"}"#
        }
        "DeriveSharedSecret" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","PublicKey":"eA==","KeyAgreementAlgorithm":"ECDH"}"#
        }
        "Encapsulate" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","EncapsulationAlgorithm":"ML_KEM"}"#
        }
        "Decapsulate" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","SharedSecretCiphertextBlob":"eA==","EncapsulationAlgorithm":"ML_KEM"}"#
        }
        "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","KeyPairSpec":"ECC_NIST_P256"}"#
        }
        _ => return None,
    })
}

/// Operations whose name two services share.
fn tag_body(service: Service, name: &str) -> Option<&'static str> {
    Some(match (service, name) {
        (Service::SecretsManager, "TagResource") => {
            r#"{"SecretId":"s","Tags":[{"Key":"k","Value":"v"}]}"#
        }
        (Service::SecretsManager, "UntagResource") => r#"{"SecretId":"s","TagKeys":["k"]}"#,
        (Service::Kms, "TagResource") => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Tags":[{"TagKey":"k","TagValue":"v"}]}"#
        }
        (Service::Kms, "UntagResource") => {
            r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","TagKeys":["k"]}"#
        }
        _ => return None,
    })
}

/// The parameters of each operation of a query service.
fn form(name: &str) -> Option<&'static str> {
    const TEMPLATE: &str = "&TemplateBody=%7B%22Resources%22%3A%7B%22S%22%3A%7B%22Type%22%3A%22AWS%3A%3ASecretsManager%3A%3ASecret%22%7D%7D%7D";
    Some(match name {
        "CreateStack"
        | "UpdateStack"
        | "ValidateTemplate"
        | "GetTemplateSummary"
        | "EstimateTemplateCost" => TEMPLATE,
        "AssumeRole" => "&RoleArn=arn:aws:iam::123456789012:role/anybodys&RoleSessionName=s-1",
        "CreateChangeSet" => {
            "&ChangeSetName=c&TemplateBody=%7B%22Resources%22%3A%7B%22S%22%3A%7B%22Type%22%3A%22AWS%3A%3ASecretsManager%3A%3ASecret%22%7D%7D%7D"
        }
        "DeleteChangeSet" | "DescribeChangeSet" | "ExecuteChangeSet" => "&ChangeSetName=c",
        "DescribeStackResource" | "DetectStackResourceDrift" => "&LogicalResourceId=S",
        "SetStackPolicy" => "&StackPolicyBody=%7B%22Statement%22%3A%5B%5D%7D",
        "ListImports" => "&ExportName=e",
        "DescribeStackDriftDetectionStatus" => "&StackDriftDetectionId=x",
        "UpdateTerminationProtection" => "&EnableTerminationProtection=true",
        "CancelUpdateStack"
        | "ContinueUpdateRollback"
        | "DeleteStack"
        | "DescribeStackEvents"
        | "DescribeStackResourceDrifts"
        | "DetectStackDrift"
        | "DescribeStackResources"
        | "DescribeStacks"
        | "GetStackPolicy"
        | "GetTemplate"
        | "ListChangeSets"
        | "ListExports"
        | "ListStackResources"
        | "ListStacks"
        | "RollbackStack" => "",
        _ => return None,
    })
}

fn refuses_form(server: &Server, service: Service, name: &str) {
    if (service, name) == (Service::Sts, "GetCallerIdentity") {
        // AWS: it needs no permission and cannot be denied.
        return;
    }
    let params = form(name).unwrap_or_else(|| panic!("{name}: no request here"));
    // What has a template of its own names no stack.
    let stack = match (service, name) {
        (Service::Sts, _)
        | (
            _,
            "GetTemplateSummary" | "EstimateTemplateCost" | "DescribeStackDriftDetectionStatus",
        ) => "",
        _ => "&StackName=s",
    };
    let body = format!("Action={name}&Version={}{stack}{params}", service.api_version());
    let (status, answer) = server.call(NOBODY, "us-east-1", name, &body);
    assert_eq!(status, 403, "{name}: {answer}");
    assert!(answer.contains("<Code>AccessDenied</Code>"), "{name}: {answer}");
    assert!(!answer.contains("does not exist"), "{name} tells: {answer}");
}

const NOBODY: (&str, &str) = ("nobody", "nobody-secret");

fn server() -> (Server, tempfile::NamedTempFile) {
    let config = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(
        config.path(),
        r#"{"access_keys":[{"id":"nobody","secret":"nobody-secret","account":"123456789012","user":"nobody","policies":[]}],
           "roles":[{"name":"anybodys","trust":{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}}}}]}"#,
    )
    .unwrap();
    let server = Server::start(&["--ephemeral", "--config", config.path().to_str().unwrap()]);
    (server, config)
}

#[test]
fn every_operation_is_refused_to_a_principal_without_policies() {
    let (server, _config) = server();
    assert!(OPERATIONS.len() > 40, "the table is not empty");
    for operation in OPERATIONS {
        let Some(prefix) = operation.service.target_prefix() else {
            refuses_form(&server, operation.service, operation.name);
            continue;
        };
        let body = tag_body(operation.service, operation.name).or_else(|| body(operation.name));
        let body = body.unwrap_or_else(|| panic!("{}: no request here", operation.name));
        let target = format!("{prefix}.{}", operation.name);
        let (status, answer) = server.call(NOBODY, "us-east-1", &target, body);
        assert_eq!(status, 400, "{target}: {answer}");
        assert!(answer.contains("AccessDeniedException"), "{target}: {answer}");
        assert!(!answer.contains("does not exist\"}"), "{target} tells: {answer}");
    }
}

#[test]
fn every_operation_is_refused_without_a_signature() {
    let (server, _config) = server();
    for operation in OPERATIONS {
        let Some(prefix) = operation.service.target_prefix() else {
            let version = operation.service.api_version();
            let body = format!("Action={}&Version={version}", operation.name);
            let request = format!(
                "POST / HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
                 content-type: application/x-www-form-urlencoded\r\n\
                 content-length: {}\r\n\r\n{body}",
                server.port,
                body.len()
            );
            let answer = server.raw(request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 403"), "{}: {answer}", operation.name);
            assert!(answer.contains("MissingAuthenticationToken"), "{answer}");
            continue;
        };
        let request = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.1\r\nx-amz-target: {prefix}.{}\r\n\
             content-length: 2\r\n\r\n{{}}",
            server.port, operation.name
        );
        let answer = server.raw(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{}: {answer}", operation.name);
        assert!(answer.contains("MissingAuthenticationTokenException"), "{answer}");
    }
}
