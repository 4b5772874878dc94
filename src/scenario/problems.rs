//! All that is found wrong while a scenario is read. Nothing stops at the first mistake.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Listing};
use super::source::Source;
use super::tree::Place;

/// More than so many mistakes are counted, not shown.
const SHOWN_MAX: usize = 50;

/// More than so many are not even looked at.
const FOUND_MAX: usize = 2_000;

/// Which of the texts that go into one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceId(usize);

impl SourceId {
    /// The file itself: the first text that is added.
    pub(super) const FILE: Self = Self(0);
}

/// What a text is to the scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// What it is written in.
    Own,
    /// A file that it takes something from.
    Import,
    /// An argument of `--set`.
    Argument,
    /// `[defaults]` of the settings.
    Defaults,
    /// `[prices]` of the settings.
    Prices,
    /// The profile of this name in the settings.
    Profile(String),
}

/// The mistakes found so far and the texts that they are in.
#[derive(Debug)]
pub(super) struct Problems {
    listings: RefCell<Vec<(Part, Arc<Listing>)>>,
    found: RefCell<Vec<(Option<SourceId>, Diagnostic)>>,
    incomplete: Cell<bool>,
}

impl Problems {
    pub(super) fn of(file: &Source) -> Self {
        let problems =
            Self { listings: RefCell::default(), found: RefCell::default(), incomplete: Cell::new(false) };
        problems.add_part(Part::Own, &file.name, &file.text);
        problems
    }

    /// Adds a file that the scenario takes something from.
    pub(super) fn add_source(&self, name: &str, text: &str) -> SourceId {
        self.add_part(Part::Import, name, text)
    }

    /// Adds a text that values may come from.
    pub(super) fn add_part(&self, part: Part, name: &str, text: &str) -> SourceId {
        let mut listings = self.listings.borrow_mut();
        listings.push((part, Listing::new(name, text)));
        SourceId(listings.len() - 1)
    }

    /// What a text is to the scenario.
    pub(super) fn part(&self, id: SourceId) -> Part {
        self.listings.borrow()[id.0].0.clone()
    }

    /// The folder that a path within a text counts from: that of the file, or of the scenario where the text is none.
    pub(super) fn folder(&self, id: SourceId) -> PathBuf {
        let id = match self.part(id) {
            Part::Own | Part::Argument => SourceId::FILE,
            Part::Import | Part::Defaults | Part::Prices | Part::Profile(_) => id,
        };
        Path::new(&self.listing(id).name).parent().unwrap_or(Path::new("")).to_owned()
    }

    /// Remembers a mistake at a place, with what is to be seen there.
    pub(super) fn add(&self, diagnostic: Diagnostic, place: Option<&Place>, label: impl Into<String>) {
        self.add_both(diagnostic, (place, label.into()), (None, String::new()));
    }

    /// Like [`Self::add`], with a second place that matters.
    pub(super) fn add_both(
        &self,
        mut diagnostic: Diagnostic,
        (place, label): (Option<&Place>, String),
        (second, second_label): (Option<&Place>, String),
    ) {
        if self.found.borrow().len() >= FOUND_MAX {
            return;
        }
        if let Some(place) = place {
            diagnostic = diagnostic.at(&self.listing(place.source), place.span.clone(), label);
        }
        if let Some(second) = second {
            diagnostic = diagnostic.and_at(&self.listing(second.source), second.span.clone(), second_label);
        }
        self.found.borrow_mut().push((place.map(|place| place.source), diagnostic));
    }

    /// From now on, what seems to be missing may only be unreadable.
    pub(super) fn mark_incomplete(&self) {
        self.incomplete.set(true);
    }

    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete.get()
    }

    /// Whether an error was found so far.
    pub(super) fn has_error(&self) -> bool {
        self.found.borrow().iter().any(|(_, diagnostic)| diagnostic.is_error())
    }

    /// Name of the text and line, from 1.
    pub(super) fn name_and_line(&self, place: &Place) -> (String, u32) {
        let listing = self.listing(place.source);
        (listing.name.clone(), listing.position(place.span.start).0)
    }

    /// All of them in the order of their places, and whether one of them is an error.
    pub(super) fn take_diagnostics(&self) -> (Vec<Diagnostic>, bool) {
        let mut found = self.found.take();
        found.sort_by(|(a_source, a), (b_source, b)| {
            (a_source, a.offset(), a.severity()).cmp(&(b_source, b.offset(), b.severity()))
        });
        let mut diagnostics: Vec<Diagnostic> = found.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        diagnostics.dedup();
        let has_error = diagnostics.iter().any(Diagnostic::is_error);
        if diagnostics.len() > SHOWN_MAX {
            // Errors before warnings, if not all fit; places in order again within each.
            diagnostics.sort_by_key(Diagnostic::severity);
            let left = diagnostics.len() - SHOWN_MAX;
            diagnostics.truncate(SHOWN_MAX);
            let what = format!("and at least {left} more mistakes; mend these first");
            diagnostics.push(if has_error {
                Diagnostic::error("too-many", what)
            } else {
                Diagnostic::warning("too-many", what)
            });
        }
        (diagnostics, has_error)
    }

    fn listing(&self, id: SourceId) -> Arc<Listing> {
        Arc::clone(&self.listings.borrow()[id.0].1)
    }
}
