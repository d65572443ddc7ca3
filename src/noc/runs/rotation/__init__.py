"""Secrets made anew: the new one beside the old one, proven, and only then the old one withdrawn."""
