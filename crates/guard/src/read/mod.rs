//! Recognising what a file is, by its content, and reading it into the model.

pub mod cdk;
pub mod cloudformation;
pub mod pulumi;
pub mod resources;
pub mod terraform_files;
pub mod terraform_plan;

use std::collections::BTreeMap;

use regent_cfn::Located;

use crate::model::Unit;

/// What is known besides a file: where it is deployed, and with which parameters.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    pub region: Option<&'c str>,
    pub account: Option<&'c str>,
    pub parameters: &'c BTreeMap<String, String>,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Content {
    Unit(Box<Unit>),
    /// It is one of those that are looked at, and cannot be read.
    Unreadable(Located),
    /// One of those that are looked at, without secrets and keys.
    Nothing,
    /// Something else.
    Other,
}

/// Endings of files that are looked into.
pub const ENDINGS: [&str; 4] = ["json", "yaml", "yml", "template"];
/// Endings of files that are looked into with the others of their folder, as `.tf.json` is too.
pub const TERRAFORM: [&str; 2] = ["tf", "tofu"];

/// Whether bytes that are no UTF-8 may be one of the files that are looked at, in another encoding.
pub fn is_suspect(bytes: &[u8]) -> bool {
    let narrow: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&narrow);
    let marks = cloudformation::SERVICES.iter().chain(&resources::PREFIXES);
    marks.chain(&pulumi::MARKS).any(|mark| text.contains(mark))
}

pub fn read(text: &str, context: &Context<'_>) -> Content {
    let found = terraform_plan::read(text, context);
    let found = match found {
        Ok(Content::Other) => pulumi::read(text, context),
        found => found,
    };
    let found = match found {
        Ok(Content::Other) => cloudformation::read(text, context),
        found => found,
    };
    found.unwrap_or_else(Content::Unreadable)
}
