"""One OpenAI-compatible server: decoding, one attempt, schemas, identity."""
