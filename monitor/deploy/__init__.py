"""Files for the machine that soawatch runs on: a systemd unit, Prometheus rules. See soawatch deploy-files."""
