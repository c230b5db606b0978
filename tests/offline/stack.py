"""The register in containers where no registry may be reachable: the public images, or their like."""

from typing import Any

from deploy.compose.stack import Stack
from tests.offline import images


class Offline(Stack):
    """`deploy.compose.stack.Stack`, with bases of our own where the public images cannot be fetched. An engine must answer."""

    def settings(self) -> dict[str, Any]:
        told = super().settings()
        if images.public():
            return told
        with self.timed("bases built"):
            images.bases(self.say)
        files = f"{told['COMPOSE_FILE']}:tests/offline/compose.yml"
        return told | {"COMPOSE_FILE": files, "CIR_OFFLINE": images.TOLD}
