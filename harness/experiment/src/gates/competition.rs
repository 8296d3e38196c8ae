//! Whoever else used the trial's CPUs: processes outside the run, and other guests of the hypervisor.

use record::{Machine, Smell};

/// CPUs' worth of other processes that pass: a tenth of one CPU delays a request in ten by whatever
/// the scheduler gives the other, which shows in the 90th percentile at the earliest, while the
/// housekeeping of an idle machine stays far below.
const FOREIGN_CPUS: f64 = 0.10;
/// Busy time that no living task accounts for, in CPUs, from which on it is laid at the door of
/// processes that were begun in the window and ended in it. Wakeups out of idleness alone reach less.
const VANISHED_CPUS: f64 = 0.40;
/// Tasks begun by an idle machine in a window of a second.
const BEGUN_A_SECOND: f64 = 20.0;
/// Share of the CPUs' time taken by the hypervisor that passes.
const STEAL: f64 = 0.02;

/// Processes that are not part of the run.
pub(super) fn competing_load(machine: &Machine) -> Option<Smell> {
    let living = machine.foreign_cpus();
    let window_ns = machine.window_ns.max(1) as f64;
    let vanished = machine.rest_ns() as f64 / window_ns;
    let begun_a_second = machine.tasks_begun as f64 * 1e9 / window_ns;
    let foreign_cpus = if vanished > VANISHED_CPUS && begun_a_second > BEGUN_A_SECOND {
        living + vanished
    } else {
        living
    };
    (foreign_cpus > FOREIGN_CPUS).then(|| Smell::CompetingLoad {
        foreign_cpus,
        limit_cpus: FOREIGN_CPUS,
        busiest: machine.busiest_foreign.clone(),
    })
}

/// Time that the hypervisor gave to others.
pub(super) fn steal(machine: &Machine) -> Option<Smell> {
    let share = machine.steal_share();
    (share > STEAL).then_some(Smell::Steal {
        share,
        limit: STEAL,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(foreign_ns: u64, rest_ns: u64, tasks_begun: u64) -> Machine {
        Machine {
            window_ns: 1_000_000_000,
            cpus: 2,
            busy_ns: 600_000_000 + foreign_ns + rest_ns,
            own_ns: 600_000_000,
            foreign_ns,
            tasks_begun,
            ..Machine::default()
        }
    }

    #[test]
    fn a_tenth_of_a_cpu_passes_and_more_does_not() {
        assert_eq!(competing_load(&machine(100_000_000, 0, 0)), None);
        let smell = competing_load(&machine(101_000_000, 0, 0)).unwrap();
        assert!(matches!(smell, Smell::CompetingLoad { foreign_cpus, .. } if foreign_cpus > 0.1));
    }

    #[test]
    fn processes_that_came_and_went_are_noticed_by_what_they_left() {
        assert_eq!(competing_load(&machine(0, 500_000_000, 3)), None);
        assert_eq!(competing_load(&machine(0, 300_000_000, 90)), None);
        assert!(competing_load(&machine(0, 500_000_000, 90)).is_some());
    }

    #[test]
    fn steal_is_a_share_of_all_cpus() {
        let taken = |steal_ns| Machine {
            steal_ns,
            ..machine(0, 0, 0)
        };
        assert_eq!(steal(&taken(40_000_000)), None);
        assert!(steal(&taken(50_000_000)).is_some());
    }
}
