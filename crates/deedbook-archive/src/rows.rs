//! The bytes of a file → its entries.

use bytes::Bytes;
use deedbook_core::{Digest, Entry, Error, ErrorKind, Event, Receipt, Result, Timestamp};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use crate::cells::{Cell, Cells, Kind, MEMBERS, TARGET};
use crate::schema;

/// What a file holds.
pub(crate) struct Rows {
    /// Whose entries.
    pub(crate) tenant: String,
    /// Their receipts and canonical bytes, in the order of the file.
    pub(crate) entries: Vec<(Receipt, Vec<u8>)>,
}

impl Rows {
    /// Reads a file whose digest was found right: what others made may be read as slowly as they like.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where it is no file of an archive; [`ErrorKind::NewerFormat`].
    pub(crate) fn read(bytes: Bytes) -> Result<Self> {
        let file = SerializedFileReader::new(bytes).map_err(schema::failed)?;
        let metadata = file.metadata().file_metadata();
        let tenant = tenant_of(metadata)?;
        if !schema::is_ours(metadata.schema_descr()) {
            return Err(corrupt("its columns are not those of an archive"));
        }
        let mut entries = Vec::new();
        for index in 0..file.num_row_groups() {
            let group = file.get_row_group(index).map_err(schema::failed)?;
            let columns = Columns::read(&*group).map_err(schema::failed)?;
            columns.entries(&tenant, &mut entries)?;
        }
        Ok(Self { tenant, entries })
    }

    /// The entries as the log gave them.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where canonical bytes are not those of an event.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = Result<Entry>> {
        self.entries.into_iter().map(|(receipt, canonical)| {
            let event = Event::from_canonical(&canonical)?;
            Ok(Entry { receipt, event, canonical })
        })
    }
}

fn tenant_of(metadata: &FileMetaData) -> Result<String> {
    let said = |key: &str| {
        let said = metadata.key_value_metadata().into_iter().flatten();
        said.filter(|pair| pair.key == key).find_map(|pair| pair.value.clone())
    };
    match said(schema::VERSION_KEY).as_deref() {
        Some(schema::VERSION) => {
            said(schema::TENANT_KEY).ok_or_else(|| corrupt("it does not say whose entries it holds"))
        }
        Some(version) => {
            let message = format!(
                "a file of the archive has version {version}: read it with the Deedbook that wrote it, or a newer one"
            );
            Err(Error::new(ErrorKind::NewerFormat, message))
        }
        None => Err(corrupt("it does not say that it is one")),
    }
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a file of the archive cannot be read: {what}"))
}

/// A group of rows, column by column, each read up to where the next row begins.
struct Columns {
    rows: usize,
    positions: Vec<i64>,
    seqs: Vec<i64>,
    recorded_at: Vec<i64>,
    members: Vec<Column>,
    targets: Vec<Texts>,
    audience: Texts,
    rest: Texts,
    canonical: Texts,
    leaves: Vec<FixedLenByteArray>,
}

enum Column {
    Texts(Texts),
    Wholes(Wholes),
}

/// Values and levels, and how far they were read.
#[derive(Default)]
struct Texts {
    values: Vec<ByteArray>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
    value: usize,
    level: usize,
}

#[derive(Default)]
struct Wholes {
    values: Vec<i64>,
    definition: Vec<i16>,
    value: usize,
    level: usize,
}

impl Columns {
    fn read(group: &dyn RowGroupReader) -> Result<Self, ParquetError> {
        let rows = usize::try_from(group.metadata().num_rows())?;
        let mut next = 0..;
        let mut column = || group.get_column_reader(next.next().unwrap_or_default());
        Ok(Self {
            rows,
            positions: Wholes::read(column()?, rows)?.values,
            seqs: Wholes::read(column()?, rows)?.values,
            recorded_at: Wholes::read(column()?, rows)?.values,
            members: MEMBERS
                .iter()
                .map(|member| Column::read(column()?, member.kind, rows))
                .collect::<Result<_, _>>()?,
            targets: TARGET.iter().map(|_| Texts::read(column()?, rows)).collect::<Result<_, _>>()?,
            audience: Texts::read(column()?, rows)?,
            rest: Texts::read(column()?, rows)?,
            canonical: Texts::read(column()?, rows)?,
            leaves: digests(column()?, rows)?,
        })
    }

    fn entries(mut self, tenant: &str, entries: &mut Vec<(Receipt, Vec<u8>)>) -> Result<()> {
        let short = || corrupt("a column ends too early");
        for row in 0..self.rows {
            let number = |column: &[i64]| column.get(row).copied().ok_or_else(short);
            let place = |column: &[i64]| u64::try_from(number(column)?).map_err(|_| corrupt("a place is below 0"));
            let (seq, position) = (place(&self.seqs)?, place(&self.positions)?);
            let recorded_at = Timestamp::from_microsecond(number(&self.recorded_at)?)
                .map_err(|_| corrupt("a time is beyond all calendars"))?;
            let leaf = self.leaves.get(row).and_then(|leaf| <[u8; 32]>::try_from(leaf.data()).ok());
            let leaf_hash = Digest(leaf.ok_or_else(short)?);
            let cells = self.cells()?;
            let Some(Cell::Text(id)) = cells.members[0].clone() else { return Err(corrupt("a row has no id")) };
            let receipt = Receipt { id, tenant: tenant.to_owned(), seq, position, recorded_at, leaf_hash };
            entries.push((receipt, cells.into_canonical(tenant)?));
        }
        Ok(())
    }

    /// The cells of the next row.
    fn cells(&mut self) -> Result<Cells> {
        let members = self.members.iter_mut().map(Column::next).collect::<Result<_>>()?;
        let targets = self.targets.iter_mut().map(|texts| texts.next_list(2)).collect::<Result<Vec<_>>>()?;
        let targets = transposed(targets).ok_or_else(|| corrupt("the columns of the targets differ in length"))?;
        Ok(Cells {
            members,
            targets,
            audience: self.audience.next_absent_list()?,
            rest: self.rest.next()?.map(text_of).transpose()?,
            canonical: self.canonical.next()?.map(|bytes| bytes.data().to_vec()),
        })
    }
}

/// Columns of targets → targets.
fn transposed(columns: Vec<Vec<Option<String>>>) -> Option<Vec<[Option<String>; TARGET.len()]>> {
    let count = columns.first()?.len();
    let mut targets = vec![<[Option<String>; TARGET.len()]>::default(); count];
    for (index, column) in columns.into_iter().enumerate() {
        if column.len() != count {
            return None;
        }
        for (target, text) in targets.iter_mut().zip(column) {
            target[index] = text;
        }
    }
    Some(targets)
}

impl Column {
    fn read(reader: ColumnReader, kind: Kind, rows: usize) -> Result<Self, ParquetError> {
        match kind {
            Kind::Text | Kind::Json => Ok(Self::Texts(Texts::read(reader, rows)?)),
            Kind::Whole | Kind::Time => Ok(Self::Wholes(Wholes::read(reader, rows)?)),
        }
    }

    fn next(&mut self) -> Result<Option<Cell>> {
        match self {
            Self::Texts(texts) => Ok(texts.next()?.map(text_of).transpose()?.map(Cell::Text)),
            Self::Wholes(wholes) => Ok(wholes.next()?.map(Cell::Whole)),
        }
    }
}

impl Texts {
    fn read(reader: ColumnReader, rows: usize) -> Result<Self, ParquetError> {
        let mut texts = Self::default();
        let ColumnReader::ByteArrayColumnReader(mut reader) = reader else { return Err(other_type()) };
        let (definition, repetition) = (&mut texts.definition, &mut texts.repetition);
        reader.read_records(rows, Some(definition), Some(repetition), &mut texts.values)?;
        Ok(texts)
    }

    /// The value of the next row, of a column that is no list.
    fn next(&mut self) -> Result<Option<&ByteArray>> {
        let level = self.definition.get(self.level).ok_or_else(|| corrupt("a column ends too early"))?;
        self.level += 1;
        if *level == 0 { Ok(None) } else { self.next_value().map(Some) }
    }

    fn next_value(&mut self) -> Result<&ByteArray> {
        self.value += 1;
        self.values.get(self.value - 1).ok_or_else(|| corrupt("a column ends too early"))
    }

    /// The list of the next row, where `whole` is the level of a value.
    fn next_list(&mut self, whole: i16) -> Result<Vec<Option<String>>> {
        let mut list = Vec::new();
        loop {
            let level = *self.definition.get(self.level).ok_or_else(|| corrupt("a column ends too early"))?;
            self.level += 1;
            if level == whole {
                list.push(Some(text_of(self.next_value()?)?));
            } else if level == whole - 1 {
                list.push(None);
            }
            if self.repetition.get(self.level) != Some(&1) {
                return Ok(list);
            }
        }
    }

    /// The list of the next row, which may be absent.
    fn next_absent_list(&mut self) -> Result<Option<Vec<String>>> {
        let level = self.definition.get(self.level).copied();
        let list = self.next_list(2)?;
        Ok((level != Some(0)).then(|| list.into_iter().flatten().collect()))
    }
}

impl Wholes {
    fn read(reader: ColumnReader, rows: usize) -> Result<Self, ParquetError> {
        let mut wholes = Self::default();
        let ColumnReader::Int64ColumnReader(mut reader) = reader else { return Err(other_type()) };
        reader.read_records(rows, Some(&mut wholes.definition), None, &mut wholes.values)?;
        Ok(wholes)
    }

    fn next(&mut self) -> Result<Option<i64>> {
        let short = || corrupt("a column ends too early");
        let level = *self.definition.get(self.level).ok_or_else(short)?;
        self.level += 1;
        if level == 0 {
            return Ok(None);
        }
        self.value += 1;
        self.values.get(self.value - 1).copied().map(Some).ok_or_else(short)
    }
}

fn digests(reader: ColumnReader, rows: usize) -> Result<Vec<FixedLenByteArray>, ParquetError> {
    let mut digests = Vec::new();
    let ColumnReader::FixedLenByteArrayColumnReader(mut reader) = reader else { return Err(other_type()) };
    reader.read_records(rows, None, None, &mut digests)?;
    Ok(digests)
}

fn text_of(bytes: &ByteArray) -> Result<String> {
    bytes.as_utf8().map(str::to_owned).map_err(schema::failed)
}

fn other_type() -> ParquetError {
    ParquetError::General("a column has another type".into())
}
