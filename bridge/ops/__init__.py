"""What those who run the bridge see: logs without personal data, metrics, health and drain."""
