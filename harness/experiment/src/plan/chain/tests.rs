//! Plans of packet trials: what `check` prints is what `run` does.

use slices::system::Routing;
use spec::Spec;
use sys::cpu::{Cpu, CpuId, Topology};

use super::*;

fn trial(topology: &str, traffic: &str, system: &str) -> Trial {
    let load = match traffic.contains("fixed") {
        true => "load: {rates: [1 kframes/s]}\n",
        false => "",
    };
    let text = format!(
        "name: test\n\
         topology: {topology}\n\
         systems: [{system}]\n\
         traffic: {traffic}\n\
         {load}\
         phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}\n"
    );
    let spec = Spec::parse(&text, "test").unwrap_or_else(|error| panic!("{error}"));
    spec::expand(&spec).remove(0)
}

/// CPUs that share a cache by twos.
fn machine(cpus: &[u32]) -> Machine {
    let cpu = |id: &u32| Cpu {
        id: CpuId(*id),
        siblings: vec![CpuId(*id)],
        llc: vec![CpuId(*id & !1), CpuId(*id | 1)],
        node: 0,
    };
    Machine {
        cpus: cpus.to_vec(),
        topology: Topology::new(cpus.iter().map(cpu).collect()),
    }
}

fn planned(topology: &str, traffic: &str, system: &str, cpus: &[u32]) -> FramePlan {
    let trial = trial(topology, traffic, system);
    let traffic = trial.traffic().expect("of frames").clone();
    plan(&trial, &traffic, &machine(cpus)).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn steps(plan: &FramePlan, host: usize) -> Vec<String> {
    let steps = &plan.hosts[host].steps;
    let actions = steps.before.iter().chain(&steps.after_attach);
    actions.map(ToString::to_string).collect()
}

const CHAIN: &str = "{kind: chain, queues: 2}";
const PAIR: &str = "{kind: pair, queues: 1}";
const EIGHT: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[test]
fn a_chain_is_three_hosts_that_know_each_other() {
    let plan = planned(CHAIN, "{processor: router}", "netslice", &EIGHT);
    let scopes: Vec<&str> = plan.hosts.iter().map(|host| host.scope).collect();
    assert_eq!(scopes, ["sender host", "router host", "receiver host"]);
    assert_eq!(
        steps(&plan, 1),
        [
            "no IPv6",
            "create veth router1 - receiver0, 2 queues, mtu 1500",
            "no packets of the kernel's own on router0",
            "bring router0 up",
            "offloads of router0: off tx-checksum-ip-generic, tx-generic-segmentation, \
             tx-tcp-segmentation, tx-udp-segmentation, rx-gro",
            "address 198.18.0.1/24 on router0",
            "no packets of the kernel's own on router1",
            "bring router1 up",
            "offloads of router1: off tx-checksum-ip-generic, tx-generic-segmentation, \
             tx-tcp-segmentation, tx-udp-segmentation, rx-gro",
            "address 198.19.0.1/24 on router1",
            "no ICMP errors of the kernel's own",
            "what is sent on router0 leaves by the queue of its CPU: [[2, 3], [4, 5]]",
            "what is sent on router1 leaves by the queue of its CPU: [[2, 3], [4, 5]]",
            "static neighbour 198.18.0.2 on router0",
            "static neighbour 198.19.0.2 on router1",
            "wait for router0's carrier",
            "one NAPI thread a queue on router0, pinned to CPUs [2, 4]",
            "wait for router1's carrier",
            "one NAPI thread a queue on router1, pinned to CPUs [2, 4]",
        ]
    );
    assert_eq!(plan.routers[0].system.u_peers, [3, 5]);
    assert_eq!(plan.placement.sender, [6, 7]);
    assert_eq!(plan.placement.receiver_napi, [1, 0]);
}

#[test]
fn over_ipv6_the_hosts_have_its_addresses_and_no_groups() {
    let plan = planned(CHAIN, "{processor: router, ip: 6}", "netslice", &EIGHT);
    let router = steps(&plan, 1);
    for step in [
        "no groups on router0",
        "no groups on router1",
        "address fd53:12::1/64 on router0",
        "static neighbour fd53:13::2 on router1",
    ] {
        assert!(router.contains(&step.to_owned()), "{step}: {router:#?}");
    }
    let place = |step: &str| router.iter().position(|other| other == step);
    assert!(place("no groups on router1") < place("bring router1 up"));
    for host in 0..3 {
        let all = steps(&plan, host).join("\n");
        assert!(all.contains("no groups on"), "{all}");
        assert!(!all.contains("no IPv6") && !all.contains("198.1"), "{all}");
    }
    let (SenderPlan::OneWay(frames), Deployment::FrameCount(count)) =
        (&plan.sender, &plan.receiver)
    else {
        panic!("{:?} to {:?}", plan.sender, plan.receiver)
    };
    assert_eq!(frames.source.to_string(), "fd53:12::2");
    assert_eq!(frames.destination, count.address);
    assert_eq!((frames.frame_bytes, count.payload), (1514, 1452));
    assert_eq!(count.hops, 63);
}

#[test]
fn without_a_program_gro_gives_the_router_its_napi_threads() {
    for system in ["kernel_forward", "raw_socket"] {
        let plan = planned(CHAIN, "{processor: router}", system, &EIGHT);
        let all = steps(&plan, 1).join("\n");
        assert_eq!(all.matches("on rx-gro").count(), 2, "{all}");
    }
    let plan = planned(CHAIN, "{processor: router}", "xdp_forward", &EIGHT);
    assert!(!steps(&plan, 1).join("\n").contains("on rx-gro"));
}

#[test]
fn what_threads_send_leaves_by_the_queue_of_their_cpu() {
    let of = |system: &str, cpus: &[u32]| {
        let topology = "{kind: chain, queues: 2}";
        let plan = planned(topology, "{processor: router}", system, cpus);
        let told = steps(&plan, 1);
        let sent = told
            .iter()
            .filter(|step| step.starts_with("what is sent on"));
        (plan.placement.routers[0].senders(), sent.count())
    };
    let two = Some(vec![vec![0], vec![1]]);
    assert_eq!(of("raw_parallel", &[0, 1]), (two.clone(), 2));
    // The reader is on the CPU of queue 0.
    assert_eq!(of("dispatch_threads", &[0, 1]), (two, 2));
    let (each, _) = of("raw_parallel", &EIGHT);
    let pairs = each.iter().flatten().filter(|cpus| cpus.len() == 2);
    assert_eq!(pairs.count(), 2, "k-peer and u-peer: {each:?}");
    // One thread for both queues uses both, and the kernel itself knows by which queue a frame came.
    for system in ["raw_socket", "kernel_forward"] {
        assert_eq!(of(system, &EIGHT), (None, 0), "{system}");
    }
}

#[test]
fn a_pair_has_a_wider_link_between_and_ways_to_both_ends() {
    let plan = planned(PAIR, "{processor: ipsec}", "netslice", &EIGHT);
    assert_eq!(plan.hosts.len(), 4);
    let [egress, ingress] = [1, 2].map(|host| steps(&plan, host).join("\n"));
    assert!(egress.contains("create veth egress1 - ingress0, 1 queues, mtu 1628"));
    assert!(egress.contains("route to 198.19.0.0/24 by 198.18.128.2 on egress1"));
    assert!(ingress.contains("create veth ingress1 - receiver0, 1 queues, mtu 1500"));
    assert!(ingress.contains("route to 198.18.0.0/24 by 198.18.128.1 on ingress0"));
    let [one, other] = [&plan.placement.routers[0], &plan.placement.routers[1]];
    let cpus = |router: &RouterCpus| [&router.k_peers[..], &router.u_peers].concat();
    assert!(cpus(one).iter().all(|cpu| !cpus(other).contains(cpu)));
    assert_eq!(plan.placement.shared, []);
}

#[test]
fn who_looks_routes_up_is_the_specs_choice() {
    for (system, expected) in [
        ("netslice", Routing::Mirror),
        ("{system: netslice, routing: kernel}", Routing::Kernel),
        ("xdp_forward", Routing::Mirror),
    ] {
        let plan = planned(
            "{kind: chain, queues: 1}",
            "{processor: router}",
            system,
            &EIGHT,
        );
        assert_eq!(plan.routers[0].system.routing, expected, "{system}");
    }
}

#[test]
fn a_path_that_loses_is_a_host_between_the_routers_that_keeps_queues() {
    let traffic = "{processor: {maelstrom: {loss: 1 %, burst: 4}}}";
    let plan = planned("{kind: pair, queues: 2}", traffic, "netslice", &EIGHT);
    let scopes: Vec<&str> = plan.hosts.iter().map(|host| host.scope).collect();
    assert_eq!(scopes[1..4], ["egress host", "path host", "ingress host"]);
    assert_eq!(plan.placement.path_napi.len(), 2);
    assert!((0..2).all(|queue| plan.placement.path_napi[queue] as usize % 2 == queue));
    let [egress, path, ingress] = [1, 2, 3].map(|host| steps(&plan, host).join("\n"));
    assert!(
        egress.contains("create veth egress1 - path0, 2 queues, mtu 1628"),
        "{egress}"
    );
    assert!(
        path.contains("create veth path1 - ingress0, 2 queues, mtu 1628"),
        "{path}"
    );
    assert!(!path.contains("address"), "{path}");
    assert!(
        egress.contains("static neighbour 198.18.128.2 on egress1"),
        "{egress}"
    );
    assert!(
        ingress.contains("create veth ingress1 - receiver0, 2 queues, mtu 1500"),
        "{ingress}"
    );

    let lossless = planned(PAIR, "{processor: maelstrom}", "netslice", &EIGHT);
    assert_eq!((lossless.hosts.len(), lossless.path), (4, None));
}

#[test]
fn on_two_cpus_everything_shares_and_says_so() {
    let plan = planned(CHAIN, "{processor: router}", "netslice", &[0, 1]);
    let router = &plan.placement.routers[0];
    assert_eq!(
        (&router.k_peers[..], &router.u_peers[..]),
        (&[0, 1][..], &[0, 1][..])
    );
    assert_eq!(plan.placement.sender, [0, 1]);
    let cpus: Vec<u32> = plan
        .placement
        .shared
        .iter()
        .map(|shared| shared.cpu)
        .collect();
    assert_eq!(cpus, [0, 1]);
    assert_eq!(plan.smells.len(), 2);
}

#[test]
fn what_the_machine_lacks_is_refused_with_the_remedy() {
    let refused = |topology: &str, traffic: &str, system: &str, cpus: &[u32]| {
        let trial = trial(topology, traffic, system);
        let traffic = trial.traffic().expect("of frames").clone();
        plan(&trial, &traffic, &machine(cpus))
            .unwrap_err()
            .to_string()
    };
    let other = "{system: netslice, placement: other_node}";
    let told = refused(CHAIN, "{processor: router}", other, &EIGHT);
    assert!(
        told.contains("other_node") && told.contains("same_llc"),
        "{told}"
    );
    let many = "{kind: chain, queues: 3}";
    let told = refused(many, "{processor: router}", "netslice", &[0, 1]);
    assert!(told.contains("fewer queues"), "{told}");
    let fed = "{kind: chain, queues: 4}";
    let told = refused(fed, "{processor: router}", "kernel_forward", &[0, 1]);
    assert!(told.contains("no CPU feeds queue 2 of 4"), "{told}");
}

#[test]
fn what_comes_back_is_timed_by_a_client_and_the_rest_is_counted() {
    let traffic =
        "{processor: router, frame_size: 128 B, arrivals: fixed, burst: 10, round_trip: true}";
    let back = planned(CHAIN, traffic, "netslice", &EIGHT);
    let SenderPlan::RoundTrip(load) = &back.sender else {
        panic!("{:?}", back.sender);
    };
    assert_eq!(
        load.workload.arrivals,
        model::Arrivals::Together { requests: 10 }
    );
    // 42 bytes of headers and 8 of an id before what is carried.
    assert_eq!(load.workload.value_size, model::Size::Fixed(78));
    assert!(matches!(back.receiver, Deployment::Reflector(_)));

    let traffic = "{processor: inspect, arrivals: fixed, burst: 4}";
    let one_way = planned(CHAIN, traffic, "netslice", &EIGHT);
    let SenderPlan::OneWay(frames) = &one_way.sender else {
        panic!("{:?}", one_way.sender);
    };
    assert_eq!((frames.frame_bytes, frames.flows), (1514, 1024));
    assert_eq!(frames.next_hop, RECEIVER.mac, "a bump in the wire");
    let Deployment::FrameCount(count) = &one_way.receiver else {
        panic!("{:?}", one_way.receiver);
    };
    assert_eq!((count.payload, count.mac), (1472, RECEIVER.mac));
}
