//! Values of every type, and what an event cannot carry.

use deedbook_core::serde_json::{Value, json};

use super::{captured, check, events, lines};

/// A type of a column, a value of it as SQL, and what it is in an event.
type Case = (&'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("int2", "-32768", "-32768"),
    ("int4", "2147483647", "2147483647"),
    ("int8", "9223372036854775807", r#""9223372036854775807""#),
    ("oid", "4294967295", r#""4294967295""#),
    ("numeric", "1.50", r#""1.50""#),
    ("numeric", "'NaN'", r#""NaN""#),
    ("numeric(1000,999)", "1e-999", ""),
    ("float4", "0.1", "0.1"),
    ("float8", "1e300", r#""1e+300""#),
    ("float8", "0.30000000000000004", "0.30000000000000004"),
    ("float8", "'-Infinity'", r#""-Infinity""#),
    ("float8", "'NaN'", r#""NaN""#),
    ("float8", "'-0'", "-0.0"),
    ("money", "'$1,234.50'", r#""1234.50""#),
    ("bool", "true", "true"),
    ("text", r#"E'a"\\\n\u00e4\U0001F600'"#, "\"a\\\"\\\\\\nä😀\""),
    ("varchar(3)", "'abc'", r#""abc""#),
    ("char(3)", "'a'", r#""a""#),
    (r#""char""#, "'x'", r#""x""#),
    ("name", "'n'", r#""n""#),
    ("bytea", r"'\x00ff'", r#""\\x00ff""#),
    ("date", "'2026-11-22'", r#""2026-11-22""#),
    ("date", "'infinity'", r#""infinity""#),
    ("date", "'0044-03-15 BC'", r#""0044-03-15 BC""#),
    ("time", "'04:05:06.7'", r#""04:05:06.7""#),
    ("timetz", "'04:05:06+02'", r#""04:05:06+02""#),
    ("timestamp", "'2026-11-22 10:00'", r#""2026-11-22T10:00:00""#),
    ("timestamptz", "'2026-11-22 10:00+02'", r#""2026-11-22T08:00:00Z""#),
    ("timestamptz", "'-infinity'", r#""-infinity""#),
    ("interval", "'1 mon 2 days 03:04:05'", r#""1 mon 2 days 03:04:05""#),
    ("uuid", "'00000000-0000-0000-0000-00000000000a'", r#""00000000-0000-0000-0000-00000000000a""#),
    ("json", r#"'{"a": 1, "b": [true, null]}'"#, r#"{"a":1,"b":[true,null]}"#),
    ("json", r#"'{"a":1,"a":2}'"#, r#""{\"a\":1,\"a\":2}""#),
    ("json", "'12345678901234567890'", r#""12345678901234567890""#),
    ("json", "(repeat('[', 29) || repeat(']', 29))::json", ""),
    (
        "json",
        "(repeat('[', 30) || repeat(']', 30))::json",
        r#""[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]""#,
    ),
    ("jsonb", r#"'{"b": 0.10, "a": "x"}'"#, r#"{"a":"x","b":0.1}"#),
    ("jsonb", "'null'", "null"),
    ("jsonpath", "'$.a'", r#""$.\"a\"""#),
    ("xml", "'<a/>'", r#""<a/>""#),
    ("inet", "'192.0.2.1/24'", r#""192.0.2.1/24""#),
    ("cidr", "'192.0.2.0/24'", r#""192.0.2.0/24""#),
    ("macaddr", "'08:00:2b:01:02:03'", r#""08:00:2b:01:02:03""#),
    ("macaddr8", "'08:00:2b:01:02:03:04:05'", r#""08:00:2b:01:02:03:04:05""#),
    ("bit(3)", "B'101'", r#""101""#),
    ("varbit", "B'10101'", r#""10101""#),
    ("point", "'(1,2)'", r#""(1,2)""#),
    ("line", "'{1,2,3}'", r#""{1,2,3}""#),
    ("lseg", "'[(1,2),(3,4)]'", r#""[(1,2),(3,4)]""#),
    ("box", "'(3,4),(1,2)'", r#""(3,4),(1,2)""#),
    ("path", "'((1,2),(3,4))'", r#""((1,2),(3,4))""#),
    ("polygon", "'((1,2),(3,4))'", r#""((1,2),(3,4))""#),
    ("circle", "'<(1,2),3>'", r#""<(1,2),3>""#),
    ("tsvector", "'a b'", r#""'a' 'b'""#),
    ("tsquery", "'a & b'", r#""'a' & 'b'""#),
    ("pg_lsn", "'0/1'", r#""0/1""#),
    ("txid_snapshot", "'1:2:'", r#""1:2:""#),
    ("regclass", "'pg_class'", r#""pg_class""#),
    ("int4range", "'[1,3)'", r#""[1,3)""#),
    ("tstzrange", "'[2026-11-22 10:00+02,)'", r#""[\"2026-11-22 08:00:00+00\",)""#),
    ("datemultirange", "'{[2026-11-22,2026-11-23)}'", r#""{[2026-11-22,2026-11-23)}""#),
    ("int4[]", "'{{1,2},{3,NULL}}'", "[[1,2],[3,null]]"),
    ("int8[]", "'{9223372036854775807}'", r#"["9223372036854775807"]"#),
    ("numeric[]", "'{1.50,NaN}'", r#"["1.50","NaN"]"#),
    ("float8[]", "'{0.1,NaN}'", r#"[0.1,"NaN"]"#),
    ("text[]", r#"'{a,"b,c"}'"#, r#"["a","b,c"]"#),
    ("json[]", r#"array['{"a":1}'::json]"#, r#""{\"{\\\"a\\\":1}\"}""#),
    ("colour", "'red'", r#""red""#),
    ("colour[]", "'{red,green}'", r#""{red,green}""#),
    ("pair", "(1, 'x')", r#""(1,x)""#),
    ("positive", "7", "7"),
    ("short", "'s'", r#""s""#),
    ("tinted", "'green'", r#""green""#),
    ("text COLLATE anycase", "'Ab'", r#""Ab""#),
];

const TYPES: &str = "CREATE TYPE colour AS ENUM ('red', 'green'); CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN positive AS int CHECK (value > 0); CREATE DOMAIN inner_short AS varchar(9); CREATE DOMAIN short AS inner_short;
    CREATE DOMAIN tinted AS colour;
    CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE vals (id int PRIMARY KEY";

#[tokio::test]
async fn values_of_every_type_are_captured() {
    let columns: String = CASES.iter().enumerate().map(|(i, (kind, _, _))| format!(", c{i} {kind}")).collect();
    let Some((_database, client)) = captured("values", &format!("{TYPES}{columns})"), &[("vals", "{}")]).await else {
        return;
    };
    // How a session likes its values must not change what is written.
    let session = "SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = -10;
        SET bytea_output = 'escape'; SET standard_conforming_strings = on";
    client.batch_execute(session).await.expect(session);
    let values: String = CASES.iter().map(|(_, value, _)| format!(", {value}")).collect();
    client.batch_execute(&format!("INSERT INTO vals VALUES (1{values})")).await.expect("a row");
    let created = events(&client).await.remove(0);
    // An update of everything to null, and back, compares values of every type.
    let nulls: Vec<String> = (0..CASES.len()).map(|i| format!("c{i} = NULL")).collect();
    client.batch_execute(&format!("UPDATE vals SET {}", nulls.join(", "))).await.expect("an update");
    let updated = events(&client).await.remove(0);
    for (i, (kind, value, expected)) in CASES.iter().enumerate() {
        let path = format!("/c{i}");
        let to = created.changes.iter().find(|change| change.path == path).and_then(|change| change.to.clone());
        let from = updated.changes.iter().find(|change| change.path == path).and_then(|change| change.from.clone());
        assert_eq!(to, from, "{kind} {value}");
        if !expected.is_empty() {
            let expected: Value = deedbook_core::serde_json::from_str(expected).expect(expected);
            assert_eq!(to, Some(expected), "{kind} {value}");
        }
    }
    check(&client, "UPDATE vals SET id = id", &[]).await;
}

#[tokio::test]
async fn a_change_of_the_image_is_a_change() {
    let statements = "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE images (id int PRIMARY KEY, a numeric, b json, c text COLLATE anycase, d float8, e jsonb, f point)";
    let Some((_database, client)) = captured("images", statements, &[("images", "{}")]).await else { return };
    client.batch_execute("INSERT INTO images VALUES (1, 1.0, '{}', 'a', 0, '1.0', '(0,0)')").await.expect("a row");
    events(&client).await;
    check(
        &client,
        "UPDATE images SET a = 1.00, b = '{ }', c = 'A', d = '-0', e = '1.00'",
        &[r#"images.updated images:1 /a "1.0">"1.00" /b {}>{} /c "a">"A" /d 0>-0.0 /e 1>1"#],
    )
    .await;
    check(&client, "UPDATE images SET b = '{ }', f = '(0,0)'", &[]).await;
}

#[tokio::test]
async fn large_values_leave_their_length_and_hash() {
    let statements = "CREATE TABLE large (id int PRIMARY KEY, a text, b jsonb, c bytea, d text[])";
    let Some((_database, client)) = captured("large", statements, &[("large", "{}")]).await else { return };
    let row = "INSERT INTO large VALUES (1, repeat('ä', 5000), to_jsonb(repeat('x', 9000)),
        decode(repeat('00', 5000), 'hex'), array[repeat('y', 9000)])";
    client.batch_execute(row).await.expect(row);
    let size = client.query_one("SELECT octet_length(body) FROM deedbook.outbox", &[]).await.expect("a size");
    assert!(size.get::<_, i32>(0) < 10_000, "all but the array stay out of the outbox");
    let event = events(&client).await.remove(0);
    let redacted: Vec<&str> =
        event.changes.iter().filter(|change| change.redacted).map(|change| change.path.as_str()).collect();
    assert_eq!(redacted, ["/a", "/b", "/c", "/d"]);
    let digests = &event.metadata["too_large"];
    assert_eq!(digests["/a"]["to"]["bytes"], json!(10_000));
    let hash = client.query_one("SELECT encode(sha256(convert_to(a, 'UTF8')), 'hex') FROM large", &[]).await;
    assert_eq!(digests["/a"]["to"]["sha256"], json!(hash.expect("a hash").get::<_, String>(0)));
    check(&client, "UPDATE large SET a = 'small'", &["large.updated large:1 /a redacted"]).await;
}

#[tokio::test]
async fn wide_rows_fit_into_an_event() {
    let columns: Vec<String> = (0..1500).map(|i| format!("c{i} text")).collect();
    let statements = format!("CREATE TABLE wide (id int PRIMARY KEY, {})", columns.join(", "));
    let Some((_database, client)) = captured("wide", &statements, &[("wide", "{}")]).await else { return };
    let values: Vec<String> = (0..200).map(|_| "repeat('x', 30)".to_owned()).collect();
    client.batch_execute(&format!("INSERT INTO wide VALUES (1, {})", values.join(", "))).await.expect("a row");
    assert_eq!(events(&client).await[0].changes.len(), 1501);
    check(
        &client,
        "UPDATE wide SET c199 = 'y', c3 = NULL, c1499 = 'z' WHERE id = 1",
        &[&format!(r#"wide.updated wide:1 /c3 "{0}">null /c199 "{0}">"y" /c1499 null>"z""#, "x".repeat(30))],
    )
    .await;
}

#[tokio::test]
async fn hostile_names_are_names() {
    let statements = r#"CREATE SCHEMA "Big Schema"; CREATE TABLE "Big Schema"."a""b'c $deedbook$ \ %s {}" (
        "the ""key""" int PRIMARY KEY, "x'); DROP TABLE y; --" text, "a/b~c" int, deedbook_place int, "$body$" int, "%1$s" int,
        old_rows int, change text, body text, "ä😀" int)"#;
    let table = r#""Big Schema"."a""b'c $deedbook$ \ %s {}""#;
    let Some((_database, client)) = captured("names", statements, &[(table, "{}")]).await else { return };
    let entity = "big_schema_a_b_c__deedbook_____s___";
    client
        .batch_execute(&format!("INSERT INTO {table} VALUES (1, 'a', 2, 3, 4, 5, 6, 'c', 'b', 7)"))
        .await
        .expect("a row");
    let update = format!(
        r#"UPDATE {table} SET "x'); DROP TABLE y; --" = 'b', "a/b~c" = 3, deedbook_place = 4, "$body$" = 5, "ä😀" = 8"#
    );
    client.batch_execute(&update).await.expect(&update);
    let found = lines(&client).await;
    assert!(found[0].starts_with(&format!(r#"{entity}.created {entity}:1 /the "key" >1"#)), "{}", found[0]);
    assert_eq!(
        found[1],
        format!(
            r#"{entity}.updated {entity}:1 /x'); DROP TABLE y; -- "a">"b" /a~1b~0c 2>3 /deedbook_place 3>4 /$body$ 4>5 /ä😀 7>8"#
        )
    );
    let names: Vec<String> = client
        .query("SELECT definition ->> 'table' FROM deedbook.shape", &[])
        .await
        .expect("shapes")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(names, [r#"a"b'c $deedbook$ \ %s {}"#]);
}
