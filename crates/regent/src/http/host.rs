//! Which `Host` a request may name.
//!
//! A web page cannot make a browser send `Host: localhost` to this port under its own name, but a
//! name that its owner points at 127.0.0.1 reaches it all the same, and then the browser takes the
//! answers for the page's own. So the name decides: loopback names, AWS's own names of the services
//! spoken here, and what the operator allows besides. Only names are compared, never resolved.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::HOST;
use regent_core::ids::Region;
use regent_wire::service::Service;

/// The names that requests may be addressed to.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    further: Vec<String>,
}

impl Hosts {
    /// Loopback names, AWS's names, and `further` ones without a port.
    pub fn new(further: Vec<String>) -> Self {
        Self { further }
    }

    /// Whether the request names exactly one host, and an allowed one.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(HOST).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        value.to_str().is_ok_and(|host| self.allow_text(host))
    }

    fn allow_text(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        is_loopback(name)
            || is_service(name)
            || self.further.iter().any(|further| further.eq_ignore_ascii_case(name))
    }
}

/// The host of `host:port`, or of `[v6]:port` without brackets. `None` if the port is not one.
fn without_port(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let valid = match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5,
        None => rest.is_empty(),
    };
    valid.then_some(name)
}

fn is_loopback(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "localhost"
        || lower.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// AWS: `<service>.<region>.amazonaws.com`, with `-fips` after the service, or the dual-stack
/// suffix. Their owner points none of them at a loopback address.
fn is_service(name: &str) -> bool {
    const SUFFIXES: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    let Some(rest) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)) else {
        return false;
    };
    let (service, region) = rest.split_once('.').map_or((rest, None), |(s, r)| (s, Some(r)));
    let service = service.strip_suffix("-fips").unwrap_or(service);
    Service::from_signing_name(service).is_some()
        && region.is_none_or(|region| region.parse::<Region>().is_ok())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn loopback_and_service_names_are_allowed() {
        let hosts = Hosts::new(vec!["regent.test".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:4566",
            "127.0.0.1:4566",
            "127.8.8.8",
            "[::1]:4566",
            "[::1]",
            "secrets.localhost:1",
            "regent.test",
            "Regent.Test:4566",
            "secretsmanager.us-east-1.amazonaws.com",
            "kms-fips.us-gov-west-1.amazonaws.com",
            "kms.eu-west-1.api.aws",
            "sts.amazonaws.com",
            "kms.cn-north-1.amazonaws.com.cn",
        ] {
            assert!(hosts.allow_text(host), "{host}");
        }
    }

    /// Lesson 28: a name that anybody can point at 127.0.0.1.
    #[test]
    fn other_names_are_refused() {
        let hosts = Hosts::default();
        for host in [
            "",
            ":4566",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1.nip.io",
            "127.0.0.1:4566.evil.example",
            "localhost:4566@evil.example",
            "evil.example:4566",
            "10.0.0.1",
            "0.0.0.0:4566",
            "[::]:4566",
            "[::1]evil.example",
            "[::1",
            "bucket.s3.amazonaws.com",
            "kms.us-east-1.amazonaws.com.evil.example",
            "kms.evil.us-east-1.amazonaws.com",
            "x.compute-1.amazonaws.com",
            "regent.test",
        ] {
            assert!(!hosts.allow_text(host), "{host}");
        }
    }

    #[test]
    fn exactly_one_host() {
        let hosts = Hosts::default();
        let mut headers = HeaderMap::new();
        assert!(!hosts.allow(&headers));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert!(hosts.allow(&headers));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert!(!hosts.allow(&headers));
    }
}
