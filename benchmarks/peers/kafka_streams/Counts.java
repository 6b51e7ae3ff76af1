// Kafka Streams: one aggregate for each key, in a state store with a changelog; caching and commit interval as they come.
// Simpler than what the monitor does: events, failures, conflicts and the highest number, nothing else.

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;

public final class Counts {
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Event(String type, long episode_number) {}

    record Sums(long events, long failed, long conflicted, long highest) {
        Sums add(Event event) {
            return new Sums(
                events + 1,
                failed + (event.type().equals("episode.creation_failed") ? 1 : 0),
                conflicted + (event.type().equals("episode.creation_conflict") ? 1 : 0),
                Math.max(highest, event.episode_number()));
        }
    }

    static final class EventReader implements Deserializer<Event> {
        private final ObjectReader reader = new ObjectMapper().readerFor(Event.class);

        @Override
        public Event deserialize(String topic, byte[] bytes) {
            try {
                return reader.readValue(bytes);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    static Serde<Sums> sums() {
        Serializer<Sums> write = (topic, sums) -> sums == null ? null : ByteBuffer.allocate(32)
            .putLong(sums.events()).putLong(sums.failed()).putLong(sums.conflicted()).putLong(sums.highest()).array();
        Deserializer<Sums> read = (topic, bytes) -> {
            if (bytes == null) {
                return null;
            }
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            return new Sums(buffer.getLong(), buffer.getLong(), buffer.getLong(), buffer.getLong());
        };
        return Serdes.serdeFrom(write, read);
    }

    /** Tells the benchmark when the first event and the last one of each partition came by. */
    static final class Marks implements FixedKeyProcessor<String, Event, Event> {
        private static volatile boolean began;
        private final Map<Integer, Long> last;
        private FixedKeyProcessorContext<String, Event> context;

        Marks(Map<Integer, Long> last) {
            this.last = last;
        }

        @Override
        public void init(FixedKeyProcessorContext<String, Event> context) {
            this.context = context;
        }

        @Override
        public void process(FixedKeyRecord<String, Event> record) {
            if (!began) {
                began = true;
                say("first", 0);
            }
            context.forward(record);
            var place = context.recordMetadata().orElseThrow();
            if (place.offset() >= last.get(place.partition())) {
                say("last", place.partition());
            }
        }

        private static void say(String what, int partition) {
            System.out.println("bench " + what + " " + partition + " " + System.currentTimeMillis() / 1000.0);
        }
    }

    private static Map<Integer, Long> lastOffsets() {
        Map<Integer, Long> last = new HashMap<>();
        for (String pair : System.getenv("BENCH_LAST_OFFSETS").split(",")) {
            String[] parts = pair.split(":");
            last.put(Integer.valueOf(parts[0]), Long.valueOf(parts[1]));
        }
        return last;
    }

    public static void main(String[] arguments) throws InterruptedException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("NAME"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("SERVERS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("FOLDER"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        Map<Integer, Long> last = lastOffsets();
        StreamsBuilder builder = new StreamsBuilder();
        builder
            .stream(System.getenv("TOPIC"),
                Consumed.with(Serdes.String(), Serdes.serdeFrom((topic, event) -> null, new EventReader())))
            .processValues(() -> new Marks(last))
            .groupByKey(Grouped.with(Serdes.String(), null))
            .aggregate(() -> new Sums(0, 0, 0, 0), (key, event, sums) -> sums.add(event),
                Materialized.<String, Sums, KeyValueStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(Serdes.String()).withValueSerde(sums()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(60));
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }
}
