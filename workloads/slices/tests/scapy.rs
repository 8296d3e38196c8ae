//! Interoperation with an IPsec that is not ours: scapy opens what we seal, and we open what scapy seals.
//!
//! `./setup` installs scapy into `.tools/scapy`. Without it the test says `SKIPPED` and passes, or fails when
//! `STEERBENCH_REQUIRE_ALL_TIERS=1`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use packet::checksum;
use pktio::frame::FrameMut;
use slices::ipsec::{DontFragment, Dscp, Inbound, Keys, Outbound, Tunnel};

const LINK: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
/// Lengths of inner packets: each padding from 0 to 15 bytes, a full Ethernet frame's, and short ones.
const LENGTHS: [usize; 21] = [
    40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 60, 576, 1400, 1499, 1500,
];

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/scapy/bin/python");
    if python.exists() {
        return Some(python);
    }
    let why = "scapy is not in .tools/scapy: run ./setup";
    let demanded = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some_and(|v| v == "1");
    assert!(!demanded, "{why}");
    println!("SKIPPED: {why}");
    None
}

/// Asks scapy all at once: its start takes a second.
fn ask(python: &Path, questions: &str) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scapy_peer.py");
    let mut peer = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut questions_to = peer.stdin.take().expect("piped");
    let output = std::thread::scope(|scope| {
        // Apart, for scapy answers while questions are still being written.
        scope.spawn(move || questions_to.write_all(questions.as_bytes()));
        peer.wait_with_output().expect("python ends")
    });
    assert!(output.status.success(), "scapy failed; it says why above");
    let answers = String::from_utf8(output.stdout).expect("text");
    answers.lines().map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs
        .map(|pair| byte(pair).unwrap_or_else(|| panic!("no packet: {digits}")))
        .collect()
}

fn tunnel(integrity: bool) -> Tunnel {
    Tunnel {
        spi: 0xbeef_0001,
        source: Ipv4Addr::new(198, 18, 1, 1),
        destination: Ipv4Addr::new(198, 18, 1, 2),
        keys: Keys {
            cipher: *b"sixteen byte key",
            integrity: integrity.then_some([0x5a; 32]),
        },
        mtu: 1600,
        ttl: 64,
        dscp: Dscp::Copy,
        dont_fragment: DontFragment::Copy,
        replay_window: integrity.then_some(64),
    }
}

/// The inner packets: UDP over IPv4 and IPv6.
fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for len in LENGTHS {
        let mut v4 = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0];
        v4[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        v4.extend_from_slice(&[198, 18, 0, 1, 198, 18, 2, 1]);
        let sum = checksum::ipv4_header(&v4);
        v4[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut v6 = vec![0x60, 0, 0, 0, 0, 0, 17, 64];
        v6[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
        v6.extend_from_slice(&[0xfd; 32]);
        for mut packet in [v4, v6] {
            packet.extend((packet.len()..len).map(|at| (at * 7) as u8));
            packets.push(packet);
        }
    }
    packets
}

/// Has `work` change a frame that carries the packet; the packet that it carries then.
fn in_frame(ethertype: u16, packet: &[u8], work: impl FnOnce(&mut FrameMut<'_>)) -> Vec<u8> {
    let frame = [&LINK, &ethertype.to_be_bytes()[..], packet].concat();
    let mut chunk = vec![0; 2048];
    chunk[256..256 + frame.len()].copy_from_slice(&frame);
    let (mut at, mut len) = (256, frame.len() as u32);
    work(&mut FrameMut::new(&mut chunk, &mut at, &mut len));
    chunk[at as usize..][..len as usize][14..].to_vec()
}

const fn ethertype(packet: &[u8]) -> u16 {
    if packet[0] >> 4 == 6 { 0x86dd } else { 0x0800 }
}

fn question(verb: &str, tunnel: &Tunnel, sequence: usize, packet: &[u8]) -> String {
    let integrity = tunnel
        .keys
        .integrity
        .map_or("-".to_owned(), |key| hex(&key));
    let cipher = hex(&tunnel.keys.cipher);
    let (spi, from, to) = (tunnel.spi, tunnel.source, tunnel.destination);
    let packet = hex(packet);
    format!("{verb} {spi} {sequence} {cipher} {integrity} {from} {to} {packet}\n")
}

#[test]
fn scapy_opens_what_we_seal() {
    let Some(python) = python() else { return };
    for integrity in [false, true] {
        let tunnel = tunnel(integrity);
        let mut outbound = Outbound::new(tunnel.clone()).expect("a tunnel");
        let mut verdicts = Vec::new();
        let (mut questions, mut expected) = (String::new(), Vec::new());
        for (packet, sequence) in packets().iter().zip(1..) {
            let outer = in_frame(ethertype(packet), packet, |frame| {
                outbound.encapsulate(std::slice::from_mut(frame), &mut verdicts);
            });
            assert_eq!(verdicts, [Ok(())]);
            questions += &question("open", &tunnel, sequence, &outer);
            expected.push(hex(packet));
        }
        if integrity {
            // One that was changed on its way: scapy did look at the check value.
            let mut outer = in_frame(0x0800, &packets()[0], |frame| {
                outbound.encapsulate(std::slice::from_mut(frame), &mut verdicts);
            });
            outer[60] ^= 1;
            questions += &question("open", &tunnel, packets().len() + 1, &outer);
            expected.push("refused".to_owned());
        }
        assert_eq!(ask(&python, &questions), expected, "integrity: {integrity}");
    }
}

#[test]
fn we_open_what_scapy_seals() {
    let Some(python) = python() else { return };
    for integrity in [false, true] {
        let tunnel = tunnel(integrity);
        let mut questions = String::new();
        for (packet, sequence) in packets().iter().zip(1..) {
            questions += &question("seal", &tunnel, sequence, packet);
        }
        let sealed = ask(&python, &questions);
        assert_eq!(sealed.len(), packets().len());
        let mut inbound = Inbound::new(tunnel).expect("a tunnel");
        for (packet, outer) in packets().iter().zip(&sealed) {
            let opened = in_frame(0x0800, &unhex(outer), |frame| {
                assert_eq!(inbound.decapsulate(frame), Ok(()), "{} bytes", packet.len());
            });
            assert_eq!(&opened, packet);
        }
        if integrity {
            in_frame(0x0800, &unhex(&sealed[0]), |frame| {
                assert!(inbound.decapsulate(frame).is_err(), "it was opened before");
            });
        }
    }
}
