"""Backups as they lie on HQ: chunks by keyed hash, sealed to a key that HQ cannot open, told of by a manifest each."""
