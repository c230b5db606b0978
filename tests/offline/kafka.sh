#!/bin/sh
# As the public image starts: KAFKA_* become settings by Kafka's own wrapper, which also formats; then Kafka.
set -eu
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
log=-Dlog4j2.configurationFile=/etc/kafka/docker/kafka-log4j2.properties
cd /opt/kafka
said=$(java -XX:TieredStopAtLevel=1 "$log" -cp 'libs/*' kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1) ||
  case $said in *"already formatted"*) ;; *) echo "$said" >&2; exit 1 ;; esac
exec java ${KAFKA_HEAP_OPTS:--Xms256m -Xmx256m} ${KAFKA_JVM_PERFORMANCE_OPTS:-} "$log" -cp 'libs/*' kafka.Kafka config/server.properties
