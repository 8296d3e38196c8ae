//! Plans of whole trials, as text: what `check` prints is what `run` does.

use spec::{Spec, Trial};
use sys::cpu::{Cpu, CpuId};

use super::*;

fn trial(topology: &str, system: &str) -> Trial {
    let spec = format!(
        "
name: test
topology: {topology}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
"
    );
    let spec = Spec::parse(&spec, "test").unwrap_or_else(|error| panic!("{error}"));
    spec::expand(&spec)
        .into_iter()
        .find(|trial| !trial.is_floor())
        .expect("a system")
}

/// A machine whose CPUs have nothing in common.
fn machine(cpus: &[u32]) -> Machine {
    let cpu = |id: &u32| Cpu {
        id: CpuId(*id),
        siblings: vec![CpuId(*id)],
        llc: vec![CpuId(*id)],
        node: 0,
    };
    Machine {
        cpus: cpus.to_vec(),
        topology: CpuTopology::new(cpus.iter().map(cpu).collect()),
    }
}

fn steps(plan: &Plan) -> String {
    let hosts = plan.hosts.as_ref().expect("veth has hosts");
    let lines = |host: &HostPlan| -> Vec<String> {
        host.before
            .iter()
            .chain(&host.after_attach)
            .map(ToString::to_string)
            .collect()
    };
    hosts
        .iter()
        .map(|host| lines(host).join("\n"))
        .collect::<Vec<_>>()
        .join("\n--\n")
}

#[test]
fn a_steered_system_on_veth() {
    let trial = trial("{kind: veth, queues: 2}", "xdp_steered");
    let plan = requests(&trial, &machine(&[0, 1, 2, 3]), PORT).unwrap();
    assert_eq!(
        steps(&plan),
        "\
create veth server0 - client0, 2 queues, mtu 1500
no packets of the kernel's own on server0
offloads of server0: off tx-checksum-ip-generic, tx-generic-segmentation, tx-tcp-segmentation, \
tx-udp-segmentation, rx-gro
bring server0 up
address 198.18.0.1/24 on server0
address fd53:42::1/64 on server0
static neighbour 198.18.0.2 on server0
static neighbour fd53:42::2 on server0
wait for server0's carrier
one NAPI thread a queue on server0, pinned to CPUs [0, 1]
--
no packets of the kernel's own on client0
offloads of client0: off tx-checksum-ip-generic, tx-generic-segmentation, tx-tcp-segmentation, \
tx-udp-segmentation, rx-gro
bring client0 up
address 198.18.0.2/24 on client0
address fd53:42::2/64 on client0
static neighbour 198.18.0.1 on client0
static neighbour fd53:42::1 on client0
wait for client0's carrier
one NAPI thread a queue on client0, pinned to CPUs [3, 2]"
    );
    assert_eq!(
        plan.steer_transmit, None,
        "an AF_XDP client chooses its queue itself"
    );
    assert_eq!(plan.smells, []);
}

#[test]
fn kernel_sockets_get_their_napi_from_gro_and_their_queue_from_a_program() {
    let trial = trial(
        "{kind: veth, queues: 2, client: udp}",
        "{system: sphinx, io: udp}",
    );
    let plan = requests(&trial, &machine(&[0, 1]), PORT).unwrap();
    assert_eq!(steps(&plan).matches("; on rx-gro").count(), 2);
    let steer = plan.steer_transmit.expect("the emulation of RSS");
    assert_eq!((steer.queues, steer.device.as_str()), (2, "client0"));
}

#[test]
fn loopback_touches_nothing() {
    let trial = trial("{kind: loopback}", "rss_shared");
    let plan = requests(&trial, &machine(&[0, 1]), 20_000).unwrap();
    assert_eq!(plan.hosts, None);
    let Deployment::Ours(config) = plan.server else {
        panic!("rss_shared is ours")
    };
    assert_eq!((config.port, config.interface), (20_000, None));
}

#[test]
fn mica_clients_spread_what_any_thread_may_serve() {
    let (base_port, owners) = (PORT, 2);
    let expected = [
        (
            "mica_crew",
            loadgen::Addressing::WritesByOwner { base_port, owners },
        ),
        (
            "mica_crcw",
            loadgen::Addressing::Turns { base_port, owners },
        ),
    ];
    for (system, addressing) in expected {
        let trial = trial("{kind: veth}", system);
        let plan = requests(&trial, &machine(&[0, 1]), PORT).unwrap();
        assert_eq!(plan.client.addressing, addressing);
        let Deployment::Ours(config) = plan.server else {
            panic!("{system} is ours")
        };
        assert_eq!(config.engine, kv::systems::EngineKind::Log);
    }
}

#[test]
fn a_client_that_knows_partitions_addresses_them() {
    let trial = trial("{kind: veth}", "mica_erew");
    let plan = requests(&trial, &machine(&[0, 1]), PORT).unwrap();
    let partition = loadgen::Addressing::Partition {
        base_port: PORT,
        owners: 2,
        table: None,
        learns: None,
    };
    assert_eq!(plan.client.addressing, partition);
}

#[test]
fn what_this_version_or_machine_cannot_do_is_refused_with_a_remedy() {
    let nic = plan(
        &trial("{kind: nic}", "xdp_steered"),
        &machine(&[0, 1]),
        PORT,
    )
    .unwrap_err();
    assert!(nic.to_string().contains("remedy"), "{nic}");
    let spinning =
        requests(&trial("{kind: veth}", "seastar"), &machine(&[0, 1]), PORT).unwrap_err();
    assert!(spinning.to_string().contains("need 3 CPUs"), "{spinning}");
}

#[test]
fn the_limits_that_a_spec_is_told_are_the_programs() {
    use steering::in_kernel::item::{LONGEST_KEY, LONGEST_VALUE};
    let limits = spec::SystemKind::KvDirect.limits().expect("it has limits");
    assert_eq!(limits.key.get(), LONGEST_KEY as u64);
    assert_eq!(limits.value.get(), LONGEST_VALUE as u64);
}
