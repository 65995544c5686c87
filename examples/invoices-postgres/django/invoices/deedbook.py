"""Tells PostgreSQL who acts, in the message of a statement that is sent anyway: no round trip and no commit more.

Inside a transaction the first statement carries it, in autocommit each one: the two are one transaction then. It needs
psycopg 3 as Django uses it, without `server_side_binding`.
"""

import json
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg.sql
from django.db import transaction

current = ContextVar("deedbook", default=None)


@contextmanager
def acting(**members):
    """Within it, everything is done by this `actor`, for this `reason`, with this `context`, of this `tenant`."""
    token = current.set({**(current.get() or {}), **members})
    try:
        yield
    finally:
        current.reset(token)


def install(connection, **_):
    """For the signal `connection_created`: each thread has connections of its own."""
    if connection.vendor == "postgresql" and tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(tell)


def tell(execute, sql, params, many, context):
    connection, cursor = context["connection"], context["cursor"]
    claim, is_open = current.get(), connection.in_atomic_block
    # The list is a new one after each commit and rollback, to a savepoint too, and so is what the database knows.
    told_in, known = getattr(connection, "deedbook_told", (None, None))
    if claim == (known if is_open and told_in is connection.run_on_commit else None) or is_apart(sql, cursor):
        return execute(sql, params, many, context)
    if many and not is_open:
        with transaction.atomic(connection.alias):
            return cursor.executemany(sql, params)
    text = psycopg.sql.Literal(json.dumps(claim) if claim else "").as_string()
    telling = f"select deedbook.context({text})"
    telling = telling if params is None else telling.replace("%", "%%")
    if many:
        execute(telling, [()], True, context)
        result = execute(sql, params, True, context)
    else:
        sql = sql if isinstance(sql, str) else sql.as_string(cursor.cursor)
        result = execute(f"{telling}; {sql}", params, False, context)
        cursor.nextset()
    if is_open:
        connection.deedbook_told = (connection.run_on_commit, claim)
    return result


def is_apart(sql, cursor):
    """A savepoint is set, and gone back to, as it is; a cursor of the server is declared by its name."""
    return str(sql).startswith(("SAVEPOINT ", "RELEASE ", "ROLLBACK ")) or getattr(cursor, "name", None)
