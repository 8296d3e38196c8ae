//! The store in XDP: Li et al., *KV-Direct: High-Performance In-Memory Key-Value Store with Programmable
//! NIC*, SOSP 2017. There a NIC's FPGA executes every request against the host's memory; here an XDP
//! program does, in the driver's NAPI poll, against BPF maps. In both no thread of the server takes part.

use anyhow::{Context, Result};
use kv::server::DropLine;
use loader::{Attached, Provenance, ServerPorts};
use model::{KeySpace, WorkloadSpec};
use steering::in_kernel::counters::Outcome;

use super::{InKernel, dropped};
use crate::agents::serving::{Counts, KvDirect};

/// The program and what it is to hold.
pub(super) struct Store {
    program: loader::KvDirect,
    workload: WorkloadSpec,
}

impl Store {
    /// Loads it with room for all keys of the workload. Two CPUs that set a new key at the same moment take
    /// room twice, but every key is preloaded.
    pub(super) fn load(config: &KvDirect) -> Result<Self> {
        let ports = ServerPorts::new(config.port, 1);
        Ok(Self {
            program: loader::KvDirect::load(ports, config.workload.keys)?,
            workload: config.workload.clone(),
        })
    }
}

impl InKernel for Store {
    fn preload(&mut self) -> Result<()> {
        let keys = KeySpace::new(&self.workload)?;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for id in 0..keys.len() {
            keys.key_bytes(id, &mut key);
            model::value_bytes(id, 0, keys.value_len(id), &mut value);
            let stored = self.program.preload(&key, 0, &value);
            stored.with_context(|| format!("preloading key {id} of {}", keys.len()))?;
        }
        Ok(())
    }

    fn attach(&mut self, ifindex: u32) -> loader::Result<Attached> {
        self.program.attach(ifindex)
    }

    fn provenance(&self) -> loader::Result<Provenance> {
        self.program.provenance()
    }

    fn counts(&self) -> Result<Counts> {
        let counters = self.program.counters()?;
        let of = |outcome| counters.of(outcome);
        let answered = [
            Outcome::Hit,
            Outcome::Miss,
            Outcome::Stored,
            Outcome::NoRoom,
            Outcome::NotUnderstood,
        ]
        .map(of);
        let replies = answered.iter().sum();
        let mut drops = dropped("kv_direct", &counters);
        drops.extend(
            [Outcome::Wrapped, Outcome::NoHeadroom, Outcome::Collision].map(|outcome| DropLine {
                name: outcome.name().to_owned(),
                requests: of(outcome),
                source: "counter of the kv_direct program".to_owned(),
            }),
        );
        let related = (counters.outcomes.iter())
            .map(|(outcome, frames)| (format!("xdp_{}", outcome.name()), *frames))
            .chain([("xdp_passed".to_owned(), counters.passed)]);
        Ok(Counts {
            executed: replies + of(Outcome::StoredQuietly),
            replies,
            drops,
            related: related.collect(),
            ..Counts::default()
        })
    }
}
