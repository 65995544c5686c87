-- The schema of Deedbook in a database, version 1. Run it in one transaction, as the role that is to own it; it may be
-- run again at any time. Application roles get EXECUTE on functions and nothing on tables:
--     grant execute on function deedbook.record(text, text) to my_application;
-- Needs PostgreSQL 13.

-- Whoever owns the schema could replace its functions, which run with the rights of their owner.
do $$
begin
    if exists (
        select from pg_catalog.pg_namespace
        where nspname = 'deedbook' and not pg_catalog.pg_has_role(current_user, nspowner, 'USAGE')
    ) then
        raise insufficient_privilege using
            message = 'the schema "deedbook" belongs to another role',
            hint = 'Install as the role that owns it, or drop it if it is not that of Deedbook.';
    end if;
end
$$;

-- One at a time.
select pg_catalog.pg_advisory_xact_lock(7234302104391673700);

create schema if not exists deedbook;
revoke all on schema deedbook from public;
grant usage on schema deedbook to public;

-- What was written and not yet delivered. `seq` is taken while the row that changes is locked, so it orders the changes
-- of one row; it is not the order of commits.
create table if not exists deedbook.outbox (
    seq     bigint  generated always as identity primary key,
    xid     xid8    not null default pg_catalog.pg_current_xact_id(),
    shape   integer not null,   -- 0: an event of deedbook.record; else deedbook.shape.id
    -- Who logged in. The mark of deedbook.pending_context is a setting that anybody can forge, and so leave the context
    -- out; this nobody can.
    role    oid     default pg_catalog.to_regrole(pg_catalog.quote_ident(session_user)),
    body    text    not null,   -- an event as JSON, or changes in the compact form of the shape
    context text                -- null: that of the row of the same xid with the greatest smaller seq that has one
);
-- Every row is inserted and soon deleted: what counts is that dead rows go early.
alter table deedbook.outbox set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);

-- What the columns of a captured table were when rows were written under this number.
create table if not exists deedbook.shape (
    id         integer generated always as identity primary key,
    relation   oid     not null,
    "schema"   text    not null,
    "table"    text    not null,
    version    integer not null,
    definition jsonb   not null,
    unique (relation, version)
);

-- Rows of the outbox that the log refused for good, each with a gap entry in the log.
create table if not exists deedbook.rejected (
    seq     bigint  not null,
    xid     xid8    not null,
    shape   integer not null,
    body    text    not null,
    context text,
    reason  text    not null,
    at      timestamptz not null default pg_catalog.now(),
    primary key (seq, xid)
);

create table if not exists deedbook.installation (
    one     boolean primary key default true check (one),
    id      uuid    not null default pg_catalog.gen_random_uuid(),
    version integer not null,
    options jsonb   not null default '{}'
);
insert into deedbook.installation (version) values (1) on conflict (one) do update set version = excluded.version;

revoke all on deedbook.outbox, deedbook.shape, deedbook.rejected, deedbook.installation from public;

-- Sets who acts, as JSON in the terms of an event: {"actor": {"type": "user", "id": "ada"}, "tenant": "acme"}. It holds
-- until the transaction ends, and for nobody else. Malformed JSON is no error here: it is kept as it is.
create or replace function deedbook.context("json" text) returns void
language sql volatile
as $$ select pg_catalog.set_config('deedbook.context', "json", true) $$;
grant execute on function deedbook.context(text) to public;

-- The context of this transaction, to be written with a row of the outbox; leaves the mark that it was. The mark is the
-- transaction's: rolling back to a savepoint takes it back together with the row.
create or replace function deedbook.written_context() returns text
language plpgsql volatile
as $$
declare
    -- A setting of an earlier transaction of the session reads as the empty string.
    claim constant text := nullif(pg_catalog.current_setting('deedbook.context', true), '');
    mark  text := pg_catalog.concat(pg_catalog.pg_current_xact_id()::text, claim);
begin
    -- An assignment, because PERFORM would run it as a query of its own.
    mark := pg_catalog.set_config('deedbook.written', mark, true);
    return pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
        'at', (extract(epoch from pg_catalog.now()) * 1000000)::bigint,
        'pid', pg_catalog.pg_backend_pid(),
        'role', session_user,
        'application', nullif(pg_catalog.current_setting('application_name', true), ''),
        'address', pg_catalog.host(pg_catalog.inet_client_addr()),
        'claim', claim
    ))::text;
end
$$;
revoke execute on function deedbook.written_context() from public;

-- The context to be written with the next row of the outbox: null where this transaction has written it already. This
-- is the one place that decides so; whoever writes a row calls it once, before the row is inserted. One expression in
-- SQL, which becomes a part of whatever calls it and costs no call.
create or replace function deedbook.pending_context() returns text
language sql volatile
as $$
    select case when pg_catalog.current_setting('deedbook.written', true)
        = pg_catalog.concat(pg_catalog.pg_current_xact_id()::text, pg_catalog.current_setting('deedbook.context', true))
    then null else deedbook.written_context() end
$$;
revoke execute on function deedbook.pending_context() from public;

-- Writes an event, as JSON, into this transaction; `context` is what deedbook.context sets.
create or replace function deedbook.record(event text, context text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    pending text;
begin
    if event is null then
        raise null_value_not_allowed using message = 'deedbook.record: the event is null';
    end if;
    if context is not null then
        pending := pg_catalog.set_config('deedbook.context', context, true);
    end if;
    pending := deedbook.pending_context();
    insert into deedbook.outbox (shape, body, context) values (0, event, pending);
end
$$;
revoke execute on function deedbook.record(text, text) from public;
