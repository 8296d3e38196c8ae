//! What a well-typed spec may still get wrong: here value by value (garde calls these), in
//! [`across`] what one setting rules out in another.

pub(crate) mod across;

use garde::Error;

use crate::order::SEED_LIMIT;
use crate::pattern::Pattern;
use crate::service::Service;
use crate::system::Xdp;
use crate::units::{Bytes, Count, Duration, Rate, Share};
use crate::workload::{Arrivals, Popularity, SizeSpec};

/// memcached's longest key.
const LONGEST_KEY: Bytes = Bytes(250);
/// memcached's largest value with default settings.
const LARGEST_VALUE: Bytes = Bytes(1 << 20);
/// Keys are numbered in 32 bits.
const MOST_KEYS: Count = Count(u32::MAX as u64);
/// Smallest store that holds anything useful per owner.
const LEAST_MEMORY: Bytes = Bytes(1 << 20);

fn check(holds: bool, message: impl FnOnce() -> String) -> garde::Result {
    if holds {
        Ok(())
    } else {
        Err(Error::new(message()))
    }
}

/// Names become folders.
pub(crate) fn name(name: &str, _: &()) -> garde::Result {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    check(
        (1..=64).contains(&name.len()) && name.chars().all(allowed),
        || format!("`{name}` cannot be a name: 1 to 64 of a-z, 0-9, `_` and `-`"),
    )
}

/// Labels become CSV fields, legends and `--only` arguments.
pub(crate) fn label(label: &str, _: &()) -> garde::Result {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    check(
        (1..=40).contains(&label.len()) && label.chars().all(allowed),
        || format!("`{label}` cannot be a label: 1 to 40 of A-Z, a-z, 0-9, `_`, `-` and `.`"),
    )
}

pub(crate) fn memory(memory: &Bytes, _: &()) -> garde::Result {
    check(*memory >= LEAST_MEMORY, || {
        format!("{memory} is too small a store: at least 1 MiB")
    })
}

pub(crate) fn keys(keys: &Count, _: &()) -> garde::Result {
    check((Count(1)..=MOST_KEYS).contains(keys), || {
        format!("{keys} keys: there must be 1 to {}", MOST_KEYS.get())
    })
}

pub(crate) fn key_bytes(size: &Bytes, _: &()) -> garde::Result {
    check((Bytes(1)..=LONGEST_KEY).contains(size), || {
        format!("a key of {size}: memcached's keys have 1 B to {LONGEST_KEY}")
    })
}

pub(crate) fn value_bytes(size: &Bytes, _: &()) -> garde::Result {
    check((Bytes(1)..=LARGEST_VALUE).contains(size), || {
        format!("a value of {size}: values have 1 B to {LARGEST_VALUE}")
    })
}

fn size(size: &SizeSpec, one: fn(&Bytes, &()) -> garde::Result) -> garde::Result {
    if let SizeSpec::Mix(sizes) = size {
        let weights: u64 = sizes
            .iter()
            .map(|weighted| u64::from(weighted.weight))
            .sum();
        check(weights > 0, || {
            "a mix needs a size with a weight above 0".to_owned()
        })?;
    }
    let Some((min, max)) = size.bounds() else {
        return Err(Error::new("a mix needs at least one size"));
    };
    check(min <= max, || {
        format!("`min` ({min}) is above `max` ({max})")
    })?;
    one(&min, &())?;
    one(&max, &())
}

pub(crate) fn key_size(key_size: &SizeSpec, _: &()) -> garde::Result {
    size(key_size, key_bytes)
}

pub(crate) fn value_size(value_size: &SizeSpec, _: &()) -> garde::Result {
    size(value_size, value_bytes)
}

pub(crate) fn theta(theta: &f64, _: &()) -> garde::Result {
    check(theta.is_finite() && *theta >= 0.0, || {
        format!("a Zipf exponent of {theta}: it must be 0 (uniform) or above")
    })
}

pub(crate) fn part(share: &Share, _: &()) -> garde::Result {
    check(Share(0) < *share && *share < Share::WHOLE, || {
        format!(
            "a share of {share}: it must lie between 0 and 100 %, so that there is something of both"
        )
    })
}

pub(crate) fn cache_entries(entries: &u32, _: &()) -> garde::Result {
    check((1..=65_536).contains(entries), || {
        format!("a cache of {entries} items: it holds 1 to 65536")
    })
}

pub(crate) fn popularity(popularity: &Popularity, _: &()) -> garde::Result {
    theta(&popularity.theta(), &())
}

pub(crate) fn arrivals(arrivals: &Arrivals, _: &()) -> garde::Result {
    match arrivals {
        Arrivals::Poisson | Arrivals::Fixed | Arrivals::Saturate => Ok(()),
        Arrivals::Bursty { on, off } => check(on.get() > 0 && off.get() > 0, || {
            "`on` and `off` must both be above 0; without pauses use `poisson`".to_owned()
        }),
    }
}

pub(crate) fn pattern(pattern: &Pattern, _: &()) -> garde::Result {
    pattern
        .fault()
        .map_or(Ok(()), |fault| Err(Error::new(fault)))
}

pub(crate) fn service(service: &Service, _: &()) -> garde::Result {
    service
        .fault()
        .map_or(Ok(()), |fault| Err(Error::new(fault)))
}

/// JSON readers keep whole numbers exact up to 2^53 only.
pub(crate) fn seed(seed: &u64, _: &()) -> garde::Result {
    check(*seed < SEED_LIMIT, || {
        format!("seed {seed}: it must be below 2^53")
    })
}

pub(crate) fn rate(rate: &Rate, _: &()) -> garde::Result {
    check(rate.get() > 0, || {
        format!("a load of 0: at least 1 {}", rate.of().base())
    })
}

/// A bracket of no width could not be reached, one above twice its lower end would say nothing.
pub(crate) fn precision(precision: &Share, _: &()) -> garde::Result {
    check((Share(1_000)..=Share::WHOLE).contains(precision), || {
        format!("a precision of {precision}: it must be 0.1 % to 100 %")
    })
}

pub(crate) fn share(share: &Share, _: &()) -> garde::Result {
    check(*share <= Share::WHOLE, || {
        format!("a share of {share}: it is at most 100 %")
    })
}

/// What a link loses; if it were all, nothing could be recovered.
pub(crate) fn loss(share: &Share, _: &()) -> garde::Result {
    check(*share < Share::WHOLE, || {
        format!("a loss of {share}: it must be below 100 %, so that something arrives")
    })
}

pub(crate) fn phase(length: &Duration, _: &()) -> garde::Result {
    check(length.get() > 0, || "must last longer than 0".to_owned())
}

/// Beyond it a core of a NIC is no slow one but none; and the work must be bounded for the verifier.
const MOST_STEERING_COST: Duration = Duration(20_000);

pub(crate) fn steering_cost(cost: &Duration, _: &()) -> garde::Result {
    check(*cost <= MOST_STEERING_COST, || {
        format!("{cost} a steering decision: at most {MOST_STEERING_COST}")
    })
}

pub(crate) fn chunk(chunk: &Bytes, _: &()) -> garde::Result {
    let sizes = [Xdp::CHUNK, Xdp::LARGE_CHUNK];
    check(sizes.contains(chunk), || {
        format!("the kernel takes no chunks of {chunk}; allowed: 2 KiB, 4 KiB")
    })
}

pub(crate) fn positive_count(count: &Count, _: &()) -> garde::Result {
    check(count.get() > 0, || "must be at least 1".to_owned())
}

/// Slots of the largest AF_XDP ring that is used: any one of them may have to hold all.
const MOST_DRAINED: Count = Count(1 << 17);

pub(crate) fn drain(requests: &Count, _: &()) -> garde::Result {
    check((Count(1)..=MOST_DRAINED).contains(requests), || {
        format!(
            "a drain of {requests}: the server's sockets hold 1 to {} requests",
            MOST_DRAINED.get()
        )
    })
}
