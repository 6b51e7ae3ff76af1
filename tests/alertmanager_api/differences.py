"""Where an answer differs from Alertmanager 0.25's, and why. Whatever is not named here is the same."""

FIELDS = {
    "endsAt": "there an alert ends when nobody sends it again; here when its rule says so, so the end is always ahead",
    "updatedAt": "when it was sent last there, and when it last changed here",
    "acknowledged_by": "Alertmanager knows no acknowledgement; here it is an annotation",
}

# A request, the status there and here, and why. Bodies of errors are other sentences.
STATUSES: dict[tuple[str, str], tuple[int, int, str]] = {
    ("GET", "/alerts?active=maybe"): (200, 422, "there what is no truth value is false"),
    ("GET", "/alerts?filter=%3D%3D"): (400, 400, ""),
    ("GET", "/alerts?filter=a%3D~(b"): (400, 400, ""),
    ("GET", "/alerts?receiver=(team"): (400, 400, ""),
    ("GET", "/alerts/groups?receiver=(team"): (400, 400, ""),
    ("GET", "/silences?filter=%3D%3D"): (400, 400, ""),
    ("GET", "/silence/8f1b8ff2-0000-4000-8000-000000000000"): (404, 404, ""),
    ("GET", "/silence/none"): (422, 404, "an id is any text here: those of silences made elsewhere are no UUIDs"),
    ("DELETE", "/silence/8f1b8ff2-0000-4000-8000-000000000000"): (500, 500, ""),
    ("PUT", "/silences"): (405, 405, ""),
    ("GET", "/nothing"): (404, 404, ""),
    ("POST", "/alerts"): (200, 405, "alerts come from the monitor's rules only"),
}

# What is posted as a silence over `SILENCE` of the test.
SILENCES: dict[str, tuple[dict[str, object], int, int, str]] = {
    "ends before it begins": ({"startsAt": "2099-01-02T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}, 400, 400, ""),
    "ended": ({"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}, 400, 400, ""),
    "unknown id": ({"id": "8f1b8ff2-0000-4000-8000-000000000000"}, 404, 404, ""),
    "no matcher": ({"matchers": []}, 422, 422, ""),
    "matches everything": ({"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}, 400, 400, ""),
    "no regex": ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, 400, 400, ""),
    "no times": ({"startsAt": None, "endsAt": None}, 422, 422, ""),
    "no author": ({"createdBy": ""}, 200, 200, ""),
    "no comment": ({"comment": ""}, 200, 200, ""),
    "long comment": ({"comment": "x" * 2001}, 200, 422, "a comment has at most 2000 characters"),
    "author of two lines": ({"createdBy": "kim\nlee"}, 200, 422, "a name is one line"),
    "comment of two lines": ({"comment": "works\nuntil noon"}, 200, 200, ""),
    "control character": ({"comment": "works\x07"}, 200, 422, "control characters could change what a terminal shows"),
    "label with a dash": ({"matchers": [{"name": "a-b", "value": "c", "isRegex": False}]}, 400, 400, ""),
}
