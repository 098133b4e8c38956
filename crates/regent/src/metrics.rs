//! Counters and latencies of requests, and their text for Prometheus.
//!
//! Counting costs a shared lock and a few atomic additions; rows are created once for each
//! operation and Region. Labels come from the operations table, from fault codes and from typed
//! identifiers, never from a request's text, so their number is bounded and nothing secret can be
//! among them (promise R7). What links and stores report is written by whoever asks them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use regent_core::ids::Region;
use regent_wire::service::Service;

/// The content type of the text format, version 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the latency histogram, in microseconds.
const BUCKETS_US: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// The code of a request that succeeded.
const OK: &str = "OK";

/// What a request was, as far as it was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    pub service: Option<Service>,
    pub operation: Option<&'static str>,
    pub region: Option<Region>,
}

/// All counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    rows: RwLock<HashMap<Subject, Arc<Row>>>,
    connections: AtomicU64,
    panics: AtomicU64,
}

#[derive(Debug, Default)]
struct Row {
    succeeded: AtomicU64,
    failed: Mutex<BTreeMap<&'static str, u64>>,
    /// Requests by the bucket that they fall in; the last is for all slower ones.
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Metrics {
    /// Counts one answered request. `code` is the fault's, if it failed.
    pub fn count(&self, subject: Subject, code: Option<&'static str>, took: Duration) {
        if let Some(row) = self.rows.read().unwrap_or_else(PoisonError::into_inner).get(&subject) {
            return row.count(code, took);
        }
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.entry(subject).or_default().count(code, took);
    }

    /// Counts one accepted connection.
    pub fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one request that panicked.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Appends everything to `page`, in a stable order.
    pub fn write(&self, page: &mut Page) {
        let rows: BTreeMap<Subject, Arc<Row>> = {
            let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
            rows.iter().map(|(subject, row)| (*subject, Arc::clone(row))).collect()
        };
        page.family("regent_requests_total", Kind::Counter, "Requests answered, by result.");
        for (subject, row) in &rows {
            row.write_results(page, subject);
        }
        page.family(
            "regent_request_duration_seconds",
            Kind::Histogram,
            "Time from a request's head to its answer.",
        );
        for (subject, row) in &rows {
            row.write_latency(page, subject);
        }
        page.family("regent_connections_total", Kind::Counter, "Connections accepted.");
        page.sample("regent_connections_total", &[], self.connections.load(Ordering::Relaxed));
        page.family("regent_panics_total", Kind::Counter, "Requests that panicked.");
        page.sample("regent_panics_total", &[], self.panics.load(Ordering::Relaxed));
    }
}

impl Row {
    fn count(&self, code: Option<&'static str>, took: Duration) {
        match code {
            None => {
                self.succeeded.fetch_add(1, Ordering::Relaxed);
            }
            Some(code) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed.entry(code).or_default() += 1;
            }
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < took_us);
        if let Some(counter) = self.buckets.get(bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    fn write_results(&self, page: &mut Page, subject: &Subject) {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let succeeded = self.succeeded.load(Ordering::Relaxed);
        let ok = (succeeded > 0).then_some((OK, succeeded));
        for (code, count) in ok.into_iter().chain(failed) {
            let [service, operation, region] = subject.labels();
            let labels = [service, operation, region, ("code", code)];
            page.sample("regent_requests_total", &labels, count);
        }
    }

    fn write_latency(&self, page: &mut Page, subject: &Subject) {
        let [service, operation, region] = subject.labels();
        let mut count = 0;
        let bounds = BUCKETS_US.iter().map(|bound| Seconds(*bound).to_string());
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(&self.buckets) {
            count += bucket.load(Ordering::Relaxed);
            let labels = [service, operation, region, ("le", &bound)];
            page.sample("regent_request_duration_seconds_bucket", &labels, count);
        }
        let labels = [service, operation, region];
        let sum = Seconds(self.sum_us.load(Ordering::Relaxed));
        page.sample("regent_request_duration_seconds_sum", &labels, sum);
        page.sample("regent_request_duration_seconds_count", &labels, count);
    }
}

impl Subject {
    fn labels(&self) -> [(&'static str, &str); 3] {
        [
            ("service", self.service.map_or("", Service::signing_name)),
            ("operation", self.operation.unwrap_or_default()),
            ("region", self.region.as_ref().map_or("", Region::as_str)),
        ]
    }
}

/// Microseconds, shown as seconds without trailing zeros.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// A page in Prometheus' text format.
#[derive(Debug, Default)]
pub struct Page(String);

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Page {
    /// Begins a family. `help` is one line without backslashes.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Appends one sample. Values of labels are escaped.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    _ => self.0.push(character),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.push(format_args!(" {value}\n"));
    }

    pub fn into_text(self) -> String {
        self.0
    }

    fn push(&mut self, text: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.0.write_fmt(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_two_requests() {
        let metrics = Metrics::default();
        let read = Subject {
            service: Some(Service::SecretsManager),
            operation: Some("GetSecretValue"),
            region: Some("us-east-1".parse().unwrap()),
        };
        metrics.count(read, None, Duration::from_micros(100));
        metrics.count(read, None, Duration::from_micros(101));
        metrics.count(read, Some("ResourceNotFoundException"), Duration::from_secs(2));
        let nothing = Subject { service: None, operation: None, region: None };
        metrics.count(nothing, Some("UnknownOperationException"), Duration::from_micros(1));
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.into_text();
        let expected = concat!(
            "# HELP regent_requests_total Requests answered, by result.\n",
            "# TYPE regent_requests_total counter\n",
            "regent_requests_total{service=\"\",operation=\"\",region=\"\",code=\"UnknownOperationException\"} 1\n",
            "regent_requests_total{service=\"secretsmanager\",operation=\"GetSecretValue\",region=\"us-east-1\",code=\"OK\"} 2\n",
            "regent_requests_total{service=\"secretsmanager\",operation=\"GetSecretValue\",region=\"us-east-1\",code=\"ResourceNotFoundException\"} 1\n",
            "# HELP regent_request_duration_seconds Time from a request's head to its answer.\n",
            "# TYPE regent_request_duration_seconds histogram\n",
        );
        assert!(text.starts_with(expected), "{text}");
        let of_read =
            "{service=\"secretsmanager\",operation=\"GetSecretValue\",region=\"us-east-1\"";
        for line in [
            format!("regent_request_duration_seconds_bucket{of_read},le=\"0.0001\"}} 1\n"),
            format!("regent_request_duration_seconds_bucket{of_read},le=\"0.00025\"}} 2\n"),
            format!("regent_request_duration_seconds_bucket{of_read},le=\"1\"}} 2\n"),
            format!("regent_request_duration_seconds_bucket{of_read},le=\"+Inf\"}} 3\n"),
            format!("regent_request_duration_seconds_sum{of_read}}} 2.000201\n"),
            format!("regent_request_duration_seconds_count{of_read}}} 3\n"),
            "regent_connections_total 0\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }

    #[test]
    fn label_values_are_escaped() {
        let mut page = Page::default();
        page.sample("m", &[("l", "a\"b\\c\nd")], 1);
        assert_eq!(page.into_text(), "m{l=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
