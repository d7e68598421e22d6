"""Bytes to rows and back: files, compression, records, arrays, and the seal that says what a stream is."""
