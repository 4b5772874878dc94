//! `manifest` without a cluster: what it prints. That a cluster takes it, and that it suffices, is tested in tests/kubernetes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A surge, a lost primary, and a standby elsewhere.
const CHECKOUT: &str = r#"
name = "checkout"
[target.kubernetes]
context = "staging"
namespace = "shop"
service = "checkout"
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
[target.kubernetes.group.standby]
workload = "StatefulSet/checkout"
namespace = "shop-dr"
takes_over_from = "primary"
promoted_replicas = 2
[load]
path = "/"
baseline_rate = "${RATE:-40/s}"
[[fault]]
at = "10s"
lose = { group = "primary", lasts = "20s" }
[limits]
lost_at_once = "100%"
[expect]
standby_released = { within = "1m" }
"#;

fn springback(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("RATE", "30/s")
        // Nothing here may ask a cluster.
        .env("KUBECONFIG", folder.join("none"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Calls it in a folder with that scenario; its exit code, what it printed, and what it said.
fn manifest(arguments: &[&str], scenario: &str) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("game-days")).unwrap();
    fs::write(folder.path().join("game-days/checkout.toml"), scenario).unwrap();
    fs::write(folder.path().join("springback.toml"), "[defaults.run]\nwarm_up = \"2m\"\n").unwrap();
    let output = springback(&[&["manifest"], arguments].concat(), folder.path());
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn printed(arguments: &[&str]) -> String {
    let (code, printed, said) = manifest(arguments, CHECKOUT);
    assert_eq!(code, 0, "{said}");
    printed
}

const IMAGE: [&str; 2] = ["--image", "registry.example/springback:1"];

#[test]
fn the_least_roles() {
    insta::assert_snapshot!("role", printed(&["role", "game-days"]));
}

#[test]
fn a_reaper_for_each_namespace() {
    insta::assert_snapshot!("reaper", printed(&[&["reaper", "game-days"], &IMAGE[..]].concat()));
}

#[test]
fn a_nightly_game_day() {
    let arguments =
        [&["cronjob", "game-days", "--tags", "not @slow", "--set", "run.warm_up=1m"], &IMAGE[..]].concat();
    insta::assert_snapshot!("cronjob", printed(&arguments));
}

/// The last document, which is the job itself.
fn last(yaml: &str) -> &str {
    yaml.rsplit("---\n").next().unwrap()
}

#[test]
fn a_gate_of_ci_and_of_argo_cd() {
    let job = printed(&[&["job", "game-days", "--reports-claim", "reports"], &IMAGE[..]].concat());
    assert!(!job.contains("PersistentVolumeClaim\n"), "{job}");
    insta::assert_snapshot!("job", last(&job));
    let hook = printed(&[&["postsync", "game-days", "--reports-claim", "reports"], &IMAGE[..]].concat());
    let annotations: Vec<&str> = last(&hook).lines().filter(|line| line.contains("argocd")).collect();
    let expected =
        ["argocd.argoproj.io/hook: PostSync", "argocd.argoproj.io/hook-delete-policy: BeforeHookCreation"];
    assert_eq!(annotations.iter().map(|line| line.trim()).collect::<Vec<_>>(), expected);
    let without: Vec<&str> = last(&hook)
        .lines()
        .filter(|line| !line.contains("argocd") && !line.contains("annotations"))
        .collect();
    assert_eq!(without, last(&job).lines().collect::<Vec<_>>(), "else it is the same job");
}

#[test]
fn what_cannot_be_in_a_pod_is_refused() {
    let (code, _, said) = manifest(
        &["role", "game-days"],
        "name = 'x'\n[target.local.a]\nreplicas = 1\n[load]\npath = '/'\nbaseline_rate = '1/s'\n[slo]\navailability = { target = '90%' }\n",
    );
    assert_eq!(code, 64);
    assert!(said.contains("runs on one machine, and needs nothing of a cluster"), "{said}");
    let elsewhere = CHECKOUT.replace("namespace = \"shop-dr\"", "context = \"dr\"");
    let (code, printed, said) = manifest(&[&["job", "game-days"], &IMAGE[..]].concat(), &elsewhere);
    assert_eq!((code, printed.as_str()), (64, ""));
    assert!(said.contains("cannot reach namespace \"shop\" of context \"dr\""), "{said}");
    // A kind that only a cluster knows, and no cluster to be asked.
    let rollout = CHECKOUT.replace("Deployment/checkout", "Rollout/checkout");
    let (code, _, said) = manifest(&["role", "game-days"], &rollout);
    assert_eq!(code, 5);
    assert!(said.contains("only the cluster knows") && said.contains("kubeconfig"), "{said}");
}

#[test]
fn roles_for_two_clusters_say_which_is_for_which() {
    let elsewhere = CHECKOUT.replace("namespace = \"shop-dr\"", "context = \"dr\"");
    let (code, printed, said) = manifest(&["role", "game-days"], &elsewhere);
    assert_eq!(code, 0, "{said}");
    let parts: Vec<&str> = printed.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(parts, ["# For context \"dr\".", "# For context \"staging\"."]);
}

#[test]
fn the_image_runs_as_the_user_that_jobs_run_as() {
    let containerfile = printed(&["containerfile"]);
    assert!(containerfile.contains("USER 65532:65532"), "{containerfile}");
    assert!(last(&printed(&[&["job", "game-days"], &IMAGE[..]].concat())).contains("runAsUser: 65532"));
}
