//! The Regions of AWS: which there are, in which partition, and which an account has to enable.
//!
//! From the endpoint data of AWS's SDKs. A Region that is opened later is reported as unknown until
//! it is listed here.

/// A Region and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub name: &'static str,
    pub partition: &'static str,
    /// An account has it only after it was enabled.
    pub opt_in: bool,
}

const fn region(name: &'static str) -> Region {
    Region { name, partition: "aws", opt_in: false }
}

const fn opt_in(name: &'static str) -> Region {
    Region { name, partition: "aws", opt_in: true }
}

const fn of(partition: &'static str, name: &'static str) -> Region {
    Region { name, partition, opt_in: false }
}

pub const REGIONS: [Region; 47] = [
    region("us-east-1"),
    region("us-east-2"),
    region("us-west-1"),
    region("us-west-2"),
    region("ap-northeast-1"),
    region("ap-northeast-2"),
    region("ap-northeast-3"),
    region("ap-south-1"),
    region("ap-southeast-1"),
    region("ap-southeast-2"),
    region("ca-central-1"),
    region("eu-central-1"),
    region("eu-north-1"),
    region("eu-west-1"),
    region("eu-west-2"),
    region("eu-west-3"),
    region("sa-east-1"),
    opt_in("af-south-1"),
    opt_in("ap-east-1"),
    opt_in("ap-east-2"),
    opt_in("ap-south-2"),
    opt_in("ap-southeast-3"),
    opt_in("ap-southeast-4"),
    opt_in("ap-southeast-5"),
    opt_in("ap-southeast-6"),
    opt_in("ap-southeast-7"),
    opt_in("ca-west-1"),
    opt_in("eu-central-2"),
    opt_in("eu-south-1"),
    opt_in("eu-south-2"),
    opt_in("il-central-1"),
    opt_in("me-central-1"),
    opt_in("me-south-1"),
    opt_in("me-west-1"),
    opt_in("mx-central-1"),
    opt_in("sa-west-1"),
    of("aws-cn", "cn-north-1"),
    of("aws-cn", "cn-northwest-1"),
    of("aws-us-gov", "us-gov-east-1"),
    of("aws-us-gov", "us-gov-west-1"),
    of("aws-eusc", "eusc-de-east-1"),
    of("aws-iso", "us-iso-east-1"),
    of("aws-iso", "us-iso-west-1"),
    of("aws-iso-b", "us-isob-east-1"),
    of("aws-iso-e", "eu-isoe-west-1"),
    of("aws-iso-f", "us-isof-east-1"),
    of("aws-iso-f", "us-isof-south-1"),
];

pub fn find(name: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.name == name)
}

/// The Region that a misspelt name is nearest to, if one is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, REGIONS.iter().map(|region| region.name))
}

/// Of some names, the one that a misspelt one is nearest to, if one is near.
pub fn nearest_of<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let best = names.map(|other| (distance(name, other), other)).min()?;
    (best.0 <= 2).then_some(best.1)
}

/// How many insertions, removals and changes of a byte lie between two names.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = changed.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for region in &REGIONS {
            assert_eq!(find(region.name), Some(region));
        }
    }

    #[test]
    fn a_misspelt_name_has_a_nearest() {
        assert_eq!(nearest("us-esat-1"), Some("us-east-1"));
        assert_eq!(nearest("eu-west1"), Some("eu-west-1"));
        assert_eq!(nearest("Frankfurt"), None);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
