// SPDX-License-Identifier: Apache-2.0
//
// settings.js: what the page remembers. A guest's name and the theme belong to the person (localStorage); open tabs,
// drafts, direct messages, unsent messages and the session secret belong to one browser tab (sessionStorage). The token of
// who has signed in is in identity.js. Storage may be full, forbidden or nonsense: reading then gives the fallback and
// writing does nothing.

const PREFIX = 'plenum.';
const OF_THE_DEVICE = new Set(['theme', 'people-hidden', 'notify', 'typing']);   // not of who one is

let forgotten = false;

export function read(storage, key, fallback) {
  try {
    const value = JSON.parse(globalThis[storage].getItem(PREFIX + key));
    return value ?? fallback;
  } catch {
    return fallback;
  }
}

export function write(storage, key, value) {
  if (forgotten) return;
  try {
    if (value === null || value === undefined) globalThis[storage].removeItem(PREFIX + key);
    else globalThis[storage].setItem(PREFIX + key, JSON.stringify(value));
  } catch { /* not remembered, and nothing else is lost */ }
}

/** Nothing stays that says who was here, or what was said to them; the page has to be loaded anew after it. What else would
 *  be written on the way out is not. */
export function forgetEverything() {
  for (const [storage, spared] of [['sessionStorage', new Set()], ['localStorage', OF_THE_DEVICE]]) {
    try {
      const keys = Object.keys(globalThis[storage]).filter((key) => key.startsWith(PREFIX) && !spared.has(key.slice(PREFIX.length)));
      for (const key of keys) globalThis[storage].removeItem(key);
    } catch { /* there is none */ }
  }
  forgotten = true;
}

/** Somebody else is going to sit in this tab: what was open in it is not theirs. The page has to be loaded anew after it. */
export function forgetTab() {
  for (const key of ['tabs', 'resume', 'owner']) tab.set(key, null);
  forgotten = true;
}

const string = (value) => (typeof value === 'string' ? value : '');

export const person = {
  get name() { return string(read('localStorage', 'name', '')); },
  set name(value) { write('localStorage', 'name', value); },
  get peopleHidden() { return read('localStorage', 'people-hidden', false) === true; },
  set peopleHidden(value) { write('localStorage', 'people-hidden', value); },
  /** Desktop notifications: true, false, or null for one who has not been asked. */
  get notify() { const value = read('localStorage', 'notify', null); return typeof value === 'boolean' ? value : null; },
  set notify(value) { write('localStorage', 'notify', value); },
  /** Others are told that one is typing. */
  get tellTyping() { return read('localStorage', 'typing', true) !== false; },
  set tellTyping(value) { write('localStorage', 'typing', value); },
};

export const tab = {
  get(key, fallback) { return read('sessionStorage', key, fallback); },
  set(key, value) { write('sessionStorage', key, value); },
};

/**
 * The session secret lives in sessionStorage only while the page is hidden or gone. "Duplicate tab" copies
 * sessionStorage, and two pages with one secret would take the session from each other for ever.
 */
export function keepSecret(current) {
  const store = () => tab.set('resume', current());
  const take = () => tab.set('resume', null);
  addEventListener('pagehide', store);
  addEventListener('pageshow', take);
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? store() : take()));
  const secret = string(tab.get('resume', '')) || null;
  take();
  return secret;
}

// theme.js reads this key raw, before modules run: 'light', 'dark', or absent for the system's choice.
const THEME = `${PREFIX}theme`;

export const theme = {
  /** 'system' | 'light' | 'dark' */
  get choice() { return document.documentElement.dataset.theme ?? 'system'; },
  set choice(value) {
    const fixed = value === 'light' || value === 'dark';
    if (fixed) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
    try {
      if (fixed) localStorage.setItem(THEME, value); else localStorage.removeItem(THEME);
    } catch { /* not remembered */ }
  },
  get dark() {
    return this.choice === 'dark' || (this.choice === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  },
  toggle() { this.choice = this.dark ? 'light' : 'dark'; },
};
