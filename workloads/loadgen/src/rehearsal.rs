//! The client without a network: what the instrument itself costs, for benchmarks.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use sys::account::Usage;

use crate::client::Monotonic;
use crate::drive::{Clock, drive};
use crate::engine::Engine;
use crate::phases::Phases;
use crate::rules::Rules;
use crate::supply::Supply;
use crate::transport::{Destination, Transport, headers_len};
use crate::wire::frame::HEADER;
use crate::{Client, Ledger, Losses};

impl Client {
    /// Sends the whole schedule as fast as the client can, over a transport that takes everything
    /// and answers it at once: clock, schedule, encoding, matching, ledger and histograms, and no
    /// packet. The protocol must be ASCII. One thread drives all flows.
    ///
    /// # Panics
    /// Never: the transport does not fail.
    #[must_use]
    pub fn rehearse(&self) -> Ledger {
        let mut engine = Engine::new(
            Arc::clone(&self.schedule),
            |_| true,
            Arc::clone(&self.destinations),
            Rules::new(&self.config, 0, self.scatter.clone()),
            self.overdue(),
            (),
        );
        drive(
            &mut engine,
            &mut Void::default(),
            &Monotonic,
            self.config.pacing,
        )
        .expect("the void refuses nothing");
        engine.finish(Usage::default()).0.ledger
    }

    /// Looks up each request of the schedule and the time of the one after it, as the loop of a
    /// client does that is never idle, and sends nothing; returns how many were due.
    #[must_use]
    pub fn look_up(&self) -> u64 {
        let (phases, mode) = (self.overdue(), self.config.mode);
        let mut supply = Supply::new(&self.schedule, |_| true, mode, &phases);
        let mut due = 0;
        while supply.has_more() {
            let now_ns = Monotonic.now_ns();
            due += u64::from(supply.due(&self.schedule, &phases, 0, now_ns).is_some());
            supply.advance();
            std::hint::black_box(supply.next_ns(&self.schedule, &phases, 0));
        }
        due
    }

    /// Phases that are over, with a deadline that never comes.
    fn overdue(&self) -> Phases {
        let measure_ns = self.schedule.duration_ns();
        Phases {
            start_ns: Monotonic.now_ns().saturating_sub(measure_ns),
            warmup_ns: 0,
            measure_ns,
            grace_ns: u64::MAX / 2,
        }
    }
}

/// Takes every request and answers it.
#[derive(Debug, Default)]
struct Void {
    answers: VecDeque<(u16, [u8; HEADER + 8], usize)>,
}

impl Transport for Void {
    fn max_payload(&self) -> usize {
        1500 - headers_len(true)
    }

    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool> {
        let body: &[u8] = if payload[HEADER] == b'g' {
            b"END\r\n"
        } else {
            b"STORED\r\n"
        };
        let mut answer = [0; HEADER + 8];
        answer[..HEADER].copy_from_slice(&payload[..HEADER]);
        answer[HEADER..HEADER + body.len()].copy_from_slice(body);
        self.answers
            .push_back((to.flow, answer, HEADER + body.len()));
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_flushed(&self) -> bool {
        true
    }

    fn is_under_way(&mut self) -> bool {
        false
    }

    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize> {
        let most = self.answers.len().min(budget);
        for (flow, answer, length) in self.answers.drain(..most) {
            take(flow, &answer[..length]);
        }
        Ok(most)
    }

    fn wait(&mut self, _timeout_ns: u64) -> io::Result<()> {
        Ok(())
    }

    fn losses(&self) -> io::Result<Losses> {
        Ok(Losses::default())
    }

    fn describe(&self) -> String {
        "void".into()
    }
}

#[cfg(test)]
mod tests {
    use model::Schedule;

    use crate::tests::workload;
    use crate::{Addressing, Client, ClientConfig, TransportConfig};

    #[test]
    fn everything_is_sent_and_answered() {
        let schedule = Schedule::generate(&workload(100_000.0, 1), 50_000_000).unwrap();
        let requests = schedule.requests.len() as u64;
        let udp = TransportConfig::Udp { receive_buffer: 1 };
        let (here, addressing) = ([127, 0, 0, 1].into(), Addressing::Server { port: 9 });
        let config = ClientConfig::new(udp, here, here, addressing);
        let client = Client::new(config, schedule).unwrap();
        let ledger = client.rehearse();
        assert_eq!((ledger.sent, ledger.answered), (requests, requests));
        assert_eq!((ledger.malformed, ledger.errors), (0, 0));
        assert_eq!(client.look_up(), requests);
    }
}
