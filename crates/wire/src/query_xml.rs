//! awsQuery: forms and query strings in, XML out, or JSON for a client that asks for it.
//!
//! A request becomes sorted name and value pairs, which [`Params`] reads as structures and lists;
//! what an operation expects of them is its own file's concern. An answer is written once, through
//! [`Fields`], whatever its format. Values may hold secrets (a template does): they are zeroized
//! and never printed (promise R7).

use core::fmt;
use core::str::FromStr;

use http::HeaderMap;
use regent_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::json;
use crate::service::Service;
use crate::time::{extended, extended_ms, parse_extended};

/// LIMIT: longest form, in bytes. The largest legal one carries a template of 51,200 bytes (docs),
/// each of them percent-encoded.
pub const FORM_LEN_MAX: usize = 1 << 20;

/// LIMIT: parameters in a form. AWS: a stack has 200 parameters and 50 tags at most (docs).
pub const PAIRS_MAX: usize = 4096;

/// How a query service encodes its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Xml,
    Json,
}

impl Format {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml",
            Self::Json => "application/json",
        }
    }

    /// The format that a client asks for.
    ///
    /// AWS: STS and IAM answer in JSON when `Accept` says so.
    pub fn wanted(service: Service, headers: &HeaderMap) -> Self {
        let json = headers.get("accept").is_some_and(|value| value == "application/json");
        match service {
            Service::Sts | Service::Iam if json => Self::Json,
            _ => Self::Xml,
        }
    }
}

/// A decoded form.
pub struct Form {
    /// Sorted by name; names are unique.
    pairs: Vec<(String, Zeroizing<String>)>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Decodes a body, or the query string of a GET. A name that is given twice, a malformed escape
    /// and text that is not UTF-8 are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > FORM_LEN_MAX {
            return Err(Fault::too_large());
        }
        let mut pairs = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(split);
            let name = decode(name).ok_or_else(Fault::serialization)?;
            let value = decode(value.get(1..).unwrap_or_default());
            let value = value.map(Zeroizing::new).ok_or_else(Fault::serialization)?;
            if pairs.len() == PAIRS_MAX {
                return Err(Fault::serialization());
            }
            pairs.push((name, value));
        }
        pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
            Ok(Self { pairs })
        } else {
            Err(Fault::serialization())
        }
    }

    /// `Action`: the operation's name.
    pub fn action(&self) -> Option<&str> {
        self.find("Action")
    }

    /// `Version`: the service's API version.
    pub fn version(&self) -> Option<&str> {
        self.find("Version")
    }

    /// The members of the operation's input.
    pub fn params(&self) -> Params<'_> {
        Params { form: self, path: String::new() }
    }

    fn find(&self, name: &str) -> Option<&str> {
        let index = self.pairs.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok()?;
        self.pairs.get(index).map(|(_, value)| value.as_str())
    }

    /// The names that begin with `prefix`, without it.
    fn under<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = &'f str> {
        let start = self.pairs.partition_point(|(name, _)| name.as_str() < prefix);
        let rest = self.pairs.get(start..).unwrap_or_default();
        rest.iter().map_while(move |(name, _)| name.strip_prefix(prefix))
    }
}

/// A structure in a form: the members whose names begin with its path.
#[derive(Debug)]
pub struct Params<'f> {
    form: &'f Form,
    /// Empty, or a member's full name.
    path: String,
}

impl<'f> Params<'f> {
    /// A string member.
    pub fn text(&self, name: &str) -> Option<&'f str> {
        self.form.find(&self.full(name))
    }

    /// An integer member, or another that parses from text.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.text(name).map(str::parse).transpose().map_err(|_| Fault::serialization())
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.number(name)
    }

    /// A time member, ISO 8601.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let read = |text| parse_extended(text).ok_or_else(Fault::serialization);
        self.text(name).map(read).transpose()
    }

    /// A structure member, if any of its own members is there.
    pub fn structure(&self, name: &str) -> Option<Self> {
        let path = self.full(name);
        let prefix = format!("{path}.");
        self.form.under(&prefix).next().is_some().then_some(Self { form: self.form, path })
    }

    /// A list of structures, in the order of their indexes. `Name=` is the empty list.
    pub fn list(&self, name: &str) -> Option<Vec<Self>> {
        let path = self.full(name);
        let items = self.items(&format!("{path}.member."));
        (!items.is_empty() || self.form.find(&path).is_some()).then_some(items)
    }

    /// The keys and values of a map, in the order of their indexes.
    pub fn entries(&self, name: &str) -> Vec<(Option<&'f str>, Option<&'f str>)> {
        let items = self.items(&format!("{}.entry.", self.full(name)));
        items.iter().map(|entry| (entry.text("key"), entry.text("value"))).collect()
    }

    /// What has an index after the prefix.
    fn items(&self, prefix: &str) -> Vec<Self> {
        let mut indexes: Vec<u32> = Vec::new();
        for rest in self.form.under(prefix) {
            let digits = rest.split('.').next().unwrap_or_default();
            let canonical = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
            indexes.extend(digits.parse::<u32>().ok().filter(|_| canonical));
        }
        indexes.sort_unstable();
        indexes.dedup();
        let item = |index| Self { form: self.form, path: format!("{prefix}{index}") };
        indexes.into_iter().map(item).collect()
    }

    /// A list of strings.
    pub fn texts(&self, name: &str) -> Option<Vec<&'f str>> {
        Some(self.list(name)?.iter().filter_map(|item| self.form.find(&item.path)).collect())
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// Decodes percent escapes and `+`; `None` if an escape is malformed or the text is not UTF-8.
fn decode(bytes: &[u8]) -> Option<String> {
    let nibble = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                out.push(nibble(*high)? << 4 | nibble(*low)?);
                rest = after;
            }
            (b'%', _) => return None,
            _ => out.push(*byte),
        }
    }
    String::from_utf8(out).ok()
}

/// Writes the answer of an operation that has an output.
pub fn answer(
    service: Service,
    operation: &str,
    request_id: &str,
    format: Format,
    write: impl FnOnce(&mut Fields<'_>),
) -> Vec<u8> {
    envelope(service, operation, request_id, format, |response| {
        response.structure(&format!("{operation}Result"), write);
    })
}

/// Writes the answer of an operation that has none: the request id alone.
pub fn empty_answer(
    service: Service,
    operation: &str,
    request_id: &str,
    format: Format,
) -> Vec<u8> {
    envelope(service, operation, request_id, format, |_| {})
}

fn envelope(
    service: Service,
    operation: &str,
    request_id: &str,
    format: Format,
    write: impl FnOnce(&mut Fields<'_>),
) -> Vec<u8> {
    let content = |response: &mut Fields<'_>| {
        write(response);
        response.structure("ResponseMetadata", |metadata| metadata.text("RequestId", request_id));
    };
    match format {
        Format::Json => json::body(512, |body| {
            body.nested(&format!("{operation}Response"), |response| {
                content(&mut Fields(Sink::Json(response)));
            });
        }),
        Format::Xml => {
            let mut out = String::with_capacity(1024);
            let namespace = service.xml_namespace();
            for part in ["<", operation, "Response xmlns=\"", namespace, "\">"] {
                out.push_str(part);
            }
            content(&mut Fields(Sink::Xml(&mut out)));
            for part in ["</", operation, "Response>"] {
                out.push_str(part);
            }
            out.into_bytes()
        }
    }
}

/// The members of a structure that is being written. A member without a value is omitted.
#[derive(Debug)]
pub struct Fields<'b>(Sink<'b, json::Object<'b>>);

/// The elements of a list that is being written.
#[derive(Debug)]
pub struct Items<'b>(Sink<'b, json::Array<'b>>);

#[derive(Debug)]
enum Sink<'b, J> {
    Xml(&'b mut String),
    Json(J),
}

impl Fields<'_> {
    pub fn text<'v>(&mut self, name: &str, value: impl Into<Option<&'v str>>) {
        match (&mut self.0, value.into()) {
            (_, None) => {}
            (Sink::Xml(out), Some(value)) => element(out, name, |out| escape(out, value)),
            (Sink::Json(out), Some(value)) => out.string(name, value),
        }
    }

    pub fn number(&mut self, name: &str, value: impl Into<Option<i64>>) {
        match (&mut self.0, value.into()) {
            (_, None) => {}
            (Sink::Xml(out), Some(value)) => {
                element(out, name, |out| out.push_str(&value.to_string()));
            }
            (Sink::Json(out), Some(value)) => out.number(name, value),
        }
    }

    pub fn boolean(&mut self, name: &str, value: impl Into<Option<bool>>) {
        match (&mut self.0, value.into()) {
            (_, None) => {}
            (Sink::Xml(out), Some(value)) => {
                element(out, name, |out| out.push_str(if value { "true" } else { "false" }));
            }
            (Sink::Json(out), Some(value)) => out.boolean(name, value),
        }
    }

    /// A time to the second, as STS and IAM print it.
    pub fn time(&mut self, name: &str, value: impl Into<Option<Timestamp>>) {
        match (&mut self.0, value.into()) {
            (_, None) => {}
            (Sink::Xml(out), Some(value)) => {
                element(out, name, |out| out.push_str(extended(value).as_str()));
            }
            (Sink::Json(out), Some(value)) => out.time(name, value),
        }
    }

    /// A time to the millisecond, as CloudFormation prints it.
    pub fn time_ms(&mut self, name: &str, value: impl Into<Option<Timestamp>>) {
        match (&mut self.0, value.into()) {
            (_, None) => {}
            (Sink::Xml(out), Some(value)) => {
                element(out, name, |out| out.push_str(extended_ms(value).as_str()));
            }
            (Sink::Json(out), Some(value)) => out.time(name, value),
        }
    }

    pub fn structure(&mut self, name: &str, write: impl FnOnce(&mut Fields<'_>)) {
        match &mut self.0 {
            Sink::Xml(out) => element(out, name, |out| write(&mut Fields(Sink::Xml(out)))),
            Sink::Json(out) => out.nested(name, |inner| write(&mut Fields(Sink::Json(inner)))),
        }
    }

    /// A list, also when it is empty.
    pub fn list(&mut self, name: &str, write: impl FnOnce(&mut Items<'_>)) {
        match &mut self.0 {
            Sink::Xml(out) => element(out, name, |out| write(&mut Items(Sink::Xml(out)))),
            Sink::Json(out) => out.nested_array(name, |inner| write(&mut Items(Sink::Json(inner)))),
        }
    }

    pub fn texts<S: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = S>) {
        self.list(name, |items| values.into_iter().for_each(|value| items.text(value.as_ref())));
    }
}

impl Items<'_> {
    pub fn text(&mut self, value: &str) {
        match &mut self.0 {
            Sink::Xml(out) => element(out, "member", |out| escape(out, value)),
            Sink::Json(out) => out.string(value),
        }
    }

    pub fn structure(&mut self, write: impl FnOnce(&mut Fields<'_>)) {
        match &mut self.0 {
            Sink::Xml(out) => element(out, "member", |out| write(&mut Fields(Sink::Xml(out)))),
            Sink::Json(out) => out.nested(|inner| write(&mut Fields(Sink::Json(inner)))),
        }
    }
}

fn element(out: &mut String, name: &str, write: impl FnOnce(&mut String)) {
    for part in ["<", name, ">"] {
        out.push_str(part);
    }
    write(out);
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
}

/// Appends `text` as XML character data. A character that XML 1.0 does not have becomes U+FFFD.
pub fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn forms_decode() {
        let form =
            form("Action=CreateStack&Version=2010-05-15&StackName=a+b%2Bc%C3%A9&Empty=&Bare");
        assert_eq!((form.action(), form.version()), (Some("CreateStack"), Some("2010-05-15")));
        let params = form.params();
        assert_eq!(params.text("StackName"), Some("a b+c\u{e9}"));
        assert_eq!((params.text("Empty"), params.text("Bare")), (Some(""), Some("")));
        assert_eq!(params.text("stackname"), None);
    }

    #[test]
    fn members_have_types() {
        let form = form("N=7&Bad=x&T=true&At=2024-05-24T18:15:31Z&On=TRUE");
        let params = form.params();
        assert_eq!(params.number::<i64>("N"), Ok(Some(7)));
        assert_eq!(params.number::<i64>("Absent"), Ok(None));
        assert_eq!(params.number::<i64>("Bad"), Err(Fault::serialization()));
        assert_eq!(params.boolean("T"), Ok(Some(true)));
        assert_eq!(params.boolean("On"), Err(Fault::serialization()));
        assert_eq!(params.time("At").unwrap().map(Timestamp::millis), Some(1_716_574_531_000));
        assert_eq!(params.time("Bad"), Err(Fault::serialization()));
    }

    #[test]
    fn lists_come_in_the_order_of_their_indexes() {
        let form = form(
            "Tags.member.10.Key=j&Tags.member.2.Key=b&Tags.member.2.Value=B&Tags.member.1.Key=a\
             &Tags.member.01.Key=x&Tags.member.0.Key=x&Tags.member.+1.Key=x&Tags.member..Key=x\
             &Names.member.2=n2&Names.member.1=n1&None=&Policy.Document=d&PolicyX=1",
        );
        let params = form.params();
        let tags = params.list("Tags").unwrap();
        let keys: Vec<_> = tags.iter().map(|tag| tag.text("Key").unwrap()).collect();
        assert_eq!(keys, ["a", "b", "j"]);
        assert_eq!((tags[1].text("Value"), tags[0].text("Value")), (Some("B"), None));
        assert_eq!(params.texts("Names"), Some(vec!["n1", "n2"]));
        assert_eq!(params.texts("None"), Some(vec![]));
        assert_eq!(params.texts("Absent"), None);
        assert_eq!(params.structure("Policy").unwrap().text("Document"), Some("d"));
        assert!(params.structure("Polic").is_none());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in ["Action=A&Action=B", "a=1&a=1", "a=%", "a=%4", "a=%zz", "a=%ff", "%+1=a"] {
            assert_eq!(Form::parse(text.as_bytes()).unwrap_err(), Fault::serialization(), "{text}");
        }
        let many: Vec<_> = (0..=PAIRS_MAX).map(|n| n.to_string()).collect();
        let many = many.join("=&");
        assert_eq!(Form::parse(many.as_bytes()).unwrap_err(), Fault::serialization());
        let long = vec![b'a'; FORM_LEN_MAX + 1];
        assert_eq!(Form::parse(&long).unwrap_err(), Fault::too_large());
    }

    #[test]
    fn values_are_not_printed() {
        let form = form("TemplateBody=hunter2");
        assert_eq!(format!("{form:?}"), r#"["TemplateBody"]"#);
    }

    fn write(fields: &mut Fields<'_>) {
        fields.text("StackId", "arn:<&>\"\r\u{1}");
        fields.text("Absent", None);
        fields.number("Count", -3);
        fields.boolean("Protected", true);
        fields.time("Expiration", Timestamp::from_millis(1_716_574_531_123));
        fields.time_ms("CreationTime", Timestamp::from_millis(1_716_574_531_123));
        fields.list("Tags", |tags| tags.structure(|tag| tag.text("Key", "k")));
        fields.texts("Capabilities", ["a", "b"]);
        fields.texts::<&str>("Empty", []);
    }

    #[test]
    fn answers_in_xml() {
        let body = answer(Service::CloudFormation, "CreateStack", "id", Format::Xml, write);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "<CreateStackResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <CreateStackResult><StackId>arn:&lt;&amp;&gt;&quot;&#xD;\u{fffd}</StackId>\
             <Count>-3</Count><Protected>true</Protected>\
             <Expiration>2024-05-24T18:15:31Z</Expiration>\
             <CreationTime>2024-05-24T18:15:31.123Z</CreationTime>\
             <Tags><member><Key>k</Key></member></Tags>\
             <Capabilities><member>a</member><member>b</member></Capabilities><Empty></Empty>\
             </CreateStackResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
             </CreateStackResponse>"
        );
        let body = empty_answer(Service::Iam, "TagRole", "id", Format::Xml);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "<TagRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></TagRoleResponse>"
        );
    }

    #[test]
    fn answers_in_json() {
        let body = answer(Service::Sts, "GetCallerIdentity", "id", Format::Json, write);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            concat!(
                r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"#,
                r#""StackId":"arn:<&>\"\r\u0001","Count":-3,"Protected":true,"#,
                r#""Expiration":1716574531.123,"CreationTime":1716574531.123,"Tags":[{"Key":"k"}],"#,
                r#""Capabilities":["a","b"],"Empty":[]},"ResponseMetadata":{"RequestId":"id"}}}"#
            )
        );
    }

    #[test]
    fn json_is_for_sts_and_iam_when_asked() {
        let mut headers = HeaderMap::new();
        assert_eq!(Format::wanted(Service::Sts, &headers), Format::Xml);
        headers.insert("accept", http::HeaderValue::from_static("application/json"));
        assert_eq!(Format::wanted(Service::Sts, &headers), Format::Json);
        assert_eq!(Format::wanted(Service::CloudFormation, &headers), Format::Xml);
    }

    proptest! {
        #[test]
        fn forms_survive(pairs in prop::collection::btree_map(".{1,8}", any::<String>(), 0..8)) {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let form = form(&text);
            for (name, value) in &pairs {
                prop_assert_eq!(form.params().text(name), Some(value.as_str()));
            }
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes in any::<Vec<u8>>(), text in "[a-z.=&%0-9member]{0,64}") {
            for bytes in [&*bytes, text.as_bytes()] {
                if let Ok(form) = Form::parse(bytes) {
                    let _ = (form.params().list("a"), form.params().structure("a"), form.action());
                }
            }
        }
    }
}
