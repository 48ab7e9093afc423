"""Measuring: size, accuracy, latency and memory of a saved artefact, reloaded from disk, and the host it ran on."""
