//! Who wrote a field: the API server keeps account of it in `metadata.managedFields`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

/// The manager that owns a field, and the subresource through which it wrote. Where several own it, the latest.
///
/// `path` are the names of the fields on the way: `["spec", "replicas"]`.
pub(super) fn owner<'a>(metadata: &'a ObjectMeta, path: &[&str]) -> Option<(&'a str, &'a str)> {
    let entries = metadata.managed_fields.iter().flatten().filter(|entry| owns(entry, path));
    let latest = entries.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    Some((latest.manager.as_deref().unwrap_or(""), latest.subresource.as_deref().unwrap_or("")))
}

/// The manager that wrote last below a field.
pub(super) fn last_below<'a>(metadata: &'a ObjectMeta, field: &str) -> Option<&'a str> {
    let key = format!("f:{field}");
    let below = |entry: &&ManagedFieldsEntry| {
        let whole = entry.subresource.as_deref().unwrap_or("").is_empty();
        whole && entry.fields_v1.as_ref().is_some_and(|fields| fields.0.get(&key).is_some())
    };
    let entries = metadata.managed_fields.iter().flatten().filter(below);
    entries.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?.manager.as_deref()
}

fn owns(entry: &ManagedFieldsEntry, path: &[&str]) -> bool {
    let Some(fields) = &entry.fields_v1 else { return false };
    let mut node = &fields.0;
    for name in path {
        match node.get(format!("f:{name}")) {
            Some(inner) => node = inner,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(entries: serde_json::Value) -> ObjectMeta {
        serde_json::from_value(serde_json::json!({ "name": "checkout", "managedFields": entries })).unwrap()
    }

    fn entry(manager: &str, subresource: &str, time: &str, fields: &str) -> serde_json::Value {
        let fields: serde_json::Value = serde_json::from_str(fields).unwrap();
        serde_json::json!({
            "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": fields, "subresource": subresource,
        })
    }

    #[test]
    fn the_latest_owner_of_a_field_is_its_writer() {
        let count = r#"{"f:spec":{"f:replicas":{}}}"#;
        let found = metadata(serde_json::json!([
            entry("kubectl-create", "", "2026-11-24T10:00:00Z", r#"{"f:spec":{"f:template":{}}}"#),
            entry("argocd", "", "2026-11-24T10:00:01Z", count),
            entry("kube-controller-manager", "scale", "2026-11-24T10:00:02Z", count),
        ]));
        assert_eq!(owner(&found, &["spec", "replicas"]), Some(("kube-controller-manager", "scale")));
        assert_eq!(owner(&found, &["spec", "paused"]), None);
        assert_eq!(last_below(&found, "spec"), Some("argocd"));
    }

    #[test]
    fn an_object_without_account_has_no_writer() {
        assert_eq!(owner(&ObjectMeta::default(), &["spec", "replicas"]), None);
    }
}
