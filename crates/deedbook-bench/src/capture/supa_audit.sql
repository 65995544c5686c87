-- The shape of supa_audit, written anew from what is publicly known of it: one trigger function for every table and row,
-- which asks the catalog for the primary key and keeps both records whole, as jsonb, in one table with four indexes.

create schema audit;
create table audit.record (
    id            bigserial   primary key,
    record_id     uuid,
    old_record_id uuid,
    op            text        not null,
    at            timestamptz not null default now(),
    table_oid     oid         not null,
    table_schema  name        not null,
    table_name    name        not null,
    record        jsonb,
    old_record    jsonb
);
create index on audit.record (record_id) where record_id is not null;
create index on audit.record (old_record_id) where old_record_id is not null;
create index on audit.record using brin (at);
create index on audit.record (table_oid);

create function audit.key_columns(relation oid) returns text[] language sql stable security definer set search_path = '' as $$
    select coalesce(pg_catalog.array_agg(a.attname::text order by a.attnum), '{}')
    from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = relation and i.indisprimary
$$;

create function audit.identify(relation oid, keys text[], record jsonb) returns uuid language sql stable as $$
    select case when record is null or keys = '{}' then null else
        md5((select jsonb_agg(record -> key) from unnest(keys) key)::text || relation::text)::uuid end
$$;

create function audit.keep() returns trigger language plpgsql security definer as $$
declare
    keys   constant text[] := audit.key_columns(tg_relid);
    record constant jsonb := to_jsonb(new);
    before constant jsonb := to_jsonb(old);
begin
    insert into audit.record (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
    values (audit.identify(tg_relid, keys, record), audit.identify(tg_relid, keys, before), tg_op, tg_relid,
        tg_table_schema, tg_table_name, record, before);
    return coalesce(new, old);
end
$$;

create trigger audit after insert or update or delete on invoice for each row execute function audit.keep();
create trigger audit after insert or update or delete on branch for each row execute function audit.keep();
create trigger audit after insert or update or delete on teller for each row execute function audit.keep();
create trigger audit after insert or update or delete on account for each row execute function audit.keep();
