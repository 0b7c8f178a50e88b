// SPDX-License-Identifier: Apache-2.0
//
// profile.js: the dialog of who one is and how one wants the page: name, account, appearance, what others are told, keys.

import { $ } from './dom.js';
import { fullTimeOf } from './format.js';
import { claimsOf, identity, isGuest } from './identity.js';
import { person, theme } from './settings.js';
import { nameFrom } from './signin.js';
import { nameShown } from './words.js';

export class Profile {
  #chat; #dialog = $('profile-dialog'); #on;

  /** `on`: {opens(), signIn(), signOut()} */
  constructor(chat, notify, on) {
    this.#chat = chat;
    this.#on = on;
    const leave = (then) => () => { this.#dialog.close(); then(); };
    $('me').addEventListener('click', () => this.#open(notify));
    $('account-sign-in').addEventListener('click', leave(on.signIn));
    $('account-sign-out').addEventListener('click', leave(on.signOut));
    $('profile-name').addEventListener('input', (e) => e.target.setCustomValidity(''));
    $('profile-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (e) => { if (e.target === this.#dialog) this.#dialog.close(); });
    $('theme-choice').addEventListener('change', (e) => { theme.choice = e.target.value; });
    $('theme-toggle').addEventListener('click', () => theme.toggle());
    $('typing-choice').addEventListener('change', (e) => { person.tellTyping = e.target.checked; });
    $('profile-form').addEventListener('submit', (e) => {
      e.preventDefault();
      const name = nameFrom($('profile-name'));
      if (name === null) return;
      this.#dialog.close();
      if (name !== chat.me.name) chat.rename(name);
    });
  }

  #open(notify) {
    this.#on.opens();
    $('profile-name').value = this.#chat.me.name || person.name;
    $('profile-name').setCustomValidity('');
    this.#drawAccount();
    notify.drawChoice();
    $('typing-choice').checked = person.tellTyping;
    for (const radio of document.querySelectorAll('input[name="theme"]')) radio.checked = radio.value === theme.choice;
    this.#dialog.showModal();
  }

  #drawAccount() {
    const { user } = this.#chat.me;
    const guest = user === '' || isGuest(user);
    const token = guest ? null : identity.token;
    const { exp } = token ? claimsOf(token) : {};
    $('account-title').textContent = guest ? 'You are here as a guest' : `Signed in as ${nameShown(user)}`;
    const where = !token ? 'By a cookie of this site.' : identity.stays ? 'In all tabs of this browser' : 'In this tab only';
    const until = !token ? '' : Number.isFinite(exp) ? `, until ${fullTimeOf(exp * 1000)}.` : '.';
    $('account-note').textContent = guest ? (user === '' ? '' : `Your id: ${user}`) : where + until;
    $('account-sign-in').hidden = !guest;
    $('account-sign-out').hidden = !guest && !token;
    $('account-sign-out').textContent = guest ? 'Leave and forget me' : 'Sign out';
  }
}
