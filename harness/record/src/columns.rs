//! A table as typed columns, written both as CSV (for people and every tool) and as Parquet (for data
//! frames, which then need not guess types).

use std::io;
use std::sync::Arc;

use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::table::{Rows, decimal};

/// The values of a column, one a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// Whole numbers.
    Counts(Vec<u64>),
    /// Whole numbers; empty cells where there is none.
    MaybeCounts(Vec<Option<u64>>),
    /// Numbers; empty cells where there is none.
    MaybeReals(Vec<Option<f64>>),
}

/// A named column. The name ends in the unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) values: Values,
}

impl Column {
    /// A cell as text.
    fn cell(&self, row: usize) -> String {
        match &self.values {
            Values::Counts(values) => values[row].to_string(),
            Values::MaybeCounts(values) => values[row]
                .map(|value| value.to_string())
                .unwrap_or_default(),
            Values::MaybeReals(values) => decimal(values[row]),
        }
    }

    /// The column in Parquet's schema: 64-bit signed integers and doubles, which every reader has.
    fn schema(&self) -> Result<Type, ParquetError> {
        let (physical, repetition) = match &self.values {
            Values::Counts(_) => (Physical::INT64, Repetition::REQUIRED),
            Values::MaybeCounts(_) => (Physical::INT64, Repetition::OPTIONAL),
            Values::MaybeReals(_) => (Physical::DOUBLE, Repetition::OPTIONAL),
        };
        Type::primitive_type_builder(self.name, physical)
            .with_repetition(repetition)
            .build()
    }

    fn write<W: io::Write + Send>(
        &self,
        rows: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let signed = |value: &u64| i64::try_from(*value).unwrap_or(i64::MAX);
        match &self.values {
            Values::Counts(values) => {
                let values: Vec<i64> = values.iter().map(signed).collect();
                write_chunk::<Int64Type, W>(rows, &values, None)
            }
            Values::MaybeCounts(values) => {
                let there: Vec<i64> = values.iter().flatten().map(signed).collect();
                write_chunk::<Int64Type, W>(rows, &there, Some(&levels(values)))
            }
            Values::MaybeReals(values) => {
                let there: Vec<f64> = values.iter().flatten().copied().collect();
                write_chunk::<DoubleType, W>(rows, &there, Some(&levels(values)))
            }
        }
    }
}

/// Parquet's definition levels of an optional column: 1 where there is a value.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect()
}

fn write_chunk<T: DataType, W: io::Write + Send>(
    rows: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = rows.next_column()? else {
        return Err(ParquetError::General("a column too many".to_owned()));
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// The table as rows of text, the header first.
pub(crate) fn rows(columns: &[Column], count: usize) -> Rows {
    let header = columns
        .iter()
        .map(|column| column.name.to_owned())
        .collect();
    let row = |at| columns.iter().map(|column| column.cell(at)).collect();
    std::iter::once(header).chain((0..count).map(row)).collect()
}

/// The table as a Parquet file: one row group, uncompressed, since it is small. In memory, so that what
/// the file system has against it is told like that of any other file.
pub(crate) fn parquet(name: &str, columns: &[Column]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|column| column.schema().map(Arc::new));
    let schema = Type::group_type_builder(name)
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("steerbench {}", env!("CARGO_PKG_VERSION")))
        .build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        column.write(&mut group)?;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}
