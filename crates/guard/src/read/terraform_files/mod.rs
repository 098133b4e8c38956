//! A folder of `.tf` and `.tf.json` files: one configuration of Terraform or OpenTofu, as far as values
//! are literal.
//!
//! Variables with their defaults, `.tfvars`, locals, references between resources and the Regions of
//! providers are followed; a function, a loop or a condition is not run, and its value is not known.
//! The files are one text with one count of lines, which `Folder::place` takes apart again.

mod blocks;
mod reader;

use std::path::Path;

use hcl_edit::structure::Body;
use regent_cfn::{Bounds, Document, Position};

use self::reader::Reader;
use super::resources;
use super::{Content, Context};

/// LIMIT: brackets within brackets of a file that is read; the parser calls itself for each.
const DEPTH_MAX: usize = 64;

/// The files of a folder, one behind the other.
#[derive(Debug, Default)]
pub struct Folder {
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    path: String,
    /// The line of `text` that comes before the first of this file.
    line: u32,
    start: usize,
    end: usize,
}

/// A file that is no HCL.
#[derive(Debug)]
pub struct Broken {
    pub path: String,
    pub at: Option<Position>,
    pub message: String,
}

impl Folder {
    pub fn new(files: Vec<(String, String)>) -> Self {
        let mut folder = Self::default();
        let mut line = 0;
        for (path, text) in files {
            let start = folder.text.len();
            folder.text.push_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
            if !folder.text.ends_with('\n') {
                folder.text.push('\n');
            }
            let end = folder.text.len();
            let lines = folder.text.get(start..end).unwrap_or_default().lines().count();
            folder.parts.push(Part { path, line, start, end });
            line += u32::try_from(lines).unwrap_or(0);
        }
        folder
    }

    /// The file of a place in the text, and the place in that file.
    pub fn place(&self, at: Position) -> Option<(&str, Position)> {
        let part = self.parts.iter().rev().find(|part| part.line < at.line)?;
        Some((&part.path, Position { line: at.line - part.line, ..at }))
    }

    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(column) }
    }
}

/// Endings of the files of a configuration, in HCL and in JSON.
const HCL: [&str; 2] = [".tf", ".tofu"];
const JSON: [&str; 2] = [".tf.json", ".tofu.json"];

/// Whether a file of this name is part of a configuration.
pub fn is_file(name: &str) -> bool {
    HCL.iter().chain(&JSON).any(|ending| name.ends_with(ending))
}

/// Whether a file of this name gives values to variables without being asked for.
pub fn is_assigned(name: &str) -> bool {
    let name = name.strip_suffix(".json").unwrap_or(name);
    name.ends_with(".auto.tfvars") || name.ends_with("terraform.tfvars")
}

/// Reads a folder, with the texts of its `.tfvars` files.
pub fn read(
    folder: &Folder,
    assigned: &[(String, String)],
    context: &Context<'_>,
) -> (Content, Vec<Broken>) {
    let mut broken = Vec::new();
    let mut blocks = Vec::new();
    for part in &folder.parts {
        let text = folder.text.get(part.start..part.end).unwrap_or_default();
        if is_json(&part.path) {
            match json(text) {
                Ok(document) => blocks.extend(blocks::of_json(&document.root, part.line)),
                Err(fault) => broken.push(Broken { path: part.path.clone(), ..fault }),
            }
        } else if let Some(body) = parse(&part.path, text, &mut broken) {
            let place = |start: usize| folder.position(part.start + start);
            blocks.extend(blocks::of_hcl(&body, &place));
        }
    }
    let mut values = Vec::new();
    for (path, text) in assigned {
        if is_json(path) {
            match json(text) {
                Ok(document) => values.extend(blocks::values_of_json(&document.root)),
                Err(fault) => broken.push(Broken { path: path.clone(), ..fault }),
            }
        } else if let Some(body) = parse(path, text, &mut broken) {
            values.extend(blocks::values_of_hcl(&body));
        }
    }
    let reader = Reader::new(&blocks, &values, context);
    let all: Vec<_> = blocks.iter().filter_map(|block| reader.resource(block)).collect();
    if all.is_empty() {
        return (Content::Nothing, broken);
    }
    (Content::Unit(Box::new(resources::unit(all, context))), broken)
}

/// LIMIT: what is read of a file in JSON; generated ones have some MB.
const BOUNDS: Bounds = Bounds { bytes: 64 << 20, depth: DEPTH_MAX, nodes: 20_000_000 };

fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

fn json(text: &str) -> Result<Document, Broken> {
    if !text.trim_start().starts_with('{') {
        let message = "it is no JSON object".to_owned();
        return Err(Broken { path: String::new(), at: None, message });
    }
    Document::read(text, BOUNDS).map_err(|fault| Broken {
        path: String::new(),
        at: fault.at,
        message: fault.problem.to_string(),
    })
}

fn parse(path: &str, text: &str, broken: &mut Vec<Broken>) -> Option<Body> {
    let mut told = |at, message| broken.push(Broken { path: path.to_owned(), at, message });
    if depth(text) > DEPTH_MAX {
        told(None, format!("it has more than {DEPTH_MAX} brackets within brackets"));
        return None;
    }
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => Some(body),
        Err(error) => {
            let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
            let place = error.location();
            let at = Position { line: number(place.line()), column: number(place.column()) };
            told(Some(at), "it is not well-formed HCL".to_owned());
            None
        }
    }
}

/// Brackets in texts count too, so that this is never less than what the parser sees.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}
