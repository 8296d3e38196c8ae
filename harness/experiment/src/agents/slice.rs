//! A slice in a process of its own, which the router agent starts where slices are isolated. It is no agent of the
//! coordinator: it speaks with its keeper alone, over its standard input, and ends with it.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use slices::system::isolated::{Launch, serve_ordered};

/// Runs the slice that the keeper orders.
pub(super) fn run() -> Result<()> {
    let input = io::stdin().as_fd().try_clone_to_owned();
    let mut keeper = UnixStream::from(input.context("the stream to the keeper")?);
    Ok(serve_ordered(&mut keeper)?)
}

/// Starts such processes of this same binary. By the thread that lives as long as the caller's process: with it they end.
pub(super) fn launch() -> Launch {
    Box::new(|keeper| {
        Command::new(std::env::current_exe()?)
            .args(["agent", "slice"])
            .stdin(keeper)
            // The coordinator reads the caller's.
            .stdout(Stdio::null())
            .spawn()
    })
}
