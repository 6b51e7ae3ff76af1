"""The real parts that tests, fault rounds and benchmarks stand on: brokers, proxies, workers."""
