import java.time.Duration;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams with the whole job: one processor with its stores, and with WINDOWS=hopping the DSL's windows behind. */
public final class EqualStreams {
    /** An alert's text, or an outcome for the windows behind. */
    record Out(String alert, Outcome outcome, long atMs) {}

    static StoreBuilder<KeyValueStore<String, byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled();
    }

    /** Arrays are copied when they are read, because the cache must not see them change. */
    private static final class StoresOfProject implements Kept {
        private final KeyValueStore<String, byte[]> heads, numbers, minutes;
        String project;

        StoresOfProject(FixedKeyProcessorContext<String, Out> context, boolean bySecond) {
            heads = context.getStateStore("heads");
            numbers = context.getStateStore("numbers");
            minutes = bySecond ? context.getStateStore("minutes") : null;
        }

        private static byte[] copy(byte[] stored) {
            return stored == null ? null : stored.clone();
        }

        @Override
        public byte[] head() {
            return copy(heads.get(project));
        }

        @Override
        public void keepHead(byte[] head) {
            heads.put(project, head);
        }

        @Override
        public byte[] numbers(int chunk) {
            return copy(numbers.get(project + "/" + chunk));
        }

        @Override
        public void keepNumbers(int chunk, byte[] stored) {
            numbers.put(project + "/" + chunk, stored);
        }

        @Override
        public byte[] minute(int place) {
            return copy(minutes.get(project + "/" + place));
        }

        @Override
        public void keepMinute(int place, byte[] minute) {
            minutes.put(project + "/" + place, minute);
        }
    }

    private static final class Worker implements FixedKeyProcessor<String, Event, Out> {
        private final Work work = new Work(System.getenv("WINDOWS"));
        private FixedKeyProcessorContext<String, Out> context;
        private StoresOfProject kept;

        @Override
        public void init(FixedKeyProcessorContext<String, Out> context) {
            this.context = context;
            kept = new StoresOfProject(context, isBySecond());
        }

        @Override
        public void process(FixedKeyRecord<String, Event> record) {
            Marks.beforeAny();
            kept.project = record.key();
            long atMs = record.timestamp();
            Outcome outcome = work.take(record.value(), atMs, kept,
                alert -> context.forward(record.withValue(new Out(alert, null, atMs))));
            if (outcome != null && work.isHopping()) {
                context.forward(record.withValue(new Out(null, outcome, atMs)));
            }
            var place = context.recordMetadata().orElseThrow();
            Marks.taken(place.partition(), place.offset());
        }
    }

    private static boolean isBySecond() {
        return System.getenv("WINDOWS").equals("seconds");
    }

    private static FixedKeyProcessorSupplier<String, Event, Out> workers() {
        return new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<String, Event, Out> get() {
                return new Worker();
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                Set<StoreBuilder<?>> stores = new HashSet<>(Set.of(store("heads"), store("numbers")));
                if (isBySecond()) {
                    stores.add(store("minutes"));
                }
                return stores;
            }
        };
    }

    private static StreamsBuilder topology() {
        StreamsBuilder builder = new StreamsBuilder();
        Deserializer<Event> events = (topic, json) -> Event.of(json);
        KStream<String, Out> out = builder
            .stream(System.getenv("TOPIC"),
                Consumed.with(Serdes.String(), Serdes.serdeFrom((topic, event) -> null, events))
                    .withTimestampExtractor((record, newest) -> ((Event) record.value()).atMs()))
            .processValues(workers());
        out.filter((project, each) -> each.alert() != null).mapValues(Out::alert)
            .to(System.getenv("ALERTS"), Produced.with(Serdes.String(), Serdes.String()));
        if (System.getenv("WINDOWS").equals("hopping")) {
            KStream<String, Out> outcomes = out.filter((project, each) -> each.outcome() != null);
            Hopping.add(outcomes, "long", 15, Rules.FAILURES | Rules.SLOW);
            Hopping.add(outcomes, "short", 10, Rules.CONFLICTS);
        }
        return builder;
    }

    /** Commits as often as the monitor flushes, and a cache and batches in which nothing is written twice for want of room. */
    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("NAME"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("SERVERS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("FOLDER"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, System.getenv("THREADS"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, System.getenv("GUARANTEE"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "1000");
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, String.valueOf(256L << 20));
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, "5000");
        // The events are old and a changelog's record has its event's time: the broker must not let windows go at once.
        settings.put(StreamsConfig.WINDOW_STORE_CHANGE_LOG_ADDITIONAL_RETENTION_MS_CONFIG,
            String.valueOf(Duration.ofDays(3650).toMillis()));
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "5000");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), "100");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), String.valueOf(512 << 10));
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), String.valueOf(128L << 20));
        return settings;
    }

    public static void main(String[] arguments) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology().build(), settings());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        CountDownLatch closed = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(60));
            closed.countDown();
        }));
        streams.start();
        closed.await();
    }
}
