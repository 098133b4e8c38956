//! What rules look at: secrets, keys, aliases and rotations of one deployment, wherever they were
//! described.
//!
//! A reader fills it in; no rule knows a notation. What is not known stays so, with its reason.

use regent_cfn::Position;
use serde_json::Value as Json;

/// Stands in a text for a piece that is not known; from the private use area, so in no template.
pub const HOLE: char = '\u{e000}';
/// Stands in a text for the Region of the stack, when that is not known.
pub const OWN_REGION: char = '\u{e001}';

/// One deployment: a template, or a plan.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// Where it is deployed, if that is known.
    pub region: Option<String>,
    /// Whether all of it is in one Region, whichever that is: a stack is, a plan need not be.
    pub one_region: bool,
    pub account: Option<String>,
    pub secrets: Vec<Secret>,
    pub keys: Vec<Key>,
    pub going: Vec<Going>,
    pub aliases: Vec<Alias>,
    pub secret_policies: Vec<SecretPolicy>,
    pub writes: Vec<Write>,
    pub remarks: Vec<Remark>,
}

/// Something that the reader found.
#[derive(Debug, Clone)]
pub struct Remark {
    pub rule: &'static str,
    pub at: Option<Position>,
    pub resource: Option<String>,
    pub message: String,
    /// Whether the line may be shown.
    pub shown: bool,
}

/// What was given for a property, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub at: Position,
    pub setting: Setting,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Known, or with pieces that are not: those are `HOLE` or `OWN_REGION`, and `why` says more.
    Text {
        text: String,
        why: String,
    },
    /// Something of a resource of the same unit.
    Of {
        resource: String,
        part: Part,
    },
    /// The Region of the stack itself, whichever that is.
    OwnRegion,
    Unknown(String),
}

/// What of a resource is given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Arn,
    /// Its id, its name, or anything else that is no ARN.
    Other,
    /// Something that is made of a value of it, and may be that value.
    Computed,
}

#[derive(Debug, Clone)]
pub struct Secret {
    pub name: String,
    /// What it is called in AWS, if that is known.
    pub called: Option<String>,
    pub at: Position,
    pub region: Option<String>,
    pub key: Option<Given>,
    /// The key that it is under until now, as far as that is known.
    pub key_before: Option<String>,
    pub has_value: Tri,
    pub replicas: Vec<Replica>,
    /// A list of replicas that is not known: why.
    pub replicas_unknown: Option<(Position, String)>,
    /// Whether it outlives the stack.
    pub retained: Tri,
}

#[derive(Debug, Clone)]
pub struct Replica {
    pub at: Position,
    pub region: Given,
    pub key: Option<Given>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tri {
    Yes,
    No,
    Unknown,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    pub at: Position,
    pub region: Option<String>,
    pub kind: KeyKind,
    pub enabled: Given3,
    pub symmetric: Given3,
    /// Whether it has key material once it is made.
    pub material: Tri,
    pub policy: Option<(Position, Json)>,
    pub retained: Tri,
    /// Ids and ARNs that it is known by already.
    pub ids: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum KeyKind {
    Primary { multi_region: Tri },
    Replica { primary: Given },
}

/// A key that is or will be pending deletion.
#[derive(Debug, Clone)]
pub struct Going {
    pub name: String,
    pub region: Option<String>,
    /// Ids and ARNs that it is known by.
    pub ids: Vec<String>,
    pub why: &'static str,
}

/// An answer and where it was given.
#[derive(Debug, Clone, Copy)]
pub struct Given3 {
    pub at: Position,
    pub answer: Tri,
}

#[derive(Debug, Clone)]
pub struct Alias {
    pub name: String,
    pub at: Position,
    pub region: Option<String>,
    pub alias_name: Option<Given>,
    pub target: Option<Given>,
}

#[derive(Debug, Clone)]
pub struct SecretPolicy {
    pub name: String,
    pub at: Position,
    pub secret: Given,
    pub policy: Json,
}

/// Something that changes a secret, which only its primary allows.
#[derive(Debug, Clone)]
pub struct Write {
    pub kind: Written,
    pub name: String,
    pub region: Option<String>,
    pub secret: Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Rotation,
    Policy,
    Version,
}

impl Unit {
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key that goes, by an ARN or by what it is called in a Region.
    pub fn going(&self, text: &str, region: Option<&str>) -> Option<&Going> {
        let here = |key: &&Going| {
            text.starts_with("arn:") || (region.is_some() && key.region.as_deref() == region)
        };
        self.going.iter().filter(here).find(|key| key.ids.iter().any(|id| id == text))
    }

    pub fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.name == name)
    }

    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// The key of this unit that is meant, also through an alias of this unit.
    pub fn key_meant(&self, given: &Given) -> Option<&Key> {
        match &given.setting {
            Setting::Of { resource, .. } => self.key(resource).or_else(|| {
                let target = self.alias(resource)?.target.as_ref()?;
                let Setting::Of { resource, .. } = &target.setting else { return None };
                self.key(resource)
            }),
            Setting::Text { text, .. } => {
                if let Some(key) = self.keys.iter().find(|key| key.is_arn(text)) {
                    return Some(key);
                }
                let named = |alias: &&Alias| {
                    alias.alias_name.as_ref().and_then(Given::known) == Some(text.as_str())
                };
                let target = self.aliases.iter().find(named)?.target.as_ref()?;
                let Setting::Of { resource, .. } = &target.setting else { return None };
                self.key(resource)
            }
            Setting::OwnRegion | Setting::Unknown(_) => None,
        }
    }
}

impl Key {
    /// Whether this is its ARN: an id alone may be that of a key in another Region as well.
    pub fn is_arn(&self, text: &str) -> bool {
        text.starts_with("arn:") && self.ids.iter().any(|id| id == text)
    }
}

impl Given {
    /// The whole text, if all of it is known.
    pub fn known(&self) -> Option<&str> {
        match &self.setting {
            Setting::Text { text, .. } if !crate::key_id::is_open(text) => Some(text),
            _ => None,
        }
    }

    /// What can be said of it in a message.
    pub fn shown(&self) -> String {
        match &self.setting {
            Setting::Text { text, .. } => {
                text.replace(HOLE, "…").replace(OWN_REGION, "${AWS::Region}")
            }
            Setting::Of { resource, .. } => resource.clone(),
            Setting::OwnRegion => "the Region of the stack".to_owned(),
            Setting::Unknown(_) => "a value that is not known".to_owned(),
        }
    }
}

impl Tri {
    pub fn of(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }
}
