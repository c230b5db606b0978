"""The one place that knows what day it is: a `_on` is a day in Belgium, an `_at` an instant in UTC."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

BELGIUM = ZoneInfo("Europe/Brussels")


class Clock:
    """Tells the time; a demo or a test may fix the day."""

    def __init__(self, today: date | None = None) -> None:
        self._today = today

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """This day, in Belgium."""
        return self._today or datetime.now(BELGIUM).date()
