//! Source texts and where they come from: files, read without ever waiting for one.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::diagnostic::{Diagnostic, Listing};

/// Largest file that is read.
const SIZE_MAX: u64 = 1024 * 1024;

/// Ending of the name of a feature file.
pub const FEATURE: &str = "feature";

/// The settings file of a suite lies among the scenarios but is none.
pub(super) const SETTINGS_FILE: &str = "springback.toml";

/// A text and the name under which the user knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the user gave it: a path, mostly.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A text that is already at hand.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads a file. Anything that is not a regular file of at most 1 MiB of UTF-8 is refused, before it is waited for.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let source = Self::read_settings(path)?;
        if source.text.trim().is_empty() {
            return Err(vec![Diagnostic::error("empty-file", format!("\"{}\" is empty", source.name)).help(
                "`springback init` writes scenarios to start from; `springback steps` lists sentences, `springback schema` keys",
            )]);
        }
        Ok(source)
    }

    /// Reads a settings file, which may well be empty.
    pub(super) fn read_settings(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let bytes = read_bytes(path).map_err(|diagnostic| vec![*diagnostic])?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let listing = Listing::new(&name, &String::from_utf8_lossy(error.as_bytes()));
            vec![
                Diagnostic::error("not-utf8", "this is not UTF-8 text, which a scenario must be")
                    .at(&listing, at..at + 3, format!("byte {byte:#04x} does not belong here"))
                    .help("save the file with the encoding UTF-8"),
            ]
        })?;
        // Some editors put a mark of the byte order in front; it is no part of the text.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { name, text })
    }
}

/// The scenario files that a path stands for: the file itself, or the `*.toml` and `*.feature` files directly in the
/// folder, in name order.
pub fn scenario_files(path: &Path) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let refuse = |error: &io::Error| vec![unreadable(path, error)];
    if !std::fs::metadata(path).map_err(|error| refuse(&error))?.is_dir() {
        if path.file_name().is_some_and(|name| name == SETTINGS_FILE) {
            return Err(vec![
                Diagnostic::error("no-scenarios", format!("\"{}\" holds settings, not a scenario", path.display()))
                    .help("name the scenarios, or their folder: the settings beside them are found; others are named with `--config`"),
            ]);
        }
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| refuse(&error))? {
        let file = entry.map_err(|error| refuse(&error))?.path();
        let is_scenario =
            file.extension().is_some_and(|extension| extension == "toml" || extension == FEATURE)
                && file.file_name().is_some_and(|name| name != SETTINGS_FILE)
                && !file.is_dir();
        if is_scenario {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(vec![
            Diagnostic::error("no-scenarios", format!("the folder \"{}\" holds no scenario", path.display()))
                .help(format!(
                    "a folder means the `*.toml` and `*.feature` files directly in it, \"{SETTINGS_FILE}\" excepted; name the \
                     folder that holds them"
                )),
        ]);
    }
    files.sort();
    Ok(files)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let refuse = |error: &io::Error| Box::new(unreadable(path, error));
    // Looked at first, because opening a pipe or a device can already change it; looked at again once it is open,
    // because it may have been swapped in between.
    check_kind(path, &std::fs::metadata(path).map_err(|error| refuse(&error))?)?;
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file =
        OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(|error| refuse(&error))?;
    check_kind(path, &file.metadata().map_err(|error| refuse(&error))?)?;
    read_limited(path, &file)
}

fn read_limited(path: &Path, file: &File) -> Result<Vec<u8>, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| Box::new(unreadable(path, &error)))?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(Box::new(too_large(path)));
    }
    Ok(bytes)
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), Box<Diagnostic>> {
    let kind = metadata.file_type();
    let name = path.display();
    let refused = |what: &str| Diagnostic::error("not-a-file", format!("\"{name}\" is {what}, not a file"));
    let diagnostic = if kind.is_dir() {
        refused("a folder").help("a single scenario file is wanted here")
    } else if kind.is_fifo() {
        refused("a named pipe").help("write it to a file first: springback never waits for one")
    } else if kind.is_socket() {
        refused("a socket")
    } else if kind.is_char_device() || kind.is_block_device() {
        refused("a device")
    } else if metadata.len() > SIZE_MAX {
        too_large(path)
    } else {
        return Ok(());
    };
    Err(Box::new(diagnostic))
}

fn too_large(path: &Path) -> Diagnostic {
    Diagnostic::error("file-too-large", format!("\"{}\" is larger than 1 MiB", path.display()))
        .help("a scenario is a few kilobytes of text; is this the right file?")
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let name = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            let diagnostic = Diagnostic::error("no-such-file", format!("there is no file \"{name}\""));
            match nearest_existing(path) {
                Some(near) => diagnostic.help(near),
                None => diagnostic,
            }
        }
        io::ErrorKind::PermissionDenied => {
            Diagnostic::error("unreadable-file", format!("may not read \"{name}\": permission denied"))
        }
        io::ErrorKind::NotADirectory => {
            Diagnostic::error("no-such-file", format!("there is no file \"{name}\""))
                .help("a part of its path is a file")
        }
        _ => Diagnostic::error("unreadable-file", format!("cannot read \"{name}\": {error}")),
    }
}

/// For a path that does not exist: a file beside it with nearly that name, or the part of the path that is missing.
fn nearest_existing(path: &Path) -> Option<String> {
    let folder = match path.parent()? {
        parent if parent.as_os_str().is_empty() => Path::new("."),
        parent => parent,
    };
    if !folder.exists() {
        return Some(format!("the folder \"{}\" does not exist either", folder.display()));
    }
    let wanted = path.file_name()?.to_str()?;
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let near = super::spelling::nearest(wanted, names.iter().map(String::as_str))?;
    Some(format!("did you mean \"{}\"?", path.with_file_name(near).display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn refused(path: &Path) -> String {
        let diagnostics = Source::read(path).unwrap_err();
        assert_eq!(diagnostics.len(), 1);
        diagnostics[0].plain().to_string().replace(&path.parent().unwrap().display().to_string(), "DIR")
    }

    #[test]
    fn what_is_no_readable_file_is_refused_at_once_and_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("checkout.toml"), "name = \"x\"\n").unwrap();
        std::fs::write(at("empty.toml"), " \n").unwrap();
        std::fs::write(at("latin.toml"), b"# fine\nname = \"caf\xe9\"\n").unwrap();
        std::fs::write(at("cut.toml"), b"name = \"caf\xc3").unwrap();
        std::fs::write(at("large.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.toml"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let _socket = UnixListener::bind(at("socket.toml")).unwrap();
        let names = [
            "chekout.toml",
            "other/checkout.toml",
            "checkout.toml/x.toml",
            "empty.toml",
            "latin.toml",
            "cut.toml",
            "large.toml",
            "pipe.toml",
            "socket.toml",
        ];
        let mut lines: Vec<String> = names.iter().map(|name| refused(&at(name))).collect();
        lines.push(refused(Path::new("/dev/zero")));
        lines.push(refused(dir.path()));
        let name = dir.path().file_name().unwrap().to_str().unwrap();
        insta::assert_snapshot!(lines.join("\n").replace(name, "NAME"));
        assert!(Source::read(&at("checkout.toml")).is_ok());
    }

    #[test]
    fn a_file_that_may_not_be_read_says_so() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let diagnostic = unreadable(Path::new("a.toml"), &error);
        assert_eq!(diagnostic.code(), "unreadable-file");
        assert!(diagnostic.message().contains("permission denied"));
    }

    #[test]
    fn a_folder_means_the_scenarios_directly_in_it_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(scenario_files(dir.path()).unwrap_err()[0].code(), "no-scenarios");
        for name in ["c.feature", "b.toml", "a.toml", "springback.toml", "notes.md"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("c.toml")).unwrap();
        std::fs::create_dir(dir.path().join("deeper")).unwrap();
        std::fs::write(dir.path().join("deeper/d.toml"), "").unwrap();
        let names: Vec<_> = scenario_files(dir.path())
            .unwrap()
            .into_iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.toml", "b.toml", "c.feature"]);
        assert_eq!(scenario_files(&dir.path().join("b.toml")).unwrap().len(), 1);
        assert!(scenario_files(&dir.path().join("missing.toml")).is_err());
    }
}
