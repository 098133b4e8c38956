//! What secrets, replicas and keys cost in a month, and what the audit itself did.
//!
//! AWS's list prices in US dollars. A failed replica is not counted; a replica that is there is.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Prices in ten-thousandths of a dollar: a secret or a replica, and a key, for a month.
const SECRET: u64 = 4000;
const KEY: u64 = 10_000;
/// 10,000 calls of Secrets Manager cost 0.05 dollars, so that one costs this many 1e-8 dollars.
const CALL_E8: u64 = 500;

/// After how long without being read a secret is called unread.
pub const UNREAD_DAYS: i64 = 90;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    pub secrets: u64,
    pub replicas: u64,
    /// Customer managed keys that these are under.
    pub keys: u64,
    /// Of the audit, to Secrets Manager and KMS.
    pub calls: u64,
    pub unread: u64,
}

impl Cost {
    /// One line.
    pub fn text(&self) -> String {
        let Self { secrets, replicas, keys, calls, unread } = *self;
        let stored = dollars((secrets + replicas) * SECRET);
        let mut line = format!(
            "cost: ${stored} a month for {secrets} secrets and {replicas} replicas, ${} for {keys} keys",
            dollars(keys * KEY)
        );
        if unread > 0 {
            let saved = dollars(unread * SECRET);
            // A string takes everything.
            let _ =
                write!(line, "; {unread} secrets not read for {UNREAD_DAYS} days cost ${saved}");
        }
        let _ = writeln!(line, "; this audit made {calls} calls (${})", self.calls_text());
        line
    }

    /// Rounded up to a hundredth of a cent.
    fn calls_text(&self) -> String {
        let e4 = (self.calls * CALL_E8).div_ceil(10_000);
        format!("{}.{:04}", e4 / 10_000, e4 % 10_000)
    }

    pub fn json(&self) -> Value {
        let Self { secrets, replicas, keys, calls, unread } = *self;
        json!({
            "secrets": secrets,
            "replicas": replicas,
            "keys": keys,
            "usd_a_month": dollars((secrets + replicas) * SECRET + keys * KEY),
            "unread_secrets": unread,
            "unread_usd_a_month": dollars(unread * SECRET),
            "calls": calls,
            "calls_usd": self.calls_text(),
        })
    }
}

fn dollars(e4: u64) -> String {
    format!("{}.{:02}", e4 / 10_000, e4 % 10_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let cost = Cost { secrets: 10, replicas: 20, keys: 3, calls: 41, unread: 4 };
        assert_eq!(
            cost.text(),
            "cost: $12.00 a month for 10 secrets and 20 replicas, $3.00 for 3 keys; \
             4 secrets not read for 90 days cost $1.60; this audit made 41 calls ($0.0003)\n"
        );
        assert_eq!(cost.json()["usd_a_month"], "15.00");
        assert!(!Cost::default().text().contains("not read"));
    }
}
