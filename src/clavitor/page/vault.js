// An unlocked vault: keys and clear text, held in this page's memory and nowhere else.

import * as api from "./api.js";
import * as box from "./crypto.js";

const base64 = box.toBase64url;

export class Vault {
  #key;

  constructor(name, key) {
    this.name = name;
    this.#key = key;
    this.entries = new Map();
  }

  static async unlock(name, password) {
    const { salt, iterations } = await api.derivation(name);
    const keys = await box.derive(password, box.fromBase64url(salt), iterations);
    const { wrapped_key } = await api.signIn(name, base64(keys.authentication));
    const bytes = await box.unwrapVaultKey(keys.wrapping, box.fromBase64url(wrapped_key));
    const vault = new Vault(name, await box.importVaultKey(bytes));
    await vault.load();
    return vault;
  }

  static async signUp(invitation, name, password) {
    const bytes = box.newVaultKey();
    await api.signUp({ invitation, name, ...(await locks(password, bytes)) });
    return new Vault(name, await box.importVaultKey(bytes));
  }

  async load() {
    for await (const entry of api.entries()) await this.#take(entry);
  }

  async reload(id) {
    return this.#take(await api.read(id));
  }

  async add(fields) {
    const id = crypto.randomUUID();
    return this.#keep(await api.create(id, base64(await box.sealEntry(this.#key, id, 1, fields))), fields);
  }

  async change(id, version, fields) {
    const blob = await box.sealEntry(this.#key, id, version + 1, fields);
    return this.#keep(await api.update(id, version, base64(blob)), fields);
  }

  async remove(id, version) {
    await api.remove(id, version);
    this.entries.delete(id);
  }

  async changePassword(current, password) {
    const { keys, vaultKey } = await this.#prove(current);
    await api.changePassword({ authentication_key: base64(keys.authentication), new: await locks(password, vaultKey) });
  }

  async deleteAccount(password) {
    const { keys } = await this.#prove(password);
    await api.deleteAccount(base64(keys.authentication));
  }

  // The key in use cannot be read back: what needs its bytes asks for the password again.
  async #prove(password) {
    const { salt, iterations } = await api.derivation(this.name);
    const keys = await box.derive(password, box.fromBase64url(salt), iterations);
    const { wrapped_key } = await api.signIn(this.name, base64(keys.authentication));
    return { keys, vaultKey: await box.unwrapVaultKey(keys.wrapping, box.fromBase64url(wrapped_key)) };
  }

  async #take({ id, version, updated, blob }) {
    const entry = { id, version, updated, fields: null };
    try {
      entry.fields = await box.openEntry(this.#key, id, version, box.fromBase64url(blob));
    } catch {
      // One entry that does not open is shown as such; it must not hide the others.
    }
    this.entries.set(id, entry);
    return entry;
  }

  #keep({ id, version, updated }, fields) {
    this.entries.set(id, { id, version, updated, fields });
    return this.entries.get(id);
  }
}

async function locks(password, vaultKey) {
  const salt = box.newSalt();
  const keys = await box.derive(password, salt, box.ITERATIONS);
  return {
    salt: base64(salt),
    iterations: box.ITERATIONS,
    authentication_key: base64(keys.authentication),
    wrapped_key: base64(await box.wrapVaultKey(keys.wrapping, vaultKey)),
  };
}
