"""Django: ``RemoteUserMiddleware`` takes the user from the log-in; here with a whole site in one file."""

import os

import django
from django.conf import settings

import kam3
from kam3.adapters.wsgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")

settings.configure(
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.sqlite"}},
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.RemoteUserMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
)
django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

call_command("migrate", verbosity=0)


def home(request):
    """Greet who has logged in."""
    return HttpResponse(f"Hello, {request.user.get_username()}!\n")


urlpatterns = [path("", home)]

server = MutualServer([Space(MEMBERS)], [ORIGIN])
users = SqliteCredentialStore("users.sqlite")
app = MutualMiddleware(get_wsgi_application(), server, table=MemorySessionTable(), credentials=users)
