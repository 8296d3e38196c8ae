//! A keeper and the processes of its slices, led through the phases of a system.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sys::clock::now_ns;

use super::words::{self, Answer, Order, Question};
use super::{Keeper, Remains, Watch, remains};
use crate::system::counters::Counters;
use crate::system::hands::Hands;
use crate::system::machine::Machine;
use crate::system::{Error, SystemConfig, ThreadInfo, netslice};

/// Starts a process whose standard input is what it is given, which must come to
/// [`serve_ordered`](super::serve_ordered) with that, in the caller's network namespace.
pub type Launch = Box<dyn FnMut(OwnedFd) -> io::Result<Child> + Send>;

/// How long a process may take to answer: its threads may, too.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a process may take to end when its keeper closes its end, before it is killed.
const LEAVE: Duration = Duration::from_secs(3);
/// How often its end is looked for.
const GLANCE: Duration = Duration::from_millis(2);

/// The end of a slice's process by SIGKILL. Times are of CLOCK_MONOTONIC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// The slice.
    pub slice: u16,
    /// Frames that the programs had given to each slice until then, since they were attached.
    pub arrived: Vec<u64>,
    /// When the signal was sent, ns.
    pub at_ns: u64,
    /// When the process had ended, ns.
    pub ended_ns: u64,
    /// When no more frames went to its sockets, and these were closed, ns.
    pub closed_ns: u64,
    /// What it left behind.
    pub remains: Remains,
}

/// `netslice` with a process for each slice.
pub(crate) struct Processes {
    config: SystemConfig,
    launch: Launch,
    /// Index = slice; none where its process has been killed.
    slices: Vec<Option<Process>>,
    /// What those that were killed have left.
    left: Vec<Counters>,
    /// Of those that live and have started, in the slices' order.
    threads: Vec<(u16, ThreadInfo)>,
    /// Behind the slices, whose sockets are in its maps.
    keeper: Option<Keeper>,
    obtained: Vec<(String, String)>,
}

/// A slice's process.
struct Process {
    number: u16,
    child: Child,
    /// Closed, it is the order to leave.
    link: Option<UnixStream>,
    watch: Watch,
}

impl Process {
    fn failed(&self, reason: impl Into<String>) -> Error {
        Error::Thread {
            name: format!("the process of slice {}", self.number),
            reason: reason.into(),
        }
    }

    fn ask(&self, question: Question) -> Result<Answer, Error> {
        let Some(link) = &self.link else {
            return Err(self.failed("it was told to leave"));
        };
        let heard = words::tell(link, &question).and_then(|()| words::hear(link));
        if heard.is_err() {
            // What it may still say would be taken for the answer to the next question.
            let _ = link.shutdown(Shutdown::Both);
        }
        match heard {
            Ok(Some(Answer::Failed(reason))) => Err(self.failed(reason)),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(self.failed("it has ended")),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(self.failed("it has ended"))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(self.failed(format!("it does not answer within {ANSWER_LIMIT:?}")))
            }
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    fn out_of_turn(&self) -> Error {
        self.failed("it answered another question")
    }

    /// Its threads, with the slice that they are of.
    fn threads(&self) -> Result<Vec<(u16, ThreadInfo)>, Error> {
        let of_slice = |thread| (self.number, thread);
        match self.ask(Question::Threads)? {
            Answer::Threads(threads) => Ok(threads.into_iter().map(of_slice).collect()),
            Answer::Counters(_) | Answer::Quiet(_) | Answer::Failed(_) => Err(self.out_of_turn()),
        }
    }

    fn counters(&self) -> Result<Counters, Error> {
        match self.ask(Question::Counters)? {
            Answer::Counters(counters) => Ok(counters),
            Answer::Threads(_) | Answer::Quiet(_) | Answer::Failed(_) => Err(self.out_of_turn()),
        }
    }

    fn is_quiet(&self) -> Result<bool, Error> {
        match self.ask(Question::Quiet)? {
            Answer::Quiet(quiet) => Ok(quiet),
            Answer::Threads(_) | Answer::Counters(_) | Answer::Failed(_) => Err(self.out_of_turn()),
        }
    }

    /// Lets it end in order, or kills it; how it ended.
    fn leave(&mut self) -> io::Result<ExitStatus> {
        self.link = None;
        wait(&mut self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::warn!(%error, slice = self.number, "a slice's process could not be waited for");
        }
    }
}

/// Waits for a process that has been told to leave, and kills it when it does not.
fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let patience = Instant::now() + LEAVE;
    while Instant::now() < patience {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(GLANCE);
    }
    child.kill()?;
    child.wait()
}

impl Processes {
    pub(crate) fn load(config: &SystemConfig, launch: Launch) -> Self {
        Self {
            config: config.clone(),
            launch,
            slices: Vec::new(),
            left: Vec::new(),
            threads: Vec::new(),
            keeper: None,
            obtained: Vec::new(),
        }
    }

    fn living(&self) -> impl Iterator<Item = &Process> {
        self.slices.iter().flatten()
    }

    fn kept(keeper: &mut Option<Keeper>) -> Result<&mut Keeper, Error> {
        let missing = || Error::Config("nothing is attached yet".to_owned());
        keeper.as_mut().ok_or_else(missing)
    }

    /// Starts a slice's process, which has its queue's packets when this returns.
    fn begin(&mut self, number: u16) -> Result<Process, Error> {
        let what = || format!("start the process of slice {number}");
        let keeper = Self::kept(&mut self.keeper)?;
        let (mut link, theirs) = UnixStream::pair().map_err(Error::io(what()))?;
        link.set_read_timeout(Some(ANSWER_LIMIT))
            .map_err(Error::io(what()))?;
        let mut child = (self.launch)(theirs.into()).map_err(Error::io(what()))?;
        let order = Order {
            number,
            config: self.config.clone(),
        };
        let ordered = words::tell(&link, &order).map_err(Error::io(what()));
        match ordered.and_then(|()| keeper.take_in(&mut link)) {
            Ok(watch) => Ok(Process {
                number,
                child,
                link: Some(link),
                watch,
            }),
            Err(error) => {
                drop(link);
                let ended = wait(&mut child).map_err(Error::io(what()))?;
                Err(Error::Thread {
                    name: format!("the process of slice {number}"),
                    reason: format!("{error} ({ended})"),
                })
            }
        }
    }

    /// The slice that is to be killed or started, if there is such.
    fn slot(&mut self, number: u16) -> Result<&mut Option<Process>, Error> {
        let slices = self.slices.len();
        let missing = || Error::Config(format!("slice {number} of {slices}, counted from 0"));
        self.slices.get_mut(usize::from(number)).ok_or_else(missing)
    }

    fn tell(&self) -> Result<Vec<(String, String)>, Error> {
        let first = self.living().next();
        let mode = first.map(|process| process.watch.witness.obtained());
        let mode = mode.transpose().map_err(Error::io("ask for the mode"))?;
        let mode = mode.flatten().map(|mode| mode.name());
        let mut told = match &self.keeper {
            Some(keeper) => netslice::told(&self.config, &keeper.slices, mode)?,
            None => Vec::new(),
        };
        told.push((
            "isolation".to_owned(),
            "a process for each slice".to_owned(),
        ));
        Ok(told)
    }
}

impl Machine for Processes {
    fn attach(&mut self) -> Result<(), Error> {
        self.keeper = Some(Keeper::attach(&self.config)?);
        for number in 0..self.config.workers {
            let process = self.begin(number)?;
            self.slices.push(Some(process));
        }
        self.obtained = self.tell()?;
        Ok(())
    }

    /// The threads run since their slices were taken in.
    fn start(&mut self) -> Result<(), Error> {
        let mut all = Vec::new();
        for process in self.living() {
            all.extend(process.threads()?);
        }
        self.threads = all;
        Ok(())
    }

    /// They are in other processes.
    fn hands(&self) -> Option<&Hands> {
        None
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        None
    }

    fn threads(&self) -> Vec<ThreadInfo> {
        let threads = self.threads.iter();
        threads.map(|(_, thread)| thread.clone()).collect()
    }

    fn obtained(&self) -> Vec<(String, String)> {
        self.obtained.clone()
    }

    fn is_quiet(&self) -> Result<bool, Error> {
        let mut quiet = true;
        for process in self.living() {
            quiet &= process.is_quiet()?;
        }
        Ok(quiet)
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        if let Some(keeper) = &self.keeper {
            into.merge(keeper.counters()?);
        }
        for left in &self.left {
            into.merge(left.clone());
        }
        for process in self.living() {
            into.merge(process.counters()?);
        }
        Ok(())
    }

    fn kill(&mut self, slice: u16) -> Result<Killed, Error> {
        let arrived = Self::kept(&mut self.keeper)?.arrived()?;
        let gone = || Error::Config(format!("slice {slice} has no process any more"));
        let mut process = self.slot(slice)?.take().ok_or_else(gone)?;
        self.threads.retain(|(number, _)| *number != slice);
        let what = || format!("kill the process of slice {slice}");
        let at_ns = now_ns();
        process.child.kill().map_err(Error::io(what()))?;
        process.child.wait().map_err(Error::io(what()))?;
        let ended_ns = now_ns();
        Self::kept(&mut self.keeper)?.shut_out(slice)?;
        let (remains, left) = remains::count(&self.config, slice, &process.watch)?;
        self.left.push(left);
        drop(process);
        Ok(Killed {
            slice,
            arrived,
            at_ns,
            ended_ns,
            closed_ns: now_ns(),
            remains,
        })
    }

    fn restart(&mut self, slice: u16) -> Result<(), Error> {
        if self.slot(slice)?.is_some() {
            return Err(Error::Config(format!("slice {slice} has a process")));
        }
        let process = self.begin(slice)?;
        self.threads.extend(process.threads()?);
        self.threads.sort_by_key(|(number, _)| *number);
        *self.slot(slice)? = Some(process);
        Ok(())
    }

    fn dismiss(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for process in self.slices.iter_mut().flatten() {
            let reason = match process.leave() {
                Ok(status) if status.success() => continue,
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            if outcome.is_ok() {
                outcome = Err(process.failed(reason));
            }
        }
        outcome
    }
}
