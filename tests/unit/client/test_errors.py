"""Answers of the API server as errors that say what to do."""

from __future__ import annotations

import pytest

from run_operator.client.errors import (
    BadRequestError,
    ConflictError,
    EntityAlreadyExistsError,
    EntityNotExistsError,
    ExpiredError,
    ForbiddenError,
    UnauthorizedError,
    UnavailableError,
)
from run_operator.client.transport import error_of


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", BadRequestError), (401, "Unauthorized", UnauthorizedError), (403, "Forbidden", ForbiddenError),
        (404, "NotFound", EntityNotExistsError), (409, "AlreadyExists", EntityAlreadyExistsError),
        (409, "Conflict", ConflictError), (410, "Expired", ExpiredError), (422, "Invalid", BadRequestError),
        (429, "TooManyRequests", UnavailableError), (500, "", UnavailableError), (503, "", UnavailableError),
    ],
)  # fmt: skip
def test_each_answer_is_the_error_of_its_situation(status, reason, kind):
    error = error_of(
        "GET /x", status, {"Retry-After": "7"}, f'{{"reason": "{reason}", "message": "why"}}'.encode()
    )
    assert type(error) is kind
    assert (error.status, error.reason) == (status, reason)
    assert "why" in str(error)


def test_an_answer_that_is_no_status_is_shortened_and_a_missing_crd_says_what_to_do():
    assert len(str(error_of("GET /x", 502, {}, b"<html>" * 10_000))) < 700
    assert "kubectl apply -k crds" in str(error_of("GET /x", 404, {}, b"404 page not found"))
    assert "run-operator-edit" in str(error_of("GET /x", 403, {}, b"{}"))


def test_what_the_cluster_cannot_hold_is_no_outage():
    said = error_of("POST /x", 500, {}, b'{"message": "etcdserver: request is too large"}')
    assert type(said) is BadRequestError
    assert "make it smaller" in str(said)
