//! What `[defaults]` may hold: parts of a scenario, read by the readers of scenarios, but for what must be seen in each.

use super::layers::is_complete;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::{Kind, SCENARIO, Section, is_whole, no_default};
use crate::scenario::model::LOST_AT_ONCE;
use crate::scenario::problems::Problems;
use crate::scenario::reader::{Context, wrong_kind};
use crate::scenario::sections;
use crate::scenario::tree::{Entry, Node, Value};

/// Reports all that is wrong with a table of defaults.
pub(super) fn check(node: &Node, context: Context<'_>) {
    if !matches!(node.value, Value::Table(_)) {
        wrong_kind(context, "defaults", "a table", node);
        return;
    }
    let mut allowed = node.clone();
    take_out(&mut allowed, &SCENARIO, context.problems);
    // What is missing here a scenario has; so a part of a table is a good default, too.
    context.problems.mark_incomplete();
    let draft = sections::scenario(context, &allowed);
    let limit = draft.as_ref().and_then(|draft| draft.limits.value.lost_at_once);
    if limit.is_some_and(|limit| limit > LOST_AT_ONCE) {
        context.problems.add(
            Diagnostic::error(
                "not-a-default",
                format!("more than {LOST_AT_ONCE} of a group cannot be put at risk by default"),
            )
            .help("a default may only lower what can be lost; write the higher limit in the scenario that needs it"),
            node.get("limits").get("lost_at_once").place.as_ref(),
            "out of sight of whoever reads the scenario",
        );
    }
}

/// Reports what may not be there, and takes it out.
fn take_out(node: &mut Node, section: &'static Section, problems: &Problems) {
    let Value::Table(entries) = &mut node.value else { return };
    entries.retain_mut(|entry| match no_default(section, &entry.key) {
        Some(why) => {
            let message = format!("`{}` cannot have a default", entry.key);
            problems.add(
                Diagnostic::error("not-a-default", message).help(why),
                Some(&entry.key_place),
                "not here",
            );
            false
        }
        None => section.key(&entry.key).is_none_or(|key| is_good(entry, key.kind, problems)),
    });
}

/// Looks further down; `false` where the value is of no use at all.
fn is_good(entry: &mut Entry, kind: Kind, problems: &Problems) -> bool {
    match kind {
        Kind::Table(inner) | Kind::TimeOr(inner) => table(entry, inner, problems),
        Kind::Named(inner) => {
            if let Value::Table(entries) = &mut entry.node.value {
                entries.iter_mut().for_each(|entry| table(entry, inner, problems));
            }
        }
        Kind::OneOrMore(inner) => {
            if matches!(entry.node.value, Value::List(_)) {
                problems.add(
                    Diagnostic::error(
                        "wrong-type",
                        format!("the default of `{}` must be one table, not a list", entry.key),
                    )
                    .help("it adds to each one that a scenario has"),
                    entry.node.place.as_ref(),
                    "a list",
                );
                return false;
            }
            table(entry, inner, problems);
        }
        _ => {}
    }
    true
}

fn table(entry: &mut Entry, section: &'static Section, problems: &Problems) {
    take_out(&mut entry.node, section, problems);
    if is_whole(section) && matches!(entry.node.value, Value::Table(_)) && !is_complete(section, &entry.node)
    {
        let needed = section.keys.iter().filter(|key| key.required && entry.node.get(key.name).is_absent());
        for key in needed {
            problems.add(
                Diagnostic::error("missing-key", format!("the key `{}` is missing", key.name))
                    .help(format!("`{}` holds as a whole or not at all", entry.key)),
                Some(&entry.key_place),
                format!("`{}` is required here", key.name),
            );
        }
    }
}
