//! Driver settings and counters of a veth.

use std::io::ErrorKind;
use std::process::Command;

use steerbench_sys::cpu::CpuId;
use steerbench_sys::device::{Device, send_by};
use steerbench_sys::ethtool::{self, Channels};
use steerbench_sys::journal::{self, Change, Journal, Outcome};
use steerbench_sys::link::{self, Peer};
use steerbench_sys::netns::{self, Namespace};

use super::links::spec;

fn pair(queues: u32) {
    netns::unshare_here().unwrap();
    link::create_veth(&spec(queues, Peer::Here)).unwrap();
}

pub(crate) fn questions() {
    pair(4);
    let driver = ethtool::driver_info("server").unwrap();
    assert_eq!((&*driver.driver, &*driver.bus), ("veth", ""));
    assert_eq!(ethtool::rings("server").unwrap(), None);
    let channels = ethtool::channels("server").unwrap();
    assert_eq!(
        channels,
        Channels {
            rx: 4,
            tx: 4,
            combined: 0,
            max: [4, 4, 0]
        }
    );
    ethtool::set_channels(
        "server",
        &Channels {
            rx: 2,
            tx: 2,
            ..channels
        },
    )
    .unwrap();
    let fewer = ethtool::channels("server").unwrap();
    assert_eq!((fewer.rx, fewer.tx), (2, 2));
    assert!(ethtool::set_channels("server", &Channels { rx: 5, ..channels }).is_err());
    ethtool::set_channels("server", &channels).unwrap();

    let described = Device::describe("server").unwrap();
    assert_eq!(described.channels.known(), Some(&channels));
    assert_eq!(described.driver.known(), Some(&driver));
    assert!(
        described
            .offloads
            .known()
            .is_some_and(|all| !all.on.is_empty())
    );
    let queues = described.queues.known().map(Vec::len);
    assert_eq!(queues, Some(8), "four in each direction");
    send_by("server", 1, &[CpuId(0)]).unwrap();
    let sending = Device::describe("server").unwrap();
    let first = sending.queues.known().unwrap();
    let first = first.iter().find(|queue| queue.name == "tx-1").unwrap();
    // A kernel without XPS has no such setting, and then nothing was to be done.
    let mask = first.cpus.as_deref().unwrap_or("1");
    assert!(mask.ends_with('1'), "{first:?}");
    let beyond = send_by("server", 9, &[CpuId(0)]).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::NotFound);
    assert!(beyond.to_string().contains("tx-9"), "{beyond}");
    assert_eq!(described.xdp_mode, None);
    for reason in [described.interrupts.reason(), described.coalescing.reason()] {
        assert!(
            reason.is_some_and(|reason| !reason.is_empty()),
            "a veth has none"
        );
    }
    for error in [
        ethtool::set_rss_table("server", &[0]).unwrap_err(),
        ethtool::RssGuard::set("server", &[0], None)
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let absent = Device::describe("absent").unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);

    let counters = ethtool::statistics("server").unwrap();
    for queue in 0..4 {
        for name in ["drops", "xdp_packets", "xdp_drops"] {
            assert_eq!(counters[&format!("rx_queue_{queue}_{name}")], 0);
        }
    }
    assert_eq!(ethtool::sum_matching(&counters, "rx_queue_", "_drops"), 0);
    for error in [
        ethtool::driver_info("absent").map(drop),
        ethtool::rings("absent").map(drop),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("absent"), "{error}");
    }
}

pub(crate) fn offloads() {
    pair(1);
    let off = [
        "rx-gro",
        "tx-generic-segmentation",
        "tx-tcp-segmentation",
        "tx-checksum-ip-generic",
    ];
    let wanted: Vec<(&str, bool)> = off.iter().map(|&name| (name, false)).collect();
    let before = ethtool::features("server").unwrap();
    let changed = ethtool::set_features("server", &wanted).unwrap();
    let after = ethtool::features("server").unwrap();
    for name in off {
        assert!(!after[name].active, "{name}");
    }
    assert!(
        changed.contains(&("tx-checksum-ip-generic".to_owned(), true)),
        "{changed:?}"
    );
    assert_eq!(
        ethtool::set_features("server", &wanted).unwrap(),
        [],
        "nothing is left to change"
    );
    let back: Vec<(&str, bool)> = changed.iter().map(|(name, on)| (&**name, *on)).collect();
    ethtool::set_features("server", &back).unwrap();
    assert_eq!(ethtool::features("server").unwrap(), before);

    let joined = ethtool::single_frames("server").unwrap();
    assert!(
        joined.contains(&("tx-tcp-segmentation".to_owned(), true)),
        "{joined:?}"
    );
    assert_eq!(ethtool::single_frames("server").unwrap(), []);

    let unknown = ethtool::set_features("server", &[("warp", true)]).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidInput);
    let fixed = ethtool::set_features("lo", &[("loopback", false)]);
    let fixed = fixed.unwrap_err();
    assert!(fixed.to_string().contains("loopback"), "{fixed}");
}

/// A run that died had switched an offload off and named a namespace.
pub(crate) fn journal() {
    pair(1);
    rustix::mount::mount(
        "none",
        "/run",
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        None,
    )
    .unwrap();
    let folder = Journal::default_folder();
    assert_eq!(folder.to_str(), Some("/run/steerbench"));
    let offload = Change::Offload {
        device: "server".to_owned(),
        name: "tx-checksum-ip-generic".to_owned(),
        old: true,
    };
    let name = Change::NamespaceName {
        name: "sb-left".to_owned(),
    };
    let dead = write_as_another_process(&folder, &[&offload, &name]);
    ethtool::set_features("server", &[("tx-checksum-ip-generic", false)]).unwrap();
    netns::bind_name(&Namespace::create().unwrap(), "sb-left").unwrap();

    let undone = journal::replay(&folder).unwrap();
    assert!(
        undone.iter().all(|one| one.outcome == Outcome::Undone),
        "{undone:?}"
    );
    assert_eq!(undone.len(), 2);
    assert!(ethtool::features("server").unwrap()["tx-checksum-ip-generic"].active);
    assert!(netns::names().unwrap().is_empty());
    assert!(!dead.exists());
}

/// Opens a journal here, then gives it the name and header of a process that has ended.
fn write_as_another_process(folder: &std::path::Path, changes: &[&Change]) -> std::path::PathBuf {
    let mut child = Command::new("true").spawn().unwrap();
    let dead = steerbench_sys::process::Identity::of(child.id()).unwrap();
    child.wait().unwrap();
    let mut journal = Journal::open(folder).unwrap();
    changes
        .iter()
        .for_each(|change| journal.record(change).unwrap());
    let text = std::fs::read_to_string(journal.path()).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_str(header).unwrap();
    header["process"] = serde_json::to_value(dead).unwrap();
    let path = folder.join("dead.jsonl");
    std::fs::write(&path, format!("{header}\n{rest}")).unwrap();
    journal.clear().unwrap();
    path
}
