"""Errors of exported files, a class for each situation. Messages are complete sentences for people."""

from __future__ import annotations


class DocumentError(Exception):
    """`line` counts from 1; None: no line is wrong by itself."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class TooLargeError(DocumentError):
    """Too many bytes, levels or values for an export."""


class NotUtf8Error(DocumentError):
    """The bytes are not UTF-8 text."""


class NotYamlError(DocumentError):
    """The text cannot be parsed."""


class ManyDocumentsError(DocumentError):
    """More than one YAML document, or none."""


class UnrepresentableError(DocumentError):
    """A value that YAML has, but JSON, and so Kubernetes, does not."""


class NotAnExportError(DocumentError):
    """The file is YAML but not an exported entity."""


class MissingFieldError(NotAnExportError):
    """A required field is missing."""


class WrongTypeError(NotAnExportError):
    """A field has a wrong type."""


class InvalidKindError(DocumentError):
    """The `kind` is malformed, or contradicts the task."""


class InvalidReferenceError(DocumentError):
    """A reference such as `kind://project/name:id` is malformed."""
