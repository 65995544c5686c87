-- The shape of django-pghistory, written anew from what is publicly known of it: an event table for each table, with its
-- columns and four of its own, three indexes, a trigger for each row that copies the row as it is now, and a table of
-- contexts of which a row is written where the session has one.

create table context (
    id uuid primary key, created_at timestamptz not null, updated_at timestamptz not null, metadata jsonb not null
);

create function attach_context() returns uuid language plpgsql as $$
declare
    id constant uuid := nullif(current_setting('history.context_id', true), '')::uuid;
begin
    if id is not null then
        insert into context values (id, now(), now(), current_setting('history.context_metadata', true)::jsonb)
        on conflict on constraint context_pkey do update set updated_at = excluded.updated_at, metadata = excluded.metadata;
    end if;
    return id;
end
$$;

do $$
declare
    name text;
    columns text;
begin
    foreach name in array array['invoice', 'branch', 'teller', 'account'] loop
        select string_agg(format('new.%I', attname), ', ' order by attnum) into columns from pg_attribute
        where attrelid = name::regclass and attnum > 0;
        execute format('create table %1$s_event (event_id bigserial primary key, event_at timestamptz not null, '
            || 'label text not null, object_id int not null, context_id uuid, like %1$s)', name);
        execute format('create index on %s_event (object_id)', name);
        execute format('create index on %s_event (context_id)', name);
        execute format('create function %1$s_keep() returns trigger language plpgsql as %2$L', name, format(
            'begin insert into %s_event select nextval(%L), now(), lower(tg_op), new.id, attach_context(), %s; return null; end',
            name, name || '_event_event_id_seq', columns));
        execute format('create trigger history_insert after insert on %1$s for each row execute function %1$s_keep()', name);
        execute format('create trigger history_update after update on %1$s for each row '
            || 'when (old.* is distinct from new.*) execute function %1$s_keep()', name);
    end loop;
end
$$;
