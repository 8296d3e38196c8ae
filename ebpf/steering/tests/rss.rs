//! RSS against the published vectors ("Verifying the RSS hash calculation", Microsoft).

use packet::Addresses;
use steering::rss::{
    DEFAULT_KEY, Indirection, Tuple, key_words, queue_of_flow, queue_of_port, toeplitz,
    toeplitz_words,
};

/// Source, source port, destination, destination port, hash over addresses and ports.
type Vector<A> = (A, u16, A, u16, u32);

const V4: [Vector<[u8; 4]>; 5] = [
    (
        [66, 9, 149, 187],
        2794,
        [161, 142, 100, 80],
        1766,
        0x51cc_c178,
    ),
    (
        [199, 92, 111, 2],
        14230,
        [65, 69, 140, 83],
        4739,
        0xc626_b0ea,
    ),
    (
        [24, 19, 198, 95],
        12898,
        [12, 22, 207, 184],
        38024,
        0x5c2b_394a,
    ),
    (
        [38, 27, 205, 30],
        48228,
        [209, 142, 163, 6],
        2217,
        0xafc7_327f,
    ),
    (
        [153, 39, 163, 191],
        44251,
        [202, 188, 127, 2],
        1303,
        0x10e8_28a2,
    ),
];

const V6: [Vector<&str>; 3] = [
    (
        "3ffe:2501:200:1fff::7",
        2794,
        "3ffe:2501:200:3::1",
        1766,
        0x4020_7d3d,
    ),
    (
        "3ffe:501:8::260:97ff:fe40:efab",
        14230,
        "ff02::1",
        4739,
        0xdde5_1bbf,
    ),
    (
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
        44251,
        "fe80::200:f8ff:fe21:67cf",
        38024,
        0x02d1_feef,
    ),
];

fn tuples() -> Vec<(Tuple, u32)> {
    let v4 = V4.map(|(src, src_port, dst, dst_port, hash)| {
        (
            Tuple {
                addresses: Addresses::V4(src, dst),
                src_port,
                dst_port,
            },
            hash,
        )
    });
    let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    let v6 = V6.map(|(src, src_port, dst, dst_port, hash)| {
        let addresses = Addresses::V6(octets(src), octets(dst));
        (
            Tuple {
                addresses,
                src_port,
                dst_port,
            },
            hash,
        )
    });
    v4.into_iter().chain(v6).collect()
}

#[test]
fn the_published_vectors() {
    for (tuple, hash) in tuples() {
        assert_eq!(toeplitz(&DEFAULT_KEY, &tuple), hash, "{tuple:?}");
        assert_eq!(
            toeplitz_words(&key_words(&DEFAULT_KEY), &tuple),
            hash,
            "{tuple:?}"
        );
    }
}

#[test]
fn the_low_seven_bits_select_the_queue() {
    let table = Indirection::even(5);
    for (tuple, hash) in tuples() {
        let expected = (hash & 127) % 5;
        assert_eq!(
            u32::from(queue_of_flow(&DEFAULT_KEY, &table, &tuple)),
            expected
        );
    }
}

#[test]
fn a_thousand_flows_use_every_queue_about_evenly() {
    let table = Indirection::even(4);
    let mut counts = [0_u32; 4];
    for src_port in 20_000..21_024 {
        let addresses = Addresses::V4([198, 18, 0, 2], [198, 18, 0, 1]);
        let tuple = Tuple {
            addresses,
            src_port,
            dst_port: 11211,
        };
        counts[usize::from(queue_of_flow(&DEFAULT_KEY, &table, &tuple))] += 1;
    }
    assert!(
        counts.iter().all(|count| (192..=320).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn ports_take_turns() {
    let queues: Vec<u16> = (11211..11217)
        .map(|port| queue_of_port(port, 11211, 4))
        .collect();
    assert_eq!(queues, [0, 1, 2, 3, 0, 1]);
    assert_eq!(queue_of_port(80, 11211, 4), 0);
    assert_eq!(queue_of_port(11215, 11211, 0), 0);
}
