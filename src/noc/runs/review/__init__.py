"""Reviews: a milestone's acceptance as checks against the fleet, the evidence, and the decision that a person signs."""
