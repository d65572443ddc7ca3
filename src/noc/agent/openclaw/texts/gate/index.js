// Written by `noc openclaw init`. It is a second fence: what a run needs is decided by noc's runner, whatever is said
// here. It asks first where OpenClaw knows a chat with somebody to ask; what nobody can be asked, OpenClaw refuses.
const TOOLS = new Set(__TOOLS__);
const ASKED_FIRST = "noc__run_start";
const WITHIN_MS = 600000;

function gate(event, askFirst) {
  if (!TOOLS.has(event.toolName)) {
    return { block: true, blockReason: "This agent has the fleet's tools and no others." };
  }
  if (event.toolName !== ASKED_FIRST || !askFirst) {
    return undefined;
  }
  const digest = String(event.params?.digest ?? "").replace(/[^0-9a-f]/g, "").slice(0, 12);
  return {
    requireApproval: {
      title: "Ask noc to begin a run",
      description: `The agent asks to begin the plan ${digest || "(no digest)"}. noc asks for its own approval behind this one.`,
      severity: "critical",
      allowedDecisions: ["allow-once", "deny"],
      timeoutMs: WITHIN_MS,
    },
  };
}

export default {
  id: "noc-gate",
  name: "noc gate",
  register(api) {
    const askFirst = api.pluginConfig?.askFirst !== false;
    api.on("before_tool_call", (event) => gate(event, askFirst), { priority: 100 });
  },
};
