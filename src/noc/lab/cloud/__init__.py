"""The stand-in for AWS: moto's server behind a front of ours that refuses what the original would refuse.

What it refuses, by which document, and which test provokes it, stands in docs/stand-ins.md.
"""
