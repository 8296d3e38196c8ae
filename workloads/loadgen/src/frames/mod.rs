//! Frames for whoever passes packets on: UDP datagrams of one size and many flows, made by XDP in the sender's device
//! (live frames of BPF_PROG_TEST_RUN), as fast as they can be made or in bursts at a fixed rate.
//!
//! Frames and not sockets, for a NIC hands its driver a buffer and no socket buffer: over veth, a socket's packets would
//! cost an XDP program a conversion that no NIC makes. A flow has the queue of the far end that RSS would give it, and is
//! sent by the CPU whose frames come in by that queue.

mod list;
mod pace;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sys::account::{CpuSnapshot, Usage};
use sys::clock;
use sys::cpu::Pinned;

use crate::live::LiveFrames;
use crate::phases::Phases;
use crate::{ClientError, Latency, Recording, lanes};
use pace::Bursts;

/// Hops that a frame may take (TTL, hop limit).
pub use pktio::client::TTL;

/// What is sent, from where, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FramesConfig {
    /// The device, in the sender's namespace.
    pub device: String,
    /// Receive queues of the device at its far end.
    pub queues: u16,
    /// Hardware address of the device.
    pub mac: [u8; 6],
    /// Hardware address of the first hop.
    pub next_hop: [u8; 6],
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same version.
    pub destination: IpAddr,
    /// UDP source port of the first flow; the others follow.
    pub first_flow: u16,
    /// Number of flows.
    pub flows: u16,
    /// UDP destination port.
    pub port: u16,
    /// Bytes of a frame with its link header, without its check sequence: 42 (over IPv6 62) to 1536.
    pub frame_bytes: u16,
    /// CPU of each queue's generator: its number modulo the number of queues is the queue.
    pub cpus: Vec<u32>,
    /// How fast.
    pub pace: Pace,
}

/// How fast frames are sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pace {
    /// As fast as they can be made.
    Saturate,
    /// Groups of frames at equal distances.
    Bursts {
        /// Frames a second, over all flows.
        rate_fps: f64,
        /// Frames of a group.
        frames: u16,
        /// How long after the load groups that are late are still sent, ns.
        grace_ns: u64,
    },
}

/// A sender, its frames listed and its programs loaded.
pub struct Frames {
    lanes: Vec<Lane>,
    pace: Pace,
}

/// The flows of one queue.
struct Lane {
    generator: LiveFrames,
    cpu: u32,
    /// Its part of all flows.
    share: f64,
}

/// What a sender did. Whether the device took its frames is the device's to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FramesReport {
    /// Frames that were due over the whole load; as many as were made where no schedule says how many.
    pub due: u64,
    /// Frames made and handed to the device.
    pub made: u64,
    /// Of them, those of the measure phase.
    pub made_measured: u64,
    /// Length of the measure phase, ns.
    pub measure_ns: u64,
    /// What the sender's threads used in it.
    pub used: Usage,
    /// How late the groups of the measure phase were, ns: from when each was due until it was begun.
    pub send_lag: Latency,
    /// Where the sender's threads were allowed to run at their end.
    pub pinned: Vec<Pinned>,
}

impl Frames {
    /// Lists the frames and loads the programs, in the calling thread's namespace. A queue that no flow belongs to is
    /// left alone.
    ///
    /// # Errors
    /// [`ClientError::Config`] when the parts do not fit each other, and when the kernel refuses a program.
    pub fn open(config: &FramesConfig) -> Result<Self, ClientError> {
        check(config)?;
        let ifindex = sys::link::ifindex(&config.device).map_err(ClientError::io(format!(
            "looking up the device {}",
            config.device
        )))?;
        let of_queue = |(queue, &cpu): (usize, &u32)| {
            let flows = list::flows_of(config, queue);
            (!flows.is_empty()).then(|| {
                Ok(Lane {
                    generator: LiveFrames::open(&list::frames(config, &flows), ifindex)?,
                    cpu,
                    share: flows.len() as f64 / f64::from(config.flows),
                })
            })
        };
        let lanes = config.cpus.iter().enumerate().filter_map(of_queue);
        Ok(Self {
            lanes: lanes.collect::<Result<_, ClientError>>()?,
            pace: config.pace,
        })
    }

    /// Sends from `start_ns` (CLOCK_MONOTONIC) for `warmup_ns` and then `measure_ns`.
    ///
    /// # Errors
    /// When the kernel refuses live frames, or an account cannot be read.
    pub fn run(
        &self,
        start_ns: u64,
        warmup_ns: u64,
        measure_ns: u64,
    ) -> Result<FramesReport, ClientError> {
        let phases = Phases {
            start_ns,
            warmup_ns,
            measure_ns,
            grace_ns: match self.pace {
                Pace::Saturate => 0,
                Pace::Bursts { grace_ns, .. } => grace_ns,
            },
        };
        let before = self.made()?;
        let cpus: Vec<u32> = self.lanes.iter().map(|lane| lane.cpu).collect();
        let ran = lanes::run(
            &cpus,
            |lane| self.send(lane, phases),
            |threads| self.watch(phases, threads),
        )?;
        let made = self.made()? - before;
        let (used, made_measured) = ran.watched;
        let mut send_lag = Latency::new();
        for sent in &ran.lanes {
            send_lag.merge(&sent.lag.latency());
        }
        let scheduled: Option<u64> = ran.lanes.iter().map(|sent| sent.due).sum();
        Ok(FramesReport {
            due: scheduled.unwrap_or(made),
            made,
            made_measured,
            measure_ns,
            used,
            send_lag,
            pinned: ran.pinned,
        })
    }

    /// Sends the frames of one queue.
    fn send(&self, number: usize, phases: Phases) -> Result<Sent, ClientError> {
        let Lane {
            generator, share, ..
        } = &self.lanes[number];
        clock::sleep_until_ns(phases.start_ns);
        let (rate_fps, frames) = match self.pace {
            Pace::Saturate => {
                generator.make_until(phases.measure_end())?;
                return Ok(Sent {
                    due: None,
                    lag: Recording::new(),
                });
            }
            Pace::Bursts {
                rate_fps, frames, ..
            } => (rate_fps, frames),
        };
        sys::clock::set_timerslack(1).map_err(ClientError::io("setting the timer slack"))?;
        let gap_ns = f64::from(frames) * 1e9 / (rate_fps * share);
        let bursts = Bursts {
            gap_ns,
            // The queues take turns.
            first_ns: gap_ns * number as f64 / self.lanes.len() as f64,
            frames: u32::from(frames),
        };
        let lag = bursts.send(phases, |frames| generator.make(frames))?;
        Ok(Sent {
            due: Some(bursts.due_by(phases.warmup_ns + phases.measure_ns) * u64::from(frames)),
            lag,
        })
    }

    /// Reads the accounts at both ends of the measure phase: what the threads used, and how many frames they made.
    fn watch(&self, phases: Phases, threads: &[u32]) -> Result<(Usage, u64), ClientError> {
        let used = || {
            CpuSnapshot::of_threads(threads.iter().copied())
                .map_err(ClientError::io("reading the generators' CPU time"))
        };
        clock::sleep_until_ns(phases.measure_start());
        let (cpu_before, before) = (used()?, self.made()?);
        clock::sleep_until_ns(phases.measure_end());
        let (cpu_after, after) = (used()?, self.made()?);
        Ok((cpu_after.since(&cpu_before).total, after - before))
    }

    fn made(&self) -> Result<u64, ClientError> {
        let mut made = 0;
        for lane in &self.lanes {
            made += lane.generator.made()?;
        }
        Ok(made)
    }
}

/// What became of one queue's schedule.
struct Sent {
    /// Frames that it had; `None` without a schedule.
    due: Option<u64>,
    lag: Recording,
}

fn check(config: &FramesConfig) -> Result<(), ClientError> {
    let refuse = |reason: String| Err(ClientError::Config(reason));
    let queues = usize::from(config.queues);
    let on_its_queue = |(queue, cpu): (usize, &u32)| *cpu as usize % queues == queue;
    if queues == 0
        || config.cpus.len() != queues
        || !config.cpus.iter().enumerate().all(on_its_queue)
    {
        return refuse(format!(
            "cpus: one CPU is needed for each of the {queues} queues, its number modulo {queues} being the queue; not \
             {:?}",
            config.cpus
        ));
    }
    if config.flows == 0 || config.first_flow.checked_add(config.flows - 1).is_none() {
        return refuse(format!(
            "flows: {} flows from port {} do not fit into 1 to 65535",
            config.flows, config.first_flow
        ));
    }
    if config.source.is_ipv4() != config.destination.is_ipv4() {
        return refuse(format!(
            "destination: {} is of another version of IP than the source, {}",
            config.destination, config.source
        ));
    }
    let headers = list::headers(config);
    if usize::from(config.frame_bytes) < headers {
        return refuse(format!(
            "frame_bytes: {headers} bytes of headers do not fit into {}",
            config.frame_bytes
        ));
    }
    match config.pace {
        Pace::Saturate => Ok(()),
        Pace::Bursts {
            rate_fps, frames, ..
        } if frames > 0 && rate_fps.is_finite() && rate_fps > 0.0 => Ok(()),
        Pace::Bursts { .. } => {
            refuse("pace: a burst has a frame at least, and the rate is above 0".into())
        }
    }
}
