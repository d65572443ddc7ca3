"""The status page for everybody: what may be public, its files, and the publisher that keeps them fresh."""
