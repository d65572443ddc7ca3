"""The doors by which the agent and the bots reach the fleet: the runner's and the watch's, and who stands there."""
