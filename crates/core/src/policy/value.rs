//! The typed values that conditions compare: decimals, points in time, networks, binaries, booleans.
//!
//! Each is read strictly from text and compared exactly, without floating point. Text that is not
//! well-formed is `None`: in a policy a syntax error, in a request something that cannot be known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Digits after the point that a decimal keeps; more are not well-formed.
const DECIMAL_PLACES: u32 = 9;
/// Digits before the point; with the places they fit in an `i128`.
const DECIMAL_DIGITS_MAX: usize = 20;
const DECIMAL_ONE: i128 = 10_i128.pow(DECIMAL_PLACES);

/// A decimal number, counted in units of 10^-9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i128);

impl Decimal {
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let whole = number(whole, DECIMAL_DIGITS_MAX)?;
        let fraction = match fraction {
            Some(text) => scaled(text, DECIMAL_PLACES)?,
            None => 0,
        };
        let units = whole * DECIMAL_ONE + fraction;
        Some(Self(if negative { -units } else { units }))
    }
}

/// A number of 1 to `digits_max` digits and nothing else.
fn number(text: &str, digits_max: usize) -> Option<i128> {
    let valid = (1..=digits_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

/// The digits after a point, in units of 10^-places.
fn scaled(text: &str, places: u32) -> Option<i128> {
    let digits = u32::try_from(text.len()).ok()?;
    let missing = places.checked_sub(digits)?;
    Some(number(text, text.len())? * 10_i128.pow(missing))
}

/// A point in time, in units of 10^-9 seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i128);

impl Moment {
    /// Reads seconds since 1970, or `YYYY-MM-DD`, or `YYYY-MM-DDThh:mm[:ss[.fff]]` with `Z` or
    /// an offset `±hh:mm`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(Decimal(units)) = Decimal::parse(text) {
            return Some(Self(units));
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let midnight = days(date)? * 86_400 * DECIMAL_ONE;
        Some(Self(match time {
            Some(time) => midnight + time_of_day(time)?,
            None => midnight,
        }))
    }
}

/// Days from 1970-01-01 to `YYYY-MM-DD` in the Gregorian calendar.
fn days(date: &str) -> Option<i128> {
    let mut fields = date.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let (year, month, day) = (exact(year, 4)?, exact(month, 2)?, exact(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Counting the year from March puts the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let in_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + leaps + in_year - 719_468)
}

/// Units since midnight UTC; an offset can make it negative or more than a day.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix('Z') {
        (clock, 0)
    } else {
        let (clock, zone) = text.split_at(text.rfind(['+', '-'])?);
        let minutes = hours_and_minutes(zone.get(1..)?)?;
        (clock, if zone.starts_with('-') { -minutes } else { minutes })
    };
    let (minutes, seconds) = match clock.get(5..) {
        Some("") | None => (hours_and_minutes(clock)?, 0),
        Some(rest) => (hours_and_minutes(clock.get(..5)?)?, seconds(rest.strip_prefix(':')?)?),
    };
    Some((minutes - offset) * 60 * DECIMAL_ONE + seconds)
}

fn hours_and_minutes(text: &str) -> Option<i128> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (exact(hours, 2)?, exact(minutes, 2)?);
    if hours < 24 && minutes < 60 { Some(hours * 60 + minutes) } else { None }
}

fn seconds(text: &str) -> Option<i128> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, scaled(fraction, DECIMAL_PLACES)?),
        None => (text, 0),
    };
    let whole = exact(whole, 2)?;
    if whole < 60 { Some(whole * DECIMAL_ONE + fraction) } else { None }
}

fn exact(text: &str, digits: usize) -> Option<i128> {
    if text.len() == digits { number(text, digits) } else { None }
}

/// A range of addresses, `address/length` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

impl Network {
    /// Bits of the prefix `::ffff:0:0/96`, under which IPv6 writes IPv4 addresses.
    const MAPPED_LEN: u32 = 96;

    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(number(length, 3)?)),
            None => (text, None),
        };
        let length = length.map(u32::try_from).transpose().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) => Self::v4(address, length.unwrap_or(32)),
            IpAddr::V6(address) => Self::v6(address, length.unwrap_or(128)),
        }
    }

    /// Whether the network is small enough to say where somebody is.
    ///
    /// AWS: S3 calls a policy public that lets in more than a /8 of IPv4 or a /32 of IPv6.
    pub fn is_narrow(&self) -> bool {
        match self {
            Self::V4 { mask, .. } => mask.leading_ones() >= 8,
            Self::V6 { mask, .. } => mask.leading_ones() >= 32,
        }
    }

    fn v4(address: Ipv4Addr, length: u32) -> Option<Self> {
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
        Some(Self::V4 { bits: address.to_bits() & mask, mask })
    }

    fn v6(address: Ipv6Addr, length: u32) -> Option<Self> {
        if let (Some(mapped), Some(length)) =
            (address.to_ipv4_mapped(), length.checked_sub(Self::MAPPED_LEN))
        {
            return Self::v4(mapped, length);
        }
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
        Some(Self::V6 { bits: address.to_bits() & mask, mask })
    }

    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { bits, mask }, IpAddr::V4(address)) => address.to_bits() & mask == bits,
            (Self::V6 { bits, mask }, IpAddr::V6(address)) => address.to_bits() & mask == bits,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }
}

/// A boolean; AWS compares these words without regard to case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether the text is padded base64 with no unused bit set, so that equal bytes are equal texts.
pub(super) fn is_canonical_base64(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    // Bits of the last digit that carry no byte, by the number of padding signs.
    let unused = match text.len() - body.len() {
        0 => 0,
        1 => 0b0011,
        _ => 0b1111,
    };
    let last = body.bytes().last().map_or(Some(0), base64_digit);
    text.len().is_multiple_of(4)
        && body.bytes().all(|b| base64_digit(b).is_some())
        && last.is_some_and(|digit| digit & unused == 0)
}

fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        let parse = |text| Decimal::parse(text).unwrap();
        assert_eq!(parse("1"), parse("1.000"));
        assert_eq!(parse("007"), parse("7"));
        assert!(parse("-1.5") < parse("-1.4"));
        assert!(parse("9007199254740993") > parse("9007199254740992"));
        for bad in ["", "-", ".5", "1.", "+1", "1e3", "1 ", "0x1", "1.0000000001", "--1", "١"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(21)), None);
    }

    #[test]
    fn moments() {
        for (text, epoch) in [
            ("1970-01-01", "0"),
            ("1969-12-31T23:59:59Z", "-1"),
            ("2000-02-29T00:00Z", "951782400"),
            ("2024-02-29T12:30:15Z", "1709209815"),
            ("2024-02-29T12:30:15.250Z", "1709209815.25"),
            ("2024-02-29T14:30:15+02:00", "1709209815"),
            ("2024-02-28T22:30:15-14:00", "1709209815"),
            ("0000-03-01", "-62162035200"),
            ("9999-12-31T23:59:59Z", "253402300799"),
        ] {
            assert_eq!(Moment::parse(text).unwrap(), Moment::parse(epoch).unwrap(), "{text}");
        }
        for bad in [
            "",
            "2024-13-01",
            "2024-00-01",
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-1-01",
            "2024-01-01T",
            "2024-01-01T00:00",
            "2024-01-01T24:00Z",
            "2024-01-01T00:60Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00Z+01:00",
            "2024-01-01T00:00é00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01-01",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn networks() {
        let contains = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        for (network, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.1.2.3/8", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.1"),
            ("0.0.0.0/0", "255.1.1.1"),
            ("2001:db8::/32", "2001:db8:1::1"),
            ("::/0", "2001:db8::1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9"),
        ] {
            assert!(contains(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "10.0.0.1"),
            ("2001:db8::/32", "2001:db9::"),
        ] {
            assert!(!contains(network, address), "{network} {address}");
        }
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn base64() {
        for good in ["", "QQ==", "QUI=", "QUJD", "+/8="] {
            assert!(is_canonical_base64(good), "{good}");
        }
        for bad in ["Q", "QQ", "QQ=", "QR==", "QUJ=", "Q===", "====", "QU-D", "QUJD\n", "=QQ="] {
            assert!(!is_canonical_base64(bad), "{bad}");
        }
    }
}
