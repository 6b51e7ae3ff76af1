package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var franzCodecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func sendFranz(servers string, batch Batch) error {
	options := []kgo.Opt{kgo.SeedBrokers(servers), kgo.ProducerLinger(20 * time.Millisecond)}
	if codec, named := franzCodecs[batch.Codec]; named {
		options = append(options, kgo.ProducerBatchCompression(codec))
	}
	if batch.Partitioner == "murmur2" {
		options = append(options, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	}
	if batch.Mode == "transactional" {
		options = append(options, kgo.TransactionalID(batch.Name))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if batch.Mode != "transactional" {
		return franzAll(ctx, client, batch.Topic, batch.Records)
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := franzAll(ctx, client, batch.Topic, batch.Aborted); err != nil {
		return err
	}
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return err
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := franzAll(ctx, client, batch.Topic, batch.Records); err != nil {
		return err
	}
	return client.EndTransaction(ctx, kgo.TryCommit)
}

func franzAll(ctx context.Context, client *kgo.Client, topic string, records []Record) error {
	var made []*kgo.Record
	for _, record := range records {
		var headers []kgo.RecordHeader
		for _, header := range record.Headers {
			headers = append(headers, kgo.RecordHeader{Key: header.Name, Value: header.Content})
		}
		made = append(made, &kgo.Record{Topic: topic, Key: record.Key, Value: record.Value, Headers: headers})
	}
	return client.ProduceSync(ctx, made...).FirstErr()
}
