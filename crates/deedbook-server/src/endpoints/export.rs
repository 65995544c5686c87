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
use deedbook_core::{Entry, Order, PageRequest, Query, Scope, Store, csv};
use futures_util::stream;

use super::question::{PARAMETERS, Question};
use super::schema;
use crate::access::Numbers;
use crate::app::{App, StreamTurn};
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::reading::{ReadKind, Reader};

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

async fn answer(app: Arc<App>, reader: Reader, mut parameters: Parameters, form: Form) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    parameters.finish(&PARAMETERS)?;
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
    };
    let (media_type, file) = match form {
        Form::Ndjson => ("application/x-ndjson", "attachment; filename=\"events.ndjson\""),
        Form::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"events.csv\""),
    };
    // The first part is read before the answer begins, so that what refuses it is told as a problem.
    let (first, export) = export.part().await?;
    let ready = VecDeque::from([match form {
        Form::Ndjson => first,
        Form::Csv => [csv::header().as_bytes(), &first].concat().into(),
    }]);
    let parts = stream::try_unfold((ready, export), |(mut ready, export)| async move {
        if let Some(part) = ready.pop_front() {
            return Ok(Some((part, (ready, export))));
        }
        if export.ended {
            return Ok(None);
        }
        let (part, export) = export.part().await.map_err(|_| std::io::Error::other("the export cannot go on"))?;
        Ok::<_, std::io::Error>(Some((part, (ready, export))))
    });
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// An export on its way.
struct Export {
    app: Arc<App>,
    reader: Reader,
    query: Arc<Query>,
    scope: Scope,
    numbers: Numbers,
    form: Form,
    after: Option<u64>,
    ended: bool,
    _turn: StreamTurn,
}

impl Export {
    /// The next part, and the export after it.
    async fn part(mut self) -> Answer<(Bytes, Self)> {
        if !self.app.settings.is_live(&self.reader.0.token.id) {
            return Err(Problem::not_found());
        }
        let request = PageRequest { order: Order::Ascending, limit: CHUNK_ENTRIES, after: self.after };
        let (query, scope, form, numbers) = (self.query.clone(), self.scope.clone(), self.form, self.numbers);
        let work = move |store: &dyn Store| {
            let page = store.page(&query, &scope, &request)?;
            Ok((
                written(&page.entries, form, numbers),
                page.entries.last().map(|last| last.receipt.position),
                page.has_more,
            ))
        };
        let (part, last, has_more) = self.app.read(&self.reader, ReadKind::Export, work).await?;
        self.ended = !has_more || last.is_none();
        self.after = last.or(self.after);
        Ok((part, self))
    }
}

fn written(entries: &[Entry], form: Form, numbers: Numbers) -> Bytes {
    let mut out = Vec::new();
    for entry in entries {
        match form {
            Form::Ndjson => {
                out.extend_from_slice(&numbers.entry(entry));
                out.push(b'\n');
            }
            Form::Csv => out.extend_from_slice(csv_row(entry, numbers).as_bytes()),
        }
    }
    out.into()
}

fn csv_row(entry: &Entry, numbers: Numbers) -> String {
    match numbers {
        Numbers::All => csv::row(entry),
        Numbers::OfTenant => csv::row_unpositioned(entry),
    }
}
