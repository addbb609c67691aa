"""What can be wrong with an exported file, one class a situation. Messages are complete sentences for people."""

from __future__ import annotations


class DocumentError(Exception):
    """`line` is 1-based; None where no line is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class TooLargeError(DocumentError):
    """More bytes, more nesting or more values than an export can sensibly have."""


class NotUtf8Error(DocumentError):
    """The bytes are no UTF-8 text."""


class NotYamlError(DocumentError):
    """The text cannot be parsed."""


class ManyDocumentsError(DocumentError):
    """More than one YAML document, or none."""


class UnrepresentableError(DocumentError):
    """A value that YAML has and JSON, and so Kubernetes, has not."""


class NotAnExportError(DocumentError):
    """The file is YAML but not an exported entity."""


class MissingFieldError(NotAnExportError):
    """A compulsory field is not there."""


class WrongTypeError(NotAnExportError):
    """A field is there, but of another type."""


class InvalidKindError(DocumentError):
    """The `kind` is malformed, or contradicts the task."""


class InvalidReferenceError(DocumentError):
    """A reference such as `kind://project/name:id` is malformed."""
