// What the vault format says (docs/vault-format.md), over WebCrypto. Nothing here touches the page or the network.

export const ITERATIONS = 600_000;
const MAX_ITERATIONS = 10_000_000;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const PAD_TO = 256;
const text = new TextEncoder();

export function random(bytes) {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

export function toBase64url(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromBase64url(value) {
  return Uint8Array.from(atob(value.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

/**
 * Turns a password into two independent keys.
 * @returns {Promise<{authentication: Uint8Array, wrapping: CryptoKey}>} the first is shown to the service, the second
 *   never leaves this page.
 */
export async function derive(password, salt, iterations) {
  // A service that asks for a cheaper derivation than the format allows is after the password: refused.
  if (!Number.isInteger(iterations) || iterations < ITERATIONS || iterations > MAX_ITERATIONS || salt.length !== SALT_BYTES) {
    throw new Error("The service asks for an unsafe key derivation.");
  }
  const secret = await crypto.subtle.importKey("raw", text.encode(password.normalize("NFKC")), "PBKDF2", false, ["deriveBits"]);
  const stretched = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, secret, 8 * KEY_BYTES);
  const master = await crypto.subtle.importKey("raw", stretched, "HKDF", false, ["deriveBits", "deriveKey"]);
  const branch = (info) => ({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: text.encode(info) });
  const authentication = await crypto.subtle.deriveBits(branch("clavitor/v1/authentication"), master, 8 * KEY_BYTES);
  const aes = { name: "AES-GCM", length: 8 * KEY_BYTES };
  const wrapping = await crypto.subtle.deriveKey(branch("clavitor/v1/encryption"), master, aes, false, ["encrypt", "decrypt"]);
  return { authentication: new Uint8Array(authentication), wrapping };
}

export function newSalt() {
  return random(SALT_BYTES);
}

export function newVaultKey() {
  return random(KEY_BYTES);
}

/** Wraps the vault key's bytes; `nonce` is given by tests alone. */
export function wrapVaultKey(wrapping, vaultKey, nonce = random(NONCE_BYTES)) {
  return seal(wrapping, vaultKey, text.encode("clavitor/v1/vault-key"), nonce);
}

export function unwrapVaultKey(wrapping, wrapped) {
  return open(wrapping, wrapped, text.encode("clavitor/v1/vault-key"));
}

/** The vault key as one that scripts can use and cannot read. */
export function importVaultKey(bytes) {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Encrypts an entry's fields for one id and one version; `nonce` is given by tests alone. */
export function sealEntry(vaultKey, id, version, fields, nonce = random(NONCE_BYTES)) {
  return seal(vaultKey, pad(text.encode(JSON.stringify(fields))), entryBinding(id, version), nonce);
}

export async function openEntry(vaultKey, id, version, blob) {
  return JSON.parse(new TextDecoder().decode(await open(vaultKey, blob, entryBinding(id, version))));
}

function entryBinding(id, version) {
  return text.encode(`clavitor/v1/entry\0${id}\0${version}`);
}

// JSON ignores the spaces behind it; the service learns a length to the next 256 bytes only.
function pad(bytes) {
  const padded = new Uint8Array(Math.max(1, Math.ceil(bytes.length / PAD_TO)) * PAD_TO).fill(0x20);
  padded.set(bytes);
  return padded;
}

async function seal(key, plain, additionalData, nonce) {
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData }, key, plain);
  const blob = new Uint8Array(nonce.length + sealed.byteLength);
  blob.set(nonce);
  blob.set(new Uint8Array(sealed), nonce.length);
  return blob;
}

async function open(key, blob, additionalData) {
  const iv = blob.subarray(0, NONCE_BYTES);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, blob.subarray(NONCE_BYTES)));
}
