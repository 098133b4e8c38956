//! Secrets Manager operations, one file each.

pub mod associate_cross_account_replica;
pub mod batch_get_secret_value;
pub mod cancel_rotate_secret;
pub mod create_secret;
pub mod delete_resource_policy;
pub mod delete_secret;
pub mod describe_secret;
pub mod disassociate_cross_account_replica;
pub mod get_random_password;
pub mod get_resource_policy;
pub mod get_secret_value;
pub mod list_resource_policies;
pub mod list_secret_version_ids;
pub mod list_secrets;
pub mod put_resource_policy;
pub mod put_secret_value;
pub mod remove_regions_from_replication;
pub mod replicate_secret_to_regions;
pub mod restore_secret;
pub mod rotate_secret;
pub mod stop_replication_to_replica;
pub mod tag_resource;
pub mod untag_resource;
pub mod update_secret;
pub mod update_secret_version_stage;
pub mod validate_resource_policy;

#[cfg(test)]
mod tests;

pub use associate_cross_account_replica::AssociateCrossAccountReplica;
pub use batch_get_secret_value::BatchGetSecretValue;
pub use cancel_rotate_secret::CancelRotateSecret;
pub use create_secret::CreateSecret;
pub use delete_resource_policy::DeleteResourcePolicy;
pub use delete_secret::DeleteSecret;
pub use describe_secret::DescribeSecret;
pub use disassociate_cross_account_replica::DisassociateCrossAccountReplica;
pub use get_random_password::GetRandomPassword;
pub use get_resource_policy::GetResourcePolicy;
pub use get_secret_value::GetSecretValue;
pub use list_resource_policies::ListResourcePolicies;
pub use list_secret_version_ids::ListSecretVersionIds;
pub use list_secrets::ListSecrets;
pub use put_resource_policy::PutResourcePolicy;
pub use put_secret_value::PutSecretValue;
pub use remove_regions_from_replication::RemoveRegionsFromReplication;
pub use replicate_secret_to_regions::ReplicateSecretToRegions;
pub use restore_secret::RestoreSecret;
pub use rotate_secret::RotateSecret;
pub use stop_replication_to_replica::StopReplicationToReplica;
pub use tag_resource::TagResource;
pub use untag_resource::UntagResource;
pub use update_secret::UpdateSecret;
pub use update_secret_version_stage::UpdateSecretVersionStage;
pub use validate_resource_policy::ValidateResourcePolicy;
