//! The verdict for somebody at a terminal, perhaps at 3 a.m.: first what it is, then why, then what was run.

use textwrap::core::display_width;

use crate::check::Outcome;
use crate::diagnose::Diagnosis;
use crate::diagnose::say::lasting;
use crate::history::Tracks;

use super::page::{BOLD, DIM, Look, PLAIN, Page, cut, style_of};
use super::sentences;
use super::timeline::{Axis, moves};
use super::verdict::{GroupSummary, Judged, Verdict};
use super::words::{exit_meaning, mark, tally};

/// Columns of what stands before the details of a finding.
const DETAIL: usize = 12;

/// A verdict as text. `tracks` are those that it was made from.
pub fn terminal(verdict: &Verdict, tracks: &Tracks, look: Look) -> String {
    let mut page = Page::new(look);
    head(&mut page, verdict);
    page.blank();
    let mut told: Vec<&Diagnosis> = Vec::new();
    for judged in verdict.worst_first() {
        finding(&mut page, verdict, judged, &mut told);
    }
    page.blank();
    page.line(&[
        ("What was run", BOLD),
        ("   times count from the start of the stimulus · ━ surge · ▾ fault", DIM),
    ]);
    what_ran(&mut page, verdict, tracks);
    page.finish()
}

fn head(page: &mut Page, verdict: &Verdict) {
    let outcome = verdict.outcome;
    let label = format!("{} {}  ", mark(outcome), outcome.as_str().to_uppercase());
    page.labelled(display_width(&label), (&label, style_of(outcome)), (&verdict.scenario, BOLD));
    let tally = tally(verdict.findings.iter().map(|judged| judged.finding.outcome));
    let attempt = sentences::attempt(verdict).map_or_else(String::new, |attempt| format!(" · {attempt}"));
    let facts = format!(
        "{tally}{attempt} · took {} · seed {} · exit {}",
        lasting(verdict.duration_us),
        verdict.seed,
        verdict.exit_code
    );
    page.labelled(2, ("", PLAIN), (&facts, PLAIN));
    if let Some(overrides) = sentences::overrides(verdict) {
        page.labelled(2, ("", PLAIN), (&overrides, PLAIN));
    }
    for trouble in sentences::trouble(verdict) {
        page.labelled(2, ("", PLAIN), (&trouble, style_of(Outcome::Inconclusive)));
    }
    if let Some(meaning) = exit_meaning(verdict.exit_code) {
        page.labelled(2, ("", PLAIN), (meaning, style_of(Outcome::Inconclusive)));
    }
    if outcome != Outcome::Pass
        && let Some(line) = sentences::whom_to_ask(verdict)
    {
        page.labelled(2, ("", PLAIN), (&line, PLAIN));
    }
}

fn finding<'a>(page: &mut Page, verdict: &Verdict, judged: &'a Judged, told: &mut Vec<&'a Diagnosis>) {
    let finding = &judged.finding;
    let mark = format!("{} ", mark(finding.outcome));
    if finding.outcome == Outcome::Pass {
        page.labelled(2, (&mark, style_of(finding.outcome)), (&finding.expectation, PLAIN));
        page.labelled(4, ("", PLAIN), (&sentences::passed(finding), DIM));
        return;
    }
    page.labelled(2, (&mark, style_of(finding.outcome)), (&finding.expectation, BOLD));
    page.labelled(4, ("", PLAIN), (&finding.text, PLAIN));
    page.labelled(4, ("", PLAIN), (&sentences::provenance(finding, verdict.zero_us()), DIM));
    if let Some(numbers) = sentences::numbers(finding) {
        page.labelled(DETAIL, ("    numbers", DIM), (&numbers, PLAIN));
    }
    for cause in &judged.causes {
        let title = format!("{} · {}", cause.code, cause.object);
        if told.contains(&cause) {
            page.labelled(DETAIL, ("    why", DIM), (&format!("{title}, as above"), PLAIN));
            continue;
        }
        page.labelled(DETAIL, ("    why", DIM), (&title, BOLD));
        page.labelled(DETAIL, ("", PLAIN), (&cause.seen, PLAIN));
        page.labelled(DETAIL, ("    next", DIM), (&cause.next_step, PLAIN));
        told.push(cause);
    }
    page.blank();
}

fn what_ran(page: &mut Page, verdict: &Verdict, tracks: &Tracks) {
    let names = verdict.groups.keys().map(|name| display_width(name)).max().unwrap_or(0);
    let indent = names.clamp(8, page.width() / 4) + 4;
    let row = |page: &mut Page, label: &str, text: &str| {
        let label = format!("  {}", cut(label, indent - 4));
        page.labelled(indent, (&label, DIM), (text, PLAIN));
    };
    row(page, "phases", &sentences::phases(verdict));
    supply(page, verdict, tracks, indent);
    for fault in &verdict.faults {
        row(page, &fault.fault, &sentences::fault(fault, verdict.zero_us()));
    }
    if let Some(load) = &verdict.load {
        row(page, "load", &sentences::delivery(load));
        row(page, "", &sentences::answers(load));
        for line in sentences::latencies(load) {
            row(page, "", &line);
        }
    }
    if let Some(spend) = &verdict.spend {
        row(page, "spend", &sentences::spend(spend));
    }
    for stop in &verdict.stops {
        row(page, "stopped", &sentences::stop(stop, verdict.zero_us()));
    }
    for note in &verdict.notes {
        row(page, "note", &format!("{}: {}", note.code, note.text));
    }
}

/// A picture of each group, one above the other on one axis, and its moves in words.
fn supply(page: &mut Page, verdict: &Verdict, tracks: &Tracks, indent: usize) {
    let counts: Vec<(&String, String)> =
        verdict.groups.iter().map(|(name, group)| (name, from_to(group))).collect();
    let Some(widest) = counts.iter().map(|(_, counts)| display_width(counts)).max() else { return };
    let columns = page.width() - indent - widest - 2;
    let axis = Axis::of(tracks, columns);
    let label = |name: &str| {
        let label = format!("  {}", cut(name, indent - 4));
        let padding = indent - display_width(&label);
        format!("{label}{:padding$}", "")
    };
    page.line(&[(&label("stimuli"), DIM), (&axis.stimuli(tracks), DIM)]);
    for (name, counts) in &counts {
        let Some(group) = tracks.groups.get(*name) else { continue };
        let picture = axis.sparkline(&group.supply());
        page.line(&[(&label(name), DIM), (&picture, PLAIN), ("  ", PLAIN), (counts, BOLD)]);
    }
    let (first, last) = axis.ends(verdict.zero_us());
    let between = columns.saturating_sub(display_width(&first) + display_width(&last));
    page.line(&[(&format!("{:indent$}{first}{:between$}{last}", "", ""), DIM)]);
    for (name, _) in &counts {
        let Some(group) = tracks.groups.get(*name) else { continue };
        let moves = moves(group, verdict.zero_us(), tracks.end_us).join(", ");
        page.labelled(indent, (&label(name), DIM), (&moves, PLAIN));
    }
}

/// Baseline, peak and end: `2 → 6 → 2`.
fn from_to(group: &GroupSummary) -> String {
    let baseline = group.baseline.map_or_else(|| "?".into(), |n| n.to_string());
    format!("{baseline} → {} → {}", group.peak, group.end)
}
