//! The operations table: one line per operation. Dispatch, IAM actions, the compatibility table
//! and the coverage tests derive from it.
//!
//! A row runs an operation from body to answer without I/O: it decodes, lets the core's engine
//! authorize and run, and encodes. What must happen between (a commit, a question to another
//! Region) is the shell's: see [`Outcome`].

use std::collections::BTreeMap;

use regent_core::cx::{Ask, Cx};
use regent_core::engine::{self, Command, Query, Step, Touch};
use regent_core::keys::ops as keys;
use regent_core::ports::Read;
use regent_core::records::Key;
use regent_core::secrets::ops as secrets;
use regent_core::stacks::ops as stacks;
use regent_core::sts::GetCallerIdentity;
use regent_core::sts::assume_role::AssumeRole;
use regent_core::tx::{Batch, Tx};

use crate::fault::{Answer, Fault};
use crate::json;
use crate::json_operation::JsonOperation;
use crate::query_operation::QueryOperation;
use crate::query_xml::{self, Fields, Form, Format};
use crate::service::Service;

/// One operation, as everything outside the core knows it.
#[derive(Debug)]
pub struct Operation {
    pub service: Service,
    /// AWS's name, such as `GetSecretValue`.
    pub name: &'static str,
    /// The IAM action.
    pub action: &'static str,
    /// Whether it changes nothing.
    pub read_only: bool,
    run: Run,
    slow: fn(&[u8]) -> bool,
}

type Run = fn(&Cx<'_>, &dyn Read, &Request<'_>) -> Outcome;

/// What an operation decodes.
#[derive(Debug, Clone, Copy)]
struct Request<'a> {
    /// The body, or the query string of a query service's GET.
    body: &'a [u8],
    /// The client's wish, for query services.
    format: Format,
    /// The row that runs.
    operation: &'static Operation,
}

/// How far an operation came.
#[derive(Debug)]
pub enum Outcome {
    /// A query's answer. It stands if `reads` are unchanged.
    Answer {
        answer: Answer,
        reads: BTreeMap<Key, u64>,
        touches: Vec<Touch>,
    },
    /// A command's: to be given once the batch is committed.
    Commit {
        answer: Answer,
        batch: Batch,
    },
    /// Other Regions must be asked; then the operation runs again.
    Ask(Vec<Ask>),
    Fault(Fault),
}

impl Operation {
    /// Runs the operation on one view of the store.
    pub fn run(
        &'static self,
        cx: &Cx<'_>,
        read: &dyn Read,
        body: &[u8],
        format: Format,
    ) -> Outcome {
        (self.run)(cx, read, &Request { body, format, operation: self })
    }

    /// Whether running it with this body may take so long that the shell must not let other
    /// requests wait for it.
    pub fn is_slow(&self, body: &[u8]) -> bool {
        (self.slow)(body)
    }

    const fn query<Op: JsonOperation + Query>(service: Service, name: &'static str) -> Self {
        let (run, slow): (Run, _) = (json_query::<Op>, Op::is_slow);
        Self { service, name, action: Op::ACTION, read_only: true, run, slow }
    }

    const fn form_query<Op: QueryOperation + Query>(service: Service, name: &'static str) -> Self {
        let (run, slow): (Run, _) = (form_query::<Op>, never);
        Self { service, name, action: Op::ACTION, read_only: true, run, slow }
    }

    const fn form_command<Op: QueryOperation + Command>(
        service: Service,
        name: &'static str,
    ) -> Self {
        let (run, slow): (Run, _) = (form_command::<Op>, never);
        Self { service, name, action: Op::ACTION, read_only: false, run, slow }
    }

    const fn command<Op: JsonOperation + Command>(service: Service, name: &'static str) -> Self {
        let (run, slow): (Run, _) = (json_command::<Op>, Op::is_slow);
        Self { service, name, action: Op::ACTION, read_only: false, run, slow }
    }
}

/// Query services have nothing slow.
fn never(_: &[u8]) -> bool {
    false
}

fn json_query<Op: JsonOperation + Query>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Op::decode(request.body) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let tracked = Tx::new(read);
    match engine::query(op, cx, &tracked) {
        Ok(output) => Outcome::Answer {
            answer: json_answer::<Op>(&output, cx),
            reads: tracked.into_batch().reads,
            touches: Op::touches(&output),
        },
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn json_command<Op: JsonOperation + Command>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Op::decode(request.body) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let mut tx = Tx::new(read);
    match engine::command(op, cx, &mut tx) {
        Ok(Step::Done(output)) => {
            let answer = json_answer::<Op>(&output, cx);
            Outcome::Commit { answer, batch: tx.into_batch() }
        }
        Ok(Step::Ask(asks)) => Outcome::Ask(asks),
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn json_answer<Op: JsonOperation>(output: &Op::Output, cx: &Cx<'_>) -> Answer {
    let mut body = Vec::new();
    Op::encode(output, cx, &mut body);
    let reads = Op::reads(output, cx);
    Answer { status: 200, content_type: json::CONTENT_TYPE, body, reads }
}

fn form_query<Op: QueryOperation + Query>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Form::parse(request.body).and_then(|form| Op::decode(&form.params())) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let tracked = Tx::new(read);
    match engine::query(op, cx, &tracked) {
        Ok(output) => Outcome::Answer {
            answer: form_answer::<Op>(&output, cx, request),
            reads: tracked.into_batch().reads,
            touches: Op::touches(&output),
        },
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn form_command<Op: QueryOperation + Command>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Form::parse(request.body).and_then(|form| Op::decode(&form.params())) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let mut tx = Tx::new(read);
    match engine::command(op, cx, &mut tx) {
        Ok(Step::Done(output)) => {
            let answer = form_answer::<Op>(&output, cx, request);
            Outcome::Commit { answer, batch: tx.into_batch() }
        }
        Ok(Step::Ask(asks)) => Outcome::Ask(asks),
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn form_answer<Op: QueryOperation>(
    output: &Op::Output,
    cx: &Cx<'_>,
    request: &Request<'_>,
) -> Answer {
    let (operation, request_id) = (request.operation, cx.request_id.to_string());
    let (service, name, format) = (operation.service, operation.name, request.format);
    let body = if Op::HAS_RESULT {
        let write = |fields: &mut Fields<'_>| Op::encode(output, cx, fields);
        query_xml::answer(service, name, &request_id, format, write)
    } else {
        query_xml::empty_answer(service, name, &request_id, format)
    };
    Answer { status: 200, content_type: format.content_type(), body, reads: Vec::new() }
}

/// The operation of a service by AWS's name. Names are compared as they are.
pub fn find(service: Service, name: &str) -> Option<&'static Operation> {
    let key = (service, name);
    let at = OPERATIONS.binary_search_by(|row| (row.service, row.name).cmp(&key)).ok()?;
    OPERATIONS.get(at)
}

/// One line per operation, sorted by service and name.
///
/// A line ends in the operation's name, as AWS spells it, once as a type and once as text.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    Operation::command::<secrets::AssociateCrossAccountReplica>(Service::SecretsManager, "AssociateCrossAccountReplica"),
    Operation::query::<secrets::BatchGetSecretValue>(Service::SecretsManager, "BatchGetSecretValue"),
    Operation::command::<secrets::CancelRotateSecret>(Service::SecretsManager, "CancelRotateSecret"),
    Operation::command::<secrets::CreateSecret>(Service::SecretsManager, "CreateSecret"),
    Operation::command::<secrets::DeleteResourcePolicy>(Service::SecretsManager, "DeleteResourcePolicy"),
    Operation::command::<secrets::DeleteSecret>(Service::SecretsManager, "DeleteSecret"),
    Operation::query::<secrets::DescribeSecret>(Service::SecretsManager, "DescribeSecret"),
    Operation::command::<secrets::DisassociateCrossAccountReplica>(Service::SecretsManager, "DisassociateCrossAccountReplica"),
    Operation::query::<secrets::GetRandomPassword>(Service::SecretsManager, "GetRandomPassword"),
    Operation::query::<secrets::GetResourcePolicy>(Service::SecretsManager, "GetResourcePolicy"),
    Operation::query::<secrets::GetSecretValue>(Service::SecretsManager, "GetSecretValue"),
    Operation::query::<secrets::ListResourcePolicies>(Service::SecretsManager, "ListResourcePolicies"),
    Operation::query::<secrets::ListSecretVersionIds>(Service::SecretsManager, "ListSecretVersionIds"),
    Operation::query::<secrets::ListSecrets>(Service::SecretsManager, "ListSecrets"),
    Operation::command::<secrets::PutResourcePolicy>(Service::SecretsManager, "PutResourcePolicy"),
    Operation::command::<secrets::PutSecretValue>(Service::SecretsManager, "PutSecretValue"),
    Operation::command::<secrets::RemoveRegionsFromReplication>(Service::SecretsManager, "RemoveRegionsFromReplication"),
    Operation::command::<secrets::ReplicateSecretToRegions>(Service::SecretsManager, "ReplicateSecretToRegions"),
    Operation::command::<secrets::RestoreSecret>(Service::SecretsManager, "RestoreSecret"),
    Operation::command::<secrets::RotateSecret>(Service::SecretsManager, "RotateSecret"),
    Operation::command::<secrets::StopReplicationToReplica>(Service::SecretsManager, "StopReplicationToReplica"),
    Operation::command::<secrets::TagResource>(Service::SecretsManager, "TagResource"),
    Operation::command::<secrets::UntagResource>(Service::SecretsManager, "UntagResource"),
    Operation::command::<secrets::UpdateSecret>(Service::SecretsManager, "UpdateSecret"),
    Operation::command::<secrets::UpdateSecretVersionStage>(Service::SecretsManager, "UpdateSecretVersionStage"),
    Operation::query::<secrets::ValidateResourcePolicy>(Service::SecretsManager, "ValidateResourcePolicy"),
    Operation::command::<keys::cancel_key_deletion::CancelKeyDeletion>(Service::Kms, "CancelKeyDeletion"),
    Operation::command::<keys::connect_custom_key_store::ConnectCustomKeyStore>(Service::Kms, "ConnectCustomKeyStore"),
    Operation::command::<keys::create_alias::CreateAlias>(Service::Kms, "CreateAlias"),
    Operation::command::<keys::create_custom_key_store::CreateCustomKeyStore>(Service::Kms, "CreateCustomKeyStore"),
    Operation::command::<keys::create_grant::CreateGrant>(Service::Kms, "CreateGrant"),
    Operation::command::<keys::create_key::CreateKey>(Service::Kms, "CreateKey"),
    Operation::query::<keys::decapsulate::Decapsulate>(Service::Kms, "Decapsulate"),
    Operation::query::<keys::decrypt::Decrypt>(Service::Kms, "Decrypt"),
    Operation::command::<keys::delete_alias::DeleteAlias>(Service::Kms, "DeleteAlias"),
    Operation::command::<keys::delete_custom_key_store::DeleteCustomKeyStore>(Service::Kms, "DeleteCustomKeyStore"),
    Operation::command::<keys::delete_imported_key_material::DeleteImportedKeyMaterial>(Service::Kms, "DeleteImportedKeyMaterial"),
    Operation::query::<keys::derive_shared_secret::DeriveSharedSecret>(Service::Kms, "DeriveSharedSecret"),
    Operation::query::<keys::describe_custom_key_stores::DescribeCustomKeyStores>(Service::Kms, "DescribeCustomKeyStores"),
    Operation::query::<keys::describe_key::DescribeKey>(Service::Kms, "DescribeKey"),
    Operation::command::<keys::disable_key::DisableKey>(Service::Kms, "DisableKey"),
    Operation::command::<keys::disable_key_rotation::DisableKeyRotation>(Service::Kms, "DisableKeyRotation"),
    Operation::command::<keys::disconnect_custom_key_store::DisconnectCustomKeyStore>(Service::Kms, "DisconnectCustomKeyStore"),
    Operation::command::<keys::enable_key::EnableKey>(Service::Kms, "EnableKey"),
    Operation::command::<keys::enable_key_rotation::EnableKeyRotation>(Service::Kms, "EnableKeyRotation"),
    Operation::query::<keys::encapsulate::Encapsulate>(Service::Kms, "Encapsulate"),
    Operation::query::<keys::encrypt::Encrypt>(Service::Kms, "Encrypt"),
    Operation::query::<keys::generate_data_key::GenerateDataKey>(Service::Kms, "GenerateDataKey"),
    Operation::query::<keys::generate_data_key_pair::GenerateDataKeyPair>(Service::Kms, "GenerateDataKeyPair"),
    Operation::query::<keys::generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext>(Service::Kms, "GenerateDataKeyPairWithoutPlaintext"),
    Operation::query::<keys::generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext>(Service::Kms, "GenerateDataKeyWithoutPlaintext"),
    Operation::query::<keys::generate_mac::GenerateMac>(Service::Kms, "GenerateMac"),
    Operation::query::<keys::generate_random::GenerateRandom>(Service::Kms, "GenerateRandom"),
    Operation::query::<keys::get_key_last_usage::GetKeyLastUsage>(Service::Kms, "GetKeyLastUsage"),
    Operation::query::<keys::get_key_policy::GetKeyPolicy>(Service::Kms, "GetKeyPolicy"),
    Operation::query::<keys::get_key_rotation_status::GetKeyRotationStatus>(Service::Kms, "GetKeyRotationStatus"),
    Operation::query::<keys::get_parameters_for_import::GetParametersForImport>(Service::Kms, "GetParametersForImport"),
    Operation::query::<keys::get_public_key::GetPublicKey>(Service::Kms, "GetPublicKey"),
    Operation::command::<keys::import_key_material::ImportKeyMaterial>(Service::Kms, "ImportKeyMaterial"),
    Operation::query::<keys::list_aliases::ListAliases>(Service::Kms, "ListAliases"),
    Operation::query::<keys::list_grants::ListGrants>(Service::Kms, "ListGrants"),
    Operation::query::<keys::list_key_policies::ListKeyPolicies>(Service::Kms, "ListKeyPolicies"),
    Operation::query::<keys::list_key_rotations::ListKeyRotations>(Service::Kms, "ListKeyRotations"),
    Operation::query::<keys::list_keys::ListKeys>(Service::Kms, "ListKeys"),
    Operation::query::<keys::list_resource_tags::ListResourceTags>(Service::Kms, "ListResourceTags"),
    Operation::query::<keys::list_retirable_grants::ListRetirableGrants>(Service::Kms, "ListRetirableGrants"),
    Operation::command::<keys::put_key_policy::PutKeyPolicy>(Service::Kms, "PutKeyPolicy"),
    Operation::query::<keys::re_encrypt::ReEncrypt>(Service::Kms, "ReEncrypt"),
    Operation::command::<keys::replicate_key::ReplicateKey>(Service::Kms, "ReplicateKey"),
    Operation::command::<keys::retire_grant::RetireGrant>(Service::Kms, "RetireGrant"),
    Operation::command::<keys::revoke_grant::RevokeGrant>(Service::Kms, "RevokeGrant"),
    Operation::command::<keys::rotate_key_on_demand::RotateKeyOnDemand>(Service::Kms, "RotateKeyOnDemand"),
    Operation::command::<keys::schedule_key_deletion::ScheduleKeyDeletion>(Service::Kms, "ScheduleKeyDeletion"),
    Operation::query::<keys::sign::Sign>(Service::Kms, "Sign"),
    Operation::command::<keys::tag_resource::TagResource>(Service::Kms, "TagResource"),
    Operation::command::<keys::untag_resource::UntagResource>(Service::Kms, "UntagResource"),
    Operation::command::<keys::update_alias::UpdateAlias>(Service::Kms, "UpdateAlias"),
    Operation::command::<keys::update_custom_key_store::UpdateCustomKeyStore>(Service::Kms, "UpdateCustomKeyStore"),
    Operation::command::<keys::update_key_description::UpdateKeyDescription>(Service::Kms, "UpdateKeyDescription"),
    Operation::command::<keys::update_primary_region::UpdatePrimaryRegion>(Service::Kms, "UpdatePrimaryRegion"),
    Operation::query::<keys::verify::Verify>(Service::Kms, "Verify"),
    Operation::query::<keys::verify_mac::VerifyMac>(Service::Kms, "VerifyMac"),
    Operation::form_query::<AssumeRole>(Service::Sts, "AssumeRole"),
    Operation::form_query::<GetCallerIdentity>(Service::Sts, "GetCallerIdentity"),
    Operation::form_command::<stacks::CancelUpdateStack>(Service::CloudFormation, "CancelUpdateStack"),
    Operation::form_command::<stacks::ContinueUpdateRollback>(Service::CloudFormation, "ContinueUpdateRollback"),
    Operation::form_command::<stacks::CreateChangeSet>(Service::CloudFormation, "CreateChangeSet"),
    Operation::form_command::<stacks::CreateStack>(Service::CloudFormation, "CreateStack"),
    Operation::form_command::<stacks::DeleteChangeSet>(Service::CloudFormation, "DeleteChangeSet"),
    Operation::form_command::<stacks::DeleteStack>(Service::CloudFormation, "DeleteStack"),
    Operation::form_query::<stacks::DescribeChangeSet>(Service::CloudFormation, "DescribeChangeSet"),
    Operation::form_query::<stacks::DescribeStackDriftDetectionStatus>(Service::CloudFormation, "DescribeStackDriftDetectionStatus"),
    Operation::form_query::<stacks::DescribeStackEvents>(Service::CloudFormation, "DescribeStackEvents"),
    Operation::form_query::<stacks::DescribeStackResource>(Service::CloudFormation, "DescribeStackResource"),
    Operation::form_query::<stacks::DescribeStackResourceDrifts>(Service::CloudFormation, "DescribeStackResourceDrifts"),
    Operation::form_query::<stacks::DescribeStackResources>(Service::CloudFormation, "DescribeStackResources"),
    Operation::form_query::<stacks::DescribeStacks>(Service::CloudFormation, "DescribeStacks"),
    Operation::form_command::<stacks::DetectStackDrift>(Service::CloudFormation, "DetectStackDrift"),
    Operation::form_command::<stacks::DetectStackResourceDrift>(Service::CloudFormation, "DetectStackResourceDrift"),
    Operation::form_query::<stacks::EstimateTemplateCost>(Service::CloudFormation, "EstimateTemplateCost"),
    Operation::form_command::<stacks::ExecuteChangeSet>(Service::CloudFormation, "ExecuteChangeSet"),
    Operation::form_query::<stacks::GetStackPolicy>(Service::CloudFormation, "GetStackPolicy"),
    Operation::form_query::<stacks::GetTemplate>(Service::CloudFormation, "GetTemplate"),
    Operation::form_query::<stacks::GetTemplateSummary>(Service::CloudFormation, "GetTemplateSummary"),
    Operation::form_query::<stacks::ListChangeSets>(Service::CloudFormation, "ListChangeSets"),
    Operation::form_query::<stacks::ListExports>(Service::CloudFormation, "ListExports"),
    Operation::form_query::<stacks::ListImports>(Service::CloudFormation, "ListImports"),
    Operation::form_query::<stacks::ListStackResources>(Service::CloudFormation, "ListStackResources"),
    Operation::form_query::<stacks::ListStacks>(Service::CloudFormation, "ListStacks"),
    Operation::form_command::<stacks::RollbackStack>(Service::CloudFormation, "RollbackStack"),
    Operation::form_command::<stacks::SetStackPolicy>(Service::CloudFormation, "SetStackPolicy"),
    Operation::form_command::<stacks::UpdateStack>(Service::CloudFormation, "UpdateStack"),
    Operation::form_command::<stacks::UpdateTerminationProtection>(Service::CloudFormation, "UpdateTerminationProtection"),
    Operation::form_query::<stacks::ValidateTemplate>(Service::CloudFormation, "ValidateTemplate"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_found_and_named_as_their_action() {
        let key = |row: &'static Operation| (row.service, row.name);
        assert!(OPERATIONS.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
        for row in OPERATIONS {
            assert!(std::ptr::eq(find(row.service, row.name).unwrap(), row));
            let (service, action) = row.action.split_once(':').unwrap();
            assert_eq!(service, row.service.signing_name());
            // AWS: ReEncrypt asks for two actions, of which this is the first.
            assert!(action == row.name || row.name == "ReEncrypt", "{}", row.name);
        }
        assert!(find(Service::Kms, "createkey").is_none());
        assert!(find(Service::SecretsManager, "CreateKey").is_none());
    }
}
