//! `check`: is the spec right, and what would be done? Needs no privilege and touches nothing.

use anyhow::Result;
use record::Smell;
use serde_json::json;
use spec::{Capacity, Counted, Search, Task, Trial, Workload};

use super::traffic;
use crate::cli::SpecArgs;
use crate::doctor;
use crate::exit::Outcome;
use crate::plan::chain::{FramePlan, RouterCpus};
use crate::plan::{self, PORT, Plan, Refusal};
use crate::specs::{self, Chosen};
use crate::terminal::Table;

/// Validates every spec named and prints its plan.
pub(crate) fn check(args: &SpecArgs) -> Result<Outcome> {
    let machine = doctor::machine()?;
    let mut outcome = Outcome::Complete;
    for chosen in specs::read(args)? {
        let plans: Vec<Planned<'_>> = first_of_each_system(&chosen)
            .into_iter()
            .map(|trial| (trial, plan::plan(trial, &machine, PORT)))
            .collect();
        if plans.iter().any(|(_, plan)| plan.is_err()) {
            outcome = Outcome::Incomplete;
        }
        if args.json {
            println!("{}", as_json(&chosen, &plans));
        } else {
            print(&chosen, &plans);
        }
    }
    Ok(outcome)
}

/// A trial and its plan, or why there is none.
type Planned<'a> = (&'a Trial, Result<plan::Planned, Refusal>);

/// The plans of requests.
fn served<'a>(plans: &'a [Planned<'_>]) -> impl Iterator<Item = &'a Plan> {
    plans.iter().filter_map(|(_, plan)| match plan {
        Ok(plan::Planned::Requests(plan)) => Some(&**plan),
        Ok(plan::Planned::Frames(_)) | Err(_) => None,
    })
}

/// The plans of frames.
fn forwarded<'a>(plans: &'a [Planned<'_>]) -> impl Iterator<Item = &'a FramePlan> {
    plans.iter().filter_map(|(_, plan)| match plan {
        Ok(plan::Planned::Frames(plan)) => Some(&**plan),
        Ok(plan::Planned::Requests(_)) | Err(_) => None,
    })
}

/// A label's trials of requests differ in load only, and loads do not change a plan; those of frames may differ in
/// queues and placement.
fn first_of_each_system(chosen: &Chosen) -> Vec<&Trial> {
    let searched = chosen.searches.iter().map(Search::first);
    let mut first: Vec<&Trial> = Vec::new();
    for trial in chosen.trials.iter().chain(searched) {
        let same = |known: &&Trial| match trial.task {
            Task::Requests(_) => known.system.label == trial.system.label,
            Task::Frames(_) => known.system == trial.system && known.topology == trial.topology,
        };
        if !first.iter().any(same) {
            first.push(trial);
        }
    }
    first
}

fn print(chosen: &Chosen, plans: &[Planned<'_>]) {
    let spec = &chosen.spec;
    println!("{}: {} is valid", chosen.file.display(), spec.name);
    println!(
        "  {} trials in {} blocks, at least {:.0} s of load; {} probes",
        chosen.trials.len(),
        spec.blocks(),
        load_seconds(chosen),
        spec.probes.len()
    );
    if let Some(capacity) = spec.load.as_ref().and_then(|load| load.capacity) {
        for line in searched(chosen.searches.len(), &capacity) {
            println!("  {line}");
        }
    }
    for line in traffic::explained(&known(chosen)).unwrap_or_default() {
        println!("  {line}");
    }
    if let Some(first) = forwarded(plans).next() {
        print_row(first);
        println!("\n{}", forwarders(plans));
        print_advice(&first.smells);
    }
    if let Some(first) = served(plans).next() {
        print_hosts(first);
        print_switched(plans);
        print_response_caches(plans);
        println!("\n{}", servers(plans));
        print_multi_key(chosen, plans);
        print_advice(&first.smells);
    }
    print_refusals(plans);
}

/// The trials that are known beforehand, and the first of each search.
fn known(chosen: &Chosen) -> Vec<Trial> {
    let searched = chosen.searches.iter().map(Search::first);
    chosen.trials.iter().chain(searched).cloned().collect()
}

/// What is searched for, and how.
fn searched(searches: usize, capacity: &Capacity) -> Vec<String> {
    let Capacity { from, to, .. } = capacity;
    let mut lines = vec![
        format!(
            "{searches} capacity searches from {from} to {to}, their trials decided by what they find"
        ),
        format!(
            "a rate passes with {} in {} of {} repeats; brackets within {}",
            capacity.service_level,
            capacity.passes(),
            capacity.repeats(),
            capacity.precision()
        ),
    ];
    match from.of() {
        Counted::Requests => {}
        Counted::Frames => lines.push(
            "lost is every frame that did not arrive, of a whole trial; with a loss of 0 the answer is the throughput of RFC 1242"
                .to_owned(),
        ),
    }
    lines
}

fn print_advice(smells: &[Smell]) {
    for smell in smells {
        println!("advice: {smell}");
    }
}

/// What serves, and on which CPUs.
fn servers(plans: &[Planned<'_>]) -> Table {
    let mut table = Table::new(&["label", "system", "io", ">owners", "owners on", "client on"]);
    let on = |plan: &Plan| match plan.placement.dispatcher {
        None => format!("CPU {:?}", plan.placement.owners),
        Some(cpu) => format!("CPU {:?}, dispatcher {cpu}", plan.placement.owners),
    };
    for plan in served(plans) {
        let system = &plan.trial.system;
        table.row(vec![
            system.label.clone(),
            system.system.to_string(),
            system.io.name().to_owned(),
            system.owners.to_string(),
            on(plan),
            format!("CPU {:?}", plan.placement.clients),
        ]);
    }
    table
}

/// What passes frames on, and on which CPUs.
fn forwarders(plans: &[Planned<'_>]) -> Table {
    let mut table = Table::new(&[
        "label",
        "system",
        "io",
        ">queues",
        ">threads",
        "peers",
        "k-peers on",
        "u-peers on",
        "sender on",
        "receiver on",
    ]);
    for plan in forwarded(plans) {
        let (system, placement) = (&plan.trial.system, &plan.placement);
        let of = |cpus: fn(&RouterCpus) -> &Vec<u32>| {
            let routers = placement.routers.iter().map(cpus);
            let told = routers.map(|cpus| match cpus.is_empty() {
                true => "any".to_owned(),
                false => format!("CPU {cpus:?}"),
            });
            told.collect::<Vec<_>>().join(" and ")
        };
        table.row(vec![
            system.label.clone(),
            system.system.to_string(),
            system.io.name().to_owned(),
            plan.trial.topology.queues.to_string(),
            system.owners.to_string(),
            (placement.peers).map_or_else(|| "-".to_owned(), |peers| peers.to_string()),
            of(|router| &router.k_peers),
            match system.owners {
                0 => "no threads".to_owned(),
                _ => of(|router| &router.u_peers),
            },
            format!("CPU {:?}", placement.sender),
            format!("CPU {:?}", placement.receiver_napi),
        ]);
    }
    table
}

/// The steps of each host from the sender to the receiver.
fn print_row(plan: &FramePlan) {
    for host in &plan.hosts {
        println!("\n{}, a network namespace of its own:", host.scope);
        let steps = &host.steps;
        for action in steps.before.iter().chain(&steps.after_attach) {
            println!("  {action}");
        }
    }
}

/// The steps of each host.
fn print_hosts(plan: &Plan) {
    let names = ["server", "client", "switch"];
    let hosts = plan.hosts.iter().flatten().chain(&plan.switch);
    for (host, name) in hosts.zip(names) {
        println!("\n{name}, in a network namespace of its own:");
        for action in host.before.iter().chain(&host.after_attach) {
            println!("  {action}");
        }
    }
}

/// Systems that have a switch before them.
fn print_switched(plans: &[Planned<'_>]) {
    for plan in served(plans) {
        if plan.switch.is_some() {
            println!(
                "\n{}: a switch between client and server answers from its cache, its NAPI threads on CPU {:?}",
                plan.trial.system.label, plan.placement.switch_napi
            );
        }
    }
}

/// Systems that have a cache of responses before them.
fn print_response_caches(plans: &[Planned<'_>]) {
    for (trial, _) in plans {
        if let Some(cache) = trial.system.response_cache {
            println!(
                "\n{}: XDP answers calls that change nothing from up to {} responses, each of which took at least {} of \
                 CPU time, for {} at the longest",
                trial.system.label,
                cache.entries(),
                cache.min_cost(),
                cache.ttl()
            );
        }
    }
}

/// What becomes of gets of several keys, where there are such.
fn print_multi_key(chosen: &Chosen, plans: &[Planned<'_>]) {
    let wide = |trial: &Trial| trial.workload().is_some_and(|it| it.multi_get > 1);
    let searched = || chosen.searches.iter().map(Search::first);
    if !chosen.trials.iter().chain(searched()).any(wide) {
        return;
    }
    let scans = |trial: &Trial| trial.workload().is_some_and(Workload::scans);
    let scans = plans.iter().any(|(trial, _)| scans(trial));
    let kind = if scans { "scans" } else { "gets" };
    println!("{kind} of several keys:");
    for (trial, _) in plans {
        let system = &trial.system;
        let usual = system.system.multi_key_ways().first().copied();
        let meaning = match system.multi_key.or(usual) {
            Some(way) => way.meaning(),
            None => "served where they arrive",
        };
        let lie = match system.steer_by {
            Some(spec::SteerBy::Range) => "; each owner has a range of the keys",
            None | Some(spec::SteerBy::Function | spec::SteerBy::Argument(_)) => "",
        };
        println!("  {}: {meaning}{lie}", system.label);
    }
}

fn print_refusals(plans: &[Planned<'_>]) {
    for (trial, plan) in plans {
        if let Err(refusal) = plan {
            println!("refused here: {}: {refusal}", trial.system.label);
        }
    }
}

/// Time that load takes; set-up comes on top.
fn load_seconds(chosen: &Chosen) -> f64 {
    let nanos: u64 = chosen
        .trials
        .iter()
        .map(|trial| trial.phases.warmup.as_nanos() + trial.phases.measure.as_nanos())
        .sum();
    nanos as f64 / 1e9
}

fn as_json(chosen: &Chosen, plans: &[Planned<'_>]) -> serde_json::Value {
    let systems: Vec<serde_json::Value> = plans
        .iter()
        .map(|(trial, plan)| {
            let label = &trial.system.label;
            match plan {
                Ok(plan::Planned::Requests(plan)) => {
                    json!({ "label": label, "placement": plan.placement })
                }
                Ok(plan::Planned::Frames(plan)) => {
                    json!({ "label": label, "placement": plan.placement })
                }
                Err(refusal) => json!({ "label": label, "refused": refusal.to_string() }),
            }
        })
        .collect();
    json!({
        "file": chosen.file,
        "spec": chosen.spec.resolved(),
        "trials": chosen.trials.iter().map(|trial| trial.id()).collect::<Vec<_>>(),
        "load_s": load_seconds(chosen),
        "systems": systems,
    })
}
