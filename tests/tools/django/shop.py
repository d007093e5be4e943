"""A Django project of one parts shop, brought to one of its versions.

    python shop.py FILE old|new|check|at NUMBER

`old` is the first migration, `new` all of them, `at 0004` one between; `check` fails unless all are applied and
the models say the same as they do. With TRACE=1 each statement is told on standard error.

Needs:  Django, in the version of ../requirements.txt.
Leaves: the tables of the project in FILE, and of what every Django project has (users, content types).
"""

import logging
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command


def ready(file):
    """Sets Django up for this file."""
    sys.dont_write_bytecode = True
    settings.configure(
        SECRET_KEY="none",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "stock"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": file,
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }},
    )
    django.setup()
    if os.environ.get("TRACE"):
        from django.db import connection
        connection.force_debug_cursor = True
        logger = logging.getLogger("django.db.backends")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.StreamHandler(sys.stderr))


def main(file, version, number=None):
    ready(file)
    if version == "check":
        call_command("migrate", check_unapplied=True, verbosity=0)
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1)
        return
    if version == "new":
        call_command("migrate", verbosity=0)
        return
    call_command("migrate", "auth", verbosity=0)
    call_command("migrate", "stock", number or "0001", verbosity=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
