import os

SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying it out")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
INSTALLED_APPS = ["invoices.apps.InvoicesConfig"]
MIDDLEWARE = ["invoices.requests.SignIn"]
ROOT_URLCONF = "invoices.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# PGHOST, PGPORT and PGPASSWORD say the rest, as to every client of PostgreSQL.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "invoices"),
        "USER": os.environ.get("PGUSER", "invoices_app"),
    }
}
