-- Row capture, second part: a definition -> the text of a table's trigger function. What it writes, `events.rs` reads.

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

-- SQL: the same for a statement that changed one row, which most do: an expression of the variables `old_row` and
-- `new_row`.
create or replace function deedbook.single_sql(definition jsonb, operation text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case operation
        when 'INSERT' then format('%s || '']''', deedbook.concat_sql(
            array['''[1'''] || deedbook.carried_sql(definition, 'new_row') || deedbook.rest_sql(definition, 'new_row')))
        when 'DELETE' then format('%s || '']''', deedbook.concat_sql(
            array['''[3'''] || deedbook.carried_sql(definition, 'old_row') || deedbook.rest_sql(definition, 'old_row')))
        else format('%s || nullif(%s collate "C", '''') || '']''',
            deedbook.concat_sql(array['''[2'''] || deedbook.carried_sql(definition, 'new_row')),
            deedbook.concat_sql(deedbook.difference_sql(definition, 'old_row', 'new_row')))
    end
$$;

-- What a trigger does for one kind of statement. Where it changed one row, the change is an expression of variables:
-- PL/pgSQL prepares that once in a transaction, a query for each statement, which costs more the more columns there are.
create or replace function deedbook.branch_sql(definition jsonb, operation text, shape integer) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format($branch$
            select * into %1$s_row from %1$s_rows;
            if not found then
                return null;
            end if;
            perform from %1$s_rows offset 1;
            is_single := not found;%2$s
            if is_single then
                change := %3$s;
                if change is not null then
                    pending := deedbook.pending_context();
                    insert into deedbook.outbox (shape, body, context) values (%5$s, change, pending);
                end if;
                return null;
            end if;
            for change in %4$s loop
                pending := deedbook.pending_context();
                insert into deedbook.outbox (shape, body, context) values (%5$s, change, pending);
            end loop;
            return null;$branch$,
        case operation when 'INSERT' then 'new' else 'old' end,
        -- A trigger of a partition may refuse a row that moves into it: then there is no new row.
        case operation when 'UPDATE' then '
            if is_single then
                select * into new_row from new_rows;
                is_single := found;
            end if;' else '' end,
        deedbook.single_sql(definition, operation), deedbook.change_query(definition, operation, false), shape)
$$;

-- The text of a table's trigger function, columns compiled in: it looks nothing up. The table's number is a literal of
-- type oid in the call of deedbook.fits, which makes what was found there void whenever the table is altered.
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
begin
    -- How a session likes its numbers and times must not change what is written; only who has such columns pays for it.
    if forms && array['float', 'list', 'other'] then
        settings := settings || ' set extra_float_digits = 1';
    end if;
    if forms && array['other'] then
        settings := settings || ' set datestyle = ''ISO'' set timezone = ''UTC'' set intervalstyle = ''postgres''';
    end if;
    -- As a literal: a name may hold any dollar quote.
    return format('create or replace function deedbook.captured_%s() returns trigger language plpgsql security definer %s as %L',
        relation, settings, format($body$
declare
    old_row record;
    new_row record;
    is_single boolean;
    change text;
    pending text;
begin
    if tg_op = 'TRUNCATE' then
        pending := deedbook.pending_context();
        insert into deedbook.outbox (shape, body, context)
        values (%3$s, concat('[4,', to_json(tg_table_schema::text)::text, ',', to_json(tg_table_name::text)::text, ']'), pending);
        return null;
    end if;
    if deedbook.fits('%1$s', %2$L) then
        if tg_op = 'UPDATE' then%4$s
        elsif tg_op = 'INSERT' then%5$s
        else%6$s
        end if;
    end if;
    -- The table was altered and nobody made this function anew. The application must not notice.
    begin
        for change in execute deedbook.stale_query(%1$s, tg_op) loop
            pending := deedbook.pending_context();
            insert into deedbook.outbox (shape, body, context) values (%3$s, change, pending);
        end loop;
    exception when others then
        pending := deedbook.pending_context();
        insert into deedbook.outbox (shape, body, context) values (%3$s,
            concat('{"error":', to_json(sqlerrm)::text, ',"operation":', to_json(tg_op)::text, '}'), pending);
    end;
    return null;
end
$body$, relation, fingerprint, shape, deedbook.branch_sql(definition, 'UPDATE', shape),
        deedbook.branch_sql(definition, 'INSERT', shape), deedbook.branch_sql(definition, 'DELETE', shape)));
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
    if not deedbook.sees(relation) then
        raise exception 'the columns changed after this transaction had begun, and it does not see them';
    end if;
    select deedbook.describe(c.relation, c.mapping) into definition
    from deedbook.captured c where c.relation = stale_query.relation;
    -- Without look-ups that were not made yet.
    definition := definition || jsonb_build_object('targets', coalesce((
        select jsonb_agg(t.value order by t.ordinality) from jsonb_array_elements(definition -> 'targets') with ordinality t
        where not t.value ? 'via' or to_regproc('deedbook.' || (t.value ->> 'via')) is not null), '[]'));
    return deedbook.change_query(definition, operation, true);
end
$$;
