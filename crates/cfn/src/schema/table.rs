//! The resource types that Regent owns: one table, from AWS's published schemas.
//!
//! To add a type: one entry here. Lengths are bounds of the services' models; a bound that a
//! service checks in ways of its own is left to the service.

use super::{Property, ResourceType, Shape, Update};
use crate::value::Value;

const TEXT: Shape = Shape::Text { min: 0, max: usize::MAX };
const DAYS: Shape = Shape::Integer { min: 1, max: 1000 };
const WINDOW: Shape = Shape::Integer { min: 7, max: 30 };

const fn property(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        shape,
        required: false,
        update: Update::InPlace,
        default: None,
        write_only: false,
    }
}

impl Property {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn replaces(mut self) -> Self {
        self.update = Update::Replacement;
        self
    }

    const fn fixed(mut self) -> Self {
        self.update = Update::Refused;
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }
}

static TAG: Shape =
    Shape::Object(&[property("Key", TEXT).required(), property("Value", TEXT).required()]);
const TAGS: Shape = Shape::List { of: &TAG, ordered: false };
static REPLICA_REGION: Shape =
    Shape::Object(&[property("Region", TEXT).required(), property("KmsKeyId", TEXT)]);

const GENERATE: &[Property] = &[
    property("ExcludeCharacters", TEXT),
    property("ExcludeLowercase", Shape::Boolean),
    property("ExcludeNumbers", Shape::Boolean),
    property("ExcludePunctuation", Shape::Boolean),
    property("ExcludeUppercase", Shape::Boolean),
    property("GenerateStringKey", TEXT),
    property("IncludeSpace", Shape::Boolean),
    property("PasswordLength", Shape::Integer { min: 1, max: 4096 }),
    property("RequireEachIncludedType", Shape::Boolean),
    property("SecretStringTemplate", TEXT),
];

const SECRET: ResourceType = ResourceType {
    name: "AWS::SecretsManager::Secret",
    properties: &[
        property("Name", Shape::Text { min: 1, max: 512 }).replaces(),
        property("Description", Shape::Text { min: 0, max: 2048 }).default(""),
        property("KmsKeyId", Shape::Text { min: 0, max: 2048 }),
        property("SecretString", Shape::Text { min: 0, max: 65_536 }).write_only(),
        property("GenerateSecretString", Shape::Object(GENERATE)).write_only(),
        property("ReplicaRegions", Shape::List { of: &REPLICA_REGION, ordered: false }),
        property("Tags", TAGS),
        property("Type", TEXT),
    ],
    attributes: &["Id"],
    reference: "the ARN of the secret",
    identifier: "Id",
    rules: &[one_value, template_and_key],
    refusal: "",
};

/// AWS: a secret has a value that is given or one that is generated.
fn one_value(properties: &Value) -> Option<&'static str> {
    let both = properties.get("SecretString").and(properties.get("GenerateSecretString"));
    both.map(|_| "You can't specify both SecretString and GenerateSecretString")
}

fn template_and_key(properties: &Value) -> Option<&'static str> {
    let block = properties.get("GenerateSecretString")?;
    let template = block.get("SecretStringTemplate").is_some();
    let key = block.get("GenerateStringKey").is_some();
    (template != key)
        .then_some("SecretStringTemplate and GenerateStringKey must both be set or removed")
}

const RESOURCE_POLICY: ResourceType = ResourceType {
    name: "AWS::SecretsManager::ResourcePolicy",
    properties: &[
        property("SecretId", Shape::Text { min: 1, max: 2048 }).required().replaces(),
        property("ResourcePolicy", Shape::Json).required(),
        property("BlockPublicPolicy", Shape::Boolean),
    ],
    attributes: &["Id"],
    reference: "the ARN of the secret",
    identifier: "Id",
    rules: &[],
    refusal: "",
};

static ROTATION_METADATA: Shape =
    Shape::Object(&[property("Key", TEXT).required(), property("Value", TEXT).required()]);

const ROTATION_RULES: &[Property] = &[
    property("AutomaticallyAfterDays", DAYS),
    property("Duration", TEXT),
    property("ScheduleExpression", TEXT),
];

const HOSTED_ROTATION: &[Property] = &[
    property("ExcludeCharacters", TEXT),
    property("KmsKeyArn", TEXT),
    property("MasterSecretArn", TEXT),
    property("MasterSecretKmsKeyArn", TEXT),
    property("RotationLambdaName", TEXT),
    property("RotationType", TEXT).required(),
    property("Runtime", TEXT),
    property("SuperuserSecretArn", TEXT),
    property("SuperuserSecretKmsKeyArn", TEXT),
    property("VpcSecurityGroupIds", TEXT),
    property("VpcSubnetIds", TEXT),
];

const ROTATION_SCHEDULE: ResourceType = ResourceType {
    name: "AWS::SecretsManager::RotationSchedule",
    properties: &[
        property("SecretId", Shape::Text { min: 1, max: 2048 }).required().replaces(),
        property("RotationLambdaARN", TEXT),
        property("HostedRotationLambda", Shape::Object(HOSTED_ROTATION)),
        property("RotationRules", Shape::Object(ROTATION_RULES)),
        property("RotateImmediatelyOnUpdate", Shape::Boolean).default("true").write_only(),
        property(
            "ExternalSecretRotationMetadata",
            Shape::List { of: &ROTATION_METADATA, ordered: false },
        ),
        property("ExternalSecretRotationRoleArn", TEXT),
    ],
    attributes: &["Id"],
    reference: "the ARN of the secret",
    identifier: "Id",
    rules: &[one_rotation, no_hosted_rotation, one_frequency],
    refusal: "",
};

fn one_rotation(properties: &Value) -> Option<&'static str> {
    let both = properties.get("HostedRotationLambda").and(properties.get("RotationLambdaARN"));
    both.map(|_| {
        "Transform AWS::SecretsManager-2020-07-23 failed with: Can only specify either \
         HostedRotationLambda or RotationLambdaARN."
    })
}

/// The transform that makes the function is AWS's own, and its functions run only there.
fn no_hosted_rotation(properties: &Value) -> Option<&'static str> {
    properties.get("HostedRotationLambda").map(|_| {
        "HostedRotationLambda is not supported: it needs the transform \
         AWS::SecretsManager-2020-07-23. Give RotationLambdaARN instead."
    })
}

fn one_frequency(properties: &Value) -> Option<&'static str> {
    let rules = properties.get("RotationRules")?;
    rules
        .get("AutomaticallyAfterDays")
        .and(rules.get("ScheduleExpression"))
        .map(|_| "You cannot specify both rotation frequency and schedule expression together.")
}

const TARGET_ATTACHMENT: ResourceType = ResourceType {
    name: "AWS::SecretsManager::SecretTargetAttachment",
    properties: &[
        property("SecretId", Shape::Text { min: 1, max: 2048 }).required(),
        property("TargetId", Shape::Text { min: 1, max: 2048 }).required(),
        property(
            "TargetType",
            Shape::Enum(&[
                "AWS::RDS::DBInstance",
                "AWS::RDS::DBCluster",
                "AWS::Redshift::Cluster",
                "AWS::RedshiftServerless::Namespace",
                "AWS::DocDB::DBInstance",
                "AWS::DocDB::DBCluster",
            ]),
        )
        .required(),
    ],
    attributes: &["Id"],
    reference: "the ARN of the secret",
    identifier: "Id",
    rules: &[],
    refusal: "",
};

const KEY_SPECS: &[&str] = &[
    "SYMMETRIC_DEFAULT",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_NIST_EDWARDS25519",
    "ECC_SECG_P256K1",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
];

const KEY: ResourceType = ResourceType {
    name: "AWS::KMS::Key",
    properties: &[
        property("KeyPolicy", Shape::Json),
        property("Description", Shape::Text { min: 0, max: 8192 }).default(""),
        property("Enabled", Shape::Boolean).default("true"),
        property("EnableKeyRotation", Shape::Boolean).default("false"),
        property("RotationPeriodInDays", Shape::Integer { min: 90, max: 2560 })
            .default("365")
            .write_only(),
        property("KeySpec", Shape::Enum(KEY_SPECS)).default("SYMMETRIC_DEFAULT").fixed(),
        property(
            "KeyUsage",
            Shape::Enum(&[
                "ENCRYPT_DECRYPT",
                "SIGN_VERIFY",
                "GENERATE_VERIFY_MAC",
                "KEY_AGREEMENT",
            ]),
        )
        .default("ENCRYPT_DECRYPT")
        .fixed(),
        property("MultiRegion", Shape::Boolean).default("false").fixed(),
        property("Origin", Shape::Enum(&["AWS_KMS", "EXTERNAL"])).default("AWS_KMS").fixed(),
        property("PendingWindowInDays", WINDOW).default("30").write_only(),
        property("BypassPolicyLockoutSafetyCheck", Shape::Boolean).default("false").write_only(),
        property("Tags", TAGS),
    ],
    attributes: &["Arn", "KeyId"],
    reference: "the id of the key",
    identifier: "KeyId",
    rules: &[rotation_of_symmetric],
    refusal: "You cannot change the values of the KeySpec, KeyUsage, Origin, or MultiRegion \
              properties of an AWS::KMS::Key resource.",
};

fn rotation_of_symmetric(properties: &Value) -> Option<&'static str> {
    let says = |name: &str, wanted: &str| {
        properties.get(name).and_then(Value::scalar).is_some_and(|text| text.expose() == wanted)
    };
    let known = |name: &str| properties.get(name).is_some_and(|value| value.as_unknown().is_none());
    let asymmetric = known("KeySpec") && !says("KeySpec", "SYMMETRIC_DEFAULT");
    let external = says("Origin", "EXTERNAL");
    (says("EnableKeyRotation", "true") && (asymmetric || external)).then_some(
        "You cannot set the EnableKeyRotation property to true on asymmetric or external keys.",
    )
}

const REPLICA_KEY: ResourceType = ResourceType {
    name: "AWS::KMS::ReplicaKey",
    properties: &[
        property("PrimaryKeyArn", Shape::Text { min: 1, max: 2048 }).required().replaces(),
        property("KeyPolicy", Shape::Json).required(),
        property("Description", Shape::Text { min: 0, max: 8192 }).default(""),
        property("Enabled", Shape::Boolean).default("true"),
        property("PendingWindowInDays", WINDOW).default("30").write_only(),
        property("Tags", TAGS),
    ],
    attributes: &["Arn", "KeyId"],
    reference: "the id of the key, which is that of its primary",
    identifier: "KeyId",
    rules: &[],
    refusal: "",
};

const ALIAS: ResourceType = ResourceType {
    name: "AWS::KMS::Alias",
    properties: &[
        property(
            "AliasName",
            Shape::Pattern {
                pattern: "^(alias/)[a-zA-Z0-9:/_-]+$",
                matches: |text| {
                    let valid =
                        |found: char| found.is_ascii_alphanumeric() || ":/_-".contains(found);
                    text.len() <= 256
                        && text.strip_prefix("alias/").is_some_and(|name| {
                            !name.is_empty() && !name.starts_with("aws/") && name.chars().all(valid)
                        })
                },
            },
        )
        .required()
        .replaces(),
        property("TargetKeyId", Shape::Text { min: 1, max: 256 }).required(),
    ],
    attributes: &[],
    reference: "the name of the alias",
    identifier: "AliasName",
    rules: &[],
    refusal: "",
};

/// Every resource type that a stack may have.
pub static TYPES: [ResourceType; 7] =
    [SECRET, RESOURCE_POLICY, ROTATION_SCHEDULE, TARGET_ATTACHMENT, KEY, REPLICA_KEY, ALIAS];
