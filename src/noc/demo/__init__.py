"""The demo: HQ's watch and a service for every node as plain processes of this machine, and what happens to one."""
