// SPDX-License-Identifier: Apache-2.0
//
// server.js: the way to the server: the key, what it may, and requests. A key is in the Authorization header of what this page sends
// and in this tab's session storage, and nowhere else: a page of another origin can neither read it nor have it sent.

const STORED = 'plenum.admin.key';

/** What a request was refused with: a code of the API, and its sentence. */
export class Refused extends Error {
  constructor(status, { code = '', message = '', retry_ms } = {}) {
    super(message || `The server has answered ${status}.`);
    Object.assign(this, { name: 'Refused', status, code, retry_ms });
  }
}

function stored() {
  try { return sessionStorage.getItem(STORED) ?? ''; } catch { return ''; }   // storage may be forbidden
}

function store(key) {
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch { /* then it is kept until the page is left */ }
}

export class Server {
  key = stored();
  /** Set by signIn: { by: 'nobody' | 'key' | 'token', name?, rights: [], rooms?: [] } */
  who = null;

  /** Asks who the key is of; throws Refused where it is nobody's. */
  async signIn(key = this.key) {
    const who = await this.#send('/admin/whoami', { key });
    this.key = key;
    this.who = who;
    store(key);
    return who;
  }

  signOut() {
    this.key = '';
    this.who = null;
    store('');
  }

  may(command) { return this.who?.rights.includes(command) ?? false; }
  /** Those of the commands that the key may not. */
  lacks(...commands) { return commands.filter((command) => !this.may(command)); }
  /** It is for some rooms only, and so for nothing that is about all of them. */
  get narrow() { return Boolean(this.who?.rooms?.length); }

  health() { return this.#send('/health'); }
  call(command, body = {}) { return this.#send(`/api/v1/${command}`, { method: 'POST', body }); }

  async #send(path, { method = 'GET', body, key = this.key } = {}) {
    const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(body && { 'content-type': 'application/json' }) };
    let response;
    try {
      response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store', credentials: 'omit' });
    } catch {
      throw new Refused(0, { code: 'unreachable', message: 'The server cannot be reached.' });
    }
    let answer = null;
    try { answer = await response.json(); } catch { /* an answer of no words */ }
    if (!response.ok) throw new Refused(response.status, answer?.error);
    return answer;
  }
}
