//! Checks members against the constraints of AWS's model and collects every violation.
//!
//! The texts are those of AWS's own services, character for character. A member's value appears in
//! the text unless the member is declared sensitive; a secret value therefore cannot leave this way
//! (promise R7). Decoding bytes, and checks that need state, are not done here.
//!
//! One line per member: `check.text("name", input.name.as_deref()).required().length(1..=512)`.

use core::fmt::{self, Display, Write as _};
use core::ops::RangeInclusive;

use crate::fault::Fault;

/// The violations found so far in one request.
#[derive(Debug, Default)]
pub struct Constraints {
    count: usize,
    text: String,
}

impl Constraints {
    pub fn new() -> Self {
        Self::default()
    }

    /// A string member at `path`: lower camel case, such as `secretId` or
    /// `format_args!("tags.{}.member.value", index + 1)`.
    pub fn text<'c, 'v, P: Display>(
        &'c mut self,
        path: P,
        value: impl Into<Option<&'v str>>,
    ) -> Member<'c, P, &'v str> {
        Member { check: self, path, value: value.into(), sensitive: false }
    }

    /// An integer member.
    pub fn number<P: Display>(
        &mut self,
        path: P,
        value: impl Into<Option<i64>>,
    ) -> Member<'_, P, i64> {
        Member { check: self, path, value: value.into(), sensitive: false }
    }

    /// A blob member, which is always sensitive.
    pub fn blob<'c, 'v, P: Display>(
        &'c mut self,
        path: P,
        value: impl Into<Option<&'v [u8]>>,
    ) -> Member<'c, P, &'v [u8]> {
        Member { check: self, path, value: value.into(), sensitive: true }
    }

    /// A list of strings.
    pub fn strings<'c, 'v, P: Display, S: AsRef<str>>(
        &'c mut self,
        path: P,
        value: impl Into<Option<&'v [S]>>,
    ) -> Member<'c, P, Strings<'v, S>> {
        Member { check: self, path, value: value.into().map(Strings), sensitive: false }
    }

    /// A member of another type, of which presence alone is checked.
    pub fn required<P: Display, T>(&mut self, path: P, value: Option<&T>) {
        if value.is_none() {
            self.record(&path, &Shown::Null, NOT_NULL);
        }
    }

    /// Bounds the elements of a list of structures. The elements are checked under their own paths.
    pub fn size<P: Display>(
        &mut self,
        path: P,
        length: impl Into<Option<usize>>,
        bounds: &RangeInclusive<usize>,
    ) {
        if let Some(length) = length.into().filter(|length| !bounds.contains(length)) {
            self.record(&path, &Shown::Withheld, &outside("length", &length, bounds));
        }
    }

    /// The fault that lists every violation, or nothing.
    pub fn finish(self) -> Result<(), Fault> {
        let text = match self.count {
            0 => return Ok(()),
            1 => format!("1 validation error detected: {}", self.text),
            many => format!("{many} validation errors detected: {}", self.text),
        };
        Err(Fault::validation(text))
    }

    fn record(&mut self, path: &dyn Display, shown: &Shown<'_>, constraint: &str) {
        let separator = if self.count > 0 { "; " } else { "" };
        self.count += 1;
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "{separator}Value{shown} at '{path}' failed to satisfy constraint: {constraint}"
        );
    }
}

const NOT_NULL: &str = "Member must not be null";

/// How a violation prints the member's value.
enum Shown<'v> {
    Null,
    Withheld,
    As(&'v dyn Display),
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str(" null"),
            Self::Withheld => Ok(()),
            Self::As(value) => write!(f, " '{value}'"),
        }
    }
}

/// The sentence for a value outside its bounds.
fn outside<T: PartialOrd + Display>(what: &str, actual: &T, bounds: &RangeInclusive<T>) -> String {
    if actual < bounds.start() {
        format!("Member must have {what} greater than or equal to {}", bounds.start())
    } else {
        format!("Member must have {what} less than or equal to {}", bounds.end())
    }
}

/// A member under check. Every constraint but [`Member::required`] holds for an absent member.
#[derive(Debug)]
pub struct Member<'c, P, V> {
    check: &'c mut Constraints,
    path: P,
    value: Option<V>,
    sensitive: bool,
}

impl<P: Display, V: Copy + Display> Member<'_, P, V> {
    fn violates(&mut self, value: V, constraint: &str) {
        let shown = if self.sensitive { Shown::Withheld } else { Shown::As(&value) };
        self.check.record(&self.path, &shown, constraint);
    }
}

impl<P: Display, V: Copy> Member<'_, P, V> {
    /// The member must be present.
    #[expect(clippy::return_self_not_must_use, reason = "the check itself is the effect")]
    pub fn required(self) -> Self {
        if self.value.is_none() {
            self.check.record(&self.path, &Shown::Null, NOT_NULL);
        }
        self
    }

    /// The member's value must never be printed.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// The value, if there is one.
    pub fn optional(self) -> Option<V> {
        self.value
    }

    /// The value of a required member; empty if absent, which [`Constraints::finish`] refuses.
    pub fn value(self) -> V
    where
        V: Default,
    {
        self.value.unwrap_or_default()
    }
}

#[expect(clippy::return_self_not_must_use, reason = "the check itself is the effect")]
impl<P: Display> Member<'_, P, &str> {
    /// Bounds the number of characters.
    ///
    /// AWS: the model's lengths are in Unicode code points.
    pub fn length(mut self, bounds: RangeInclusive<usize>) -> Self {
        if let Some(value) = self.value {
            let length = value.chars().count();
            if !bounds.contains(&length) {
                self.violates(value, &outside("length", &length, &bounds));
            }
        }
        self
    }

    /// The whole value must match. `pattern` is the regular expression as AWS prints it.
    pub fn pattern(mut self, pattern: &str, matches: impl FnOnce(&str) -> bool) -> Self {
        if let Some(value) = self.value.filter(|value| !matches(value)) {
            let text = format!("Member must satisfy regular expression pattern: {pattern}");
            self.violates(value, &text);
        }
        self
    }

    /// The value must be one of `set`, which is printed in the given order.
    pub fn one_of(mut self, set: &[&str]) -> Self {
        if let Some(value) = self.value.filter(|value| !set.contains(value)) {
            let text = format!("Member must satisfy enum value set: [{}]", set.join(", "));
            self.violates(value, &text);
        }
        self
    }
}

#[expect(clippy::return_self_not_must_use, reason = "the check itself is the effect")]
impl<P: Display> Member<'_, P, i64> {
    /// Bounds the value.
    pub fn range(mut self, bounds: RangeInclusive<i64>) -> Self {
        if let Some(value) = self.value.filter(|value| !bounds.contains(value)) {
            self.violates(value, &outside("value", &value, &bounds));
        }
        self
    }
}

#[expect(clippy::return_self_not_must_use, reason = "the check itself is the effect")]
impl<P: Display> Member<'_, P, &[u8]> {
    /// Bounds the number of bytes.
    pub fn length(self, bounds: RangeInclusive<usize>) -> Self {
        self.check.size(&self.path, self.value.map(<[u8]>::len), &bounds);
        self
    }
}

#[expect(clippy::return_self_not_must_use, reason = "the check itself is the effect")]
impl<S: AsRef<str>, P: Display> Member<'_, P, Strings<'_, S>> {
    /// Bounds the number of elements.
    pub fn length(mut self, bounds: RangeInclusive<usize>) -> Self {
        if let Some(list) = self.value.filter(|list| !bounds.contains(&list.0.len())) {
            self.violates(list, &outside("length", &list.0.len(), &bounds));
        }
        self
    }

    /// Every element must satisfy `holds`; `constraints` is the model's list of them as printed.
    pub fn each(mut self, constraints: &str, holds: impl Fn(&str) -> bool) -> Self {
        if let Some(list) =
            self.value.filter(|list| !list.0.iter().all(|item| holds(item.as_ref())))
        {
            self.violates(list, &format!("Member must satisfy constraint: [{constraints}]"));
        }
        self
    }

    /// Every element must be one of `set`.
    pub fn each_one_of(self, set: &[&str]) -> Self {
        let constraint = format!("Member must satisfy enum value set: [{}]", set.join(", "));
        self.each(&constraint, |item| set.contains(&item))
    }
}

/// A list of strings, printed as AWS prints one: `[a, b]`.
#[derive(Debug)]
pub struct Strings<'v, S>(pub &'v [S]);

impl<S> Clone for Strings<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Strings<'_, S> {}

impl<S> Default for Strings<'_, S> {
    fn default() -> Self {
        Self(&[])
    }
}

impl<S: AsRef<str>> Display for Strings<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(item.as_ref())?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(check: Constraints) -> String {
        check.finish().unwrap_err().message().unwrap().to_owned()
    }

    #[test]
    fn absent_required_member() {
        let mut check = Constraints::new();
        let id = check.text("secretId", None).required().length(1..=2048).value();
        assert_eq!(id, "");
        assert_eq!(
            message(check),
            "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: \
             Member must not be null"
        );
    }

    #[test]
    fn several_violations_are_joined() {
        let mut check = Constraints::new();
        check.text("name", "").required().length(1..=512);
        check.number("recoveryWindowInDays", 31).range(7..=30);
        check.text("kind", "odd").one_of(&["name", "tag-key"]);
        check.text("optional", None).length(1..=2).pattern("x", |_| false);
        assert_eq!(
            message(check),
            "3 validation errors detected: \
             Value '' at 'name' failed to satisfy constraint: \
             Member must have length greater than or equal to 1; \
             Value '31' at 'recoveryWindowInDays' failed to satisfy constraint: \
             Member must have value less than or equal to 30; \
             Value 'odd' at 'kind' failed to satisfy constraint: \
             Member must satisfy enum value set: [name, tag-key]"
        );
    }

    #[test]
    fn paths_of_list_elements() {
        let mut check = Constraints::new();
        for (index, value) in ["ok", "a*b"].into_iter().enumerate() {
            check
                .text(format_args!("tags.{}.member.tagValue", index + 1), value)
                .pattern("[a-z]*", |text| text.bytes().all(|b| b.is_ascii_lowercase()));
        }
        assert_eq!(
            message(check),
            "1 validation error detected: Value 'a*b' at 'tags.2.member.tagValue' failed to \
             satisfy constraint: Member must satisfy regular expression pattern: [a-z]*"
        );
    }

    #[test]
    fn sensitive_values_are_withheld() {
        let mut check = Constraints::new();
        check.text("secretString", "hunter2").sensitive().length(1..=3).pattern("x", |_| false);
        check.blob("plaintext", b"hunter2".as_slice()).required().length(0..=4);
        let text = message(check);
        assert!(!text.contains("hunter2"));
        assert!(text.starts_with(
            "3 validation errors detected: Value at 'secretString' failed to satisfy constraint: \
             Member must have length less than or equal to 3; Value at 'secretString'"
        ));
        assert!(text.ends_with("Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4"));
    }

    #[test]
    fn lists_print_their_elements() {
        let mut check = Constraints::new();
        let stages = ["a", "b"];
        check.strings("versionStages", stages.as_slice()).length(3..=20);
        check.strings("operations", stages.as_slice()).each_one_of(&["a", "c"]);
        check.size("filters", 11, &(0..=10));
        assert_eq!(
            message(check),
            "3 validation errors detected: Value '[a, b]' at 'versionStages' failed to satisfy \
             constraint: Member must have length greater than or equal to 3; \
             Value '[a, b]' at 'operations' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must satisfy enum value set: [a, c]]; \
             Value at 'filters' failed to satisfy constraint: Member must have length less than \
             or equal to 10"
        );
    }

    #[test]
    fn length_counts_code_points() {
        let mut check = Constraints::new();
        let value = check.text("description", "åäö").length(3..=3).optional();
        assert_eq!(value, Some("åäö"));
        check.required("policy", Some(&1));
        assert_eq!(check.finish(), Ok(()));
    }
}
