-- Row capture, third part: functions and triggers are made, kept up to date, and removed.

-- The tables of which a captured one consists: itself and its partitions.
create or replace function deedbook.parts_of(relation oid) returns table (part oid, is_leaf boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.oid, c.relkind <> 'p' from pg_class c
    where c.oid = relation or c.oid in (select relid from pg_partition_tree(relation))
$$;

-- The triggers that a captured table should have, and those of them that it has, enabled whatever the session's role.
create or replace function deedbook.triggers_of(relation oid)
returns table (part oid, operation text, name text, rows text, found boolean, enabled boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select p.part, o.operation, o.name, o.rows, t.oid is not null, coalesce(t.tgenabled = 'A', false)
    from deedbook.parts_of(relation) p
    cross join (values
        ('insert', 'zz_deedbook_insert', 'referencing new table as new_rows'),
        ('update', 'zz_deedbook_update', 'referencing old table as old_rows new table as new_rows'),
        ('delete', 'zz_deedbook_delete', 'referencing old table as old_rows'),
        ('truncate', 'zz_deedbook_truncate', '')
    ) o(operation, name, rows)
    left join pg_trigger t on t.tgrelid = p.part and t.tgname = o.name
    where p.is_leaf or o.operation <> 'truncate'
$$;

-- The functions that were made for a captured table.
create or replace function deedbook.functions_of(relation oid) returns table (oid oid)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select p.oid from pg_proc p where p.pronamespace = 'deedbook'::regnamespace
    and p.proname ~ format('^captured_%s(_[0-9]+)?$', relation)
$$;

-- Makes function and triggers of a captured table anew where they are not as they should be; true where they were not.
create or replace function deedbook.renew(relation oid) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    captured deedbook.captured;
    definition jsonb;
    now_is text;
    missing record;
    target jsonb;
    routine regprocedure;
    operation text;
    query text;
    is_changed boolean := false;
    following constant text := current_setting('deedbook.following', true);
begin
    -- What is done here is itself a change of the schema, and not one to follow.
    perform set_config('deedbook.following', 'off', true);
    select * into captured from deedbook.captured c where c.relation = renew.relation;
    definition := deedbook.describe(relation, captured.mapping);
    now_is := deedbook.fingerprint(relation);
    if now_is <> captured.fingerprint
        or to_regprocedure(format('deedbook.captured_%s()', relation)) is null
        or definition is distinct from (select s.definition from deedbook.shape s where s.id = captured.shape)
    then
        insert into deedbook.shape as s (relation, "schema", "table", version, definition)
        values (relation, definition ->> 'schema', definition ->> 'table',
            (select coalesce(max(o.version), 0) + 1 from deedbook.shape o where o.relation = renew.relation), definition)
        returning s.id into captured.shape;
        for target in select value from jsonb_array_elements(definition -> 'targets') value where value ? 'via' loop
            execute deedbook.target_function_sql(target);
        end loop;
        -- A query that cannot be planned is found here, and not in a transaction of the application.
        foreach operation in array array['INSERT', 'UPDATE', 'DELETE'] loop
            foreach query in array array[
                deedbook.change_query(definition, operation, false),
                'select ' || deedbook.single_sql(definition, operation) || ' from old_rows old_row cross join new_rows new_row']
            loop
                execute format('with old_rows as (select * from %1$s where false), new_rows as (select * from %1$s where false) %2$s',
                    relation::regclass, query);
            end loop;
        end loop;
        execute deedbook.function_sql(relation, definition, captured.shape, now_is);
        for routine in select p.oid from deedbook.functions_of(relation) p loop
            execute format('revoke all on function %s from public', routine);
        end loop;
        update deedbook.captured c set shape = captured.shape, fingerprint = now_is,
            mapping = c.mapping || jsonb_build_object('mask', coalesce((
                select jsonb_agg(m -> 'n') from jsonb_array_elements(definition -> 'columns') m
                where (m ->> 'mask')::boolean), '[]'))
        where c.relation = renew.relation;
        is_changed := true;
    end if;
    -- What is no longer a partition is a table of its own.
    for missing in select t.tgname as name, t.tgrelid::regclass as of from pg_trigger t
        where t.tgfoid = to_regprocedure(format('deedbook.captured_%s()', relation))
        and not exists (select from deedbook.parts_of(relation) p where p.part = t.tgrelid)
    loop
        execute format('drop trigger %I on %s', missing.name, missing.of);
        is_changed := true;
    end loop;
    for missing in select t.*, t.part::regclass as of from deedbook.triggers_of(relation) t where not t.enabled loop
        if not missing.found then
            execute format('create trigger %I after %s on %s %s for each statement execute function deedbook.captured_%s()',
                missing.name, missing.operation, missing.of, missing.rows, relation);
        end if;
        execute format('alter table %s enable always trigger %I', missing.of, missing.name);
        is_changed := true;
    end loop;
    perform set_config('deedbook.following', following, true);
    return is_changed;
end
$$;

-- Captures a table, or changes how it is captured. The mapping's members, all optional: entity (what a row is called),
-- id, label, tenant (columns), audience (labels), category, omit, mask, plain, personal (columns), targets (columns of
-- foreign keys whose rows have the change in their history too).
create or replace function deedbook.capture(relation regclass, mapping jsonb default '{}') returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    table_class pg_class;
    resolved jsonb;
    member text;
begin
    select * into table_class from pg_class where oid = relation;
    if table_class.relkind not in ('r', 'p') or table_class.relispartition or table_class.relpersistence = 't'
        or table_class.relnamespace in ('pg_catalog'::regnamespace, 'deedbook'::regnamespace)
        or exists (select from deedbook.parts_of(relation) p join pg_class c on c.oid = p.part where c.relkind = 'f')
    then
        raise wrong_object_type using message = format('%s cannot be captured', relation),
            detail = 'Captured are ordinary tables, and partitioned ones as a whole without foreign tables among their partitions.';
    end if;
    for member in select key from jsonb_object_keys(mapping) key where key not in
        ('entity', 'id', 'label', 'tenant', 'audience', 'category', 'omit', 'mask', 'plain', 'personal', 'targets')
    loop
        raise invalid_parameter_value using message = format('the mapping of %s has an unknown member %I', relation, member);
    end loop;
    resolved := jsonb_strip_nulls(mapping) || jsonb_build_object(
        'named', coalesce((mapping ->> 'entity') is not null, false),
        'entity', coalesce(mapping ->> 'entity',
            (select c.mapping ->> 'entity' from deedbook.captured c
             where c.relation = capture.relation and not (c.mapping ->> 'named')::boolean),
            deedbook.default_entity(relation)));
    if resolved ->> 'entity' !~ '^[a-z0-9_]{1,64}$' then
        raise invalid_parameter_value using message = format('the entity of %s has characters other than a-z 0-9 _', relation);
    end if;
    foreach member in array array['id', 'omit', 'mask', 'plain', 'personal', 'targets'] loop
        if mapping ? member then
            resolved := resolved || jsonb_build_object(member, deedbook.column_numbers(relation, mapping -> member));
        end if;
    end loop;
    foreach member in array array['label', 'tenant'] loop
        if mapping ? member then
            resolved := resolved || jsonb_build_object(member,
                deedbook.column_numbers(relation, jsonb_build_array(mapping -> member)) -> 0);
        end if;
    end loop;
    -- A secret stays one when its column is renamed, or when this is run again, until it is named in plain.
    resolved := resolved || jsonb_build_object('mask', coalesce(resolved -> 'mask', '[]') || coalesce((
        select jsonb_agg(m) from deedbook.captured c, jsonb_array_elements(c.mapping -> 'mask') m
        where c.relation = capture.relation and not coalesce(resolved -> 'plain' @> m, false)), '[]'));
    insert into deedbook.captured (relation, mapping, shape, fingerprint) values (relation, resolved, 0, '')
    on conflict on constraint captured_pkey do update set mapping = excluded.mapping;
    perform deedbook.renew(relation);
end
$$;

-- No longer captures a table; its triggers and their function go.
create or replace function deedbook.release(relation oid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    trigger record;
    routine regprocedure;
begin
    for trigger in select t.name, t.part::regclass as of from deedbook.triggers_of(relation) t where t.found loop
        execute format('drop trigger %I on %s', trigger.name, trigger.of);
    end loop;
    for routine in select p.oid from deedbook.functions_of(relation) p loop
        execute format('drop function %s', routine);
    end loop;
    delete from deedbook.captured c where c.relation = release.relation;
end
$$;

-- Brings every captured table up to date after changes of the schema; tells which were not.
create or replace function deedbook.sync() returns table (relation oid, name text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    for relation in select c.relation from deedbook.captured c order by c.relation loop
        name := relation::regclass::text;
        if not exists (select from pg_class where oid = relation) then
            perform deedbook.release(relation);
            return next;
        elsif deedbook.renew(relation) then
            return next;
        end if;
    end loop;
end
$$;

-- What is not as it should be, without changing anything.
create or replace function deedbook.drift() returns table (name text, problem text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.relation::regclass::text, 'the table was dropped'
    from deedbook.captured c where not exists (select from pg_class where oid = c.relation)
    union all
    select c.relation::regclass::text, 'it changed, or what it refers to, since its triggers were made'
    from deedbook.captured c join deedbook.shape s on s.id = c.shape
    where exists (select from pg_class where oid = c.relation)
    and (deedbook.fingerprint(c.relation) <> c.fingerprint or deedbook.describe(c.relation, c.mapping) <> s.definition)
    union all
    select t.part::regclass::text, format(case when t.found then 'the trigger %s is disabled' else 'the trigger %s is missing' end, t.name)
    from deedbook.captured c cross join deedbook.triggers_of(c.relation) t where not t.enabled
$$;

-- Keeps up with changes of the schema in their transaction, where an event trigger calls it.
create or replace function deedbook.follow_schema() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('deedbook.following', true) = 'off' or not exists (
        select from pg_event_trigger_ddl_commands() d where d.schema_name is distinct from 'pg_temp'
        union all
        select from deedbook.captured c where not exists (select from pg_class p where p.oid = c.relation)
    ) then
        return;
    end if;
    begin
        perform deedbook.sync();
    exception when others then
        raise warning 'deedbook: the triggers were not brought up to date: %', sqlerrm
            using hint = 'Run `deedbook capture postgres sync`.';
    end;
end
$$;

-- Makes the event trigger that calls it, if the role may; true where there is one now.
create or replace function deedbook.follow() returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pg_event_trigger where evtname = 'deedbook_follow_schema') then
        if not (select rolsuper from pg_roles where rolname = current_user) then
            return false;
        end if;
        create event trigger deedbook_follow_schema on ddl_command_end
            when tag in ('ALTER TABLE', 'CREATE TABLE', 'DROP TABLE', 'DROP SCHEMA', 'CREATE INDEX', 'DROP INDEX', 'ALTER TYPE', 'ALTER DOMAIN')
            execute function deedbook.follow_schema();
    end if;
    return true;
end
$$;

-- Nobody but the owner runs any of this.
do $$
declare
    name regprocedure;
begin
    for name in select oid from pg_catalog.pg_proc where pronamespace = 'deedbook'::regnamespace
        and proname not in ('context', 'record') loop
        execute pg_catalog.format('revoke all on function %s from public', name);
    end loop;
end
$$;
