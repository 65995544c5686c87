//! DuckDB reads the table as a stranger would.
