"""Window that shows the frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LiveWindow:
    """A window of the desktop, with the keys q and Escape (end) and r (begin anew).

    Parameters
    ----------
    title : str
    on_end : callable
        Called when the user ends the stream.
    on_reset : callable
        Called when the user wants the predictor to begin anew.

    Raises
    ------
    OSError
        If there is no desktop, or Python was built without Tk.
    """

    def __init__(
        self, title: str, on_end: Callable[[], None], on_reset: Callable[[], None]
    ) -> None:
        try:
            import tkinter

            self._root = tkinter.Tk()
        except ImportError as error:
            raise self._unavailable(error) from error
        except tkinter.TclError as error:
            raise self._unavailable(error) from error
        self._root.title(title)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._photo: Any = None
        self._root.protocol("WM_DELETE_WINDOW", on_end)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda event: on_end())
        self._root.bind("r", lambda event: on_reset())

    @staticmethod
    def _unavailable(error: Exception) -> OSError:
        return OSError(
            f"no window can be opened ({error}); pass show=False (--headless), and out= (--out) to "
            "write the predictions to a file."
        )

    def show(self, pixels: NDArray[np.uint8]) -> None:
        """Show a frame, RGB of shape (height, width, 3), and handle the keys."""
        from PIL import Image, ImageTk

        self._photo = ImageTk.PhotoImage(Image.fromarray(pixels), master=self._root)
        self._label.configure(image=self._photo)
        self.update()

    def update(self) -> None:
        """Handle the keys."""
        self._root.update()

    def close(self) -> None:
        """Close the window."""
        self._root.destroy()
