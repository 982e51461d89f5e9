"""Learned denoisers, one method per file, and what they are judged by."""
