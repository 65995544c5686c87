from django.apps import AppConfig
from django.db.backends.signals import connection_created

from . import deedbook


class InvoicesConfig(AppConfig):
    name = "invoices"

    def ready(self):
        connection_created.connect(deedbook.install)
