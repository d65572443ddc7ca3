"""Certificates that HQ itself asks an authority for: ACME (RFC 8555), proven by the zone (DNS-01)."""
