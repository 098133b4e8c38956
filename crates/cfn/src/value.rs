//! What an expression resolves to: values with their places, texts that may be secret, and what is
//! not known yet, with its reason.
//!
//! A text that came from a `NoEcho` parameter or a dynamic reference is sensitive, and so is each
//! text made from it: it is wiped when dropped and never printed (promise R7).

use std::fmt::{self, Write as _};

use zeroize::Zeroize as _;

use crate::node::Position;

/// A resolved value and the place of the expression that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub at: Position,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(Text),
    List(Vec<Value>),
    Map(Vec<Field>),
    Unknown(Unknown),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub key: String,
    pub at: Position,
    pub value: Value,
}

/// A text. `Clone`, because an update compares what was with what will be.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    sensitive: bool,
}

/// What is known of a value that is not known: for a text, its known pieces in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Known(Text),
    Hole(Reason),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A parameter without a value.
    Parameter(String),
    /// A pseudo parameter that the caller does not know.
    Pseudo(String),
    /// `Ref` of a resource that has not been made.
    Reference {
        resource: String,
    },
    /// `Fn::GetAtt` of a resource that has not been made.
    Attribute {
        resource: String,
        attribute: String,
    },
    Import(String),
    Condition(String),
    Zones(String),
    /// A macro or a function that only AWS can run.
    Macro(String),
    /// What a function makes of something that is not known, which is why.
    Made(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "parameter {name} has no value"),
            Self::Pseudo(name) => write!(f, "{name} is not given"),
            Self::Reference { resource } => write!(f, "{resource} is not made yet"),
            Self::Attribute { resource, attribute } => {
                write!(f, "{resource}.{attribute} is not made yet")
            }
            Self::Import(name) => write!(f, "export {name} is of another stack"),
            Self::Condition(name) => write!(f, "condition {name} is not known"),
            Self::Zones(region) => write!(f, "the availability zones of {region} are not known"),
            Self::Macro(name) => write!(f, "{name} runs in AWS"),
            Self::Made(why) => f.write_str(why),
        }
    }
}

impl Text {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), sensitive: false }
    }

    pub fn sensitive(text: impl Into<String>) -> Self {
        Self { text: text.into(), sensitive: true }
    }

    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// The text itself, to be handed on and never to be logged if it is sensitive.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Adds to the end; the whole is as sensitive as its parts.
    pub fn push(&mut self, more: &Text) {
        if more.sensitive && !self.sensitive {
            self.sensitive = true;
        }
        if self.sensitive && self.text.len() + more.text.len() > self.text.capacity() {
            // Growing in place would leave a copy of the old text behind.
            let wanted = (self.text.len() + more.text.len()).next_power_of_two();
            let mut grown = String::with_capacity(wanted);
            grown.push_str(&self.text);
            self.text.zeroize();
            self.text = grown;
        }
        self.text.push_str(&more.text);
    }

    /// A text made from this one, as sensitive as this one is.
    #[must_use]
    pub fn derived(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), sensitive: self.sensitive }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if self.sensitive {
            self.text.zeroize();
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("<sensitive>") } else { write!(f, "{:?}", self.text) }
    }
}

impl Unknown {
    pub fn of(reason: Reason) -> Self {
        Self { pieces: vec![Piece::Hole(reason)] }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(reason) => Some(reason),
            Piece::Known(_) => None,
        })
    }

    /// The one reason, if nothing else is part of the value.
    pub fn sole(&self) -> Option<&Reason> {
        match self.pieces.as_slice() {
            [Piece::Hole(reason)] => Some(reason),
            _ => None,
        }
    }

    /// What a function makes of this: no less unknown, and no longer the same value.
    #[must_use]
    pub fn made(&self) -> Self {
        Self::of(Reason::Made(self.why()))
    }

    /// The reasons in words, each once.
    pub fn why(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for reason in self.reasons() {
            let word = reason.to_string();
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(", ")
    }
}

/// A text in the making, some of whose pieces may not be known.
#[derive(Debug, Default)]
pub struct Words {
    pieces: Vec<Piece>,
}

impl Words {
    pub fn push(&mut self, text: &Text) {
        match self.pieces.last_mut() {
            Some(Piece::Known(last)) => last.push(text),
            _ => self.pieces.push(Piece::Known(text.clone())),
        }
    }

    pub fn push_unknown(&mut self, unknown: &Unknown) {
        for piece in &unknown.pieces {
            match piece {
                Piece::Known(text) => self.push(text),
                Piece::Hole(_) => self.pieces.push(piece.clone()),
            }
        }
    }

    pub fn finish(mut self) -> Data {
        if self.pieces.iter().any(|piece| matches!(piece, Piece::Hole(_))) {
            return Data::Unknown(Unknown { pieces: self.pieces });
        }
        match self.pieces.pop() {
            Some(Piece::Known(text)) => Data::Text(text),
            _ => Data::Text(Text::new("")),
        }
    }
}

impl Data {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::new(text))
    }

    pub fn unknown(reason: Reason) -> Self {
        Self::Unknown(Unknown::of(reason))
    }

    pub fn at(self, at: Position) -> Value {
        Value { at, data: self }
    }

    /// The text of a scalar: a template's numbers and booleans stand for text as well.
    pub fn scalar(&self) -> Option<Text> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(text) => Some(Text::new(text.clone())),
            Self::Bool(flag) => Some(Text::new(if *flag { "true" } else { "false" })),
            Self::List(_) | Self::Map(_) | Self::Unknown(_) => None,
        }
    }

    /// What this is, in the words that AWS's schema checks use.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "Boolean",
            Self::Number(_) => "Number",
            Self::Text(_) => "String",
            Self::List(_) => "JSONArray",
            Self::Map(_) => "JSONObject",
            Self::Unknown(_) => "Unknown",
        }
    }
}

impl Value {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.iter().find(|field| field.key == key).map(|field| &field.value)
    }

    pub fn as_map(&self) -> Option<&[Field]> {
        if let Data::Map(fields) = &self.data { Some(fields) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        if let Data::List(items) = &self.data { Some(items) } else { None }
    }

    pub fn as_unknown(&self) -> Option<&Unknown> {
        if let Data::Unknown(unknown) = &self.data { Some(unknown) } else { None }
    }

    pub fn scalar(&self) -> Option<Text> {
        self.data.scalar()
    }

    /// The first thing in here that is not known.
    pub fn first_unknown(&self) -> Option<(&Unknown, Position)> {
        match &self.data {
            Data::Unknown(unknown) => Some((unknown, self.at)),
            Data::List(items) => items.iter().find_map(Value::first_unknown),
            Data::Map(fields) => fields.iter().find_map(|field| field.value.first_unknown()),
            _ => None,
        }
    }

    /// Whether two values say the same, wherever they stand and however their scalars are written.
    pub fn same_as(&self, other: &Value) -> bool {
        match (&self.data, &other.data) {
            (Data::List(ours), Data::List(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.same_as(b))
            }
            (Data::Map(ours), Data::Map(theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().all(|field| {
                        other.get(&field.key).is_some_and(|theirs| field.value.same_as(theirs))
                    })
            }
            (Data::Unknown(ours), Data::Unknown(theirs)) => ours == theirs,
            (ours, theirs) => match (ours.scalar(), theirs.scalar()) {
                (Some(ours), Some(theirs)) => ours.expose() == theirs.expose(),
                _ => false,
            },
        }
    }

    /// JSON without spaces, keys in their order; `None` if something in it is not known. It is as
    /// sensitive as its most sensitive part.
    pub fn to_json(&self) -> Option<Text> {
        let mut out = Text::new("");
        self.write_json(&mut out).then_some(out)
    }

    fn write_json(&self, out: &mut Text) -> bool {
        match &self.data {
            Data::Bool(flag) => out.push(&Text::new(if *flag { "true" } else { "false" })),
            Data::Number(text) => out.push(&Text::new(text.clone())),
            Data::Text(text) => out.push(&text.derived(quoted(text.expose()))),
            Data::List(items) => {
                out.push(&Text::new("["));
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(&Text::new(","));
                    }
                    if !item.write_json(out) {
                        return false;
                    }
                }
                out.push(&Text::new("]"));
            }
            Data::Map(fields) => {
                out.push(&Text::new("{"));
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    out.push(&Text::new(format!("{comma}{}:", quoted(&field.key))));
                    if !field.value.write_json(out) {
                        return false;
                    }
                }
                out.push(&Text::new("}"));
            }
            Data::Unknown(_) => return false,
        }
        true
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for found in text.chars() {
        match found {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                // A string takes everything.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { line: 1, column: 1 };

    #[test]
    fn what_is_made_of_a_sensitive_text_is_sensitive() {
        let mut words = Words::default();
        words.push(&Text::new("user:"));
        words.push(&Text::sensitive("hunter2"));
        let made = words.finish();
        assert!(!format!("{made:?}").contains("hunter2"));
        let json = Data::List(vec![made.at(AT)]).at(AT).to_json().unwrap();
        assert!(json.is_sensitive());
        assert_eq!(json.expose(), "[\"user:hunter2\"]");
    }

    #[test]
    fn unknown_texts_keep_what_is_known() {
        let mut words = Words::default();
        words.push(&Text::new("arn:aws:kms:us-west-2:"));
        words.push_unknown(&Unknown::of(Reason::Pseudo("AWS::AccountId".to_owned())));
        words.push(&Text::new(":key/x"));
        let Data::Unknown(unknown) = words.finish() else { panic!("known") };
        assert_eq!(unknown.pieces().len(), 3);
        assert_eq!(unknown.why(), "AWS::AccountId is not given");
        assert_eq!(unknown.sole(), None);
    }

    #[test]
    fn scalars_are_the_same_however_written() {
        let number = Data::Number("30".to_owned()).at(AT);
        let text = Data::text("30").at(Position { line: 9, column: 9 });
        assert!(number.same_as(&text));
        assert!(Data::Bool(true).at(AT).same_as(&Data::text("true").at(AT)));
        assert!(!number.same_as(&Data::List(vec![]).at(AT)));
    }
}
