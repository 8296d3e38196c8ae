//! A server for tests: three protocols over a hash map, nothing else.

use std::collections::HashMap;

use model::{KeySpace, value_bytes};

/// How a reply is cut into datagrams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Bytes of body per datagram.
    pub(crate) chunk: usize,
    /// As memcached: each value of a multi-get, and the END, is a message of its own.
    pub(crate) message_per_key: bool,
}

/// The store and its answers.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) store: HashMap<Vec<u8>, Vec<u8>>,
    cut: Cut,
}

impl Server {
    /// A server that holds version 0 of each key with an even id.
    pub(crate) fn preloaded(keys: &KeySpace, cut: Cut) -> Self {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let entry = |id| {
            let value = value_bytes(id, 0, keys.value_len(id), &mut value).to_vec();
            (keys.key_bytes(id, &mut key).to_vec(), value)
        };
        Self {
            store: (0..keys.len()).step_by(2).map(entry).collect(),
            cut,
        }
    }

    /// The datagrams that answer a request; none for noreply.
    pub(crate) fn answer(&mut self, request: &[u8]) -> Vec<Vec<u8>> {
        let (header, body) = request.split_at(8);
        assert_eq!(
            &header[2..],
            &[0, 0, 0, 1, 0, 0],
            "a request is one datagram"
        );
        let messages = match body.first() {
            Some(0x80) => vec![self.binary(body)],
            Some(_) => self.text(body),
            None => vec![],
        };
        let cut = |message: &Vec<u8>| {
            let parts: Vec<&[u8]> = message.chunks(self.cut.chunk).collect();
            let datagram = |(n, part): (usize, &&[u8])| {
                let mut datagram = header[..2].to_vec();
                datagram.extend((n as u16).to_be_bytes());
                datagram.extend((parts.len() as u16).to_be_bytes());
                datagram.extend([0, 0]);
                datagram.extend_from_slice(part);
                datagram
            };
            parts.iter().enumerate().map(datagram).collect::<Vec<_>>()
        };
        messages.iter().flat_map(cut).collect()
    }

    fn text(&mut self, body: &[u8]) -> Vec<Vec<u8>> {
        let end = body.windows(2).position(|w| w == b"\r\n").expect("a line");
        let line = std::str::from_utf8(&body[..end]).expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        let data = &body[end + 2..];
        let quiet = matches!(words.last(), Some(&"noreply" | &"q"));
        let stored = |length: &str| {
            let length: usize = length.parse().expect("a length");
            assert_eq!(&data[length..], b"\r\n");
            data[..length].to_vec()
        };
        match words.as_slice() {
            ["get", keys @ ..] => return self.values(keys),
            ["mg", key, "v"] => match self.store.get(key.as_bytes()) {
                Some(value) => {
                    let head = format!("VA {}\r\n", value.len());
                    return vec![[head.as_bytes(), value, b"\r\n"].concat()];
                }
                None => return vec![b"EN\r\n".to_vec()],
            },
            ["set", key, "0", "0", length, ..] => {
                self.store.insert(key.as_bytes().to_vec(), stored(length));
            }
            ["ms", key, length, ..] => {
                self.store.insert(key.as_bytes().to_vec(), stored(length));
                return if quiet {
                    vec![]
                } else {
                    vec![b"HD\r\n".to_vec()]
                };
            }
            other => panic!("{other:?}"),
        }
        if quiet {
            vec![]
        } else {
            vec![b"STORED\r\n".to_vec()]
        }
    }

    fn values(&self, keys: &[&str]) -> Vec<Vec<u8>> {
        let mut messages: Vec<Vec<u8>> = keys
            .iter()
            .filter_map(|key| {
                let value = self.store.get(key.as_bytes())?;
                let head = format!("VALUE {key} 0 {}\r\n", value.len());
                Some([head.as_bytes(), value, b"\r\n"].concat())
            })
            .collect();
        messages.push(b"END\r\n".to_vec());
        if self.cut.message_per_key {
            messages
        } else {
            vec![messages.concat()]
        }
    }

    fn binary(&mut self, request: &[u8]) -> Vec<u8> {
        let key_len = usize::from(u16::from_be_bytes([request[2], request[3]]));
        let key_at = 24 + usize::from(request[4]);
        let key = &request[key_at..key_at + key_len];
        let total = u32::from_be_bytes(request[8..12].try_into().expect("4 bytes"));
        assert_eq!(total as usize, request.len() - 24);
        let (status, body) = match request[1] {
            0 => match self.store.get(key) {
                Some(value) => (0u16, [&[0; 4][..], value].concat()),
                None => (1, b"Not found".to_vec()),
            },
            1 => {
                self.store
                    .insert(key.to_vec(), request[key_at + key_len..].to_vec());
                (0, vec![])
            }
            other => panic!("opcode {other}"),
        };
        let mut reply = vec![
            0x81,
            request[1],
            0,
            0,
            if body.len() < 4 { 0 } else { 4 },
            0,
        ];
        if status == 1 {
            reply[4] = 0;
        }
        reply.extend(status.to_be_bytes());
        reply.extend((body.len() as u32).to_be_bytes());
        reply.extend_from_slice(&request[12..16]);
        reply.extend([0; 8]);
        reply.extend(body);
        reply
    }
}
