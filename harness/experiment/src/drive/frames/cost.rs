//! What a measure phase of frames cost, by component. Pure.

use record::{Cost, Machine};
use sys::account::Usage;

use super::super::cost::{activity, unaccounted};
use super::merge::Phase;
use crate::agents::{host, router};
use crate::plan::chain::{ChainHost, Part};

/// The cost of a measure phase: u-peers are the system's threads, k-peers the NAPI threads of the hosts that it runs in.
pub(super) fn cost(
    phase: &Phase,
    routers: &[router::Measured],
    (hosts, kernel): (&[ChainHost], &[host::Measured]),
    machine: &Machine,
) -> Cost {
    let system = (routers.iter()).fold(Usage::default(), |sum, router| sum + router.used);
    let napi = |wanted: Part| -> u64 {
        let of_part = hosts
            .iter()
            .zip(kernel)
            .filter(|(host, _)| host.part == wanted);
        of_part
            .map(|(_, measured)| measured.napi.sched.run_ns)
            .sum()
    };
    let (napi_ns, path_ns) = (napi(Part::Router), napi(Part::Path));
    let ends_ns = napi(Part::Sender) + napi(Part::Receiver);
    // Every host tells of the same threads.
    let ksoftirqd_ns = kernel.first().map_or(0, |host| host.ksoftirqd_ns);
    let ours_ns = system.sched.run_ns + napi_ns + path_ns + ends_ns + phase.sender.sched.run_ns;
    Cost {
        server_cpu_ns: Some(system.sched.run_ns),
        napi_cpu_ns: Some(napi_ns),
        client_cpu_ns: Some(phase.sender.sched.run_ns),
        client_napi_cpu_ns: Some(ends_ns),
        switch_cpu_ns: hosts
            .iter()
            .any(|host| host.part == Part::Path)
            .then_some(path_ns),
        ksoftirqd_cpu_ns: Some(ksoftirqd_ns),
        ksoftirqd_share: Some(ksoftirqd_ns as f64 / (ours_ns + ksoftirqd_ns).max(1) as f64),
        replies_measured: phase.delivered,
        requests_executed: phase.delivered,
        server_activity: Some(activity(system)),
        client_activity: Some(activity(phase.sender)),
        unaccounted_share: unaccounted(ours_ns + ksoftirqd_ns, phase.length_ns, machine),
        ..Cost::default()
    }
}
