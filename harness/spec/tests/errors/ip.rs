//! What IPv6 needs of a spec of frames.

use spec::Spec;

use super::traffic::{FRAMES, expect, refused};

#[test]
fn there_are_two_versions() {
    expect(&[(
        "router,",
        "router, ip: 5,",
        "3:",
        "`ip` is 4 or 6, and not 5",
    )]);
    for version in [4, 6] {
        let text = FRAMES.replace("router,", &format!("router, ip: {version},"));
        assert_eq!(Spec::parse(&text, "frames.yaml").err(), None);
    }
}

#[test]
fn its_headers_are_longer() {
    expect(&[
        (
            "router,",
            "router, ip: 6, frame_size: 61 B,",
            "3:",
            "it has 62 B to 1514 B at MTU 1500, with the longer headers of `ip: 6`",
        ),
        (
            "router,",
            "router, ip: 6, round_trip: true, frame_size: 69 B,",
            "3:",
            "it has 70 B to 1514 B",
        ),
    ]);
    let swept = refused(&[
        ("router,", "router, ip: 6,"),
        ("load:", "sweep: {frame_size: [60 B, 62 B]}\nload:"),
    ]);
    assert!(
        swept.contains("sweep.frame_size[0]: a frame of 60 B"),
        "{swept}"
    );
    let least = "router, ip: 6, frame_size: 62 B,";
    let least = FRAMES.replace("router,", least);
    assert_eq!(Spec::parse(&least, "frames.yaml").err(), None);
}

#[test]
fn it_needs_links_and_hosts_that_have_it() {
    let narrow = refused(&[("router,", "router, ip: 6,"), ("queues: 2", "mtu: 1279")]);
    assert!(narrow.contains("use at least 1280, or `ip: 4`"), "{narrow}");
    for processor in ["ipsec", "maelstrom"] {
        let message = refused(&[
            ("chain", "pair"),
            ("router,", &format!("{processor}, ip: 6,")),
            ("- kernel_forward\n", "- {system: raw_socket, owners: 1}\n"),
        ]);
        let reason = "have IPv4 addresses and ways alone: use `ip: 4`";
        assert!(message.contains(reason), "{message}");
    }
}
