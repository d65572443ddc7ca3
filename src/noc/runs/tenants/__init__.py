"""Tenants: who is placed where, the signed directory of it, and its way to the nodes."""
