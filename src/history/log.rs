//! The append-only file: written by one owner, read as a stream.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::event::{Event, FORMAT, Record, Seal};

/// Longest line that is read: a header carries source texts of at most a mebibyte each, escaped.
const LINE_MAX: u64 = 64 * 1024 * 1024;

/// Writes a history. The only thing that appends to it.
#[derive(Debug)]
pub struct HistoryWriter {
    file: File,
    hash: Sha256,
    next_n: u64,
    last_t_us: u64,
}

impl HistoryWriter {
    /// Creates the file; it must not exist yet.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, hash: Sha256::new(), next_n: 0, last_t_us: 0 })
    }

    /// Appends an event. A time before the last line's is raised to it: order is what the log says.
    ///
    /// # Errors
    /// Whatever the file system says; the line may then be torn and nothing more must be appended.
    pub fn append(&mut self, t_us: u64, event: Event) -> io::Result<Record> {
        let record = Record { n: self.next_n, t_us: t_us.max(self.last_t_us), event };
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        // One call a line, unbuffered: after a crash of springback all lines up to the last are in the file.
        self.file.write_all(&line)?;
        self.hash.update(&line);
        self.next_n += 1;
        self.last_t_us = record.t_us;
        Ok(record)
    }

    /// Returns once everything appended so far is on the disk.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Appends the seal and closes the history for good. It bears the time of the line before it, so that there is
    /// nothing in it that a reader could not check.
    ///
    /// # Errors
    /// Whatever the file system says; the history then stays unsealed.
    pub fn seal(mut self) -> io::Result<Record> {
        let sha256 = hex(&self.hash.clone().finalize());
        let record = self.append(self.last_t_us, Event::Seal(Seal { count: self.next_n, sha256 }))?;
        self.sync()?;
        Ok(record)
    }
}

/// How a history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With its seal.
    Sealed,
    /// Without: springback died, or its disk did. Such a history never passes.
    Unsealed {
        /// The last line was cut short, and left out.
        torn: bool,
    },
}

/// A history that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what springback wrote.
    #[error("{}:{line}: damaged history: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// It is of a format that this version cannot read.
    #[error("{}: written in format {found}; this springback reads format {FORMAT}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// The format it names.
        found: String,
    },
}

/// Reads a history line by line; `each` sees every record in order, the seal included.
///
/// # Errors
/// The file cannot be read, is damaged before its last line, or is of another major version.
pub fn read(path: &Path, each: impl FnMut(Record)) -> Result<Ending, HistoryError> {
    let unreadable = |source| HistoryError::Unreadable { path: path.to_owned(), source };
    // Before it is opened: opening a pipe waits for somebody to write.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    read_from(BufReader::new(file), path, each)
}

fn read_from(
    mut input: impl BufRead,
    path: &Path,
    mut each: impl FnMut(Record),
) -> Result<Ending, HistoryError> {
    let mut hash = Sha256::new();
    let mut line = Vec::new();
    let mut expected_n = 0_u64;
    let mut last_t_us = 0_u64;
    let mut sealed = false;
    loop {
        line.clear();
        (&mut input)
            .take(LINE_MAX + 1)
            .read_until(b'\n', &mut line)
            .map_err(|source| HistoryError::Unreadable { path: path.to_owned(), source })?;
        let damaged =
            |what: String| HistoryError::Damaged { path: path.to_owned(), line: expected_n + 1, what };
        if line.len() as u64 > LINE_MAX {
            return Err(damaged("the line is longer than springback writes any".into()));
        }
        if line.is_empty() {
            break;
        }
        if sealed {
            return Err(damaged("something follows the seal".into()));
        }
        if line.last() != Some(&b'\n') {
            // Nothing is known of a line that was not finished, not even that it is wrong.
            if expected_n == 0 {
                return Err(damaged("the first line is not complete".into()));
            }
            return Ok(Ending::Unsealed { torn: true });
        }
        if expected_n == 0 {
            // Before the rest is read: another major version may have another header.
            check_format(&line, path)?;
        }
        let record: Record =
            serde_json::from_slice(&line).map_err(|error| damaged(format!("not a record: {error}")))?;
        if record.n != expected_n {
            return Err(damaged(format!("record {} stands where {expected_n} is due", record.n)));
        }
        if record.t_us < last_t_us {
            return Err(damaged(format!("time goes back from {last_t_us} to {} us", record.t_us)));
        }
        match (&record.event, expected_n) {
            (Event::Header(_), 0) => {}
            (_, 0) => return Err(damaged("the first line is not a header".into())),
            (Event::Header(_), _) => return Err(damaged("a second header".into())),
            (Event::Seal(seal), _) => {
                let found = hex(&hash.clone().finalize());
                if seal.count != expected_n || seal.sha256 != found || record.t_us != last_t_us {
                    return Err(damaged(format!(
                        "the seal does not fit what is before it: sealed {} lines with SHA-256 {}, found {expected_n} \
                         with {found}",
                        seal.count, seal.sha256
                    )));
                }
                sealed = true;
            }
            _ => {}
        }
        hash.update(&line);
        expected_n += 1;
        last_t_us = record.t_us;
        each(record);
    }
    if expected_n == 0 {
        return Err(HistoryError::Damaged {
            path: path.to_owned(),
            line: 1,
            what: "the file is empty".into(),
        });
    }
    Ok(if sealed { Ending::Sealed } else { Ending::Unsealed { torn: false } })
}

fn check_format(first_line: &[u8], path: &Path) -> Result<(), HistoryError> {
    let major = |format: &str| format.split('.').next().unwrap_or_default().to_owned();
    let header: serde_json::Value = serde_json::from_slice(first_line).unwrap_or_default();
    match header.pointer("/header/format").and_then(|format| format.as_str()) {
        Some(found) if major(found) != major(FORMAT) => {
            Err(HistoryError::Format { path: path.to_owned(), found: found.to_owned() })
        }
        // Whatever else is wrong with it is said where the record is read.
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
