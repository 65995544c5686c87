"""The tables of ../schema.sql; nothing in them knows of an audit log."""

from django.db import models


class User(models.Model):
    id = models.TextField(primary_key=True)
    name = models.TextField()

    class Meta:
        managed = False
        db_table = "users"


class Customer(models.Model):
    name = models.TextField()
    email = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "customers"


class Tag(models.Model):
    name = models.TextField(unique=True)

    class Meta:
        managed = False
        db_table = "tags"


class Invoice(models.Model):
    customer = models.ForeignKey(Customer, models.PROTECT)
    title = models.TextField()
    state = models.TextField(default="draft")
    cents = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag, db_table="invoice_tags")

    class Meta:
        managed = False
        db_table = "invoices"


class Line(models.Model):
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    text = models.TextField()
    cents = models.IntegerField()

    class Meta:
        managed = False
        db_table = "lines"
