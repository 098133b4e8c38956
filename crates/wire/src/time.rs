//! Calendar text for points in time, as signatures and XML spell it.
//!
//! UTC and the proleptic Gregorian calendar only, years 0 to 9999; no time zones but an offset that
//! a request states, no leap seconds, no clock. The day arithmetic is Howard Hinnant's
//! `days_from_civil`; its inverse is the core's.

use regent_core::time::{DAY_MS, Timestamp, civil};

/// Text of a fixed length, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> core::fmt::Display for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// ISO 8601 basic format, to the second: `20150830T123600Z`.
pub fn basic(time: Timestamp) -> Text<16> {
    render(time, *b"YYYYmmddTHHMMSSZ")
}

/// ISO 8601, to the second: `2024-05-24T18:15:31Z`.
pub fn extended(time: Timestamp) -> Text<20> {
    render(time, *b"YYYY-mm-ddTHH:MM:SSZ")
}

/// ISO 8601, to the millisecond: `2024-05-24T17:15:31.123Z`.
pub fn extended_ms(time: Timestamp) -> Text<24> {
    render(time, *b"YYYY-mm-ddTHH:MM:SS.fffZ")
}

/// Reads [`basic`], and nothing else.
pub fn parse_basic(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let (year, date) = number(date, 4)?;
    let (month, date) = number(date, 2)?;
    let (day, date) = number(date, 2)?;
    let (millis, rest) = time_of_day(clock, "")?;
    (date.is_empty() && rest.is_empty()).then_some(())?;
    Some(Timestamp::from_millis(days(year, month, day)? * DAY_MS + millis))
}

/// Reads a timestamp of the query protocol: `2024-05-24T17:15:31`, then an optional fraction, then
/// `Z` or an offset such as `+02:00`.
pub fn parse_extended(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once('T')?;
    let (year, date) = number(date, 4)?;
    let (month, date) = number(date.strip_prefix('-')?, 2)?;
    let (day, date) = number(date.strip_prefix('-')?, 2)?;
    date.is_empty().then_some(())?;
    let (mut millis, mut rest) = time_of_day(clock, ":")?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (value, _) = number(fraction, len.min(3))?;
        millis += value * [1000, 100, 10, 1].get(len.min(3))?;
        rest = fraction.get(len..)?;
        (1..=9).contains(&len).then_some(())?;
    }
    let midnight = days(year, month, day)? * DAY_MS;
    Some(Timestamp::from_millis(midnight + millis - offset_ms(rest)?))
}

fn offset_ms(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60)
        .then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// Milliseconds since midnight, and what follows the seconds.
fn time_of_day<'t>(text: &'t str, separator: &str) -> Option<(i64, &'t str)> {
    let (hours, rest) = number(text, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let (seconds, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let valid = hours < 24 && minutes < 60 && seconds < 60;
    valid.then_some((((hours * 60 + minutes) * 60 + seconds) * 1000, rest))
}

/// Exactly `len` digits, and what follows them.
fn number(text: &str, len: usize) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(len)?;
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((valid.then(|| digits.parse().ok())??, rest))
}

/// Fills in `layout`: runs of `Y`, `m`, `d`, `H`, `M`, `S` and `f` (milliseconds) become digits,
/// right-aligned. Years beyond 9999 keep their last four digits.
fn render<const N: usize>(time: Timestamp, mut layout: [u8; N]) -> Text<N> {
    let (year, month, day) = civil(time.millis().div_euclid(DAY_MS));
    let millis = time.millis().rem_euclid(DAY_MS);
    let mut fields = [
        (b'Y', year.rem_euclid(10_000)),
        (b'm', month),
        (b'd', day),
        (b'H', millis / 3_600_000),
        (b'M', millis / 60_000 % 60),
        (b'S', millis / 1000 % 60),
        (b'f', millis % 1000),
    ];
    for byte in layout.iter_mut().rev() {
        if let Some((_, value)) = fields.iter_mut().find(|(name, _)| name == byte) {
            *byte = b'0' + u8::try_from(*value % 10).unwrap_or_default();
            *value /= 10;
        }
    }
    Text(layout)
}

/// Days since 1970-01-01, or `None` if there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YEAR_9999_MS: i64 = 253_402_300_799_999;

    #[test]
    fn known_points() {
        let time = Timestamp::from_millis(1_440_938_160_000);
        assert_eq!(basic(time).as_str(), "20150830T123600Z");
        assert_eq!(extended(time).as_str(), "2015-08-30T12:36:00Z");
        let leap = Timestamp::from_millis(1_709_251_199_123);
        assert_eq!(extended_ms(leap).as_str(), "2024-02-29T23:59:59.123Z");
        assert_eq!(basic(Timestamp::from_millis(-1)).as_str(), "19691231T235959Z");
    }

    #[test]
    fn extended_takes_fractions_and_offsets() {
        let at = |text| parse_extended(text).map(Timestamp::millis);
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(at("1970-01-01T00:00:01.5Z"), Some(1500));
        assert_eq!(at("1970-01-01T00:00:01.123456Z"), Some(1123));
        assert_eq!(at("1970-01-01T02:00:01+02:00"), Some(1000));
        assert_eq!(at("1969-12-31T19:00:00-05:00"), Some(0));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20150830T123600",
            "20150830T123600z",
            "20150832T123600Z",
            "20150229T123600Z",
            "20150830T240000Z",
            "20150830T12360Z",
            "20150830T1236000Z",
            "+0150830T123600Z",
            "2015-08-30T12:36:00Z",
            "2015083éT123600Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        for text in [
            "1970-01-01T00:00:01",
            "1970-01-01T00:00:01.Z",
            "1970-01-01T00:00:01.1234567890Z",
            "1970-1-01T00:00:01Z",
            "1970-13-01T00:00:01Z",
            "1970-01-01T00:00:01+24:00",
            "1970-01-01T00:00:01 Z",
        ] {
            assert_eq!(parse_extended(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn formats_read_back(millis in 0..=YEAR_9999_MS) {
            let time = Timestamp::from_millis(millis);
            let second = Timestamp::from_millis(millis / 1000 * 1000);
            prop_assert_eq!(parse_basic(basic(time).as_str()), Some(second));
            prop_assert_eq!(parse_extended(extended(time).as_str()), Some(second));
            prop_assert_eq!(parse_extended(extended_ms(time).as_str()), Some(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), millis in any::<i64>()) {
            let _ = (parse_basic(&text), parse_extended(&text));
            let _ = extended_ms(Timestamp::from_millis(millis));
        }
    }
}
