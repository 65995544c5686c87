//! Ids as columns of databases, each behind a feature: the text of an id in a column of text, and in PostgreSQL, by
//! choice of the column, its 16 bytes.
//!
//! Text is what row capture and people see, so that one id reads the same everywhere.

#[cfg(feature = "postgres-types")]
mod postgres {
    use std::error::Error;

    use bytes::BytesMut;
    use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

    use crate::{Id, IdKind};

    /// Into `text` and `varchar` as its text, into `uuid` and `bytea` as its 16 bytes.
    impl<T: IdKind> ToSql for Id<T> {
        fn to_sql(&self, column: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
            if holds_bytes(column) {
                out.extend_from_slice(self.as_bytes());
            } else {
                out.extend_from_slice(self.to_string().as_bytes());
            }
            Ok(IsNull::No)
        }

        fn accepts(column: &Type) -> bool {
            holds_bytes(column) || holds_text(column)
        }

        to_sql_checked!();
    }

    /// The other way, from the same types.
    impl<'a, T: IdKind> FromSql<'a> for Id<T> {
        fn from_sql(column: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
            if holds_bytes(column) {
                return Ok(Self::from_random(raw.try_into()?));
            }
            Ok(std::str::from_utf8(raw)?.parse()?)
        }

        fn accepts(column: &Type) -> bool {
            <Self as ToSql>::accepts(column)
        }
    }

    fn holds_bytes(column: &Type) -> bool {
        matches!(*column, Type::UUID | Type::BYTEA)
    }

    fn holds_text(column: &Type) -> bool {
        matches!(*column, Type::TEXT | Type::VARCHAR)
    }
}

#[cfg(feature = "sqlx")]
mod sqlx {
    use ::sqlx::encode::IsNull;
    use ::sqlx::error::BoxDynError;
    use ::sqlx::{Database, Decode, Encode, Type};

    use crate::{Id, IdKind};

    /// A column of text, of any database.
    impl<T: IdKind, D: Database> Type<D> for Id<T>
    where
        str: Type<D>,
    {
        fn type_info() -> D::TypeInfo {
            <str as Type<D>>::type_info()
        }

        fn compatible(column: &D::TypeInfo) -> bool {
            <str as Type<D>>::compatible(column)
        }
    }

    impl<'q, T: IdKind, D: Database> Encode<'q, D> for Id<T>
    where
        String: Encode<'q, D>,
    {
        fn encode_by_ref(&self, buffer: &mut D::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
            self.to_string().encode(buffer)
        }
    }

    impl<'r, T: IdKind, D: Database> Decode<'r, D> for Id<T>
    where
        &'r str: Decode<'r, D>,
    {
        fn decode(value: D::ValueRef<'r>) -> Result<Self, BoxDynError> {
            Ok(<&str as Decode<D>>::decode(value)?.parse()?)
        }
    }
}
