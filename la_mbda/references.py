"""What users name as `my_package.module:name`: classes and functions of their own."""

import importlib
from typing import Any

from la_mbda.errors import ExpectedError


def is_reference(text: str) -> bool:
    """Say whether a text has the form `module:name`."""
    module, _, name = text.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def load(what: str, reference: str) -> Any:
    """Import what `module:name` names.

    Args:
        what: it is for, in the words of messages.

    Raises:
        ValueError: there is no such module, or no such name in it.
    """
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # One that the module itself needs.
        raise ExpectedError(
            f"{what} {reference}: there is no module {error.name!r}: install it, or put its "
            "folder into PYTHONPATH"
        ) from error
    except AttributeError as error:
        raise ExpectedError(f"{what} {reference}: {module} has no {name!r}") from error
