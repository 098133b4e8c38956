//! A file of events, one JSON object in each line, followed as it grows.
//!
//! What was there at the start is old: the first round sees what came of it. A file that is replaced
//! or cut is read from its beginning. A line that has no end yet is waited for.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use regent_audit::events::EVENT_LEN_MAX;

/// LIMIT: bytes that are read at once.
const CHUNK_LEN: u64 = 1 << 20;

#[derive(Debug)]
pub struct Feed {
    path: PathBuf,
    file: Option<File>,
    at: u64,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// Whether the line that is being read is longer than an event.
    too_long: bool,
}

impl Feed {
    /// Begins at the end of a file that is there.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let mut feed = Self { path, file: None, at: 0, rest: Vec::new(), too_long: false };
        if let Some(mut file) = there(File::open(&feed.path))? {
            feed.at = file.seek(SeekFrom::End(0))?;
            feed.file = Some(file);
        }
        Ok(feed)
    }

    /// The lines that were finished since the last call. An error is worth trying again.
    pub fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        // What was still written to a file that has been replaced belongs to it.
        self.read(&mut lines)?;
        if lines.is_empty() && self.is_replaced()? {
            self.file = there(File::open(&self.path))?;
            self.at = 0;
            self.rest.clear();
            self.too_long = false;
            self.read(&mut lines)?;
        }
        Ok(lines)
    }

    fn is_replaced(&self) -> io::Result<bool> {
        let Some(now) = there(std::fs::metadata(&self.path))? else { return Ok(false) };
        let Some(file) = &self.file else { return Ok(true) };
        Ok(!same(&file.metadata()?, &now) || now.len() < self.at)
    }

    fn read(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(self.at))?;
        let mut chunk = Vec::new();
        file.take(CHUNK_LEN).read_to_end(&mut chunk)?;
        self.at += chunk.len() as u64;
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.too_long |= self.rest.len() + text.len() > EVENT_LEN_MAX;
            if self.too_long {
                self.rest.clear();
            } else {
                self.rest.extend_from_slice(text);
            }
            if ended {
                // A line that is too long is no event, and counts as one that is none.
                lines.push(std::mem::take(&mut self.rest));
                self.too_long = false;
            }
        }
        Ok(())
    }
}

fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn append(path: &PathBuf, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn lines(feed: &mut Feed) -> Vec<String> {
        let lines = feed.lines().unwrap().into_iter();
        lines.map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn it_follows_a_file_through_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        append(&path, "old\n");
        let mut feed = Feed::open(path.clone()).unwrap();
        assert!(lines(&mut feed).is_empty());
        append(&path, "a\nb");
        assert_eq!(lines(&mut feed), ["a"]);
        append(&path, "c\n");
        assert_eq!(lines(&mut feed), ["bc"]);
        // Cut off, and begun anew.
        fs::write(&path, "d\n").unwrap();
        assert_eq!(lines(&mut feed), ["d"]);
        // Replaced; what the old one still got is not lost.
        append(&path, "e\n");
        fs::rename(&path, folder.path().join("events.1")).unwrap();
        append(&path, "f\n");
        assert_eq!(lines(&mut feed), ["e"]);
        assert_eq!(lines(&mut feed), ["f"]);
        append(&path, &format!("{}\ng\n", "x".repeat(EVENT_LEN_MAX + 1)));
        let mut found = lines(&mut feed);
        found.extend(lines(&mut feed));
        assert_eq!(found, ["", "g"]);
    }

    #[test]
    fn a_file_that_comes_later_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut feed = Feed::open(path.clone()).unwrap();
        assert!(lines(&mut feed).is_empty());
        append(&path, "a\n");
        assert_eq!(lines(&mut feed), ["a"]);
    }
}
