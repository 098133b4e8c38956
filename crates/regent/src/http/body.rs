//! Reads a request's body: bounded in length and time, zeroized when it is dropped.
//!
//! The length is refused as soon as it is known. The rest of a body that is too long is read and
//! thrown away within bounds, because a client that is still sending would see a lost connection
//! instead of the answer. hyper's own read buffer is out of reach and is not zeroized.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use regent_core::plaintext::Wiped;
use regent_wire::json::BODY_LEN_MAX;
use tokio::time::timeout;

/// LIMIT: bytes of a refused body that are read before the answer is sent regardless.
const DISCARD_LEN_MAX: usize = 8 << 20;
/// LIMIT: how long a client that sends nothing more of a refused body is waited for.
const DISCARD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Longer than [`BODY_LEN_MAX`].
    TooLong,
    /// The client stopped sending.
    TooSlow,
    /// The connection or the encoding broke.
    Broken,
}

/// Reads all of `body` within `limit`.
pub async fn read(mut body: Incoming, limit: Duration) -> Result<Bytes, Unread> {
    let read = timeout(limit, read_all(&mut body)).await.unwrap_or(Err(Unread::TooSlow));
    if let Err(Unread::TooLong) = read {
        // How long that takes changes nothing about what is wrong.
        let _ = timeout(limit, discard(&mut body)).await;
    }
    read
}

async fn read_all(body: &mut Incoming) -> Result<Bytes, Unread> {
    let hint = body.size_hint();
    let too_long = |len: u64| usize::try_from(len).map_or(true, |len| len > BODY_LEN_MAX);
    if too_long(hint.lower()) {
        return Err(Unread::TooLong);
    }
    // The length is known but for chunked bodies, so that nothing is copied and left behind.
    let expected = hint.exact().and_then(|len| usize::try_from(len).ok()).unwrap_or(4096);
    let mut bytes = Wiped::new(Vec::with_capacity(expected));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if bytes.len() + data.len() > BODY_LEN_MAX {
            return Err(Unread::TooLong);
        }
        append(&mut bytes, &data);
    }
    Ok(Bytes::from_owner(bytes))
}

/// Appends without leaving the old content behind in memory when the buffer grows.
fn append(bytes: &mut Wiped, data: &[u8]) {
    if bytes.capacity() - bytes.len() < data.len() {
        let capacity = (bytes.len() + data.len()).max(2 * bytes.capacity());
        let mut larger = Wiped::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(data);
}

/// Reads on, keeping nothing.
async fn discard(body: &mut Incoming) {
    let mut discarded = 0;
    while discarded < DISCARD_LEN_MAX {
        // Some clients wait for what is said of the length alone.
        match timeout(DISCARD_PAUSE_MAX, body.frame()).await {
            Ok(Some(Ok(frame))) => discarded += frame.data_ref().map_or(0, Bytes::len),
            Ok(Some(Err(_)) | None) | Err(_) => return,
        }
    }
}
