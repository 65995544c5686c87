//! The columns of a file: names, types, and how each is packed.

use std::sync::Arc;

use deedbook_core::{Error, ErrorKind, Result};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, TypePtr};

use crate::cells::{Coding, Kind, MEMBERS, TARGET};

/// Version of the columns, in every file.
pub(crate) const VERSION: &str = "1";
/// The keys under which a file says what it is.
pub(crate) const VERSION_KEY: &str = "deedbook.archive";
pub(crate) const TENANT_KEY: &str = "deedbook.tenant";

/// Rows of a file at most: one group of rows, which is what engines read on one thread and skip as a whole.
pub(crate) const ROWS_MAX: usize = 131_072;

/// A dictionary goes on up to this; beyond, values stand in the pages.
const DICTIONARY_BYTES_MAX: usize = 4 << 20;
/// How hard files are compressed: they are written once and kept for years.
const ZSTD_LEVEL: i32 = 15;

/// The columns of every file, before the members of the event, between, and after.
pub(crate) fn message() -> TypePtr {
    let mut text = "message entry {\n\
        required int64 position;\nrequired int64 seq;\nrequired int64 recorded_at (TIMESTAMP(MICROS,true));\n"
        .to_owned();
    for member in &MEMBERS {
        text += &optional(member.column, member.kind);
    }
    text += "required group targets (LIST) { repeated group list { required group element {\n";
    TARGET.iter().for_each(|(name, kind, _)| text += &optional(name, *kind));
    text += "} } }\n\
        optional group audience (LIST) { repeated group list { required binary element (STRING); } }\n\
        optional binary rest (STRING);\noptional binary canonical;\nrequired fixed_len_byte_array(32) leaf_hash;\n}";
    Arc::new(parse_message_type(&text).expect("the text above is a schema"))
}

fn optional(name: &str, kind: Kind) -> String {
    let shape = match kind {
        Kind::Text | Kind::Json => format!("binary {name} (STRING)"),
        Kind::Whole => format!("int64 {name}"),
        Kind::Time => format!("int64 {name} (TIMESTAMP(MICROS,true))"),
    };
    format!("optional {shape};\n")
}

/// How a file of this tenant is written, with so many values in the fullest column that has a filter.
pub(crate) fn properties(tenant: &str, sought: usize) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed)?;
    let said = [(VERSION_KEY, VERSION), (TENANT_KEY, tenant)];
    let said = said.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("deedbook {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .set_key_value_metadata(Some(said.into()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(32))
        .set_offset_index_disabled(true)
        .set_data_page_row_count_limit(ROWS_MAX)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_max_row_group_row_count(None);
    let plain = ["position", "seq", "recorded_at"].map(|name| (ColumnPath::from(name), Kind::Whole, Coding::Unique));
    let rare = ["rest", "canonical"].map(|name| (ColumnPath::from(name), Kind::Json, Coding::Unique));
    let members = MEMBERS.iter().map(|member| (ColumnPath::from(member.column), member.kind, member.coding));
    let targets = TARGET.iter().map(|&(name, kind, coding)| (target_path(name), kind, coding));
    for (path, kind, coding) in plain.into_iter().chain(rare).chain(members).chain(targets) {
        properties = match (coding, kind) {
            (Coding::Repeating, _) => properties,
            // Without a column's name this would give a filter to all of them.
            (Coding::Sought, _) => properties.set_column_bloom_filter_max_ndv(path, sought.max(1) as u64),
            (Coding::Unique, Kind::Whole | Kind::Time) => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            (Coding::Unique | Coding::Prose, _) => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), encoding(kind, coding))
                .set_column_statistics_enabled(path, EnabledStatistics::None),
        };
    }
    let leaf = ColumnPath::from("leaf_hash");
    let properties = properties
        .set_column_dictionary_enabled(leaf.clone(), false)
        .set_column_compression(leaf.clone(), Compression::UNCOMPRESSED)
        .set_column_statistics_enabled(leaf, EnabledStatistics::None);
    Ok(properties.build())
}

/// How texts of which hardly one is there twice stand in a page. Ids have beginnings in common; what compression finds
/// in prose and JSON must not be torn apart.
fn encoding(kind: Kind, coding: Coding) -> Encoding {
    match (kind, coding) {
        (Kind::Json, _) => Encoding::PLAIN,
        (_, Coding::Prose) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        _ => Encoding::DELTA_BYTE_ARRAY,
    }
}

fn target_path(name: &str) -> ColumnPath {
    ColumnPath::new(["targets", "list", "element", name].map(str::to_owned).into())
}

/// Whether a file has these columns and no others.
pub(crate) fn is_ours(found: &SchemaDescriptor) -> bool {
    let ours = SchemaDescriptor::new(message());
    let shape = |schema: &SchemaDescriptor| -> Vec<_> {
        let columns = schema.columns().iter();
        columns.map(|column| (column.path().clone(), column.physical_type(), column.max_def_level())).collect()
    };
    shape(&ours) == shape(found)
}

/// An error of the library that reads and writes files.
pub(crate) fn failed(error: parquet::errors::ParquetError) -> Error {
    Error::new(ErrorKind::Corrupt, "a file of the archive cannot be written or read").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_told_from_others() {
        assert!(is_ours(&SchemaDescriptor::new(message())));
        let other = parse_message_type("message entry { required int64 position; }").expect("a schema");
        assert!(!is_ours(&SchemaDescriptor::new(Arc::new(other))));
    }
}
