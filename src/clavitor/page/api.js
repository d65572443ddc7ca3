// The service's HTTP interface. Whatever goes in here is ciphertext, or may be known to the service.

export class ApiError extends Error {
  constructor(status, message, url) {
    super(message);
    this.status = status;
    this.url = url; // where to ask instead, if the service says so
  }
}

async function ask(method, path, body, headers = {}) {
  const options = { method, headers, credentials: "same-origin", cache: "no-store", redirect: "error" };
  if (path === "/session") options.keepalive = true; // signing out goes on when the page is left
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json", ...headers };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    throw new ApiError(0, "The service cannot be reached. Check the connection and try again.");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError(response.status, reason(response, body), body.url);
}

function reason(response, body) {
  const wait = response.headers.get("Retry-After");
  const why = body.error ? body.error[0].toUpperCase() + body.error.slice(1) : `The service answered ${response.status}`;
  return wait ? `${why}. Try again in ${wait} s.` : `${why}.`;
}

const json = async (...request) => (await ask(...request)).json();
const match = (version) => ({ "If-Match": `"${version}"` });

export const derivation = (name) => json("POST", "/derivation", { name });
export const where = (name) => json("POST", "/front/where", { name });
export const nodes = () => json("GET", "/front/nodes");
export const signUp = (account) => json("POST", "/account", account);
export const signIn = (name, authentication_key) => json("POST", "/session", { name, authentication_key });
export const signOut = () => ask("DELETE", "/session");
export const changePassword = (change) => json("PUT", "/account", change);
export const deleteAccount = (authentication_key) => ask("DELETE", "/account", { authentication_key });
export const create = (id, blob) => json("POST", "/entries", { id, blob });
export const read = (id) => json("GET", `/entries/${id}`);
export const update = (id, version, blob) => json("PUT", `/entries/${id}`, { blob }, match(version));
export const remove = (id, version) => ask("DELETE", `/entries/${id}`, undefined, match(version));
export const exportAll = async () => (await ask("GET", "/export")).blob();

export async function* entries() {
  let after = "";
  do {
    const page = await json("GET", `/entries${after && `?after=${after}`}`);
    yield* page.entries;
    after = page.next;
  } while (after);
}
