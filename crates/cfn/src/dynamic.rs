//! Dynamic references: `{{resolve:secretsmanager:…}}` found in a text, with every part.
//!
//! Only the reference is kept in stacks and shown; the value comes from the caller's resolver at
//! the moment a property is handed over, and is sensitive (promise R7). References to Systems
//! Manager are refused by name.

use crate::error::Problem;
use crate::value::Text;

const BEGIN: &str = "{{resolve:";
const END: &str = "}}";

/// A reference to one value of Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DynamicReference {
    /// A name or an ARN.
    pub secret_id: String,
    /// The member of the secret's JSON object; the whole value without it.
    pub json_key: Option<String>,
    pub version_stage: Option<String>,
    pub version_id: Option<String>,
}

/// A piece of a text with dynamic references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamicPiece<'t> {
    Literal(&'t str),
    Reference(DynamicReference),
}

/// Gives the value that a reference stands for, or the reason why there is none.
pub trait Resolve {
    fn resolve(&self, reference: &DynamicReference) -> Result<Text, Problem>;
}

/// Whether a text has anything to resolve.
pub fn is_dynamic(text: &str) -> bool {
    text.contains(BEGIN)
}

/// How many references begin in a text.
pub fn count(text: &str) -> usize {
    text.matches(BEGIN).count()
}

/// The pieces of a text.
pub fn pieces(text: &str) -> Result<Vec<DynamicPiece<'_>>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((inside, behind)) = after.split_once(END) else { break };
        if !before.is_empty() {
            pieces.push(DynamicPiece::Literal(before));
        }
        pieces.push(DynamicPiece::Reference(parse(inside)?));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(DynamicPiece::Literal(rest));
    }
    Ok(pieces)
}

/// What stands between `{{resolve:` and `}}`.
fn parse(inside: &str) -> Result<DynamicReference, Problem> {
    const SERVICE: &str = "secretsmanager";
    let malformed = || Problem::DynamicReference { service: SERVICE };
    let (service, rest) = inside.split_once(':').unwrap_or((inside, ""));
    if service != SERVICE {
        return Err(Problem::DynamicService { service: service.to_owned() });
    }
    let (secret_id, rest) = if rest.starts_with("arn:") {
        // An ARN of a secret has seven parts, and colons between them.
        let end = rest.match_indices(':').nth(6).map_or(rest.len(), |(at, _)| at);
        let (arn, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        (arn, tail.strip_prefix(':').unwrap_or(tail))
    } else {
        rest.split_once(':').unwrap_or((rest, ""))
    };
    let parts: Vec<&str> = rest.split(':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
    let known = matches!(parts.first(), Some(&("" | "SecretString")));
    if secret_id.is_empty() || !known || parts.len() > 4 {
        return Err(malformed());
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let reference = DynamicReference {
        secret_id: secret_id.to_owned(),
        json_key: given(part(1)),
        version_stage: given(part(2)),
        version_id: given(part(3)),
    };
    Ok(reference)
}

/// The text with each reference replaced by its value.
pub fn resolve(text: &Text, resolver: &dyn Resolve) -> Result<Text, Problem> {
    if !is_dynamic(text.expose()) {
        return Ok(text.clone());
    }
    let mut made = text.derived("");
    for piece in pieces(text.expose())? {
        match piece {
            DynamicPiece::Literal(literal) => made.push(&Text::new(literal)),
            DynamicPiece::Reference(reference) => {
                let value = resolver.resolve(&reference)?;
                made.push(&Text::sensitive(value.expose()));
            }
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<DynamicReference, Problem> {
        match pieces(text)?.as_slice() {
            [DynamicPiece::Reference(reference)] => Ok(reference.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn shown(text: &str) -> String {
        match only(text) {
            Ok(x) => format!(
                "{}|{}|{}|{}",
                x.secret_id,
                x.json_key.unwrap_or_default(),
                x.version_stage.unwrap_or_default(),
                x.version_id.unwrap_or_default()
            ),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn every_part() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf";
        for (text, expected) in [
            ("{{resolve:secretsmanager:db}}".to_owned(), "db|||".to_owned()),
            ("{{resolve:secretsmanager:db::::}}".to_owned(), "db|||".to_owned()),
            ("{{resolve:secretsmanager:db:SecretString:user}}".to_owned(), "db|user||".to_owned()),
            (
                "{{resolve:secretsmanager:db:SecretString:user:AWSPREVIOUS}}".to_owned(),
                "db|user|AWSPREVIOUS|".to_owned(),
            ),
            ("{{resolve:secretsmanager:db:SecretString:::v1}}".to_owned(), "db|||v1".to_owned()),
            (format!("{{{{resolve:secretsmanager:{arn}}}}}"), format!("{arn}|||")),
            (
                format!("{{{{resolve:secretsmanager:{arn}:SecretString:user::}}}}"),
                format!("{arn}|user||"),
            ),
        ] {
            assert_eq!(shown(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_of_ours() {
        for (text, expected) in [
            (
                "{{resolve:secretsmanager:}}",
                "Template error: the dynamic reference of secretsmanager is malformed",
            ),
            (
                "{{resolve:secretsmanager:db:SecretBinary}}",
                "Template error: the dynamic reference of secretsmanager is malformed",
            ),
            (
                "{{resolve:secretsmanager:db:SecretString:a:b:c:d}}",
                "Template error: the dynamic reference of secretsmanager is malformed",
            ),
            (
                "{{resolve:ssm:name:1}}",
                "Template error: dynamic references to ssm are not supported",
            ),
            (
                "{{resolve:ssm-secure:name}}",
                "Template error: dynamic references to ssm-secure are not supported",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    struct Vault;

    impl Resolve for Vault {
        fn resolve(&self, reference: &DynamicReference) -> Result<Text, Problem> {
            Ok(Text::new(format!("<{}>", reference.secret_id)))
        }
    }

    #[test]
    fn values_go_where_references_were() {
        let text = Text::new("a{{resolve:secretsmanager:x}}-{{resolve:secretsmanager:y}}b{{");
        let made = resolve(&text, &Vault).unwrap();
        assert_eq!(made.expose(), "a<x>-<y>b{{");
        assert!(made.is_sensitive());
        assert!(!resolve(&Text::new("plain"), &Vault).unwrap().is_sensitive());
    }
}
