//! What a spec with `traffic` sends where, in words. Pure.

use spec::{Duration, FrameArrivals, Integrity, Processor, Routing, TopologyKind, Traffic, Trial};

/// Hosts, frames and processor of the trials, a line each; `None` where none of them is about frames.
pub(super) fn explained(trials: &[Trial]) -> Option<Vec<String>> {
    let first = trials.iter().find(|trial| trial.traffic().is_some())?;
    let traffic = first.traffic()?;
    let queues = listed(trials, |trial| Some(trial.topology.queues));
    let sizes = listed(trials, |trial| Some(trial.traffic()?.frame_size));
    let flows = listed(trials, |trial| Some(trial.traffic()?.flows));
    let hosts = hosts(first.topology.kind)?;
    let mtu = first.topology.mtu;
    let mut lines = vec![
        format!("{hosts}, each in a network namespace of its own"),
        format!("veth pairs join them: {queues} queue(s), MTU {mtu}"),
        format!(
            "IPv{} frames of {sizes}, of {flows} flow(s), {}",
            traffic.ip,
            sent(trials, traffic)
        ),
        done(trials, traffic.processor),
    ];
    lines.extend(told(trials));
    lines.push(received(traffic).to_owned());
    lines.extend(together(trials));
    lines.extend(isolated(trials));
    Some(lines)
}

/// Which systems have a process for each slice, and which slice dies.
fn isolated(trials: &[Trial]) -> Option<String> {
    let label = |trial: &Trial| {
        let isolated = trial.system.is_isolated();
        isolated.then(|| trial.system.label.clone())
    };
    let labels = listed(trials, label);
    let first = trials.iter().find(|trial| trial.system.is_isolated())?;
    let killed = first.disturb.and_then(|disturb| disturb.kill_slice);
    let end = killed.map_or_else(String::new, |kill| {
        let (slice, after) = (kill.slice, kill.after);
        format!("; that of slice {slice} is killed {after} into the measure phase")
    });
    Some(format!(
        "each slice of {labels} is a process of its own{end}"
    ))
}

/// Whose routes the kernel looks up.
fn told(trials: &[Trial]) -> Option<String> {
    let asks = |trial: &Trial| trial.system.routing == Some(Routing::Kernel);
    let labels = listed(trials, |trial| {
        asks(trial).then(|| trial.system.label.clone())
    });
    (!labels.is_empty()).then(|| {
        format!(
            "to {labels} the kernel tells each frame's route as it comes; what it tells none for, a mirror of its tables is asked about"
        )
    })
}

/// Every value that occurs, in the order in which it first does.
fn listed<T: PartialEq + ToString>(
    trials: &[Trial],
    value: impl Fn(&Trial) -> Option<T>,
) -> String {
    let mut values: Vec<T> = Vec::new();
    for value in trials.iter().filter_map(value) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(" or ")
}

/// The hosts in the order in which frames pass them.
const fn hosts(kind: TopologyKind) -> Option<&'static str> {
    match kind {
        TopologyKind::Chain => Some("sender - router - receiver"),
        TopologyKind::Pair => Some("sender - egress - ingress - receiver"),
        TopologyKind::Veth | TopologyKind::Loopback | TopologyKind::Memory | TopologyKind::Nic => {
            None
        }
    }
}

fn sent(trials: &[Trial], traffic: &Traffic) -> String {
    let bursts = listed(trials, |trial| Some(trial.traffic()?.burst));
    match (traffic.arrivals, bursts.as_str()) {
        (FrameArrivals::Saturate, _) => "as many as the sender makes".to_owned(),
        (FrameArrivals::Fixed, "1") => "evenly spaced".to_owned(),
        (FrameArrivals::Fixed, bursts) => format!("{bursts} at a time, evenly spaced"),
    }
}

/// How often so many frames are due, and what rate that is, where some are due together.
fn together(trials: &[Trial]) -> Option<String> {
    let burst = |trial: &Trial| trial.traffic().map_or(1, |traffic| traffic.burst);
    if trials.iter().all(|trial| burst(trial) == 1) {
        return None;
    }
    let due = |trial: &Trial| {
        let (rate, frames) = (trial.load.rate()?, burst(trial));
        let every = Duration(u64::from(frames) * 1_000_000_000 / rate.get());
        Some(format!("{frames} every {every} ({rate})"))
    };
    Some(format!("frames are due {}", listed(trials, due)))
}

fn done(trials: &[Trial], processor: Processor) -> String {
    match processor {
        Processor::Router => "the router sends each on by the route that it looks up".to_owned(),
        Processor::Inspect => {
            "the router searches each for patterns, and sends it on by the route that it looks up"
                .to_owned()
        }
        Processor::Ipsec(options) => {
            let integrity = match options.integrity {
                Integrity::None => "without a check of integrity",
                Integrity::HmacSha256 => "with HMAC-SHA-256-128",
            };
            format!(
                "the egress encrypts each (ESP tunnel, AES-128-CBC, {integrity}), the ingress decrypts it"
            )
        }
        Processor::Maelstrom(options) => {
            let spec::MaelstromOptions { r, c, .. } = options;
            let link = lost(trials);
            format!(
                "the egress adds {c} repairs to each {r} frames, the link between {link}, the ingress recovers"
            )
        }
    }
}

/// What the link between two proxies does to frames.
fn lost(trials: &[Trial]) -> String {
    let link = |trial: &Trial| trial.traffic()?.processor.code();
    let losses = listed(trials, |trial| Some(link(trial)?.loss));
    if trials
        .iter()
        .filter_map(link)
        .all(|link| link.loss.get() == 0)
    {
        return "loses none".to_owned();
    }
    let bursts = listed(trials, |trial| {
        Some(match link(trial)?.burst {
            1 => "each by itself".to_owned(),
            burst => format!("{burst} together on average"),
        })
    });
    format!("loses {losses}, {bursts}")
}

const fn received(traffic: &Traffic) -> &'static str {
    match traffic.round_trip {
        true => "the receiver sends each back, and the sender times it",
        false => "the receiver counts and drops them",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::{Spec, expand};

    fn lines(set: &[&str]) -> Vec<String> {
        let text = "
name: words
topology: {kind: chain, queues: 2}
traffic: {processor: router}
systems: [netslice]
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
";
        let spec = Spec::parse_with(text, "words.yaml", set).unwrap();
        explained(&expand(&spec)).unwrap()
    }

    #[test]
    fn hosts_frames_and_processor_are_named() {
        let expected = [
            "sender - router - receiver, each in a network namespace of its own",
            "veth pairs join them: 2 queue(s), MTU 1500",
            "IPv4 frames of 1514 B, of 1024 flow(s), as many as the sender makes",
            "the router sends each on by the route that it looks up",
            "the receiver counts and drops them",
        ];
        assert_eq!(lines(&[]), expected);
        let swept = lines(&["sweep={queues: [1, 2], frame_size: [60 B, 128 B]}"]);
        assert!(swept[1].contains("1 or 2 queue(s)"), "{swept:?}");
        assert!(swept[2].contains("frames of 60 B or 128 B"), "{swept:?}");
        let version = lines(&["traffic.ip=6"]);
        assert!(version[2].starts_with("IPv6 frames of"), "{version:?}");
        let told = lines(&["systems=[netslice, {system: netslice, label: b, routing: kernel}]"]);
        assert_eq!(told[..4], expected[..4]);
        assert!(told[4].starts_with("to b the kernel tells"), "{told:?}");
    }

    #[test]
    fn what_is_timed_or_recovered_is_told() {
        let timed = lines(&[
            "traffic={processor: inspect, arrivals: fixed, burst: 10, round_trip: true}",
            "load={rates: [1 kframes/s]}",
        ]);
        assert!(
            timed[2].ends_with("10 at a time, evenly spaced"),
            "{timed:?}"
        );
        assert!(timed[3].contains("patterns"), "{timed:?}");
        assert!(timed[4].contains("sends each back"), "{timed:?}");
        assert_eq!(timed[5], "frames are due 10 every 10 ms (1 kframes/s)");
        let table = lines(&[
            "traffic={processor: router, arrivals: fixed, round_trip: true}",
            "load={every: [100 us]}",
            "sweep={burst: [1, 10]}",
        ]);
        assert!(
            table[2].ends_with("1 or 10 at a time, evenly spaced"),
            "{table:?}"
        );
        assert_eq!(
            table[5],
            "frames are due 1 every 100 us (10 kframes/s) or 10 every 100 us (100 kframes/s)"
        );
        let lossy = lines(&[
            "topology.kind=pair",
            "traffic.processor={maelstrom: {loss: 1 %, burst: 4}}",
        ]);
        assert!(
            lossy[0].starts_with("sender - egress - ingress"),
            "{lossy:?}"
        );
        let words =
            "adds 3 repairs to each 8 frames, the link between loses 1 %, 4 together on average,";
        assert!(lossy[3].contains(words), "{lossy:?}");
        let link = |rest: &str| {
            let processor = "traffic.processor=maelstrom";
            lines(&["topology.kind=pair", processor, rest])[3].clone()
        };
        let whole = link("blocks=1");
        assert!(whole.contains("the link between loses none,"), "{whole}");
        let swept = link("sweep={loss: [1 %, 5 %], loss_burst: [1, 10]}");
        let words = "loses 1 % or 5 %, each by itself or 10 together on average,";
        assert!(swept.contains(words), "{swept}");
        let sealed = lines(&["topology.kind=pair", "traffic.processor=ipsec"]);
        assert!(
            sealed[3].contains("without a check of integrity"),
            "{sealed:?}"
        );
    }

    #[test]
    fn slices_that_are_processes_are_told_and_the_one_that_is_killed() {
        let isolated = "systems=[netslice, {system: netslice, label: alone, isolation: process}]";
        let told = lines(&[isolated]);
        let expected = "each slice of alone is a process of its own";
        assert_eq!(told.last().map(String::as_str), Some(expected));
        let told = lines(&[
            "systems=[{system: netslice, isolation: process}]",
            "disturb={kill_slice: {slice: 1, after: 40 ms}}",
        ]);
        let expected = "each slice of netslice is a process of its own; that of slice 1 is killed 40 ms into the measure phase";
        assert_eq!(told.last().map(String::as_str), Some(expected));
    }

    #[test]
    fn requests_are_told_elsewhere() {
        assert_eq!(explained(&[]), None);
    }
}
