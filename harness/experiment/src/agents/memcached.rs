//! The wrapper around Debian's memcached: the baseline that nobody here wrote.
//!
//! It is started in the server's namespace on the server's CPUs, its workers pinned as our owners
//! are, filled over TCP, and watched from outside: /proc for CPU time and socket drops, its own
//! `stats` for what it executed.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use kv::server::DropLine;
use protocol::{Phase, Progress};
use sys::account::CpuSnapshot;
use sys::cpu::{CpuId, Pinned};
use sys::environment::Reading;
use sys::{clock, sockets};

use super::Role;
use super::hardware::{Counting, NOT_IN_A_DRAIN};
use super::held::Held;
use super::serving::{Answer, Counts, Deployment, Drained, External, Measured, Request};
use super::window::Window;

/// The user that it serves as when this program is root; it never needs privilege.
const NOBODY: u32 = 65534;
/// How long it may take to listen.
const START: Duration = Duration::from_secs(5);
/// Two readings of its counters this far apart that agree mean that nothing is under way.
const SETTLED: Duration = Duration::from_millis(20);

/// The role's state.
#[derive(Debug, Default)]
pub(crate) struct MemcachedRole {
    running: Option<Running>,
    progress: Progress,
}

#[derive(Debug)]
struct Running {
    child: Child,
    config: External,
    /// Its counters before the first request.
    armed: Counts,
    /// While it is stopped.
    held: Option<Held>,
}

impl Role for MemcachedRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(deployment) => {
                self.progress.enter(Phase::Loaded)?;
                let Deployment::Memcached(config) = *deployment else {
                    bail!("this agent runs memcached only");
                };
                let running = self.running.insert(Running::start(config)?);
                let version = running.stat("version")?.unwrap_or_default();
                Ok(Answer::Obtained(vec![
                    ("server io".to_owned(), "udp".to_owned()),
                    ("memcached version".to_owned(), version),
                ]))
            }
            Request::Attach(_) | Request::NapiCpus(_) => Ok(Answer::Done),
            Request::Process => Ok(Answer::Process(self.running()?.child.id())),
            Request::KernelThreads => Ok(Answer::KernelThreads(Vec::new())),
            Request::Preload => {
                self.progress.enter(Phase::Preloaded)?;
                self.running()?.preload()?;
                Ok(Answer::Done)
            }
            Request::Serve => Ok(Answer::Done),
            Request::Hold => {
                let running = self.running()?;
                running.held = Some(Held::stop(&running.child, &running.config)?);
                Ok(Answer::Done)
            }
            Request::Drain { from_ns } => {
                self.progress.enter(Phase::Measuring)?;
                let drained = self.running()?.drain(from_ns)?;
                Ok(Answer::Drained(Box::new(drained)))
            }
            Request::MoveSlots(_) => bail!("memcached has no owners to move slots between"),
            Request::Arm => {
                self.progress.enter(Phase::Armed)?;
                let running = self.running()?;
                running.armed = running.counts()?;
                Ok(Answer::Counters(Box::new(running.armed.clone())))
            }
            Request::Measure(window) => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Measured(Box::new(self.running()?.measure(window)?)))
            }
            Request::Quiesce => {
                self.progress.enter(Phase::Drained)?;
                Ok(Answer::Counters(Box::new(self.running()?.settle()?)))
            }
        }
    }
}

impl MemcachedRole {
    fn running(&mut self) -> Result<&mut Running> {
        self.running
            .as_mut()
            .ok_or_else(|| anyhow!("memcached was not started"))
    }
}

impl Running {
    fn start(config: External) -> Result<Self> {
        let ip = config.address.ip().to_string();
        let port = config.address.port().to_string();
        let mebibytes = (config.memory_bytes >> 20).max(1).to_string();
        let mut command = Command::new("memcached");
        command
            .args(["-l", &ip, "-p", &port, "-U", &port])
            .args(["-t", &config.cpus.len().to_string(), "-m", &mebibytes])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if sys::privilege::Privileges::current()?.euid == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        sys::process::die_with_parent_on_exec(&mut command);
        // A process inherits the CPUs of its parent: memcached's threads stay on the server's.
        let cpus: Vec<CpuId> = config.cpus.iter().copied().map(CpuId).collect();
        sys::cpu::set_affinity(None, &cpus)?;
        let child = command.spawn().context(
            "cannot start memcached (Debian: apt-get install memcached; ./setup does it)",
        )?;
        let mut running = Self {
            child,
            config,
            armed: Counts::default(),
            held: None,
        };
        running.wait_until_it_listens()?;
        running.pin_workers()?;
        Ok(running)
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.config.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "memcached ended at once ({status}): is {} taken?",
                    self.config.address
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "memcached does not listen on {} after {START:?}",
                    self.config.address
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Worker i on the CPU of owner i.
    fn pin_workers(&self) -> Result<()> {
        for (tid, cpu) in self.workers()? {
            sys::cpu::pin_thread(tid, cpu)?;
        }
        Ok(())
    }

    /// Where the workers may run now.
    fn pinned(&self) -> Result<Vec<Pinned>> {
        let workers = self.workers()?;
        let pinned = workers.iter().enumerate().map(|(worker, (tid, cpu))| {
            Pinned::look(&format!("memcached worker {worker}"), Some(*tid), *cpu)
        });
        Ok(pinned.collect::<Result<_, _>>()?)
    }

    /// Its workers, each with the CPU that it belongs on.
    fn workers(&self) -> Result<Vec<(u32, CpuId)>> {
        let name_of = |tid: &u32| std::fs::read_to_string(format!("/proc/{tid}/comm"));
        let workers = sys::account::threads_of(self.child.id())?
            .into_iter()
            .filter(|tid| name_of(tid).is_ok_and(|name| name.trim_end() == "mc-worker"));
        let cpus = self.config.cpus.iter().copied().map(CpuId);
        Ok(workers.zip(cpus).collect())
    }

    /// Sets every key of the workload over TCP and checks that all are there.
    fn preload(&self) -> Result<()> {
        let workload = &self.config.workload;
        let keys = model::KeySpace::new(workload)?;
        let mut stream = TcpStream::connect(self.config.address)?;
        stream.set_read_timeout(Some(START))?;
        stream.set_write_timeout(Some(START))?;
        let (mut batch, mut key, mut value) = (Vec::new(), Vec::new(), Vec::new());
        for id in 0..workload.keys {
            keys.key_bytes(id, &mut key);
            model::value_bytes(id, 0, keys.value_len(id), &mut value);
            batch.extend_from_slice(b"set ");
            batch.extend_from_slice(&key);
            write!(batch, " 0 0 {} noreply\r\n", value.len())?;
            batch.extend_from_slice(&value);
            batch.extend_from_slice(b"\r\n");
            if batch.len() > 1 << 16 {
                stream
                    .write_all(&batch)
                    .with_context(|| self.silence("set"))?;
                batch.clear();
            }
        }
        // The answer to `mn` comes when everything before it was executed.
        batch.extend_from_slice(b"mn\r\n");
        stream.write_all(&batch)?;
        let mut answer = String::new();
        BufReader::new(&stream)
            .read_line(&mut answer)
            .with_context(|| self.silence("mn"))?;
        let stored: u64 = self.number("curr_items")?;
        if answer != "MN\r\n" || stored != u64::from(workload.keys) {
            bail!(
                "memcached holds {stored} of {} keys after the preload ({}): \
                 give it more memory in the spec",
                workload.keys,
                answer.trim_end()
            );
        }
        Ok(())
    }

    /// What is said of a memcached that does not answer `command`.
    fn silence(&self, command: &str) -> String {
        let pid = self.child.id();
        let threads = sys::tasks::of_process(pid).map_or_else(
            |error| format!("its threads cannot be seen: {error}"),
            |tasks| format!("its threads: {}", sys::tasks::describe(&tasks)),
        );
        format!(
            "memcached (process {pid}) is stuck: no answer to '{command}' within {START:?}; {threads}"
        )
    }

    /// All of its `stats`.
    fn stats(&self) -> Result<Vec<(String, String)>> {
        let mut stream = TcpStream::connect(self.config.address)?;
        stream.set_read_timeout(Some(START))?;
        stream.write_all(b"stats\r\n")?;
        let mut stats = Vec::new();
        for line in BufReader::new(&stream).lines() {
            let line = line.with_context(|| self.silence("stats"))?;
            if line == "END" {
                return Ok(stats);
            }
            let mut words = line.splitn(3, ' ');
            if let (Some("STAT"), Some(name), Some(value)) =
                (words.next(), words.next(), words.next())
            {
                stats.push((name.to_owned(), value.to_owned()));
            }
        }
        bail!("memcached closed the connection in the middle of its stats")
    }

    fn stat(&self, name: &str) -> Result<Option<String>> {
        Ok(self
            .stats()?
            .into_iter()
            .find(|(one, _)| one == name)
            .map(|(_, value)| value))
    }

    fn number(&self, name: &str) -> Result<u64> {
        let value = self
            .stat(name)?
            .ok_or_else(|| anyhow!("memcached has no statistic {name}"))?;
        Ok(value.parse()?)
    }

    fn counts(&self) -> Result<Counts> {
        let stats = self.stats()?;
        let number = |name: &str| {
            let found = stats.iter().find(|(one, _)| one == name);
            found
                .and_then(|(_, value)| value.parse::<u64>().ok())
                .unwrap_or_default()
        };
        let executed = number("cmd_get") + number("cmd_set") + number("cmd_touch");
        let dropped = sockets::udp_sockets(self.child.id())?
            .iter()
            .map(|socket| socket.drops)
            .sum();
        let related = stats
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?)))
            .collect();
        Ok(Counts {
            executed,
            replies: executed,
            drops: vec![DropLine {
                name: "server_socket_full".to_owned(),
                requests: dropped,
                source: "drops of memcached's sockets in /proc/PID/net/udp".to_owned(),
            }],
            related,
            ..Counts::default()
        })
    }

    fn measure(&self, window: Window) -> Result<Measured> {
        let cpu = || -> Result<CpuSnapshot> { Ok(CpuSnapshot::of_process(self.child.id())?) };
        let threads = sys::account::threads_of(self.child.id())?;
        let counting = Counting::of_threads(&threads, window);
        clock::sleep_until_ns(window.measure_from_ns());
        let (cpu_before, before) = (cpu()?, self.counts()?);
        clock::sleep_until_ns(window.measure_until_ns());
        let (cpu_after, after) = (cpu()?, self.counts()?);
        Ok(Measured {
            counts: after.since(&before),
            used: cpu_after.since(&cpu_before).total,
            dispatcher: None,
            hardware: counting.finish(),
            pinned: self.pinned()?,
            empty_polling_ns: None,
            repartitioned: None,
            steering_steps: None,
            delivered_steps: None,
        })
    }

    /// Lets it go on at `from_ns`, and watches its socket until nothing is left.
    fn drain(&mut self, from_ns: u64) -> Result<Drained> {
        let held = self
            .held
            .take()
            .ok_or_else(|| anyhow!("memcached was not stopped"))?;
        let pid = self.child.id();
        let cpu_before = CpuSnapshot::of_process(pid)?;
        clock::sleep_until_ns(from_ns);
        let empty_ns = held.release()?;
        let after = self.settle()?;
        let used = CpuSnapshot::of_process(pid)?.since(&cpu_before).total;
        Ok(Drained {
            measured: Measured {
                counts: after.since(&self.armed),
                used,
                dispatcher: None,
                hardware: Reading::absent(NOT_IN_A_DRAIN),
                pinned: self.pinned()?,
                empty_polling_ns: None,
                repartitioned: None,
                steering_steps: None,
                delivered_steps: None,
            },
            drain_ns: empty_ns.saturating_sub(from_ns),
            first_idle_ns: None,
        })
    }

    /// Waits until nothing changes any more.
    fn settle(&self) -> Result<Counts> {
        let mut last = self.counts()?;
        loop {
            std::thread::sleep(SETTLED);
            let now = self.counts()?;
            if now.executed == last.executed && now.drops == last.drops {
                return Ok(now);
            }
            last = now;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
