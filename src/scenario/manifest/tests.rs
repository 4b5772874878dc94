use super::*;
use crate::scenario::{FaultAction, Lowered, Overrides, WaitFor, read};

const SCENARIO: &str = r#"name = "another engine's fault"
[target.kubernetes]
context = "staging"
namespace = "shop"
group = { primary = { workload = "Deployment/checkout" } }
[[fault]]
at = "10s"
manifest = { group = "primary", file = "slow.yaml", wait_for = "condition=AllInjected", within = "30s", lasts = "20s" }
[expect]
baseline = { at_most = { primary = 4 } }
"#;

const SLOW: &str = "apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata:
  name: slow
spec:
  action: delay
  delay:
    latency: 200ms
  mode: all
  percent: 50
";

fn read_with(manifest: &str) -> Result<Lowered, String> {
    let open = |path: &Path| {
        assert_eq!(path, Path::new("scenarios/slow.yaml"), "beside the scenario");
        Ok(Source::new("scenarios/slow.yaml", manifest))
    };
    let overrides = Overrides { files: &open, ..Overrides::NONE };
    read(&Source::new("scenarios/a.toml", SCENARIO), &overrides)
        .map_err(|found| found.iter().map(|one| one.plain().to_string()).collect::<Vec<_>>().join("\n"))
}

fn objects(manifest: &str) -> Vec<Value> {
    let lowered = read_with(manifest).unwrap_or_else(|said| panic!("{said}"));
    let FaultAction::Manifest { objects, .. } = &lowered.scenario.faults[0].action else {
        panic!("a manifest")
    };
    objects.clone()
}

#[test]
fn the_objects_of_a_file_are_part_of_the_scenario_and_the_file_of_its_sources() {
    let lowered = read_with(SLOW).unwrap();
    assert_eq!(lowered.files, [Source::new("scenarios/slow.yaml", SLOW)]);
    let FaultAction::Manifest { objects, wait_for, file, .. } = &lowered.scenario.faults[0].action else {
        panic!("a manifest")
    };
    assert_eq!(file, "slow.yaml");
    assert_eq!(*wait_for, WaitFor::Condition { kind: "AllInjected".into(), status: "True".into() });
    assert_eq!(
        objects[..],
        [serde_json::json!({
            "apiVersion": "chaos-mesh.org/v1alpha1",
            "kind": "NetworkChaos",
            "metadata": { "name": "slow" },
            "spec": { "action": "delay", "delay": { "latency": "200ms" }, "mode": "all", "percent": 50 },
        })]
    );
}

#[test]
fn several_documents_and_json_are_read_alike() {
    let second = SLOW.replace("name: slow", "name: slower");
    let both = objects(&format!("# two of them\n---\n{SLOW}---\n# the other\n{second}---\n"));
    assert_eq!(
        both.iter().map(object_name).collect::<Vec<_>>(),
        ["NetworkChaos.chaos-mesh.org/slow", "NetworkChaos.chaos-mesh.org/slower",]
    );
    let json = serde_json::to_string_pretty(&both[0]).unwrap();
    assert_eq!(objects(&json), both[..1]);
    // A line that begins with the mark's three signs and goes on is none.
    let script = format!("{SLOW}  script: |\n    a\n    ----\n");
    assert_eq!(objects(&script)[0].pointer("/spec/script").and_then(Value::as_str), Some("a\n----\n"));
}

#[test]
fn every_mistake_of_a_file_has_its_line() {
    let said = read_with(
        "apiVersion: v1
kind: ConfigMap
metadata:
  generateName: probe-
---
# the second
kind: [1
---
just words
---
apiVersion: v1
kind: ConfigMapList
items: []
---
apiVersion: v1
kind: ConfigMap
metadata: { name: twice }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: twice }
data: { a: b }
---
apiVersion: 1
metadata: { name: three }
",
    );
    insta::assert_snapshot!(said.unwrap_err());
}

#[test]
fn a_file_that_holds_nothing_or_is_not_there_is_blamed_where_it_is_named() {
    let said = read_with("---\n# nothing\n---\n").unwrap_err();
    assert!(said.contains("a.toml:8:") && said.contains("\"slow.yaml\" holds no object"), "{said}");
    let missing = read(&Source::new("scenarios/a.toml", SCENARIO), &Overrides::NONE).unwrap_err();
    assert!(missing[0].plain().to_string().contains("a.toml:8:"), "{}", missing[0].plain());
}

#[test]
fn an_alias_that_would_grow_without_end_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    assert!(read_with(&bomb).unwrap_err().contains("bad-manifest"));
}
