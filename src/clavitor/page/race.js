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
  return { name, samples };
}

const median = ({ samples }) => (samples.length === SAMPLES ? samples.toSorted((a, b) => a - b)[SAMPLES >> 1] : Infinity);

/**
 * Measures all at once.
 * @param {{name: string, url: string}[]} nodes
 * @returns {Promise<{name: string, samples: number[], ms: number}[]>} the nearest first; `ms` is the median, Infinity
 *   for a node that does not answer.
 */
export async function race(nodes) {
  const runs = await Promise.all(nodes.map(measure));
  return runs.map((run) => ({ ...run, ms: median(run) })).toSorted((a, b) => a.ms - b.ms);
}
