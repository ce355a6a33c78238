"""Events, the stream and its redaction."""
