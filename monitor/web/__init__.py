"""The status page, the JSON API and the other faces over HTTP."""
