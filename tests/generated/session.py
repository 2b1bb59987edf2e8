"""What a client does in its first minutes, with code that openapi-python-client and datamodel-code-generator wrote."""

import os
import sys
from io import BytesIO
from uuid import uuid4

import tasktracker_models as models
from tasktracker_api import AuthenticatedClient, Client
from tasktracker_api.api.accounts import export_account, import_account, register
from tasktracker_api.api.sessions import login
from tasktracker_api.api.sync import follow_changes, pull_changes, push_mutations
from tasktracker_api.api.tasks import create_task, edit_task, list_tasks, replace_task
from tasktracker_api.models import (
    CreateTask,
    EditTask,
    ImportView,
    ItemType,
    ListedTaskView,
    Login,
    MutationBody,
    MutationBodyData,
    MutationOp,
    Priority,
    Problem,
    ProblemType,
    PushedView,
    PushMutations,
    Register,
    ReplaceTask,
    ReplaceTaskIfNoneMatch,
    SignedInView,
    State,
    Status,
    TaskSort,
    TaskView,
)
from tasktracker_api.types import UNSET, File, Unset

# Its types are checked with those of the generated code, by `tests.generated.check`.
base_url = sys.argv[1]
username, password = f"py{os.getpid()}", "violet-otter-quarry-48"
visitor = Client(base_url)
registered = register.sync(client=visitor, body=Register(username, password))
assert isinstance(registered, SignedInView), registered
signed_in = login.sync(client=visitor, body=Login(username, password, device="Python"))
assert isinstance(signed_in, SignedInView), signed_in
api = AuthenticatedClient(base_url, signed_in.access)

# Create, and read a list page by page.
for title in ("first", "second", "third"):
    task = create_task.sync(client=api, body=CreateTask(title, priority=Priority.VALUE_2))
    assert isinstance(task, TaskView), task
titles: list[str] = []
cursor: str | Unset = UNSET
while True:
    response = list_tasks.sync_detailed(client=api, sort=TaskSort.CREATED_AT, limit=2, cursor=cursor)
    assert isinstance(response.parsed, ListedTaskView), response
    assert len(models.ListedTaskView.model_validate_json(response.content).results) == len(response.parsed.results)
    titles += [task.title for task in response.parsed.results]
    if response.parsed.next_cursor is None:
        break
    cursor = response.parsed.next_cursor
assert titles == ["first", "second", "third"]

# Create under a chosen id, and change what was read.
task_id = uuid4()
created = replace_task.sync_detailed(
    task_id, client=api, body=ReplaceTask("chosen"), if_none_match=ReplaceTaskIfNoneMatch.ANY
)
assert created.status_code == 201, created
etag = created.headers["ETag"]
edited = edit_task.sync(task_id, client=api, body=EditTask(state=State.DONE), if_match=etag)
assert isinstance(edited, TaskView), edited
assert edited.state is State.DONE

# Problems: a stale version, and an invalid field.
stale = edit_task.sync(task_id, client=api, body=EditTask(state=State.OPEN), if_match=etag)
assert isinstance(stale, Problem), stale
assert stale.type_ is ProblemType.STALE_VERSION
assert not isinstance(stale.current, Unset)
assert stale.current["version"] == 2
invalid = create_task.sync(client=api, body=CreateTask(" "))
assert isinstance(invalid, Problem), invalid
assert not isinstance(invalid.errors, Unset)
assert [error.field for error in invalid.errors] == ["title"]

# Sync: pull, push, and the event of the pushed change.
pulled = pull_changes.sync(client=api)
assert not isinstance(pulled, Problem | None), pulled
assert len(pulled.changes) == 4
data = MutationBodyData.from_dict({"title": "pushed"})
mutation = MutationBody(uuid4(), ItemType.TASK, MutationOp.UPDATE, task_id, base_version=2, data=data)
pushed = push_mutations.sync(client=api, body=PushMutations([mutation]))
assert isinstance(pushed, PushedView), pushed
assert [result.status for result in pushed.results] == [Status.APPLIED]
# The generated function would wait for the end of the stream.
request = follow_changes._get_kwargs(cursor=pulled.next_cursor)
with api.get_httpx_client().stream(**request) as events:
    assert next(line for line in events.iter_lines() if f'"id":"{task_id}"' in line)

# Files.
imported = import_account.sync(client=api, body=File(BytesIO(b"TYPE,CONTENT\ntask,imported\n")))
assert isinstance(imported, ImportView), imported
assert imported.tasks.created == 1
exported = export_account.sync(client=api)
assert isinstance(exported, File), exported
assert b"imported" in exported.payload.read()
