//! The house rules that a program can check: lengths, headers, words, and who depends on whom.
//!
//! Lengths are of rustfmt's output, so that a function ends at the first line with its own
//! indentation and a closing brace.

mod dependencies;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run::{Result, output, root};

/// LIMIT: lines of a file.
const FILE_LINES_MAX: usize = 800;
/// LIMIT: lines of a function.
const FUNCTION_LINES_MAX: usize = 70;
/// Words that say that something is unfinished. Put together here, so as not to find themselves.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
];

pub fn run() -> Result<()> {
    let mut problems = Vec::new();
    let files = sources()?;
    for file in &files {
        let text =
            fs::read_to_string(root().join(file)).map_err(|cause| format!("{file}: {cause}"))?;
        check(file, &text, &mut problems);
    }
    dependencies::check(&mut problems)?;
    println!("xtask: tidy looked at {} files", files.len());
    if problems.is_empty() {
        return Ok(());
    }
    let mut report = format!("{} untidy places", problems.len());
    for problem in problems {
        // A string takes everything.
        let _ = write!(report, "\n  {problem}");
    }
    Err(report)
}

/// Every Rust file that git knows or would take.
fn sources() -> Result<Vec<String>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root());
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]);
    let listed = output(&mut git)?;
    let exist = |file: &&str| root().join(file).is_file();
    Ok(listed.lines().filter(exist).map(str::to_owned).collect())
}

fn check(file: &str, text: &str, problems: &mut Vec<String>) {
    let count = text.lines().count();
    if count > FILE_LINES_MAX {
        problems.push(format!("{file}: {count} lines; at most {FILE_LINES_MAX}"));
    }
    if !is_tests(file) && !text.starts_with("//!") {
        problems.push(format!("{file}: does not begin with what it is responsible for (//!)"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
            problems.push(format!("{file}:{number}: {word}"));
        }
    }
    for (number, name, length) in functions(text) {
        if length > FUNCTION_LINES_MAX {
            let limit = FUNCTION_LINES_MAX;
            problems.push(format!("{file}:{number}: {name} has {length} lines; at most {limit}"));
        }
    }
}

/// The tests of a module that says itself what it is about.
fn is_tests(file: &str) -> bool {
    let path = Path::new(file);
    let named = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
    path.iter().any(named)
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let letter = |side: Option<char>| side.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !letter(before) && (word.ends_with('(') || !letter(after))
    })
}

/// Line number, name and length of every function with a body.
fn functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = indent_of(line);
        let ends = |(from_here, line): &(usize, &&str)| {
            let closes = *from_here > 0 && line.trim_start().starts_with('}');
            let one_line = line.ends_with(';') || (*from_here == 0 && line.ends_with('}'));
            indent_of(line) == indent && (closes || one_line)
        };
        let rest = lines.iter().skip(at).enumerate().find(ends);
        if let Some((length, _)) = rest {
            found.push((at + 1, name, length + 1));
        }
    }
    found
}

fn indent_of(line: &str) -> usize {
    if line.is_empty() { usize::MAX } else { line.len() - line.trim_start().len() }
}

/// The name, if the line begins a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers =
        ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern", "\"C\""];
    if !before.split_whitespace().all(|word| modifiers.contains(&word)) {
        return None;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    after.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let text = "fn one() {}\n\npub const fn two(\n    a: u8,\n) -> u8 {\n    a\n}\n\
                    impl X {\n    async fn three() {\n        if x {\n        }\n    }\n\n    \
                    fn four();\n}\n// fn five() {\nlet f: fn (u8) = g;\n";
        let found = functions(text);
        assert_eq!(found, [(1, "one", 1), (3, "two", 5), (9, "three", 4), (14, "four", 1)]);
    }

    #[test]
    fn long_and_unfinished_places_are_found() {
        let body = "    a();\n".repeat(70);
        let unfinished = UNFINISHED[0];
        let text = format!("fn long() {{\n{body}}}\n// {unfinished}: x\nlet {unfinished}S = 1;\n");
        let mut problems = Vec::new();
        check("src/a.rs", &text, &mut problems);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("long has 72 lines"));
        let mut problems = Vec::new();
        check("src/tests.rs", "fn short() {}\n", &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
    }
}
