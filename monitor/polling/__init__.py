"""The sweeps: which zone is asked when, by which prober, and where its servers are."""
