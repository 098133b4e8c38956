//! The table of rules: what each is called, how bad it is, why, and what to do.
//!
//! `regent check --rules` and `--explain`, every report and the documentation read it, and a test
//! runs each example. Ids are never given to another rule.

use super::{Example, Rule};
use crate::finding::Severity;

/// Every rule, by its id.
pub static RULES: [Rule; 31] = [
    Rule {
        id: "RG001",
        severity: Severity::Error,
        title: "Malformed key id",
        explanation: "A replica's key id is looked at by nobody until KMS is asked for it in the replica's Region. AWS takes any text: the stack completes, the replica fails.",
        fix: "Give the key id or ARN as KMS shows it: a UUID, or mrk- and 32 hexadecimal digits.",
        example: Example::Templates {
            bad: include_str!("examples/RG001-bad.yaml"),
            good: include_str!("examples/RG001-good.yaml"),
        },
    },
    Rule {
        id: "RG002",
        severity: Severity::Error,
        title: "Key of another Region",
        explanation: "Each Region encrypts its own copy, and looks for the key in itself. A key ARN of another Region is taken and fails later; so is the ARN that Fn::GetAtt gives of a key of this template, which names the Region of the stack.",
        fix: "Give the ARN of the key in the replica's Region, or the id of a multi-Region key that has a replica key there.",
        example: Example::Templates {
            bad: include_str!("examples/RG002-bad.yaml"),
            good: include_str!("examples/RG002-good.yaml"),
        },
    },
    Rule {
        id: "RG003",
        severity: Severity::Error,
        title: "Another partition",
        explanation: "No secret is replicated from one partition to another, and no key is used across.",
        fix: "Keep secret, replicas and keys in one partition; use ${AWS::Partition} in ARNs.",
        example: Example::Templates {
            bad: include_str!("examples/RG003-bad.yaml"),
            good: include_str!("examples/RG003-good.yaml"),
        },
    },
    Rule {
        id: "RG004",
        severity: Severity::Error,
        title: "Alias that the replica's Region does not have",
        explanation: "An alias belongs to one Region and is not replicated with its key. An alias of this template is made in the Region of the stack, where the replica is not.",
        fix: "Give the key itself, or make the alias in the replica's Region and name it by its ARN there.",
        example: Example::Templates {
            bad: include_str!("examples/RG004-bad.yaml"),
            good: include_str!("examples/RG004-good.yaml"),
        },
    },
    Rule {
        id: "RG005",
        severity: Severity::Error,
        title: "Key of another service of AWS",
        explanation: "A key that AWS manages for one service lets only that service in.",
        fix: "Leave KmsKeyId out for the key of Secrets Manager, or give a key of your own.",
        example: Example::Templates {
            bad: include_str!("examples/RG005-bad.yaml"),
            good: include_str!("examples/RG005-good.yaml"),
        },
    },
    Rule {
        id: "RG006",
        severity: Severity::Error,
        title: "Own Region as replica Region",
        explanation: "A secret is not replicated to the Region that it is in: AWS answers `Invalid replica region.`",
        fix: "Name another Region, or put a condition around it that is false in this one.",
        example: Example::Templates {
            bad: include_str!("examples/RG006-bad.yaml"),
            good: include_str!("examples/RG006-good.yaml"),
        },
    },
    Rule {
        id: "RG007",
        severity: Severity::Error,
        title: "Region given twice",
        explanation: "A Region holds one replica. Which of two keys it would get is nowhere said.",
        fix: "Name each Region once.",
        example: Example::Templates {
            bad: include_str!("examples/RG007-bad.yaml"),
            good: include_str!("examples/RG007-good.yaml"),
        },
    },
    Rule {
        id: "RG008",
        severity: Severity::Error,
        title: "Unknown Region",
        explanation: "There is no such Region in any partition of AWS that this version knows.",
        fix: "Correct the name.",
        example: Example::Templates {
            bad: include_str!("examples/RG008-bad.yaml"),
            good: include_str!("examples/RG008-good.yaml"),
        },
    },
    Rule {
        id: "RG009",
        severity: Severity::Warning,
        title: "Region that has to be enabled",
        explanation: "An account has this Region only after it was enabled. Otherwise the replica fails after the stack is complete.",
        fix: "Enable the Region in every account that this is deployed to, and note that here with a reason; or use a Region that every account has.",
        example: Example::Templates {
            bad: include_str!("examples/RG009-bad.yaml"),
            good: include_str!("examples/RG009-good.yaml"),
        },
    },
    Rule {
        id: "RG010",
        severity: Severity::Warning,
        title: "Replica of a secret without a value",
        explanation: "Without a value there is nothing to encrypt, so that a replica is InSync under any key, also one that does not exist. It fails when the first value is stored.",
        fix: "Give a value or let one be generated, and read the replica's status after the first value is stored.",
        example: Example::Templates {
            bad: include_str!("examples/RG010-bad.yaml"),
            good: include_str!("examples/RG010-good.yaml"),
        },
    },
    Rule {
        id: "RG011",
        severity: Severity::Warning,
        title: "Replica under another key than the replica key of its primary's",
        explanation: "The secret is under a multi-Region key that has a replica key in the replica's Region, and the replica is under something else. It can be read, but not by those who were given the multi-Region key alone; and after a failover the two sides stay under different keys.",
        fix: "Give the replica the replica key.",
        example: Example::Terraform {
            bad: include_str!("examples/RG011-bad.tf"),
            good: include_str!("examples/RG011-good.tf"),
        },
    },
    Rule {
        id: "RG012",
        severity: Severity::Error,
        title: "Single-Region key for a replica",
        explanation: "A single-Region key is in one Region for ever. A replica in another cannot use it.",
        fix: "Make the key with MultiRegion: true and a replica key of it in the replica's Region, or give a key of that Region.",
        example: Example::Templates {
            bad: include_str!("examples/RG012-bad.yaml"),
            good: include_str!("examples/RG012-good.yaml"),
        },
    },
    Rule {
        id: "RG013",
        severity: Severity::Error,
        title: "Replica key of a single-Region key",
        explanation: "Only a multi-Region key has replica keys. Whether it is one is decided when it is made, and cannot be changed.",
        fix: "Give the ARN of a multi-Region key, whose id begins with mrk-.",
        example: Example::Templates {
            bad: include_str!("examples/RG013-bad.yaml"),
            good: include_str!("examples/RG013-good.yaml"),
        },
    },
    Rule {
        id: "RG014",
        severity: Severity::Error,
        title: "Key policy that shuts Secrets Manager out",
        explanation: "Secrets Manager uses a key with the permissions of its caller. A key policy that gives the account no access, allows only a service principal, or denies what does not come through another service makes the secret unreadable, in its own Region or in the replica's. A replica key's policy is its own: one that is copied from the primary names Secrets Manager of the primary's Region in kms:ViaService, or the primary's ARN in the encryption context.",
        fix: "Allow the account (its root principal) or its roles kms:Decrypt and kms:GenerateDataKey, at least through secretsmanager.<Region>.amazonaws.com.",
        example: Example::Templates {
            bad: include_str!("examples/RG014-bad.yaml"),
            good: include_str!("examples/RG014-good.yaml"),
        },
    },
    Rule {
        id: "RG015",
        severity: Severity::Error,
        title: "Disabled key",
        explanation: "A disabled key neither encrypts nor decrypts. The secret cannot be stored, and what is stored cannot be read.",
        fix: "Enable the key, or use another.",
        example: Example::Templates {
            bad: include_str!("examples/RG015-bad.yaml"),
            good: include_str!("examples/RG015-good.yaml"),
        },
    },
    Rule {
        id: "RG016",
        severity: Severity::Error,
        title: "Key that does not encrypt symmetrically",
        explanation: "Secrets Manager asks for data keys, which asymmetric and HMAC keys do not make.",
        fix: "Use a key with the spec SYMMETRIC_DEFAULT.",
        example: Example::Templates {
            bad: include_str!("examples/RG016-bad.yaml"),
            good: include_str!("examples/RG016-good.yaml"),
        },
    },
    Rule {
        id: "RG017",
        severity: Severity::Warning,
        title: "Secret that outlives its key",
        explanation: "The secret stays when the stack is deleted, with its replicas; the key that it is encrypted under is scheduled for deletion, and with it goes all that can be read.",
        fix: "Give the key the same DeletionPolicy and UpdateReplacePolicy as the secret.",
        example: Example::Templates {
            bad: include_str!("examples/RG017-bad.yaml"),
            good: include_str!("examples/RG017-good.yaml"),
        },
    },
    Rule {
        id: "RG018",
        severity: Severity::Error,
        title: "Rotation of a replica",
        explanation: "Only the primary rotates, and its replicas follow. AWS answers `Operation not permitted on a replica secret.`",
        fix: "Name the primary secret, and put the rotation into its Region.",
        example: Example::Templates {
            bad: include_str!("examples/RG018-bad.yaml"),
            good: include_str!("examples/RG018-good.yaml"),
        },
    },
    Rule {
        id: "RG019",
        severity: Severity::Error,
        title: "Shared with another account under the key of Secrets Manager",
        explanation: "aws/secretsmanager serves its own account only. Another account that the secret's policy lets in gets the secret refused by KMS; so it does for a replica without a key of its own.",
        fix: "Give the secret and each replica a key of your own, and let the other account use it in the key's policy.",
        example: Example::Templates {
            bad: include_str!("examples/RG019-bad.yaml"),
            good: include_str!("examples/RG019-good.yaml"),
        },
    },
    Rule {
        id: "RG020",
        severity: Severity::Error,
        title: "Replica key in the Region of its primary",
        explanation: "A replica key is made in the Region of its stack, where its primary already is: KMS refuses it.",
        fix: "Put the replica key into a stack of the other Region, and hand the primary's ARN over as a parameter.",
        example: Example::Templates {
            bad: include_str!("examples/RG020-bad.yaml"),
            good: include_str!("examples/RG020-good.yaml"),
        },
    },
    Rule {
        id: "RG021",
        severity: Severity::Error,
        title: "Property that AWS refuses",
        explanation: "The property is not one of this type, is missing, or does not have its shape. A misspelt KmsKeyId or ReplicaRegions fails the deployment, or means that nothing is replicated.",
        fix: "Write the property as the message says.",
        example: Example::Templates {
            bad: include_str!("examples/RG021-bad.yaml"),
            good: include_str!("examples/RG021-good.yaml"),
        },
    },
    Rule {
        id: "RG022",
        severity: Severity::Warning,
        title: "Overwrites secrets in replica Regions",
        explanation: "ForceOverwriteReplicaSecret replaces a secret of the same name that another team, or an earlier primary, left in the Region: its value is gone.",
        fix: "Leave it out. When a name is taken, look at what is there, and remove it by hand.",
        example: Example::Terraform {
            bad: include_str!("examples/RG022-bad.tf"),
            good: include_str!("examples/RG022-good.tf"),
        },
    },
    Rule {
        id: "RG023",
        severity: Severity::Error,
        title: "Policy or value of a replica",
        explanation: "A replica takes its value and its policy from the primary and from nobody else. AWS answers `Operation not permitted on a replica secret.`",
        fix: "Name the primary secret, and put its versions and its policy into its Region; they are replicated.",
        example: Example::Terraform {
            bad: include_str!("examples/RG023-bad.tf"),
            good: include_str!("examples/RG023-good.tf"),
        },
    },
    Rule {
        id: "RG024",
        severity: Severity::Error,
        title: "Replica key of a replica key",
        explanation: "Only the primary of a multi-Region key is replicated. KMS refuses a replica as the primary of another.",
        fix: "Give the ARN of the primary key to each replica key.",
        example: Example::Terraform {
            bad: include_str!("examples/RG024-bad.tf"),
            good: include_str!("examples/RG024-good.tf"),
        },
    },
    Rule {
        id: "RG025",
        severity: Severity::Error,
        title: "Key without key material",
        explanation: "A key for imported material encrypts nothing before the material is imported, in each Region by itself: a replica key of it has none either. A secret with a value is refused until then, and a replica of it fails.",
        fix: "Import the material into each key first, and store the value in a later deployment; or use a key whose material KMS makes.",
        example: Example::Templates {
            bad: include_str!("examples/RG025-bad.yaml"),
            good: include_str!("examples/RG025-good.yaml"),
        },
    },
    Rule {
        id: "RG026",
        severity: Severity::Error,
        title: "Key that is pending deletion",
        explanation: "A plan says that the key is deleted, also to be made anew, or it was looked up and is pending deletion already. Such a key encrypts and decrypts nothing, from the first minute of its waiting period on. A template cannot say it: `regent check --live` and `regent audit` ask (RG211).",
        fix: "Give the secret and its replicas another key first, and delete this one in a later deployment; or keep it, by `aws kms cancel-key-deletion` if it is pending.",
        example: Example::Plan {
            bad: include_str!("examples/RG026-bad.json"),
            good: include_str!("examples/RG026-good.json"),
        },
    },
    Rule {
        id: "RG027",
        severity: Severity::Warning,
        title: "Key deleted by the deployment that takes a secret off it",
        explanation: "With a new key, Secrets Manager decrypts what is there under the old one and encrypts it anew, and only the versions labelled AWSCURRENT, AWSPENDING and AWSPREVIOUS. If the old key is pending deletion by then, nothing is; and versions under other labels go with it.",
        fix: "Keep the old key in this deployment, look with `aws secretsmanager list-secret-version-ids` which keys are still in use, and delete it in a later one.",
        example: Example::Plan {
            bad: include_str!("examples/RG027-bad.json"),
            good: include_str!("examples/RG027-good.json"),
        },
    },
    Rule {
        id: "RG100",
        severity: Severity::Info,
        title: "Not known",
        explanation: "A value depends on a parameter without a value, on another stack, or on what only AWS can run. It is neither good nor bad.",
        fix: "Give the value with --param, --parameters, --region or --account.",
        example: Example::Templates {
            bad: include_str!("examples/RG100-bad.yaml"),
            good: include_str!("examples/RG100-good.yaml"),
        },
    },
    Rule {
        id: "RG101",
        severity: Severity::Info,
        title: "Key that is not shown to exist",
        explanation: "The key of a replica is not described by this file, so that nothing here shows that it is in the replica's Region. AWS does not look either.",
        fix: "Check it there with `aws kms describe-key --region <replica Region> --key-id <key>`.",
        example: Example::Templates {
            bad: include_str!("examples/RG101-bad.yaml"),
            good: include_str!("examples/RG101-good.yaml"),
        },
    },
    Rule {
        id: "RG102",
        severity: Severity::Error,
        title: "File that cannot be read",
        explanation: "The file looks like a template or was given by name, and cannot be read as one. It is not known to be good.",
        fix: "Correct the file, or leave it out with `exclude` in .regent-check.toml.",
        example: Example::None,
    },
    Rule {
        id: "RG103",
        severity: Severity::Warning,
        title: "Suppression that suppresses nothing",
        explanation: "A suppression needs the id of a rule and a reason, and it has to stand where the rule finds something.",
        fix: "Write `# regent: ignore RG009 the Region is enabled in every account`, or remove it.",
        example: Example::None,
    },
];
