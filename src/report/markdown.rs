//! Markdown for the step summary of a CI system: a table first, the causes below it.

use std::fmt::Write;

use crate::check::Outcome;
use crate::diagnose::Diagnosis;
use crate::diagnose::say::{lasting, relative};
use crate::history::Tracks;

use super::sentences::{self, outcome_word};
use super::suite::{QuarantineEntry, SuiteVerdict};
use super::suite_rows::{rows, totals};
use super::timeline::replicas_over_time;
use super::verdict::Verdict;
use super::words::{exit_meaning, mark, tally};

/// One scenario's verdict. `tracks` are those that it was made from.
pub fn summary_md(verdict: &Verdict, tracks: &Tracks) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "## {}\n", heading(verdict));
    let _ = writeln!(text, "{}\n", facts(verdict));
    if let Some(overrides) = sentences::overrides(verdict) {
        let _ = writeln!(text, "> {}\n", inline(&overrides));
    }
    for trouble in
        sentences::trouble(verdict).iter().map(String::as_str).chain(exit_meaning(verdict.exit_code))
    {
        let _ = writeln!(text, "> **{}**\n", inline(trouble));
    }
    expectations(&mut text, verdict);
    causes(&mut text, verdict, "###");
    let _ = writeln!(text, "### Replicas over time\n\nTimes count from the start of the stimulus.\n");
    let _ = writeln!(text, "{}", code_block(&replicas_over_time(tracks)));
    what_ran(&mut text, verdict);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// All scenarios of a call: a table with a row for each attempt, then why each one that did not pass did not.
pub fn suite_summary_md(suite: &SuiteVerdict) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# {} {}: springback suite `{}`\n",
        mark(suite.outcome),
        outcome_word(suite.outcome),
        suite.suite_id
    );
    let _ = writeln!(text, "{} · exit code {}\n", totals(suite), suite.exit_code);
    let _ = writeln!(
        text,
        "| | scenario | took | residual spend | found | attempt | more |\n|---|---|---|---|---|---|---|"
    );
    for row in rows(suite) {
        let attempt = row.attempt.filter(|(_, of)| *of > 1).map(|(attempt, of)| format!("{attempt} of {of}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.mark,
            cell(row.scenario),
            row.took.unwrap_or_default(),
            row.residual.unwrap_or_default(),
            cell(&row.said),
            attempt.unwrap_or_default(),
            cell(&row.more.unwrap_or_default()),
        );
    }
    text.push('\n');
    for note in &suite.notes {
        let _ = writeln!(text, "> {}: {}\n", note.code, inline(&note.text));
    }
    for result in &suite.scenarios {
        for verdict in &result.earlier_attempts {
            let note = format!("attempt {} of {}, made again", verdict.attempt, result.attempts());
            attempt_in_suite(&mut text, verdict, Some(&note));
        }
        let note = match (result.counts, &result.earlier_attempts[..]) {
            (false, _) => result.quarantine.as_ref().map(QuarantineEntry::words),
            (true, []) => None,
            (true, _) => sentences::attempt(&result.verdict),
        };
        attempt_in_suite(&mut text, &result.verdict, note.as_deref());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Why an attempt did not pass; of one that did, nothing.
fn attempt_in_suite(text: &mut String, verdict: &Verdict, note: Option<&str>) {
    if verdict.outcome == Outcome::Pass && exit_meaning(verdict.exit_code).is_none() {
        return;
    }
    let note = note.map_or_else(String::new, |note| format!(" ({})", inline(note)));
    let _ = writeln!(text, "## {}{note}\n", heading(verdict));
    for trouble in
        sentences::trouble(verdict).iter().map(String::as_str).chain(exit_meaning(verdict.exit_code))
    {
        let _ = writeln!(text, "> **{}**\n", inline(trouble));
    }
    causes(text, verdict, "###");
}

fn heading(verdict: &Verdict) -> String {
    format!("{} {}: {}", mark(verdict.outcome), outcome_word(verdict.outcome), inline(&verdict.scenario))
}

fn facts(verdict: &Verdict) -> String {
    let tally = tally(verdict.findings.iter().map(|judged| judged.finding.outcome));
    let mut parts = vec![tally];
    parts.extend(sentences::attempt(verdict));
    parts.extend([
        format!("took {}", lasting(verdict.duration_us)),
        format!("started {}", verdict.started),
        format!("seed `{}`", verdict.seed),
        format!("suite `{}`", verdict.suite_id),
        format!("exit code {}", verdict.exit_code),
    ]);
    parts.extend(sentences::whom_to_ask(verdict));
    parts.join(" · ")
}

fn expectations(text: &mut String, verdict: &Verdict) {
    let _ = writeln!(text, "| | expectation | what was seen | margin |\n|---|---|---|---|");
    for judged in verdict.worst_first() {
        let finding = &judged.finding;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            mark(finding.outcome),
            cell(&finding.expectation),
            cell(&finding.text),
            sentences::margin(finding).unwrap_or_default()
        );
    }
    text.push('\n');
}

/// Each finding that did not pass, with its causes; a cause that was told already is only named again.
fn causes(text: &mut String, verdict: &Verdict, level: &str) {
    let mut told: Vec<&Diagnosis> = Vec::new();
    for judged in verdict.worst_first().into_iter().filter(|judged| judged.finding.outcome != Outcome::Pass) {
        let finding = &judged.finding;
        let _ = writeln!(text, "{level} {} {}\n", mark(finding.outcome), inline(&finding.expectation));
        let _ = writeln!(text, "{}\n", inline(&finding.text));
        let _ = writeln!(text, "<sub>{}</sub>\n", inline(&sentences::provenance(finding, verdict.zero_us())));
        if let Some(numbers) = sentences::numbers(finding) {
            let _ = writeln!(text, "Numbers: {}\n", inline(&numbers));
        }
        for cause in &judged.causes {
            if told.contains(&cause) {
                let _ = writeln!(text, "- **{}** ({}), as above", cause.code, inline(&cause.object));
                continue;
            }
            let _ =
                writeln!(text, "- **{}** ({}): {}", cause.code, inline(&cause.object), inline(&cause.seen));
            let _ = writeln!(text, "  - Next: {}", inline(&cause.next_step));
            told.push(cause);
        }
        text.push('\n');
    }
}

fn what_ran(text: &mut String, verdict: &Verdict) {
    let _ = writeln!(text, "### What was run\n\n- Phases: {}", sentences::phases(verdict));
    for (name, group) in &verdict.groups {
        let baseline = group.baseline.map_or_else(|| "unknown".into(), |n| n.to_string());
        let _ = writeln!(
            text,
            "- {}: baseline {baseline}, peak {}, at the end {}",
            inline(name),
            group.peak,
            group.end
        );
    }
    for fault in &verdict.faults {
        let _ = writeln!(text, "- {}: {}", fault.fault, inline(&sentences::fault(fault, verdict.zero_us())));
    }
    if let Some(load) = &verdict.load {
        let _ = writeln!(text, "- Load: {}", sentences::delivery(load));
        let _ = writeln!(text, "  - {}", sentences::answers(load));
        for line in sentences::latencies(load) {
            let _ = writeln!(text, "  - {line}");
        }
    }
    if let Some(spend) = &verdict.spend {
        let _ = writeln!(text, "- Spend: {}", sentences::spend(spend));
    }
    for note in &verdict.notes {
        let at = relative(note.t_us, verdict.zero_us());
        let _ = writeln!(text, "- Note at {at}: {}: {}", note.code, inline(&note.text));
    }
}

/// Text that must stay on its line and mean itself.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '\\' | '*' | '_' | '`' | '[' | ']' => escaped.extend(['\\', c]),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text that must also stay in its cell.
fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// Text as it is; the fence is longer than any in it.
fn code_block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}
