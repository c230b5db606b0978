"""`python -m deploy.compose`: what `make demo-compose` calls."""

import asyncio
import json
import os
import shutil
import signal
import sys

from rich.console import Console

from deploy.compose.stack import Stack
from deploy.embedded import CannotStart, demo_folder
from deploy.embedded.__main__ import say
from deploy.embedded.demo import Register, play

OURS = ("DOCKER_HOST", "DOCKER_CONFIG")  # where a shell finds an engine that is not the machine's
console = Console(highlight=False)


async def played(stack: Stack) -> None:
    async with Register(stack.addresses) as register:
        await play(register, console)


def main(kind: type[Stack] = Stack) -> None:
    """Start, play the samples, print the addresses, stay."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    folder = demo_folder()
    addresses = folder / "addresses.json"
    try:
        with kind(folder / "compose", "cir-demo", say).up() as stack:
            try:
                asyncio.run(played(stack))
                addresses.write_text(json.dumps(stack.addresses, indent=1))
                console.print("All played. Now yours, until Ctrl-C:")
                for name, base in stack.addresses.items():
                    say(f"{name:<14}{base}")
                engine_is = "".join(f"{name}={os.environ[name]} " for name in OURS if name in os.environ)
                say(f"containers    {engine_is}{shutil.which('docker')} compose --env-file {stack.environment} ps")
                signal.pause()
            finally:
                addresses.unlink(missing_ok=True)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left.")
    except CannotStart as error:
        sys.exit(f"Cannot start: {error}")


if __name__ == "__main__":
    main()
