//! The `key_store_proxies` of the configuration file: where external key stores may be.
//!
//! Everything that can be wrong is found at start; no problem repeats a part of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regent_wire::xks;
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::{ConfigError, read_text};
use crate::proxies::{AllowedProxies, Tls, trust_only};

/// What is wrong with an entry of `key_store_proxies`.
#[derive(Debug, thiserror::Error)]
pub enum ProxyProblem {
    #[error("endpoint must be https:// or http://, a host and perhaps a port")]
    Endpoint,
    #[error("endpoint is given twice")]
    Duplicate,
    #[error("ca_file goes with https:// only")]
    Plain,
    #[error("ca_file: {0}")]
    Unreadable(Box<ConfigError>),
    #[error("ca_file must have certificates in PEM, and nothing that is broken")]
    Authorities,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    endpoint: Box<str>,
    ca_file: Option<PathBuf>,
}

/// Checks the entries; a problem comes with its place. No list is not an empty one.
pub(super) fn proxies(
    entries: Option<Vec<Entry>>,
    directory: &Path,
) -> Result<AllowedProxies, (usize, ProxyProblem)> {
    let Some(entries) = entries else { return Ok(AllowedProxies::Unlisted) };
    let mut listed = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let checked = if listed.contains_key(&entry.endpoint) {
            Err(ProxyProblem::Duplicate)
        } else {
            trusted(&entry, directory)
        };
        listed.insert(entry.endpoint, checked.map_err(|problem| (index, problem))?);
    }
    Ok(AllowedProxies::Listed(listed))
}

fn trusted(entry: &Entry, directory: &Path) -> Result<Option<Tls>, ProxyProblem> {
    if !xks::is_endpoint(&entry.endpoint) {
        return Err(ProxyProblem::Endpoint);
    }
    let Some(file) = &entry.ca_file else { return Ok(None) };
    if !entry.endpoint.starts_with("https://") {
        return Err(ProxyProblem::Plain);
    }
    let unreadable = |cause| ProxyProblem::Unreadable(Box::new(cause));
    let text = read_text(&directory.join(file)).map_err(unreadable)?;
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| ProxyProblem::Authorities)?;
    if authorities.is_empty() {
        return Err(ProxyProblem::Authorities);
    }
    trust_only(authorities).map(Some).map_err(|_| ProxyProblem::Authorities)
}
