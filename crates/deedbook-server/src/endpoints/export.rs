//! `GET /v1/events.ndjson` and `.csv`: all entries that match, oldest first, as a stream without a limit of rows.
//!
//! An error in the middle breaks the connection off, so that half of a file is never taken for a whole one.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use deedbook_core::{Entry, Order, PageRequest, Query, Scope, Store, Tenants, csv};
use futures_util::stream;
use sha2::{Digest, Sha256};

use super::question::{PARAMETERS, Question};
use super::schema;
use crate::access::Numbers;
use crate::app::{App, StreamTurn};
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::reading::{ReadKind, Reader};
use crate::readings::{ExportEnd, Exported};

/// Entries that are read at once.
const CHUNK_ENTRIES: usize = 250;

/// Take entries out, one JSON object a line.
#[utoipa::path(
    get, path = "/events.ndjson", tag = "events", operation_id = "export_ndjson",
    params(schema::QuestionParameters),
    responses(
        (status = 200, description = "One entry a line, oldest first", body = String,
            content_type = "application/x-ndjson"),
        schema::Refusals,
    ),
)]
pub(crate) async fn ndjson(state: State<Arc<App>>, reader: Reader, parameters: Parameters) -> Answer {
    answer(state.0, reader, parameters, Form::Ndjson).await
}

/// Take entries out as a table.
///
/// RFC 4180 with a header; a field that a spreadsheet would take for a formula gets an apostrophe in front.
#[utoipa::path(
    get, path = "/events.csv", tag = "events", operation_id = "export_csv",
    params(schema::QuestionParameters),
    responses(
        (status = 200, description = "One entry a row, oldest first", body = String, content_type = "text/csv"),
        schema::Refusals,
    ),
)]
pub(crate) async fn csv(state: State<Arc<App>>, reader: Reader, parameters: Parameters) -> Answer {
    answer(state.0, reader, parameters, Form::Csv).await
}

#[derive(Clone, Copy)]
enum Form {
    Ndjson,
    Csv,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    fn beginning(self) -> Bytes {
        match self {
            Self::Ndjson => Bytes::new(),
            Self::Csv => csv::header().into(),
        }
    }

    fn written(self, entries: &[Entry], numbers: Numbers) -> Bytes {
        let mut out = Vec::new();
        for entry in entries {
            match self {
                Self::Ndjson => {
                    out.extend_from_slice(&numbers.entry(entry));
                    out.push(b'\n');
                }
                Self::Csv => out.extend_from_slice(numbers.csv_row(entry).as_bytes()),
            }
        }
        out.into()
    }
}

async fn answer(app: Arc<App>, reader: Reader, mut parameters: Parameters, form: Form) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    parameters.finish(&PARAMETERS)?;
    if !reader.0.token.may_export() {
        return Err(Problem::forbidden("missing_right", "this token shows pages of entries, and takes no files out"));
    }
    let export = Export {
        query: Arc::new(question.query(app.now())?),
        scope: question.scope,
        numbers: question.numbers,
        _turn: app.stream_turn()?,
        app,
        reader,
        form,
        after: None,
        ended: false,
        given: Given::default(),
    };
    let (media_type, file) = match form {
        Form::Ndjson => ("application/x-ndjson", "attachment; filename=\"events.ndjson\""),
        Form::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"events.csv\""),
    };
    // The first part is read before the answer begins, so that what refuses it is told as a problem.
    let (first, export) = export.part().await?;
    let ready = VecDeque::from([Part { bytes: form.beginning(), entries: 0 }, first]);
    let parts = stream::try_unfold((ready, export), |(mut ready, mut export)| async move {
        loop {
            if let Some(part) = ready.pop_front() {
                export.given.add(&part);
                if part.bytes.is_empty() {
                    continue;
                }
                return Ok::<_, std::io::Error>(Some((part.bytes, (ready, export))));
            }
            if export.ended {
                export.given.whole = true;
                return Ok(None);
            }
            let (part, next) = export.part().await.map_err(|_| std::io::Error::other("the export cannot go on"))?;
            export = next;
            ready.push_back(part);
        }
    });
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// An export on its way. When it ends or is broken off, it is entered what went out.
struct Export {
    app: Arc<App>,
    reader: Reader,
    query: Arc<Query>,
    scope: Scope,
    numbers: Numbers,
    form: Form,
    after: Option<u64>,
    ended: bool,
    given: Given,
    _turn: StreamTurn,
}

/// Some entries on their way out.
struct Part {
    bytes: Bytes,
    entries: u64,
}

/// What was handed to the connection.
#[derive(Default)]
struct Given {
    sha256: Sha256,
    entries: u64,
    bytes: u64,
    whole: bool,
}

impl Given {
    fn add(&mut self, part: &Part) {
        self.sha256.update(&part.bytes);
        self.bytes += part.bytes.len() as u64;
        self.entries += part.entries;
    }
}

impl Export {
    /// The next part, and the export after it.
    async fn part(mut self) -> Answer<(Part, Self)> {
        if !self.reader.0.is_live(&self.app) {
            return Err(Problem::not_found());
        }
        let request = PageRequest { order: Order::Ascending, limit: CHUNK_ENTRIES, after: self.after };
        let (query, scope, form, numbers) = (self.query.clone(), self.scope.clone(), self.form, self.numbers);
        let work = move |store: &dyn Store| {
            let page = store.page(&query, &scope, &request)?;
            let part = Part { bytes: form.written(&page.entries, numbers), entries: page.entries.len() as u64 };
            Ok((part, page.entries.last().map(|last| last.receipt.position), page.has_more))
        };
        let (part, last, has_more) = self.app.read(&self.reader, ReadKind::Export, &self.scope, work).await?;
        self.ended = !has_more || last.is_none();
        self.after = last.or(self.after);
        Ok((part, self))
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let given = std::mem::take(&mut self.given);
        let end = if given.whole { ExportEnd::Whole } else { ExportEnd::BrokenOff };
        let tenant = match self.scope.tenants() {
            Tenants::One(tenant) => Some(tenant.clone()),
            Tenants::All | Tenants::AllAndOwn => None,
        };
        self.app.readings.exported(Exported {
            caller: self.reader.0.clone(),
            tenant,
            asked: self.reader.1.clone(),
            form: self.form.as_str(),
            entries: given.entries,
            bytes: given.bytes,
            sha256: given.sha256.finalize().into(),
            end,
            at: self.app.now(),
        });
    }
}
