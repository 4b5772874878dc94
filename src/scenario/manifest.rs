//! Files of objects that a fault applies: YAML or JSON, read when the scenario is, so that every mistake in them shows then.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::diagnostic::Diagnostic;
use super::model::object_name;
use super::problems::{Problems, SourceId};
use super::source::Source;
use super::tree::{Node, Place, quoted};

/// Opens a file that a scenario names.
pub type Open<'a> = dyn Fn(&Path) -> Result<Source, Vec<Diagnostic>> + 'a;

/// The files that are read along with a scenario.
pub(super) struct Files<'a> {
    open: Option<&'a Open<'a>>,
    read: RefCell<Vec<Source>>,
}

impl<'a> Files<'a> {
    pub(super) fn opened_by(open: &'a Open<'a>) -> Self {
        Self { open: Some(open), read: RefCell::default() }
    }

    /// None is opened: what is read is no whole scenario. Whatever a file holds counts as nothing.
    pub(super) fn unopened() -> Self {
        Self { open: None, read: RefCell::default() }
    }

    /// All that were read.
    pub(super) fn into_sources(self) -> Vec<Source> {
        self.read.into_inner()
    }

    /// The objects of a file that is named at a node. `None` where something is wrong with it, which has been said.
    pub(super) fn objects(&self, file: &str, named: &Node, problems: &Problems) -> Option<Vec<Value>> {
        let Some(open) = self.open else { return Some(Vec::new()) };
        let place = named.place.as_ref();
        let folder = place.map(|place| problems.folder(place.source)).unwrap_or_default();
        let path: PathBuf = folder.join(file);
        let source = match open(&path) {
            Ok(source) => source,
            Err(found) => {
                for diagnostic in found {
                    let advice = diagnostic
                        .advice()
                        .unwrap_or("a path in a file is relative to that file's folder")
                        .to_owned();
                    let again = Diagnostic::error(diagnostic.code(), diagnostic.message()).help(advice);
                    problems.add(again, place, "this file");
                }
                return None;
            }
        };
        let id = problems.add_source(&source.name, &source.text);
        let found = Manifest { id, text: &source.text, problems }.objects();
        if found.as_ref().is_some_and(Vec::is_empty) {
            problems.add(
                Diagnostic::error("bad-manifest", format!("{} holds no object", quoted(file)))
                    .help("it is applied as `kubectl apply --filename` would: `apiVersion`, `kind`, `metadata` and so on"),
                place,
                "this file",
            );
        }
        let mut read = self.read.borrow_mut();
        if !read.contains(&source) {
            read.push(source);
        }
        found.filter(|objects| !objects.is_empty())
    }
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("read", &self.read).finish_non_exhaustive()
    }
}

/// A file of objects.
struct Manifest<'a> {
    id: SourceId,
    text: &'a str,
    problems: &'a Problems,
}

impl Manifest<'_> {
    fn objects(&self) -> Option<Vec<Value>> {
        let mut objects: Vec<(Value, Range<usize>)> = Vec::new();
        let mut sound = true;
        for span in documents(self.text) {
            let parsed = serde_saphyr::from_str::<Value>(&self.text[span.clone()]);
            match parsed {
                Ok(Value::Null) => {}
                Ok(object) => {
                    sound &= self.check(&object, &objects, self.first_line(&span));
                    objects.push((object, self.first_line(&span)));
                }
                Err(error) => {
                    self.unreadable(&error, &span);
                    sound = false;
                }
            }
        }
        sound.then(|| objects.into_iter().map(|(object, _)| object).collect())
    }

    /// The first line of a document that says something.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let mut start = span.start;
        for line in self.text[span.clone()].split_inclusive('\n') {
            let said = line.trim();
            if !said.is_empty() && !said.starts_with('#') {
                return start..start + line.trim_end().len();
            }
            start += line.len();
        }
        span.start..span.start
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place { source: self.id, span }
    }

    /// What every object needs, so that it can be applied and deleted again.
    fn check(&self, object: &Value, earlier: &[(Value, Range<usize>)], line: Range<usize>) -> bool {
        let mistake = |what: String, help: &str| {
            let place = self.place(line.clone());
            self.problems.add(
                Diagnostic::error("bad-manifest", what).help(help),
                Some(&place),
                "this object",
            );
            false
        };
        if !object.is_object() {
            return mistake(
                "this document is no object".into(),
                "an object begins with `apiVersion:` and `kind:`",
            );
        }
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let kind = text("/kind").unwrap_or_default();
        if kind.ends_with("List") && object.get("items").is_some_and(Value::is_array) {
            return mistake(
                format!("this is a list of objects, {}", quoted(kind)),
                "write each object as a document of its own, with `---` between them",
            );
        }
        let mut sound = true;
        for (pointer, key, example) in [
            ("/apiVersion", "apiVersion", "for example `apiVersion: chaos-mesh.org/v1alpha1`"),
            ("/kind", "kind", "for example `kind: NetworkChaos`"),
            (
                "/metadata/name",
                "metadata.name",
                "it is found and deleted by its name; `generateName` does not do",
            ),
        ] {
            if text(pointer).is_none() {
                let what = if object.pointer(pointer).is_some() { "is no text" } else { "is missing" };
                sound = mistake(format!("`{key}` of this object {what}"), example);
            }
        }
        let id = |object: &Value| {
            let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned);
            (object_name(object), namespace)
        };
        if sound && let Some((_, first)) = earlier.iter().find(|(other, _)| id(other) == id(object)) {
            let (again, first) = (self.place(line), self.place(first.clone()));
            self.problems.add_both(
                Diagnostic::error("bad-manifest", format!("{} is in this file twice", object_name(object)))
                    .help("keep one of them"),
                (Some(&again), "again here".to_owned()),
                (Some(&first), "first here".to_owned()),
            );
            return false;
        }
        sound
    }

    fn unreadable(&self, error: &serde_saphyr::Error, document: &Range<usize>) {
        let text = &self.text[document.clone()];
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let before: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
        let rest = text.get(before..).unwrap_or_default();
        let within: usize = rest.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
        let start = (document.start + before + within).min(document.end);
        let message = error.without_snippet().to_string();
        // Its place is counted from the start of the document, and shown below as the file's.
        let first =
            message.lines().next().and_then(|line| line.split(" at line ").next()).unwrap_or_default();
        self.problems.add(
            Diagnostic::error("bad-manifest", format!("this is neither YAML nor JSON: {first}")),
            Some(&self.place(start..start + 1)),
            "here",
        );
    }
}

/// The documents of a file: what stands between lines that begin with `---`, which nothing within a document may.
fn documents(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let is_mark = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_mark {
            documents.push(start..at);
            // What stands behind the mark belongs to the document.
            start = at + "---".len();
        }
        at += line.len();
    }
    documents.push(start..text.len());
    documents
}

#[cfg(test)]
mod tests;
