//! Every bound of the domain, named, with its source.
//!
//! `model` is AWS's service model as botocore ships it; `docs` is AWS's documentation of quotas.

use core::time::Duration;

// Identifiers
pub const REGION_LEN_MAX: usize = 32; // model, KMS RegionType
pub const ACCOUNT_ID_LEN: usize = 12; // docs
pub const SECRET_NAME_LEN_MAX: usize = 512; // model, NameType
pub const SECRET_SUFFIX_LEN: usize = 6; // docs
pub const SECRET_ID_LEN_MAX: usize = 2048; // model, SecretIdType
pub const SECRET_ARN_LEN_MIN: usize = 20; // model, SecretARNType
pub const VERSION_ID_LEN_MIN: usize = 32; // model, ClientRequestTokenType
pub const VERSION_ID_LEN_MAX: usize = 64; // model, ClientRequestTokenType
pub const STAGE_LABEL_LEN_MAX: usize = 256; // model, SecretVersionStageType
pub const ALIAS_NAME_LEN_MAX: usize = 256; // model, AliasNameType

// Secrets
pub const SECRET_VALUE_LEN_MAX: usize = 65_536; // docs, bytes
pub const DESCRIPTION_LEN_MAX: usize = 2048; // model
pub const KMS_KEY_ID_LEN_MAX: usize = 2048; // model
pub const SECRET_TYPE_LEN_MAX: usize = 256; // model, MedeaTypeType
pub const RESOURCE_POLICY_LEN_MAX: usize = 20_480; // model, NonEmptyResourcePolicyType
pub const POLICY_NAME_LEN_MAX: usize = 64; // model, ResourcePolicyNameType
pub const LIST_RESOURCE_POLICIES_MAX: usize = 100; // model
pub const STAGES_PER_SECRET_MAX: usize = 20; // docs
pub const STAGES_PER_REQUEST_MAX: usize = 20; // model, SecretVersionStagesType
pub const VERSIONS_PER_SECRET_MAX: usize = 100; // docs, about 100
pub const VERSION_KEEP_HOURS: u32 = 24; // docs, younger versions are never purged
pub const RECOVERY_WINDOW_DAYS_MIN: i64 = 7; // docs
pub const RECOVERY_WINDOW_DAYS_MAX: i64 = 30; // docs
pub const RECOVERY_WINDOW_DAYS_DEFAULT: u32 = 30; // docs
pub const LIST_SECRETS_MAX: usize = 100; // model
pub const BATCH_MAX: usize = 20; // model, SecretIdListType and MaxResultsBatchType
pub const PASSWORD_LEN_MAX: usize = 4096; // model, PasswordLengthType
pub const LIST_VERSIONS_MAX: usize = 100; // model
pub const FILTERS_MAX: usize = 10; // model
pub const FILTER_VALUES_MAX: usize = 10; // model
pub const FILTER_VALUE_LEN_MAX: usize = 512; // model, FilterValueStringType
pub const NEXT_TOKEN_LEN_MAX: usize = 4096; // model, NextTokenType
pub const REPLICA_REGION_LEN_MAX: usize = 128; // model, RegionType
pub const ROTATION_TOKEN_LEN_MIN: usize = 36; // model, RotationTokenType
pub const ROTATION_TOKEN_LEN_MAX: usize = 256; // model, RotationTokenType
pub const ROTATION_FUNCTION_LEN_MAX: usize = 2048; // model, RotationLambdaARNType
pub const ROTATION_ROLE_LEN_MIN: usize = 20; // model, RoleARNType
pub const ROTATION_ROLE_LEN_MAX: usize = 2048; // model, RoleARNType
pub const ROTATION_METADATA_KEY_LEN_MAX: usize = 256; // model
pub const ROTATION_METADATA_VALUE_LEN_MAX: usize = 2048; // model
pub const SCHEDULE_EXPRESSION_LEN_MAX: usize = 256; // model, ScheduleExpressionType
pub const ROTATION_DAYS_MAX: u32 = 1000; // model, AutomaticallyRotateAfterDaysType
pub const ROTATION_RATE_DAYS_MAX: u32 = 999; // docs
pub const ROTATION_HOURS_MIN: u32 = 4; // docs
/// How often a whole rotation is tried before it waits for its next window. AWS: "multiple times".
pub const ROTATION_ATTEMPTS_MAX: u32 = 5;
/// The wait before the second attempt, in milliseconds; each further one is four times as long.
pub const ROTATION_RETRY_MS: u64 = 1000;

// Keys in several Regions
/// How long two keys that change places show that at most; a Region that is lost meanwhile keeps the
/// other's key from being disabled no longer. AWS: "for a few seconds".
pub const SWAP_MAX: Duration = Duration::from_secs(10);

// Tags
pub const TAGS_MAX: usize = 50; // docs
pub const TAG_KEY_LEN_MAX: usize = 128; // model
pub const TAG_VALUE_LEN_MAX: usize = 256; // model

// Keys
pub const KEY_DESCRIPTION_LEN_MAX: usize = 8192; // model
pub const KEY_POLICY_LEN_MAX: usize = 32_768; // docs, bytes
pub const KMS_PLAINTEXT_LEN_MAX: usize = 4096; // model
pub const KMS_CIPHERTEXT_LEN_MAX: usize = 6144; // model
pub const KMS_PUBLIC_KEY_LEN_MAX: usize = 8192; // model
pub const GENERATED_BYTES_MAX: usize = 1024; // model, NumberOfBytesType
pub const ENCRYPTION_CONTEXT_LEN_MAX: usize = 8192; // docs, characters
pub const DELETION_WINDOW_DAYS_MIN: i64 = 7; // docs
pub const DELETION_WINDOW_DAYS_MAX: i64 = 30; // docs
pub const DELETION_WINDOW_DAYS_DEFAULT: u32 = 30; // docs
pub const IMPORT_TOKEN_DAYS: u32 = 1; // docs
pub const IMPORT_VALID_DAYS_MAX: u32 = 365; // model, ImportKeyMaterial
pub const IMPORTED_HMAC_LEN_MAX: usize = 128; // docs, requirements for imported key material
pub const ROTATION_PERIOD_DAYS_MIN: i64 = 90; // model, RotationPeriodInDaysType
pub const ROTATION_PERIOD_DAYS_MAX: i64 = 2560; // model, RotationPeriodInDaysType
pub const ROTATION_PERIOD_DAYS_DEFAULT: u32 = 365; // docs
pub const ON_DEMAND_ROTATIONS_MAX: usize = 25; // docs
pub const LIST_ROTATIONS_MAX: usize = 1000; // model
pub const LIST_ROTATIONS_DEFAULT: usize = 100; // docs
pub const ALIASES_PER_KEY_MAX: usize = 50; // docs
pub const LIST_KEYS_MAX: usize = 1000; // model
pub const LIST_KEYS_DEFAULT: usize = 100; // docs
pub const LIST_ALIASES_MAX: usize = 100; // docs
pub const LIST_ALIASES_DEFAULT: usize = 50; // docs
pub const LIST_TAGS_DEFAULT: usize = 50; // docs

// Grants
pub const PRINCIPAL_LEN_MAX: usize = 256; // model, PrincipalIdType
pub const GRANT_NAME_LEN_MAX: usize = 256; // model, GrantNameType
pub const GRANT_CONTEXT_PAIRS_MAX: usize = 8; // model, text of GrantConstraints
pub const GRANT_CONTEXT_LEN_MAX: usize = 384; // model, text of GrantConstraints, characters
pub const GRANTS_PER_KEY_MAX: u32 = 50_000; // docs
pub const LIST_GRANTS_MAX: usize = 100; // docs
pub const LIST_GRANTS_DEFAULT: usize = 50; // docs

// Replication
/// Frames that may be on their way to one peer at once, before the first is acknowledged.
pub const IN_FLIGHT_MAX: usize = 64;
/// First wait before a frame is sent again, in milliseconds.
pub const RETRY_MS_MIN: u64 = 100;
/// Longest wait before a frame is sent again, in milliseconds.
pub const RETRY_MS_MAX: u64 = 10_000;
/// How long a removed replica is remembered, so that a late frame cannot bring it back, in days.
pub const TOMBSTONE_DAYS: u32 = 30;

// Stacks
pub const STACK_NAME_LEN_MAX: usize = 128; // docs
pub const TEMPLATE_LEN_MAX: usize = 51_200; // model, TemplateBody, in bytes
pub const STACKS_MAX: usize = 2000; // docs, per account and Region
pub const CHANGE_SETS_MAX: usize = 100; // ours, of one stack: each holds a template
pub const SUPERSEDED_MAX: usize = 20; // ours, of one stack: each holds a template
pub const STACK_EVENTS_PAGE: usize = 100; // docs
pub const STACK_RESOURCES_PAGE: usize = 100; // docs
pub const STACKS_PAGE: usize = 100; // docs, 1 MB; ours by count
pub const STACK_POLICY_LEN_MAX: usize = 16_384; // model
/// Refusals that a key remembers for each Region whose stacks wished for replicas there.
pub const REFUSED_REPLICAS_KEPT: usize = 64; // ours
/// Resources of one stack that are waited for at once.
pub const BEGUN_MAX: usize = 32; // ours
/// How long a stack waits for what it made to be ready.
pub const STABILIZE_MS_MAX: i64 = 3_600_000; // ours
