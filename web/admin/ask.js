// SPDX-License-Identifier: Apache-2.0
//
// ask.js: acts that change something. Each is asked about once, in a dialog that names it and says what follows from it; what came of it
// is said in the page's status line, and what was refused in the dialog, which then stays.
import { $, h } from '/dom.js';
import { nameShown } from '/words.js';
import { field } from './parts.js';

const OUTCOME_MS = 8000;
let timer;

/** Says what came of something. */
export function tell(text, kind = 'done') {
  clearTimeout(timer);
  $('outcome').replaceChildren(h('p', { class: kind }, text));
  timer = setTimeout(() => $('outcome').replaceChildren(), OUTCOME_MS);
}

/** For so long: a choice, in seconds; '' is for ever. */
export const TIMES = [['600', '10 minutes'], ['3600', '1 hour'], ['86400', '1 day'], ['604800', '7 days'], ['', 'for ever']];
export const ROLES = ['guest', 'member', 'host', 'owner'].map((role) => [role, role]);

function control({ name, kind = 'text', choices, value = '', required = false, max = 256, help }) {
  if (kind === 'choice') {
    return h('select', { name, data: { testid: `ask-${name}` } }, ...choices.map(([v, text]) => h('option', { value: v, selected: v === value }, text)));
  }
  return h('input', { name, type: 'text', value, required, maxlength: max, autocomplete: 'off', spellcheck: false, placeholder: help, data: { testid: `ask-${name}` } });
}

/**
 * Asks whether `title` is meant. `does` says what follows, `fields` are { name, label, … } (control, above), `act` is what the button
 * says, and `run(values)` does it and gives the sentence on what came of it. Resolves with true when it was done.
 */
export function ask({ title, does, act, run, fields = [], danger = true }) {
  const opener = document.activeElement;
  const error = h('p.error', { role: 'alert', data: { testid: 'ask-error' } });
  const submit = h('button', { type: 'submit', class: danger ? 'danger' : 'primary', data: { testid: 'ask-submit' } }, act);
  const cancel = h('button.secondary', { type: 'button', data: { testid: 'ask-cancel' } }, 'Cancel');
  const form = h('form', {},
    h('h2', { id: 'ask-title' }, title), h('p', { id: 'ask-does' }, does),
    ...fields.map((f) => field(f.label, control(f))), error, h('div.buttons', {}, cancel, submit));
  const dialog = h('dialog.ask', { 'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-does', data: { testid: 'ask' } }, form);
  let done = false;

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    error.textContent = '';
    try {
      const said = await run(Object.fromEntries(new FormData(form)));
      done = true;
      tell(said);
      dialog.close();
    } catch (refused) {
      error.textContent = refused.message;
      submit.disabled = false;
    }
  });
  cancel.addEventListener('click', () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  (fields.length ? form.elements[0] : cancel).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      resolve(done);
    });
  });
}

/** Something to look at, with a button that closes it. */
export function show(title, ...children) {
  const opener = document.activeElement;
  const close = h('button.secondary', { type: 'button', data: { testid: 'show-close' } }, 'Close');
  const dialog = h('dialog.ask', { 'aria-labelledby': 'show-title', data: { testid: 'show' } },
    h('h2', { id: 'show-title' }, title), ...children, h('div.buttons', {}, close));
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => { dialog.remove(); opener?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

/** A name in a sentence. */
export const q = (name) => `“${nameShown(name)}”`;
/** The keys that have a value, seconds as a number. */
export function given(values) {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== '').map(([k, v]) => [k, k === 'seconds' ? Number(v) : v]));
}
