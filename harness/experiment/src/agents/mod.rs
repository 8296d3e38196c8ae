//! The other end of the coordinator's pipes: one process per role.
//!
//! An agent greets, then answers requests one by one until its input ends. The end of input is its
//! order to leave, given by the coordinator or by the coordinator's death; whatever it holds
//! (namespaces, links, attached programs, sockets, children) goes with the process.

pub(crate) mod client;
pub(crate) mod fault;
mod hardware;
mod held;
pub(crate) mod host;
pub(crate) mod in_kernel;
pub(crate) mod memcached;
mod napi_watch;
pub(crate) mod probe;
pub(crate) mod repartition;
mod rig;
pub(crate) mod router;
pub(crate) mod sender;
pub(crate) mod server;
pub(crate) mod serving;
pub(crate) mod settings;
mod slice;
mod timeline;
pub(crate) mod window;

use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result};
use protocol::{Hello, Reply, WireError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use sys::netns::Namespace;

use crate::cli;

/// What one role does with its requests.
pub(crate) trait Role {
    /// What it is asked.
    type Request: DeserializeOwned + Send + 'static;
    /// What it answers.
    type Answer: Serialize;

    /// Does what was asked.
    fn handle(&mut self, request: Self::Request) -> Result<Self::Answer>;
}

/// Runs this process as `role` until its input ends, inside the namespace of process `host`.
pub(crate) fn run(role: cli::Role, host: Option<u32>) -> Result<()> {
    ignore_terminal_signals()?;
    // What it changed would outlive it: it sees the coordinator's death by the end of its input, and leaves in order.
    if role != cli::Role::Settings {
        sys::process::die_with_parent(None)
            .context("cannot tie this agent to the coordinator's life")?;
    }
    if let Some(pid) = host {
        Namespace::of_pid(pid)?.enter()?;
        sys::netns::fresh_sysfs()?;
    }
    match role {
        cli::Role::Host => {
            sys::netns::unshare_here()?;
            play("host", host::HostRole::default())
        }
        cli::Role::Server => play("server", server::ServerRole::default()),
        cli::Role::Memcached => play("memcached", memcached::MemcachedRole::default()),
        cli::Role::InKernel => play("in-kernel", in_kernel::InKernelRole::default()),
        cli::Role::Client => play("client", client::ClientRole::default()),
        cli::Role::Router => play("router", router::RouterRole::default()),
        cli::Role::Sender => play("sender", sender::SenderRole::default()),
        cli::Role::Slice => slice::run(),
        cli::Role::Probe => play("probe", probe::ProbeRole),
        cli::Role::Settings => settings::hold(),
    }
}

fn play<R: Role>(name: &str, mut role: R) -> Result<()> {
    let mut output = io::stdout();
    protocol::write_line(&mut output, &Hello::of_this_process(name))?;
    let requests = read_requests::<R::Request>()?;
    for request in requests {
        let answer = Reply::from_result(role.handle(request));
        protocol::write_line(&mut output, &answer)?;
    }
    Ok(())
}

/// Reads requests on a thread of its own, so that the end of input ends the process at once, also
/// in the middle of a long request.
fn read_requests<T: DeserializeOwned + Send + 'static>() -> Result<Receiver<T>> {
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .name("requests".to_owned())
        .spawn(move || {
            let mut input = BufReader::new(io::stdin());
            loop {
                match protocol::read_line(&mut input) {
                    Ok(request) => {
                        if sender.send(request).is_err() {
                            return;
                        }
                    }
                    Err(WireError::Closed) => std::process::exit(0),
                    Err(error) => {
                        eprintln!("agent: {error}");
                        std::process::exit(1);
                    }
                }
            }
        })?;
    Ok(receiver)
}

/// A terminal sends Ctrl-C to the whole process group; agents leave when the coordinator, which
/// notices it too, has finished in order.
fn ignore_terminal_signals() -> io::Result<()> {
    let noticed = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&noticed))?;
    }
    Ok(())
}
