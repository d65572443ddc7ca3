"""OpenClaw (https://docs.openclaw.ai) as the agent on HQ: its kit, and whether it still runs by it."""
