"""Quality and speed, measured: metrics, the benchmark, the clock."""
