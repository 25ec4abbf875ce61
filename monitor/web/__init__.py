"""The status page, the JSON API, /metrics and the stream of events over HTTP."""
