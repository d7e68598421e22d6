"""What can go wrong that a user can mend. Everything else is a bug and may show its traceback."""


class GotdError(Exception):
    """A failure with a remedy: bad data, a missing file, a solver that did not converge. Ends a command with 1.

    The message is one line: the place (file, line or row) first, then what is wrong, then what to do.
    """


class DataError(GotdError):
    """Input that is not what it should be.

    place : where, as `file:line` for records or `file: row 17` for vectors.
    """

    def __init__(self, place: str, what: str, remedy: str = "") -> None:
        self.place, self.what, self.remedy = place, what, remedy
        super().__init__(f"{place}: {what}" + (f"; {remedy}" if remedy else ""))


class RowError(GotdError):
    """A row of a block that cannot be worked on: whoever knows where the row comes from names the place."""

    def __init__(self, row: int, what: str) -> None:
        self.row, self.what = row, what
        super().__init__(f"row {row}: {what}")


class UsageError(GotdError):
    """The command was called in a way that cannot work. Ends a command with 2."""
