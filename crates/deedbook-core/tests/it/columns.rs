//! Ids as columns and as UUIDs, behind their features.

use deedbook_core::{Id, IdKind};

struct User;

impl IdKind for User {
    const PREFIX: &'static str = "user";
}

#[cfg(feature = "postgres-types")]
#[test]
fn postgres_keeps_an_id_as_text_or_as_bytes() {
    use postgres_types::{FromSql, ToSql, Type};

    let id: Id<User> = "user_8hWAb-kHmq5nmfE-xPggAA".parse().unwrap();
    for (column, bytes) in [
        (Type::TEXT, b"user_8hWAb-kHmq5nmfE-xPggAA".as_slice()),
        (Type::VARCHAR, b"user_8hWAb-kHmq5nmfE-xPggAA"),
        (Type::UUID, id.as_bytes()),
        (Type::BYTEA, id.as_bytes()),
    ] {
        let mut out = bytes::BytesMut::new();
        assert!(matches!(id.to_sql_checked(&column, &mut out), Ok(postgres_types::IsNull::No)));
        assert_eq!(&out[..], bytes, "{column}");
        assert_eq!(Id::<User>::from_sql(&column, &out).unwrap(), id, "{column}");
    }
    assert!(!<Id<User> as ToSql>::accepts(&Type::INT8));
    assert!(Id::<User>::from_sql(&Type::TEXT, b"team_8hWAb-kHmq5nmfE-xPggAA").is_err());
    assert!(Id::<User>::from_sql(&Type::BYTEA, b"short").is_err());
}

/// Compiles for every database whose texts are columns; no driver is needed for that.
#[cfg(feature = "sqlx")]
#[expect(dead_code, reason = "the compiler is what checks it")]
fn sqlx_keeps_an_id_wherever_it_keeps_text<D>()
where
    D: sqlx::Database,
    str: sqlx::Type<D>,
    for<'a> String: sqlx::Encode<'a, D>,
    for<'a> &'a str: sqlx::Decode<'a, D>,
{
    fn is_column<D: sqlx::Database, C: sqlx::Type<D> + for<'a> sqlx::Encode<'a, D> + for<'a> sqlx::Decode<'a, D>>() {}
    is_column::<D, Id<User>>();
}

#[cfg(feature = "uuid")]
#[test]
fn an_id_and_a_uuid_are_the_same_bytes() {
    let uuid = uuid::Uuid::from_u128(0xf215_806f_e907_9aae_6799_f13e_c4f8_2000);
    let id = Id::<User>::from(uuid);
    assert_eq!(uuid::Uuid::from(id), uuid);
    assert_eq!(id.as_bytes(), uuid.as_bytes());
}
