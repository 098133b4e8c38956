//! What `regent dev` prints once it listens.
//!
//! For people, with lines to paste into a shell, or one JSON object. A secret key that the operator
//! chose is not repeated (promise R7); the well-known default is.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use regent_core::cx::Profile;
use regent_core::ids::{AccountId, Region};
use serde_json::json;

/// The access key, and the secret key, when none is configured.
pub const DEFAULT_KEY: &str = "test";

/// A server that has started.
#[derive(Debug)]
pub struct Banner<'b> {
    pub address: SocketAddr,
    /// As configured: the first is the one to use by default.
    pub regions: &'b [Region],
    /// `None` if everything is in memory.
    pub data_dir: Option<&'b Path>,
    pub profile: Profile,
    pub region_profiles: &'b [(Region, Profile)],
    pub account: AccountId,
    pub access_key: &'b str,
    /// Whether the secret key is [`DEFAULT_KEY`].
    pub default_secret: bool,
}

impl Banner<'_> {
    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn default_region(&self) -> &str {
        self.regions.first().map_or("us-east-1", Region::as_str)
    }

    /// One object on one line.
    pub fn json(&self) -> String {
        let names: Vec<_> = self.regions.iter().map(Region::as_str).collect();
        let own: serde_json::Map<_, _> = self
            .region_profiles
            .iter()
            .map(|(region, profile)| (region.to_string(), name_of(*profile).into()))
            .collect();
        let mut object = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "endpoint": self.endpoint(),
            "regions": names,
            "default_region": self.default_region(),
            "data_dir": self.data_dir.map(|path| path.display().to_string()),
            "profile": name_of(self.profile),
            "region_profiles": own,
            "account": self.account.as_str(),
            "access_key_id": self.access_key,
        });
        if self.default_secret
            && let Some(members) = object.as_object_mut()
        {
            members.insert("secret_access_key".to_owned(), DEFAULT_KEY.into());
        }
        format!("{object}\n")
    }

    /// For people.
    pub fn text(&self) -> String {
        let names: Vec<_> = self.regions.iter().map(Region::as_str).collect();
        let data = match self.data_dir {
            Some(path) => path.display().to_string(),
            None => "in memory, gone when this process ends".to_owned(),
        };
        let mut profile = name_of(self.profile).to_owned();
        for (region, own) in self.region_profiles {
            push(&mut profile, format_args!(", {} in {region}", name_of(*own)));
        }
        let (key, account) = (self.access_key, self.account);
        let secret = if self.default_secret { DEFAULT_KEY } else { "as configured" };
        let shown = if self.default_secret { DEFAULT_KEY } else { "'<your secret key>'" };
        let mut text = String::new();
        let version = env!("CARGO_PKG_VERSION");
        push(&mut text, format_args!("Regent {version} is ready.\n\n"));
        for (name, value) in [
            ("Endpoint", self.endpoint()),
            ("Regions", names.join(", ")),
            ("Data", data),
            ("Profile", profile),
            ("Access key", format!("{key}, secret key {secret}, account {account}")),
        ] {
            push(&mut text, format_args!("  {name:<12}{value}\n"));
        }
        text.push_str("\nPaste into a shell to use it with any AWS tool:\n\n");
        for (name, value) in [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", shown),
            ("AWS_DEFAULT_REGION", self.default_region()),
        ] {
            push(&mut text, format_args!("  export {name}={value}\n"));
        }
        text.push_str("\nCtrl-C stops it.\n");
        text
    }
}

const fn name_of(profile: Profile) -> &'static str {
    match profile {
        Profile::Strict => "strict",
        Profile::Aws => "aws",
    }
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner<'b>(regions: &'b [Region], own: &'b [(Region, Profile)]) -> Banner<'b> {
        Banner {
            address: "127.0.0.1:4566".parse().unwrap(),
            regions,
            data_dir: Some(Path::new("/home/me/.regent")),
            profile: Profile::Strict,
            region_profiles: own,
            account: "123456789012".parse().unwrap(),
            access_key: "test",
            default_secret: true,
        }
    }

    #[test]
    fn texts() {
        let regions = ["us-east-1", "us-west-2"].map(|name| name.parse().unwrap());
        let own = [(regions[1], Profile::Aws)];
        let version = env!("CARGO_PKG_VERSION");
        let shown = |text: String| text.replace(version, "VERSION");
        insta::assert_snapshot!("banner", shown(banner(&regions, &[]).text()));
        insta::assert_snapshot!("banner_json", shown(banner(&regions, &own).json()));
        let other = Banner {
            address: "[::1]:80".parse().unwrap(),
            data_dir: None,
            access_key: "AKIAMINE",
            default_secret: false,
            ..banner(&regions, &own)
        };
        insta::assert_snapshot!("banner_other", shown(other.text()));
        assert!(!other.json().contains("secret_access_key"));
    }
}
