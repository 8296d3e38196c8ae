//! Histograms as files: HdrHistogram interval logs (version 2 encoding, compressed), which its
//! usual tools read, and the same buckets as CSV.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use crate::latency::Distribution;
use crate::time::Timestamp;

/// One interval of `length` that began at `started`. Values stay in nanoseconds; the log's
/// column of maxima is in milliseconds, as is usual for such logs.
pub(crate) fn write<W: Write>(
    mut to: W,
    histogram: &Histogram<u64>,
    started: Timestamp,
    length: Duration,
) -> Result<(), String> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        // The line by which the Java tools know the format.
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values in nanoseconds; maxima below in milliseconds]")
        .with_start_time(started.system_time())
        .with_base_time(started.system_time())
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut to, &mut serializer)
        .map_err(|error| error.to_string())?;
    log.write_histogram(histogram, Duration::ZERO, length, None)
        .map_err(|error| format!("{error:?}"))
}

/// `value_ns,count` per recorded bucket, and a last row `inf,<unanswered>`.
pub(crate) fn rows(distribution: &Distribution) -> Vec<Vec<String>> {
    let header = vec!["value_ns".to_owned(), "count".to_owned()];
    let buckets = distribution.buckets.iter();
    let last = vec!["inf".to_owned(), distribution.unanswered.to_string()];
    std::iter::once(header)
        .chain(buckets.map(|(value, count)| vec![value.to_string(), count.to_string()]))
        .chain([last])
        .collect()
}

/// Reads the CSV form back: the buckets and the unanswered requests. Maximum and mean come from
/// the buckets' upper ends.
pub(crate) fn parse(text: &str) -> Result<Distribution, String> {
    let mut buckets = Vec::new();
    let mut unanswered = None;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for row in reader.deserialize::<(String, u64)>() {
        let (value, count) = row.map_err(|error| error.to_string())?;
        match value.as_str() {
            _ if unanswered.is_some() => return Err("a row follows the row `inf`".to_owned()),
            "inf" => unanswered = Some(count),
            value => buckets.push((value.parse().map_err(|_| format!("`{value}` ns"))?, count)),
        }
    }
    let unanswered = unanswered.ok_or("the last row `inf,<unanswered>` is missing")?;
    let answered: u64 = buckets.iter().map(|(_, count): &(u64, u64)| count).sum();
    let total: f64 = buckets
        .iter()
        .map(|&(value, count)| value as f64 * count as f64)
        .sum();
    let mean_ns = (answered > 0).then(|| total / answered as f64);
    Ok(Distribution {
        max_ns: buckets.last().map(|(value, _)| *value),
        mean_ns,
        buckets,
        unanswered,
    })
}
