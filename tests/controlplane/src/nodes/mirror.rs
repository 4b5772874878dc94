//! The objects of a kind as the API server last told them, kept by whoever works on all of them.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::runtime::watcher;

/// All objects of a kind, by UID.
pub(super) struct Mirror<K> {
    pub(super) objects: BTreeMap<String, K>,
    listed: BTreeMap<String, K>,
}

impl<K> Default for Mirror<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), listed: BTreeMap::new() }
    }
}

impl<K: ResourceExt> Mirror<K> {
    /// Takes one event of a watch.
    pub(super) fn take(&mut self, event: watcher::Result<watcher::Event<K>>) {
        let uid = |object: &K| object.uid().unwrap_or_default();
        match event {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(object)) => drop(self.listed.insert(uid(&object), object)),
            Ok(watcher::Event::InitDone) => self.objects = std::mem::take(&mut self.listed),
            Ok(watcher::Event::Apply(object)) => drop(self.objects.insert(uid(&object), object)),
            Ok(watcher::Event::Delete(object)) => drop(self.objects.remove(&uid(&object))),
            // It comes back by itself, and lists again.
            Err(_) => {}
        }
    }
}
