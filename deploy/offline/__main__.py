"""`python -m deploy.offline`: an engine until Ctrl-C, for who wants to look around with the variables it prints."""

import os
import signal
import sys

from deploy.embedded import CannotStart
from deploy.offline.engine import engine

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with engine(print):
            for name in ("DOCKER_HOST", "DOCKER_CONFIG", "LD_LIBRARY_PATH", "XTABLES_LIBDIR", "PATH"):
                if name in os.environ:
                    print(f"export {name}={os.environ[name]}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except CannotStart as error:
        sys.exit(f"Cannot start: {error}")
