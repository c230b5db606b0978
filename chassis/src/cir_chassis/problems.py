"""Why a request has no effect. Use-cases raise these; the HTTP edge answers each with a problem document (RFC 9457).

A problem tells what is wrong, where, and what to do; never a value.
"""

from collections.abc import Iterable, Sequence


class Problem(Exception):
    """Ends a request; nothing of it is stored.

    status: the HTTP status; detail: what is wrong and what to do; errors: (path, message) each, for fields; members: further
    members of the document, such as the actions that are available.
    """

    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = (), **members: object) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.members = status, detail, errors, members


class NotLoggedIn(Problem):
    """No token, or one that does not hold."""

    def __init__(self, why: str) -> None:
        super().__init__(401, f"Log in first: {why}. Send a token that holds as `Authorization: Bearer …`.")


class NotAllowed(Problem):
    """Recognised, but this is not the caller's to do."""

    def __init__(self, why: str) -> None:
        super().__init__(403, f"Not yours to do: {why}.")


class NotFound(Problem):
    """Not here, or not the caller's to see: the answer does not tell which."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


class Conflict(Problem):
    """Not at this stage, or not beside what is on record."""

    def __init__(self, detail: str, errors: Sequence[tuple[str, str]] = (), **members: object) -> None:
        super().__init__(409, detail, errors, **members)


class Unavailable(Problem):
    """Not now: the same request may succeed later."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, detail)


def path_of(place: Iterable[str | int]) -> str:
    """`("members", 0, "born_on")` → "members[0].born_on", the path of an error."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
