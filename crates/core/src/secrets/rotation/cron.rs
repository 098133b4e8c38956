//! `cron(0 H D M W *)`: on which days, and at which hours of them, a rotation window opens.
//!
//! The fields as Secrets Manager restricts them: minutes 0, year `*`, exactly one of day-of-month
//! and day-of-week `?`. Everything is a set of bits, so that a day is looked up, not computed. What
//! a window is, and how far apart two must be, is for [`super::schedule`].

use crate::time::civil;

/// The days that are searched for the next match: 29 February may be eight years away.
const SEARCH_DAYS: i64 = 9 * 366;
/// The Unix epoch was a Thursday: the fifth day of a week that begins on Sunday with 1.
const EPOCH_WEEKDAY: i64 = 4;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// An expression that matches some day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    /// Bits 0 to 23.
    hours: u32,
    /// Bits 1 to 12.
    months: u32,
    days: Days,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    /// Bits 1 to 31, and whether the last day is one of them.
    OfMonth {
        days: u32,
        last: bool,
    },
    OfWeek(Weekdays),
}

/// Bit `d` is weekday `d`, from 1 for Sunday to 7 for Saturday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Weekdays {
    every: u32,
    /// The first to fifth of the month, each with its weekdays.
    nth: [u32; 5],
    /// The last one of the month.
    last: u32,
}

impl Cron {
    /// Parses what stands between `cron(` and `)`. `None` for anything that Secrets Manager refuses.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut field = || fields.next();
        let (minutes, hours, days) = (field()?, field()?, field()?);
        let (months, weekdays, year) = (field()?, field()?, field()?);
        if field().is_some() || minutes != "0" || year != "*" {
            return None;
        }
        let days = match (days, weekdays) {
            ("?", "?") => return None,
            (days, "?") => of_month(days)?,
            ("?", weekdays) => Days::OfWeek(of_week(weekdays)?),
            _ => return None,
        };
        let plain = |text: &str| text.parse().ok();
        let hours = set(hours, 0, 23, &plain)?;
        let months = set(months, 1, 12, &|text| named(text, &MONTHS))?;
        let cron = Self { hours, months, days };
        // AWS: a schedule that never comes is refused.
        cron.day_from(0).map(|_| cron)
    }

    /// The first day from `day` on, since 1970-01-01, on which windows open.
    pub fn day_from(&self, day: i64) -> Option<i64> {
        (day..day.saturating_add(SEARCH_DAYS)).find(|day| self.matches(*day))
    }

    /// The hours at which windows open on a day that matches, in order.
    pub fn hours(&self) -> impl DoubleEndedIterator<Item = u32> + use<> {
        let hours = self.hours;
        (0..24).filter(move |hour| hours & (1 << hour) != 0)
    }

    pub fn matches(&self, day: i64) -> bool {
        let (_, month, day_of_month) = civil(day);
        if !has(self.months, month) {
            return false;
        }
        let is_last = |ahead: i64| civil(day + ahead).1 != month;
        match self.days {
            Days::OfMonth { days, last } => has(days, day_of_month) || (last && is_last(1)),
            Days::OfWeek(Weekdays { every, nth, last }) => {
                let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7) + 1;
                let week = usize::try_from((day_of_month - 1) / 7).unwrap_or_default();
                has(every, weekday)
                    || nth.get(week).is_some_and(|days| has(*days, weekday))
                    || (has(last, weekday) && is_last(7))
            }
        }
    }
}

fn has(bits: u32, at: i64) -> bool {
    u32::try_from(at).ok().and_then(|at| bits.checked_shr(at)).is_some_and(|bits| bits & 1 == 1)
}

fn of_month(text: &str) -> Option<Days> {
    let (mut days, mut last) = (0, false);
    for item in text.split(',') {
        if item == "L" {
            last = true;
        } else {
            days |= range(item, 1, 31, &|text| text.parse().ok())?;
        }
    }
    Some(Days::OfMonth { days, last })
}

fn of_week(text: &str) -> Option<Weekdays> {
    let weekday = |text: &str| named(text, &WEEKDAYS);
    let bit = |text: &str| weekday(text).filter(|day| (1..=7).contains(day)).map(|day| 1 << day);
    let mut found = Weekdays::default();
    for item in text.split(',') {
        if item == "L" {
            // The last day of the week.
            found.every |= 1 << 7;
        } else if let Some((day, number)) = item.split_once('#') {
            let number: usize = number.parse().ok()?;
            *found.nth.get_mut(number.checked_sub(1)?)? |= bit(day)?;
        } else if let Some(day) = item.strip_suffix('L') {
            found.last |= bit(day)?;
        } else {
            found.every |= range(item, 1, 7, &weekday)?;
        }
    }
    Some(found)
}

type Number<'n> = &'n dyn Fn(&str) -> Option<u32>;

fn set(text: &str, min: u32, max: u32, number: Number<'_>) -> Option<u32> {
    text.split(',').try_fold(0, |bits, item| Some(bits | range(item, min, max, number)?))
}

/// `*`, `a`, `a-b`, and each of them with `/step`.
fn range(item: &str, min: u32, max: u32, number: Number<'_>) -> Option<u32> {
    let (span, step) = match item.split_once('/') {
        Some((span, step)) => (span, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
        None => (item, None),
    };
    let (first, last) = match span.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None if span == "*" => (min, max),
        // A step without an end goes on to the end of the field.
        None => number(span).map(|first| (first, if step.is_some() { max } else { first }))?,
    };
    if first < min || last > max || first > last {
        return None;
    }
    let step = usize::try_from(step.unwrap_or(1)).ok()?;
    Some((first..=last).step_by(step).fold(0, |bits, at| bits | (1 << at)))
}

/// A number, or a name of three letters that stands for one; the first name is 1.
fn named(text: &str, names: &[&str]) -> Option<u32> {
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match at {
        Some(at) => u32::try_from(at + 1).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01, a Monday, as a day since 1970-01-01.
    const NEW_YEAR: i64 = 19_723;

    /// The first four days from 2024-01-01 on.
    fn days(text: &str) -> Vec<(i64, i64, i64)> {
        let cron = Cron::parse(text).unwrap();
        let mut day = NEW_YEAR;
        let mut found = Vec::new();
        while found.len() < 4 {
            day = cron.day_from(day).unwrap();
            found.push(civil(day));
            day += 1;
        }
        found
    }

    #[test]
    fn days_that_match() {
        let of = |month: [i64; 4], day: [i64; 4]| {
            month.into_iter().zip(day).map(|(month, day)| (2024, month, day)).collect::<Vec<_>>()
        };
        let cases = [
            ("0 8 * * ? *", of([1; 4], [1, 2, 3, 4])),
            ("0 8 1 * ? *", of([1, 2, 3, 4], [1; 4])),
            ("0 8 1,15 * ? *", of([1, 1, 2, 2], [1, 15, 1, 15])),
            ("0 8 1/7 * ? *", of([1; 4], [1, 8, 15, 22])),
            ("0 8 29-31 * ? *", of([1, 1, 1, 2], [29, 30, 31, 29])),
            ("0 8 L * ? *", of([1, 2, 3, 4], [31, 29, 31, 30])),
            ("0 8 1 1/3 ? *", of([1, 4, 7, 10], [1; 4])),
            ("0 8 1 JAN,apr,7-8 ? *", of([1, 4, 7, 8], [1; 4])),
            ("0 8 ? * MON-FRI *", of([1; 4], [1, 2, 3, 4])),
            ("0 8 ? * SUN *", of([1; 4], [7, 14, 21, 28])),
            ("0 8 ? * 2 *", of([1; 4], [1, 8, 15, 22])),
            ("0 8 ? * SUN#1 *", of([1, 2, 3, 4], [7, 4, 3, 7])),
            ("0 8 ? * 3#2 *", of([1, 2, 3, 4], [9, 13, 12, 9])),
            ("0 8 ? * FRIL *", of([1, 2, 3, 4], [26, 23, 29, 26])),
            ("0 8 ? * L *", of([1; 4], [6, 13, 20, 27])),
            ("0 8 ? FEB MON#1,THU#5 *", {
                let mut days = of([2, 2, 0, 0], [5, 29, 0, 0]);
                days.splice(2.., [(2025, 2, 3), (2026, 2, 2)]);
                days
            }),
        ];
        for (text, expected) in cases {
            assert_eq!(days(text), expected, "{text}");
        }
        let leap = days("0 8 29 2 ? *");
        assert_eq!(leap.last(), Some(&(2036, 2, 29)));
    }

    #[test]
    fn hours_that_match() {
        let hours = |text: &str| Cron::parse(text).unwrap().hours().collect::<Vec<_>>();
        assert_eq!(hours("0 8/8 * * ? *"), [8, 16]);
        assert_eq!(hours("0 2/10 * * ? *"), [2, 12, 22]);
        assert_eq!(hours("0 */12 * * ? *"), [0, 12]);
        assert_eq!(hours("0 0-20/5,23 * * ? *"), [0, 5, 10, 15, 20, 23]);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "0 8 * * ?",
            "0 8 * * ? * *",
            "5 8 * * ? *",
            "* 8 * * ? *",
            "0 8 * * ? 2030",
            "0 8 * * * *",
            "0 8 ? * ? *",
            "0 8 1 * MON *",
            "0 24 * * ? *",
            "0 8 0 * ? *",
            "0 8 32 * ? *",
            "0 8 15-1 * ? *",
            "0 8 1/0 * ? *",
            "0 8 1 13 ? *",
            "0 8 1 FOO ? *",
            "0 8 ? * 8 *",
            "0 8 ? * 0 *",
            "0 8 ? * SUN#6 *",
            "0 8 ? * SUN#0 *",
            "0 8 ? * 9L *",
            "0 8 ? * # *",
            "0 8 1W * ? *",
            "0 8 1, * ? *",
            "0 8 31 2 ? *",
            "0 +8 99999999999 * ? *",
        ] {
            assert_eq!(Cron::parse(text), None, "{text}");
        }
    }
}
