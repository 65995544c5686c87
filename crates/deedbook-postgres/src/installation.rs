//! The installation of a database, and the ids that are made from it.

/// Which installation rows come from: `deedbook.installation`.
///
/// ```
/// use deedbook_postgres::Installation;
///
/// let installation = Installation::new("4f2a91c0-7b3d-4a52-9d1e-0c5b8e6f7a21");
/// assert_eq!(installation.transaction_id(773), "pg-4f2a91c07b3d-773");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    short: String,
}

impl Installation {
    /// The installation with this UUID, in any of its usual forms.
    pub fn new(uuid: &str) -> Self {
        // 48 bits tell apart the databases that deliver into one log, which are few.
        Self { short: uuid.chars().filter(|character| *character != '-').take(12).collect() }
    }

    /// Joins everything that one transaction of the database did.
    pub fn transaction_id(&self, xid: u64) -> String {
        format!("pg-{}-{xid}", self.short)
    }

    /// The id of the event number `index` of the row `seq`, whose transaction began at `at_us`: the same whenever the
    /// row is delivered. A database that was set back to an older state gives numbers again, but no times.
    pub(crate) fn event_id(&self, seq: i64, at_us: Option<i64>, index: usize) -> String {
        let at = at_us.map(|at| format!("-{at:x}")).unwrap_or_default();
        match index {
            0 => format!("pg-{}-{seq}{at}", self.short),
            _ => format!("pg-{}-{seq}{at}.{index}", self.short),
        }
    }

    /// The row `seq` as the target of an entry.
    pub(crate) fn row_id(&self, seq: i64) -> String {
        format!("{}.{seq}", self.short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let installation = Installation::new("4f2a91c0-7b3d-4a52-9d1e-0c5b8e6f7a21");
        assert_eq!(installation.event_id(7, Some(1_790_000_000_000_000), 0), "pg-4f2a91c07b3d-7-65bfeda25e000");
        assert_eq!(installation.event_id(7, Some(1_790_000_000_000_000), 12), "pg-4f2a91c07b3d-7-65bfeda25e000.12");
        assert_eq!(installation.event_id(7, None, 0), "pg-4f2a91c07b3d-7");
        assert_eq!(installation.row_id(7), "4f2a91c07b3d.7");
    }
}
