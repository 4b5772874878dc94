//! Objects of a cluster as they are written.

use serde_json::Value;

/// Kind and name of an object, the API group behind the kind where it has one: `NetworkChaos.chaos-mesh.org/slow`,
/// `ConfigMap/probe`. What is missing is empty.
pub fn object_name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
    format!("{}{}/{}", text("/kind"), group.unwrap_or_default(), text("/metadata/name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_called_by_kind_group_and_name() {
        let core = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "probe" } });
        assert_eq!(object_name(&core), "ConfigMap/probe");
        let chaos = json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": { "name": "slow" },
        });
        assert_eq!(object_name(&chaos), "NetworkChaos.chaos-mesh.org/slow");
    }
}
