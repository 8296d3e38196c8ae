//! What a smell says, and what to do about it.

use std::fmt;

use super::Smell;

impl Smell {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Remainder { .. } => {
                "look into counters.csv for a counter that moved and has no reason yet; other \
                 traffic on the interface also disturbs the count"
            }
            Self::LedgerUnbalanced { .. } => "report it: this is an error in the client",
            Self::VerificationFailed { .. } => "report it: the server mixed up values",
            Self::Misrouted { .. } => {
                "compare the kernel's partition table with the server's; a slot that moved during \
                 the trial explains requests that were under way"
            }
            Self::HashesDisagreed { .. } => {
                "report it, unless `disturb.corrupt_slot` did it: kernel and server hash keys \
                 differently, and misroutes of requests that were not checked are unknown"
            }
            Self::RoutesDisagreed { .. } => {
                "report it, unless somebody changed routes or neighbours of the router during the trial: the mirror's answers to \
                 frames that the kernel says nothing about would be wrong too"
            }
            Self::NothingAnswered => "see the server's messages; lower the load",
            Self::SendLag { .. } => {
                "give the client CPUs of its own or lower the load; latency counts from the \
                 intended time, so the lag is part of it"
            }
            Self::Unsent { .. } => "the client is saturated: lower the load or add client CPUs",
            Self::Duplicates { .. } => "look for a second server behind the same address",
            Self::Misses { .. } => "raise the system's `memory` or lower `keys`",
            Self::SharedCpu { .. } => {
                "use a machine with more CPUs, or place the roles with `server_cpus` and \
                 `client_cpus`; until then compare systems only within this machine"
            }
            Self::Ksoftirqd { .. } => "lower the load or give NAPI threads CPUs of their own",
            Self::OffSchedule { .. } => {
                "give the client a CPU of its own (`client_cpus`) and stop what else runs there; a \
                 client that cannot keep the rate needs a lower load"
            }
            Self::Arrivals { .. } => {
                "look at the send lag: a client that sleeps too long or is stopped sends in bursts; \
                 give it a CPU of its own or lower the load"
            }
            Self::Unsteady { .. } => {
                "look at latency.csv for the interval; warm up longer, or find what stopped the \
                 server for a while"
            }
            Self::CompetingLoad { .. } => "stop what else runs on the machine and repeat the run",
            Self::Steal { .. } => "use a machine whose CPUs are not shared with other guests",
            Self::Moved { .. } => {
                "find what moves threads (irqbalance, tuned, a cpuset) and switch it off for the run"
            }
            Self::XdpMode { .. } => {
                "use a driver with native XDP; generic XDP measures another path through the kernel"
            }
            Self::Unaccounted { .. } => {
                "read the components as lower bounds; look for interrupts and processes that the run \
                 does not know"
            }
            Self::GeneratorLimit { .. } => {
                "read latency at this load with care; give the client more CPUs for higher ones"
            }
            Self::FrequencyScaling { .. } => {
                "set the governor `performance` and switch turbo off, or compare within blocks only"
            }
            Self::Mitigations { .. } => {
                "name them with the result: designs that make fewer system calls gain from them"
            }
            Self::SessionGroups => {
                "run as root, which switches it off for as long as the run takes, or set \
                 `kernel.sched_autogroup_enabled` to 0"
            }
            Self::ClockSource { .. } => {
                "use a machine whose clock source is `tsc` or `arch_sys_counter`"
            }
            Self::Fallback { .. } => "use hardware and a kernel that have it",
            Self::FewBlocks { .. } => "set `blocks` to 10 or more (`--set blocks=10`)",
            Self::FewSamples { .. } => "measure longer, or read lower percentiles only",
        }
    }
}

const SESSION_GROUPS: &str =
    "CPUs are shared among sessions before they are among threads (kernel.sched_autogroup_enabled)";

impl fmt::Display for Smell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remainder { remainder } => {
                write!(f, "the ledger leaves {remainder} requests unexplained")
            }
            Self::LedgerUnbalanced {
                equation,
                left,
                right,
            } => {
                write!(f, "the ledger breaks {equation}: {left} against {right}")
            }
            Self::VerificationFailed { replies } => write!(f, "{replies} replies had wrong bytes"),
            Self::Misrouted { requests } => {
                write!(
                    f,
                    "{requests} requests reached a thread that is not their owner"
                )
            }
            Self::HashesDisagreed { requests } => write!(
                f,
                "{requests} requests came with a hash or place of their key that is wrong"
            ),
            Self::RoutesDisagreed { frames } => routes_disagreed(f, *frames),
            Self::NothingAnswered => f.write_str("no measured request was answered"),
            Self::SendLag { p99_ns, limit_ns } => write!(
                f,
                "1% of the requests left more than {:.1} us late (limit {:.1} us)",
                us(*p99_ns),
                us(*limit_ns)
            ),
            Self::Unsent { requests } => write!(f, "{requests} requests could not be sent"),
            Self::Duplicates { replies } => write!(f, "{replies} replies arrived again"),
            Self::Misses { requests } => write!(f, "{requests} gets missed preloaded keys"),
            Self::SharedCpu { cpu, roles } => {
                write!(f, "CPU {cpu} is shared by {}", roles.join(", "))
            }
            Self::Ksoftirqd { share } => {
                write!(f, "ksoftirqd took {:.1}% of the CPU time", share * 100.0)
            }
            Self::OffSchedule { p99_ns, limit_ns } => off_schedule(f, *p99_ns, *limit_ns),
            Self::Arrivals {
                process,
                distance,
                limit,
            } => write!(
                f,
                "the sends are not {process}: their distribution is off by {distance:.3} (limit {limit:.3})"
            ),
            Self::Unsteady {
                interval_p50_ns,
                typical_p50_ns,
                at_ns,
            } => unsteady(f, *interval_p50_ns, *typical_p50_ns, *at_ns),
            Self::CompetingLoad {
                foreign_cpus,
                limit_cpus,
                busiest,
            } => competing_load(f, *foreign_cpus, *limit_cpus, busiest.as_deref()),
            Self::Steal { share, limit } => write!(
                f,
                "the hypervisor took {:.1}% of the CPUs' time (limit {:.1}%)",
                share * 100.0,
                limit * 100.0
            ),
            Self::Moved {
                thread,
                cpu,
                allowed,
            } => moved(f, thread, *cpu, allowed),
            Self::XdpMode {
                device,
                wanted,
                obtained,
            } => write!(f, "XDP on {device} is {obtained}, not {wanted}"),
            Self::Unaccounted { share, limit } => write!(
                f,
                "{:.0}% of the CPU time belongs to no component (limit {:.0}%)",
                share * 100.0,
                limit * 100.0
            ),
            Self::GeneratorLimit { share } => {
                write!(f, "the client used {:.0}% of its CPU", share * 100.0)
            }
            Self::FrequencyScaling { settings } => {
                write!(f, "the CPUs' frequency may change ({settings})")
            }
            Self::Mitigations { vulnerabilities } => {
                write!(f, "mitigations are on for {}", vulnerabilities.join(", "))
            }
            Self::SessionGroups => f.write_str(SESSION_GROUPS),
            Self::ClockSource { source } => write!(f, "the clock source is {source}"),
            Self::Fallback { wanted, obtained } => write!(f, "{obtained} in place of {wanted}"),
            Self::FewBlocks { blocks, wanted } => {
                write!(f, "{blocks} blocks; intervals need {wanted} or more")
            }
            Self::FewSamples { samples, wanted } => {
                write!(f, "{samples} samples; the 99.9th percentile needs {wanted}")
            }
        }
    }
}

fn routes_disagreed(f: &mut fmt::Formatter<'_>, frames: u64) -> fmt::Result {
    write!(
        f,
        "the kernel sent {frames} frames another way than the mirror of its tables would have"
    )
}

fn off_schedule(f: &mut fmt::Formatter<'_>, p99_ns: u64, limit_ns: u64) -> fmt::Result {
    let (p99, limit) = (us(p99_ns), us(limit_ns));
    write!(
        f,
        "the client did not keep the schedule: 1% of the requests left more than {p99:.1} us late \
         (limit {limit:.1} us) while the server kept up"
    )
}

fn unsteady(
    f: &mut fmt::Formatter<'_>,
    interval_p50_ns: u64,
    typical_p50_ns: u64,
    at_ns: u64,
) -> fmt::Result {
    // Where most requests of an interval were not answered, its median is beyond every latency.
    let median = |ns: u64| match ns {
        u64::MAX => "beyond the timeout".to_owned(),
        ns => format!("of {:.1} us", us(ns)),
    };
    write!(
        f,
        "latency was not stationary: a median {} around {:.0} ms into the phase, {} typically",
        median(interval_p50_ns),
        us(at_ns) / 1e3,
        median(typical_p50_ns)
    )
}

fn competing_load(
    f: &mut fmt::Formatter<'_>,
    foreign_cpus: f64,
    limit_cpus: f64,
    busiest: Option<&str>,
) -> fmt::Result {
    write!(
        f,
        "other processes used {foreign_cpus:.2} CPUs (limit {limit_cpus:.2})"
    )?;
    match busiest {
        None => Ok(()),
        Some(who) => write!(f, ", most of all {who}"),
    }
}

fn moved(f: &mut fmt::Formatter<'_>, thread: &str, cpu: u32, allowed: &[u32]) -> fmt::Result {
    write!(f, "{thread} was pinned to CPU {cpu} and ")?;
    if allowed.is_empty() {
        f.write_str("has ended")
    } else {
        write!(f, "moved: it may run on {allowed:?}")
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_among_the_unanswered_has_no_number() {
        let said = |interval_p50_ns| {
            Smell::Unsteady {
                interval_p50_ns,
                typical_p50_ns: 80_000,
                at_ns: 900_000_000,
            }
            .to_string()
        };
        let begin = "latency was not stationary: a median";
        let end = "around 900 ms into the phase, of 80.0 us typically";
        assert_eq!(said(500_000), format!("{begin} of 500.0 us {end}"));
        assert_eq!(said(u64::MAX), format!("{begin} beyond the timeout {end}"));
    }
}
