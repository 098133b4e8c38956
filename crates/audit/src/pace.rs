//! How fast each API may be called: a token bucket for each account, Region and API.
//!
//! AWS's quotas are for everybody in the account, applications first. The audit takes a part of
//! each, and what is throttled all the same is retried by the SDK, which adapts its own rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The calls that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    ListSecrets,
    DescribeSecret,
    GetSecretValue,
    DescribeKey,
    GetKeyPolicy,
    /// Encrypt, and whatever else works with a key.
    Cryptography,
    ListKeys,
    ListSecretVersionIds,
    ListAliases,
}

const APIS: [Api; 9] = [
    Api::ListSecrets,
    Api::DescribeSecret,
    Api::GetSecretValue,
    Api::DescribeKey,
    Api::GetKeyPolicy,
    Api::Cryptography,
    Api::ListKeys,
    Api::ListSecretVersionIds,
    Api::ListAliases,
];

impl Api {
    /// LIMIT: calls in a second. AWS's quotas are 100, 40,000, 10,000, 2,000 and 1,000; Encrypt shares
    /// 10,000 and more, RSA has 1,000, ListKeys and ListAliases 500, ListSecretVersionIds 50.
    const fn rate(self) -> u32 {
        match self {
            Self::ListSecrets => 25,
            Self::DescribeSecret => 2000,
            Self::GetSecretValue => 500,
            Self::DescribeKey => 200,
            Self::GetKeyPolicy | Self::Cryptography => 100,
            Self::ListKeys | Self::ListAliases => 50,
            Self::ListSecretVersionIds => 10,
        }
    }
}

/// The buckets of one account in one Region.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    buckets: [Mutex<Bucket>; APIS.len()],
}

impl Default for Pace {
    fn default() -> Self {
        let buckets = APIS.map(|api| Mutex::new(Bucket::new(api.rate())));
        Self { since: Instant::now(), buckets }
    }
}

impl Pace {
    /// Returns when the call may be made.
    pub async fn wait(&self, api: Api) {
        let Some(bucket) = self.buckets.get(api as usize) else { return };
        let wait = {
            // A bucket is whole after each of its two assignments.
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(self.since.elapsed())
        };
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

/// Holds as many calls as a tenth of a second has, and is filled evenly.
#[derive(Debug)]
struct Bucket {
    interval: Duration,
    burst: Duration,
    /// When the calls that were let through would have been made one interval apart.
    booked_until: Duration,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let burst = interval.max(Duration::from_millis(100));
        Self { interval, burst, booked_until: Duration::ZERO }
    }

    /// Books one call, and says how long it has to wait.
    fn take(&mut self, now: Duration) -> Duration {
        let start = self.booked_until.max(now);
        self.booked_until = start + self.interval;
        self.booked_until.saturating_sub(now + self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(50);
        let now = Duration::from_secs(9);
        let waits: Vec<_> = (0..8).map(|_| bucket.take(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 20, 40, 60]);
        // What was not used in the meantime is not saved up beyond the burst.
        let later = Duration::from_mins(1);
        let waits: Vec<_> = (0..6).map(|_| bucket.take(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 20]);
    }

    #[test]
    fn every_api_has_its_bucket() {
        for (index, api) in APIS.into_iter().enumerate() {
            assert_eq!(api as usize, index);
        }
    }
}
