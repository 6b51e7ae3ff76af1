"""From fetched bytes to records: aiokafka's fetcher with our own reader of batches, and Faust's transport on top."""
