//! ListSecrets' filters: which secrets a search finds.
//!
//! AWS: filters are joined by AND, the values of one filter by OR, and a leading `!` negates a
//! value. Names, tags and Regions match by case-sensitive prefix; descriptions and `all` by words,
//! without regard to case. Form and number of values are the wire's to check.

use crate::ids::Region;
use crate::secrets::model::Secret;

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKey {
    Description,
    Name,
    TagKey,
    TagValue,
    PrimaryRegion,
    OwningService,
    All,
}

impl FilterKey {
    /// AWS's spellings, in the order of the model.
    pub const ALL: [(&'static str, Self); 7] = [
        ("description", Self::Description),
        ("name", Self::Name),
        ("tag-key", Self::TagKey),
        ("tag-value", Self::TagValue),
        ("primary-region", Self::PrimaryRegion),
        ("owning-service", Self::OwningService),
        ("all", Self::All),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, key)| *key == self).map_or("", |(name, _)| name)
    }
}

/// One filter: the secret must match one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub key: FilterKey,
    pub values: Vec<Box<str>>,
}

/// Whether every filter finds the secret, in Region `own`.
pub fn matches(filters: &[Filter], secret: &Secret, own: Region) -> bool {
    filters.iter().all(|filter| {
        filter.values.iter().any(|value| match value.strip_prefix('!') {
            Some(value) => !finds(filter.key, value, secret, own),
            None => finds(filter.key, value, secret, own),
        })
    })
}

fn finds(key: FilterKey, value: &str, secret: &Secret, own: Region) -> bool {
    let tags = || secret.tags.iter().flatten();
    let description = secret.description.as_deref();
    match key {
        FilterKey::Name => secret.name.as_str().starts_with(value),
        FilterKey::TagKey => tags().any(|(key, _)| key.starts_with(value)),
        FilterKey::TagValue => tags().any(|(_, tag)| tag.starts_with(value)),
        FilterKey::PrimaryRegion => {
            secret.primary_region(own).is_some_and(|region| region.as_str().starts_with(value))
        }
        // No service owns secrets here.
        FilterKey::OwningService => false,
        FilterKey::Description => {
            description.is_some_and(|text| has_words(&words(text), &words(value)))
        }
        FilterKey::All => {
            let value = parts(value);
            let texts = tags().flat_map(|(key, tag)| [&**key, &**tag]);
            let mut texts = texts.chain(description).chain([secret.name.as_str()]);
            texts.any(|text| has_words(&parts(text), &value))
        }
    }
}

/// Whether every one of `wanted` begins some word of a text.
///
/// AWS: a value without any word, such as a bare `/`, matches nothing.
fn has_words(text: &[String], wanted: &[String]) -> bool {
    let begins = |wanted: &String| text.iter().any(|word| word.starts_with(wanted.as_str()));
    !wanted.is_empty() && wanted.iter().all(begins)
}

/// The words of a text in lower case: runs of letters and digits.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The words of a text, also those that only their capitals set apart, in lower case.
///
/// AWS: `MyTestPhrase` is `My`, `Test`, `Phrase`; `COMPANYthings` is `COMPAN`, `Ythings`.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let mut part = String::new();
        let mut before: Option<char> = None;
        let mut rest = word.chars().peekable();
        while let Some(c) = rest.next() {
            let starts = before.is_some_and(|before| {
                c.is_uppercase()
                    && (!before.is_uppercase()
                        || rest.peek().is_some_and(|next| next.is_lowercase()))
            });
            if starts {
                parts.push(core::mem::take(&mut part));
            }
            part.extend(c.to_lowercase());
            before = Some(c);
        }
        if !part.is_empty() {
            parts.push(part);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::change::Stamp;
    use crate::secrets::model::Role;
    use crate::secrets::policies::Policies;
    use crate::time::Timestamp;
    use std::collections::BTreeMap;

    fn secret() -> Secret {
        Secret {
            name: "testing1/One-Two".parse().unwrap(),
            suffix: "AbCdEf".parse().unwrap(),
            description: Some("an secret of MyTestPhrase".into()),
            kms_key_id: None,
            secret_type: None,
            created_by: None,
            created: Timestamp::EPOCH,
            last_changed: Timestamp::EPOCH,
            last_accessed: None,
            deletion: None,
            tags: Some(BTreeMap::from([("Team".into(), "COMPANYthings".into())])),
            policies: Policies::default(),
            stages: BTreeMap::new(),
            version_count: 0,
            rotation: None,
            at: Stamp::FIRST,
            role: Role::Replica { primary: "us-east-1".parse().unwrap() },
            cross_account_replica: None,
        }
    }

    fn found(key: FilterKey, values: &[&str]) -> bool {
        let filter = Filter { key, values: values.iter().map(|value| (*value).into()).collect() };
        matches(&[filter], &secret(), "eu-west-1".parse().unwrap())
    }

    #[test]
    fn each_key() {
        use FilterKey::{All, Description, Name, OwningService, PrimaryRegion, TagKey, TagValue};
        let cases: &[(FilterKey, &str, bool)] = &[
            (Name, "testing1/", true),
            (Name, "Testing1/", false),
            (Name, "testing1 One", false),
            (Name, "One", false),
            (Name, "", true),
            (TagKey, "Te", true),
            (TagKey, "te", false),
            (TagValue, "COMP", true),
            (TagValue, "things", false),
            (PrimaryRegion, "us-", true),
            (PrimaryRegion, "eu-", false),
            (OwningService, "", false),
            (Description, "a secret", true),
            (Description, "SECRET", true),
            (Description, "mytest", true),
            (Description, "ecret", false),
            (Description, "a b", false),
            (Description, "/", false),
            (All, "one", true),
            (All, "two testing1", true),
            (All, "two phrase", false),
            (All, "phrase", true),
            (All, "compan", true),
            (All, "ythings", true),
            (All, "things", false),
            (All, "@", false),
            (All, "", false),
        ];
        for (key, value, expected) in cases {
            assert_eq!(found(*key, &[value]), *expected, "{} {value:?}", key.as_str());
            assert_eq!(
                found(*key, &[&format!("!{value}")]),
                !expected,
                "not {} {value}",
                key.as_str()
            );
        }
    }

    #[test]
    fn a_description_without_its_word_is_not_found() {
        let secret = Secret { description: Some("asecret".into()), ..secret() };
        let filter =
            |value: &str| Filter { key: FilterKey::Description, values: vec![value.into()] };
        let own = "eu-west-1".parse().unwrap();
        assert!(!matches(&[filter("a secret")], &secret, own));
        assert!(matches(&[filter("a")], &secret, own));
    }

    #[test]
    fn values_are_or_and_filters_are_and() {
        assert!(found(FilterKey::Name, &["x", "testing1"]));
        let name = |value: &str| Filter { key: FilterKey::Name, values: vec![value.into()] };
        let own = "eu-west-1".parse().unwrap();
        assert!(matches(&[], &secret(), own));
        assert!(matches(&[name("t"), name("te")], &secret(), own));
        assert!(!matches(&[name("t"), name("x")], &secret(), own));
    }
}
