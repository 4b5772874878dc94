//! The live view on a pseudo-terminal: whatever ends the run, the terminal is left as it was found.

#![expect(
    clippy::disallowed_methods,
    reason = "what really happens is waited for on the machine's own clock"
)]

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// Worlds of real processes, one test at a time: the machines have two cores.
static WORLD: Mutex<()> = Mutex::new(());

/// Surges and strikes as soon as it can, and has a while to be watched after that.
const SCENARIO: &str = r#"
name = "seen on a terminal"
[target.local.primary]
replicas = 2
capacity = "50/s"
startup = "100ms"
price = "0.10 USD/h"
[load]
path = "/"
baseline_rate = "40/s"
[[load.surge]]
at = "100ms"
step = { to_rate = "60/s", lasts = "2s" }
[[fault]]
at = "1s"
terminate = { group = "primary", count = 1, how = "kill" }
[expect]
replacement = { within = "5s" }
idle_spend = { at_most = "0.00 USD/h", after = "1s", hold = "5s" }
"#;

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A pseudo-terminal: the side of the emulator, and that of the program.
fn pseudo_terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&slave, Winsize { ws_col: COLUMNS, ws_row: ROWS, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (master, slave)
}

fn springback(folder: &Path, terminal: &OwnedFd) -> Command {
    let file = folder.join("seen.toml");
    fs::write(&file, SCENARIO).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_springback"));
    command.arg("run").arg(&file).args(["--suite-id", "s", "--seed", "7", "--reports"]).arg(folder.join("r"));
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stderr(terminal.try_clone().unwrap());
    command
}

/// A run on a terminal that somebody looks at.
struct Seen {
    run: Child,
    screen: Arc<Mutex<avt::Terminal>>,
    reader: std::thread::JoinHandle<()>,
    slave: OwnedFd,
    modes: Termios,
    _folder: tempfile::TempDir,
}

impl Seen {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (master, slave) = pseudo_terminal();
        let modes = tcgetattr(&slave).unwrap();
        let run = springback(folder.path(), &slave).stdout(slave.try_clone().unwrap()).spawn().unwrap();
        let screen = avt::Terminal::with_scrollback(COLUMNS.into(), ROWS.into(), None).unwrap();
        let screen = Arc::new(Mutex::new(screen));
        let seen = screen.clone();
        let reader = std::thread::spawn(move || {
            let mut master = File::from(master);
            let (mut bytes, mut pending) = ([0; 4096], Vec::new());
            // The last program that has it open has ended: an error on Linux.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                pending.extend_from_slice(&bytes[..count]);
                // A read may end in the middle of a character.
                let whole = match std::str::from_utf8(&pending) {
                    Ok(_) => pending.len(),
                    Err(error) => error.valid_up_to(),
                };
                let text = String::from_utf8(pending.drain(..whole).collect()).unwrap();
                seen.lock().unwrap().feed(text);
            }
        });
        Self { run, screen, reader, slave, modes, _folder: folder }
    }

    /// The screen's lines, and what has scrolled away.
    fn text(&self) -> String {
        let screen = self.screen.lock().unwrap();
        screen.screen().text().join("\n")
    }

    fn wait_for(&mut self, what: &str) {
        let began = Instant::now();
        while !self.text().contains(what) {
            let ended = self.run.try_wait().unwrap();
            assert!(ended.is_none(), "the run ended without {what:?}:\n{}", self.text());
            assert!(began.elapsed() < Duration::from_secs(90), "no {what:?} within 90 s:\n{}", self.text());
            // A condition is polled for; nothing here depends on how long this is.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.run.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; returns how it ended, and the text once all of it has arrived.
    fn end(mut self) -> (ExitStatus, String) {
        let status = self.run.wait().unwrap();
        let modes = tcgetattr(&self.slave).unwrap();
        assert_eq!(modes.input_modes, self.modes.input_modes);
        assert_eq!(modes.output_modes, self.modes.output_modes);
        assert_eq!(modes.local_modes, self.modes.local_modes);
        // Ours was the last one but for those of the run, which are gone: then reading ends.
        drop(self.slave);
        self.reader.join().unwrap();
        let screen = self.screen.lock().unwrap();
        let cursor = screen.cursor();
        assert!(cursor.visible, "the cursor is hidden");
        assert_eq!(screen.active_screen_kind(), avt::ScreenKind::Primary);
        let lines: Vec<_> = screen.screen().visible_lines().map(avt::Line::text).collect();
        assert_eq!(cursor.col, 0, "the prompt would not begin its line:\n{}", lines.join("\n"));
        let rest = &lines[cursor.row..];
        assert!(rest.iter().all(|line| line.trim().is_empty()), "the prompt's line is not empty: {rest:?}");
        (status, screen.screen().text().join("\n"))
    }
}

/// How the status begins a row.
const STATUS: &str = "\u{2500}\u{2500} seen on a terminal";

#[test]
fn after_ctrl_c_the_status_is_gone_and_what_happened_stays() {
    let _one = WORLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seen = Seen::start();
    seen.wait_for("killed primary-");
    seen.wait_for(STATUS);
    seen.signal("-INT");
    seen.wait_for("interrupted: ");
    seen.signal("-INT");
    let (status, text) = seen.end();
    assert_eq!(status.code(), Some(3), "{text}");
    assert!(!text.contains(STATUS), "the status is still there:\n{text}");
    for event in ["surge to 60/s began", "killed primary-", "interrupted again: "] {
        assert!(text.contains(event), "{event:?} has not stayed:\n{text}");
    }
}

#[test]
fn after_sigkill_the_prompt_finds_a_line_of_its_own() {
    let _one = WORLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seen = Seen::start();
    seen.wait_for("surge to 60/s began");
    seen.wait_for(STATUS);
    seen.signal("-KILL");
    let (status, text) = seen.end();
    assert_eq!(status.code(), None, "{text}");
    assert_eq!(text.matches(STATUS).count(), 1, "one status, the last one:\n{text}");
}

/// As after Ctrl-S: the terminal takes nothing any more.
#[test]
fn a_terminal_that_is_stopped_holds_nothing_up() {
    let _one = WORLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let (master, slave) = pseudo_terminal();
    let mut run = springback(folder.path(), &slave).stdout(Stdio::null()).spawn().unwrap();
    let status = run.wait().unwrap();
    assert!(status.code().is_some_and(|code| code < 3), "{status}");
    assert!(folder.path().join("r/s/seen/verdict.json").is_file());
    drop(master);
}
