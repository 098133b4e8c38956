//! What happened in a run, as lines: all of them for a replay, the last ones for a failure.
//!
//! Lines say what messages and answers mean, never what their ciphertexts look like, so that the
//! real cryptography traces the same. The hash over all lines is what promise R10 is checked by.

use std::collections::VecDeque;
use std::fmt::Arguments;

use crate::crypto::hash;

/// Lines that a failure shows.
const KEPT: usize = 60;

/// The trace of one run.
#[derive(Debug, Default)]
pub struct Trace {
    verbose: bool,
    lines: VecDeque<String>,
    hash: u64,
    count: u64,
}

impl Trace {
    /// A trace that also prints each line as it is made, or not.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    pub fn line(&mut self, text: Arguments<'_>) {
        let line = text.to_string();
        self.hash = hash(&[&self.hash.to_le_bytes(), line.as_bytes()]);
        self.count += 1;
        if self.verbose {
            println!("{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn last_lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
