//! A switch between client and server: a third host, with a port to each of them. Pure.
//!
//! What its programs redirect comes out by queue c modulo the number of queues, c being the CPU that they run on, as
//! for [`super::saturate`]. So the NAPI threads of queue q of both ports live on such a CPU, and a frame has behind the
//! switch the queue that the sender chose before it.

use kv::server::SwitchPorts;

use super::placement::Placement;
use super::saturate::feeding;
use super::topology::{CLIENT, HostPlan, PORTS, SERVER, ends, joined, port};
use super::{Receiver, Refusal};

/// The CPU of the switch's NAPI threads of each queue: one that no other role is on, if there is such, and none that an
/// owner spins on.
///
/// # Errors
/// When no CPU keeps a queue.
pub(super) fn napi_cpus(
    queues: usize,
    cpus: &[u32],
    placement: &Placement,
    spinning: bool,
) -> Result<Vec<u32>, Refusal> {
    let (mut order, free): (Vec<u32>, Vec<u32>) = (cpus.iter().copied())
        .filter(|cpu| !(spinning && placement.owners.contains(cpu)))
        .partition(|cpu| placement.cpus().any(|used| used == *cpu));
    order.extend(free);
    feeding(queues, &order).map_err(|queue| {
        Refusal::new(
            &format!(
                "the switch cannot keep queue {queue} of {queues}: what is redirected on CPU c comes out by \
                 queue c modulo {queues}, and the switch may use CPUs {order:?}"
            ),
            "fewer queues (topology.queues), more CPUs for this process, or `at: server`",
        )
    })
}

/// The steps of the server's, the client's and the switch's host.
pub(super) fn hosts(
    queues: u16,
    mtu: u16,
    placement: &Placement,
    receivers: [Receiver; 2],
) -> ([HostPlan; 2], HostPlan) {
    let [to_clients, to_server] = PORTS;
    let [mut server, client] = ends(placement, receivers);
    let to_switch = joined(SERVER.port(), to_server, queues, mtu);
    server.before.insert(0, to_switch);
    let mut switch = HostPlan {
        before: vec![joined(to_clients, CLIENT.port(), queues, mtu)],
        after_attach: Vec::new(),
    };
    for end in PORTS {
        let HostPlan {
            before,
            after_attach,
        } = port(end, &placement.switch_napi);
        switch.before.extend(before);
        switch.after_attach.extend(after_attach);
    }
    ([server, client], switch)
}

/// The switch in the server's words, whose host is process `host`.
pub(crate) fn ports(host: u32) -> SwitchPorts {
    let [to_clients, to_server] = PORTS.map(|port| port.device.to_owned());
    SwitchPorts {
        host,
        to_clients,
        to_server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::placement::{Demand, place};

    fn placed(owners: usize, cpus: &[u32]) -> Placement {
        let demand = Demand {
            owners,
            spinning: false,
            dispatcher: false,
            queues: owners,
            clients: 1,
            server_cpus: None,
            client_cpus: None,
        };
        place(&demand, cpus).unwrap()
    }

    #[test]
    fn a_queue_is_kept_by_a_cpu_of_its_remainder_and_by_a_free_one_first() {
        let cpus = |all: &[u32]| napi_cpus(2, all, &placed(2, all), false).unwrap();
        assert_eq!(cpus(&[0, 1]), [0, 1]);
        // Owners are on 0 and 1, the client on 7 and 6.
        assert_eq!(cpus(&[0, 1, 2, 3, 4, 5, 6, 7]), [4, 5]);
        assert_eq!(cpus(&[1, 2]), [2, 1]);
    }

    #[test]
    fn a_queue_that_would_change_is_refused_with_the_remedy() {
        let cpus = [0, 1];
        let refused = napi_cpus(4, &cpus, &placed(4, &cpus), false).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("cannot keep queue 2 of 4"), "{text}");
        assert!(text.contains("`at: server`"), "{text}");
        let spinning = napi_cpus(2, &cpus, &placed(1, &cpus), true).unwrap_err();
        assert!(spinning.to_string().contains("CPUs [1]"), "{spinning}");
    }
}
