"""The vault service that every node runs: pure Python, one zipapp, nothing of the fleet's tool inside."""
