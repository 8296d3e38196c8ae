//! `check`: is the spec right, and what would be done? Needs no privilege and touches nothing.

use anyhow::Result;
use serde_json::json;

use crate::cli::SpecArgs;
use crate::doctor;
use crate::exit::Outcome;
use crate::plan::{self, PORT, Plan, Refusal};
use crate::specs::{self, Chosen};
use crate::terminal::Table;

/// Validates every spec named and prints its plan.
pub(crate) fn check(args: &SpecArgs) -> Result<Outcome> {
    let cpus = doctor::usable_cpus()?;
    let mut outcome = Outcome::Complete;
    for chosen in specs::read(args)? {
        let plans: Vec<(usize, Result<Plan, Refusal>)> = first_of_each_system(&chosen)
            .map(|trial| (trial, plan::plan(&chosen.trials[trial], &cpus, PORT)))
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

/// A label's trials differ in load only, and loads do not change a plan.
fn first_of_each_system(chosen: &Chosen) -> impl Iterator<Item = usize> + '_ {
    let label = |index: usize| &chosen.trials[index].system.label;
    (0..chosen.trials.len())
        .filter(move |&index| !(0..index).any(|earlier| label(earlier) == label(index)))
}

fn print(chosen: &Chosen, plans: &[(usize, Result<Plan, Refusal>)]) {
    let spec = &chosen.spec;
    println!("{}: {} is valid", chosen.file.display(), spec.name);
    println!(
        "  {} trials in {} blocks, at least {:.0} s of load; {} probes",
        chosen.trials.len(),
        spec.blocks(),
        load_seconds(chosen),
        spec.probes.len()
    );
    let Some((_, first)) = plans.iter().find(|(_, plan)| plan.is_ok()) else {
        print_refusals(chosen, plans);
        return;
    };
    if let Ok(Plan {
        hosts: Some(hosts), ..
    }) = first
    {
        for (host, name) in hosts.iter().zip(["server", "client"]) {
            println!("\n{name}, in a network namespace of its own:");
            for action in host.before.iter().chain(&host.after_attach) {
                println!("  {action}");
            }
        }
    }
    let mut table = Table::new(&["label", "system", "io", ">owners", "owners on", "client on"]);
    for plan in plans.iter().filter_map(|(_, plan)| plan.as_ref().ok()) {
        let system = &plan.trial.system;
        table.row(vec![
            system.label.clone(),
            system.system.to_string(),
            system.io.name().to_owned(),
            system.owners.to_string(),
            format!("CPU {:?}", plan.placement.owners),
            format!("CPU {:?}", plan.placement.clients),
        ]);
    }
    println!("\n{table}");
    if let Ok(plan) = first {
        for smell in &plan.smells {
            println!("advice: {smell}");
        }
    }
    print_refusals(chosen, plans);
}

fn print_refusals(chosen: &Chosen, plans: &[(usize, Result<Plan, Refusal>)]) {
    for (index, plan) in plans {
        if let Err(refusal) = plan {
            println!(
                "refused here: {}: {refusal}",
                chosen.trials[*index].system.label
            );
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

fn as_json(chosen: &Chosen, plans: &[(usize, Result<Plan, Refusal>)]) -> serde_json::Value {
    let systems: Vec<serde_json::Value> = plans
        .iter()
        .map(|(index, plan)| {
            let label = &chosen.trials[*index].system.label;
            match plan {
                Ok(plan) => json!({ "label": label, "placement": plan.placement }),
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
