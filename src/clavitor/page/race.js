// Measures the way to a few nodes, with small requests that carry nothing.

const SAMPLES = 5;
const PATIENCE_MS = 5000;

/** One round trip to a node, in milliseconds. */
async function trip(url) {
  const began = performance.now();
  const options = { mode: "cors", credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" };
  const answer = await fetch(`${url}/api/v1/front/echo`, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return performance.now() - began;
}

async function measure({ name, url }) {
  const samples = [];
  try {
    await trip(url); // opens the connection, and does not count
    while (samples.length < SAMPLES) samples.push(await trip(url));
  } catch {
    // What does not answer is shown as such.
  }
  return { name, ms: samples.length === SAMPLES ? median(samples) : Infinity };
}

const median = (samples) => samples.toSorted((a, b) => a - b)[samples.length >> 1];

async function heat(nodes) {
  const runs = await Promise.all(nodes.map(measure));
  return runs.toSorted((a, b) => a.ms - b.ms);
}

/**
 * Measures the candidates, all at once, and then those around the nearest of them.
 * @param {{nodes: {name: string, url: string}[], candidates: Object<string, string[]>}} known as the service lists them
 * @returns {Promise<{name: string, ms: number}[]>} the nearest first; `ms` is the median, Infinity for a node that does
 *   not answer each time.
 */
export async function race({ nodes, candidates }) {
  const named = (names) => nodes.filter((node) => names.includes(node.name));
  const first = await heat(named(Object.keys(candidates)));
  const winner = first.find((run) => Number.isFinite(run.ms));
  const second = winner ? await heat(named(candidates[winner.name])) : [];
  return [...first, ...second].toSorted((a, b) => a.ms - b.ms);
}
