"""Who acts: told once for a request. `X-User` stands for whatever authenticates in a real project."""

from django.http import JsonResponse

from .deedbook import acting
from .models import User


class SignIn:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        user = User.objects.filter(pk=request.headers.get("X-User")).first()
        if user is None:
            return JsonResponse({"error": "say who you are: X-User"}, status=401)
        context = {"ip": request.META["REMOTE_ADDR"]}
        if "X-Request-Id" in request.headers:
            context["request_id"] = request.headers["X-Request-Id"]
        with acting(actor={"type": "user", "id": user.id, "name": user.name}, context=context):
            return self.get_response(request)
