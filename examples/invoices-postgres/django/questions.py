"""The twenty questions that a program can be asked, each asked of this project: what it does here must be in the log, or
must not. `crates/deedbook-cli/tests/it/questions` runs it, does the same from Rust, and judges both by the log.

Prints a JSON object: the number of a question → why it could not be asked as it should, for those.
"""

import asyncio
import json
import os
import sys
import threading
from contextvars import copy_context

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "invoices.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.test import Client  # noqa: E402
from invoices.deedbook import acting  # noqa: E402
from invoices.models import Invoice, User  # noqa: E402

BASE = int(sys.argv[1])
OWNER = sys.argv[2]


def user(name):
    return {"type": "user", "id": name.lower(), "name": name}


def invoice(question, number=0):
    return Invoice.objects.get(pk=number_of(question, number))


def number_of(question, number=0):
    return BASE + question * 1000 + number


def those(question):
    return Invoice.objects.filter(pk__gte=number_of(question), pk__lt=number_of(question + 1))


def change(found, title="changed"):
    found.title = title
    found.save()


def record(action, question):
    target = {"type": "invoice", "id": str(number_of(question))}
    with connection.cursor() as cursor:
        cursor.execute("select deedbook.record(%s)", [json.dumps({"action": action, "targets": [target]})])


def refused(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError("it was not refused")


def rollback():
    def inside():
        with transaction.atomic():
            change(invoice(1))
            record("invoice.checked", 1)
            raise KeyError

    refused(KeyError, inside)


def savepoint():
    def inside():
        with transaction.atomic():
            change(invoice(2, 1))
            record("invoice.checked", 2)
            raise KeyError

    with transaction.atomic():
        change(invoice(2))
        refused(KeyError, inside)


def refused_alone():
    refused(IntegrityError, lambda: those(3).update(cents=-1))


def refused_inside():
    def inside():
        with transaction.atomic():
            change(invoice(4))
            those(4).update(cents=-1)

    refused(IntegrityError, inside)


def bulk_insert():
    Invoice.objects.bulk_create(Invoice(id=number_of(5, n), customer_id=1, title=f"new {n}") for n in range(100))


def bulk_update():
    found = list(those(6))
    for one in found:
        one.cents = one.id
    Invoice.objects.bulk_update(found, ["cents"])


def query_update():
    assert those(7).update(state="sent") == 1000


def raw_sql():
    with connection.cursor() as cursor:
        cursor.execute(f"update invoices set title = '100 %' where id = {number_of(8)}")


def query_delete():
    those(9).delete()


def some_fields():
    found = invoice(10)
    found.title, found.cents = "changed", 99
    found.save(update_fields=["title"])


def expression():
    found = invoice(11)
    found.cents = F("cents") + 5
    found.save()


def actor():
    answer = Client(headers={"X-User": "ada", "X-Request-Id": "request-12"}).post(f"/invoices/{number_of(12)}/approve")
    assert answer.status_code == 200, answer.content


def nested():
    many = "update invoices set title = %s where id = %s"
    with transaction.atomic():
        change(invoice(13))
        with acting(actor=user("Sam")), connection.cursor() as cursor:
            cursor.executemany(many, [["100 %", number_of(13, 1)]])
        change(invoice(13, 2))


def thread():
    def work():
        try:
            change(invoice(14))
        finally:
            connection.close()

    # Python gives a thread no context before version 3.14; this is how it is handed one.
    started = threading.Thread(target=copy_context().run, args=[work])
    started.start()
    started.join()


def tasks():
    async def task(name, number):
        with acting(actor=user(name)):
            for turn in range(10):
                found = await Invoice.objects.aget(pk=number_of(15, number))
                found.title = f"turn {turn}"
                await found.asave()
                await asyncio.sleep(0)

    async def both():
        await asyncio.gather(task("Ada", 0), task("Sam", 1))

    asyncio.run(both())


def no_outbox():
    with psycopg.connect(OWNER, autocommit=True) as owner:
        owner.execute("alter table deedbook.outbox rename to outbox_away")
        try:
            refused(DatabaseError, lambda: change(invoice(16)))
            refused(DatabaseError, lambda: record("invoice.checked", 16))
        finally:
            owner.execute("alter table deedbook.outbox_away rename to outbox")
    assert invoice(16).title == "as it was"


def no_log():
    change(invoice(17))
    record("invoice.checked", 17)


def audit_rows(attempts):
    def attempt(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)

    for sql in attempts:
        try:
            attempt(sql)
        except ProgrammingError as error:
            assert isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege), error
        else:
            raise AssertionError(f"it was not refused: {sql}")


def deleted_user():
    name = f"Passer{BASE}"
    User.objects.create(id=name.lower(), name=name)
    with acting(actor=user(name)):
        change(invoice(19))
    User.objects.get(pk=name.lower()).delete()


def deleted_object():
    change(invoice(20))
    invoice(20).delete()


def main():
    attempts = json.load(sys.stdin)
    questions = [
        rollback, savepoint, refused_alone, refused_inside, bulk_insert, bulk_update, query_update, raw_sql,
        query_delete, some_fields, expression, actor, nested, thread, tasks, no_outbox, no_log,
        lambda: audit_rows(attempts), deleted_user, deleted_object,
    ]  # fmt: skip
    failed = {}
    for number, ask in enumerate(questions, 1):
        try:
            with acting(actor=user("Grace")):
                ask()
        except Exception as error:
            failed[number] = f"{type(error).__name__}: {error}"
    json.dump(failed, sys.stdout)


if __name__ == "__main__":
    main()
