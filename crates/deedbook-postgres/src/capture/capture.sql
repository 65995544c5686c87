-- Row capture: which tables are captured, and the functions that make, renew and remove their triggers. Run after the
-- schema, in the same transaction, by the same role; it may be run again at any time.

-- Which tables are captured and how. Columns are numbers, so that a mask follows its column when that is renamed.
create table if not exists deedbook.captured (
    relation    oid     primary key,
    mapping     jsonb   not null,
    shape       integer not null,
    fingerprint text    not null
);
revoke all on deedbook.captured from public;

-- The type that stands behind domains.
create or replace function deedbook.base_type(type oid) returns oid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive layer as (
        select t.oid, t.typtype, t.typbasetype from pg_type t where t.oid = base_type.type
        union all
        select t.oid, t.typtype, t.typbasetype from layer join pg_type t on t.oid = layer.typbasetype
        where layer.typtype = 'd'
    )
    select oid from layer where typtype <> 'd'
$$;

-- How values of a type are written, and read back (`Form` in definition.rs). Types of users get `other`: only their
-- output function is called, since their casts are code of whoever made them and would run with our rights.
create or replace function deedbook.form(type oid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when t.oid >= 16384 then 'other'
        when t.oid in ('int2'::regtype, 'int4'::regtype) then 'number'
        when t.oid in ('int8'::regtype, 'oid'::regtype) then 'integer'
        when t.oid in ('float4'::regtype, 'float8'::regtype) then 'float'
        when t.oid = 'bool'::regtype then 'boolean'
        when t.oid = 'money'::regtype then 'money'
        when t.oid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype) then 'text'
        when t.oid = 'bytea'::regtype then 'bytes'
        when t.oid in ('json'::regtype, 'jsonb'::regtype) then 'json'
        when t.oid = 'timestamptz'::regtype then 'instant'
        when t.oid in ('date'::regtype, 'timestamp'::regtype) then 'time'
        when t.typcategory = 'A' and t.typelem in (
            'int2'::regtype, 'int4'::regtype, 'float4'::regtype, 'float8'::regtype, 'bool'::regtype, 'text'::regtype,
            'varchar'::regtype, 'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'uuid'::regtype
        ) then 'list'
        when t.typcategory = 'A' and t.typelem in ('int8'::regtype, 'numeric'::regtype) then 'texts'
        when t.typtype in ('r', 'm', 'c') or t.typcategory = 'A' or t.oid = 'interval'::regtype then 'other'
        else 'plain'
    end
    from pg_type t where t.oid = deedbook.base_type(form.type)
$$;

-- A table's columns as they are now, as a short text: where it differs, the generated function no longer fits.
create or replace function deedbook.fingerprint(relation oid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select left(encode(sha256(convert_to(string_agg(format('%s %s %s %s %s', a.attnum, a.atttypid, a.atttypmod,
        a.attcollation, quote_ident(a.attname)), ',' order by a.attnum) || coalesce((
            select string_agg(i.indkey::text, ',' order by i.indexrelid) from pg_index i
            where i.indrelid = fingerprint.relation and i.indisprimary), ''), 'UTF8')), 'hex'), 16)
    from pg_attribute a where a.attrelid = fingerprint.relation and a.attnum > 0 and not a.attisdropped
$$;

-- Whether a generated function fits its table. It is not immutable: declared so, the planner evaluates it once for each
-- plan, and plans over the transition tables are made anew whenever the table is altered. So it costs nothing per row.
create or replace function deedbook.fits(relation oid, fingerprint text) returns boolean
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$ select deedbook.fingerprint(fits.relation) = fits.fingerprint $$;

-- What stands in the outbox for a value of more than 8 KiB.
create or replace function deedbook.large(value text) returns text
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$ select format('{"bytes":%s,"sha256":"%s"}', octet_length(value), encode(sha256(convert_to(value, 'UTF8')), 'hex')) $$;

-- SQL: a column of row `r` as JSON, from its description in a shape's definition.
create or replace function deedbook.value_sql(c jsonb, r text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Through the type behind a domain, so that no cast of users is ever looked up.
    v constant text := concat(format('%s.%I', r, c ->> 'name'), '::' || (c ->> 'cast'));
begin
    if (c ->> 'mask')::boolean then
        return format('case when %1$s.%2$I is null then ''null'' else concat(''"sha256:'', left(encode(sha256(convert_to(format(''%%s'', %1$s.%2$I), ''UTF8'')), ''hex''), 32), ''"'') end', r, c ->> 'name');
    end if;
    return case c ->> 'form'
        when 'number' then format('coalesce(%s::text, ''null'')', v)
        when 'integer' then format('coalesce(%s::text, ''null'')', v)
        when 'boolean' then format('coalesce(%s::text, ''null'')', v)
        when 'money' then format('coalesce(to_json(%s::numeric::text)::text, ''null'')', v)
        when 'text' then format('case when %1$s is null then ''null'' when octet_length(%1$s) > 8192 then deedbook.large(%1$s::text) else to_json(%1$s::text)::text end', v)
        when 'json' then format('case when %1$s is null then ''null'' when octet_length(%1$s::text) > 8192 then deedbook.large(%1$s::text) else to_json(%1$s::text)::text end', v)
        when 'bytes' then format('case when %1$s is null then ''null'' when octet_length(%1$s) > 4000 then deedbook.large(concat(''\x'', encode(%1$s, ''hex''))) else concat(''"\\x'', encode(%1$s, ''hex''), ''"'') end', v)
        when 'texts' then format('coalesce(to_json(%s::text[])::text, ''null'')', v)
        when 'plain' then format('coalesce(to_json(%s::text)::text, ''null'')', v)
        when 'other' then format('case when %1$s is null then ''null'' else to_json(format(''%%s'', %1$s))::text end', format('%s.%I', r, c ->> 'name'))
        else format('coalesce(to_json(%s)::text, ''null'')', v)
    end;
end
$$;

-- SQL: whether a column differs between rows `o` and `n`. The image of the record tells 1.0 from 1.00, takes json and
-- point, and calls no operator of users.
create or replace function deedbook.differs_sql(c jsonb, o text, n text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(case when (c ->> 'exact')::boolean
        then '%1$s.%3$I%4$s is distinct from %2$s.%3$I%4$s' else 'record_image_ne(row(%1$s.%3$I), row(%2$s.%3$I))' end,
        o, n, c ->> 'name', coalesce('::' || (c ->> 'cast'), ''))
$$;

-- SQL: everything in `parts` as one text. A function takes a hundred arguments, so it is done in groups.
create or replace function deedbook.concat_sql(parts text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(format('concat(%s)', string_agg(part_group.sql, ', ' order by part_group.place)), '''''') from (
        select format('concat(%s)', string_agg(part.sql, ', ' order by part.place)), (part.place - 1) / 50
        from unnest(parts) with ordinality part(sql, place) group by (part.place - 1) / 50
    ) part_group(sql, place)
$$;

-- SQL: what the row that a foreign key of `r` points to is called: [id…, label], or null.
create or replace function deedbook.target_sql(t jsonb, r text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('deedbook.%I(%s)', t ->> 'via', string_agg(format('%s.%I', r, k.value ->> 'here'), ', ' order by k.ordinality))
    from jsonb_array_elements(t -> 'on') with ordinality k
$$;

-- The text of the function that looks up what a foreign key points to. It stands alone, with a handler of its own:
-- whatever becomes of the other table must not be noticed by whoever writes to this one.
create or replace function deedbook.target_function_sql(t jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('create or replace function deedbook.%I(%s) returns text language plpgsql stable as %L', t ->> 'via',
        string_agg(k.value ->> 'type', ', ' order by k.ordinality),
        format($body$
begin
    return coalesce((select concat('[', %s, ']') from %s t where %s), 'null');
exception when others then
    return 'null';
end
$body$, (select string_agg(deedbook.value_sql(c.value, 't'), ', '','', ' order by c.ordinality)
         from jsonb_array_elements(t -> 'shown') with ordinality c),
        t ->> 'from',
        string_agg(format('t.%I operator(pg_catalog.=) $%s', k.value ->> 'there', k.ordinality), ' and ')))
    from jsonb_array_elements(t -> 'on') with ordinality k
$$;

-- SQL: what every change of row `r` carries, each after a comma: the columns that name the row and its targets.
create or replace function deedbook.carried_sql(definition jsonb, r text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(part.sql order by part.place), '{}') from (
        select c.ordinality, ''','', ' || deedbook.value_sql(c.value, r)
        from jsonb_array_elements(definition -> 'columns') with ordinality c where (c.value ->> 'carried')::boolean
        union all
        select 10000 + t.ordinality, ''','', ' || deedbook.target_sql(t.value, r)
        from jsonb_array_elements(definition -> 'targets') with ordinality t where t.value ? 'via'
    ) part(place, sql)
$$;

-- SQL: the columns of row `r` that are not carried, each after a comma; for rows that came or went.
create or replace function deedbook.rest_sql(definition jsonb, r text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(''','', ' || deedbook.value_sql(c.value, r) order by c.ordinality), '{}')
    from jsonb_array_elements(definition -> 'columns') with ordinality c
    where not (c.value ->> 'carried')::boolean and not (c.value ->> 'mask')::boolean
$$;

-- SQL: the columns that differ, each as number, before and after; of a masked one the negative number alone.
create or replace function deedbook.difference_sql(definition jsonb, o text, n text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(format('case when %s then %s end', deedbook.differs_sql(c.value, o, n), case
        when (c.value ->> 'mask')::boolean then format(''',-%s''', c.value ->> 'n')
        else format('concat('',%s,'', %s, '','', %s)', c.value ->> 'n',
            deedbook.value_sql(c.value, o), deedbook.value_sql(c.value, n))
    end) order by c.ordinality), '{}')
    from jsonb_array_elements(definition -> 'columns') with ordinality c
$$;

-- SQL: the query that a trigger runs over its transition tables. Its rows are bodies for the outbox, of at most 256
-- changes each; with `inline` each has the definition with it, for a table that is not as its shape says.
--
-- Old and new rows belong together by their place, so that a changed key is one update. A full join, because a plan
-- that was made for one row must not become a nested loop over ten thousand.
create or replace function deedbook.change_query(definition jsonb, operation text, inline boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A join has room for 1,664 columns: of wide tables the rows themselves are joined, which costs more.
    is_wide constant boolean := (definition ->> 'width')::integer > 800;
    o constant text := case when is_wide and operation = 'UPDATE' then '(o.whole)' else 'o' end;
    n constant text := case when is_wide and operation = 'UPDATE' then '(n.whole)' else 'n' end;
    created constant text := deedbook.concat_sql(
        array['''[1'''] || deedbook.carried_sql(definition, n) || deedbook.rest_sql(definition, n));
    deleted constant text := deedbook.concat_sql(
        array['''[3'''] || deedbook.carried_sql(definition, o) || deedbook.rest_sql(definition, o));
    -- Columns of several collations have none together.
    updated text := format('%s || nullif(%s collate "C", '''')',
        deedbook.concat_sql(array['''[2'''] || deedbook.carried_sql(definition, n)),
        deedbook.concat_sql(deedbook.difference_sql(definition, o, n)));
    change text;
    apart text := '';
    place text := 'deedbook_place';
begin
    while definition -> 'names' ? place loop
        place := place || '_';
    end loop;
    if operation = 'INSERT' then
        change := format('select %s as change, row_number() over () as place from new_rows n', created);
    elsif operation = 'DELETE' then
        change := format('select %s as change, row_number() over () as place from old_rows o', deleted);
    else
        -- A trigger of a partition may refuse a row that moves into it: places tell nothing then, rows are not paired.
        if (definition ->> 'partitioned')::boolean then
            updated := format('case when o.%1$I is null then %2$s when n.%1$I is null then %3$s else %4$s end',
                place, created, deleted, updated);
            apart := ' + (select case when (select count(*) from old_rows) = (select count(*) from new_rows) '
                || 'then 0 else 1099511627776 end)';
        end if;
        change := format('select %2$s as change, coalesce(o.%1$I, n.%1$I) as place '
            || 'from (select row_number() over () as %1$I, %4$s from old_rows r) o '
            || 'full join (select row_number() over ()%3$s as %1$I, %4$s from new_rows r) n on o.%1$I = n.%1$I',
            place, updated, apart, case when is_wide then 'r as whole' else 'r.*' end);
    end if;
    change := format('select string_agg(z.change || '']'', '','' order by z.place) as body from (%s) z '
        || 'where z.change is not null group by (z.place - 1) / 256', change);
    if inline then
        return format('select concat(''{"definition":'', %L, '',"changes":['', x.body, '']}'') as body from (%s) x',
            definition::text, change);
    end if;
    return change;
end
$$;

-- Columns of a table by name, or by number, as an array of numbers; an unknown one is an error.
create or replace function deedbook.column_numbers(relation oid, names jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    unknown text;
begin
    select name into unknown from jsonb_array_elements_text(names) name
    where not exists (select from pg_attribute where attrelid = relation and attname = name
                      and attnum > 0 and not attisdropped);
    if unknown is not null then
        raise undefined_column using message = format('the table %s has no column %I', relation::regclass, unknown);
    end if;
    return coalesce((select jsonb_agg(a.attnum order by name.ordinality)
        from jsonb_array_elements_text(names) with ordinality name
        join pg_attribute a on a.attrelid = relation and a.attname = name.value), '[]');
end
$$;

-- The columns that tell the rows of a table apart: of its primary key, else of a unique index without null; else none.
create or replace function deedbook.key_of(relation oid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select to_jsonb(i.indkey::int2[]) from pg_index i
        where i.indrelid = relation and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and i.indnatts = i.indnkeyatts
        and not exists (select from pg_attribute a
            where a.attrelid = relation and a.attnum = any (i.indkey::int2[]) and not a.attnotnull)
        order by i.indisprimary desc, i.indisreplident desc, i.indexrelid limit 1
    ), '[]')
$$;

-- What a table's rows are called where no mapping says so: `invoices`, or `billing_invoices` outside of `public`.
create or replace function deedbook.default_entity(relation oid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    name text;
    slug text;
begin
    select case when n.nspname = 'public' then c.relname else n.nspname || '_' || c.relname end into name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation;
    slug := left(regexp_replace(lower(name), '[^a-z0-9_]', '_', 'g'), 55);
    if exists (select from deedbook.captured c where c.relation <> default_entity.relation
               and c.mapping ->> 'entity' = slug) then
        slug := slug || '_' || left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 8);
    end if;
    return slug;
end
$$;

-- What is written of a column, and how.
create or replace function deedbook.column_of(relation oid, number integer, mapping jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'n', a.attnum,
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'form', deedbook.form(a.atttypid),
        'cast', case when t.typtype = 'd' and b.oid < 16384 then format('pg_catalog.%I', b.typname) end,
        'exact', deedbook.form(a.atttypid) in ('number', 'integer', 'boolean', 'time', 'instant', 'bytes')
            or b.oid = 'uuid'::regtype
            or deedbook.form(a.atttypid) = 'text' and coalesce(l.collisdeterministic, true)
                and (b.oid <> 'bpchar'::regtype or a.atttypmod > 0),
        'mask', coalesce(mapping -> 'mask' @> to_jsonb(a.attnum), false)
            or a.attname ~* 'password|token|secret'
                and not coalesce(mapping -> 'plain' @> to_jsonb(a.attnum), false)
                and not coalesce(mapping -> 'id' @> to_jsonb(a.attnum), false)
                and a.attnum is distinct from (mapping ->> 'label')::integer
                and a.attnum is distinct from (mapping ->> 'tenant')::integer,
        'personal', coalesce(mapping -> 'personal' @> to_jsonb(a.attnum), false)
    )
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    join pg_type b on b.oid = deedbook.base_type(a.atttypid)
    left join pg_collation l on l.oid = a.attcollation
    where a.attrelid = relation and a.attnum = number and not a.attisdropped
$$;

-- What a foreign key of a captured table points to, as a target of its changes.
create or replace function deedbook.target_of(foreign_key oid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    k pg_constraint;
    mapping jsonb;
    id jsonb;
    shown jsonb;
    result jsonb;
begin
    select * into k from pg_constraint where oid = foreign_key;
    select c.mapping into mapping from deedbook.captured c where c.relation = k.confrelid;
    mapping := coalesce(mapping, '{}');
    id := coalesce(mapping -> 'id', deedbook.key_of(k.confrelid));
    result := jsonb_build_object(
        'entity', coalesce(mapping ->> 'entity', deedbook.default_entity(k.confrelid)), 'columns', to_jsonb(k.conkey));
    -- Equality of types of users is code of users: such keys are not looked up.
    if (mapping ->> 'label' is null and id = to_jsonb(k.confkey)) or exists (
        select from pg_attribute where attrelid = k.conrelid and attnum = any (k.conkey)
        and deedbook.form(atttypid) = 'other') then
        return result;
    end if;
    select jsonb_agg(deedbook.column_of(k.confrelid, number.value::integer, mapping) order by number.ordinality) into shown
    from jsonb_array_elements_text(id || coalesce(jsonb_build_array(mapping -> 'label'), '[]')) with ordinality number
    where number.value is not null;
    return result || jsonb_build_object(
        'via', format('captured_%s_%s', k.conrelid, k.oid),
        'from', (select format('%I.%I', n.nspname, c.relname) from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace where c.oid = k.confrelid),
        'on', (select jsonb_agg(jsonb_build_object('here', a.attname, 'there', b.attname,
                   'type', format('pg_catalog.%I', t.typname)) order by pair.ordinality)
               from unnest(k.conkey, k.confkey) with ordinality pair(here, there, ordinality)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.here
               join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.there
               join pg_type t on t.oid = deedbook.base_type(a.atttypid)),
        'shown', shown, 'ids', jsonb_array_length(id));
end
$$;

-- Whether a table does nothing but join two others: two foreign keys, and no column beside them but a key of its own.
create or replace function deedbook.is_link(relation oid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*) = 2 and not exists (
        select from pg_attribute a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
        and not exists (select from pg_constraint k where k.conrelid = relation and k.contype in ('f', 'p')
                        and a.attnum = any (k.conkey))
    ) from pg_constraint f where f.conrelid = relation and f.contype = 'f' and f.conparentid = 0
$$;

-- The whole description of a captured table: what its triggers write, and how that is read back.
create or replace function deedbook.describe(relation oid, mapping jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    id constant jsonb := coalesce(mapping -> 'id', deedbook.key_of(relation));
    link constant boolean := not coalesce((mapping ->> 'named')::boolean, false) and deedbook.is_link(relation);
    targets jsonb;
    carried jsonb;
    columns jsonb;
begin
    select coalesce(jsonb_agg(deedbook.target_of(k.oid) order by k.conkey), '[]') into targets
    from pg_constraint k where k.conrelid = relation and k.contype = 'f' and k.conparentid = 0
    and (link or exists (select from jsonb_array_elements_text(mapping -> 'targets') t where t::int2 = any (k.conkey)));
    carried := id || coalesce(mapping -> 'label', '[]') || coalesce(mapping -> 'tenant', '[]')
        || coalesce((select jsonb_agg(c) from jsonb_array_elements(targets) t, jsonb_array_elements(t -> 'columns') c), '[]');
    select coalesce(jsonb_agg(deedbook.column_of(relation, a.attnum, mapping)
        || jsonb_build_object('carried', carried @> to_jsonb(a.attnum)) order by a.attnum), '[]') into columns
    from pg_attribute a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
    and (carried @> to_jsonb(a.attnum) or not coalesce(mapping -> 'omit' @> to_jsonb(a.attnum), false));
    return jsonb_strip_nulls(jsonb_build_object(
        'schema', (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation),
        'table', (select relname from pg_class where oid = relation),
        'entity', mapping -> 'entity', 'id', id, 'label', mapping -> 'label', 'tenant', mapping -> 'tenant',
        'audience', mapping -> 'audience', 'category', mapping -> 'category', 'link', link, 'targets', targets,
        'names', (select jsonb_agg(attname) from pg_attribute where attrelid = relation and attname like 'deedbook\_place%'),
        'width', (select count(*) from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped),
        'partitioned', (select relkind = 'p' from pg_class where oid = relation), 'columns', columns));
end
$$;

-- The text of a table's trigger function, columns compiled in: it looks nothing up.
create or replace function deedbook.function_sql(relation oid, definition jsonb, shape integer, fingerprint text)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    forms constant text[] := array(
        select c ->> 'form' from jsonb_array_elements(definition -> 'columns') c union
        select c ->> 'form' from jsonb_array_elements(definition -> 'targets') t, jsonb_array_elements(t -> 'shown') c);
    -- Compiling costs a second and more; estimates for transition tables are too high by far.
    settings text := 'set search_path = pg_catalog, pg_temp set jit = off';
    branches text := '';
    operation text;
begin
    -- How a session likes its numbers and times must not change what is written; only who has such columns pays for it.
    if forms && array['float', 'list', 'other'] then
        settings := settings || ' set extra_float_digits = 1';
    end if;
    if forms && array['other'] then
        settings := settings || ' set datestyle = ''ISO'' set timezone = ''UTC'' set intervalstyle = ''postgres''';
    end if;
    foreach operation in array array['INSERT', 'UPDATE', 'DELETE'] loop
        branches := branches || format($branch$    if tg_op = %1$L then
        select deedbook.fits(%2$s, %3$L) into fits from %4$s_rows limit 1;
        if fits then
            for change in %5$s loop
                pending := deedbook.pending_context();
                insert into deedbook.outbox (shape, body, context) values (%6$s, change, pending);
            end loop;
            return null;
        end if;
    end if;
$branch$, operation, relation, fingerprint, case operation when 'INSERT' then 'new' else 'old' end,
            deedbook.change_query(definition, operation, false), shape);
    end loop;
    -- As a literal: a name may hold any dollar quote.
    return format('create or replace function deedbook.captured_%s() returns trigger language plpgsql security definer %s as %L',
        relation, settings, format($body$
declare
    fits boolean;
    change text;
    pending text;
begin
%3$s    if tg_op = 'TRUNCATE' then
        pending := deedbook.pending_context();
        insert into deedbook.outbox (shape, body, context)
        values (%2$s, concat('[4,', to_json(tg_table_schema::text)::text, ',', to_json(tg_table_name::text)::text, ']'), pending);
    elsif not fits then
        -- The table was altered and nobody made this function anew. The application must not notice.
        begin
            for change in execute deedbook.stale_query(%1$s, tg_op) loop
                pending := deedbook.pending_context();
                insert into deedbook.outbox (shape, body, context) values (%2$s, change, pending);
            end loop;
        exception when others then
            pending := deedbook.pending_context();
            insert into deedbook.outbox (shape, body, context) values (%2$s,
                concat('{"error":', to_json(sqlerrm)::text, ',"operation":', to_json(tg_op)::text, '}'), pending);
        end;
    end if;
    return null;
end
$body$, relation, shape, branches));
end
$$;

-- The query over the transition tables of a table that is not as its shape says, made on the spot.
create or replace function deedbook.stale_query(relation oid, operation text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    definition jsonb;
begin
    select deedbook.describe(c.relation, c.mapping) into definition
    from deedbook.captured c where c.relation = stale_query.relation;
    -- Without look-ups that were not made yet.
    definition := definition || jsonb_build_object('targets', coalesce((
        select jsonb_agg(t.value order by t.ordinality) from jsonb_array_elements(definition -> 'targets') with ordinality t
        where not t.value ? 'via' or to_regproc('deedbook.' || (t.value ->> 'via')) is not null), '[]'));
    return deedbook.change_query(definition, operation, true);
end
$$;

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
            execute format('with old_rows as (select * from %1$s where false), new_rows as (select * from %1$s where false) %2$s',
                relation::regclass, deedbook.change_query(definition, operation, false));
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
