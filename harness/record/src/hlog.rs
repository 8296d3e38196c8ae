//! Histograms as files: HdrHistogram interval logs (version 2 encoding, compressed), which its
//! usual tools read, and the same buckets as CSV.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use crate::latency::Distribution;
use crate::time::Timestamp;

/// What was counted in one interval, when that began and how long it was.
pub(crate) type Interval<'a> = (&'a Histogram<u64>, Timestamp, Duration);

/// The intervals in their order; the first one's start is the log's base time. Values stay in
/// nanoseconds; the log's column of maxima is in milliseconds, as is usual for such logs.
pub(crate) fn write<W: Write>(mut to: W, intervals: &[Interval<'_>]) -> Result<(), String> {
    let Some(&(_, base, _)) = intervals.first() else {
        return Err("a log needs an interval".to_owned());
    };
    let base = base.system_time();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        // The line by which the Java tools know the format.
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values in nanoseconds; maxima below in milliseconds]")
        .with_start_time(base)
        .with_base_time(base)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut to, &mut serializer)
        .map_err(|error| error.to_string())?;
    for &(histogram, started, length) in intervals {
        let after = started.system_time().duration_since(base);
        log.write_histogram(histogram, after.unwrap_or_default(), length, None)
            .map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
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

/// As [`rows`] for several distributions, each row with the number, from 1, of its distribution.
pub(crate) fn numbered_rows(distributions: &[Distribution]) -> Vec<Vec<String>> {
    let header = ["round", "value_ns", "count"].map(String::from).to_vec();
    let numbered = (1..).zip(distributions).flat_map(|(number, distribution)| {
        let rows = rows(distribution).into_iter().skip(1);
        rows.map(move |row| [vec![number.to_string()], row].concat())
    });
    std::iter::once(header).chain(numbered).collect()
}

/// Reads the CSV form of several distributions back.
pub(crate) fn parse_numbered(text: &str) -> Result<Vec<Distribution>, String> {
    let (header, rows) = text.split_once('\n').unwrap_or((text, ""));
    if header.trim_end() != "round,value_ns,count" {
        return Err(format!("`{header}` is not the header of rounds"));
    }
    let mut texts: Vec<String> = Vec::new();
    for row in rows.lines() {
        let (number, row) = row.split_once(',').ok_or_else(|| format!("`{row}`"))?;
        let number: usize = number.parse().map_err(|_| format!("round `{number}`"))?;
        if number > texts.len() {
            texts.push("value_ns,count\n".to_owned());
        }
        if number != texts.len() {
            return Err(format!("round {number} is out of order"));
        }
        texts[number - 1] += &format!("{row}\n");
    }
    texts.iter().map(|text| parse(text)).collect()
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
