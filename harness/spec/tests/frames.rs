//! Expansion of specs with `traffic`: what is asked of packet systems, and what their trials are called.

use std::collections::BTreeSet;

use spec::{
    Bytes, FrameArrivals, Integrity, IpVersion, IpsecOptions, LoadPoint, MaelstromOptions,
    PeerPlacement, Processor, Rate, Share, Spec, SystemKind, Task, Traffic, Trial, expand,
};

const TEXT: &str = "
name: frames
topology: {kind: chain, queues: 2}
traffic: {processor: router}
systems: [netslice, kernel_forward, raw_parallel, pcap]
phases: {warmup: 100 ms, measure: 300 ms, timeout: 100 ms}
blocks: 2
";

fn spec(set: &[&str]) -> Spec {
    Spec::parse_with(TEXT, "frames.yaml", set).unwrap_or_else(|error| panic!("{error}"))
}

fn trials(set: &[&str]) -> Vec<Trial> {
    expand(&spec(set))
}

fn traffic(trial: &Trial) -> &Traffic {
    trial.traffic().expect("frames are asked for")
}

fn of(kind: SystemKind, trials: &[Trial]) -> Vec<&Trial> {
    let of = trials.iter().filter(|trial| trial.system.system == kind);
    of.collect()
}

#[test]
fn defaults_are_filled_in() {
    let trials = trials(&[]);
    assert_eq!(trials.len(), 8, "two blocks of four systems, and no floor");
    for trial in &trials {
        let expected = Traffic {
            processor: Processor::Router,
            frame_size: Bytes(1514),
            arrivals: FrameArrivals::Saturate,
            flows: 1024,
            burst: 1,
            round_trip: false,
            ip: IpVersion::V4,
        };
        assert_eq!(trial.task, Task::Frames(expected));
        assert_eq!((trial.load, trial.workload()), (LoadPoint::Saturate, None));
        let system = &trial.system;
        assert_eq!((system.memory, system.wakeup), (Bytes(0), None));
        let netslice = system.system == SystemKind::Netslice;
        assert_eq!(system.batch, netslice.then_some(64));
        assert_eq!(system.placement, netslice.then_some(PeerPlacement::Nearest));
        let parallel = system.system == SystemKind::RawParallel;
        assert_eq!(system.filters, parallel.then_some(true));
        let socket = parallel || system.system == SystemKind::Pcap;
        assert_eq!(system.qdisc_bypass, socket.then_some(false));
        assert!(
            !system.is_isolated() && system.is_plain(),
            "{}",
            system.label
        );
        let owners = system.system.fixed_owners().unwrap_or(2);
        assert_eq!(system.owners, owners, "{}", system.label);
    }
}

#[test]
fn processors_are_read_with_their_options() {
    let processor = |written: &str| {
        let set = [
            &format!("traffic.processor={written}") as &str,
            "topology.kind=pair",
            "systems=[netslice]",
        ];
        traffic(&trials(&set)[0]).processor
    };
    assert_eq!(
        processor("ipsec"),
        Processor::Ipsec(IpsecOptions {
            integrity: Integrity::None
        })
    );
    assert_eq!(processor("ipsec"), processor("{ipsec: {}}"));
    let sealed = processor("{ipsec: {integrity: hmac_sha256}}");
    assert_eq!(sealed.to_string(), "ipsec hmac_sha256");
    let usual = MaelstromOptions {
        r: 8,
        c: 3,
        loss: Share(0),
        burst: 1,
    };
    assert_eq!(processor("maelstrom"), Processor::Maelstrom(usual));
    assert_eq!(processor("maelstrom").to_string(), "maelstrom r 8 c 3");
    let lossy = processor("{maelstrom: {loss: 1 %, burst: 4}}");
    let expected = MaelstromOptions {
        loss: Share(10_000),
        burst: 4,
        ..usual
    };
    assert_eq!(lossy, Processor::Maelstrom(expected));
    assert_eq!(lossy.to_string(), "maelstrom r 8 c 3 loss 1 % burst 4");
    assert_eq!(lossy.name(), "maelstrom");
}

#[test]
fn threads_follow_the_queues_and_sizes_are_swept() {
    let set = ["sweep={queues: [1, 2], frame_size: [60 B, 1514 B]}"];
    let sweep = spec(&set).sweep.expect("it was set");
    let trials = trials(&set);
    assert_eq!(trials.len(), 2 * 4 * 4);
    for trial in of(SystemKind::Netslice, &trials) {
        assert_eq!(trial.system.owners, trial.topology.queues);
    }
    for trial in of(SystemKind::Pcap, &trials) {
        assert_eq!(trial.system.owners, 1);
    }
    let swept: BTreeSet<_> = trials.iter().map(|trial| sweep.of(trial)).collect();
    let expected = [
        "frame_size 60 B, queues 1",
        "frame_size 60 B, queues 2",
        "frame_size 1514 B, queues 1",
        "frame_size 1514 B, queues 2",
    ];
    assert_eq!(swept, expected.map(String::from).into());

    let set = [
        "systems=[netslice]",
        "sweep={flows: [1, 64], batch: [1, 256], placement: [os_default, same_cpu]}",
    ];
    let sweep = spec(&set).sweep.expect("it was set");
    let swept: BTreeSet<_> = self::trials(&set)
        .iter()
        .map(|trial| sweep.of(trial))
        .collect();
    assert_eq!(swept.len(), 8);
    assert!(swept.contains("flows 64, batch 256, placement same_cpu"));
}

#[test]
fn losses_of_a_link_are_swept_with_their_bursts() {
    let set = [
        "traffic.processor={maelstrom: {r: 4}}",
        "topology.kind=pair",
        "systems=[netslice]",
        "sweep={loss: [1 %, 25000 ppm], loss_burst: [1, 10]}",
        "blocks=1",
    ];
    let sweep = spec(&set).sweep.expect("it was set");
    let seen: Vec<_> = trials(&set)
        .iter()
        .map(|trial| {
            let code = traffic(trial).processor.code().expect("it has one");
            assert_eq!((code.r, code.c), (4, 3), "what is not swept stays");
            (sweep.of(trial), code.loss, code.burst)
        })
        .collect();
    let expected = [
        ("loss 1 %, loss_burst 1", 10_000, 1),
        ("loss 1 %, loss_burst 10", 10_000, 10),
        ("loss 25000 ppm, loss_burst 1", 25_000, 1),
        ("loss 25000 ppm, loss_burst 10", 25_000, 10),
    ];
    let expected = expected.map(|(swept, loss, burst)| (swept.to_owned(), Share(loss), burst));
    assert_eq!(seen, expected);
    assert_eq!(Processor::Router.code(), None);
}

/// So often is a burst due, however many frames it has: Table 1 of NetSlices.
#[test]
fn bursts_are_swept_with_the_rate_that_follows_from_how_often_they_are_due() {
    let set = [
        "traffic.arrivals=fixed",
        "load={every: [100 us, 1 ms]}",
        "sweep={burst: [1, 10]}",
        "systems=[netslice]",
        "blocks=1",
    ];
    let sweep = spec(&set).sweep.expect("it was set");
    let seen: Vec<_> = trials(&set)
        .iter()
        .map(|trial| (sweep.of(trial), traffic(trial).burst, trial.load))
        .collect();
    let expected = [
        ("burst 1", 1, 10_000),
        ("burst 1", 1, 1_000),
        ("burst 10", 10, 100_000),
        ("burst 10", 10, 10_000),
    ];
    let expected = expected
        .map(|(swept, burst, rate)| (swept.to_owned(), burst, LoadPoint::Open(Rate::frames(rate))));
    assert_eq!(seen, expected);
    // The same trial as one whose rate is written.
    let written = [
        "traffic.arrivals=fixed",
        "traffic.burst=10",
        "load={rates: [100 kframes/s]}",
        "systems=[netslice]",
        "blocks=1",
    ];
    assert_eq!(trials(&written)[0].id(), trials(&set)[2].id());
}

#[test]
fn slices_that_are_processes_are_other_trials_and_the_default_has_the_names_that_it_had() {
    let of = |entry: &str| {
        let set = [&format!("systems=[{entry}]") as &str, "blocks=1"];
        trials(&set).remove(0)
    };
    let isolated = of("{system: netslice, isolation: process}");
    assert!(isolated.system.is_isolated() && !isolated.system.is_plain());
    let written = of("{system: netslice, isolation: thread}");
    assert_eq!(written.id(), of("netslice").id());
    assert_ne!(isolated.id(), written.id());
    let resolved = spec(&["systems=[{system: netslice, isolation: process}]"]).resolved();
    assert_eq!(
        resolved.systems[0].isolation,
        Some(spec::Isolation::Process)
    );
}

#[test]
fn rates_are_in_frames_a_second() {
    let set = [
        "traffic.arrivals=fixed",
        "traffic.burst=10",
        "traffic.round_trip=true",
        "load={rates: [20 kframes/s]}",
    ];
    for trial in trials(&set) {
        assert_eq!(trial.load, LoadPoint::Open(Rate::frames(20_000)));
        assert_eq!(traffic(&trial).burst, 10);
        assert!(traffic(&trial).round_trip);
    }
}

#[test]
fn the_resolved_spec_is_complete_and_gives_the_same_trials() {
    for set in [
        &["topology.mtu=1400"] as &[&str],
        &["traffic.ip=6"],
        &["sweep={queues: [1, 2]}"],
        &["traffic.arrivals=fixed", "load={rates: [1 kframes/s]}"],
        &[
            "traffic={processor: router, arrivals: fixed, burst: 4}",
            "load={every: [1 ms]}",
        ],
        &[
            "traffic.processor={maelstrom: {r: 4, loss: 1 %}}",
            "topology.kind=pair",
            "systems=[netslice, {system: raw_parallel, owners: 1, filters: false}]",
        ],
        &["systems=[netslice, {system: raw_parallel, owners: 3, filters: false}]"],
        &["systems=[{system: netslice, routing: kernel}]"],
        &["systems=[{system: netslice, routing: mirror}]"],
    ] {
        let spec = spec(set);
        let yaml = spec.resolved().to_yaml().expect("a spec is plain data");
        let back =
            Spec::parse(&yaml, "resolved.yaml").unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        assert_eq!(back, spec.resolved());
        assert_eq!(back.resolved(), back, "nothing was left to fill in");
        assert_eq!(expand(&back), expand(&spec));
    }
}

#[test]
fn a_trial_survives_json_under_the_key_traffic() {
    for trial in trials(&[]) {
        let json = serde_json::to_value(&trial).expect("a trial is plain data");
        assert_eq!(json["traffic"]["processor"], "router");
        assert_eq!(json.get("workload"), None);
        assert_eq!(json["system"].get("memory"), None);
        let back: Trial = serde_json::from_value(json.clone()).expect("what was written");
        assert_eq!(back, trial);
        assert_eq!(back.id(), trial.id());
        let mut unknown = json;
        unknown["surprise"] = 5.into();
        let refused = serde_json::from_value::<Trial>(unknown);
        assert!(refused.is_err_and(|error| error.to_string().contains("surprise")));
    }
}

#[test]
fn ids_differ_by_what_is_asked() {
    let usual: BTreeSet<_> = trials(&[]).iter().map(Trial::id).collect();
    assert_eq!(usual.len(), 8);
    for same in [
        "traffic.flows=1024",
        "traffic.frame_size=1514 B",
        "traffic.ip=4",
        "systems=[{system: netslice, routing: mirror}, kernel_forward, raw_parallel, pcap]",
    ] {
        let ids: BTreeSet<_> = trials(&[same]).iter().map(Trial::id).collect();
        assert_eq!(ids, usual, "{same} is the default");
    }
    let told: BTreeSet<_> = trials(&["systems=[{system: netslice, routing: kernel}]"])
        .iter()
        .map(Trial::id)
        .collect();
    assert!(told.is_disjoint(&usual), "the kernel's answers");
    for different in [
        "traffic.flows=1",
        "traffic.frame_size=60 B",
        "traffic.processor=inspect",
        "traffic.ip=6",
        "topology.queues=1",
    ] {
        let systems = "systems=[netslice, raw_parallel]";
        let ids: BTreeSet<_> = trials(&[different, systems])
            .iter()
            .map(Trial::id)
            .collect();
        assert!(ids.is_disjoint(&usual), "{different}");
    }
}

/// Results are found by these names, as those of trials that serve requests are.
#[test]
fn an_id_stays_what_it_is() {
    let trials = trials(&[]);
    let netslice = of(SystemKind::Netslice, &trials);
    let names: Vec<_> = netslice.iter().map(|trial| trial.id()).collect();
    assert_eq!(names[0].as_str(), "3df38b0f1f021f02");
}
