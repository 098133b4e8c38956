//! awsJson1_1 bodies: decoding requests, writing answers.
//!
//! Decoding bounds depth before anything is built and never tells what it saw (promises R7, R8).
//! Sensitive members have types that zeroize and print as redacted. Writing goes straight into one
//! buffer, which is the caller's to zeroize; members without a value are omitted, as AWS omits
//! them. Constraints on members are for [`crate::constraints`].

use core::fmt;
use std::collections::BTreeMap;

use base64_simd::STANDARD;
use memchr::memchr2;
use regent_core::plaintext::{Plaintext, Wiped};
use regent_core::time::Timestamp;
use serde::de::{self, Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::fault::Fault;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// LIMIT: longest request body, in bytes. The largest legal request is a 65,536-character secret
/// string with every character escaped (docs: quota of the value; JSON: six bytes each).
pub const BODY_LEN_MAX: usize = 1 << 20;

/// LIMIT: deepest nesting of a request; AWS's models need 5.
pub const DEPTH_MAX: usize = 32;

/// LIMIT: times in requests, in seconds from the epoch: the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// Decodes a request body. An empty body is `{}`; unknown members are ignored; an explicit null is
/// an absent member, which `Option` gives.
pub fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Fault> {
    if body.len() > BODY_LEN_MAX {
        return Err(Fault::too_large());
    }
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    if !body.trim_ascii_start().starts_with(b"{") || depth(body) > DEPTH_MAX {
        return Err(Fault::serialization());
    }
    // Members that are ignored are to be text as well.
    let text = core::str::from_utf8(body).map_err(|_| Fault::serialization())?;
    serde_json::from_str(text).map_err(|_| Fault::serialization())
}

/// The deepest nesting in `body`, which need not be valid JSON.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = body;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = after_string(tail),
            _ => {}
        }
    }
    deepest
}

/// What follows the string whose opening quote came just before `rest`.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        let found = memchr2(b'"', b'\\', rest).and_then(|at| rest.get(at..)?.split_first());
        match found {
            None => return &[],
            Some((b'"', after)) => return after,
            Some((_, after)) => rest = after.get(1..).unwrap_or_default(),
        }
    }
}

/// Bytes at the start of `bytes` that a JSON string holds as they are: up to the first quote,
/// backslash or control character. Eight at a time.
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & TOPS
    }
    // Borrows make only bytes above the first hit unsure, and the first is what counts.
    let plain_of = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let special = control
            | zeros(word ^ (ONES * u64::from(b'"')))
            | zeros(word ^ (ONES * u64::from(b'\\')));
        special.trailing_zeros() as usize / 8
    };
    let (words, tail) = bytes.as_chunks::<8>();
    let mut len = 0;
    for word in words {
        match plain_of(word) {
            8 => len += 8,
            plain => return len + plain,
        }
    }
    match bytes.last_chunk() {
        // The last eight again: those before the tail are known to be plain.
        Some(last) if !tail.is_empty() => bytes.len() - 8 + plain_of(last),
        Some(_) => len,
        None => tail.iter().position(|byte| !is_plain(*byte)).unwrap_or(tail.len()),
    }
}

const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// Bytes that a blob member holds, base64 on the wire.
#[derive(Default)]
pub struct Blob(Wiped);

impl Blob {
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub fn into_plaintext(mut self) -> Plaintext {
        Plaintext::new(self.0.take())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blob(redacted)")
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BlobVisitor)
    }
}

struct BlobVisitor;

impl de::Visitor<'_> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
        let mut bytes = Wiped::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
        STANDARD.decode_append(text, &mut *bytes).map_err(|_| E::custom("not base64"))?;
        Ok(Blob(bytes))
    }
}

/// A string member that must not leave, such as `SecretString`.
#[derive(Default)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn into_plaintext(mut self) -> Plaintext {
        Plaintext::new(core::mem::take(&mut *self.0).into_bytes())
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(redacted)")
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

/// A map member. A name that comes twice is refused: which of the values is meant cannot be told.
#[derive(Default)]
pub struct Pairs(pub BTreeMap<Box<str>, Box<str>>);

/// What is in it need not be secret, but it is nobody's business in a log.
impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pairs")
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> de::Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if pairs.insert(name, value).is_some() {
                return Err(de::Error::custom("a name twice"));
            }
        }
        Ok(Pairs(pairs))
    }
}

/// A time member: seconds from the epoch as a JSON number, with a fraction or in exponent notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Timestamp);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(de::Error::custom("time out of range"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded above; milliseconds are kept")]
        let millis = (seconds * 1000.0).round() as i64;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

/// Writes an answer's body: one object. `capacity` is what the body is expected to need; a body
/// with a secret value should not outgrow it, because growing leaves a copy behind
/// (see [`escaped_len`]).
pub fn body(capacity: usize, write: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    object(&mut out, write);
    out
}

/// Appends one object to `out`.
pub fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    nested(out, |mut object| write(&mut object));
}

fn nested(out: &mut Vec<u8>, write: impl FnOnce(Object<'_>)) {
    out.push(b'{');
    write(Object { out, first: true });
    out.push(b'}');
}

fn nested_array(out: &mut Vec<u8>, write: impl FnOnce(Array<'_>)) {
    out.push(b'[');
    write(Array { out, first: true });
    out.push(b']');
}

/// The bytes that `text` takes inside the quotes of a JSON string.
pub fn escaped_len(text: &(impl AsRef<[u8]> + ?Sized)) -> usize {
    let mut rest = text.as_ref();
    let mut len = rest.len();
    while let Some((byte, tail)) = rest.split_at(plain_len(rest)).1.split_first() {
        rest = tail;
        len += match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
            _ => 5,
        };
    }
    len
}

/// Appends `text` as it stands inside the quotes of a JSON string.
pub fn escape(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let (plain, tail) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { return };
        rest = tail;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                let code = [digit(control >> 4), digit(control & 15)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&code);
            }
        }
    }
}

/// An object that is being written. A member without a value is omitted.
#[derive(Debug)]
pub struct Object<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    pub fn string<'v>(&mut self, name: &str, value: impl Into<Option<&'v str>>) {
        if let Some(value) = value.into() {
            quoted(self.member(name), value);
        }
    }

    /// A string whose escaped form is at hand, as [`escape`] makes it.
    pub fn escaped(&mut self, name: &str, escaped: &[u8]) {
        let out = self.member(name);
        out.push(b'"');
        out.extend_from_slice(escaped);
        out.push(b'"');
    }

    pub fn number(&mut self, name: &str, value: impl Into<Option<i64>>) {
        if let Some(value) = value.into() {
            integer(self.member(name), value);
        }
    }

    pub fn boolean(&mut self, name: &str, value: impl Into<Option<bool>>) {
        if let Some(value) = value.into() {
            self.member(name).extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    /// Seconds from the epoch with three decimals.
    pub fn time(&mut self, name: &str, value: impl Into<Option<Timestamp>>) {
        if let Some(value) = value.into() {
            seconds(self.member(name), value);
        }
    }

    /// Base64.
    pub fn blob<'v>(&mut self, name: &str, value: impl Into<Option<&'v [u8]>>) {
        if let Some(value) = value.into() {
            base64(self.member(name), value);
        }
    }

    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        object(self.member(name), write);
    }

    pub fn array(&mut self, name: &str, write: impl FnOnce(&mut Array<'_>)) {
        nested_array(self.member(name), |mut array| write(&mut array));
    }

    /// An object by value, for a writer that keeps it.
    pub(crate) fn nested(&mut self, name: &str, write: impl FnOnce(Object<'_>)) {
        nested(self.member(name), write);
    }

    /// An array by value, for a writer that keeps it.
    pub(crate) fn nested_array(&mut self, name: &str, write: impl FnOnce(Array<'_>)) {
        nested_array(self.member(name), write);
    }

    pub fn strings<S: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = S>) {
        self.array(name, |array| {
            values.into_iter().for_each(|value| array.string(value.as_ref()));
        });
    }

    /// Begins a member; what is written next is its value.
    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        quoted(self.out, name);
        self.out.push(b':');
        self.out
    }
}

/// An array that is being written.
#[derive(Debug)]
pub struct Array<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl Array<'_> {
    pub fn string(&mut self, value: &str) {
        quoted(self.element(), value);
    }

    pub fn number(&mut self, value: i64) {
        integer(self.element(), value);
    }

    pub fn object(&mut self, write: impl FnOnce(&mut Object<'_>)) {
        object(self.element(), write);
    }

    /// An object by value, for a writer that keeps it.
    pub(crate) fn nested(&mut self, write: impl FnOnce(Object<'_>)) {
        nested(self.element(), write);
    }

    fn element(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out
    }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs());
}

fn seconds(out: &mut Vec<u8>, time: Timestamp) {
    if time.millis() < 0 {
        out.push(b'-');
    }
    let millis = time.millis().unsigned_abs();
    digits(out, millis / 1000);
    out.push(b'.');
    let fraction = millis % 1000;
    for unit in [100, 10, 1] {
        out.push(decimal(fraction / unit));
    }
}

fn digits(out: &mut Vec<u8>, mut value: u64) {
    let start = out.len();
    loop {
        out.push(decimal(value));
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// The last decimal digit of `value`.
fn decimal(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or_default()
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    STANDARD.encode_append(bytes, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        name: Option<String>,
        days: Option<i64>,
        secret_binary: Option<Blob>,
        secret_string: Option<Sensitive>,
        valid_to: Option<Seconds>,
    }

    fn input(body: &str) -> Result<Input, Fault> {
        parse(body.as_bytes())
    }

    #[test]
    fn what_comes_twice_or_is_no_text_is_refused() {
        let pairs = |body: &str| parse::<Pairs>(body.as_bytes()).map(|pairs| pairs.0.len());
        assert_eq!(pairs(r#"{"a":"1","b":"1"}"#), Ok(2));
        assert_eq!(pairs(r#"{"a":"1","a":"1"}"#), Err(Fault::serialization()));
        assert_eq!(pairs(r#"{"a":"1","\u0061":"2"}"#), Err(Fault::serialization()));
        assert_eq!(pairs(r#"{"a":null}"#), Err(Fault::serialization()));
        assert_eq!(input(r#"{"Name":"a","Name":"a"}"#).unwrap_err(), Fault::serialization());
        let ignored = parse::<Input>(b"{\"Unknown\":\"\xff\"}");
        assert_eq!(ignored.unwrap_err(), Fault::serialization());
    }

    #[test]
    fn requests_decode() {
        let all = input(
            r#" {"Name":"a","Days":7,"SecretBinary":"Zm9vdGVzdA==","SecretString":"p\u0041",
                "ValidTo":1.523977145713E9,"Unknown":[{"x":1}]}"#,
        )
        .unwrap();
        assert_eq!((all.name.as_deref(), all.days), (Some("a"), Some(7)));
        assert_eq!(all.valid_to, Some(Seconds(Timestamp::from_millis(1_523_977_145_713))));
        assert_eq!(all.secret_binary.unwrap().into_plaintext().expose(), b"footest");
        assert_eq!(all.secret_string.unwrap().into_plaintext().expose(), b"pA");
    }

    #[test]
    fn empty_body_and_null_are_absent_members() {
        for body in ["", " \n", "{}", r#"{"Name":null,"SecretBinary":null,"ValidTo":null}"#] {
            let input = input(body).unwrap();
            assert!(input.name.is_none() && input.secret_binary.is_none());
            assert!(input.valid_to.is_none() && input.secret_string.is_none());
        }
    }

    #[test]
    fn what_does_not_decode_is_refused_without_a_word() {
        let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        for body in [
            "[]",
            "null",
            "{",
            r#"["a",7]"#,
            r#"{"Name":7}"#,
            r#"{"Days":"7"}"#,
            r#"{"Days":9223372036854775808}"#,
            r#"{"SecretBinary":"Zm9vdGVzdA"}"#,
            r#"{"SecretBinary":"hunter2"}"#,
            r#"{"SecretString":["hunter2"]}"#,
            r#"{"ValidTo":-1}"#,
            r#"{"ValidTo":1e300}"#,
            r#"{"Name":"a"} x"#,
            "{\"Name\":\"\u{1}\"}",
            &deep,
        ] {
            assert_eq!(input(body).unwrap_err(), Fault::serialization(), "{body}");
        }
        assert_eq!(parse::<Input>(b"{\"Name\":\"\xff\"}").unwrap_err(), Fault::serialization());
        let long = vec![b' '; BODY_LEN_MAX + 1];
        assert_eq!(parse::<Input>(&long).unwrap_err(), Fault::too_large());
    }

    #[test]
    fn sensitive_members_print_as_redacted() {
        let body = r#"{"SecretBinary":"aHVudGVyMg==","SecretString":"hunter2"}"#;
        let shown = format!("{:?}", input(body).unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("Sensitive(redacted)"));
    }

    #[test]
    fn answers_are_written_byte_for_byte() {
        let written = body(64, |out| {
            out.string("ARN", "arn:x");
            out.string("Description", None);
            out.time("CreatedDate", Timestamp::from_millis(1_523_977_145_713));
            out.time("Before", Timestamp::from_millis(-1_005));
            out.boolean("Enabled", true);
            out.number("N", -12);
            out.blob("SecretBinary", b"footest".as_slice());
            out.escaped("Raw", br#"a\"b"#);
            out.strings("Stages", ["a", "b"]);
            out.strings::<&str>("Empty", []);
            out.array("List", |list| {
                list.object(|item| item.string("K", "v"));
                list.object(|_| {});
                list.number(0);
            });
            out.object("Map", |map| map.string("k\"", "\u{1f}\n\t\r\\\u{7f}é"));
        });
        assert_eq!(
            String::from_utf8(written).unwrap(),
            concat!(
                r#"{"ARN":"arn:x","CreatedDate":1523977145.713,"Before":-1.005,"Enabled":true,"N":-12,"#,
                r#""SecretBinary":"Zm9vdGVzdA==","Raw":"a\"b","Stages":["a","b"],"Empty":[],"#,
                r#""List":[{"K":"v"},{},0],"Map":{"k\"":"\u001f\n\t\r\\"#,
                "\u{7f}é\"}}"
            )
        );
    }

    #[test]
    fn what_is_in_strings_is_not_nested() {
        for (body, expected) in
            [(r#"{"a":"\"{[{[","b":[]}"#, 2), (r#"{"a":"\\","b":[[]]}"#, 3), (r#"{"a":"{[\"#, 1)]
        {
            assert_eq!(depth(body.as_bytes()), expected, "{body}");
        }
    }

    /// Another reader of base64, which is strict.
    fn strict(text: &str) -> Option<Vec<u8>> {
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    }

    proptest! {
        #[test]
        fn strings_survive(text in any::<String>(), number in any::<i64>(), blob in any::<Vec<u8>>()) {
            let written = body(0, |out| {
                out.string(&text, text.as_str());
                out.number("\u{0}number", number);
                out.blob("\u{0}blob", blob.as_slice());
            });
            let read: serde_json::Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(read[&text].as_str(), Some(text.as_str()));
            prop_assert_eq!(read["\u{0}number"].as_i64(), Some(number));
            prop_assert_eq!(
                strict(read["\u{0}blob"].as_str().unwrap()), Some(blob));
            let mut escaped = Vec::new();
            escape(&mut escaped, &text);
            prop_assert_eq!(escaped.len(), escaped_len(&text));
        }

        /// Padding is there, and bits that stand for nothing are zero: one text for the same bytes.
        #[test]
        fn blobs_are_read_strictly(
            mut text in "[A-Za-z0-9+/]{0,70}={0,3}", at: prop::sample::Index, byte in "[ -~]",
        ) {
            for _ in 0..2 {
                let body = format!(r#"{{"SecretBinary":{}}}"#, serde_json::json!(text));
                let read = parse::<Input>(body.as_bytes()).ok();
                let read = read.map(|input| input.secret_binary.unwrap().expose().to_vec());
                prop_assert_eq!(read, strict(&text));
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text.replace_range(at..=at, &byte);
                }
            }
        }

        #[test]
        fn plain_runs_end_where_a_byte_by_byte_search_ends(bytes in any::<Vec<u8>>()) {
            let expected = bytes.iter().position(|b| !is_plain(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_len(&bytes), expected);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes in any::<Vec<u8>>()) {
            let _ = parse::<Input>(&bytes);
            let _ = depth(&bytes);
        }
    }
}
