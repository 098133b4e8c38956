//! The table of rules for live accounts: what `regent audit` finds, why it matters, what to do.
//!
//! The checks are in `regent-audit`; the table is here, so that every report and `--explain` reads
//! one set of rules. Ids are never given to another rule.

use super::{Example, Rule};
use crate::finding::Severity;

const fn rule(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    explanation: &'static str,
    fix: &'static str,
) -> Rule {
    Rule { id, severity, title, explanation, fix, example: Example::None }
}

/// Every rule, by its id.
pub static LIVE: [Rule; 22] = [
    rule(
        "RG201",
        Severity::Error,
        "Replica failed: its key does not resolve",
        "KMS was asked for the key in the replica's Region and has none of that name. AWS took the name without looking, called the replica in progress, and failed later where nobody looks. The Region has no value, or an old one.",
        "Run ReplicateSecretToRegions again for this Region with a key that is there, or without KmsKeyId for the key of Secrets Manager.",
    ),
    rule(
        "RG202",
        Severity::Error,
        "Replica failed: its key cannot be used",
        "The key is in the replica's Region, but it is disabled, pending deletion, or not a symmetric key for encryption.",
        "Enable the key or cancel its deletion and replicate again, or replicate again under another key.",
    ),
    rule(
        "RG203",
        Severity::Error,
        "Replica failed: no leave to use its key",
        "Secrets Manager was refused by KMS: the key's policy, or the policies of whoever replicated, do not allow kms:GenerateDataKey and kms:Decrypt there.",
        "Allow both actions in the key's policy in the replica's Region, then replicate again.",
    ),
    rule(
        "RG204",
        Severity::Error,
        "Replica failed: its name is taken",
        "The Region has another secret of this name: one of its own, or a replica that was left behind. Whoever reads the name there gets that other secret.",
        "Rename or delete the other secret, or replicate again with ForceOverwriteReplicaSecret if it may be lost. Of a stranded replica, stop the replication there first.",
    ),
    rule(
        "RG205",
        Severity::Error,
        "Replica failed",
        "Secrets Manager says that replication failed. The Region has no value, or an old one.",
        "Correct what the message names, then run ReplicateSecretToRegions again for this Region.",
    ),
    rule(
        "RG206",
        Severity::Warning,
        "Replica in progress for too long",
        "Replication takes seconds. One that has been in progress for longer is stuck, and says so nowhere.",
        "Run ReplicateSecretToRegions again for this Region.",
    ),
    rule(
        "RG207",
        Severity::Error,
        "Called in sync, with other versions",
        "The primary calls the replica in sync, and its Region has other versions or other staging labels: an application there reads another value.",
        "Run ReplicateSecretToRegions again for this Region; if the versions still differ, remove the Region and add it again.",
    ),
    rule(
        "RG208",
        Severity::Error,
        "Called in sync, and absent",
        "The primary calls the replica in sync, and its Region has no such secret.",
        "Remove the Region from the replication and add it again.",
    ),
    rule(
        "RG209",
        Severity::Error,
        "Called in sync under a key that does not resolve",
        "Nothing is encrypted for a secret without a value, so that any key is called in sync. The first value fails. With a value, the key has been deleted since, and the value cannot be read.",
        "Remove the Region from the replication and add it again with a key that is there.",
    ),
    rule(
        "RG210",
        Severity::Error,
        "Key that is disabled or not usable",
        "What is encrypted under the key cannot be read while it is in this state.",
        "Enable the key, or encrypt the secret or its replica under another.",
    ),
    rule(
        "RG211",
        Severity::Error,
        "Key that is pending deletion",
        "The value cannot be read now, and never again once the key is deleted.",
        "Cancel the deletion and enable the key, or encrypt the secret or its replica under another while the primary is readable.",
    ),
    rule(
        "RG212",
        Severity::Error,
        "Key whose policy shuts Secrets Manager out",
        "The key is there and enabled, and its policy lets nobody use it through Secrets Manager.",
        "Allow kms:GenerateDataKey and kms:Decrypt to the account, at least with kms:ViaService of Secrets Manager in that Region.",
    ),
    rule(
        "RG213",
        Severity::Error,
        "Stranded replica",
        "Its primary is gone, or does not know it. Nothing updates it, it cannot be changed or deleted as it is, and its name is blocked in this Region.",
        "Run StopReplicationToReplica in this Region; the secret is then one of its own, to be kept, replicated or deleted.",
    ),
    rule(
        "RG214",
        Severity::Warning,
        "Replicated secret under a key of one Region",
        "The secret is readable elsewhere, but what its consumers encrypt under the same key is not: the key is in one Region only.",
        "Use a multi-Region key with a replica key in each Region, or make sure that consumers use the key for nothing else.",
    ),
    rule(
        "RG215",
        Severity::Warning,
        "Not replicated in a group that is",
        "Most secrets under the same name prefix are replicated, and these are not: the application will come up in the other Region without them.",
        "Replicate them to the same Regions, or move them to another prefix.",
    ),
    rule(
        "RG216",
        Severity::Error,
        "Probe failed",
        "The value was read in the primary's Region and in the replica's, and one could not be read or is not the other.",
        "Correct what the message names; if the values differ, remove the Region and add it again.",
    ),
    rule(
        "RG217",
        Severity::Error,
        "Called in sync, and a secret of its own",
        "The primary calls the replica in sync, and the secret in that Region is no replica of it: somebody has promoted it. Values written in the primary do not reach it.",
        "Decide which of the two is the primary, and remove or replicate the other.",
    ),
    rule(
        "RG218",
        Severity::Warning,
        "Secret under a key that does not resolve",
        "The secret itself, not a replica, names a key that its own Region does not have. Its value cannot be read, nor another one stored.",
        "Give the secret another key with UpdateSecret, and store its value again.",
    ),
    rule(
        "RG219",
        Severity::Error,
        "Key that its Region does not have",
        "Found by `regent check --live`: KMS was asked for the key in the replica's Region and has none of that name. The deployment will be called a success, and the replica will fail.",
        "Name a key that is there: the id of a multi-Region key with a replica key in that Region, or a key of that Region.",
    ),
    rule(
        "RG220",
        Severity::Warning,
        "Key that the caller may not use",
        "Found by `regent check --live --dry-run-kms`: KMS would refuse the caller's Encrypt under the key. Secrets Manager encrypts with the permissions of whoever replicates, so that replication fails if the caller does.",
        "Allow kms:Encrypt, kms:GenerateDataKey and kms:Decrypt to whoever deploys, or check with the deployer's credentials.",
    ),
    rule(
        "RG298",
        Severity::Info,
        "Not known",
        "The caller may not look: it is neither good nor bad.",
        "Allow secretsmanager:DescribeSecret, kms:DescribeKey and kms:GetKeyPolicy to the auditor.",
    ),
    rule(
        "RG299",
        Severity::Error,
        "Region or account that could not be audited",
        "Nothing is known of what it holds, which is not the same as nothing found.",
        "Correct what the message names, and run the audit again; with --state it goes on where it was.",
    ),
];
