//! Whether the requests of a schedule fit into frames.

use model::Op;

use crate::transport::Transport;
use crate::{Client, ClientError, wire};

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
