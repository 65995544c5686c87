//! Entries of one tenant and day, by column, until they are a file.

use bytes::Bytes;
use deedbook_core::{Digest, Entry, Result, tree};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};

use crate::cells::{Cell, Cells, Kind, MEMBERS, TARGET};
use crate::schema;

/// The rows of a file, in the order of their positions.
pub(crate) struct Table {
    tenant: String,
    positions: Vec<i64>,
    seqs: Vec<i64>,
    recorded_at: Vec<i64>,
    members: Vec<Column>,
    targets: [Texts; TARGET.len()],
    audience: Texts,
    rest: Texts,
    canonical: Texts,
    leaves: Vec<Digest>,
}

/// A column of a member.
enum Column {
    Texts(Texts),
    Wholes(Wholes),
}

/// Strings one after the other, with what Parquet calls levels: how much of the way to a value is there, and whether it
/// goes on with the list of the value before.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

#[derive(Default)]
struct Wholes {
    values: Vec<i64>,
    definition: Vec<i16>,
}

impl Table {
    /// Without rows.
    pub(crate) fn new(tenant: &str) -> Self {
        let column = |kind| match kind {
            Kind::Text | Kind::Json => Column::Texts(Texts::default()),
            Kind::Whole | Kind::Time => Column::Wholes(Wholes::default()),
        };
        Self {
            tenant: tenant.to_owned(),
            positions: Vec::new(),
            seqs: Vec::new(),
            recorded_at: Vec::new(),
            members: MEMBERS.iter().map(|member| column(member.kind)).collect(),
            targets: Default::default(),
            audience: Texts::default(),
            rest: Texts::default(),
            canonical: Texts::default(),
            leaves: Vec::new(),
        }
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.positions.len()
    }

    /// The first and the last position; `None` without rows.
    pub(crate) fn positions(&self) -> Option<(u64, u64)> {
        self.positions.first().zip(self.positions.last()).map(|(&first, &last)| (first as u64, last as u64))
    }

    /// The root of the tree over the leaves of its entries.
    pub(crate) fn leaves(&self) -> Digest {
        tree::root(&self.leaves)
    }

    /// Adds an entry of its tenant.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let receipt = &entry.receipt;
        self.positions.push(receipt.position as i64);
        self.seqs.push(receipt.seq as i64);
        self.recorded_at.push(receipt.recorded_at.as_microsecond());
        self.leaves.push(receipt.leaf_hash);
        let cells = Cells::of(entry);
        for (column, cell) in self.members.iter_mut().zip(&cells.members) {
            column.push(cell.as_ref());
        }
        for (index, texts) in self.targets.iter_mut().enumerate() {
            texts.push_list(cells.targets.iter().map(|target| target[index].as_deref()), 2);
        }
        match &cells.audience {
            None => self.audience.level(0, 0),
            Some(labels) => {
                self.audience.push_present_list(labels.iter().map(|label| Some(label.as_str())), 2);
            }
        }
        self.rest.push(cells.rest.as_deref().map(str::as_bytes));
        self.canonical.push(cells.canonical.as_deref());
    }

    /// The file.
    ///
    /// # Errors
    /// None that is known of; what the library that writes it says.
    pub(crate) fn into_file(self) -> Result<Bytes> {
        let targets = self.targets.iter().map(|texts| texts.ends.len()).max().unwrap_or_default();
        let properties = schema::properties(&self.tenant, targets.max(self.rows()))?;
        self.write(properties.into()).map_err(schema::failed)
    }

    fn write(self, properties: WriterPropertiesPtr) -> Result<Bytes, ParquetError> {
        let mut file = SerializedFileWriter::new(Vec::new(), schema::message(), properties)?;
        let mut group = file.next_row_group()?;
        let mut write = |leaf: Leaf| -> Result<(), ParquetError> {
            let column = group.next_column()?;
            leaf.write(column.ok_or_else(|| ParquetError::General("a column has no place in the schema".into()))?)
        };
        for numbers in [self.positions, self.seqs, self.recorded_at] {
            write(Leaf::Numbers(Wholes { values: numbers, definition: Vec::new() }))?;
        }
        for column in self.members {
            write(match column {
                Column::Texts(texts) => Leaf::Texts(texts),
                Column::Wholes(wholes) => Leaf::Numbers(wholes),
            })?;
        }
        for texts in self.targets.into_iter().chain([self.audience, self.rest, self.canonical]) {
            write(Leaf::Texts(texts))?;
        }
        write(Leaf::Digests(self.leaves))?;
        group.close()?;
        file.into_inner().map(Bytes::from)
    }
}

impl Column {
    fn push(&mut self, cell: Option<&Cell>) {
        match (self, cell) {
            (Self::Texts(texts), Some(Cell::Text(text))) => texts.push(Some(text.as_bytes())),
            (Self::Texts(texts), _) => texts.push(None),
            (Self::Wholes(wholes), Some(Cell::Whole(number))) => {
                wholes.values.push(*number);
                wholes.definition.push(1);
            }
            (Self::Wholes(wholes), _) => wholes.definition.push(0),
        }
    }
}

impl Texts {
    /// The value of a column that is no list.
    fn push(&mut self, text: Option<&[u8]>) {
        self.definition.push(i16::from(text.is_some()));
        self.value(text);
    }

    /// The values of a list that is always there, with `whole` as the level of a value.
    fn push_list<'t>(&mut self, texts: impl Iterator<Item = Option<&'t str>>, whole: i16) {
        let before = self.repetition.len();
        for text in texts {
            let repetition = i16::from(self.repetition.len() > before);
            self.level(if text.is_some() { whole } else { whole - 1 }, repetition);
            self.value(text.map(str::as_bytes));
        }
        if self.repetition.len() == before {
            self.level(0, 0);
        }
    }

    /// As [`Texts::push_list`], of a list that may be absent, which is another thing than an empty one.
    fn push_present_list<'t>(&mut self, texts: impl Iterator<Item = Option<&'t str>>, whole: i16) {
        let before = self.definition.len();
        self.push_list(texts, whole);
        if self.definition[before] == 0 {
            self.definition[before] = 1;
        }
    }

    fn level(&mut self, definition: i16, repetition: i16) {
        self.definition.push(definition);
        self.repetition.push(repetition);
    }

    fn value(&mut self, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.bytes.extend_from_slice(text);
            self.ends.push(self.bytes.len());
        }
    }

    fn values(bytes: Vec<u8>, ends: &[usize]) -> Vec<ByteArray> {
        let bytes = Bytes::from(bytes);
        let starts = std::iter::once(&0).chain(ends);
        starts.zip(ends).map(|(&start, &end)| bytes.slice(start..end).into()).collect()
    }
}

/// A column as it is written.
enum Leaf {
    Numbers(Wholes),
    Texts(Texts),
    Digests(Vec<Digest>),
}

impl Leaf {
    fn write(self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, column.untyped()) {
            (Self::Numbers(Wholes { values, definition }), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&values, levels(&definition), None)?;
            }
            (Self::Texts(texts), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values = Texts::values(texts.bytes, &texts.ends);
                writer.write_batch(&values, levels(&texts.definition), levels(&texts.repetition))?;
            }
            (Self::Digests(leaves), ColumnWriter::FixedLenByteArrayColumnWriter(writer)) => {
                let values: Vec<FixedLenByteArray> = leaves.iter().map(|leaf| leaf.0.to_vec().into()).collect();
                writer.write_batch(&values, None, None)?;
            }
            _ => return Err(ParquetError::General("a column has another type in the schema".into())),
        }
        column.close()
    }
}

fn levels(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}
