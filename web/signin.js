// SPDX-License-Identifier: Apache-2.0
//
// signin.js: the dialog in which one says who one is: a name, as a guest, or a token. It is the first thing that a new
// visitor sees, and comes back when a token has ended or was refused.
//
// Whether there are guests here only the server knows, and it says so when somebody tries to be one; so while the dialog is
// open a connection of its own asks. In the same way a token is tried before it takes the place of what is there: one that is
// refused costs nobody the session they have.

import { Plenum } from './plenum.js';
import { $, h } from './dom.js';
import { sentence, utf8Length } from './format.js';
import { claimsOf, cleaned, identity, isGuest } from './identity.js';
import { person } from './settings.js';
import { isBlank, nameShown } from './words.js';

const NAME_BYTES_MAX = 64;        // the server's limits
const TOKEN_BYTES_MAX = 16_384;
const TRIAL_ATTEMPTS = 3;

const NO_GUESTS = 'This server takes no guests. Sign in with a token to come in.';

export class SignIn {
  #url; #on; #dialog = $('name-dialog');
  #guests = null;     // true, false, or null while nobody has said
  #stop = null;       // ends the question that is under way
  #answered = false;
  #may_close = false;
  #or_guest = true;

  /**
   * @param {URL} url  of the server's /ws
   * @param {object} on  {guest(name), user(token, welcome, stay), cookie(welcome)}: who somebody has turned out to be
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    this.#dialog.addEventListener('cancel', (e) => { if (!this.#may_close) e.preventDefault(); });
    this.#dialog.addEventListener('close', () => this.#onClose());
    $('use-token').addEventListener('click', () => this.#show('token', 'Paste the token that you were given for this server.'));
    $('use-name').addEventListener('click', () => this.#show('name'));
    $('token-cancel').addEventListener('click', () => this.#dialog.close());
    $('token-input').addEventListener('input', () => this.#complain('token', ''));
    $('name-input').addEventListener('input', (e) => { e.target.setCustomValidity(''); this.#complain('name', ''); });
    $('token-input').addEventListener('keydown', (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      $('token-form').requestSubmit();
    });
    $('name-form').addEventListener('submit', (e) => { e.preventDefault(); this.#submitName(); });
    $('token-form').addEventListener('submit', (e) => { e.preventDefault(); this.#submitToken(); });
  }

  get open() { return this.#dialog.open; }

  /** Asks for a name. `place`: the room that one is invited to, if any. */
  askName({ place, error = '' } = {}) {
    if (place) {
      $('name-place').replaceChildren('You are invited to ', h('bdi.strong', {}, `#${nameShown(place)}`),
        '. Pick the name that people there will see; you can change it at any time.');
    }
    this.#may_close = false;
    this.#or_guest = true;
    this.#show('name');
    this.#complain('name', error);
    this.#askForGuests();
  }

  /** Asks for a token, and says why. `may_close`: there is something behind the dialog to go back to. `or_guest`: one may
   *  go on as a guest, where the server takes some. */
  askToken({ why, token = '', error = '', may_close = false, or_guest = !may_close }) {
    this.#may_close = may_close;
    this.#or_guest = or_guest;
    $('token-input').value = token;
    $('token-stay').checked = identity.stays;
    this.#show('token', why);
    this.#complain('token', error);
    this.#askForGuests();
  }

  /** Nobody may be a guest here: as a refusal has told. */
  noGuests(details = {}) {
    this.#guests = false;
    this.askToken({ why: NO_GUESTS, ...details });
  }

  /** Nothing need be asked any more. */
  dismiss() {
    if (this.#dialog.open) this.#answer();
  }

  /** Resolves with the welcome of who a token names, or rejects with why it is refused. */
  async try(token) {
    const trial = new Plenum(this.#url, { token, name: person.name || undefined, max_attempts: TRIAL_ATTEMPTS });
    this.#stop = () => trial.close();
    try {
      return await trial.connect();
    } finally {
      this.#stop = null;
      trial.close();
    }
  }

  // ---- what is shown ----------------------------------------------------------------------------------------

  #show(form, why) {
    $('name-form').hidden = form !== 'name';
    $('token-form').hidden = form !== 'token';
    this.#dialog.setAttribute('aria-labelledby', `${form}-title`);
    this.#dialog.classList.toggle('over', this.#may_close);
    if (form === 'name' && $('name-input').value === '') $('name-input').value = person.name;
    if (why !== undefined) $('token-why').textContent = why;
    this.#drawWays();
    this.#answered = false;
    if (!this.#dialog.open) this.#dialog.showModal();
    $(`${form}-input`).focus();
  }

  #answer() {
    this.#answered = true;
    this.#dialog.close();
  }

  /** Browsers let Esc close a dialog that does not want to be closed, the second time. */
  #onClose() {
    this.#stop?.();
    if (!this.#answered && !this.#may_close) this.#dialog.showModal();
  }

  #drawWays() {
    $('use-name').hidden = this.#guests === false || !this.#or_guest;
    $('token-cancel').hidden = !this.#may_close;
  }

  #complain(form, error) {
    $(`${form}-error`).hidden = error === '';
    $(`${form}-error`).textContent = error;
    $(`${form}-input`).setAttribute('aria-invalid', String(error !== ''));
  }

  #busy(busy) {
    $('token-submit').disabled = busy;
    $('token-submit').textContent = busy ? 'Checking…' : 'Sign in';
  }

  // ---- what is asked ----------------------------------------------------------------------------------------

  async #askForGuests() {
    if (this.#guests !== null || !this.#or_guest) return;
    const trial = new Plenum(this.#url, { max_attempts: TRIAL_ATTEMPTS });
    this.#stop = () => trial.close();
    try {
      const welcome = await trial.connect();
      this.#guests = true;
      if (!isGuest(welcome.user) && !this.#may_close) {   // a cookie of this site says who we are
        this.#answer();
        this.#on.cookie(welcome);
      }
    } catch (error) {
      if (error.code !== 'unauthorized') return;   // what is the matter with the server the page says elsewhere
      this.#guests = false;
      if (this.#dialog.open && $('token-form').hidden) this.#show('token', NO_GUESTS);
      this.#drawWays();
    } finally {
      trial.close();
    }
  }

  #submitName() {
    const name = nameFrom($('name-input'));
    if (name === null) return;
    this.#answer();
    this.#on.guest(name);
  }

  async #submitToken() {
    const token = cleaned($('token-input').value);
    if (token === '') return this.#complain('token', 'Please paste a token.');
    if (utf8Length(token) > TOKEN_BYTES_MAX) return this.#complain('token', 'That is too long for a token.');
    const stay = $('token-stay').checked;
    this.#busy(true);
    try {
      const welcome = await this.try(token);
      this.#answer();
      $('token-input').value = '';
      this.#on.user(token, welcome, stay);
    } catch (error) {
      if (error.code === 'closed') return;   // the dialog was closed meanwhile
      this.#complain('token', refusalOf(error));
      $('token-input').focus();
    } finally {
      this.#busy(false);
    }
  }
}

/** Why a token is refused: the server's sentence. */
export const refusalOf = (error) => (error.code === 'token_expired' ? `The token has ended: ${sentence(error)}` : sentence(error));

/** The name typed into a field, or null after telling why it will not do. */
export function nameFrom(input) {
  const name = input.value.trim();
  input.setCustomValidity(isBlank(name) ? 'Please write a name.'
    : utf8Length(name) > NAME_BYTES_MAX ? 'That name is too long; please shorten it.' : '');
  return input.reportValidity() ? name : null;
}

/** Who a token says it is for, as people read it. */
export function holderOf(token) {
  const { sub, name } = claimsOf(token);
  const shown = (value) => (typeof value === 'string' && value !== '' ? nameShown(value) : null);
  return shown(name) ?? shown(sub) ?? 'somebody else';
}
