//! The text of a page token: base64 of a version byte, the query's fingerprint, a time and a name.
//!
//! Clients keep tokens for as long as a listing takes; a token of another version is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regent_core::limits;
use regent_core::secrets::page::PageToken;
use regent_core::time::Timestamp;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::secretsmanager::fault;

const VERSION: u8 = 1;

pub fn check(check: &mut Constraints, token: Option<&str>) {
    check.text("nextToken", token).length(1..=limits::NEXT_TOKEN_LEN_MAX);
}

pub fn encode(token: &PageToken) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&token.query.to_be_bytes());
    bytes.extend_from_slice(&token.at.millis().to_be_bytes());
    bytes.extend_from_slice(token.name.as_bytes());
    STANDARD.encode(bytes)
}

pub fn decode(token: Option<&str>) -> Result<Option<PageToken>, Fault> {
    token.map(|text| parse(text).ok_or_else(fault::next_token)).transpose()
}

fn parse(text: &str) -> Option<PageToken> {
    let bytes = STANDARD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (query, rest) = rest.split_first_chunk()?;
    let (millis, name) = rest.split_first_chunk()?;
    (*version == VERSION).then_some(())?;
    Some(PageToken {
        query: u64::from_be_bytes(*query),
        at: Timestamp::from_millis(i64::from_be_bytes(*millis)),
        name: core::str::from_utf8(name).ok()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "x", "AAAA", "not base64", "AgAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(decode(Some(text)), Err(fault::next_token()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_read_back(query: u64, millis: i64, name: String) {
            let at = Timestamp::from_millis(millis);
            let token = PageToken { query, at, name: name.into() };
            prop_assert_eq!(decode(Some(&encode(&token))), Ok(Some(token)));
        }

        #[test]
        fn any_text_is_a_token_or_refused(text: String) {
            let _ = decode(Some(&text));
        }
    }
}
