-- Row capture, first part: which tables are captured, and what is known of them. The three parts are run in order after
-- the schema, in the same transaction, by the same role; they may be run again at any time.

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

-- Whether this transaction sees the columns of a table as they are: one that took its snapshot before they changed, at
-- REPEATABLE READ and above, reads the catalog of then. What these two functions tell is of now.
create or replace function deedbook.sees(relation oid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select not exists (
        select from pg_attribute a where a.attrelid = sees.relation and a.attnum > 0 and not a.attisdropped
        and case when has_column_privilege(sees.relation, a.attnum, 'SELECT') is null then true else
            (pg_identify_object_as_address('pg_class'::regclass, sees.relation, a.attnum)).object_names[3] <> a.attname end
    ) and has_column_privilege(sees.relation, (
        select max(a.attnum) + 1 from pg_attribute a where a.attrelid = sees.relation)::int2, 'SELECT') is null
$$;

-- Whether a generated function fits its table. It is not immutable: declared so, it is evaluated once where the call is
-- prepared, and that is done anew whenever the table is altered. So it costs nothing per row.
create or replace function deedbook.fits(relation oid, fingerprint text) returns boolean
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$ select deedbook.sees(fits.relation) and deedbook.fingerprint(fits.relation) = fits.fingerprint $$;

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
