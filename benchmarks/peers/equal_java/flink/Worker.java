import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The job in Flink's keyed state. A timer at the end of time fires when the job is drained and writes what was kept. */
final class Worker extends KeyedProcessFunction<String, Tuple4<String, byte[], Integer, Long>, Tuple2<String, String>>
    implements Kept {
    private static final TypeInformation<byte[]> BYTES = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
    private transient Work work;
    private transient ValueState<byte[]> head;
    private transient MapState<Integer, byte[]> numbers;
    private transient MapState<Integer, byte[]> minutes;
    private transient PrintWriter kept;

    @Override
    public void open(OpenContext context) throws IOException {
        work = new Work("seconds");
        head = getRuntimeContext().getState(new ValueStateDescriptor<>("head", BYTES));
        numbers = getRuntimeContext().getMapState(new MapStateDescriptor<>("numbers", Types.INT, BYTES));
        minutes = getRuntimeContext().getMapState(new MapStateDescriptor<>("minutes", Types.INT, BYTES));
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        kept = new PrintWriter(Files.newBufferedWriter(Path.of(System.getenv("FOLDER"), "kept-" + subtask)));
    }

    @Override
    public void close() {
        kept.close();
    }

    @Override
    public void processElement(Tuple4<String, byte[], Integer, Long> record, Context context,
                               Collector<Tuple2<String, String>> out) throws IOException {
        if (head.value() == null) {
            context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
        }
        Event event = Event.of(record.f1);
        work.take(event, event.atMs(), this, alert -> out.collect(Tuple2.of(record.f0, alert)));
        Marks.taken(record.f2, record.f3);
    }

    @Override
    public void onTimer(long at, OnTimerContext context, Collector<Tuple2<String, String>> out) throws Exception {
        HexFormat hex = HexFormat.of();
        kept.println("heads " + context.getCurrentKey() + " " + hex.formatHex(head.value()));
        for (Map.Entry<Integer, byte[]> chunk : numbers.entries()) {
            kept.println("numbers " + context.getCurrentKey() + "/" + chunk.getKey() + " " + hex.formatHex(chunk.getValue()));
        }
    }

    private interface Access<T> {
        T run() throws Exception;
    }

    private static <T> T unchecked(Access<T> access) {
        try {
            return access.run();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private static void put(MapState<Integer, byte[]> state, int key, byte[] value) {
        unchecked(() -> {
            state.put(key, value);
            return null;
        });
    }

    @Override
    public byte[] head() {
        return unchecked(head::value);
    }

    @Override
    public void keepHead(byte[] stored) {
        unchecked(() -> {
            head.update(stored);
            return null;
        });
    }

    @Override
    public byte[] numbers(int chunk) {
        return unchecked(() -> numbers.get(chunk));
    }

    @Override
    public void keepNumbers(int chunk, byte[] stored) {
        put(numbers, chunk, stored);
    }

    @Override
    public byte[] minute(int place) {
        return unchecked(() -> minutes.get(place));
    }

    @Override
    public void keepMinute(int place, byte[] minute) {
        put(minutes, place, minute);
    }
}
