"""What can go wrong between chat, an agent and the fleet. Codes E860 to E879."""
