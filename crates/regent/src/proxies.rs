//! Connections to external key store proxies: to which of them, and how they are encrypted.
//!
//! Lesson 18: a proxy's address comes from a request. Where the configuration lists proxies, those are
//! all there are, wherever they stand. Where it lists none, a proxy is on this machine, or at a public
//! address and encrypted: neighbours in a private network and metadata services are out of reach. What
//! was looked at is what is connected to, so that a name cannot change in between.
//! Lesson 25: a certificate must come from the system's authorities, or from a listed proxy's own, and
//! be for its host. No setting accepts another.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use regent_core::keys::proxy::ProxyProblem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The authorities of this machine, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`. Read when the first
/// connection needs them.
static SYSTEM: LazyLock<Result<Tls, rustls::Error>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for cause in &found.errors {
        tracing::warn!(%cause, "certificates of authorities could not be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    trust(roots)
});

/// How a connection is encrypted, and whose certificates are trusted.
pub type Tls = Arc<ClientConfig>;

/// The proxies that key stores may have.
#[derive(Debug, Default)]
pub enum AllowedProxies {
    /// Those of this machine, and public ones with TLS.
    #[default]
    Unlisted,
    /// By endpoint, with what is trusted instead of the system's authorities.
    Listed(BTreeMap<Box<str>, Option<Tls>>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Unconnected {
    #[error("key_store_proxies of the configuration does not list it")]
    Unlisted,
    #[error("without TLS, it must be on this machine or listed in key_store_proxies")]
    Plain,
    #[error("its address is not public: it must be listed in key_store_proxies")]
    Private,
    #[error("no connection: {0}")]
    Network(io::Error),
    #[error("no encrypted connection: {0}")]
    Tls(io::Error),
}

impl Unconnected {
    /// What the caller may learn: not what else is at an address that is out of reach.
    pub const fn problem(&self) -> ProxyProblem {
        match self {
            Self::Unlisted | Self::Plain | Self::Private | Self::Network(_) => {
                ProxyProblem::Unreachable
            }
            Self::Tls(_) => ProxyProblem::Tls,
        }
    }
}

/// A connection, encrypted or not.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// What is trusted of a listed proxy: certificates of these authorities.
pub fn trust_only(authorities: Vec<CertificateDer<'static>>) -> Result<Tls, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    trust(roots)
}

fn trust(roots: RootCertStore) -> Result<Tls, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl AllowedProxies {
    /// Connects to a proxy, or refuses to.
    pub async fn connect(
        &self,
        tls: bool,
        authority: &str,
    ) -> Result<Box<dyn Connection>, Unconnected> {
        let trusted = self.trusted(tls, authority)?;
        let (host, port) = host_and_port(tls, authority);
        let found = lookup_host((host, port)).await.map_err(Unconnected::Network)?;
        let addresses = self.within_reach(tls, found.collect())?;
        let stream = TcpStream::connect(&*addresses).await.map_err(Unconnected::Network)?;
        if !tls {
            return Ok(Box::new(stream));
        }
        let of_system =
            || SYSTEM.clone().map_err(|cause| Unconnected::Tls(io::Error::other(cause)));
        let trusted = trusted.map_or_else(of_system, Ok)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|cause| Unconnected::Tls(io::Error::other(cause)))?;
        let stream = TlsConnector::from(trusted).connect(name, stream).await;
        Ok(Box::new(stream.map_err(Unconnected::Tls)?))
    }

    /// What the configuration says to trust of a proxy that may be connected to.
    fn trusted(&self, tls: bool, authority: &str) -> Result<Option<Tls>, Unconnected> {
        let Self::Listed(listed) = self else { return Ok(None) };
        let scheme = if tls { "https" } else { "http" };
        let trusted = listed.get(&*format!("{scheme}://{authority}"));
        trusted.cloned().ok_or(Unconnected::Unlisted)
    }

    /// Those of a host's addresses that may be connected to: at least one.
    fn within_reach(
        &self,
        tls: bool,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Unconnected> {
        if matches!(self, Self::Listed(_)) {
            return Ok(addresses);
        }
        addresses.retain(|address| {
            let ip = address.ip().to_canonical();
            ip.is_loopback() || tls && is_public(ip)
        });
        match addresses.is_empty() {
            false => Ok(addresses),
            true if tls => Err(Unconnected::Private),
            true => Err(Unconnected::Plain),
        }
    }
}

/// An endpoint without a port is at its scheme's own.
fn host_and_port(tls: bool, authority: &str) -> (&str, u16) {
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or_default()),
        None => (authority, if tls { 443 } else { 80 }),
    }
}

/// Whether an address is one of the public Internet's (IANA's special-purpose registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network; shared by a carrier's customers; protocol assignments; benchmarks; multicast
        // and what is reserved.
        [0 | 224.., ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => true,
        _ => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation(),
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Protocol assignments and Teredo; documentation; 6to4, which has an IPv4 address within.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(proxies: &AllowedProxies, tls: bool, ips: &[&str]) -> Result<Vec<String>, String> {
        let addresses = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 1)).collect();
        match proxies.within_reach(tls, addresses) {
            Ok(addresses) => Ok(addresses.iter().map(|at| at.ip().to_string()).collect()),
            Err(cause) => Err(cause.to_string()),
        }
    }

    #[test]
    fn private_addresses_are_out_of_reach() {
        let unlisted = AllowedProxies::Unlisted;
        let everywhere = AllowedProxies::Listed(BTreeMap::new());
        for ip in [
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2001:db8:ffff::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "1fff:ffff::1",
            "4000::1",
        ] {
            assert!(reached(&unlisted, true, &[ip]).unwrap_err().contains("not public"), "{ip}");
            assert!(reached(&unlisted, false, &[ip]).unwrap_err().contains("without TLS"), "{ip}");
            assert_eq!(reached(&everywhere, true, &[ip]).unwrap().len(), 1, "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.1",
            "1.0.0.1",
            "192.0.1.1",
            "192.1.0.1",
            "2000::1",
            "2600::1",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "3ffe::1",
            "3fff:1000::1",
            "2a00::1",
        ] {
            assert_eq!(reached(&unlisted, true, &[ip]).unwrap(), [ip]);
            assert!(reached(&unlisted, false, &[ip]).unwrap_err().contains("without TLS"), "{ip}");
        }
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reached(&unlisted, true, &[ip]).unwrap(), [ip]);
            assert_eq!(reached(&unlisted, false, &[ip]).unwrap(), [ip]);
        }
        // Of a name with several addresses, the others are not tried.
        let mixed = ["10.0.0.1", "8.8.8.8", "169.254.169.254"];
        assert_eq!(reached(&unlisted, true, &mixed).unwrap(), ["8.8.8.8"]);
    }

    #[test]
    fn where_an_endpoint_is() {
        assert_eq!(host_and_port(true, "proxy.example"), ("proxy.example", 443));
        assert_eq!(host_and_port(false, "proxy.example"), ("proxy.example", 80));
        assert_eq!(host_and_port(true, "proxy.example:8443"), ("proxy.example", 8443));
        assert_eq!(host_and_port(false, "127.0.0.1:443"), ("127.0.0.1", 443));
    }

    /// A proxy that speaks HTTP/2 as well must not be led to it.
    #[test]
    fn http_1_1_is_all_that_is_offered() {
        let trusted = trust_only(Vec::new()).unwrap();
        assert_eq!(trusted.alpn_protocols, [b"http/1.1"]);
    }

    #[tokio::test]
    async fn a_list_is_all_there_is() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (here, name) = (address.to_string(), format!("localhost:{}", address.port()));
        let list = [(format!("http://{here}").into(), None)];
        let listed = AllowedProxies::Listed(list.into());
        listed.connect(false, &here).await.map(drop).unwrap();
        // Another spelling and another scheme are other proxies.
        for (tls, authority) in [(false, name), (true, here.clone())] {
            let refused = listed.connect(tls, &authority).await.map(drop).unwrap_err();
            assert!(matches!(refused, Unconnected::Unlisted), "{refused}");
            assert_eq!(refused.problem(), ProxyProblem::Unreachable);
        }
        let none = AllowedProxies::Listed(BTreeMap::new());
        let refused = none.connect(false, &here).await.map(drop).unwrap_err();
        assert!(matches!(refused, Unconnected::Unlisted), "{refused}");
        AllowedProxies::Unlisted.connect(false, &here).await.map(drop).unwrap();
    }
}
