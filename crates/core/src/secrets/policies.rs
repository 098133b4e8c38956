//! The resource policies of a secret, as stored: texts verbatim, and the compiled form that decides.
//!
//! A secret can have several policies by name. Requests change the one called `default`; others are
//! attached by the service itself. Whatever any of them says counts (promise R6), so they are merged
//! once, when one changes or a record is read, and never on the way of a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::PolicyName;
use crate::policy::document::{Policy, PolicySyntax};

/// One policy. Cloning shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePolicy {
    text: Arc<str>,
    compiled: Arc<Policy>,
}

impl ResourcePolicy {
    /// Reads a policy; the text is kept as it is.
    pub fn parse(text: &str) -> Result<Self, PolicySyntax> {
        let compiled = Arc::new(Policy::parse_resource(text)?);
        Ok(Self { text: text.into(), compiled })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn compiled(&self) -> &Policy {
        &self.compiled
    }
}

/// The policies of one secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    named: BTreeMap<PolicyName, ResourcePolicy>,
    merged: Option<Arc<Policy>>,
}

impl Policies {
    pub fn get(&self, name: &PolicyName) -> Option<&ResourcePolicy> {
        self.named.get(name)
    }

    /// By name, as stored.
    pub fn iter(&self) -> impl Iterator<Item = (&PolicyName, &ResourcePolicy)> {
        self.named.iter()
    }

    /// AWS: `default` comes first, then the others in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &PolicyName> {
        let default = PolicyName::of_requests();
        let first = self.named.get_key_value(&default).map(|(name, _)| name);
        first.into_iter().chain(self.named.keys().filter(move |name| **name != default))
    }

    /// All policies as one; nothing if there is none.
    pub fn merged(&self) -> Option<&Arc<Policy>> {
        self.merged.as_ref()
    }

    /// These policies with one more, or with another one of its name.
    #[must_use]
    pub fn with(&self, name: PolicyName, policy: ResourcePolicy) -> Self {
        let mut named = self.named.clone();
        named.insert(name, policy);
        named.into_iter().collect()
    }

    /// These policies without the one of that name.
    #[must_use]
    pub fn without(&self, name: &PolicyName) -> Self {
        self.named
            .iter()
            .filter(|(other, _)| *other != name)
            .map(|(n, p)| (n.clone(), p.clone()))
            .collect()
    }
}

impl FromIterator<(PolicyName, ResourcePolicy)> for Policies {
    fn from_iter<T: IntoIterator<Item = (PolicyName, ResourcePolicy)>>(policies: T) -> Self {
        let named: BTreeMap<_, _> = policies.into_iter().collect();
        let merged = match named.len() {
            0 => None,
            1 => named.values().next().map(|policy| Arc::clone(&policy.compiled)),
            _ => {
                let each = named.values().map(ResourcePolicy::compiled);
                Some(Arc::new(Policy::merged(each)))
            }
        };
        Self { named, merged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(effect: &str, action: &str) -> ResourcePolicy {
        ResourcePolicy::parse(&format!(
            r#"{{"Statement":{{"Effect":"{effect}","Principal":"*","Action":"{action}","Resource":"*"}}}}"#
        ))
        .unwrap()
    }

    fn name(text: &str) -> PolicyName {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_is_listed_first() {
        let policies: Policies = ["b", "default", "a", "Z"]
            .map(|text| (name(text), policy("Allow", "secretsmanager:*")))
            .into_iter()
            .collect();
        let names: Vec<_> = policies.names().map(PolicyName::as_str).collect();
        assert_eq!(names, ["default", "Z", "a", "b"]);
        let names: Vec<_> = policies.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Z", "a", "b", "default"]);
    }

    /// What is merged is what is stored, whichever way it came to be.
    #[test]
    fn the_merged_policy_follows_the_named_ones() {
        let (allow, deny) = (policy("Allow", "secretsmanager:*"), policy("Deny", "kms:*"));
        let empty = Policies::default();
        assert!(empty.merged().is_none());
        let one = empty.with(name("default"), allow.clone());
        assert_eq!(one.merged().unwrap().as_ref(), allow.compiled());
        let two = one.with(name("x"), deny.clone());
        let both = Policy::merged([allow.compiled(), deny.compiled()]);
        assert_eq!(two.merged().unwrap().as_ref(), &both);
        assert_eq!(two.without(&name("x")), one);
        assert_eq!(two.without(&name("default")).merged().unwrap().as_ref(), deny.compiled());
        assert_eq!(one.without(&name("default")), empty);
        assert_eq!(one.with(name("default"), deny.clone()).get(&name("default")), Some(&deny));
    }

    #[test]
    fn what_cannot_be_a_policy_name() {
        for bad in ["", "a b", "a/b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<PolicyName>().is_err(), "{bad}");
        }
        assert!("x".repeat(64).parse::<PolicyName>().is_ok());
    }
}
