import json

from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.http import require_POST

from .models import Invoice, Tag


@require_POST
def write(request):
    """Writes an invoice with its lines and tags."""
    body = json.loads(request.body)
    with transaction.atomic():
        lines = body.get("lines", [])
        cents = sum(line["cents"] for line in lines)
        invoice = Invoice.objects.create(customer_id=body["customer"], title=body["title"], cents=cents)
        for line in lines:
            invoice.lines.create(text=line["text"], cents=line["cents"])
        invoice.tags.set(Tag.objects.get_or_create(name=name)[0] for name in body.get("tags", []))
    return JsonResponse({"id": invoice.id}, status=201)


@require_POST
def approve(request, pk):
    invoice = get_object_or_404(Invoice, pk=pk)
    invoice.state = "approved"
    invoice.save(update_fields=["state"])
    return JsonResponse({"id": invoice.id, "state": invoice.state})


urlpatterns = [path("invoices", write), path("invoices/<int:pk>/approve", approve)]
