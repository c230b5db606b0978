# What apache/kafka gives: Kafka's jars on a Java runtime, told by KAFKA_*.
FROM cir-offline/debian:trixie
RUN --mount=type=secret,id=mirror --mount=type=secret,id=ca sh -ec '\
  echo "deb $(cat /run/secrets/mirror) trixie main" > /etc/apt/sources.list; \
  apt="apt-get -qq -o Acquire::https::CAInfo=/run/secrets/ca"; \
  $apt update; $apt install -y --no-install-recommends openjdk-21-jre-headless > /dev/null; \
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list'
COPY deploy/embedded/kafka-log4j2.properties tests/offline/kafka.sh /etc/kafka/docker/
COPY .demo/cache/kafka/*.jar /opt/kafka/libs/
RUN useradd --uid 1000 appuser && install -d -o appuser /opt/kafka/config /var/lib/kafka/data /mnt/shared/config
USER appuser
CMD ["sh", "/etc/kafka/docker/kafka.sh"]
