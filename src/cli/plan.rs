//! `plan`: what a run would do and could cost. Starts nothing.

use std::fmt::Write;

use clap::Args;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use crate::plan::{self, Plan, PlannedFault};
use crate::scenario::{
    Anchor, Entry, FaultAction, Group, NodeChoice, Objective, Pick, Project, Scenario, Share, Span,
    StopCondition, Target, Termination, Victims, object_name,
};

use super::load::{Call, Loaded, load};
use super::{Exit, Output, ScenarioArgs, select, show};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn plan(args: &PlanArgs) -> Exit {
    match load(&args.scenarios) {
        Ok(call) => show_plans(args.scenarios.seed, &call, args.output),
        Err(exit) => exit,
    }
}

pub(super) fn show_plans(seed: Option<u64>, call: &Call, output: Output) -> Exit {
    if let Some(selection) = &call.selection {
        show::say(select::said(selection));
    }
    let plans: Vec<(&Loaded, Plan)> = call
        .scenarios
        .iter()
        .map(|one| (one, plan::lower(&one.lowered.scenario, seed.unwrap_or(0))))
        .collect();
    match output {
        Output::Text => {
            let texts: Vec<String> =
                plans.iter().map(|(one, plan)| text(one, plan, &call.project, seed)).collect();
            show::print(&texts.join("\n"));
        }
        Output::Json => {
            let plans: Vec<_> = plans
                .iter()
                .map(|(one, plan)| {
                    json!({
                        "file": one.source.name,
                        "settings": call.project.settings().map(|source| &source.name),
                        "profile": call.project.profile(),
                        "reports": call.reports,
                        "scenario": one.lowered.scenario,
                        "plan": plan,
                        "load_goes_to": load_target(&one.lowered.scenario),
                        "allowed_hosts": call.project.allowed_hosts,
                        "provenance": provenance(one, plan),
                    })
                })
                .collect();
            show::print(&serde_json::to_string_pretty(&plans).expect("a plan is plain data"));
        }
    }
    Exit::Pass
}

/// A value that does not stand in the scenario's own file.
#[derive(Debug, Serialize)]
struct Provenance<'a> {
    key: &'a str,
    value: &'a str,
    from: &'a str,
    /// Of what is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// Every value that does not stand in the scenario's own file.
fn provenance<'a>(one: &'a Loaded, plan: &'a Plan) -> Vec<Provenance<'a>> {
    let brought_in = one.lowered.overrides.iter().map(|brought_in| Provenance {
        key: &brought_in.key,
        value: &brought_in.value,
        from: &brought_in.from,
        why: None,
    });
    let built_in = plan.defaults.iter().map(|default| Provenance {
        key: &default.key,
        value: &default.value,
        from: "built-in",
        why: Some(&default.why),
    });
    brought_in.chain(built_in).collect()
}

/// Where requests go.
fn load_target(scenario: &Scenario) -> Option<String> {
    scenario.load.as_ref()?;
    match &scenario.target {
        Target::Local(_) => Some("loopback".to_owned()),
        Target::Kubernetes(cluster) => cluster.entry.as_ref().map(|entry| match entry {
            Entry::Service { name, port: None } => format!("Service {}/{name}", cluster.namespace),
            Entry::Service { name, port: Some(port) } => {
                format!("Service {}/{name}, port {port}", cluster.namespace)
            }
            Entry::Address(address) => address.clone(),
        }),
    }
}

fn text(one: &Loaded, plan: &Plan, project: &Project, seed: Option<u64>) -> String {
    let scenario = &one.lowered.scenario;
    let mut page = String::new();
    let _ = writeln!(page, "{}", scenario.name);
    let _ = writeln!(page, "{}  (nothing is started)", one.source.name);
    if let Some(settings) = project.settings() {
        let profile = project.profile().map(|name| format!(", profile {name}"));
        let _ = writeln!(page, "settings {}{}", settings.name, profile.unwrap_or_default());
    }
    page.push('\n');
    timeline(&mut page, scenario, plan);
    terminations(&mut page, scenario, plan);
    destinations(&mut page, scenario, project);
    capacity(&mut page, scenario, plan);
    spend(&mut page, scenario, plan);
    limits(&mut page, scenario);
    section(
        &mut page,
        "Not from the scenario's own file",
        provenance(one, plan).into_iter().map(|value| {
            let from = match value.why {
                Some(why) => format!("{}: {why}", value.from),
                None => value.from.to_owned(),
            };
            [value.key.to_owned(), value.value.to_owned(), from]
        }),
    );
    let _ = match seed {
        Some(seed) => writeln!(page, "Seed {seed}: the victims drawn at random follow from it."),
        None => writeln!(page, "Seed: drawn at the start of the run and printed; --seed fixes it."),
    };
    page
}

fn section(page: &mut String, title: &str, rows: impl Iterator<Item = [String; 3]>) {
    let mut rows: Vec<[String; 3]> = rows.collect();
    rows.dedup();
    if rows.is_empty() {
        return;
    }
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let _ = writeln!(page, "{title}");
    for [a, b, c] in &rows {
        let _ = writeln!(page, "{}", format!("  {a:<first$}  {b:<second$}  {c}").trim_end());
    }
    page.push('\n');
}

fn at(us: u64) -> String {
    format!("+{}", Span::from_us(us))
}

fn timeline(page: &mut String, scenario: &Scenario, plan: &Plan) {
    let mut events: Vec<(u64, String)> = Vec::new();
    if let Some(load) = &scenario.load {
        for (surge, planned) in load.surges.iter().zip(&plan.surges) {
            let to = surge.shape.to_rate();
            events.push((
                planned.start_us,
                format!("{} begins: to {to} in all, baseline {}", planned.id, load.baseline_rate),
            ));
            events.push((planned.end_us, format!("{} ends", planned.id)));
        }
    }
    for fault in &plan.faults {
        events.push((fault.at_us, format!("{}: {}", fault.id, describe(fault))));
        if fault.action.lasts().is_some() {
            events.push((fault.end_us(), format!("{} is healed: {}", fault.id, healed(&fault.action))));
        }
    }
    events.push((plan.stimulus_us, "all stimuli have ended (quiesce)".to_owned()));
    for window in plan.windows.iter().filter(|window| window.anchor == Anchor::Quiesce) {
        if let Some(within_us) = window.within_us {
            let from = plan.stimulus_us + within_us;
            let until = at(from + window.hold_us);
            events.push((from, format!("{} must hold until {until}", window.id)));
        }
    }
    events.sort_by_key(|(t, _)| *t);
    let steady = Span::from_us(plan.steady_us);
    let _ = writeln!(page, "Timeline (from the end of the baseline phase)");
    let limit = Span::from_us(plan.warm_up_limit_us);
    let _ = writeln!(
        page,
        "  before    warm-up and baseline: supply steady for {steady}, waited for at most {limit}"
    );
    for (t, what) in &events {
        let _ = writeln!(page, "  {:<8}  {what}", at(*t));
    }
    let _ =
        writeln!(page, "  {:<8}  the end, if every anchor comes as planned\n", at(plan::longest_us(plan)));
    let windows = plan.windows.iter().map(|window| {
        let within = window
            .within_us
            .map_or("the autoscaler's own time".to_owned(), |us| Span::from_us(us).to_string());
        let (hold, settle) = (Span::from_us(window.hold_us), Span::from_us(window.settle_us));
        let held = match (window.hold_us, window.settle_us) {
            (0, _) => "reached once is enough".to_owned(),
            (_, 0) => format!("held for {hold}, without a break"),
            _ => format!("held for {hold}, excursions up to {settle} are no alarm"),
        };
        [window.id.clone(), format!("within {within} of {}", window.anchor.as_str()), held]
    });
    section(page, "Judged", always(scenario).into_iter().chain(windows));
}

/// What is judged without a window of its own.
fn always(scenario: &Scenario) -> Vec<[String; 3]> {
    let expect = &scenario.expect;
    let mut rows = Vec::new();
    if let Some(baseline) = &expect.baseline {
        let most = baseline.at_most.iter().map(|(name, most)| format!("{name} at most {most}"));
        rows.push([
            "baseline".to_owned(),
            "in the baseline phase".to_owned(),
            most.collect::<Vec<_>>().join(", "),
        ]);
    }
    for (name, objective) in &scenario.slo {
        let good =
            objective.under.map_or("succeed".to_owned(), |under| format!("are answered within {under}"));
        let what = format!("{} of requests {good}", objective.target);
        rows.push([format!("objective-{name}"), "from the first stimulus on".to_owned(), what]);
    }
    if let Some(replacement) = &expect.replacement {
        let within = format!("within {} of each kill", replacement.within);
        rows.push(["replacement".to_owned(), within, "reached once is enough".to_owned()]);
    }
    rows
}

/// What is so again after a heal.
fn healed(action: &FaultAction) -> String {
    let group = action.group();
    match action {
        FaultAction::Terminate { .. } | FaultAction::Lose { .. } => format!("\"{group}\" may start again"),
        FaultAction::Scale { .. } => format!("\"{group}\" has the count that it had"),
        FaultAction::Partition { .. } => format!("traffic reaches \"{group}\" again"),
        FaultAction::Drain { .. } | FaultAction::Reclaim { .. } | FaultAction::Outage { .. } => {
            "the nodes take pods again".to_owned()
        }
        FaultAction::Manifest { .. } => "its objects are deleted".to_owned(),
    }
}

fn describe(fault: &PlannedFault) -> String {
    let group = format!("\"{}\"", fault.action.group());
    let nodes = |nodes: &NodeChoice| format!("{} {}", nodes.words(&group), nodes.is_or_are());
    match &fault.action {
        FaultAction::Lose { lasts, .. } => format!("all of {group} is lost for {lasts}"),
        FaultAction::Scale { to, lasts, .. } => format!("{group} is scaled to {to} for {lasts}"),
        FaultAction::Partition { lasts, .. } => format!("no traffic reaches {group} for {lasts}"),
        FaultAction::Drain { nodes: which, lasts, .. } => {
            format!("{} cordoned and drained for {lasts}", nodes(which))
        }
        FaultAction::Reclaim { nodes: which, notice, lasts, .. } => {
            format!("{} taken back after {notice} notice, for {lasts}", nodes(which))
        }
        FaultAction::Outage { nodes: which, lasts, .. } => {
            format!("{} out for {lasts}: all pods there are killed", nodes(which))
        }
        FaultAction::Manifest { file, objects, wait_for, within, lasts, .. } => {
            let objects: Vec<String> = objects.iter().map(object_name).collect();
            let objects = objects.join(", ");
            format!("{objects} of {file} for {lasts}, once there is {wait_for} (within {within})")
        }
        FaultAction::Terminate { group, victims, how, among } => {
            let how = match how {
                Termination::Kill => "killed (SIGKILL)".to_owned(),
                Termination::Evict => {
                    let grace = Span::from_us(fault.grace_us);
                    format!("evicted (as disruption budgets allow, SIGKILL after {grace})")
                }
                Termination::Graceful => {
                    format!("ended (SIGTERM, SIGKILL after {})", Span::from_us(fault.grace_us))
                }
            };
            let order = |pick: &Pick| match pick {
                Pick::Random => "drawn from the seed",
                Pick::Oldest => "the oldest",
                Pick::Newest => "the newest",
            };
            let among = among.words();
            match victims {
                Victims::Named(names) => format!("{}{among} {how}", names.join(", ")),
                Victims::Count { count, pick } => {
                    format!("{count} of \"{group}\"{among} {how}, {}", order(pick))
                }
                Victims::Share { share, pick } => {
                    format!("{share} of \"{group}\"{among} {how}, {}", order(pick))
                }
            }
        }
    }
}

fn terminations(page: &mut String, scenario: &Scenario, plan: &Plan) {
    let mut struck: Vec<&str> = plan.faults.iter().map(|fault| fault.action.group()).collect();
    struck.sort_unstable();
    struck.dedup();
    let rows = scenario.groups().iter().map(|(name, group)| {
        let most = most(group);
        let what = if !struck.contains(&name.as_str()) {
            "nothing".to_owned()
        } else if group.workload.is_some() {
            format!(
                "at most {} of the ready ones at once (limits.lost_at_once), one always",
                plan.lost_at_once
            )
        } else {
            let allowed = (u64::from(most) * plan.lost_at_once.ppb / Share::WHOLE.ppb).max(1);
            format!("at most {allowed} of {most} at once (limits.lost_at_once = {})", plan.lost_at_once)
        };
        [name.clone(), what, String::new()]
    });
    section(page, "What may be terminated", rows);
}

fn destinations(page: &mut String, scenario: &Scenario, project: &Project) {
    let target = match load_target(scenario) {
        Some(target) if target == "loopback" => [target, "always allowed".to_owned(), String::new()],
        Some(target) => {
            [target, "if what has it opted in, or the settings allow it".to_owned(), String::new()]
        }
        None => ["nowhere".to_owned(), "the scenario has no load".to_owned(), String::new()],
    };
    let name = project.settings().map_or("", |settings| &settings.name);
    let allowed = project.allowed_hosts.iter().map(|host| {
        let idle = match &scenario.target {
            Target::Local(_) => "the embedded world sends nothing there",
            Target::Kubernetes(_) => "",
        };
        [host.clone(), format!("allowed by {name}"), idle.to_owned()]
    });
    section(page, "Load goes to", std::iter::once(target).chain(allowed));
}

fn most(group: &Group) -> u32 {
    let scaled = group.autoscaler.as_ref().map_or(0, |autoscaler| autoscaler.max_replicas);
    group.replicas.max(group.promoted_replicas.unwrap_or(0)).max(scaled)
}

fn capacity(page: &mut String, scenario: &Scenario, plan: &Plan) {
    let serving = scenario.groups().iter().filter(|(_, group)| group.takes_over_from.is_none());
    for (name, group) in serving {
        let predictions = plan::predict(plan, group);
        let rows = predictions.iter().map(|p| {
            if group.workload.is_some() {
                // How many it may have is the cluster's affair.
                let offered = format!("{:<8} {:>6.0}/s offered", at(p.at_us), p.offered_per_s);
                return [offered, format!("{} needed", p.needed), String::new()];
            }
            let short = if p.offered_per_s > p.capacity_per_s {
                format!("SHORT by {:.0}/s: more than \"{name}\" can have", p.offered_per_s - p.capacity_per_s)
            } else {
                String::new()
            };
            [
                format!("{:<8} {:>6.0}/s offered", at(p.at_us), p.offered_per_s),
                format!("{} needed of at most {}, serving {:.0}/s", p.needed, p.at_most, p.capacity_per_s),
                short,
            ]
        });
        section(page, &format!("Predicted capacity of \"{name}\", once scaled"), rows);
    }
}

fn spend(page: &mut String, scenario: &Scenario, plan: &Plan) {
    let Some((per_hour, currency)) = plan::spend_per_hour_at_most(scenario) else {
        let _ = writeln!(page, "Spend\n  no group has a price: spend is not judged\n");
        return;
    };
    if let Target::Kubernetes(_) = &scenario.target {
        let _ = writeln!(
            page,
            "Spend\n  judged by the prices given; how large a group can get is the cluster's affair\n"
        );
        return;
    }
    let longest_us = plan::whole_us(scenario, plan);
    let hour = Decimal::from(3_600_000_000_u64);
    let whole = (per_hour * Decimal::from(longest_us) / hour).round_dp(4).normalize();
    let _ = writeln!(
        page,
        "Worst-case spend\n  {} {currency}/h with every group at its largest and dearest: {whole} {currency} for at most {}\n",
        per_hour.normalize(),
        Span::from_us(longest_us)
    );
}

fn limits(page: &mut String, scenario: &Scenario) {
    let target = |name: &str| scenario.slo.get(name).map(|objective: &Objective| objective.target);
    let ratio = |burn: f64, objective: &str| {
        target(objective).map_or_else(String::new, |target| {
            format!("an error ratio of {:.3}%", 100.0 * burn * target.complement().ratio())
        })
    };
    let stops = scenario.stop.iter().map(|stop| match stop {
        StopCondition::BurnRate { objective, above, over } => [
            "stop".to_owned(),
            format!("\"{objective}\" burns faster than {above} over {over}"),
            ratio(*above, objective),
        ],
        StopCondition::ErrorRatio { above, over } => {
            ["stop".to_owned(), format!("more than {above} of requests fail over {over}"), String::new()]
        }
        StopCondition::SpendRate { above } => {
            ["stop".to_owned(), format!("spend is above {above}"), String::new()]
        }
    });
    let burns = scenario.expect.burn_rate.iter().map(|limit| {
        [
            "expect".to_owned(),
            format!("\"{}\" burns at most {} over {}", limit.objective, limit.at_most, limit.over),
            ratio(limit.at_most, &limit.objective),
        ]
    });
    section(page, "Limits", stops.chain(burns));
}
