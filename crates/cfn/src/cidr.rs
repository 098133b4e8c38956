//! `Fn::Cidr`: an IP block cut into smaller ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// LIMIT: AWS's reference of `Fn::Cidr`.
const COUNT_MAX: u32 = 256;

/// `count` blocks of `2^bits` addresses each, from the start of `block`; `None` if the arguments
/// are malformed or the block has no room.
pub fn blocks(block: &str, count: &str, bits: &str) -> Option<Vec<String>> {
    let (address, prefix) = block.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let (width, base) = match address {
        IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    };
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= width)?;
    let count: u32 = count.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count))?;
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= width - prefix)?;
    let room = width - prefix - bits;
    if room < 32 && u64::from(count) > 1_u64 << room {
        return None;
    }
    // The host part of the block's own address does not count.
    let host = if prefix == 0 { u128::MAX } else { (1_u128 << (width - prefix)).wrapping_sub(1) };
    let base = base & !host;
    let at = |index: u32| {
        let first = base | (u128::from(index).checked_shl(bits).unwrap_or(0));
        let text = match address {
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(first).ok()?).to_string(),
            IpAddr::V6(_) => Ipv6Addr::from(first).to_string(),
        };
        Some(format!("{text}/{}", width - bits))
    };
    (0..count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_blocks_of_a_documented_example() {
        assert_eq!(
            blocks("192.168.0.0/24", "6", "5").unwrap(),
            [
                "192.168.0.0/27",
                "192.168.0.32/27",
                "192.168.0.64/27",
                "192.168.0.96/27",
                "192.168.0.128/27",
                "192.168.0.160/27",
            ]
        );
    }

    #[test]
    fn edges() {
        assert_eq!(
            blocks("2001:db8::/56", "2", "64").unwrap(),
            ["2001:db8::/64", "2001:db8:0:1::/64"]
        );
        assert_eq!(blocks("10.0.0.7/8", "1", "24").unwrap(), ["10.0.0.0/8"]);
        assert_eq!(blocks("0.0.0.0/0", "2", "31").unwrap(), ["0.0.0.0/1", "128.0.0.0/1"]);
        assert_eq!(blocks("::/0", "1", "128").unwrap(), ["::/0"]);
        for (block, count, bits) in [
            ("10.0.0.0/24", "9", "5"),
            ("10.0.0.0/24", "0", "5"),
            ("10.0.0.0/24", "257", "0"),
            ("10.0.0.0/24", "1", "9"),
            ("10.0.0.0/33", "1", "0"),
            ("10.0.0.0", "1", "0"),
            ("x/8", "1", "0"),
        ] {
            assert_eq!(blocks(block, count, bits), None, "{block} {count} {bits}");
        }
    }
}
