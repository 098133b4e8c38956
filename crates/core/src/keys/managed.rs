//! The AWS managed key of Secrets Manager: `alias/aws/secretsmanager`, one per account and Region.

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{AccountId, AliasName, KeyId, Region, Scope};
use crate::keys::envelope::generate_material;
use crate::keys::model::{
    Alias, KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey, Origin,
};
use crate::keys::rotation::{self, RotationPeriod};
use crate::policy::document::Policy;
use crate::ports::{StoreFault, random};
use crate::records::{Key, Record};
use crate::tags::Tags;
use crate::tx::{Records, Tx};

const DESCRIPTION: &str =
    "Default key that protects my Secrets Manager data when no other key is defined";

/// Creates the managed key and its alias unless they are there.
pub fn ensure(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope) -> Result<(), StoreFault> {
    let name = AliasName::aws_secretsmanager();
    if tx.alias(scope, &name)?.is_some() {
        return Ok(());
    }
    let id = KeyId::from_entropy(random(cx.entropy), false);
    let text = policy_text(scope.region, scope.account);
    let compiled = Policy::parse_resource(&text).map_err(|_| StoreFault)?;
    let arn = crate::ids::KeyArn { scope, id };
    // AWS: its own keys are rotated every year.
    let rotation = RotationPeriod::DEFAULT.from(cx.now);
    let key = KmsKey {
        id,
        manager: KeyManager::Aws,
        description: DESCRIPTION.into(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        external: None,
        created: cx.now,
        state: KeyState::Enabled,
        materials: vec![generate_material(&arn, cx.now, cx.crypto, cx.entropy)],
        pending: None,
        policy: KeyPolicy { text: text.into(), compiled: Arc::new(compiled) },
        tags: Tags::new(),
        rotation: Some(rotation),
        multi_region: None,
    };
    let alias = Alias { name: name.clone(), target: id, created: cx.now, updated: cx.now };
    rotation::schedule(tx, scope, &key);
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    tx.put(Key::AliasOfKey { scope, id, name: name.clone() }, Record::Index);
    tx.put(Key::Alias { scope, name }, Record::Alias(Arc::new(alias)));
    Ok(())
}

/// AWS: everybody in the account may use the key through the service, nobody directly.
fn policy_text(region: Region, account: AccountId) -> String {
    let partition = region.partition();
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-secretsmanager-2",
  "Statement" : [ {{
    "Sid" : "Allow access through AWS Secrets Manager for all principals in the account that are authorized to use AWS Secrets Manager",
    "Effect" : "Allow",
    "Principal" : {{ "AWS" : "*" }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{ "StringEquals" : {{ "kms:CallerAccount" : "{account}", "kms:ViaService" : "secretsmanager.{region}.amazonaws.com" }} }}
  }}, {{
    "Sid" : "Allow access through AWS Secrets Manager for all principals in the account that are authorized to use AWS Secrets Manager",
    "Effect" : "Allow",
    "Principal" : {{ "AWS" : "*" }},
    "Action" : "kms:GenerateDataKey*",
    "Resource" : "*",
    "Condition" : {{ "StringEquals" : {{ "kms:CallerAccount" : "{account}" }}, "StringLike" : {{ "kms:ViaService" : "secretsmanager.{region}.amazonaws.com" }} }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{ "AWS" : "arn:{partition}:iam::{account}:root" }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }} ]
}}"#
    )
}
