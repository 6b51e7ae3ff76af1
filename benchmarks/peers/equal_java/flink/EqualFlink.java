import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import sun.misc.Signal;

/** Flink in one process (a MiniCluster) with the whole job by the second. SIGTERM drains it: that writes what it kept. */
public final class EqualFlink {
    /** Project, JSON, partition, offset: the JSON is decoded behind the shuffle, which then copies bytes only. */
    private static final class Records implements KafkaRecordDeserializationSchema<Tuple4<String, byte[], Integer, Long>> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple4<String, byte[], Integer, Long>> out) {
            Marks.beforeAny();
            String project = new String(record.key(), StandardCharsets.UTF_8);
            out.collect(Tuple4.of(project, record.value(), record.partition(), record.offset()));
        }

        @Override
        public TypeInformation<Tuple4<String, byte[], Integer, Long>> getProducedType() {
            return Types.TUPLE(Types.STRING, Types.PRIMITIVE_ARRAY(Types.BYTE), Types.INT, Types.LONG);
        }
    }

    private static Configuration settings() {
        String folder = "file://" + System.getenv("FOLDER");
        return Configuration.fromMap(Map.of(
            "taskmanager.numberOfTaskSlots", System.getenv("THREADS"),
            "taskmanager.memory.managed.size", "256m",
            "execution.checkpointing.interval", "1 s",
            "execution.checkpointing.mode", System.getenv("GUARANTEE").toUpperCase(),
            "execution.checkpointing.dir", folder + "/checkpoints",
            "execution.checkpointing.incremental", "true",
            "state.backend.type", System.getenv("BACKEND"),
            "pipeline.object-reuse", "true",
            "restart-strategy.type", "none"));
    }

    private static KafkaSource<Tuple4<String, byte[], Integer, Long>> source() {
        return KafkaSource.<Tuple4<String, byte[], Integer, Long>>builder()
            .setBootstrapServers(System.getenv("SERVERS"))
            .setTopics(System.getenv("TOPIC"))
            .setGroupId(System.getenv("NAME"))
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Records())
            .setProperty("max.poll.records", "5000")
            .build();
    }

    private static KafkaSink<Tuple2<String, String>> alerts() {
        String topic = System.getenv("ALERTS");
        Properties producer = new Properties();
        producer.put("transaction.timeout.ms", "600000"); // Flink's own hour is more than a broker allows
        KafkaRecordSerializationSchema<Tuple2<String, String>> records = (alert, context, timestamp) -> new ProducerRecord<>(
            topic, alert.f0.getBytes(StandardCharsets.UTF_8), alert.f1.getBytes(StandardCharsets.UTF_8));
        return KafkaSink.<Tuple2<String, String>>builder()
            .setBootstrapServers(System.getenv("SERVERS"))
            .setKafkaProducerConfig(producer)
            .setRecordSerializer(records)
            .setDeliveryGuarantee(DeliveryGuarantee.valueOf(System.getenv("GUARANTEE").toUpperCase()))
            .setTransactionalIdPrefix(System.getenv("NAME"))
            .build();
    }

    public static void main(String[] arguments) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(
            Integer.parseInt(System.getenv("THREADS")), settings());
        environment.fromSource(source(), WatermarkStrategy.noWatermarks(), "events")
            .keyBy(record -> record.f0, Types.STRING)
            .process(new Worker())
            .sinkTo(alerts());
        JobClient job = environment.executeAsync("equal work");
        Signal.handle(new Signal("TERM"), signal -> new Thread(() -> {
            try {
                String to = "file://" + System.getenv("FOLDER") + "/savepoint";
                job.stopWithSavepoint(true, to, SavepointFormatType.NATIVE).get();
                Runtime.getRuntime().halt(0);
            } catch (Exception error) {
                error.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }).start());
        job.getJobExecutionResult().get();
        Thread.currentThread().join(); // stopped by the savepoint; the handler ends the process
    }
}
