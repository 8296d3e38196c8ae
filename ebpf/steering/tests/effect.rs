//! What datagrams can change, by what a cache in their path is told.

#[path = "../../fixtures/build.rs"]
mod build;

use build::{Wrapping, binary, framed};
use packet::datagram;
use steering::hash_bytes;
use steering::in_kernel::coherence::{EVERY_KEY, clock_of};
use steering::in_kernel::effect::{Effect, effect};

/// The effect of a datagram, which must be the same in a frame, padded or not, as in its payload alone.
fn effect_of(body: &[u8]) -> Option<Effect> {
    let payload = framed(body);
    let told = effect(payload.as_slice(), 0, payload.len()).ok();
    for pad in [0, 1, 40] {
        let wrapping = Wrapping {
            pad,
            ..Wrapping::default()
        };
        let frame = wrapping.frame(&payload);
        let datagram = datagram(frame.as_slice()).expect("a datagram");
        let (at, end) = (datagram.payload_at, datagram.payload_end());
        let in_frame = effect(frame.as_slice(), at, end).ok();
        let clocks = [in_frame, told].map(|effect| effect.map(|effect| effect.clock()));
        assert_eq!(clocks[0], clocks[1], "{body:?} with {pad} bytes of padding");
    }
    told
}

#[test]
fn a_command_about_one_key_writes_that_key() {
    let hash = hash_bytes(b"key");
    let long = "k".repeat(64);
    let value = "v".repeat(1000);
    for text in [
        "set key 0 0 1\r\nx\r\n",
        "set key 4294967295 -1 1 noreply\r\nx\r\n",
        "set key 0 0 1\nx\r\n",
        "add key 0 0 0\r\n\r\n",
        "replace key 7 60 11\r\nget other\r\n\r\n",
        "append key 0 0 2\r\n\r\n\r\n",
        &format!("prepend key 0 0 1000\r\n{value}\r\n"),
        "cas key 0 0 1 123456789012345\r\nx\r\n",
        "cas key 0 0 1 5 noreply\r\nx\r\n",
        "delete key\r\n",
        "delete key noreply\n",
        "incr key 1\r\n",
        "decr key 18446744073709551615 noreply\r\n",
        "touch key 60\r\n",
        "gat 60 key\r\n",
        "gats -1 key\r\n",
        "ms key 1\r\nx\r\n",
        "ms key 2 T60 F7 c k Oopaque MS q\r\nxy\r\n",
        "md key\r\n",
        "md key q I T30 Ob\r\n",
        "ma key MD D10 v\r\n",
        "mg key v T30\r\n",
        "mg key s v N0 t\r\n",
    ] {
        assert_eq!(
            effect_of(text.as_bytes()),
            Some(Effect::Writes(hash)),
            "{text}"
        );
    }
    for (opcode, extras, value) in [
        (0x01, 8, 5),
        (0x02, 8, 0),
        (0x03, 8, 5),
        (0x04, 0, 0),
        (0x05, 20, 0),
        (0x06, 20, 0),
        (0x0e, 0, 5),
        (0x0f, 0, 5),
        (0x11, 8, 5),
        (0x12, 8, 5),
        (0x13, 8, 5),
        (0x14, 0, 0),
        (0x15, 20, 0),
        (0x16, 20, 0),
        (0x19, 0, 5),
        (0x1a, 0, 5),
        (0x1c, 4, 0),
        (0x1d, 4, 0),
        (0x1e, 4, 0),
        (0x23, 4, 0),
        (0x24, 4, 0),
    ] {
        let request = binary(opcode, extras, b"key", value);
        assert_eq!(
            effect_of(&request),
            Some(Effect::Writes(hash)),
            "{opcode:#x}"
        );
    }
    let expected = Some(Effect::Writes(hash_bytes(long.as_bytes())));
    assert_eq!(effect_of(format!("delete {long}\r\n").as_bytes()), expected);
    assert_eq!(effect_of(&binary(0x04, 0, long.as_bytes(), 0)), expected);
    let longer = format!("{long}k");
    let expected = Some(Effect::Anything);
    assert_eq!(
        effect_of(format!("delete {longer}\r\n").as_bytes()),
        expected
    );
    assert_eq!(effect_of(&binary(0x04, 0, longer.as_bytes(), 0)), expected);
}

#[test]
fn what_reads_changes_nothing() {
    let (long, many) = ("k".repeat(250), "key-of-some-length ".repeat(13));
    for text in [
        &format!("get {long}\r\n"),
        &format!("get {many}\r\n"),
        "get a b\r\n",
        "get a\n",
        "gets a\r\n",
        "gets a b c\r\n",
        "bget a\r\n",
        "mg a\r\n",
        "mg a v f t k OTb q\r\n",
        "mg YQ== b v\r\n",
        "me a\r\n",
        "mn\r\n",
        "version\r\n",
        "verbosity 1\r\n",
        "stats items\r\n",
        "quit\r\n",
        "nonsense of some length\r\n",
    ] {
        assert_eq!(effect_of(text.as_bytes()), Some(Effect::Reads), "{text}");
    }
    let quiet = |key: &[u8]| binary(0x09, 0, key, 0);
    for request in [
        binary(0x00, 0, b"key", 0),
        binary(0x0c, 0, b"key", 0),
        binary(0x0a, 0, b"", 0),
        binary(0x10, 0, b"items", 0),
        [quiet(b"a"), quiet(b"b"), binary(0x0a, 0, b"", 0)].concat(),
        [
            quiet(b"a"),
            binary(0x0d, 0, b"bb", 0),
            binary(0x00, 0, b"c", 0),
        ]
        .concat(),
    ] {
        assert_eq!(effect_of(&request), Some(Effect::Reads), "{request:?}");
    }
    assert!(matches!(effect_of(b"get key\r\n"), Some(Effect::Get(_))));
}

#[test]
fn what_names_no_key_or_several_can_change_any() {
    let flags = "q ".repeat(17);
    for text in [
        "flush_all\r\n",
        "flush_all 30 noreply\r\n",
        // Two commands, or what the server may take for two.
        "get key\r\ndelete other\r\n",
        "delete key\r\ndelete other\r\n",
        "mg a v\r\nmn\r\n",
        "set key 0 0 1\r\nx\r\nget key\r\n",
        "set key 99999999999999999999 0 14\r\ndelete other\r\n\r\n",
        "set key 0 0x1 14\r\ndelete other\r\n\r\n",
        "set key -1 0 14\r\ndelete other\r\n\r\n",
        "set key 0 0 14 a b\r\ndelete other\r\n\r\n",
        "cas key 0 0 14\r\ndelete other\r\n\r\n",
        "cas key 0 0 14 18446744073709551616\r\ndelete other\r\n\r\n",
        &format!("ms key 14 {flags}\r\ndelete other\r\n\r\n"),
        // A value that does not end with the datagram.
        "set key 0 0 2\r\nx\r\n",
        "set key 0 0 1\r\nxy\r\n",
        "set key 0 0 1",
        // Several keys, or one that does not stand there.
        "gat 60 a b\r\n",
        "ms a2V5 1 b\r\nx\r\n",
        "md a2V5 q b\r\n",
        "mg a2V5 b T60\r\n",
        "delete key\rother\n",
    ] {
        assert_eq!(effect_of(text.as_bytes()), Some(Effect::Anything), "{text}");
    }
    let get = binary(0x09, 0, b"key", 0);
    for request in [
        binary(0x08, 0, b"", 0),
        binary(0x18, 4, b"", 0),
        // What these do not take is the next command.
        binary(0x00, 0, b"key", 5),
        binary(0x1c, 4, b"key", 5),
        binary(0x10, 0, b"", 5),
        [get.clone(), binary(0x14, 0, b"other", 0)].concat(),
        [get.as_slice(), b"delete other\r\n"].concat(),
        get.repeat(33),
    ] {
        assert_eq!(effect_of(&request), Some(Effect::Anything), "{request:?}");
    }
}

#[test]
fn a_clock_is_the_keys_or_that_of_all() {
    let hash = hash_bytes(b"key");
    assert_eq!(Effect::Reads.clock(), None);
    assert_eq!(Effect::Writes(hash).clock(), Some(clock_of(hash)));
    assert_eq!(Effect::Anything.clock(), Some(EVERY_KEY));
}
