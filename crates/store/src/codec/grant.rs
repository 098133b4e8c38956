//! Grants as bytes. Operations are numbers of this file, not AWS's names.

use std::collections::BTreeMap;

use prost::Message;
use regent_core::ids::GrantId;
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::grant::{Constraint, Grant, GrantOperation, Terms};

use super::{FORMAT, Flaw, formatted, parse, read, tags, time};

#[derive(Clone, PartialEq, Message)]
struct GrantRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    issuer: String,
    #[prost(int64, tag = "3")]
    created_ms: i64,
    #[prost(string, optional, tag = "4")]
    name: Option<String>,
    #[prost(string, tag = "5")]
    grantee: String,
    #[prost(string, optional, tag = "6")]
    retiring: Option<String>,
    #[prost(uint32, repeated, tag = "7")]
    operations: Vec<u32>,
    #[prost(oneof = "ConstraintMessage", tags = "8, 9")]
    constraint: Option<ConstraintMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ConstraintMessage {
    #[prost(message, tag = "8")]
    Equals(PairsMessage),
    #[prost(message, tag = "9")]
    Subset(PairsMessage),
}

#[derive(Clone, PartialEq, Message)]
struct PairsMessage {
    #[prost(btree_map = "string, string", tag = "1")]
    pairs: BTreeMap<String, String>,
}

formatted!(GrantRecord);

const fn number(operation: GrantOperation) -> u32 {
    match operation {
        GrantOperation::Decrypt => 1,
        GrantOperation::Encrypt => 2,
        GrantOperation::GenerateDataKey => 3,
        GrantOperation::GenerateDataKeyWithoutPlaintext => 4,
        GrantOperation::ReEncryptFrom => 5,
        GrantOperation::ReEncryptTo => 6,
        GrantOperation::Sign => 7,
        GrantOperation::Verify => 8,
        GrantOperation::GetPublicKey => 9,
        GrantOperation::CreateGrant => 10,
        GrantOperation::RetireGrant => 11,
        GrantOperation::DescribeKey => 12,
        GrantOperation::GenerateDataKeyPair => 13,
        GrantOperation::GenerateDataKeyPairWithoutPlaintext => 14,
        GrantOperation::GenerateMac => 15,
        GrantOperation::VerifyMac => 16,
        GrantOperation::DeriveSharedSecret => 17,
        GrantOperation::Encapsulate => 18,
        GrantOperation::Decapsulate => 19,
    }
}

fn operation(given: u32) -> Result<GrantOperation, Flaw> {
    let all = GrantOperation::NAMES.iter().filter_map(|name| GrantOperation::named(name));
    all.into_iter().find(|found| number(*found) == given).ok_or(Flaw::Field("operations"))
}

pub(super) fn encode(grant: &Grant) -> Vec<u8> {
    GrantRecord {
        format: FORMAT,
        issuer: grant.issuer.to_string(),
        created_ms: grant.created.millis(),
        name: grant.name.as_ref().map(ToString::to_string),
        grantee: grant.grantee.to_string(),
        retiring: grant.retiring.as_ref().map(ToString::to_string),
        operations: grant.terms.operations.iter().map(|operation| number(*operation)).collect(),
        constraint: grant.terms.constraint.as_ref().map(|constraint| match constraint {
            Constraint::Equals(context) => ConstraintMessage::Equals(pairs(context)),
            Constraint::Subset(context) => ConstraintMessage::Subset(pairs(context)),
        }),
    }
    .encode_to_vec()
}

pub(super) fn decode(id: GrantId, bytes: &[u8]) -> Result<Grant, Flaw> {
    let message: GrantRecord = read(bytes)?;
    let name = message.name.map(|name| parse(&name, "name"));
    let retiring = message.retiring.map(|retiring| parse(&retiring, "retiring"));
    let operations = message.operations.into_iter().map(operation);
    Ok(Grant {
        id,
        issuer: parse(&message.issuer, "issuer")?,
        created: time(message.created_ms),
        name: name.transpose()?,
        grantee: parse(&message.grantee, "grantee")?,
        retiring: retiring.transpose()?,
        terms: Terms {
            operations: operations.collect::<Result<_, _>>()?,
            constraint: message.constraint.map(|constraint| match constraint {
                ConstraintMessage::Equals(given) => Constraint::Equals(context(given)),
                ConstraintMessage::Subset(given) => Constraint::Subset(context(given)),
            }),
        },
    })
}

fn pairs(context: &EncryptionContext) -> PairsMessage {
    let pairs = context.pairs().map(|(key, value)| (key.to_owned(), value.to_owned()));
    PairsMessage { pairs: pairs.collect() }
}

fn context(message: PairsMessage) -> EncryptionContext {
    EncryptionContext::new(tags(message.pairs))
}
