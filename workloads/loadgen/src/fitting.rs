//! Whether the requests of a schedule fit into frames.

use model::Op;

use crate::transport::Transport;
use crate::{Client, ClientConfig, ClientError, Mode, Protocol, wire};

/// Whether datagrams of this kind can be sent and read so.
///
/// # Errors
/// The reason why not.
pub(crate) fn check_wire(config: &ClientConfig) -> Result<(), ClientError> {
    let sealed = config.secret.is_some();
    let reason = match (config.mode, config.protocol) {
        (Mode::Saturate, Protocol::Rpc(_)) => {
            "protocol: replies are counted by memcached's first bytes"
        }
        (Mode::Saturate, _) if sealed => {
            "secret: a generator that saturates repeats its frames, and a sealed request may be sent once"
        }
        (_, Protocol::Rpc(_)) if sealed => "secret: calls are not sealed",
        (_, Protocol::Plain) if !config.echo => {
            "protocol: plain datagrams ask for nothing; they are for an `echo`"
        }
        (_, _) if config.echo && sealed => "echo: a reflector seals no replies",
        (_, _) => return Ok(()),
    };
    Err(ClientError::Config(reason.into()))
}

impl Client {
    /// Every request must leave in one frame: memcached takes no request of several datagrams,
    /// and steering sees no key in an IP fragment.
    pub(crate) fn check_requests(&self, transport: &impl Transport) -> Result<(), ClientError> {
        let room = transport.max_payload();
        let schedule = &*self.schedule;
        let keys = schedule.keyspace();
        let bound = |planned: &&model::Planned| match planned.op {
            Op::Set => keys.key_len(planned.key) + planned.value_len as usize,
            Op::Get => {
                let further = schedule.further_keys(planned).iter();
                keys.key_len(planned.key) + further.map(|id| keys.key_len(*id) + 1).sum::<usize>()
            }
        };
        // Sets carry about 30 bytes that gets do not; the longest of each kind settles it.
        for op in [Op::Get, Op::Set] {
            let longest = schedule
                .requests
                .iter()
                .filter(|p| p.op == op)
                .max_by_key(bound);
            let Some(longest) = longest else { continue };
            let mut datagram = Vec::new();
            wire::encode(self.config.protocol, schedule, longest, 0, 0, &mut datagram);
            if self.config.secret.is_some() {
                datagram.resize(datagram.len() + steering::sealed::OVERHEAD, 0);
            }
            if datagram.len() > room {
                return Err(ClientError::Config(format!(
                    "the longest {op:?} takes {} bytes and one frame holds {room}",
                    datagram.len()
                )));
            }
        }
        Ok(())
    }
}
