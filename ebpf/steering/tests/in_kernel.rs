//! Commands as the programs read them, beside a reader that takes its time; and replies as they write them.

#[expect(dead_code, reason = "this target needs a part of what builds frames")]
#[path = "../../fixtures/build.rs"]
mod build;

use build::{Wrapping, framed};
use packet::{checksum, datagram};
use steering::hash_bytes;
use steering::in_kernel::answer::{Envelope, Line, value_text_len, write_value};
use steering::in_kernel::command::{Command, command};
use steering::in_kernel::item::{
    ITEM_WORDS, LONGEST_KEY, LONGEST_VALUE, fits, has_key, item_of, put_key, put_value, value_of,
};

/// A command by what it says.
#[derive(Debug, PartialEq, Eq)]
enum Plain<'a> {
    Get(&'a [u8]),
    Set {
        key: &'a [u8],
        flags: &'a str,
        value: &'a [u8],
        expires: bool,
        noreply: bool,
    },
    Other,
}

/// A number as memcached writes it: no sign, no leading zero.
fn canonical(text: &str, most: usize) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (text.len() <= most && number.to_string() == text).then_some(number)
}

fn read(body: &[u8]) -> Option<Plain<'_>> {
    let end = body.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (&body[..end], &body[end + 2..]);
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let key = *words.get(1)?;
    if key.is_empty() || key.len() > LONGEST_KEY || key.iter().any(|b| b"\r\n\0".contains(b)) {
        return None;
    }
    match (words[0], &words[2..]) {
        (b"get", []) if rest.is_empty() => Some(Plain::Get(key)),
        (b"set", [flags, expiry, size, noreply @ ..]) => {
            let text = |word: &'_ [u8]| std::str::from_utf8(word).ok().map(str::to_owned);
            canonical(&text(flags)?, 5)?;
            let expires = canonical(&text(expiry)?, 7)? != 0;
            let size = canonical(&text(size)?, 4)?;
            let noreply = match noreply {
                [] => false,
                [word] if *word == b"noreply" => true,
                _ => return None,
            };
            let value = rest.strip_suffix(b"\r\n")?;
            (value.len() == size).then_some(Plain::Set {
                key,
                flags: std::str::from_utf8(flags).ok()?,
                value,
                expires,
                noreply,
            })
        }
        _ => None,
    }
}

/// What the programs read, in the same terms; `None` where they drop the datagram.
fn understood(frame: &[u8]) -> Option<Plain<'_>> {
    let datagram = datagram(frame).expect("a datagram");
    let key_of = |key: &steering::in_kernel::command::Key| {
        let bytes = &frame[key.at..key.at + key.len];
        assert_eq!(key.hash, hash_bytes(bytes));
        bytes
    };
    Some(
        match command(frame, datagram.payload_at, datagram.payload_end()).ok()? {
            Command::Get(key) => Plain::Get(key_of(&key)),
            Command::Set(set) => {
                let flags_at = set.key.at + set.key.len + 1;
                assert_eq!(set.size.len, set.value_len.to_string().len());
                Plain::Set {
                    key: key_of(&set.key),
                    flags: std::str::from_utf8(&frame[flags_at..flags_at + set.flags.len])
                        .expect("digits"),
                    value: &frame[set.value_at..set.value_at + set.value_len],
                    expires: set.expires,
                    noreply: set.noreply,
                }
            }
            Command::Other => Plain::Other,
        },
    )
}

fn requests() -> Vec<Vec<u8>> {
    let mut requests: Vec<Vec<u8>> = [
        "get k\r\n",
        "get somewhat-longer\r\n",
        "get a b\r\n",
        "gets k\r\n",
        "delete k\r\n",
        "delete key 0\r\n",
        "set k 0 0 0\r\n\r\n",
        "set key 65535 0 5\r\nvalue\r\n",
        "set key 100000 0 1\r\nx\r\n",
        "set key 1 60 10 noreply\r\n0123456789\r\n",
        "set key 0 0 1 norepl\r\nx\r\n",
        "set key 0 -1 1\r\nx\r\n",
        "set key 0 0 2\r\n\r\n\r\n",
        "add key 0 0 1\r\nx\r\n",
        "get k\r\nset k 0 0 1\r\nx\r\n",
        "set k 0 0 1\r\nx\r\nget k\r\n",
        "flush_all\r\n",
        "mg key v\r\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    for len in [7, 8, 9, 63, 64, 65, 250, 251] {
        requests.push(format!("get {}\r\n", "k".repeat(len)).into_bytes());
        requests.push(format!("set {} 0 0 1\r\nx\r\n", "k".repeat(len)).into_bytes());
    }
    requests
}

#[test]
fn every_command_is_read_as_a_slow_reader_reads_it() {
    let (mut same, mut others) = (0, 0);
    for request in requests() {
        for at in 0..=request.len() {
            let bytes: &[u8] = b"\0\r\n 0159:/aex\xff";
            for change in bytes {
                let mut body = request.clone();
                match body.get_mut(at) {
                    Some(byte) => *byte = *change,
                    // Once the request as it is, once with a byte behind it.
                    None if *change == 0 => {}
                    None => body.push(*change),
                }
                let frame = Wrapping::default().frame(&framed(&body));
                let expected = read(&body);
                match understood(&frame) {
                    None | Some(Plain::Other) => assert_eq!(expected, None, "{body:?}"),
                    plain => assert_eq!(plain, expected, "{body:?}"),
                }
                *(if expected.is_some() {
                    &mut same
                } else {
                    &mut others
                }) += 1;
            }
        }
    }
    assert!(
        same > 1_000 && others > 1_000,
        "{same} understood, {others} not"
    );
}

#[test]
fn an_item_is_the_same_from_a_frame_and_from_user_space() {
    for v6 in [false, true] {
        for key_len in [1, 7, 8, 9, 40, 63, LONGEST_KEY] {
            for len in [0, 1, 8, 15, 100, LONGEST_VALUE] {
                let (key, value) = ("k".repeat(key_len), "v".repeat(len));
                let wrapping = Wrapping {
                    v6,
                    ..Wrapping::default()
                };
                let set = format!("set {key} 321 0 {len}\r\n{value}\r\n");
                let frame = wrapping.frame(&framed(set.as_bytes()));
                let datagram = datagram(frame.as_slice()).expect("a datagram");
                let end = datagram.payload_end();
                let Ok(Command::Set(set)) = command(frame.as_slice(), datagram.payload_at, end)
                else {
                    panic!("{key_len} {len}")
                };
                assert!(fits(&set));
                let mut item = [0; ITEM_WORDS];
                put_key(&mut item, frame.as_slice(), &set.key);
                put_value(&mut item, frame.as_slice(), &set, end);
                let made = item_of(key.as_bytes(), 321, value.as_bytes()).expect("in the limits");
                assert_eq!(reply(&frame, &item), reply(&frame, &made));
                assert!(has_key(&item, frame.as_slice(), &set.key));
                let other = item_of(&[b"x", &key.as_bytes()[1..]].concat(), 0, b"");
                assert!(!has_key(
                    &other.expect("in the limits"),
                    frame.as_slice(),
                    &set.key
                ));
                let (bytes, held) = value_of(&item);
                assert_eq!(&bytes[..held], value.as_bytes());
                let text = format!("VALUE {key} 321 {len}\r\n{value}\r\nEND\r\n");
                assert!(reply(&frame, &item).ends_with(text.as_bytes()));
            }
        }
    }
    assert_eq!(item_of(&[b'k'; 65], 0, b""), None);
    assert_eq!(item_of(b"k", 0, &[b'v'; 193]), None);
    assert_eq!(item_of(b"k", 100_000, b""), None);
    assert_eq!(item_of(b"", 0, b""), None);
}

/// The reply that gives an item out, to whoever sent `request`.
fn reply(request: &[u8], item: &[u64; ITEM_WORDS]) -> Vec<u8> {
    let datagram = datagram(request).expect("a datagram");
    let envelope = Envelope::of(request, &datagram).expect("neither tags nor options");
    let at = envelope.headers_len();
    let mut reply = vec![0xee; at + value_text_len(item)];
    write_value(reply.as_mut_slice(), at, item, item).expect("room");
    envelope
        .seal(reply.as_mut_slice(), value_text_len(item))
        .expect("room");
    reply
}

#[test]
fn headers_of_a_reply_are_made_anew() {
    for v6 in [false, true] {
        let wrapping = Wrapping {
            v6,
            ..Wrapping::default()
        };
        let request = wrapping.frame(&framed(b"bogus\r\n"));
        let asked = datagram(request.as_slice()).expect("a datagram");
        let envelope = Envelope::of(request.as_slice(), &asked).expect("plain");
        for line in [
            Line::End,
            Line::Stored,
            Line::Error,
            Line::TooLarge,
            Line::OutOfMemory,
        ] {
            let at = envelope.headers_len();
            let mut reply = vec![0; at + line.len()];
            line.write(reply.as_mut_slice(), at).expect("room");
            envelope
                .seal(reply.as_mut_slice(), line.len())
                .expect("room");
            let told = datagram(reply.as_slice()).expect("a datagram");
            assert_eq!(
                (told.src_port, told.dst_port),
                (asked.dst_port, asked.src_port)
            );
            assert_eq!(told.payload_end(), reply.len());
            assert_eq!(&reply[at..], line.text());
            if v6 {
                let mut segment = reply[told.udp_at..].to_vec();
                let sum = segment.splice(6..8, [0, 0]).collect::<Vec<_>>();
                let ends: Vec<[u8; 16]> = [22, 38]
                    .map(|at| reply[at..].first_chunk().copied().expect("an address"))
                    .into();
                assert_eq!(
                    checksum::udp_v6(ends[0], ends[1], &segment).to_be_bytes(),
                    *sum
                );
            } else {
                assert_eq!(checksum::ipv4_header(&reply[14..34]), 0);
            }
            assert!(line.write(&mut reply[..at + line.len() - 1], at).is_none());
        }
    }
    let tagged = Wrapping {
        tags: vec![0x8100],
        ..Wrapping::default()
    };
    let options = Wrapping {
        options: 8,
        ..Wrapping::default()
    };
    for wrapping in [tagged, options] {
        let frame = wrapping.frame(&framed(b"get k\r\n"));
        let datagram = datagram(frame.as_slice()).expect("a datagram");
        assert_eq!(Envelope::of(frame.as_slice(), &datagram), None);
    }
}
