"""The methods, one per file, and `search.py`, which several of them share."""
