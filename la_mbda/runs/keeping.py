"""A run whose environment fails keeps what it had played before."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import tensorflow as tf

from la_mbda.errors import ENVIRONMENT_ERRORS

if TYPE_CHECKING:
    from la_mbda.runs.progress import RunProgress


@contextmanager
def keeping(
    progress: "RunProgress", acting: Sequence[tf.Variable], save: Callable[[], None]
) -> Iterator[None]:
    """While episodes are played: where the environment fails, the run is left as it was before.

    Once the environment is mended, the run resumes from there, as if they had not begun.

    Args:
        acting: what acting changes, set back to what it was.
        save: saves the run.

    Raises:
        BadEnvironmentError, EnvironmentFailedError: with a note on where the run stands.
    """
    before = [variable.numpy() for variable in acting]
    try:
        yield
    except ENVIRONMENT_ERRORS as error:
        for variable, value in zip(acting, before, strict=True):
            variable.assign(value)
        if progress.moment:
            save()
        error.add_note(
            f"the run is left as it was before, after {progress.env_steps:,} env steps, and "
            "resumes from there once the environment is mended"
        )
        raise
