// Sends what standard input says with kafkajs. One batch a line of JSON; its name is printed when the broker has all of it.
'use strict'

const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
const readline = require('node:readline')

const TYPES = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }
const PARTITIONERS = { murmur2: Partitioners.DefaultPartitioner, legacy: Partitioners.LegacyPartitioner }
process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

// kafkajs has gzip alone; the others are plugged in, as its guide says.
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const { compressFrame } = require('lz4-napi')
CompressionCodecs[CompressionTypes.LZ4] = () => ({ compress: (encoder) => compressFrame(encoder.buffer) })
const zstd = new Promise((resolve) => require('zstd-codec').ZstdCodec.run((made) => resolve(new made.Simple())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
})

const bytes = (text) => (text === null ? null : Buffer.from(text, 'base64'))

function messages(records) {
  return records.map(({ key, value, headers }) => {
    const fields = {}
    for (const [name, content] of headers) fields[name] = bytes(content)
    return { key: bytes(key), value: bytes(value), headers: fields }
  })
}

async function sendAll(target, batch, records) {
  const wanted = { topic: batch.topic, messages: messages(records) }
  if (batch.codec !== 'default') wanted.compression = CompressionTypes[TYPES[batch.codec]]
  await target.send(wanted)
}

async function send(kafka, batch) {
  const settings = { allowAutoTopicCreation: false }
  if (batch.partitioner !== 'default') settings.createPartitioner = PARTITIONERS[batch.partitioner]
  if (batch.mode !== 'default') Object.assign(settings, { idempotent: true, maxInFlightRequests: 1 })
  if (batch.mode === 'transactional') settings.transactionalId = batch.name
  const producer = kafka.producer(settings)
  await producer.connect()
  try {
    if (batch.mode !== 'transactional') {
      await sendAll(producer, batch, batch.records)
      return
    }
    const lost = await producer.transaction()
    await sendAll(lost, batch, batch.aborted)
    await lost.abort()
    const kept = await producer.transaction()
    await sendAll(kept, batch, batch.records)
    await kept.commit()
  } finally {
    await producer.disconnect()
  }
}

async function main(servers) {
  const kafka = new Kafka({ clientId: 'interop', brokers: [servers], logLevel: logLevel.ERROR })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const batch = JSON.parse(line)
    await send(kafka, batch)
    console.log(batch.name)
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error)
  process.exit(1)
})
