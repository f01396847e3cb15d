"""The alert path on real parts: the shipped rules, Prometheus, Alertmanager, and a webhook that is called."""
