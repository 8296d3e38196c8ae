//! The coordinator's end of an agent: a child process of this same binary that speaks JSON lines.

use std::io::{BufReader, Write};
use std::marker::PhantomData;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use protocol::{Hello, Reply, VERSION, WireError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stuck::{self, Stuck};
use crate::interrupt;

/// How long an agent may take to start and greet.
const GREETING: Duration = Duration::from_secs(10);
/// How long an agent may take to leave after its input was closed, before it is killed.
const LEAVE: Duration = Duration::from_secs(3);
/// How often a wait looks for an interrupt.
const GLANCE: Duration = Duration::from_millis(50);

/// A running agent that takes requests `Q` and answers each with an `A`.
///
/// Dropping it closes the agent's input, which makes it undo what it did and exit, and waits for
/// that; an agent that does not leave is killed (its namespaces and links go with it).
///
/// One that did not answer in time is killed without being waited for: it may be stopped.
pub(crate) struct Agent<Q, A> {
    role: &'static str,
    host: &'static str,
    /// What it was last asked.
    asked: String,
    stuck: bool,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Result<Vec<u8>, String>>,
    requests: PhantomData<fn(Q) -> A>,
}

impl<Q: Serialize, A: DeserializeOwned> Agent<Q, A> {
    /// Starts this binary as `agent ROLE`, inside the namespaces of process `host` if one is given.
    pub(crate) fn start(role: &'static str, host: Option<u32>) -> Result<Self> {
        let binary = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(binary);
        command
            .arg("agent")
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(pid) = host {
            command.arg("--inside").arg(pid.to_string());
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start the {role} agent"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no pipe to the agent")?;
        // The reader is never more than a few messages ahead: one reply a request.
        let (sender, lines) = sync_channel(4);
        std::thread::Builder::new()
            .name(format!("from-{role}"))
            .spawn(move || {
                let mut reader = BufReader::new(output);
                loop {
                    let line = protocol::read_line::<serde_json::Value>(&mut reader)
                        .map(|value| value.to_string().into_bytes())
                        .map_err(|error| error.to_string());
                    let last = line.is_err();
                    if sender.send(line).is_err() || last {
                        return;
                    }
                }
            })?;
        let mut agent = Self {
            role,
            host: host_name(role, host),
            asked: "its greeting".to_owned(),
            stuck: false,
            child,
            input,
            lines,
            requests: PhantomData,
        };
        let hello: Hello = agent.next(GREETING)?;
        if hello.version != VERSION || hello.role != role {
            bail!(
                "the {role} agent greets as '{}' with protocol {}, expected {VERSION}: \
                 it is another version of this program",
                hello.role,
                hello.version
            );
        }
        Ok(agent)
    }

    /// Says in messages where the agent lives.
    pub(crate) fn on(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    /// Process id of the agent.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `request` without waiting for the reply; [`finish`](Self::finish) takes it.
    pub(crate) fn begin(&mut self, request: &Q) -> Result<()> {
        let role = self.role;
        let input = self
            .input
            .as_mut()
            .ok_or_else(|| anyhow!("the {role} agent was closed"))?;
        let request = serde_json::to_value(request)?;
        self.asked = stuck::name_of(&request);
        protocol::write_line(input.by_ref(), &request)
            .with_context(|| format!("the {role} agent is gone"))
    }

    /// Takes the reply to the request that was begun.
    pub(crate) fn finish(&mut self, within: Duration) -> Result<A> {
        match self.next::<Reply<A>>(within)? {
            Reply::Done(answer) => Ok(answer),
            Reply::Failed(why) => bail!("{} on {}: {why}", self.role, self.host),
        }
    }

    /// Sends `request` and waits for its reply.
    pub(crate) fn ask(&mut self, request: &Q, within: Duration) -> Result<A> {
        self.begin(request)?;
        self.finish(within)
    }

    /// Fails when the agent has ended.
    pub(crate) fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the {} agent ended: {status}", self.role),
        }
    }

    fn next<T: DeserializeOwned>(&mut self, within: Duration) -> Result<T> {
        let deadline = Instant::now() + within;
        loop {
            interrupt::check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.give_up(within).into());
            }
            match self.lines.recv_timeout(left.min(GLANCE)) {
                Ok(Ok(line)) => {
                    return protocol::read_line(&mut line.as_slice())
                        .with_context(|| format!("from the {} agent", self.role));
                }
                Ok(Err(error)) => return Err(self.ended(&error)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.ended(&WireError::Closed.to_string()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn give_up(&mut self, within: Duration) -> Stuck {
        self.stuck = true;
        Stuck {
            role: self.role,
            pid: self.pid(),
            host: self.host,
            asked: self.asked.clone(),
            within,
            threads: stuck::threads_of(self.pid()),
        }
    }

    /// The error of an agent that no longer speaks, with how its process ended if it did.
    fn ended(&mut self, why: &str) -> anyhow::Error {
        let fate = match self.child.try_wait() {
            Ok(Some(status)) => format!(" ({status})"),
            Ok(None) | Err(_) => String::new(),
        };
        anyhow!(
            "the {} agent (process {} on {}) after '{}': {why}{fate}",
            self.role,
            self.pid(),
            self.host,
            self.asked
        )
    }
}

/// Where a role lives that was started inside process `host`, if it was.
fn host_name(role: &str, host: Option<u32>) -> &'static str {
    match (role, host) {
        (_, None) => "this host",
        ("client", Some(_)) => "the client host",
        (_, Some(_)) => "the server host",
    }
}

impl<Q, A> Drop for Agent<Q, A> {
    fn drop(&mut self) {
        self.input = None;
        let patience = if self.stuck { Duration::ZERO } else { LEAVE };
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if !self.stuck {
            tracing::warn!(role = self.role, "the agent did not leave; it is killed");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
