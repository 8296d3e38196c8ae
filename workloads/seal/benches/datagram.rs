//! What client and server pay for a sealed datagram: the token, sealing, opening.
//!
//!     cargo bench -p steerbench-seal

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use seal::{Seal, Secret};
use steering::sealed::{HEADER_LEN, Header, Kind, OVERHEAD};

/// Plain bytes: a get of a key of 16 bytes with its frame header, a set of 64 bytes, a full datagram.
const LENGTHS: [usize; 3] = [30, 120, 1360];

fn costs(criterion: &mut Criterion) {
    let seal = Seal::new(&Secret::random().expect("random numbers"));
    let mut header = Header {
        kind: Kind::Request,
        sender: 1,
        number: 0,
        subject: seal.token(b"key-of-16-bytes!"),
    };
    criterion.bench_function("token of 16 B", |bencher| {
        bencher.iter(|| seal.token(std::hint::black_box(b"key-of-16-bytes!")));
    });
    for len in LENGTHS {
        let mut room = vec![0; OVERHEAD + len];
        criterion.bench_function(&format!("seal/{len}"), |bencher| {
            bencher.iter(|| {
                header.number += 1;
                seal.close(&header, &mut room, len)
            });
        });
        room[HEADER_LEN..HEADER_LEN + len].fill(b'x');
        seal.close(&header, &mut room, len);
        criterion.bench_function(&format!("open/{len}"), |bencher| {
            bencher.iter_batched_ref(
                || room.clone(),
                |datagram| seal.open(Kind::Request, datagram).expect("sealed"),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, costs);
criterion_main!(benches);
