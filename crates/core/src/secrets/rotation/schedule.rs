//! Rotation rules: how often, and in which windows, a secret is rotated.
//!
//! Pure: a window is computed from the rules and a point in time, in UTC. What is accepted is
//! what Secrets Manager accepts: a frequency in days or one expression, four hours apart at least,
//! windows that run neither into the next one nor into the next day. When a rotation counts is for
//! [`super::machine`].

use super::cron::Cron;
use crate::limits;
use crate::time::{DAY_MS, HOUR_MS, Timestamp};

/// When a secret may be rotated: from the first to the last second, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    /// AWS: what `NextRotationDate` shows.
    pub end: Timestamp,
}

/// `RotationRules` as given and checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    given: Given,
    schedule: Option<Schedule>,
}

/// The members as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    pub after_days: Option<u32>,
    pub expression: Option<Box<str>>,
    /// Such as `3h`.
    pub duration: Option<Box<str>>,
}

/// Why rules are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// AutomaticallyAfterDays and ScheduleExpression.
    Both,
    /// No expression that Secrets Manager knows.
    Expression,
    /// Windows less than four hours apart.
    TooOften,
    /// A window without a schedule, or one that does not end in time.
    Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    every: Every,
    duration_hours: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Hours(u32),
    Days(u32),
    Cron(Cron),
}

impl Rules {
    pub fn new(given: Given) -> Result<Self, Flaw> {
        let every = match (given.after_days, given.expression.as_deref()) {
            (Some(_), Some(_)) => return Err(Flaw::Both),
            (Some(days), None) => {
                let allowed = 1..=limits::ROTATION_DAYS_MAX;
                Some(Every::Days(days).filter(allowed.contains(&days))?)
            }
            (None, Some(text)) => Some(Every::parse(text)?),
            (None, None) => None,
        };
        let duration_hours = given.duration.as_deref().map(hours_of).transpose()?;
        let schedule = match every {
            Some(every) => Some(Schedule { every, duration_hours }.checked()?),
            None if duration_hours.is_some() => return Err(Flaw::Duration),
            None => None,
        };
        Ok(Self { given, schedule })
    }

    pub fn given(&self) -> &Given {
        &self.given
    }

    /// The first window after a rotation at `last`. `since` is when the rules were set, from whose
    /// midnight intervals of hours are counted.
    pub fn window_after(&self, last: Timestamp, since: Timestamp) -> Option<Window> {
        let schedule = self.schedule?;
        let start = match schedule.every {
            Every::Days(days) => last.day().plus_days(days),
            _ => schedule.start_after(last, since)?,
        };
        Some(schedule.window(start))
    }

    /// The first window in which a rotation that failed, or whose window has passed, is tried again.
    pub fn window_again(&self, now: Timestamp, since: Timestamp) -> Option<Window> {
        let schedule = self.schedule?;
        let start = match schedule.every {
            Every::Days(_) => now.day().plus_days(1),
            _ => schedule.start_after(now, since)?,
        };
        Some(schedule.window(start))
    }

    /// `AutomaticallyAfterDays` as it is shown.
    ///
    /// AWS: after a successful rotation also for an expression; a day at least.
    pub fn days_shown(&self, last: Option<Timestamp>, since: Timestamp) -> Option<u32> {
        if self.given.after_days.is_some() {
            return self.given.after_days;
        }
        let last = last?;
        match self.schedule?.every {
            Every::Days(days) => Some(days),
            Every::Hours(hours) => Some(hours.div_ceil(24)),
            Every::Cron(_) => {
                let next = self.window_after(last, since)?.start;
                let days = next.since(last).as_millis().div_ceil(DAY_MS.unsigned_abs().into());
                u32::try_from(days).ok().map(|days| days.max(1))
            }
        }
    }
}

impl Every {
    fn filter(self, allowed: bool) -> Result<Self, Flaw> {
        if allowed { Ok(self) } else { Err(Flaw::Expression) }
    }

    fn parse(text: &str) -> Result<Self, Flaw> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_suffix(')');
        if let Some(fields) = inner("cron(") {
            return Cron::parse(fields).map(Self::Cron).ok_or(Flaw::Expression);
        }
        let rate = inner("rate(").ok_or(Flaw::Expression)?;
        let (count, unit) = rate.trim().split_once(' ').ok_or(Flaw::Expression)?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = count.parse().map_err(|_| Flaw::Expression)?;
        match unit.trim() {
            "day" | "days" => {
                let allowed = (1..=limits::ROTATION_RATE_DAYS_MAX).contains(&count);
                Self::Days(count).filter(digits && allowed)
            }
            "hour" | "hours" if digits && count < limits::ROTATION_HOURS_MIN && count > 0 => {
                Err(Flaw::TooOften)
            }
            "hour" | "hours" => {
                let hours_max = 24 * limits::ROTATION_RATE_DAYS_MAX;
                Self::Hours(count).filter(digits && (1..=hours_max).contains(&count))
            }
            _ => Err(Flaw::Expression),
        }
    }
}

impl Schedule {
    /// AWS: windows are four hours apart at least, and end before the next and before the day does.
    fn checked(self) -> Result<Self, Flaw> {
        let (gap_hours, last_start) = match self.every {
            Every::Days(_) => (24, 0),
            // Windows of a rate in hours may open at any hour, so only the next one bounds them.
            Every::Hours(hours) => (hours.min(24), 0),
            Every::Cron(cron) => (gap_hours(&cron), cron.hours().next_back().unwrap_or_default()),
        };
        if gap_hours < limits::ROTATION_HOURS_MIN {
            return Err(Flaw::TooOften);
        }
        let longest = gap_hours.min(24 - last_start);
        if self.duration_hours.is_some_and(|hours| hours == 0 || hours > longest) {
            return Err(Flaw::Duration);
        }
        Ok(self)
    }

    /// The first window of an expression in hours, or of a cron expression, after `last`.
    fn start_after(&self, last: Timestamp, since: Timestamp) -> Option<Timestamp> {
        match self.every {
            Every::Days(days) => Some(last.day().plus_days(days)),
            Every::Hours(hours) => {
                let anchor = since.day().millis();
                let step = HOUR_MS * i64::from(hours);
                let passed = last.millis().saturating_sub(anchor).div_euclid(step);
                Some(Timestamp::from_millis(anchor + (passed + 1) * step))
            }
            Every::Cron(cron) => {
                let mut day = last.millis().div_euclid(DAY_MS);
                loop {
                    day = cron.day_from(day)?;
                    let starts = cron.hours().map(|hour| {
                        Timestamp::from_millis(day * DAY_MS + i64::from(hour) * HOUR_MS)
                    });
                    if let Some(start) = starts.into_iter().find(|start| *start > last) {
                        return Some(start);
                    }
                    day += 1;
                }
            }
        }
    }

    /// AWS: by default an hour for a schedule in hours, and the rest of the day for one in days.
    fn window(&self, start: Timestamp) -> Window {
        let in_hours = match self.every {
            Every::Hours(_) => true,
            Every::Days(_) => false,
            Every::Cron(cron) => cron.hours().count() > 1,
        };
        let end = match self.duration_hours {
            Some(hours) => start.millis() + i64::from(hours) * HOUR_MS,
            None if in_hours => start.millis() + HOUR_MS,
            None => start.day().millis() + DAY_MS,
        };
        Window { start, end: Timestamp::from_millis(end - 1000) }
    }
}

/// The fewest hours between two windows of a cron expression.
fn gap_hours(cron: &Cron) -> u32 {
    let hours: Vec<u32> = cron.hours().collect();
    let within = hours.windows(2).filter_map(|pair| match pair {
        [one, next] => Some(next - one),
        _ => None,
    });
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return 0 };
    // Over midnight only if two days in a row match; every pair of dates comes within 28 years,
    // and every pair of a date with another within four.
    let in_a_row = (0..4 * 366).any(|day| cron.matches(day) && cron.matches(day + 1));
    let over = if in_a_row { 24 - last + first } else { 24 };
    within.min().map_or(over, |within| within.min(over))
}

/// `3h`.
fn hours_of(text: &str) -> Result<u32, Flaw> {
    let digits = text.strip_suffix('h').ok_or(Flaw::Duration)?;
    digits.parse().map_err(|_| Flaw::Duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2024-01-01T00:00:00Z, a Monday.
    const NEW_YEAR_MS: i64 = 1_704_067_200_000;

    fn at(days: i64, hours: i64, minutes: i64) -> Timestamp {
        Timestamp::from_millis(NEW_YEAR_MS + days * DAY_MS + hours * HOUR_MS + minutes * 60_000)
    }

    fn rules(expression: &str, duration: Option<&str>) -> Result<Rules, Flaw> {
        Rules::new(Given {
            after_days: None,
            expression: Some(expression.into()),
            duration: duration.map(Into::into),
        })
    }

    fn days(days: u32) -> Rules {
        Rules::new(Given { after_days: Some(days), ..Given::default() }).unwrap()
    }

    fn ends_before(time: Timestamp) -> Timestamp {
        Timestamp::from_millis(time.millis() - 1000)
    }

    /// A rotation on the 1st at 13:37 under rules set then: the window that follows.
    #[test]
    fn windows() {
        let now = at(0, 13, 37);
        let cases = [
            ("rate(1 day)", None, at(1, 0, 0), at(2, 0, 0)),
            ("rate(10 days)", None, at(10, 0, 0), at(11, 0, 0)),
            ("rate(10 days)", Some("3h"), at(10, 0, 0), at(10, 3, 0)),
            ("rate(4 hours)", None, at(0, 16, 0), at(0, 17, 0)),
            ("rate(5 hours)", Some("5h"), at(0, 15, 0), at(0, 20, 0)),
            ("rate(36 hours)", None, at(1, 12, 0), at(1, 13, 0)),
            ("cron(0 8 * * ? *)", None, at(1, 8, 0), at(2, 0, 0)),
            ("cron(0 16 1,15 * ? *)", Some("2h"), at(0, 16, 0), at(0, 18, 0)),
            ("cron(0 8/8 * * ? *)", None, at(0, 16, 0), at(0, 17, 0)),
            ("cron(0 10 ? * SUN#1 *)", Some("14h"), at(6, 10, 0), at(7, 0, 0)),
            ("cron(0 23 L * ? *)", Some("1h"), at(30, 23, 0), at(31, 0, 0)),
        ];
        for (text, duration, start, end) in cases {
            let window = rules(text, duration).unwrap().window_after(now, now).unwrap();
            assert_eq!(window, Window { start, end: ends_before(end) }, "{text}");
        }
        let window = days(30).window_after(now, now).unwrap();
        assert_eq!(window, Window { start: at(30, 0, 0), end: ends_before(at(31, 0, 0)) });
        assert_eq!(Rules::default().window_after(now, now), None);
    }

    /// AWS: the documented example of a window of two hours from 16:00 ends at 17:59:59.
    #[test]
    fn the_date_shown_is_the_windows_last_second() {
        let rules = rules("cron(0 16 1,15 * ? *)", Some("2h")).unwrap();
        let window = rules.window_after(at(0, 0, 0), at(0, 0, 0)).unwrap();
        assert_eq!(window.end, Timestamp::from_millis(at(0, 17, 59).millis() + 59_000));
    }

    #[test]
    fn a_window_that_was_missed_comes_again() {
        let now = at(3, 13, 37);
        let again = |rules: &Rules| rules.window_again(now, at(0, 0, 0)).unwrap().start;
        assert_eq!(again(&days(30)), at(4, 0, 0));
        assert_eq!(again(&rules("rate(5 hours)", None).unwrap()), at(3, 18, 0));
        assert_eq!(again(&rules("cron(0 8 L * ? *)", None).unwrap()), at(30, 8, 0));
    }

    #[test]
    fn rules_that_are_refused() {
        let cases = [
            ("rate(3 hours)", None, Flaw::TooOften),
            ("rate(1 hour)", None, Flaw::TooOften),
            ("cron(0 * * * ? *)", None, Flaw::TooOften),
            ("cron(0 0/7 * * ? *)", None, Flaw::TooOften),
            ("cron(0 8,11 * * ? *)", None, Flaw::TooOften),
            ("rate(0 days)", None, Flaw::Expression),
            ("rate(0 hours)", None, Flaw::Expression),
            ("rate(1000 days)", None, Flaw::Expression),
            ("rate(-1 days)", None, Flaw::Expression),
            ("rate(5 minutes)", None, Flaw::Expression),
            ("rate(5)", None, Flaw::Expression),
            ("every day", None, Flaw::Expression),
            ("cron(5 8 * * ? *)", None, Flaw::Expression),
            ("cron(0 8 1 * MON *)", None, Flaw::Expression),
            ("rate(10 days)", Some("25h"), Flaw::Duration),
            ("rate(10 days)", Some("0h"), Flaw::Duration),
            ("rate(10 days)", Some("3"), Flaw::Duration),
            ("rate(4 hours)", Some("5h"), Flaw::Duration),
            ("cron(0 16 * * ? *)", Some("9h"), Flaw::Duration),
            ("cron(0 8/8 * * ? *)", Some("9h"), Flaw::Duration),
        ];
        for (text, duration, flaw) in cases {
            assert_eq!(rules(text, duration), Err(flaw), "{text} {duration:?}");
        }
        let both =
            Given { after_days: Some(1), expression: Some("rate(1 day)".into()), duration: None };
        assert_eq!(Rules::new(both), Err(Flaw::Both));
        let alone = Given { duration: Some("1h".into()), ..Given::default() };
        assert_eq!(Rules::new(alone), Err(Flaw::Duration));
        // Not on two days in a row, so the hours over midnight do not count.
        assert!(rules("cron(0 0,21 1 * ? *)", None).is_ok());
        assert!(rules("rate(1 day)", Some("24h")).is_ok());
    }

    /// AWS: a rate in hours shows a day; nothing is computed before the first rotation.
    #[test]
    fn days_are_shown_for_expressions_too() {
        let last = Some(at(0, 13, 37));
        let shown = |text: &str| rules(text, None).unwrap().days_shown(last, at(0, 0, 0));
        assert_eq!(shown("rate(10 hours)"), Some(1));
        assert_eq!(shown("rate(36 hours)"), Some(2));
        assert_eq!(shown("rate(10 days)"), Some(10));
        assert_eq!(shown("cron(0 8 * * ? *)"), Some(1));
        assert_eq!(shown("cron(0 8 1 * ? *)"), Some(31));
        assert_eq!(rules("rate(10 days)", None).unwrap().days_shown(None, at(0, 0, 0)), None);
        assert_eq!(days(7).days_shown(None, at(0, 0, 0)), Some(7));
    }

    proptest! {
        /// Any expression is refused or has windows that come later, one after another, four hours
        /// apart, and end within the day.
        #[test]
        fn windows_follow_one_another(
            hour in "[0-9*]{1,2}(/[1-9])?|[0-9],[0-9]{2}",
            day in "[?*L]|[1-9](/[1-9])?|1,15",
            weekday in "[?*L]|[1-7](#[1-5])?|MON-FRI|FRIL",
            offset in 0_i64..1_000_000_000,
        ) {
            let text = format!("cron(0 {hour} {day} * {weekday} *)");
            if let Ok(rules) = rules(&text, None) {
                let mut last = Timestamp::from_millis(NEW_YEAR_MS + offset);
                let mut earlier = None;
                for _ in 0..5 {
                    let window = rules.window_after(last, last).unwrap();
                    prop_assert!(window.start > last && window.end > window.start, "{}", text);
                    prop_assert!(window.end.day() == window.start.day());
                    if let Some(earlier) = earlier {
                        prop_assert!(window.start.since(earlier).as_secs() >= 4 * 3600);
                    }
                    earlier = Some(window.start);
                    last = window.start;
                }
            }
        }
    }
}
