//! What the machine did during a measure phase beside serving: who ran, and what roles cost it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the threads of one role did in the measure phase beside computing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Time that they were runnable but waited for a CPU, ns.
    pub wait_ns: u64,
    /// Times that one went to sleep.
    pub voluntary_switches: u64,
    /// Times that one was preempted.
    pub involuntary_switches: u64,
    /// Page faults resolved without a disk.
    pub minor_faults: u64,
    /// Page faults for which a disk was read.
    pub major_faults: u64,
}

/// What the CPU's own counters showed in the measure phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Hardware {
    /// User and kernel code together.
    Counted {
        /// CPU cycles.
        cycles: u64,
        /// Instructions retired.
        instructions: u64,
        /// Misses of the last-level cache.
        cache_misses: u64,
    },
    /// There were none.
    Absent {
        /// Why.
        reason: String,
    },
}

/// Hardware counters by role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleHardware {
    /// All server threads.
    pub server: Hardware,
    /// The client's threads.
    pub client: Hardware,
}

/// Runs of the eBPF programs of one name in a pass of their own, in the warmup. The kernel's
/// statistics include their own cost, some 50 ns a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramRuns {
    /// The program's name.
    pub program: String,
    /// How often it ran.
    pub runs: u64,
    /// How long altogether, ns.
    pub run_ns: u64,
}

/// Who ran on the trial's CPUs during the measure phase. The kernel accounts it from outside the
/// roles, over a window that is some milliseconds longer than the phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Length of the window, ns.
    pub window_ns: u64,
    /// CPUs of the trial.
    pub cpus: u32,
    /// Time that they were not idle, summed over them, ns.
    pub busy_ns: u64,
    /// CPU time of the run's own processes and NAPI threads, ns.
    pub own_ns: u64,
    /// CPU time of other kernel threads, ns.
    pub kernel_ns: u64,
    /// CPU time of other processes, ns.
    pub foreign_ns: u64,
    /// Time that tasks of other processes waited for a CPU, ns.
    pub foreign_wait_ns: u64,
    /// Time that the hypervisor took, ns.
    pub steal_ns: u64,
    /// Tasks that the whole machine began in the window.
    pub tasks_begun: u64,
    /// The busiest of the other processes.
    pub busiest_foreign: Option<String>,
    /// Share of the window in which some task of the machine waited for a CPU (PSI), 0 to 1; empty
    /// where the kernel does not account it.
    pub pressure_share: Option<f64>,
}

impl Machine {
    /// CPUs that other processes kept busy, on average.
    #[must_use]
    pub fn foreign_cpus(&self) -> f64 {
        per(self.foreign_ns, self.window_ns)
    }

    /// Share of the CPUs' time that the hypervisor took, 0 to 1.
    #[must_use]
    pub fn steal_share(&self) -> f64 {
        per(self.steal_ns, self.window_ns * u64::from(self.cpus))
    }

    /// Time that the CPUs were busy without any task that accounts for it, ns: interrupts out of
    /// idleness, the way into it and out of it, and processes that ended in the window.
    #[must_use]
    pub fn rest_ns(&self) -> u64 {
        let known_ns = self.own_ns + self.kernel_ns + self.foreign_ns;
        self.busy_ns.saturating_sub(known_ns)
    }
}

fn per(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
