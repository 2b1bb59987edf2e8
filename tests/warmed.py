"""Imported by the process that forks servers: the first application takes three times as long to build as others."""

import gc

from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import create_app
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.settings import load
from tests import signatures

signatures.read_once()
application = create_app(Container(settings=load({"DATABASE_URL": "memory://"}, None)))
for service in vars(application.services).values():
    if isinstance(service, ThreadRunner):
        service.close()
gc.collect()
gc.freeze()
gc.enable()
