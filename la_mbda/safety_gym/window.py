"""A window that shows images at the pace of what they show (`render_mode="human"`)."""

import os
from collections.abc import Sequence

import gymnasium
import numpy as np

_LINE_HEIGHT = 22
_MARGIN = 8
_SETTINGS = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",  # It would greet on the terminal.
    # SDL would show images by a GL context of its own, beside which MuJoCo's cannot be current.
    "SDL_FRAMEBUFFER_ACCELERATION": "0",
    "SDL_NO_SIGNAL_HANDLERS": "1",  # A SIGTERM would close the window and no longer the process.
}


def check_display() -> None:
    """Make sure that a window can be opened.

    Raises:
        gymnasium.error.DependencyNotInstalled: there is no pygame; the message names the package.
        RuntimeError: there is no display; the message says what to do without one.
    """
    _import_pygame()
    if not {"DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"}.intersection(os.environ):
        raise RuntimeError(_no_display("neither DISPLAY nor WAYLAND_DISPLAY is set"))


def _no_display(reason: str) -> str:
    return (
        f"no display to open a window on ({reason}): use a machine with a screen or ssh -X, or "
        'render_mode="rgb_array", or evaluate.py --video'
    )


def _import_pygame():
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import pygame
    except ModuleNotFoundError as error:
        raise gymnasium.error.DependencyNotInstalled(
            "a window needs pygame: pip install 'la_mbda[play]'"
        ) from error
    return pygame


class Window:
    """A window, and the keys pressed in it, by their names (`left`, `r`, `escape`).

    Once it was closed, by its own button too, nothing is shown any more. pygame has one window in a
    process: where another `Window` took it or closed it, the next image takes it back.

    Args:
        size: width and height, pixels.
        fps: images per second, at most.

    Raises:
        gymnasium.error.DependencyNotInstalled, RuntimeError: as of `check_display`.
    """

    def __init__(self, title: str, size: tuple[int, int], fps: float):
        check_display()
        self._pygame = pygame = _import_pygame()
        self._title, self._size = title, size
        self._open()
        pygame.font.init()
        self._font = pygame.font.Font(None, _LINE_HEIGHT)
        self._clock = pygame.time.Clock()
        self.fps = fps
        self.closed = False
        self.held: set[str] = set()
        """Keys that are down."""
        self.typed: list[str] = []
        """Keys that went down since the last image."""

    def _open(self):
        """Return the surface to draw on, in a window opened where there is none of this size."""
        pygame = self._pygame
        screen = pygame.display.get_surface()
        if screen is not None and screen.get_size() == self._size:
            return screen
        try:
            pygame.display.init()
            # Where no display answers, SDL draws into nothing, of which nobody would know.
            if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
                pygame.display.quit()
                raise pygame.error("none answers")
            screen = pygame.display.set_mode(self._size)
        except pygame.error as error:
            raise RuntimeError(_no_display(str(error))) from error
        pygame.display.set_caption(self._title)
        return screen

    def show(self, image: np.ndarray, lines: Sequence[str] = ()) -> None:
        """Show an image, wait until the next one is due, and read the keys.

        Args:
            image: uint8 `[height, width, 3]`, in the upper left corner.
            lines: text for the lower right corner.
        """
        if self.closed:
            return
        pygame, screen = self._pygame, self._open()
        screen.fill((255, 255, 255))
        pygame.surfarray.blit_array(
            screen.subsurface((0, 0, image.shape[1], image.shape[0])), image.swapaxes(0, 1)
        )
        width, height = self._size
        texts = [self._font.render(line, True, (0, 0, 0)) for line in lines]
        left = width - _MARGIN - max((text.get_width() for text in texts), default=0)
        for i, text in enumerate(reversed(texts)):
            screen.blit(text, (left, height - _MARGIN - (i + 1) * _LINE_HEIGHT))
        pygame.display.flip()
        self._clock.tick(self.fps)
        self._read_events()

    def _read_events(self) -> None:
        pygame = self._pygame
        self.typed = []
        for event in pygame.event.get():
            if event.type == pygame.KEYDOWN:
                self.typed.append(pygame.key.name(event.key))
                self.held.add(self.typed[-1])
            elif event.type == pygame.KEYUP:
                self.held.discard(pygame.key.name(event.key))
            elif event.type == pygame.QUIT:
                self.close()
                return

    def close(self) -> None:
        """Close it."""
        if not self.closed:
            self.closed = True
            self._pygame.display.quit()
