//! What a measure phase cost, by component, and whether the components are the whole. Pure.

use loadgen::{ClientReport, Ledger};
use record::{Activity, Cost, Machine};
use sys::account::Usage;

use super::trial::Driven;

/// The cost of a measure phase. Without NAPI threads of its own (on loopback) a
/// packet's processing is charged to whoever it interrupts, so that no component can be told.
pub(super) fn cost(driven: &Driven, report: &ClientReport, machine: &Machine) -> Cost {
    let Driven {
        measured: server,
        kernel,
        switch,
        drain,
    } = driven;
    let client = &report.measured;
    let requests = |datagrams| requests(datagrams, &report.ledger);
    let mut cost = Cost {
        client_cpu_ns: Some(client.used.sched.run_ns),
        replies_measured: requests(server.counts.replies),
        requests_executed: requests(server.counts.executed),
        server_activity: Some(activity(server.used)),
        client_activity: Some(activity(client.used)),
        ..Cost::default()
    };
    if let Some([server_host, client_host]) = kernel {
        let ksoftirqd_ns = server_host.ksoftirqd_ns;
        let ours_ns = server.used.sched.run_ns
            + server_host.napi.sched.run_ns
            + client_host.napi.sched.run_ns
            + client.used.sched.run_ns
            + (switch.as_ref()).map_or(0, |switch| switch.napi.sched.run_ns);
        cost.server_cpu_ns = Some(server.used.sched.run_ns);
        cost.dispatcher_cpu_ns = server.dispatcher.map(|used| used.run_ns);
        cost.dispatcher_empty_ns = server.dispatcher.and_then(|used| used.empty_ns);
        cost.napi_cpu_ns = Some(server_host.napi.sched.run_ns);
        cost.client_napi_cpu_ns = Some(client_host.napi.sched.run_ns);
        cost.switch_cpu_ns = switch.as_ref().map(|switch| switch.napi.sched.run_ns);
        cost.ksoftirqd_cpu_ns = Some(ksoftirqd_ns);
        cost.ksoftirqd_share = Some(ksoftirqd_ns as f64 / (ours_ns + ksoftirqd_ns).max(1) as f64);
        cost.load_cpu_ns = drain.as_ref().and_then(|drain| drain.load_cpu_ns);
        // What the client used to load a drain is no part of its cost.
        cost.unaccounted_share = match drain {
            None => unaccounted(ours_ns + ksoftirqd_ns, client.length_ns, machine),
            Some(_) => None,
        };
    }
    cost
}

/// The client's requests that so many of the server's are: as many, but where the client sends a request
/// in several datagrams, each of which is a request to the server. What a request costs is the cost of
/// all of them.
fn requests(of_server: u64, client: &Ledger) -> u64 {
    if client.datagrams <= client.sent {
        return of_server;
    }
    let product = u128::from(of_server) * u128::from(client.sent);
    u64::try_from(product / u128::from(client.datagrams)).unwrap_or(of_server)
}

/// What threads did beside computing.
pub(super) fn activity(used: Usage) -> Activity {
    Activity {
        wait_ns: used.sched.wait_ns,
        voluntary_switches: used.switches.voluntary,
        involuntary_switches: used.switches.involuntary,
        minor_faults: used.faults.minor,
        major_faults: used.faults.major,
    }
}

/// The share of what the CPUs did for the run that is in none of the components. The whole is the
/// time that the CPUs were not idle, without other processes; it comes from another account of the
/// kernel than the components, and its window is a little longer than the phase, so both are compared
/// as rates. Empty when nothing ran.
pub(super) fn unaccounted(components_ns: u64, phase_ns: u64, machine: &Machine) -> Option<f64> {
    let whole_ns = machine.busy_ns.saturating_sub(machine.foreign_ns);
    if whole_ns == 0 || phase_ns == 0 {
        return None;
    }
    let whole = whole_ns as f64 / machine.window_ns as f64;
    let components = components_ns as f64 / phase_ns as f64;
    // Idle time has a grain of 10 ms a CPU: a sum that exceeds the whole by that is no surplus.
    Some((1.0 - components / whole).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_in_several_datagrams_is_one_request() {
        let ledger = |sent, datagrams| Ledger {
            sent,
            datagrams,
            ..Ledger::default()
        };
        assert_eq!(requests(700, &ledger(1000, 1000)), 700);
        assert_eq!(requests(1400, &ledger(1000, 2000)), 700);
        assert_eq!(requests(0, &ledger(1000, 2000)), 0);
    }

    #[test]
    fn the_components_are_compared_with_the_whole_as_rates() {
        let machine = Machine {
            window_ns: 1_100,
            cpus: 2,
            busy_ns: 1_210,
            foreign_ns: 110,
            ..Machine::default()
        };
        // One CPU's worth of work for the run; the components hold 0.9 of it.
        let share = unaccounted(900, 1_000, &machine).unwrap();
        assert!((share - 0.1).abs() < 1e-9, "{share}");
        assert_eq!(unaccounted(1_050, 1_000, &machine), Some(0.0));
        assert_eq!(unaccounted(900, 1_000, &Machine::default()), None);
    }
}
