//! Options → which tables are captured, and how. No database is asked here; the tables that there are come in.

use std::collections::BTreeMap;

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::names::{ColumnName, Pattern, TableName};

/// What is captured, as options of the command line or a file say it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// Tables that are captured; `public.*` where there are none.
    pub tables: Vec<Pattern>,
    /// Tables that are not, among those.
    pub exclude: Vec<Pattern>,
    /// Columns of which nothing is written, and of which a change alone is no change of the row.
    pub omit: Vec<ColumnName>,
    /// Columns of which only is written that they changed.
    pub mask: Vec<ColumnName>,
    /// Columns that are written though their names sound like secrets.
    pub plain: Vec<ColumnName>,
    /// Columns whose values can be erased from the log one by one.
    pub personal: Vec<ColumnName>,
    /// What the rows of a table are called.
    pub entity: BTreeMap<TableName, Entity>,
}

/// What the rows of a table are called, and what belongs to their changes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entity {
    /// The type of the target and the first part of the action: `[a-z0-9_]+`; the table's name where absent.
    pub name: Option<String>,
    /// Columns that make the id; the primary key where there are none.
    pub id: Vec<String>,
    /// The column with the name that people know it by.
    pub label: Option<String>,
    /// The column with the tenant.
    pub tenant: Option<String>,
    /// Labels of those who may see the changes.
    pub audience: Option<Vec<String>>,
    /// Chooses the retention rule.
    pub category: Option<String>,
    /// Columns of foreign keys: what they point to has the change in its history too.
    pub targets: Vec<String>,
}

/// A table that is to be captured, and the mapping that `deedbook.capture` takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Captured {
    /// The table.
    pub table: TableName,
    /// Its mapping, with the members of `deedbook.capture`.
    pub mapping: Map<String, Value>,
}

impl Plan {
    /// The tables of `found` that are captured, in order, and how.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where an option names a table that is not among them.
    pub fn resolve(&self, found: &[TableName]) -> Result<Vec<Captured>> {
        for pattern in self.tables.iter().chain(&self.exclude) {
            if !found.iter().any(|table| pattern.matches(table)) {
                return Err(unmatched("table", pattern));
            }
        }
        let captured: Vec<&TableName> = found.iter().filter(|table| self.includes(table)).collect();
        for name in [&self.omit, &self.mask, &self.plain, &self.personal].into_iter().flatten() {
            if !captured.iter().any(|table| name.table.matches(table)) {
                return Err(unmatched("captured table with a column", name));
            }
        }
        if let Some(name) = self.entity.keys().find(|name| !captured.contains(name)) {
            return Err(unmatched("captured table", name));
        }
        Ok(captured.into_iter().map(|table| self.captured(table)).collect())
    }

    /// Whether the table is to be captured.
    pub fn includes(&self, table: &TableName) -> bool {
        let is_named = match &self.tables[..] {
            [] => table.schema == "public",
            patterns => patterns.iter().any(|pattern| pattern.matches(table)),
        };
        is_named && !self.is_excluded(table)
    }

    /// Whether the table is named by `exclude`.
    pub fn is_excluded(&self, table: &TableName) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(table))
    }

    fn captured(&self, table: &TableName) -> Captured {
        let mut mapping = self.entity.get(table).map(Entity::mapping).unwrap_or_default();
        let lists = [("omit", &self.omit), ("mask", &self.mask), ("plain", &self.plain), ("personal", &self.personal)];
        for (member, names) in lists {
            let columns: Vec<&str> =
                names.iter().filter(|name| name.table.matches(table)).map(|name| name.column.as_str()).collect();
            if !columns.is_empty() {
                mapping.insert(member.to_owned(), json!(columns));
            }
        }
        Captured { table: table.clone(), mapping }
    }
}

fn unmatched(what: &str, name: impl std::fmt::Display) -> Error {
    let message = format!("there is no {what} {name}; tables are written schema.table, with * for any characters");
    Error::new(ErrorKind::Invalid, message)
}

impl Entity {
    fn mapping(&self) -> Map<String, Value> {
        let mut mapping = Map::new();
        let mut put = |member: &str, value: Value| {
            if !value.is_null() && value != json!([]) {
                mapping.insert(member.to_owned(), value);
            }
        };
        put("entity", json!(self.name));
        put("id", json!(self.id));
        put("label", json!(self.label));
        put("tenant", json!(self.tenant));
        put("category", json!(self.category));
        put("targets", json!(self.targets));
        if let Some(audience) = &self.audience {
            mapping.insert("audience".to_owned(), json!(audience));
        }
        mapping
    }
}

/// Reads `public.invoices=invoice,id=public_id,label=number,tenant=org,audience=a+b,category=c,targets=customer_id`.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), with what was expected.
pub fn entity(text: &str) -> Result<(TableName, Entity)> {
    let bad = |what: &str| {
        let message = format!(
            "{text:?}: {what}; expected TABLE=ENTITY[,id=COLUMN+…][,label=COLUMN][,tenant=COLUMN][,audience=LABEL+…][,category=WORD][,targets=COLUMN+…]"
        );
        Error::new(ErrorKind::Invalid, message)
    };
    let (table, rest) = text.split_once('=').ok_or_else(|| bad("there is no ="))?;
    let mut parts = rest.split(',');
    let mut entity =
        Entity { name: parts.next().filter(|name| !name.is_empty()).map(str::to_owned), ..Entity::default() };
    for part in parts {
        let (member, value) = part.split_once('=').ok_or_else(|| bad("a part has no ="))?;
        let list = || value.split('+').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let word = || Some(value.to_owned()).filter(|word| !word.is_empty());
        match member {
            "id" => entity.id = list(),
            "label" => entity.label = word(),
            "tenant" => entity.tenant = word(),
            "audience" => entity.audience = Some(list()),
            "category" => entity.category = word(),
            "targets" => entity.targets = list(),
            other => return Err(bad(&format!("{other:?} is none of its members"))),
        }
    }
    Ok((table.parse()?, entity))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn plan() -> Plan {
        Plan::default()
    }

    fn tables(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|name| name.parse().expect(name)).collect()
    }

    fn parsed<T: FromStr<Err = Error>>(texts: &[&str]) -> Vec<T> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn tables_are_chosen_by_patterns() {
        let found = tables(&["public.a", "public.ab", "billing.a", "public.\"A.b\""]);
        let check = |include: &[&str], exclude: &[&str], expected: &[&str]| {
            let plan = Plan { tables: parsed(include), exclude: parsed(exclude), ..plan() };
            let names: Vec<String> =
                plan.resolve(&found).expect("tables").iter().map(|captured| captured.table.to_string()).collect();
            assert_eq!(names, expected);
        };
        check(&[], &[], &["public.a", "public.ab", "public.\"A.b\""]);
        check(&["*.*"], &["billing.*"], &["public.a", "public.ab", "public.\"A.b\""]);
        check(&["*.a*"], &[], &["public.a", "public.ab", "billing.a"]);
        check(&["*b"], &["a*"], &["public.\"A.b\""]);
        check(&["billing.a", "\"A.b\""], &[], &["billing.a", "public.\"A.b\""]);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let found = tables(&["a", "b"]);
        let check = |plan: Plan| {
            assert_eq!(plan.resolve(&found).expect_err("no such table").kind(), ErrorKind::Invalid);
        };
        check(Plan { tables: parsed(&["c"]), ..plan() });
        check(Plan { exclude: parsed(&["c*"]), ..plan() });
        check(Plan { omit: parsed(&["c.x"]), ..plan() });
        check(Plan { exclude: parsed(&["b"]), mask: parsed(&["b.x"]), ..plan() });
        check(Plan { entity: BTreeMap::from([("c".parse().expect("a table"), Entity::default())]), ..plan() });
    }

    #[test]
    fn a_mapping_is_read() {
        let text = "public.invoices=invoice,id=a+b,label=number,tenant=org,audience=x+y,category=c,targets=customer_id";
        let (table, entity) = entity(text).expect("a mapping");
        let plan =
            Plan { mask: parsed(&["invoices.note", "b.x"]), entity: BTreeMap::from([(table, entity)]), ..plan() };
        let captured = plan.resolve(&tables(&["invoices", "b"])).expect("tables");
        assert_eq!(
            Value::Object(captured[0].mapping.clone()),
            json!({"entity": "invoice", "id": ["a", "b"], "label": "number", "tenant": "org", "audience": ["x", "y"],
                "category": "c", "targets": ["customer_id"], "mask": ["note"]})
        );
        assert_eq!(Value::Object(captured[1].mapping.clone()), json!({"mask": ["x"]}));
    }

    #[test]
    fn mappings_that_make_no_sense_are_refused() {
        for text in ["", "a", "a=b,c", "a=b,nope=c", "a.b.c=d", "\"a=b"] {
            assert_eq!(entity(text).expect_err(text).kind(), ErrorKind::Invalid, "{text}");
        }
        for text in ["", "a", ".", "a.", ".b", "a.\"b", "a..b"] {
            assert!(text.parse::<ColumnName>().is_err(), "{text}");
        }
    }
}
