// Sends what standard input says with the producer of Apache Kafka itself; run from source, with the jars of the broker.
// One batch a line of JSON; its name is printed when the broker has all of it.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Send {
    public static void main(String[] words) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode batch = json.readTree(line);
            send(words[0], batch);
            System.out.println(batch.get("name").asText());
        }
    }

    static void send(String servers, JsonNode batch) throws Exception {
        String mode = batch.get("mode").asText();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings(servers, batch, mode))) {
            if (!mode.equals("transactional")) {
                sendAll(producer, batch, "records");
                return;
            }
            producer.initTransactions();
            producer.beginTransaction();
            sendAll(producer, batch, "aborted");
            producer.abortTransaction();
            producer.beginTransaction();
            sendAll(producer, batch, "records");
            producer.commitTransaction();
        }
    }

    static Properties settings(String servers, JsonNode batch, String mode) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        settings.put("linger.ms", "20");
        if (!batch.get("codec").asText().equals("default")) {
            settings.put("compression.type", batch.get("codec").asText());
        }
        if (!mode.equals("default")) {
            settings.put("enable.idempotence", "true");
        }
        if (mode.equals("transactional")) {
            settings.put("transactional.id", batch.get("name").asText());
        }
        return settings;
    }

    static void sendAll(KafkaProducer<byte[], byte[]> producer, JsonNode batch, String which) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : batch.get(which)) {
            ProducerRecord<byte[], byte[]> made = new ProducerRecord<>(
                batch.get("topic").asText(), null, bytes(record.get("key")), bytes(record.get("value")));
            for (JsonNode header : record.get("headers")) {
                made.headers().add(header.get(0).asText(), bytes(header.get(1)));
            }
            sent.add(producer.send(made));
        }
        producer.flush();
        for (Future<RecordMetadata> each : sent) {
            each.get();
        }
    }

    static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }
}
