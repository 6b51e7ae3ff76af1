import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Set;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.WindowStore;

/** Windows of the DSL that begin each minute, and a judge behind them. */
final class Hopping {
    private static final Duration HOP = Duration.ofMinutes(1);
    private static final int SUMS = 28; // bytes: five counts and the newest event's time

    private Hopping() {}

    record Sums(Outcome counts, long newestMs) {
        static final Sums NONE = new Sums(new Outcome(0, 0, 0, 0, 0), 0);

        Sums with(EqualStreams.Out out) {
            Outcome more = out.outcome();
            return new Sums(new Outcome(counts.ended() + more.ended(), counts.failed() + more.failed(),
                counts.conflicted() + more.conflicted(), counts.slow() + more.slow(), counts.retried() + more.retried()),
                Math.max(newestMs, out.atMs()));
        }
    }

    private static Serde<Sums> serde() {
        Serializer<Sums> write = (topic, sums) -> sums == null ? null : ByteBuffer.allocate(SUMS)
            .putInt(sums.counts().ended()).putInt(sums.counts().failed()).putInt(sums.counts().conflicted())
            .putInt(sums.counts().slow()).putInt(sums.counts().retried()).putLong(sums.newestMs()).array();
        Deserializer<Sums> read = (topic, stored) -> {
            if (stored == null) {
                return null;
            }
            ByteBuffer bytes = ByteBuffer.wrap(stored);
            return new Sums(new Outcome(bytes.getInt(), bytes.getInt(), bytes.getInt(), bytes.getInt(), bytes.getInt()),
                bytes.getLong());
        };
        return Serdes.serdeFrom(write, read);
    }

    /** Judges the oldest window that the newest event is in, and not the later ones, which have seen less. */
    private static final class Judge implements Processor<Windowed<String>, Sums, String, String> {
        private final String store;
        private final int rules;
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, byte[]> firing;

        Judge(String store, int rules) {
            this.store = store;
            this.rules = rules;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            firing = context.getStateStore(store);
        }

        @Override
        public void process(Record<Windowed<String>, Sums> record) {
            Sums sums = record.value();
            if (record.key().window().end() - sums.newestMs() > HOP.toMillis()) {
                return;
            }
            Outcome counts = sums.counts();
            int now = rules
                & Rules.crossed(counts.ended(), counts.failed(), counts.slow(), counts.ended(), counts.conflicted());
            String project = record.key().key();
            byte[] stored = firing.get(project);
            int before = stored == null ? 0 : stored[0];
            if (now != before) {
                firing.put(project, new byte[] {(byte) now});
                Rules.tell(before, now, sums.newestMs(),
                    alert -> context.forward(new Record<>(project, alert, record.timestamp())));
            }
        }
    }

    static void add(KStream<String, EqualStreams.Out> outcomes, String name, int minutes, int rules) {
        String store = name + "-firing";
        ProcessorSupplier<Windowed<String>, Sums, String, String> judges = new ProcessorSupplier<>() {
            @Override
            public Processor<Windowed<String>, Sums, String, String> get() {
                return new Judge(store, rules);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return Set.of(EqualStreams.store(store));
            }
        };
        outcomes.groupByKey(Grouped.with(Serdes.String(), null))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(minutes), HOP).advanceBy(HOP))
            .aggregate(() -> Sums.NONE, (project, out, sums) -> sums.with(out),
                Materialized.<String, Sums, WindowStore<Bytes, byte[]>>as(name)
                    .withKeySerde(Serdes.String()).withValueSerde(serde()))
            .toStream()
            .process(judges)
            .to(System.getenv("ALERTS"), Produced.with(Serdes.String(), Serdes.String()));
    }
}
