"""The official client of Yandex Tracker at work on the simulated one.

    startrek_client.py URL TOKEN ORG VERSION

Ends with an assertion that failed, or says what it did. It shares nothing with Heat: what it can do here, it can do
because the simulator answers as the tracker does.
"""

import sys

from yandex_tracker_client import TrackerClient
from yandex_tracker_client.exceptions import (
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    TrackerServerError,
    UnprocessableEntity,
)

RACK = "65f0c0ffee65f0c0ffee65f1--rackName"


def refused(error, call):
    """Calls, and demands this error of the client."""
    try:
        call()
    except error as it:
        return it
    raise AssertionError(f"{error} was expected")


def main(url, token, org, version):
    def connected(**kwargs):
        given = {"token": token, "org_id": org, "base_url": url, "api_version": version, "retries": 0, **kwargs}
        return TrackerClient(**given)

    client = connected()
    assert client.myself.login == "heat-robot", client.myself
    refused(Forbidden, lambda: connected(org_id="1").myself)
    assert refused(TrackerServerError, lambda: connected(token="nobody").myself).status_code == 401

    # Create, and create again.
    unique = f"heat-{version}-1 &ü"
    issue = client.issues.create(
        queue="NETOPS",
        summary="Стойка A-07 без питания",
        description="**Rack** A-07\n\n`2 of 8 down`",
        type={"name": "Incident"},
        priority="critical",
        assignee="petrov",
        followers=["sidorova"],
        tags=["heat", version],
        unique=unique,
        params={"notify": "false"},
        **{RACK: "A-07"},
    )
    assert issue.key.startswith("NETOPS-"), issue.key
    assert (issue.status.key, issue.priority.key, issue.type.key) == ("open", "critical", "incident")
    assert issue.queue.key == "NETOPS" and issue.assignee.login == "petrov"
    assert issue[RACK] == "A-07" and issue.resolution is None
    again = client.issues.create(queue="NETOPS", summary="another", unique=unique)
    assert (again.key, again.summary) == (issue.key, issue.summary)
    error = refused(UnprocessableEntity, lambda: client.issues.create(queue="NETOPS", summary="x", type="disaster"))
    assert "type" in error.errors, error.errors

    # Find and count.
    others = [client.issues.create(queue="DCOPS", summary=f"{number}", tags=[version]) for number in range(7)]
    mine = {"tags": version}
    found = client.issues.find(filter=mine, order=["+key"], per_page=3)
    assert len(found) == 8 and found.pages_count == 3
    assert [one.key for one in found] == [one.key for one in others] + [issue.key]
    assert [one.key for one in found.get_page(3)] == [others[6].key, issue.key]
    assert client.issues.find(filter=mine, count_only=True) == 8
    assert [one.key for one in client.issues.find(keys=[issue.key, "NETOPS-9999"])] == [issue.key]
    assert client.issues[issue.key].id == issue.id
    refused(NotFound, lambda: client.issues["NETOPS-9999"])

    # Update, and update what somebody else has updated.
    stale = client.issues[issue.key]
    issue.update(summary="Стойка A-07", tags={"add": ["power"]}, assignee=None)
    assert issue.summary == "Стойка A-07" and "power" in issue.tags and issue.assignee is None
    refused((Conflict, PreconditionFailed), lambda: stale.update(summary="too late"))
    assert client.issues[issue.key].summary == "Стойка A-07"

    # Comment: more than fit on one page.
    texts = [f"comment {number}" for number in range(60)]
    for text in texts:
        issue.comments.create(text=text, params={"isAddToFollowers": "false"})
    assert [comment.text for comment in issue.comments.get_all()] == texts
    first = next(iter(issue.comments.get_all()))
    first.update(text="changed")
    assert issue.comments[first.id].text == "changed"
    first.delete()
    refused(NotFound, lambda: issue.comments[first.id])
    issue = client.issues[issue.key]
    assert [follower.login for follower in issue.followers] == ["sidorova"]

    # Through the workflow.
    assert [step.id for step in issue.transitions.get_all()] == ["start_progress", "close"]
    issue.transitions["start_progress"].execute()
    close = issue.transitions["close"]
    assert close.to.key == "closed"
    refused(UnprocessableEntity, close.execute)
    after = close.execute(comment="готово", resolution="fixed")
    assert [step.id for step in after] == ["reopen"]
    issue = client.issues[issue.key]
    assert (issue.status.key, issue.resolution.key) == ("closed", "fixed")
    refused(NotFound, lambda: issue.transitions["close"])

    # Link, and link again.
    link = issue.links.create(relationship="is subtask for", issue=others[0].key)
    assert link.object.key == others[0].key and link.type.id == "subtask"
    refused(UnprocessableEntity, lambda: issue.links.create(relationship="is subtask for", issue=others[0].key))
    assert [one.object.key for one in others[0].links.get_all()] == [issue.key]

    # Move.
    old = others[1].key
    moved = others[1].move_to("SRE")
    assert moved.key.startswith("SRE-") and client.issues[old].key == moved.key

    # The dictionaries.
    assert "critical" in [priority.key for priority in client.priorities.get_all()]
    assert "incident" in [kind.key for kind in client.issue_types.get_all()]
    assert "inProgress" in [status.key for status in client.statuses.get_all()]
    assert client.queues["NETOPS"].name == "Network operations"
    assert "summary" in [field.id for field in client.fields.get_all()]

    print(f"{version}: {issue.key}")


if __name__ == "__main__":
    main(*sys.argv[1:])
