//! What the templates of the simulator's stacks say: all of it follows from a few numbers.
//!
//! A template carries its numbers in its description, so that whoever finds a stack knows what it
//! has to be without reading what is sealed. Names are few, so that stacks collide, and some
//! resources cannot be made.

use core::fmt;

use regent_core::ids::{KeyArn, Region};
use regent_core::keys::access::KeyName;

use crate::crypto::hash;
use crate::workload::{CANARY, policy_of};

/// The description of every key that a stack makes, and of no other.
pub const KEY_MARK: &str = "of a stack";

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blueprint {
    pub number: u64,
    /// The key of another Region that it wants a replica of.
    pub primary: Option<KeyArn>,
}

/// One resource that it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub logical: &'static str,
    pub what: What,
    /// Left alone when it leaves its stack.
    pub retained: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A multi-Region key of that description.
    Key(String),
    /// An alias of the stack's key.
    Alias(String),
    Secret(Secret),
    /// The resource policy of that number, of the first secret.
    Policy(usize),
    Replica(KeyArn),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// `None` is a name of its own.
    pub name: Option<&'static str>,
    pub description: String,
    pub value: String,
    pub key: Under,
    pub replicas: Vec<(Region, Option<&'static str>)>,
    pub behind: Option<&'static str>,
}

/// The key that protects a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    Managed,
    /// The stack's own.
    Own,
    Named(&'static str),
}

impl fmt::Display for Blueprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, primary } = self;
        match primary {
            Some(primary) => write!(f, "blueprint {number} {primary}"),
            None => write!(f, "blueprint {number}"),
        }
    }
}

impl Blueprint {
    /// The blueprint that a template's description names.
    pub fn of(description: &str) -> Self {
        let mut words = description.split(' ').skip(1);
        let number = words.next().unwrap().parse().unwrap();
        let arn = |given| match KeyName::parse(given) {
            Ok(KeyName::Arn(arn)) => arn,
            other => panic!("no key: {other:?}"),
        };
        Self { number, primary: words.next().map(arn) }
    }

    fn choice(&self, of: &str, bound: usize) -> usize {
        let number = self.number.to_le_bytes();
        let drawn = hash(&[b"blueprint", &number, of.as_bytes()]);
        usize::try_from((drawn >> 20) % bound as u64).unwrap()
    }

    /// The resources in a Region, in no order.
    pub fn parts(&self, own: Region, regions: &[Region]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut add = |logical, what, retained| parts.push(Part { logical, what, retained });
        let has_key = self.choice("key", 3) > 0;
        if has_key {
            let description = format!("{KEY_MARK} {}", self.choice("key's", 3));
            add("Key", What::Key(description), self.choice("key stays", 8) == 0);
            if self.choice("alias", 2) == 0 {
                let name = format!("alias/st-{}", self.choice("alias's", 3));
                add("Alias", What::Alias(name), false);
            }
        }
        let under = match self.choice("under", 6) {
            0..3 if has_key => Under::Own,
            3 => Under::Named("alias/app"),
            _ => Under::Managed,
        };
        let first = Secret {
            name: [None, None, Some("st/a"), Some("st/b")][self.choice("first's name", 4)],
            description: format!("text {}", self.choice("first's text", 5)),
            value: self.value("first"),
            key: under,
            replicas: self.replicas("first", own, regions),
            behind: None,
        };
        let first_name = first.name;
        add("First", What::Secret(first), false);
        if self.choice("second", 4) > 0 {
            let fate = self.choice("second's fate", 12);
            let second = Secret {
                // Names that are taken: by the stack itself, or by whoever was first.
                name: [first_name, Some("st/c")].get(fate).copied().flatten(),
                description: format!("text {}", self.choice("second's text", 3)),
                value: self.value("second"),
                key: if matches!(fate, 2..5) { Under::Named("alias/none") } else { Under::Managed },
                replicas: self.replicas("second", own, regions),
                behind: fate.is_multiple_of(2).then_some("First"),
            };
            let stays = second.name.is_none() && self.choice("second stays", 6) == 0;
            add("Second", What::Secret(second), stays);
        }
        if self.choice("policy", 3) == 0 {
            add("Policy", What::Policy(self.choice("policy's", 9)), false);
        }
        if let Some(primary) = self.primary {
            add("Replica", What::Replica(primary), false);
        }
        parts
    }

    fn value(&self, of: &str) -> String {
        format!("{CANARY}:{of}:{}", self.choice(&format!("{of}'s value"), 4))
    }

    fn replicas(
        &self,
        of: &str,
        own: Region,
        regions: &[Region],
    ) -> Vec<(Region, Option<&'static str>)> {
        let mut chosen = Vec::new();
        for region in regions.iter().filter(|region| **region != own) {
            match self.choice(&format!("{of} in {region}"), 12) {
                0..3 => chosen.push((*region, None)),
                3 => chosen.push((*region, Some("alias/app"))),
                4 => chosen.push((*region, Some("MyNameIsDylan"))),
                _ => {}
            }
        }
        chosen
    }

    /// The template's text.
    pub fn template(&self, own: Region, regions: &[Region]) -> String {
        let parts: Vec<String> = self.parts(own, regions).iter().map(resource).collect();
        format!(r#"{{"Description":"{self}","Resources":{{{}}}}}"#, parts.join(","))
    }
}

fn resource(part: &Part) -> String {
    let (type_name, properties) = match &part.what {
        What::Key(description) => {
            let rules = format!(r#""Description":"{description}","MultiRegion":true"#);
            ("KMS::Key", format!(r#"{rules},"KeyPolicy":{KEY_POLICY}"#))
        }
        What::Alias(name) => {
            ("KMS::Alias", format!(r#""AliasName":"{name}","TargetKeyId":{{"Ref":"Key"}}"#))
        }
        What::Secret(secret) => ("SecretsManager::Secret", of_secret(secret)),
        What::Policy(number) => {
            let (policy, secret) = (policy_of(*number), r#"{"Ref":"First"}"#);
            let open = r#""BlockPublicPolicy":false"#;
            (
                "SecretsManager::ResourcePolicy",
                format!(r#""SecretId":{secret},"ResourcePolicy":{policy},{open}"#),
            )
        }
        What::Replica(primary) => {
            let rules = format!(r#""Description":"{KEY_MARK}","PrimaryKeyArn":"{primary}""#);
            ("KMS::ReplicaKey", format!(r#"{rules},"KeyPolicy":{KEY_POLICY}"#))
        }
    };
    let stays = if part.retained { r#""DeletionPolicy":"Retain","# } else { "" };
    let behind = match &part.what {
        What::Secret(Secret { behind: Some(behind), .. }) => format!(r#""DependsOn":"{behind}","#),
        _ => String::new(),
    };
    let logical = part.logical;
    format!(
        r#""{logical}":{{"Type":"AWS::{type_name}",{stays}{behind}"Properties":{{{properties}}}}}"#
    )
}

const KEY_POLICY: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}}"#;

fn of_secret(secret: &Secret) -> String {
    let Secret { name, description, value, key, replicas, .. } = secret;
    let mut rules =
        vec![format!(r#""Description":"{description}""#), format!(r#""SecretString":"{value}""#)];
    rules.extend(name.map(|name| format!(r#""Name":"{name}""#)));
    rules.extend(match key {
        Under::Managed => None,
        Under::Own => Some(r#""KmsKeyId":{"Ref":"Key"}"#.to_owned()),
        Under::Named(key) => Some(format!(r#""KmsKeyId":"{key}""#)),
    });
    let replicas = replicas.iter().map(|(region, key)| {
        let key = key.map_or_else(String::new, |key| format!(r#","KmsKeyId":"{key}""#));
        format!(r#"{{"Region":"{region}"{key}}}"#)
    });
    let replicas: Vec<String> = replicas.collect();
    if !replicas.is_empty() {
        rules.push(format!(r#""ReplicaRegions":[{}]"#, replicas.join(",")));
    }
    rules.join(",")
}
