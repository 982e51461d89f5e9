"""Neural fields that fit one signal, one method per file, and the signals."""
