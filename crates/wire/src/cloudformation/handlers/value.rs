//! Reading properties: scalars as the services take them, tags, JSON.

use regent_cfn::Text;
use regent_cfn::Value;
use regent_core::stacks::handlers::merged;
use regent_core::tags::Tags;

/// The text of a scalar property.
pub(super) fn text(properties: &Value, name: &str) -> Option<Text> {
    properties.get(name).and_then(Value::scalar)
}

pub(super) fn flag(properties: &Value, name: &str) -> Option<bool> {
    text(properties, name).map(|text| text.expose() == "true")
}

pub(super) fn number(properties: &Value, name: &str) -> Option<i64> {
    text(properties, name).and_then(|text| text.expose().parse().ok())
}

/// A JSON document that is given as an object or as its text.
pub(super) fn document(properties: &Value, name: &str) -> Option<Text> {
    let value = properties.get(name)?;
    value.scalar().or_else(|| value.to_json())
}

/// Whether a property is another than it was.
pub(super) fn differs(was: &Value, wanted: &Value, name: &str) -> bool {
    match (was.get(name), wanted.get(name)) {
        (None, None) => false,
        (Some(was), Some(wanted)) => !was.same_as(wanted),
        _ => true,
    }
}

/// The tags of a resource: the stack's, and over them its own.
pub(super) fn tags(stack: &Tags, properties: &Value) -> Tags {
    let list = properties.get("Tags").and_then(Value::as_list).unwrap_or_default();
    let own = list.iter().filter_map(|tag| {
        let (key, value) = (text(tag, "Key")?, text(tag, "Value")?);
        Some((key.expose().into(), value.expose().into()))
    });
    merged(stack, own)
}

/// What has to be taken away and what put so that one set of tags becomes another.
pub(super) fn retagged(was: &Tags, wanted: &Tags) -> (Vec<Box<str>>, Tags) {
    let gone = was.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
    let put = wanted.iter().filter(|(key, value)| was.get(*key) != Some(*value));
    (gone, put.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_tagged_anew() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let was = tags(&[("kept", "1"), ("changed", "1"), ("gone", "1")]);
        let wanted = tags(&[("kept", "1"), ("changed", "2"), ("new", "1")]);
        let (gone, put) = retagged(&was, &wanted);
        assert_eq!(gone, [Box::from("gone")]);
        assert_eq!(put, tags(&[("changed", "2"), ("new", "1")]));
    }
}
