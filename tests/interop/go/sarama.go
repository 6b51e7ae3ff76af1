package main

import (
	"time"

	"github.com/IBM/sarama"
)

var saramaCodecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func sendSarama(servers string, batch Batch) error {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 20 * time.Millisecond
	if codec, named := saramaCodecs[batch.Codec]; named {
		config.Producer.Compression = codec
	}
	if batch.Partitioner == "murmur2" {
		config.Producer.Partitioner = sarama.NewMurmur2Partitioner
	}
	if batch.Mode != "default" {
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
	}
	if batch.Mode == "transactional" {
		config.Producer.Transaction.ID = batch.Name
	}
	producer, err := sarama.NewSyncProducer([]string{servers}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	if batch.Mode != "transactional" {
		return saramaAll(producer, batch.Topic, batch.Records)
	}
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := saramaAll(producer, batch.Topic, batch.Aborted); err != nil {
		return err
	}
	if err := producer.AbortTxn(); err != nil {
		return err
	}
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := saramaAll(producer, batch.Topic, batch.Records); err != nil {
		return err
	}
	return producer.CommitTxn()
}

func saramaAll(producer sarama.SyncProducer, topic string, records []Record) error {
	var messages []*sarama.ProducerMessage
	for _, record := range records {
		message := &sarama.ProducerMessage{Topic: topic}
		if record.Key != nil {
			message.Key = sarama.ByteEncoder(record.Key)
		}
		if record.Value != nil {
			message.Value = sarama.ByteEncoder(record.Value)
		}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Content})
		}
		messages = append(messages, message)
	}
	return producer.SendMessages(messages)
}
