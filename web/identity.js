// SPDX-License-Identifier: Apache-2.0
//
// identity.js: who the person at this page is: a guest with a name, or the user that a token names.
//
// Where the token is kept. In sessionStorage: it survives a reload and goes with the tab, so nobody finds it on a shared
// computer later. With "stay signed in" it is in localStorage instead, where all tabs of this browser find it, until somebody
// signs out or it ends. A script that runs in this page could read either, which is why the page's policy lets none run but
// its own; an operator who wants it out of reach of scripts altogether uses a cookie (auth.cookie), and then nothing is kept
// here. It never travels in an address: a link may hand one over behind the #, which browsers do not send, and it is taken out of
// the address before anything else happens.
//
// A token is opened here only to show what is in it. Whether it is any good the server says.

import { forgetTab, read, tab, write } from './settings.js';

const KEY = 'token';
const SIGNED_OUT = 'signed-out';   // written for the other tabs to see

const text = (value) => (typeof value === 'string' && value !== '' ? value : null);

let shared = false;   // this tab's token is that of all tabs

export const identity = {
  /** The token of who has signed in, or null. */
  get token() {
    const own = text(read('sessionStorage', KEY, ''));
    const common = text(read('localStorage', KEY, ''));
    shared = own === null && common !== null;
    return own ?? common;
  },
  /** For all tabs, not for this one alone. */
  get stays() { return text(read('sessionStorage', KEY, '')) === null && text(read('localStorage', KEY, '')) !== null; },

  keep(token, stay) {
    write('sessionStorage', KEY, stay ? null : token);
    if (stay) write('localStorage', KEY, token);
    shared = stay;
  },

  /** The token is no good any more, or nobody's. */
  drop() {
    if (this.stays) write('localStorage', KEY, null);
    write('sessionStorage', KEY, null);
  },

  /** Tells the other tabs that share this one's identity that it is no more. */
  signOut() {
    if (shared) write('localStorage', SIGNED_OUT, Date.now());
  },

  /** Calls `fn(token)` when another tab has brought a new token for all, `fn(null)` when it has signed out. One that was only
   *  dropped each tab finds out about by itself. */
  onElsewhere(fn) {
    addEventListener('storage', (e) => {
      if (!shared || e.newValue === null) return;
      if (e.key === `plenum.${SIGNED_OUT}`) fn(null);
      if (e.key === `plenum.${KEY}` && this.token !== null) fn(this.token);
    });
  },

  /** Whose tabs and direct messages this browser tab has. */
  get owner() { return text(tab.get('owner', '')); },
  set owner(user) { tab.set('owner', user); },
};

/** Ids of guests begin so; the server takes no token that names such a user. */
export const isGuest = (user) => user.startsWith('guest-');

/** True if this tab may go on as `user`: what a signed-in person had open is for nobody else's eyes. A guest who signs in
 *  takes along what is open. */
export function mayTakeOver(user) {
  const { owner } = identity;
  if (owner !== null && owner !== user && !isGuest(owner)) {
    forgetTab();
    return false;
  }
  identity.owner = user;
  return true;
}

/** Takes a token out of the address: #token=…, alone or beside #room=…. Returns it, or null. */
export function takeTokenFromAddress() {
  const found = /(^#|&)token=([^&]*)/.exec(location.hash);
  if (!found) return null;
  const rest = (location.hash.slice(0, found.index) + location.hash.slice(found.index + found[0].length)).replace(/^[#&]+/, '');
  history.replaceState(null, '', location.pathname + location.search + (rest === '' ? '' : `#${rest}`));
  try {
    return text(cleaned(decodeURIComponent(found[2])));
  } catch {
    return text(cleaned(found[2]));
  }
}

/** A token as it was copied from somewhere: line ends and the word in front of it in headers are not part of it. */
export function cleaned(typed) {
  return typed.trim().replace(/^bearer\s+/i, '').replace(/\s+/g, '');
}

/** What a token says: {sub?, name?, exp?, caps?, …}. Not verified; {} where it cannot be read. */
export function claimsOf(token) {
  try {
    const part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return claims !== null && typeof claims === 'object' ? claims : {};
  } catch {
    return {};
  }
}
