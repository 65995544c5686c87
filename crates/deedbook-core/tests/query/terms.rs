//! An index of terms answers exact patterns as `matches` does.

use deedbook_core::Query;
use deedbook_core::query::{Condition, Expression, Pattern, TextField, terms};

use crate::{bare_entry, full_entry};

#[test]
fn an_exact_pattern_matches_what_is_among_the_terms() {
    let entries = [full_entry(), bare_entry()];
    let filed = entries.each_ref().map(|entry| {
        let mut filed: Vec<(TextField, String)> = Vec::new();
        terms(entry, &mut |field, value| filed.push((field, value.to_owned())));
        filed
    });
    let mut values: Vec<&str> = filed.iter().flatten().map(|(_, value)| value.as_str()).collect();
    values.extend(["", "x", "user:", ":", "/settings/", "/set", "agent:user_1", "document", "bucket:arn"]);
    for field in TextField::ALL.into_iter().filter(|field| !field.is_name()) {
        for value in &values {
            let pattern = Pattern::Exact((*value).to_owned());
            let query = Query::from_expression(Expression::Is(Condition::Text(field, pattern)));
            for (entry, filed) in entries.iter().zip(&filed) {
                let expected = filed.contains(&(field, (*value).to_owned()));
                assert_eq!(query.matches(entry), expected, "{query}");
            }
        }
    }
}
