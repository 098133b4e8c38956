//! Frames between Regions: [`Message`] as protobuf, with a version and explicit field numbers.
//!
//! A frame carries no plaintext: values are under their data key, data keys and key material are
//! sealed to the receiver before they get here (promise R7). Decoding takes any bytes and refuses
//! what is not well-formed (promise R8). The layout is in `docs/storage-format.md`.

mod convert;
mod problem;
mod proto;
mod question;
mod rotation;

use prost::Message as _;
use regent_core::ids::Region;
use regent_core::replication::change::Message;

/// The version of the frame format that this code writes.
pub const FORMAT: u32 = 1;
/// LIMIT: the longest frame that is read: 20 labelled versions of 64 KiB, and room for the rest.
pub const FRAME_LEN_MAX: usize = 4 * 1024 * 1024;

/// One message on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub from: Region,
    pub to: Region,
    pub message: Message,
}

/// Bytes that are no frame of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed frame")]
pub struct Malformed;

/// The bytes of a frame.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let proto = proto::Frame {
        format: FORMAT,
        from: frame.from.as_str().to_owned(),
        to: frame.to.as_str().to_owned(),
        body: Some(convert::to_proto(&frame.message)),
    };
    proto.encode_to_vec()
}

/// The frame of some bytes.
pub fn decode(bytes: &[u8]) -> Result<Frame, Malformed> {
    if bytes.len() > FRAME_LEN_MAX {
        return Err(Malformed);
    }
    let proto = proto::Frame::decode(bytes).map_err(|_| Malformed)?;
    if proto.format != FORMAT {
        return Err(Malformed);
    }
    Ok(Frame {
        from: proto.from.parse().map_err(|_| Malformed)?,
        to: proto.to.parse().map_err(|_| Malformed)?,
        message: convert::from_proto(proto.body.ok_or(Malformed)?)?,
    })
}

#[cfg(test)]
mod tests;
