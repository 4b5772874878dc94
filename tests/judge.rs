//! A recorded run, judged again: the same verdict from the history alone, another with other expectations, never a pass
//! from what is torn, and nothing at all from what was changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use springback::report::Verdict;

const SCENARIO: &str = r#"
name = "a short whole run"
[target.local.primary]
replicas = 2
capacity = "50/s"
startup = "200ms"
price = "0.10 USD/h"
autoscaler = { min_replicas = 2, max_replicas = 6, target_utilization = "60%", sync_period = "500ms", scale_down = { stabilization_window = "1s" } }
[load]
path = "/"
baseline_rate = "40/s"
[[load.surge]]
at = "500ms"
step = { to_rate = "150/s", lasts = "4s" }
[slo]
availability = { target = "80%" }
[expect]
baseline = { at_most = { primary = 2 } }
expansion = { group = "primary", to_at_least = 4, within = "8s" }
contraction = { group = "primary", within = "8s", hold = "3s" }
idle_spend = { at_most = "0.00 USD/h", after = "8s", hold = "3s" }
"#;

fn springback(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_springback")).args(arguments).output().unwrap()
}

fn judge(path: &Path, more: &[&str]) -> (i32, String) {
    let path = path.display().to_string();
    let output = springback(&[&["judge", path.as_str()][..], more].concat());
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), told)
}

fn record(folder: &Path) -> PathBuf {
    let file = folder.join("short.toml");
    fs::write(&file, SCENARIO).unwrap();
    let (file, reports) = (file.display().to_string(), folder.join("reports").display().to_string());
    let output =
        springback(&["run", &file, "--suite-id", "s", "--seed", "7", "--quiet", "--reports", &reports]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    folder.join("reports/s/short")
}

#[test]
fn a_recorded_run_is_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = record(folder.path());
    let history = run.join("history.jsonl");

    // The same verdict, to the letter, from the history alone.
    let alone = folder.path().join("alone.jsonl");
    fs::copy(&history, &alone).unwrap();
    let output = springback(&["judge", &alone.display().to_string(), "--output", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let suite: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let again: Verdict = serde_json::from_value(suite["scenarios"][0].clone()).unwrap();
    let first: Verdict =
        serde_json::from_str(&fs::read_to_string(run.join("verdict.json")).unwrap()).unwrap();
    assert_eq!(again, first);

    // Tighter expectations fail; what cannot be counted afterwards is refused.
    let tighter = folder.path().join("tighter.toml");
    let within = "[expect]\ncontraction = { group = \"primary\", within = \"10ms\", hold = \"3s\" }\n";
    fs::write(&tighter, within).unwrap();
    let (code, told) = judge(&run, &["--expect", &tighter.display().to_string()]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("tighter.toml:2"), "the line that set the bound is named:\n{told}");
    let uncounted = folder.path().join("uncounted.toml");
    fs::write(&uncounted, "[slo]\nfast = { target = \"90%\", under = \"3ms\" }\n").unwrap();
    assert_eq!(judge(&run, &["--expect", &uncounted.display().to_string()]).0, 64);

    // Cut anywhere in its last half it is inconclusive, and says so.
    let bytes = fs::read(&history).unwrap();
    let cut = folder.path().join("cut.jsonl");
    for i in 0..40 {
        let at = bytes.len() / 2 + (bytes.len() / 2 - 1) * i / 39;
        fs::write(&cut, &bytes[..at]).unwrap();
        let (code, told) = judge(&cut, &[]);
        assert_eq!(code, 2, "cut at byte {at} of {}:\n{told}", bytes.len());
        assert!(told.contains("cut short"), "{told}");
    }

    // Changed anywhere in the middle it is no history.
    for i in 0..40 {
        let at = bytes.len() / 10 + bytes.len() * 8 / 10 * i / 39;
        let mut changed = bytes.clone();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        fs::write(&cut, &changed).unwrap();
        let (code, told) = judge(&cut, &[]);
        assert_eq!(code, 64, "byte {at} changed:\n{told}");
        assert!(told.contains("damaged history"), "{told}");
    }
}
