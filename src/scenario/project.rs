//! `springback.toml`: what holds for all scenarios beside it, and for the place where they are run.

mod defaults;
mod find;
mod layers;
mod values;

use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::keys::PROJECT;
use super::manifest::Files;
use super::overrides::{Environment, resolve, resolve_quietly};
use super::problems::Problems;
use super::read::Origin;
use super::reader::{Context, Names, Reader};
use super::source::Source;
use super::spelling::suggestion;
use super::syntax;
use super::tree::{Node, Value, quoted};

pub use find::find_settings;
pub(crate) use layers::Layers;

/// The settings of a project, with one of its profiles chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Project {
    /// Where reports go, unless `--reports` says otherwise.
    pub reports: Option<PathBuf>,
    /// Where reports go with any of the profiles, or with none: each once.
    pub all_reports: Vec<PathBuf>,
    /// Hosts, besides loopback, that load may go to. It stands outside of the scenarios, so that none can grant itself a
    /// target.
    pub allowed_hosts: Vec<String>,
    /// Scenarios that run and are reported, and do not fail their suite until a date.
    pub quarantine: Vec<Quarantine>,
    /// What is merged into scenarios.
    pub(crate) layers: Layers,
}

/// A scenario whose failure is known, owned, and put up with until a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Its name.
    pub scenario: String,
    /// Who is mending it.
    pub owner: String,
    /// The last day on which it is put up with, in UTC.
    pub until: jiff::civil::Date,
    /// Why, or where the work is tracked.
    pub reason: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}

impl Project {
    /// Reads the settings with a profile chosen. On failure everything that is wrong with them comes back, in the order in
    /// which it is written; profiles that are not chosen are read too, but may need variables that are not set.
    pub fn read(
        source: &Source,
        profile: Option<&str>,
        environment: Environment<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let problems = Problems::of(source);
        let mut project = None;
        if let Some(root) = syntax::parse(&source.text, &problems) {
            let mut filled = root.clone();
            fill_in(&mut filled, profile, environment, &problems);
            project = Reading { problems: &problems, source, profile }.project(&root, &filled);
        }
        let (diagnostics, has_error) = problems.take_diagnostics();
        project.filter(|_| !has_error).ok_or(diagnostics)
    }

    /// Stands for settings that could not be read, so that mistakes of scenarios can be shown all the same, but not those
    /// that better settings would mend.
    pub fn unreadable() -> Self {
        Self { layers: Layers { unreadable: true, ..Layers::default() }, ..Self::default() }
    }

    /// The file that the settings stand in, if there is one.
    pub fn settings(&self) -> Option<&Source> {
        self.layers.settings.as_ref()
    }

    /// Name of the profile that was chosen.
    pub fn profile(&self) -> Option<&str> {
        self.layers.profile.as_ref().map(|profile| profile.name.as_str())
    }
}

/// Reads a settings file, with a profile chosen. Without a file there are no settings, and no profile.
pub fn read_settings(
    file: Option<&Path>,
    profile: Option<&str>,
    environment: Environment<'_>,
) -> Result<Project, Vec<Diagnostic>> {
    match (file, profile) {
        (Some(file), _) => Project::read(&Source::read_settings(file)?, profile, environment),
        (None, None) => Ok(Project::default()),
        (None, Some(profile)) => Err(vec![
            Diagnostic::error("no-settings", format!("there is no profile {}, because there are no settings", quoted(profile)))
                .help("profiles stand in a springback.toml in the folder of the scenarios or above it, or in the file that `--config` names"),
        ]),
    }
}

/// Fills variables in. A profile that was not chosen may need some that are not set here.
fn fill_in(root: &mut Node, profile: Option<&str>, environment: Environment<'_>, problems: &Problems) {
    let Value::Table(entries) = &mut root.value else { return };
    for entry in entries {
        match &mut entry.node.value {
            Value::Table(profiles) if entry.key == "profile" => {
                for one in profiles {
                    if profile == Some(one.key.as_str()) {
                        resolve(&mut one.node, environment, problems);
                    } else {
                        resolve_quietly(&mut one.node, environment);
                    }
                }
            }
            _ => {
                resolve(&mut entry.node, environment, problems);
            }
        }
    }
}

struct Reading<'a> {
    problems: &'a Problems,
    source: &'a Source,
    profile: Option<&'a str>,
}

/// What stands both in a profile and outside of profiles.
#[derive(Default)]
struct Place {
    reports: Option<PathBuf>,
    hosts: Option<Vec<String>>,
}

impl Reading<'_> {
    /// `root` is the tree as it is written, `filled` the same with its variables filled in.
    fn project(&self, root: &Node, filled: &Node) -> Option<Project> {
        let names = Names { open: true, ..Names::default() };
        let files = Files::unopened();
        let context = Context { problems: self.problems, names: &names, files: &files };
        let mut reader = Reader::new(context, &PROJECT, "settings", filled, filled.place.as_ref())?;
        let place = self.place(&mut reader);
        let mut all_reports: Vec<PathBuf> = place.reports.iter().cloned().collect();
        let mut defaults = vec![reader.take("defaults").1];
        let mut known: Vec<String> = Vec::new();
        let mut chosen = None;
        for (name, mut reader) in reader.named("profile") {
            let place = self.place(&mut reader);
            defaults.push(reader.take("defaults").1);
            self.check_paths(reader.take("set").1);
            reader.finish();
            all_reports.extend(place.reports.clone());
            if self.profile == Some(name.as_str()) {
                chosen = Some(place);
            }
            known.push(name);
        }
        let quarantine = self.quarantine(reader.tables("quarantine"));
        reader.finish();
        if place.reports.is_none() {
            all_reports.push(PathBuf::from(super::REPORTS));
        }
        all_reports.sort();
        all_reports.dedup();
        self.check_profile(&known, chosen.is_some());
        // Last, because from here on what is missing counts as given by a scenario.
        defaults.into_iter().flatten().for_each(|node| defaults::check(node, context));
        let strong = chosen.unwrap_or_default();
        Some(Project {
            reports: strong.reports.or(place.reports),
            all_reports,
            allowed_hosts: strong.hosts.or(place.hosts).unwrap_or_default(),
            quarantine,
            layers: self.layers(root),
        })
    }

    fn place(&self, reader: &mut Reader<'_>) -> Place {
        let folder = Path::new(&self.source.name).parent().unwrap_or(Path::new(""));
        let reports = reader.text("reports").map(|reports| folder.join(reports));
        let hosts = reader.table("allow").and_then(|mut reader| {
            let hosts = reader.hosts("hosts");
            reader.finish();
            hosts
        });
        reader.prices_by_group("prices");
        Place { reports, hosts }
    }

    /// What is set must be a path. Whether there is such a place depends on the scenario.
    fn check_paths(&self, set: Option<&Node>) {
        let Some(set) = set else { return };
        if !matches!(set.value, Value::Table(_) | Value::Broken) {
            self.problems.add(
                Diagnostic::error(
                    "wrong-type",
                    format!("`set` must be a table of paths and values, not {}", set.described()),
                ),
                set.place.as_ref(),
                "of another kind",
            );
        }
        for entry in set.entries() {
            let path = layers::path_of(&entry.key, &entry.key_place);
            let complaint = match &path {
                None => Some((
                    "is not a path",
                    "a path is made of keys with dots between, for example `fault.0.at`".to_owned(),
                )),
                // `set.load.baseline_rate` would replace all of `load`, and that is hardly what was meant.
                Some(path) if path.len() == 1 && matches!(entry.node.value, Value::Table(_)) => {
                    let inner = entry.node.entries().first().map_or("…", |inner| &inner.key);
                    Some((
                        "is set to a whole table",
                        format!("put the path in quotation marks: `\"{}.{inner}\" = …`", entry.key),
                    ))
                }
                Some(_) => None,
            };
            if let Some((complaint, help)) = complaint {
                self.problems.add(
                    Diagnostic::error("bad-override", format!("{} {complaint}", quoted(&entry.key)))
                        .help(help),
                    Some(&entry.key_place),
                    "this path",
                );
            }
        }
    }

    fn check_profile(&self, known: &[String], is_known: bool) {
        let Some(wanted) = self.profile.filter(|_| !is_known) else { return };
        if known.iter().any(|name| name == wanted) {
            // It is there, and what is wrong with it has been said.
            return;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let name = &self.source.name;
        let diagnostic =
            Diagnostic::error("unknown-profile", format!("there is no profile {} in {name}", quoted(wanted)));
        let help = match known.as_slice() {
            [] => format!("it has none; write `[profile.{wanted}]` for one"),
            known => suggestion(wanted, known),
        };
        self.problems.add(diagnostic.help(help), None, "");
    }

    fn quarantine(&self, readers: Vec<Reader<'_>>) -> Vec<Quarantine> {
        let mut quarantine: Vec<Quarantine> = Vec::new();
        let mut nodes: Vec<&Node> = Vec::new();
        for mut reader in readers {
            let node = reader.whole();
            let scenario = reader.text("scenario");
            let owner = reader.text("owner");
            let until = reader.date("until");
            let reason = reader.text("reason");
            reader.finish();
            let Some(scenario) = scenario else { continue };
            let named = node.get("scenario");
            let same =
                |earlier: &&Node| matches!(&earlier.value, Value::Text { text, .. } if *text == scenario);
            if let Some(first) = nodes.iter().find(|earlier| same(earlier)) {
                self.problems.add_both(
                    Diagnostic::error(
                        "duplicate-name",
                        format!("{} is in quarantine twice", quoted(&scenario)),
                    )
                    .help("keep one"),
                    (named.place.as_ref(), "again here".to_owned()),
                    (first.place.as_ref(), "first here".to_owned()),
                );
            }
            nodes.push(named);
            if let (Some(owner), Some(until), Some(place)) = (owner, until, &node.place) {
                let (source, line) = self.problems.name_and_line(place);
                quarantine.push(Quarantine {
                    scenario,
                    owner,
                    until,
                    reason,
                    origin: Origin { source, line },
                });
            }
        }
        quarantine
    }

    /// What is merged into scenarios, as it is written.
    fn layers(&self, root: &Node) -> Layers {
        let written =
            |table: &Node, key: &str| Some(table.get(key)).filter(|node| !node.is_absent()).cloned();
        let profile = self.profile.map(|name| {
            let table = root.get("profile").get(name);
            layers::Profile {
                name: name.to_owned(),
                defaults: written(table, "defaults"),
                prices: written(table, "prices"),
                set: written(table, "set"),
            }
        });
        Layers {
            settings: Some(self.source.clone()),
            defaults: written(root, "defaults"),
            prices: written(root, "prices"),
            profile,
            unreadable: false,
        }
    }
}

#[cfg(test)]
mod tests;
