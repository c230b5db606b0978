"""`python -m tests.offline [demo]`: an engine until Ctrl-C, for who wants to look around with the variables it prints; or the
demo in containers on it, as `make demo-compose` shows it where an engine is installed."""

import os
import signal
import sys

from deploy.compose.__main__ import main
from deploy.embedded import CannotStart
from tests.offline.engine import engine
from tests.offline.stack import Offline

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with engine(print):
            if sys.argv[1:] == ["demo"]:
                main(Offline)
            for name in ("DOCKER_HOST", "DOCKER_CONFIG", "LD_LIBRARY_PATH", "XTABLES_LIBDIR", "PATH"):
                if name in os.environ:
                    print(f"export {name}={os.environ[name]}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except CannotStart as error:
        sys.exit(f"Cannot start: {error}")
