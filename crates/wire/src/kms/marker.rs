//! Page markers: the last item of a page, in base64, so that nobody builds one by hand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fault;
use crate::fault::Fault;

pub fn encode(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// The item that a page begins after.
pub fn decode<T>(
    marker: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(marker) = marker else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let last = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    last.as_deref().and_then(parse).map(Some).ok_or_else(fault::invalid_marker)
}
