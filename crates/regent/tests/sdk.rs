//! The official AWS SDK for Rust against a real server: the main job, end to end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test stops at whatever it did not expect"
)]

mod support;

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType, Tag};
use support::Server;

/// Clients of one Region.
struct Clients {
    secrets: aws_sdk_secretsmanager::Client,
    keys: aws_sdk_kms::Client,
}

fn clients(server: &Server, region: &'static str) -> Clients {
    let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(region))
        .endpoint_url(server.endpoint())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            credentials,
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Clients {
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        keys: aws_sdk_kms::Client::new(&config),
    }
}

fn replica(region: &str, key: &str) -> ReplicaRegionType {
    ReplicaRegionType::builder().region(region).kms_key_id(key).build()
}

/// Waits until the only replica of a secret has left `InProgress`.
async fn settled(clients: &Clients, name: &str) -> (StatusType, String) {
    for _ in 0..200 {
        let secret = clients.secrets.describe_secret().secret_id(name).send().await.unwrap();
        let status = secret.replication_status().first().unwrap();
        if status.status() != Some(&StatusType::InProgress) {
            let message = status.status_message().unwrap_or_default().to_owned();
            return (status.status().unwrap().clone(), message);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("still in progress")
}

#[tokio::test]
async fn a_secret_under_a_multi_region_key_is_readable_in_both_regions() {
    let server = Server::start(&["--ephemeral"]);
    let (east, west) = (clients(&server, "us-east-1"), clients(&server, "us-west-2"));
    let key = east.keys.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().key_id().to_owned();
    east.keys.replicate_key().key_id(&key).replica_region("us-west-2").send().await.unwrap();
    let created = east
        .secrets
        .create_secret()
        .name("db")
        .secret_string("one")
        .kms_key_id(&key)
        .tags(Tag::builder().key("team").value("core").build())
        .add_replica_regions(replica("us-west-2", &key))
        .send()
        .await
        .unwrap();
    assert_eq!(settled(&east, "db").await, (StatusType::InSync, "Replication succeeded".into()));
    let copy = west.secrets.get_secret_value().secret_id("db").send().await.unwrap();
    assert_eq!(copy.secret_string(), Some("one"));
    assert_eq!(copy.version_id(), created.version_id());
    assert_eq!(copy.arn().unwrap(), created.arn().unwrap().replace("us-east-1", "us-west-2"));
    let described = west.secrets.describe_secret().secret_id("db").send().await.unwrap();
    assert_eq!(described.primary_region(), Some("us-east-1"));
    assert_eq!(described.tags().first().and_then(Tag::value), Some("core"));

    east.secrets.put_secret_value().secret_id("db").secret_string("two").send().await.unwrap();
    assert_eq!(settled(&east, "db").await.0, StatusType::InSync);
    let copy = west.secrets.get_secret_value().secret_id("db").send().await.unwrap();
    assert_eq!(copy.secret_string(), Some("two"));

    let refused = west.secrets.put_secret_value().secret_id("db").secret_string("x").send().await;
    let error = refused.unwrap_err().into_service_error();
    assert!(error.is_invalid_parameter_exception());
    assert_eq!(
        error.meta().message(),
        Some(
            "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        )
    );
}

#[tokio::test]
async fn what_one_region_encrypts_the_other_decrypts() {
    let server = Server::start(&["--ephemeral"]);
    let (east, west) = (clients(&server, "us-east-1"), clients(&server, "us-west-2"));
    let key = east.keys.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().key_id().to_owned();
    east.keys.replicate_key().key_id(&key).replica_region("us-west-2").send().await.unwrap();
    let sealed = west
        .keys
        .encrypt()
        .key_id(&key)
        .plaintext(Blob::new("hello"))
        .encryption_context("app", "x")
        .send()
        .await
        .unwrap();
    let blob = sealed.ciphertext_blob().unwrap().clone();
    let decrypt = || east.keys.decrypt().ciphertext_blob(blob.clone());
    let opened = decrypt().encryption_context("app", "x").send().await.unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), b"hello");
    let error = decrypt().encryption_context("app", "y").send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_ciphertext_exception());
}

/// PROMISE R3, and the seed: refused in `strict`, failing later in `aws`.
#[tokio::test]
async fn a_made_up_replica_key_is_refused_in_strict_and_fails_later_in_aws() {
    const KEY: &str = "mrk-1234abcd12ab34cd56ef12345678990aa";
    let strict = Server::start(&["--ephemeral"]);
    let east = clients(&strict, "us-east-1");
    let create = |clients: &Clients| {
        let create = clients.secrets.create_secret().name("seed").secret_string("v");
        create.add_replica_regions(replica("us-west-2", KEY))
    };
    let error = create(&east).send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_parameter_exception(), "{error:?}");
    let message = error.meta().message().unwrap();
    assert!(message.contains("us-west-2") && message.contains(KEY), "{message}");
    assert!(message.contains("Invalid keyId"), "{message}");
    for region in ["us-east-1", "us-west-2"] {
        let listed = clients(&strict, region).secrets.list_secrets().send().await.unwrap();
        assert!(listed.secret_list().is_empty());
    }

    let aws = Server::start(&["--ephemeral", "--profile", "aws"]);
    let east = clients(&aws, "us-east-1");
    let created = create(&east).send().await.unwrap();
    assert_eq!(created.replication_status()[0].status(), Some(&StatusType::InProgress));
    assert_eq!(created.replication_status()[0].status_message(), None);
    let (status, message) = settled(&east, "seed").await;
    assert_eq!(status, StatusType::Failed);
    let expected = format!(
        "Replication failed: Secrets Manager can't encrypt the secret value: Invalid keyId '{KEY}' \
         (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: "
    );
    assert!(message.starts_with(&expected) && message.ends_with("; Proxy: null)"), "{message}");
}
