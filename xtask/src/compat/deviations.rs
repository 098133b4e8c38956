//! Where Regent behaves otherwise than AWS, and why: kept by hand, one entry for each difference.

use regent_wire::service::Service;
use regent_wire::service::Service::{CloudFormation, Kms, SecretsManager, Sts};

/// One difference of one operation.
#[derive(Debug)]
pub struct Deviation {
    pub service: Service,
    pub operation: &'static str,
    /// What Regent does, in a sentence without a full stop.
    pub what: &'static str,
    pub reason: &'static str,
}

/// Differences that are not of one operation.
pub const EVERYWHERE: [(&str, &str); 10] = [
    (
        "A JSON body in which a member, or a name in a map, comes twice is refused",
        "which of the two is meant cannot be told, and what AWS does with it is not documented",
    ),
    (
        "Replica keys are proven before a request is accepted, in the `strict` profile, which is the default",
        "AWS accepts any string and fails later, out of sight; the `aws` profile does as AWS does",
    ),
    (
        "A replica Region uses its key in the account's name; the caller's own rights to that key are asked for when a request in the `strict` profile adds the replica, and not again",
        "a replica is made later and again, when the caller is gone; on AWS a caller without these rights is seen as a replica that Failed",
    ),
    (
        "Lists are consistent at once; AWS's lag by up to minutes",
        "there is nothing to wait for in one store",
    ),
    (
        "Replication takes milliseconds where AWS takes seconds",
        "the Regions are near; `regent region delay` makes it slow",
    ),
    (
        "inferred: `SynchronizeMultiRegionKey` is recorded when a replica has confirmed the state of its key, without a `requestID`; the `CreateKey` that a ReplicateKey leads to, in the replica's Region, names the account and not the caller",
        "the documentation shows the former's record and says that the latter is there; a Region is sent the key, not who asked for it",
    ),
    (
        "inferred: service events of secrets name the version in `SecretVersionId`, the replica in `ReplicaRegion` or `ReplicaSecretARN`, and say in `errorMessage` what DescribeSecret says; replication is told once from the first change to the answer to the last, in the primary's Region",
        "the documentation names the events and `SecretId`, and shows no record of them; where `SecretVersionDeletion` is told, of versions that make room, is inferred too",
    ),
    ("Nothing is throttled", "no quotas on rates are built yet"),
    (
        "A condition key or operator that is not known here denies; a known key that a request does not carry is absent, as on AWS",
        "a policy that is not understood grants nothing",
    ),
    (
        "Endpoints speak HTTP/1.1 on loopback, without TLS",
        "`regent dev` is for one machine; serving a network is not built yet",
    ),
];

const NO_TEXT: &str = "no recording of AWS's text is known";
const NO_OWNERS: &str = "no other service manages secrets here";
const SERVICES: &str = "no service uses keys in its own name here";
const ENCLAVES: &str = "there are no attested enclaves here";

const fn of(
    service: Service,
    operation: &'static str,
    what: &'static str,
    reason: &'static str,
) -> Deviation {
    Deviation { service, operation, what, reason }
}

const RECIPIENT: &str = "`Recipient` answers `UnsupportedOperationException`";

pub const DEVIATIONS: &[Deviation] = &[
    of(
        SecretsManager,
        "AssociateCrossAccountReplica",
        "inferred: with `ReplicationRoleARN` the two keys are tried as the caller and as the role; each association names the role anew; a role that does not trust Secrets Manager answers `InvalidRequestException`, and fails the status later",
        "the documentation asks both of the caller and says that the role replicates; it does not say when the role is tried",
    ),
    of(
        SecretsManager,
        "AssociateCrossAccountReplica",
        "`SameOrg` is always met",
        "all accounts of an installation are taken for one organization",
    ),
    of(
        SecretsManager,
        "AssociateCrossAccountReplica",
        "the replica has the value when the change of the primary is answered, and is never `InProgress`",
        "both secrets are in one store, so one transaction changes both",
    ),
    of(
        SecretsManager,
        "AssociateCrossAccountReplica",
        "inferred: labelled versions, their labels, description and type follow the primary; tags, policies and key are the replica's own",
        "the documentation says what CreateSecret may not be given with `CrossAccountPrimaryARN`, and that the replica has its own policies and key",
    ),
    of(
        SecretsManager,
        "AssociateCrossAccountReplica",
        "inferred: codes and texts of the refusals; a key that cannot be used answers `InvalidRequestException`",
        "no recording of AWS's answers is known; the codes are among those of the model",
    ),
    of(
        SecretsManager,
        "DisassociateCrossAccountReplica",
        "inferred: a replica that is not associated answers `ResourceNotFoundException`",
        "no recording of AWS's answer is known",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "inferred: the text of the policy `cross-account-replication`, and that the primary is not looked up",
        "AWS's text is not published, and the replica's account may not read the primary",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "inferred: the texts of the refusals of a cross-account replica",
        "no recording of AWS's texts is known",
    ),
    of(
        SecretsManager,
        "UpdateSecret",
        "inferred: refused on a cross-account replica, its key included",
        "the documentation does not say how such a replica's key is changed",
    ),
    of(
        SecretsManager,
        "DeleteSecret",
        "inferred: the texts of the refusals for a primary and a replica of two accounts",
        "no recording of AWS's texts is known",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "any `Type` is kept and shown; the value is not checked against the format of a partner",
        "no partner's integration is here",
    ),
    of(
        SecretsManager,
        "UpdateSecret",
        "any `Type` is kept and shown, as in CreateSecret",
        "no partner's integration is here",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "a name that was deleted with force can be used again at once; on AWS after seconds",
        "there is nothing to wait for",
    ),
    of(
        SecretsManager,
        "PutResourcePolicy",
        "a user, role or service that does not exist is accepted if its form is right",
        "there is no directory of principals to look in yet",
    ),
    of(
        SecretsManager,
        "PutResourcePolicy",
        "`NotPrincipal` with `Allow` is a syntax error",
        "it grants to everyone that is not named, which nobody means",
    ),
    of(
        SecretsManager,
        "PutResourcePolicy",
        "what is broad is decided by S3's published rules, without a reasoner: what is not shown to be narrow is broad",
        "AWS's reasoner is not published",
    ),
    of(
        SecretsManager,
        "PutResourcePolicy",
        "the text of the refusal of another `PolicyName` is not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "DeleteResourcePolicy",
        "the text of the refusal of another `PolicyName` is not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "GetResourcePolicy",
        "the text for a named policy that is not there is not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "ValidateResourcePolicy",
        "the names of the checks are not AWS's, and only a text that is no JSON answers `MalformedPolicyDocumentException`",
        "the documentation names neither",
    ),
    of(
        SecretsManager,
        "PutSecretValue",
        "a `RotationToken` that is not of the present invocation is refused, in a text that is not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "functions are invoked where the configuration says, and no other can be; they have no policies, so one rotates secrets for callers of its own account only",
        "there is no Lambda here: see docs/rotation.md",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "the texts for schedules and windows that are refused, and for members of managed external secrets on others, are not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "`ExternalSecretRotationMetadata` and `ExternalSecretRotationRoleArn` are kept and shown; a function is needed all the same",
        "no partner's integration is here",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "a rotation begins when its window opens; on AWS at some time within it",
        "there are not many at one time",
    ),
    of(SecretsManager, "DescribeSecret", "never shows an owning service", NO_OWNERS),
    of(SecretsManager, "ListSecrets", "never shows an owning service", NO_OWNERS),
    of(
        SecretsManager,
        "RemoveRegionsFromReplication",
        "the replica is gone in milliseconds; on AWS in up to 90 seconds",
        "the Regions are near",
    ),
    of(
        SecretsManager,
        "StopReplicationToReplica",
        "the text of the refusal for a secret that is no replica is not AWS's",
        NO_TEXT,
    ),
    of(
        SecretsManager,
        "ReplicateSecretToRegions",
        "in `strict`, a Region named twice is refused",
        "AWS's answer is not known, and one of the two would be lost",
    ),
    of(
        Sts,
        "AssumeRole",
        "session policies, session tags, a source identity and MFA are refused by name",
        "they are not built yet, and none may be ignored",
    ),
    of(
        Sts,
        "AssumeRole",
        "roles come from the configuration file and have no path",
        "IAM's API is not built yet",
    ),
    of(
        Kms,
        "CreateCustomKeyStore",
        "a port is accepted in `XksProxyUriEndpoint`, and `http://` for a proxy on the same machine or listed in the configuration; one at a private address must be listed: see docs/cli.md",
        "proxies stand near by, where AWS reaches public ones and those of a VPC",
    ),
    of(
        Kms,
        "CreateCustomKeyStore",
        "an AWS_CLOUDHSM store answers CloudHsmClusterNotFoundException, one behind a VPC endpoint service XksProxyVpcEndpointServiceNotFoundException",
        "there are no clusters and no VPCs",
    ),
    of(
        Kms,
        "CreateCustomKeyStore",
        "a proxy may take a second for each answer; on AWS 250 ms",
        "it may share the machine",
    ),
    of(
        Kms,
        "ConnectCustomKeyStore",
        "a store is connected, or has failed, when the request is answered; on AWS it is CONNECTING for a while",
        "the proxy is asked at once",
    ),
    of(
        Kms,
        "GetKeyLastUsage",
        "what replication does with a key is no use; what a request does is shown a second later",
        "it has no request and no audit record; uses are written apart from requests",
    ),
    of(
        Kms,
        "ReplicateKey",
        "a replica key is `Creating` in this answer, and absent in its Region until it is there in the state it stays in; on AWS it is seen as `Creating` for seconds",
        "a Region knows what has reached it, and the whole key comes in one message",
    ),
    of(
        Kms,
        "EnableKeyRotation",
        "another period counts from the request that names it",
        "AWS's rule for a key that rotates already is not documented",
    ),
    of(
        Kms,
        "RotateKeyOnDemand",
        "done at once, without `OnDemandRotationStartDate`",
        "there is no background process",
    ),
    of(
        Kms,
        "RotateKeyOnDemand",
        "the text for material that some related key was not given yet is that for a key without any",
        "no recording of AWS's text is known",
    ),
    of(
        Kms,
        "Decrypt",
        "until a rotation has reached a replica, its ciphertexts answer `KeyUnavailableException` there",
        "Regions wait for nobody; clients ask again by themselves",
    ),
    of(
        Kms,
        "Decrypt",
        "the text for an RSA algorithm without `KeyId`, or with an encryption context, is not AWS's",
        "no recording of AWS's text is known",
    ),
    of(
        Kms,
        "ImportKeyMaterial",
        "the text for `NEW_KEY_MATERIAL` and a replica key is that of other operations on replicas",
        "no recording of AWS's text is known",
    ),
    of(
        Kms,
        "ImportKeyMaterial",
        "the id of material is of its bytes alone, so that two keys with the same bytes have the same id",
        "AWS's is of the key's id too, by a rule that is not published",
    ),
    of(
        Kms,
        "ImportKeyMaterial",
        "keys of Ed25519, ML-DSA and ML-KEM take imported material as well",
        "the documentation rules ML-DSA out and does not name the others; nothing is lost by it",
    ),
    of(
        Kms,
        "ImportKeyMaterial",
        "the texts for members that do not suit the key, and for a wrong `ValidTo`, are not AWS's",
        "no recording of AWS's texts is known",
    ),
    of(
        Kms,
        "GetParametersForImport",
        "a wrapping that the key's material does not fit in is refused here, not at the import; the text is not AWS's",
        "no recording of AWS's answer is known",
    ),
    of(
        Kms,
        "DeleteImportedKeyMaterial",
        "deleting material that is pending rotation leaves the key's state alone; the text for material that is not the key's is not AWS's",
        "the documentation says neither",
    ),
    of(Kms, "Decrypt", RECIPIENT, ENCLAVES),
    of(Kms, "DeriveSharedSecret", RECIPIENT, ENCLAVES),
    of(Kms, "GenerateDataKey", RECIPIENT, ENCLAVES),
    of(Kms, "GenerateDataKeyPair", RECIPIENT, ENCLAVES),
    of(
        Kms,
        "Sign",
        "ML-DSA signs a representative (`EXTERNAL_MU`) deterministically, and messages with fresh randomness",
        "FIPS 204 allows both, and either verifies alike",
    ),
    of(
        Kms,
        "Sign",
        "the text for a `MessageType` that does not suit the algorithm is not AWS's",
        "no recording of AWS's text is known",
    ),
    of(
        Kms,
        "GetPublicKey",
        "the text for a key without a public key is not AWS's",
        "no recording of AWS's text is known",
    ),
    of(Kms, "GenerateRandom", RECIPIENT, ENCLAVES),
    of(Kms, "CreateGrant", "service principals and `SourceArn` are refused", SERVICES),
    of(
        Kms,
        "CreateGrant",
        "the token of a repeated request is the same one",
        "a token only names its grant, which is known at once",
    ),
    of(Kms, "ListGrants", "`GranteeServicePrincipal` is refused", SERVICES),
    of(Kms, "ListRetirableGrants", "`RetiringServicePrincipal` is refused", SERVICES),
    of(
        Kms,
        "UpdatePrimaryRegion",
        "both keys are `Updating` until each knows of the other, 10 seconds at most",
        "the Regions are near; one that is lost keeps no other's key from being disabled",
    ),
    of(
        Kms,
        "UpdatePrimaryRegion",
        "a Region that does not answer refuses with `KMSInternalException`, in a text that is not AWS's",
        "the replica's policy and state are its Region's own",
    ),
    of(
        Kms,
        "PutKeyPolicy",
        "`kms:ResourceAliases` decides in a key policy as it does in an identity policy",
        "AWS documents it for identity policies only, and not what it means elsewhere",
    ),
    of(
        Kms,
        "PutKeyPolicy",
        "a principal that does not exist is accepted",
        "there is no directory of principals to look in yet",
    ),
    of(
        CloudFormation,
        "CancelUpdateStack",
        "inferred: the text for a stack with no update to cancel, and that the rollback acts for whoever began the update",
        "the documentation gives the code alone",
    ),
    of(
        CloudFormation,
        "ContinueUpdateRollback",
        "inferred: the texts for a stack in another state, and for a resource to skip whose rollback did not fail",
        "the documentation gives the code alone",
    ),
    of(
        CloudFormation,
        "ContinueUpdateRollback",
        "a rollback stops at the first resource that it cannot lead back; on AWS it goes on beside it",
        "resources are led back one after another; it is continued as often as needed",
    ),
    of(
        CloudFormation,
        "CreateChangeSet",
        "`ImportExistingResources`, `DeploymentMode` and what CreateStack refuses are refused by name",
        "not built",
    ),
    of(
        CloudFormation,
        "CreateChangeSet",
        "inferred: the texts for a resource to import that the template does not have, has with another type or another identifier, that is given twice, or that the stack has",
        "the documentation says that they are refused, and not how",
    ),
    of(
        CloudFormation,
        "ExecuteChangeSet",
        "inferred: an imported secret gets the tags `aws:cloudformation:*`, for which the principal needs `secretsmanager:TagResource` even if the stack has no tags",
        "the documentation speaks of stack-level tags alone",
    ),
    of(
        CloudFormation,
        "ExecuteChangeSet",
        "an import is all or nothing in one step, so that its events have one time; a stack that it was to make is left IMPORT_ROLLBACK_COMPLETE, without resources",
        "one transaction needs no way back",
    ),
    of(
        CloudFormation,
        "CreateChangeSet",
        "a change set is complete when the call returns; on AWS a little later",
        "it is computed in the transaction that stores it, so that none is ever half made",
    ),
    of(
        CloudFormation,
        "CreateChangeSet",
        "a stack has 100 change sets at most",
        "each holds a template; AWS documents no number",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "`TemplateURL`, `NotificationARNs`, `ResourceTypes`, `StackPolicyURL`, rollback triggers, `DisableValidation` and a `DeploymentConfig` with `EXPRESS` or `DisableRollback` are refused by name",
        "there is no S3 and no SNS here; the others are not built",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "inferred: a role is tried before the template is read, and one that is lost later fails the next resource that is worked on, in the same words",
        "the documentation gives the words; no recording shows when",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "inferred: trust policies see the stack as `aws:SourceArn` and its account as `aws:SourceAccount`, and `iam:PassRole` sees the stack as `iam:AssociatedResourceArn`",
        "the keys are documented, not which services give them",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "stacks may have `AWS::SecretsManager::Secret`, `AWS::SecretsManager::ResourcePolicy`, `AWS::SecretsManager::RotationSchedule`, `AWS::KMS::Key`, `AWS::KMS::ReplicaKey` and `AWS::KMS::Alias`; every other type is refused by name before anything is made",
        "nothing is called complete that was not made",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "properties that do not fit are refused at once; on AWS some fail the resource",
        "nothing is made that is known to fail",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "in the `strict` profile the stack waits until every replica is in sync, an hour at most",
        "AWS's stack is complete while a replica fails; the `aws` profile does as AWS does",
    ),
    of(
        CloudFormation,
        "CreateStack",
        "a stack's resources are begun one after another, and up to 32 of them waited for beside one another",
        "each step is one transaction; stacks go on beside one another",
    ),
    of(
        CloudFormation,
        "DeleteStack",
        "a stack's exports end when its deletion begins, also if that fails",
        "nothing may be imported that is about to go",
    ),
    of(
        CloudFormation,
        "DeleteStack",
        "`DeletionMode` `FORCE_DELETE_STACK` is refused",
        "not built",
    ),
    of(
        CloudFormation,
        "DeleteStack",
        "a deleted stack is remembered for good; on AWS for 90 days",
        "not built",
    ),
    of(
        CloudFormation,
        "DescribeChangeSet",
        "values of properties that cannot be read back, such as `SecretString`, are `****`; values of tags of the stack are not told",
        "a description is not where a secret is read",
    ),
    of(
        CloudFormation,
        "DescribeChangeSet",
        "one answer has all changes, and `NextToken` is refused",
        "a stack has 500 resources at most",
    ),
    of(
        CloudFormation,
        "DescribeStackEvents",
        "`ResourceProperties` is never there",
        "properties may hold secrets; they stay in the sealed template",
    ),
    of(
        CloudFormation,
        "DetectStackDrift",
        "the look is over when the call returns, and only the last one of a stack is kept; its id is 36 digits",
        "it is one transaction, as the stack saw it",
    ),
    of(
        CloudFormation,
        "DetectStackDrift",
        "properties that cannot change once a resource is made are not compared (`KeySpec`, `KeyUsage`, `MultiRegion`, `Origin`, `PrimaryKeyArn`, `SecretId`), nor is `BlockPublicPolicy`; a policy is compared as a whole",
        "no operation changes them or tells of them",
    ),
    of(
        CloudFormation,
        "DetectStackDrift",
        "values of `NoEcho` parameters are not compared; the reads are authorized as the caller's, also where the stack has a role, and the audit log has the call but not each of them",
        "a drift is not where a secret is read",
    ),
    of(
        CloudFormation,
        "EstimateTemplateCost",
        "`Url` is a `data:` URL that is the page itself: the secrets, replicas and keys of the template with their US list prices by the month, without requests and rotations",
        "AWS's calculator knows only estimates that AWS made",
    ),
    of(
        CloudFormation,
        "ExecuteChangeSet",
        "`DisableRollback` is false if it is not given; AWS documents true",
        "inferred: clients that leave it out count on a rollback",
    ),
    of(
        CloudFormation,
        "ExecuteChangeSet",
        "inferred: the role of a change set becomes the stack's when it is executed, and is tried again then",
        "the documentation says that it is assumed when the change set is executed",
    ),
    of(
        CloudFormation,
        "GetTemplate",
        "`Processed` is the template as it was given",
        "loops are expanded when the template is read",
    ),
    of(
        CloudFormation,
        "GetTemplateSummary",
        "stack sets and warnings are refused; `ParameterConstraints` are empty",
        "stack sets are not built",
    ),
    of(CloudFormation, "SetStackPolicy", "`StackPolicyURL` is refused", "there is no S3"),
    of(
        CloudFormation,
        "RollbackStack",
        "inferred: the text for a stack in another state, and that a stack whose creation failed ends ROLLBACK_COMPLETE",
        "the documentation gives the code alone",
    ),
    of(
        CloudFormation,
        "UpdateStack",
        "an update of an `AWS::SecretsManager::RotationSchedule` waits while a rotation is under way, an hour at most",
        "on AWS it fails, and so would the rollback that follows it",
    ),
    of(
        CloudFormation,
        "UpdateStack",
        "a stack that is left failed can be updated until its resources are like more than 20 failed updates that are different; then it is to be rolled back first",
        "each of them is a template that is kept; AWS documents no number",
    ),
    of(
        CloudFormation,
        "UpdateStack",
        "inferred: another role alone is no update",
        "the documentation lists what is compared for resources only",
    ),
    of(
        CloudFormation,
        "UpdateStack",
        "inferred: in `CREATE_FAILED` and `UPDATE_FAILED`, the previous template, parameters and tags are those of the operation that failed, and an update without a change tries again what failed",
        "recordings show the refusal without `DisableRollback`, no more",
    ),
    of(
        CloudFormation,
        "UpdateStack",
        "a stack that `OnFailure` `DO_NOTHING` left in `CREATE_FAILED` is updated like one that `DisableRollback` left; AWS refuses that",
        "the two leave the same stack",
    ),
    of(CloudFormation, "UpdateStack", "what CreateStack refuses is refused by name", "not built"),
    of(
        CloudFormation,
        "CreateChangeSet",
        "inferred: in `CREATE_FAILED` and `UPDATE_FAILED`, a change set tells what differs from what the operation that failed wanted",
        "what each resource was left as is looked at when it is executed",
    ),
];
