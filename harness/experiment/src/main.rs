//! The `experiment` binary: reads a spec, plans, deploys, drives, records, draws.
//!
//! Its modules are the stages of a run, each consuming what the one before made: `commands` (spec in)
//! -> `plan` (pure) -> `lab` and `agents` (guards that undo) -> `drive` (trials), judged by `gates`
//! (pure) -> `record` (a crate) -> `terminal` and `figures`. See ARCHITECTURE.md.

mod agents;
mod bundle;
mod cli;
mod commands;
mod doctor;
mod drive;
mod environment;
mod exit;
mod gates;
mod hash;
mod interrupt;
mod lab;
mod plan;
mod port;
mod specs;
mod terminal;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command};
use exit::Outcome;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(exit::code_of(&error))
        }
    }
}

fn dispatch(cli: Cli) -> Result<Outcome> {
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    if let Command::Agent { role, inside } = command {
        return agents::run(role, inside).map(|()| Outcome::Complete);
    }
    if command.only_prints() {
        // `experiment list | head` ends quietly. Where agents may die instead, their pipes must not
        // take the coordinator along.
        sigpipe::reset();
    }
    interrupt::watch()?;
    match command {
        Command::Run(args) => commands::run::run(&args),
        Command::Resume(args) => commands::resume::resume(&args),
        Command::Rerun(args) => commands::rerun::rerun(&args),
        Command::Reproduce(args) => commands::reproduce::reproduce(&args),
        Command::Check(args) => commands::check::check(&args),
        Command::Doctor { json } => commands::doctor::doctor(json),
        Command::List { json } => commands::list::list(json),
        #[cfg(feature = "figures")]
        Command::Figures { run } => commands::figures::draw(&run),
        #[cfg(not(feature = "figures"))]
        Command::Figures { .. } => {
            Err(exit::HostCannot("this binary was built without figures".to_owned()).into())
        }
        Command::Show {
            run,
            json,
            environment,
        } => commands::show::show(&run, json, environment),
        Command::Bundle(args) => commands::bundle::bundle(&args),
        Command::Claims(args) => commands::claims::claims(&args),
        Command::Compare {
            run,
            other,
            baseline,
            json,
        } => commands::compare::compare(&run, other.as_ref(), baseline.as_deref(), json),
        Command::Validate { runs, output, json } => {
            commands::validate::validate(&runs, &output, json)
        }
        Command::Serve(args) => commands::serve::serve(&args),
        Command::Clean { dry_run } => commands::clean::clean(dry_run),
        Command::Schema { of } => commands::schema::schema(of),
        Command::Agent { .. } => unreachable!("agents were handled above"),
    }
}
